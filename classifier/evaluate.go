package classifier

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/nn"
)

// batchOf is how many examples of so many numbers a network sees at a time where nobody says: enough
// to keep all threads busy, and fewer of large ones, as what its layers give is kept meanwhile.
func batchOf(numbers int) int {
	const most, large = 128, 64 * 64 * 3
	return max(8, min(most, most*large/max(numbers, 1)))
}

// Evaluation is how well a network does on a data set.
type Evaluation struct {
	Accuracy   Real   `json:"accuracy"` // share of the examples whose largest logit is their label's
	Loss       Real   `json:"loss"`     // mean cross-entropy in nats
	N          int    `json:"n"`
	PerClass   []Real `json:"per_class"` // accuracy on the examples of each class, NaN for a class without
	ImagesPerS Real   `json:"images_per_s"`
}

// Evaluate runs a network in mode Eval over a set, whose pixels it normalizes. An example
// without a largest logit (NaN) counts as wrong.
func Evaluate(ctx context.Context, m *nn.Model, theta []float32, set *data.Set, norm picture.Normalization) (Evaluation, error) {
	return EvaluateBatches(ctx, m, theta, set, data.LoaderSettings{Normalize: norm, Ahead: 1}, nil)
}

// EvaluateBatches is [Evaluate] with the loader's settings given; a batch of 0 is one that fits the
// size of the examples. It calls progress,
// which may be nil, with the number of examples done after each minibatch. Texts whose lengths are
// known come sorted by them. The settings change no result, but by normalization and augmentation.
func EvaluateBatches(ctx context.Context, m *nn.Model, theta []float32, set *data.Set, s data.LoaderSettings, progress func(done int)) (Evaluation, error) {
	if set.Len() > 0 && set.ExampleLen() != m.InputLen() {
		return Evaluation{}, fmt.Errorf("evaluate: examples of shape %v for a network of %d inputs", set.Shape, m.InputLen())
	}
	if set.Len() > 0 && set.Labels == nil {
		return Evaluation{}, fmt.Errorf("evaluate: the examples have no labels to hold the network's answers against")
	}
	if s.Batch == 0 {
		s.Batch = batchOf(set.ExampleLen())
	}
	s.Window = 1
	loader, err := data.NewLoader(set, s)
	if err != nil {
		return Evaluation{}, fmt.Errorf("evaluate: %w", err)
	}
	defer loader.Close()
	t := newTally(m.Classes())
	begin := time.Now()
	for {
		b, err := loader.Next(ctx)
		if err != nil {
			return Evaluation{}, fmt.Errorf("evaluate: %w", err)
		}
		if b == nil {
			return t.evaluation(time.Since(begin)), nil
		}
		logits, err := m.LogitsOf(theta, b.X, len(b.Examples))
		if err != nil {
			return Evaluation{}, fmt.Errorf("evaluate: %w", err)
		}
		if err := t.add(logits, b.Labels); err != nil {
			return Evaluation{}, fmt.Errorf("evaluate: %w", err)
		}
		if progress != nil {
			progress(t.n)
		}
	}
}

// A tally counts by class.
type tally struct {
	n          int
	loss       float64 // sum
	all, right []int   // by class
}

func newTally(classes int) *tally {
	return &tally{all: make([]int, classes), right: make([]int, classes)}
}

func (t *tally) add(logits []float32, labels []int) error {
	classes := len(t.all)
	for i, label := range labels {
		if label < 0 || label >= classes {
			return fmt.Errorf("label %d of example %d; the network has %d classes", label, t.n, classes)
		}
		row := logits[i*classes : (i+1)*classes]
		t.loss += logSumExp(row) - float64(row[label])
		t.all[label]++
		t.n++
		if best := slices.Max(row); best == row[label] && slices.Index(row, best) == label { // the first of equals, as in PyTorch
			t.right[label]++
		}
	}
	return nil
}

func (t *tally) evaluation(took time.Duration) Evaluation {
	e := Evaluation{N: t.n, Loss: Real(t.loss / float64(t.n)), ImagesPerS: Real(float64(t.n) / took.Seconds())}
	right := 0
	for c, n := range t.all {
		right += t.right[c]
		e.PerClass = append(e.PerClass, Real(float64(t.right[c])/float64(n)))
	}
	e.Accuracy = Real(float64(right) / float64(t.n))
	return e
}

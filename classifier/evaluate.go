package classifier

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/monge-ml/monge/classifier/score"
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
	ECE        Real   `json:"ece"`      // expected calibration error, of 15 bins of confidence
	N          int    `json:"n"`
	PerClass   []Real `json:"per_class"` // accuracy on the examples of each class, NaN for a class without
	ImagesPerS Real   `json:"images_per_s"`

	F1      *Real `json:"f1,omitempty"` // of the second of two classes
	F1Macro Real  `json:"f1_macro"`     // mean over the classes that occur
	F1Micro Real  `json:"f1_micro"`
	MCC     Real  `json:"mcc"` // Matthews' correlation coefficient
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
	if set.Len() > 0 && set.Labels == nil {
		return Evaluation{}, fmt.Errorf("evaluate: the examples have no labels to hold the network's answers against")
	}
	t := tally{Counts: score.NewCounts(m.Classes())}
	took, err := eachBatch(ctx, m, theta, set, s, progress, func(logits []float32, b *data.Batch) error { return t.add(logits, b.Labels) })
	if err != nil {
		return Evaluation{}, err
	}
	return t.evaluation(took), nil
}

// eachBatch runs a network in mode Eval over a set, and calls add with the outputs of each minibatch.
func eachBatch(ctx context.Context, m *nn.Model, theta []float32, set *data.Set, s data.LoaderSettings, progress func(done int), add func(outputs []float32, b *data.Batch) error) (time.Duration, error) {
	if set.Len() > 0 && set.ExampleLen() != m.InputLen() {
		return 0, fmt.Errorf("evaluate: examples of shape %v for a network of %d inputs", set.Shape, m.InputLen())
	}
	if s.Batch == 0 {
		s.Batch = batchOf(set.ExampleLen())
	}
	s.Window = 1
	loader, err := data.NewLoader(set, s)
	if err != nil {
		return 0, fmt.Errorf("evaluate: %w", err)
	}
	defer loader.Close()
	begin, done := time.Now(), 0
	for {
		b, err := loader.Next(ctx)
		if err != nil {
			return 0, fmt.Errorf("evaluate: %w", err)
		}
		if b == nil {
			return time.Since(begin), nil
		}
		outputs, err := m.LogitsOf(theta, b.X, len(b.Examples))
		if err == nil {
			err = add(outputs, b)
		}
		if err != nil {
			return 0, fmt.Errorf("evaluate: %w", err)
		}
		if done += len(b.Examples); progress != nil {
			progress(done)
		}
	}
}

// A tally counts by class.
type tally struct {
	*score.Counts
	score.Calibration
	loss float64 // sum
}

func (t *tally) add(logits []float32, labels []int) error {
	classes := len(t.All)
	for i, label := range labels {
		if label < 0 || label >= classes {
			return fmt.Errorf("label %d of example %d; the network has %d classes", label, t.N, classes)
		}
		row := logits[i*classes : (i+1)*classes]
		sum, top := logSumExp(row), slices.Max(row)
		said := slices.Index(row, top) // the first of equals, as in PyTorch; none of a NaN
		t.loss += sum - float64(row[label])
		t.Class(label, said)
		t.Calibration.Add(math.Exp(float64(top)-sum), said == label)
	}
	return nil
}

func (t *tally) evaluation(took time.Duration) Evaluation {
	e := Evaluation{N: t.N, Loss: Real(t.loss / float64(t.N)), ECE: Real(t.Calibration.Error()), ImagesPerS: Real(float64(t.N) / took.Seconds()),
		Accuracy: Real(t.Accuracy()), F1Macro: Real(t.ClassF1()), F1Micro: Real(t.MicroF1()), MCC: Real(t.Matthews())}
	for c, n := range t.All {
		e.PerClass = append(e.PerClass, Real(float64(t.Right[c])/float64(n)))
	}
	if len(t.All) == 2 {
		f1 := Real(t.F1(1))
		e.F1 = &f1
	}
	return e
}

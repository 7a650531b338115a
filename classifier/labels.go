package classifier

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/monge-ml/monge/classifier/score"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn"
)

// What outputs are, in Hugging Face's words: logits of classes of which one applies, logits of labels
// of which any may apply, or numbers.
const (
	SingleLabel = "single_label_classification"
	MultiLabel  = "multi_label_classification"
	Regression  = "regression"
)

// Problems are all of them.
var Problems = []string{SingleLabel, MultiLabel, Regression}

// LabelEvaluation is how well a network tells which labels apply: those whose probability is a
// threshold or more.
type LabelEvaluation struct {
	F1Micro    Real         `json:"f1_micro"`    // of all labels' counts together
	F1Macro    Real         `json:"f1_macro"`    // mean of the labels'
	ExactMatch Real         `json:"exact_match"` // share of the examples of which all labels are right
	Accuracy   Real         `json:"accuracy"`    // share of the labels of examples that are right
	Loss       Real         `json:"loss"`        // mean binary cross-entropy in nats
	Threshold  Real         `json:"threshold"`
	N          int          `json:"n"`
	PerLabel   []LabelScore `json:"per_label"`
	ImagesPerS Real         `json:"images_per_s"`
}

// A LabelScore is how well a network tells where one label applies.
type LabelScore struct {
	F1    Real `json:"f1"`
	Is    int  `json:"is"`    // examples that it applies to
	Said  int  `json:"said"`  // examples that it is said to apply to
	Right int  `json:"right"` // examples that are both
}

// EvaluateLabels runs a network in mode Eval over a set whose targets, 0 or 1, say which labels apply, as
// [EvaluateTargets] does. A label whose logit is NaN is not said to apply.
func EvaluateLabels(ctx context.Context, m *nn.Model, theta []float32, set *data.Set, threshold float64, s data.LoaderSettings, progress func(done int)) (LabelEvaluation, error) {
	if !(threshold > 0 && threshold < 1) {
		return LabelEvaluation{}, fmt.Errorf("evaluate: the threshold is %g; it must be above 0 and below 1", threshold)
	}
	if set.Len() > 0 && set.TargetLen != m.Classes() {
		return LabelEvaluation{}, fmt.Errorf("evaluate: the examples have %d labels, the network %d", set.TargetLen, m.Classes())
	}
	if !set.Binary() {
		return LabelEvaluation{}, fmt.Errorf("evaluate: the targets are not all 0 or 1, which say that a label applies or does not")
	}
	t := labelTally{Counts: score.NewCounts(m.Classes()), least: math.Log(threshold / (1 - threshold))}
	took, err := eachBatch(ctx, m, theta, set, s, progress, t.add)
	if err != nil {
		return LabelEvaluation{}, err
	}
	return t.evaluation(threshold, took), nil
}

// A labelTally counts by label.
type labelTally struct {
	*score.Counts
	least float64 // logit of a label that applies
	loss  float64 // sum
}

func (t *labelTally) add(logits []float32, b *data.Batch) error {
	n := len(t.All)
	for i := range b.Examples {
		x, y := logits[i*n:(i+1)*n], b.Targets[i*n:(i+1)*n]
		t.Labels(func(k int) bool { return y[k] == 1 }, func(k int) bool { return float64(x[k]) >= t.least })
		for k, v := range x {
			x := float64(v)
			t.loss += max(x, 0) - x*float64(y[k]) + math.Log1p(math.Exp(-math.Abs(x)))
		}
	}
	return nil
}

func (t *labelTally) evaluation(threshold float64, took time.Duration) LabelEvaluation {
	e := LabelEvaluation{
		F1Micro: Real(t.MicroF1()), F1Macro: Real(t.LabelF1()), ExactMatch: Real(t.Counts.Accuracy()), Accuracy: Real(t.LabelAccuracy()),
		Loss: Real(t.loss / float64(t.N*len(t.All))), Threshold: Real(threshold), N: t.N, ImagesPerS: Real(float64(t.N) / took.Seconds()),
	}
	for k := range t.All {
		e.PerLabel = append(e.PerLabel, LabelScore{Real(t.F1(k)), t.All[k], t.Said[k], t.Right[k]})
	}
	return e
}

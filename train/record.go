package train

import (
	"math"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/sam"
)

// A Real is a float64 whose infinities and NaN JSON can hold.
type Real = classifier.Real

// A Record is what a run saw since the record before, up to an evaluation. Values of
// steps are means over these steps.
type Record struct {
	Step              int        `json:"step"`  // steps taken, of the whole run
	Epoch             int        `json:"epoch"` // counted from 1
	LR                float64    `json:"lr"`    // of the last step
	Rho               Real       `json:"rho"`
	TrainLoss         float64    `json:"train_loss"`
	TrainAccuracy     Real       `json:"train_accuracy"`      // in the first pass of the steps, with augmentation
	ValLoss           Real       `json:"val_loss"`            // null without a validation split
	ValAccuracy       Real       `json:"val_accuracy"`        // likewise
	Alignment         *Alignment `json:"alignment,omitempty"` // of pairs, on the validation split
	GradNorm          float64    `json:"grad_norm"`           // |g|
	PerturbedGradNorm float64    `json:"perturbed_grad_norm"`
	DeltaNorm         float64    `json:"delta_norm"`       // |delta|
	PredictedAscent   float64    `json:"predicted_ascent"` // gᵀdelta
	Ascent            float64    `json:"ascent"`           // loss at theta+delta minus loss at theta
	Seconds           float64    `json:"seconds"`          // of its steps
	Examples          int        `json:"examples"`         // of its steps
}

// better reports whether the evaluation is better than the best so far, which may be nil.
func (r *Record) better(b *Best) bool {
	if b == nil {
		return true
	}
	now, best := float64(r.ValAccuracy), float64(b.ValAccuracy)
	if r.Alignment != nil && b.ValAlignment != nil {
		now, best = r.Alignment.SKNN, b.ValAlignment.SKNN
	}
	return now > best || now == best && r.ValLoss < b.ValLoss
}

// best is the evaluation as the best, before its weights are tested.
func (r *Record) best() *Best {
	return &Best{Step: r.Step, ValAccuracy: r.ValAccuracy, ValLoss: r.ValLoss, TestAccuracy: Real(math.NaN()), ValAlignment: r.Alignment}
}

// window sums what steps saw since the last record.
type window struct {
	Steps    int     `json:"steps"`
	Examples int     `json:"examples"`
	Correct  int     `json:"correct"` // of them, classified as labelled
	Seconds  float64 `json:"seconds"`
	Loss     float64 `json:"loss"`
	Grad     float64 `json:"grad"`
	After    float64 `json:"after"` // |g'|
	Delta    float64 `json:"delta"`
	Predict  float64 `json:"predict"`
	Ascent   float64 `json:"ascent"`
}

func (w *window) add(r sam.Result, examples, correct int, seconds float64) {
	w.Steps++
	w.Examples += examples
	w.Correct += correct
	w.Seconds += seconds
	w.Loss += r.Loss
	w.Grad += r.GradNorm
	w.After += r.PerturbedGradNorm
	w.Delta += r.DeltaNorm
	w.Predict += r.PredictedAscent
	w.Ascent += r.Ascent()
}

// record returns the means.
func (w *window) record() Record {
	n := float64(max(w.Steps, 1))
	return Record{
		TrainLoss: w.Loss / n, TrainAccuracy: Real(float64(w.Correct) / float64(max(w.Examples, 1))), GradNorm: w.Grad / n, PerturbedGradNorm: w.After / n, DeltaNorm: w.Delta / n,
		PredictedAscent: w.Predict / n, Ascent: w.Ascent / n, Seconds: w.Seconds, Examples: w.Examples,
	}
}

package classifier

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn"
)

// Errors are how far the numbers that a network predicts are off.
type Errors struct {
	MSE  Real `json:"mse"`  // mean of the squared differences
	RMSE Real `json:"rmse"` // its root, in the target's unit
	// R2 is the coefficient of determination: 1 less the sum of the squared differences over that
	// of the differences from the targets' mean. 0 is no better than the mean; NaN where the
	// targets do not vary.
	R2 Real `json:"r2"`
}

// TargetEvaluation is how well a network predicts the targets of a data set. The MSE is the mean
// over all numbers of all examples, the RMSE its root, R2 the mean of the targets' own.
type TargetEvaluation struct {
	Errors
	N          int      `json:"n"`
	PerTarget  []Errors `json:"per_target"`
	ImagesPerS Real     `json:"images_per_s"`
}

// EvaluateTargets runs a network in mode Eval over a set with targets, by minibatches that s
// describes; progress, which may be nil, is told the number of examples done. The settings
// change no result, but by normalization and augmentation. Outputs that are NaN or infinite
// make the measures so.
func EvaluateTargets(ctx context.Context, m *nn.Model, theta []float32, set *data.Set, s data.LoaderSettings, progress func(done int)) (TargetEvaluation, error) {
	switch {
	case set.Len() > 0 && set.TargetLen != m.Classes():
		return TargetEvaluation{}, fmt.Errorf("evaluate: the examples have %d targets, the network predicts %d", set.TargetLen, m.Classes())
	case set.Len() > 0 && set.ExampleLen() != m.InputLen():
		return TargetEvaluation{}, fmt.Errorf("evaluate: examples of shape %v for a network of %d inputs", set.Shape, m.InputLen())
	}
	if s.Batch == 0 {
		s.Batch = batchOf(set.ExampleLen())
	}
	s.Window = 1
	loader, err := data.NewLoader(set, s)
	if err != nil {
		return TargetEvaluation{}, fmt.Errorf("evaluate: %w", err)
	}
	defer loader.Close()
	squares := make([]float64, m.Classes()) // sum for each target
	begin, n := time.Now(), 0
	for {
		b, err := loader.Next(ctx)
		if err != nil {
			return TargetEvaluation{}, fmt.Errorf("evaluate: %w", err)
		}
		if b == nil {
			return evaluationOf(squares, set, time.Since(begin)), nil
		}
		outputs, err := m.LogitsOf(theta, b.X, len(b.Examples))
		if err != nil {
			return TargetEvaluation{}, fmt.Errorf("evaluate: %w", err)
		}
		for i, v := range outputs {
			d := float64(v) - float64(b.Targets[i])
			squares[i%len(squares)] += d * d
		}
		if n += len(b.Examples); progress != nil {
			progress(n)
		}
	}
}

// evaluationOf holds sums of squared errors against how the targets vary.
func evaluationOf(squares []float64, set *data.Set, took time.Duration) TargetEvaluation {
	n := float64(set.Len())
	e := TargetEvaluation{N: set.Len(), ImagesPerS: Real(n / took.Seconds())}
	for k, sum := range squares {
		e.PerTarget = append(e.PerTarget, errorsOf(sum/n, 1-sum/variation(set, k)))
	}
	var mse, r2 float64
	for _, t := range e.PerTarget {
		mse += float64(t.MSE) / float64(len(squares))
		r2 += float64(t.R2) / float64(len(squares))
	}
	e.Errors = errorsOf(mse, r2)
	return e
}

func errorsOf(mse, r2 float64) Errors {
	if math.IsInf(r2, 0) { // of targets that do not vary
		r2 = math.NaN()
	}
	return Errors{MSE: Real(mse), RMSE: Real(math.Sqrt(mse)), R2: Real(r2)}
}

// variation is the sum of the squared differences of target k from its mean.
func variation(set *data.Set, k int) (sum float64) {
	mean := 0. // divided at the end, so that it is exact where all are the same
	for i := range set.Len() {
		mean += float64(set.Target(i)[k])
	}
	mean /= float64(set.Len())
	for i := range set.Len() {
		d := float64(set.Target(i)[k]) - mean
		sum += d * d
	}
	return sum
}

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

// Errors are how far the numbers that a network predicts are off.
type Errors struct {
	MSE  Real `json:"mse"`  // mean of the squared differences
	RMSE Real `json:"rmse"` // its root, in the target's unit
	// R2 is the coefficient of determination: 1 less the sum of the squared differences over that
	// of the differences from the targets' mean. 0 is no better than the mean; NaN where the
	// targets do not vary.
	R2       Real `json:"r2"`
	Pearson  Real `json:"pearson"`  // correlation coefficient, NaN where targets or predictions do not vary
	Spearman Real `json:"spearman"` // that of the ranks
}

// TargetEvaluation is how well a network predicts the targets of a data set. The MSE is the mean
// over all numbers of all examples, the RMSE its root, the others the mean of the targets' own.
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
	if set.Len() > 0 && set.TargetLen != m.Classes() {
		return TargetEvaluation{}, fmt.Errorf("evaluate: the examples have %d targets, the network predicts %d", set.TargetLen, m.Classes())
	}
	p := predictions{said: make([][]float64, m.Classes()), is: make([][]float64, m.Classes())}
	took, err := eachBatch(ctx, m, theta, set, s, progress, p.add)
	if err != nil {
		return TargetEvaluation{}, err
	}
	return p.evaluation(set, took), nil
}

// predictions are what a network predicts, and what there is, by target.
type predictions struct{ said, is [][]float64 }

func (p *predictions) add(outputs []float32, b *data.Batch) error {
	for i, v := range outputs {
		k := i % len(p.said)
		p.said[k], p.is[k] = append(p.said[k], float64(v)), append(p.is[k], float64(b.Targets[i]))
	}
	return nil
}

// squares is the sum of the squared errors of target k.
func (p *predictions) squares(k int) (sum float64) {
	for i, v := range p.said[k] {
		d := v - p.is[k][i]
		sum += d * d
	}
	return sum
}

// evaluation holds the errors against how the targets vary.
func (p *predictions) evaluation(set *data.Set, took time.Duration) TargetEvaluation {
	n := float64(set.Len())
	e := TargetEvaluation{N: set.Len(), ImagesPerS: Real(n / took.Seconds())}
	var all Errors
	for k := range p.said {
		sum := p.squares(k)
		one := errorsOf(sum/n, 1-sum/variation(set, k))
		one.Pearson, one.Spearman = Real(score.Pearson(p.said[k], p.is[k])), Real(score.Spearman(p.said[k], p.is[k]))
		e.PerTarget = append(e.PerTarget, one)
		all.MSE += one.MSE / Real(len(p.said))
		all.R2 += one.R2 / Real(len(p.said))
		all.Pearson += one.Pearson / Real(len(p.said))
		all.Spearman += one.Spearman / Real(len(p.said))
	}
	e.Errors = errorsOf(float64(all.MSE), float64(all.R2))
	e.Pearson, e.Spearman = all.Pearson, all.Spearman
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

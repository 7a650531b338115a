package train

import (
	"context"
	"time"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/internal/par"
	"github.com/monge-ml/monge/internal/usage"
)

// An Estimate says what a run will take, measured on a few of its steps.
type Estimate struct {
	Parameters int     `json:"parameters"` // trained
	Examples   int     `json:"examples"`   // of the training split
	StepsEpoch int     `json:"steps_per_epoch"`
	Steps      int     `json:"steps"`
	StepS      float64 `json:"step_s"` // median
	EvalS      float64 `json:"eval_s"` // of one evaluation on the validation split
	Seconds    float64 `json:"seconds"`
	PeakBytes  int64   `json:"peak_bytes"` // of memory, of this process; 0 where the system does not say
}

// Estimate takes so many steps and part of an evaluation to say what the whole run will
// take. The run is spent after it.
func (r *Run) Estimate(ctx context.Context, steps int) (Estimate, error) {
	defer par.Join()()
	defer r.loader.Close()
	e := Estimate{Parameters: r.Network().Size(), Examples: r.Data.Train.Len(), StepsEpoch: r.loader.PerEpoch(), Steps: r.steps}
	l, err := newLoop(r, nil, Watch{})
	if err != nil {
		return e, err
	}
	var times []float64
	for range min(steps, r.steps) {
		begin := time.Now()
		if err := l.step(ctx); err != nil {
			return e, err
		}
		times = append(times, time.Since(begin).Seconds())
	}
	e.StepS = median(times)
	perExample, err := r.evaluationTime(ctx)
	if err != nil {
		return e, err
	}
	every := r.Config.EvalEvery
	if every == 0 {
		every = e.StepsEpoch
	}
	e.EvalS = perExample * float64(r.Data.Val.Len())
	evaluations := (r.steps + every - 1) / every
	e.Seconds = e.StepS*float64(r.steps) + e.EvalS*float64(evaluations) + perExample*float64(r.Data.Test.Len())
	e.PeakBytes = usage.Now().PeakRSS
	return e, nil
}

// evaluationTime returns the seconds that the evaluation of an example takes.
func (r *Run) evaluationTime(ctx context.Context) (float64, error) {
	const most = 1024
	for _, s := range []*data.Set{r.Data.Val, r.Data.Test} {
		if s.Len() == 0 {
			continue
		}
		some := make([]int, min(most, s.Len()))
		for i := range some {
			some[i] = i
		}
		begin := time.Now()
		_, err := r.Evaluate(ctx, r.theta, s.Select(some))
		return time.Since(begin).Seconds() / float64(len(some)), err
	}
	return 0, nil
}

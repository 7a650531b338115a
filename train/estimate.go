package train

import (
	"context"
	"time"

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
func (r *Run) Estimate(ctx context.Context, steps int) (_ Estimate, err error) {
	if err := r.begin(); err != nil {
		return Estimate{}, err
	}
	defer par.Join()()
	defer func() { err = r.closeAfter(err) }()
	e := Estimate{Parameters: len(r.theta), Examples: r.Task.Examples(TrainSplit), StepsEpoch: r.perEpoch, Steps: r.steps}
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
	e.EvalS = perExample * float64(r.Task.Examples(ValSplit))
	evaluations := (r.steps + every - 1) / every
	e.Seconds = e.StepS*float64(r.steps) + e.EvalS*float64(evaluations) + perExample*float64(r.Task.Examples(TestSplit))
	e.PeakBytes = usage.Now().PeakRSS
	return e, nil
}

// evaluationTime returns the seconds that the evaluation of an example takes.
func (r *Run) evaluationTime(ctx context.Context) (float64, error) {
	const most = 1024
	for _, s := range []Split{ValSplit, TestSplit} {
		n := r.Task.Examples(s)
		if n == 0 {
			continue
		}
		begin := time.Now()
		var err error
		if t, ok := r.Task.(Sampled); ok {
			n = min(n, most)
			_, err = t.MeasureSome(ctx, r.theta, s, n)
		} else {
			_, err = r.measure(ctx, r.theta, s)
		}
		return time.Since(begin).Seconds() / float64(n), err
	}
	return 0, nil
}

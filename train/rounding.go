package train

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/internal/par"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/vec"
)

// A Rounding says what a gradient in another precision makes of a step's perturbation.
type Rounding struct {
	Step        int     `json:"step"`         // steps taken before
	GradNorm    float64 `json:"grad_norm"`    // |g| in float32
	GradCosine  Real    `json:"grad_cosine"`  // of g in both precisions
	DeltaNorm   float64 `json:"delta_norm"`   // |delta| in float32
	DeltaCosine Real    `json:"delta_cosine"` // of delta in both precisions
	DeltaError  Real    `json:"delta_error"`  // of |delta| in the other precision, relative
}

// Roundings takes the run's steps, without evaluations, and compares at each of every so many, at
// the same parameters and on the same minibatch, the perturbation in float32 with that in
// precision p. Steps that don't perturb are left out; with a perturbation for each microbatch it
// is that of the first. The run's weights are what they would be without. It is spent after it.
func (r *Run) Roundings(ctx context.Context, p Precision, every int, w Watch) (list []Rounding, err error) {
	if err := r.begin(); err != nil {
		return nil, err
	}
	defer par.Join()()
	defer func() { err = r.closeAfter(err) }()
	if every < 1 {
		return nil, fmt.Errorf("a comparison at every %d steps; it must be at least 1", every)
	}
	if _, ok := r.Task.(Precise); !ok {
		return nil, errors.New("the task computes in its own precision alone")
	}
	if m, err := r.Config.StepMethod(); err != nil || m.Gradients(r.Config.numbers().method, 0) != 2 {
		return nil, fmt.Errorf("method %s makes its perturbation of other gradients than one at theta, which is what is compared; choose another", r.Config.Method)
	}
	l, err := newLoop(r, nil, w)
	if err != nil {
		return nil, err
	}
	for l.state.Step < l.steps {
		if err := ctx.Err(); err != nil {
			return list, err
		}
		if l.state.Step%every == 0 {
			if list, err = l.compareAscents(ctx, p, list); err != nil {
				return list, err
			}
		}
		if err := l.step(ctx); err != nil {
			return list, err
		}
	}
	return list, nil
}

// compareAscents appends the comparison at the step at hand, if that perturbs.
func (l *loop) compareAscents(ctx context.Context, p Precision, list []Rounding) ([]Rounding, error) {
	defer l.Task.(Precise).SetPrecision(l.Config.Precisions())
	exact := &probe{loop: l}
	rounded := &probe{loop: l, again: true}
	err := l.unmoved(func() error {
		if err := l.fetch(ctx); err != nil {
			return err
		}
		if err := exact.ascend(kernel.Float32); err != nil {
			return err
		}
		return rounded.ascend(p)
	})
	if err != nil || !exact.Perturbed {
		return list, err
	}
	return append(list, Rounding{
		Step: l.state.Step, GradNorm: exact.GradNorm, DeltaNorm: exact.DeltaNorm,
		GradCosine: cosine(exact.g, rounded.g), DeltaCosine: cosine(exact.delta, rounded.delta),
		DeltaError: Real(math.Abs(rounded.DeltaNorm-exact.DeltaNorm) / exact.DeltaNorm),
	}), nil
}

// unmoved calls f and puts back what minibatches and gradients may move.
func (l *loop) unmoved(f func() error) error {
	l.before = l.buffers(l.before[:0])
	defer l.setBuffers(l.before)
	task, ok := l.Task.(Stateful)
	if !ok {
		return f()
	}
	state, err := task.MarshalBinary()
	if err != nil {
		return fmt.Errorf("the task's state: %w", err)
	}
	return errors.Join(f(), task.UnmarshalBinary(state))
}

// A probe is the objective of a step that ends once its perturbation is known, and so changes
// nothing.
type probe struct {
	*loop
	again bool // the pass was taken before: it draws the same and moves nothing
	sam.Result
	g, delta []float32
}

var errKnown = errors.New("the perturbation is known")

// ascend takes that step.
func (p *probe) ascend(in Precision) error {
	p.Task.(Precise).SetPrecision(in, in)
	p.g, p.delta = make([]float32, len(p.theta)), make([]float32, len(p.theta))
	weights := p.weights
	if p.stepper.Settings().PerMicrobatch {
		weights = []float64{1} // of the first alone
	}
	var err error
	if p.Result, err = p.stepper.StepMicrobatches(p.theta, weights, p); !errors.Is(err, errKnown) {
		return err
	}
	return nil
}

// Gradient is that of the minibatch at theta; of any other point it is not wanted.
func (p *probe) Gradient(grad, theta []float32, c sam.Call) (float64, error) {
	if !c.Ascent {
		vec.AddScaled(p.delta, theta, -1, p.theta)
		return 0, errKnown
	}
	c.Perturbed = p.again
	loss, err := p.loop.Gradient(grad, theta, c)
	copy(p.g, grad)
	return loss, err
}

// cosine is that of the angle between two vectors, NaN if one is 0.
func cosine(a, b []float32) Real {
	return Real(vec.Dot(a, b) / math.Sqrt(vec.Dot(a, a)*vec.Dot(b, b)))
}

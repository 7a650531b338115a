package sam

import (
	"errors"
	"reflect"
	"slices"

	"github.com/monge-ml/monge/vec"
)

// A Direction chooses where the ascent goes. What it writes takes the gradient's place in
// the perturbation:
//
//	delta = c B⁻¹d,  s² = dᵀB⁻¹d
//
// with c from the radius and the loss axis of the metric B + alpha² d dᵀ, or from a
// [Length]. Without one d is the gradient.
type Direction[F vec.Float] interface {
	// Direct writes the direction to d, given the gradient g of the whole batch at theta.
	// It is called in steps that perturb, and must not change what it keeps from step to
	// step, nor theta and g: the step may still fail.
	Direct(d, theta, g []F) error
}

// A Blind direction needs no gradient at theta: its g is nil, and the step evaluates one gradient, that
// at theta+delta, where running statistics move as well. What a [Result] says of theta is then unknown: the
// loss is that at theta+delta, and norms are the direction's.
type Blind interface{ Blind() }

// A Sized direction has another length than its own for what the perturbation's is to be.
type Sized interface {
	// Size returns it, in the unit of a gradient, of what Direct wrote last.
	Size() float64
}

// A Length chooses how far the ascent goes. Without one it is as far as the ball of radius
// rho reaches in the metric B + alpha² d dᵀ.
type Length interface {
	// Scale returns the c >= 0 of delta = c·B⁻¹d, given the radius, the ascent budget (+Inf
	// where there is no loss axis) and the lengths of d in the metric B. Like Direct it must
	// not change what it keeps.
	Scale(rho, budget float64, d Lengths) float64
}

// A Descent chooses what the base optimizer steps along. Without one it is the gradient g'
// at theta+delta.
type Descent[F vec.Float] interface {
	// Combine turns descent, on entry g', into what is handed on to clipping and to the base
	// optimizer. Ascent is g, the gradient at theta. In a plain step (see
	// [Settings.Interval]) descent is g and ascent nil. r says what the step has seen so
	// far. Like Direct it must not change what it keeps, nor ascent.
	Combine(descent, ascent []F, r Result) error
}

// An Alone descent does without the gradient at theta: ascent is nil in all its steps.
type Alone interface{ Alone() }

// A Decoupled descent moves theta beside the base optimizer.
type Decoupled[F vec.Float] interface {
	// After is called once the base optimizer has stepped. It can't fail.
	After(theta []F)
}

// An Entire direction or metric needs the whole gradient at theta, of all parameters and of all the minibatch, as descents do
// that are not [Alone].
type Entire interface{ Entire() }

// A Columned metric or length is given the gradients of the microbatches at theta, each by itself.
type Columned[F vec.Float] interface {
	// Column returns where that of microbatch i of n is to be written.
	Column(i, n int) []F
}

// An Exampled metric is given the products g_i·g_j of the examples' own gradients at theta, row by row, n x n: the objective
// must be an [objective.Sampler].
type Exampled interface{ Examples(k []float64, n int) }

// A Keeper is a [Direction], a [Length] or a [Descent] that keeps something from step to
// step: a running mean, an earlier perturbation.
type Keeper[F vec.Float] interface {
	// Keep is called once after every step that has succeeded, and is where what is kept
	// changes. Ascent is the gradient at theta, nil in a plain step; descent is what the
	// base optimizer was handed.
	Keep(ascent, descent []F)
	// MarshalBinary exports what is kept.
	MarshalBinary() ([]byte, error)
	// UnmarshalBinary restores it. On an error nothing has changed.
	UnmarshalBinary([]byte) error
}

// seams are a step's three choices, made for one stepper.
type seams[F vec.Float] struct {
	direction Direction[F] // nil: the gradient
	length    Length
	descent   Descent[F] // nil: the gradient at theta+delta
	keepers   []Keeper[F]
	blind     bool
	columns   Columned[F] // nil: none wants them
	examples  Exampled    // likewise
}

// newSeams makes the choices that settings ask for.
func newSeams[F vec.Float](n int, set Settings[F]) (s seams[F], err error) {
	if set.Direction != nil {
		s.direction = set.Direction(n)
	}
	if set.Length != nil {
		s.length = set.Length(n)
	}
	if set.Descent != nil {
		s.descent = set.Descent(n)
	}
	_, s.blind = s.direction.(Blind)
	s.columns, _ = set.Metric.(Columned[F])
	s.examples, _ = set.Metric.(Exampled)
	for _, choice := range s.all(set.Metric) {
		k, ok := choice.(Keeper[F])
		// One thing may be two of the choices: it keeps once.
		if ok && !slices.ContainsFunc(s.keepers, func(o Keeper[F]) bool { return reflect.TypeOf(o).Comparable() && o == k }) {
			s.keepers = append(s.keepers, k)
		}
	}
	if s.length == nil {
		s.length = ball{}
	}
	_, attached := set.Metric.(Attached[F])
	switch {
	case set.PerMicrobatch && (s.direction != nil || s.descent != nil || s.wantAscent() || s.columns != nil || s.examples != nil || attached):
		return s, errors.New("a direction, a descent, and a length that keeps something or looks at other gradients, need the gradient of the whole batch; leave PerMicrobatch out")
	case s.blind && (s.descent != nil && needsAscent(s.descent) || set.AscentBatch > 0 || set.Part != nil):
		return s, errors.New("the direction takes no gradient at theta, which a descent, a share of the minibatch or a part of the parameters is for")
	case s.examples != nil && set.Part != nil:
		return s, errors.New("the metric is made of single examples' gradients, which are of all parameters")
	case s.entire(set.Metric) && (set.AscentBatch > 0 || set.Part != nil):
		return s, errors.New("a direction, a length or a descent needs the whole gradient at theta, of all parameters and of all the minibatch")
	}
	return s, nil
}

// all are the choices that there are, and the metric.
func (s *seams[F]) all(m Metric[F]) []any { return []any{s.direction, s.length, s.descent, m} }

// entire reports whether a choice needs the whole gradient at theta.
func (s *seams[F]) entire(m Metric[F]) bool {
	return s.descent != nil && needsAscent(s.descent) || slices.ContainsFunc(s.all(m), func(c any) bool {
		_, ok := c.(Entire)
		return ok
	})
}

// needsAscent reports whether a descent looks at the gradient at theta: all do but those that say otherwise.
func needsAscent[F vec.Float](d Descent[F]) bool {
	_, alone := d.(Alone)
	return !alone
}

// wantAscent reports whether the gradient at theta is wanted beside that at theta+delta,
// which then can't take its place.
func (s *seams[F]) wantAscent() bool {
	return !s.blind && (s.descent != nil && needsAscent(s.descent) || len(s.keepers) > 0)
}

// keep tells those that keep something of a step that has succeeded.
func (s *seams[F]) keep(ascent, descent []F) {
	for _, k := range s.keepers {
		k.Keep(ascent, descent)
	}
}

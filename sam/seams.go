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
	for _, choice := range []any{s.direction, s.length, s.descent} {
		k, ok := choice.(Keeper[F])
		// One thing may be two of the choices: it keeps once.
		if ok && !slices.ContainsFunc(s.keepers, func(o Keeper[F]) bool { return reflect.TypeOf(o).Comparable() && o == k }) {
			s.keepers = append(s.keepers, k)
		}
	}
	if s.length == nil {
		s.length = ball{}
	}
	if set.PerMicrobatch && (s.direction != nil || s.wantAscent()) {
		return s, errors.New("a direction, a descent or a length that keeps something needs the gradient of the whole batch; leave PerMicrobatch out")
	}
	return s, nil
}

// wantAscent reports whether the gradient at theta is wanted beside that at theta+delta,
// which then can't take its place.
func (s *seams[F]) wantAscent() bool { return s.descent != nil || len(s.keepers) > 0 }

// keep tells those that keep something of a step that has succeeded.
func (s *seams[F]) keep(ascent, descent []F) {
	for _, k := range s.keepers {
		k.Keep(ascent, descent)
	}
}

// Package optim holds the base update rules (SGD, Adam, AdamW, RMSprop, Lion) over flat
// parameter vectors, and the schedules of learning rates and radii.
//
// Each rule is made by a constructor that takes the number of parameters and a
// settings struct, and refuses impossible settings. The learning rate is a [Schedule]
// that the rule itself reads at each of its steps, so that no wrapper can lose it. The
// rules agree with PyTorch's optimizers of the same name. [New] makes one by its name, and
// [Register] adds one of another package.
package optim

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// An Optimizer updates parameters in place from their gradient and keeps what state it
// needs for that.
type Optimizer[F vec.Float] interface {
	// Step updates theta in place and leaves grad as it is. Lengths other than the
	// constructor's are an error, and on an error nothing has changed.
	Step(theta, grad []F) error
	// LR returns the learning rate of the next step.
	LR() float64
	// MarshalBinary exports the state: the step count and the moments.
	MarshalBinary() ([]byte, error)
	// UnmarshalBinary restores a state exported from the same rule over as many
	// parameters. On an error nothing has changed.
	UnmarshalBinary([]byte) error
}

// A Mover is a rule that keeps a mean of gradients.
type Mover[F vec.Float] interface {
	// HasMomentum reports whether it does, with its settings.
	HasMomentum() bool
	// Momentum writes the mean to dst, in the unit of a gradient; 0 before the first step.
	Momentum(dst []F)
}

// state is what every rule has: a step count, a learning rate, and moments of theta's
// length.
type state[F vec.Float] struct {
	rule    string
	n, step int
	lr      Schedule
	moments [][]F
	maxNorm float64
}

func newState[F vec.Float](rule string, n int, lr Schedule, moments int) (state[F], error) {
	s := state[F]{rule: rule, n: n, lr: lr, moments: make([][]F, moments), maxNorm: 1e37}
	if n <= 0 {
		return s, fmt.Errorf("%s: %d parameters; there must be at least one", rule, n)
	}
	if lr == nil {
		return s, fmt.Errorf("%s: no learning rate", rule)
	}
	if err := checkRate(lr.At(0)); err != nil {
		return s, fmt.Errorf("%s: %w", rule, err)
	}
	for i := range s.moments {
		s.moments[i] = make([]F, n)
	}
	var f F
	if _, double := any(f).(float64); double {
		s.maxNorm = 1e300
	}
	return s, nil
}

// squares lowers the largest gradient to one whose square the state can hold.
func (s *state[F]) squares() { s.maxNorm = math.Sqrt(s.maxNorm) }

// MaxGradNorm returns the largest gradient norm that can't overflow the state.
func (s *state[F]) MaxGradNorm() float64 { return s.maxNorm }

// LR returns the learning rate of the next step.
func (s *state[F]) LR() float64 { return s.lr.At(s.step) }

// A beside is a rule that can step along something else than it was handed, by its learning rate.
type beside[F vec.Float] interface {
	Descend(theta, v []F, by float64)
}

// Descend sets theta -= lr by v, with the learning rate of the last step: what is decoupled from the rule steps so.
func (s *state[F]) Descend(theta, v []F, by float64) {
	vec.AddScaled(theta, theta, -s.lr.At(s.step-1)*by, v)
}

// begin checks a step's vectors and returns its learning rate.
func (s *state[F]) begin(theta, grad []F) (lr float64, err error) {
	if len(theta) != s.n || len(grad) != s.n {
		return 0, fmt.Errorf("%s: made for %d parameters, got %d and a gradient of %d", s.rule, s.n, len(theta), len(grad))
	}
	lr = s.LR()
	if err := checkRate(lr); err != nil {
		return 0, fmt.Errorf("%s: step %d: %w", s.rule, s.step, err)
	}
	return lr, nil
}

func checkRate(lr float64) error { return inRange("learning rate", lr, 0, math.MaxFloat64) }

// inRange returns an error unless lo <= v <= hi, which NaN is not.
func inRange(name string, v, lo, hi float64) error {
	if v >= lo && v <= hi {
		return nil
	}
	if hi == math.MaxFloat64 {
		return fmt.Errorf("%s is %g; it must be a finite number >= %g", name, v, lo)
	}
	return fmt.Errorf("%s is %g; it must be between %g and %g", name, v, lo, hi)
}

// below1 returns an error unless 0 <= v < 1, the range of decay rates.
func below1(name string, v float64) error {
	if v >= 0 && v < 1 {
		return nil
	}
	return fmt.Errorf("%s is %g; it must be at least 0 and below 1", name, v)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

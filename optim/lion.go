package optim

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// LionSettings are the settings of [NewLion].
type LionSettings struct {
	LR           Schedule
	Beta1, Beta2 float64 // in [0, 1)
	WeightDecay  float64 // >= 0, decoupled
}

// DefaultLion returns the settings of the Lion paper with a learning rate, which should
// be 3 to 10 times smaller than AdamW's.
func DefaultLion(lr Schedule) LionSettings {
	return LionSettings{LR: lr, Beta1: .9, Beta2: .99}
}

// Lion is Lion (Chen et al. 2023): the sign of an interpolated momentum.
type Lion[F vec.Float] struct {
	state[F]
	set LionSettings
}

// NewLion returns Lion over n parameters.
func NewLion[F vec.Float](n int, set LionSettings) (*Lion[F], error) {
	s, err := newState[F]("lion", n, set.LR, 1)
	if err != nil {
		return nil, err
	}
	err = firstError(
		below1("beta1", set.Beta1),
		below1("beta2", set.Beta2),
		inRange("weight decay", set.WeightDecay, 0, math.MaxFloat64))
	if err != nil {
		return nil, fmt.Errorf("lion: %w", err)
	}
	return &Lion[F]{s, set}, nil
}

// Step updates theta in place.
func (o *Lion[F]) Step(theta, grad []F) error {
	lr, err := o.begin(theta, grad)
	if err != nil {
		return err
	}
	vec.Lion(theta, grad, o.moments[0], vec.LionParams{
		LR: lr, Beta1: o.set.Beta1, Beta2: o.set.Beta2, WeightDecay: o.set.WeightDecay,
	})
	o.step++
	return nil
}

// HasMomentum reports whether there is a momentum.
func (o *Lion[F]) HasMomentum() bool { return o.set.Beta2 != 0 }

// Momentum writes the mean of gradients that the next step interpolates. It is 0 before the first step.
func (o *Lion[F]) Momentum(dst []F) { copy(dst, o.moments[0]) }

var lion = DefaultLion(nil)

var lionRule = Rule{
	Name: "lion", Label: "Lion", Info: "the sign of an interpolated momentum (Chen et al. 2023)",
	Uses:  []string{"beta1", "beta2"},
	Beta1: lion.Beta1, Beta2: lion.Beta2,
	New32: lionFrom[float32], New64: lionFrom[float64],
}

func lionFrom[F vec.Float](n int, p Params) (Optimizer[F], error) {
	return asOptimizer[F](NewLion[F](n, LionSettings{LR: p.LR, WeightDecay: p.WeightDecay, Beta1: *p.Beta1, Beta2: *p.Beta2}))
}

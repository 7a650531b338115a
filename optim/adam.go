package optim

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// AdamSettings are the settings of [NewAdam] and [NewAdamW]. DefaultAdam holds the
// usual values; zero betas are legal and mean no averaging.
type AdamSettings struct {
	LR           Schedule
	Beta1, Beta2 float64 // in [0, 1)
	Eps          float64 // > 0
	WeightDecay  float64 // >= 0; Adam couples it through the gradient, AdamW does not
}

// DefaultAdam returns the settings of PyTorch's Adam with a learning rate.
func DefaultAdam(lr Schedule) AdamSettings {
	return AdamSettings{LR: lr, Beta1: .9, Beta2: .999, Eps: 1e-8}
}

// Adam is Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019).
type Adam[F vec.Float] struct {
	state[F]
	set       AdamSettings
	decoupled bool
}

// NewAdam returns Adam over n parameters.
func NewAdam[F vec.Float](n int, set AdamSettings) (*Adam[F], error) {
	return newAdam[F]("adam", n, set, false)
}

// NewAdamW returns Adam with decoupled weight decay over n parameters.
func NewAdamW[F vec.Float](n int, set AdamSettings) (*Adam[F], error) {
	return newAdam[F]("adamw", n, set, true)
}

func newAdam[F vec.Float](rule string, n int, set AdamSettings, decoupled bool) (*Adam[F], error) {
	s, err := newState[F](rule, n, set.LR, 2)
	if err != nil {
		return nil, err
	}
	s.squares()
	err = firstError(
		below1("beta1", set.Beta1),
		below1("beta2", set.Beta2),
		inRange("eps", set.Eps, math.SmallestNonzeroFloat32, 1),
		inRange("weight decay", set.WeightDecay, 0, math.MaxFloat64))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", rule, err)
	}
	return &Adam[F]{s, set, decoupled}, nil
}

// Step updates theta in place.
func (o *Adam[F]) Step(theta, grad []F) error {
	lr, err := o.begin(theta, grad)
	if err != nil {
		return err
	}
	o.step++
	vec.Adam(theta, grad, o.moments[0], o.moments[1], vec.AdamParams{
		LR: lr, Beta1: o.set.Beta1, Beta2: o.set.Beta2, Eps: o.set.Eps,
		WeightDecay: o.set.WeightDecay, Decoupled: o.decoupled, Step: o.step,
	})
	return nil
}

// HasMomentum reports whether there is a momentum.
func (o *Adam[F]) HasMomentum() bool { return o.set.Beta1 != 0 }

// Momentum writes the first moment without its bias towards 0, a mean of gradients. It is 0 before the first step.
func (o *Adam[F]) Momentum(dst []F) {
	by := 1.
	if o.step > 0 {
		by = 1 / (1 - math.Pow(o.set.Beta1, float64(o.step)))
	}
	vec.Scale(dst, by, o.moments[0])
}

var adam = DefaultAdam(nil)

var adamRule = Rule{
	Name: "adam", Label: "Adam", Info: "Adam (Kingma and Ba 2015), weight decay coupled through the gradient",
	Uses:  []string{"beta1", "beta2", "eps"},
	Beta1: adam.Beta1, Beta2: adam.Beta2, Eps: adam.Eps,
	New32: adamFrom[float32], New64: adamFrom[float64],
}

var adamWRule = Rule{
	Name: "adamw", Label: "AdamW", Info: "Adam with decoupled weight decay (Loshchilov and Hutter 2019)",
	Uses:  []string{"beta1", "beta2", "eps"},
	Beta1: adam.Beta1, Beta2: adam.Beta2, Eps: adam.Eps,
	New32: adamWFrom[float32], New64: adamWFrom[float64],
}

func adamFrom[F vec.Float](n int, p Params) (Optimizer[F], error) {
	return asOptimizer[F](NewAdam[F](n, adamSettings(p)))
}

func adamWFrom[F vec.Float](n int, p Params) (Optimizer[F], error) {
	return asOptimizer[F](NewAdamW[F](n, adamSettings(p)))
}

func adamSettings(p Params) AdamSettings {
	return AdamSettings{LR: p.LR, WeightDecay: p.WeightDecay, Beta1: *p.Beta1, Beta2: *p.Beta2, Eps: *p.Eps}
}

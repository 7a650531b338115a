package optim

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// RMSpropSettings are the settings of [NewRMSprop].
type RMSpropSettings struct {
	LR          Schedule
	Alpha       float64 // in [0, 1); the decay of the mean square
	Eps         float64 // > 0
	WeightDecay float64 // >= 0, coupled
	Momentum    float64 // in [0, 1)
	Centered    bool    // divide by the standard deviation instead of the root mean square
}

// DefaultRMSprop returns the settings of PyTorch's RMSprop with a learning rate.
func DefaultRMSprop(lr Schedule) RMSpropSettings {
	return RMSpropSettings{LR: lr, Alpha: .99, Eps: 1e-8}
}

// RMSprop is RMSprop (Tieleman and Hinton 2012) as PyTorch defines it.
type RMSprop[F vec.Float] struct {
	state[F]
	set RMSpropSettings
}

// NewRMSprop returns RMSprop over n parameters.
func NewRMSprop[F vec.Float](n int, set RMSpropSettings) (*RMSprop[F], error) {
	moments := 1
	if set.Centered {
		moments++
	}
	if set.Momentum != 0 {
		moments++
	}
	s, err := newState[F]("rmsprop", n, set.LR, moments)
	if err != nil {
		return nil, err
	}
	s.squares()
	err = firstError(
		below1("alpha", set.Alpha),
		below1("momentum", set.Momentum),
		inRange("eps", set.Eps, math.SmallestNonzeroFloat32, 1),
		inRange("weight decay", set.WeightDecay, 0, math.MaxFloat64))
	if err != nil {
		return nil, fmt.Errorf("rmsprop: %w", err)
	}
	return &RMSprop[F]{s, set}, nil
}

// Step updates theta in place.
func (o *RMSprop[F]) Step(theta, grad []F) error {
	lr, err := o.begin(theta, grad)
	if err != nil {
		return err
	}
	var mean, buf []F
	rest := o.moments[1:]
	if o.set.Centered {
		mean, rest = rest[0], rest[1:]
	}
	if o.set.Momentum != 0 {
		buf = rest[0]
	}
	vec.RMSprop(theta, grad, o.moments[0], mean, buf, vec.RMSpropParams{
		LR: lr, Alpha: o.set.Alpha, Eps: o.set.Eps, WeightDecay: o.set.WeightDecay,
		Momentum: o.set.Momentum, Centered: o.set.Centered,
	})
	o.step++
	return nil
}

var rmsprop = DefaultRMSprop(nil)

var rmspropRule = Rule{
	Name: "rmsprop", Label: "RMSprop", Info: "RMSprop as PyTorch defines it (Tieleman and Hinton 2012)",
	Uses: []string{"momentum", "eps", "decay", "centered"},
	Eps:  rmsprop.Eps, Decay: rmsprop.Alpha,
	New32: rmspropFrom[float32], New64: rmspropFrom[float64],
}

func rmspropFrom[F vec.Float](n int, p Params) (Optimizer[F], error) {
	s := DefaultRMSprop(p.LR)
	s.WeightDecay, s.Momentum, s.Centered = p.WeightDecay, *p.Momentum, p.Centered
	s.Alpha, s.Eps = *p.Decay, *p.Eps
	return asOptimizer[F](NewRMSprop[F](n, s))
}

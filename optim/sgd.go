package optim

import (
	"errors"
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// SGDSettings are the settings of [NewSGD]. Zero values are plain gradient descent.
type SGDSettings struct {
	LR          Schedule
	Momentum    float64 // in [0, 1)
	Dampening   float64 // in [0, 1]; the share of a new gradient that the buffer leaves out
	WeightDecay float64 // >= 0; coupled: added to the gradient times theta
	Nesterov    bool    // needs a momentum and no dampening
}

// SGD is stochastic gradient descent with momentum.
type SGD[F vec.Float] struct {
	state[F]
	set SGDSettings
}

// NewSGD returns stochastic gradient descent over n parameters.
func NewSGD[F vec.Float](n int, set SGDSettings) (*SGD[F], error) {
	moments := 0
	if set.Momentum != 0 {
		moments = 1
	}
	s, err := newState[F]("sgd", n, set.LR, moments)
	if err != nil {
		return nil, err
	}
	err = firstError(
		below1("momentum", set.Momentum),
		inRange("dampening", set.Dampening, 0, 1),
		inRange("weight decay", set.WeightDecay, 0, math.MaxFloat64))
	if err == nil && set.Nesterov && (set.Momentum == 0 || set.Dampening != 0) {
		err = errors.New("a Nesterov step needs a momentum and no dampening")
	}
	if err != nil {
		return nil, fmt.Errorf("sgd: %w", err)
	}
	return &SGD[F]{s, set}, nil
}

// Step updates theta in place.
func (o *SGD[F]) Step(theta, grad []F) error {
	lr, err := o.begin(theta, grad)
	if err != nil {
		return err
	}
	var buf []F
	if len(o.moments) > 0 {
		buf = o.moments[0]
	}
	vec.SGD(theta, grad, buf, vec.SGDParams{
		LR: lr, Momentum: o.set.Momentum, Dampening: o.set.Dampening,
		WeightDecay: o.set.WeightDecay, Nesterov: o.set.Nesterov, First: o.step == 0,
	})
	o.step++
	return nil
}

// HasMomentum reports whether there is a momentum.
func (o *SGD[F]) HasMomentum() bool { return o.set.Momentum != 0 }

// Momentum writes the mean of the gradients that the buffer is the sum of: the buffer times 1-momentum, over
// 1-dampening. It is 0 before the first step.
func (o *SGD[F]) Momentum(dst []F) {
	by := 1 - o.set.Momentum
	if o.set.Dampening < 1 {
		by /= 1 - o.set.Dampening
	}
	vec.Scale(dst, by, o.moments[0])
}

var sgdRule = Rule{
	Name: "sgd", Label: "SGD", Info: "stochastic gradient descent with momentum",
	Uses:     []string{"momentum", "dampening", "nesterov"},
	Momentum: .9,
	New32:    sgdFrom[float32], New64: sgdFrom[float64],
}

func sgdFrom[F vec.Float](n int, p Params) (Optimizer[F], error) {
	return asOptimizer[F](NewSGD[F](n, SGDSettings{
		LR: p.LR, Momentum: *p.Momentum, Dampening: p.Dampening, Nesterov: p.Nesterov, WeightDecay: p.WeightDecay,
	}))
}

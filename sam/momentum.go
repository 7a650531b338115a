package sam

import (
	"errors"

	"github.com/monge-ml/monge/vec"
)

// A mover is a base optimizer that keeps a mean of gradients; those of package optim with a momentum do.
type mover[F vec.Float] interface {
	HasMomentum() bool
	Momentum(dst []F)
}

// momentum is momentum SAM's direction: d = -v, with v the base optimizer's mean of gradients, so that theta+delta lies
// ahead on the way that theta travels. It is 0 before the first step.
type momentum[F vec.Float] struct{ base mover[F] }

func (m *momentum[F]) Blind() {}

func (m *momentum[F]) Attach(v *Sight[F]) error {
	base, ok := v.Base().(mover[F])
	if !ok || !base.HasMomentum() {
		return errors.New("direction momentum goes along the base optimizer's momentum, and it has none: give it one, like --momentum 0.9 of sgd")
	}
	m.base = base
	return nil
}

func (m *momentum[F]) Direct(d, _, _ []F) error {
	m.base.Momentum(d)
	vec.Scale(d, -1, d)
	return nil
}

var momentumDirection = Choice{
	Name: "momentum", Info: "against the base optimizer's momentum, a mean of gradients: ahead on its way, and without a gradient at theta",
	kind: blindKind, set32: setMomentum[float32], set64: setMomentum[float64],
}

func setMomentum[F vec.Float](s *Settings[F], _ Params) error {
	s.Direction = func(int) Direction[F] { return &momentum[F]{} }
	return nil
}

var momentumSAM = preset(Method{
	Name: "momentum-sam", Label: "Momentum SAM", Info: "momentum SAM: the gradient ahead on the momentum's way, one a step (Becker et al. 2024, arXiv 2401.12033)",
	Direction: momentumDirection.Name,
	Look:      Look{Ink: 6, Width: 1.8, Mark: "circle", Radius: 3},
})

package sam

import (
	"errors"
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// Solve is a base metric given by its linear solve, for example B = JᵀJ of a change of
// coordinates theta = phi(psi) with Jacobian J: with that B the perturbation is the
// same whichever coordinates one optimizes in.
type Solve[F vec.Float] struct {
	// Solve writes v with B(theta) v = g. It must not change theta or g.
	Solve func(v, theta, g []F) error
}

// Check returns an error if there is no Solve.
func (m Solve[F]) Check() error {
	if m.Solve == nil {
		return errors.New("the base metric has no Solve function")
	}
	return nil
}

// Measure returns the lengths of g and leaves B⁻¹g in z.
func (m Solve[F]) Measure(z, theta, g []F) (Lengths, error) {
	if err := m.Solve(z, theta, g); err != nil {
		return Lengths{}, err
	}
	s2 := vec.Dot(g, z)
	if s2 < 0 {
		return Lengths{}, fmt.Errorf("base metric: gᵀB⁻¹g is %g; B must be positive definite", s2)
	}
	return Lengths{Grad: vec.Norm(g), Dual: math.Sqrt(s2), Direct: vec.Norm(z)}, nil
}

// Displace sets z = theta + c·B⁻¹g.
func (m Solve[F]) Displace(z, theta, _ []F, c float64) { vec.AddScaled(z, theta, c, z) }

// Precondition sets g = B⁻¹g.
func (m Solve[F]) Precondition(z, theta, g []F) error {
	if err := m.Solve(z, theta, g); err != nil {
		return err
	}
	copy(g, z)
	return nil
}

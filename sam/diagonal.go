package sam

import (
	"errors"
	"fmt"

	"github.com/monge-ml/monge/vec"
)

// Diagonal is a diagonal base metric that may depend on theta.
type Diagonal[F vec.Float] struct {
	// Inverse writes the diagonal of B(theta)⁻¹ to dst; every entry must be positive
	// and finite.
	Inverse func(dst, theta []F)
}

// Check returns an error if there is no Inverse.
func (m Diagonal[F]) Check() error {
	if m.Inverse == nil {
		return errors.New("the diagonal metric has no Inverse function")
	}
	return nil
}

// Measure returns the lengths of g and leaves the diagonal in z.
func (m Diagonal[F]) Measure(z, theta, g []F) (Lengths, error) {
	m.Inverse(z, theta)
	var g2, s2, v2 float64
	for i, x := range g {
		if !(z[i] > 0) {
			return Lengths{}, fmt.Errorf("diagonal metric: entry %d of B⁻¹ is %g; every entry must be positive", i, float64(z[i]))
		}
		v := float64(z[i]) * float64(x)
		g2 += float64(x) * float64(x)
		s2 += float64(x) * v
		v2 += v * v
	}
	return lengths(g2, s2, v2), nil
}

// Displace sets z = theta + c·B⁻¹g.
func (m Diagonal[F]) Displace(z, theta, g []F, c float64) {
	for i, x := range g {
		z[i] = theta[i] + F(c*float64(z[i])*float64(x))
	}
}

// Precondition sets g = B⁻¹g.
func (m Diagonal[F]) Precondition(z, theta, g []F) error {
	m.Inverse(z, theta)
	for i := range g {
		g[i] *= z[i]
	}
	return nil
}

package sam

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// Fisher is the diagonal Fisher metric as the paper prints it for Fisher SAM (eq. 4-5,
// after Kim et al. 2022): B = diag(1 + Eta·f), with f the square of the minibatch's
// mean gradient, elementwise. With Eta = 1 that is the diagonal of the Monge metric
// I + g gᵀ.
type Fisher[F vec.Float] struct {
	Eta float64 // > 0
}

// Check returns an error for an impossible Eta.
func (m Fisher[F]) Check() error {
	if !(m.Eta > 0) || math.IsInf(m.Eta, 1) {
		return fmt.Errorf("eta of the Fisher metric is %g; it must be a finite number > 0", m.Eta)
	}
	return nil
}

func (m Fisher[F]) inverse(g F) float64 { x := float64(g); return x / (1 + m.Eta*x*x) }

// InPlace says that nothing is kept in z.
func (Fisher[F]) InPlace() {}

// Measure returns the lengths of g.
func (m Fisher[F]) Measure(_, _, g []F) (Lengths, error) {
	var g2, s2, v2 float64
	for _, x := range g {
		v := m.inverse(x)
		g2 += float64(x) * float64(x)
		s2 += float64(x) * v
		v2 += v * v
	}
	return lengths(g2, s2, v2), nil
}

// Displace sets z = theta + c·B⁻¹g.
func (m Fisher[F]) Displace(z, theta, g []F, c float64) {
	for i, x := range g {
		z[i] = theta[i] + F(c*m.inverse(x))
	}
}

var fisherLength = Choice{
	Name: "fisher", Info: "a ball in the diagonal Fisher metric, as the paper prints it",
	Uses: []string{"eta"}, Eta: 1,
	set32: setFisher[float32], set64: setFisher[float64],
}

func setFisher[F vec.Float](s *Settings[F], p Params) error {
	s.Metric = Fisher[F]{Eta: *p.Eta}
	return nil
}

var fisherSAM = preset(Method{
	Name: "fisher", Label: "Fisher SAM", Info: "the diagonal Fisher metric (Kim et al. 2022), as the paper prints it",
	Length: fisherLength.Name,
	Look:   Look{Ink: 6, Width: 1.8, Dashes: []float64{9, 3, 2, 3}, Mark: "diamond", Radius: 4},
})

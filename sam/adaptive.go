package sam

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// Adaptive is ASAM's metric (Kwon et al. 2021): B = T⁻² with T = diag(|theta| + Eta),
// over all parameters alike, biases and normalisation included. It is equivariant
// under rescalings of single parameters (exactly so at Eta = 0).
type Adaptive[F vec.Float] struct {
	Eta float64 // >= 0; ASAM's reference code uses 0.01
}

// Check returns an error for an impossible Eta.
func (m Adaptive[F]) Check() error {
	if !(m.Eta >= 0) || math.IsInf(m.Eta, 1) {
		return fmt.Errorf("eta of the adaptive metric is %g; it must be a finite number >= 0", m.Eta)
	}
	return nil
}

func (m Adaptive[F]) inverse(theta F) float64 {
	t := math.Abs(float64(theta)) + m.Eta
	return t * t
}

// InPlace says that nothing is kept in z.
func (Adaptive[F]) InPlace() {}

// Measure returns the lengths of g.
func (m Adaptive[F]) Measure(_, theta, g []F) (Lengths, error) {
	var g2, s2, v2 float64
	for i, x := range g {
		v := m.inverse(theta[i]) * float64(x)
		g2 += float64(x) * float64(x)
		s2 += float64(x) * v
		v2 += v * v
	}
	return lengths(g2, s2, v2), nil
}

// Displace sets z = theta + c·T²g.
func (m Adaptive[F]) Displace(z, theta, g []F, c float64) {
	for i, x := range g {
		z[i] = theta[i] + F(c*m.inverse(theta[i])*float64(x))
	}
}

// Precondition sets g = T²g.
func (m Adaptive[F]) Precondition(_, theta, g []F) error {
	for i, x := range g {
		g[i] = F(m.inverse(theta[i]) * float64(x))
	}
	return nil
}

var adaptiveLength = Choice{
	Name: "adaptive", Info: "a ball relative to each parameter's size",
	Uses: []string{"eta", "precondition-descent"}, Eta: .01,
	set32: setAdaptive[float32], set64: setAdaptive[float64],
}

func setAdaptive[F vec.Float](s *Settings[F], p Params) error {
	s.Metric = Adaptive[F]{Eta: *p.Eta}
	return nil
}

var adaptiveSAM = preset(Method{
	Name: "asam", Label: "ASAM", Info: "adaptive SAM: a radius relative to each parameter's size (Kwon et al. 2021)",
	Length: adaptiveLength.Name,
	Look:   Look{Ink: 7, Width: 1.8, Dashes: []float64{3, 3}, Mark: "box", Radius: 3.2},
})

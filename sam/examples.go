package sam

import (
	"math"

	"github.com/monge-ml/monge/internal/lowrank"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/vec"
)

// byExample is the metric of single examples, I + alpha²/B sum of g_i g_iᵀ: alpha² times the empirical Fisher information beside the
// identity. With G⁻¹g = sum of w_i g_i, w = (1/B)(I + alpha²/B K)⁻¹ 1 and K_ij = g_i·g_j, it takes the products and one
// more gradient, of a weighted loss, and no gradient of a single example. It measures the gradient alone.
type byExample[F vec.Float] struct {
	alpha2 float64
	sight  *Sight[F]
	k      []float64
	n      int
}

func (m *byExample[F]) Attach(v *Sight[F]) error { m.sight = v; return nil }

// Examples takes the products.
func (m *byExample[F]) Examples(k []float64, n int) { m.k, m.n = k, n }

// Measure returns the lengths of g and leaves G⁻¹g in z.
func (m *byExample[F]) Measure(z, theta, g []F) (Lengths, error) {
	norm := vec.Norm(g)
	if !finite(norm) {
		return Lengths{Grad: norm, Dual: math.NaN(), Direct: math.NaN()}, nil // which the step tells
	}
	w, err := lowrank.Weights(m.k, m.n, m.alpha2/float64(m.n))
	if err != nil {
		return Lengths{}, err
	}
	if err := m.sight.Objective().(objective.Sampler[F]).Weighted(z, theta, w, Call{Weight: 1, Ascent: true, Perturbed: true}); err != nil {
		return Lengths{}, err
	}
	return Lengths{Grad: norm, Dual: math.Sqrt(max(0, vec.Dot(g, z))), Direct: vec.Norm(z)}, nil
}

// Displace sets z = theta + c·G⁻¹g.
func (m *byExample[F]) Displace(z, theta, _ []F, c float64) { vec.AddScaled(z, theta, c, z) }

var exampleLength = Choice{
	Name: "example", Info: "a ball in the metric of single examples' gradients, the empirical Fisher information",
	Uses: []string{"alpha"}, Alpha: 1,
	kind: exampleKind, more: func(map[string]float64) float64 { return 1 },
	set32: setExamples[float32], set64: setExamples[float64],
}

func setExamples[F vec.Float](s *Settings[F], p Params) error {
	alpha2, err := alphaSquared(p)
	s.NewMetric = func(int) Metric[F] { return &byExample[F]{alpha2: alpha2} }
	return err
}

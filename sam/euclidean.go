package sam

import "github.com/monge-ml/monge/vec"

// Euclidean is the identity, B = I: SAM's ball (Foret et al. 2021, eq. 3 of the
// paper), and with a loss axis M-SAM's (eq. 9).
type Euclidean[F vec.Float] struct{}

// InPlace says that nothing is kept in z.
func (Euclidean[F]) InPlace() {}

// Measure returns |g| for all three lengths.
func (Euclidean[F]) Measure(_, _, g []F) (Lengths, error) {
	n := vec.Norm(g)
	return Lengths{Grad: n, Dual: n, Direct: n}, nil
}

// Displace sets z = theta + c·g.
func (Euclidean[F]) Displace(z, theta, g []F, c float64) { vec.AddScaled(z, theta, c, g) }

// Precondition leaves g as it is.
func (Euclidean[F]) Precondition(_, _, _ []F) error { return nil }

// none is the base optimizer alone.
var none = Method{
	Name: "none", Label: "none", Info: "the base optimizer alone, without a perturbation",
	Look:  Look{Ink: 0, Width: 1.8, Dashes: []float64{2, 2.5}, Mark: "circle", Radius: 2.2},
	New32: noneSettings[float32], New64: noneSettings[float64],
}

func noneSettings[F vec.Float](Params) (Settings[F], error) {
	return Settings[F]{Rho: Constant(0), Metric: Euclidean[F]{}}, nil
}

var mongeLength = Choice{
	Name: "monge", Info: "a ball in the metric of the loss surface: rho, and the ascent budget rho/alpha",
	Uses: []string{"alpha", "ascent-budget", "budget-schedule"}, Alpha: 1,
	set32: setMonge[float32], set64: setMonge[float64],
}

func setMonge[F vec.Float](s *Settings[F], p Params) error {
	if s.AscentBudget = p.AscentBudget; p.Alpha != nil {
		s.Alpha = *p.Alpha
	}
	return nil
}

// plainSAM and mongeSAM are the two with the Euclidean base metric. SAM is drawn wide and
// M-SAM narrow above it, so that both show where they are the same.
var plainSAM = preset(Method{
	Name: "sam", Label: "SAM", Info: "sharpness-aware minimization (Foret et al. 2021)",
	Look: Look{Ink: 1, Width: 3.2, Mark: "circle", Radius: 4.6},
})

var mongeSAM = preset(Method{
	Name: "m-sam", Label: "M-SAM", Info: "Monge SAM: the metric of the loss surface itself (Jacobsen and Arvanitidis 2025)",
	Length: mongeLength.Name,
	Look:   Look{Ink: 2, Width: 1.8, Dashes: []float64{6, 3}, Mark: "pyramid", Radius: 3},
})

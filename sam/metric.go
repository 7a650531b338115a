package sam

import (
	"math"

	"github.com/monge-ml/monge/vec"
)

// A Metric is the base metric B of the ascent step, a symmetric positive definite
// form that may depend on theta and on the ascent gradient g. It is all that a new
// member of the family has to supply. Both methods are one pass over memory, and a
// step calls Measure first, then Displace with the same vectors; z is scratch that
// survives from the one to the other. With PerMicrobatch z and g are the same vector.
type Metric[F vec.Float] interface {
	// Measure returns the lengths that the step needs. It may leave what Displace
	// needs in z.
	Measure(z, theta, g []F) (Lengths, error)
	// Displace sets z = theta + c·B⁻¹g.
	Displace(z, theta, g []F, c float64)
}

// Lengths are the lengths of an ascent gradient g in a metric B.
type Lengths struct {
	Grad   float64 // |g|
	Dual   float64 // s = sqrt(gᵀB⁻¹g)
	Direct float64 // |B⁻¹g|
}

// lengths takes the roots of the three sums that a diagonal metric collects.
func lengths(g2, s2, v2 float64) Lengths {
	return Lengths{Grad: math.Sqrt(g2), Dual: math.Sqrt(s2), Direct: math.Sqrt(v2)}
}

// A Preconditioner is a Metric that depends on theta alone, so that it can also shape
// the descent: with it a whole trajectory, and not just the perturbation, is the same
// in any coordinates that B accounts for.
type Preconditioner[F vec.Float] interface {
	Metric[F]
	// Precondition sets g = B(theta)⁻¹g. z is scratch.
	Precondition(z, theta, g []F) error
}

// scale returns the factor c of the perturbation delta = c·B⁻¹g in the metric
// B + alpha² g gᵀ on a ball of radius rho:
//
//	c = rho / (s sqrt(1 + alpha² s²)),  s² = gᵀB⁻¹g
//
// written with the ascent budget b = rho/alpha, so that it holds for alpha = 0
// (b = +Inf: SAM, eq. 3) as for rho = +Inf (c = b/s²). With B = I and alpha = 1 it is
// the paper's eq. 9.
func scale(rho, budget, s float64) float64 {
	if s == 0 {
		return 0
	}
	return 1 / math.Hypot(1/rho, s/budget) / s
}

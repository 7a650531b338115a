package sam

import (
	"math"

	"github.com/monge-ml/monge/vec"
)

// A Metric is the base metric B of the ascent step, a symmetric positive definite
// form that may depend on theta and on the ascent gradient g. It is all that a new
// member of the family has to supply. Both methods are one pass over memory, and a
// step calls Measure first, then Displace with the same vectors; z is scratch that
// survives from the one to the other, and another vector than g (but see [InPlaceMetric]).
// A metric with a method Check() error is asked for it before the first step.
type Metric[F vec.Float] interface {
	// Measure returns the lengths that the step needs. It may leave what Displace
	// needs in z.
	Measure(z, theta, g []F) (Lengths, error)
	// Displace sets z = theta + c·B⁻¹g.
	Displace(z, theta, g []F, c float64)
}

// An InPlaceMetric takes z and g in one vector: its Measure leaves z alone, and its Displace
// reads no entry of g after it has written the same entry of z. That saves the vector that
// the step otherwise makes for g with PerMicrobatch or a [Direction]. (A metric that embeds
// one of this package says what that one says: let it keep to the same.)
type InPlaceMetric[F vec.Float] interface {
	Metric[F]
	InPlace() // does nothing: to have it is to say so
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

// ball is the family's [Length].
type ball struct{}

// Scale returns the factor c of the perturbation delta = c·B⁻¹g in the metric
// B + alpha² g gᵀ on a ball of radius rho:
//
//	c = rho / (s sqrt(1 + alpha² s²)),  s² = gᵀB⁻¹g
//
// written with the ascent budget b = rho/alpha, so that it holds for alpha = 0
// (b = +Inf: SAM, eq. 3) as for rho = +Inf (c = b/s²). With B = I and alpha = 1 it is
// the paper's eq. 9.
func (ball) Scale(rho, budget float64, g Lengths) float64 {
	s := g.Dual
	if s == 0 {
		return 0
	}
	return 1 / math.Hypot(1/rho, s/budget) / s
}

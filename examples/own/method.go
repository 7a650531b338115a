package main

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/sam"
)

// box is SAM on a box in place of a ball: all parameters move equally far, by the sign of
// their gradient. A softness of its own lets those move less whose gradient is small beside it:
// --method box --rho 0.1 --softness 1e-3.
var box = sam.Method{
	Name: "box", Label: "Box SAM", Info: "SAM with the sign of the gradient",
	Uses:    []string{"rho", "rho-schedule", "interval", "per-microbatch"},
	Numbers: []sam.Number{{Name: "softness", Help: "gradient below which a parameter moves less", Default: 1e-6}},
	New32: func(p sam.Params) (sam.Settings[float32], error) {
		return sam.Settings[float32]{Rho: p.Rho, Metric: boxMetric[float32]{p.Own["softness"]}}, check(p)
	},
	New64: func(p sam.Params) (sam.Settings[float64], error) {
		return sam.Settings[float64]{Rho: p.Rho, Metric: boxMetric[float64]{p.Own["softness"]}}, check(p)
	},
}

func check(p sam.Params) error {
	if s := p.Own["softness"]; !(s > 0) || math.IsInf(s, 1) {
		return fmt.Errorf("softness is %g; it must be a finite number > 0", s)
	}
	return nil
}

// boxMetric is B = diag(|g| + softness), so that B⁻¹g is the sign of g where that is large.
type boxMetric[F float32 | float64] struct{ softness float64 }

func (m boxMetric[F]) inverse(g F) float64 { return float64(g) / (math.Abs(float64(g)) + m.softness) }

// Measure returns the lengths of g.
func (m boxMetric[F]) Measure(_, _, g []F) (sam.Lengths, error) {
	var g2, s2, v2 float64
	for _, x := range g {
		v := m.inverse(x)
		g2 += float64(x) * float64(x)
		s2 += float64(x) * v
		v2 += v * v
	}
	return sam.Lengths{Grad: math.Sqrt(g2), Dual: math.Sqrt(s2), Direct: math.Sqrt(v2)}, nil
}

// Displace sets z = theta + c·B⁻¹g.
func (m boxMetric[F]) Displace(z, theta, g []F, c float64) {
	for i, x := range g {
		z[i] = theta[i] + F(c*m.inverse(x))
	}
}

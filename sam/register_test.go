package sam_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/vec"
)

// power is a metric of another package: B⁻¹ = diag(|theta|^kappa), which it keeps in z from
// Measure to Displace.
type power[F vec.Float] struct{ kappa float64 }

func (m power[F]) Check() error {
	if !(m.kappa >= 0) {
		return fmt.Errorf("kappa is %g; it must be >= 0", m.kappa)
	}
	return nil
}

func (m power[F]) Measure(z, theta, g []F) (sam.Lengths, error) {
	var g2, s2, v2 float64
	for i, x := range g {
		z[i] = F(math.Pow(math.Abs(float64(theta[i])), m.kappa))
		v := float64(z[i]) * float64(x)
		g2, s2, v2 = g2+float64(x)*float64(x), s2+float64(x)*v, v2+v*v
	}
	return sam.Lengths{Grad: math.Sqrt(g2), Dual: math.Sqrt(s2), Direct: math.Sqrt(v2)}, nil
}

func (m power[F]) Displace(z, theta, g []F, c float64) {
	for i, x := range g {
		z[i] = theta[i] + F(c*float64(z[i])*float64(x))
	}
}

func newPower[F vec.Float](p sam.Params) (sam.Settings[F], error) {
	return sam.Settings[F]{Rho: p.Rho, Metric: power[F]{p.Own["kappa"]}}, nil
}

func init() {
	sam.Register(sam.Method{
		Name: "power", Label: "Power SAM", Info: "a radius by powers of the parameters",
		Uses:    []string{"rho", "per-microbatch"},
		Numbers: []sam.Number{{Name: "kappa", Help: "the power", Default: 2}},
		Look:    sam.Look{Ink: 5, Mark: "box"},
		New32:   newPower[float32], New64: newPower[float64],
	})
}

// A method of another package is made by name, with its own numbers and their defaults.
func TestRegister(t *testing.T) {
	rho := sam.Constant(.1)
	for want, own := range map[float64]map[string]float64{2: nil, 0: {"kappa": 0}} {
		s, err := sam.Family[float64]("power", sam.Params{Rho: rho, Own: own})
		if err != nil || s.Metric != (power[float64]{want}) {
			t.Errorf("%v: %+v, %v", own, s.Metric, err)
		}
	}
	for want, c := range map[string]struct {
		name string
		p    sam.Params
	}{
		"method asam has no kappa: it is for power":          {"asam", sam.Params{Rho: rho, Own: map[string]float64{"kappa": 1}}},
		"method power has no eta: it is for fisher and asam": {"power", sam.Params{Rho: rho, Eta: new(float64)}},
		"kappa is -1; it must be >= 0":                       {"power", sam.Params{Rho: rho, Own: map[string]float64{"kappa": -1}}},
		`unknown method "adam" (did you mean asam?); there are none, sam, m-sam, fisher, asam, le-sam, vasso, friendly-sam, momentum-sam, sam-on, sparse-sam, eigen-sam, gsam, looksam, wsam, sam-sps, cr-sam, power`: {"adam", sam.Params{}},
	} {
		if _, err := sam.Family[float32](c.name, c.p); err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	for _, name := range []string{"sam", "power", "sgd"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: registered twice without a panic", name)
				}
			}()
			sam.Register(sam.Method{Name: name})
		}()
	}
}

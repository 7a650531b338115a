package sam_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// strange is a rule of another program, which can't step beside itself.
type strange struct{ optim.Optimizer[float64] }

func init() {
	optim.Register(optim.Rule{Name: "strange", Label: "strange", Info: "a rule that does not tell more than it must", New64: func(n int, p optim.Params) (optim.Optimizer[float64], error) {
		o, err := optim.NewSGD[float64](n, optim.SGDSettings{LR: p.LR})
		return strange{o}, err
	}})
}

// WSAM steps beside each group by its own learning rate, and is refused where a group's rule can't.
func TestWeightedBesideGroups(t *testing.T) {
	groups := []optim.Group{{End: 1, LR: .1, Decay: 1}, {End: 2, LR: 1, Decay: 1}}
	settings, err := sam.Family[float64]("wsam", sam.Params{Rho: sam.Constant(.3)})
	if err != nil {
		t.Fatal(err)
	}
	base, err := optim.NewGroups[float64]("strange", 2, optim.Params{LR: optim.Constant(.1)}, groups)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sam.New(2, base, settings); err == nil || !strings.Contains(err.Error(), "which it does not tell") {
		t.Errorf("groups of a rule that can't: %v", err)
	}
	step := func(base sam.Optimizer[float64], n int, theta []float64) []float64 {
		st, err := sam.New(n, base, settings)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Step(theta, sam.Func(func(grad, theta []float64) float64 {
			for i, x := range theta {
				grad[i] = x * x * x
			}
			return 1
		})); err != nil {
			t.Fatal(err)
		}
		return theta
	}
	whole, _ := optim.NewSGD[float64](2, optim.SGDSettings{LR: optim.Constant(.1)})
	grouped, err := optim.NewGroups[float64]("sgd", 2, optim.Params{LR: optim.Constant(.1), Momentum: new(float64)}, groups)
	if err != nil {
		t.Fatal(err)
	}
	start := []float64{1, -2}
	a, b := step(whole, 2, slices.Clone(start)), step(grouped, 2, slices.Clone(start))
	if d := (start[0] - b[0]) / (start[0] - a[0]); d < .0999999 || d > .1000001 || a[1] != b[1] {
		t.Errorf("a tenth of the learning rate moves %g of the way, and the other %g in place of %g", d, b[1], a[1])
	}
}

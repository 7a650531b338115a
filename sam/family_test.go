package sam_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// changing is testdata/gen_family.py's loss at a step.
func changing(step int) sam.Objective[float64] {
	return sam.Func(func(grad, theta []float64) float64 {
		var loss float64
		for j, x := range theta {
			i, t := float64(j+1), float64(step)
			k, c := i+.3*math.Cos(t*i), 1+math.Sin(1.7*t+i)
			grad[j] = x*x*x + k*x - c
			loss += x*x*x*x/4 + k*x*x/2 - c*x
		}
		return loss
	})
}

func published[F float32 | float64](t *testing.T, name string, n int, own map[string]float64) *sam.Stepper[F] {
	t.Helper()
	p := sam.Params{Rho: sam.Constant(.3), Own: own}
	s, err := sam.Family[F](name, p)
	if err != nil {
		t.Fatal(err)
	}
	base, err := optim.NewSGD[F](n, optim.SGDSettings{LR: optim.Constant(.05), Momentum: .5})
	if err != nil {
		t.Fatal(err)
	}
	st, err := sam.New(n, base, s)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

var familyCases = map[string]struct {
	method string
	own    map[string]float64
}{
	"le-sam":       {"le-sam", nil},
	"le-sam p 4":   {"le-sam", map[string]float64{"p": 4}},
	"le-sam p 2":   {"le-sam", map[string]float64{"p": 2}},
	"vasso":        {"vasso", nil},
	"friendly-sam": {"friendly-sam", map[string]float64{"sigma": .8, "lambda": .6}},
	"gsam":         {"gsam", nil},
	"looksam":      {"looksam", nil},
}

var familyStart = []float64{1.5, -.7, .3, 2, -1.2}

// Each method takes the steps of its authors' formula, and goes on from what it has saved.
func TestFamilyGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/family.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string][][]float64
	if err := json.Unmarshal(b, &golden); err != nil || len(golden) != len(familyCases) {
		t.Fatal("no golden file of all cases", err)
	}
	for name, c := range familyCases {
		theta := slices.Clone(familyStart)
		st := published[float64](t, c.method, len(theta), c.own)
		for step, want := range golden[name] {
			if step%7 == 3 { // in another process
				state, err := st.MarshalBinary()
				if err != nil {
					t.Fatal(err)
				}
				st = published[float64](t, c.method, len(theta), c.own)
				if err := st.UnmarshalBinary(state); err != nil {
					t.Fatal(name, err)
				}
			}
			if _, err := st.Step(theta, changing(step)); err != nil {
				t.Fatal(name, err)
			}
			for i, v := range theta {
				if math.Abs(v-want[i]) > 1e-10 {
					t.Fatalf("%s: step %d: theta %v, want %v", name, step, theta, want)
				}
			}
		}
	}
}

// LE-SAM at p = 2 is M-SAM, step by step, and its own length is at most sqrt 2 more.
func TestPowerLength(t *testing.T) {
	for _, d := range []float64{1e-30, .01, 1, 7, 1e30} {
		for _, rho := range []float64{.05, 2, math.Inf(1)} {
			for _, budget := range []float64{.1, math.Inf(1)} {
				if math.IsInf(rho, 1) && math.IsInf(budget, 1) {
					continue
				}
				l := sam.Lengths{Grad: d, Dual: d, Direct: d}
				least := sam.PowerLength{P: math.Inf(1)}.Scale(rho, budget, l) * d
				if want := min(rho, budget/d); math.Abs(least/want-1) > 1e-12 {
					t.Errorf("|g| %g, rho %g, budget %g: %g, want %g", d, rho, budget, least, want)
				}
				two := sam.PowerLength{P: 2}.Scale(rho, budget, l) * d
				if want := 1 / math.Hypot(1/rho, d/budget); math.Abs(two/want-1) > 1e-12 || two > least || two < least/math.Sqrt2*(1-1e-12) {
					t.Errorf("|g| %g, rho %g, budget %g: %g at p 2, want %g", d, rho, budget, two, want)
				}
			}
		}
	}
	if c := (sam.PowerLength{P: 3}).Scale(1, 1, sam.Lengths{}); c != 0 {
		t.Errorf("without a gradient: %g", c)
	}
}

func TestFamilyErrors(t *testing.T) {
	for _, tt := range []struct {
		method string
		own    map[string]float64
		want   string
	}{
		{"le-sam", map[string]float64{"p": .5}, "p is 0.5; it must be at least 1"},
		{"vasso", map[string]float64{"theta": 2}, "theta is 2; it must be from 0 to 1"},
		{"friendly-sam", map[string]float64{"lambda": -1}, "lambda is -1"},
		{"friendly-sam", map[string]float64{"sigma": math.NaN()}, "sigma is NaN"},
		{"gsam", map[string]float64{"gsam-alpha": math.Inf(1)}, "gsam-alpha is +Inf"},
		{"looksam", map[string]float64{"looksam-alpha": -1}, "looksam-alpha is -1"},
		{"gsam", map[string]float64{"sigma": 1}, "method gsam has no sigma: it is for friendly-sam"},
	} {
		_, err := sam.Family[float32](tt.method, sam.Params{Rho: sam.Constant(.1), Own: tt.own})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %v: error %v, want %q", tt.method, tt.own, err, tt.want)
		}
	}
	st := published[float32](t, "vasso", 3, nil)
	state, err := published[float32](t, "friendly-sam", 4, nil).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := st.UnmarshalBinary(state); err == nil || !strings.Contains(err.Error(), "what a method keeps has") {
		t.Errorf("a state of another size: %v", err)
	}
}

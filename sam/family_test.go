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

// familyCase is how testdata/gen_family.py's case of a name is made.
type familyCase struct {
	method, direction, length, descent string
	own                                map[string]float64
	alpha, budget                      float64 // 0: not given
	interval, from                     int
	micro, part                        bool
	share                              float64
	still                              bool    // without a momentum
	within                             float64 // 0: 1e-10
	unlike                             bool    // it is what the method is not
}

var meanNumbers = map[string]float64{"beta": .8}

var familyCases = map[string]familyCase{
	"sam":                      {method: "sam"},
	"m-sam":                    {method: "m-sam"},
	"m-sam budget":             {method: "m-sam", budget: .1},
	"asam":                     {method: "asam"},
	"fisher":                   {method: "fisher"},
	"le-sam":                   {method: "le-sam"},
	"le-sam budget":            {method: "le-sam", budget: .1},
	"le-sam p 4":               {method: "le-sam", own: map[string]float64{"p": 4}},
	"le-sam p 2":               {method: "le-sam", own: map[string]float64{"p": 2}},
	"vasso":                    {method: "vasso"},
	"vasso running":            {method: "vasso", length: "running", alpha: 2, own: meanNumbers},
	"friendly-sam":             {method: "friendly-sam", own: map[string]float64{"sigma": .8, "lambda": .6}},
	"momentum-sam":             {method: "momentum-sam"},
	"momentum-sam monge":       {method: "momentum-sam", length: "monge"},
	"sam-on":                   {method: "sam-on", part: true},
	"sam-on monge":             {method: "sam-on", length: "monge", part: true},
	"sparse-sam":               {method: "sparse-sam", own: map[string]float64{"mask-every": 3}},
	"eigen-sam":                {method: "eigen-sam", own: eigenNumbers, within: 1e-8}, // differences of gradients magnify rounding
	"eigen-sam exact":          {method: "eigen-sam", own: eigenNumbers, within: 1e-6},
	"gsam":                     {method: "gsam"},
	"gsam monge":               {method: "gsam", length: "monge"},
	"gsam recent":              {method: "gsam", length: "recent", alpha: 2, own: recentNumbers},
	"looksam":                  {method: "looksam"},
	"m-sam from 2 interval 3":  {method: "m-sam", from: 2, interval: 3},
	"wsam from 1 interval 2":   {method: "wsam", from: 1, interval: 2, own: map[string]float64{"gamma": .6}},
	"vasso from 1 interval 2":  {method: "vasso", from: 1, interval: 2},
	"recent from 1 interval 2": {method: "sam", length: "recent", from: 1, interval: 2, alpha: 2, own: recentNumbers},
	"wsam":                     {method: "wsam", own: map[string]float64{"gamma": .6}},
	"wsam coupled":             {method: "wsam", own: map[string]float64{"gamma": .6}, unlike: true},
	"sam-sps":                  {method: "sam-sps", still: true},
	"cr-sam":                   {method: "cr-sam"},
	"recent":                   {method: "sam", length: "recent", alpha: 2, own: recentNumbers},
	"running":                  {method: "sam", length: "running", alpha: 2, own: meanNumbers},
	"running-norm":             {method: "sam", length: "running-norm", alpha: 2, own: meanNumbers},
	"hessian":                  {method: "sam", length: "hessian", alpha: 2, own: map[string]float64{"metric-points": 100, "metric-spread": .5}, within: 1e-6},
	"microbatch":               {method: "sam", length: "microbatch", alpha: 2, micro: true},
	"example":                  {method: "sam", length: "example", alpha: 2},
	"half the examples":        {method: "sam", share: .5},
}

var (
	eigenNumbers  = map[string]float64{"eigen-every": 4, "eigen-powers": 3}
	recentNumbers = map[string]float64{"metric-points": 3, "beta": .8}
)

// stepper makes a case's, on a problem.
func (c familyCase) stepper(t *testing.T, p problem) *sam.Stepper[float64] {
	t.Helper()
	m, err := sam.FindMethod(c.method)
	if err == nil {
		m, err = m.With(c.direction, c.length, c.descent)
	}
	if err != nil {
		t.Fatal(err)
	}
	params, sgd := sam.Params{Rho: sam.Constant(.3), Own: c.own}, optim.SGDSettings{LR: optim.Constant(p.lr), Momentum: .5}
	if c.alpha > 0 {
		params.Alpha = &c.alpha
	}
	if c.budget > 0 {
		params.AscentBudget = sam.Constant(c.budget)
	}
	if c.still {
		params.Own = map[string]float64{"least-loss": p.least}
		sgd = optim.SGDSettings{LR: optim.Constant(p.bound)}
	}
	s, err := sam.SettingsOf[float64](m, params)
	if err != nil {
		t.Fatal(err)
	}
	s.From, s.AscentBatch = c.from, c.share
	if c.interval > 0 {
		s.Interval = c.interval
	}
	if c.part {
		s.Part = p.part
	}
	base, err := optim.NewSGD[float64](len(p.start), sgd)
	if err != nil {
		t.Fatal(err)
	}
	st, err := sam.New(len(p.start), base, s)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// path takes twenty steps, some of them after another process's, and returns where those that are stored end.
func (c familyCase) path(t *testing.T, p problem) (path [][]float64) {
	t.Helper()
	weights := []float64{1}
	if c.micro {
		weights = thirds
	}
	theta, st := slices.Clone(p.start), c.stepper(t, p)
	for step := range 20 {
		if step%7 == 3 {
			state, err := st.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			st = c.stepper(t, p)
			if err := st.UnmarshalBinary(state); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := st.StepMicrobatches(theta, weights, p.at(step, len(weights))); err != nil {
			t.Fatal(err)
		}
		if slices.Contains([]int{0, 1, 2, 6, 19}, step) {
			path = append(path, slices.Clone(theta))
		}
	}
	return path
}

// apart is how far two paths are at most.
func apart(a, b [][]float64) (most float64) {
	for i := range a {
		for j := range a[i] {
			most = math.Max(most, math.Abs(a[i][j]-b[i][j])) // NaN if one is
		}
	}
	return most
}

// Each method takes the steps of its authors' formula, and goes on from what it has saved.
func TestFamilyGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/family.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]map[string][][]float64
	if err := json.Unmarshal(b, &golden); err != nil || len(golden["network"]) != len(familyCases) {
		t.Fatalf("%d golden cases, want %d: %v", len(golden["network"]), len(familyCases), err)
	}
	for on, p := range problems {
		for name, want := range golden[on] {
			t.Run(on+"/"+name, func(t *testing.T) {
				c, ok := familyCases[name]
				if !ok {
					t.Fatal("no such case")
				}
				within := max(c.within, 1e-10)
				d := apart(want, c.path(t, p))
				if c.unlike {
					if !(d > 1e-3) {
						t.Errorf("off by %g, and should be by more", d)
					}
				} else if !(d <= within) {
					t.Errorf("off by %g", d)
				}
			})
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

package sam_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// eachMethod calls f for every choice of the three seams on a method's others.
func eachMethod(t *testing.T, method string, f func(name string, m sam.Method, err error)) {
	t.Helper()
	m, err := sam.FindMethod(method)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range sam.Directions() {
		for _, l := range sam.MetricLengths() {
			for _, b := range sam.Descents() {
				made, err := m.With(d.Name, l.Name, b.Name)
				f(d.Name+", "+l.Name+", "+b.Name, made, err)
			}
		}
	}
}

// often are numbers with which an eigenvector is looked for in more than the first step.
func often(m sam.Method) sam.Params {
	p := sam.Params{Rho: sam.Constant(.1), Own: map[string]float64{}}
	if m.Has("eigen-every") {
		p.Own["eigen-every"] = 2
	}
	return p
}

// composed makes a stepper of a method on a network's parameters, over a base optimizer with a momentum.
func composed(t testing.TB, m sam.Method, change func(*sam.Settings[float64])) (*sam.Stepper[float64], error) {
	t.Helper()
	s, err := sam.SettingsOf[float64](m, often(m))
	if err != nil {
		t.Fatal(m.Label, err)
	}
	if change != nil {
		change(&s)
	}
	base, err := optim.NewSGD[float64](26, optim.SGDSettings{LR: optim.Constant(.05), Momentum: .5})
	if err != nil {
		t.Fatal(err)
	}
	return sam.New(26, base, s)
}

// mustCompose is composed without an error.
func mustCompose(t testing.TB, m sam.Method) *sam.Stepper[float64] {
	t.Helper()
	st, err := composed(t, m, nil)
	if err != nil {
		t.Fatal(m.Label, err)
	}
	return st
}

// shares are of the microbatches that a method is given: three, or one that knows its examples.
func shares(m sam.Method) []float64 {
	if m.Length == "example" {
		return []float64{1}
	}
	return thirds
}

// ascending are the lengths and descents that look at the gradient at theta, or draw the random numbers (dropout) of it again.
var ascending = []string{"recent", "running", "running-norm", "nearby", "hessian", "microbatch", "gap", "weighted", "reuse", "curvature"}

// why says why the choices of a name do not go together, "" where they do.
func why(name string) string {
	c := strings.Split(name, ", ")
	switch {
	case c[0] == "momentum" && (slices.Contains(ascending, c[1]) || slices.Contains(ascending, c[2])):
		return "needs the gradient at theta, which direction momentum does without"
	case c[0] != "gradient" && c[1] == "example":
		return "length example measures the gradient alone, not direction " + c[0]
	}
	return ""
}

// Choices of different seams go together, or the error names why not: a direction that takes no gradient at theta and what
// needs it, and the metric of examples, which measures the gradient alone.
func TestChoicesTogether(t *testing.T) {
	eachMethod(t, "sam", func(name string, m sam.Method, err error) {
		want := why(name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
		if err == nil {
			t.Run(name, func(t *testing.T) { resumes(t, m) })
		}
	})
}

// resumes takes steps of a method, some of them in another process, which change theta and end where those of one process do.
func resumes(t *testing.T, m sam.Method) {
	p := problems["network"]
	one, st := slices.Clone(p.start), mustCompose(t, m)
	two, again := slices.Clone(p.start), mustCompose(t, m)
	weights := shares(m)
	for step := range 8 {
		if step%3 == 0 {
			state, err := again.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			again = mustCompose(t, m)
			if err := again.UnmarshalBinary(state); err != nil {
				t.Fatal(err)
			}
		}
		before := slices.Clone(one)
		for _, r := range []struct {
			st    *sam.Stepper[float64]
			theta []float64
		}{{st, one}, {again, two}} {
			if _, err := r.st.StepMicrobatches(r.theta, weights, p.at(step, len(weights))); err != nil {
				t.Fatal(err)
			}
		}
		if slices.Equal(before, one) || apart([][]float64{one}, [][]float64{before}) > 1 {
			t.Fatalf("step %d from %v to %v", step, before, one)
		}
	}
	a, _ := st.MarshalBinary()
	b, _ := again.MarshalBinary()
	if !slices.Equal(one, two) || !bytes.Equal(a, b) {
		t.Errorf("%v in one process, %v in three", one, two)
	}
}

// narrow is an objective in float32.
type narrow struct{ of sam.Objective[float64] }

func (o narrow) Gradient(grad, theta []float32, c sam.Call) (loss float64, err error) {
	return loss, o.widen(grad, theta, func(grad, theta []float64) error {
		loss, err = o.of.Gradient(grad, theta, c)
		return err
	})
}

func (o narrow) Gram(grad, theta []float32, c sam.Call) (k []float64, loss float64, err error) {
	return k, loss, o.widen(grad, theta, func(grad, theta []float64) error {
		k, loss, err = o.of.(objective.Sampler[float64]).Gram(grad, theta, c)
		return err
	})
}

func (o narrow) Weighted(grad, theta []float32, weights []float64, c sam.Call) error {
	return o.widen(grad, theta, func(grad, theta []float64) error {
		return o.of.(objective.Sampler[float64]).Weighted(grad, theta, weights, c)
	})
}

// widen calls f in float64.
func (o narrow) widen(grad, theta []float32, f func(grad, theta []float64) error) error {
	g, x := make([]float64, len(grad)), make([]float64, len(theta))
	for i := range theta {
		g[i], x[i] = float64(grad[i]), float64(theta[i])
	}
	err := f(g, x)
	for i, v := range g {
		grad[i] = float32(v)
	}
	return err
}

// In float32 all choices take the steps that they take in float64.
func TestChoicesInFloat32(t *testing.T) {
	p := problems["network"]
	eachMethod(t, "sam", func(name string, m sam.Method, err error) {
		if err != nil {
			return
		}
		s, err := sam.SettingsOf[float32](m, often(m))
		if err != nil {
			t.Fatal(name, err)
		}
		base, err := optim.NewSGD[float32](26, optim.SGDSettings{LR: optim.Constant(.05), Momentum: .5})
		if err != nil {
			t.Fatal(err)
		}
		single, err := sam.New(26, base, s)
		if err != nil {
			t.Fatal(name, err)
		}
		double, theta, want := mustCompose(t, m), make([]float32, 26), slices.Clone(p.start)
		for i, v := range want {
			theta[i] = float32(v)
		}
		weights := shares(m)
		for step := range 5 {
			if _, err := single.StepMicrobatches(theta, weights, narrow{p.at(step, len(weights))}); err != nil {
				t.Fatal(name, err)
			}
			if _, err := double.StepMicrobatches(want, weights, p.at(step, len(weights))); err != nil {
				t.Fatal(name, err)
			}
		}
		for i, v := range theta {
			if !(math.Abs(float64(v)-want[i]) < 1e-4) {
				t.Errorf("%s: theta %v, in float64 %v", name, theta, want)
				break
			}
		}
	})
}

// A warm step of Sparse SAM that makes a mask allocates nothing.
func TestMaskAllocatesNothing(t *testing.T) {
	p := problems["network"]
	s, err := sam.Family[float64]("sparse-sam", sam.Params{Rho: sam.Constant(.1), Own: map[string]float64{"mask-every": 1}})
	if err != nil {
		t.Fatal(err)
	}
	base, err := optim.NewSGD[float64](len(p.start), optim.SGDSettings{LR: optim.Constant(.01)})
	if err != nil {
		t.Fatal(err)
	}
	st, err := sam.New(len(p.start), base, s)
	if err != nil {
		t.Fatal(err)
	}
	theta, obj := slices.Clone(p.start), p.at(0, 1)
	step := func() {
		if _, err := st.Step(theta, obj); err != nil {
			t.Fatal(err)
		}
	}
	step()
	if a := testing.AllocsPerRun(10, step); a != 0 {
		t.Errorf("%g allocations a step", a)
	}
}

// A warm step allocates nothing, but in the metric of examples, whose equations are as many as the minibatch has.
func TestChoicesAllocateNothing(t *testing.T) {
	p := problems["network"]
	eachMethod(t, "sam", func(name string, m sam.Method, err error) {
		if err != nil || m.Length == "example" {
			return
		}
		weights := shares(m)
		st, theta, obj := mustCompose(t, m), slices.Clone(p.start), p.at(0, len(weights))
		step := func() {
			if _, err := st.StepMicrobatches(theta, weights, obj); err != nil {
				t.Fatal(name, err)
			}
		}
		for range 6 { // recent gradients are there, and LookSAM has perturbed twice
			step()
		}
		if a := testing.AllocsPerRun(10, step); a != 0 {
			t.Errorf("%s: %g allocations a step", name, a)
		}
	})
}

// No two choices of different seams, nor a choice and a shared setting, share a number's name, so that all may stand in one method.
func TestNumbersOfTheirOwn(t *testing.T) {
	owners := map[string]string{}
	for _, s := range sam.SharedSettings() {
		owners[s] = "shared"
	}
	for seam, list := range map[string][]sam.Choice{"direction": sam.Directions(), "length": sam.MetricLengths(), "descent": sam.Descents()} {
		for _, c := range list {
			for _, n := range c.Numbers {
				if o := owners[n.Name]; o != "" && o != seam {
					t.Errorf("%s is a number of a %s and of a %s", n.Name, o, seam)
				}
				owners[n.Name] = seam
				if n.Help == "" {
					t.Errorf("%s of %s has no help", n.Name, c.Name)
				}
			}
		}
	}
}

// What needs the whole gradient at theta, or all parameters, is not made of a part.
func TestPartsOfChoices(t *testing.T) {
	part := []objective.Range{{From: 12, To: 16}}
	whole := []string{"eigenvector", "hessian", "momentum", "gap", "weighted", "reuse", "curvature"}
	eachMethod(t, "sam", func(name string, m sam.Method, err error) {
		if err != nil {
			return
		}
		for what, change := range map[string]func(*sam.Settings[float64]){
			"ascent-on":    func(s *sam.Settings[float64]) { s.Part = part },
			"ascent-batch": func(s *sam.Settings[float64]) { s.AscentBatch = .5 },
		} {
			refused := what == "ascent-on" && m.Length == "example" ||
				slices.ContainsFunc(strings.Split(name, ", "), func(c string) bool { return slices.Contains(whole, c) })
			st, err := composed(t, m, change)
			if (err != nil) != refused || m.Has(what) == refused {
				t.Errorf("%s: %s: error %v, has %t, should be refused %t", name, what, err, m.Has(what), refused)
				continue
			}
			if err == nil && what == "ascent-on" {
				staysIn(t, name, st, part[0])
			}
		}
	})
}

// staysIn checks that the perturbations of some steps are of a part of the parameters.
func staysIn(t *testing.T, name string, st *sam.Stepper[float64], part objective.Range) {
	p := problems["network"]
	theta := slices.Clone(p.start)
	for step := range 3 {
		w := &witness{obj: p.at(step, 1)}
		if _, err := st.Step(theta, w); err != nil {
			t.Fatal(name, err)
		}
		moved, want := 0, part.To-part.From
		if strings.HasPrefix(name, "sparse") { // half of them, or more by the directions of a metric's gradients
			want -= want / 2
		}
		for i := range theta {
			inside := i >= part.From && i < part.To
			if d := w.last[i] - w.first[i]; d != 0 && !inside {
				t.Fatalf("%s: parameter %d is perturbed by %g", name, i, d)
			} else if d != 0 {
				moved++
			}
		}
		if moved < want {
			t.Fatalf("%s: %d parameters of the part are perturbed, want at least %d", name, moved, want)
		}
	}
}

// witness keeps the first and the last point at which a gradient was taken.
type witness struct {
	obj         sam.Objective[float64]
	first, last []float64
	calls       []sam.Call
}

func (w *witness) Gradient(grad, theta []float64, c sam.Call) (float64, error) {
	if w.first == nil {
		w.first = slices.Clone(theta)
	}
	w.last, w.calls = slices.Clone(theta), append(w.calls, c)
	return w.obj.Gradient(grad, theta, c)
}

func (w *witness) Gram(grad, theta []float64, c sam.Call) ([]float64, float64, error) {
	w.first, w.calls = slices.Clone(theta), append(w.calls, c)
	return w.obj.(objective.Sampler[float64]).Gram(grad, theta, c)
}

func (w *witness) Weighted(grad, theta, weights []float64, c sam.Call) error {
	w.calls = append(w.calls, c)
	return w.obj.(objective.Sampler[float64]).Weighted(grad, theta, weights, c)
}

// A choice that keeps something, or looks at more than one gradient, is not for each microbatch.
func TestPerMicrobatchOfChoices(t *testing.T) {
	fit := []string{"gradient", "rho", "monge", "power", "adaptive", "fisher", "perturbed"}
	eachMethod(t, "sam", func(name string, m sam.Method, err error) {
		if err != nil {
			return
		}
		all := !slices.ContainsFunc(strings.Split(name, ", "), func(c string) bool { return !slices.Contains(fit, c) })
		_, err = composed(t, m, func(s *sam.Settings[float64]) { s.PerMicrobatch = true })
		if (err == nil) != all || m.Has("per-microbatch") != all {
			t.Errorf("%s: error %v, has %t, want %t", name, err, m.Has("per-microbatch"), all)
		}
	})
}

// A step computes as many gradients as its method says.
func TestGradientsOfChoices(t *testing.T) {
	p := problems["network"]
	eachMethod(t, "sam", func(name string, m sam.Method, err error) {
		if err != nil {
			return
		}
		w := &witness{obj: p.at(0, 1)}
		if _, err := mustCompose(t, m).Step(slices.Clone(p.start), w); err != nil {
			t.Fatal(name, err)
		}
		// The first step looks for the eigenvector.
		own := map[string]float64{}
		if strings.HasPrefix(name, "eigenvector") {
			own["eigen-every"] = 1
		}
		if got, want := float64(len(w.calls)), m.Gradients(own, 0); got != want {
			t.Errorf("%s: %g gradients, want %g", name, got, want)
		}
	})
}

// Impossible numbers are errors that name them.
func TestNumbersOfChoicesErrors(t *testing.T) {
	m, err := sam.FindMethod("sam")
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{ // of each number, values that it can't have
		"theta": "-.1 1.1 NaN", "lambda": "-.1 1.1 NaN", "sigma": "NaN Inf", "sparsity": "-.1 1 NaN", "mask-every": "0 1.5 -1 NaN Inf",
		"eigen-alpha": "-1 NaN Inf", "eigen-every": "0 .5 NaN Inf", "eigen-powers": "0 2.5 NaN Inf",
		"p": ".9 NaN -Inf", "metric-points": "0 1.5 -2 NaN Inf", "beta": "-.1 1.1 NaN", "metric-spread": "0 -1 NaN Inf",
		"gsam-alpha": "NaN Inf", "looksam-alpha": "-1 NaN Inf", "gamma": "-.1 1 NaN", "least-loss": "NaN Inf", "curvature": "NaN -Inf", "slope": "NaN Inf",
	}
	seams := []struct {
		list []sam.Choice
		with func(name string) (sam.Method, error)
	}{
		{sam.Directions(), func(name string) (sam.Method, error) { return m.With(name, "", "") }},
		{sam.MetricLengths(), func(name string) (sam.Method, error) { return m.With("", name, "") }},
		{sam.Descents(), func(name string) (sam.Method, error) { return m.With("", "", name) }},
	}
	for _, seam := range seams {
		for _, c := range seam.list {
			made, err := seam.with(c.Name)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range c.Numbers {
				if bad[n.Name] == "" {
					t.Errorf("%s of %s may be anything", n.Name, c.Name)
				}
				for _, v := range numbers(t, bad[n.Name]) {
					_, err := sam.SettingsOf[float32](made, sam.Params{Rho: sam.Constant(.1), Own: map[string]float64{n.Name: v}})
					if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%s is %g", n.Name, v)) {
						t.Errorf("%s: %s %g: error %v", c.Name, n.Name, v, err)
					}
				}
			}
			if slices.Contains(c.Uses, "alpha") {
				for _, v := range numbers(t, "-1 NaN Inf") {
					_, err := sam.SettingsOf[float32](made, sam.Params{Rho: sam.Constant(.1), Alpha: &v})
					if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("alpha is %g", v)) {
						t.Errorf("%s: alpha %g: error %v", c.Name, v, err)
					}
				}
			}
		}
	}
}

// numbers reads some.
func numbers(t *testing.T, text string) (list []float64) {
	for _, word := range strings.Fields(text) {
		var v float64
		if _, err := fmt.Sscan(word, &v); err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// Names that there are not, and methods without seams, are errors that say what there is.
func TestWithErrors(t *testing.T) {
	for want, c := range map[string][4]string{
		`unknown direction "momentun" (did you mean momentum?)`: {"sam", "momentun", "", ""},
		`unknown length "monges"`:                               {"sam", "", "monges", ""},
		`unknown descent "gapp"`:                                {"sam", "", "", "gapp"},
		"method none takes no other direction, length or descent: it does not perturb; choose another method, like sam": {"none", "", "monge", ""},
		"method power takes no other direction, length or descent: it is one of its own":                                {"power", "", "monge", ""},
		"descent gap needs the gradient at theta, which direction momentum does without":                                {"gsam", "momentum", "", ""},
	} {
		m, err := sam.FindMethod(c[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.With(c[1], c[2], c[3]); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	m, _ := sam.FindMethod("gsam")
	if made, err := m.With("", "monge", "gap"); err != nil || made.Label != "GSAM, length monge" || made.Alpha != 1 {
		t.Errorf("%+v, %v", made, err)
	}
}

// What sam.New is told of parts, shares and first steps must be possible, and a base optimizer must have what a choice steps by.
func TestAscentErrors(t *testing.T) {
	of := func(method string) sam.Settings[float64] {
		s, err := sam.Family[float64](method, sam.Params{Rho: sam.Constant(.1)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	ranges := func(ends ...int) (list []objective.Range) {
		for i := 0; i < len(ends); i += 2 {
			list = append(list, objective.Range{From: ends[i], To: ends[i+1]})
		}
		return list
	}
	for _, tt := range []struct {
		want, method string
		change       func(*sam.Settings[float64])
	}{
		{"the ascent is on the norms alone, and it is not known which parameters these are", "sam-on", func(*sam.Settings[float64]) {}},
		{"on no parameter: there are no norms", "sam-on", func(s *sam.Settings[float64]) { s.Part = []objective.Range{} }},
		{"on no parameter: there are no parts", "sam", func(s *sam.Settings[float64]) { s.Part = []objective.Range{} }},
		{"a part from 2 to 2", "sam", func(s *sam.Settings[float64]) { s.Part = ranges(2, 2) }},
		{"a part from -1 to 2", "sam", func(s *sam.Settings[float64]) { s.Part = ranges(-1, 2) }},
		{"a part from 3 to 6, behind 0, of 5 parameters", "sam", func(s *sam.Settings[float64]) { s.Part = ranges(3, 6) }},
		{"a part from 1 to 3, behind 2", "sam", func(s *sam.Settings[float64]) { s.Part = ranges(0, 2, 1, 3) }},
		{"share of the minibatch is -0.5", "sam", func(s *sam.Settings[float64]) { s.AscentBatch = -.5 }},
		{"share of the minibatch is 1.5", "sam", func(s *sam.Settings[float64]) { s.AscentBatch = 1.5 }},
		{"the first step to perturb is -1", "sam", func(s *sam.Settings[float64]) { s.From = -1 }},
		{"interval is -2", "sam", func(s *sam.Settings[float64]) { s.Interval = -2 }},
		{"direction momentum goes along the base optimizer's momentum, and it has none", "momentum-sam", func(*sam.Settings[float64]) {}},
		{"takes no gradient at theta", "momentum-sam", func(s *sam.Settings[float64]) { s.AscentBatch = .5 }},
		{"takes no gradient at theta", "momentum-sam", func(s *sam.Settings[float64]) { s.Part = ranges(0, 2) }},
		{"leave PerMicrobatch out", "momentum-sam", func(s *sam.Settings[float64]) { s.PerMicrobatch = true }},
		{"the whole gradient at theta", "gsam", func(s *sam.Settings[float64]) { s.AscentBatch = .5 }},
		{"the whole gradient at theta", "gsam", func(s *sam.Settings[float64]) { s.Part = ranges(0, 2) }},
		{"the whole gradient at theta", "eigen-sam", func(s *sam.Settings[float64]) { s.Part = ranges(0, 2) }},
		{"the whole gradient at theta", "eigen-sam", func(s *sam.Settings[float64]) { s.AscentBatch = .5 }},
	} {
		s := of(tt.method)
		tt.change(&s)
		base, err := optim.NewSGD[float64](5, optim.SGDSettings{LR: optim.Constant(.1)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sam.New(5, base, s); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.method, err, tt.want)
		}
	}
	for method, want := range map[string]string{"wsam": "learning rate, which it does not tell", "sam-sps": "learning rate, which it does not tell", "momentum-sam": "it has none"} {
		if _, err := sam.New(5, bare{}, of(method)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s over a bare base optimizer: %v", method, err)
		}
	}
}

// bare is a base optimizer that tells nothing.
type bare struct{}

func (bare) Step(_, _ []float64) error      { return nil }
func (bare) MarshalBinary() ([]byte, error) { return nil, nil }
func (bare) UnmarshalBinary([]byte) error   { return nil }

// Eigen-SAM looks for the eigenvector again when the steps are over after which it should, whichever steps perturb.
func TestEigenvectorBetweenSteps(t *testing.T) {
	c := familyCase{method: "eigen-sam", own: eigenNumbers, from: 2, interval: 3}
	p := problems["network"]
	theta, st := slices.Clone(p.start), c.stepper(t, p)
	var looked []int
	for step := range 20 {
		w := &witness{obj: p.at(step, 1)}
		if _, err := st.Step(theta, w); err != nil {
			t.Fatal(err)
		}
		if len(w.calls) == 2+3 {
			looked = append(looked, step)
		}
	}
	if want := []int{2, 8, 14}; !slices.Equal(looked, want) {
		t.Errorf("looked at steps %v, want %v: every fourth step, if it perturbs, or the next that does", looked, want)
	}
}

// Between perturbations all choices leave the base optimizer's own step, but for Polyak's length of it.
func TestPlainStepsOfChoices(t *testing.T) {
	p := problems["network"]
	none, err := sam.FindMethod("none")
	if err != nil {
		t.Fatal(err)
	}
	base, err := optim.NewSGD[float64](26, optim.SGDSettings{LR: optim.Constant(.05), Momentum: .5})
	if err != nil {
		t.Fatal(err)
	}
	s, err := sam.SettingsOf[float64](none, sam.Params{})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := sam.New(26, base, s)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(p.start)
	for step := range 2 {
		if _, err := plain.Step(want, p.at(step, 1)); err != nil {
			t.Fatal(err)
		}
	}
	eachMethod(t, "sam", func(name string, m sam.Method, err error) {
		if err != nil || strings.HasSuffix(name, "polyak") {
			return
		}
		st, err := composed(t, m, func(s *sam.Settings[float64]) { s.From, s.Interval = 2, 2 })
		if err != nil {
			t.Fatal(name, err)
		}
		theta := slices.Clone(p.start)
		for step := range 6 {
			r, err := st.Step(theta, p.at(step, 1))
			if err != nil || r.Perturbed != (step == 2 || step == 4) {
				t.Fatalf("%s: step %d perturbs %t, %v", name, step, r.Perturbed, err)
			}
			if step == 1 && !slices.Equal(theta, want) {
				t.Errorf("%s: %v after two plain steps, want %v", name, theta, want)
			}
		}
	})
}

// broken fails at one of a step's evaluations.
type broken struct {
	of    sam.Objective[float64]
	after int
}

func (b *broken) Gradient(grad, theta []float64, c sam.Call) (float64, error) {
	if b.after--; b.after < 0 {
		return 0, errBroken
	}
	return b.of.Gradient(grad, theta, c)
}

func (b *broken) Gram(grad, theta []float64, c sam.Call) ([]float64, float64, error) {
	if b.after--; b.after < 0 {
		return nil, 0, errBroken
	}
	return b.of.(objective.Sampler[float64]).Gram(grad, theta, c)
}

func (b *broken) Weighted(grad, theta, weights []float64, c sam.Call) error {
	if b.after--; b.after < 0 {
		return errBroken
	}
	return b.of.(objective.Sampler[float64]).Weighted(grad, theta, weights, c)
}

var errBroken = errors.New("broken")

// A step that fails, at whichever evaluation, leaves all as it was, and the next is as if it had not been.
func TestChoicesKeepNothingOfAFailedStep(t *testing.T) {
	p := problems["network"]
	eachMethod(t, "sam", func(name string, m sam.Method, err error) {
		if err != nil {
			return
		}
		st, theta := mustCompose(t, m), slices.Clone(p.start)
		calm, want := mustCompose(t, m), slices.Clone(p.start)
		weights := shares(m)
		for step := range 3 {
			before, _ := st.MarshalBinary()
			for after := 0; ; after++ {
				_, err := st.StepMicrobatches(theta, weights, &broken{p.at(step, len(weights)), after})
				if err == nil {
					break
				}
				now, _ := st.MarshalBinary()
				if !errors.Is(err, errBroken) || !bytes.Equal(before, now) || !slices.Equal(theta, want) {
					t.Fatalf("%s: step %d fails at evaluation %d: %v; the state changed: %t", name, step, after, err, !bytes.Equal(before, now))
				}
			}
			if _, err := calm.StepMicrobatches(want, weights, p.at(step, len(weights))); err != nil {
				t.Fatal(name, err)
			}
			if !slices.Equal(theta, want) {
				t.Fatalf("%s: step %d after others that failed is to %v, want %v", name, step, theta, want)
			}
		}
	})
}

// saddle is a quadratic, of two examples that are alike.
type saddle struct{}

func (saddle) Gradient(grad, theta []float64, c sam.Call) (loss float64, err error) {
	for i, x := range theta {
		h := float64(i%3 - 1)
		loss += h * x * x / 2
		put(grad, i, c, h*x)
	}
	return loss, nil
}

func (s saddle) Gram(grad, theta []float64, c sam.Call) ([]float64, float64, error) {
	loss, err := s.Gradient(grad, theta, c)
	n := norm(grad)
	return []float64{n * n, n * n, n * n, n * n}, loss, err
}

func (s saddle) Weighted(grad, theta, w []float64, c sam.Call) error {
	c.Weight = w[0] + w[1]
	_, err := s.Gradient(grad, theta, c)
	return err
}

// Where nothing has a slope all choices stay.
func TestChoicesAtAStationaryPoint(t *testing.T) {
	eachMethod(t, "sam", func(name string, m sam.Method, err error) {
		if err != nil {
			return
		}
		st, theta := mustCompose(t, m), make([]float64, 26)
		for range 3 {
			if _, err := st.Step(theta, saddle{}); err != nil || !slices.Equal(theta, make([]float64, 26)) {
				t.Fatalf("%s: to %v, %v", name, theta, err)
			}
		}
	})
}

// A state that was cut or damaged is refused, whatever the choices keep, and changes nothing.
func TestCutStatesOfChoices(t *testing.T) {
	p := problems["network"]
	eachMethod(t, "sam", func(name string, m sam.Method, err error) {
		if err != nil || strings.Count(name, "gradient")+strings.Count(name, "rho")+strings.Count(name, "perturbed") < 2 {
			return // one choice suffices
		}
		st, theta, weights := mustCompose(t, m), slices.Clone(p.start), shares(m)
		for step := range 2 {
			if _, err := st.StepMicrobatches(theta, weights, p.at(step, len(weights))); err != nil {
				t.Fatal(name, err)
			}
		}
		state, _ := st.MarshalBinary()
		fresh := mustCompose(t, m)
		before, _ := fresh.MarshalBinary()
		for cut := range state {
			if err := fresh.UnmarshalBinary(state[:cut]); err == nil {
				t.Fatalf("%s: a state cut at %d of %d bytes was accepted", name, cut, len(state))
			}
		}
		if bytes.HasPrefix(state, []byte("monge/sam 2\n")) { // behind that a step, a number of choices, and a length; then what one keeps
			for i := range 8 {
				state[36+i] = 0xff
			}
			if err := fresh.UnmarshalBinary(state); err == nil {
				t.Errorf("%s: a damaged state was accepted", name)
			}
		}
		if now, _ := fresh.MarshalBinary(); !bytes.Equal(before, now) {
			t.Errorf("%s: states that were refused changed something", name)
		}
	})
}

// The error for a setting that a method lacks says with which other choices it lacks it, and names the choices that have it.
func TestLacks(t *testing.T) {
	one := 1.
	for _, c := range []struct{ method, length, descent, setting, want string }{
		{"sam", "", "gap", "ascent-batch", "method sam with descent gap has no ascent-batch: it is for sam, m-sam"},
		{"sam", "", "", "metric-points", "method sam has no metric-points: it is for length recent, length nearby and length hessian"},
		{"sam", "power", "reuse", "gamma", "method sam with length power, descent reuse has no gamma: it is for wsam"},
	} {
		m, err := sam.FindMethod(c.method)
		if err == nil {
			m, err = m.With("", c.length, c.descent)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Lacks(c.setting); !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	m, err := sam.FindMethod("m-sam")
	if err == nil {
		m, err = m.With("", "rho", "")
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Fill(sam.Params{Rho: sam.Constant(1), Alpha: &one})
	if want := "method m-sam with length rho has no loss axis: alpha is for m-sam, length recent,"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// A descent that keeps gradients, steps beside the base optimizer or by its learning rate takes no preconditioned ones.
func TestPreconditionedDescents(t *testing.T) {
	asam, err := sam.FindMethod("asam")
	if err != nil {
		t.Fatal(err)
	}
	for descent, want := range map[string]bool{"perturbed": true, "gap": true, "curvature": true, "reuse": false, "weighted": false, "polyak": false} {
		m, err := asam.With("", "", descent)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Has("precondition-descent"); got != want {
			t.Errorf("asam with descent %s preconditions it: %t, want %t", descent, got, want)
		}
	}
}

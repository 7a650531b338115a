package sam

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/monge-ml/monge/optim"
)

// quadratics is a mean of k quadratics, one per microbatch, each (theta-c_i)²/2·h_i.
type quadratics struct {
	centre, h [][]float32
	calls     []Call
	fail      func(c Call, grad []float32) (float64, error) // nil result: go on
}

func newQuadratics(k, n int) *quadratics {
	rng := rand.New(rand.NewPCG(7, 8))
	q := &quadratics{}
	for range k {
		c, h := make([]float32, n), make([]float32, n)
		for i := range c {
			c[i], h[i] = float32(rng.NormFloat64()), float32(1+rng.Float64())
		}
		q.centre, q.h = append(q.centre, c), append(q.h, h)
	}
	return q
}

func (q *quadratics) Gradient(grad, theta []float32, c Call) (float64, error) {
	q.calls = append(q.calls, c)
	var loss float64
	for i, t := range theta {
		d := t - q.centre[c.Micro][i]
		loss += float64(q.h[c.Micro][i]*d*d) / 2
		g := float32(c.Weight) * q.h[c.Micro][i] * d
		if c.Add {
			grad[i] += g
		} else {
			grad[i] = g
		}
	}
	if q.fail != nil {
		if l, err := q.fail(c, grad); l != 0 || err != nil {
			return l, err
		}
	}
	return loss, nil
}

func newSGD(t testing.TB, n int) *optim.SGD[float32] {
	t.Helper()
	o, err := optim.NewSGD[float32](n, optim.SGDSettings{LR: optim.Constant(.05), Momentum: .9, WeightDecay: 1e-3})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func newStepper(t testing.TB, n int, s Settings[float32]) *Stepper[float32] {
	t.Helper()
	st, err := New(n, newSGD(t, n), s)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func start(n int) []float32 {
	theta := make([]float32, n)
	for i := range theta {
		theta[i] = float32(i%7) / 3
	}
	return theta
}

func mustSteps(t testing.TB, st *Stepper[float32], theta []float32, weights []float64, obj Objective[float32], steps int) (rs []Result) {
	t.Helper()
	for range steps {
		r, err := st.StepMicrobatches(theta, weights, obj)
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, r)
	}
	return rs
}

func TestRhoZeroIsBaseOptimizer(t *testing.T) {
	const n, steps = 33, 20
	q := newQuadratics(1, n)
	want, g := start(n), make([]float32, n)
	base := newSGD(t, n)
	for range steps {
		if _, err := q.Gradient(g, want, Call{Weight: 1}); err != nil {
			t.Fatal(err)
		}
		if err := base.Step(want, g); err != nil {
			t.Fatal(err)
		}
	}
	for name, s := range map[string]Settings[float32]{
		"zero settings": {},
		"SAM":           {Rho: Constant(0)},
		"M-SAM":         {Rho: Constant(0), Alpha: 1},
		"budget":        {Rho: Constant(0), AscentBudget: Constant(.1)},
		"ASAM":          {Rho: Constant(0), Metric: Adaptive[float32]{Eta: .01}},
	} {
		q.calls = nil
		theta := start(n)
		mustSteps(t, newStepper(t, n, s), theta, whole, q, steps)
		if !reflect.DeepEqual(theta, want) {
			t.Errorf("%s: rho = 0 does not follow the base optimizer bit for bit", name)
		}
		if len(q.calls) != steps {
			t.Errorf("%s: rho = 0 took %d gradients in %d steps", name, len(q.calls), steps)
		}
	}
}

func TestResult(t *testing.T) {
	const rho, n = .3, 9
	q := newQuadratics(1, n)
	theta := start(n)
	before := append([]float32(nil), theta...)
	r := mustSteps(t, newStepper(t, n, Settings[float32]{Rho: Constant(rho), Alpha: 1}), theta, whole, q, 1)[0]

	g, g2, z := make([]float32, n), make([]float32, n), make([]float32, n)
	loss, _ := q.Gradient(g, before, Call{Weight: 1})
	var n2 float64
	for _, v := range g {
		n2 += float64(v) * float64(v)
	}
	norm := math.Sqrt(n2)
	delta := rho / math.Sqrt(1+n2)
	for i := range z {
		z[i] = before[i] + float32(delta/norm*float64(g[i]))
	}
	loss2, _ := q.Gradient(g2, z, Call{Weight: 1})
	var m2 float64
	for _, v := range g2 {
		m2 += float64(v) * float64(v)
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"Loss", r.Loss, loss}, {"PerturbedLoss", r.PerturbedLoss, loss2},
		{"Ascent", r.Ascent(), loss2 - loss}, {"GradNorm", r.GradNorm, norm},
		{"PerturbedGradNorm", r.PerturbedGradNorm, math.Sqrt(m2)}, {"DeltaNorm", r.DeltaNorm, delta},
		{"EffectiveRadius", r.EffectiveRadius, delta / norm}, {"PredictedAscent", r.PredictedAscent, delta * norm},
	} {
		if !(math.Abs(c.got-c.want) <= 1e-6*math.Abs(c.want)) {
			t.Errorf("%s = %g, want %g", c.name, c.got, c.want)
		}
	}
	if !r.Perturbed || !q.calls[1].Perturbed || q.calls[0].Perturbed || q.calls[0].Micro != q.calls[1].Micro {
		t.Errorf("calls %+v: the second pass must be marked perturbed, on the same microbatch", q.calls[:2])
	}
}

// Microbatches that perturb once are the step on the whole batch.
func TestMicrobatchesAreExact(t *testing.T) {
	const k, n, steps = 3, 17, 10
	weights := []float64{.5, .3, .2}
	q := newQuadratics(k, n)
	mean := Func(func(grad, theta []float32) (loss float64) {
		clear(grad)
		for i, w := range weights {
			l, _ := q.Gradient(grad, theta, Call{Micro: i, Weight: w, Add: true})
			loss += w * l
		}
		return loss
	})
	s := Settings[float32]{Rho: Constant(.2), Alpha: 1}
	a, b := start(n), start(n)
	ra := mustSteps(t, newStepper(t, n, s), a, weights, q, steps)
	rb := mustSteps(t, newStepper(t, n, s), b, whole, mean, steps)
	for i := range a {
		if !(math.Abs(float64(a[i]-b[i])) < 1e-6) {
			t.Fatalf("theta[%d] = %g over microbatches, %g over the whole batch", i, a[i], b[i])
		}
	}
	for i := range ra {
		if !(math.Abs(ra[i].PredictedAscent-rb[i].PredictedAscent) < 1e-6) {
			t.Fatalf("step %d: results differ: %+v, %+v", i, ra[i], rb[i])
		}
	}
}

// m-sharpness: the descent gradient is the mean of gradients, each at its own
// microbatch's perturbed point.
func TestPerMicrobatch(t *testing.T) {
	const k, n, rho = 3, 17, .2
	weights := []float64{.5, .3, .2}
	q := newQuadratics(k, n)
	theta := start(n)
	want := make([]float32, n)
	var predicted float64
	for m, w := range weights {
		g, z := make([]float32, n), make([]float32, n)
		q.Gradient(g, theta, Call{Micro: m, Weight: 1})
		var n2 float64
		for _, v := range g {
			n2 += float64(v) * float64(v)
		}
		c := rho / math.Sqrt(n2) / math.Sqrt(1+n2)
		predicted += w * c * n2
		for i := range z {
			z[i] = theta[i] + float32(c)*g[i]
		}
		q.Gradient(want, z, Call{Micro: m, Weight: w, Add: true})
	}
	base := &record32{}
	st, err := New(n, base, Settings[float32]{Rho: Constant(rho), Alpha: 1, PerMicrobatch: true})
	if err != nil {
		t.Fatal(err)
	}
	r := mustSteps(t, st, theta, weights, q, 1)[0]
	for i := range want {
		if !(math.Abs(float64(base.grad[i]-want[i])) < 1e-6) {
			t.Fatalf("descent gradient [%d] = %g, want %g", i, base.grad[i], want[i])
		}
	}
	if !(math.Abs(r.PredictedAscent-predicted) < 1e-6) {
		t.Errorf("predicted ascent %g, want the weighted mean %g", r.PredictedAscent, predicted)
	}
}

type record32 struct{ grad []float32 }

func (r *record32) Step(_, grad []float32) error {
	r.grad = append(r.grad[:0], grad...)
	return nil
}
func (r *record32) MarshalBinary() ([]byte, error) { return nil, nil }
func (r *record32) UnmarshalBinary([]byte) error   { return nil }

// Interval k takes both passes at steps 0, k, 2k and one in between.
func TestInterval(t *testing.T) {
	q := newQuadratics(1, 5)
	st := newStepper(t, 5, Settings[float32]{Rho: Constant(.1), Interval: 3})
	var got []bool
	for _, r := range mustSteps(t, st, start(5), whole, q, 7) {
		got = append(got, r.Perturbed)
	}
	if want := []bool{true, false, false, true, false, false, true}; !reflect.DeepEqual(got, want) {
		t.Errorf("perturbed at %v, want %v", got, want)
	}
	if len(q.calls) != 7+3 {
		t.Errorf("%d gradients in 7 steps, want 10", len(q.calls))
	}
}

func TestSchedulesReachTheStep(t *testing.T) {
	q := newQuadratics(1, 5)
	base, err := optim.NewSGD[float32](5, optim.SGDSettings{LR: optim.Linear{From: .1, Steps: 4}})
	if err != nil {
		t.Fatal(err)
	}
	st, err := New(5, base, Settings[float32]{Rho: optim.Linear{From: .4, To: .1, Steps: 3}})
	if err != nil {
		t.Fatal(err)
	}
	theta := start(5)
	for i, rho := range []float64{.4, .3, .2, .1, .1} {
		if lr := base.LR(); !(math.Abs(lr-max(0, .1-.025*float64(i))) < 1e-12) {
			t.Errorf("step %d: the base optimizer's learning rate is %g", i, lr)
		}
		r := mustSteps(t, st, theta, whole, q, 1)[0]
		if !(math.Abs(r.DeltaNorm-rho) < 1e-9) {
			t.Errorf("step %d: |delta| = %g, want %g", i, r.DeltaNorm, rho)
		}
	}
	last := append([]float32(nil), theta...)
	if mustSteps(t, st, theta, whole, q, 1); !reflect.DeepEqual(theta, last) {
		t.Error("theta moved at a learning rate of 0")
	}
}

func TestZeroGradient(t *testing.T) {
	for _, m := range []Metric[float32]{Euclidean[float32]{}, Fisher[float32]{Eta: 1}, Adaptive[float32]{}} {
		for _, s := range []Settings[float32]{
			{Rho: Constant(1), Metric: m}, {Rho: Constant(1), Alpha: 1, Metric: m},
			{Rho: Constant(math.Inf(1)), AscentBudget: Constant(1), Metric: m},
		} {
			theta := []float32{1, -2, 0}
			r := mustSteps(t, newStepper(t, 3, s), theta, whole, Func(func(g, at []float32) float64 {
				clear(g)
				return float64(at[0] + at[1] + at[2])
			}), 1)[0]
			if r.DeltaNorm != 0 || r.PredictedAscent != 0 || r.EffectiveRadius != 0 || r.Ascent() != 0 {
				t.Errorf("%T: a zero gradient perturbed: %+v", m, r)
			}
			if math.IsNaN(float64(theta[0] + theta[1] + theta[2])) {
				t.Errorf("%T: a zero gradient gave NaN parameters", m)
			}
		}
	}
}

// A NaN or an infinity in any pass is an error that names the pass and changes nothing.
func TestNonFinite(t *testing.T) {
	const n = 5
	nan, inf := math.NaN(), math.Inf(1)
	bad := map[string]func(grad []float32) float64{
		"NaN loss":     func([]float32) float64 { return nan },
		"Inf loss":     func([]float32) float64 { return inf },
		"NaN gradient": func(g []float32) float64 { g[n-1] = float32(nan); return 1 },
		"Inf gradient": func(g []float32) float64 { g[0] = float32(-inf); return 1 },
	}
	modes := map[string]Settings[float32]{
		"plain":           {},
		"sam":             {Rho: Constant(.1)},
		"m-sam":           {Rho: Constant(.1), Alpha: 1},
		"asam":            {Rho: Constant(.1), Metric: Adaptive[float32]{Eta: .1}},
		"fisher":          {Rho: Constant(.1), Metric: Fisher[float32]{Eta: 1}},
		"per microbatch":  {Rho: Constant(.1), PerMicrobatch: true},
		"preconditioned":  {Rho: Constant(.1), Metric: Adaptive[float32]{Eta: .1}, PreconditionDescent: true},
		"infinite radius": {Rho: Constant(inf), AscentBudget: Constant(.1)},
	}
	for mode, s := range modes {
		for what, make := range bad {
			for _, perturbed := range []bool{false, true} {
				if perturbed && mode == "plain" {
					continue
				}
				q := newQuadratics(2, n)
				theta, st := start(n), newStepper(t, n, s)
				mustSteps(t, st, theta, []float64{.5, .5}, q, 2)
				before := append([]float32(nil), theta...)
				state, _ := st.MarshalBinary()
				q.fail = func(c Call, grad []float32) (float64, error) {
					if c.Perturbed == perturbed && c.Micro == 1 {
						return make(grad), nil
					}
					return 0, nil
				}
				_, err := st.StepMicrobatches(theta, []float64{.5, .5}, q)
				var nf *NonFiniteError
				if !errors.As(err, &nf) {
					t.Errorf("%s, %s, perturbed %v: error %v", mode, what, perturbed, err)
					continue
				}
				if after, _ := st.MarshalBinary(); !reflect.DeepEqual(theta, before) || !reflect.DeepEqual(state, after) {
					t.Errorf("%s, %s, perturbed %v: the failed step changed theta or the state", mode, what, perturbed)
				}
				want := map[bool]string{false: "ascent gradient at theta", true: "descent gradient at theta+delta"}[perturbed]
				if mode == "plain" {
					want = "gradient at theta"
				}
				if !strings.HasSuffix(what, " "+nf.What) {
					t.Errorf("%s, %s, perturbed %v: says that the %s is not finite", mode, what, perturbed, nf.What)
				}
				if nf.Pass != want || nf.Step != 2 || !strings.HasPrefix(err.Error(), "step 2: "+want+": the ") {
					t.Errorf("%s, %s, perturbed %v: %v", mode, what, perturbed, err)
				}
			}
		}
	}
}

// A caller's error comes through with the step and the pass, and changes nothing.
func TestObjectiveError(t *testing.T) {
	broken := errors.New("broken")
	q := newQuadratics(1, 3)
	q.fail = func(c Call, _ []float32) (float64, error) {
		if c.Perturbed {
			return 0, broken
		}
		return 0, nil
	}
	theta := start(3)
	_, err := newStepper(t, 3, Settings[float32]{Rho: Constant(.1)}).Step(theta, q)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "step 0: descent gradient") {
		t.Errorf("error %v", err)
	}
	if !reflect.DeepEqual(theta, start(3)) {
		t.Error("a failed step changed theta")
	}
}

// Adam's second moment can't hold the square of 1e30: that is an error and not a
// silently infinite state.
func TestGradientTooLargeForState(t *testing.T) {
	base, err := optim.NewAdam[float32](1, optim.DefaultAdam(optim.Constant(.1)))
	if err != nil {
		t.Fatal(err)
	}
	st, err := New(1, base, Settings[float32]{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = st.Step([]float32{1}, Func(func(g, _ []float32) float64 { g[0] = 1e30; return 0 }))
	if err == nil || !strings.Contains(err.Error(), "overflows") {
		t.Errorf("error %v", err)
	}
}

func TestClipNorm(t *testing.T) {
	base := &record32{}
	st, err := New(2, base, Settings[float32]{ClipNorm: 1})
	if err != nil {
		t.Fatal(err)
	}
	r, err := st.Step([]float32{0, 0}, Func(func(g, _ []float32) float64 { g[0], g[1] = 3, 4; return 0 }))
	if err != nil || r.PerturbedGradNorm != 5 || base.grad[0] != .6 || base.grad[1] != .8 {
		t.Errorf("clipped to %v, result %+v, error %v", base.grad, r, err)
	}
}

// A stepper restored from bytes goes on bit-identically, schedules and interval
// included.
func TestResume(t *testing.T) {
	const n = 21
	q := newQuadratics(1, n)
	s := Settings[float32]{Rho: optim.Cosine{From: .3, To: .1, Steps: 20}, Alpha: 1, Interval: 2}
	theta, st := start(n), newStepper(t, n, s)
	mustSteps(t, st, theta, whole, q, 7)
	b, err := st.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	copied, again := append([]float32(nil), theta...), newStepper(t, n, s)
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	want := mustSteps(t, st, theta, whole, q, 8)
	got := mustSteps(t, again, copied, whole, q, 8)
	if !reflect.DeepEqual(theta, copied) || !reflect.DeepEqual(got, want) {
		t.Error("the resumed run differs")
	}
	for cut := range b {
		if err := again.UnmarshalBinary(b[:cut]); err == nil {
			t.Fatalf("a state cut at %d of %d bytes was accepted", cut, len(b))
		}
	}
	if again.Steps() != 15 {
		t.Errorf("failed restores moved the step count to %d", again.Steps())
	}
}

func TestSettingsErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	tests := []struct {
		want string
		set  Settings[float32]
	}{
		{"rho at step 0 is -1", Settings[float32]{Rho: Constant(-1)}},
		{"rho at step 0 is NaN", Settings[float32]{Rho: Constant(nan)}},
		{"infinite rho needs", Settings[float32]{Rho: Constant(inf)}},
		{"infinite rho needs", Settings[float32]{Rho: Constant(inf), Alpha: 1}},
		{"infinite rho needs", Settings[float32]{Rho: Constant(inf), AscentBudget: Constant(inf)}},
		{"alpha is -1", Settings[float32]{Rho: Constant(1), Alpha: -1}},
		{"alpha is NaN", Settings[float32]{Rho: Constant(1), Alpha: nan}},
		{"alpha is +Inf", Settings[float32]{Rho: Constant(1), Alpha: inf}},
		{"ascent budget at step 0 is 0", Settings[float32]{Rho: Constant(1), AscentBudget: Constant(0)}},
		{"ascent budget at step 0 is NaN", Settings[float32]{Rho: Constant(1), AscentBudget: Constant(nan)}},
		{"without a radius", Settings[float32]{Alpha: 1}},
		{"without a radius", Settings[float32]{AscentBudget: Constant(1)}},
		{"both alpha", Settings[float32]{Rho: Constant(1), Alpha: 1, AscentBudget: Constant(1)}},
		{"eta of the Fisher metric is 0", Settings[float32]{Rho: Constant(1), Metric: Fisher[float32]{}}},
		{"eta of the Fisher metric is NaN", Settings[float32]{Rho: Constant(1), Metric: Fisher[float32]{Eta: nan}}},
		{"eta of the adaptive metric is -1", Settings[float32]{Rho: Constant(1), Metric: Adaptive[float32]{Eta: -1}}},
		{"no Inverse", Settings[float32]{Rho: Constant(1), Metric: Diagonal[float32]{}}},
		{"no Solve", Settings[float32]{Rho: Constant(1), Metric: Solve[float32]{}}},
		{"can't precondition", Settings[float32]{Rho: Constant(1), Metric: Fisher[float32]{Eta: 1}, PreconditionDescent: true}},
		{"interval is -1", Settings[float32]{Interval: -1}},
		{"clip norm is -1", Settings[float32]{ClipNorm: -1}},
	}
	for _, tt := range tests {
		_, err := New(3, newSGD(t, 3), tt.set)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %q, want it to contain %q", err, tt.want)
		}
	}
	if _, err := New[float32](3, nil, Settings[float32]{}); err == nil {
		t.Error("no base optimizer: no error")
	}
	if _, err := New(0, newSGD(t, 3), Settings[float32]{}); err == nil {
		t.Error("no parameters: no error")
	}
	st := newStepper(t, 3, Settings[float32]{})
	if _, err := st.Step(start(4), newQuadratics(1, 4)); err == nil || !strings.Contains(err.Error(), "theta has 4 parameters, the stepper 3") {
		t.Errorf("wrong length: %v", err)
	}
	if _, err := st.StepMicrobatches(start(3), nil, newQuadratics(1, 3)); err == nil {
		t.Error("no microbatches: no error")
	}
	st, err := New(4, newSGD(t, 3), Settings[float32]{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Step(start(4), newQuadratics(1, 4)); err == nil || !strings.Contains(err.Error(), "made for 3 parameters") {
		t.Errorf("base optimizer of another length: %v", err)
	}
}

// A schedule that goes bad midway stops with an error that names the step.
func TestBadScheduleMidway(t *testing.T) {
	q := newQuadratics(1, 3)
	st := newStepper(t, 3, Settings[float32]{Rho: optim.Linear{From: 1, To: -1, Steps: 4}})
	theta := start(3)
	mustSteps(t, st, theta, whole, q, 3)
	if _, err := st.Step(theta, q); err == nil || !strings.Contains(err.Error(), "rho at step 3 is -0.5") {
		t.Errorf("error %v", err)
	}
}

func TestFamily(t *testing.T) {
	one, rho := 1., Constant(.1)
	for _, tt := range []struct {
		name string
		p    Params
		want string
	}{
		{"none", Params{}, ""},
		{"sgd", Params{}, ""},
		{"sam", Params{Rho: rho}, ""},
		{"m-sam", Params{Rho: rho}, ""},
		{"m-sam", Params{Rho: rho, Alpha: &one}, ""},
		{"m-sam", Params{Rho: Constant(math.Inf(1)), AscentBudget: Constant(.1)}, ""},
		{"fisher", Params{Rho: rho}, ""},
		{"asam", Params{Rho: rho, Eta: &one}, ""},
		{"adam", Params{Rho: rho}, `unknown method "adam" (did you mean asam?); there are none, sam, m-sam, fisher, asam`},
		{"sam", Params{}, "needs a radius"},
		{"sam", Params{Rho: rho, Alpha: &one}, "no loss axis"},
		{"asam", Params{Rho: rho, AscentBudget: Constant(.1)}, "no ascent budget"},
		{"m-sam", Params{Rho: rho, Eta: &one}, "has no eta"},
		{"m-sam", Params{Rho: rho, Alpha: &one, AscentBudget: Constant(.1)}, "give one"},
		{"none", Params{Rho: rho}, "no perturbation"},
	} {
		_, err := Family[float32](tt.name, tt.p)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A warm step allocates nothing.
func TestStepAllocatesNothing(t *testing.T) {
	const n = 1000
	obj := Func(func(g, theta []float32) float64 { copy(g, theta); return 1 })
	for name, s := range map[string]Settings[float32]{
		"plain": {}, "sam": {Rho: Constant(.1)}, "m-sam": {Rho: Constant(.1), Alpha: 1},
		"fisher": {Rho: Constant(.1), Metric: Fisher[float32]{Eta: 1}},
		"asam":   {Rho: Constant(.1), Metric: Adaptive[float32]{Eta: 1}, PreconditionDescent: true},
	} {
		theta, st := start(n), newStepper(t, n, s)
		step := func() {
			if _, err := st.Step(theta, obj); err != nil {
				t.Fatal(err)
			}
		}
		step()
		if a := testing.AllocsPerRun(10, step); a != 0 {
			t.Errorf("%s: %g allocations a step", name, a)
		}
	}
}

// BenchmarkOverhead is what a step costs beyond the two gradients, on the parameters of
// a ResNet-18: perturb, restore and update (restoring costs nothing here: theta is
// never changed), beside a copy of the same bytes. GB/s count each vector's reads and
// writes once a pass.
func BenchmarkOverhead(b *testing.B) {
	const n = 11_173_962
	b.Run("copy", func(b *testing.B) {
		dst, src := make([]float32, n), start(n)
		b.SetBytes(8 * n)
		for b.Loop() {
			copy(dst, src)
		}
	})
	for _, bench := range []struct {
		name   string
		set    Settings[float32]
		passes int // vectors read or written by the step beyond its gradients
	}{
		// norm: g; update: theta, g, momentum read, theta, momentum written
		{"sgd", Settings[float32]{}, 6},
		// and norm: g; perturb: theta, g read, z written
		{"m-sam", Settings[float32]{Rho: Constant(.1), Alpha: 1}, 10},
		{"asam", Settings[float32]{Rho: Constant(.1), Metric: Adaptive[float32]{Eta: .01}}, 11},
	} {
		b.Run(bench.name, func(b *testing.B) {
			free := Func(func(_, _ []float32) float64 { return 0 })
			theta, st := start(n), newStepper(b, n, bench.set)
			copy(st.g, theta)
			b.SetBytes(int64(4 * bench.passes * n))
			for b.Loop() {
				if _, err := st.Step(theta, free); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The first of two gradients is the ascent's, and no other.
func TestCallOfAscent(t *testing.T) {
	const n = 3
	for name, set := range map[string]Settings[float32]{
		"plain": {}, "batch": {Rho: Constant(.1)}, "microbatch": {Rho: Constant(.1), PerMicrobatch: true},
		"interval": {Rho: Constant(.1), Interval: 2},
	} {
		q := newQuadratics(2, n)
		s, err := New(n, newSGD(t, n), set)
		if err != nil {
			t.Fatal(err)
		}
		theta := make([]float32, n)
		ascents := 0
		for range 2 {
			if _, err := s.StepMicrobatches(theta, []float64{.5, .5}, q); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range q.calls {
			if c.Ascent {
				ascents++
			}
			if c.Ascent && c.Perturbed {
				t.Errorf("%s: %+v", name, c)
			}
		}
		perturbed := map[string]int{"plain": 0, "batch": 4, "microbatch": 4, "interval": 2}[name]
		if ascents != perturbed || len(q.calls) != 4+perturbed {
			t.Errorf("%s: %d of %d calls are the ascent's", name, ascents, len(q.calls))
		}
	}
}

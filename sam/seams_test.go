package sam_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// friendly is a direction of another package: d = g - sigma m, with m a running mean of
// gradients (Friendly SAM, Li et al. 2024, arXiv 2403.12350).
type friendly struct {
	sigma, lambda float64
	mean          []float64
}

func (f *friendly) Direct(d, _, g []float64) error {
	for i := range d {
		d[i] = g[i] - f.sigma*f.mean[i]
	}
	return nil
}

func (f *friendly) Keep(ascent, descent []float64) {
	if ascent == nil {
		ascent = descent
	}
	for i, g := range ascent {
		f.mean[i] = f.lambda*f.mean[i] + (1-f.lambda)*g
	}
}

func (f *friendly) MarshalBinary() ([]byte, error) {
	return binary.Append(nil, binary.LittleEndian, f.mean)
}

func (f *friendly) UnmarshalBinary(b []byte) error {
	if len(b) != 8*len(f.mean) {
		return fmt.Errorf("friendly: a mean of %d bytes, want %d", len(b), 8*len(f.mean))
	}
	_, err := binary.Decode(b, binary.LittleEndian, f.mean)
	return err
}

// capped is a length of another package: at most rho, and no rise above the budget.
type capped struct{}

func (capped) Scale(rho, budget float64, d sam.Lengths) float64 {
	if d.Dual == 0 {
		return 0
	}
	return min(rho, budget/d.Dual) / d.Dual
}

// mixed is a descent of another package: (1-share) g + share g', and in a plain step g.
type mixed struct{ share float64 }

func (m mixed) Combine(descent, ascent []float64, _ sam.Result) error {
	for i, g := range ascent {
		descent[i] = (1-m.share)*g + m.share*descent[i]
	}
	return nil
}

// curve is a loss with a gradient that changes: a quartic, one per microbatch.
func curve(grad, theta []float64, c sam.Call) float64 {
	var loss float64
	for i, x := range theta {
		k := float64(i+1) + .3*float64(c.Micro)
		loss += x*x*x*x/4 + k*x*x/2 - x
		g := c.Weight * (x*x*x + k*x - 1)
		if c.Add {
			g += grad[i]
		}
		grad[i] = g
	}
	return loss
}

// failing is the curve until fail says otherwise, or nan asks for a gradient that is none.
type failing struct {
	fail func(sam.Call) error
	nan  bool
}

func (f failing) Gradient(grad, theta []float64, c sam.Call) (float64, error) {
	if f.fail != nil {
		if err := f.fail(c); err != nil {
			return 0, err
		}
	}
	loss := curve(grad, theta, c)
	if f.nan && c.Perturbed {
		grad[0] = math.NaN()
	}
	return loss, nil
}

const seamRho, seamBudget, seamLR, seamSigma, seamLambda, seamShare = .3, .15, .05, .7, .6, .8

// seamSettings make all three choices.
func seamSettings(metric sam.Metric[float64]) sam.Settings[float64] {
	return sam.Settings[float64]{
		Rho: sam.Constant(seamRho), AscentBudget: sam.Constant(seamBudget), Metric: metric,
		Direction: func(n int) sam.Direction[float64] {
			return &friendly{seamSigma, seamLambda, make([]float64, n)}
		},
		Length:  func(int) sam.Length { return capped{} },
		Descent: func(int) sam.Descent[float64] { return mixed{seamShare} },
	}
}

func seamStepper(t testing.TB, n int, s sam.Settings[float64]) *sam.Stepper[float64] {
	t.Helper()
	base, err := optim.NewSGD[float64](n, optim.SGDSettings{LR: optim.Constant(seamLR), Momentum: .5})
	if err != nil {
		t.Fatal(err)
	}
	st, err := sam.New(n, base, s)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func norm(x []float64) (n float64) {
	for _, v := range x {
		n = math.Hypot(n, v)
	}
	return n
}

// The step with a direction, a length and a descent of one's own is the one computed by
// hand, also with a metric that needs z for itself (power at kappa 0 is the identity).
func TestSeams(t *testing.T) {
	for name, c := range map[string]struct {
		metric sam.Metric[float64]
		share  float64 // 1: without a descent, which is the same
	}{"in place": {nil, seamShare}, "scratch": {power[float64]{0}, seamShare}, "no descent": {nil, 1}} {
		set := seamSettings(c.metric)
		if c.share == 1 {
			set.Descent = nil
		}
		share := c.share
		theta, want := []float64{1.5, -.7, .2}, []float64{1.5, -.7, .2}
		mean, velocity, capped := make([]float64, 3), make([]float64, 3), 0
		st := seamStepper(t, 3, set)
		for step := range 8 {
			g, g2, d, z := make([]float64, 3), make([]float64, 3), make([]float64, 3), make([]float64, 3)
			loss := curve(g, want, sam.Call{Weight: 1})
			for i := range d {
				d[i] = g[i] - seamSigma*mean[i]
				mean[i] = seamLambda*mean[i] + (1-seamLambda)*g[i]
			}
			length := seamRho
			if seamBudget/norm(d) < length {
				length, capped = seamBudget/norm(d), capped+1
			}
			rise := 0.
			for i := range z {
				z[i] = want[i] + length*d[i]/norm(d)
				rise += g[i] * length * d[i] / norm(d)
			}
			loss2 := curve(g2, z, sam.Call{Weight: 1})
			g2norm := norm(g2)
			for i := range want {
				velocity[i] = .5*velocity[i] + (1-share)*g[i] + share*g2[i]
				want[i] -= seamLR * velocity[i]
			}

			r, err := st.Step(theta, failing{})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				what      string
				got, want float64
			}{
				{"theta[0]", theta[0], want[0]}, {"theta[1]", theta[1], want[1]}, {"theta[2]", theta[2], want[2]},
				{"Loss", r.Loss, loss}, {"PerturbedLoss", r.PerturbedLoss, loss2}, {"GradNorm", r.GradNorm, norm(g)},
				{"PerturbedGradNorm", r.PerturbedGradNorm, g2norm}, {"DeltaNorm", r.DeltaNorm, length},
				{"EffectiveRadius", r.EffectiveRadius, length / norm(g)}, {"PredictedAscent", r.PredictedAscent, rise},
			} {
				if !(math.Abs(c.got-c.want) < 1e-12) {
					t.Fatalf("%s, step %d: %s is %g, by hand %g", name, step, c.what, c.got, c.want)
				}
			}
		}
		if capped == 0 || capped == 8 {
			t.Errorf("%s: the budget bound %d of 8 steps; both cases should occur", name, capped)
		}
	}
}

// A step that fails, in whichever pass, leaves what is kept as it was.
func TestSeamsKeepNothingOfAFailedStep(t *testing.T) {
	broken := errors.New("broken")
	fail := func(perturbed bool) failing {
		return failing{fail: func(c sam.Call) error {
			if c.Perturbed == perturbed {
				return broken
			}
			return nil
		}}
	}
	for what, obj := range map[string]failing{"ascent": fail(false), "descent": fail(true), "NaN": {nan: true}} {
		st := seamStepper(t, 3, seamSettings(nil))
		theta := []float64{1.5, -.7, .2}
		for range 3 {
			if _, err := st.Step(theta, failing{}); err != nil {
				t.Fatal(err)
			}
		}
		before, _ := st.MarshalBinary()
		_, err := st.Step(theta, obj)
		if after, _ := st.MarshalBinary(); err == nil || !bytes.Equal(before, after) {
			t.Errorf("%s: error %v, state changed: %t", what, err, !bytes.Equal(before, after))
		}
	}
}

// A stepper whose choices keep something goes on bit-identically from its bytes, and takes no
// others. Two steppers of the same settings keep theirs apart.
func TestSeamsResume(t *testing.T) {
	s := seamSettings(nil)
	s.Interval = 3
	steps := func(st *sam.Stepper[float64], theta []float64, n int) {
		t.Helper()
		for range n {
			if _, err := st.StepMicrobatches(theta, []float64{.4, .6}, failing{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	theta, st := []float64{1.5, -.7, .2}, seamStepper(t, 3, s)
	again := seamStepper(t, 3, s)
	steps(st, theta, 5)
	b, err := st.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	copied := slices.Clone(theta)
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	steps(st, theta, 6)
	steps(again, copied, 6)
	if !slices.Equal(theta, copied) || again.Steps() != 11 {
		t.Errorf("resumed to %v after %d steps, want %v", copied, again.Steps(), theta)
	}
	now, _ := again.MarshalBinary()
	for cut := range b {
		if err := again.UnmarshalBinary(b[:cut]); err == nil {
			t.Fatalf("a state cut at %d of %d bytes was accepted", cut, len(b))
		}
	}
	plain := seamStepper(t, 3, sam.Settings[float64]{Rho: sam.Constant(.1)})
	if err := plain.UnmarshalBinary(b); err == nil || !strings.Contains(err.Error(), "of another method") {
		t.Errorf("a state with more than the method keeps: error %v", err)
	}
	few, _ := plain.MarshalBinary()
	if err := again.UnmarshalBinary(few); err == nil || !strings.Contains(err.Error(), "of another method") {
		t.Errorf("a state without what the method keeps: error %v", err)
	}
	if after, _ := again.MarshalBinary(); !bytes.Equal(now, after) {
		t.Error("a state that was refused changed something")
	}
}

// The state of a step that keeps nothing is as it ever was: magic, step, base optimizer.
func TestStateOfTheFamily(t *testing.T) {
	base, err := optim.NewSGD[float64](3, optim.SGDSettings{LR: optim.Constant(.1), Momentum: .5})
	if err != nil {
		t.Fatal(err)
	}
	st, err := sam.New(3, base, sam.Settings[float64]{Rho: sam.Constant(.1), Descent: seamSettings(nil).Descent})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Step([]float64{1, 2, 3}, failing{}); err != nil {
		t.Fatal(err)
	}
	inner, _ := base.MarshalBinary()
	want := append([]byte("monge/sam 1\n\x01\x00\x00\x00\x00\x00\x00\x00"), inner...)
	if got, _ := st.MarshalBinary(); !bytes.Equal(got, want) {
		t.Errorf("state %q, want %q", got, want)
	}
}

// plainSteps counts the steps in which a descent is given no ascent gradient.
type plainSteps struct{ combined, kept []bool }

func (p *plainSteps) Combine(_, ascent []float64, r sam.Result) error {
	p.combined = append(p.combined, ascent == nil)
	if r.Perturbed != (ascent != nil) {
		return fmt.Errorf("perturbed %t, ascent %v", r.Perturbed, ascent)
	}
	return nil
}
func (p *plainSteps) Keep(ascent, _ []float64)       { p.kept = append(p.kept, ascent == nil) }
func (p *plainSteps) MarshalBinary() ([]byte, error) { return nil, nil }
func (p *plainSteps) UnmarshalBinary([]byte) error   { return nil }

func TestDescentOfPlainSteps(t *testing.T) {
	p := &plainSteps{}
	st := seamStepper(t, 2, sam.Settings[float64]{Rho: sam.Constant(.1), Interval: 2, Descent: func(int) sam.Descent[float64] { return p }})
	theta := []float64{1, 2}
	for range 4 {
		if _, err := st.Step(theta, failing{}); err != nil {
			t.Fatal(err)
		}
	}
	want := []bool{false, true, false, true}
	if !slices.Equal(p.combined, want) || !slices.Equal(p.kept, want) {
		t.Errorf("plain in Combine %v, in Keep %v, want %v", p.combined, p.kept, want)
	}
}

// NaN or an error of a choice is an error of the step.
func TestSeamErrors(t *testing.T) {
	for want, s := range map[string]sam.Settings[float64]{
		"step 0: ascent gradient at theta: the direction is not finite":             {Direction: func(int) sam.Direction[float64] { return &friendly{mean: []float64{math.NaN()}} }},
		"step 0: ascent gradient at theta: the perturbation is not finite":          {Length: func(int) sam.Length { return badLength{} }},
		"step 0: descent gradient at theta+delta: the combined gradient is not fin": {Descent: func(int) sam.Descent[float64] { return mixed{math.NaN()} }},
	} {
		s.Rho = sam.Constant(.1)
		theta := []float64{2}
		_, err := seamStepper(t, 1, s).Step(theta, failing{})
		var nonFinite *sam.NonFiniteError
		if !errors.As(err, &nonFinite) || !strings.HasPrefix(err.Error(), want) || theta[0] != 2 {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	base, _ := optim.NewSGD[float64](1, optim.SGDSettings{LR: optim.Constant(.1)})
	s := seamSettings(nil)
	for what, change := range map[string]func(*sam.Settings[float64]){
		"direction": func(s *sam.Settings[float64]) { s.Descent = nil }, "descent": func(s *sam.Settings[float64]) { s.Direction = nil },
	} {
		s := s
		s.PerMicrobatch = true
		change(&s)
		if _, err := sam.New(1, base, s); err == nil || !strings.Contains(err.Error(), "leave PerMicrobatch out") {
			t.Errorf("a %s per microbatch: error %v", what, err)
		}
	}
	s = sam.Settings[float64]{Rho: sam.Constant(.1), PerMicrobatch: true, Length: func(int) sam.Length { return capped{} }}
	if _, err := sam.New(1, base, s); err != nil {
		t.Errorf("a length that keeps nothing, per microbatch: error %v", err)
	}
}

type badLength struct{}

func (badLength) Scale(_, _ float64, _ sam.Lengths) float64 { return math.NaN() }

// With a metric that keeps something in z the microbatches' perturbations are what each is by
// itself: the metric's z is not its g.
func TestPerMicrobatchWithScratch(t *testing.T) {
	const n, rho = 3, .2
	inverse := func(theta float64) float64 { return theta * theta }
	weights, theta := []float64{.5, .3, .2}, []float64{1.5, -.7, .2}
	want := make([]float64, n)
	for m, w := range weights {
		g, z := make([]float64, n), make([]float64, n)
		curve(g, theta, sam.Call{Micro: m, Weight: 1})
		var s2 float64
		for i := range g {
			s2 += g[i] * inverse(theta[i]) * g[i]
		}
		for i := range z {
			z[i] = theta[i] + rho/math.Sqrt(s2*(1+s2))*inverse(theta[i])*g[i]
		}
		curve(want, z, sam.Call{Micro: m, Weight: w, Add: true})
	}
	for name, metric := range map[string]sam.Metric[float64]{
		"power": power[float64]{2},
		"diagonal": sam.Diagonal[float64]{Inverse: func(dst, theta []float64) {
			for i, x := range theta {
				dst[i] = inverse(x)
			}
		}},
		"solve": sam.Solve[float64]{Solve: func(v, theta, g []float64) error {
			for i, x := range theta {
				v[i] = inverse(x) * g[i]
			}
			return nil
		}},
	} {
		base, _ := optim.NewSGD[float64](n, optim.SGDSettings{LR: optim.Constant(1)})
		st, err := sam.New(n, base, sam.Settings[float64]{Rho: sam.Constant(rho), Alpha: 1, Metric: metric, PerMicrobatch: true})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Clone(theta)
		if _, err := st.StepMicrobatches(got, weights, failing{}); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if !(math.Abs(theta[i]-got[i]-want[i]) < 1e-12) {
				t.Errorf("%s: descent gradient [%d] is %g, by hand %g", name, i, theta[i]-got[i], want[i])
			}
		}
	}
}

// A warm step with choices of one's own, or a metric's own vector, allocates nothing either.
func TestSeamsAllocateNothing(t *testing.T) {
	perMicrobatch := sam.Settings[float64]{Rho: sam.Constant(.1), Metric: power[float64]{2}, PerMicrobatch: true}
	for name, s := range map[string]sam.Settings[float64]{
		"choices": seamSettings(nil), "choices and scratch": seamSettings(power[float64]{2}), "per microbatch": perMicrobatch,
	} {
		st, theta, weights := seamStepper(t, 3, s), []float64{1.5, -.7, .2}, []float64{.5, .5}
		var obj sam.Objective[float64] = failing{}
		step := func() {
			if _, err := st.StepMicrobatches(theta, weights, obj); err != nil {
				t.Fatal(err)
			}
		}
		step()
		if a := testing.AllocsPerRun(10, step); a != 0 {
			t.Errorf("%s: %g allocations a step", name, a)
		}
	}
}

// both is a direction and a descent in one, which counts how often it keeps.
type both struct{ kept int }

func (b *both) Direct(d, _, g []float64) error             { copy(d, g); return nil }
func (b *both) Combine(_, _ []float64, _ sam.Result) error { return nil }
func (b *both) Keep(_, _ []float64)                        { b.kept++ }
func (b *both) MarshalBinary() ([]byte, error)             { return []byte{byte(b.kept)}, nil }
func (b *both) UnmarshalBinary([]byte) error               { return nil }

// A thing that is two of a step's choices keeps once a step.
func TestKeeperOfTwoChoices(t *testing.T) {
	b := &both{}
	base, err := optim.NewSGD[float64](2, optim.SGDSettings{LR: sam.Constant(.1)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := sam.New(2, base, sam.Settings[float64]{
		Rho:       sam.Constant(.1),
		Direction: func(int) sam.Direction[float64] { return b },
		Descent:   func(int) sam.Descent[float64] { return b },
	})
	if err != nil {
		t.Fatal(err)
	}
	theta := []float64{1, 2}
	for range 3 {
		if _, err := s.Step(theta, sam.Func(func(grad, theta []float64) float64 {
			copy(grad, theta)
			return 1
		})); err != nil {
			t.Fatal(err)
		}
	}
	if b.kept != 3 {
		t.Errorf("kept %d times in 3 steps", b.kept)
	}
}

// A method whose settings leave out the radius has none.
func TestMethodWithoutRho(t *testing.T) {
	sam.Register(sam.Method{Name: "test-no-radius", New64: func(sam.Params) (sam.Settings[float64], error) { return sam.Settings[float64]{}, nil }})
	if s, err := sam.Family[float64]("test-no-radius", sam.Params{}); err != nil || s.Rho.At(0) != 0 {
		t.Errorf("%v, %v", s.Rho, err)
	}
}

package nn_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// The MLP and the batches of testdata/gen_torch.py.
var widths = []int{6, 9, 7, 4}

const batch = 11

func numbers(n, salt int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32((40503*(i+salt)+12345)%65536)/32768 - 1
	}
	return x
}

func mlp(t testing.TB, widths ...int) *nn.Model {
	t.Helper()
	b := nn.NewBuilder()
	m, err := nn.NewModel(b, b.MLP(widths...), widths[:1])
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// goldenBatch is the objective of the script's minibatch at each step.
type goldenBatch struct {
	model *nn.Model
	step  int
}

func (g *goldenBatch) Gradient(grad, theta []float32, c objective.Call) (float64, error) {
	labels := make([]int, batch)
	for i := range labels {
		labels[i] = (7*i + g.step) % 4
	}
	return g.model.Gradient(grad, theta, numbers(batch*widths[0], 1000*g.step), labels, c)
}

// goldenRun is one run of testdata/torch.json.
type goldenRun struct {
	Method            string
	Rho               float64
	Budget            *float64
	Losses, Perturbed []float64
	Theta             []float64 // every fifth parameter at the end
}

// stepper makes the run's optimizer.
func (g *goldenRun) stepper(t *testing.T, n int) *sam.Stepper[float32] {
	t.Helper()
	p := sam.Params{Rho: sam.Constant(g.Rho)}
	method := g.Method
	if g.Budget != nil {
		method, p.AscentBudget = "m-sam", sam.Constant(*g.Budget)
	}
	settings, err := sam.Family[float32](method, p)
	if err != nil {
		t.Fatal(err)
	}
	base, err := optim.NewSGD[float32](n, optim.SGDSettings{LR: optim.Constant(.1), Momentum: .9, WeightDecay: 1e-3})
	if err != nil {
		t.Fatal(err)
	}
	st, err := sam.New(n, base, settings)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// Twenty steps of every method of the family follow PyTorch's from the same weights on
// the same minibatches.
func TestFamilyFollowsPyTorch(t *testing.T) {
	b, err := os.ReadFile("testdata/torch.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Runs []goldenRun }
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Runs) != 6 {
		t.Fatalf("%d runs in the golden file, want 6", len(golden.Runs))
	}
	for _, run := range golden.Runs {
		t.Run(run.Method, func(t *testing.T) {
			m := mlp(t, widths...)
			st := run.stepper(t, m.Size())
			theta := numbers(m.Size(), 0)
			for step, want := range run.Losses {
				r, err := st.Step(theta, &goldenBatch{m, step})
				if err != nil {
					t.Fatal(err)
				}
				if !(math.Abs(r.Loss-want) < 1e-4*want) || !(math.Abs(r.PerturbedLoss-run.Perturbed[step]) < 1e-4*want) {
					t.Fatalf("step %d: losses %.7f and %.7f, PyTorch %.7f and %.7f", step, r.Loss, r.PerturbedLoss, want, run.Perturbed[step])
				}
			}
			for i, want := range run.Theta {
				if got := float64(theta[5*i]); !(math.Abs(got-want) < 2e-4) {
					t.Fatalf("theta[%d] = %.7f, PyTorch %.7f", 5*i, got, want)
				}
			}
		})
	}
}

// The microbatches of a batch give the batch's gradient.
func TestGradientAdds(t *testing.T) {
	m := mlp(t, 3, 5, 2)
	theta := numbers(m.Size(), 1)
	x, labels := numbers(10*3, 2), []int{0, 1, 0, 1, 1, 1, 0, 0, 1, 0}
	whole, parts := make([]float32, m.Size()), make([]float32, m.Size())
	for i := range parts {
		parts[i] = float32(math.NaN()) // must be overwritten
	}
	want, err := m.Gradient(whole, theta, x, labels, objective.Call{Weight: 1})
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Gradient(parts, theta, x[:4*3], labels[:4], objective.Call{Weight: .4})
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Gradient(parts, theta, x[4*3:], labels[4:], objective.Call{Micro: 1, Weight: .6, Add: true})
	if err != nil {
		t.Fatal(err)
	}
	if !(math.Abs(.4*a+.6*b-want) < 1e-6) {
		t.Errorf("losses %g and %g, whole %g", a, b, want)
	}
	for i := range whole {
		if !(math.Abs(float64(parts[i]-whole[i])) < 1e-6) {
			t.Fatalf("gradient[%d] = %g, whole %g", i, parts[i], whole[i])
		}
	}
}

func TestInit(t *testing.T) {
	m := mlp(t, 64, 128, 10)
	a, b, c := make([]float32, m.Size()), make([]float32, m.Size()), make([]float32, m.Size())
	m.Init(a, 1)
	m.Init(b, 1)
	m.Init(c, 2)
	if !slices.Equal(a, b) || slices.Equal(a, c) {
		t.Error("the initial parameters are not a function of the seed")
	}
	// PyTorch's default: uniform in ±1/sqrt(fan in), so a deviation of that over sqrt 3.
	var sum float64
	w := a[:64*128]
	for _, v := range w {
		if math.Abs(float64(v)) > .125 {
			t.Fatalf("weight %g is beyond 1/8", v)
		}
		sum += float64(v) * float64(v)
	}
	if sd := math.Sqrt(sum / float64(len(w))); !(math.Abs(sd-.125/math.Sqrt(3)) < 1e-3) {
		t.Errorf("deviation %g, want %g", sd, .125/math.Sqrt(3))
	}
	var names []string
	for _, p := range m.Params {
		names = append(names, p.Name)
	}
	if want := "layers.0.weight layers.0.bias layers.1.weight layers.1.bias"; strings.Join(names, " ") != want {
		t.Errorf("parameters %v", names)
	}
}

// Models that can't be are errors, not panics.
func TestModelErrors(t *testing.T) {
	build := func(f func(b nn.Builder) nn.Layer, input ...int) error {
		b := nn.NewBuilder()
		_, err := nn.NewModel(b, f(b), input)
		return err
	}
	for _, tt := range []struct {
		want string
		err  error
	}{
		{"fc: linear: input [1 7] does not fit weight [3 6]", build(func(b nn.Builder) nn.Layer { return b.Linear("fc", 6, 3) }, 7)},
		{"parameter weight: shape [0 6]", build(func(b nn.Builder) nn.Layer { return b.Linear("fc", 6, 0) }, 6)},
		{"there are two of that name", build(func(b nn.Builder) nn.Layer {
			return nn.Sequential{b.Linear("fc", 6, 6), b.Linear("fc", 6, 6)}
		}, 6)},
		{"no parameters", build(func(nn.Builder) nn.Layer { return nn.ReLU }, 6)},
		{"every dimension must be positive", build(func(b nn.Builder) nn.Layer { return b.Linear("fc", 6, 3) }, -1)},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("error %v, want %q", tt.err, tt.want)
		}
	}
	m := mlp(t, 3, 2)
	theta := make([]float32, m.Size())
	if _, err := m.Logits(theta[1:], make([]float32, 3)); err == nil || !strings.Contains(err.Error(), "has 8 parameters, got 7") {
		t.Errorf("error %v", err)
	}
	if _, err := m.Logits(theta, make([]float32, 4)); err == nil || !strings.Contains(err.Error(), "no batch of inputs of shape [3]") {
		t.Errorf("error %v", err)
	}
	if _, err := m.Gradient(theta, theta, make([]float32, 3), []int{2}, objective.Call{}); err == nil || !strings.Contains(err.Error(), "label 2 of row 0") {
		t.Errorf("error %v", err)
	}
}

// A warm gradient allocates nothing.
func TestGradientAllocatesNothing(t *testing.T) {
	m := mlp(t, 64, 128, 128, 10)
	theta, grad := make([]float32, m.Size()), make([]float32, m.Size())
	m.Init(theta, 1)
	x, labels := numbers(64*64, 3), make([]int, 64)
	step := func() {
		if _, err := m.Gradient(grad, theta, x, labels, objective.Call{Weight: 1}); err != nil {
			t.Fatal(err)
		}
	}
	step()
	if a := testing.AllocsPerRun(20, step); a != 0 {
		t.Errorf("%g allocations", a)
	}
}

// Dropout draws the same mask in both passes of a step, and another in the next.
func TestDropoutPasses(t *testing.T) {
	b := nn.NewBuilder()
	m, err := nn.NewModel(b, nn.Sequential{b.Linear("in", 4, 64), nn.Dropout(.5), b.Linear("out", 64, 3)}, []int{4})
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float32, m.Size())
	m.Init(theta, 1)
	x, labels := numbers(8*4, 3), []int{0, 1, 2, 0, 1, 2, 0, 1}
	gradient := func(c objective.Call) []float32 {
		g := make([]float32, m.Size())
		c.Weight = 1
		if _, err := m.Gradient(g, theta, x, labels, c); err != nil {
			t.Fatal(err)
		}
		return g
	}
	first := gradient(objective.Call{})
	second := gradient(objective.Call{Micro: 1})
	if slices.Equal(first, second) {
		t.Error("two microbatches drew the same mask")
	}
	if !slices.Equal(gradient(objective.Call{Perturbed: true}), first) || !slices.Equal(gradient(objective.Call{Micro: 1, Perturbed: true}), second) {
		t.Error("the perturbed pass drew another mask")
	}
	if slices.Equal(gradient(objective.Call{}), first) {
		t.Error("the next step drew the same mask")
	}
}

package hf_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	_ "github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// A golden is what testdata/gen_networks.py says of a network.
type golden struct {
	Classes   int
	Rows      [][]float32 // packed tokens, nil of images
	Side      int         // of images
	Logits    []float64
	Loss      float64
	Gradients map[string][2]float64 // norm, product with fixed numbers
	Losses    []float64
}

func readGolden(t *testing.T, dir string) (g golden) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil || len(g.Logits) == 0 || len(g.Gradients) == 0 || len(g.Losses) == 0 {
		t.Fatalf("%s: no golden file: %v", dir, err)
	}
	return g
}

// numbers are those of gen_networks.py.
func numbers(n, salt int) []float32 {
	out := make([]float32, n)
	for i := range out {
		x := uint32(uint64(i+salt) * 2654435761)
		x ^= x >> 15
		x = uint32(uint64(x) * 2246822519)
		x ^= x >> 13
		out[i] = float32(x&0xffff)/32768 - 1
	}
	return out
}

const examples = 4 // of a minibatch

// images are those of a step, channels last.
func images(side, step int) []float32 {
	x := numbers(examples*3*side*side, 7919*(step+1))
	out := make([]float32, len(x))
	for n := range examples {
		for c := range 3 {
			for p := range side * side {
				out[(n*side*side+p)*3+c] = x[(n*3+c)*side*side+p]
			}
		}
	}
	return out
}

func labels(classes, step int) []int {
	y := make([]int, examples)
	for i := range y {
		y[i] = (i + step) % classes
	}
	return y
}

// open builds a directory's network.
func open(t *testing.T, dir string, g *golden) (*nn.Model, []float32) {
	t.Helper()
	m, err := models.Build(dir, models.Options{Input: g.input(), Classes: g.Classes})
	if err != nil {
		t.Fatal(err)
	}
	return m, m.NewTheta(1)
}

// input is the shape of an input.
func (g *golden) input() []int {
	if g.Rows != nil {
		return []int{len(g.Rows[0])}
	}
	return []int{g.Side, g.Side, 3}
}

func (g *golden) batch(step int) []float32 {
	if g.Rows != nil {
		return slices.Concat(g.Rows...)
	}
	return images(g.Side, step)
}

// directories are the networks of testdata.
func directories(t *testing.T) []string {
	list, err := filepath.Glob("testdata/*/config.json")
	if err != nil || len(list) == 0 {
		t.Fatal("no networks in testdata", err)
	}
	for i := range list {
		list[i] = filepath.Dir(list[i])
	}
	return list
}

// Logits, gradients and losses along ten steps of M-SAM are those of transformers.
func TestGolden(t *testing.T) {
	for _, dir := range directories(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			g := readGolden(t, dir)
			m, theta := open(t, dir, &g)
			compareLogits(t, &g, m, theta)
			compareGradients(t, &g, m, theta)
			compareSteps(t, &g, m, theta)
		})
	}
}

func compareLogits(t *testing.T, g *golden, m *nn.Model, theta []float32) {
	t.Helper()
	got, err := m.Logits(theta, g.batch(0))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "logits", got, g.Logits, 1e-4)
	for i, row := range g.Rows { // by themselves some have one segment, and positions that count on
		if got, err = m.Logits(theta, row); err != nil {
			t.Fatal(err)
		}
		near(t, "logits of one text", got, g.Logits[i*g.Classes:(i+1)*g.Classes], 1e-4)
	}
}

// near holds numbers together, relative to the largest.
func near(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d %s, want %d", len(got), what, len(want))
	}
	top := 0.
	for _, v := range want {
		top = max(top, math.Abs(v))
	}
	for i, v := range got {
		if d := math.Abs(float64(v) - want[i]); !(d <= tolerance*top) {
			t.Errorf("%s %d: %g, want %g", what, i, v, want[i])
		}
	}
}

func compareGradients(t *testing.T, g *golden, m *nn.Model, theta []float32) {
	t.Helper()
	grad := make([]float32, m.Size())
	loss, err := m.Gradient(grad, theta, g.batch(0), labels(g.Classes, 0), objective.Call{Weight: 1, Perturbed: true})
	if err != nil || !(math.Abs(loss-g.Loss) < 1e-4*g.Loss) {
		t.Fatalf("loss %.7f, want %.7f, %v", loss, g.Loss, err)
	}
	seen := 0
	for _, p := range m.StateDict(grad) {
		want, ok := g.Gradients[p.Name]
		if !ok {
			if len(p.Data) > 0 && !isStatistic(p.Name) {
				t.Errorf("there is no gradient of %s", p.Name)
			}
			continue
		}
		seen++
		norm, dot := 0., 0.
		salt := numbers(len(p.Data), 5)
		for i, v := range p.Data {
			norm += float64(v) * float64(v)
			dot += float64(v) * float64(salt[i])
		}
		norm = math.Sqrt(norm)
		const tolerance, rounding = 1e-3, 1e-6 // softmax does not feel a key's bias
		if !(math.Abs(norm-want[0]) <= tolerance*want[0]+rounding) || !(math.Abs(dot-want[1]) <= 5*tolerance*want[0]+rounding) {
			t.Errorf("gradient of %s: norm %.6g, product %.6g, want %.6g and %.6g", p.Name, norm, dot, want[0], want[1])
		}
	}
	if seen == 0 {
		t.Error("no gradient was compared")
	}
}

func isStatistic(name string) bool {
	for _, end := range []string{"running_mean", "running_var"} {
		if filepath.Ext(name) == "."+end {
			return true
		}
	}
	return false
}

func compareSteps(t *testing.T, g *golden, m *nn.Model, theta []float32) {
	t.Helper()
	base, err := optim.NewSGD[float32](m.Size(), optim.SGDSettings{LR: optim.Constant(.01), Momentum: .9})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := sam.Family[float32]("m-sam", sam.Params{Rho: sam.Constant(.1)})
	if err != nil {
		t.Fatal(err)
	}
	opt, err := sam.New(m.Size(), base, settings)
	if err != nil {
		t.Fatal(err)
	}
	var got []float32
	for step := range g.Losses {
		b := nn.Minibatch{Model: m, X: g.batch(step), Labels: labels(g.Classes, step)}
		r, err := opt.Step(theta, b)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, float32(r.Loss))
	}
	near(t, "losses of M-SAM's steps", got, g.Losses, 1e-3)
}

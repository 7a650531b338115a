package export_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/onnxruntime"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/export"
)

// random sets parameters and running statistics so that each has a part in the result, and none
// is what another could be.
func random(m *nn.Model) []float32 {
	theta := m.NewTheta(3)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range m.Params {
		x := p.Export(theta)
		for i := range x {
			x[i] += .1 * float32(rng.NormFloat64()) * max(.1, min(1, x[i]*x[i]*4))
		}
		if err := p.Import(theta, x); err != nil {
			panic(err)
		}
	}
	for _, b := range m.Buffers {
		for i := range b.Data {
			if strings.HasSuffix(b.Name, "var") {
				b.Data[i] = .5 + rng.Float32()
			} else if !b.Count {
				b.Data[i] = .3 * float32(rng.NormFloat64())
			}
		}
	}
	return theta
}

// minibatch returns n inputs as the model takes them and as the graph does, with the graph's shape.
func minibatch(input []int, vocabulary, n int) (x, first []float32, dims []int) {
	rng := rand.New(rand.NewPCG(7, uint64(n)))
	if vocabulary > 0 {
		rows := input[0]
		for i := range n {
			length := []int{rows, 1, rows / 3, 0}[i%4] // of all lengths, nothing at all too
			for j := range rows {
				v := float32(0)
				if j < length && j != 5 { // a 0 in the middle is no padding
					v = float32(1 + rng.IntN(vocabulary-1))
				}
				x = append(x, v)
			}
		}
		return x, x, []int{n, rows}
	}
	h, w, c := input[0], input[1], input[2]
	x, first = make([]float32, n*h*w*c), make([]float32, n*h*w*c)
	for i := range n {
		for p := range h * w {
			for k := range c {
				v := float32(rng.NormFloat64())
				x[(i*h*w+p)*c+k], first[(i*c+k)*h*w+p] = v, v
			}
		}
	}
	if h == 1 && w == 1 {
		return x, first, []int{n, c}
	}
	return x, first, []int{n, c, h, w}
}

// serve runs ONNX Runtime on a model.
func serve(t *testing.T, m *onnx.Model, whole bool, batches []onnxruntime.Batch) onnxruntime.Served {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := m.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	return onnxruntime.Serve(t, path, whole, batches...)
}

// distance is the largest difference of two lists, the second of zeros if it is nil.
func distance(a, b []float32) (d float64) {
	for i, v := range a {
		if b != nil {
			v -= b[i]
		}
		d = max(d, math.Abs(float64(v)))
	}
	return d
}

// quick are models that take a moment, and are of every kind.
var quick = []string{"mlp", "cnn", "resnet8", "resnet20", "vit-tiny", "bert-tiny"}

// What is written computes what the network does, served by ONNX Runtime, for every model.
func TestServed(t *testing.T) {
	onnxruntime.Need(t)
	for _, e := range models.All() {
		for _, norm := range []string{"", "group"} {
			name := e.Name
			if norm != "" {
				if name += "-group"; e.Name != "resnet8" && e.Name != "resnet18" {
					continue
				}
			}
			t.Run(name, func(t *testing.T) {
				if testing.Short() && !slices.Contains(quick, e.Name) {
					t.Skip("slow")
				}
				m, err := models.Build(e.Name, models.Options{Input: e.Input, Classes: 7, Norm: norm})
				if err != nil {
					t.Fatal(err)
				}
				served1(t, m, random(m), e)
			})
		}
	}
}

func served1(t *testing.T, m *nn.Model, theta []float32, e models.Entry) {
	t.Helper()
	f, err := export.Model(m, theta, export.Options{Name: e.Name})
	if err != nil {
		t.Fatal(err)
	}
	var batches []onnxruntime.Batch
	var want [][]float32
	for _, n := range []int{4, 1} {
		x, first, d := minibatch(e.Input, e.Vocabulary, n)
		y, err := m.Logits(theta, x)
		if err != nil {
			t.Fatal(err)
		}
		batches, want = append(batches, onnxruntime.Batch{Dims: d, Data: first}), append(want, slices.Clone(y))
	}
	s := serve(t, f, e.Vocabulary > 0, batches)
	if rows := want[0]; distance(rows[:7], rows[7:14]) < 2e-3*distance(rows, nil) {
		t.Errorf("the test shows little: inputs make no difference: %v", rows)
	}
	for i, y := range s.Results {
		onnxruntime.Near(t, y.Data, want[i])
		if !slices.Equal(y.Dims, []int{batches[i].Dims[0], m.Classes()}) {
			t.Errorf("outputs of shape %v for inputs of %v", y.Dims, batches[i].Dims)
		}
	}
	if fmt.Sprint(s.Inputs, s.Outputs) != "[input] [logits]" || s.Input[0] != "batch" || s.Output[0] != "batch" {
		t.Errorf("inputs %v %v, outputs %v %v", s.Inputs, s.Input, s.Outputs, s.Output)
	}
}

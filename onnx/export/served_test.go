package export_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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

// runtime returns the directory of ONNX Runtime, or skips the test.
func runtime(t *testing.T) string {
	t.Helper()
	modules := os.Getenv("MONGE_TEST_ONNXRUNTIME")
	if modules == "" {
		t.Skip("MONGE_TEST_ONNXRUNTIME is not set to a directory with node_modules/onnxruntime-node")
	}
	return modules
}

// served is what ONNX Runtime says of a model.
type served struct {
	Inputs, Outputs []string
	Type            string
	Input, Output   []any
	Dims            [][]int
}

// serve runs ONNX Runtime on minibatches and returns its outputs for each.
func serve(t *testing.T, m *onnx.Model, whole bool, batches [][]float32, dims [][]int) (s served, outputs [][]float32) {
	t.Helper()
	modules := runtime(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "model.onnx")
	if err := m.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	args := []string{"testdata/serve.cjs", modules, path}
	for i, x := range batches {
		var b []byte
		for _, v := range x {
			if whole {
				b = binary.LittleEndian.AppendUint64(b, uint64(v))
			} else {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
			}
		}
		in := filepath.Join(dir, fmt.Sprintf("%d.in", i))
		if err := os.WriteFile(in, b, 0o666); err != nil {
			t.Fatal(err)
		}
		args = append(args, strings.Trim(strings.ReplaceAll(fmt.Sprint(dims[i]), " ", ","), "[]"), in, filepath.Join(dir, fmt.Sprintf("%d.out", i)))
	}
	var stderr bytes.Buffer
	cmd := exec.Command("node", args...)
	cmd.Stderr = &stderr
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	if stderr.Len() > 0 {
		t.Errorf("ONNX Runtime warns: %s", stderr.Bytes())
	}
	if err := json.Unmarshal(said, &s); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	for i := range batches {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%d.out", i)))
		if err != nil {
			t.Fatal(err)
		}
		y := make([]float32, len(b)/4)
		for i := range y {
			y[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		outputs = append(outputs, y)
	}
	return s, outputs
}

// near compares outputs, relative to the largest.
func near(t *testing.T, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d outputs, want %d", len(got), len(want))
	}
	var worst, top float64
	for i, v := range want {
		d := math.Abs(float64(got[i]) - float64(v))
		if !(d < math.Inf(1)) {
			t.Fatalf("output %d is %g, want %g", i, got[i], v)
		}
		worst, top = max(worst, d), max(top, math.Abs(float64(v)))
	}
	t.Logf("differ by up to %.2g of %.3g", worst, top)
	if worst > 1e-4*top {
		t.Errorf("outputs differ by %g of %g:\n%v\n%v", worst, top, got[:min(len(got), 10)], want[:min(len(got), 10)])
	}
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
	runtime(t)
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
	var batches, want [][]float32
	var dims [][]int
	for _, n := range []int{4, 1} {
		x, first, d := minibatch(e.Input, e.Vocabulary, n)
		y, err := m.Logits(theta, x)
		if err != nil {
			t.Fatal(err)
		}
		batches, dims, want = append(batches, first), append(dims, d), append(want, slices.Clone(y))
	}
	s, got := serve(t, f, e.Vocabulary > 0, batches, dims)
	if rows := want[0]; distance(rows[:7], rows[7:14]) < 2e-3*distance(rows, nil) {
		t.Errorf("the test shows little: inputs make no difference: %v", rows)
	}
	for i := range got {
		near(t, got[i], want[i])
		if !slices.Equal(s.Dims[i], []int{dims[i][0], m.Classes()}) {
			t.Errorf("outputs of shape %v for inputs of %v", s.Dims[i], dims[i])
		}
	}
	if fmt.Sprint(s.Inputs, s.Outputs) != "[input] [logits]" || s.Input[0] != "batch" || s.Output[0] != "batch" {
		t.Errorf("inputs %v %v, outputs %v %v", s.Inputs, s.Input, s.Outputs, s.Output)
	}
}

package supervised_test

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/onnx/network"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// Another output than the usual one is trained where that is chosen, and the file written says so.
func TestInitOutput(t *testing.T) {
	const two = "x:Nx1x8x8; f=Flatten; a=Gemm(f, a.weight:10x64, a.bias:10){transB=1}; Tanh(f); b=Gemm(_, b.weight:64x10)"
	path := fileOf(t, two, func(m *onnx.Model) {
		m.Graph.Outputs = []*onnx.Value{{Name: "a", DType: onnx.Float}, {Name: "b", DType: onnx.Float}}
	})
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, dir, from(path, func(s *supervised.Settings) { s.Output, s.Head = "b", "new" }), 0); err != nil {
		t.Fatal(err)
	}
	graph := filepath.Join(dir, supervised.NetworkFile)
	was, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	is, err := onnx.Read(graph)
	if err != nil {
		t.Fatal(err)
	}
	for name, kept := range map[string]bool{"a.weight": true, "b.weight": false} {
		if reflect.DeepEqual(was.Graph.Initializer(name), is.Graph.Initializer(name)) != kept {
			t.Errorf("%s is as before: %v", name, !kept)
		}
	}
	b := logitsOf(t, graph)
	near(t, "the weights", logitsOf(t, filepath.Join(dir, supervised.WeightsFile)), b, 0)
	f, err := classifier.Open(graph)
	if err == nil {
		err = f.Choose("a")
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Load(classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := c.Net.Logits(c.Theta, pattern(3*64)); err != nil || slices.Equal(a, b) {
		t.Errorf("%v, %v", a, err)
	}
	again := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, again, from(graph), 0); err != nil {
		t.Fatal(err)
	}
	if is, err = onnx.Read(filepath.Join(again, supervised.NetworkFile)); err != nil {
		t.Fatal(err)
	}
	if output, _ := is.Property("output"); output != "b" || !reflect.DeepEqual(was.Graph.Initializer("a.weight"), is.Graph.Initializer("a.weight")) {
		t.Errorf("trained again: output %q", output)
	}
}

// A closing softmax is no part of what is trained, and stays in the file.
func TestInitClosing(t *testing.T) {
	for _, end := range []string{"Softmax", "LogSoftmax", "Softmax; Log", "Sigmoid"} {
		dir := filepath.Join(t.TempDir(), "run")
		if _, err := runIn(t, dir, from(fileOf(t, folded+"; "+end)), 0); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, supervised.NetworkFile)
		m, err := onnx.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		x, err := array.New(onnx.Float, 3, 1, 8, 8)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range pattern(len(x.F)) {
			x.F[i] = float64(v)
		}
		y, err := network.Run(m, []*array.Array{x})
		if err != nil {
			t.Fatal(err)
		}
		logits := logitsOf(t, path)
		for n := range 3 {
			sum := 0.
			for _, v := range logits[10*n : 10*n+10] {
				sum += math.Exp(float64(v))
			}
			for k, v := range logits[10*n : 10*n+10] {
				want := math.Exp(float64(v)) / sum
				if strings.Contains(end, "Log") {
					want = math.Log(want)
				} else if end == "Sigmoid" {
					want = 1 / (1 + math.Exp(-float64(v)))
				}
				if got := y[0].F[10*n+k]; math.Abs(got-want) > 1e-5 {
					t.Errorf("%s: output %d of %d is %g, probability %g", end, k, n, got, want)
				}
			}
		}
	}
}

// Numbers to predict are what the file gives, whatever closes it.
func TestInitTargetsClosing(t *testing.T) {
	lines := []string{"a,b,share"}
	for i := range 60 {
		lines = append(lines, fmt.Sprintf("%d,%d,%g", i%7, i%11, float64(i%3)/2))
	}
	table := filepath.Join(t.TempDir(), "a.csv")
	onnxtest.WriteBytes(t, table, []byte(strings.Join(lines, "\n")+"\n"))
	for end, head := range map[string]string{"Sigmoid": "", "Softmax": "new"} {
		path := fileOf(t, "x:Nx2; Gemm(_, w:1x2, b:1){transB=1}; "+end)
		dir := filepath.Join(t.TempDir(), "run")
		if _, err := runIn(t, dir, from(path, func(s *supervised.Settings) { s.Data, s.Val, s.Head = "csv:"+table+"?target=share", 10, head }), 0); err != nil {
			t.Fatal(err)
		}
		graph := filepath.Join(dir, supervised.NetworkFile)
		c, err := classifier.Load(graph, classifier.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Outputs([]float32{3, 4})
		if err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Read(graph)
		if err != nil {
			t.Fatal(err)
		}
		x, err := array.New(onnx.Float, 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		x.F[0], x.F[1] = 3, 4
		y, err := network.Run(m, []*array.Array{x})
		if err != nil || math.Abs(y[0].F[0]-float64(got[0])) > 1e-6 {
			t.Errorf("%s: the file gives %v, %v; it is taken for %v", end, y, err, got)
		}
	}
}

// Normalisation and softmax are put into the graph where that is asked for, and weights beside it mean the
// same.
func TestInitInGraph(t *testing.T) {
	wrapped := func(s *supervised.Settings) {
		s.Onnx, s.Normalize = []string{"normalize", "softmax"}, "mean=.5:std=.25"
	}
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, dir, from(fileOf(t, folded), wrapped), 0); err != nil {
		t.Fatal(err)
	}
	graph := filepath.Join(dir, supervised.NetworkFile)
	a, b := predicted(t, graph), predicted(t, filepath.Join(dir, supervised.WeightsFile))
	near(t, "the weights", b, a, 0)
	m, err := onnx.Read(graph)
	if err != nil {
		t.Fatal(err)
	}
	x, err := array.New(onnx.Float, 3, 1, 8, 8)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range pattern(len(x.F)) {
		x.F[i] = float64(v)
	}
	y, err := network.Run(m, []*array.Array{x})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range y[0].F {
		if math.Abs(v-float64(a[i])) > 1e-5 {
			t.Errorf("output %d is %g, here %g", i, v, a[i])
		}
	}
	if _, err := train.New(from(fileOf(t, folded+"; Sigmoid"), wrapped)); err == nil || !strings.Contains(err.Error(), "onnx: softmax: the graph closes with a Sigmoid already") {
		t.Error(err)
	}
}

// predicted are the probabilities of a few images.
func predicted(t *testing.T, path string) []float32 {
	t.Helper()
	c, err := classifier.Load(path, classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Predict(pattern(3 * c.Net.InputLen()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Of a file that closes with a Sigmoid it is said what becomes of it.
func TestInitSigmoidNote(t *testing.T) {
	for end, want := range map[string]bool{"; Sigmoid": true, "; Softmax": false} {
		r, _ := taskOf(t, from(fileOf(t, folded+end)))
		if notes := strings.Join(r.Notes(), "\n"); strings.Contains(notes, "it closes with a Sigmoid") != want {
			t.Errorf("%s: notes %q", end, notes)
		}
	}
}

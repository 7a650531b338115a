package network_test

import (
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/onnx/network"
)

// rebuilt builds a file's network for other classes, and returns it with the file that it writes.
func rebuilt(t *testing.T, f *network.File, classes int) (*nn.Model, []float32, *onnx.Model) {
	t.Helper()
	b := nn.NewBuilder()
	layer := f.Layer(b, network.Options{Classes: classes})
	m, err := nn.NewModel(b, layer, f.Input())
	if err != nil {
		t.Fatal(err)
	}
	theta := m.NewTheta(1)
	out, err := layer.Export(theta)
	if err != nil {
		t.Fatal(err)
	}
	return m, theta, out
}

// What closes a graph is told apart, and the layer before it found.
func TestClosing(t *testing.T) {
	for end, want := range map[string]string{
		"": "", "Softmax": "Softmax", "LogSoftmax": "LogSoftmax", "Sigmoid": "Sigmoid", "Softmax; Log": "LogSoftmax", "Softmax; Identity; Log; Reshape(_, [-1,5])": "LogSoftmax",
		"Sigmoid; Reshape(_, [-1,5])": "Sigmoid", "Sigmoid; Log": "", "Log": "", "Tanh": "",
	} {
		f, err := network.Of(onnxtest.Model(t, strings.TrimSuffix("x:Nx6; Gemm(_, w:6x5, b:5); "+end, "; ")))
		if err != nil {
			t.Fatal(err)
		}
		found := end == "" || want != ""
		if f.Closing != want || (len(f.Heads) == 1) != found || f.Outputs() != 5 {
			t.Errorf("%q: closed by %q, heads %v, %d outputs", end, f.Closing, f.Heads, f.Outputs())
		}
		if !found {
			continue
		}
		_, _, out := rebuilt(t, f, 3)
		x, err := array.New(onnx.Float, 2, 6)
		if err != nil {
			t.Fatal(err)
		}
		y, err := network.Run(out, []*array.Array{x})
		if err != nil || y[0].Shape[1] != 3 || out.Graph.Nodes[len(out.Graph.Nodes)-1].Op != f.Graph.Nodes[len(f.Graph.Nodes)-1].Op {
			t.Errorf("%q: %v, %v", end, y, err)
		}
	}
}

// Layers whose sum or mean are the outputs begin anew together.
func TestHeads(t *testing.T) {
	const two = "x:Nx6; u=Gemm(_, u.weight:5x6, u.bias:5){transB=1}; v=MatMul(x, v.weight:6x5); "
	for end, want := range map[string]int{
		"Add(u, v); Div(_, @2.)": 2,
		"Add(u, v); Mul(@.5, _)": 2,
		"Mean(u, v)":             2,
		"Sum(u, v); Softmax":     2,
		"a=Unsqueeze(u, [0]); b=Unsqueeze(v, [0]); Concat(a, b){axis=0}; ReduceMean{axes=[0] keepdims=0}": 2,
		"b=Add(v, v.bias:5); Add(u, b); Reshape(_, [-1,5])":                                               2,
		"w=Gemm(x, w.weight:6x5); Sum(u, v, w); Div(_, @3.); Sigmoid":                                     3,
		"Add(u, v); Div(_, 5)":               0, // scales of classes
		"Sub(u, v)":                          0,
		"Concat(u, v){axis=1}":               0,
		"w=Gemm(u, w.weight:5x5); Add(u, w)": 0, // a residual block
		"w=Gemm(x, w.weight:6x1); Add(u, w)": 0, // of another size
		"Relu(u); Tanh; Add(_, v)":           0,
		"Add(u, v); Add(_, c.bias:5)":        0,
	} {
		f, err := network.Of(onnxtest.Model(t, two+end))
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Heads) != want || f.Outputs() != 5 && !strings.Contains(end, "axis=1") {
			t.Errorf("%q: %d heads, %d outputs", end, len(f.Heads), f.Outputs())
		}
		if len(f.Heads) == 0 || f.Closing != "" {
			continue
		}
		m, theta, out := rebuilt(t, f, 3)
		if n := len(m.Head()); m.Classes() != 3 || n < want {
			t.Errorf("%q: %d classes, %d parameters of heads", end, m.Classes(), n)
		}
		x, err := array.New(onnx.Float, 2, 6)
		if err != nil {
			t.Fatal(err)
		}
		pixels := make([]float32, 12)
		for i := range pixels {
			pixels[i] = float32(i%5) - 2
			x.F[i] = float64(pixels[i])
		}
		logits, err := m.Logits(theta, pixels)
		if err != nil {
			t.Fatal(err)
		}
		y, err := network.Run(out, []*array.Array{x})
		if err != nil {
			t.Fatalf("%q: %v", end, err)
		}
		for i, v := range y[0].F {
			if d := v - float64(logits[i]); d > 1e-5 || d < -1e-5 {
				t.Errorf("%q: output %d of the file is %g, here %g", end, i, v, logits[i])
			}
		}
	}
}

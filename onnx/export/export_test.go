package export_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/export"
	"github.com/monge-ml/monge/tensor"
)

func build(t *testing.T, name string) *nn.Model {
	t.Helper()
	e, err := models.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := models.Build(name, models.Options{Input: e.Input, Classes: 7})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func exported(t *testing.T, m *nn.Model, o export.Options) *onnx.Model {
	t.Helper()
	f, err := export.Model(m, random(m), o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// operators counts those of a graph.
func operators(m *onnx.Model) map[string]int {
	counts := map[string]int{}
	for _, n := range m.Graph.Nodes {
		counts[n.Op]++
	}
	return counts
}

// Networks are made of the operators that one expects: nothing stands there for the order of
// dimensions but where a vision transformer cuts an image into rows.
func TestOperators(t *testing.T) {
	for name, want := range map[string]map[string]int{
		"mlp":      {"Reshape": 1, "Gemm": 3, "Relu": 2},
		"cnn":      {"Conv": 3, "BatchNormalization": 3, "Relu": 3, "MaxPool": 3, "GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1},
		"resnet8":  {"Conv": 7, "BatchNormalization": 7, "Relu": 7, "Add": 3, "Slice": 2, "Pad": 2, "GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1},
		"resnet18": {"Conv": 20, "BatchNormalization": 20, "Relu": 17, "Add": 8, "GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1},
		"vit-tiny": {
			"Conv": 1, "Reshape": 1 + 6*4, "Transpose": 1 + 6*(4+6), "MatMul": 6 * (6 + 2), "LayerNormalization": 6*2 + 1,
			"Softmax": 6, "Erf": 6, "Div": 6, "Mul": 6 * 3, "Add": 1 + 6*(6+2+1), "ReduceMean": 1, "Gemm": 1,
		},
	} {
		if got := operators(exported(t, build(t, name), export.Options{})); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: operators %v, want %v", name, got, want)
		}
	}
}

// Parameters and running statistics are initializers under their own names, in PyTorch's shapes
// and order; nodes are named by their layers; the size of the minibatch is symbolic.
func TestNames(t *testing.T) {
	m := build(t, "resnet8")
	theta := random(m)
	f, err := export.Model(m, theta, export.Options{Name: "resnet8", Metadata: []onnx.Property{{Key: "a", Value: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range m.StateDict(theta) {
		if s.Ints != nil {
			continue // a count of minibatches
		}
		x := f.Graph.Initializer(s.Name)
		if x == nil {
			t.Errorf("%s is missing", s.Name)
			continue
		}
		data, err := x.Floats()
		if err != nil || !slices.Equal(data, s.Data) || !slices.Equal(x.Dims, s.Shape) {
			t.Errorf("%s: shape %v, want %v, error %v, or other numbers", s.Name, x.Dims, s.Shape, err)
		}
	}
	names := map[string]bool{}
	for _, n := range f.Graph.Nodes {
		if names[n.Name] {
			t.Errorf("two nodes %s", n.Name)
		}
		names[n.Name] = true
	}
	for _, name := range []string{"conv1/Conv", "bn1/Relu", "layer2.0.bn2/BatchNormalization", "layer2.0.bn2/Add", "shortcut/Pad_1", "linear/Gemm"} {
		if !names[name] {
			t.Errorf("no node %s", name)
		}
	}
	in, out := f.Graph.Inputs[0], f.Graph.Outputs[0]
	batch := onnx.Dim{Name: "batch"}
	if len(in.Shape) != 4 || fmt.Sprint(in.Shape[0]) != fmt.Sprint(batch) || in.Shape[1].Size != 3 || in.DType != onnx.Float {
		t.Errorf("input %+v", in)
	}
	if len(out.Shape) != 2 || fmt.Sprint(out.Shape[0]) != fmt.Sprint(batch) || out.Shape[1].Size != 7 || out.Name != "logits" {
		t.Errorf("output %+v", out)
	}
	if v, _ := f.Property("a"); v != "b" || f.Opset() != 17 || f.IRVersion != 8 || f.Producer != "monge" || f.ProducerVersion == "" {
		t.Errorf("%+v", f)
	}
}

// The same network gives the same bytes, which are a file that can be read.
func TestBytes(t *testing.T) {
	for _, name := range []string{"cnn", "vit-tiny", "bert-tiny"} {
		var files [2][]byte
		for i := range files {
			var err error
			if files[i], err = exported(t, build(t, name), export.Options{}).Marshal(); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(files[0], files[1]) {
			t.Errorf("%s: other bytes at the second time", name)
		}
		if _, err := onnx.Parse(files[0]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Rows of a table are a matrix, tokens whole numbers.
func TestInputs(t *testing.T) {
	m, err := models.Build("mlp", models.Options{Input: []int{1, 1, 5}, Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	f := exported(t, m, export.Options{})
	if in := f.Graph.Inputs[0]; len(in.Shape) != 2 || in.Shape[1].Size != 5 || operators(f)["Reshape"] != 0 {
		t.Errorf("input %+v, operators %v", in, operators(f))
	}
	f = exported(t, build(t, "bert-tiny"), export.Options{})
	if in := f.Graph.Inputs[0]; len(in.Shape) != 2 || in.Shape[1].Size != 64 || in.DType != onnx.Int64 {
		t.Errorf("input %+v", in)
	}
}

// Pixels may be normalised and the outputs brought to probabilities in the graph.
func TestNormalizeAndSoftmax(t *testing.T) {
	o := export.Options{Mean: []float32{.1, .2, .3}, Std: []float32{.5, .6, .7}, Softmax: true, Output: "probabilities"}
	f := exported(t, build(t, "cnn"), o)
	nodes := f.Graph.Nodes
	if a, b, z := nodes[0], nodes[1], nodes[len(nodes)-1]; a.Op != "Sub" || b.Op != "Div" || z.Op != "Softmax" || z.Outputs[0] != "probabilities" {
		t.Errorf("it begins with %s and %s and ends with %s to %s", a.Op, b.Op, z.Op, z.Outputs)
	}
	o.Mean = o.Mean[:2]
	if _, err := export.Model(build(t, "cnn"), random(build(t, "cnn")), o); err == nil {
		t.Error("two means for three channels are no error")
	}
	if _, err := export.Model(build(t, "bert-tiny"), random(build(t, "bert-tiny")), export.Options{Mean: []float32{0}, Std: []float32{1}}); err == nil {
		t.Error("normalised tokens are no error")
	}
}

// double is an operation of a program's own.
type double struct{}

func (double) Name() string                              { return "double" }
func (double) Shape(in ...*tensor.Tensor) ([]int, error) { return in[0].Shape(), nil }
func (double) Backward(*tensor.Tensor, ...*tensor.Tensor) {
}
func (double) Forward(out *tensor.Tensor, in ...*tensor.Tensor) {
	for i, v := range in[0].Data {
		out.Data[i] = 2 * v
	}
}

// small is a network of images 4x4x3 with a layer of the test's in the middle.
func small(t *testing.T, f func(tp *tensor.Tape, x *tensor.Tensor) *tensor.Tensor, width int) *nn.Model {
	t.Helper()
	b := nn.NewBuilder()
	conv := b.Conv2d("conv", 3, 6, 3, nn.ConvOptions{Pad: 1})
	layer := nn.LayerFunc(func(tp *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
		tp.Scope("mine")
		return f(tp, x)
	})
	m, err := nn.NewModel(b, nn.Sequential{conv, layer, b.Linear("fc", width, 4)}, []int{4, 4, 3})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What has no form in ONNX is an error that names the layer and the operation.
func TestUnsupported(t *testing.T) {
	type tape = *tensor.Tape
	type result = *tensor.Tensor
	one, err := tensor.New([]float32{1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for want, f := range map[string]func(tp tape, x result) result{
		"mine: double: it is the program's own operation": func(tp tape, x result) result {
			return tp.GlobalAvgPool(tp.Apply(double{}, x))
		},
		"mine: mul: it takes numbers that were computed outside the tape": func(tp tape, x result) result {
			return tp.GlobalAvgPool(tp.Mul(x, tp.Input([]float32{x.Data[0]}, 1)))
		},
		"mine: embedding: it takes numbers that were read from the minibatch": func(tp tape, x result) result {
			table := tp.Reshape(tp.Slice(x, 0, 0, 1), 16, 6)
			ids := make([]int, x.Dim(0))
			return tp.Embedding(table, ids)
		},
		"mine: attention: the lengths of sequences were read": func(tp tape, x result) result {
			rows := tp.Reshape(x, 1, -1, 6)
			first := tp.Slice(rows, 1, 0, 16)
			y := tp.Attention(first, first, first, tensor.AttentionOptions{Heads: 2, Lengths: []int{7}})
			return tp.Add(tp.GlobalAvgPool(x), tp.Mean(y, 1))
		},
		"mine: slice: its options depend on the minibatch": func(tp tape, x result) result {
			y := tp.Slice(x, 0, x.Dim(0)-1, x.Dim(0))
			return tp.GlobalAvgPool(tp.Add(x, y))
		},
		"mine: slice: a slice whose length follows": func(tp tape, x result) result {
			y := tp.Concat(0, x, x)
			return tp.GlobalAvgPool(tp.Slice(y, 0, 0, x.Dim(0)))
		},
		"no multiple of their size": func(tp tape, x result) result {
			y := tp.Concat(0, x, tp.Slice(x, 0, 0, 1))
			return tp.Add(tp.Mul(tp.GlobalAvgPool(x), one), tp.Mean(y, 0, 1, 2))
		},
		"it normalises by the minibatch": func(tp tape, x result) result {
			return tp.GlobalAvgPool(tp.BatchNorm(x, nil, nil, &tensor.BatchNormState{}))
		},
		"what the network does depends on the minibatch": func(tp tape, x result) result {
			if calls++; calls%2 == 0 {
				return tp.GlobalAvgPool(tp.ReLU(x))
			}
			return tp.ReLU(tp.GlobalAvgPool(x))
		},
		"it has no form in ONNX here": func(tp tape, x result) result {
			return tp.Mul(tp.GlobalAvgPool(x), tp.MSE(x, x, false))
		},
	} {
		m := small(t, f, 6)
		_, err := export.Model(m, random(m), export.Options{})
		var u *export.UnsupportedError
		if !errors.As(err, &u) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// What an adapter adds is in its layer's weight.
func TestMergesAdapters(t *testing.T) {
	b := nn.NewBuilder()
	if err := b.Adapt(nn.LoRA{Rank: 2, Alpha: 3}); err != nil {
		t.Fatal(err)
	}
	m, err := nn.NewModel(b, nn.Sequential{nn.Flatten, b.MLP(12, 5, 3)}, []int{2, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	m.NewTheta(1) // the frozen ones too
	theta := make([]float32, m.Size())
	for i := range theta {
		theta[i] = float32(math.Sin(float64(i)))
	}
	f, err := export.Model(m, theta, export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := operators(f); fmt.Sprint(got) != "map[Gemm:2 Relu:1 Reshape:1]" {
		t.Errorf("operators %v", got)
	}
	for _, s := range m.Merged(theta) {
		data, err := f.Graph.Initializer(s.Name).Floats()
		if err != nil || !slices.Equal(data, s.Data) {
			t.Errorf("%s differs from the merged one", s.Name)
		}
	}
	if n := len(m.Merged(theta)); len(f.Graph.Initializers) != n+1 { // and a shape
		t.Errorf("%d initializers, want those of %d parameters", len(f.Graph.Initializers), n)
	}
}

package network_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/network"
)

// op is a node of one output.
func op(name string, out string, in []string, attrs ...*onnx.Attr) *onnx.Node {
	return &onnx.Node{Op: name, Inputs: in, Outputs: []string{out}, Attrs: attrs}
}

// normal returns a tensor of normal numbers.
func normal(name string, dims ...int) *onnx.Tensor {
	rng := rand.New(rand.NewPCG(1, uint64(len(name))))
	n := 1
	for _, d := range dims {
		n *= d
	}
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(rng.NormFloat64())
	}
	return onnx.NewFloats(name, data, dims...)
}

// turning is the table of sines or cosines of four positions.
func turning(f func(float64) float64) *onnx.Tensor {
	var v []float32
	for i := range 16 {
		v = append(v, float32(f(float64(i/4)/math.Pow(10, float64(i%4)))))
	}
	name := "sin"
	if f(0) == 1 {
		name = "cos"
	}
	return onnx.NewFloats(name, v, 4, 4)
}

// valueOf describes an input or output; a size of -1 is open.
func valueOf(name string, d onnx.DType, dims ...int) *onnx.Value {
	v := &onnx.Value{Name: name, DType: d, HasShape: true}
	for _, n := range dims {
		v.Shape = append(v.Shape, onnx.Dim{Size: int64(max(n, 0)), Set: n >= 0})
	}
	return v
}

// modelOf puts a graph together, whose output is the last node's.
func modelOf(in []*onnx.Value, tensors []*onnx.Tensor, nodes ...*onnx.Node) *onnx.Model {
	last := nodes[len(nodes)-1].Outputs[0]
	return &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 18}}, Graph: &onnx.Graph{
		Nodes: nodes, Initializers: tensors, Inputs: in, Outputs: []*onnx.Value{{Name: last, DType: onnx.Float}}}}
}

// Which tensors of a file are parameters.
func TestParameters(t *testing.T) {
	tokens := []*onnx.Value{valueOf("input_ids", onnx.Int64, -1, 4)}
	images := []*onnx.Value{valueOf("x", onnx.Float, -1, 3, 4, 4)}
	flat := func(in string) []*onnx.Node {
		return []*onnx.Node{op("Flatten", "flat", []string{in}), op("Gemm", "y", []string{"flat", "w"}, onnx.IntAttr("transB", 1))}
	}
	for _, c := range []struct {
		name    string
		in      []*onnx.Value
		tensors []*onnx.Tensor
		nodes   []*onnx.Node
		want    []string
	}{
		{"tokens are looked up", tokens, []*onnx.Tensor{normal("table", 9, 2), normal("w", 5, 8)},
			append([]*onnx.Node{op("Gather", "e", []string{"table", "input_ids"})}, flat("e")...), []string{"table", "w"}},
		{"positions are added", tokens, []*onnx.Tensor{normal("table", 9, 2), normal("places", 6, 2), normal("w", 5, 8), onnx.NewInts("at", []int64{0, 1, 2, 3}, 1, 4)},
			append([]*onnx.Node{op("Gather", "p", []string{"places", "at"}), op("Gather", "e", []string{"table", "input_ids"}), op("Add", "s", []string{"e", "p"})}, flat("s")...),
			[]string{"places", "table", "w"}},
		{"pixels are normalized", images, []*onnx.Tensor{normal("mean", 3, 1, 1), normal("w", 5, 48)},
			append([]*onnx.Node{op("Sub", "s", []string{"x", "mean"})}, flat("s")...), []string{"w"}},
		{"places of another size", images, []*onnx.Tensor{normal("small", 1, 3, 2, 2), normal("w", 5, 48), normal("k", 3, 3, 1, 1), onnx.NewFloats("scales", []float32{1, 1, 2, 2}, 4)},
			append([]*onnx.Node{op("Conv", "c", []string{"x", "k"}), op("Resize", "r", []string{"small", "", "scales"}), op("Add", "s", []string{"c", "r"})}, flat("s")...),
			[]string{"k", "small", "w"}},
		{"one output", []*onnx.Value{valueOf("x", onnx.Float, -1, 6)}, []*onnx.Tensor{normal("w", 6, 1), normal("b", 1, 1), normal("s", 1)},
			[]*onnx.Node{op("Mul", "scaled", []string{"x", "s"}), op("MatMul", "m", []string{"scaled", "w"}), op("Add", "y", []string{"m", "b"})}, []string{"b", "w"}},
		{"positions turn", tokens, []*onnx.Tensor{normal("table", 9, 4), turning(math.Sin), turning(math.Cos), normal("w", 5, 16)},
			append([]*onnx.Node{op("Gather", "e", []string{"table", "input_ids"}), op("Mul", "c", []string{"e", "cos"}), op("Mul", "s", []string{"e", "sin"}), op("Add", "r", []string{"c", "s"})}, flat("r")...),
			[]string{"table", "w"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := network.Of(modelOf(c.in, c.tensors, c.nodes...))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range f.ParameterTensors() {
				got = append(got, p.Name)
			}
			if slices.Sort(got); !slices.Equal(got, c.want) {
				t.Errorf("parameters %v, want %v", got, c.want)
			}
			if err := f.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Which output is trained.
func TestOutput(t *testing.T) {
	x := []*onnx.Value{valueOf("x", onnx.Float, -1, 6)}
	nodes := []*onnx.Node{op("MatMul", "m", []string{"x", "w"}), op("Softmax", "p", []string{"m"}), op("ArgMax", "label", []string{"p"}, onnx.IntAttr("axis", 1)),
		{Op: "ZipMap", Domain: "ai.onnx.ml", Inputs: []string{"p"}, Outputs: []string{"map"}}}
	for name, outputs := range map[string][]*onnx.Value{
		"label first":     {{Name: "label", DType: onnx.Int64}, {Name: "p", DType: onnx.Float}},
		"label and map":   {{Name: "label", DType: onnx.Int64}, {Name: "map", Other: "a sequence"}},
		"without types":   {{Name: "p"}, {Name: "label"}},
		"labels are last": {{Name: "m", DType: onnx.Float}, {Name: "label", DType: onnx.Int64}},
	} {
		t.Run(name, func(t *testing.T) {
			m := modelOf(x, []*onnx.Tensor{normal("w", 6, 3)}, nodes...)
			m.Graph.Outputs = outputs
			f, err := network.Of(m)
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Heads) != 1 || f.Heads[0].Classes != 3 {
				t.Errorf("the head is %+v", f.Heads)
			}
			if err := f.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A file that was exported for a batch of one size, where that can't be undone, says how to export it.
func TestFixedBatch(t *testing.T) {
	const attention = "q=MatMul(h,q.weight:8x8); k=Transpose(q){perm=1,0}; s=MatMul(q,k); a=Softmax(s); o=MatMul(a,q); "
	for text, want := range map[string]string{
		"x:1x1x8x8; h=Reshape(x,[8,8]); " + attention + "f=Reshape(o,[1,64]); Gemm(f, fc.weight:64x2)":                                 "a batch of 1, ",
		"x:7x1x8x8; h=Reshape(x,[56,8]); q=MatMul(h,q.weight:8x8); Add(q,m:56x8); f=Reshape(_,[7,64]); Gemm(f, fc.weight:64x2)":        "a batch of 7, ",
		"x:1x1x8x8; h=Reshape(x,[64]); u=Unsqueeze(h,[0]); Concat(u,pos:1x64){axis=0}; f=Reshape(_,[1,128]); Gemm(f, fc.weight:128x2)": "a batch of 1, ",
	} {
		path := filepath.Join(t.TempDir(), "net.onnx")
		onnxtest.Write(t, path, text)
		_, err := models.Build(path, models.Options{Input: []int{8, 8, 1}, Classes: 2})
		if err == nil || !strings.Contains(err.Error(), "made for "+want) || strings.Count(err.Error(), "export it with a symbolic batch (dynamic_axes of torch.onnx.export, dynamic_shapes") != 1 {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "net.onnx") // whose shapes alone are of one size
	onnxtest.Write(t, path, "x:Nx1x8x8; h=Reshape(x,[8,8]); "+attention+"f=Reshape(o,[1,64]); Gemm(f, fc.weight:64x2)")
	m, err := models.Build(path, models.Options{Input: []int{8, 8, 1}, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Logits(m.NewTheta(1), make([]float32, 2*64)); err == nil || !strings.Contains(err.Error(), "made for a batch of 1, and can't be run with another: export it") {
		t.Errorf("error %v", err)
	}
}

package network_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/network"
)

// parametersOf are the names of what is trained, sorted.
func parametersOf(t *testing.T, m *onnx.Model) (names []string) {
	t.Helper()
	f, err := network.Of(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range f.ParameterTensors() {
		names = append(names, p.Name)
	}
	if err := f.Check(); err != nil {
		t.Error(err)
	}
	slices.Sort(names)
	return names
}

// Tensors of one element are trained where they are a module's.
func TestOneNumber(t *testing.T) {
	for name, want := range map[string]bool{
		"blocks.0.alpha": true, "stem.lab.scale": true, "0.gain": true, "a.0": true, "learnable_affine_block_0.w_0": true,
		"onnx::Mul_123": false, "val_12": false, "/act/Constant_output_0": false, "123": false, "clone": false, "0.5": false,
		"scalar_tensor_default": false, "p2o.helper.constant.0": false, "fill_constant_1.tmp_0": false, "b.lifted_tensor_0": false,
		"model/mul/y:0": false,
	} {
		for _, dims := range [][]int{{}, {1}, {1, 1}} {
			s := onnx.NewFloats(name, []float32{.5}, dims...)
			m := modelOf([]*onnx.Value{valueOf("x", onnx.Float, -1, 6)}, []*onnx.Tensor{normal("w", 6, 5), s}, op("Mul", "y", []string{"x", name}), op("MatMul", "z", []string{"y", "w"}))
			if got := slices.Contains(parametersOf(t, m), name); got != want {
				t.Errorf("%s of shape %v: trained %v", name, dims, got)
			}
		}
	}
}

// Where the file says what a tensor is, names count for nothing, and the file written says it too.
func TestKinds(t *testing.T) {
	tensors := []*onnx.Tensor{normal("w", 6, 5)}
	nodes := []*onnx.Node{op("MatMul", "y0", []string{"x", "w"})}
	var values []*onnx.Value
	for i, kind := range []string{"PARAMETER", "BUFFER", "CONSTANT_TENSOR"} {
		name := []string{"scale", "b.buffer", "b.constant"}[i]
		v := valueOf(name, onnx.Float)
		v.SetProperty("pkg.torch.onnx.original_node_name", name)
		v.SetProperty("pkg.torch.export.graph_signature.InputSpec.kind", kind)
		values = append(values, v)
		tensors = append(tensors, onnx.NewFloats(name, []float32{.3}))
		nodes = append(nodes, op("Mul", "y"+string(rune('1'+i)), []string{nodes[i].Outputs[0], name}))
	}
	table := valueOf("b.table", onnx.Float)
	table.SetProperty("pkg.torch.export.graph_signature.InputSpec.kind", "BUFFER")
	values, tensors = append(values, table), append(tensors, normal("b.table", 1, 5), normal("/b/Constant_1_output_0", 1, 5))
	nodes = append(nodes, op("Add", "y4", []string{"y3", "b.table"}), op("Add", "y5", []string{"y4", "/b/Constant_1_output_0"}))
	m := modelOf([]*onnx.Value{valueOf("x", onnx.Float, -1, 6)}, tensors, nodes...)
	m.Graph.Values = values
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if m, err = onnx.Parse(b); err != nil {
		t.Fatal(err)
	}
	if got := parametersOf(t, m); !slices.Equal(got, []string{"scale", "w"}) {
		t.Errorf("trained: %v", got)
	}
	f, err := network.Of(m)
	if err != nil {
		t.Fatal(err)
	}
	builder := nn.NewBuilder()
	layer := f.Layer(builder, network.Options{})
	net, err := nn.NewModel(builder, layer, []int{1, 1, 6})
	if err != nil {
		t.Fatal(err)
	}
	out, err := layer.Export(net.NewTheta(1))
	if err != nil {
		t.Fatal(err)
	}
	if got := parametersOf(t, out); !slices.Equal(got, []string{"scale", "w"}) {
		t.Errorf("trained of the file written: %v", got)
	}
}

// What is a module's is no constant of a pattern, and each reader of equal fresh ones has its own.
func TestOneNumberPatterns(t *testing.T) {
	for text, want := range map[string][]string{
		"x:Nx6; Gemm(_, 6x6); Mul(a.scale:[1.], _); Add(_, a.shift:[0.]); Mul(a.scale, _); Add(_, a.shift); Gemm(_, 6x5)":                                                          {"a.scale", "a.scale.2", "a.shift", "a.shift.2"},
		"x:Nx6; Gemm(_, 6x6); Mul(a.scale:[.7], _); Mul(a.scale, _); Gemm(_, 6x5)":                                                                                                 {"a.scale"},
		"x:Nx6; Gemm(_, 6x6); Sigmoid; Pow(_, a.p:[3.]); Gemm(_, 6x5)":                                                                                                             {"a.p"},
		"x:Nx6; Gemm(_, 6x6); g=Exp(a.gate:@.5); Mul(r0, g); Gemm(_, 6x5)":                                                                                                         {"a.gate"},
		"x:Nx6; s=Gemm(_, 6x6); Div(_, @1.4142135); Erf; Add(_, @1.); Mul(s, _); Mul(_, @.5); Gemm(_, 6x5)":                                                                        nil,
		"x:Nx6; s=Gemm(_, 6x6); Div(_, @1.4142135); Erf; Add(_, @1.); Mul(s, _); Mul(_, a.half:@.5); Gemm(_, 6x5)":                                                                 {"a.half"},
		"x:Nx1x4x6; q=MatMul(_, 6x6); k=Transpose(q){perm=0,1,3,2}; MatMul(q, k); Mul(_, a.t:[.5]); Softmax{axis=-1}; MatMul(_, q); ReduceMean{axes=1,2 keepdims=0}; Gemm(_, 6x5)": {"a.t"},
	} {
		var got []string
		for _, name := range parametersOf(t, onnxtest.Model(t, text)) {
			if name[:2] == "a." {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: trained %v, want %v", text, got, want)
		}
	}
}

// Ones and zeros that stand in for the scale and bias of an instance normalisation are none.
func TestStandIns(t *testing.T) {
	const text = "x:Nx1x4x4; Conv(_, 4x1x1x1); Reshape(_, [0,2,-1]); InstanceNormalization(_, NAME:[1.,1.], NAME0:[0.,0.]); Reshape(_, [0,4,4,4]);" +
		"Mul(_, gn.weight:4x1x1); Add(_, gn.bias:4x1x1); GlobalAveragePool; Flatten; Gemm(_, 4x5)"
	for name, own := range map[string]bool{"/gn/Constant_1_output_0": false, "val_7": false, "norm.weight": true} {
		names := parametersOf(t, onnxtest.Model(t, strings.ReplaceAll(text, "NAME", name)))
		if got := slices.Contains(names, name); got != own || slices.Contains(names, name+"0") != own || !slices.Contains(names, "gn.weight") {
			t.Errorf("%s: trained %v", name, names)
		}
	}
	const twice = "x:Nx1x4x4; Conv(_, 4x1x1x1); Reshape(_, [0,2,-1]); InstanceNormalization(_, val_9:[1.,1.], val_12:[0.,0.]);" +
		"InstanceNormalization(_, val_9, val_12); InstanceNormalization(_, val_9, val_12); Reshape(_, [0,64]); Gemm(_, 64x5)"
	if names := parametersOf(t, onnxtest.Model(t, twice)); len(names) != 2 {
		t.Errorf("shared stand-ins: trained %v", names)
	}
}

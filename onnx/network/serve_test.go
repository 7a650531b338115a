package network_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/onnxruntime"
	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/network"
)

// training is a network as exporters write it in training mode: normalisations with ReLU behind them and
// without, of which one gives its moved statistics to somebody.
const training = "x:Nx1x4x4; c=Conv(_, c1:4x1x3x3); a,am,av=BatchNormalization(c, 4, 4, m1:4, v1:4){training_mode=1 momentum=1.};" +
	"r=Relu(a); d=Conv(r, c2:4x4x1x1); b,bm,bv=BatchNormalization(d, 4, 4, m2:4, v2:4){training_mode=1 momentum=1.};" +
	"f=Flatten(b); o,mask=Dropout(f, @.5, flag:@1); Gemm(_, 16x3)"

// A file that was exported in training mode is written as it is used.
func TestServing(t *testing.T) {
	model := onnxtest.Model(t, training)
	for i, n := range model.Graph.Nodes {
		if n.Op == "Dropout" {
			model.Graph.Nodes[i+1].Inputs[0] = "o"
		}
	}
	model.Graph.Outputs = append(model.Graph.Outputs, &onnx.Value{Name: "bm", DType: onnx.Float, HasShape: true, Shape: []onnx.Dim{{Size: 4, Set: true}}})
	f, err := network.Of(model)
	if err != nil {
		t.Fatal(err)
	}
	if !f.Training() {
		t.Error("it is not said to be in training mode")
	}
	b := nn.NewBuilder()
	layer := f.Layer(b, network.Options{})
	m, err := nn.NewModel(b, layer, []int{4, 4, 1})
	if err != nil {
		t.Fatal(err)
	}
	theta := m.NewTheta(1)
	out, err := layer.Export(theta)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range out.Graph.Nodes {
		if n.Attr("training_mode") != nil || n.Op == "BatchNormalization" && len(n.Outputs) != 1 || n.Op == "Dropout" && len(n.Inputs) != 2 {
			t.Errorf("%s: outputs %v, inputs %v, attributes %v", n.Label(), n.Outputs, n.Inputs, n.Attrs)
		}
	}
	for _, x := range out.Graph.Initializers {
		if x.Name == "flag" {
			t.Error("the flag of Dropout is still there")
		}
	}
	if f, err = network.Of(out); err != nil {
		t.Fatal(err)
	}
	if f.Training() {
		t.Error("what is written is said to be in training mode")
	}
	served(t, m, theta, out)
}

// served holds what ONNX Runtime says of images alone, and beside each other, beside a model.
func served(t *testing.T, m *nn.Model, theta []float32, out *onnx.Model) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out.onnx")
	if err := out.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	x := normal("x", 3, 1, 4, 4)
	pixels, err := x.Floats()
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.Logits(theta, pixels)
	if err != nil {
		t.Fatal(err)
	}
	got := onnxruntime.Serve(t, path, false, onnxruntime.Batch{Dims: x.Dims, Data: pixels}, onnxruntime.Batch{Dims: []int{1, 1, 4, 4}, Data: pixels[:16]})
	onnxruntime.Near(t, got.Results[0].Data, want)
	onnxruntime.Near(t, got.Results[1].Data, want[:3])
}

// Until opset 14 the number of results says what a normalisation does.
func TestServingEarlier(t *testing.T) {
	model := onnxtest.Model(t, strings.NewReplacer("training_mode=1 ", "", "Dropout(f, @.5, flag:@1)", "Dropout(f)").Replace(training))
	model.Graph.Nodes[len(model.Graph.Nodes)-1].Inputs[0] = "o"
	model.Opsets[0].Version = 11
	f, err := network.Of(model)
	if err != nil {
		t.Fatal(err)
	}
	b := nn.NewBuilder()
	layer := f.Layer(b, network.Options{})
	m, err := nn.NewModel(b, layer, []int{4, 4, 1})
	if err != nil {
		t.Fatal(err)
	}
	out, err := layer.Export(m.NewTheta(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range out.Graph.Nodes {
		if n.Op == "BatchNormalization" && len(n.Outputs) != 1 {
			t.Errorf("%s: outputs %v", n.Label(), n.Outputs)
		}
	}
	if !f.Training() {
		t.Error("it is not said to be in training mode")
	}
}

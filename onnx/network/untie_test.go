package network_test

import (
	"math"
	"testing"

	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/onnx/network"
)

// Statistics and constants that were written as other names of equal parameters keep their values when
// these are trained.
func TestOtherNames(t *testing.T) {
	const text = "x:Nx6; m=Identity(bn.weight); v=Identity(bn.running_var); c=Identity(bn.weight); Gemm(_, 6x4);" +
		"BatchNormalization(_, bn.weight:[0.,0.,0.,0.], bn.bias:4, m, v); BatchNormalization(_, 4, 4, 4, bn.running_var:[1.,1.,1.,1.]); Tanh; Max(_, c); Gemm(_, 4x3)"
	model := onnxtest.Model(t, text)
	model.Graph.Nodes[3].Inputs[0] = "x"
	f, err := network.Of(model)
	if err != nil {
		t.Fatal(err)
	}
	b := nn.NewBuilder()
	layer := f.Layer(b, network.Options{})
	m, err := nn.NewModel(b, layer, []int{1, 1, 6})
	if err != nil {
		t.Fatal(err)
	}
	if n := m.BatchNorms(); n != 2 {
		t.Errorf("%d normalisations have statistics", n)
	}
	theta := m.NewTheta(1)
	for i := range theta {
		theta[i] += .5
	}
	pixels := []float32{1, -2, 3, -1, 2, .5}
	x, err := array.New(onnx.Float, 1, 6)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range pixels {
		x.F[i] = float64(v)
	}
	want, err := m.Logits(theta, pixels)
	if err != nil {
		t.Fatal(err)
	}
	out, err := layer.Export(theta)
	if err != nil {
		t.Fatal(err)
	}
	y, err := network.Run(out, []*array.Array{x})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range y[0].F {
		if math.Abs(v-float64(want[i])) > 1e-5 {
			t.Errorf("output %d of the file is %g, here %g", i, v, want[i])
		}
	}
}

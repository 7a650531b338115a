package network_test

import (
	"math"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/onnx/network"
)

// What has no gradient is computed, and refused in training alone.
func TestNoGradient(t *testing.T) {
	m := onnxtest.Model(t, "x:Nx5; Gemm(x, w:5x5); v,i=TopK(_, [2]); Gemm(v, [0.,0.])")
	w := m.Graph.Initializers
	for k := range w {
		switch w[k].Len() {
		case 25: // the identity
			eye := make([]float32, 25)
			for d := range 5 {
				eye[6*d] = 1
			}
			if err := w[k].SetFloats(eye); err != nil {
				t.Fatal(err)
			}
		case 2:
			if w[k].DType.IsFloat() {
				w[k].Dims = []int{2, 1}
				if err := w[k].SetFloats([]float32{10, 1}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	f, err := network.Of(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Check(); err != nil {
		t.Fatal(err)
	}
	const want = "TopK \"v\": a gradient through it is not supported: the network can be evaluated"
	if err := f.CheckTraining(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v", err)
	}
	b := nn.NewBuilder()
	layer := f.Layer(b, network.Options{Input: []int{1, 1, 5}})
	net, err := nn.NewModel(b, layer, []int{1, 1, 5})
	if err != nil {
		t.Fatal(err)
	}
	if err := layer.CheckTraining(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v", err)
	}
	theta := net.NewTheta(1)
	x := []float32{1, 5, 2, 4, 3, 9, 0, 8, 7, -1}
	y, err := net.Logits(theta, x)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range []float64{54, 98} {
		if math.Abs(float64(y[i])-v) > 1e-4 {
			t.Errorf("outputs %v", y)
		}
	}
	if _, err := net.Gradient(make([]float32, len(theta)), theta, x, []int{0, 0}, objective.Call{Weight: 1}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a gradient: %v", err)
	}
}

package network_test

import (
	"math"
	"testing"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/onnx/network"
)

// Smaller images without aliases, beside torch.nn.functional.interpolate(antialias=True) of
// PyTorch 2.15.
func TestResizeAntialias(t *testing.T) {
	x, err := array.New(onnx.Float, 1, 1, 5, 7)
	if err != nil {
		t.Fatal(err)
	}
	for i := range x.F {
		x.F[i] = math.Sin(.37 * float64(i))
	}
	for mode, want := range map[string][]float64{
		"linear": {0.27303, 0.172707, -0.080239, 0.082127, -0.175637, -0.272391},
		"cubic":  {0.26076, 0.166212, -0.064978, 0.06635, -0.169083, -0.259826},
	} {
		m := modelOf([]*onnx.Value{valueOf("x", onnx.Float, 1, 1, 5, 7)}, []*onnx.Tensor{onnx.NewInts("sizes", []int64{1, 1, 3, 2}, 4)},
			op("Resize", "y", []string{"x", "", "", "sizes"}, onnx.TextAttr("mode", mode), onnx.IntAttr("antialias", 1), onnx.IntAttr("exclude_outside", 1), onnx.FloatAttr("cubic_coeff_a", -.5)))
		y, err := network.Run(m, []*array.Array{x})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range want {
			if math.Abs(y[0].F[i]-v) > 2e-6 {
				t.Errorf("%s: element %d is %g, want %g", mode, i, y[0].F[i], v)
			}
		}
	}
}

package tensor_test

import (
	"math"
	"slices"
	"testing"

	"github.com/monge-ml/monge/tensor"
)

// A convolution that makes the moments on the way is normalised as one that does not, and what
// comes between is.
func TestConvMoments(t *testing.T) {
	x, w := numbers(2*5*5*16, 1), numbers(9*16*16, 2)
	pass := func(moments bool, mode tensor.Mode, between func(t *tensor.Tape, y *tensor.Tensor) *tensor.Tensor) []float32 {
		tp := tensor.NewTape()
		tp.Reset(mode)
		y := tp.Conv2d(tp.Input(x, 2, 5, 5, 16), tp.Input(w, 3, 3, 16, 16), nil, tensor.ConvOptions{Pad: 1, Moments: moments})
		s := &tensor.BatchNormState{Mean: make([]float32, 16), Var: slices.Repeat([]float32{1}, 16)}
		z := tp.BatchNorm(between(tp, y), nil, nil, s)
		if tp.Err() != nil {
			t.Fatal(tp.Err())
		}
		return slices.Concat(z.Data, s.Mean, s.Var)
	}
	for name, between := range map[string]func(t *tensor.Tape, y *tensor.Tensor) *tensor.Tensor{
		"nothing":     func(_ *tensor.Tape, y *tensor.Tensor) *tensor.Tensor { return y },
		"a rectifier": func(t *tensor.Tape, y *tensor.Tensor) *tensor.Tensor { return t.ReLU(y) },
		"a constant":  func(t *tensor.Tape, _ *tensor.Tensor) *tensor.Tensor { return t.Input(x, 2, 5, 5, 16) },
	} {
		for _, mode := range []tensor.Mode{tensor.Train, tensor.Perturbed, tensor.Eval} {
			got, want := pass(true, mode, between), pass(false, mode, between)
			for i := range want {
				if !(math.Abs(float64(got[i]-want[i])) <= 1e-6*max(1, math.Abs(float64(want[i])))) {
					t.Fatalf("%s between, mode %d: element %d is %g, want %g", name, mode, i, got[i], want[i])
				}
			}
		}
	}
}

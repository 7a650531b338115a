package tensor_test

import (
	"slices"
	"testing"

	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/tensor"
)

// Whether a tape convolves directly is its own business, forward and backward, and stays so
// in the passes that follow.
func TestSetDirect(t *testing.T) {
	s := kernel.Conv{N: 2, H: 8, W: 8, C: 16, KH: 3, KW: 3, O: 16, Pads: kernel.Around(1)}
	x, w, dy := spread(s.N*s.H*s.W*s.C, 1), spread(s.KH*s.KW*s.C*s.O, 2), spread(s.N*s.H*s.W*s.O, 3)
	in, err := tensor.Parameter(s.N, s.H, s.W, s.C)
	if err != nil {
		t.Fatal(err)
	}
	kernels, err := tensor.Parameter(s.KH, s.KW, s.C, s.O)
	if err != nil {
		t.Fatal(err)
	}
	usual, direct := tensor.NewTape(), tensor.NewTape()
	direct.SetDirect(true)
	for range 2 {
		for _, tp := range []*tensor.Tape{usual, direct} {
			dx, dw := make([]float32, len(x)), make([]float32, len(w))
			tp.Reset(tensor.Train)
			in.Bind(x, dx, false)
			kernels.Bind(w, dw, false)
			y := tp.Keep(tp.Conv2d(in, kernels, nil, tensor.ConvOptions{Pad: 1}))
			if err := tp.BackwardFrom(y, dy); err != nil {
				t.Fatal(err)
			}
			s.Direct = tp == direct
			wantY, wantX, wantW := make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(w))
			kernel.ConvForward(&s, wantY, x, w)
			kernel.ConvBackwardData(&s, wantX, dy, w, false)
			kernel.ConvBackwardWeights(&s, wantW, x, dy, false)
			if !slices.Equal(y.Data, wantY) || !slices.Equal(dx, wantX) || !slices.Equal(dw, wantW) {
				t.Errorf("direct %v: other bits than the kernel's", s.Direct)
			}
		}
	}
}

// spread returns n numbers in [-1, 1] that differ.
func spread(n, seed int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32((i*7919+seed*104729)%2003)/1001 - 1
	}
	return x
}

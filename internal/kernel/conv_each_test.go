package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The gradient of each group of images is what it is alone.
func TestConvBackwardWeightsEach(t *testing.T) {
	s := Conv{N: 6, H: 7, W: 5, C: 16, KH: 3, KW: 3, O: 16, Pads: Around(1)}
	rng := rand.New(rand.NewPCG(1, 2))
	x, dy := random(rng, s.N*s.H*s.W*s.C), random(rng, s.N*s.H*s.W*s.O)
	size := s.KH * s.KW * s.C * s.O
	for _, n := range []int{1, 2, 6} {
		got, want := make([]float32, n*size), make([]float32, size)
		ConvBackwardWeightsEach(&s, got, x, dy, n)
		one := s
		one.N /= n
		for i := range n {
			lx, ly := len(x)/n, len(dy)/n
			ConvBackwardWeights(&one, want, x[i*lx:(i+1)*lx], dy[i*ly:(i+1)*ly], false)
			if !slices.Equal(got[i*size:(i+1)*size], want) {
				t.Errorf("gradient %d of %d differs", i, n)
			}
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("six images for four gradients: no panic")
		}
	}()
	ConvBackwardWeightsEach(&s, make([]float32, 4*size), x, dy, 4)
}

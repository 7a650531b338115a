package kernel

import (
	"math/rand/v2"
	"testing"
)

// Attention stays within its arguments; package tensor tests what it computes.
func TestAttentionBounds(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		guarded := func(n int) []float32 {
			all, free := guardPages(n)
			t.Cleanup(free)
			x := all[len(all)-n:]
			copy(x, random(r, n))
			return x
		}
		for _, c := range [][2]int{{1, 1}, {5, 5}, {17, 33}, {85, 19}} {
			for _, precision := range []Precision{Float32, BFloat16} {
				s := Sequences{Batch: 3, Len: c[0], Keys: c[1], Width: 14, Heads: 2, Precision: precision, Dropout: .3, Key: 7}
				s.Bias = guarded(s.Heads * s.Len * s.Keys)
				s.Mask = ScoreMask{guarded(s.Keys), 1, 1, 1}
				queries := func() []float32 { return guarded(s.Batch * s.Len * s.Width) }
				keys := func() []float32 { return guarded(s.Batch * s.Keys * s.Width) }
				out, sums, q, k, v := queries(), guarded(s.Sums()), queries(), keys(), keys()
				Attention(&s, out, sums, q, k, v)
				AttentionGrad(&s, Grad{To: queries()}, Grad{To: keys(), Add: true}, Grad{To: keys()}, Grad{To: guarded(len(s.Bias))}, queries(), out, sums, q, k, v)
			}
		}
	})
}

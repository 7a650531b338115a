package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkAttention is BERT-base's of 16 sequences, forward and backward.
func BenchmarkAttention(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name    string
		dropout float32
		bias    bool
		length  int
	}{{"plain", 0, false, 128}, {"dropout", .1, false, 128}, {"bias", 0, true, 128}, {"half padded", 0, false, 64}} {
		s := Sequences{Batch: 16, Len: 128, Keys: 128, Width: 768, Heads: 12, Dropout: c.dropout}
		for range s.Batch {
			s.Lengths = append(s.Lengths, c.length)
		}
		n := s.Batch * s.Len * s.Width
		var x [8][]float32
		for i := range x {
			x[i] = random(r, n)
		}
		var dbias Grad
		if c.bias {
			s.Bias = random(r, s.Heads*s.Len*s.Keys)
			dbias.To = random(r, len(s.Bias))
		}
		sums := make([]float32, s.Sums())
		for _, back := range []bool{false, true} {
			b.Run(fmt.Sprint(c.name, "/back=", back), func(b *testing.B) {
				Attention(&s, x[0], sums, x[1], x[2], x[3])
				for b.Loop() {
					if back {
						AttentionGrad(&s, Grad{To: x[4]}, Grad{To: x[5]}, Grad{To: x[6]}, dbias, x[7], x[0], sums, x[1], x[2], x[3])
					} else {
						Attention(&s, x[0], sums, x[1], x[2], x[3])
					}
				}
			})
		}
	}
}

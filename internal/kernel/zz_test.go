package kernel

import (
	"math/rand/v2"
	"testing"
)

func BenchmarkZ(b *testing.B) {
	r := rand.New(rand.NewPCG(11, 11))
	for _, p := range []Precision{BFloat16} {
		for _, s := range convLayers[9:15] {
			s.Precision = p
			x, w := random(r, s.N*s.H*s.W*s.C), random(r, s.KH*s.KW*s.C/max1(s.Groups)*s.O)
			y := random(r, s.N*s.OutH()*s.OutW()*s.O)
			dx, dw := make([]float32, len(x)), make([]float32, len(w))
			b.Run(p.String()+s.name()+"/f", func(b *testing.B) {
				gemmBench(b, s.Flops(), func() { ConvForward(&s, y, x, w) })
			})
			b.Run(p.String()+s.name()+"/d", func(b *testing.B) {
				gemmBench(b, s.Flops(), func() { ConvBackwardData(&s, dx, y, w, false) })
			})
			b.Run(p.String()+s.name()+"/w", func(b *testing.B) {
				gemmBench(b, s.Flops(), func() { ConvBackwardWeights(&s, dw, x, y, false) })
			})
		}
	}
}

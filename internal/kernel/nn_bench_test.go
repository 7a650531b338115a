package kernel

import (
	"fmt"
	"testing"
)

// BenchmarkNorm shows the passes of a batch normalisation beside a copy. Bytes are those
// of all arrays that a pass reads or writes.
func BenchmarkNorm(b *testing.B) {
	for _, s := range [][2]int{{32 * 56 * 56, 64}, {128 * 32 * 32, 16}, {32 * 14 * 14, 256}, {32 * 7 * 7, 512}} {
		n, cols := s[0]*s[1], s[1]
		x, y, dy, dx := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range x {
			x[i], dy[i], y[i] = float32(i%7), float32(i%5-2), float32(i%3-1)
		}
		c := make([]float32, cols)
		sum, sq := make([]float64, cols), make([]float64, cols)
		for _, p := range []struct {
			name   string
			arrays int
			run    func()
		}{
			{"copy", 2, func() { Scale(dx, 1, x) }},
			{"moments", 1, func() { ColumnMoments(sum, sq, x) }},
			{"relu", 2, func() { Normalize(dx, x, nil, c, c, c, true) }},
			{"addrelu", 3, func() { Normalize(dx, x, y, c, c, c, true) }},
			{"products", 3, func() { ColumnProducts(sum, sq, dy, x, y) }},
			{"grad", 4, func() { NormalizeGrad(dy, nil, dy, x, y, c, c, c, c, false, false) }},
			{"grad2", 5, func() { NormalizeGrad(dx, dy, dy, x, y, c, c, c, c, false, false) }},
		} {
			b.Run(fmt.Sprintf("%dx%d/%s", s[0], s[1], p.name), func(b *testing.B) {
				b.SetBytes(int64(4 * n * p.arrays))
				for b.Loop() {
					p.run()
				}
			})
		}
	}
}

// BenchmarkActivations shows elements as bytes: 4 read and 4 written.
func BenchmarkActivations(b *testing.B) {
	const n = 1 << 18
	x, y, d := random2(n), make([]float32, n), make([]float32, n)
	for a, name := range []string{"Sigmoid", "Tanh", "SiLU", "GELU", "GELUTanh"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(8 * n)
			for b.Loop() {
				Activate(Activation(a), y, x)
			}
		})
		b.Run(name+"Grad", func(b *testing.B) {
			b.SetBytes(12 * n)
			for b.Loop() {
				ActivateGrad(Activation(a), d, x, x, false)
			}
		})
	}
	b.Run("Softmax/197", func(b *testing.B) {
		b.SetBytes(8 * 197 * 1024)
		for b.Loop() {
			Softmax(y[:197*1024], x[:197*1024], 197, false)
		}
	})
	gamma, stats := random2(192), make([]float32, 3*1024)
	b.Run("LayerNorm/192", func(b *testing.B) {
		b.SetBytes(8 * 192 * 1024)
		for b.Loop() {
			LayerNorm(y[:192*1024], x[:192*1024], gamma, gamma, stats, 1e-5)
		}
	})
	dg, db := make([]float64, 192), make([]float64, 192)
	b.Run("LayerNormGrad/192", func(b *testing.B) {
		b.SetBytes(12 * 192 * 1024)
		for b.Loop() {
			LayerNormGrad(d[:192*1024], dg, db, y[:192*1024], x[:192*1024], gamma, stats, false)
		}
	})
	s := Conv{N: 8, H: 56, W: 56, C: 64, KH: 3, KW: 3, Strides: Both(2), Pads: Around(1)}
	px, py := random2(8*56*56*64), make([]float32, 8*28*28*64)
	b.Run("MaxPool", func(b *testing.B) {
		b.SetBytes(4 * int64(len(px)+len(py)))
		for b.Loop() {
			MaxPool(&s, py, px)
		}
	})
	pd := make([]float32, len(px))
	b.Run("MaxPoolGrad", func(b *testing.B) {
		b.SetBytes(4 * int64(2*len(px)+2*len(py)))
		for b.Loop() {
			MaxPoolGrad(&s, pd, py, px, py, false)
		}
	})
	b.Run("Dropout", func(b *testing.B) {
		b.SetBytes(8 * n)
		for b.Loop() {
			Dropout(y, x, .1, 3, false)
		}
	})
}

func random2(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%4001)/500 - 4
	}
	return x
}

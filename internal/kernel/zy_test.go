package kernel

import (
	"fmt"
	"testing"
)

func BenchmarkY(b *testing.B) {
	t := &ops().target
	for _, c := range []struct{ rows, width int }{{16, 16}, {14, 16}, {12, 16}, {8, 16}, {14, 32}, {12, 32}, {11, 32},{10, 32}, {8, 32}} {
		for _, words := range []bool{true, false} {
			var tile convTile
			tile.words = words
			tile.inner, tile.outer, tile.images = 24, 3, 1
			tile.rs, tile.cs, tile.gs = 4*8, 4, 16*8
			tile.os = 4 * (34*8 - 24)
			tile.bs = 4 * c.width
			tile.ldc, tile.gc = 4*c.width, 16*c.width
			x := make([]float32, 34*8*4)
			w := make([]float32, 72*32)
			y := make([]float32, 16*32)
			b.Run(fmt.Sprint(c, words), func(b *testing.B) {
				for range b.N {
					t.convRun(&tile, c.rows, c.width, c.width, x, w, y)
				}
				f := float64(72 * c.rows * c.width / 16)
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())*3.6/float64(b.N)/f, "cyc@3.6/vec")
			})
		}
	}
}

package kernel

import (
	"math/rand/v2"
	"testing"
)

// Vectors beyond the caches are written past them; the result is the same.
func TestAddScaledStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("large")
	}
	r := rand.New(rand.NewPCG(3, 1))
	n := streamed + 37
	x, y := random(r, n), random(r, n)
	want := make([]float32, n)
	addScaledGo(want, x, .3, y)
	for _, offset := range []int{0, 1} { // on a cache line, and not
		eachLevel(t, func(t *testing.T) {
			var buf []float32
			dst := aligned(&buf, n+16)[offset:][:n]
			AddScaled(dst, x, .3, y)
			for i := range want {
				if dst[i] != want[i] {
					t.Fatalf("offset %d: element %d is %g, want %g", offset, i, dst[i], want[i])
				}
			}
		})
	}
}

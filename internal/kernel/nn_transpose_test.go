package kernel

import (
	"math/rand/v2"
	"testing"
)

// Copies between all orders of dimensions are those of each element.
func TestPermutedCopies(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	for range 80 {
		rank := 2 + r.IntN(3)
		s := Strides{Rank: rank}
		dims, order := make([]int, rank), r.Perm(rank)
		for i := range dims {
			dims[i] = 1 + r.IntN([]int{4, 30, 90}[r.IntN(3)])
			if rank == 4 {
				dims[i] = min(dims[i], 20)
			}
		}
		n := 1
		for i := rank - 1; i >= 0; i-- { // the walk is in dst's order, or in a's
			s.Dims[i], s.Dst[i] = dims[i], n
			n *= dims[i]
		}
		step := 1
		for _, i := range order {
			s.A[i] = step
			step *= dims[i]
		}
		if r.IntN(2) == 0 {
			s.Dst, s.A = s.A, s.Dst
		}
		a, old := random(r, n), random(r, n)
		eachLevel(t, func(t *testing.T) {
			useThreads(t, 3)
			m := newMemory(t, true)
			defer m.free()
			from := m.copyOf(a)
			for _, f := range []float32{1, 2} {
				for _, add := range []bool{false, true} {
					got := m.copyOf(old)
					CopyStrided(&s, got, from, f, add)
					naiveStrided(&s, 0, 0, 0, 0, func(at, _, to int) {
						want := f * a[at]
						if add {
							want += old[to]
						}
						if got[to] != want {
							t.Fatalf("%+v, factor %g, add %v: element %d is %g, want %g", s, f, add, to, got[to], want)
						}
					})
				}
			}
		})
	}
}

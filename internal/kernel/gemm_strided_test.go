package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Products over indices of all kinds, with rows and sums that merge and that don't.
func TestGemmStrided(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	for range 150 {
		m, n, k := 1+r.IntN(6), 1+r.IntN(6), 1+r.IntN(6)
		transA, transB := r.IntN(2) == 0, r.IntN(2) == 0
		s := Strides{Rank: r.IntN(4)}
		sizes := [3]int{m * k, k * n, m * n}
		for i := s.Rank - 1; i >= 0; i-- {
			s.Dims[i] = 1 + r.IntN(3)
			for q, to := range [3]*[MaxDims]int{&s.A, &s.B, &s.Dst} {
				if r.IntN(3) > 0 {
					to[i] = sizes[q]
					sizes[q] *= s.Dims[i]
				}
			}
		}
		a, b, c := random(r, sizes[0]), random(r, sizes[1]), random(r, sizes[2])
		lda, ldb := k, n
		if transA {
			lda = m
		}
		if transB {
			ldb = k
		}
		for _, add := range []bool{false, true} {
			want := make([]float64, len(c))
			if add {
				for i, v := range c {
					want[i] = float64(v)
				}
			}
			naiveStrided(&s, 0, 0, 0, 0, func(pa, pb, pc int) {
				for i := range m * n * k {
					row, col, p := i/(n*k), i/k%n, i%k
					want[pc+row*n+col] += float64(a[pa+at(transA, row, p, lda)]) * float64(b[pb+at(transB, p, col, ldb)])
				}
			})
			eachLevel(t, func(t *testing.T) {
				useThreads(t, 3)
				got := append([]float32(nil), c...)
				GemmStrided(&s, transA, transB, m, n, k, a, lda, b, ldb, got, n, add)
				for i, v := range got {
					if !(math.Abs(float64(v)-want[i]) < 1e-4) {
						t.Fatalf("%v %v %dx%dx%d over %+v, add %v: element %d is %g, want %g", transA, transB, m, n, k, s, add, i, v, want[i])
					}
				}
			})
		}
	}
}

func naiveStrided(s *Strides, dim, a, b, c int, f func(a, b, c int)) {
	if dim == s.Rank {
		f(a, b, c)
		return
	}
	for i := range s.Dims[dim] {
		naiveStrided(s, dim+1, a+i*s.A[dim], b+i*s.B[dim], c+i*s.Dst[dim], f)
	}
}

package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// broadcastOf makes two sources and a condition of three shapes repeat to one.
func broadcastOf(dims []int, repeats [3][]bool) (s Broadcast, sizes [3]int) {
	s.Rank = len(dims)
	for k := range sizes {
		sizes[k] = 1
	}
	for i := len(dims) - 1; i >= 0; i-- {
		s.Dims[i] = dims[i]
		for k := range sizes {
			if !repeats[k][i] {
				s.Steps[k][i] = sizes[k]
				sizes[k] *= dims[i]
			}
		}
	}
	return s, sizes
}

// naive calls f with the offsets of each element of the result.
func naive(s *Broadcast, f func(i int, at [3]int)) {
	n := 1
	for _, d := range s.Dims[:s.Rank] {
		n *= d
	}
	for i := range n {
		var at [3]int
		rest := i
		for d := s.Rank - 1; d >= 0; d-- {
			for k := range at {
				at[k] += rest % s.Dims[d] * s.Steps[k][d]
			}
			rest /= s.Dims[d]
		}
		f(i, at)
	}
}

// Broadcasts of all kinds are what an element by itself gives, at each level.
func TestBroadcasts(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for round := range 24 {
		dims := make([]int, 1+r.IntN(8))
		for i := range dims {
			dims[i] = 1 + r.IntN(4)
		}
		switch round % 4 {
		case 0:
			dims[len(dims)-1] = 1500
		case 1:
			dims = []int{1 + r.IntN(3), 17000}
		}
		var repeats [3][]bool
		for k := range repeats {
			for range dims {
				repeats[k] = append(repeats[k], r.IntN(3) == 0)
			}
		}
		s, sizes := broadcastOf(dims, repeats)
		n := 1
		for _, d := range dims {
			n *= d
		}
		a, b, dy, old := random(r, sizes[0]), random(r, sizes[1]), random(r, n), random(r, n)
		special(r, a)
		special(r, b)
		c := make([]bool, sizes[2])
		for i := range c {
			c[i] = r.IntN(2) == 0
		}
		one := func(f func(dst, a, b []float32), x, y float32) float32 {
			var v [1]float32
			f(v[:], []float32{x}, []float32{y})
			return v[0]
		}
		eachLevel(t, func(t *testing.T) {
			useThreads(t, 3)
			m := newMemory(t, true)
			defer m.free()
			check := func(name string, got []float32, want func(i int, at [3]int) float32) {
				t.Helper()
				naive(&s, func(i int, at [3]int) {
					if w := want(i, at); !same(got[i], w) {
						t.Fatalf("%s of %+v: element %d is %g, want %g", name, s, i, got[i], w)
					}
				})
			}
			ga, gb, gy := m.copyOf(a), m.copyOf(b), m.copyOf(dy)
			for op := Sub; op <= Maximum; op++ {
				got := m.slice(n)
				Combine(op, &s, got, ga, gb)
				check(fmt.Sprint("function ", op), got, func(_ int, at [3]int) float32 { return one(binaries[op].value, a[at[0]], b[at[1]]) })
				for _, ofB := range []bool{false, true} {
					slope := binaries[op].slopeA
					if ofB {
						slope = binaries[op].slopeB
					}
					want := func(i int, at [3]int) float32 {
						return one(func(dst, a, b []float32) { slope(dst, dy[i:i+1], a, b) }, a[at[0]], b[at[1]])
					}
					CombineGrad(op, ofB, &s, got, gy, ga, gb, false)
					check(fmt.Sprint("slope ", op), got, want)
					copy(got, old)
					CombineGrad(op, ofB, &s, got, gy, ga, gb, true)
					check(fmt.Sprint("added slope ", op), got, func(i int, at [3]int) float32 { return old[i] + want(i, at) })
				}
			}
			got := m.slice(n)
			Select(&s, got, c, ga, gb)
			check("select", got, func(_ int, at [3]int) float32 {
				if c[at[2]] {
					return a[at[0]]
				}
				return b[at[1]]
			})
			for _, want := range []bool{false, true} {
				slope := func(i int, at [3]int) float32 {
					if c[at[2]] == want {
						return dy[i]
					}
					return 0
				}
				SelectGrad(&s, got, gy, c, want, false)
				check("slope of select", got, slope)
				copy(got, old)
				SelectGrad(&s, got, gy, c, want, true)
				check("added slope of select", got, func(i int, at [3]int) float32 { return old[i] + slope(i, at) })
			}
		})
	}
}

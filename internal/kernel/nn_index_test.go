package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Lines of all proportions are what an element by itself gives, whatever the threads.
func TestLines(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	for _, s := range [][4]int{ // outer, from, to, inner
		{1, 1, 1, 1}, {3, 5, 7, 1}, {2, 3, 9, 5}, {2, 3, 2, 17}, {1, 700, 900, 200}, {900, 3, 40, 2}, {5, 40, 3, 333}, {1, 40000, 50000, 1}, {3, 2, 2, 40000},
	} {
		l := Lines{Outer: s[0], From: s[1], To: s[2], Inner: s[3]}
		x, dy := random(r, l.Outer*l.From*l.Inner), random(r, l.Outer*l.To*l.Inner)
		index, taken, weight := make([]int, l.To), make([]int32, 3*l.To), random(r, 3*l.To)
		for i := range taken {
			index[i/3], taken[i] = r.IntN(l.From), int32(r.IntN(l.From))
		}
		weight[0] = 1
		gathered, mixed, stepped := l, l, l
		gathered.Index = index
		mixed.Taps, mixed.Taken, mixed.Weight = 3, taken, weight
		stepped.Start, stepped.Step, stepped.To = l.From-1, -1, l.From
		for name, l := range map[string]Lines{"gathered": gathered, "mixed": mixed, "stepped": stepped} {
			dy := dy
			if name == "stepped" {
				dy = random(r, len(x))
			}
			// taps calls f with the row of x and its weight for each tap of row j of y
			taps := func(j int, f func(row int, w float64)) {
				switch name {
				case "gathered":
					f(index[j], 1)
				case "stepped":
					f(l.From-1-j, 1)
				default:
					for k := 3 * j; k < 3*j+3; k++ {
						f(int(taken[k]), float64(weight[k]))
					}
				}
			}
			y, dx := make([]float64, len(dy)), make([]float64, len(x))
			for i := range y {
				o, j, c := i/(l.To*l.Inner), i/l.Inner%l.To, i%l.Inner
				taps(j, func(row int, w float64) {
					at := (o*l.From+row)*l.Inner + c
					y[i] += w * float64(x[at])
					dx[at] += w * float64(dy[i])
				})
			}
			t.Run(fmt.Sprint(name, s), func(t *testing.T) {
				eachLevel(t, func(t *testing.T) {
					useThreads(t, 3)
					m := newMemory(t, true)
					defer m.free()
					got := m.slice(len(y))
					Gather(&l, got, m.copyOf(x))
					nearTo(t, "y", got, y)
					got = m.copyOf(x)
					GatherGrad(&l, got, m.copyOf(dy), false)
					nearTo(t, "dx", got, dx)
					GatherGrad(&l, got, m.copyOf(dy), true)
					for i := range got {
						got[i] /= 2
					}
					nearTo(t, "twice dx", got, dx)
				})
			})
		}
		t.Run(fmt.Sprint("cumulated", s), func(t *testing.T) {
			for kind := range 8 {
				exclusive, reverse, add := kind&1 == 1, kind&2 == 2, kind&4 == 4
				want := make([]float64, len(x))
				for i := range want {
					o, j, c := i/(l.From*l.Inner), i/l.Inner%l.From, i%l.Inner
					if j > 0 && l.From > 1000 {
						continue // quadratic
					}
					for k := range l.From {
						if k == j && !exclusive || !reverse && k < j || reverse && k > j {
							want[i] += float64(x[(o*l.From+k)*l.Inner+c])
						}
					}
					if add {
						want[i] += float64(x[i])
					}
				}
				useThreads(t, 3)
				m := newMemory(t, true)
				defer m.free()
				got := m.copyOf(x)
				c := l
				c.To = c.From
				Cumulate(&c, got, m.copyOf(x), exclusive, reverse, add)
				if l.From > 1000 {
					got, want = got[:l.Inner], want[:l.Inner]
				}
				nearTo(t, fmt.Sprint("kind ", kind), got, want)
			}
		})
	}
}

func nearTo(t *testing.T, name string, got []float32, want []float64) {
	t.Helper()
	for i, v := range want {
		if !(math.Abs(float64(got[i])-v) <= 3e-5*max(1, math.Abs(v))) {
			t.Fatalf("%s: element %d is %g, want %g", name, i, got[i], v)
		}
	}
}

package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Reductions of all proportions are what an element by itself gives.
func TestLineReductions(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	for _, s := range [][3]int{{1, 1, 1}, {3, 5, 1}, {2, 3, 5}, {3, 2, 17}, {1, 700, 200}, {900, 3, 2}, {5, 40, 333}, {1, 40000, 1}, {3, 2, 40000}} {
		l := Lines{Outer: s[0], From: s[1], To: 1, Inner: s[2]}
		for kind := Max; kind <= LogSumExp; kind++ {
			x, dy := random(r, l.Outer*l.From*l.Inner), random(r, l.Outer*l.Inner)
			for i := range x { // ties, zeros
				if x[i] = float32(math.Round(float64(x[i] * 2))); kind == Prod && l.From > 50 {
					x[i] = 1 + x[i]/1e4
				}
			}
			t.Run(fmt.Sprint(kind, s), func(t *testing.T) {
				y, dx := make([]float64, len(dy)), make([]float64, len(x))
				for i := range y {
					line := make([]float64, l.From)
					at := func(k int) int { return (i/l.Inner*l.From+k)*l.Inner + i%l.Inner }
					for k := range line {
						line[k] = float64(x[at(k)])
					}
					var slopes []float64
					y[i], slopes = naiveReduction(kind, line)
					for k, v := range slopes {
						dx[at(k)] = v * float64(dy[i])
					}
				}
				eachLevel(t, func(t *testing.T) {
					useThreads(t, 3)
					m := newMemory(t, true)
					defer m.free()
					got, gx, gy := m.slice(len(y)), m.copyOf(x), m.copyOf(dy)
					Reduce(kind, &l, got, gx)
					nearTo(t, "y", got, y)
					g := m.slice(len(x))
					ReduceGrad(kind, &l, g, gy, gx, got, false)
					nearTo(t, "dx", g, dx)
					ReduceGrad(kind, &l, g, gy, gx, got, true)
					for i := range g {
						g[i] /= 2
					}
					nearTo(t, "twice dx", g, dx)
				})
			})
		}
	}
}

func naiveReduction(kind Reduction, x []float64) (y float64, slopes []float64) {
	slopes = make([]float64, len(x))
	switch kind {
	case Max, Min:
		y = slices.Max(x)
		if kind == Min {
			y = slices.Min(x)
		}
		n := 0.
		for _, v := range x {
			if v == y {
				n++
			}
		}
		for i, v := range x {
			if v == y {
				slopes[i] = 1 / n
			}
		}
	case Prod:
		y = 1
		for i, v := range x {
			y *= v
			slopes[i] = 1
			for k := 0; k < len(x) && len(x) <= 50; k++ {
				if k != i {
					slopes[i] *= x[k]
				}
			}
		}
		for i := 0; i < len(x) && len(x) > 50; i++ { // without a zero
			slopes[i] = y / x[i]
		}
	case LogSumExp:
		sum := 0.
		for _, v := range x {
			sum += math.Exp(v)
		}
		y = math.Log(sum)
		for i, v := range x {
			slopes[i] = math.Exp(v) / sum
		}
	}
	return y, slopes
}

// What isn't finite gives what it does in PyTorch 2.15.
func TestReductionEdges(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		kind           Reduction
		x              [2]float32
		y, left, right float32
	}{
		{Max, [2]float32{nan, 1}, nan, nan, nan},
		{Max, [2]float32{1, nan}, nan, nan, nan},
		{Max, [2]float32{inf, inf}, inf, .5, .5},
		{Min, [2]float32{nan, 1}, nan, nan, nan},
		{Min, [2]float32{-inf, 1}, -inf, 1, 0},
		{Prod, [2]float32{0, 0}, 0, 0, 0},
		{Prod, [2]float32{0, 3}, 0, 3, 0},
		{LogSumExp, [2]float32{-inf, -inf}, -inf, nan, nan},
		{LogSumExp, [2]float32{inf, 1}, inf, nan, 0},
		{LogSumExp, [2]float32{nan, 1}, nan, nan, nan},
		{LogSumExp, [2]float32{1000, -1000}, 1000, 1, 0},
	} {
		for _, inner := range []int{1, 2, 17} { // a line, and rows
			l := Lines{Outer: 1, From: 2, To: 1, Inner: inner}
			x, dx, y, dy := make([]float32, 2*inner), make([]float32, 2*inner), make([]float32, inner), make([]float32, inner)
			for i := range inner {
				x[i], x[inner+i], dy[i] = c.x[0], c.x[1], 1
			}
			Reduce(c.kind, &l, y, x)
			ReduceGrad(c.kind, &l, dx, dy, x, y, false)
			for i := range inner {
				if !same(y[i], c.y) || !same(dx[i], c.left) || !same(dx[inner+i], c.right) {
					t.Errorf("%d of %v, %d columns: %g with gradients %g and %g, want %g, %g and %g", c.kind, c.x, inner, y[i], dx[i], dx[inner+i], c.y, c.left, c.right)
				}
			}
		}
	}
}

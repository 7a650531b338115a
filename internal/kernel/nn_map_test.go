package kernel

import (
	"fmt"
	"math"
	"testing"
)

// eachFunction calls f with each function and the settings that it is tried with; x^a takes
// several ways.
func eachFunction(f func(fn Function, a, b float32)) {
	for fn := range Function(numFunctions) {
		f(fn, 1.25, .75)
	}
	for _, a := range []float32{0, 1, 2, 3, -1, .5, -.5} {
		f(PowScalar, a, 0)
	}
	f(ExpBase, 0, 0)
}

// mapCases are all functions with their gradients, and those of two numbers.
func mapCases() (cases []nnCase) {
	eachFunction(func(f Function, a, b float32) {
		cases = append(cases,
			nnCase{name: f.String(), ins: 2, outs: 1, run: func(v [][]float32, n int) { Map(f, v[0], v[1], a, b) }},
			nnCase{name: f.String() + "Grad/inplace", ins: 2, outs: 1, run: func(v [][]float32, n int) { MapGrad(f, v[0], v[0], v[1], a, b, false) }})
		for _, add := range []bool{false, true} {
			cases = append(cases, nnCase{name: fmt.Sprint(f, "Grad/add=", add), ins: 3, outs: 1,
				run: func(v [][]float32, n int) { MapGrad(f, v[0], v[1], v[2], a, b, add) }})
		}
	})
	for op := Sub; op <= Maximum; op++ {
		same := func(n int) *Broadcast {
			return &Broadcast{Rank: 1, Dims: [MaxDims]int{n}, Steps: [3][MaxDims]int{{1}, {1}}}
		}
		cases = append(cases, nnCase{name: fmt.Sprint("binary", int(op)), ins: 3, outs: 1, run: func(v [][]float32, n int) {
			if n > 0 {
				Combine(op, same(n), v[0], v[1], v[2])
			}
		}})
		for _, ofB := range []bool{false, true} {
			cases = append(cases, nnCase{name: fmt.Sprint("binary", int(op), "Grad"), ins: 4, outs: 1, run: func(v [][]float32, n int) {
				if n > 0 {
					CombineGrad(op, ofB, same(n), v[0], v[1], v[2], v[3], ofB)
				}
			}})
		}
	}
	return cases
}

// Functions give the same bits at each level, and write nothing but their result.
func TestMapLevels(t *testing.T) {
	cases := mapCases()
	eachLevel(t, func(t *testing.T) {
		useThreads(t, 3)
		for i, c := range cases {
			for _, n := range []int{0, 1, 7, 16, 33, 1025, chunk/mapCost + 5, chunk + 5} {
				if n > 2000 && i%5 > 0 {
					continue
				}
				compareNN(t, c, n, false)
				compareNN(t, c, n, true)
			}
		}
	})
}

// What is computed by rows is what the function of one number gives, in float32's accuracy,
// and slopes are those of the values.
func TestMapsAreAccurate(t *testing.T) {
	const n, h = 4001, 1e-6
	x, ones, y, slopes := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], ones[i] = float32(i-n/2)/160+1./1024, 1
	}
	eachLevel(t, func(t *testing.T) {
		eachFunction(func(f Function, a, b float32) {
			fn := &functions[f]
			value := func(v float64) float64 { return fn.value(v, float64(a), float64(b)) }
			Map(f, y, x, a, b)
			from := x
			if f.OfResult() {
				from = y
			}
			MapGrad(f, slopes, ones, from, a, b, false)
			for i, v := range x {
				if want := value(float64(v)); !close(float64(y[i]), want, 4e-7) {
					t.Fatalf("%v(%g), a %g: %g, want %g", f, v, a, y[i], want)
				}
				up, down := value(float64(v)+h), value(float64(v)-h)
				if jumps := f == ThresholdedReLU || f == Shrink || fn.slope == nil; jumps && math.Abs(up-down) > .1 {
					continue
				}
				want := (up - down) / (2 * h)
				if want != want || math.Abs(want) > 1e3 {
					continue // outside, or at an edge
				}
				if got := float64(slopes[i]); !close(got, want, 2e-5) {
					t.Fatalf("%v, a %g: slope %g at %g, want %g", f, a, got, v, want)
				}
			}
		})
	})
}

func close(got, want, tolerance float64) bool {
	if want != want || math.IsInf(want, 0) {
		return same(float32(got), float32(want))
	}
	return math.Abs(got-want) <= tolerance*max(1, math.Abs(want))
}

// Values and slopes where functions have edges and kinks: PyTorch 2.15's.
func TestMapEdges(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		f           Function
		a, x        float32
		want, slope float32
	}{
		{Exp, 0, 89, inf, inf},
		{Exp, 0, 88.5, 2.723088e38, 2.723088e38},
		{Exp, 0, -100, 3.78e-44, 3.78e-44},
		{Exp, 0, -inf, 0, 0},
		{Exp, 0, nan, nan, nan},
		{Log, 0, 0, -inf, inf},
		{Log, 0, -1, nan, -1},
		{Sqrt, 0, 0, 0, inf},
		{Sqrt, 0, -1, nan, nan},
		{Reciprocal, 0, 0, inf, -inf},
		{Abs, 0, 0, 0, 0},
		{Abs, 0, -inf, inf, -1},
		{Sign, 0, nan, 0, 0},
		{Round, 0, 2.5, 2, 0},
		{Round, 0, -.5, float32(math.Copysign(0, -1)), 0},
		{Round, 0, 1.5, 2, 0},
		{Erf, 0, 5, 1, 1.5670867e-11},
		{Erf, 0, -inf, -1, 0},
		{Softplus, 0, inf, inf, 1},
		{Softplus, 0, -200, 0, 0},
		{Softplus, 0, 100, 100, 1},
		{Mish, 0, 0, 0, .6},
		{ELU, 2, 0, 0, 2},
		{ELU, 2, -inf, -2, 0},
		{SELU, 1.5, 0, 0, 3}, // times b, which is 2
		{CELU, 2, 0, 0, 1},
		{ThresholdedReLU, 1, 1, 0, 0},
		{ThresholdedReLU, 1, nan, nan, 1},
		{Shrink, .5, .5, 0, 0}, // b is 2
		{Shrink, .5, -.5, 0, 0},
		{Shrink, .5, -1, 1, 1},
		{Shrink, .5, 1, -1, 1},
		{PowScalar, 0, 0, 1, 0},
		{PowScalar, .5, 0, 0, inf},
		{PowScalar, -1.5, 0, inf, -inf},
		{PowScalar, 3, -2, -8, 12},
		{PowScalar, 1, 0, 0, 1},
		{ExpBase, 0, 0, 1, 0},
		{ExpBase, 0, 2, 0, 0},
		{ExpBase, 1, 7, 1, 0},
		{ExpBase, -2, 2, 4, nan},
	} {
		y, g := make([]float32, 1), make([]float32, 1)
		Map(c.f, y, []float32{c.x}, c.a, 2)
		from := []float32{c.x}
		if c.f.OfResult() {
			from = y
		}
		MapGrad(c.f, g, []float32{1}, from, c.a, 2, false)
		if !close(float64(y[0]), float64(c.want), 1e-5) && !(math.Abs(float64(y[0]/c.want)-1) < 1e-2) {
			t.Errorf("%v(%g), a %g: %g, want %g", c.f, c.x, c.a, y[0], c.want)
		}
		if !close(float64(g[0]), float64(c.slope), 1e-5) {
			t.Errorf("%v, a %g: slope %g at %g, want %g", c.f, c.a, g[0], c.x, c.slope)
		}
	}
}

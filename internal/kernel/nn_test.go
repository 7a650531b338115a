package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// An nnCase runs a kernel on guarded copies of ins vectors of n elements; the first
// outs of them are results.
type nnCase struct {
	name      string
	ins, outs int
	run       func(v [][]float32, n int)
	lengths   func(n int) []int // of the vectors, n each if nil
}

func nnCases() (cases []nnCase) {
	for a, name := range []string{"Sigmoid", "Tanh", "SiLU", "GELU", "GELUTanh", "QuickGELU"} {
		act := Activation(a)
		cases = append(cases,
			nnCase{name: name, ins: 2, outs: 1, run: func(v [][]float32, n int) { Activate(act, v[0], v[1]) }},
			nnCase{name: name + "/inplace", ins: 1, outs: 1, run: func(v [][]float32, n int) { Activate(act, v[0], v[0]) }})
		for _, add := range []bool{false, true} {
			cases = append(cases, nnCase{name: fmt.Sprint(name, "Grad/add=", add), ins: 3, outs: 1,
				run: func(v [][]float32, n int) { ActivateGrad(act, v[0], v[1], v[2], add) }})
		}
	}
	for f, name := range []string{"HardSwish", "HardSigmoid", "Clamp", "LeakyReLU"} {
		bend := Bend(f)
		a, b := [...]float32{0, .3, -.7, .1}[f], [...]float32{0, .4, 1.2, 0}[f]
		cases = append(cases,
			nnCase{name: name, ins: 2, outs: 1, run: func(v [][]float32, n int) { Bent(bend, v[0], v[1], a, b) }},
			nnCase{name: name + "/inplace", ins: 1, outs: 1, run: func(v [][]float32, n int) { Bent(bend, v[0], v[0], a, b) }},
			nnCase{name: name + "Grad/inplace", ins: 2, outs: 1, run: func(v [][]float32, n int) { BentGrad(bend, v[0], v[0], v[1], a, b, false) }})
		for _, add := range []bool{false, true} {
			cases = append(cases, nnCase{name: fmt.Sprint(name, "Grad/add=", add), ins: 3, outs: 1,
				run: func(v [][]float32, n int) { BentGrad(bend, v[0], v[1], v[2], a, b, add) }})
		}
	}
	for _, add := range []bool{false, true} {
		cases = append(cases,
			nnCase{name: fmt.Sprint("Softmax/log=", add), ins: 2, outs: 1, run: func(v [][]float32, n int) { Softmax(v[0], v[1], max(n, 1), add) }},
			nnCase{name: fmt.Sprint("SoftmaxGrad/add=", add), ins: 3, outs: 1, run: func(v [][]float32, n int) { SoftmaxGrad(v[0], v[1], v[2], max(n, 1), add) }},
			nnCase{name: fmt.Sprint("LogSoftmaxGrad/add=", add), ins: 3, outs: 1, run: func(v [][]float32, n int) { LogSoftmaxGrad(v[0], v[1], v[2], max(n, 1), add) }},
			nnCase{name: fmt.Sprint("Dropout/add=", add), ins: 2, outs: 1, run: func(v [][]float32, n int) { Dropout(v[0], v[1], .3, 5, add) }},
			nnCase{name: fmt.Sprint("Dropout/of odd elements/add=", add), ins: 2, outs: 1, run: func(v [][]float32, n int) {
				d := newDrops(.3, 5)
				d.drop(v[0], v[1], 1<<40+7, add)
			}},
		)
	}
	return cases
}

func TestNNElementwise(t *testing.T) {
	for _, c := range nnCases() {
		t.Run(c.name, func(t *testing.T) {
			eachLevel(t, func(t *testing.T) {
				for _, n := range []int{0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 64, 100, chunk + 5} {
					compareNN(t, c, n, false)
					compareNN(t, c, n, true)
				}
			})
		})
	}
}

// compareNN compares with the portable level bit by bit.
func compareNN(t *testing.T, c nnCase, n int, specials bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(5, uint64(n)))
	lengths := make([]int, c.ins)
	for i := range lengths {
		lengths[i] = n
	}
	if c.lengths != nil {
		lengths = c.lengths(n)
	}
	start := make([][]float32, c.ins)
	for i := range start {
		start[i] = random(r, lengths[i])
		for k := range start[i] {
			start[i][k] *= 3
		}
		if specials {
			special(r, start[i])
		}
	}
	v := vecCase{c.name, c.ins, c.outs, func(v [][]float32) { c.run(v, n) }, nil}
	want := runVec(t, v, start, Portable, true)
	for _, atEnd := range []bool{true, false} {
		got := runVec(t, v, start, Active(), atEnd)
		for i := range got {
			if at := firstDifference(got[i], want[i]); at >= 0 {
				t.Fatalf("n %d, vector %d, element %d: %v, portable %v", n, i, at, got[i][at], want[i][at])
			}
		}
	}
}

// normShapes are rows and columns, some with odd channels, some longer than a piece.
var normShapes = [][2]int{{1, 1}, {2, 3}, {7, 5}, {64, 1}, {33, 8}, {5, 16}, {17, 24}, {31, 32}, {9, 40}, {13, 64}, {6, 100},
	{3, 257}, {5, 264}, {2, 512}, {900, 37}, {1100, 64}}

func normCases(rows, cols int) (cases []nnCase) {
	n := rows * cols
	sizes := func(big, small int) func(int) []int {
		return func(int) (l []int) {
			for range big {
				l = append(l, n)
			}
			for range small {
				l = append(l, cols)
			}
			return l
		}
	}
	for _, relu := range []bool{false, true} {
		cases = append(cases,
			nnCase{"Normalize", 5, 1, func(v [][]float32, n int) { Normalize(v[0], v[1], nil, v[2], v[3], v[4], relu) }, sizes(2, 3)},
			nnCase{"Normalize/res", 6, 1, func(v [][]float32, n int) { Normalize(v[0], v[1], v[2], v[3], v[4], v[5], relu) }, sizes(3, 3)})
		for _, add := range []bool{false, true} {
			cases = append(cases,
				nnCase{"NormalizeGrad", 8, 1, func(v [][]float32, n int) {
					y := v[3]
					if !relu {
						y = nil
					}
					NormalizeGrad(v[0], nil, v[1], v[2], y, v[4], v[5], v[6], v[7], add, false)
				}, sizes(4, 4)},
				nnCase{"NormalizeGrad/res", 9, 2, func(v [][]float32, n int) {
					NormalizeGrad(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], relu, add)
				}, sizes(5, 4)},
				nnCase{"NormalizeGrad/dx=dy", 7, 1, func(v [][]float32, n int) {
					NormalizeGrad(v[0], nil, v[0], v[1], v[2], v[3], v[4], v[5], v[6], false, false)
				}, sizes(3, 4)},
				nnCase{"NormalizeGrad/dx=dy=res", 7, 1, func(v [][]float32, n int) {
					NormalizeGrad(v[0], v[0], v[0], v[1], v[2], v[3], v[4], v[5], v[6], true, false)
				}, sizes(3, 4)})
		}
	}
	return append(cases, sumCases(sizes, cols)...)
}

// sumCases store float64 results as two float32 each, to compare all bits.
func sumCases(sizes func(big, small int) func(int) []int, cols int) []nnCase {
	store := func(v [][]float32, at int, sums ...[]float64) {
		for _, s := range sums {
			for i, x := range s {
				v[at][i], v[at+1][i] = float32(x), float32(x-float64(float32(x)))
			}
			at += 2
		}
	}
	a, b := make([]float64, cols), make([]float64, cols)
	return []nnCase{
		{"ColumnMoments", 5, 4, func(v [][]float32, n int) { ColumnMoments(a, b, v[4]); store(v, 0, a, b) },
			func(n int) []int { return append([]int{cols, cols, cols, cols}, sizes(1, 0)(n)...) }},
		{"ColumnProducts", 6, 4, func(v [][]float32, n int) { ColumnProducts(a, b, v[4], v[5], nil); store(v, 0, a, b) },
			func(n int) []int { return append([]int{cols, cols, cols, cols}, sizes(2, 0)(n)...) }},
		{"ColumnProducts/mask", 7, 4, func(v [][]float32, n int) { ColumnProducts(a, b, v[4], v[5], v[6]); store(v, 0, a, b) },
			func(n int) []int { return append([]int{cols, cols, cols, cols}, sizes(3, 0)(n)...) }},
		{"GroupNormGrad", 8, 5, func(v [][]float32, n int) {
			if n == 0 {
				return
			}
			images, groups := 1, 1
			if (n/cols)%2 == 0 {
				images = 2
			}
			if cols%3 == 0 {
				groups = 3
			}
			stats := make([]float32, 3*images*groups)
			GroupNorm(v[4], v[5], v[7], v[7], stats, images, groups, 1e-5)
			GroupNormGrad(v[4], a, b, v[6], v[5], v[7], stats, images, groups, true)
			store(v, 0, a, b)
		}, func(n int) []int { return append([]int{cols, cols, cols, cols}, sizes(3, 1)(n)...) }},
		{"LayerNormGrad", 8, 5, func(v [][]float32, n int) {
			stats := make([]float32, 3*(len(v[4])/cols))
			LayerNorm(v[4], v[5], v[7], v[7], stats, 1e-5)
			LayerNormGrad(v[4], a, b, v[6], v[5], v[7], stats, true)
			store(v, 0, a, b)
		}, func(n int) []int { return append([]int{cols, cols, cols, cols}, sizes(3, 1)(n)...) }},
	}
}

func TestNNNorm(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, s := range normShapes {
			for _, c := range normCases(s[0], s[1]) {
				t.Run(fmt.Sprintf("%s/%dx%d", c.name, s[0], s[1]), func(t *testing.T) {
					useThreads(t, 3)
					compareNN(t, c, s[0]*s[1], false)
					if s[0]*s[1] < chunk {
						compareNN(t, c, s[0]*s[1], true)
					}
				})
			}
		}
	})
}

// The activations are as exact as float32 arithmetic lets them be.
func TestActivationsAreAccurate(t *testing.T) {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	normal := func(x float64) float64 { return .5 * math.Erfc(-x/math.Sqrt2) }
	gelu := func(x float64) float64 { return .5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+.044715*x*x*x))) }
	for a, f := range []func(float64) float64{sigmoid, math.Tanh,
		func(x float64) float64 { return x * sigmoid(x) }, func(x float64) float64 { return x * normal(x) }, gelu} {
		var worst, worstRelative float64
		for i := -20000; i <= 20000; i++ {
			x := float32(i) / 1000
			got, want := float64(activations[a].value(x)), f(float64(x))
			worst = max(worst, math.Abs(got-want)/max(1, math.Abs(want)))
			if math.Abs(float64(x)) < 1 && want != 0 {
				worstRelative = max(worstRelative, math.Abs(got/want-1))
			}
		}
		if !(worst < 1e-6) || !(worstRelative < 1e-6) {
			t.Errorf("activation %d: error %.2g, relative %.2g near 0", a, worst, worstRelative)
		}
		h := 1e-5
		for i := -2000; i <= 2000; i++ {
			x := float64(float32(i) / 200)
			at := float32(x)
			if Activation(a).OfResult() {
				at = float32(f(x))
			}
			want := (f(x+h) - f(x-h)) / (2 * h)
			if got := float64(activations[a].slope(at)); !(math.Abs(got-want) < 1e-5) {
				t.Fatalf("activation %d: slope %g at %g, want %g", a, got, x, want)
			}
		}
	}
	for i := -8700; i <= 8800; i++ {
		x := float32(i) / 100
		if got, want := float64(expGo(x)), math.Exp(float64(x)); !(math.Abs(got/want-1) < 3e-7) {
			t.Fatalf("exp(%g) = %g, want %g", x, got, want)
		}
	}
	if got := expGo(float32(math.Inf(-1))); got != 0 {
		t.Errorf("exp(-Inf) = %g", got)
	}
	if got := expGo(math.Float32frombits(canary)); got == got {
		t.Errorf("exp(NaN) = %g", got)
	}
}

func TestPoolingLevels(t *testing.T) {
	for _, s := range []Conv{
		{N: 1, H: 1, W: 1, C: 1, KH: 1, KW: 1, Strides: Both(1)},
		{N: 2, H: 5, W: 7, C: 3, KH: 2, KW: 3, Strides: Both(2), Pads: Around(1)},
		{N: 3, H: 9, W: 8, C: 16, KH: 3, KW: 3, Strides: Both(2), Pads: Around(1)},
		{N: 2, H: 6, W: 6, C: 37, KH: 2, KW: 2, Strides: Both(2)},
		{N: 1, H: 8, W: 5, C: 64, KH: 3, KW: 3, Strides: Both(1), Pads: Around(1)},
		{N: 2, H: 6, W: 5, C: 19, KH: 3, KW: 2, Strides: [2]int{2, 1}, Pads: [4]int{0, 1, 2, 0}, Ceil: true},
		{N: 1, H: 7, W: 6, C: 33, KH: 2, KW: 3, Strides: [2]int{1, 2}, Dilations: [2]int{3, 2}, Pads: [4]int{0, 3, 3, 1}},
		{N: 1, H: 1, W: 3, C: 17, KH: 2, KW: 2, Dilations: Both(2), Pads: Around(1)}, // a window in the padding
	} {
		nx, ny := s.N*s.H*s.W*s.C, s.N*s.OutH()*s.OutW()*s.C
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			eachLevel(t, func(t *testing.T) {
				compareNN(t, nnCase{"MaxPool", 2, 1, func(v [][]float32, _ int) { MaxPool(&s, v[0], v[1]) }, func(int) []int { return []int{ny, nx} }}, 0, true)
				for _, b := range []bool{false, true} {
					compareNN(t, nnCase{"MaxPoolGrad", 4, 2, func(v [][]float32, _ int) {
						MaxPool(&s, v[1], v[2])
						MaxPoolGrad(&s, v[0], v[3], v[2], v[1], b)
					}, func(int) []int { return []int{nx, ny, nx, ny} }}, 0, true)
					compareNN(t, nnCase{"AvgPool", 2, 1, func(v [][]float32, _ int) { AvgPool(&s, v[0], v[1], b) }, func(int) []int { return []int{ny, nx} }}, 0, true)
					compareNN(t, nnCase{"AvgPoolGrad", 2, 1, func(v [][]float32, _ int) { AvgPoolGrad(&s, v[0], v[1], b, b) }, func(int) []int { return []int{nx, ny} }}, 0, true)
					compareNN(t, nnCase{"GlobalAvgPool", 4, 2, func(v [][]float32, _ int) {
						GlobalAvgPool(v[0], v[2], s.N, s.C)
						GlobalAvgPoolGrad(v[1], v[3], s.N, s.C, b)
					}, func(int) []int { return []int{s.N * s.C, nx, nx, s.N * s.C} }}, 0, true)
				}
			})
		})
	}
}

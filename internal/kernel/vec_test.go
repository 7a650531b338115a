package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// A vecCase is one elementwise kernel: run works on vectors of equal length, of
// which the first outs are results; ref is the same on one element, in float64.
type vecCase struct {
	name      string
	ins, outs int
	run       func(v [][]float32)
	ref       func(e []float64)
}

func relu64(x float64) float64 {
	if x < 0 {
		return 0
	}
	return x
}

func positive(x, y float64) float64 {
	if y > 0 {
		return x
	}
	return 0
}

var vecCases = append(append([]vecCase{
	{"AddScaled", 3, 1, func(v [][]float32) { AddScaled(v[0], v[1], -0.7, v[2]) },
		func(e []float64) { e[0] = e[1] - float64(float32(0.7))*e[2] }},
	{"AddScaled/dst=x", 2, 1, func(v [][]float32) { AddScaled(v[0], v[0], 3.1, v[1]) },
		func(e []float64) { e[0] += float64(float32(3.1)) * e[1] }},
	{"AddScaled/dst=y", 2, 1, func(v [][]float32) { AddScaled(v[0], v[1], 3.1, v[0]) },
		func(e []float64) { e[0] = e[1] + float64(float32(3.1))*e[0] }},
	{"Scale", 2, 1, func(v [][]float32) { Scale(v[0], 1.3, v[1]) },
		func(e []float64) { e[0] = float64(float32(1.3)) * e[1] }},
	{"Scale/dst=x", 1, 1, func(v [][]float32) { Scale(v[0], 1.3, v[0]) },
		func(e []float64) { e[0] *= float64(float32(1.3)) }},
	{"Relu", 2, 1, func(v [][]float32) { Relu(v[0], v[1]) },
		func(e []float64) { e[0] = relu64(e[1]) }},
	{"Relu/dst=x", 1, 1, func(v [][]float32) { Relu(v[0], v[0]) },
		func(e []float64) { e[0] = relu64(e[0]) }},
	{"AddRelu", 3, 1, func(v [][]float32) { AddRelu(v[0], v[1], v[2]) },
		func(e []float64) { e[0] = relu64(e[1] + e[2]) }},
	{"ReluBackward", 3, 1, func(v [][]float32) { ReluBackward(v[0], v[1], v[2]) },
		func(e []float64) { e[0] = positive(e[1], e[2]) }},
	{"ReluBackward/dx=dy", 2, 1, func(v [][]float32) { ReluBackward(v[0], v[0], v[1]) },
		func(e []float64) { e[0] = positive(e[0], e[1]) }},
	{"ReluBackward/dx=y", 2, 1, func(v [][]float32) { ReluBackward(v[0], v[1], v[0]) },
		func(e []float64) { e[0] = positive(e[1], e[0]) }},
	{"ReluBackwardAdd", 3, 1, func(v [][]float32) { ReluBackwardAdd(v[0], v[1], v[2]) },
		func(e []float64) { e[0] += positive(e[1], e[2]) }},
}, sgdCases()...), adamCases()...)

func sgdCases() (cases []vecCase) {
	for _, decay := range []float32{0, 5e-4} {
		for _, momentum := range []float32{0, 0.9} {
			for _, dampening := range []float32{0, 0.25} {
				for _, nesterov := range []bool{false, true} {
					for _, first := range []bool{false, true} {
						cases = append(cases, sgdCase(0.1, momentum, dampening, decay, nesterov, first))
					}
				}
			}
		}
	}
	return cases
}

func sgdCase(lr, momentum, dampening, decay float32, nesterov, first bool) vecCase {
	name := fmt.Sprintf("SGD/momentum=%v,dampening=%v,decay=%v,nesterov=%v,first=%v", momentum, dampening, decay, nesterov, first)
	return vecCase{name, 3, 2,
		func(v [][]float32) {
			buf := v[1]
			if momentum == 0 {
				buf = nil
			}
			SGD(v[0], v[2], buf, lr, momentum, dampening, decay, nesterov, first)
		},
		func(e []float64) {
			d := e[2]
			if decay != 0 {
				d += float64(decay) * e[0]
			}
			if momentum != 0 {
				if first {
					e[1] = d
				} else {
					e[1] = float64(momentum)*e[1] + (1-float64(dampening))*d
				}
				if nesterov {
					d += float64(momentum) * e[1]
				} else {
					d = e[1]
				}
			}
			e[0] -= float64(lr) * d
		}}
}

func adamCases() (cases []vecCase) {
	for _, decay := range []float64{0, 0.01} {
		for _, decoupled := range []bool{false, true} {
			p := AdamParams{LR: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: decay, Decoupled: decoupled,
				BC1: 1 - math.Pow(0.9, 3), BC2Sqrt: math.Sqrt(1 - math.Pow(0.999, 3))}
			cases = append(cases, adamCase(p))
		}
	}
	return cases
}

func adamCase(p AdamParams) vecCase {
	return vecCase{fmt.Sprintf("Adam/decay=%v,decoupled=%v", p.WeightDecay, p.Decoupled), 4, 3,
		func(v [][]float32) {
			for i, x := range v[2] { // a mean square is not negative
				if x < 0 {
					v[2][i] = -x
				}
			}
			Adam(v[0], v[3], v[1], v[2], p)
		},
		func(e []float64) {
			d := e[3]
			if p.Decoupled {
				e[0] *= 1 - p.LR*p.WeightDecay
			} else {
				d += p.WeightDecay * e[0]
			}
			e[1] = p.Beta1*e[1] + (1-p.Beta1)*d
			e[2] = p.Beta2*math.Abs(e[2]) + (1-p.Beta2)*d*d
			e[0] -= p.LR / p.BC1 * e[1] / (math.Sqrt(e[2])/p.BC2Sqrt + p.Eps)
		}}
}

// sizes are all small ones, and some that cross the kernels' blocks and chunks.
func sizes() []int {
	var s []int
	for n := range 100 {
		s = append(s, n)
	}
	return append(s, 127, 128, 129, 1000, chunk+5, long-1, long, long+17, 3*chunk+31)
}

func TestVec(t *testing.T) {
	for _, c := range vecCases {
		t.Run(c.name, func(t *testing.T) {
			eachLevel(t, func(t *testing.T) {
				for _, n := range sizes() {
					testVec(t, c, n, false)
					if n < 100 {
						testVec(t, c, n, true)
					}
				}
			})
		})
	}
}

func testVec(t *testing.T, c vecCase, n int, specials bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(n)))
	start := make([][]float32, c.ins)
	for i := range start {
		start[i] = random(r, n)
		if specials {
			special(r, start[i])
		}
	}
	want := runVec(t, c, start, Portable, true)
	if !specials {
		checkVec(t, c, start, want)
	}
	for _, atEnd := range []bool{true, false} {
		got := runVec(t, c, start, Active(), atEnd)
		for i := range got {
			if at := firstDifference(got[i], want[i]); at >= 0 {
				t.Fatalf("n %d, vector %d, element %d: %v, portable %v", n, i, at, got[i][at], want[i][at])
			}
		}
	}
}

// runVec runs the kernel on a guarded copy and returns all vectors after it.
func runVec(t *testing.T, c vecCase, start [][]float32, l Level, atEnd bool) [][]float32 {
	t.Helper()
	old := Active()
	SetLevel(l)
	defer SetLevel(old)
	m := newMemory(t, atEnd)
	defer m.free()
	v := make([][]float32, len(start))
	for i, x := range start {
		v[i] = m.copyOf(x)
	}
	c.run(v)
	out := make([][]float32, len(v))
	for i, x := range v {
		out[i] = append([]float32(nil), x...)
		if i >= c.outs && firstDifference(x, start[i]) >= 0 {
			t.Errorf("%s changed vector %d", c.name, i)
		}
	}
	return out
}

func checkVec(t *testing.T, c vecCase, start, got [][]float32) {
	t.Helper()
	e := make([]float64, c.ins)
	for i := range start[0] {
		for k := range e {
			e[k] = float64(start[k][i])
		}
		c.ref(e)
		for k := range c.outs {
			diff := math.Abs(float64(got[k][i]) - e[k])
			if !(diff <= 1e-5*(1+math.Abs(e[k]))) {
				t.Fatalf("n %d, vector %d, element %d: %v, reference %v", len(start[0]), k, i, got[k][i], e[k])
			}
		}
	}
}

func TestReductions(t *testing.T) {
	type reduction struct {
		name string
		run  func(x, y []float32) float64
		ref  func(x, y float64) float64
	}
	for _, c := range []reduction{
		{"Dot", Dot, func(x, y float64) float64 { return x * y }},
		{"Dot/self", func(x, _ []float32) float64 { return Dot(x, x) }, func(x, _ float64) float64 { return x * x }},
		{"SumSq", func(x, _ []float32) float64 { return SumSq(x) }, func(x, _ float64) float64 { return x * x }},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachLevel(t, func(t *testing.T) {
				for _, n := range sizes() {
					r := rand.New(rand.NewPCG(2, uint64(n)))
					x, y := random(r, n), random(r, n)
					ref, size := 0.0, 0.0
					for i := range x {
						p := c.ref(float64(x[i]), float64(y[i]))
						ref += p
						size += math.Abs(p)
					}
					want := onPortable(func() float64 { return c.run(x, y) })
					if !(math.Abs(want-ref) <= 1e-13*size) {
						t.Fatalf("n %d: %v, reference %v", n, want, ref)
					}
					for _, atEnd := range []bool{true, false} {
						m := newMemory(t, atEnd)
						got := c.run(m.copyOf(x), m.copyOf(y))
						m.free()
						if got != want {
							t.Fatalf("n %d: %v, portable %v", n, got, want)
						}
					}
				}
			})
		})
	}
}

func onPortable(f func() float64) float64 {
	old := Active()
	SetLevel(Portable)
	defer SetLevel(old)
	return f()
}

// shapes of matrices for the row kernels.
var shapes = [][2]int{{0, 0}, {0, 7}, {7, 0}, {1, 1}, {1, 100}, {100, 1}, {3, 10}, {128, 10}, {5, 16}, {7, 31},
	{9, 32}, {11, 33}, {4, 47}, {2, 40}, {6, 71}, {128, 512}, {2000, 64}, {3, chunk + 1}, {1500, 77}}

func TestRows(t *testing.T) {
	for name, kernel := range map[string]func(x []float32, rows, cols int, bias []float32){
		"AddBias":    AddBias,
		"BiasRelu":   BiasRelu,
		"SumRows":    func(x []float32, rows, cols int, dst []float32) { SumRows(dst, x, rows, cols) },
		"SumRowsAdd": func(x []float32, rows, cols int, dst []float32) { SumRowsAdd(dst, x, rows, cols) },
	} {
		t.Run(name, func(t *testing.T) {
			eachLevel(t, func(t *testing.T) {
				for _, s := range shapes {
					testRows(t, name, kernel, s[0], s[1])
				}
			})
		})
	}
}

func testRows(t *testing.T, name string, kernel func(x []float32, rows, cols int, v []float32), rows, cols int) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, uint64(rows)))
	x, v := random(r, rows*cols), random(r, cols)
	wantX, wantV := rowsReference(name, x, rows, cols, v)
	var bits [2][]float32
	for i, threads := range []int{1, 3} {
		useThreads(t, threads)
		m := newMemory(t, i == 0)
		gotX, gotV := m.copyOf(x), m.copyOf(v)
		kernel(gotX, rows, cols, gotV)
		for i := range wantX {
			if !(math.Abs(float64(gotX[i])-wantX[i]) <= 1e-6*(1+math.Abs(wantX[i]))) {
				t.Fatalf("%d x %d: element %d is %v, want %v", rows, cols, i, gotX[i], wantX[i])
			}
		}
		for i := range wantV {
			if !(math.Abs(float64(gotV[i])-wantV[i]) <= 1e-6*(1+math.Abs(wantV[i]))) {
				t.Fatalf("%d x %d: column %d is %v, want %v", rows, cols, i, gotV[i], wantV[i])
			}
		}
		bits[i] = append(append(bits[i], gotX...), gotV...)
		m.free()
	}
	if at := firstDifference(bits[0], bits[1]); at >= 0 {
		t.Fatalf("%d x %d: threads change element %d", rows, cols, at)
	}
	onPortable(func() float64 {
		kernel(x, rows, cols, v)
		return 0
	})
	if at := firstDifference(bits[0], append(x, v...)); at >= 0 {
		t.Fatalf("%d x %d: element %d differs from portable", rows, cols, at)
	}
}

func rowsReference(name string, x []float32, rows, cols int, v []float32) (outX, outV []float64) {
	outX, outV = make([]float64, len(x)), make([]float64, cols)
	for c := range v {
		if name != "SumRows" {
			outV[c] = float64(v[c])
		}
	}
	for i := range x {
		e, c := float64(x[i]), i%cols
		switch name {
		case "AddBias":
			e += float64(v[c])
		case "BiasRelu":
			e = relu64(e + float64(v[c]))
		default:
			outV[c] += e
		}
		outX[i] = e
	}
	return outX, outV
}

func TestVecThreads(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	x, y := random(r, 5*chunk+77), random(r, 5*chunk+77)
	useThreads(t, 1)
	dot, sumSq := Dot(x, y), SumSq(x)
	for _, threads := range []int{2, 3, 7} {
		useThreads(t, threads)
		if Dot(x, y) != dot || SumSq(x) != sumSq {
			t.Errorf("%d threads change a reduction", threads)
		}
	}
}

func TestWrongLengthsPanicBeforeWriting(t *testing.T) {
	x, short := make([]float32, 40), make([]float32, 39)
	one := make([]float32, 40)
	for i := range one {
		one[i] = 1
	}
	for name, f := range map[string]func(){
		"Dot":             func() { Dot(x, short) },
		"AddScaled":       func() { AddScaled(x, one, 1, short) },
		"Scale":           func() { Scale(short, 1, one) },
		"SGD":             func() { SGD(x, one, short, 1, 0.9, 0, 0, false, false) },
		"SGD/nil":         func() { SGD(x, one, nil, 1, 0.9, 0, 0, false, false) },
		"Adam":            func() { Adam(x, one, one, short, AdamParams{BC1: 1, BC2Sqrt: 1}) },
		"Relu":            func() { Relu(x, short) },
		"AddRelu":         func() { AddRelu(x, one, short) },
		"ReluBackward":    func() { ReluBackward(x, one, short) },
		"ReluBackwardAdd": func() { ReluBackwardAdd(x, one, short) },
		"AddBias":         func() { AddBias(x, 4, 10, one) },
		"BiasRelu":        func() { BiasRelu(x, 4, 11, one[:11]) },
		"SumRows":         func() { SumRows(x[:10], one[:39], 4, 10) },
		"SumRowsAdd":      func() { SumRowsAdd(x[:10], one, -4, -10) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
	for i := range x {
		if x[i] != 0 {
			t.Fatal("written before the panic")
		}
	}
}

func TestVecDoesNotAllocate(t *testing.T) {
	useThreads(t, 2)
	for _, n := range []int{100, long + 100} {
		x, y, z := make([]float32, n), make([]float32, n), make([]float32, n)
		var sink float64
		for name, f := range map[string]func(){
			"Dot":       func() { sink += Dot(x, y) },
			"SumSq":     func() { sink += SumSq(x) },
			"AddScaled": func() { AddScaled(x, y, 2, z) },
			"SGD":       func() { SGD(x, y, z, 0.1, 0.9, 0, 0, true, false) },
			"Adam":      func() { Adam(x, y, z, z, AdamParams{BC1: 1, BC2Sqrt: 1}) },
			"Relu":      func() { Relu(x, y) },
			"AddBias":   func() { AddBias(x, 1, n, y) },
			"SumRows":   func() { SumRows(x, y, 1, n) },
		} {
			f()
			if a := testing.AllocsPerRun(20, f); a != 0 {
				t.Errorf("%s, n %d: %v allocations", name, n, a)
			}
		}
	}
}

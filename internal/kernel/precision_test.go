package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/monge-ml/monge/internal/half"
)

// awkward are numbers that rounding and flushing treat in ways of their own.
func awkward(r *rand.Rand) float32 {
	switch r.IntN(20) {
	case 0:
		return math.Float32frombits(r.Uint32()) // anything
	case 1:
		return math.Float32frombits(r.Uint32()&0x807fffff | uint32(r.IntN(3))<<23) // about the smallest normal
	case 2:
		return math.Float32frombits(0x3f808000 | r.Uint32()&0x80010000) // a tie
	case 3:
		return 0
	}
	return float32(r.NormFloat64())
}

func TestBFloat16(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200000 {
		x := awkward(r)
		got, want := math.Float32frombits(bfloat16(x)), half.FromBF16(half.ToBF16(x))
		if math.Abs(float64(x)) < 0x1p-126 {
			want = float32(math.Copysign(0, float64(x)))
		}
		if !same(got, want) {
			t.Fatalf("%x (%v): %v, want %v", math.Float32bits(x), x, got, want)
		}
	}
	for x, want := range map[float32]float32{1.00390625: 1, 1.01171875: 1.015625, math.MaxFloat32: float32(math.Inf(1))} {
		if got := math.Float32frombits(bfloat16(x)); got != want {
			t.Errorf("%v: %v, want %v", x, got, want)
		}
	}
}

func testRound(t *testing.T, n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(6, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = awkward(r)
	}
	m := newMemory(t, true)
	defer m.free()
	got := m.slice(n)
	round(got, m.copyOf(x))
	for i := range x {
		if want := math.Float32frombits(bfloat16(x[i])); !same(got[i], want) {
			t.Fatalf("%x: %v, want %v", math.Float32bits(x[i]), got[i], want)
		}
	}
}

func TestRound(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for n := range 100 {
			testRound(t, n)
		}
		testRound(t, 5000)
	})
}

func TestNarrowed(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for n := range 150 {
			x := make([]float32, n)
			for i := range x {
				x[i] = awkward(r)
			}
			m := newMemory(t, n%2 == 0)
			got := m.slice(ceilDiv(n, 2))
			ops().target.narrowed(got, m.copyOf(x))
			x = append(x, 0)
			for i, w := range got {
				if want := word(x[2*i], x[2*i+1]); math.Float32bits(w) != math.Float32bits(want) {
					t.Fatalf("%d: word %d is %x, want %x", n, i, math.Float32bits(w), math.Float32bits(want))
				}
			}
			m.free()
		}
	})
}

func TestPackPairs(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		level := ops()
		for n := 1; n <= level.nr; n++ {
			for _, alone := range []bool{false, true} {
				k, ld, pitch := 1+n%3, n+n%4, level.nr
				x, y := make([]float32, k*ld), make([]float32, k*ld)
				for i := range x {
					x[i], y[i] = awkward(r), awkward(r)
				}
				m := newMemory(t, n%2 == 0)
				from, other := m.copyOf(x[:(k-1)*ld+n]), m.copyOf(y[:(k-1)*ld+n])
				if alone {
					other = nil
					clear(y)
				}
				got := m.slice(k * pitch)
				level.packPairs(got, pitch, from, other, ld, n, k)
				for i := range k * n {
					at := i/n*ld + i%n
					if g, want := got[i/n*pitch+i%n], word(x[at], y[at]); math.Float32bits(g) != math.Float32bits(want) {
						t.Fatalf("%d of %d: word %d is %x, want %x", k, n, i, math.Float32bits(g), math.Float32bits(want))
					}
				}
				m.free()
			}
		}
	})
}

// wordShapes have pairs that go on or end in ways of their own.
var wordShapes = slices.Concat(convShapes, []Conv{
	{N: 2, H: 8, W: 8, C: 16, KH: 3, KW: 3, O: 48, Pads: Around(1)},
	{N: 3, H: 9, W: 7, C: 3, KH: 3, KW: 3, O: 20, Pads: Around(1), Strides: Both(2)},
	{N: 2, H: 5, W: 5, C: 33, KH: 1, KW: 1, O: 70},
	{N: 2, H: 6, W: 5, C: 40, KH: 3, KW: 3, O: 40, Pads: Around(1), Groups: 40},
	{N: 2, H: 6, W: 5, C: 40, KH: 3, KW: 3, O: 40, Pads: Around(1), Groups: 2},
	{N: 1, H: 9, W: 9, C: 5, KH: 3, KW: 2, O: 7, Dilations: Both(2)},
	{N: 3, H: 5, W: 6, C: 27, KH: 3, KW: 3, O: 33, Pads: Around(1), Groups: 3},
	{N: 5, H: 4, W: 4, C: 33, KH: 3, KW: 3, O: 36, Pads: [4]int{1, 0, 0, 1}},
	{N: 3, H: 6, W: 6, C: 64, KH: 3, KW: 3, O: 64, Pads: Around(1), Strides: Both(2)},
})

// Convolutions are those of the rounded operands, in all passes, and have the same bits at every
// level.
func TestConvBF16(t *testing.T) {
	for _, s := range wordShapes {
		s.Precision = BFloat16
		c := newConvCase(s)
		rounded := newConvCaseOf(s, func(x []float32) []float32 { round(x, x); return x })
		var first [3][]float32
		eachLevel(t, func(t *testing.T) {
			for _, a := range s.possible() {
				if a != ConvWinograd {
					rounded.check(t, a, true, 0)
				}
			}
			rounded.check(t, c.Algorithm(), false, 0)
			for i, got := range c.passes() {
				if first[i] == nil {
					first[i] = got
				}
				if at := firstDifference(got, first[i]); at >= 0 {
					t.Fatalf("pass %d of %+v: element %d is %v, at the first level %v", i, s, at, got[at], first[i][at])
				}
			}
			rounded.compare(t, "forward", c.passes()[0], nil, rounded.y, rounded.absY, rounded.terms[0], 0)
		})
	}
}

// passes are the results of the exported functions.
func (c *convCase) passes() [3][]float32 {
	y, dx, dw := make([]float32, c.size), make([]float32, c.sizeX), make([]float32, c.sizeW)
	ConvForward(&c.Conv, y, c.x, c.w)
	ConvBackwardData(&c.Conv, dx, c.dy, c.w, false)
	ConvBackwardWeights(&c.Conv, dw, c.x, c.dy, false)
	return [3][]float32{y, dx, dw}
}

// What is not finite in float32 is not in bfloat16, and nothing else: no pair has a number that
// a sum is not of.
func TestConvBF16Infinite(t *testing.T) {
	finite := func(x float32) bool { return x-x == 0 }
	for n, s := range wordShapes {
		s.Direct = true
		c := newConvCase(s)
		for _, x := range [][]float32{c.x, c.w, c.dy} {
			x[n%len(x)] = float32(math.Inf(1))
			x[len(x)-1-n%len(x)] = float32(math.NaN())
		}
		want := c.passes()
		c.Precision = BFloat16
		eachLevel(t, func(t *testing.T) {
			for i, got := range c.passes() {
				for at := range got {
					if finite(got[at]) != finite(want[i][at]) {
						t.Fatalf("pass %d of %+v: element %d is %v, in float32 %v", i, s, at, got[at], want[i][at])
					}
				}
			}
		})
	}
}

// fmaExact rounds a*b + c with arithmetic that is exact.
func fmaExact(a, b, c float32) float32 {
	rounded := new(big.Float).SetPrec(24).SetMode(big.ToNearestEven).Set(sumExact(a, b, c)) // any exponent
	if rounded.Sign() != 0 && rounded.MantExp(nil) <= -126 {
		return float32(math.Copysign(0, float64(rounded.Sign())))
	}
	f, _ := rounded.Float32()
	return f
}

// sumExact is a*b + c.
func sumExact(a, b, c float32) *big.Float {
	exact := func(x float32) *big.Float { return new(big.Float).SetPrec(1000).SetFloat64(float64(x)) }
	sum := exact(a)
	sum.Mul(sum, exact(b))
	return sum.Add(sum, exact(c))
}

func TestFMA(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 300000 {
		a, b := float32(r.NormFloat64()), float32(math.Ldexp(r.NormFloat64(), -r.IntN(150)))
		c := float32(math.Ldexp(float64(a)*float64(b)*r.NormFloat64(), r.IntN(60)-30))
		if r.IntN(2) == 0 { // almost a tie
			c = float32(math.Ldexp(float64(r.IntN(1<<24)), r.IntN(30))) * b
			a = float32(r.IntN(8)) / 2
		}
		want, _ := sumExact(a, b, c).Float32()
		if got := fma(a, b, c); got != want {
			t.Fatalf("%v * %v + %v = %x, want %x", a, b, c, math.Float32bits(got), math.Float32bits(want))
		}
	}
}

func TestFMAFlushed(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	value := func(exp int) float32 {
		return float32(math.Ldexp(1+float64(r.IntN(128))/128, exp)) * float32(1-2*r.IntN(2))
	}
	for range 300000 {
		e := r.IntN(60) - 30
		a, b := value(e), value(r.IntN(60)-30)
		c := float32(math.Ldexp(float64(a)*float64(b), r.IntN(60)-30)) * float32(r.NormFloat64())
		switch r.IntN(3) {
		case 0: // results near the smallest normal number
			a, b = value(-60), value(-67+r.IntN(3))
			c = math.Float32frombits(1<<23+r.Uint32N(1<<16)) * float32(1-2*r.IntN(2))
		case 1: // almost a tie
			a, b = value(0), value(-r.IntN(60))
			c = float32(1 + r.IntN(2))
		}
		if got, want := fmaFlushed(a, b, c), fmaExact(a, b, c); got != want {
			t.Fatalf("%v * %v + %v = %x, want %x", a, b, c, math.Float32bits(got), math.Float32bits(want))
		}
	}
	inf := float32(math.Inf(1))
	if x := fmaFlushed(inf, 1, 0); x != inf {
		t.Error(x)
	}
	if x := fmaFlushed(inf, 1, -inf); x == x {
		t.Error(x)
	}
}

// pairwise is a product of one block in BFloat16, by its definition.
func pairwise(p product, a, b operand, c []float32, ldc int) {
	for i := range p.m {
		for l := range p.n {
			var sum float32
			for k := 0; k < p.k; k += 2 {
				var x, y [2]float32
				for q := range min(2, p.k-k) {
					x[q] = a.data[at(p.transA, i, k+q, a.ld)]
					y[q] = b.data[at(p.transB, k+q, l, b.ld)]
				}
				sum = multiplyPairs(sum, word(x[0], x[1]), word(y[0], y[1]))
			}
			if p.add {
				sum += c[i*ldc+l]
			}
			c[i*ldc+l] = sum
		}
	}
}

// Products of one block are those of the definition at every level, for all tails.
func TestGemmBF16(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for n := 1; n < 70; n += 1 + n%3 {
			for _, p := range variants(n, 1+n*7%37, 1+n*5%23) {
				testWords(t, p)
			}
			for _, p := range variants(1+n*3%31, n, 1+n%19) {
				testWords(t, p)
			}
			for _, p := range variants(1+n*11%17, 1+n*13%41, 2*n) {
				testWords(t, p)
			}
		}
	})
}

func testWords(t *testing.T, p product) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(p.m*10007+p.n), uint64(p.k)))
	a := newOperand(r, p.transA, p.m, p.k, p.padA)
	b := newOperand(r, p.transB, p.k, p.n, p.padB)
	c := newOperand(r, false, p.m, p.n, p.padC)
	for _, o := range []operand{a, b} {
		for i := range o.data {
			if r.IntN(4) == 0 {
				o.data[i] = awkward(r)
			}
		}
	}
	want := append([]float32(nil), c.data...)
	pairwise(p, a, b, want, c.ld)
	for _, atEnd := range []bool{true, false} {
		m := newMemory(t, atEnd)
		ga, gb, gc := m.copyOf(a.data), m.copyOf(b.data), m.copyOf(c.data)
		BFloat16.Gemm(p.transA, p.transB, p.m, p.n, p.k, ga, a.ld, gb, b.ld, gc, c.ld, p.add)
		if i := firstDifference(gc, want); i >= 0 {
			t.Fatalf("%v: element %d is %v, want %v", p, i, gc[i], want[i])
		}
		m.free()
	}
}

// Large products, cut into blocks, slices and tiles in every way, have the same bits at all
// levels and thread counts.
func TestGemmBF16Blocks(t *testing.T) {
	for _, p := range []product{
		{m: 150, n: 130, k: 1100}, {m: 33, n: 40, k: 5001, transA: true}, {m: 300, n: 600, k: 257, transB: true},
		{m: 700, n: 30, k: 64, add: true}, {m: 20, n: 2100, k: 1300},
	} {
		r := rand.New(rand.NewPCG(5, uint64(p.m)))
		a := newOperand(r, p.transA, p.m, p.k, 0)
		b := newOperand(r, p.transB, p.k, p.n, 0)
		var first []float32
		eachLevel(t, func(t *testing.T) {
			for _, threads := range []int{1, 3} {
				for _, far := range []bool{false, true} {
					useThreads(t, threads)
					useApart(t, far)
					c := make([]float32, p.m*p.n)
					BFloat16.Gemm(p.transA, p.transB, p.m, p.n, p.k, a.data, a.ld, b.data, b.ld, c, p.n, p.add)
					if first == nil {
						first = c
						checkRounded(t, p, a, b, c)
					}
					if i := firstDifference(c, first); i >= 0 {
						t.Fatalf("%v: element %d is %v, at the first level %v", p, i, c[i], first[i])
					}
				}
			}
		})
	}
}

// checkRounded compares with the product of the rounded operands in float64.
func checkRounded(t *testing.T, p product, a, b operand, c []float32) {
	t.Helper()
	for _, o := range []*operand{&a, &b} {
		rounded := make([]float32, len(o.data))
		for i, x := range o.data {
			rounded[i] = math.Float32frombits(bfloat16(x))
		}
		o.data = rounded
	}
	ref, size := reference(p, a, b, make([]float32, len(c)), p.n)
	checkProduct(t, p, c, c, p.n, ref, size)
}

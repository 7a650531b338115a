package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// A product is a multiplication with everything that Gemm can be asked for.
type product struct {
	transA, transB, add bool
	m, n, k             int
	padA, padB, padC    int // by which row strides exceed the rows
}

func (p product) String() string {
	return fmt.Sprintf("m=%d n=%d k=%d transA=%v transB=%v add=%v pads %d %d %d",
		p.m, p.n, p.k, p.transA, p.transB, p.add, p.padA, p.padB, p.padC)
}

// An operand is a stored matrix.
type operand struct {
	data []float32
	ld   int
}

func newOperand(r *rand.Rand, trans bool, rows, cols, pad int) operand {
	if trans {
		rows, cols = cols, rows
	}
	o := operand{ld: cols + pad}
	o.data = random(r, span(rows, cols, o.ld))
	return o
}

// reference is the product in float64, and the sum of the absolute products,
// which bounds the rounding errors.
func reference(p product, a, b operand, c []float32, ldc int) (ref, size []float64) {
	ref, size = make([]float64, p.m*p.n), make([]float64, p.m*p.n)
	for i := range p.m {
		for j := range p.n {
			sum, abs := 0.0, 0.0
			if p.add {
				sum = float64(c[i*ldc+j])
				abs = math.Abs(sum)
			}
			for l := range p.k {
				x := float64(a.data[at(p.transA, i, l, a.ld)]) * float64(b.data[at(p.transB, l, j, b.ld)])
				sum += x
				abs += math.Abs(x)
			}
			ref[i*p.n+j], size[i*p.n+j] = sum, abs
		}
	}
	return ref, size
}

// checkProduct compares, and demands that the gaps between rows are untouched.
func checkProduct(t testing.TB, p product, got, before []float32, ldc int, ref, size []float64) {
	t.Helper()
	for i := range got {
		row, col := i/ldc, i%ldc
		if col >= p.n {
			if !same(got[i], before[i]) {
				t.Fatalf("%v: gap %d,%d written", p, row, col)
			}
			continue
		}
		at := row*p.n + col
		if diff := math.Abs(float64(got[i]) - ref[at]); !(diff <= 1e-6*(1+math.Sqrt(float64(p.k)))*size[at]) {
			t.Fatalf("%v: element %d,%d is %v, want %v", p, row, col, got[i], ref[at])
		}
	}
}

func testProduct(t testing.TB, p product) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(p.m*10007+p.n), uint64(p.k)))
	a := newOperand(r, p.transA, p.m, p.k, p.padA)
	b := newOperand(r, p.transB, p.k, p.n, p.padB)
	c := newOperand(r, false, p.m, p.n, p.padC)
	if !p.add {
		for i := range c.data {
			c.data[i] = float32(math.NaN()) // must not be read
		}
	}
	ref, size := reference(p, a, b, c.data, c.ld)
	for _, atEnd := range []bool{true, false} {
		m := newMemory(t, atEnd)
		ga, gb, gc := m.copyOf(a.data), m.copyOf(b.data), m.copyOf(c.data)
		Gemm(p.transA, p.transB, p.m, p.n, p.k, ga, a.ld, gb, b.ld, gc, c.ld, p.add)
		checkProduct(t, p, gc, c.data, c.ld, ref, size)
		m.free()
		m = newMemory(t, atEnd)
		ga, gc = m.copyOf(a.data), m.copyOf(c.data)
		var packed Packed
		packed.Pack(1, p.transB, p.k, p.n, b.data, b.ld, 0)
		GemmPacked(p.transA, p.m, ga, a.ld, &packed, gc, c.ld, p.add)
		checkProduct(t, p, gc, c.data, c.ld, ref, size)
		m.free()
	}
}

// variants are the transpositions, with and without accumulation and gaps.
func variants(m, n, k int) (ps []product) {
	for v := range 16 {
		p := product{transA: v&1 != 0, transB: v&2 != 0, add: v&4 != 0, m: m, n: n, k: k}
		if v&8 != 0 {
			p.padA, p.padB, p.padC = 3, 5, 1
		}
		ps = append(ps, p)
	}
	return ps
}

func TestGemmSmall(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for n := range 100 { // each size of each dimension, the others odd or even
			for _, p := range variants(n, 1+n*7%37, n*5%23) {
				testProduct(t, p)
			}
			for _, p := range variants(1+n*3%31, n, 1+n%19) {
				testProduct(t, p)
			}
			for _, p := range variants(1+n*11%17, 1+n*13%41, n) {
				testProduct(t, p)
			}
		}
	})
}

// Few columns, and k long enough for dot products: all tails of the tile and of k.
func TestGemmNarrow(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for n := 1; n <= dotCols+1; n++ {
			for m := 1; m <= 13; m++ {
				for _, p := range variants(m, n, dotDepth-1+(5*m+7*n)%34) {
					if p.transB && !p.transA {
						testProduct(t, p)
					}
				}
			}
		}
	})
}

// Whole numbers are summed exactly in any order, so the twin has the same bits.
func TestGemmDotTwin(t *testing.T) {
	const rows, ld = 8, 80
	r := rand.New(rand.NewPCG(11, 11))
	a, b, c := make([]float32, rows*ld), make([]float32, dotCols*ld), make([]float32, rows*dotCols)
	for _, x := range [][]float32{a, b, c} {
		for i := range x {
			x[i] = float32(r.IntN(201) - 100)
		}
	}
	eachLevel(t, func(t *testing.T) {
		target := &ops().target
		for cols := 1; cols <= target.dotCols; cols++ {
			for k := 1; k <= ld; k++ {
				for m := 1; m <= rows; m++ {
					got, want := append([]float32(nil), c...), append([]float32(nil), c...)
					add := (k+m)%2 == 0
					target.microDot(m, cols, k, a, ld, b, ld, got, dotCols, add)
					microDotGo(m, cols, k, a, ld, b, ld, want, dotCols, add)
					if i := firstDifference(got, want); i >= 0 {
						t.Fatalf("%d x %d x %d, add %v: element %d is %v, want %v", m, cols, k, add, i, got[i], want[i])
					}
				}
			}
		}
	})
}

var gemmShapes = [][3]int{{128, 128, 128}, {129, 257, 65}, {300, 33, 400}, {64, 10, 128}, {128, 10, 512}, {1, 500, 700},
	{500, 1, 700}, {700, 500, 1}, {97, 101, 1300}, {64, 64, 4500}, {10, 33, 2100}, {1, 1, 9000}, {31, 2100, 40}, {1100, 40, 30},
	{700, 70, 1290}, {37, 13, 1001}, {200, 3, 1500}, {128, 512, 10}, {41, 12, 65}}

func TestGemmLarge(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, s := range gemmShapes {
			for i, p := range variants(s[0], s[1], s[2]) {
				useApart(t, i%2 == 0)
				// the others at one level each: the assembly's have the same bits, see TestGemmSameBits
				if i%4 == 3 || i < 3 || !testing.Short() && int(Active()) == 1+i%max(1, int(Best())) {
					testProduct(t, p)
				}
			}
		}
	})
}

// A superblock is packed piece by piece; make one of several in each direction.
func TestGemmBlocked(t *testing.T) {
	if testing.Short() {
		t.Skip("large")
	}
	p := product{m: 1700, n: 2100, k: 1300}
	r := rand.New(rand.NewPCG(5, 5))
	a, b := newOperand(r, false, p.m, p.k, 0), newOperand(r, true, p.k, p.n, 0)
	c := make([]float32, p.m*p.n)
	eachLevel(t, func(t *testing.T) {
		if Active() == Portable {
			t.Skip("slow")
		}
		Gemm(false, true, p.m, p.n, p.k, a.data, a.ld, b.data, b.ld, c, p.n, false)
		for range 20000 {
			i, j := r.IntN(p.m), r.IntN(p.n)
			want := Dot(a.data[i*a.ld:][:p.k], b.data[j*b.ld:][:p.k])
			if got := float64(c[i*p.n+j]); !(math.Abs(got-want) <= 1e-3) {
				t.Fatalf("element %d,%d is %v, want %v", i, j, got, want)
			}
		}
	})
}

// Neither the number of threads nor the level of the assembly changes a bit.
func TestGemmSameBits(t *testing.T) {
	for _, s := range append(gemmShapes, [3]int{640, 640, 640}) {
		for _, p := range variants(s[0], s[1], s[2])[:8] {
			r := rand.New(rand.NewPCG(6, 6))
			a, b := newOperand(r, p.transA, p.m, p.k, 0), newOperand(r, p.transB, p.k, p.n, 0)
			var want []float32
			eachLevel(t, func(t *testing.T) {
				if Active() == Portable {
					t.Skip("rounds products")
				}
				for _, threads := range []int{1, 2, 3, 5} {
					useThreads(t, threads)
					useApart(t, threads%2 == 0)
					got := make([]float32, p.m*p.n)
					Gemm(p.transA, p.transB, p.m, p.n, p.k, a.data, a.ld, b.data, b.ld, got, p.n, p.add)
					if want == nil {
						want = got
					}
					if i := firstDifference(got, want); i >= 0 {
						t.Fatalf("%v: element %d differs with %d threads", p, i, threads)
					}
				}
			})
		}
	}
}

func TestGemmBatch(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, batch := range []int{0, 1, 2, 11} {
			for _, s := range [][3]int{{5, 7, 3}, {40, 64, 64}, {130, 33, 70}} {
				for _, p := range variants(s[0], s[1], s[2]) {
					testBatch(t, batch, p, false, false)
				}
				testBatch(t, batch, product{m: s[0], n: s[1], k: s[2]}, true, false)
				testBatch(t, batch, product{m: s[0], n: s[1], k: s[2], transB: true}, true, true)
			}
		}
	})
}

// testBatch multiplies a batch, with one B for all if sharedB, and with the C
// matrices side by side in each row if interleaved.
func testBatch(t *testing.T, batch int, p product, sharedB, interleaved bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(batch)))
	as, bs := newBatch(r, batch, p.transA, p.m, p.k, p.padA), newBatch(r, batch, p.transB, p.k, p.n, p.padB)
	if sharedB {
		bs.stride = 0
	}
	cs := newBatch(r, batch, false, p.m, p.n, p.padC)
	if interleaved {
		cs.stride, cs.ld = p.n, max(1, batch)*p.n
		cs.data = random(r, max(1, batch)*p.m*p.n)
	}
	before := append([]float32(nil), cs.data...)
	m := newMemory(t, true)
	defer m.free()
	a, b, c, c2 := m.copyOf(as.data), m.copyOf(bs.data), m.copyOf(cs.data), m.copyOf(cs.data)
	GemmBatch(batch, p.transA, p.transB, p.m, p.n, p.k, a, as.ld, as.stride, b, bs.ld, bs.stride, c, cs.ld, cs.stride, p.add)
	for item := range batch {
		i, j := as.item(item), bs.item(item)
		ref, size := reference(p, i, j, before[item*cs.stride:], cs.ld)
		for e, want := range ref {
			got := c[item*cs.stride+e/p.n*cs.ld+e%p.n]
			if !(math.Abs(float64(got)-want) <= 1e-5*size[e]) {
				t.Fatalf("%v: item %d of %d, element %d is %v, want %v", p, item, batch, e, got, want)
			}
		}
	}
	var packed Packed
	packed.Pack(batch, p.transB, p.k, p.n, b, bs.ld, bs.stride)
	GemmBatchPacked(p.transA, p.m, a, as.ld, as.stride, &packed, c2, cs.ld, cs.stride, p.add)
	if i := firstDifference(c, c2); i >= 0 {
		t.Fatalf("%v: batch %d, packing changes element %d", p, batch, i)
	}
}

type matrices struct {
	operand
	stride int
}

func newBatch(r *rand.Rand, batch int, trans bool, rows, cols, pad int) matrices {
	one := newOperand(r, trans, rows, cols, pad)
	stride := len(one.data) + pad
	return matrices{operand{random(r, batch*stride), one.ld}, stride}
}

func (m matrices) item(i int) operand { return operand{m.data[i*m.stride:], m.ld} }

func TestGemmWrongArguments(t *testing.T) {
	x, c := make([]float32, 12), make([]float32, 12)
	for i := range x {
		x[i] = 1
	}
	var packed Packed
	packed.Pack(1, false, 4, 3, x, 3, 0)
	for name, f := range map[string]func(){
		"negative": func() { Gemm(false, false, -1, 3, 4, x, 4, x, 3, c, 3, false) },
		"short A":  func() { Gemm(false, false, 3, 3, 4, x[:11], 4, x, 3, c, 3, false) },
		"short B":  func() { Gemm(false, true, 3, 3, 4, x, 4, x[:11], 4, c, 3, false) },
		"short C":  func() { Gemm(false, false, 3, 3, 4, x, 4, x, 3, c[:8], 3, false) },
		"lda":      func() { Gemm(false, false, 3, 3, 4, x, 3, x, 3, c, 3, false) },
		"ldb":      func() { Gemm(false, true, 3, 3, 4, x, 4, x, 3, c, 3, false) },
		"ldc":      func() { Gemm(false, false, 3, 3, 4, x, 4, x, 3, c, 2, false) },
		"batch":    func() { GemmBatch(2, false, false, 2, 2, 2, x, 2, 4, x, 2, 4, c[:7], 2, 4, false) },
		"overlap":  func() { GemmBatch(2, false, false, 2, 2, 2, x, 2, 4, x, 2, 4, c, 2, 3, false) },
		"beside":   func() { GemmBatch(2, false, false, 2, 2, 2, x, 2, 4, x, 2, 4, c, 3, 2, false) },
		"packed":   func() { GemmPacked(false, 5, x, 4, &packed, c, 3, false) },
		"unpacked": func() { GemmPacked(false, 5, x, 4, &Packed{}, c, 3, false) },
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
	for _, v := range c {
		if v != 0 {
			t.Fatal("written before the panic")
		}
	}
}

func TestGemmDoesNotAllocate(t *testing.T) {
	useThreads(t, 2)
	useApart(t, true)
	for _, s := range [][3]int{{16, 16, 16}, {300, 300, 300}, {32, 32, 8192}, {128, 10, 512}} {
		x := make([]float32, max(s[0]*s[2], s[1]*s[2]))
		c := make([]float32, s[0]*s[1])
		for _, transB := range []bool{false, true} {
			ldb := s[1]
			if transB {
				ldb = s[2]
			}
			f := func() { Gemm(false, transB, s[0], s[1], s[2], x, s[2], x, ldb, c, s[1], false) }
			for range 5 { // until as many buffers exist as threads can need
				f()
			}
			if a := testing.AllocsPerRun(20, f); a != 0 {
				t.Errorf("%v transB=%v: %v allocations", s, transB, a)
			}
		}
	}
}

func FuzzGemm(f *testing.F) {
	f.Add(uint16(3), uint16(5), uint16(7), uint8(0))
	f.Add(uint16(64), uint16(10), uint16(128), uint8(9))
	f.Add(uint16(20), uint16(20), uint16(2100), uint8(1))
	f.Add(uint16(129), uint16(140), uint16(350), uint8(14))
	f.Add(uint16(128), uint16(10), uint16(512), uint8(2))
	f.Add(uint16(29), uint16(7), uint16(77), uint8(14))
	f.Fuzz(func(t *testing.T, m, n, k uint16, variant uint8) {
		p := variants(int(m%300), int(n%300), int(k%3000))[variant%16]
		if p.m*p.n*p.k > 1<<22 {
			t.Skip("too large")
		}
		for l := range Best() + 1 {
			useLevel(t, l)
			testProduct(t, p)
		}
	})
}

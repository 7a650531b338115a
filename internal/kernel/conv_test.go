package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A convCase is a convolution with its operands and what the passes should
// give, in float64, with the sums of absolute products, which bound rounding.
type convCase struct {
	Conv
	x, w, dy           []float32
	y, dx, dw          []float64
	absY, absX, absDW  []float64
	oldX, oldW         []float32 // what accumulation adds to
	terms              [3]int    // in a sum, by pass
	sizeX, sizeW, size int
}

func newConvCase(s Conv) *convCase {
	return newConvCaseOf(s, func(x []float32) []float32 { return x })
}

// newConvCaseOf passes the operands through f.
func newConvCaseOf(s Conv, f func([]float32) []float32) *convCase {
	r := rand.New(rand.NewPCG(uint64(s.N*1000+s.C), uint64(s.H*1000+s.O)))
	c := &convCase{Conv: s}
	group := s.C / max(1, s.Groups)
	c.sizeX, c.sizeW = s.N*s.H*s.W*s.C, s.KH*s.KW*group*s.O
	c.size = s.N * s.OutH() * s.OutW() * s.O
	c.x, c.w, c.dy = f(random(r, c.sizeX)), f(random(r, c.sizeW)), f(random(r, c.size))
	c.oldX, c.oldW = random(r, c.sizeX), random(r, c.sizeW)
	c.y, c.absY = make([]float64, c.size), make([]float64, c.size)
	c.dx, c.absX = make([]float64, c.sizeX), make([]float64, c.sizeX)
	c.dw, c.absDW = make([]float64, c.sizeW), make([]float64, c.sizeW)
	c.terms = [3]int{s.KH * s.KW * group, s.KH * s.KW * s.O, s.N * s.OutH() * s.OutW()}
	for i := range c.size {
		c.sum(i)
	}
	return c
}

// sum adds everything in which output element i takes part.
func (c *convCase) sum(i int) {
	o, ow, oh, n := i%c.O, i/c.O%c.OutW(), i/c.O/c.OutW()%c.OutH(), i/c.O/c.OutW()/c.OutH()
	group := c.C / max(1, c.Groups)
	c0 := o / (c.O / max(1, c.Groups)) * group
	for kh := range c.KH {
		for kw := range c.KW {
			ih := oh*max(1, c.Strides[0]) + kh*max(1, c.Dilations[0]) - c.Pads[0]
			iw := ow*max(1, c.Strides[1]) + kw*max(1, c.Dilations[1]) - c.Pads[1]
			if ih < 0 || ih >= c.H || iw < 0 || iw >= c.W {
				continue
			}
			for ci := range group {
				a := ((n*c.H+ih)*c.W+iw)*c.C + c0 + ci
				b := ((kh*c.KW+kw)*group+ci)*c.O + o
				add(c.y, c.absY, i, c.x[a], c.w[b])
				add(c.dx, c.absX, a, c.dy[i], c.w[b])
				add(c.dw, c.absDW, b, c.dy[i], c.x[a])
			}
		}
	}
}

func add(sum, abs []float64, i int, x, y float32) {
	p := float64(x) * float64(y)
	sum[i] += p
	abs[i] += math.Abs(p)
}

// check runs all passes with the given algorithm and placement in memory. Sums
// are as exact as the direct ones, or, if bound is above 0, within that part of
// the largest result. It returns the largest such part of each pass.
func (c *convCase) check(t testing.TB, a ConvAlgorithm, atEnd bool, bound float64) (worst [3]float64) {
	t.Helper()
	m := newMemory(t, atEnd)
	defer m.free()
	s := c.checked("test", c.x, c.w, c.dy)
	x, w, dy := m.copyOf(c.x), m.copyOf(c.w), m.copyOf(c.dy)
	y, dx, dw := m.slice(c.size), m.slice(c.sizeX), m.slice(c.sizeW) // all NaN
	s.runAs(a, passForward, x, w, y, false)
	worst[0] = c.compare(t, "forward", y, nil, c.y, c.absY, c.terms[0], bound)
	s.runAs(a, passData, dx, w, dy, false)
	worst[1] = c.compare(t, "backward data", dx, nil, c.dx, c.absX, c.terms[1], bound)
	s.runAs(a, passWeights, x, dw, dy, false)
	worst[2] = c.compare(t, "backward weights", dw, nil, c.dw, c.absDW, c.terms[2], bound)
	copy(dx, c.oldX)
	copy(dw, c.oldW)
	s.runAs(a, passData, dx, w, dy, true)
	c.compare(t, "backward data, added", dx, c.oldX, c.dx, c.absX, c.terms[1], bound)
	s.runAs(a, passWeights, x, dw, dy, true)
	c.compare(t, "backward weights, added", dw, c.oldW, c.dw, c.absDW, c.terms[2], bound)
	return worst
}

func (c *convCase) compare(t testing.TB, what string, got, old []float32, want, abs []float64, terms int, bound float64) float64 {
	t.Helper()
	largest, worst := 0.0, 0.0
	for _, v := range want {
		largest = max(largest, math.Abs(v))
	}
	for i, v := range got {
		w, size := want[i], abs[i]
		if old != nil {
			w += float64(old[i])
			size += math.Abs(float64(old[i]))
		}
		allowed := 1e-6 * (1 + math.Sqrt(float64(terms))) * size
		if bound > 0 {
			allowed = bound * largest
		}
		diff := math.Abs(float64(v) - w)
		if !(diff <= allowed) {
			t.Fatalf("%s of %+v: element %d is %v, want %v", what, c.Conv, i, v, w)
		}
		worst = max(worst, diff/largest)
	}
	return worst
}

// convShapes are awkward in one way or another.
var convShapes = []Conv{
	{N: 1, H: 1, W: 1, C: 1, KH: 1, KW: 1, O: 1},
	{N: 2, H: 5, W: 7, C: 3, KH: 3, KW: 3, O: 5, Pads: Around(1)},
	{N: 3, H: 8, W: 8, C: 16, KH: 3, KW: 3, O: 16, Pads: Around(1)},
	{N: 2, H: 8, W: 8, C: 16, KH: 3, KW: 3, O: 32, Pads: Around(1), Strides: Both(2)},
	{N: 2, H: 7, W: 9, C: 17, KH: 3, KW: 3, O: 31, Pads: Around(1), Strides: Both(2)},
	{N: 2, H: 8, W: 6, C: 16, KH: 1, KW: 1, O: 48, Strides: Both(2)},
	{N: 3, H: 4, W: 5, C: 33, KH: 1, KW: 1, O: 34},
	{N: 2, H: 11, W: 3, C: 7, KH: 3, KW: 3, O: 13},
	{N: 1, H: 9, W: 10, C: 8, KH: 3, KW: 3, O: 8, Pads: Around(2)},
	{N: 1, H: 9, W: 10, C: 8, KH: 2, KW: 3, O: 8, Pads: Around(2), Strides: Both(3)},
	{N: 2, H: 12, W: 13, C: 4, KH: 3, KW: 3, O: 6, Pads: Around(2), Dilations: Both(2)},
	{N: 2, H: 12, W: 13, C: 4, KH: 3, KW: 2, O: 6, Pads: Around(1), Dilations: Both(3), Strides: Both(2)},
	{N: 2, H: 6, W: 5, C: 12, KH: 3, KW: 3, O: 18, Pads: Around(1), Groups: 3},
	{N: 2, H: 6, W: 5, C: 8, KH: 3, KW: 3, O: 8, Pads: Around(1), Groups: 8},
	{N: 1, H: 16, W: 16, C: 3, KH: 7, KW: 7, O: 20, Pads: Around(3), Strides: Both(2)},
	{N: 1, H: 14, W: 11, C: 3, KH: 5, KW: 5, O: 64, Pads: Around(2)},
	{N: 1, H: 3, W: 40, C: 5, KH: 1, KW: 4, O: 3},
	{N: 2, H: 5, W: 5, C: 6, KH: 3, KW: 3, O: 6, Pads: Around(4)},
	{N: 2, H: 8, W: 8, C: 6, KH: 2, KW: 2, O: 9, Strides: Both(2)},
	{N: 1, H: 8, W: 9, C: 6, KH: 2, KW: 2, O: 9, Strides: Both(4), Pads: Around(1)},
	{N: 2, H: 1, W: 1, C: 3, KH: 1, KW: 1, O: 2, Strides: Both(2), Pads: Around(1)}, // sees nothing but zeros
	{N: 4, H: 4, W: 4, C: 40, KH: 3, KW: 3, O: 50, Pads: Around(1)},
	{N: 1, H: 32, W: 32, C: 16, KH: 3, KW: 3, O: 16, Pads: Around(1)},
	{N: 5, H: 20, W: 20, C: 5, KH: 3, KW: 3, O: 5, Pads: Around(1)}, // slices
	{N: 1, H: 6, W: 6, C: 80, KH: 3, KW: 3, O: 70, Pads: Around(1), Strides: Both(2)},
	{N: 2, H: 8, W: 8, C: 6, KH: 3, KW: 3, O: 9, Strides: Both(2), Pads: [4]int{0, 0, 1, 1}}, // TensorFlow's SAME
	{N: 2, H: 9, W: 7, C: 5, KH: 3, KW: 3, O: 18, Strides: [2]int{2, 1}, Pads: Around(1)},
	{N: 2, H: 7, W: 9, C: 17, KH: 2, KW: 3, O: 33, Strides: [2]int{1, 3}, Pads: [4]int{1, 0, 0, 2}},
	{N: 1, H: 4, W: 6, C: 16, KH: 5, KW: 1, O: 7, Strides: [2]int{4, 2}, Pads: [4]int{3, 1, 4, 0}},
	{N: 2, H: 3, W: 8, C: 40, KH: 3, KW: 3, O: 10, Strides: [2]int{3, 2}, Pads: [4]int{0, 2, 1, 0}},
	{N: 2, H: 7, W: 7, C: 24, KH: 5, KW: 5, O: 24, Pads: Around(2), Groups: 24},
	{N: 2, H: 9, W: 17, C: 19, KH: 3, KW: 3, O: 19, Pads: Around(1), Strides: Both(2), Groups: 19},
	{N: 3, H: 6, W: 30, C: 17, KH: 7, KW: 7, O: 17, Pads: Around(3), Groups: 17},
	{N: 2, H: 6, W: 9, C: 5, KH: 3, KW: 2, O: 5, Pads: [4]int{0, 1, 3, 2}, Strides: [2]int{1, 3}, Dilations: [2]int{2, 3}, Groups: 5},
	{N: 2, H: 5, W: 6, C: 33, KH: 1, KW: 1, O: 33, Pads: Around(2), Strides: Both(3), Groups: 33},
	{N: 1, H: 70, W: 60, C: 2, KH: 3, KW: 5, O: 2, Pads: Around(1), Strides: [2]int{2, 1}, Groups: 2}, // several blocks of rows
	{N: 2, H: 6, W: 5, C: 9, KH: 3, KW: 3, O: 18, Pads: Around(1), Groups: 9},
	{N: 2, H: 6, W: 5, C: 24, KH: 3, KW: 3, O: 8, Pads: Around(1), Strides: Both(2), Groups: 8},
	{N: 2, H: 6, W: 7, C: 20, KH: 3, KW: 3, O: 20, Pads: Around(1), Groups: 5},
	{N: 2, H: 6, W: 7, C: 40, KH: 3, KW: 3, O: 40, Pads: Around(1), Groups: 5, Strides: Both(2)},
	{N: 1, H: 5, W: 7, C: 35, KH: 2, KW: 3, O: 21, Pads: Around(1), Groups: 7},
	{N: 2, H: 6, W: 4, C: 48, KH: 3, KW: 3, O: 48, Pads: Around(1), Groups: 3},
	{N: 3, H: 7, W: 9, C: 72, KH: 3, KW: 3, O: 120, Pads: Around(1), Strides: Both(2), Groups: 3},
	{N: 2, H: 7, W: 5, C: 40, KH: 2, KW: 3, O: 22, Strides: [2]int{3, 1}, Groups: 2},
	{N: 2, H: 6, W: 5, C: 34, KH: 1, KW: 1, O: 66, Groups: 2},
	{N: 2, H: 6, W: 5, C: 34, KH: 1, KW: 1, O: 20, Strides: Both(2), Groups: 2},
	{N: 2, H: 8, W: 9, C: 4, KH: 3, KW: 2, O: 6, Dilations: [2]int{1, 3}, Strides: [2]int{2, 1}, Pads: [4]int{2, 0, 0, 1}},
}

func TestConv(t *testing.T) {
	for _, s := range convShapes {
		c := newConvCase(s)
		eachLevel(t, func(t *testing.T) {
			for _, a := range s.possible() {
				if a != ConvWinograd {
					c.check(t, a, true, 0)
					c.check(t, a, false, 0)
				}
			}
		})
	}
}

// possible returns the algorithms that can do the shape.
func (s *Conv) possible() []ConvAlgorithm {
	all := []ConvAlgorithm{ConvGeneral}
	for a, can := range map[ConvAlgorithm]bool{ConvMatrix: s.canMatrix(), ConvDirect: s.canDirect(), ConvWinograd: s.canWinograd(), ConvLanes: s.canLanes()} {
		if can {
			all = append(all, a)
		}
	}
	return all
}

// The exported functions, with Winograd's algorithm and without.
func TestConvExported(t *testing.T) {
	c := newConvCase(Conv{N: 2, H: 8, W: 8, C: 32, KH: 3, KW: 3, O: 32, Pads: Around(1)})
	for _, on := range []bool{false, true} {
		c.Direct = !on
		if got := c.Algorithm(); (got == ConvWinograd) != on {
			t.Errorf("Winograd %v: %v", on, got)
		}
		y, dx, dw := make([]float32, c.size), make([]float32, c.sizeX), make([]float32, c.sizeW)
		for range 2 {
			ConvForward(&c.Conv, y, c.x, c.w)
			ConvBackwardData(&c.Conv, dx, c.dy, c.w, false)
			ConvBackwardWeights(&c.Conv, dw, c.x, c.dy, false)
		}
		c.compare(t, "forward", y, nil, c.y, c.absY, 0, 1e-5)
		c.compare(t, "backward data", dx, nil, c.dx, c.absX, 0, 1e-5)
		c.compare(t, "backward weights", dw, nil, c.dw, c.absDW, 0, 1e-5)
		copy(dx, c.oldX)
		copy(dw, c.oldW)
		ConvBackwardData(&c.Conv, dx, c.dy, c.w, true)
		ConvBackwardWeights(&c.Conv, dw, c.x, c.dy, true)
		c.compare(t, "backward data", dx, c.oldX, c.dx, c.absX, 0, 1e-5)
		c.compare(t, "backward weights", dw, c.oldW, c.dw, c.absDW, 0, 1e-5)
	}
}

func TestConvNoImages(t *testing.T) {
	s := Conv{H: 5, W: 5, C: 2, KH: 3, KW: 3, O: 2}
	dw := make([]float32, 36)
	dw[35] = 1
	ConvForward(&s, nil, nil, dw)
	ConvBackwardData(&s, nil, nil, dw, false)
	ConvBackwardWeights(&s, dw, nil, nil, true)
	if dw[35] != 1 {
		t.Error("weight gradient changed")
	}
	ConvBackwardWeights(&s, dw, nil, nil, false)
	if dw[35] != 0 {
		t.Error("weight gradient not cleared")
	}
}

// bothPrecisions are shapes for all algorithms.
func bothPrecisions() []Conv {
	shapes := slices.Concat(convShapes, winogradShapes[:10])
	for _, s := range slices.Concat(wordShapes, winogradWordShapes[:7]) {
		s.Precision = BFloat16
		shapes = append(shapes, s)
	}
	return shapes
}

func TestConvSameBitsForThreads(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, s := range bothPrecisions() {
			s.N = 5
			c := &convCase{Conv: s}
			r := rand.New(rand.NewPCG(1, 2))
			x, w := random(r, s.N*s.H*s.W*s.C), random(r, s.KH*s.KW*s.C/max(1, s.Groups)*s.O)
			y := make([]float32, s.N*s.OutH()*s.OutW()*s.O)
			dx, dw := make([]float32, len(x)), make([]float32, len(w))
			var want [3][]float32
			for _, threads := range []int{1, 2, 3} {
				useThreads(t, threads)
				useApart(t, threads == 2)
				ConvForward(&c.Conv, y, x, w)
				ConvBackwardData(&c.Conv, dx, y, w, false)
				ConvBackwardWeights(&c.Conv, dw, x, y, false)
				for i, got := range [][]float32{y, dx, dw} {
					if want[i] == nil {
						want[i] = append(want[i], got...)
					} else if e := firstDifference(got, want[i]); e >= 0 {
						t.Fatalf("%+v: pass %d, element %d differs with %d threads", s, i, e, threads)
					}
				}
			}
		}
	})
}

// Small groups are the same bits at both assembly levels, whatever lanes these have.
func TestConvLanesSameBits(t *testing.T) {
	for _, s := range convShapes {
		if s.Algorithm() != ConvLanes {
			continue
		}
		r := rand.New(rand.NewPCG(1, 2))
		x, w := random(r, s.N*s.H*s.W*s.C), random(r, s.KH*s.KW*s.C/s.Groups*s.O)
		y := random(r, s.N*s.OutH()*s.OutW()*s.O)
		var want []float32
		for _, l := range []Level{AVX2, AVX512} {
			t.Run(l.String(), func(t *testing.T) {
				useLevel(t, l)
				z, dx, dw := make([]float32, len(y)), make([]float32, len(x)), make([]float32, len(w))
				ConvForward(&s, z, x, w)
				ConvBackwardData(&s, dx, y, w, false)
				ConvBackwardWeights(&s, dw, x, y, false)
				got := slices.Concat(z, dx, dw)
				if want == nil {
					want = got
				} else if e := firstDifference(got, want); e >= 0 {
					t.Errorf("%+v: element %d is %v, want %v", s, e, got[e], want[e])
				}
			})
		}
	}
}

func TestConvWrongArguments(t *testing.T) {
	s := Conv{N: 1, H: 3, W: 3, C: 2, KH: 3, KW: 3, O: 2, Pads: Around(1)}
	x, w, y := make([]float32, 18), make([]float32, 36), make([]float32, 18)
	for i := range 18 {
		x[i] = 1
	}
	for i := range w {
		w[i] = 1
	}
	change := func(f func(*Conv)) *Conv {
		c := s
		f(&c)
		return &c
	}
	for name, f := range map[string]func(){
		"x":      func() { ConvForward(&s, y, x[:17], w) },
		"w":      func() { ConvForward(&s, y, x, w[:35]) },
		"y":      func() { ConvForward(&s, y[:17], x, w) },
		"dw":     func() { ConvBackwardWeights(&s, w[:35], x, y, false) },
		"dx":     func() { ConvBackwardData(&s, y[:17], x, w, false) },
		"size":   func() { ConvForward(change(func(c *Conv) { c.H = 0 }), y, x, w) },
		"pad":    func() { ConvForward(change(func(c *Conv) { c.Pads[3] = -1 }), y, x, w) },
		"stride": func() { ConvForward(change(func(c *Conv) { c.Strides[1] = -1 }), y, x, w) },
		"kernel": func() { ConvForward(change(func(c *Conv) { c.KH = 6 }), y, x, w) },
		"groups": func() { ConvForward(change(func(c *Conv) { c.Groups = 3 }), y, x, w) },
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
	for _, v := range y {
		if v != 0 {
			t.Fatal("written before the panic")
		}
	}
}

func TestConvDoesNotAllocate(t *testing.T) {
	useThreads(t, 2)
	useApart(t, true)
	eachLevel(t, func(t *testing.T) {
		for _, s := range bothPrecisions() {
			x, w := make([]float32, s.N*s.H*s.W*s.C), make([]float32, s.KH*s.KW*s.C/max(1, s.Groups)*s.O)
			y := make([]float32, s.N*s.OutH()*s.OutW()*s.O)
			for i, f := range []func(){
				func() { ConvForward(&s, y, x, w) },
				func() { ConvBackwardData(&s, x, y, w, true) },
				func() { ConvBackwardWeights(&s, w, x, y, true) },
			} {
				for range 3 {
					f()
				}
				if a := testing.AllocsPerRun(3, f); a != 0 {
					t.Errorf("%+v: pass %d: %v allocations", s, i, a)
				}
			}
		}
	})
}

func FuzzConv(f *testing.F) {
	f.Add(uint64(0x0305070301020304), uint64(0x0101))
	f.Add(uint64(0x0208081003032010), uint64(0x0201))
	f.Add(uint64(0x0100000201090702), uint64(0x01000101))
	f.Add(uint64(0x0103020301090802), uint64(0x0201000202000101))
	f.Fuzz(func(t *testing.T, sizes, rest uint64) {
		at := func(v uint64, i, limit int) int { return int(v >> (8 * i) & 0xff % uint64(limit)) }
		s := Conv{N: 1 + at(sizes, 0, 4), H: 1 + at(sizes, 1, 20), W: 1 + at(sizes, 2, 20), C: 1 + at(sizes, 3, 70),
			KH: 1 + at(sizes, 4, 4), KW: 1 + at(sizes, 5, 4), O: 1 + at(sizes, 6, 70),
			Strides: [2]int{1 + at(rest, 0, 3), 1 + at(rest, 4, 3)}, Dilations: Both(1 + at(rest, 2, 3)),
			Pads: [4]int{at(rest, 1, 4), at(rest, 5, 4), at(rest, 6, 4), at(rest, 7, 4)}}
		switch at(rest, 3, 4) {
		case 1: // a shape for Winograd's algorithm
			s.C, s.O, s.KH, s.KW, s.Strides, s.Dilations = 16*at(sizes, 3, 5)+16, 16*at(sizes, 6, 5)+16, 3, 3, Both(1), Both(1)
			for i := range s.Pads {
				s.Pads[i] %= 3
			}
		case 0:
			s.Groups = 2
			s.C, s.O = 2*s.C, 2*s.O
		case 2: // small groups
			s.Groups = 1 + s.C%40
			s.C, s.O = s.Groups*(1+at(sizes, 6, 8)), s.Groups*(1+at(sizes, 6, 70)%8)
		}
		if s.OutH() < 1 || s.OutW() < 1 || s.Flops() > 1<<23 {
			t.Skip("impossible or large")
		}
		c := newConvCase(s)
		for l := range Best() + 1 {
			useLevel(t, l)
			for _, a := range s.possible() {
				bound := 0.0
				if a == ConvWinograd {
					bound = 1e-4
				}
				c.check(t, a, true, bound)
			}
		}
	})
}

func (c Conv) name() string {
	return fmt.Sprintf("%dx%d@%dx%d-%d-k%ds%dg%d", c.N, c.C, c.H, c.W, c.O, c.KH, max1(c.Strides[0]), max1(c.Groups))
}

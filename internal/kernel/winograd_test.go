package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var winogradShapes = []Conv{
	{N: 1, H: 4, W: 4, C: 16, KH: 3, KW: 3, O: 16, Pads: Around(1)},
	{N: 2, H: 8, W: 8, C: 32, KH: 3, KW: 3, O: 16, Pads: Around(1)},
	{N: 3, H: 7, W: 9, C: 16, KH: 3, KW: 3, O: 48, Pads: Around(1)},
	{N: 1, H: 3, W: 3, C: 16, KH: 3, KW: 3, O: 16},
	{N: 2, H: 11, W: 6, C: 48, KH: 3, KW: 3, O: 32},
	{N: 2, H: 5, W: 13, C: 32, KH: 3, KW: 3, O: 32, Pads: Around(2)},
	{N: 1, H: 1, W: 1, C: 16, KH: 3, KW: 3, O: 16, Pads: Around(1)},
	{N: 2, H: 1, W: 2, C: 16, KH: 3, KW: 3, O: 16, Pads: Around(2)},
	{N: 2, H: 6, W: 9, C: 16, KH: 3, KW: 3, O: 32, Pads: [4]int{0, 1, 2, 1}},
	{N: 4, H: 32, W: 32, C: 16, KH: 3, KW: 3, O: 32, Pads: Around(1)}, // several units
	{N: 3, H: 4, W: 4, C: 176, KH: 3, KW: 3, O: 176, Pads: Around(1)}, // by panel
	{N: 2, H: 14, W: 14, C: 144, KH: 3, KW: 3, O: 208, Pads: Around(1)},
	{N: 2, H: 5, W: 7, C: 176, KH: 3, KW: 3, O: 176, Pads: [4]int{2, 0, 0, 1}},
}

var winogradWordShapes = []Conv{
	{N: 1, H: 4, W: 4, C: 32, KH: 3, KW: 3, O: 32, Pads: Around(1)},
	{N: 2, H: 8, W: 8, C: 32, KH: 3, KW: 3, O: 64, Pads: Around(1)},
	{N: 3, H: 7, W: 9, C: 64, KH: 3, KW: 3, O: 32, Pads: Around(1)},
	{N: 2, H: 11, W: 6, C: 32, KH: 3, KW: 3, O: 96},
	{N: 2, H: 5, W: 13, C: 96, KH: 3, KW: 3, O: 32, Pads: Around(2)},
	{N: 2, H: 6, W: 9, C: 96, KH: 3, KW: 3, O: 64, Pads: [4]int{0, 1, 2, 1}},
	{N: 9, H: 18, W: 12, C: 32, KH: 3, KW: 3, O: 32, Pads: [4]int{1, 2, 1, 0}},
	{N: 3, H: 4, W: 4, C: 288, KH: 3, KW: 3, O: 256, Pads: Around(1)}, // by panel
	{N: 2, H: 6, W: 9, C: 96, KH: 3, KW: 3, O: 64, Pads: Around(1)},   // and in portions
}

func TestWinograd(t *testing.T) {
	for _, s := range winogradShapes {
		if testing.Short() && s.Flops() > 1<<27 {
			continue
		}
		c := newConvCase(s)
		eachLevel(t, func(t *testing.T) {
			c.check(t, ConvWinograd, true, 2e-5)
			c.check(t, ConvWinograd, false, 2e-5)
		})
	}
}

// Many panels and many portions, though the shapes are small.
func TestWinogradPortions(t *testing.T) {
	old := winogradMost
	defer func() { winogradMost = old }()
	for _, most := range []int{0, 1 << 10, 1 << 15} {
		winogradMost.kernel, winogradMost.tiles, winogradMost.pairs = 0, most, most
		for i, s := range winogradShapes[:9] {
			c := newConvCase(s)
			useApart(t, i%2 == 0)
			eachLevel(t, func(t *testing.T) { c.check(t, ConvWinograd, true, 2e-5) })
		}
	}
}

// The transforms at each level against their twin, in place of one another.
func TestWinogradTransforms(t *testing.T) {
	for precision := range numPrecisions {
		for kind := range numWinogradKinds {
			if precision == BFloat16 || kind == winogradForms[kind].single {
				testWinogradTransform(t, precision, kind)
			}
		}
	}
}

// In BFloat16 the bits are the same.
func testWinogradTransform(t *testing.T, precision Precision, kind winogradKind) {
	var want []float32
	eachLevel(t, func(t *testing.T) {
		m := newMemory(t, true)
		defer m.free()
		p := winogradPass{blocks: 3, count: 2, si: 4 * 20, di: 4 * 17, so: 4 * 5, do: 4 * 3,
			ds: 4 * 300, rounds: 2, sr: 4 * 7, dr: 4, precision: precision}
		n := 11*20 + 3*5 + 7 + 16
		if kind != winogradForms[kind].single {
			p.pair = 4 * 19
			n += 19
		}
		r := rand.New(rand.NewPCG(12, uint64(kind)))
		for i := range p.src {
			p.src[i] = m.copyOf(random(r, n))
		}
		p.dst = m.copyOf(random(r, (winogradForms[kind].out-1)*300+11*17+3*3+1+16))
		p.run(&ops().target, kind)
		if want == nil {
			want = append(want, p.dst...)
		}
		for i, v := range p.dst {
			ok := math.Abs(float64(v-want[i])) <= 1e-5*(1+math.Abs(float64(want[i])))
			if precision == BFloat16 {
				ok = math.Float32bits(v) == math.Float32bits(want[i])
			}
			if !ok {
				t.Fatalf("%v, transform %d: element %d is %v, want %v", precision, kind, i, v, want[i])
			}
		}
	})
}

// In BFloat16 all passes have the same bits at each level. Rounding changes an operand by 2^-8 of
// it at most; direct sums are wrong by .6*2^-8 of the result in the root of the mean square, and
// the transforms make about 3*2^-8 of it. Where few products are added, the largest errors are up
// to ten times the mean one.
func TestWinogradBF16(t *testing.T) {
	const mean = 4 * 0x1p-8
	old := winogradMost
	defer func() { winogradMost = old }()
	for i, s := range winogradWordShapes {
		if i == 8 {
			winogradMost.kernel, winogradMost.tiles, winogradMost.pairs = 0, 1<<10, 1<<10
		}
		s.Precision = BFloat16
		c := newConvCase(s)
		var first [5][]float32
		eachLevel(t, func(t *testing.T) {
			for pass, got := range c.results(t, ConvWinograd) {
				if first[pass] == nil {
					first[pass] = got.data
				}
				if at := firstDifference(got.data, first[pass]); at >= 0 {
					t.Fatalf("pass %d of %+v: element %d is %v, at the first level %v", pass, s, at, got.data[at], first[pass][at])
				}
				if largest, rms := got.errors(); rms > mean || largest > 10*mean {
					t.Fatalf("pass %d of %+v: errors are %.3f, the largest %.3f", pass, s, rms, largest)
				}
			}
		})
	}
}

// A passResult is what a pass made and should have made.
type passResult struct {
	data, old []float32 // with what it was added to, or nil
	want      []float64
}

// results runs forward and the gradients by the input and by the weights, and these added.
func (c *convCase) results(t testing.TB, a ConvAlgorithm) []passResult {
	m := newMemory(t, true)
	defer m.free()
	s := c.checked("test", c.x, c.w, c.dy)
	x, w, dy := m.copyOf(c.x), m.copyOf(c.w), m.copyOf(c.dy)
	y, dx, dw := m.slice(c.size), m.slice(c.sizeX), m.slice(c.sizeW) // all NaN
	addedX, addedW := m.copyOf(c.oldX), m.copyOf(c.oldW)
	s.runAs(a, passForward, x, w, y, false)
	s.runAs(a, passData, dx, w, dy, false)
	s.runAs(a, passWeights, x, dw, dy, false)
	s.runAs(a, passData, addedX, w, dy, true)
	s.runAs(a, passWeights, x, addedW, dy, true)
	results := []passResult{{y, nil, c.y}, {dx, nil, c.dx}, {dw, nil, c.dw}, {addedX, c.oldX, c.dx}, {addedW, c.oldW, c.dw}}
	for i := range results {
		results[i].data = slices.Clone(results[i].data)
	}
	return results
}

// errors returns the largest error and the root of their mean square, in parts of the root of
// the mean square of the results.
func (p *passResult) errors() (largest, rms float64) {
	var size, sum float64
	for i, v := range p.data {
		e := float64(v) - p.want[i]
		if p.old != nil {
			e -= float64(p.old[i])
		}
		size += p.want[i] * p.want[i]
		sum += e * e
		largest = max(largest, math.Abs(e))
	}
	return largest / math.Sqrt(size/float64(len(p.data))), math.Sqrt(sum / size)
}

// The rounding errors on layers like those of ResNet-18, after ReLU and with
// weights of the usual size, against sums in float64.
func TestWinogradError(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	for _, s := range []Conv{
		{N: 2, H: 32, W: 32, C: 64, KH: 3, KW: 3, O: 64, Pads: Around(1)},
		{N: 2, H: 16, W: 16, C: 128, KH: 3, KW: 3, O: 128, Pads: Around(1)},
		{N: 2, H: 8, W: 8, C: 256, KH: 3, KW: 3, O: 256, Pads: Around(1)},
		{N: 2, H: 4, W: 4, C: 512, KH: 3, KW: 3, O: 512, Pads: Around(1)},
	} {
		c := newConvCase(s)
		for l := range Best() + 1 {
			useLevel(t, l)
			d, w := c.check(t, ConvDirect, true, 1e-4), c.check(t, ConvWinograd, true, 1e-4)
			t.Logf("%s %-8v largest error/largest value: forward %.1e (direct %.1e), by input %.1e (%.1e), by weights %.1e (%.1e)",
				s.name(), l, w[0], d[0], w[1], d[1], w[2], d[2])
		}
		c.Precision = BFloat16
		d, w := c.results(t, ConvGeneral), c.results(t, ConvWinograd)
		for i, pass := range []string{"forward", "by input", "by weights"} {
			_, direct := d[i].errors()
			_, rms := w[i].errors()
			t.Logf("%s bf16, %s: error/value in the root of the mean square %.4f (direct %.4f)", s.name(), pass, rms, direct)
		}
	}
}

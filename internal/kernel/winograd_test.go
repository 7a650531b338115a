package kernel

import (
	"math"
	"math/rand/v2"
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
	r := rand.New(rand.NewPCG(12, 12))
	for kind := range winogradKind(len(winogradArity)) {
		var want []float32
		eachLevel(t, func(t *testing.T) {
			m := newMemory(t, true)
			defer m.free()
			p := winogradPass{blocks: 3, count: 2, si: 4 * 20, di: 4 * 17, so: 4 * 5, do: 4 * 3,
				ds: 4 * 300, rounds: 2, sr: 4 * 7, dr: 4}
			r = rand.New(rand.NewPCG(12, uint64(kind)))
			for i := range p.src {
				p.src[i] = m.copyOf(random(r, 11*20+3*5+7+16))
			}
			p.dst = m.copyOf(random(r, (winogradArity[kind][1]-1)*300+11*17+3*3+1+16))
			p.run(&ops().target, kind)
			if want == nil {
				want = append(want, p.dst...)
			}
			for i, v := range p.dst {
				if !(math.Abs(float64(v-want[i])) <= 1e-5*(1+math.Abs(float64(want[i])))) {
					t.Fatalf("transform %d: element %d is %v, want %v", kind, i, v, want[i])
				}
			}
		})
	}
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
	}
}

package half

import (
	"math"
	"os"
	"testing"
)

// A halfType describes a 16-bit type for the independent computation of the tests: by
// its definition as sign, exponent and fraction, in float64.
type halfType struct {
	name              string
	expBits, fracBits int
	to                func(uint16) float32
	from              func(float32) uint16
}

var halfTypes = []halfType{
	{"F16", 5, 10, FromF16, ToF16},
	{"BF16", 8, 7, FromBF16, ToBF16},
}

// value is what the bits stand for.
func (h halfType) value(bits uint16) float64 {
	exp := int(bits>>h.fracBits) & (1<<h.expBits - 1)
	frac := float64(bits & (1<<h.fracBits - 1))
	bias := 1<<(h.expBits-1) - 1
	sign := 1.0
	if bits>>15 == 1 {
		sign = -1
	}
	one := float64(int(1) << h.fracBits)
	switch {
	case exp == 1<<h.expBits-1 && frac == 0:
		return sign * math.Inf(1)
	case exp == 1<<h.expBits-1:
		return math.NaN()
	case exp == 0:
		return math.Copysign(math.Ldexp(frac/one, 1-bias), sign)
	}
	return math.Ldexp(sign*(1+frac/one), exp-bias)
}

// infinity's bits, which are also how many finite numbers there are from 0 up.
func (h halfType) infinity() uint16 { return (1<<h.expBits - 1) << h.fracBits }

func TestHalfToFloat(t *testing.T) {
	for _, h := range halfTypes {
		for i := range 1 << 16 {
			got, want := float64(h.to(uint16(i))), h.value(uint16(i))
			if math.Float64bits(got) != math.Float64bits(want) && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Fatalf("%s %04x = %g, want %g", h.name, i, got, want)
			}
			if back := h.from(h.to(uint16(i))); back != uint16(i) && !math.IsNaN(want) {
				t.Fatalf("%s %04x comes back as %04x", h.name, i, back)
			}
		}
	}
}

// boundary returns the number halfway between the finite number of these bits and the
// next, exact in float64. Behind the largest comes what would be next, did the exponent
// go on.
func (h halfType) boundary(bits uint16) float64 {
	a, b := h.value(bits), h.value(bits+1)
	if math.IsInf(b, 1) {
		b = a + (a - h.value(bits-1))
	}
	return (a + b) / 2
}

// TestFloatToHalf walks float32 numbers upward beside the numbers that rounding turns at:
// every such number with its neighbours, a few million others and, if asked, all.
func TestFloatToHalf(t *testing.T) {
	step := uint32(509)
	if os.Getenv("MONGE_TEST_EXHAUSTIVE") != "" {
		step = 1
	}
	for _, h := range halfTypes {
		check := func(v float32, want uint16) {
			if got := h.from(v); got != want {
				t.Fatalf("%s of %g (%08x) is %04x, want %04x", h.name, v, math.Float32bits(v), got, want)
			}
			if got := h.from(-v); got != want|0x8000 {
				t.Fatalf("%s of %g is %04x, want %04x", h.name, -v, got, want|0x8000)
			}
		}
		inf := h.infinity()
		for i := range inf {
			b := float32(h.boundary(i))
			if float64(b) != h.boundary(i) {
				t.Fatalf("%s: the number above %04x is no float32", h.name, i)
			}
			check(math.Nextafter32(b, 0), i)
			check(b, i+i&1) // to even
			check(math.Nextafter32(b, float32(math.Inf(1))), i+1)
		}
		i, turn := uint16(0), h.boundary(0)
		for b := uint32(0); b <= 0x7f800000; b += step {
			v := float64(math.Float32frombits(b))
			for i < inf && (v > turn || v == turn && i&1 == 1) {
				if i++; i < inf {
					turn = h.boundary(i)
				}
			}
			check(float32(v), i)
		}
		for b := uint32(0x7f800001); b < 0x80000000; b += step {
			nan := math.Float32frombits(b)
			if got := h.to(h.from(nan)); got == got {
				t.Fatalf("%s of the NaN %08x is %g", h.name, b, got)
			}
		}
	}
}

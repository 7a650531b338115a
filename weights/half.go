package weights

import "math"

// float16 is IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
// bfloat16 is the upper half of a float32: 1 sign, 8 exponent, 7 fraction bits
// (https://en.wikipedia.org/wiki/Bfloat16_floating-point_format).

// maxF16 and maxBF16 are the largest finite numbers of the types.
const (
	maxF16  = 65504
	maxBF16 = 0x1.fep127
)

// f16ToF32 is exact.
func f16ToF32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp, frac := uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exp {
	case 0: // zero or subnormal: frac * 2^-24
		return math.Float32frombits(math.Float32bits(float32(frac)*0x1p-24) | sign)
	case 0x1f: // infinity, or NaN with its payload
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
}

// f32ToF16 rounds to nearest, ties to even; what is too large becomes infinity and a NaN
// stays one.
func f32ToF16(f float32) uint16 {
	b := math.Float32bits(f)
	sign, b := uint16(b>>16)&0x8000, b&0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00 | uint16(b>>13)&0x3ff
	case b >= 0x477ff000: // 65520, halfway between the largest and the next power of 2
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: subnormal. In the sum a unit in the last place is 2^-24.
		sum := math.Float32frombits(b) + 0.5
		return sign | uint16(math.Float32bits(sum)-0x3f000000)
	}
	b += 0xfff + b>>13&1 // a carry into the exponent is right
	return sign | uint16(b>>13-(127-15)<<10)
}

// bf16ToF32 is exact.
func bf16ToF32(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// f32ToBF16 rounds to nearest, ties to even; what is too large becomes infinity and a
// NaN stays one.
func f32ToBF16(f float32) uint16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// The two types of eight bits are in the Open Compute Project's "OFP8", and PyTorch's names:
// E4M3 has 4 exponent bits (bias 7), no infinities and one NaN, E5M2 is the upper half of an
// F16.
var f8Tables = map[DType]*[256]float32{F8E4M3: f8Table(e4m3), F8E5M2: f8Table(func(c byte) float32 { return f16ToF32(uint16(c) << 8) })}

func f8Table(value func(byte) float32) *[256]float32 {
	var t [256]float32
	for i := range t {
		t[i] = value(byte(i))
	}
	return &t
}

func e4m3(c byte) float32 {
	exp, frac := int(c>>3&15), float64(c&7)
	v := math.Ldexp(8+frac, exp-10)
	switch {
	case c&0x7f == 0x7f:
		v = math.NaN()
	case exp == 0:
		v = math.Ldexp(frac, -9)
	}
	return float32(math.Copysign(v, -float64(c>>7)+.5))
}

// f32ToF8 rounds to nearest, ties to even; what is too large does not fit, a NaN stays one.
func f32ToF8(d DType, v float32) (c byte, ok bool) {
	table, sign := f8Tables[d], byte(math.Float32bits(v)>>24&0x80)
	a := math.Abs(float64(v))
	top := byte(0x7e) // the largest number of E4M3
	if d == F8E5M2 {
		top = 0x7b
	}
	switch {
	case a != a:
		return sign | 0x7f, true
	case math.IsInf(a, 1) && d == F8E5M2:
		return sign | 0x7c, true
	}
	lo := byte(0) // the largest code whose number is at most a
	for step := byte(64); step > 0; step /= 2 {
		if lo+step <= top && float64(table[lo+step]) <= a {
			lo += step
		}
	}
	below := a - float64(table[lo])
	if lo == top { // half of a unit in the last place is the most that rounds down to it
		return sign | lo, below < float64(table[top]-table[top-1])/2
	}
	if above := float64(table[lo+1]) - a; above < below || above == below && lo&1 == 1 {
		lo++
	}
	return sign | lo, true
}

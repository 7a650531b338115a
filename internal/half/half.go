// Package half converts float32 to and from the types of sixteen bits.
//
// float16 is IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. bfloat16 is the
// upper half of a float32: 1 sign, 8 exponent, 7 fraction bits
// (https://en.wikipedia.org/wiki/Bfloat16_floating-point_format).
package half

import "math"

// FromF16 is exact.
func FromF16(h uint16) float32 {
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

// ToF16 rounds to nearest, ties to even; what is too large becomes infinity and a NaN
// stays one.
func ToF16(f float32) uint16 {
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

// FromBF16 is exact.
func FromBF16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBF16 rounds to nearest, ties to even; what is too large becomes infinity and a
// NaN stays one.
func ToBF16(f float32) uint16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

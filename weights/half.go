package weights

import (
	"math"

	"github.com/monge-ml/monge/internal/half"
)

// maxF16 and maxBF16 are the largest finite numbers of the types.
const (
	maxF16  = 65504
	maxBF16 = 0x1.fep127
)

// The two types of eight bits are in the Open Compute Project's "OFP8", and PyTorch's names:
// E4M3 has 4 exponent bits (bias 7), no infinities and one NaN, E5M2 is the upper half of an
// F16.
var f8Tables = map[DType]*[256]float32{F8E4M3: f8Table(e4m3), F8E5M2: f8Table(func(c byte) float32 { return half.FromF16(uint16(c) << 8) })}

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

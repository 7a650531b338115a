package kernel

import (
	"fmt"
	"math"
	"strings"
)

// A Precision says how products and convolutions take their operands. Sums are in float32
// in each.
type Precision uint8

// The precisions.
const (
	Float32 Precision = iota // as they are
	// BFloat16 rounds operands to bfloat16 (the upper half of a float32), to nearest and ties to
	// even, subnormal numbers to 0. Numbers that follow each other along the sum go in pairs, and
	// an element of C becomes
	//
	//	fma(a0, b0, fma(a1, b1, c))
	//
	// with subnormal results taken for 0: what the instruction VDPBF16PS does. Levels without it
	// do two multiply-adds, with the same bits.
	BFloat16
	numPrecisions
)

var precisionNames = [numPrecisions]string{"float32", "bf16"}

func (p Precision) String() string {
	if p >= numPrecisions {
		return fmt.Sprintf("precision(%d)", uint8(p))
	}
	return precisionNames[p]
}

// ParsePrecision returns the precision of that name.
func ParsePrecision(name string) (Precision, error) {
	for p, s := range precisionNames {
		if s == name {
			return Precision(p), nil
		}
	}
	return 0, fmt.Errorf("unknown precision %q; there are %s", name, strings.Join(precisionNames[:], ", "))
}

// MarshalText returns the name.
func (p Precision) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is [ParsePrecision].
func (p *Precision) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePrecision(string(b))
	return err
}

// unit is how many numbers along the sum share a word of a packed panel.
func (p Precision) unit() int { return int(p) + 1 }

// words is how many words numbers along the sum take.
func (p Precision) words(n int) int { return ceilDiv(n, p.unit()) }

// bfloat16 returns the bits of x rounded to bfloat16, in the upper half.
func bfloat16(x float32) uint32 {
	const sign, infinity = 1 << 31, 0xff << 23
	u := math.Float32bits(x)
	switch exp := u & infinity; {
	case exp == 0:
		return u & sign
	case exp == infinity && u&^(sign|infinity) != 0:
		return (u | 1<<22) &^ 0xffff
	}
	return (u + 0x7fff + u>>16&1) &^ 0xffff
}

// round sets dst to x rounded to bfloat16.
func round(dst, x []float32) {
	n := 0
	if f := ops().round; f != nil {
		if n = len(x) &^ 15; n > 0 {
			f(&dst[0], &x[0], n)
		}
	}
	for i := n; i < len(x); i++ {
		dst[i] = math.Float32frombits(bfloat16(x[i]))
	}
}

// roundAll is round on all threads.
func roundAll(dst, x []float32) {
	j := newNNJob(func(j *nnJob, _, lo, hi int) { round(j.dst[lo:hi], j.x[lo:hi]) }, len(x), 1)
	j.dst, j.x = dst, x
	j.run()
	j.release()
}

// A convRounded holds a convolution's operands, rounded, for algorithms that multiply float32.
type convRounded struct{ bufs [2][]float32 }

var convRoundeds stash[convRounded]

// rounded replaces what the pass reads.
func (j *convRounded) rounded(pass convPass, x, w, y []float32) (_, _, _ []float32) {
	read := [...][2]*[]float32{passForward: {&x, &w}, passData: {&w, &y}, passWeights: {&x, &y}}[pass]
	for i, operand := range read {
		to := aligned(&j.bufs[i], len(*operand))
		roundAll(to, *operand)
		*operand = to
	}
	return x, w, y
}

package kernel

import "math"

// word holds a pair of numbers: the first in the lower half, as they lie in memory. A float32
// carries it.
func word(x, y float32) float32 { return math.Float32frombits(bfloat16(x)>>16 | bfloat16(y)) }

// pairOf is what a word holds.
func pairOf(w float32) (x, y float32) {
	u := math.Float32bits(w)
	return math.Float32frombits(u << 16), math.Float32frombits(u &^ 0xffff)
}

// multiplyPairs is what VDPBF16PS does with each word.
func multiplyPairs(c, a, b float32) float32 {
	a0, a1 := pairOf(a)
	b0, b1 := pairOf(b)
	return fmaFlushed(a0, b0, fmaFlushed(a1, b1, c))
}

// fmaFlushed is a*b + c rounded once, for a and b of bfloat16, and 0 if that is subnormal.
func fmaFlushed(a, b, c float32) float32 {
	s := fmaOdd(a, b, c)
	// Tiny after rounding with 24 bits and any exponent, as x86 has it.
	if a := math.Abs(s); a < 0x1p-126-0x1p-151 {
		return float32(math.Copysign(0, s))
	}
	return float32(s)
}

// fma is a*b + c rounded once.
func fma(a, b, c float32) float32 { return float32(fmaOdd(a, b, c)) }

// fmaOdd is a*b + c rounded to odd, so that a second rounding does no harm (Boldo and Melquiond
// 2008).
func fmaOdd(a, b, c float32) float64 {
	p, z := float64(a)*float64(b), float64(c) // exact
	s := p + z
	if t := s - p; !math.IsInf(s, 0) && s == s {
		if e := (p - (s - t)) + (z - t); e != 0 && math.Float64bits(s)&1 == 0 {
			s = math.Nextafter(s, math.Copysign(math.Inf(1), e))
		}
	}
	return s
}

// packWordsGo is packGo for panels of words.
func packWordsGo(to []float32, pitch int, from []float32, ld, n, k int, contiguous bool) {
	along, across := 1, ld
	if contiguous {
		along, across = ld, 1
	}
	for p := 0; p < k; p += 2 {
		row := to[p/2*pitch:][:n]
		for i := range row {
			x := from[i*across+p*along]
			y := float32(0)
			if p+1 < k {
				y = from[i*across+(p+1)*along]
			}
			row[i] = word(x, y)
		}
	}
}

// packPairsGo is the twin of wordRows.
func packPairsGo(to []float32, pitch int, x []float32, ldx int, y []float32, ldy, n, k int) {
	for p := range k {
		row := to[p*pitch:][:n]
		for i := range row {
			row[i] = word(x[p*ldx+i], y[p*ldy+i])
		}
	}
}

// microWordsGo is the twin of the micro-kernels on words; k counts these.
func microWordsGo(rows, cols, k int, a []float32, rs, cs int, b []float32, bs int, c []float32, ldc int, add bool) {
	for i := range rows {
		for l := range cols {
			var s float32
			for p := range k {
				s = multiplyPairs(s, a[i*rs+p*cs], b[p*bs+l])
			}
			if add {
				s += c[i*ldc+l]
			}
			c[i*ldc+l] = s
		}
	}
}

// packWords stores a panel of n rows (of B: columns) over k as words: rows of the panel hold
// pairs along k.
func (t *target) packWords(to []float32, pitch int, from []float32, ld, n, k int, contiguous bool) {
	if t.wordTranspose == nil {
		packWordsGo(to, pitch, from, ld, n, k, contiguous)
		return
	}
	unit := 2
	if !contiguous {
		unit = 16
	}
	whole := k / unit * unit
	if contiguous && whole > 0 {
		vectors := (n - 1) / t.lanes
		t.wordRows[vectors](&to[0], pitch, &from[0], 2*ld, &from[ld], 2*ld, whole/2, n-vectors*t.lanes)
	}
	for p := 0; !contiguous && p < whole; p += transposeBlock {
		for i := 0; i < n; i += 8 {
			t.wordTranspose(&to[p/2*pitch+i], pitch, &from[i*ld+p], ld, min(8, n-i), min(transposeBlock, whole-p)/2)
		}
	}
	if whole < k {
		along := 1
		if contiguous {
			along = ld
		}
		packWordsGo(to[whole/2*pitch:], pitch, from[whole*along:], ld, n, k-whole, contiguous)
	}
}

// packPairs stores a panel of k rows of n elements of x, each in a word with that of y. No y is
// zeros.
func (t *target) packPairs(to []float32, pitch int, x, y []float32, ld, n, k int) {
	ldy := ld
	if y == nil {
		y, ldy = noRow[:], 0
	}
	if t.wordRows[0] == nil {
		packPairsGo(to, pitch, x, ld, y, ldy, n, k)
		return
	}
	vectors := (n - 1) / t.lanes
	t.wordRows[vectors](&to[0], pitch, &x[0], ld, &y[0], ldy, k, n-vectors*t.lanes)
}

// noRow is as wide as a panel can be.
var noRow [32]float32

// pairs sets to to the words of each element of x with that of y. No y is zeros.
func (t *target) pairs(to, x, y []float32) {
	whole := len(to) / t.nr * t.nr
	if whole > 0 {
		t.packPairs(to, t.nr, x, y, t.nr, t.nr, whole/t.nr)
	}
	for i := whole; i < len(to); i++ { // a kernel would write whole vectors
		if y == nil {
			to[i] = word(x[i], 0)
		} else {
			to[i] = word(x[i], y[i])
		}
	}
}

// narrowed sets to to the words of x, whose numbers follow each other; the last may be alone.
func (t *target) narrowed(to, x []float32) {
	n := 0
	if t.narrow != nil {
		if vectors := len(x) / (2 * t.lanes); vectors > 0 {
			t.narrow(&to[0], &x[0], vectors)
			n = vectors * t.lanes
		}
	}
	for ; n < len(x)/2; n++ {
		to[n] = word(x[2*n], x[2*n+1])
	}
	if 2*n < len(x) {
		to[n] = word(x[2*n], 0)
	}
}

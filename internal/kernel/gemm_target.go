package kernel

// A target is what the multiplication must know of a level.
type target struct {
	level  Level
	mr, nr int // rows and columns of the largest micro-kernel
	lanes  int // columns in a vector
	pitch  int // distance between columns of a packed panel of A

	dotRows, dotCols int // the largest micro-kernel of dot products
}

var targets = [numLevels]target{
	{level: Portable, mr: 4, nr: 4, lanes: 1, pitch: 4, dotRows: 1, dotCols: dotCols},
	{level: AVX2, mr: 6, nr: 16, lanes: 8, pitch: 8, dotRows: 3, dotCols: 2},
	{level: AVX512, mr: 14, nr: 32, lanes: 16, pitch: 16, dotRows: 6, dotCols: 4},
}

// A microKernel multiplies rows x columns over k, for strips of columns that lie side
// by side in C and "next" elements apart in B. The row stride of B is bs, the strides
// of A are rs between rows and cs along k. What lies ahead bytes further in A, and what
// starts at fetch, step bytes for each of k, is brought into the cache meanwhile. tail
// counts the columns in the last vector of a strip.
type microKernel func(strips, k int, a *float32, rs, cs, ahead int, fetch *float32, step int, b *float32, bs, next int, c *float32, ldc, tail, add int)

// The micro-kernels by vectors of columns and rows; the last ones of AVX2 are
// for two whole vectors.
var (
	microAVX512 = [...][15]microKernel{
		{nil, gemm1x1tailAVX512, gemm2x1tailAVX512, gemm3x1tailAVX512, gemm4x1tailAVX512, gemm5x1tailAVX512,
			gemm6x1tailAVX512, gemm7x1tailAVX512, gemm8x1tailAVX512, gemm9x1tailAVX512, gemm10x1tailAVX512,
			gemm11x1tailAVX512, gemm12x1tailAVX512, gemm13x1tailAVX512, gemm14x1tailAVX512},
		{nil, gemm1x2tailAVX512, gemm2x2tailAVX512, gemm3x2tailAVX512, gemm4x2tailAVX512, gemm5x2tailAVX512,
			gemm6x2tailAVX512, gemm7x2tailAVX512, gemm8x2tailAVX512, gemm9x2tailAVX512, gemm10x2tailAVX512,
			gemm11x2tailAVX512, gemm12x2tailAVX512, gemm13x2tailAVX512, gemm14x2tailAVX512},
	}
	microAVX2 = [...][7]microKernel{
		{nil, gemm1x1tailAVX2, gemm2x1tailAVX2, gemm3x1tailAVX2, gemm4x1tailAVX2, gemm5x1tailAVX2, gemm6x1tailAVX2},
		{nil, gemm1x2tailAVX2, gemm2x2tailAVX2, gemm3x2tailAVX2, gemm4x2tailAVX2, gemm5x2tailAVX2, gemm6x2tailAVX2},
		{nil, gemm1x2fullAVX2, gemm2x2fullAVX2, gemm3x2fullAVX2, gemm4x2fullAVX2, gemm5x2fullAVX2, gemm6x2fullAVX2},
	}
)

func (t *target) micro(strips, rows, cols, k int, a []float32, rs, cs, ahead int, fetch []float32, step int, b []float32, bs, next int, c []float32, ldc int, accumulate bool) {
	if t.level == Portable {
		for s := range strips {
			microGo(rows, cols, k, a, rs, cs, b[s*next:], bs, c[s*cols:], ldc, accumulate)
		}
		return
	}
	add := 0
	if accumulate {
		add = 1
	}
	vectors := (cols - 1) / t.lanes
	tail := cols - vectors*t.lanes
	var f microKernel
	if t.level == AVX512 {
		f = microAVX512[vectors][rows]
	} else {
		if cols == t.nr {
			vectors = 2
		}
		f = microAVX2[vectors][rows]
	}
	f(strips, k, &a[0], rs, cs, ahead, &fetch[0], step, &b[0], bs, next, &c[0], ldc, tail, add)
}

// transposeBlock keeps what is written in parts of cache lines in the L1 cache.
const transposeBlock = 64

// packPanel stores a panel of n rows (of B: columns) over k, so that element
// (i, p) is to[p*pitch+i]. In from they lie the same way, with stride ld, if
// contiguous, and transposed if not.
func (t *target) packPanel(to []float32, pitch int, from []float32, ld, n, k int, contiguous bool) {
	switch {
	case t.level == Portable:
		packGo(to, pitch, from, ld, n, k, contiguous)
	case contiguous:
		t.packContiguous(to, pitch, from, ld, n, k)
	default:
		whole := k &^ 7
		for p := 0; p < whole; p += transposeBlock {
			for i := 0; i < n; i += 8 {
				packTransposeAVX2(&to[p*pitch+i], pitch, &from[i*ld+p], ld, min(8, n-i), min(transposeBlock, whole-p))
			}
		}
		packGo(to[whole*pitch:], pitch, from[whole:], ld, n, k-whole, false)
	}
}

func (t *target) packContiguous(to []float32, pitch int, from []float32, ld, n, k int) {
	vectors := (n - 1) / t.lanes
	tail := n - vectors*t.lanes
	switch {
	case t.level == AVX512 && vectors == 0:
		packRows1AVX512(&to[0], pitch, &from[0], ld, k, tail)
	case t.level == AVX512:
		packRows2AVX512(&to[0], pitch, &from[0], ld, k, tail)
	case vectors == 0:
		packRows1AVX2(&to[0], pitch, &from[0], ld, k, tail)
	default:
		packRows2AVX2(&to[0], pitch, &from[0], ld, k, tail)
	}
}

// PeakFMA runs iterations of independent multiply-adds on the calling goroutine
// at the active level and returns how many floating-point operations that was.
// It measures what a multiplication could reach at best.
func PeakFMA(iterations int) (flops int) {
	if iterations <= 0 {
		return 0
	}
	switch Active() {
	case AVX512:
		peakAVX512(iterations)
		return iterations * 48 * 2 * 16
	case AVX2:
		peakAVX2(iterations)
		return iterations * 48 * 2 * 8
	}
	return peakGo(iterations)
}

package kernel

// A microKernel multiplies rows x columns over k, for strips of columns that lie side
// by side in C and "next" elements apart in B. The row stride of B is bs, the strides
// of A are rs between rows and cs along k. What lies ahead bytes further in A, and what
// starts at fetch, step bytes for each of k, is brought into the cache meanwhile. tail
// counts the columns in the last vector of a strip.
type microKernel func(strips, k int, a *float32, rs, cs, ahead int, fetch *float32, step int, b *float32, bs, next int, c *float32, ldc, tail, add int)

func (t *target) micro(strips, rows, cols, k int, a []float32, rs, cs, ahead int, fetch []float32, step int, b []float32, bs, next int, c []float32, ldc int, accumulate bool) {
	if t.micros == nil {
		for s := range strips {
			microGo(rows, cols, k, a, rs, cs, b[s*next:], bs, c[s*cols:], ldc, accumulate)
		}
		return
	}
	t.call(t.micros, strips, rows, cols, k, a, rs, cs, ahead, fetch, step, b, bs, next, c, ldc, accumulate)
}

// call picks the micro-kernel of a shape.
func (t *target) call(of *[3][]microKernel, strips, rows, cols, k int, a []float32, rs, cs, ahead int, fetch []float32, step int, b []float32, bs, next int, c []float32, ldc int, accumulate bool) {
	add := 0
	if accumulate {
		add = 1
	}
	vectors := (cols - 1) / t.lanes
	tail := cols - vectors*t.lanes
	if cols == t.nr {
		vectors = 2
	}
	of[vectors][rows](strips, k, &a[0], rs, cs, ahead, &fetch[0], step, &b[0], bs, next, &c[0], ldc, tail, add)
}

// transposeBlock keeps what is written in parts of cache lines in the L1 cache.
const transposeBlock = 64

// packPanel stores a panel of n rows (of B: columns) over k, so that element
// (i, p) is to[p*pitch+i]. In from they lie the same way, with stride ld, if
// contiguous, and transposed if not.
func (t *target) packPanel(to []float32, pitch int, from []float32, ld, n, k int, contiguous bool) {
	switch {
	case t.packTranspose == nil:
		packGo(to, pitch, from, ld, n, k, contiguous)
	case contiguous:
		t.packContiguous(to, pitch, from, ld, n, k)
	default:
		whole := k &^ 7
		for p := 0; p < whole; p += transposeBlock {
			for i := 0; i < n; i += 8 {
				t.packTranspose(&to[p*pitch+i], pitch, &from[i*ld+p], ld, min(8, n-i), min(transposeBlock, whole-p))
			}
		}
		packGo(to[whole*pitch:], pitch, from[whole:], ld, n, k-whole, false)
	}
}

func (t *target) packContiguous(to []float32, pitch int, from []float32, ld, n, k int) {
	vectors := (n - 1) / t.lanes
	tail := n - vectors*t.lanes
	t.packRows[vectors](&to[0], pitch, &from[0], ld, k, tail)
}

// PeakFMA runs iterations of independent multiply-adds on the calling goroutine
// at the active level and returns how many floating-point operations that was.
// It measures what a multiplication could reach at best.
func PeakFMA(iterations int) (flops int) {
	if iterations <= 0 {
		return 0
	}
	if o := ops(); o.peak != nil {
		o.peak(iterations)
		return iterations * 48 * 2 * o.lanes
	}
	return peakGo(iterations)
}

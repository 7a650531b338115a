package kernel

// A microCall is a call of a micro-kernel, which multiplies rows x columns over k, for strips of
// columns that lie side by side in C and next elements apart in B. Strides are in elements,
// ahead and step in bytes. The micro-kernel changes b, c and strips; _asm/gemm.go knows the order
// of fields.
type microCall struct {
	a, fetch, b, c *float32
	strips, k      int
	rs, cs         int // of A between rows and along k
	ahead, step    int // what lies ahead in A, and what starts at fetch, step for each of k, is brought into the cache
	bs, next       int // of B between rows and between strips
	ldc            int
	tail           int // columns in the last vector of a strip
	add            int
}

// A microKernel does a call of its rows and vectors.
type microKernel func(call **float32)

// micro multiplies rows of a with strips of cols columns of b, in a precision. What does not
// change from panel to panel is set in the call.
func (t *target) micro(p Precision, call *microCall, strips, rows, cols int, a, fetch, b, c []float32) {
	kernels := t.micros
	if p == BFloat16 {
		kernels = t.wordMicros
	}
	if kernels == nil {
		for s := range strips {
			call.portable(p, rows, cols, a, b[s*call.next:], c[s*cols:])
		}
		return
	}
	vectors := (cols - 1) / t.lanes
	call.tail = cols - vectors*t.lanes
	if cols == t.nr {
		vectors = 2
	}
	call.a, call.fetch, call.b, call.c, call.strips = &a[0], &fetch[0], &b[0], &c[0], strips
	kernels[vectors][rows](&call.a)
	call.a, call.fetch, call.b, call.c = nil, nil, nil, nil
}

// portable is the micro-kernels' twin.
func (call *microCall) portable(p Precision, rows, cols int, a, b, c []float32) {
	f := microGo
	if p == BFloat16 {
		f = microWordsGo
	}
	f(rows, cols, call.k, a, call.rs, call.cs, b, call.bs, c, call.ldc, call.add != 0)
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

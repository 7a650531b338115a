package kernel

// An operations is what a level has: sizes, and code on pointers that does whole vectors.
// What is nil the Go twins do, as they do the elements that fill no vector. That is all
// of the difference between levels; the rest of the package asks for none by name.
//
// What is passed to a function of a table escapes to the heap, so no pointer to a local
// variable may be. Functions that sum in lanes therefore take the whole vector, with the lanes
// on their own stack.
type operations struct {
	level  Level
	name   string
	usable func() bool // in this build, on this CPU

	target

	// Sums and the largest of whole vectors: of 32 elements at least for dot and sumSq, of 16
	// for the others.
	dot         func(x, y []float32) float64
	sumSq       func(x []float32) float64
	rowMoments  func(x []float32) (sum, sumSq float64)
	rowProducts func(dy, gamma, x []float32) (sum, prod float64)
	maxOf       func(x []float32) float32

	// Vectors; n is a multiple of 16.
	addScaled       func(dst, x *float32, a float32, y *float32, n int)
	streamScaled    func(dst, x *float32, a float32, y *float32, n int)
	scale           func(dst *float32, a float32, x *float32, n int)
	sgd             func(theta, g, buf *float32, n int, lr, momentum, damp, decay float32, flags int)
	adam            func(theta, g, m, v *float32, n int, beta1, rest1, beta2, rest2, root, eps, step, keep, decay float32, flags int)
	relu            func(dst, x *float32, n int)
	addRelu         func(dst, x, y *float32, n int)
	reluBackward    func(dx, dy, y *float32, n int)
	reluBackwardAdd func(dx, dy, y *float32, n int)
	activate        [numActivations]func(dst, x *float32, n int)
	activateGrad    [numActivations]func(dx, dy, x *float32, add, n int)
	bend            [numBends]func(dst, x *float32, a, b float32, n int)
	bendGrad        [numBends]func(dx, dy, x *float32, a, b float32, add, n int)

	// Functions of one number and of two, and dy times their slopes.
	maps                       [numQuick]func(dst, x *float32, n int)
	mapsGrad                   [numQuick]func(dx, dy, x *float32, add, n int)
	affine                     func(dst, x *float32, a, b float32, n int)
	elu                        func(dst, x *float32, p, q, r float32, n int)
	eluGrad                    func(dx, dy, x *float32, p, q, r float32, add, n int)
	mul, div, maximum, minimum func(dst, a, b *float32, n int)
	divSlope, lessSlope        func(dst, dy, a, b *float32, n int)

	round func(dst, x *float32, n int) // to bfloat16

	// Columns of matrices.
	sumCols32, sumCols8 func(sums *float64, x *float32, rows, ld int)

	// Pairs of sums over columns, a multiple of 8: all three or none.
	moments        func(a, b *float64, x *float32, rows, cols, ld int)
	products       func(a, b *float64, dy, x *float32, rows, cols, ld int)
	maskedProducts func(a, b *float64, dy, x, y *float32, rows, cols, ld int)

	// Passes with coefficients for each column, a multiple of 16: all three or none.
	normalize     func(y, x, shift, scale, offset *float32, floor float32, rows, cols int)
	normalizeRes  func(y, x, res, shift, scale, offset *float32, floor float32, rows, cols int)
	normalizeGrad func(dx, dres, dy, x, y, shift, scale, slope, offset *float32, flags, rows, cols int)

	// Matrices of which each row meets the same one; cols is a multiple of 16.
	mulRows, addRows func(dst, x, b *float32, add, rows, cols int)

	// Rows of matrices; n is a multiple of 16.
	rowNormalize func(y, x, gamma, beta *float32, shift, scale, offset float32, n int)
	rowGrad      func(dx, dy, gamma, x *float32, shift, scale, slope, offset float32, add, n int)
	expShift     func(dst, x *float32, shift float32, n int)
	softmaxGrad  func(dx, dy, y *float32, sum float32, add, n int)
	drop         func(dst, x *float32, keep float32, most uint32, state uint64, add, n int)

	// Windows of n channels, a multiple of 16; strides are in bytes.
	maxPool     func(y, x *float32, n, kh, kw, pixel, line int)
	maxPoolGrad func(dx, dy, x, y *float32, n, kh, kw, pixel, line int)

	peak func(iterations int) // 48 independent multiply-adds of a vector each
}

// A target is what products and convolutions must know of a level.
type target struct {
	mr, nr int // rows and columns of the largest micro-kernel
	lanes  int // columns in a vector
	pitch  int // distance between columns of a packed panel of A

	dotRows, dotCols int // the largest micro-kernel of dot products

	// Micro-kernels by vectors of columns less one, the last of which may be part of one,
	// and by rows; the last ones are for nr columns, all whole.
	micros    *[3][]microKernel
	microDots []dotKernel // by columns

	// Both or neither. Rows are by vectors less one, the last of which may be part of one.
	packRows      [2]func(dst *float32, ds int, src *float32, ss, rows, tail int)
	packTranspose func(dst *float32, ds int, src *float32, ss, rows, cols int)

	// For operands of bfloat16: micro-kernels as micros, and packing, as packRows and
	// packTranspose do it, into words of a pair each. All or none.
	wordMicros    *[3][]microKernel
	wordRows      [2]func(dst *float32, ds int, x *float32, xs int, y *float32, ys, words, tail int)
	wordTranspose func(dst *float32, ds int, src *float32, ss, rows, words int)
	narrow        func(dst, x *float32, vectors int) // of words, from numbers that follow each other

	// By rows, for panels of nr columns, and of one vector: the latter where nr is above 16,
	// which Winograd's panels of 16 need.
	convWide, convNarrow           []func(tile **float32)
	convWordsWide, convWordsNarrow []func(tile **float32) // of pairs of bfloat16

	winograd [numPrecisions][numWinogradKinds]func(src *[]float32)

	// All or none: by pixels of a row, and by offsets.
	lanesTiles, lanesSums  []func(tile **float32)
	lanesCopy, lanesSpread func(tile **float32)
}

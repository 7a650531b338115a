package kernel

// Matrices here are rows x cols, row-major, with a column for each channel.

// ColumnMoments sets sum and sumSq to the sums of the columns of x and of their
// squares, accumulated in float64. The columns are as many as len(sum).
func ColumnMoments(sum, sumSq []float64, x []float32) {
	columnPairs("ColumnMoments", sum, sumSq, nil, x, nil)
}

// ColumnProducts sets sum to the sums of the columns of g and prod to those of
// g*x, accumulated in float64, where g is dy where y > 0, else 0, or with y nil
// all of dy.
func ColumnProducts(sum, prod []float64, dy, x, y []float32) {
	sameLen("ColumnProducts", len(x), len(dy))
	if y != nil {
		sameLen("ColumnProducts", len(x), len(y))
	}
	columnPairs("ColumnProducts", sum, prod, dy, x, y)
}

// pairPeriod returns the row length with which the sums of cols columns are
// made: short rows are taken together, so that vectors are full and sums don't
// wait for each other.
func pairPeriod(cols int) int {
	if p := multiple(cols, 8); p >= 32 {
		return p
	}
	return multiple(cols, 32)
}

// maxPieces bounds the pieces of a column sum, each of which has sums of its own.
const maxPieces = 64

func columnPairs(name string, a, b []float64, dy, x, y []float32) {
	cols := len(a)
	sameLen(name, cols, len(b))
	if cols == 0 || len(x)%cols != 0 {
		sameLen(name, cols, len(x))
		return
	}
	p := pairPeriod(cols)
	j := newNNJob((*nnJob).pairPiece, len(x), 1)
	j.size = upTo(max(chunk, (len(x)+maxPieces-1)/maxPieces), p)
	j.x, j.y, j.z, j.cols = x, dy, y, p
	sums := j.sums(max(1, j.pieces()) * 2 * p)
	j.run()
	foldPieces(a, b, sums, p)
	j.release()
}

// fold sets a to the sums over rows of a matrix.
func fold(a, rows []float64) {
	copy(a, rows)
	for at := len(a); at < len(rows); at += len(a) {
		for i, v := range rows[at : at+len(a)] {
			a[i] += v
		}
	}
}

func (j *nnJob) pairPiece(piece, lo, hi int) {
	p := j.cols
	s := j.partial[piece*2*p : (piece+1)*2*p]
	var dy, y []float32
	if j.y != nil {
		dy = j.y[lo:hi]
	}
	if j.z != nil {
		y = j.z[lo:hi]
	}
	sumPairs(s[:p], s[p:], dy, j.x[lo:hi], y)
}

// sumPairs adds to a and b the column sums of one piece.
func sumPairs(a, b []float64, dy, x, y []float32) {
	const block = 1024 // elements for which sums stay in registers; few, to read memory nearly in order
	p := len(a)
	rows, step := len(x)/p, max(2, block/p)
	o := ops()
	whole := p &^ 7
	if o.moments == nil {
		whole = 0
	}
	for r := 0; r < rows; r += step {
		n := min(step, rows-r)
		if whole > 0 {
			o.pairBlock(a, b, dy, x, y, r*p, n, whole, p)
		}
		if whole < p {
			sumPairsGo(a, b, dy, x, y, r*p, n, whole, p, p)
		}
	}
	sumPairsGo(a, b, dy, x, y, rows*p, 1, 0, len(x)-rows*p, p)
}

func (o *operations) pairBlock(a, b []float64, dy, x, y []float32, at, rows, cols, ld int) {
	switch {
	case dy == nil:
		o.moments(&a[0], &b[0], &x[at], rows, cols, ld)
	case y == nil:
		o.products(&a[0], &b[0], &dy[at], &x[at], rows, cols, ld)
	default:
		o.maskedProducts(&a[0], &b[0], &dy[at], &x[at], &y[at], rows, cols, ld)
	}
}

// A normArgs is a pass over matrices with the same coefficients for each row.
type normArgs struct {
	dst, res      []float32 // y and the residual, or dx and dres
	dy, x, y      []float32
	shift, scale  []float32
	slope, offset []float32
	floor         float32
	flags         int
	backward      bool
}

// Flags of normalizeGrad; the assembly knows them by value.
const (
	flagMask   = 1 << iota // the gradient is masked by y
	flagRes                // write dres
	flagAddRes             // add to it
	flagAddDx              // add to dx
)

// Normalize sets y = (x-shift)*scale + offset + res, where shift, scale and
// offset have an element for each column and res may be nil, and takes max(0, y)
// if relu. y may be x or res.
func Normalize(y, x, res, shift, scale, offset []float32, relu bool) {
	a := normArgs{dst: y, x: x, res: res, shift: shift, scale: scale, offset: offset, floor: negInf}
	if relu {
		a.floor = 0
	}
	a.check("Normalize")
	a.run()
}

// NormalizeGrad is the way back through a normalisation, an addition and a
// rectifier: g = dy where y > 0 (all of it where y is nil), dres = g, and
// dx = g*scale + (x-shift)*slope + offset. dres may be nil. addDx and addRes
// add to what stands in dx and dres. dx or dres may be dy.
func NormalizeGrad(dx, dres, dy, x, y, shift, scale, slope, offset []float32, addDx, addRes bool) {
	a := normArgs{dst: dx, res: dres, dy: dy, x: x, y: y, shift: shift, scale: scale, slope: slope, offset: offset, backward: true}
	if y != nil {
		a.flags |= flagMask
	}
	if dres != nil {
		a.flags |= flagRes
		if addRes {
			a.flags |= flagAddRes
		}
	}
	if addDx {
		a.flags |= flagAddDx
	}
	a.check("NormalizeGrad")
	a.run()
}

func (a *normArgs) check(name string) {
	sameLen(name, len(a.dst), len(a.x))
	for _, v := range [...][]float32{a.res, a.dy, a.y} {
		if v != nil {
			sameLen(name, len(a.dst), len(v))
		}
	}
	sameLen(name, len(a.shift), len(a.scale), len(a.offset))
	if a.backward {
		sameLen(name, len(a.shift), len(a.slope))
	}
	if len(a.dst) > 0 && (len(a.shift) == 0 || len(a.dst)%len(a.shift) != 0) {
		sameLen(name, len(a.shift), len(a.dst))
	}
}

// run repeats the coefficients of short rows and does all pieces.
func (a *normArgs) run() {
	if len(a.dst) == 0 {
		return
	}
	cols := len(a.shift)
	p := multiple(cols, 16)
	for p < 64 && p > 0 {
		p *= 2
	}
	j := newNNJob(func(j *nnJob, _, lo, hi int) { j.norm.sweep(lo, hi) }, len(a.dst), 1)
	j.size = upTo(chunk, p)
	j.norm = *a
	if p != cols {
		buf := aligned(&j.buf, 4*p)
		for i, v := range [...]*[]float32{&j.norm.shift, &j.norm.scale, &j.norm.offset, &j.norm.slope} {
			if *v == nil {
				continue
			}
			to := buf[i*p : (i+1)*p]
			for at := 0; at < p; at += cols {
				copy(to[at:], *v)
			}
			*v = to
		}
	}
	j.run()
	j.release()
}

// sweep does elements lo to hi; lo is the start of a row.
func (a *normArgs) sweep(lo, hi int) {
	p := len(a.shift)
	o := ops()
	if o.normalize == nil {
		a.twin(lo, 0, hi-lo)
		return
	}
	if p%16 == 0 {
		if rows := (hi - lo) / p; rows > 0 {
			a.assembly(o, lo, rows, p)
			lo += rows * p
		}
	}
	for lo < hi {
		row := min(p, hi-lo)
		n := whole(row, true)
		if n > 0 {
			a.assembly(o, lo, 1, n)
		}
		a.twin(lo+n, n, row-n)
		lo += row
	}
}

func (a *normArgs) assembly(o *operations, at, rows, cols int) {
	switch {
	case a.backward:
		dres, y := &a.dst[at], &a.x[at] // valid addresses that the flags leave alone
		if a.res != nil {
			dres = &a.res[at]
		}
		if a.y != nil {
			y = &a.y[at]
		}
		o.normalizeGrad(&a.dst[at], dres, &a.dy[at], &a.x[at], y, &a.shift[0], &a.scale[0], &a.slope[0], &a.offset[0], a.flags, rows, cols)
	case a.res != nil:
		o.normalizeRes(&a.dst[at], &a.x[at], &a.res[at], &a.shift[0], &a.scale[0], &a.offset[0], a.floor, rows, cols)
	default:
		o.normalize(&a.dst[at], &a.x[at], &a.shift[0], &a.scale[0], &a.offset[0], a.floor, rows, cols)
	}
}

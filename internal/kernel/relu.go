package kernel

import (
	"fmt"

	"github.com/monge-ml/monge/internal/par"
)

// Relu sets dst = x where x > 0, else 0; a NaN stays a NaN. dst may be x.
func Relu(dst, x []float32) {
	sameLen("Relu", len(dst), len(x))
	if len(dst) < long {
		relu(dst, x)
		return
	}
	j := newVecJob(func(j *vecJob, _, lo, hi int) { relu(j.dst[lo:hi], j.x[lo:hi]) }, len(dst), chunk)
	j.dst, j.x = dst, x
	j.run()
}

func relu(dst, x []float32) {
	f := ops().relu
	n := whole(len(dst), f != nil)
	if n > 0 {
		f(&dst[0], &x[0], n)
	}
	reluGo(dst[n:], x[n:])
}

// AddRelu sets dst = Relu(x+y). dst may be x or y.
func AddRelu(dst, x, y []float32) {
	sameLen("AddRelu", len(dst), len(x), len(y))
	if len(dst) < long {
		addRelu(dst, x, y)
		return
	}
	j := newVecJob(func(j *vecJob, _, lo, hi int) {
		addRelu(j.dst[lo:hi], j.x[lo:hi], j.y[lo:hi])
	}, len(dst), chunk)
	j.dst, j.x, j.y = dst, x, y
	j.run()
}

func addRelu(dst, x, y []float32) {
	f := ops().addRelu
	n := whole(len(dst), f != nil)
	if n > 0 {
		f(&dst[0], &x[0], &y[0], n)
	}
	addReluGo(dst[n:], x[n:], y[n:])
}

// ReluBackward sets dx = dy where y > 0, else 0; y is Relu's result or
// argument. dx may be dy or y.
func ReluBackward(dx, dy, y []float32) {
	sameLen("ReluBackward", len(dx), len(dy), len(y))
	if len(dx) < long {
		reluBackward(dx, dy, y)
		return
	}
	j := newVecJob(func(j *vecJob, _, lo, hi int) {
		reluBackward(j.dst[lo:hi], j.x[lo:hi], j.y[lo:hi])
	}, len(dx), chunk)
	j.dst, j.x, j.y = dx, dy, y
	j.run()
}

func reluBackward(dx, dy, y []float32) {
	f := ops().reluBackward
	n := whole(len(dx), f != nil)
	if n > 0 {
		f(&dx[0], &dy[0], &y[0], n)
	}
	reluBackwardGo(dx[n:], dy[n:], y[n:])
}

// ReluBackwardAdd adds to dx what ReluBackward sets it to.
func ReluBackwardAdd(dx, dy, y []float32) {
	sameLen("ReluBackwardAdd", len(dx), len(dy), len(y))
	if len(dx) < long {
		reluBackwardAdd(dx, dy, y)
		return
	}
	j := newVecJob(func(j *vecJob, _, lo, hi int) {
		reluBackwardAdd(j.dst[lo:hi], j.x[lo:hi], j.y[lo:hi])
	}, len(dx), chunk)
	j.dst, j.x, j.y = dx, dy, y
	j.run()
}

func reluBackwardAdd(dx, dy, y []float32) {
	f := ops().reluBackwardAdd
	n := whole(len(dx), f != nil)
	if n > 0 {
		f(&dx[0], &dy[0], &y[0], n)
	}
	reluBackwardAddGo(dx[n:], dy[n:], y[n:])
}

// AddBias adds bias to each of the rows of x, a row-major rows x cols matrix.
func AddBias(x []float32, rows, cols int, bias []float32) {
	checkRows("AddBias", x, rows, cols, bias)
	eachRow(x, rows, cols, bias, func(j *vecJob, _, lo, hi int) {
		rows := j.dst[lo*j.cols : hi*j.cols]
		repeat(stridedAdd, rows, rows, j.y, false)
	})
}

// BiasRelu is AddBias and then Relu, in one pass.
func BiasRelu(x []float32, rows, cols int, bias []float32) {
	checkRows("BiasRelu", x, rows, cols, bias)
	eachRow(x, rows, cols, bias, func(j *vecJob, _, lo, hi int) {
		for r := lo; r < hi; r++ {
			row := j.dst[r*j.cols : (r+1)*j.cols]
			addRelu(row, row, j.y)
		}
	})
}

func checkRows(name string, x []float32, rows, cols int, vector []float32) {
	if rows < 0 || cols < 0 || len(x) != rows*cols || len(vector) != cols {
		panic(fmt.Sprintf("kernel: %s: matrix of %d elements and vector of %d for %d rows of %d",
			name, len(x), len(vector), rows, cols))
	}
}

// rowsPerChunk cuts a matrix into chunks of whole rows.
func rowsPerChunk(cols int) int { return max(1, chunk/max(cols, 1)) }

func eachRow(x []float32, rows, cols int, bias []float32, op func(j *vecJob, piece, lo, hi int)) {
	if cols == 0 {
		return
	}
	j := newVecJob(op, rows, rowsPerChunk(cols))
	j.dst, j.y, j.cols = x, bias, cols
	if rows*cols < long {
		j.size = max(rows, 1)
	}
	j.run()
}

// SumRows sets dst to the sum of the rows of x, a row-major rows x cols matrix,
// that is, to the column sums. It accumulates in float64.
func SumRows(dst, x []float32, rows, cols int) {
	checkRows("SumRows", x, rows, cols, dst)
	sumRows(dst, x, rows, cols, false)
}

// SumRowsAdd adds to dst what SumRows sets it to.
func SumRowsAdd(dst, x []float32, rows, cols int) {
	checkRows("SumRowsAdd", x, rows, cols, dst)
	sumRows(dst, x, rows, cols, true)
}

// maxRowSums bounds the partial sums, which the caller adds up alone.
const maxRowSums = 32

func sumRows(dst, x []float32, rows, cols int, add bool) {
	if cols == 0 {
		return
	}
	j := newVecJob(func(j *vecJob, piece, lo, hi int) {
		sumCols(j.partial[piece*j.cols:(piece+1)*j.cols], j.x[lo*j.cols:hi*j.cols])
	}, rows, max(rowsPerChunk(cols), ceilDiv(rows, maxRowSums)))
	j.x, j.cols = x, cols
	pieces := j.pieces()
	sums := j.sums(max(pieces, 1) * cols)
	par.Run(pieces, j)
	for p := 1; p < pieces; p++ {
		for c, s := range sums[p*cols : (p+1)*cols] {
			sums[c] += s
		}
	}
	for c := range dst {
		s := float32(sums[c])
		if add {
			s += dst[c]
		}
		dst[c] = s
	}
	j.release()
}

// rowsAtOnce are read side by side, as strips of columns: few enough for the
// CPU's prefetcher to follow each.
const rowsAtOnce = 16

// sumCols adds the columns of x, which has len(sums) of them, to sums.
func sumCols(sums []float64, x []float32) {
	cols := len(sums)
	block := rowsAtOnce * cols
	for lo := 0; lo < len(x); lo += block {
		sumColsOf(sums, x[lo:min(lo+block, len(x))])
	}
}

func sumColsOf(sums []float64, x []float32) {
	cols, c := len(sums), 0
	rows := len(x) / cols
	o := ops()
	if f := o.sumCols32; f != nil {
		for ; c+32 <= cols; c += 32 {
			f(&sums[c], &x[c], rows, cols)
		}
	}
	if f := o.sumCols8; f != nil {
		for ; c+8 <= cols; c += 8 {
			f(&sums[c], &x[c], rows, cols)
		}
	}
	sumColsGo(sums, x, c)
}

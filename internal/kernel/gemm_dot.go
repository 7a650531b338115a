package kernel

import "github.com/monge-ml/monge/internal/par"

// A product A Bᵀ with few columns, as of a layer with few outputs, leaves lanes of
// the register tile empty and has to pack operands that are hardly read twice. It is
// done as dot products of rows instead: lanes lie along k, in both operands.
//
// An element of C is the sum of 16 partial sums, each over the products with equal k
// modulo 16, in order. They are added as halves of 16, then neighbours of 8, of 4
// and of 2.

const (
	dotCols  = 12 // at most: 16 fill a vector
	dotDepth = 64 // of k, at least: adding up the partial sums must not weigh

	// dotPiece is the number of products in a piece of work: one of a few microseconds is
	// worth handing to another core.
	dotPiece = 320 << 10
)

// dots reports whether the product is done as dot products. That follows from the
// shape only, as the sum is another one.
func (j *gemmJob) dots() bool {
	return j.precision == Float32 && !j.transA && j.transB && j.batch == 1 && j.packed == nil && j.n <= dotCols && j.k >= dotDepth && !j.splitsK()
}

// A dotJob is a gemmJob cut into pieces of rows.
type dotJob gemmJob

func (j *dotJob) run() {
	pieces := ceilDiv(j.m, j.pieceRows())
	if 2*j.m*j.n*j.k > smallFlops {
		par.Run(pieces, j)
		return
	}
	for i := range pieces {
		j.Do(0, i)
	}
}

// pieceRows is the height of a piece, in whole tiles.
func (j *dotJob) pieceRows() int {
	return max(1, dotPiece/(j.dotRows*j.n*j.k)) * j.dotRows
}

// Do does piece i.
func (j *dotJob) Do(_, i int) {
	row := i * j.pieceRows()
	rows := min(j.pieceRows(), j.m-row)
	groups := ceilDiv(j.n, j.dotCols)
	for g := range groups {
		col, end := g*j.n/groups, (g+1)*j.n/groups
		j.microDot(rows, end-col, j.k, j.a[row*j.lda:], j.lda, j.b[col*j.ldb:], j.ldb, j.c[row*j.ldc+col:], j.ldc, j.add)
	}
}

// A dotKernel multiplies any number of rows of A by some rows of B, the columns.
type dotKernel func(rows, k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc, add int)

func (t *target) microDot(rows, cols, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, accumulate bool) {
	if t.microDots == nil {
		microDotGo(rows, cols, k, a, lda, b, ldb, c, ldc, accumulate)
		return
	}
	add := 0
	if accumulate {
		add = 1
	}
	t.microDots[cols](rows, k, &a[0], lda, &b[0], ldb, &c[0], ldc, add)
}

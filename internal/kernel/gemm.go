package kernel

import "fmt"

// Gemm sets C = op(A) op(B), or adds that to C if accumulate. op(A) is m x k and
// op(B) is k x n; op transposes if transA or transB is set. All are row-major
// with row strides lda, ldb and ldc. C must not overlap A or B. C may not be read
// unless accumulate is set, so it may hold anything, NaNs included.
func Gemm(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, accumulate bool) {
	Float32.Gemm(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, accumulate)
}

// Gemm is [Gemm] in that precision.
func (p Precision) Gemm(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, accumulate bool) {
	checkDims("Gemm", m, n, k)
	checkMatrix("Gemm", "A", transA, m, k, a, lda)
	checkMatrix("Gemm", "B", transB, k, n, b, ldb)
	checkMatrix("Gemm", "C", false, m, n, c, ldc)
	j := gemmJobs.get()
	j.gemmArgs = gemmArgs{
		precision: p, transA: transA, transB: transB, add: accumulate, m: m, n: n, k: k,
		a: a, b: b, c: c, lda: lda, ldb: ldb, ldc: ldc, batch: 1,
	}
	j.run()
}

// GemmBatch does batch independent products of equal shape; item i's matrices
// start at i*strideA, i*strideB and i*strideC. strideA and strideB may be 0 for an
// operand that all items share; the C matrices must not overlap.
func GemmBatch(batch int, transA, transB bool, m, n, k int, a []float32, lda, strideA int, b []float32, ldb, strideB int, c []float32, ldc, strideC int, accumulate bool) {
	Float32.GemmBatch(batch, transA, transB, m, n, k, a, lda, strideA, b, ldb, strideB, c, ldc, strideC, accumulate)
}

// GemmBatch is [GemmBatch] in that precision.
func (p Precision) GemmBatch(batch int, transA, transB bool, m, n, k int, a []float32, lda, strideA int, b []float32, ldb, strideB int, c []float32, ldc, strideC int, accumulate bool) {
	checkDims("GemmBatch", m, n, k)
	checkBatch("GemmBatch", "A", transA, m, k, a, lda, batch, strideA)
	checkBatch("GemmBatch", "B", transB, k, n, b, ldb, batch, strideB)
	checkBatch("GemmBatch", "C", false, m, n, c, ldc, batch, strideC)
	checkApart("GemmBatch", m, n, ldc, batch, strideC)
	j := gemmJobs.get()
	j.gemmArgs = gemmArgs{
		precision: p, transA: transA, transB: transB, add: accumulate, m: m, n: n, k: k,
		a: a, b: b, c: c, lda: lda, ldb: ldb, ldc: ldc,
		batch: batch, strideA: strideA, strideB: strideB, strideC: strideC,
	}
	j.run()
}

// A Packed holds the right-hand matrices of a batch in the order in which the
// multiplication reads them, to be packed once and used often. The zero value
// is ready for Pack, which may be called again and reuses memory.
type Packed struct {
	level       Level
	batch, k, n int
	panels      []float32
	buf         []float32
}

// Pack stores op(B), k x n, of each item of a batch, as GemmBatch takes it.
func (p *Packed) Pack(batch int, transB bool, k, n int, b []float32, ldb, strideB int) {
	checkDims("Pack", 0, n, k)
	checkBatch("Pack", "B", transB, k, n, b, ldb, batch, strideB)
	j := gemmJobs.get()
	j.gemmArgs = gemmArgs{
		transB: transB, n: n, k: k, b: b, ldb: ldb, batch: batch, strideB: strideB,
	}
	j.packInto(p)
}

// GemmPacked is Gemm with op(B), n and k as they were packed, for a batch of 1. If
// n is small, the order of a sum and so its rounding may be another.
func GemmPacked(transA bool, m int, a []float32, lda int, b *Packed, c []float32, ldc int, accumulate bool) {
	if b.batch != 1 {
		panic(fmt.Sprintf("kernel: GemmPacked: B is a batch of %d, not 1", b.batch))
	}
	GemmBatchPacked(transA, m, a, lda, 0, b, c, ldc, 0, accumulate)
}

// GemmBatchPacked is GemmBatch with op(B), n, k and the batch as they were packed.
// The level must be the one that was active then.
func GemmBatchPacked(transA bool, m int, a []float32, lda, strideA int, b *Packed, c []float32, ldc, strideC int, accumulate bool) {
	const name = "GemmBatchPacked"
	if b.level != Active() {
		panic(fmt.Sprintf("kernel: %s: B was packed for %v, active is %v", name, b.level, Active()))
	}
	checkDims(name, m, b.n, b.k)
	checkBatch(name, "A", transA, m, b.k, a, lda, b.batch, strideA)
	checkBatch(name, "C", false, m, b.n, c, ldc, b.batch, strideC)
	checkApart(name, m, b.n, ldc, b.batch, strideC)
	j := gemmJobs.get()
	j.gemmArgs = gemmArgs{
		transA: transA, add: accumulate, m: m, n: b.n, k: b.k,
		a: a, c: c, lda: lda, ldc: ldc,
		batch: b.batch, strideA: strideA, strideC: strideC, packed: b,
	}
	j.run()
}

func checkDims(name string, m, n, k int) {
	if m < 0 || n < 0 || k < 0 {
		panic(fmt.Sprintf("kernel: %s: negative size in m=%d n=%d k=%d", name, m, n, k))
	}
}

// span is the number of elements from the first to the last of a matrix.
func span(rows, cols, ld int) int {
	if rows == 0 || cols == 0 {
		return 0
	}
	return (rows-1)*ld + cols
}

func checkMatrix(name, matrix string, trans bool, rows, cols int, x []float32, ld int) {
	checkBatch(name, matrix, trans, rows, cols, x, ld, 1, 0)
}

func checkBatch(name, matrix string, trans bool, rows, cols int, x []float32, ld, batch, stride int) {
	if trans {
		rows, cols = cols, rows
	}
	if ld < cols || batch < 0 || stride < 0 {
		panic(fmt.Sprintf("kernel: %s: %s is stored with rows of %d but row stride %d, batch %d, item stride %d",
			name, matrix, cols, ld, batch, stride))
	}
	need := span(rows, cols, ld)
	if need > 0 && batch > 1 {
		need += (batch - 1) * stride
	}
	if batch > 0 && len(x) < need {
		panic(fmt.Sprintf("kernel: %s: %s has %d elements, needs %d for a batch of %d of %d x %d with strides %d and %d",
			name, matrix, len(x), need, batch, rows, cols, ld, stride))
	}
}

// checkApart accepts items one after the other or, within each row, side by side.
func checkApart(name string, m, n, ldc, batch, stride int) {
	if batch <= 1 || m == 0 || n == 0 || stride >= span(m, n, ldc) {
		return
	}
	if stride < n || (m > 1 && ldc < (batch-1)*stride+n) {
		panic(fmt.Sprintf("kernel: %s: the C matrices overlap, m=%d n=%d with strides %d and %d", name, m, n, ldc, stride))
	}
}

package kernel

// GemmStrided is Gemm for each index of s: the matrices start at the offsets that its A, B
// and Dst, of C, give. Products whose offset in C is the same add up. The C matrices must
// not overlap otherwise.
func GemmStrided(s *Strides, transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, accumulate bool) {
	Float32.GemmStrided(s, transA, transB, m, n, k, a, lda, b, ldb, c, ldc, accumulate)
}

// GemmStrided is [GemmStrided] in that precision.
func (precision Precision) GemmStrided(s *Strides, transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, accumulate bool) {
	p := strided{Strides: s.collapsed(), precision: precision, transA: transA, transB: transB, add: accumulate,
		m: m, n: n, k: k, a: a, b: b, c: c, lda: lda, ldb: ldb, ldc: ldc}
	p.merge()
	p.choose()
	p.walk(0, 0, 0, 0, accumulate)
}

// strided are the products of a GemmStrided.
type strided struct {
	Strides
	precision           Precision
	transA, transB, add bool
	m, n, k             int
	a, b, c             []float32
	lda, ldb, ldc       int
	batch               int // the dimension that is done by GemmBatch
}

// merge makes one product of those along the last dimensions that are one: of matrices A
// below each other with one B, or that add up and lie one after the other along k.
func (p *strided) merge() {
	for ; p.Rank > 0; p.Rank-- {
		i := p.Rank - 1
		d := p.Dims[i]
		switch {
		case d == 1:
		case p.B[i] == 0 && !p.transA && p.A[i] == p.m*p.lda && p.Dst[i] == p.m*p.ldc:
			p.m *= d
		case p.Dst[i] == 0 && p.transA && !p.transB && p.A[i] == p.k*p.lda && p.B[i] == p.k*p.ldb:
			p.k *= d
		default:
			return
		}
	}
}

// choose takes the longest dimension along which products do not add up as the batch, and
// makes it the last.
func (p *strided) choose() {
	p.batch = -1
	for i, d := range p.Dims[:p.Rank] {
		if p.Dst[i] != 0 && (p.batch < 0 || d >= p.Dims[p.batch]) {
			p.batch = i
		}
	}
	if p.batch < 0 { // a batch of one
		p.batch = p.Rank
		p.Rank++
		p.Dims[p.batch], p.A[p.batch], p.B[p.batch], p.Dst[p.batch] = 1, 0, 0, 0
	}
	last := p.Rank - 1
	for _, x := range [...]*[MaxDims]int{&p.Dims, &p.A, &p.B, &p.Dst} {
		x[p.batch], x[last] = x[last], x[p.batch]
	}
}

func (p *strided) walk(dim, a, b, c int, add bool) {
	if dim == p.Rank-1 {
		p.precision.GemmBatch(p.Dims[dim], p.transA, p.transB, p.m, p.n, p.k, p.a[a:], p.lda, p.A[dim], p.b[b:], p.ldb, p.B[dim], p.c[c:], p.ldc, p.Dst[dim], add)
		return
	}
	for i := range p.Dims[dim] {
		p.walk(dim+1, a+i*p.A[dim], b+i*p.B[dim], c+i*p.Dst[dim], add || i > 0 && p.Dst[dim] == 0)
	}
}

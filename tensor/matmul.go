package tensor

import "github.com/monge-ml/monge/internal/kernel"

// MatMul returns the products of the matrices that are the last two dimensions of a and b,
// transposed as told: op(a) [..., m, k] times op(b) [..., k, n] is [..., m, n]. The other
// dimensions are broadcast as in [Tape.Add]: NumPy's matmul for two dimensions and more.
func (t *Tape) MatMul(a, b *Tensor, transA, transB bool) *Tensor {
	if t.stop("matmul", a, b) {
		return nil
	}
	if a.rank < 2 || b.rank < 2 {
		return t.fail("matmul", "%v and %v must have two dimensions at least", a.shape(), b.shape())
	}
	p, ok := newProduct(a, b, transA, transB)
	if !ok {
		return t.fail("matmul", "%v%s and %v%s do not fit: rows of the first must be as long as columns of the second, and the other dimensions broadcast",
			a.shape(), transposed(transA), b.shape(), transposed(transB))
	}
	var shape [MaxRank]int
	rank := copy(shape[:], p.s.Dims[:p.s.Rank])
	shape[rank], shape[rank+1] = p.m, p.n
	if !t.fits("matmul", shape[:rank+2]) {
		return nil
	}
	y := t.result(shape[:rank+2]...)
	t.flops += 2 * y.Len() * p.k
	t.precision.GemmStrided(&p.s, transA, transB, p.m, p.n, p.k, a.Data, a.Dim(-1), b.Data, b.Dim(-1), y.Data, p.n, false)
	n := node{back: matmulBack, out: y, in: [4]*Tensor{a, b}, flag: transA}
	if transB {
		n.kind = 1
	}
	return t.record(n)
}

func transposed(trans bool) string {
	if trans {
		return " transposed"
	}
	return ""
}

// A product is how [Tape.MatMul] walks over the matrices of a, b and its result.
type product struct {
	s       kernel.Strides
	m, n, k int
}

func newProduct(a, b *Tensor, transA, transB bool) (p product, ok bool) {
	p.m, p.k = lastTwo(a, transA)
	k, n := lastTwo(b, transB)
	p.n = n
	s, ok := together(a.dims[:a.rank-2], b.dims[:b.rank-2])
	if !ok || k != p.k {
		return p, false
	}
	p.s.Rank, p.s.Dims = s.Rank, s.Dims
	step := p.m * p.n
	for i := s.Rank - 1; i >= 0; i-- {
		p.s.A[i], p.s.B[i], p.s.Dst[i] = s.Steps[0][i]*p.m*p.k, s.Steps[1][i]*p.k*p.n, step
		step *= s.Dims[i]
	}
	return p, true
}

// lastTwo are the rows and columns of op(x).
func lastTwo(x *Tensor, trans bool) (rows, cols int) {
	rows, cols = x.Dim(-2), x.Dim(-1)
	if trans {
		rows, cols = cols, rows
	}
	return rows, cols
}

// matmulBack is dA = dY op(B)ᵀ and dB = op(A)ᵀ dY, or their transposes.
func matmulBack(t *Tape, n *node) {
	a, b, dy := n.in[0], n.in[1], n.out.Grad
	transA, transB := n.flag, n.kind == 1
	p, _ := newProduct(a, b, transA, transB)
	la, lb := a.Dim(-1), b.Dim(-1)
	if dx, add := t.into(a); dx != nil {
		s := kernel.Strides{Rank: p.s.Rank, Dims: p.s.Dims, Dst: p.s.A, A: p.s.Dst, B: p.s.B}
		if transA {
			s.A, s.B = s.B, s.A
			t.precision.GemmStrided(&s, transB, true, p.k, p.m, p.n, b.Data, lb, dy, p.n, dx, la, add)
		} else {
			t.precision.GemmStrided(&s, false, !transB, p.m, p.k, p.n, dy, p.n, b.Data, lb, dx, la, add)
		}
	}
	if dx, add := t.into(b); dx != nil {
		s := kernel.Strides{Rank: p.s.Rank, Dims: p.s.Dims, Dst: p.s.B, A: p.s.A, B: p.s.Dst}
		if transB {
			s.A, s.B = s.B, s.A
			t.precision.GemmStrided(&s, true, transA, p.n, p.k, p.m, dy, p.n, a.Data, la, dx, lb, add)
		} else {
			t.precision.GemmStrided(&s, !transA, false, p.k, p.n, p.m, a.Data, la, dy, p.n, dx, lb, add)
		}
	}
}

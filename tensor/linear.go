package tensor

import "github.com/monge-ml/monge/internal/kernel"

// Linear returns x Wᵀ + b for x of shape [..., in], W [out, in] and b [out] or nil.
func (t *Tape) Linear(x, w, b *Tensor) *Tensor {
	if t.err != nil {
		return nil
	}
	rows, in := x.rows()
	if w.rank != 2 || w.Dim(1) != in {
		return t.fail("linear", "input %v does not fit weight %v: its last dimension must be the weight's second", x.Shape(), w.Shape())
	}
	out := w.Dim(0)
	if b != nil && (b.rank != 1 || b.Dim(0) != out) {
		return t.fail("linear", "bias %v does not fit weight %v: it must have shape [%d]", b.Shape(), w.Shape(), out)
	}
	y := t.resultLast(x, out)
	kernel.Gemm(false, true, rows, out, in, x.Data, in, w.Data, in, y.Data, out, false)
	if b != nil {
		kernel.AddBias(y.Data, rows, out, b.Data)
	}
	return t.record(node{back: linearBack, out: y, in: [3]*Tensor{x, w, b}})
}

func linearBack(t *Tape, n *node) {
	x, w, b := n.in[0], n.in[1], n.in[2]
	rows, in := x.rows()
	out := w.Dim(0)
	dy := n.out.Grad
	if dw, add := t.into(w); dw != nil {
		kernel.Gemm(true, false, out, in, rows, dy, out, x.Data, in, dw, in, add)
	}
	if dx, add := t.into(x); dx != nil {
		kernel.Gemm(false, false, rows, in, out, dy, out, w.Data, in, dx, in, add)
	}
	if b == nil {
		return
	}
	if db, add := t.into(b); db != nil {
		sumRows(db, dy, rows, out, add)
	}
}

// sumRows sets (or with add, adds to) dst the column sums of x.
func sumRows(dst, x []float32, rows, cols int, add bool) {
	if add {
		kernel.SumRowsAdd(dst, x, rows, cols)
	} else {
		kernel.SumRows(dst, x, rows, cols)
	}
}

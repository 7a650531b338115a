package tensor

import "github.com/monge-ml/monge/internal/kernel"

// Linear returns x Wᵀ + b for x of shape [..., in], W [out, in] and b [out] or nil.
func (t *Tape) Linear(x, w, b *Tensor) *Tensor { return t.linear(x, w, b, false) }

// LinearReLU returns relu(Linear(x, w, b)) with one pass over memory less.
func (t *Tape) LinearReLU(x, w, b *Tensor) *Tensor { return t.linear(x, w, b, true) }

func (t *Tape) linear(x, w, b *Tensor, relu bool) *Tensor {
	if t.stop("linear", x, w) {
		return nil
	}
	rows, in := x.rows()
	if w.rank != 2 || w.Dim(1) != in {
		return t.fail("linear", "input %v does not fit weight %v: its last dimension must be the weight's second", x.shape(), w.shape())
	}
	out := w.Dim(0)
	if b != nil && (b.rank != 1 || b.Dim(0) != out) {
		return t.fail("linear", "bias %v does not fit weight %v: it must have shape [%d]", b.shape(), w.shape(), out)
	}
	t.flops += 2 * rows * in * out
	y := t.resultLast(x, out)
	t.precision.Gemm(false, true, rows, out, in, x.Data, in, w.Data, in, y.Data, out, false)
	switch {
	case b != nil && relu:
		kernel.BiasRelu(y.Data, rows, out, b.Data)
	case b != nil:
		kernel.AddBias(y.Data, rows, out, b.Data)
	case relu:
		kernel.Relu(y.Data, y.Data)
	}
	return t.record(node{back: linearBack, out: y, in: [4]*Tensor{x, w, b}, flag: relu})
}

func linearBack(t *Tape, n *node) {
	x, w, b := n.in[0], n.in[1], n.in[2]
	rows, in := x.rows()
	out := w.Dim(0)
	dy := n.out.Grad
	if n.flag {
		dy = t.masked(n.out)
	}
	if dw, add := t.into(w); dw != nil {
		t.precision.Gemm(true, false, out, in, rows, dy, out, x.Data, in, dw, in, add)
	}
	if dx, add := t.into(x); dx != nil {
		t.precision.Gemm(false, false, rows, in, out, dy, out, w.Data, in, dx, in, add)
	}
	t.biasBack(b, dy, out)
	if n.flag && n.out.kept {
		t.arena.put(dy)
	}
}

// masked returns y's gradient where y > 0, in its memory unless that is kept, in which
// case the caller gives the memory back.
func (t *Tape) masked(y *Tensor) []float32 {
	g := y.Grad
	if y.kept {
		g = t.arena.get(len(g))
	}
	kernel.ReluBackward(g, y.Grad, y.Data)
	return g
}

// sumRows sets (or with add, adds to) dst the column sums of x.
func sumRows(dst, x []float32, rows, cols int, add bool) {
	if add {
		kernel.SumRowsAdd(dst, x, rows, cols)
	} else {
		kernel.SumRows(dst, x, rows, cols)
	}
}

package tensor

import (
	"slices"

	"github.com/monge-ml/monge/internal/kernel"
)

// AttentionOptions say what the rows of a sequence see of each other.
type AttentionOptions struct {
	Heads  int
	Causal bool // a row sees itself and those before it
	// Lengths are how many rows of each sequence are seen; the others are padding. Nil
	// means all.
	Lengths []int
	// Tokens, [N, T], are what the rows stand for, in place of Lengths: those of 0 at the end
	// of a sequence are padding. Nil means that there is none. It gets no gradient.
	Tokens *Tensor
	// Dropout is the probability with which a weight of the softmax is dropped, as [Tape.Dropout] drops
	// those of [N, Heads, T, T].
	Dropout float32
}

// Attention returns multi-head scaled dot-product attention of queries q, keys k and
// values v, each [N, T, D] with the heads side by side in D: [N, T, D], PyTorch's
// scaled_dot_product_attention of each head. The T x T weights are never kept, so memory
// grows linearly with T; backward computes them again.
func (t *Tape) Attention(q, k, v *Tensor, o AttentionOptions) *Tensor {
	if t.stop("attention", q, k, v) {
		return nil
	}
	if q.rank != 3 || !q.sameShape(k) || !q.sameShape(v) {
		return t.fail("attention", "queries %v, keys %v and values %v must be of one shape [sequences, rows, width]", q.shape(), k.shape(), v.shape())
	}
	if o.Heads < 1 || q.dims[2]%o.Heads != 0 {
		return t.fail("attention", "the width of %v is not a multiple of %d heads", q.shape(), o.Heads)
	}
	if o.Lengths != nil && (len(o.Lengths) != q.dims[0] || slices.Min(o.Lengths) < 1 || slices.Max(o.Lengths) > q.dims[1]) {
		return t.fail("attention", "lengths %v of %v must be from 1 to %d, one for each sequence", slices.Clone(o.Lengths), q.shape(), q.dims[1])
	}
	if o.Tokens != nil {
		if o.Lengths = t.lengths(o.Tokens, q, o.Lengths); o.Lengths == nil {
			return nil
		}
	}
	if !probability(o.Dropout) {
		return t.fail("attention", "of %v: the probability %g of dropout must be at least 0 and below 1", q.shape(), o.Dropout)
	}
	n := node{back: attentionBack, in: [4]*Tensor{q, k, v, o.Tokens}, kind: o.Heads, flag: o.Causal, ints: o.Lengths}
	if t.drops(o.Dropout) {
		n.f, n.key = o.Dropout, t.site()
	}
	s := sequences(t, &n)
	t.flops += 4 * s.Batch * s.Len * s.Len * s.Width
	n.out = t.result(q.Shape()...)
	n.buf = t.arena.get(s.Batch * s.Heads * s.Len)
	kernel.Attention(&s, n.out.Data, n.buf, q.Data, k.Data, v.Data)
	return t.record(n)
}

// lengths returns those of sequences x without their padding, at least 1.
func (t *Tape) lengths(tokens, x *Tensor, given []int) []int {
	if t.stop("attention", tokens) {
		return nil
	}
	n, rows := x.dims[0], x.dims[1]
	if tokens.rank != 2 || tokens.dims[0] != n || tokens.dims[1] != rows || given != nil {
		t.fail("attention", "tokens %v must be one for each row of %v, and no lengths be given", tokens.shape(), x.shape())
		return nil
	}
	lengths := t.ints(n)
	for i := range lengths {
		row := tokens.Data[i*rows : (i+1)*rows]
		for lengths[i] = rows; lengths[i] > 1 && row[lengths[i]-1] == 0; {
			lengths[i]--
		}
	}
	return lengths
}

func sequences(t *Tape, n *node) kernel.Sequences {
	x := n.in[0]
	return kernel.Sequences{Batch: x.dims[0], Len: x.dims[1], Width: x.dims[2], Heads: n.kind, Causal: n.flag, Lengths: n.ints,
		Precision: t.precision, Dropout: n.f, Key: n.key}
}

func attentionBack(t *Tape, n *node) {
	q, k, v := n.in[0], n.in[1], n.in[2]
	if q == k || k == v || v == q { // their gradients can't be written side by side
		attentionBackOfOne(t, n)
		return
	}
	s := sequences(t, n)
	dq, addQ := t.into(q)
	dk, addK := t.into(k)
	dv, addV := t.into(v)
	kernel.AttentionGrad(&s, dq, dk, dv, addQ, addK, addV, n.out.Grad, n.out.Data, n.buf, q.Data, k.Data, v.Data)
}

// attentionBackOfOne is attentionBack where a tensor is more than one of the inputs.
func attentionBackOfOne(t *Tape, n *node) {
	s := sequences(t, n)
	var grads [3][]float32
	for i, x := range n.in[:3] {
		if x.needs {
			grads[i] = t.arena.get(len(x.Data))
		}
	}
	kernel.AttentionGrad(&s, grads[0], grads[1], grads[2], false, false, false,
		n.out.Grad, n.out.Data, n.buf, n.in[0].Data, n.in[1].Data, n.in[2].Data)
	for i, x := range n.in[:3] {
		if dx, add := t.into(x); dx != nil {
			scaleInto(dx, 1, grads[i], add)
			t.arena.put(grads[i])
		}
	}
}

package tensor

import (
	"slices"

	"github.com/monge-ml/monge/internal/kernel"
)

// AttentionOptions say what the rows of a sequence see of each other.
type AttentionOptions struct {
	Heads  int
	Causal bool // a row sees itself and those before it
	// Lengths are how many rows of each sequence there are; the others are padding, of keys as of
	// queries: they are not seen, and their results are 0. Nil means that there is none.
	Lengths []int
	// Tokens, [N, T], are what the rows stand for, in place of Lengths: those of 0 at the end
	// of a sequence are padding. Nil means that there is none. It gets no gradient.
	Tokens *Tensor
	// Dropout is the probability with which a weight of the softmax is dropped, as [Tape.Dropout] drops
	// those of [N, Heads, T, T'].
	Dropout float32
	// Bias, [Heads, T, T'], is added to the scores of all sequences, as are biases of relative
	// positions. Nil means none.
	Bias *Tensor
	// Mask, [M, 1 or Heads, 1 or T, T'], is added as well, to sequence i what it has at i modulo M,
	// of which N must be a multiple. A row of queries to which it is -Inf everywhere is 0. Nil means
	// none. It gets no gradient.
	Mask *Tensor
}

// Inputs of attention.
const (
	attentionQ = iota
	attentionK
	attentionV
	attentionTokens
	attentionBias
	attentionMask
)

// Attention returns multi-head scaled dot-product attention of queries q [N, T, D] to keys k and
// values v, each [N, T', D], with the heads side by side in D: [N, T, D], PyTorch's
// scaled_dot_product_attention of each head. The T x T' weights are never kept, so memory
// grows linearly with T; backward computes them again.
func (t *Tape) Attention(q, k, v *Tensor, o AttentionOptions) *Tensor {
	if t.stop("attention", q, k, v) || !t.attends(q, k, v, &o) {
		return nil
	}
	n := node{back: attentionBack, more: t.inputs([]*Tensor{q, k, v, o.Tokens, o.Bias, o.Mask}), kind: o.Heads, flag: o.Causal, ints: o.Lengths}
	if t.drops(o.Dropout) {
		n.f, n.key = o.Dropout, t.site()
	}
	s := sequences(t, &n)
	t.flops += 4 * s.Batch * s.Len * s.Keys * s.Width
	n.out = t.result(q.Shape()...)
	n.buf = t.arena.get(s.Sums())
	kernel.Attention(&s, n.out.Data, n.buf, q.Data, k.Data, v.Data)
	return t.record(n)
}

// attends reports whether inputs and options of attention fit, and sets the lengths that tokens give.
func (t *Tape) attends(q, k, v *Tensor, o *AttentionOptions) bool {
	const op = "attention"
	switch {
	case q.rank != 3 || k.rank != 3 || !k.sameShape(v) || k.dims[0] != q.dims[0] || k.dims[2] != q.dims[2]:
		t.fail(op, "queries %v must be [sequences, rows, width], and keys %v and values %v alike but for their rows", q.shape(), k.shape(), v.shape())
	case o.Heads < 1 || q.dims[2]%o.Heads != 0:
		t.fail(op, "the width of %v is not a multiple of %d heads", q.shape(), o.Heads)
	case !probability(o.Dropout):
		t.fail(op, "of %v: the probability %g of dropout must be at least 0 and below 1", q.shape(), o.Dropout)
	case (o.Lengths != nil || o.Tokens != nil) && q.dims[1] != k.dims[1]:
		t.fail(op, "lengths are of sequences that attend to themselves, but there are queries %v and keys %v", q.shape(), k.shape())
	case o.Lengths != nil && (len(o.Lengths) != q.dims[0] || slices.Min(o.Lengths) < 1 || slices.Max(o.Lengths) > q.dims[1]):
		t.fail(op, "lengths %v of %v must be from 1 to %d, one for each sequence", slices.Clone(o.Lengths), q.shape(), q.dims[1])
	default:
		if o.Tokens != nil {
			o.Lengths = t.lengths(o.Tokens, q, o.Lengths)
		}
		return t.err == nil && t.takesBias(q, k, o) && t.takesMask(q, k, o)
	}
	return false
}

// takesBias reports whether the bias fits, if there is one.
func (t *Tape) takesBias(q, k *Tensor, o *AttentionOptions) bool {
	b := o.Bias
	if b == nil {
		return true
	}
	if t.stop("attention", b) {
		return false
	}
	if b.rank != 3 || b.dims[0] != o.Heads || b.dims[1] != q.dims[1] || b.dims[2] != k.dims[1] {
		t.fail("attention", "a bias %v of scores of %v with %v must be %v", b.shape(), q.shape(), k.shape(), [...]int{o.Heads, q.dims[1], k.dims[1]})
		return false
	}
	return true
}

// takesMask reports whether the mask fits, if there is one.
func (t *Tape) takesMask(q, k *Tensor, o *AttentionOptions) bool {
	m := o.Mask
	if m == nil {
		return true
	}
	if t.stop("attention", m) {
		return false
	}
	if m.rank != 4 || q.dims[0]%m.dims[0] != 0 || m.dims[1] != 1 && m.dims[1] != o.Heads || m.dims[2] != 1 && m.dims[2] != q.dims[1] || m.dims[3] != k.dims[1] {
		t.fail("attention", "a mask %v of scores of %v with %v must be [%d or a part of that, 1 or %d, 1 or %d, %d]",
			m.shape(), q.shape(), k.shape(), q.dims[0], o.Heads, q.dims[1], k.dims[1])
		return false
	}
	return true
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
	q, k, bias, mask := n.more[attentionQ], n.more[attentionK], n.more[attentionBias], n.more[attentionMask]
	s := kernel.Sequences{Batch: q.dims[0], Len: q.dims[1], Keys: k.dims[1], Width: q.dims[2], Heads: n.kind, Causal: n.flag, Lengths: n.ints,
		Precision: t.precision, Dropout: n.f, Key: n.key}
	if bias != nil {
		s.Bias = bias.Data
	}
	if mask != nil {
		s.Mask = kernel.ScoreMask{Data: mask.Data, Items: mask.dims[0], Heads: mask.dims[1], Rows: mask.dims[2]}
	}
	return s
}

func attentionBack(t *Tape, n *node) {
	s := sequences(t, n)
	var grads [attentionMask]kernel.Grad
	var apart [attentionMask][]float32
	for i, x := range n.more[:attentionMask] {
		switch {
		case i == attentionTokens || x == nil || !x.needs:
		case slices.Contains(n.more[:i], x): // gradients of one tensor can't be written side by side
			apart[i] = t.arena.get(len(x.Data))
			grads[i].To = apart[i]
		default:
			grads[i].To, grads[i].Add = t.into(x)
		}
	}
	q, k, v := n.more[attentionQ], n.more[attentionK], n.more[attentionV]
	kernel.AttentionGrad(&s, grads[attentionQ], grads[attentionK], grads[attentionV], grads[attentionBias],
		n.out.Grad, n.out.Data, n.buf, q.Data, k.Data, v.Data)
	for i, g := range apart {
		if g != nil {
			dx, _ := t.into(n.more[i])
			kernel.AddScaled(dx, dx, 1, g)
			t.arena.put(g)
		}
	}
}

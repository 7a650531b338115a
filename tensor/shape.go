package tensor

import "github.com/monge-ml/monge/internal/kernel"

// Reshape returns x's elements, in their order, with another shape. One dimension may
// be -1: it is what is left. The result shares x's memory.
func (t *Tape) Reshape(x *Tensor, shape ...int) *Tensor {
	if t.stop("reshape", x) {
		return nil
	}
	var dims [MaxRank]int
	rank := copy(dims[:], shape)
	known, open := 1, -1
	for i, d := range shape[:rank] {
		if d == -1 && open < 0 {
			open = i
		} else {
			known *= d
		}
	}
	if open >= 0 && known > 0 && len(x.Data)%known == 0 {
		dims[open] = len(x.Data) / known
	}
	if rank == 0 || len(shape) > MaxRank || checkShape(dims[:rank]) != nil || size(dims[:rank]) != len(x.Data) {
		return t.fail("reshape", "%v has %d elements, which is not what shape %v takes", x.shape(), len(x.Data), append([]int(nil), shape...))
	}
	y := t.view(x, dims[:rank]...)
	return t.record(node{back: reshapeBack, out: y, in: [4]*Tensor{x}})
}

func reshapeBack(t *Tape, n *node) { t.pass(n.in[0], n.out) }

// Permute returns x with its dimensions in another order: dimension i of the result is
// dimension order[i] of x.
func (t *Tape) Permute(x *Tensor, order ...int) *Tensor {
	if t.stop("permute", x) {
		return nil
	}
	var used [MaxRank]bool
	var at, dims [MaxRank]int
	ok := len(order) == x.rank
	for i := 0; ok && i < x.rank; i++ {
		d := order[i]
		ok = d >= 0 && d < x.rank && !used[d]
		if ok {
			used[d] = true
			at[i], dims[i] = d, x.dims[d]
		}
	}
	if !ok {
		return t.fail("permute", "%v is not an order of the dimensions of %v", append([]int(nil), order...), x.shape())
	}
	y := t.result(dims[:x.rank]...)
	s := permuted(x, y, &at)
	kernel.CopyStrided(&s, y.Data, x.Data, 1, false)
	return t.record(node{back: permuteBack, out: y, in: [4]*Tensor{x}, at: at})
}

// permuted walks through y, Dst, and x, A.
func permuted(x, y *Tensor, order *[MaxRank]int) kernel.Strides {
	s := kernel.Strides{Rank: x.rank, Dims: y.dims, Dst: strides(y)}
	sx := strides(x)
	for i := range x.rank {
		s.A[i] = sx[order[i]]
	}
	return s
}

// strides returns how far apart neighbours along each dimension lie.
func strides(x *Tensor) (s [MaxRank]int) {
	n := 1
	for i := x.rank - 1; i >= 0; i-- {
		s[i] = n
		n *= x.dims[i]
	}
	return s
}

func permuteBack(t *Tape, n *node) {
	dx, add := t.into(n.in[0])
	s := permuted(n.in[0], n.out, &n.at)
	s.Dst, s.A = s.A, s.Dst
	kernel.CopyStrided(&s, dx, n.out.Grad, 1, add)
}

// Transpose returns x with dimensions i and j exchanged. Negative ones count from the
// end.
func (t *Tape) Transpose(x *Tensor, i, j int) *Tensor {
	if t.stop("transpose", x) {
		return nil
	}
	var order [MaxRank]int
	for k := range order {
		order[k] = k
	}
	a, b := fromEnd(i, x.rank), fromEnd(j, x.rank)
	if a < 0 || b < 0 {
		return t.fail("transpose", "%v has no dimensions %d and %d", x.shape(), i, j)
	}
	order[a], order[b] = order[b], order[a]
	return t.Permute(x, order[:x.rank]...)
}

// fromEnd resolves a dimension, -1 if there is none such.
func fromEnd(d, rank int) int {
	if d < 0 {
		d += rank
	}
	if d < 0 || d >= rank {
		return -1
	}
	return d
}

// Flatten returns images x [N, H, W, C] as rows [N, C*H*W] in the order in which PyTorch
// flattens its N x C x H x W images, so that weights made for those fit.
func (t *Tape) Flatten(x *Tensor) *Tensor {
	if t.stop("flatten", x) {
		return nil
	}
	if x.rank == 4 && x.dims[1]*x.dims[2] > 1 {
		x = t.Permute(x, 0, 3, 1, 2)
	}
	return t.Reshape(x, x.dims[0], -1)
}

// Slice returns the elements lo to hi, without hi, along a dimension.
func (t *Tape) Slice(x *Tensor, dim, lo, hi int) *Tensor {
	if t.stop("slice", x) {
		return nil
	}
	d := fromEnd(dim, x.rank)
	if d < 0 || lo < 0 || hi > x.dims[d] || lo >= hi {
		return t.fail("slice", "%d to %d of dimension %d is not a part of %v", lo, hi, dim, x.shape())
	}
	dims := x.dims
	dims[d] = hi - lo
	y := t.result(dims[:x.rank]...)
	n := node{back: sliceBack, out: y, in: [4]*Tensor{x}}
	n.at[d] = lo
	t.box(y.Data, y, x.Data, x, y, &n.at, 1, false)
	return t.record(n)
}

// box copies part's elements from or to their places in whole, which start at the
// offsets at; one of the tensors is dst's, the other src's.
func (t *Tape) box(dst []float32, d *Tensor, src []float32, x, part *Tensor, at *[MaxRank]int, f float32, add bool) {
	s := kernel.Strides{Rank: part.rank, Dims: part.dims, Dst: strides(d), A: strides(x)}
	whole := &s.A
	if part != d {
		whole = &s.Dst
	}
	off := 0
	for i := range part.rank {
		off += at[i] * whole[i]
	}
	if part == d {
		src = src[off:]
	} else {
		dst = dst[off:]
	}
	kernel.CopyStrided(&s, dst, src, f, add)
}

func sliceBack(t *Tape, n *node) {
	x := n.in[0]
	dx, add := t.into(x)
	if !add {
		clear(dx)
	}
	t.box(dx, x, n.out.Grad, n.out, n.out, &n.at, 1, true)
}

// Pad returns x with zeros around it: pairs[i] are how many come before and after along
// dimension i. Missing pairs mean none.
func (t *Tape) Pad(x *Tensor, pairs ...[2]int) *Tensor {
	if t.stop("pad", x) {
		return nil
	}
	if len(pairs) > x.rank {
		return t.fail("pad", "%d pairs for %v", len(pairs), x.shape())
	}
	n := node{back: padBack, in: [4]*Tensor{x}}
	dims := x.dims
	for i, p := range pairs {
		if p[0] < 0 || p[1] < 0 {
			return t.fail("pad", "%v by %d and %d: neither may be negative", x.shape(), p[0], p[1])
		}
		n.at[i] = p[0]
		dims[i] += p[0] + p[1]
	}
	n.out = t.result(dims[:x.rank]...)
	clear(n.out.Data)
	t.box(n.out.Data, n.out, x.Data, x, x, &n.at, 1, false)
	return t.record(n)
}

// PadHW returns images x [N, H, W, C] with h rows of zeros above and below, and w
// columns on each side.
func (t *Tape) PadHW(x *Tensor, h, w int) *Tensor {
	return t.Pad(x, [2]int{}, [2]int{h, h}, [2]int{w, w})
}

func padBack(t *Tape, n *node) {
	x := n.in[0]
	dx, add := t.into(x)
	t.box(dx, x, n.out.Grad, n.out, x, &n.at, 1, add)
}

// Concat joins tensors along a dimension; the others must agree.
func (t *Tape) Concat(dim int, xs ...*Tensor) *Tensor {
	if t.stop("concat", xs...) {
		return nil
	}
	if len(xs) == 0 {
		return t.fail("concat", "there is nothing to join")
	}
	d := fromEnd(dim, xs[0].rank)
	if d < 0 {
		return t.fail("concat", "%v has no dimension %d", xs[0].shape(), dim)
	}
	dims := xs[0].dims
	for _, x := range xs[1:] {
		same := x.dims
		same[d] = xs[0].dims[d]
		if x.rank != xs[0].rank || same != xs[0].dims {
			return t.fail("concat", "%v and %v differ elsewhere than in dimension %d", xs[0].shape(), x.shape(), dim)
		}
		dims[d] += x.dims[d]
	}
	n := node{back: concatBack, kind: d, out: t.result(dims[:xs[0].rank]...), more: t.inputs(xs)}
	for _, x := range xs {
		t.box(n.out.Data, n.out, x.Data, x, x, &n.at, 1, false)
		n.at[d] += x.dims[d]
	}
	return t.record(n)
}

// inputs keeps any number of inputs for a node.
func (t *Tape) inputs(xs []*Tensor) []*Tensor {
	lo := len(t.sources)
	t.sources = append(t.sources, xs...)
	return t.sources[lo:len(t.sources):len(t.sources)]
}

func concatBack(t *Tape, n *node) {
	n.at = [MaxRank]int{}
	for _, x := range n.more {
		if dx, add := t.into(x); dx != nil {
			t.box(dx, x, n.out.Grad, n.out, x, &n.at, 1, add)
		}
		n.at[n.kind] += x.dims[n.kind]
	}
}

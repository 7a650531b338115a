package tensor

import "github.com/monge-ml/monge/internal/kernel"

// Take returns the elements of x with the numbers index, counted in x's order, as a tensor
// of a shape; an index of -1 is a zero. The tape keeps index until Reset.
func (t *Tape) Take(x *Tensor, index []int32, shape ...int) *Tensor {
	if t.stop("take", x) {
		return nil
	}
	if err := checkShape(shape); err != nil {
		return t.fail("take", "%v", err)
	}
	if !t.fits("take", shape) {
		return nil
	}
	if n := size(shape); n != len(index) {
		return t.fail("take", "shape %v has %d elements, there are %d indices", append([]int(nil), shape...), n, len(index))
	}
	if !t.indicesFit("take", x, index, -1, len(x.Data)) {
		return nil
	}
	y := t.result(shape...)
	kernel.Take(y.Data, x.Data, index)
	return t.record(node{back: takeBack, out: y, in: [4]*Tensor{x}, index: index})
}

func takeBack(t *Tape, n *node) {
	dx, add := t.into(n.in[0])
	if !add {
		clear(dx)
	}
	kernel.TakeGrad(dx, n.out.Grad, n.index)
}

// indicesFit reports whether all of index are from lo to below hi, and records an error if
// not.
func (t *Tape) indicesFit(op string, x *Tensor, index []int32, lo, hi int) bool {
	least, most := int32(0), int32(0)
	for _, v := range index {
		least, most = min(least, v), max(most, v)
	}
	if int(least) >= lo && int(most) < hi {
		return true
	}
	for i, v := range index {
		if int(v) < lo || int(v) >= hi {
			t.fail(op, "index %d at %d is not one of %d to %d, for %v", v, i, lo, hi-1, x.shape())
			break
		}
	}
	return t.err == nil
}

// lines views x as an array whose middle is a dimension, and a result with to in its place.
func lines(x *Tensor, dim, to int) kernel.Lines {
	return kernel.Lines{Outer: size(x.dims[:dim]), From: x.dims[dim], To: to, Inner: size(x.dims[dim+1 : x.rank])}
}

// resultAlong returns a tensor of x's shape but for one dimension, or nil and an error if
// it is too large.
func (t *Tape) resultAlong(op string, x *Tensor, dim, to int) *Tensor {
	dims := x.dims
	dims[dim] = to
	if !t.fits(op, dims[:x.rank]) {
		return nil
	}
	return t.result(dims[:x.rank]...)
}

// Gather returns the rows of x with the numbers index along a dimension, which is as long
// as index in the result. The tape keeps index until Reset.
func (t *Tape) Gather(x *Tensor, dim int, index []int) *Tensor {
	if t.stop("gather", x) {
		return nil
	}
	d := fromEnd(dim, x.rank)
	if d < 0 || len(index) == 0 {
		return t.fail("gather", "%v has no dimension %d, or there are no indices: %d", x.shape(), dim, len(index))
	}
	for i, v := range index {
		if v < 0 || v >= x.dims[d] {
			return t.fail("gather", "index %d at %d is outside the %d of dimension %d of %v", v, i, x.dims[d], dim, x.shape())
		}
	}
	l := lines(x, d, len(index))
	l.Index = index
	return t.gather("gather", x, d, &l)
}

// SliceStep returns n elements along a dimension, from start on, step apart; step may be
// negative.
func (t *Tape) SliceStep(x *Tensor, dim, start, step, n int) *Tensor {
	if t.stop("slice", x) {
		return nil
	}
	d := fromEnd(dim, x.rank)
	if d < 0 || n < 1 || n > x.dims[d] || step == 0 || !inside(start, step, n, x.dims[d]) {
		return t.fail("slice", "%d elements from %d by %d of dimension %d are not part of %v", n, start, step, dim, x.shape())
	}
	if step == 1 {
		return t.Slice(x, d, start, start+n)
	}
	l := lines(x, d, n)
	l.Start, l.Step = start, step
	return t.gather("slice", x, d, &l)
}

// inside reports whether n places from start on are from 0 to below size; n is not above
// size.
func inside(start, step, n, size int) bool {
	if start < 0 || start >= size {
		return false
	}
	if step < 0 {
		start, step = size-1-start, -step
	}
	return n == 1 || step > 0 && step <= (size-1-start)/(n-1)
}

// Interpolate returns a linear map of x along a dimension: row j of the result is the sum
// of the rows index[j*taps+k] of x times weight[j*taps+k], for k from 0 to taps-1. It resizes
// images and pads them with what they have. The tape keeps index and weight until Reset.
func (t *Tape) Interpolate(x *Tensor, dim int, index []int32, weight []float32, taps int) *Tensor {
	if t.stop("interpolate", x) {
		return nil
	}
	d := fromEnd(dim, x.rank)
	if d < 0 || taps < 1 || len(index) == 0 || len(index)%taps != 0 || len(weight) != len(index) {
		return t.fail("interpolate", "dimension %d of %v by %d indices and %d weights, %d for each row", dim, x.shape(), len(index), len(weight), taps)
	}
	if !t.indicesFit("interpolate", x, index, 0, x.dims[d]) {
		return nil
	}
	l := lines(x, d, len(index)/taps)
	l.Taps, l.Taken, l.Weight = taps, index, weight
	return t.gather("interpolate", x, d, &l)
}

func (t *Tape) gather(op string, x *Tensor, dim int, l *kernel.Lines) *Tensor {
	y := t.resultAlong(op, x, dim, l.To)
	if y == nil {
		return nil
	}
	kernel.Gather(l, y.Data, x.Data)
	return t.record(node{back: gatherBack, out: y, in: [4]*Tensor{x}, lines: *l, kind: dim})
}

func gatherBack(t *Tape, n *node) {
	dx, add := t.into(n.in[0])
	kernel.GatherGrad(&n.lines, dx, n.out.Grad, add)
}

// CumSum returns the sums along a dimension of all elements up to each one; exclusive
// leaves that itself out, reverse sums from the end.
func (t *Tape) CumSum(x *Tensor, dim int, exclusive, reverse bool) *Tensor {
	if t.stop("cumulative sum", x) {
		return nil
	}
	d := fromEnd(dim, x.rank)
	if d < 0 {
		return t.fail("cumulative sum", "%v has no dimension %d", x.shape(), dim)
	}
	y := t.result(x.Shape()...)
	l := lines(x, d, x.dims[d])
	kernel.Cumulate(&l, y.Data, x.Data, exclusive, reverse, false)
	n := node{back: cumSumBack, out: y, in: [4]*Tensor{x}, kind: d, flag: reverse}
	if exclusive {
		n.f = 1
	}
	return t.record(n)
}

func cumSumBack(t *Tape, n *node) {
	x := n.in[0]
	dx, add := t.into(x)
	l := lines(x, n.kind, x.dims[n.kind])
	kernel.Cumulate(&l, dx, n.out.Grad, n.f == 1, !n.flag, add)
}

// Expand returns x broadcast to the common shape of x and shape, as in [Tape.Add].
func (t *Tape) Expand(x *Tensor, shape ...int) *Tensor {
	if t.stop("expand", x) {
		return nil
	}
	if err := checkShape(shape); err != nil {
		return t.fail("expand", "%v", err)
	}
	b, ok := together(x.Shape(), shape)
	if !ok {
		return t.fail("expand", "%v does not broadcast to %v", x.shape(), append([]int(nil), shape...))
	}
	if !t.fits("expand", b.Dims[:b.Rank]) {
		return nil
	}
	if size(b.Dims[:b.Rank]) == len(x.Data) {
		return t.Reshape(x, b.Dims[:b.Rank]...)
	}
	y := t.result(b.Dims[:b.Rank]...)
	b.Steps[1] = [MaxRank]int{} // of shape, which has no memory
	kernel.Repeat(&b, y.Data, x.Data)
	return t.record(node{back: expandBack, out: y, in: [4]*Tensor{x}})
}

func expandBack(t *Tape, n *node) {
	dx, add := t.into(n.in[0])
	t.sumTo(dx, n.in[0], n.out.Grad, n.out, add)
}

// Put returns x with u's elements in the places index, counted in x's order: where two come
// to one place, the later stays. With add they are added to what is there instead. The tape
// keeps index until Reset.
func (t *Tape) Put(x *Tensor, index []int32, u *Tensor, add bool) *Tensor {
	if t.stop("put", x, u) {
		return nil
	}
	if len(index) != len(u.Data) {
		return t.fail("put", "%v needs as many indices, got %d", u.shape(), len(index))
	}
	if !t.indicesFit("put", x, index, 0, len(x.Data)) {
		return nil
	}
	y := t.result(x.Shape()...)
	kernel.Scale(y.Data, 1, x.Data)
	if add {
		kernel.TakeGrad(y.Data, u.Data, index)
	} else {
		for i, at := range index {
			y.Data[at] = u.Data[i]
		}
	}
	return t.record(node{back: putBack, out: y, in: [4]*Tensor{x, u}, index: index, flag: add})
}

func putBack(t *Tape, n *node) {
	x, u, dy := n.in[0], n.in[1], n.out.Grad
	if du, add := t.into(u); du != nil {
		g := t.arena.get(len(du))
		kernel.Take(g, dy, n.index)
		if !n.flag {
			t.keepLast(g, n.index, len(dy))
		}
		scaleInto(du, 1, g, add)
		t.arena.put(g)
	}
	if n.flag {
		t.pass(x, n.out)
		return
	}
	dx, add := t.take(x, n.out)
	if dx == nil {
		return
	}
	g := dx
	if add {
		g = t.arena.get(len(dx))
	}
	copy(g, dy)
	for _, at := range n.index {
		g[at] = 0
	}
	if add {
		scaleInto(dx, 1, g, true)
		t.arena.put(g)
	}
}

// keepLast zeroes g where a later index of n is the same.
func (t *Tape) keepLast(g []float32, index []int32, n int) {
	taken := t.arena.get(n)
	for _, at := range index {
		taken[at] = 0
	}
	for i := len(index) - 1; i >= 0; i-- {
		if at := index[i]; taken[at] == 1 {
			g[i] = 0
		} else {
			taken[at] = 1
		}
	}
	t.arena.put(taken)
}

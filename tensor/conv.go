package tensor

import "github.com/monge-ml/monge/internal/kernel"

// ConvOptions are the options of a convolution. Zeros mean what PyTorch does unless
// told: a stride, dilation and number of groups of 1, no padding.
type ConvOptions struct {
	Stride   int // down and across
	Pad      int // zeros around the image, on each side
	Dilation int
	Groups   int

	// For axes and sides that differ: down and across; above, left, below, right. What is
	// not zero here goes before what is above; Pad and Pads are not given together.
	Strides, Dilations [2]int
	Pads               [4]int

	// Moments says that batch normalisation of the result comes next, whose sums are then made on the way.
	Moments bool
}

// shape returns the options as the kernels have them.
func (o *ConvOptions) shape() kernel.Conv {
	return kernel.Conv{
		Strides:   axes(o.Stride, o.Strides),
		Dilations: axes(o.Dilation, o.Dilations),
		Pads:      sides(o.Pad, o.Pads),
		Groups:    max(o.Groups, 1),
	}
}

// axes are the numbers of both axes: 1 if nothing is given.
func axes(both int, each [2]int) [2]int {
	for i, n := range each {
		if n == 0 {
			each[i] = max(both, 1)
		}
	}
	return each
}

// sides are the numbers of all sides.
func sides(all int, each [4]int) [4]int {
	if each == [4]int{} {
		return kernel.Around(all)
	}
	return each
}

// wrong reports whether an option is negative, or padding given twice.
func (o *ConvOptions) wrong() bool {
	least := min(o.Stride, o.Pad, o.Dilation, o.Groups)
	for _, n := range [...]int{o.Strides[0], o.Strides[1], o.Dilations[0], o.Dilations[1], o.Pads[0], o.Pads[1], o.Pads[2], o.Pads[3]} {
		least = min(least, n)
	}
	return least < 0 || o.Pad != 0 && o.Pads != [4]int{}
}

// Conv2d returns the cross-correlation of images x [N, H, W, I] with the kernels w
// [KH, KW, I/groups, O], plus b [O] or nil: [N, OH, OW, O], PyTorch's conv2d.
func (t *Tape) Conv2d(x, w, b *Tensor, o ConvOptions) *Tensor {
	if t.stop("conv2d", x, w) {
		return nil
	}
	s := o.shape()
	s.Direct, s.Precision = t.direct, t.precision
	switch {
	case o.wrong():
		return t.fail("conv2d", "options %+v: none may be negative, nor padding be given twice", o)
	case x.rank != 4:
		return t.fail("conv2d", "input %v must have shape [N H W C], for weight %v", x.shape(), w.shape())
	case w.rank != 4 || w.Dim(2)*s.Groups != x.Dim(3):
		return t.fail("conv2d", "input %v does not fit weight %v: with %d groups the weight must have shape [KH KW %d/%d O]", x.shape(), w.shape(), s.Groups, x.Dim(3), s.Groups)
	case w.Dim(3)%s.Groups != 0:
		return t.fail("conv2d", "weight %v: %d groups do not divide its %d output channels", w.shape(), s.Groups, w.Dim(3))
	case b != nil && (b.rank != 1 || b.Dim(0) != w.Dim(3)):
		return t.fail("conv2d", "bias %v does not fit weight %v: it must have shape [%d]", b.shape(), w.shape(), w.Dim(3))
	}
	s.N, s.H, s.W, s.C = x.dims[0], x.dims[1], x.dims[2], x.dims[3]
	s.KH, s.KW, s.O = w.dims[0], w.dims[1], w.dims[3]
	if s.OutH() < 1 || s.OutW() < 1 {
		return t.fail("conv2d", "weight %v is larger than input %v with padding %v and dilation %v", w.shape(), x.shape(), s.Pads, s.Dilations)
	}
	y := t.result(s.N, s.OutH(), s.OutW(), s.O)
	n := node{back: convBack, out: y, in: [4]*Tensor{x, w, b}, conv: s}
	t.flops += s.Flops()
	if o.Moments && b == nil && t.mode != Eval {
		sum, sq := t.momentsOf(y)
		kernel.ConvForwardMoments(&s, y.Data, x.Data, w.Data, sum, sq)
		return t.record(n)
	}
	kernel.ConvForward(&s, y.Data, x.Data, w.Data)
	if b != nil {
		kernel.AddBias(y.Data, len(y.Data)/s.O, s.O, b.Data)
	}
	return t.record(n)
}

func convBack(t *Tape, n *node) {
	x, w, b, dy := n.in[0], n.in[1], n.in[2], n.out.Grad
	if dw, add := t.into(w); dw != nil {
		kernel.ConvBackwardWeights(&n.conv, dw, x.Data, dy, add)
	}
	if dx, add := t.into(x); dx != nil {
		kernel.ConvBackwardData(&n.conv, dx, dy, w.Data, add)
	}
	t.biasBack(b, dy, n.conv.O)
}

// ConvTranspose2d returns the images [N, OH, OW, O] of which x [N, H, W, I] would be the
// convolution's gradient, plus b [O] or nil: PyTorch's conv_transpose2d, in which more rows
// and columns, fewer than the stride, come below and right. w is [KH, KW, O/groups, I], the
// kernels of that convolution from O to I channels: PyTorch's weight, [I, O/groups, KH, KW],
// with its dimensions in the order 2, 3, 1, 0.
func (t *Tape) ConvTranspose2d(x, w, b *Tensor, o ConvOptions, more [2]int) *Tensor {
	const op = "conv transpose2d"
	if t.stop(op, x, w) {
		return nil
	}
	s := o.shape()
	s.Direct, s.Precision = t.direct, t.precision
	switch {
	case o.wrong():
		return t.fail(op, "options %+v: none may be negative, nor padding be given twice", o)
	case more[0] < 0 || more[1] < 0 || more[0] >= s.Strides[0] || more[1] >= s.Strides[1]:
		return t.fail(op, "%v more rows and columns of output: they must be fewer than the strides %v", more, s.Strides)
	case x.rank != 4:
		return t.fail(op, "input %v must have shape [N H W C], for weight %v", x.shape(), w.shape())
	case w.rank != 4 || w.Dim(3) != x.Dim(3):
		return t.fail(op, "input %v does not fit weight %v: the weight must have shape [KH KW O/%d %d]", x.shape(), w.shape(), s.Groups, x.Dim(3))
	case w.Dim(3)%s.Groups != 0:
		return t.fail(op, "weight %v: %d groups do not divide its %d input channels", w.shape(), s.Groups, w.Dim(3))
	case b != nil && (b.rank != 1 || b.Dim(0) != w.Dim(2)*s.Groups):
		return t.fail(op, "bias %v does not fit weight %v: it must have shape [%d]", b.shape(), w.shape(), w.Dim(2)*s.Groups)
	}
	s.N, s.C, s.O = x.dims[0], w.dims[2]*s.Groups, x.dims[3]
	s.KH, s.KW = w.dims[0], w.dims[1]
	s.H = (x.dims[1]-1)*s.Strides[0] + (s.KH-1)*s.Dilations[0] + 1 - s.Pads[0] - s.Pads[2] + more[0]
	s.W = (x.dims[2]-1)*s.Strides[1] + (s.KW-1)*s.Dilations[1] + 1 - s.Pads[1] - s.Pads[3] + more[1]
	if s.H < 1 || s.W < 1 {
		return t.fail(op, "input %v and weight %v with padding %v leave nothing", x.shape(), w.shape(), s.Pads)
	}
	y := t.result(s.N, s.H, s.W, s.C)
	n := node{back: convTransposeBack, out: y, in: [4]*Tensor{x, w, b}, conv: s}
	t.flops += s.Flops()
	kernel.ConvBackwardData(&s, y.Data, x.Data, w.Data, false)
	if b != nil {
		kernel.AddBias(y.Data, len(y.Data)/s.C, s.C, b.Data)
	}
	return t.record(n)
}

func convTransposeBack(t *Tape, n *node) {
	x, w, b, dy := n.in[0], n.in[1], n.in[2], n.out.Grad
	if dw, add := t.into(w); dw != nil {
		kernel.ConvBackwardWeights(&n.conv, dw, dy, x.Data, add)
	}
	switch dx, add := t.into(x); {
	case dx == nil:
	case add:
		g := t.arena.get(len(dx))
		kernel.ConvForward(&n.conv, g, dy, w.Data)
		kernel.AddScaled(dx, dx, 1, g)
		t.arena.put(g)
	default:
		kernel.ConvForward(&n.conv, dx, dy, w.Data)
	}
	t.biasBack(b, dy, n.conv.C)
}

// biasBack is the way back from adding b to each row.
func (t *Tape) biasBack(b *Tensor, dy []float32, cols int) {
	if b == nil {
		return
	}
	if db, add := t.into(b); db != nil {
		sumRows(db, dy, len(dy)/cols, cols, add)
	}
}

package tensor

import "github.com/monge-ml/monge/internal/kernel"

// ConvOptions are the options of a convolution. Zeros mean what PyTorch does unless
// told: a stride, dilation and number of groups of 1, no padding.
type ConvOptions struct {
	Stride   int
	Pad      int // zeros around the image, on each side
	Dilation int
	Groups   int
}

// Conv2d returns the cross-correlation of images x [N, H, W, I] with the kernels w
// [KH, KW, I/groups, O], plus b [O] or nil: [N, OH, OW, O], PyTorch's conv2d.
func (t *Tape) Conv2d(x, w, b *Tensor, o ConvOptions) *Tensor {
	if t.stop("conv2d", x, w) {
		return nil
	}
	s := kernel.Conv{Stride: max(o.Stride, 1), Pad: o.Pad, Dilation: max(o.Dilation, 1), Groups: max(o.Groups, 1), Direct: t.direct}
	switch {
	case o.Stride < 0 || o.Pad < 0 || o.Dilation < 0 || o.Groups < 0:
		return t.fail("conv2d", "options %+v: none may be negative", o)
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
		return t.fail("conv2d", "weight %v is larger than input %v with padding %d and dilation %d", w.shape(), x.shape(), s.Pad, s.Dilation)
	}
	y := t.result(s.N, s.OutH(), s.OutW(), s.O)
	n := node{back: convBack, out: y, in: [4]*Tensor{x, w, b}, conv: s}
	t.flops += s.Flops()
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

// biasBack is the way back from adding b to each row.
func (t *Tape) biasBack(b *Tensor, dy []float32, cols int) {
	if b == nil {
		return
	}
	if db, add := t.into(b); db != nil {
		sumRows(db, dy, len(dy)/cols, cols, add)
	}
}

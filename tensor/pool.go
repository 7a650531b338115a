package tensor

import "github.com/monge-ml/monge/internal/kernel"

// PoolOptions are the windows of a pooling.
type PoolOptions struct {
	Kernel   int
	Stride   int  // 0 means Kernel
	Pad      int  // on each side, at most half the kernel
	SkipZero bool // the mean is over pixels inside the image: PyTorch's count_include_pad=False
}

// MaxPool2d returns the largest of each window of images x [N, H, W, C], PyTorch's
// max_pool2d.
func (t *Tape) MaxPool2d(x *Tensor, o PoolOptions) *Tensor {
	s, y := t.pool("max pool", x, o)
	if y == nil {
		return nil
	}
	n := node{back: maxPoolBack, out: y, in: [4]*Tensor{x}, conv: s}
	kernel.MaxPool(&s, y.Data, x.Data)
	return t.record(n)
}

func maxPoolBack(t *Tape, n *node) {
	x := n.in[0]
	dx, add := t.into(x)
	kernel.MaxPoolGrad(&n.conv, dx, n.out.Grad, x.Data, n.out.Data, add)
}

// AvgPool2d returns the mean of each window of images x [N, H, W, C], PyTorch's
// avg_pool2d.
func (t *Tape) AvgPool2d(x *Tensor, o PoolOptions) *Tensor {
	s, y := t.pool("average pool", x, o)
	if y == nil {
		return nil
	}
	n := node{back: avgPoolBack, out: y, in: [4]*Tensor{x}, conv: s, flag: !o.SkipZero}
	kernel.AvgPool(&s, y.Data, x.Data, !o.SkipZero)
	return t.record(n)
}

func avgPoolBack(t *Tape, n *node) {
	dx, add := t.into(n.in[0])
	kernel.AvgPoolGrad(&n.conv, dx, n.out.Grad, n.flag, add)
}

// pool returns the windows and the result's tensor.
func (t *Tape) pool(op string, x *Tensor, o PoolOptions) (s kernel.Conv, y *Tensor) {
	if t.stop(op, x) {
		return s, nil
	}
	if o.Stride == 0 {
		o.Stride = o.Kernel
	}
	switch {
	case x.rank != 4:
		return s, t.fail(op, "input %v must have shape [N H W C]", x.shape())
	case o.Kernel < 1 || o.Stride < 0 || o.Pad < 0 || o.Pad > o.Kernel/2:
		return s, t.fail(op, "input %v with options %+v: the kernel must be positive and padding at most half of it", x.shape(), o)
	}
	s = kernel.Conv{N: x.dims[0], H: x.dims[1], W: x.dims[2], C: x.dims[3], O: x.dims[3],
		KH: o.Kernel, KW: o.Kernel, Stride: o.Stride, Pad: o.Pad}
	if s.OutH() < 1 || s.OutW() < 1 {
		return s, t.fail(op, "input %v is smaller than a kernel of %d with padding %d", x.shape(), o.Kernel, o.Pad)
	}
	return s, t.result(s.N, s.OutH(), s.OutW(), s.C)
}

// GlobalAvgPool returns the mean of each channel of images x [N, H, W, C]: [N, C].
func (t *Tape) GlobalAvgPool(x *Tensor) *Tensor {
	if t.stop("global average pool", x) {
		return nil
	}
	if x.rank < 3 {
		return t.fail("global average pool", "input %v must have shape [N H W C]", x.shape())
	}
	y := t.result(x.dims[0], x.Dim(-1))
	kernel.GlobalAvgPool(y.Data, x.Data, x.dims[0], x.Dim(-1))
	return t.record(node{back: globalAvgPoolBack, out: y, in: [4]*Tensor{x}})
}

func globalAvgPoolBack(t *Tape, n *node) {
	dx, add := t.into(n.in[0])
	kernel.GlobalAvgPoolGrad(dx, n.out.Grad, n.out.dims[0], n.out.dims[1], add)
}

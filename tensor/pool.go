package tensor

import "github.com/monge-ml/monge/internal/kernel"

// PoolOptions are the windows of a pooling.
type PoolOptions struct {
	Kernel   int  // down and across
	Stride   int  // 0 means Kernel
	Pad      int  // on each side, less than the kernel
	SkipZero bool // the mean is over pixels inside the image: PyTorch's count_include_pad=False
	Ceil     bool // a last window may reach beyond the padding, unless it would begin there

	// For axes and sides that differ: down and across; above, left, below, right. What is
	// not zero here goes before what is above; Pad and Pads are not given together.
	Kernels, Strides, Dilations [2]int
	Pads                        [4]int
}

// shape returns the windows as the kernels have them.
func (o *PoolOptions) shape() kernel.Conv {
	size, steps := axes(o.Kernel, o.Kernels), o.Strides
	for i := range steps {
		if steps[i] == 0 && o.Stride == 0 {
			steps[i] = size[i]
		}
	}
	return kernel.Conv{KH: size[0], KW: size[1], Strides: axes(o.Stride, steps), Dilations: axes(1, o.Dilations),
		Pads: sides(o.Pad, o.Pads), Ceil: o.Ceil}
}

// wrong reports whether an option is negative, one given twice, or no kernel given.
func (o *PoolOptions) wrong() bool {
	c := ConvOptions{Stride: o.Stride, Pad: o.Pad, Strides: o.Strides, Dilations: o.Dilations, Pads: o.Pads}
	return c.wrong() || min(o.Kernel, o.Kernels[0], o.Kernels[1]) < 0 || o.Kernel == 0 && min(o.Kernels[0], o.Kernels[1]) == 0
}

// MaxPool2d returns the largest of each window of images x [N, H, W, C], PyTorch's
// max_pool2d; the lowest number, as ONNX Runtime, where dilation leaves a window nothing but
// padding.
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
	s = o.shape()
	h, w := (s.KH-1)*s.Dilations[0], (s.KW-1)*s.Dilations[1]
	switch {
	case x.rank != 4:
		return s, t.fail(op, "input %v must have shape [N H W C]", x.shape())
	case o.wrong():
		return s, t.fail(op, "input %v with options %+v: the kernel must be positive, nothing negative, nor padding be given twice", x.shape(), o)
	case max(s.Pads[0], s.Pads[2]) > h || max(s.Pads[1], s.Pads[3]) > w:
		return s, t.fail(op, "input %v: padding %v must be less than the kernel, %dx%d with dilation %v", x.shape(), s.Pads, s.KH, s.KW, s.Dilations)
	}
	s.N, s.H, s.W, s.C, s.O = x.dims[0], x.dims[1], x.dims[2], x.dims[3], x.dims[3]
	if s.OutH() < 1 || s.OutW() < 1 {
		return s, t.fail(op, "input %v is smaller than a kernel of %dx%d with padding %v", x.shape(), s.KH, s.KW, s.Pads)
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

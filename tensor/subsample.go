package tensor

import "github.com/monge-ml/monge/internal/kernel"

// Subsample returns every stride-th pixel of images x [N, H, W, C], with channels zeros
// around C to make out of them, as many before as after: the shortcut without
// parameters of the CIFAR ResNets (option A of He et al. 2016).
func (t *Tape) Subsample(x *Tensor, stride, out int) *Tensor {
	if t.stop("subsample", x) {
		return nil
	}
	if x.rank != 4 || stride < 1 || out < x.Dim(3) || (out-x.Dim(3))%2 != 0 {
		return t.fail("subsample", "input %v with stride %d to %d channels: it must be [N H W C], and as many channels be added before as after", x.shape(), stride, out)
	}
	y := t.result(x.dims[0], (x.dims[1]+stride-1)/stride, (x.dims[2]+stride-1)/stride, out)
	kernel.Subsample(subsampling(x, y, stride), y.Data, x.Data)
	return t.record(node{back: subsampleBack, out: y, in: [4]*Tensor{x}, kind: stride})
}

func subsampleBack(t *Tape, n *node) {
	x := n.in[0]
	dx, add := t.into(x)
	kernel.SubsampleGrad(subsampling(x, n.out, n.kind), dx, n.out.Grad, add)
}

func subsampling(x, y *Tensor, stride int) *kernel.Conv {
	return &kernel.Conv{N: x.dims[0], H: x.dims[1], W: x.dims[2], C: x.dims[3], O: y.dims[3], Strides: kernel.Both(stride)}
}

package tensor

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
	clear(y.Data)
	pixels(x, y, stride, func(from, to int) { copy(y.Data[to:], x.Data[from:from+x.dims[3]]) })
	return t.record(node{back: subsampleBack, out: y, in: [4]*Tensor{x}, kind: stride})
}

func subsampleBack(t *Tape, n *node) {
	x := n.in[0]
	dx, add := t.into(x)
	if !add {
		clear(dx)
	}
	c := x.dims[3]
	pixels(x, n.out, n.kind, func(from, to int) {
		d := dx[from : from+c]
		for i, g := range n.out.Grad[to : to+c] {
			d[i] += g
		}
	})
}

// pixels calls each with the places of a pixel's channels in x and in y, for every pixel
// that y takes.
func pixels(x, y *Tensor, stride int, each func(from, to int)) {
	h, w, c := x.dims[1], x.dims[2], x.dims[3]
	to := (y.dims[3] - c) / 2
	for n := range x.dims[0] {
		for i := 0; i < h; i += stride {
			for j := 0; j < w; j += stride {
				each(((n*h+i)*w+j)*c, to)
				to += y.dims[3]
			}
		}
	}
}

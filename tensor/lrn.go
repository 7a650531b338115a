package tensor

import "github.com/monge-ml/monge/internal/kernel"

// LRN returns x [..., C] over (bias + alpha/size * sum)^beta, where sum is of the squares of
// size channels around each one, (size-1)/2 before it and size/2 after it, as far as there are
// so many: ONNX's LRN, with channels last. PyTorch's local_response_norm is the same for odd
// sizes.
func (t *Tape) LRN(x *Tensor, size int, alpha, beta, bias float32) *Tensor {
	if t.stop("lrn", x) {
		return nil
	}
	if size < 1 {
		return t.fail("lrn", "a window of %d channels, for %v", size, x.shape())
	}
	n := node{back: lrnBack, in: [4]*Tensor{x}, kind: size, f: alpha, g: beta, h: bias}
	n.out, n.buf = t.result(x.Shape()...), t.arena.get(len(x.Data))
	kernel.LRN(n.out.Data, n.buf, x.Data, x.Dim(-1), size, alpha, beta, bias)
	return t.record(n)
}

func lrnBack(t *Tape, n *node) {
	x, y, dy := n.in[0], n.out, n.out.Grad
	dx, add := t.take(x, y)
	kernel.LRNGrad(dx, dy, y.Data, n.buf, x.Data, x.Dim(-1), n.kind, n.f, n.g, n.h, add)
}

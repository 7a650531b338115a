package tensor

import "github.com/monge-ml/monge/internal/kernel"

// ReLU returns max(x, 0), elementwise.
func (t *Tape) ReLU(x *Tensor) *Tensor {
	if t.stop("relu", x) {
		return nil
	}
	y := t.result(x.Shape()...)
	kernel.Relu(y.Data, x.Data)
	return t.record(node{back: reluBack, out: y, in: [4]*Tensor{x}})
}

func reluBack(t *Tape, n *node) {
	dy := n.out.Grad
	dx, add := t.take(n.in[0], n.out)
	if add {
		kernel.ReluBackwardAdd(dx, dy, n.out.Data)
	} else {
		kernel.ReluBackward(dx, dy, n.out.Data)
	}
}

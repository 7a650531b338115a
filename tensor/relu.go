package tensor

import "github.com/monge-ml/monge/internal/kernel"

// ReLU returns max(x, 0), elementwise.
func (t *Tape) ReLU(x *Tensor) *Tensor {
	if t.err != nil {
		return nil
	}
	y := t.result(x.Shape()...)
	kernel.Relu(y.Data, x.Data)
	return t.record(node{back: reluBack, out: y, in: [3]*Tensor{x}})
}

func reluBack(t *Tape, n *node) {
	dx, add := t.into(n.in[0])
	if add {
		kernel.ReluBackwardAdd(dx, n.out.Grad, n.out.Data)
	} else {
		kernel.ReluBackward(dx, n.out.Grad, n.out.Data)
	}
}

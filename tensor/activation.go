package tensor

import "github.com/monge-ml/monge/internal/kernel"

// Sigmoid returns 1/(1+exp(-x)), elementwise.
func (t *Tape) Sigmoid(x *Tensor) *Tensor { return t.activate("sigmoid", kernel.Sigmoid, x) }

// Tanh returns the hyperbolic tangent, elementwise.
func (t *Tape) Tanh(x *Tensor) *Tensor { return t.activate("tanh", kernel.Tanh, x) }

// SiLU returns x*sigmoid(x), elementwise.
func (t *Tape) SiLU(x *Tensor) *Tensor { return t.activate("silu", kernel.SiLU, x) }

// QuickGELU returns x*sigmoid(1.702x), elementwise: CLIP's activation.
func (t *Tape) QuickGELU(x *Tensor) *Tensor { return t.activate("quick gelu", kernel.QuickGELU, x) }

// GELU returns x times the normal distribution function of x, elementwise: PyTorch's
// gelu.
func (t *Tape) GELU(x *Tensor) *Tensor { return t.activate("gelu", kernel.GELU, x) }

// GELUTanh returns the approximation of GELU by tanh: PyTorch's gelu with
// approximate='tanh'.
func (t *Tape) GELUTanh(x *Tensor) *Tensor { return t.activate("gelu", kernel.GELUTanh, x) }

// HardSwish returns x*min(max(x+3, 0), 6)/6, elementwise.
func (t *Tape) HardSwish(x *Tensor) *Tensor { return t.bent("hard swish", kernel.HardSwish, x, 0, 0) }

// HardSigmoid returns min(max(alpha*x+beta, 0), 1), elementwise: PyTorch's hardsigmoid with
// alpha 1/6 and beta .5.
func (t *Tape) HardSigmoid(x *Tensor, alpha, beta float32) *Tensor {
	return t.bent("hard sigmoid", kernel.HardSigmoid, x, alpha, beta)
}

// Clamp returns min(max(x, lo), hi), elementwise; the bounds may be infinite. At a bound it
// passes no gradient, as PyTorch 2 and ReLU6 (lo 0, hi 6).
func (t *Tape) Clamp(x *Tensor, lo, hi float32) *Tensor {
	return t.bent("clamp", kernel.Clamp, x, lo, hi)
}

// LeakyReLU returns x, times alpha where x is not above 0, elementwise.
func (t *Tape) LeakyReLU(x *Tensor, alpha float32) *Tensor {
	return t.bent("leaky relu", kernel.LeakyReLU, x, alpha, 0)
}

func (t *Tape) bent(op string, f kernel.Bend, x *Tensor, a, b float32) *Tensor {
	if t.stop(op, x) {
		return nil
	}
	y := t.result(x.Shape()...)
	kernel.Bent(f, y.Data, x.Data, a, b)
	return t.record(node{back: bentBack, out: y, in: [4]*Tensor{x}, kind: int(f), f: a, g: b})
}

func bentBack(t *Tape, n *node) {
	dy := n.out.Grad
	dx, add := t.take(n.in[0], n.out)
	kernel.BentGrad(kernel.Bend(n.kind), dx, dy, n.in[0].Data, n.f, n.g, add)
}

func (t *Tape) activate(op string, a kernel.Activation, x *Tensor) *Tensor {
	if t.stop(op, x) {
		return nil
	}
	y := t.result(x.Shape()...)
	kernel.Activate(a, y.Data, x.Data)
	return t.record(node{back: activateBack, out: y, in: [4]*Tensor{x}, kind: int(a)})
}

func activateBack(t *Tape, n *node) {
	a := kernel.Activation(n.kind)
	from, dy := n.in[0].Data, n.out.Grad
	if a.OfResult() {
		from = n.out.Data
	}
	dx, add := t.take(n.in[0], n.out)
	kernel.ActivateGrad(a, dx, dy, from, add)
}

// Softmax returns exp(x) over its sum along the last dimension.
func (t *Tape) Softmax(x *Tensor) *Tensor { return t.softmax("softmax", x, false) }

// LogSoftmax returns the logarithm of [Tape.Softmax].
func (t *Tape) LogSoftmax(x *Tensor) *Tensor { return t.softmax("log softmax", x, true) }

func (t *Tape) softmax(op string, x *Tensor, logarithm bool) *Tensor {
	if t.stop(op, x) {
		return nil
	}
	y := t.result(x.Shape()...)
	kernel.Softmax(y.Data, x.Data, x.Dim(-1), logarithm)
	return t.record(node{back: softmaxBack, out: y, in: [4]*Tensor{x}, flag: logarithm})
}

func softmaxBack(t *Tape, n *node) {
	dy, y, cols := n.out.Grad, n.out.Data, n.out.Dim(-1)
	dx, add := t.take(n.in[0], n.out)
	if n.flag {
		kernel.LogSoftmaxGrad(dx, dy, y, cols, add)
	} else {
		kernel.SoftmaxGrad(dx, dy, y, cols, add)
	}
}

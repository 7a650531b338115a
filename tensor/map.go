package tensor

import "github.com/monge-ml/monge/internal/kernel"

// A Function is a function of one number and up to two settings, a and b, for [Tape.Map].
type Function int

// The functions, as ONNX and PyTorch define them; those without a comment are what their
// names say. Their derivatives where there is none are PyTorch's: of Abs and Sign at 0, and
// of ThresholdedReLU and Shrink where they jump, 0; of ELU and SELU at 0 that from below.
const (
	Exp             = Function(kernel.Exp)
	Log             = Function(kernel.Log)
	Sqrt            = Function(kernel.Sqrt)
	Reciprocal      = Function(kernel.Reciprocal)
	Neg             = Function(kernel.Neg)
	Abs             = Function(kernel.Abs)
	Sin             = Function(kernel.Sin)
	Cos             = Function(kernel.Cos)
	Tan             = Function(kernel.Tan)
	Asin            = Function(kernel.Asin)
	Acos            = Function(kernel.Acos)
	Atan            = Function(kernel.Atan)
	Sinh            = Function(kernel.Sinh)
	Cosh            = Function(kernel.Cosh)
	Asinh           = Function(kernel.Asinh)
	Acosh           = Function(kernel.Acosh)
	Atanh           = Function(kernel.Atanh)
	Erf             = Function(kernel.Erf)
	Floor           = Function(kernel.Floor)
	Ceil            = Function(kernel.Ceil)
	Round           = Function(kernel.Round) // to the nearest integer, halves to the even one
	Sign            = Function(kernel.Sign)
	Softplus        = Function(kernel.Softplus)        // log(1+exp(x))
	Softsign        = Function(kernel.Softsign)        // x/(1+|x|)
	Mish            = Function(kernel.Mish)            // x*tanh(softplus(x))
	Affine          = Function(kernel.Affine)          // a*x + b
	ELU             = Function(kernel.ELU)             // x where x > 0, else a*(exp(x)-1)
	SELU            = Function(kernel.SELU)            // b times ELU
	CELU            = Function(kernel.CELU)            // x where x > 0, else a*(exp(x/a)-1)
	ThresholdedReLU = Function(kernel.ThresholdedReLU) // x where x > a, else 0
	Shrink          = Function(kernel.Shrink)          // x+b where x < -a, x-b where x > a, else 0
	PowScalar       = Function(kernel.PowScalar)       // x to the power of a
	FunctionExpBase = Function(kernel.ExpBase)         // a to the power of x
)

// String names the function as errors do.
func (f Function) String() string { return kernel.Function(f).String() }

// Map returns f of x, elementwise, with the settings a and b, which most functions don't
// have.
func (t *Tape) Map(f Function, x *Tensor, a, b float32) *Tensor {
	if t.stop(f.String(), x) {
		return nil
	}
	k := kernel.Function(f)
	if !k.Valid() {
		return t.fail("map", "there is no function %d, for %v", int(f), x.shape())
	}
	y := t.result(x.Shape()...)
	kernel.Map(k, y.Data, x.Data, a, b)
	return t.record(node{back: mapBack, out: y, in: [4]*Tensor{x}, kind: int(k), f: a, g: b})
}

func mapBack(t *Tape, n *node) {
	f := kernel.Function(n.kind)
	from, dy := n.in[0].Data, n.out.Grad
	if f.OfResult() {
		from = n.out.Data
	}
	dx, add := t.take(n.in[0], n.out)
	kernel.MapGrad(f, dx, dy, from, n.f, n.g, add)
}

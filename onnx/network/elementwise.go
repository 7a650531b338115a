package network

import (
	"fmt"
	"math"
	"slices"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/tensor"
)

// each is an operation on every element by itself.
func (b *builder) each(v *value, f func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor) (*value, error) {
	v, err := b.lively(v)
	if err != nil {
		return nil, err
	}
	from := v.slot
	return b.tensor(v.shape, v.order, []*value{v}, func(m *machine) *tensor.Tensor { return f(m.tape, m.x[from]) })
}

// mapped is a function of the tape's table with its two numbers.
func (b *builder) mapped(v *value, f tensor.Function, p, q float32) (*value, error) {
	return b.each(v, func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.Map(f, x, p, q) })
}

func init() {
	for name, f := range map[string]tensor.Function{
		"Exp": tensor.Exp, "Log": tensor.Log, "Sqrt": tensor.Sqrt, "Reciprocal": tensor.Reciprocal, "Neg": tensor.Neg,
		"Abs": tensor.Abs, "Sin": tensor.Sin, "Cos": tensor.Cos, "Tan": tensor.Tan, "Asin": tensor.Asin, "Acos": tensor.Acos,
		"Atan": tensor.Atan, "Sinh": tensor.Sinh, "Cosh": tensor.Cosh, "Asinh": tensor.Asinh, "Acosh": tensor.Acosh,
		"Atanh": tensor.Atanh, "Erf": tensor.Erf, "Floor": tensor.Floor, "Ceil": tensor.Ceil, "Round": tensor.Round,
		"Sign": tensor.Sign, "Softplus": tensor.Softplus, "Softsign": tensor.Softsign, "Mish": tensor.Mish,
	} {
		operators[name] = oneInput(func(b *builder, _ *node, x *value) (*value, error) { return b.mapped(x, f, 0, 0) })
	}
	for name, f := range map[string]func(*tensor.Tape, *tensor.Tensor) *tensor.Tensor{
		"Relu": (*tensor.Tape).ReLU, "Sigmoid": (*tensor.Tape).Sigmoid, "Tanh": (*tensor.Tape).Tanh,
		"HardSwish": (*tensor.Tape).HardSwish, "monge.SiLU": (*tensor.Tape).SiLU,
	} {
		operators[name] = oneInput(func(b *builder, _ *node, x *value) (*value, error) { return b.each(x, f) })
	}
	for name, f := range map[string]func(b *builder, n *node, x *value) (*value, error){
		"Elu": func(b *builder, n *node, x *value) (*value, error) {
			return b.mapped(x, tensor.ELU, n.Float("alpha", 1), 0)
		},
		"Selu": func(b *builder, n *node, x *value) (*value, error) {
			return b.mapped(x, tensor.SELU, n.Float("alpha", 1.67326319217681884765625), n.Float("gamma", 1.05070102214813232421875))
		},
		"Celu": func(b *builder, n *node, x *value) (*value, error) {
			return b.mapped(x, tensor.CELU, n.Float("alpha", 1), 0)
		},
		"ThresholdedRelu": func(b *builder, n *node, x *value) (*value, error) {
			return b.mapped(x, tensor.ThresholdedReLU, n.Float("alpha", 1), 0)
		},
		"Shrink": func(b *builder, n *node, x *value) (*value, error) {
			return b.mapped(x, tensor.Shrink, n.Float("lambd", .5), n.Float("bias", 0))
		},
		"HardSigmoid":       hardSigmoid,
		"LeakyRelu":         leakyReLU,
		"Gelu":              gelu,
		"Swish":             swish,
		"Clip":              clip,
		"PRelu":             prelu,
		"Cast":              cast,
		"CastLike":          castLike,
		"ai.onnx.ml.Scaler": scaler,
		"Identity":          func(_ *builder, _ *node, x *value) (*value, error) { return x, nil },
	} {
		operators[name] = oneInput(f)
	}
	for name, f := range map[string]func(*tensor.Tape, *tensor.Tensor, *tensor.Tensor) *tensor.Tensor{
		"Add": (*tensor.Tape).Add, "Sub": (*tensor.Tape).Sub, "Mul": (*tensor.Tape).Mul, "Div": (*tensor.Tape).Div,
		"Min": (*tensor.Tape).Minimum, "Max": (*tensor.Tape).Maximum, "Sum": (*tensor.Tape).Add,
	} {
		operators[name] = func(b *builder, n *node) ([]*value, error) {
			if v, err := b.withNumber(n); v != nil || err != nil {
				return []*value{v}, err
			}
			return b.fold(n, f)
		}
	}
	operators["Mean"] = func(b *builder, n *node) ([]*value, error) {
		sum, err := b.fold(n, (*tensor.Tape).Add)
		if err != nil {
			return nil, err
		}
		v, err := b.mapped(sum[0], tensor.Affine, 1/float32(len(n.in)), 0)
		return []*value{v}, err
	}
	operators["Pow"] = pow
	operators["Where"] = where
	operators["Dropout"] = dropout
}

func leakyReLU(b *builder, n *node, x *value) (*value, error) {
	alpha := n.Float("alpha", .01)
	return b.each(x, func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.LeakyReLU(x, alpha) })
}

func hardSigmoid(b *builder, n *node, x *value) (*value, error) {
	alpha, beta := n.Float("alpha", .2), n.Float("beta", .5)
	return b.each(x, func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.HardSigmoid(x, alpha, beta) })
}

func gelu(b *builder, n *node, x *value) (*value, error) {
	if n.Text("approximate", "none") == "tanh" {
		return b.each(x, (*tensor.Tape).GELUTanh)
	}
	return b.each(x, (*tensor.Tape).GELU)
}

// scaler is scikit-learn's (x - offset) scale, of the last dimension: a preparation of the input.
func scaler(b *builder, n *node, x *value) (*value, error) {
	for _, by := range []struct {
		attr string
		f    func(*tensor.Tape, *tensor.Tensor, *tensor.Tensor) *tensor.Tensor
	}{{"offset", (*tensor.Tape).Sub}, {"scale", (*tensor.Tape).Mul}} {
		a := n.Attr(by.attr)
		if a == nil || len(a.Floats) == 0 {
			continue
		}
		v := &array.Array{DType: onnx.Float, Shape: []int{len(a.Floats)}}
		for _, f := range a.Floats {
			v.F = append(v.F, float64(f))
		}
		y, err := b.pair(x, fixed(v), by.f)
		if err != nil || !slices.Equal(y.shape, x.shape) {
			return nil, fmt.Errorf("%s of %d numbers for %v", by.attr, len(a.Floats), x.shape)
		}
		x = y
	}
	return x, nil
}

// swish is x sigmoid(alpha x).
func swish(b *builder, n *node, x *value) (*value, error) {
	alpha := n.Float("alpha", 1)
	if alpha == 1 {
		return b.each(x, (*tensor.Tape).SiLU)
	}
	return b.each(x, func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
		return t.Mul(x, t.Sigmoid(t.Map(tensor.Affine, x, alpha, 0)))
	})
}

func clip(b *builder, n *node, x *value) (*value, error) {
	lo, hi := n.Float("min", float32(math.Inf(-1))), n.Float("max", float32(math.Inf(1)))
	for i, to := range []*float32{&lo, &hi} {
		v := n.optional(1 + i)
		if v == nil {
			continue
		}
		if v.live || v.host || v.known.Len() != 1 {
			return clipLive(b, n, x)
		}
		*to = v.known.Floats()[0]
	}
	return b.each(x, func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.Clamp(x, lo, hi) })
}

// clipLive clips by what is computed.
func clipLive(b *builder, n *node, x *value) (out *value, err error) {
	out = x
	for i, f := range []func(*tensor.Tape, *tensor.Tensor, *tensor.Tensor) *tensor.Tensor{(*tensor.Tape).Maximum, (*tensor.Tape).Minimum} {
		if v := n.optional(1 + i); v != nil && err == nil {
			out, err = b.pair(out, v, f)
		}
	}
	return out, err
}

// prelu is max(x, 0) + slope min(x, 0).
func prelu(b *builder, n *node, x *value) (*value, error) {
	slope, err := n.input(1)
	if err != nil {
		return nil, err
	}
	if len(slope.shape) == 1 && len(x.shape) > 2 && slope.shape[0] == x.shape[1] && slope.shape[0] != x.shape[len(x.shape)-1] {
		if slope, err = b.lively(slope); err == nil { // of channels, in early versions
			slope, err = b.reshape(slope, append([]int{slope.shape[0]}, make1(len(x.shape)-2)...))
		}
		if err != nil {
			return nil, err
		}
	}
	return b.pair(x, slope, func(t *tensor.Tape, x, s *tensor.Tensor) *tensor.Tensor {
		return t.Add(t.ReLU(x), t.Mul(s, t.Map(tensor.Neg, t.ReLU(t.Map(tensor.Neg, x, 0, 0)), 0, 0)))
	})
}

// make1 returns n dimensions of 1.
func make1(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = 1
	}
	return s
}

// cast between types of floating point changes nothing here: all is computed in float32.
func cast(b *builder, n *node, x *value) (*value, error) {
	return b.castTo(x, onnx.DType(n.Int("to", 0)))
}

func castLike(b *builder, n *node, x *value) (*value, error) {
	like, err := n.input(1)
	if err != nil {
		return nil, err
	}
	return b.castTo(x, like.dtype)
}

func (b *builder) castTo(x *value, to onnx.DType) (*value, error) {
	if x.live && to.IsFloat() && !(b.once && to == onnx.BFloat16) {
		return x, nil
	}
	h, err := b.hosted(x)
	if err != nil {
		return nil, err
	}
	stand, err := array.Cast(h.known, to)
	if err != nil {
		return nil, err
	}
	if !h.host {
		return fixed(stand), nil
	}
	id := h.id
	return b.computed(stand, nil, func(m *machine) (*array.Array, error) { return array.Cast(m.a[id], to) }), nil
}

// withNumber is an operation on a value and one known number, nil if it is none such.
func (b *builder) withNumber(n *node) (*value, error) {
	if len(n.in) != 2 || n.in[0] == nil || n.in[1] == nil {
		return nil, nil
	}
	x, c, swapped := n.in[0], n.in[1], false
	if !x.live {
		x, c, swapped = c, x, true
	}
	if !x.live || c.live || c.host || c.known.Len() != 1 || len(c.shape) > len(x.shape) {
		return nil, nil
	}
	v := c.known.Floats()[0]
	switch op := n.Op; {
	case op == "Add":
		return b.mapped(x, tensor.Affine, 1, v)
	case op == "Sub" && swapped:
		return b.mapped(x, tensor.Affine, -1, v)
	case op == "Sub":
		return b.mapped(x, tensor.Affine, 1, -v)
	case op == "Mul":
		return b.mapped(x, tensor.Affine, v, 0)
	case op == "Div" && !swapped && v != 0:
		return b.mapped(x, tensor.Affine, 1/v, 0)
	}
	return nil, nil
}

// fold applies an operation to all inputs, from the first on.
func (b *builder) fold(n *node, f func(*tensor.Tape, *tensor.Tensor, *tensor.Tensor) *tensor.Tensor) ([]*value, error) {
	v, err := n.input(0)
	for i := 1; i < len(n.in) && err == nil; i++ {
		var w *value
		if w, err = n.input(i); err == nil {
			v, err = b.pair(v, w, f)
		}
	}
	return []*value{v}, err
}

// pair is an operation on two values, broadcast: in the order in which the larger lies in memory.
func (b *builder) pair(x, y *value, f func(*tensor.Tape, *tensor.Tensor, *tensor.Tensor) *tensor.Tensor) (*value, error) {
	shape, both, order, err := b.aligned(x, y)
	if err != nil {
		return nil, err
	}
	p, q := both[0].slot, both[1].slot
	return b.tensor(shape, order, both, func(m *machine) *tensor.Tensor { return f(m.tape, m.x[p], m.x[q]) })
}

// aligned brings values to one number of dimensions and one order, for an operation that
// broadcasts them to the shape that it returns.
func (b *builder) aligned(list ...*value) (shape []int, out []*value, order []int, err error) {
	shapes := make([][]int, len(list))
	most := list[0]
	for i, v := range list {
		shapes[i] = v.shape
		if larger := product(v.shape) - product(most.shape); larger > 0 || larger == 0 && v.live && (!most.live || len(v.shape) > len(most.shape)) {
			most = v
		}
	}
	if shape, err = array.Broadcast(shapes...); err != nil {
		return nil, nil, nil, err
	}
	if err = b.fits(shape); err != nil {
		return nil, nil, nil, err
	}
	order = inOrder(len(shape))
	if most.live {
		order = raised(most.order, len(shape))
	}
	for _, v := range list {
		if v, err = b.lively(v); err != nil {
			return nil, nil, nil, err
		}
		if k := len(shape) - len(v.shape); k > 0 {
			if v, err = b.seen(v, append(make1(k), v.shape...), raised(v.order, len(shape))); err != nil {
				return nil, nil, nil, err
			}
		}
		if v, err = b.as(v, order); err != nil {
			return nil, nil, nil, err
		}
		out = append(out, v)
	}
	return shape, out, order, nil
}

// raised is an order with dimensions of 1 before all others.
func raised(order []int, rank int) []int {
	k := rank - len(order)
	out := inOrder(k)
	for _, d := range order {
		out = append(out, d+k)
	}
	return out
}

// pow is x to a power: quicker where that is one known number.
func pow(b *builder, n *node) ([]*value, error) {
	x, err := n.input(0)
	if err != nil {
		return nil, err
	}
	y, err := n.input(1)
	if err != nil {
		return nil, err
	}
	var out *value
	switch {
	case !y.live && !y.host && y.known.Len() == 1 && len(y.shape) <= len(x.shape):
		p := y.known.Floats()[0]
		switch p {
		case 2:
			out, err = b.each(x, func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.Mul(x, x) })
		case .5:
			out, err = b.mapped(x, tensor.Sqrt, 0, 0)
		default:
			out, err = b.mapped(x, tensor.PowScalar, p, 0)
		}
	case !x.live && !x.dtype.IsFloat():
		return b.onHost(n)
	default:
		out, err = b.pair(x, y, (*tensor.Tape).Pow)
	}
	return []*value{out}, err
}

func where(b *builder, n *node) ([]*value, error) {
	cond, err := n.input(0)
	if err != nil {
		return nil, err
	}
	x, err := n.input(1)
	if err != nil {
		return nil, err
	}
	y, err := n.input(2)
	if err != nil {
		return nil, err
	}
	if cond.dtype.IsFloat() {
		return nil, fmt.Errorf("a condition of %v", cond.dtype)
	}
	if cond, err = b.hosted(cond); err != nil {
		return nil, err
	}
	shape, err := array.Broadcast(cond.shape, x.shape, y.shape)
	if err != nil {
		return nil, err
	}
	both := []*value{x, y}
	for i, v := range both { // plainly: conditions are arrays
		if v, err = b.lively(v); err == nil {
			both[i], err = b.as(v, inOrder(len(v.shape)))
		}
		if err != nil {
			return nil, err
		}
	}
	yes, dims := make([]bool, cond.known.Len()), slices.Clone(cond.shape)
	if len(dims) == 0 {
		dims = []int{1}
	}
	for i, v := range cond.known.I {
		yes[i] = v != 0
	}
	p, q := both[0].slot, both[1].slot
	out, err := b.tensor(shape, inOrder(len(shape)), both, func(m *machine) *tensor.Tensor {
		if cond.host {
			for i, v := range m.a[cond.id].I {
				yes[i] = v != 0
			}
		}
		return m.tape.Where(yes, dims, m.x[p], m.x[q])
	})
	return []*value{out}, err
}

// dropout obeys the tape's mode.
func dropout(b *builder, n *node) ([]*value, error) {
	x, err := n.input(0)
	if err == nil {
		x, err = b.lively(x)
	}
	if err != nil {
		return nil, err
	}
	ratio := n.Float("ratio", .5)
	if v := n.optional(1); v != nil {
		if v.live || v.host || v.known.Len() != 1 {
			return nil, errUnsupported
		}
		ratio = v.known.Floats()[0]
	}
	if len(n.Outputs) > 1 && n.Outputs[1] != "" && b.net.reads(n.Outputs[1]) {
		return nil, errUnsupported // a mask that is looked at
	}
	if !(ratio >= 0 && ratio < 1) {
		return nil, fmt.Errorf("a ratio of %g", ratio)
	}
	if v := n.optional(2); b.once && v != nil && !v.live && v.known.Len() == 1 && v.known.Whole()[0] != 0 {
		return nil, fmt.Errorf("random numbers of another generator are %w", errUnsupported)
	}
	if ratio == 0 || b.once {
		return []*value{x, nil}, nil
	}
	dims := x.memory()
	out, err := b.each(x, func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
		if t.Mode() == tensor.Eval { // a tensor of its own, as x may be released
			return t.Reshape(x, dims...)
		}
		return t.Dropout(x, ratio)
	})
	return []*value{out, nil}, err
}

package array

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/onnx"
)

// unary are functions of one number.
var unary = map[string]func(c *call, v float64) float64{
	"Abs":        func(_ *call, v float64) float64 { return math.Abs(v) },
	"Neg":        func(_ *call, v float64) float64 { return -v },
	"Floor":      func(_ *call, v float64) float64 { return math.Floor(v) },
	"Ceil":       func(_ *call, v float64) float64 { return math.Ceil(v) },
	"Round":      func(_ *call, v float64) float64 { return math.RoundToEven(v) },
	"Sqrt":       func(_ *call, v float64) float64 { return math.Sqrt(v) },
	"Exp":        func(_ *call, v float64) float64 { return math.Exp(v) },
	"Log":        func(_ *call, v float64) float64 { return math.Log(v) },
	"Reciprocal": func(_ *call, v float64) float64 { return 1 / v },
	"Erf":        func(_ *call, v float64) float64 { return math.Erf(v) },
	"Sin":        func(_ *call, v float64) float64 { return math.Sin(v) },
	"Cos":        func(_ *call, v float64) float64 { return math.Cos(v) },
	"Tan":        func(_ *call, v float64) float64 { return math.Tan(v) },
	"Tanh":       func(_ *call, v float64) float64 { return math.Tanh(v) },
	"Sigmoid":    func(_ *call, v float64) float64 { return 1 / (1 + math.Exp(-v)) },
	"Relu":       func(_ *call, v float64) float64 { return max(v, 0) },
	"Sign":       func(_ *call, v float64) float64 { return sign(v) },
	"Identity":   func(_ *call, v float64) float64 { return v },
	"Dropout":    func(_ *call, v float64) float64 { return v },
	"HardSigmoid": func(c *call, v float64) float64 {
		return min(1, max(0, float64(c.Float("alpha", .2))*v+float64(c.Float("beta", .5))))
	},
	"LeakyRelu": func(c *call, v float64) float64 {
		if v < 0 {
			return v * float64(c.Float("alpha", .01))
		}
		return v
	},
	"Shrink": func(c *call, v float64) float64 {
		lambda, bias := float64(c.Float("lambd", .5)), float64(c.Float("bias", 0))
		switch {
		case v < -lambda:
			return v + bias
		case v > lambda:
			return v - bias
		}
		return 0
	},
}

func sign(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return v // 0 or NaN
}

// whole are functions of one whole number, where those of unary would round.
var whole = map[string]func(v int64) int64{
	"Abs": func(v int64) int64 {
		if v < 0 {
			return -v
		}
		return v
	},
	"Neg":        func(v int64) int64 { return -v },
	"Sign":       func(v int64) int64 { return int64(sign(float64(v))) },
	"Identity":   func(v int64) int64 { return v },
	"Relu":       func(v int64) int64 { return max(v, 0) },
	"BitwiseNot": func(v int64) int64 { return ^v },
	"Not":        func(v int64) int64 { return truth(v == 0) },
}

// A binaryOp is a function of two numbers of one type. One of them may be nil.
type binaryOp struct {
	float func(a, b float64) float64
	int   func(a, b int64) (int64, error)
}

func plain(f func(a, b int64) int64) func(a, b int64) (int64, error) {
	return func(a, b int64) (int64, error) { return f(a, b), nil }
}

var binary = map[string]binaryOp{
	"Add":        {func(a, b float64) float64 { return a + b }, plain(func(a, b int64) int64 { return a + b })},
	"Sub":        {func(a, b float64) float64 { return a - b }, plain(func(a, b int64) int64 { return a - b })},
	"Mul":        {func(a, b float64) float64 { return a * b }, plain(func(a, b int64) int64 { return a * b })},
	"Div":        {func(a, b float64) float64 { return a / b }, divide},
	"Min":        {func(a, b float64) float64 { return min(a, b) }, plain(func(a, b int64) int64 { return min(a, b) })},
	"Max":        {func(a, b float64) float64 { return max(a, b) }, plain(func(a, b int64) int64 { return max(a, b) })},
	"And":        {nil, plain(func(a, b int64) int64 { return truth(a != 0 && b != 0) })},
	"Or":         {nil, plain(func(a, b int64) int64 { return truth(a != 0 || b != 0) })},
	"Xor":        {nil, plain(func(a, b int64) int64 { return truth((a != 0) != (b != 0)) })},
	"BitwiseAnd": {nil, plain(func(a, b int64) int64 { return a & b })},
	"BitwiseOr":  {nil, plain(func(a, b int64) int64 { return a | b })},
	"BitwiseXor": {nil, plain(func(a, b int64) int64 { return a ^ b })},
	"PRelu": {func(a, b float64) float64 {
		if a < 0 {
			return a * b
		}
		return a
	}, nil},
}

var errDivide = fmt.Errorf("a whole number is divided by zero")

func divide(a, b int64) (int64, error) {
	if b == 0 {
		return 0, errDivide
	}
	return a / b, nil
}

// comparisons tell how numbers relate: f of the sign of a - b.
var comparisons = map[string]func(less, equal bool) bool{
	"Equal":          func(_, equal bool) bool { return equal },
	"Less":           func(less, _ bool) bool { return less },
	"LessOrEqual":    func(less, equal bool) bool { return less || equal },
	"Greater":        func(less, equal bool) bool { return !less && !equal },
	"GreaterOrEqual": func(less, _ bool) bool { return !less },
}

func init() {
	list := map[string]func(c *call) ([]*Array, error){
		"Cast": one(func(c *call, a *Array) (*Array, error) { return Cast(a, onnx.DType(c.Int("to", 0))) }),
		"CastLike": one(func(c *call, a *Array) (*Array, error) {
			like, err := c.input(1)
			if err != nil {
				return nil, err
			}
			return Cast(a, like.DType)
		}),
		"Clip": one(clip), "Pow": one(pow), "Mod": one(mod), "Where": where, "BitShift": one(bitShift),
		"IsNaN": one(func(_ *call, a *Array) (*Array, error) {
			return test(a, math.IsNaN)
		}),
		"IsInf": one(func(c *call, a *Array) (*Array, error) {
			return test(a, func(v float64) bool {
				return math.IsInf(v, 1) && c.Int("detect_positive", 1) != 0 || math.IsInf(v, -1) && c.Int("detect_negative", 1) != 0
			})
		}),
		"Sum":  func(c *call) ([]*Array, error) { return fold(c, binary["Add"]) },
		"Mean": mean,
	}
	for name := range unary {
		list[name] = one(func(c *call, a *Array) (*Array, error) { return apply(c, name, a) })
	}
	for name := range whole {
		list[name] = one(func(c *call, a *Array) (*Array, error) { return apply(c, name, a) })
	}
	for name, op := range binary {
		list[name] = func(c *call) ([]*Array, error) { return fold(c, op) }
	}
	for name, f := range comparisons {
		list[name] = one(func(c *call, a *Array) (*Array, error) {
			b, err := c.input(1)
			if err != nil {
				return nil, err
			}
			return compare(a, b, f)
		})
	}
	register(list)
}

func test(a *Array, f func(v float64) bool) (*Array, error) {
	out, err := New(onnx.Bool, a.Shape...)
	if err != nil {
		return nil, err
	}
	for i := range out.I {
		out.I[i] = truth(f(a.at(i)))
	}
	return out, nil
}

func apply(c *call, name string, a *Array) (*Array, error) {
	out, err := New(a.DType, a.Shape...)
	if err != nil {
		return nil, err
	}
	if a.IsFloat() {
		f := unary[name]
		if f == nil {
			return nil, fmt.Errorf("%v is no type of it", a.DType)
		}
		for i, v := range a.F {
			out.F[i] = round(a.DType, f(c, v))
		}
		return out, nil
	}
	f := whole[name]
	if f == nil {
		if name == "Dropout" {
			return a, nil
		}
		return nil, fmt.Errorf("%v is no type of it", a.DType)
	}
	for i, v := range a.I {
		out.I[i] = wrap(a.DType, f(v))
	}
	return out, nil
}

// fold applies an operator to all inputs, from the first on.
func fold(c *call, op binaryOp) ([]*Array, error) {
	a, err := c.input(0)
	if err != nil {
		return nil, err
	}
	for i := 1; i < len(c.in); i++ {
		b, err := c.input(i)
		if err != nil {
			return nil, err
		}
		if a, err = combine(a, b, op); err != nil {
			return nil, err
		}
	}
	return []*Array{a}, nil
}

func mean(c *call) ([]*Array, error) {
	out, err := fold(c, binary["Add"])
	if err != nil || !out[0].IsFloat() {
		return out, err
	}
	mean, err := New(out[0].DType, out[0].Shape...)
	for i, v := range out[0].F {
		mean.F[i] = round(mean.DType, v/float64(len(c.in)))
	}
	return []*Array{mean}, err
}

// combine applies an operator to two arrays of a's type, broadcast.
func combine(a, b *Array, op binaryOp) (*Array, error) {
	if a.IsFloat() != b.IsFloat() || a.IsFloat() && op.float == nil || !a.IsFloat() && op.int == nil {
		return nil, fmt.Errorf("%v and %v are no types of it", a.DType, b.DType)
	}
	shape, err := Broadcast(a.Shape, b.Shape)
	if err != nil {
		return nil, err
	}
	out, err := New(a.DType, shape...)
	if err != nil {
		return nil, err
	}
	n := 0
	walk(shape, []int{0, 0}, [][]int{repeated(a.Shape, shape), repeated(b.Shape, shape)}, func(at []int) {
		if a.IsFloat() {
			out.F[n] = round(a.DType, op.float(a.F[at[0]], b.F[at[1]]))
		} else {
			v, e := op.int(a.I[at[0]], b.I[at[1]])
			if e != nil {
				err = e
			}
			out.I[n] = wrap(a.DType, v)
		}
		n++
	})
	return out, err
}

func compare(a, b *Array, f func(less, equal bool) bool) (*Array, error) {
	shape, err := Broadcast(a.Shape, b.Shape)
	if err != nil {
		return nil, err
	}
	out, err := New(onnx.Bool, shape...)
	if err != nil {
		return nil, err
	}
	exact := !a.IsFloat() && !b.IsFloat() && a.DType != onnx.Uint64
	n := 0
	walk(shape, []int{0, 0}, [][]int{repeated(a.Shape, shape), repeated(b.Shape, shape)}, func(at []int) {
		var yes bool
		if exact {
			x, y := a.I[at[0]], b.I[at[1]]
			yes = f(x < y, x == y)
		} else {
			x, y := a.at(at[0]), b.at(at[1])
			yes = f(x < y, x == y) && x == x && y == y
		}
		out.I[n] = truth(yes)
		n++
	})
	return out, nil
}

func clip(c *call, a *Array) (*Array, error) {
	if c.opset < 11 {
		lo, hi := float64(c.Float("min", -math.MaxFloat32)), float64(c.Float("max", math.MaxFloat32))
		out, err := New(a.DType, a.Shape...)
		if err != nil {
			return nil, err
		}
		if !a.IsFloat() {
			return nil, fmt.Errorf("%v is no type of it", a.DType)
		}
		for i, v := range a.F {
			out.F[i] = min(hi, max(lo, v))
		}
		return out, nil
	}
	var err error
	for i, name := range []string{"Max", "Min"} {
		if b := c.optional(1 + i); b != nil {
			if a, err = combine(a, b, binary[name]); err != nil {
				return nil, err
			}
		}
	}
	return a, nil
}

// pow keeps the type of the base.
func pow(c *call, a *Array) (*Array, error) {
	b, err := c.input(1)
	if err != nil {
		return nil, err
	}
	shape, err := Broadcast(a.Shape, b.Shape)
	if err != nil {
		return nil, err
	}
	out, err := New(a.DType, shape...)
	if err != nil {
		return nil, err
	}
	n := 0
	walk(shape, []int{0, 0}, [][]int{repeated(a.Shape, shape), repeated(b.Shape, shape)}, func(at []int) {
		v := math.Pow(a.at(at[0]), b.at(at[1]))
		if a.IsFloat() {
			out.F[n] = round(a.DType, v)
		} else {
			out.I[n] = wrap(a.DType, toInt(v))
		}
		n++
	})
	return out, nil
}

// mod has the sign of the divisor, or of the dividend with fmod.
func mod(c *call, a *Array) (*Array, error) {
	b, err := c.input(1)
	if err != nil {
		return nil, err
	}
	fmod := c.Int("fmod", 0) != 0
	return combine(a, b, binaryOp{
		float: func(x, y float64) float64 {
			r := math.Mod(x, y)
			if !fmod && r != 0 && (r < 0) != (y < 0) {
				r += y
			}
			return r
		},
		int: func(x, y int64) (int64, error) {
			if y == 0 {
				return 0, errDivide
			}
			r := x % y
			if a.DType == onnx.Uint64 {
				return int64(uint64(x) % uint64(y)), nil
			}
			if !fmod && r != 0 && (r < 0) != (y < 0) {
				r += y
			}
			return r, nil
		},
	})
}

func bitShift(c *call, a *Array) (*Array, error) {
	b, err := c.input(1)
	if err != nil {
		return nil, err
	}
	left := c.Text("direction", "") == "LEFT"
	return combine(a, b, binaryOp{int: plain(func(x, y int64) int64 {
		if left {
			return int64(uint64(x) << uint64(y))
		}
		return int64(uint64(x) >> uint64(y))
	})})
}

func where(c *call) ([]*Array, error) {
	var in [3]*Array
	for i := range in {
		var err error
		if in[i], err = c.input(i); err != nil {
			return nil, err
		}
	}
	cond, a, b := in[0], in[1], in[2]
	if a.IsFloat() != b.IsFloat() || cond.IsFloat() {
		return nil, fmt.Errorf("%v, %v and %v are no types of it", cond.DType, a.DType, b.DType)
	}
	shape, err := Broadcast(cond.Shape, a.Shape, b.Shape)
	if err != nil {
		return nil, err
	}
	out, err := New(a.DType, shape...)
	if err != nil {
		return nil, err
	}
	n := 0
	walk(shape, []int{0, 0, 0}, [][]int{repeated(cond.Shape, shape), repeated(a.Shape, shape), repeated(b.Shape, shape)}, func(at []int) {
		from, k := a, at[1]
		if cond.I[at[0]] == 0 {
			from, k = b, at[2]
		}
		if from.IsFloat() {
			out.F[n] = from.F[k]
		} else {
			out.I[n] = from.I[k]
		}
		n++
	})
	return []*Array{out}, nil
}

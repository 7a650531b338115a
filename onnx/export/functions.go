package export

import (
	"math"

	"github.com/monge-ml/monge/onnx"
)

// A function writes nodes for an operation on each element of x, in whatever order they lie, and
// returns the name of the result.
type function func(g *graph, o *operation, x string) string

// functions are those of one number.
var functions = map[string]function{
	"abs": one("Abs"), "acos": one("Acos"), "acosh": one("Acosh"), "asin": one("Asin"), "asinh": one("Asinh"),
	"atan": one("Atan"), "atanh": one("Atanh"), "ceil": one("Ceil"), "cos": one("Cos"), "cosh": one("Cosh"),
	"erf": one("Erf"), "exp": one("Exp"), "floor": one("Floor"), "log": one("Log"), "neg": one("Neg"),
	"reciprocal": one("Reciprocal"), "relu": one("Relu"), "round": one("Round"), "sigmoid": one("Sigmoid"),
	"sign": one("Sign"), "sin": one("Sin"), "sinh": one("Sinh"), "softplus": one("Softplus"),
	"softsign": one("Softsign"), "sqrt": one("Sqrt"), "tan": one("Tan"), "tanh": one("Tanh"),

	"celu":             with("Celu", "alpha", ""),
	"hardSigmoid":      with("HardSigmoid", "alpha", "beta"),
	"hardSwish":        one("HardSwish"),
	"leakyReLU":        with("LeakyRelu", "alpha", ""),
	"clamp":            clamp,
	"elu":              with("Elu", "alpha", ""),
	"selu":             with("Selu", "alpha", "gamma"),
	"shrink":           with("Shrink", "lambd", "bias"),
	"thresholded relu": with("ThresholdedRelu", "alpha", ""),

	"affine": func(g *graph, o *operation, x string) string {
		return g.of("Add", g.of("Mul", x, float64(o.A)), float64(o.B))
	},
	"expBase": func(g *graph, o *operation, x string) string {
		return g.node("Pow", []string{g.scalar(float64(o.A)), x})
	},
	"powScalar": func(g *graph, o *operation, x string) string { return g.of("Pow", x, float64(o.A)) },
	"mish": func(g *graph, _ *operation, x string) string {
		return g.node("Mul", []string{x, g.node("Tanh", []string{g.node("Softplus", []string{x})})})
	},

	"gelu":     gelu,
	"geluTanh": geluTanh,
	"silu": func(g *graph, _ *operation, x string) string {
		return g.node("Mul", []string{x, g.node("Sigmoid", []string{x})})
	},
	"quickGELU": func(g *graph, _ *operation, x string) string {
		return g.node("Mul", []string{x, g.node("Sigmoid", []string{g.of("Mul", x, 1.702)})})
	},
}

// one is a node of its own.
func one(op string) function {
	return func(g *graph, _ *operation, x string) string { return g.node(op, []string{x}) }
}

// with is a node with one setting or two.
func with(op, a, b string) function {
	return func(g *graph, o *operation, x string) string {
		attrs := []*onnx.Attr{onnx.FloatAttr(a, o.A)}
		if b != "" {
			attrs = append(attrs, onnx.FloatAttr(b, o.B))
		}
		return g.node(op, []string{x}, attrs...)
	}
}

// clamp has bounds, either of which may be infinite.
func clamp(g *graph, o *operation, x string) string {
	in := []string{x, "", ""}
	for i, v := range []float64{float64(o.A), float64(o.B)} {
		if !math.IsInf(v, 0) {
			in[1+i] = g.scalar(v)
		}
	}
	if in[2] == "" {
		in = in[:2]
	}
	return g.node("Clip", in)
}

// of is a node on an element and a constant.
func (g *graph) of(op, x string, v float64) string { return g.node(op, []string{x, g.scalar(v)}) }

// gelu is in the form that servers know to fuse.
func gelu(g *graph, _ *operation, x string) string {
	y := g.of("Add", g.node("Erf", []string{g.of("Div", x, math.Sqrt2)}), 1)
	return g.of("Mul", g.node("Mul", []string{x, y}), .5)
}

// geluTanh is x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x³))).
func geluTanh(g *graph, _ *operation, x string) string {
	cube := g.node("Mul", []string{x, g.node("Mul", []string{x, x})})
	inner := g.of("Mul", g.node("Add", []string{x, g.of("Mul", cube, .044715)}), math.Sqrt(2/math.Pi))
	y := g.of("Add", g.node("Tanh", []string{inner}), 1)
	return g.of("Mul", g.node("Mul", []string{x, y}), .5)
}

package network_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/onnx/network"
)

// A case of TestGradients is a node on float32 inputs, each of a shape, and settings behind them.
type gradientCase struct {
	op       string
	shapes   [][]int
	attrs    []*onnx.Attr
	settings []*onnx.Tensor // more inputs; nil leaves one out
	outputs  int            // 1 unless given
	opset    int64          // 18 unless given
	positive bool           // numbers from .5 to 1.5, not normal ones
	small    bool           // numbers within .8 of 0
}

func ints(v ...int64) *onnx.Tensor { return onnx.NewInts("", v, len(v)) }

func shaped(t *onnx.Tensor, dims ...int) *onnx.Tensor {
	t.Dims = dims
	return t
}

func shapes(list ...[]int) [][]int { return list }

func d(dims ...int) []int { return dims }

// Every operator that has a gradient, at shapes that are nobody's favourite.
var gradientCases = func() (list []gradientCase) {
	for _, op := range []string{"Relu", "Sigmoid", "Tanh", "Exp", "Neg", "Abs", "Sin", "Cos", "Sinh", "Cosh", "Atan", "Asinh", "Erf", "Softplus", "Softsign", "Mish",
		"HardSwish", "Elu", "Selu", "Celu", "ThresholdedRelu", "Shrink", "HardSigmoid", "LeakyRelu", "Gelu", "Identity", "Dropout"} {
		list = append(list, gradientCase{op: op, shapes: shapes(d(3, 5, 7))})
	}
	for _, op := range []string{"Log", "Sqrt", "Reciprocal"} {
		list = append(list, gradientCase{op: op, shapes: shapes(d(5, 3)), positive: true})
	}
	for _, op := range []string{"Tan", "Asin", "Acos", "Atanh"} {
		list = append(list, gradientCase{op: op, shapes: shapes(d(5, 3)), small: true})
	}
	list = append(list, gradientCase{op: "Acosh", shapes: shapes(d(4)), settings: nil, positive: true, attrs: nil})
	for _, op := range []string{"Add", "Sub", "Mul", "Min", "Max", "Sum", "Mean"} {
		list = append(list, gradientCase{op: op, shapes: shapes(d(2, 3, 5), d(3, 1))}, gradientCase{op: op, shapes: shapes(d(5), d(2, 1, 5))}, gradientCase{op: op, shapes: shapes(d(), d(2, 3))})
	}
	for _, op := range []string{"Sum", "Mean", "Max", "Min"} {
		list = append(list, gradientCase{op: op, shapes: shapes(d(2, 3), d(1, 3), d(2, 1))})
	}
	for _, op := range []string{"Div", "Pow"} {
		list = append(list, gradientCase{op: op, shapes: shapes(d(2, 3, 5), d(3, 1)), positive: true}, gradientCase{op: op, shapes: shapes(d(5), d(4, 1)), positive: true})
	}
	for _, op := range []string{"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceLogSumExp", "ReduceL1", "ReduceL2", "ReduceSumSquare"} {
		list = append(list, gradientCase{op: op, shapes: shapes(d(2, 3, 5)), settings: []*onnx.Tensor{ints(1)}},
			gradientCase{op: op, shapes: shapes(d(2, 3, 5)), settings: []*onnx.Tensor{ints(-1, 0)}, attrs: []*onnx.Attr{onnx.IntAttr("keepdims", 0)}},
			gradientCase{op: op, shapes: shapes(d(2, 3, 2, 3)), settings: []*onnx.Tensor{ints(0, 2)}})
	}
	a := func(list ...*onnx.Attr) []*onnx.Attr { return list }
	s := func(list ...*onnx.Tensor) []*onnx.Tensor { return list }
	return append(list,
		gradientCase{op: "ReduceLogSum", shapes: shapes(d(3, 4)), settings: s(ints(0)), positive: true},
		gradientCase{op: "Gelu", shapes: shapes(d(3, 5)), attrs: a(onnx.TextAttr("approximate", "tanh")), opset: 20},
		gradientCase{op: "Swish", shapes: shapes(d(3, 5)), attrs: a(onnx.FloatAttr("alpha", 1.5)), opset: 24},
		gradientCase{op: "PRelu", shapes: shapes(d(2, 3, 4), d(3, 1))},
		gradientCase{op: "Clip", shapes: shapes(d(3, 5)), settings: s(onnx.NewFloats("", []float32{-.4}), onnx.NewFloats("", []float32{.7}))},
		gradientCase{op: "Clip", shapes: shapes(d(3, 5), d()), settings: s(onnx.NewFloats("", []float32{2}))},
		gradientCase{op: "MatMul", shapes: shapes(d(3, 5), d(5, 2))}, gradientCase{op: "MatMul", shapes: shapes(d(2, 1, 3, 5), d(4, 5, 2))},
		gradientCase{op: "MatMul", shapes: shapes(d(5), d(3, 5, 2))}, gradientCase{op: "MatMul", shapes: shapes(d(3, 5), d(5))}, gradientCase{op: "MatMul", shapes: shapes(d(5), d(5))},
		gradientCase{op: "Gemm", shapes: shapes(d(3, 5), d(2, 5), d(2)), attrs: a(onnx.IntAttr("transB", 1))},
		gradientCase{op: "Gemm", shapes: shapes(d(5, 3), d(5, 2), d(3, 1)), attrs: a(onnx.IntAttr("transA", 1), onnx.FloatAttr("alpha", .5), onnx.FloatAttr("beta", 2))},
		gradientCase{op: "Einsum", shapes: shapes(d(2, 3, 4), d(4, 3, 5)), attrs: a(onnx.TextAttr("equation", "bij,jik->kbi"))},
		gradientCase{op: "Einsum", shapes: shapes(d(2, 3, 4)), attrs: a(onnx.TextAttr("equation", "abc->ca"))},
		gradientCase{op: "Conv", shapes: shapes(d(2, 3, 7, 5), d(4, 3, 3, 2), d(4)), attrs: a(onnx.IntsAttr("pads", 1, 0, 2, 1), onnx.IntsAttr("strides", 2, 1))},
		gradientCase{op: "Conv", shapes: shapes(d(1, 4, 5, 6), d(6, 2, 3, 3)), attrs: a(onnx.IntAttr("group", 2), onnx.IntsAttr("dilations", 1, 2), onnx.TextAttr("auto_pad", "SAME_UPPER"))},
		gradientCase{op: "Conv", shapes: shapes(d(2, 3, 9), d(5, 3, 4), d(5)), attrs: a(onnx.IntsAttr("strides", 3))},
		gradientCase{op: "Conv", shapes: shapes(d(2, 1, 3, 5, 4), d(2, 1, 3, 3, 1), d(2)), attrs: a(onnx.IntsAttr("pads", 1, 1, 0, 1, 1, 0))},
		gradientCase{op: "Conv", shapes: shapes(d(1, 2, 2, 5, 4), d(2, 1, 1, 3, 2)), attrs: a(onnx.IntAttr("group", 2), onnx.IntsAttr("strides", 1, 2, 1))},
		gradientCase{op: "ConvTranspose", shapes: shapes(d(2, 4, 3, 2), d(4, 3, 3, 2), d(3)), attrs: a(onnx.IntsAttr("strides", 2, 3), onnx.IntsAttr("pads", 1, 0, 0, 1))},
		gradientCase{op: "ConvTranspose", shapes: shapes(d(1, 4, 5), d(4, 1, 3)), attrs: a(onnx.IntAttr("group", 2), onnx.IntsAttr("output_padding", 1), onnx.IntsAttr("strides", 2))},
		gradientCase{op: "MaxPool", shapes: shapes(d(2, 3, 7, 5)), attrs: a(onnx.IntsAttr("kernel_shape", 3, 2), onnx.IntsAttr("strides", 2, 2), onnx.IntsAttr("pads", 1, 0, 1, 1))},
		gradientCase{op: "MaxPool", shapes: shapes(d(1, 2, 6)), attrs: a(onnx.IntsAttr("kernel_shape", 3), onnx.IntsAttr("strides", 2), onnx.IntAttr("ceil_mode", 1))},
		gradientCase{op: "AveragePool", shapes: shapes(d(2, 3, 6, 5)), attrs: a(onnx.IntsAttr("kernel_shape", 3, 3), onnx.IntsAttr("strides", 2, 1), onnx.IntsAttr("pads", 1, 1, 1, 1))},
		gradientCase{op: "AveragePool", shapes: shapes(d(1, 2, 6, 7)), attrs: a(onnx.IntsAttr("kernel_shape", 3, 2), onnx.IntsAttr("strides", 2, 2), onnx.IntAttr("ceil_mode", 1), onnx.IntAttr("count_include_pad", 1))},
		gradientCase{op: "GlobalAveragePool", shapes: shapes(d(2, 3, 4, 5))}, gradientCase{op: "GlobalMaxPool", shapes: shapes(d(2, 3, 4))},
		gradientCase{op: "BatchNormalization", shapes: shapes(d(2, 3, 4, 5), d(3), d(3), d(3), d(3)), positive: true},
		gradientCase{op: "BatchNormalization", shapes: shapes(d(1, 3, 7), d(3), d(3)), settings: s(onnx.NewFloats("", make([]float32, 3), 3), onnx.NewFloats("", []float32{1, 1, 1}, 3)), attrs: a(onnx.IntAttr("training_mode", 1))},
		gradientCase{op: "LayerNormalization", shapes: shapes(d(3, 4, 5), d(5), d(5))}, gradientCase{op: "LayerNormalization", shapes: shapes(d(3, 4, 5), d(4, 5)), attrs: a(onnx.IntAttr("axis", 1))},
		gradientCase{op: "RMSNormalization", shapes: shapes(d(3, 4, 5), d(5)), opset: 23},
		gradientCase{op: "InstanceNormalization", shapes: shapes(d(2, 3, 4, 5), d(3), d(3))}, gradientCase{op: "InstanceNormalization", shapes: shapes(d(2, 3, 7), d(3), d(3))},
		gradientCase{op: "GroupNormalization", shapes: shapes(d(2, 6, 3, 5), d(6), d(6)), attrs: a(onnx.IntAttr("num_groups", 3)), opset: 21},
		gradientCase{op: "MeanVarianceNormalization", shapes: shapes(d(2, 3, 4, 5))}, gradientCase{op: "LpNormalization", shapes: shapes(d(3, 5))},
		gradientCase{op: "LpNormalization", shapes: shapes(d(3, 5)), attrs: a(onnx.IntAttr("p", 1), onnx.IntAttr("axis", 0))},
		gradientCase{op: "LRN", shapes: shapes(d(2, 7, 3, 2)), attrs: a(onnx.IntAttr("size", 3), onnx.FloatAttr("alpha", .5))},
		gradientCase{op: "Softmax", shapes: shapes(d(3, 4, 5)), attrs: a(onnx.IntAttr("axis", 1))}, gradientCase{op: "LogSoftmax", shapes: shapes(d(3, 5))},
		gradientCase{op: "Softmax", shapes: shapes(d(3, 2, 3)), opset: 11},
		gradientCase{op: "Attention", shapes: shapes(d(2, 3, 6), d(2, 3, 6), d(2, 3, 6)), attrs: a(onnx.IntAttr("q_num_heads", 2), onnx.IntAttr("kv_num_heads", 2)), opset: 23},
		gradientCase{op: "Attention", shapes: shapes(d(2, 2, 3, 4), d(2, 2, 3, 4), d(2, 2, 3, 4)), attrs: a(onnx.IntAttr("is_causal", 1), onnx.FloatAttr("scale", .7)), opset: 23},
		gradientCase{op: "Attention", shapes: shapes(d(1, 4, 3, 2), d(1, 2, 5, 2), d(1, 2, 5, 3), d(3, 5)), opset: 23},
		gradientCase{op: "Attention", shapes: shapes(d(2, 3, 8), d(2, 5, 4), d(2, 5, 4)), attrs: a(onnx.IntAttr("q_num_heads", 4), onnx.IntAttr("kv_num_heads", 2)), settings: s(seenOf(3, 5)), opset: 23},
		gradientCase{op: "ai.onnx.ml.Scaler", shapes: shapes(d(3, 4)), attrs: a(&onnx.Attr{Name: "offset", Type: onnx.AttrFloats, Floats: []float32{1, 2, 3, 4}}, &onnx.Attr{Name: "scale", Type: onnx.AttrFloats, Floats: []float32{.5}})},
		gradientCase{op: "Reshape", shapes: shapes(d(3, 4, 5)), settings: s(ints(0, -1))}, gradientCase{op: "Flatten", shapes: shapes(d(2, 3, 4)), attrs: a(onnx.IntAttr("axis", 2))},
		gradientCase{op: "Squeeze", shapes: shapes(d(3, 1, 5)), settings: s(ints(1))}, gradientCase{op: "Unsqueeze", shapes: shapes(d(3, 5)), settings: s(ints(0, -1))},
		gradientCase{op: "Transpose", shapes: shapes(d(2, 3, 5)), attrs: a(onnx.IntsAttr("perm", 2, 0, 1))},
		gradientCase{op: "Slice", shapes: shapes(d(7, 5)), settings: s(ints(6, 1), ints(-100, 4), ints(0, 1), ints(-2, 1))},
		gradientCase{op: "Gather", shapes: shapes(d(4, 5)), attrs: a(onnx.IntAttr("axis", 1)), settings: s(shaped(ints(0, -1, 2, 2, 2, 4), 3, 2))},
		gradientCase{op: "GatherElements", shapes: shapes(d(3, 4)), attrs: a(onnx.IntAttr("axis", 1)), settings: s(shaped(ints(0, -1, 2, 2, 3, 3), 3, 2))},
		gradientCase{op: "GatherND", shapes: shapes(d(3, 4, 2)), settings: s(shaped(ints(0, 1, 2, 3, 0, 1), 3, 2))},
		gradientCase{op: "Expand", shapes: shapes(d(3, 1)), settings: s(ints(2, 3, 4))}, gradientCase{op: "Tile", shapes: shapes(d(3, 2)), settings: s(ints(2, 3))},
		gradientCase{op: "Concat", shapes: shapes(d(2, 3), d(2, 1), d(2, 4)), attrs: a(onnx.IntAttr("axis", -1))},
		gradientCase{op: "Split", shapes: shapes(d(3, 7)), attrs: a(onnx.IntAttr("axis", 1)), settings: s(ints(2, 5)), outputs: 2},
		gradientCase{op: "Pad", shapes: shapes(d(3, 4)), settings: s(ints(1, 0, 0, 2))}, gradientCase{op: "Pad", shapes: shapes(d(3, 4)), settings: s(ints(1, 2, 2, 1)), attrs: a(onnx.TextAttr("mode", "reflect"))},
		gradientCase{op: "Pad", shapes: shapes(d(3, 4)), settings: s(ints(-1, 2, 0, 1), onnx.NewFloats("", []float32{.5}))}, gradientCase{op: "Pad", shapes: shapes(d(3, 4)), settings: s(ints(1, 2, 0, 1)), attrs: a(onnx.TextAttr("mode", "edge"))},
		gradientCase{op: "CumSum", shapes: shapes(d(3, 5)), settings: s(shaped(ints(1)))},
		gradientCase{op: "Trilu", shapes: shapes(d(2, 3, 4)), settings: s(shaped(ints(1)))},
		gradientCase{op: "DepthToSpace", shapes: shapes(d(2, 8, 3, 2)), attrs: a(onnx.IntAttr("blocksize", 2), onnx.TextAttr("mode", "CRD"))},
		gradientCase{op: "SpaceToDepth", shapes: shapes(d(2, 3, 4, 6)), attrs: a(onnx.IntAttr("blocksize", 2))},
		gradientCase{op: "ReverseSequence", shapes: shapes(d(4, 3, 2)), settings: s(ints(4, 2, 1))},
		gradientCase{op: "Where", shapes: shapes(d(2, 3), d(3)), settings: s(nil)},
		gradientCase{op: "ScatterND", shapes: shapes(d(4, 3), d(2, 3)), settings: s(shaped(ints(2, 0), 2, 1))},
		gradientCase{op: "ScatterElements", shapes: shapes(d(4, 3), d(2, 3)), settings: s(shaped(ints(2, 0, 1, 2, -1, 3), 2, 3)), attrs: a(onnx.TextAttr("reduction", "add"))},
		gradientCase{op: "Resize", shapes: shapes(d(1, 2, 3, 4)), settings: s(nil, onnx.NewFloats("", []float32{1, 1, 2, 1.5}, 4)), attrs: a(onnx.TextAttr("mode", "linear"))},
		gradientCase{op: "Resize", shapes: shapes(d(1, 2, 5, 4)), settings: s(nil, nil, ints(1, 2, 3, 7)), attrs: a(onnx.TextAttr("mode", "cubic"), onnx.TextAttr("coordinate_transformation_mode", "align_corners"))},
		gradientCase{op: "Resize", shapes: shapes(d(1, 2, 9, 7)), settings: s(nil, nil, ints(1, 2, 4, 3)), attrs: a(onnx.TextAttr("mode", "cubic"), onnx.IntAttr("antialias", 1), onnx.IntAttr("exclude_outside", 1))},
		gradientCase{op: "Resize", shapes: shapes(d(1, 2, 3, 4)), settings: s(nil, nil, ints(1, 2, 5, 7)), attrs: a(onnx.TextAttr("mode", "nearest"))},
	)
}()

// seenOf is a mask of truth values.
func seenOf(rows, cols int) *onnx.Tensor {
	a := &array.Array{DType: onnx.Int64, Shape: []int{rows, cols}}
	for i := range rows * cols {
		a.I = append(a.I, int64(i%3%2))
	}
	return onnx.NewInts("", a.I, rows, cols)
}

// TestGradients holds the gradient of every operator beside central differences of what it
// computes.
func TestGradients(t *testing.T) {
	seen := map[string]bool{}
	for i, c := range gradientCases {
		seen[c.op] = true
		t.Run(c.op, func(t *testing.T) { c.check(t, uint64(i)) })
	}
	for _, op := range slices.Sorted(maps.Keys(network.Operators())) {
		if !seen[op] && !slices.Contains(elsewhere, op) {
			t.Errorf("the gradient of %s is checked by no case", op)
		}
	}
}

// elsewhere are operators without a gradient, or whose gradient is that of one of the others.
var elsewhere = []string{"Floor", "Ceil", "Round", "Sign", "Cast", "CastLike", "Upsample", "Scatter", "Compress"}

func (c gradientCase) model(t *testing.T, rng *rand.Rand) (*onnx.Model, []*array.Array) {
	var in []*onnx.Value
	var names []string
	var arrays []*array.Array
	for i, dims := range c.shapes {
		name := string(rune('a' + i))
		a, err := array.New(onnx.Float, dims...)
		if err != nil {
			t.Fatal(err)
		}
		places := rng.Perm(len(a.F))
		for k := range a.F {
			switch {
			case slices.Contains(choosing, c.op):
				a.F[k] = .05*float64(places[k]-len(a.F)/2) + .02 + .015*float64(i)
			case c.op == "Acosh":
				a.F[k] = 1.5 + rng.Float64()
			case c.positive:
				a.F[k] = .5 + rng.Float64()
			case c.small:
				a.F[k] = 1.6*rng.Float64() - .8
			default:
				a.F[k] = away(rng.NormFloat64())
			}
		}
		in, names, arrays = append(in, valueOf(name, onnx.Float, dims...)), append(names, name), append(arrays, a)
	}
	var tensors []*onnx.Tensor
	for i, s := range c.settings {
		name := ""
		if s != nil {
			own := *s
			own.Name = "s" + string(rune('0'+i))
			name = own.Name
			tensors = append(tensors, &own)
		}
		names = append(names, name)
	}
	node := op(c.op, "y", names, c.attrs...)
	if name, ok := strings.CutPrefix(c.op, "ai.onnx.ml."); ok {
		node.Op, node.Domain = name, "ai.onnx.ml"
	}
	for i := 1; i < c.outputs; i++ {
		node.Outputs = append(node.Outputs, "y"+string(rune('0'+i)))
	}
	nodes := []*onnx.Node{node}
	if strings.HasPrefix(c.op, "Scatter") {
		node.Inputs = []string{"a", "s0", "b"}
	}
	if c.op == "Where" { // by the sign of the first
		node.Inputs = []string{"cond", "a", "b"}
		tensors = []*onnx.Tensor{onnx.NewFloats("zero", []float32{0})}
		nodes = []*onnx.Node{op("Less", "cond", []string{"b", "zero"}), node}
	}
	m := modelOf(in, tensors, nodes...)
	m.Graph.Outputs[0].Name = node.Outputs[0]
	if c.outputs > 1 {
		m.Graph.Outputs[0].Name = node.Outputs[1]
	}
	if c.opset > 0 {
		m.Opsets[0].Version = c.opset
	}
	return m, arrays
}

// choosing are operators of which the larger or smaller of two counts: they get numbers that lie
// apart.
var choosing = []string{"Max", "Min", "MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin", "Clip"}

// away keeps a number from where operators have edges.
func away(v float64) float64 {
	for _, edge := range []float64{0, -.4, .7, .5, -.5, 1, 2, 3, -3, 2.5, -2.5} {
		if math.Abs(v-edge) < .03 {
			return edge + .03 + .02*v
		}
	}
	return v
}

func (c gradientCase) check(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(7, seed))
	m, in := c.model(t, rng)
	checkGradients(t, rng, m, in)
}

// checkGradients holds what Differentiate says of a graph beside what Run does, which takes it
// node by node.
func checkGradients(t *testing.T, rng *rand.Rand, m *onnx.Model, in []*array.Array) {
	t.Helper()
	output := m.Graph.Outputs[0].Name
	first, err := network.Run(m, in)
	if err != nil {
		t.Fatal(err)
	}
	weights := make([]float32, first[0].Len())
	for i := range weights {
		weights[i] = float32(rng.NormFloat64())
	}
	got, err := network.Differentiate(m, in, output, weights)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range first[0].F {
		if math.Abs(got.Output.F[i]-v) > 1e-5*(1+math.Abs(v)) {
			t.Fatalf("output %d is %g, and %g by Run", i, got.Output.F[i], v)
		}
	}
	loss := func() (sum float64) {
		y, err := network.Run(m, in)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range y[0].F {
			sum += v * float64(weights[i])
		}
		return sum
	}
	for k, a := range in {
		g, top := got.Inputs[k], 1.
		for _, v := range g.F {
			top = max(top, math.Abs(v))
		}
		for i, v := range a.F {
			const h = 1. / 256
			a.F[i] = v + h
			up := loss()
			a.F[i] = v - h
			down := loss()
			a.F[i] = v
			if want := (up - down) / (2 * h); !(math.Abs(g.F[i]-want) <= 5e-3*top) {
				t.Fatalf("the gradient of element %d of input %d, %g, is %g; by differences %g", i, k, v, g.F[i], want)
			}
		}
	}
}

// TestFusedGradients is TestGradients for nodes that become one.
func TestFusedGradients(t *testing.T) {
	swap, keys := onnx.IntsAttr("perm", 0, 2, 1, 3), onnx.IntsAttr("perm", 0, 2, 3, 1)
	heads := []*onnx.Node{op("Transpose", "qt", []string{"a"}, swap), op("Transpose", "kt", []string{"b"}, keys), op("Transpose", "vt", []string{"c"}, swap)}
	number := func(name string, v float32) *onnx.Tensor { return onnx.NewFloats(name, []float32{v}) }
	last, inf := onnx.IntAttr("axis", -1), float32(math.Inf(-1))
	for name, c := range map[string]struct {
		shapes  [][]int
		tensors []*onnx.Tensor
		nodes   []*onnx.Node
	}{
		"attention": {shapes(d(2, 3, 2, 4), d(2, 3, 2, 4), d(2, 3, 2, 4)), []*onnx.Tensor{number("n", 2)}, append(heads,
			op("MatMul", "s", []string{"qt", "kt"}), op("Div", "scaled", []string{"s", "n"}), op("Softmax", "p", []string{"scaled"}, last), op("MatMul", "y", []string{"p", "vt"}))},
		"attention to others": {shapes(d(2, 3, 2, 4), d(2, 5, 2, 4), d(2, 5, 2, 4)), []*onnx.Tensor{number("n", 2)}, append(heads,
			op("MatMul", "s", []string{"qt", "kt"}), op("Mul", "scaled", []string{"s", "n"}), op("Softmax", "p", []string{"scaled"}, last), op("MatMul", "y", []string{"p", "vt"}))},
		"attention with a bias": {shapes(d(2, 3, 2, 4), d(2, 5, 2, 4), d(2, 5, 2, 4), d(2, 3, 5)), []*onnx.Tensor{number("n", 2), onnx.NewFloats("mask", []float32{0, -2, 0, -100, .5}, 1, 1, 1, 5)}, append(heads,
			op("MatMul", "s", []string{"qt", "kt"}), op("Div", "scaled", []string{"s", "n"}), op("Add", "biased", []string{"d", "scaled"}), op("Add", "masked", []string{"biased", "mask"}),
			op("Softmax", "p", []string{"masked"}, last), op("MatMul", "y", []string{"p", "vt"}))},
		"attention with two biases": {shapes(d(2, 3, 2, 4), d(2, 5, 2, 4), d(2, 5, 2, 4), d(2, 3, 5), d(1, 5)), nil, append(heads,
			op("MatMul", "s", []string{"qt", "kt"}), op("Add", "biased", []string{"s", "d"}), op("Add", "again", []string{"biased", "e"}),
			op("Softmax", "p", []string{"again"}, last), op("MatMul", "y", []string{"p", "vt"}))},
		"attention that is scaled with its bias": {shapes(d(2, 3, 2, 4), d(2, 5, 2, 4), d(2, 5, 2, 4), d(2, 3, 5)), []*onnx.Tensor{number("n", 2)}, append(heads,
			op("MatMul", "s", []string{"qt", "kt"}), op("Add", "biased", []string{"s", "d"}), op("Mul", "scaled", []string{"biased", "n"}),
			op("Softmax", "p", []string{"scaled"}, last), op("MatMul", "y", []string{"p", "vt"}))},
		"attention to nothing": {shapes(d(2, 3, 2, 4), d(2, 5, 2, 4), d(2, 5, 2, 4)), []*onnx.Tensor{number("zero", 0), onnx.NewFloats("mask", slices.Concat(slices.Repeat([]float32{inf}, 5), make([]float32, 9), []float32{inf}), 3, 5)}, append(heads,
			op("MatMul", "s", []string{"qt", "kt"}), op("Add", "masked", []string{"s", "mask"}), op("Softmax", "p", []string{"masked"}, last), op("IsNaN", "is", []string{"p"}),
			op("Where", "w", []string{"is", "zero", "p"}), op("Cast", "f", []string{"w"}, onnx.IntAttr("to", int(onnx.Float))), op("MatMul", "y", []string{"f", "vt"}))},
		"attention of matrices to few": {shapes(d(3, 4), d(4, 5), d(5, 2)), []*onnx.Tensor{number("zero", 0), onnx.NewFloats("mask", slices.Concat(slices.Repeat([]float32{inf}, 4), make([]float32, 11)), 3, 5)}, []*onnx.Node{
			op("MatMul", "s", []string{"a", "b"}), op("Add", "masked", []string{"s", "mask"}), op("Softmax", "p", []string{"masked"}, last), op("IsNaN", "is", []string{"p"}),
			op("Where", "w", []string{"is", "zero", "p"}), op("MatMul", "y", []string{"w", "c"})}},
		"attention with a bias that repeats": {shapes(d(2, 3, 2, 4), d(2, 5, 2, 4), d(2, 5, 2, 4), d(1, 2, 3, 5)), []*onnx.Tensor{onnx.NewInts("all", []int64{2, 1, 1, 1}, 4)}, append(heads,
			op("MatMul", "s", []string{"qt", "kt"}), op("Expand", "e", []string{"d", "all"}), op("Add", "biased", []string{"s", "e"}),
			op("Softmax", "p", []string{"biased"}, last), op("MatMul", "y", []string{"p", "vt"}))},
		"attention with a bias that repeats and turns": {shapes(d(2, 3, 2, 4), d(2, 3, 2, 4), d(2, 3, 2, 4), d(1, 2, 3, 3)), []*onnx.Tensor{onnx.NewInts("all", []int64{2, 1, 1, 1}, 4)}, append(heads,
			op("MatMul", "s", []string{"qt", "kt"}), op("Expand", "e", []string{"d", "all"}), op("Transpose", "turned", []string{"e"}, onnx.IntsAttr("perm", 0, 1, 3, 2)),
			op("Add", "biased", []string{"s", "turned"}), op("Softmax", "p", []string{"biased"}, last), op("MatMul", "y", []string{"p", "vt"}))},
		"attention whose bias repeats it": {shapes(d(1, 3, 2, 4), d(1, 5, 2, 4), d(1, 5, 2, 4), d(1, 2, 3, 5)), []*onnx.Tensor{onnx.NewInts("all", []int64{2, 1, 1, 1}, 4)}, append(heads,
			op("MatMul", "s", []string{"qt", "kt"}), op("Expand", "e", []string{"d", "all"}), op("Add", "biased", []string{"s", "e"}),
			op("Softmax", "p", []string{"biased"}, last), op("MatMul", "y", []string{"p", "vt"}))},
		"attention of matrices": {shapes(d(3, 4), d(4, 5), d(5, 2)), nil, []*onnx.Node{
			op("MatMul", "s", []string{"a", "b"}), op("Softmax", "p", []string{"s"}, last), op("MatMul", "y", []string{"p", "c"})}},
		"silu": {shapes(d(3, 5)), nil, []*onnx.Node{op("Sigmoid", "s", []string{"a"}), op("Mul", "y", []string{"a", "s"})}},
		"gelu": {shapes(d(3, 5)), []*onnx.Tensor{number("r", math.Sqrt2), number("one", 1), number("half", .5)}, []*onnx.Node{op("Div", "x", []string{"a", "r"}),
			op("Erf", "e", []string{"x"}), op("Add", "f", []string{"e", "one"}), op("Mul", "g", []string{"a", "f"}), op("Mul", "y", []string{"g", "half"})}},
		"hard swish": {shapes(d(3, 5)), []*onnx.Tensor{number("three", 3), number("zero", 0), number("six", 6)}, []*onnx.Node{op("Add", "x", []string{"a", "three"}),
			op("Clip", "e", []string{"x", "zero", "six"}), op("Div", "f", []string{"e", "six"}), op("Mul", "y", []string{"a", "f"})}},
		"layer norm": {shapes(d(2, 3, 5)), []*onnx.Tensor{number("two", 2), number("eps", 1e-3), normal("scale", 5), normal("shift", 5)}, []*onnx.Node{
			op("ReduceMean", "m", []string{"a"}, onnx.IntsAttr("axes", -1)), op("Sub", "x", []string{"a", "m"}), op("Pow", "q", []string{"x", "two"}),
			op("ReduceMean", "v", []string{"q"}, onnx.IntsAttr("axes", -1)), op("Add", "w", []string{"v", "eps"}), op("Sqrt", "r", []string{"w"}),
			op("Div", "z", []string{"x", "r"}), op("Mul", "u", []string{"z", "scale"}), op("Add", "y", []string{"u", "shift"})}},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			plain, in := gradientCase{op: "Identity", shapes: c.shapes}.model(t, rng)
			m := modelOf(plain.Graph.Inputs, c.tensors, c.nodes...)
			m.Opsets[0].Version = 17
			checkGradients(t, rng, m, in)
		})
	}
}

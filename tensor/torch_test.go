package tensor_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/tensor"
)

// numbers are those of testdata/gen_torch.py.
func numbers(n, salt int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32((40503*(i+salt)+12345)%65536)/32768 - 1
	}
	return x
}

type (
	tape   = *tensor.Tape
	result = *tensor.Tensor
)

// A torchCase is an operation of testdata/gen_torch.py on inputs of the same shapes.
type torchCase struct {
	op     func(t tape, x []result) result
	shapes [][]int
}

var (
	image   = []int{2, 3, 4, 3}
	row     = [][]int{{3, 5}}
	classes = []int{3, 0, 4}
)

// four is 4*x.
func four(t tape, x result) result { return t.Mul(x, t.Input([]float32{4}, 1)) }

func classWeights() []float32 {
	w := numbers(5, 9)
	for i := range w {
		w[i] = float32(math.Abs(float64(w[i]))) + .5
	}
	return w
}

func product(shapes ...[]int) torchCase {
	return of(func(t tape, x []result) result { return t.Mul(x[0], x[1]) }, shapes...)
}

// hard is an operation with kinks, of f*x.
func hard(f float32, op func(tape, result) result) torchCase {
	return torchCase{func(t tape, x []result) result { return op(t, t.Mul(x[0], t.Input([]float32{f}, 1))) }, row}
}

// hardCases are the operations with kinks.
var hardCases = map[string]torchCase{
	"hard swish":              hard(4, tape.HardSwish),
	"hard sigmoid":            hard(4, func(t tape, x result) result { return t.HardSigmoid(x, 1./6, .5) }),
	"hard sigmoid of its own": hard(4, func(t tape, x result) result { return t.HardSigmoid(x, .2, .4) }),
	"relu6":                   hard(8, func(t tape, x result) result { return t.Clamp(x, 0, 6) }),
	"clamp":                   hard(4, func(t tape, x result) result { return t.Clamp(x, -1.5, 2) }),
	"clamp above":             hard(4, func(t tape, x result) result { return t.Clamp(x, float32(math.Inf(-1)), .7) }),
	"leaky relu":              hard(1, func(t tape, x result) result { return t.LeakyReLU(x, .1) }),
}

func init() {
	for name, c := range hardCases {
		torchCases[name] = c
	}
}

// unary is an operation of 4*x.
func unary(f func(tape, result) result) torchCase {
	return torchCase{func(t tape, x []result) result { return f(t, four(t, x[0])) }, row}
}

func entropy(o tensor.CrossEntropyOptions) torchCase {
	return torchCase{func(t tape, x []result) result { return t.CrossEntropyWith(x[0], classes, o) }, row}
}

func conv(o tensor.ConvOptions, shapes ...[]int) torchCase {
	return torchCase{func(t tape, x []result) result { return t.Conv2d(x[0], x[1], third(x), o) }, shapes}
}

func convTranspose(o tensor.ConvOptions, down, right int, shapes ...[]int) torchCase {
	return torchCase{func(t tape, x []result) result {
		return t.ConvTranspose2d(x[0], x[1], third(x), o, [2]int{down, right})
	}, shapes}
}

func third(x []result) result {
	if len(x) > 2 {
		return x[2]
	}
	return nil
}

// running are the statistics of the script; a case leaves them here.
var running tensor.BatchNormState

func newRunning(channels int) *tensor.BatchNormState {
	running = tensor.BatchNormState{Mean: numbers(channels, 500), Var: numbers(channels, 600)}
	for i := range running.Var {
		running.Var[i] += 2
	}
	return &running
}

func batchNorm(shapes ...[]int) torchCase {
	return torchCase{func(t tape, x []result) result {
		s := newRunning(x[0].Dim(-1))
		if len(x) == 1 {
			return t.BatchNorm(x[0], nil, nil, s)
		}
		return t.BatchNorm(x[0], x[1], x[2], s)
	}, shapes}
}

func batchNormReLU(shapes ...[]int) torchCase {
	return torchCase{func(t tape, x []result) result {
		var res result
		if len(x) > 3 {
			res = x[3]
		}
		return t.BatchNormReLU(x[0], res, x[1], x[2], newRunning(x[0].Dim(-1)))
	}, shapes}
}

func layerNorm(shapes ...[]int) torchCase {
	return torchCase{func(t tape, x []result) result {
		if len(x) == 1 {
			return t.LayerNorm(x[0], nil, nil, 1e-5)
		}
		return t.LayerNorm(x[0], x[1], x[2], 1e-5)
	}, shapes}
}

func groupNorm(groups int, shapes ...[]int) torchCase {
	return torchCase{func(t tape, x []result) result {
		if len(x) == 1 {
			return t.GroupNorm(x[0], nil, nil, groups, 1e-5)
		}
		return t.GroupNorm(x[0], x[1], x[2], groups, 1e-5)
	}, shapes}
}

func maxPool(shape []int, o tensor.PoolOptions) torchCase {
	return torchCase{func(t tape, x []result) result { return t.MaxPool2d(x[0], o) }, [][]int{shape}}
}

func avgPool(shape []int, o tensor.PoolOptions) torchCase {
	return torchCase{func(t tape, x []result) result { return t.AvgPool2d(x[0], o) }, [][]int{shape}}
}

func attention(o tensor.AttentionOptions, shapes ...[]int) torchCase {
	if len(shapes) == 1 {
		shapes = slices.Repeat(shapes, 3)
	}
	return torchCase{func(t tape, x []result) result {
		o := o
		if len(x) > 3 {
			o.Bias = x[3]
		}
		return t.Attention(x[0], x[1], x[2], o)
	}, shapes}
}

func of(f func(t tape, x []result) result, shapes ...[]int) torchCase { return torchCase{f, shapes} }

var torchCases = map[string]torchCase{
	"conv 3x3":                    conv(tensor.ConvOptions{Pad: 1}, []int{1, 4, 3, 2}, []int{3, 3, 2, 3}, []int{3}),
	"conv without bias, stride 2": conv(tensor.ConvOptions{Stride: 2, Pad: 1}, []int{2, 5, 4, 1}, []int{3, 3, 1, 2}),
	"conv dilated":                conv(tensor.ConvOptions{Dilation: 2, Pad: 2}, []int{1, 5, 5, 2}, []int{3, 2, 2, 2}, []int{2}),
	"conv in groups":              conv(tensor.ConvOptions{Groups: 2}, []int{1, 3, 3, 4}, []int{2, 2, 2, 6}, []int{6}),
	"conv depthwise":              conv(tensor.ConvOptions{Groups: 3, Pad: 1, Stride: 2}, []int{1, 4, 4, 3}, []int{3, 3, 1, 3}, []int{3}),
	"conv 1x1":                    conv(tensor.ConvOptions{}, []int{2, 2, 3, 3}, []int{1, 1, 3, 2}, []int{2}),
	"conv, strides and dilations of axes": conv(tensor.ConvOptions{Strides: [2]int{2, 0}, Dilations: [2]int{0, 2}, Pads: [4]int{2, 0, 2, 0}},
		[]int{2, 6, 5, 2}, []int{3, 2, 2, 3}, []int{3}),
	"conv, strides of axes":     conv(tensor.ConvOptions{Stride: 2, Strides: [2]int{0, 1}, Pads: [4]int{0, 2, 0, 2}}, []int{1, 5, 6, 3}, []int{3, 4, 3, 2}, []int{2}),
	"conv, padding of sides":    conv(tensor.ConvOptions{Pads: [4]int{0, 1, 2, 0}}, []int{1, 4, 5, 2}, []int{3, 3, 2, 2}),
	"conv, TensorFlow's SAME":   conv(tensor.ConvOptions{Stride: 2, Pads: [4]int{0, 0, 1, 1}}, []int{2, 6, 6, 2}, []int{3, 3, 2, 3}, []int{3}),
	"conv transposed":           convTranspose(tensor.ConvOptions{}, 0, 0, []int{1, 3, 4, 2}, []int{3, 2, 3, 2}, []int{3}),
	"conv transposed, stride 2": convTranspose(tensor.ConvOptions{Stride: 2, Pad: 1}, 1, 1, []int{2, 3, 2, 2}, []int{3, 3, 3, 2}),
	"conv transposed, of axes": convTranspose(tensor.ConvOptions{Strides: [2]int{2, 3}, Dilations: [2]int{1, 2}, Pads: [4]int{1, 0, 1, 0}}, 1, 2,
		[]int{1, 3, 3, 2}, []int{2, 3, 2, 2}, []int{2}),
	"conv transposed in groups":           convTranspose(tensor.ConvOptions{Stride: 2, Pad: 1, Groups: 2}, 0, 0, []int{2, 2, 3, 4}, []int{3, 3, 3, 4}, []int{6}),
	"linear":                              of(func(t tape, x []result) result { return t.Linear(x[0], x[1], x[2]) }, []int{2, 3, 5}, []int{4, 5}, []int{4}),
	"linear relu":                         of(func(t tape, x []result) result { return t.LinearReLU(x[0], x[1], x[2]) }, []int{3, 5}, []int{4, 5}, []int{4}),
	"linear relu without bias":            of(func(t tape, x []result) result { return t.LinearReLU(x[0], x[1], nil) }, []int{3, 5}, []int{4, 5}),
	"max pool 2":                          maxPool([]int{2, 5, 4, 3}, tensor.PoolOptions{Kernel: 2}),
	"max pool 3, stride 2, pad 1":         maxPool([]int{1, 6, 5, 3}, tensor.PoolOptions{Kernel: 3, Stride: 2, Pad: 1}),
	"avg pool 2":                          avgPool([]int{2, 5, 4, 3}, tensor.PoolOptions{Kernel: 2}),
	"avg pool 3, stride 2, pad 1":         avgPool([]int{1, 6, 5, 3}, tensor.PoolOptions{Kernel: 3, Stride: 2, Pad: 1}),
	"avg pool 3, pad 1, inside":           avgPool([]int{1, 4, 5, 2}, tensor.PoolOptions{Kernel: 3, Stride: 1, Pad: 1, SkipZero: true}),
	"max pool, ceil":                      maxPool([]int{1, 6, 8, 3}, tensor.PoolOptions{Kernel: 3, Stride: 2, Ceil: true}),
	"max pool, ceil, pad 1":               maxPool([]int{1, 4, 6, 2}, tensor.PoolOptions{Kernel: 3, Stride: 2, Pad: 1, Ceil: true}),
	"max pool, ceil, no last":             maxPool([]int{1, 6, 5, 2}, tensor.PoolOptions{Kernel: 2, Stride: 3, Pad: 1, Ceil: true}),
	"max pool, ceil, small":               maxPool([]int{1, 2, 2, 2}, tensor.PoolOptions{Kernel: 3, Stride: 2, Ceil: true}),
	"max pool, dilated":                   maxPool([]int{1, 7, 8, 3}, tensor.PoolOptions{Kernel: 3, Kernels: [2]int{0, 2}, Strides: [2]int{1, 0}, Dilations: [2]int{2, 3}, Pads: [4]int{1, 0, 1, 0}}),
	"max pool, padding of sides":          maxPool([]int{1, 5, 4, 2}, tensor.PoolOptions{Kernels: [2]int{3, 4}, Strides: [2]int{2, 1}, Pads: [4]int{0, 3, 2, 1}}),
	"max pool, padding of sides, dilated": maxPool([]int{1, 4, 4, 1}, tensor.PoolOptions{Kernel: 2, Stride: 1, Dilations: [2]int{2, 2}, Pads: [4]int{1, 0, 1, 2}}),
	"avg pool, ceil, pad 1":               avgPool([]int{1, 4, 6, 2}, tensor.PoolOptions{Kernel: 3, Stride: 2, Pad: 1, Ceil: true}),
	"avg pool, ceil, pad 1, inside":       avgPool([]int{1, 4, 6, 2}, tensor.PoolOptions{Kernel: 3, Stride: 2, Pad: 1, Ceil: true, SkipZero: true}),
	"avg pool of axes":                    avgPool([]int{1, 4, 5, 2}, tensor.PoolOptions{Kernels: [2]int{3, 2}, Strides: [2]int{1, 2}, Pads: [4]int{1, 0, 1, 0}}),
	"avg pool, padding of sides":          avgPool([]int{1, 5, 5, 2}, tensor.PoolOptions{Kernel: 3, Stride: 2, Pads: [4]int{0, 1, 2, 1}}),
	"avg pool, padding of sides, inside":  avgPool([]int{1, 5, 5, 2}, tensor.PoolOptions{Kernel: 3, Stride: 2, Pads: [4]int{0, 1, 2, 1}, SkipZero: true}),
	"global avg pool":                     of(func(t tape, x []result) result { return t.GlobalAvgPool(x[0]) }, image),
	"batch norm":                          batchNorm(image, []int{3}, []int{3}),
	"batch norm of rows":                  batchNorm([]int{5, 4}, []int{4}, []int{4}),
	"batch norm, not affine":              batchNorm(image),
	"batch norm far from zero":            batchNorm(image, []int{3}, []int{3}),
	"batch norm frozen": of(func(t tape, x []result) result {
		s := newRunning(3)
		s.Frozen = true
		return t.BatchNorm(x[0], x[1], x[2], s)
	}, image, []int{3}, []int{3}),
	"batch norm relu":                       batchNormReLU(image, []int{3}, []int{3}),
	"batch norm add relu":                   batchNormReLU(image, []int{3}, []int{3}, image),
	"group norm":                            groupNorm(2, []int{2, 2, 3, 4}, []int{4}, []int{4}),
	"group norm of rows":                    groupNorm(3, []int{2, 6}, []int{6}, []int{6}),
	"group norm, not affine":                groupNorm(1, image),
	"layer norm":                            layerNorm([]int{3, 2, 5}, []int{5}, []int{5}),
	"layer norm, not affine":                layerNorm([]int{3, 7}),
	"layer norm far from zero":              layerNorm([]int{3, 7}, []int{7}, []int{7}),
	"unit rows":                             of(func(t tape, x []result) result { return t.UnitRows(x[0]) }, []int{2, 3, 5}),
	"relu":                                  of(func(t tape, x []result) result { return t.ReLU(x[0]) }, row...),
	"sigmoid":                               unary(tape.Sigmoid),
	"tanh":                                  unary(tape.Tanh),
	"silu":                                  unary(tape.SiLU),
	"gelu":                                  unary(tape.GELU),
	"gelu tanh":                             unary(tape.GELUTanh),
	"softmax":                               of(func(t tape, x []result) result { return t.Softmax(four(t, x[0])) }, []int{2, 3, 5}),
	"log softmax":                           of(func(t tape, x []result) result { return t.LogSoftmax(four(t, x[0])) }, []int{2, 3, 5}),
	"cross-entropy":                         of(func(t tape, x []result) result { return t.CrossEntropy(x[0], classes) }, row...),
	"cross-entropy smoothed":                entropy(tensor.CrossEntropyOptions{LabelSmoothing: .1}),
	"cross-entropy weighted":                entropy(tensor.CrossEntropyOptions{Weights: classWeights()}),
	"cross-entropy weighted, smoothed":      entropy(tensor.CrossEntropyOptions{Weights: classWeights(), LabelSmoothing: .2}),
	"cross-entropy weighted, smoothed, sum": entropy(tensor.CrossEntropyOptions{Weights: classWeights(), LabelSmoothing: .2, Sum: true}),
	"binary cross-entropy": of(func(t tape, x []result) result {
		return t.BinaryCrossEntropy(four(t, x[0]), []float32{0, 1, .25, 0, 1, 1, 1, 0, 0, 0, .75, 0, 1, 1, .5})
	}, row...),
	"mse":                            of(func(t tape, x []result) result { return t.MSE(x[0], x[1], false) }, []int{3, 5}, []int{3, 5}),
	"mse sum":                        of(func(t tape, x []result) result { return t.MSE(x[0], x[1], true) }, []int{3, 5}, []int{3, 5}),
	"add":                            of(func(t tape, x []result) result { return t.Add(x[0], x[1]) }, []int{2, 3}, []int{2, 3}),
	"add broadcast":                  of(func(t tape, x []result) result { return t.Add(x[0], x[1]) }, []int{2, 1, 3}, []int{4, 1}),
	"mul":                            of(func(t tape, x []result) result { return t.Mul(x[0], x[1]) }, []int{2, 3}, []int{2, 3}),
	"mul broadcast":                  of(func(t tape, x []result) result { return t.Mul(x[0], x[1]) }, []int{2, 1, 3, 1}, []int{4, 1, 5}),
	"mul by a pixel":                 product([]int{2, 2, 3, 5}, []int{2, 1, 1, 5}),
	"mul of a row":                   product([]int{5}, []int{2, 3, 5}),
	"mul by columns":                 product([]int{2, 3, 4}, []int{2, 3, 1}),
	"mul by one":                     product([]int{2, 3}, []int{1}),
	"mul by rows that repeat around": product([]int{2, 3, 4}, []int{3, 1}),
	"add of a bias":                  of(func(t tape, x []result) result { return t.Add(x[0], x[1]) }, []int{2, 2, 2, 3}, []int{3}),
	"concat":                         of(func(t tape, x []result) result { return t.Concat(1, x...) }, []int{2, 1, 3}, []int{2, 2, 3}, []int{2, 3, 3}),
	"slice":                          of(func(t tape, x []result) result { return t.Slice(x[0], 1, 1, 3) }, []int{2, 4, 3}),
	"pad":                            of(func(t tape, x []result) result { return t.PadHW(x[0], 2, 1) }, []int{1, 2, 2, 2}),
	"pad one side":                   of(func(t tape, x []result) result { return t.Pad(x[0], [2]int{1, 0}, [2]int{0, 2}) }, []int{2, 3}),
	"reshape":                        of(func(t tape, x []result) result { return t.Reshape(t.Add(x[0], x[0]), 3, -1) }, []int{2, 3, 2}),
	"permute":                        of(func(t tape, x []result) result { return t.Permute(x[0], 2, 0, 3, 1) }, []int{2, 3, 2, 2}),
	"transpose":                      of(func(t tape, x []result) result { return t.Transpose(x[0], -1, 1) }, []int{2, 3, 4}),
	"flatten":                        of(func(t tape, x []result) result { return t.Flatten(x[0]) }, []int{2, 2, 3, 3}),
	"sum":                            of(func(t tape, x []result) result { return t.Sum(x[0]) }, []int{3, 4}),
	"mean":                           of(func(t tape, x []result) result { return t.Mean(x[0]) }, []int{3, 4}),
	"sum over the first":             of(func(t tape, x []result) result { return t.Sum(x[0], 0) }, []int{3, 2, 4}),
	"mean over the middle":           of(func(t tape, x []result) result { return t.Mean(x[0], 1) }, []int{2, 3, 4}),
	"mean over the first and last":   of(func(t tape, x []result) result { return t.Mean(x[0], 0, -1) }, []int{2, 3, 4}),
	"attention":                      attention(tensor.AttentionOptions{Heads: 2}, []int{2, 5, 6}),
	"attention, causal":              attention(tensor.AttentionOptions{Heads: 1, Causal: true}, []int{1, 67, 2}),
	"attention, padded":              attention(tensor.AttentionOptions{Heads: 3, Lengths: []int{2, 5}}, []int{2, 5, 3}),
	"attention, causal, padded":      attention(tensor.AttentionOptions{Heads: 1, Causal: true, Lengths: []int{66, 3}}, []int{2, 67, 1}),
	"attention, biased":              attention(tensor.AttentionOptions{Heads: 3}, []int{2, 5, 6}, []int{2, 5, 6}, []int{2, 5, 6}, []int{3, 5, 5}),
	"attention, biased, padded":      attention(tensor.AttentionOptions{Heads: 1, Lengths: []int{2, 4, 1}}, []int{3, 4, 2}, []int{3, 4, 2}, []int{3, 4, 2}, []int{1, 4, 4}),
	"attention to others":            attention(tensor.AttentionOptions{Heads: 2}, []int{2, 3, 4}, []int{2, 5, 4}, []int{2, 5, 4}),
	"attention to others, biased":    attention(tensor.AttentionOptions{Heads: 2}, []int{2, 5, 4}, []int{2, 3, 4}, []int{2, 3, 4}, []int{2, 5, 3}),
	"attention of one tensor": of(func(t tape, x []result) result {
		return t.Attention(x[0], x[0], x[0], tensor.AttentionOptions{Heads: 2})
	}, []int{2, 4, 4}),
	"attention of two tensors": of(func(t tape, x []result) result {
		return t.Attention(x[0], x[1], x[0], tensor.AttentionOptions{Heads: 2})
	}, []int{2, 4, 4}, []int{2, 4, 4}),
	"quick gelu": unary(tape.QuickGELU),
	"embedding":  of(func(t tape, x []result) result { return t.Embedding(x[0], []int{2, 0, 2, 3}) }, []int{5, 3}),
}

// parameters makes the inputs of the case of a name, with gradients.
func (c *torchCase) parameters(t testing.TB, name string) (x []result, grad [][]float32) {
	t.Helper()
	for i, shape := range c.shapes {
		n := 1
		for _, d := range shape {
			n *= d
		}
		data, g := numbers(n, 1000*i), make([]float32, n)
		for k, v := range data {
			switch {
			case strings.Contains(name, "whole"):
				data[k] = float32(int(4 * v))
			case i == 0 && strings.Contains(name, "far"):
				data[k] = 1000 + float32(int(v*1024))/1024
			}
		}
		p, err := tensor.Parameter(shape...)
		if err != nil {
			t.Fatal(err)
		}
		p.Bind(data, g, false)
		x, grad = append(x, p), append(grad, g)
	}
	return x, grad
}

// Every operation's result and gradients are PyTorch's.
func TestOperationsFollowPyTorch(t *testing.T) {
	followPyTorch(t, "testdata/torch.json", torchCases)
	followPyTorch(t, "testdata/operations.json", operationCases)
}

// followPyTorch compares cases with a golden file, which has as many.
func followPyTorch(t *testing.T, file string, cases map[string]torchCase) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct {
		Y, State []float64
		Grad     [][]float64
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden) != len(cases) {
		t.Errorf("%d cases in %s, %d here", len(golden), file, len(cases))
	}
	everyLevel(t, func(t *testing.T) {
		for name, want := range golden {
			c, ok := cases[name]
			if !ok {
				t.Errorf("%s: no such case", name)
				continue
			}
			tape := tensor.NewTape()
			tape.Reset(tensor.Train)
			x, grad := c.parameters(t, name)
			running = tensor.BatchNormState{}
			y := c.op(tape, x)
			if err := tape.Err(); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			compare(t, name, y.Data, want.Y, 1e-5)
			if err := tape.BackwardFrom(y, numbers(y.Len(), 77)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for i, g := range grad {
				compare(t, name+": gradient", g, want.Grad[i], 1e-4)
			}
			if want.State != nil {
				compare(t, name+": running statistics", append(running.Mean, running.Var...), want.State, 1e-5)
			}
		}
	})
}

// compare holds numbers against PyTorch's, relative to the largest.
func compare(t *testing.T, name string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d numbers, want %d", name, len(got), len(want))
		return
	}
	largest := 1e-2
	for _, v := range want {
		largest = max(largest, math.Abs(v))
	}
	for i, v := range want {
		if !(math.Abs(float64(got[i])-v) <= tolerance*largest) {
			t.Errorf("%s: element %d is %.8g, PyTorch's %.8g", name, i, got[i], v)
			return
		}
	}
}

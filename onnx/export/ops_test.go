package export_test

import (
	"math"
	"slices"
	"testing"

	"github.com/monge-ml/monge/internal/onnxruntime"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx/export"
	"github.com/monge-ml/monge/tensor"
)

type (
	tape   = *tensor.Tape
	result = *tensor.Tensor
)

// A layer is one of a test's, on images x [N, 4, 4, 6] (after a convolution) with parameters p.
type layer struct {
	params [][]int
	f      func(tp tape, x result, p []result) result
}

// layers use every operation in every way that changes the nodes.
var layers = map[string]layer{
	"activations": {nil, func(tp tape, x result, _ []result) result {
		return tp.Sigmoid(tp.Tanh(tp.SiLU(tp.GELU(tp.GELUTanh(tp.QuickGELU(tp.ReLU(x)))))))
	}},
	"functions everywhere": {nil, func(tp tape, x result, _ []result) result {
		sum := x
		for _, f := range []tensor.Function{tensor.Exp, tensor.Neg, tensor.Abs, tensor.Sin, tensor.Cos, tensor.Atan, tensor.Sinh,
			tensor.Cosh, tensor.Asinh, tensor.Erf, tensor.Floor, tensor.Ceil, tensor.Round, tensor.Sign, tensor.Softplus, tensor.Softsign, tensor.Mish} {
			sum = tp.Add(tp.Mul(sum, tp.Input([]float32{.7}, 1)), tp.Map(f, x, 0, 0))
		}
		return sum
	}},
	"bent lines": {nil, func(tp tape, x result, _ []result) result {
		x = tp.Map(tensor.Affine, x, 4, 0)
		y := tp.Add(tp.HardSwish(x), tp.Mul(tp.HardSigmoid(x, .3, .4), tp.LeakyReLU(x, .2)))
		inf := float32(math.Inf(1))
		y = tp.Add(tp.Clamp(y, -.5, 3), tp.Clamp(x, -inf, .5))
		return tp.Add(tp.Mul(y, y), tp.Add(tp.Clamp(x, 1, inf), tp.Clamp(x, -inf, inf)))
	}},
	"functions of positive numbers": {nil, func(tp tape, x result, _ []result) result {
		x = tp.Sigmoid(x)
		y := tp.Map(tensor.Log, tp.Map(tensor.Sqrt, tp.Map(tensor.Reciprocal, x, 0, 0), 0, 0), 0, 0)
		for _, f := range []tensor.Function{tensor.Tan, tensor.Asin, tensor.Acos, tensor.Atanh} {
			y = tp.Add(y, tp.Map(f, x, 0, 0))
		}
		return tp.Add(y, tp.Map(tensor.Acosh, tp.Map(tensor.Reciprocal, x, 0, 0), 0, 0))
	}},
	"functions with settings": {nil, func(tp tape, x result, _ []result) result {
		y := tp.Map(tensor.Affine, x, -2, .5)
		for _, f := range []tensor.Function{tensor.ELU, tensor.SELU, tensor.CELU, tensor.ThresholdedReLU, tensor.Shrink, tensor.FunctionExpBase} {
			y = tp.Add(tp.Mul(y, tp.Input([]float32{.7}, 1)), tp.Map(f, x, .3, .2))
		}
		return tp.Add(y, tp.Map(tensor.PowScalar, tp.Sigmoid(x), 1.5, 0))
	}},
	"two numbers": {[][]int{{6}, {4, 1}}, func(tp tape, x result, p []result) result {
		y := tp.Div(tp.Sub(p[0], x), tp.Sigmoid(p[1]))
		return tp.Add(tp.Pow(tp.Sigmoid(x), tp.Tanh(p[0])), tp.Minimum(tp.Maximum(y, p[1]), x))
	}},
	"products of matrices": {[][]int{{6, 6}, {4, 4}}, func(tp tape, x result, p []result) result {
		y := tp.MatMul(tp.MatMul(x, p[0], false, true), x, true, false) // [N, 4, 6, 6]
		return tp.Add(tp.MatMul(x, y, false, false), tp.MatMul(p[1], x, true, false))
	}},
	"transposed convolution": {[][]int{{3, 2, 2, 6}, {4}}, func(tp tape, x result, p []result) result {
		return tp.ConvTranspose2d(x, p[0], p[1], tensor.ConvOptions{Strides: [2]int{2, 3}, Pads: [4]int{1, 0, 0, 1}, Groups: 2}, [2]int{1, 2})
	}},
	"strides and padding by side": {[][]int{{3, 2, 6, 5}}, func(tp tape, x result, p []result) result {
		return tp.Conv2d(x, p[0], nil, tensor.ConvOptions{Strides: [2]int{1, 2}, Dilations: [2]int{2, 1}, Pads: [4]int{3, 1, 0, 2}})
	}},
	"pools with ceil": {nil, func(tp tape, x result, _ []result) result {
		o := tensor.PoolOptions{Kernels: [2]int{3, 2}, Strides: [2]int{2, 3}, Pads: [4]int{1, 0, 1, 1}, Ceil: true}
		y := tp.Add(tp.MaxPool2d(x, o), tp.AvgPool2d(x, o))
		o.SkipZero = true
		return tp.Add(y, tp.AvgPool2d(x, o))
	}},
	"dilated pool": {nil, func(tp tape, x result, _ []result) result {
		return tp.MaxPool2d(x, tensor.PoolOptions{Kernel: 2, Stride: 1, Dilations: [2]int{2, 3}})
	}},
	"gathering": {nil, func(tp tape, x result, _ []result) result {
		y := tp.Gather(x, 3, []int{5, 0, 0, 2})
		y = tp.Gather(y, 1, []int{0, 1, 2, 3, 3, 2, 1, 0, 0, 1, 2, 3, 3, 2})
		return tp.SliceStep(tp.SliceStep(y, 1, 12, -3, 4), 2, 0, 2, 2)
	}},
	"sums so far": {nil, func(tp tape, x result, _ []result) result {
		return tp.CumSum(tp.CumSum(tp.CumSum(x, 1, true, false), 2, false, true), -1, true, true)
	}},
	"interpolation": {nil, func(tp tape, x result, _ []result) result {
		return tp.Interpolate(x, 1, []int32{0, 1, 1, 1, 2, 3}, []float32{.5, .5, .25, .5, 2, -1}, 2)
	}},
	"repeating": {[][]int{{4, 1}}, func(tp tape, x result, p []result) result {
		y := tp.Reshape(tp.Mean(x, 1), -1, 1, 4, 6)
		return tp.Mul(tp.Expand(y, 1, 5, 4, 6), tp.Expand(p[0], 5, 4, 6))
	}},
	"softmaxes": {nil, func(tp tape, x result, _ []result) result { return tp.Add(tp.Softmax(x), tp.LogSoftmax(x)) }},
	"conv with groups, strides, dilation and a bias": {[][]int{{3, 3, 3, 4}, {4}}, func(tp tape, x result, p []result) result {
		return tp.Conv2d(x, p[0], p[1], tensor.ConvOptions{Groups: 2, Stride: 2, Pad: 2, Dilation: 2})
	}},
	"oblong kernel": {[][]int{{1, 3, 6, 5}}, func(tp tape, x result, p []result) result {
		return tp.Conv2d(x, p[0], nil, tensor.ConvOptions{})
	}},
	"kernel that is computed": {[][]int{{3, 3, 6, 5}}, func(tp tape, x result, p []result) result {
		return tp.Conv2d(x, tp.Tanh(p[0]), nil, tensor.ConvOptions{})
	}},
	"pools": {nil, func(tp tape, x result, _ []result) result {
		y := tp.AvgPool2d(tp.MaxPool2d(x, tensor.PoolOptions{Kernel: 3, Stride: 1, Pad: 1}), tensor.PoolOptions{Kernel: 3, Stride: 1, Pad: 1})
		return tp.AvgPool2d(y, tensor.PoolOptions{Kernel: 3, Stride: 2, Pad: 1, SkipZero: true})
	}},
	"subsample": {nil, func(tp tape, x result, _ []result) result { return tp.Subsample(x, 2, 10) }},
	"subsample without channels more": {nil, func(tp tape, x result, _ []result) result {
		return tp.Add(tp.Subsample(x, 3, 6), tp.Mean(tp.Subsample(x, 1, 6), 1, 2, 3, 0))
	}},
	"batch norm of vectors, with a residual": {[][]int{{6}, {6}}, func(tp tape, x result, p []result) result {
		s := &tensor.BatchNormState{Mean: []float32{1, 2, 3, 4, 5, 6}, Var: []float32{.1, .2, .3, .4, .5, .6}, Eps: .01}
		rows := tp.GlobalAvgPool(x)
		return tp.BatchNormReLU(rows, rows, p[0], p[1], s)
	}},
	"batch norm of rows without parameters": {nil, func(tp tape, x result, _ []result) result {
		s := &tensor.BatchNormState{Mean: []float32{1, 2, 3, 4, 5, 6}, Var: []float32{.1, .2, .3, .4, .5, .6}}
		return tp.BatchNorm(tp.Reshape(x, -1, 16, 6), nil, nil, s)
	}},
	"layer norm": {[][]int{{6}, {6}}, func(tp tape, x result, p []result) result {
		return tp.Add(tp.LayerNorm(x, p[0], p[1], 1e-3), tp.LayerNorm(x, nil, nil, 1e-5))
	}},
	"root mean square norm": {[][]int{{6}}, func(tp tape, x result, p []result) result {
		return tp.Add(tp.RMSNorm(x, p[0], 1e-2), tp.RMSNorm(x, nil, 1e-5))
	}},
	"across channels": {nil, func(tp tape, x result, _ []result) result { return tp.LRN(tp.LRN(x, 3, .5, .75, 1), 5, 2, .6, .3) }},
	"group norm": {[][]int{{6}, {6}}, func(tp tape, x result, p []result) result {
		y := tp.GroupNorm(tp.Reshape(x, -1, 16, 6), nil, p[1], 2, 1e-3)
		return tp.Add(tp.Mean(tp.GroupNorm(x, p[0], p[1], 3, 1e-5), 1, 2), tp.Mean(y, 1))
	}},
	"unit rows": {nil, func(tp tape, x result, _ []result) result { return tp.UnitRows(x) }},
	"linear layers": {[][]int{{5, 6}, {5}, {6, 5}}, func(tp tape, x result, p []result) result {
		return tp.Add(x, tp.Linear(tp.LinearReLU(x, p[0], p[1]), p[2], nil))
	}},
	"broadcasts": {[][]int{{6}, {4, 1}, {4, 4, 6}, {1, 4, 1, 6}, {1}}, func(tp tape, x result, p []result) result {
		for _, v := range p {
			x = tp.Mul(tp.Add(v, x), v)
		}
		return tp.Add(tp.Reshape(tp.Mean(x, 1, 2, 3), -1, 1, 1, 1), x)
	}},
	"a constant": {nil, func(tp tape, x result, _ []result) result {
		return tp.Mul(x, tp.Input([]float32{1, 2, 3, 4, 5, 6}, 6))
	}},
	"zeros for each": {[][]int{{6}}, func(tp tape, x result, p []result) result {
		n := x.Dim(0)
		class := tp.Add(tp.Input(make([]float32, n*2*6), n, 2, 6), p[0])
		return tp.Concat(1, class, tp.Reshape(x, n, 16, 6), tp.Sub(class, p[0]))
	}},
	"sums and means": {nil, func(tp tape, x result, _ []result) result {
		y := tp.Add(tp.Sum(x, 1), tp.Mean(x, 2))
		return tp.Add(tp.Mul(y, tp.Reshape(tp.Mean(x, -1, 1), -1, 4, 1)), tp.Mul(tp.Mean(x), tp.Sum(x)))
	}},
	"extremes and products": {nil, func(tp tape, x result, _ []result) result {
		y := tp.Add(tp.Max(x, 1, 3), tp.LogSumExp(x, 2, 3))
		return tp.Mul(tp.Sub(tp.Min(x, 1), tp.Prod(x, 2)), tp.Reshape(y, -1, 4, 1))
	}},
	"permutations": {nil, func(tp tape, x result, _ []result) result {
		y := tp.Transpose(tp.Permute(x, 0, 3, 2, 1), 1, 2) // [N, 4, 6, 4]
		return tp.Reshape(tp.Permute(y, 0, 2, 3, 1), -1, 12, 8)
	}},
	"permuted there and back": {nil, func(tp tape, x result, _ []result) result {
		return tp.Add(tp.ReLU(tp.Permute(tp.Permute(x, 3, 1, 0, 2), 2, 1, 3, 0)), x)
	}},
	"slices, padding, joining": {nil, func(tp tape, x result, _ []result) result {
		y := tp.Pad(tp.Slice(tp.Slice(x, 1, 1, 3), 3, 2, 5), [2]int{}, [2]int{1, 1}, [2]int{0, 0}, [2]int{2, 0})
		return tp.Concat(-1, y, x, tp.Slice(x, 2, 0, 4))
	}},
	"padding of images": {nil, func(tp tape, x result, _ []result) result { return tp.PadHW(x, 2, 1) }},
	"reshaping by the minibatch": {nil, func(tp tape, x result, _ []result) result {
		rows := tp.Reshape(x, -1, 6)                  // [16N, 6]
		return tp.Reshape(tp.ReLU(rows), -1, 4, 8, 3) // [N, 4, 8, 3]
	}},
	"flattened": {nil, func(tp tape, x result, _ []result) result { return tp.Flatten(tp.Slice(x, 1, 0, 3)) }},
	"attention": {[][]int{{6, 6}}, func(tp tape, x result, p []result) result {
		rows := tp.Reshape(x, -1, 16, 6)
		k := tp.Linear(rows, p[0], nil)
		return tp.Add(tp.Attention(rows, k, rows, tensor.AttentionOptions{Heads: 2, Causal: true}), tp.Attention(k, rows, k, tensor.AttentionOptions{Heads: 3}))
	}},
	"attention to others": {[][]int{{6, 6}, {3, 2, 16}}, func(tp tape, x result, p []result) result {
		rows := tp.Reshape(x, -1, 16, 6)
		few := tp.Slice(rows, 1, 3, 5)
		y := tp.Attention(few, rows, tp.Linear(rows, p[0], nil), tensor.AttentionOptions{Heads: 3, Bias: tp.Mul(p[1], p[1]), Dropout: .1})
		return tp.Concat(1, y, tp.Attention(rows, few, few, tensor.AttentionOptions{Heads: 1, Causal: true}))
	}},
	"attention with masks": {[][]int{{2, 8, 8}}, func(tp tape, x result, p []result) result {
		rows := tp.Reshape(x, -1, 8, 6) // two of an image
		mask := make([]float32, 2*8*8)
		for i := range mask {
			mask[i] = float32(i * i % 7)
		}
		o := tensor.AttentionOptions{Heads: 2, Bias: p[0], Mask: tp.Input(mask, 2, 1, 8, 8)}
		y := tp.Attention(rows, rows, rows, o)
		o.Bias, o.Mask = nil, tp.Input(mask[:16], 1, 2, 1, 8)
		y = tp.Attention(y, rows, y, o)
		o.Mask = tp.Reshape(tp.Slice(rows, 2, 0, 1), -1, 1, 1, 8)
		return tp.Attention(y, y, rows, o)
	}},
	"tokens that are computed": {[][]int{{3, 6}}, func(tp tape, x result, p []result) result {
		y := tp.Slice(tp.Reshape(x, -1, 16, 6), 2, 0, 1) // all the same sign after softmax
		ones := tp.ReLU(tp.Reshape(tp.Softmax(y), -1, 16))
		rows := tp.EmbeddingOf(p[0], ones)
		return tp.Attention(rows, tp.Reshape(x, -1, 16, 6), rows, tensor.AttentionOptions{Heads: 1, Tokens: tp.Mul(ones, tp.Input([]float32{1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0}, 16))})
	}},
	"embedding by constants": {[][]int{{3, 6}}, func(tp tape, x result, p []result) result {
		return tp.Add(x, tp.Reshape(tp.Embedding(p[0], []int{2, 0, 2, 1}), 1, 4, 6))
	}},
}

// Every operation computes in ONNX Runtime what it does on the tape.
func TestLayersServed(t *testing.T) {
	onnxruntime.Need(t)
	for name, l := range layers {
		t.Run(name, func(t *testing.T) {
			b := nn.NewBuilder()
			conv := b.Conv2d("conv", 3, 6, 3, nn.ConvOptions{Pad: 1})
			var params []*nn.Param
			for i, shape := range l.params {
				params = append(params, b.Param(string(rune('a'+i)), nn.Normal(1), shape...))
			}
			mine := nn.LayerFunc(func(tp tape, x result) result {
				tp.Scope("mine")
				var p []result
				for _, v := range params {
					p = append(p, v.Tensor())
				}
				y := l.f(tp, x, p)
				if y == nil {
					return nil
				}
				return tp.Reshape(y, x.Dim(0), -1)
			})
			m, err := nn.NewModel(b, nn.Sequential{conv, mine}, []int{4, 4, 3})
			if err != nil {
				t.Fatal(err)
			}
			theta := m.NewTheta(5)
			f, err := export.Model(m, theta, export.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var batches []onnxruntime.Batch
			var want [][]float32
			for _, n := range []int{4, 1} {
				x, first, d := minibatch([]int{4, 4, 3}, 0, n)
				y, err := m.Logits(theta, x)
				if err != nil {
					t.Fatal(err)
				}
				batches, want = append(batches, onnxruntime.Batch{Dims: d, Data: first}), append(want, slices.Clone(y))
			}
			for i, y := range serve(t, f, false, batches).Results {
				onnxruntime.Near(t, y.Data, want[i])
			}
		})
	}
}

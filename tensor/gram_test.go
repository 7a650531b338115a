package tensor_test

import (
	"math"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/tensor"
)

// A gramCase is an operation on the examples x, [n, ...] or so, and parameters.
type gramCase struct {
	op     func(t tape, x result, p []result) result
	x      []int // shape of one example
	shapes [][]int
}

const gramExamples = 4

// loss is the mean over n examples of the sum of squares of what op makes.
func (c *gramCase) loss(t tape, x []float32, n int, p []result) result {
	shape := append([]int{n}, c.x...)
	y := c.op(t, t.Input(x, shape...), p)
	return t.Mul(t.Sum(t.Mul(y, y)), t.Input([]float32{1 / float32(n)}, 1))
}

// backward returns the gradients, and the Gram matrix of n examples.
func (c *gramCase) backward(x []float32, n int, seed float32) (grads []float32, k []float64, err error) {
	var p []result
	tp := tensor.NewTape()
	tp.Reset(tensor.Perturbed)
	tp.Scope("net")
	for i, shape := range c.shapes {
		size := 1
		for _, d := range shape {
			size *= d
		}
		q, err := tensor.New(numbers(size, 50+i), shape...)
		if err != nil {
			return nil, nil, err
		}
		q.Bind(q.Data, make([]float32, size), false)
		p = append(p, q)
	}
	k = make([]float64, n*n)
	loss := c.loss(tp, x, n, p)
	tp.Gram(k, n)
	err = tp.Backward(loss, seed)
	for _, q := range p {
		q.FinishGrad()
		grads = append(grads, q.Grad...)
	}
	return grads, k, err
}

var gramCases = map[string]gramCase{
	"linear of rows": {func(t tape, x result, p []result) result { return t.LinearReLU(x, p[0], p[1]) }, []int{3, 5}, [][]int{{7, 5}, {7}}},
	"linear, kept": {func(t tape, x result, p []result) result {
		h := t.Keep(t.LinearReLU(x, p[0], p[1]))
		return t.Mul(h, t.Linear(h, p[2], nil))
	}, []int{5}, [][]int{{7, 5}, {7}, {7, 7}}},
	"examples as runs of rows": {func(t tape, x result, p []result) result {
		return t.Linear(t.Reshape(x, -1, 5), p[0], p[1])
	}, []int{3, 5}, [][]int{{7, 5}, {7}}},
	"weight, permuted": {func(t tape, x result, p []result) result {
		return t.Linear(x, t.Transpose(p[0], 0, 1), t.Reshape(p[1], 7))
	}, []int{5}, [][]int{{5, 7}, {7, 1}}},
	"part of a weight": {func(t tape, x result, p []result) result { return t.Linear(x, t.Slice(p[0], 0, 2, 5), nil) }, []int{5}, [][]int{{7, 5}}},
	"matmul":           {func(t tape, x result, p []result) result { return t.MatMul(x, p[0], false, false) }, []int{3, 5}, [][]int{{5, 6}}},
	"matmul, other":    {func(t tape, x result, p []result) result { return t.MatMul(x, p[0], false, true) }, []int{5}, [][]int{{6, 5}}},
	"batches of matmul": {func(t tape, x result, p []result) result {
		h := t.Linear(x, p[0], nil)
		return t.MatMul(h, t.Tanh(h), false, true)
	}, []int{3, 5}, [][]int{{6, 5}}},
	"conv transpose": {func(t tape, x result, p []result) result {
		return t.ConvTranspose2d(x, p[0], p[1], tensor.ConvOptions{Stride: 2, Groups: 2, Pad: 1}, [2]int{1, 0})
	}, []int{3, 4, 6}, [][]int{{3, 3, 2, 6}, {4}}},
	"conv as wide as high": {func(t tape, x result, p []result) result {
		return t.Conv2d(x, p[0], p[1], tensor.ConvOptions{Strides: [2]int{1, 2}, Pads: [4]int{1, 0, 2, 1}, Dilation: 2})
	}, []int{6, 5, 2}, [][]int{{2, 3, 2, 5}, {5}}},
	"rms norm": {func(t tape, x result, p []result) result { return t.RMSNorm(x, p[0], 1e-5) }, []int{3, 5}, [][]int{{5}}},
	"layer scale": {func(t tape, x result, p []result) result {
		h := t.Linear(x, p[0], nil)
		return t.Add(h, t.Mul(t.GELU(h), p[1]))
	}, []int{3, 5}, [][]int{{5, 5}, {5}}},
	"places": {func(t tape, x result, p []result) result { return t.Mul(t.Add(x, p[0]), t.Sub(p[1], x)) }, []int{3, 5}, [][]int{{3, 5}, {1, 3, 1}}},
	"sum of places and kinds": {func(t tape, x result, p []result) result {
		return t.Add(x, t.Add(t.Slice(p[0], 0, 1, 4), t.Slice(p[1], 0, 0, 1)))
	}, []int{3, 5}, [][]int{{6, 5}, {2, 5}}},
	"one row more": {func(t tape, x result, p []result) result {
		return t.Concat(1, t.Expand(p[0], x.Dim(0), 1, 5), t.Tanh(t.Linear(x, p[1], nil)))
	}, []int{3, 5}, [][]int{{1, 1, 5}, {5, 5}}},
	"embedding": {func(t tape, x result, p []result) result {
		ids := make([]int, len(x.Data))
		for i, v := range x.Data {
			ids[i] = int(v*v*4) % 3 // the same ones again, within examples and between
		}
		return t.Add(t.Embedding(p[0], ids), t.Input([]float32{.5}, 1))
	}, []int{6}, [][]int{{9, 5}}},
	"softmax, pooled": {func(t tape, x result, p []result) result {
		return t.Softmax(t.GlobalAvgPool(t.MaxPool2d(t.Conv2d(x, p[0], nil, tensor.ConvOptions{}), tensor.PoolOptions{Kernel: 2})))
	}, []int{5, 5, 2}, [][]int{{2, 2, 2, 3}}},
	"attention": {func(t tape, x result, p []result) result {
		return t.Attention(t.Linear(x, p[0], nil), t.Linear(x, p[1], nil), t.Linear(x, p[2], nil), tensor.AttentionOptions{Heads: 2, Causal: true})
	}, []int{3, 4}, [][]int{{4, 4}, {4, 4}, {4, 4}}},
}

// What every operation contributes is the product of the gradients of examples alone, by any seed.
func TestGramOfOperations(t *testing.T) {
	for name, c := range gramCases {
		t.Run(name, func(t *testing.T) {
			one := 1
			for _, d := range c.x {
				one *= d
			}
			x := numbers(gramExamples*one, 3)
			var each [][]float32
			for i := range gramExamples {
				g, _, err := c.backward(x[i*one:(i+1)*one], 1, 1)
				if err != nil {
					t.Fatal(err)
				}
				each = append(each, g)
			}
			for _, seed := range []float32{1, -.5} {
				_, k, err := c.backward(x, gramExamples, seed)
				if err != nil {
					t.Fatal(err)
				}
				for i, a := range each {
					for j, b := range each {
						want, scale := dot(a, b), math.Sqrt(dot(a, a)*dot(b, b))
						if got := k[i*gramExamples+j]; scale == 0 || !(math.Abs(got-want) < 2e-6*scale) {
							t.Fatalf("seed %g: examples %d and %d: %g, want %g of lengths %g", seed, i, j, got, want, scale)
						}
					}
				}
			}
		})
	}
}

func dot(a, b []float32) (s float64) {
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}

// What has no rule, or mixes examples, is an error that names its layer and operation.
func TestGramErrors(t *testing.T) {
	w := [][]int{{5, 5}}
	linear := func(t tape, x result, p []result) result { return t.Linear(x, p[0], nil) }
	for want, c := range map[string]gramCase{
		"net: batch norm: it normalises by the statistics of the minibatch": {func(t tape, x result, p []result) result {
			return t.BatchNorm(x, p[0], nil, &tensor.BatchNormState{})
		}, []int{3, 5}, [][]int{{5}}},
		"net: square: it is not known to keep examples apart": {func(t tape, x result, p []result) result { return t.Apply(square{}, linear(t, x, p)) }, []int{5}, w},
		"net: linear: the parameter [5 5] is in another operation too": {func(t tape, x result, p []result) result {
			return linear(t, linear(t, x, p), p)
		}, []int{5}, w},
		"net: matmul: it mixes the examples of [4 5]": {func(t tape, x result, p []result) result {
			h := linear(t, x, p)
			return t.MatMul(h, h, false, true)
		}, []int{5}, w},
		"net: sum: the first dimension of [5 4]": {func(t tape, x result, p []result) result { return t.Transpose(linear(t, x, p), 0, 1) }, []int{5}, w},
		"net: permute: it mixes the examples of [4 5 4]": {func(t tape, x result, p []result) result {
			return t.Permute(t.Linear(x, p[0], nil), 2, 1, 0)
		}, []int{5, 5}, [][]int{{4, 5}}},
		"net: sub: the first dimension of [5] is not a multiple of the 4 examples": {func(t tape, x result, p []result) result {
			h := linear(t, x, p)
			return t.Sub(h, t.Mean(h, 0))
		}, []int{5}, w},
		"net: concat: it mixes the examples of [4 5]": {func(t tape, x result, p []result) result {
			h := linear(t, x, p)
			return t.Concat(0, h, h)
		}, []int{5}, w},
		"net: mul: the parameter [4 5] has a row for each row": {func(t tape, x result, p []result) result { return t.Add(x, p[0]) }, []int{5}, [][]int{{4, 5}}},
		"net: div: there is no rule for a parameter, [5], as input 1": {func(t tape, x result, p []result) result {
			return t.Div(t.Linear(x, p[0], nil), p[1])
		}, []int{5}, [][]int{{5, 5}, {5}}},
		"net: linear: input 1, [8 5], is computed": {func(t tape, x result, p []result) result {
			return t.Linear(x, t.Tanh(t.Linear(t.Input(numbers(40, 1), 8, 5), p[0], nil)), nil)
		}, []int{5}, w},
		"net: linear: there is no rule for a sum of parameters, [5 5]": {func(t tape, x result, p []result) result {
			return t.Linear(x, t.Add(p[0], p[1]), nil)
		}, []int{5}, [][]int{{5, 5}, {5, 5}}},
		"net: softmax: it mixes the examples of [4]": {func(t tape, x result, p []result) result {
			return t.Softmax(t.Sum(linear(t, x, p), 1))
		}, []int{5}, w},
		"net: matmul: there is no rule for a weight [4 5 5]": {func(t tape, x result, p []result) result { return t.MatMul(x, p[0], false, false) }, []int{2, 5}, [][]int{{4, 5, 5}}},
		"net: mul: its one result is not a sum over examples": {func(t tape, x result, p []result) result {
			return t.Sum(linear(t, x, p))
		}, []int{5}, w},
	} {
		size := gramExamples
		for _, d := range c.x {
			size *= d
		}
		_, _, err := c.backward(numbers(size, 3), gramExamples, 1)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	lone := gramCase{linear, []int{5}, w}
	if _, _, err := lone.backward(numbers(20, 3), gramExamples, 0); err == nil || !strings.Contains(err.Error(), "a seed of 0") {
		t.Error(err)
	}
	tp := tensor.NewTape()
	tp.Reset(tensor.Train)
	x, p := tp.Input(numbers(20, 1), 4, 5), [2]result{}
	for i, shape := range [][]int{{5, 5}, {1}} {
		p[i], _ = tensor.New(numbers(shape[0]*shape[len(shape)-1], 2), shape...)
		p[i].Bind(p[i].Data, make([]float32, len(p[i].Data)), false)
	}
	tp.Gram(make([]float64, 16), 4)
	err := tp.Backward(tp.Mul(tp.Sum(tp.Linear(x, p[0], nil)), p[1]), 1)
	if err == nil || !strings.Contains(err.Error(), "mul: a parameter, [1], enters the loss beside the examples") {
		t.Error(err)
	}
	tp = tensor.NewTape()
	if tp.Gram(make([]float64, 3), 2); tp.Err() == nil || !strings.Contains(tp.Err().Error(), "gram: 3 elements for the products of 2 examples; there must be 4") {
		t.Error(tp.Err())
	}
}

// Both ways to a weight's products give the same, in one go and in parts.
func TestGramWays(t *testing.T) {
	for _, tt := range []struct {
		s     kernel.Conv
		lines bool
	}{
		{kernel.Conv{H: 5, W: 4, C: 6, O: 7}, true},
		{kernel.Conv{H: 2, W: 1, C: 1100, O: 1000}, true},
		{kernel.Conv{H: 5, W: 6, C: 6, O: 7, KH: 3, KW: 2, Pads: [4]int{1, 0, 2, 1}, Strides: [2]int{1, 2}}, false},
		{kernel.Conv{H: 7, W: 6, C: 6, O: 9, KH: 3, KW: 3, Groups: 3, Dilations: kernel.Both(2), Pads: kernel.Around(1)}, false},
		{kernel.Conv{H: 16, W: 16, C: 128, O: 1000, KH: 3, KW: 3, Pads: kernel.Around(1)}, false},
	} {
		const b = 4
		s := tt.s
		s.N, s.KH, s.KW = b, max(s.KH, 1), max(s.KW, 1)
		x, dy := numbers(b*s.H*s.W*s.C, 1), numbers(b*s.OutH()*s.OutW()*s.O, 2)
		gradients, pairs := tensor.WeightGrams(s, b, x, dy, tt.lines)
		dw := make([]float32, b*s.KH*s.KW*s.C/max(s.Groups, 1)*s.O)
		kernel.ConvBackwardWeightsEach(&s, dw, x, dy, b)
		one := len(dw) / b
		for i := range b {
			for j := range b {
				g, h := dw[i*one:(i+1)*one], dw[j*one:(j+1)*one]
				want, scale := dot(g, h), math.Sqrt(dot(g, g)*dot(h, h))
				for way, got := range [][]float64{gradients, pairs} {
					if !(math.Abs(got[i*b+j]-want) < 1e-5*scale) {
						t.Errorf("%+v, way %d: examples %d and %d: %g, want %g of lengths %g", s, way, i, j, got[i*b+j], want, scale)
					}
				}
			}
		}
	}
}

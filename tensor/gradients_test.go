package tensor_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/monge-ml/monge/tensor"
	"github.com/monge-ml/monge/tensor/internal/gradcheck"
)

// apart fills with numbers that lie further apart than a finite difference, so that a
// maximum stays where it is.
func apart(rng *rand.Rand, x []float32) {
	for i, k := range rng.Perm(len(x)) {
		x[i] = float32(k-len(x)/2) * .06
	}
}

// gradientCases are the shapes that are easy to get wrong: ones, primes, channels that
// fill no vector, strides over odd sizes.
func gradientCases() map[string]torchCase {
	ab := func(c int) [][]int { return [][]int{{c}, {c}} }
	with := func(c torchCase, shapes ...[]int) torchCase { c.shapes = shapes; return c }
	cases := map[string]torchCase{
		"conv of one pixel":        conv(tensor.ConvOptions{}, []int{1, 1, 1, 1}, []int{1, 1, 1, 1}, []int{1}),
		"conv 3x3, stride 2":       conv(tensor.ConvOptions{Stride: 2, Pad: 1}, []int{2, 7, 5, 3}, []int{3, 3, 3, 7}, []int{7}),
		"conv 3x3 of 17 channels":  conv(tensor.ConvOptions{Pad: 1}, []int{1, 5, 3, 17}, []int{3, 3, 17, 5}),
		"conv of primes in groups": conv(tensor.ConvOptions{Groups: 2, Dilation: 2, Pad: 1}, []int{1, 7, 5, 6}, []int{3, 2, 3, 4}, []int{4}),
		"batch norm of 17":         batchNorm(append([][]int{{2, 3, 1, 17}}, ab(17)...)...),
		"batch norm of 1":          batchNorm(append([][]int{{7, 1}}, ab(1)...)...),
		"batch norm of 32":         batchNorm(append([][]int{{2, 1, 5, 32}}, ab(32)...)...),
		"group norm of 33":         groupNorm(3, append([][]int{{2, 3, 1, 33}}, ab(33)...)...),
		"group norm of 16":         groupNorm(4, append([][]int{{3, 1, 2, 16}}, ab(16)...)...),
		"layer norm of 37":         layerNorm(append([][]int{{3, 37}}, ab(37)...)...),
		"layer norm of 16":         layerNorm(append([][]int{{2, 1, 16}}, ab(16)...)...),
		"avg pool of 19":           avgPool([]int{1, 5, 7, 19}, tensor.PoolOptions{Kernel: 3, Stride: 2, Pad: 1, SkipZero: true}),
		"avg pool 2":               avgPool([]int{1, 5, 3, 2}, tensor.PoolOptions{Kernel: 2, Stride: 1}),
		"x used three times": of(func(t tape, x []result) result {
			return t.Mul(t.Add(x[0], x[0]), t.Add(x[0], t.Reshape(x[0], 3, 5)))
		}, []int{3, 5}),
		"views of views": of(func(t tape, x []result) result {
			h := t.Add(x[0], x[0])
			v := t.Reshape(t.Reshape(h, 15), 5, 3)
			return t.Add(t.Mul(v, v), t.Reshape(t.Mul(h, h), 5, 3))
		}, []int{3, 5}),
		"x and its norm": of(func(t tape, x []result) result {
			h := t.Add(x[0], x[0])
			return t.Mul(t.LayerNorm(h, nil, nil, 1e-5), h)
		}, []int{3, 19}),
		"x kept": of(func(t tape, x []result) result {
			h := t.Keep(t.LinearReLU(x[0], x[1], nil))
			return t.Mul(t.Keep(t.Sigmoid(h)), h)
		}, []int{3, 5}, []int{4, 5}),
		"one value from many": of(func(t tape, x []result) result { return t.Add(x[0], x[1]) }, []int{1}, []int{2, 3, 17}),
		"bias of 37":          of(func(t tape, x []result) result { return t.Mul(x[0], x[1]) }, []int{5, 37}, []int{37}),
		"squeeze and excitation": of(func(t tape, x []result) result {
			return t.Mul(x[0], t.HardSigmoid(t.Reshape(t.GlobalAvgPool(x[0]), 2, 1, 1, 19), 1./6, .5))
		}, []int{2, 3, 3, 19}),
		"x and its pixel, twice": of(func(t tape, x []result) result {
			h := t.Mul(x[0], x[1])
			return t.Mul(t.Mul(h, x[1]), h)
		}, []int{2, 2, 2, 17}, []int{2, 1, 1, 17}),
		"outer product": of(func(t tape, x []result) result { return t.Mul(x[0], x[1]) }, []int{7, 1}, []int{1, 5}),
		"residual twice": of(func(t tape, x []result) result {
			h := t.Add(x[0], x[0])
			y := t.BatchNorm(h, x[1], nil, &tensor.BatchNormState{})
			return t.Add(y, h)
		}, []int{4, 2, 19}, []int{19}),
		"five dimensions":           of(func(t tape, x []result) result { return t.Permute(x[0], 4, 1, 3, 0, 2) }, []int{2, 3, 2, 1, 3}),
		"attention over two blocks": attention(tensor.AttentionOptions{Heads: 3, Lengths: []int{65, 66}}, []int{2, 66, 3}),
		"causal attention of 1":     attention(tensor.AttentionOptions{Heads: 1, Causal: true}, []int{1, 1, 17}),
		"causal attention of 33":    attention(tensor.AttentionOptions{Heads: 2, Causal: true}, []int{1, 33, 10}),
		"own operation":             of(func(t tape, x []result) result { return t.Apply(square{}, t.Apply(square{}, x[0])) }, []int{3, 5}),
	}
	for name, c := range torchCases {
		cases[name] = c
	}
	for name := range hardCases {
		delete(cases, name)
	}
	for name, shape := range map[string][]int{"sigmoid": {2, 37}, "tanh": {1}, "silu": {33}, "gelu": {2, 17}, "gelu tanh": {31}, "softmax": {2, 37}, "log softmax": {3, 17}} {
		cases[name+" of more"] = with(torchCases[name], shape)
	}
	for _, o := range []tensor.PoolOptions{{Kernel: 3, Stride: 2, Pad: 1}, {Kernel: 2}, {Kernel: 1}, {Kernel: 3, Stride: 1}} {
		cases["max pool of 19"+string(rune('0'+o.Stride))] = maxPool([]int{1, 5, 3, 19}, o)
	}
	for _, name := range []string{"relu", "linear relu", "linear relu without bias", "batch norm relu", "batch norm add relu", "x kept", "group norm of rows", "batch norm far from zero", "layer norm far from zero"} {
		delete(cases, name)
	}
	return cases
}

// square is an operation of a user's.
type square struct{}

func (square) Name() string                              { return "square" }
func (square) Shape(in ...*tensor.Tensor) ([]int, error) { return in[0].Shape(), nil }
func (square) Forward(out *tensor.Tensor, in ...*tensor.Tensor) {
	for i, x := range in[0].Data {
		out.Data[i] = x * x
	}
}
func (square) Backward(out *tensor.Tensor, in ...*tensor.Tensor) {
	for i, x := range in[0].Data {
		in[0].Grad[i] += 2 * x * out.Grad[i]
	}
}

func TestAllGradients(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		for name, c := range gradientCases() {
			s := gradcheck.Settings{}
			if len(name) > 8 && name[:8] == "max pool" {
				s.Fill = apart
			}
			gradcheck.Check(t, name, s, gradcheck.Op(c.op), c.shapes...)
		}
	})
}

// Operations with kinks, of numbers away from these, which lie at multiples of a half.
func TestHardGradients(t *testing.T) {
	inf := float32(math.Inf(1))
	everyLevel(t, func(t *testing.T) {
		for name, op := range map[string]func(tape, result) result{
			"hard swish":   tape.HardSwish,
			"hard sigmoid": func(t tape, x result) result { return t.HardSigmoid(x, .25, .5) },
			"clamp":        func(t tape, x result) result { return t.Clamp(x, -1, 1.5) },
			"clamp below":  func(t tape, x result) result { return t.Clamp(x, 0, inf) },
			"leaky relu":   func(t tape, x result) result { return t.LeakyReLU(x, -.3) },
		} {
			for _, n := range []int{1, 17, 48} {
				gradcheck.Check(t, name, gradcheck.Settings{Fill: func(rng *rand.Rand, x []float32) {
					for i := range x {
						x[i] = float32(rng.IntN(20)-10)/2 + .1 + .3*rng.Float32()
					}
				}}, func(t tape, x []result) result { return t.Add(op(t, t.Add(x[0], x[0])), op(t, x[0])) }, []int{n})
			}
		}
	})
}

// What PyTorch 2.15 gives at the kinks.
func TestKinks(t *testing.T) {
	nan := float32(math.NaN())
	x := []float32{-3, 3, 0, 6, nan, -4, 4, -3, 3, 0, 6, nan, -4, 4, -3, 3, 0, 6} // vectors and a rest
	for _, c := range []struct {
		name    string
		op      func(tape, result) result
		y, grad [7]float32
	}{
		{"hard swish", tape.HardSwish, [7]float32{0, 3, 0, 6, nan, 0, 4}, [7]float32{0, 1, .5, 1, 1, 0, 1}},
		{"hard sigmoid", func(t tape, x result) result { return t.HardSigmoid(x, 1./6, .5) },
			[7]float32{0, 1, .5, 1, nan, 0, 1}, [7]float32{0, 0, 1. / 6, 0, 0, 0, 0}},
		{"clamp", func(t tape, x result) result { return t.Clamp(x, -3, 3) }, [7]float32{-3, 3, 0, 3, nan, -3, 3}, [7]float32{0, 0, 1, 0, 0, 0, 0}},
		{"crossed", func(t tape, x result) result { return t.Clamp(x, 2, 1) }, [7]float32{1, 1, 1, 1, nan, 1, 1}, [7]float32{}},
		{"relu6", func(t tape, x result) result { return t.Clamp(x, 0, 6) }, [7]float32{0, 3, 0, 6, nan, 0, 4}, [7]float32{0, 1, 0, 0, 0, 0, 1}},
		{"leaky relu", func(t tape, x result) result { return t.LeakyReLU(x, .5) },
			[7]float32{-1.5, 3, 0, 6, nan, -2, 4}, [7]float32{.5, 1, .5, 1, .5, .5, 1}},
	} {
		everyLevel(t, func(t *testing.T) {
			tp := tensor.NewTape()
			tp.Reset(tensor.Train)
			p, err := tensor.Parameter(len(x))
			if err != nil {
				t.Fatal(err)
			}
			grad := make([]float32, len(x))
			p.Bind(x, grad, false)
			y := c.op(tp, p)
			ones := make([]float32, len(x))
			for i := range ones {
				ones[i] = 1
			}
			got := append([]float32(nil), y.Data...)
			if err := tp.BackwardFrom(y, ones); err != nil {
				t.Fatal(err)
			}
			for i := range x {
				if y, g := c.y[i%7], c.grad[i%7]; got[i] != y && (got[i] == got[i] || y == y) || math.Abs(float64(grad[i]-g)) > 1e-7 {
					t.Errorf("%s of %g is %g with derivative %g, want %g and %g", c.name, x[i], got[i], grad[i], y, g)
				}
			}
		})
	}
}

// The inputs keep what is rectified away from 0, where there is no derivative.
func TestRectifiedGradients(t *testing.T) {
	check := func(t *testing.T, name string, bias float32, op func(t tape, x []result) result, shapes ...[]int) {
		t.Helper()
		gradcheck.Check(t, name, gradcheck.Settings{Fill: awayFromKinks(bias)}, op, shapes...)
	}
	everyLevel(t, func(t *testing.T) {
		for _, c := range []int{1, 3, 16, 19, 32} {
			x := []int{2, 3, 2, c}
			check(t, "batch norm relu", 3, batchNormReLU().op, x, []int{c}, []int{c})
			check(t, "batch norm add relu", 3, batchNormReLU().op, x, []int{c}, []int{c}, x)
			check(t, "a residual that is the input", 3, func(t tape, x []result) result {
				h := t.Add(x[0], x[0])
				y := t.BatchNormReLU(h, h, x[1], nil, &tensor.BatchNormState{})
				return t.Add(y, h)
			}, x, []int{c})
			check(t, "frozen", 3, func(t tape, x []result) result {
				s := newRunning(c)
				s.Frozen = true
				return t.BatchNormReLU(x[0], nil, x[1], x[2], s)
			}, x, []int{c}, []int{c})
			check(t, "linear relu", 40, func(t tape, x []result) result {
				h := t.LinearReLU(x[0], x[1], x[2])
				return t.Mul(h, t.Keep(t.LinearReLU(x[0], x[1], x[2])))
			}, []int{2, c}, []int{5, c}, []int{5})
		}
	})
}

// awayFromKinks fills, one after the other, an input and a residual with numbers near
// 1 and 6 in size, a scale with numbers near .4, a bias with bias; all with any sign.
func awayFromKinks(bias float32) func(rng *rand.Rand, x []float32) {
	sizes := []float32{1, .4, bias, 6}
	return func(rng *rand.Rand, x []float32) {
		for i := range x {
			x[i] = sizes[0] * (1 + .2*rng.Float32())
			if rng.IntN(2) == 0 {
				x[i] = -x[i]
			}
		}
		sizes = sizes[1:]
	}
}

package tensor_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/tensor"
)

// precisely returns the result of f on parameters of the shapes, and the gradients by them of its
// product with weights drawn at random.
func precisely(t *testing.T, p tensor.Precision, f func(*tensor.Tape, []*tensor.Tensor) *tensor.Tensor, shapes [][]int) (all [][]float32) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	tape := tensor.NewTape()
	tape.SetPrecision(p)
	tape.Reset(tensor.Train)
	var x []*tensor.Tensor
	for _, shape := range shapes {
		a, err := tensor.Parameter(shape...)
		if err != nil {
			t.Fatal(err)
		}
		n := 1
		for _, d := range shape {
			n *= d
		}
		values, grad := make([]float32, n), make([]float32, n)
		for i := range values {
			values[i] = float32(rng.NormFloat64())
		}
		a.Bind(values, grad, false)
		x = append(x, a)
		all = append(all, grad)
	}
	y := f(tape, x)
	dy := make([]float32, y.Len())
	for i := range dy {
		dy[i] = float32(rng.NormFloat64())
	}
	all = append(all, slices.Clone(y.Data))
	if err := tape.BackwardFrom(y, dy); err != nil {
		t.Fatal(err)
	}
	return all
}

// Rounding operands to 8 bits moves results and gradients by about 2^-9 of their size, and has
// the same bits at every level where only products are involved.
func TestPrecision(t *testing.T) {
	for name, c := range map[string]struct {
		f      func(*tensor.Tape, []*tensor.Tensor) *tensor.Tensor
		shapes [][]int
	}{
		"linear": {func(t *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor { return t.LinearReLU(x[0], x[1], x[2]) }, [][]int{{17, 33}, {10, 33}, {10}}},
		"matmul": {func(t *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor { return t.MatMul(x[0], x[1], true, false) }, [][]int{{3, 20, 9}, {20, 31}}},
		"conv": {func(t *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
			return t.Conv2d(x[0], x[1], x[2], tensor.ConvOptions{Pad: 1})
		}, [][]int{{2, 7, 6, 19}, {3, 3, 19, 21}, {21}}},
		"depthwise conv": {func(t *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
			return t.Conv2d(x[0], x[1], nil, tensor.ConvOptions{Pad: 1, Groups: 32})
		}, [][]int{{2, 7, 6, 32}, {3, 3, 1, 32}}},
		"transposed conv": {func(t *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
			return t.ConvTranspose2d(x[0], x[1], nil, tensor.ConvOptions{Stride: 2}, [2]int{1, 0})
		}, [][]int{{2, 5, 4, 8}, {3, 3, 6, 8}}},
		"attention": {func(t *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
			return t.Attention(x[0], x[1], x[2], tensor.AttentionOptions{Heads: 2, Causal: true})
		}, [][]int{{2, 9, 16}, {2, 9, 16}, {2, 9, 16}}},
		"attention, biased": {func(t *tensor.Tape, x []*tensor.Tensor) *tensor.Tensor {
			return t.Attention(x[0], x[1], x[2], tensor.AttentionOptions{Heads: 2, Dropout: .1, Bias: x[3]})
		}, [][]int{{3, 9, 16}, {3, 7, 16}, {3, 7, 16}, {2, 9, 7}}},
	} {
		t.Run(name, func(t *testing.T) {
			var first [][]float32
			everyLevel(t, func(t *testing.T) {
				exact, got := precisely(t, tensor.Float32, c.f, c.shapes), precisely(t, tensor.BFloat16, c.f, c.shapes)
				for i := range got {
					diff, size := 0., 0.
					for k, x := range got[i] {
						diff += math.Pow(float64(x)-float64(exact[i][k]), 2)
						size += math.Pow(float64(exact[i][k]), 2)
					}
					ratio := math.Sqrt(diff / size)
					if !(ratio < 0x1p-6) || ratio == 0 && len(c.shapes[min(i, len(c.shapes)-1)]) > 1 {
						t.Errorf("value %d differs by %.2g of its size", i, ratio)
					}
				}
				if first == nil {
					first = got
				}
				for i := range got {
					if !strings.HasPrefix(name, "attention") && name != "depthwise conv" && !slices.Equal(got[i], first[i]) {
						t.Errorf("value %d is not that of the first level", i)
					}
				}
			})
		})
	}
	for _, p := range []tensor.Precision{tensor.Float32, tensor.BFloat16} {
		if got, err := tensor.ParsePrecision(p.String()); got != p || err != nil {
			t.Error(got, err)
		}
	}
	if _, err := tensor.ParsePrecision("fp8"); err == nil {
		t.Error("fp8 is a precision")
	}
}

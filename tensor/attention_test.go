package tensor_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/monge-ml/monge/internal/par"
	"github.com/monge-ml/monge/tensor"
	"github.com/monge-ml/monge/tensor/internal/gradcheck"
)

// attentionApart is attention by separate operations.
func attentionApart(t tape, x []result, o tensor.AttentionOptions) result {
	n, rows, width := x[0].Dim(0), x[0].Dim(1), x[0].Dim(2)
	heads := func(x result) result { return t.Permute(t.Reshape(x, n, rows, o.Heads, width/o.Heads), 0, 2, 1, 3) }
	scores := t.MatMul(heads(x[0]), heads(x[1]), false, true)
	scores = t.Map(tensor.Affine, scores, float32(1/math.Sqrt(float64(width/o.Heads))), 0)
	scores = t.Add(scores, t.Input(unseen(n, rows, o), n, 1, rows, rows))
	weights := t.Dropout(t.Softmax(scores), o.Dropout)
	return t.Reshape(t.Permute(t.MatMul(weights, heads(x[2]), false, false), 0, 2, 1, 3), n, rows, width)
}

// unseen is what is added to scores of rows that may not be seen.
func unseen(n, rows int, o tensor.AttentionOptions) []float32 {
	mask := make([]float32, n*rows*rows)
	for i := range mask {
		item, r, c := i/rows/rows, i/rows%rows, i%rows
		if o.Causal && c > r || o.Lengths != nil && c >= o.Lengths[item] {
			mask[i] = -1e30
		}
	}
	return mask
}

// attended returns the result and gradients of attention by op.
func attended(t *testing.T, mode tensor.Mode, shapes [][]int, op func(tape, []result) result) (all [][]float32) {
	t.Helper()
	tp := tensor.NewTape()
	tp.SetRandom(3, 4)
	tp.Reset(mode)
	var x []result
	for i, shape := range shapes {
		p, err := tensor.Parameter(shape...)
		if err != nil {
			t.Fatal(err)
		}
		n := 1
		for _, d := range shape {
			n *= d
		}
		grad := make([]float32, n)
		p.Bind(numbers(n, i+1), grad, false)
		x, all = append(x, p), append(all, grad)
	}
	y := op(tp, x)
	if tp.Err() != nil {
		t.Fatal(tp.Err())
	}
	all = append(all, slices.Clone(y.Data))
	if mode == tensor.Eval {
		return all[len(shapes):]
	}
	if err := tp.BackwardFrom(y, numbers(y.Len(), 9)); err != nil {
		t.Fatal(err)
	}
	return all
}

// attentionCases are settings beside those of PyTorch's.
var attentionCases = map[string]struct {
	n, rows, width int
	o              tensor.AttentionOptions
}{
	"dropout":         {2, 9, 6, tensor.AttentionOptions{Heads: 3, Dropout: .3}},
	"dropout, causal": {2, 33, 8, tensor.AttentionOptions{Heads: 2, Dropout: .1, Causal: true}},
	"dropout, padded": {3, 17, 4, tensor.AttentionOptions{Heads: 1, Dropout: .5, Lengths: []int{5, 17, 1}}},
	"dropout, blocks": {2, 131, 34, tensor.AttentionOptions{Heads: 2, Dropout: .2, Lengths: []int{131, 100}}},
}

// Attention is what its operations are one by one, with the same elements dropped.
func TestAttentionApart(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		for name, c := range attentionCases {
			shapes := slices.Repeat([][]int{{c.n, c.rows, c.width}}, 3)
			for _, mode := range []tensor.Mode{tensor.Train, tensor.Perturbed, tensor.Eval} {
				got := attended(t, mode, shapes, func(t tape, x []result) result { return t.Attention(x[0], x[1], x[2], c.o) })
				want := attended(t, mode, shapes, func(t tape, x []result) result { return attentionApart(t, x, c.o) })
				for i := range want {
					for k, w := range want[i] {
						if g := got[i][k]; !(math.Abs(float64(g-w)) <= 2e-5) {
							t.Fatalf("%s: mode %v, value %d, element %d: %g, apart %g", name, mode, i, k, g, w)
						}
					}
				}
			}
		}
	})
}

func TestAttentionGradients(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		for name, c := range attentionCases {
			if c.rows > 50 {
				continue
			}
			gradcheck.Check(t, name, gradcheck.Settings{}, func(t tape, x []result) result {
				t.SetRandom(1, 2)
				return t.Attention(x[0], x[1], x[2], c.o)
			}, slices.Repeat([][]int{{c.n, c.rows, c.width}}, 3)...)
		}
	})
}

// Bits depend neither on the number of threads, nor on whether attention is computed again.
func TestAttentionIsDeterministic(t *testing.T) {
	defer par.SetThreads(par.Limit())
	for name, c := range attentionCases {
		shapes := slices.Repeat([][]int{{c.n, c.rows, c.width}}, 3)
		var want [][]float32
		for _, threads := range []int{1, 2, 7} {
			par.SetThreads(threads)
			for _, again := range []bool{false, true} {
				got := attended(t, tensor.Train, shapes, func(t tape, x []result) result {
					b := block(func(t tape, q result) result { return t.Attention(q, x[1], x[2], c.o) })
					if again {
						return t.Checkpoint(x[0], b)
					}
					return b(t, x[0])
				})
				if want == nil {
					want = got
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s: %d threads, again %v: other bits", name, threads, again)
				}
			}
		}
	}
}

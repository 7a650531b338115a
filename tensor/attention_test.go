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
	keys := x[1].Dim(1)
	heads := func(x result) result { return t.Permute(t.Reshape(x, n, -1, o.Heads, width/o.Heads), 0, 2, 1, 3) }
	scores := t.MatMul(heads(x[0]), heads(x[1]), false, true)
	scores = t.Map(tensor.Affine, scores, float32(1/math.Sqrt(float64(width/o.Heads))), 0)
	if o.Bias != nil {
		scores = t.Add(scores, o.Bias)
	}
	if m := o.Mask; m != nil {
		for len(m.Data) > 0 && m.Dim(0) < n {
			m = t.Concat(0, m, o.Mask)
		}
		scores = t.Add(scores, m)
	}
	hidden, there := unseen(n, rows, keys, o)
	weights := t.Dropout(t.Softmax(t.Add(scores, t.Input(hidden, n, 1, rows, keys))), o.Dropout)
	y := t.Reshape(t.Permute(t.MatMul(weights, heads(x[2]), false, false), 0, 2, 1, 3), n, rows, width)
	return t.Mul(y, t.Input(there, n, rows, 1))
}

// unseen is what is added to scores of rows that may not be seen, and 1 for each row that is no padding.
func unseen(n, rows, keys int, o tensor.AttentionOptions) (hidden, there []float32) {
	hidden, there = make([]float32, n*rows*keys), make([]float32, n*rows)
	for i := range hidden {
		item, r, c := i/keys/rows, i/keys%rows, i%keys
		if o.Causal && c > r || o.Lengths != nil && c >= o.Lengths[item] {
			hidden[i] = float32(math.Inf(-1))
		}
		if o.Lengths == nil || r < o.Lengths[item] {
			there[item*rows+r] = 1
		}
	}
	return hidden, there
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// attended returns the result and gradients of attention by op, over memory full of NaNs.
func attended(t *testing.T, mode tensor.Mode, shapes [][]int, op func(tape, []result) result) (all [][]float32) {
	t.Helper()
	tp := tensor.NewTape()
	tp.SetRandom(3, 4)
	tp.Reset(mode)
	for range 8 {
		tp.Map(tensor.Log, tp.Input(slices.Repeat([]float32{-1}, size(shapes[0])), shapes[0]...), 0, 0)
	}
	tp.Reset(mode)
	var x []result
	for i, shape := range shapes {
		p, err := tensor.Parameter(shape...)
		if err != nil {
			t.Fatal(err)
		}
		n := size(shape)
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

// An attentionCase is one beside those of PyTorch's.
type attentionCase struct {
	n, rows, keys, width int
	o                    tensor.AttentionOptions
	bias                 bool
	mask                 []int // the shape of a mask, nil for none
}

var attentionCases = map[string]attentionCase{
	"dropout":                 {2, 9, 9, 6, tensor.AttentionOptions{Heads: 3, Dropout: .3}, false, nil},
	"dropout, causal":         {2, 33, 33, 8, tensor.AttentionOptions{Heads: 2, Dropout: .1, Causal: true}, false, nil},
	"dropout, padded":         {3, 17, 17, 4, tensor.AttentionOptions{Heads: 1, Dropout: .5, Lengths: []int{5, 17, 1}}, false, nil},
	"dropout, two blocks":     {2, 131, 131, 34, tensor.AttentionOptions{Heads: 2, Dropout: .2, Lengths: []int{131, 100}}, false, nil},
	"all":                     {4, 19, 19, 6, tensor.AttentionOptions{Heads: 2, Dropout: .2, Causal: true, Lengths: []int{3, 19, 1, 17}}, true, []int{2, 2, 19, 19}},
	"bias of many":            {11, 4, 7, 6, tensor.AttentionOptions{Heads: 3}, true, nil},
	"bias, one head":          {19, 5, 5, 4, tensor.AttentionOptions{Heads: 1, Lengths: []int{1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4}}, true, nil},
	"bias, two blocks":        {3, 131, 131, 34, tensor.AttentionOptions{Heads: 2}, true, nil},
	"bias, causal":            {2, 90, 90, 8, tensor.AttentionOptions{Heads: 2, Causal: true}, true, nil},
	"mask of keys":            {3, 5, 21, 4, tensor.AttentionOptions{Heads: 2}, false, []int{3, 1, 1, 21}},
	"mask of windows":         {6, 9, 9, 6, tensor.AttentionOptions{Heads: 2}, true, []int{3, 1, 9, 9}},
	"mask of heads":           {2, 9, 9, 6, tensor.AttentionOptions{Heads: 2}, false, []int{1, 2, 1, 9}},
	"dropout to others":       {2, 100, 7, 6, tensor.AttentionOptions{Heads: 2, Dropout: .4}, true, []int{2, 2, 100, 7}},
	"causal to fewer":         {2, 9, 5, 6, tensor.AttentionOptions{Heads: 1, Causal: true}, true, nil},
	"causal to more":          {2, 5, 9, 6, tensor.AttentionOptions{Heads: 1, Causal: true, Dropout: .3}, true, nil},
	"one row, one key, a dot": {1, 1, 1, 1, tensor.AttentionOptions{Heads: 1}, true, []int{1, 1, 1, 1}},
}

// shapes are those of the inputs.
func (c *attentionCase) shapes() [][]int {
	shapes := [][]int{{c.n, c.rows, c.width}, {c.n, c.keys, c.width}, {c.n, c.keys, c.width}}
	if c.bias {
		shapes = append(shapes, []int{c.o.Heads, c.rows, c.keys})
	}
	return shapes
}

// options are those of a pass, whose mask hides every third.
func (c *attentionCase) options(t tape, x []result) tensor.AttentionOptions {
	o := c.o
	if c.bias {
		o.Bias = x[3]
	}
	if c.mask != nil {
		mask := numbers(size(c.mask), 7)
		for i := 1; i < len(mask); i += 3 {
			mask[i] = -1e30
		}
		o.Mask = t.Input(mask, c.mask...)
	}
	return o
}

func (c *attentionCase) attention(t tape, x []result) result {
	return t.Attention(x[0], x[1], x[2], c.options(t, x))
}

// Attention is what its operations are one by one, with the same elements dropped.
func TestAttentionApart(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		for name, c := range attentionCases {
			for _, mode := range []tensor.Mode{tensor.Train, tensor.Perturbed, tensor.Eval} {
				got := attended(t, mode, c.shapes(), c.attention)
				want := attended(t, mode, c.shapes(), func(t tape, x []result) result { return attentionApart(t, x, c.options(t, x)) })
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
				return c.attention(t, x)
			}, c.shapes()...)
		}
	})
}

// Bits depend neither on the number of threads, nor on whether attention is computed again.
func TestAttentionIsDeterministic(t *testing.T) {
	defer par.SetThreads(par.Limit())
	for name, c := range attentionCases {
		var want [][]float32
		for _, threads := range []int{1, 2, 7} {
			par.SetThreads(threads)
			for _, again := range []bool{false, true} {
				got := attended(t, tensor.Train, c.shapes(), func(t tape, x []result) result {
					b := block(func(t tape, q result) result { return c.attention(t, append([]result{q}, x[1:]...)) })
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

// Where a mask hides all that a row could see, with numbers beside which scores are nothing, its weights
// are equal, forward and backward; and 0 where these are infinite.
func TestAttentionToNothing(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		c := attentionCase{n: 1, rows: 3, keys: 5, width: 2, o: tensor.AttentionOptions{Heads: 1}}
		pass := func(hidden float32) [][]float32 {
			return attended(t, tensor.Train, c.shapes(), func(t tape, x []result) result {
				o, mask := c.o, make([]float32, 3*5)
				for i := range mask[:5] {
					mask[i] = hidden
				}
				o.Mask = t.Input(mask, 1, 1, 3, 5)
				return t.Slice(t.Attention(x[0], x[1], x[2], o), 1, 0, 1)
			})
		}
		for i, x := range pass(float32(math.Inf(-1))) {
			if k := slices.IndexFunc(x, func(v float32) bool { return v != 0 }); k >= 0 {
				t.Errorf("of nothing: element %d of value %d is %g", k, i, x[k])
			}
		}
		got := pass(-math.MaxFloat32)
		v, dy := numbers(10, 3), numbers(2, 9)
		for i := range 2 {
			mean := (v[i] + v[2+i] + v[4+i] + v[6+i] + v[8+i]) / 5
			if y := got[3][i]; math.Abs(float64(y-mean)) > 1e-6 {
				t.Errorf("column %d: %g, mean %g", i, y, mean)
			}
			for k := range 5 {
				if g := got[2][2*k+i]; math.Abs(float64(g-dy[i]/5)) > 1e-6 {
					t.Errorf("gradient by value %d, %d: %g, want %g", k, i, g, dy[i]/5)
				}
			}
		}
	})
}

// Padding changes nothing, whatever stands in it.
func TestAttentionLeavesPadding(t *testing.T) {
	shapes := [][]int{{2, 90, 6}, {2, 90, 6}, {2, 90, 6}, {2, 90, 90}}
	pass := func(fill float32) [][]float32 {
		return attended(t, tensor.Train, shapes, func(t tape, x []result) result {
			for _, m := range x[:3] {
				for i := range m.Data[85*6 : 90*6] {
					m.Data[85*6+i] = fill
				}
			}
			return t.Attention(x[0], x[1], x[2], tensor.AttentionOptions{Heads: 2, Lengths: []int{85, 90}, Bias: x[3]})
		})
	}
	got := pass(float32(math.NaN()))
	if fmt.Sprint(got) != fmt.Sprint(pass(0)) {
		t.Error("results or gradients depend on padding")
	}
	for i, m := range []int{0, 1, 2, 4} {
		for k, v := range got[m][85*6 : 90*6] {
			if v != 0 {
				t.Fatalf("value %d: element %d of padding is %g", i, k, v)
			}
		}
	}
}

package tensor_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/internal/par"
	"github.com/monge-ml/monge/tensor"
)

// The running statistics of a minibatch count once, however many passes a step makes
// over it.
func TestBatchNormRunningStatistics(t *testing.T) {
	x := numbers(24, 3)
	s := &tensor.BatchNormState{Mean: make([]float32, 4), Var: []float32{1, 1, 1, 1}}
	start := tensor.BatchNormState{Mean: slices.Clone(s.Mean), Var: slices.Clone(s.Var)}
	tp := tensor.NewTape()
	pass := func(m tensor.Mode) []float32 {
		tp.Reset(m)
		y := tp.BatchNormReLU(tp.Input(x, 2, 1, 3, 4), nil, nil, nil, s)
		return slices.Clone(y.Data)
	}
	still := func(when string, than *tensor.BatchNormState) {
		t.Helper()
		if !slices.Equal(s.Mean, than.Mean) || !slices.Equal(s.Var, than.Var) {
			t.Errorf("%s moved the running statistics", when)
		}
	}
	perturbed := pass(tensor.Perturbed)
	still("a perturbed pass", &start)
	eval := pass(tensor.Eval)
	still("evaluation", &start)
	train := pass(tensor.Train)
	if slices.Equal(s.Mean, start.Mean) || slices.Equal(s.Var, start.Var) {
		t.Error("the first pass left the running statistics alone")
	}
	once := tensor.BatchNormState{Mean: slices.Clone(s.Mean), Var: slices.Clone(s.Var)}
	pass(tensor.Perturbed)
	still("a perturbed pass after the first", &once)
	if !slices.Equal(train, perturbed) {
		t.Error("a perturbed pass normalises otherwise than the first")
	}
	if slices.Equal(train, eval) {
		t.Error("evaluation normalises by the minibatch")
	}
}

// Statistics are exact where the mean is much larger than the deviation.
func TestBatchNormFarFromZero(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		const rows, channels = 3000, 19
		x := make([]float32, rows*channels)
		for i, v := range numbers(len(x), 1) {
			x[i] = 4096 + v/8 // a deviation of .07
		}
		tp := tensor.NewTape()
		tp.Reset(tensor.Train)
		y := tp.BatchNorm(tp.Input(x, rows, channels), nil, nil, &tensor.BatchNormState{})
		for c := range channels {
			var sum, sq float64
			for r := range rows {
				v := float64(x[r*channels+c])
				sum += v
			}
			mean := sum / rows
			for r := range rows {
				d := float64(x[r*channels+c]) - mean
				sq += d * d
			}
			for r := range rows {
				want := (float64(x[r*channels+c]) - mean) / math.Sqrt(sq/rows+1e-5)
				if got := float64(y.Data[r*channels+c]); !(math.Abs(got-want) < 1e-5) {
					t.Fatalf("row %d, channel %d: %g, want %g", r, c, got, want)
				}
			}
		}
	})
}

// Both passes over a minibatch drop the same elements; other minibatches and other
// places drop others.
func TestDropout(t *testing.T) {
	everyLevel(t, func(t *testing.T) {
		const n = 70001
		ones := make([]float32, n)
		for i := range ones {
			ones[i] = 1
		}
		tp := tensor.NewTape()
		pass := func(m tensor.Mode) (first, second []float32) {
			tp.Reset(m)
			x := tp.Input(ones, n)
			return slices.Clone(tp.Dropout(x, .25).Data), slices.Clone(tp.Dropout(x, .25).Data)
		}
		tp.SetRandom(7, 1)
		a, b := pass(tensor.Train)
		a2, b2 := pass(tensor.Perturbed)
		if !slices.Equal(a, a2) || !slices.Equal(b, b2) {
			t.Error("the perturbed pass drops other elements than the first")
		}
		tp.SetRandom(7, 2)
		c, _ := pass(tensor.Train)
		tp.SetRandom(8, 1)
		d, _ := pass(tensor.Train)
		e, _ := pass(tensor.Eval)
		if !slices.Equal(e, ones) {
			t.Error("evaluation drops elements")
		}
		kinds := [][]float32{a, b, c, d}
		for i, x := range kinds {
			dropped := 0
			for _, v := range x {
				if v == 0 {
					dropped++
				} else if v != float32(1)/float32(.75) {
					t.Fatalf("an element became %g", v)
				}
			}
			if share := float64(dropped) / n; math.Abs(share-.25) > .008 {
				t.Errorf("%g of the elements are dropped", share)
			}
			for _, y := range kinds[:i] {
				same := 0
				for k := range x {
					if x[k] == y[k] {
						same++
					}
				}
				if share := float64(same) / n; math.Abs(share-.625) > .01 {
					t.Errorf("masks agree at %g of the elements, independent ones would at .625", share)
				}
			}
		}
	})
}

// The gradient passes where the element did.
func TestDropoutGradient(t *testing.T) {
	c := torchCase{shapes: [][]int{{1001}}}
	x, grad := c.parameters(t, "")
	tp := tensor.NewTape()
	tp.SetRandom(1, 1)
	tp.Reset(tensor.Train)
	y := tp.Keep(tp.Dropout(x[0], .5))
	up := numbers(1001, 5)
	if err := tp.BackwardFrom(y, up); err != nil {
		t.Fatal(err)
	}
	for i, g := range grad[0] {
		want := 2 * up[i]
		if y.Data[i] == 0 {
			want = 0
		}
		if g != want {
			t.Fatalf("element %d: gradient %g of result %g, want %g", i, g, y.Data[i], want)
		}
	}
}

// everything is a step with every operation in it.
func everything(tp tape, x []result, s *tensor.BatchNormState, labels, ids []int) result {
	h := tp.Conv2d(x[0], x[1], x[2], tensor.ConvOptions{Pad: 1})
	h = tp.BatchNormReLU(h, nil, x[3], x[4], s)
	h = tp.BatchNorm(h, x[3], x[4], s)
	h = tp.GroupNorm(h, x[3], x[4], 2, 1e-5)
	h = tp.MaxPool2d(tp.PadHW(h, 1, 1), tensor.PoolOptions{Kernel: 3, Stride: 1})
	h = tp.BatchNormReLU(h, x[5], x[3], nil, s)
	h = tp.Dropout(tp.SiLU(tp.GELU(tp.GELUTanh(tp.Tanh(tp.Sigmoid(h))))), .1)
	g := tp.GlobalAvgPool(h)
	h = tp.AvgPool2d(h, tensor.PoolOptions{Kernel: 2})
	h = tp.Concat(-1, tp.Slice(h, 3, 0, 3), h)
	h = tp.Mul(h, tp.Reshape(tp.Mean(h, 1, 2, 3), -1, 1, 1, 1))
	h = tp.Reshape(tp.Transpose(h, 1, 2), 2, -1)
	h = tp.Slice(h, 1, 0, 12)
	h = tp.LayerNorm(tp.Add(h, tp.Reshape(tp.Embedding(x[6], ids), 2, 12)), nil, nil, 1e-5)
	h = tp.LinearReLU(tp.Concat(1, h, g), x[7], nil)
	words := tp.EmbeddingOf(x[6], tp.Input(everythingTokens, 2, 3))
	h = tp.Add(h, tp.Reshape(tp.Mean(tp.Attention(words, words, words, tensor.AttentionOptions{Heads: 2, Tokens: tp.Input(everythingTokens, 2, 3)})), 1))
	h = tp.Apply(square{}, tp.Permute(tp.Flatten(h), 0, 1))
	loss := tp.CrossEntropyWith(tp.LogSoftmax(h), labels, tensor.CrossEntropyOptions{LabelSmoothing: .1})
	return tp.Add(tp.Add(loss, tp.MSE(tp.Softmax(h), h, false)), tp.Sum(tp.ReLU(h)))
}

var everythingTokens = []float32{1, 4, 0, 2, 2, 3}

var everythingShapes = [][]int{{2, 4, 4, 3}, {3, 3, 3, 6}, {6}, {6}, {6}, {2, 4, 4, 6}, {5, 6}, {7, 18}}

// A warm step allocates nothing, and its numbers don't depend on the number of threads.
func TestWarmStep(t *testing.T) {
	s := newRunning(6)
	s.Frozen = false
	labels, ids := []int{1, 6}, []int{0, 1, 4, 1}
	warmStep(t, everythingShapes, func(tp tape, x []result) result { return everything(tp, x, s, labels, ids) })
	warmStep(t, restShapes, newRest())
}

func warmStep(t *testing.T, shapes [][]int, forward func(tp tape, x []result) result) {
	everyLevel(t, func(t *testing.T) {
		c := torchCase{shapes: shapes}
		x, grad := c.parameters(t, "")
		tp := tensor.NewTape()
		step := func() {
			tp.Reset(tensor.Perturbed)
			for i, p := range x {
				p.Bind(p.Data, grad[i], false)
			}
			tp.Keep(x[0])
			if err := tp.Backward(forward(tp, x), 1); err != nil {
				t.Fatal(err)
			}
		}
		threads := par.Threads()
		defer par.SetThreads(threads)
		par.SetThreads(1)
		step()
		var one [][]float32
		for _, g := range grad {
			one = append(one, slices.Clone(g))
		}
		par.SetThreads(3)
		step()
		for i, g := range grad {
			if !slices.Equal(g, one[i]) {
				t.Errorf("threads change the gradient of input %d", i)
			}
			if slices.Max(g) == 0 && slices.Min(g) == 0 {
				t.Errorf("input %d has no gradient", i)
			}
		}
		size := tensor.ArenaSize(tp)
		if n := testing.AllocsPerRun(10, step); n != 0 {
			t.Errorf("a warm step makes %g allocations", n)
		}
		if now := tensor.ArenaSize(tp); now != size {
			t.Errorf("the arena grew from %d to %d", size, now)
		}
	})
}

// Backward gives memory back once: after it, and a Reset, no two results share memory.
func TestArenaGivesMemoryOnce(t *testing.T) {
	for _, step := range []torchCase{
		{func(tp tape, x []result) result {
			return everything(tp, x, newRunning(6), []int{1, 6}, []int{0, 1, 4, 1})
		}, everythingShapes},
		{newRest(), restShapes},
	} {
		x, _ := step.parameters(t, "")
		tp := tensor.NewTape()
		tp.Reset(tensor.Train)
		if err := tp.Backward(step.op(tp, x), 1); err != nil {
			t.Fatal(err)
		}
		if err := tensor.CheckArena(tp); err != nil {
			t.Error(err)
		}
	}
}

// What is kept outlives backward, its gradient too, through views of it.
func TestKeep(t *testing.T) {
	c := torchCase{shapes: [][]int{{2, 3}}}
	x, _ := c.parameters(t, "")
	tp := tensor.NewTape()
	tp.Reset(tensor.Train)
	h := tp.Add(x[0], x[0])
	v := tp.Keep(tp.Reshape(h, 3, 2))
	want := slices.Clone(v.Data)
	loss := tp.Sum(tp.Mul(tp.Sigmoid(v), tp.Sigmoid(v)))
	if err := tp.Backward(loss, 1); err != nil {
		t.Fatal(err)
	}
	for range 5 { // would take the memory if it had been given back
		y := tp.Add(tp.Input(make([]float32, 6), 6), tp.Input(make([]float32, 6), 6))
		for i := range y.Data {
			y.Data[i] = -1
		}
	}
	if !slices.Equal(v.Data, want) || !slices.Equal(h.Data, want) {
		t.Errorf("the kept values became %v, %v; want %v", v.Data, h.Data, want)
	}
	for i, y := range want {
		s := 1 / (1 + math.Exp(-float64(y)))
		if g := 2 * s * s * (1 - s); !(math.Abs(float64(v.Grad[i])-g) < 1e-5) || v.Grad[i] != h.Grad[i] {
			t.Errorf("kept gradients %g and %g, want %g", v.Grad[i], h.Grad[i], g)
		}
	}
}

// A call is an operation that can't work.
type call struct {
	want string
	op   func(t tape, x func(shape ...int) result) result
}

func calls() []call {
	pool := tensor.PoolOptions{Kernel: 2}
	return []call{
		{"conv2d: input [2 3] must have shape [N H W C], for weight [3 3 1 2]", func(t tape, x func(...int) result) result {
			return t.Conv2d(x(2, 3), x(3, 3, 1, 2), nil, tensor.ConvOptions{})
		}},
		{"conv2d: input [1 4 4 3] does not fit weight [3 3 2 5]", func(t tape, x func(...int) result) result {
			return t.Conv2d(x(1, 4, 4, 3), x(3, 3, 2, 5), nil, tensor.ConvOptions{})
		}},
		{"conv2d: bias [4] does not fit weight [3 3 3 5]", func(t tape, x func(...int) result) result {
			return t.Conv2d(x(1, 4, 4, 3), x(3, 3, 3, 5), x(4), tensor.ConvOptions{})
		}},
		{"conv2d: weight [3 3 1 5]: 3 groups do not divide its 5", func(t tape, x func(...int) result) result {
			return t.Conv2d(x(1, 4, 4, 3), x(3, 3, 1, 5), nil, tensor.ConvOptions{Groups: 3})
		}},
		{"conv2d: weight [5 5 3 2] is larger than input [1 4 4 3]", func(t tape, x func(...int) result) result {
			return t.Conv2d(x(1, 4, 4, 3), x(5, 5, 3, 2), nil, tensor.ConvOptions{})
		}},
		{"conv2d: options {Stride:-1", func(t tape, x func(...int) result) result {
			return t.Conv2d(x(1, 4, 4, 3), x(3, 3, 3, 2), nil, tensor.ConvOptions{Stride: -1})
		}},
		{"conv2d: options {Stride:0 Pad:1", func(t tape, x func(...int) result) result {
			return t.Conv2d(x(1, 4, 4, 3), x(3, 3, 3, 2), nil, tensor.ConvOptions{Pad: 1, Pads: [4]int{0, 1, 0, 0}})
		}},
		{"conv2d: options {Stride:0 Pad:0 Dilation:0 Groups:0 Strides:[0 0] Dilations:[0 0] Pads:[0 0 0 -1]", func(t tape, x func(...int) result) result {
			return t.Conv2d(x(1, 4, 4, 3), x(3, 3, 3, 2), nil, tensor.ConvOptions{Pads: [4]int{0, 0, 0, -1}})
		}},
		{"conv transpose2d: options {Stride:0 Pad:0 Dilation:-1", func(t tape, x func(...int) result) result {
			return t.ConvTranspose2d(x(1, 4, 4, 3), x(3, 3, 3, 2), nil, tensor.ConvOptions{Dilation: -1}, [2]int{})
		}},
		{"conv transpose2d: [0 1] more rows", func(t tape, x func(...int) result) result {
			return t.ConvTranspose2d(x(1, 4, 4, 3), x(3, 3, 2, 3), nil, tensor.ConvOptions{}, [2]int{0, 1})
		}},
		{"conv transpose2d: input [4 3] must have", func(t tape, x func(...int) result) result {
			return t.ConvTranspose2d(x(4, 3), x(3, 3, 2, 3), nil, tensor.ConvOptions{}, [2]int{})
		}},
		{"conv transpose2d: input [1 4 4 3] does not fit weight [3 3 3 2]", func(t tape, x func(...int) result) result {
			return t.ConvTranspose2d(x(1, 4, 4, 3), x(3, 3, 3, 2), nil, tensor.ConvOptions{}, [2]int{})
		}},
		{"conv transpose2d: weight [3 3 2 3]: 2 groups", func(t tape, x func(...int) result) result {
			return t.ConvTranspose2d(x(1, 4, 4, 3), x(3, 3, 2, 3), nil, tensor.ConvOptions{Groups: 2}, [2]int{})
		}},
		{"conv transpose2d: bias [3] does not fit weight [3 3 2 3]: it must have shape [6]", func(t tape, x func(...int) result) result {
			return t.ConvTranspose2d(x(1, 4, 4, 3), x(3, 3, 2, 3), x(3), tensor.ConvOptions{Groups: 3}, [2]int{})
		}},
		{"conv transpose2d: input [1 1 1 3] and weight [3 3 2 3] with padding [2 2 2 2] leave nothing", func(t tape, x func(...int) result) result {
			return t.ConvTranspose2d(x(1, 1, 1, 3), x(3, 3, 2, 3), nil, tensor.ConvOptions{Pad: 2}, [2]int{})
		}},
		{"max pool: input [1 4 4 1] with options", func(t tape, x func(...int) result) result {
			return t.MaxPool2d(x(1, 4, 4, 1), tensor.PoolOptions{Kernels: [2]int{2, 0}})
		}},
		{"max pool: input [2 3] must have shape [N H W C]", func(t tape, x func(...int) result) result { return t.MaxPool2d(x(2, 3), pool) }},
		{"max pool: input [1 4 4 1]: padding [2 2 2 2] must be less than the kernel, 2x2", func(t tape, x func(...int) result) result {
			return t.MaxPool2d(x(1, 4, 4, 1), tensor.PoolOptions{Kernel: 2, Pad: 2})
		}},
		{"average pool: input [1 1 4 1] is smaller than a kernel of 2x2", func(t tape, x func(...int) result) result { return t.AvgPool2d(x(1, 1, 4, 1), pool) }},
		{"global average pool: input [2 3] must have", func(t tape, x func(...int) result) result { return t.GlobalAvgPool(x(2, 3)) }},
		{"batch norm: weight [3] does not fit input [2 4]", func(t tape, x func(...int) result) result {
			return t.BatchNorm(x(2, 4), x(3), nil, &tensor.BatchNormState{})
		}},
		{"batch norm: bias [3] does not fit input [2 4]", func(t tape, x func(...int) result) result {
			return t.BatchNorm(x(2, 4), nil, x(3), &tensor.BatchNormState{})
		}},
		{"batch norm: residual [2 3] does not fit input [2 4]", func(t tape, x func(...int) result) result {
			return t.BatchNormReLU(x(2, 4), x(2, 3), nil, nil, &tensor.BatchNormState{})
		}},
		{"batch norm: running statistics of 6 and 6 channels do not fit input [2 4]", func(t tape, x func(...int) result) result {
			return t.BatchNorm(x(2, 4), nil, nil, newRunning(6))
		}},
		{"batch norm: input [1 4] has one value per channel", func(t tape, x func(...int) result) result {
			return t.BatchNorm(x(1, 4), nil, nil, &tensor.BatchNormState{})
		}},
		{"batch norm: input [4] must have shape", func(t tape, x func(...int) result) result {
			return t.BatchNorm(x(4), nil, nil, &tensor.BatchNormState{})
		}},
		{"batch norm: input [2 4]: the state is nil", func(t tape, x func(...int) result) result { return t.BatchNorm(x(2, 4), nil, nil, nil) }},
		{"group norm: input [2 4] does not have channels, its last dimension, for 3 groups", func(t tape, x func(...int) result) result {
			return t.GroupNorm(x(2, 4), nil, nil, 3, 1e-5)
		}},
		{"group norm: weight [2] does not fit input [2 4]", func(t tape, x func(...int) result) result { return t.GroupNorm(x(2, 4), x(2), nil, 2, 1e-5) }},
		{"layer norm: weight [2] does not fit input [2 4]", func(t tape, x func(...int) result) result { return t.LayerNorm(x(2, 4), x(2), nil, 1e-5) }},
		{"relu: input 0 is nil", func(t tape, x func(...int) result) result { return t.ReLU(nil) }},
		{"gelu: input 0 is nil", func(t tape, x func(...int) result) result { return t.GELU(nil) }},
		{"softmax: input 0 is nil", func(t tape, x func(...int) result) result { return t.Softmax(nil) }},
		{"linear: input 1 is nil", func(t tape, x func(...int) result) result { return t.Linear(x(2, 3), nil, nil) }},
		{"cross-entropy: 2 class weights do not fit logits [2 3]", func(t tape, x func(...int) result) result {
			return t.CrossEntropyWith(x(2, 3), []int{0, 1}, tensor.CrossEntropyOptions{Weights: []float32{1, 1}})
		}},
		{"cross-entropy: label smoothing 2 of logits [2 3]", func(t tape, x func(...int) result) result {
			return t.CrossEntropyWith(x(2, 3), []int{0, 1}, tensor.CrossEntropyOptions{LabelSmoothing: 2})
		}},
		{"binary cross-entropy: 2 targets for logits [2 3]", func(t tape, x func(...int) result) result {
			return t.BinaryCrossEntropy(x(2, 3), []float32{0, 1})
		}},
		{"binary cross-entropy: target 2 of element 1 must be from 0 to 1", func(t tape, x func(...int) result) result {
			return t.BinaryCrossEntropy(x(1, 2), []float32{0, 2})
		}},
		{"mse: [2 3] and [3 2] must have", func(t tape, x func(...int) result) result { return t.MSE(x(2, 3), x(3, 2), false) }},
		{"dropout: input [2 3]: the probability 1 must be", func(t tape, x func(...int) result) result { return t.Dropout(x(2, 3), 1) }},
		{"dropout: input [2 3]: the probability NaN must be", func(t tape, x func(...int) result) result { return t.Dropout(x(2, 3), float32(math.NaN())) }},
		{"add: [2 3] and [2 4] do not broadcast", func(t tape, x func(...int) result) result { return t.Add(x(2, 3), x(2, 4)) }},
		{"mul: [2 3] and [2] do not broadcast", func(t tape, x func(...int) result) result { return t.Mul(x(2, 3), x(2)) }},
		{"sum: dimension 2 of [2 3] does not exist", func(t tape, x func(...int) result) result { return t.Sum(x(2, 3), 2) }},
		{"mean: dimension -1 of [2 3] does not exist, or is given twice", func(t tape, x func(...int) result) result { return t.Mean(x(2, 3), 1, -1) }},
		{"reshape: [2 3] has 6 elements, which is not what shape [4 -1]", func(t tape, x func(...int) result) result { return t.Reshape(x(2, 3), 4, -1) }},
		{"reshape: [2 3] has 6 elements, which is not what shape []", func(t tape, x func(...int) result) result { return t.Reshape(x(2, 3)) }},
		{"reshape: [2 3] has 6 elements, which is not what shape [1 1 1 1 1 1 1 1 6]", func(t tape, x func(...int) result) result { return t.Reshape(x(2, 3), 1, 1, 1, 1, 1, 1, 1, 1, 6) }},
		{"reshape: [2 3] has 6 elements, which is not what shape [-2 -3]", func(t tape, x func(...int) result) result { return t.Reshape(x(2, 3), -2, -3) }},
		{"permute: [0 0] is not an order of the dimensions of [2 3]", func(t tape, x func(...int) result) result { return t.Permute(x(2, 3), 0, 0) }},
		{"permute: [1 0] is not an order of the dimensions of [2 3 1]", func(t tape, x func(...int) result) result { return t.Permute(x(2, 3, 1), 1, 0) }},
		{"transpose: [2 3] has no dimensions 0 and 2", func(t tape, x func(...int) result) result { return t.Transpose(x(2, 3), 0, 2) }},
		{"slice: 1 to 4 of dimension 1 is not a part of [2 3]", func(t tape, x func(...int) result) result { return t.Slice(x(2, 3), 1, 1, 4) }},
		{"slice: 0 to 1 of dimension 5 is not a part of [2 3]", func(t tape, x func(...int) result) result { return t.Slice(x(2, 3), 5, 0, 1) }},
		{"pad: [2 3] by -1 and 0", func(t tape, x func(...int) result) result { return t.Pad(x(2, 3), [2]int{-1, 0}) }},
		{"pad: 3 pairs for [2 3]", func(t tape, x func(...int) result) result { return t.PadHW(x(2, 3), 1, 1) }},
		{"concat: [2 3] and [3 3] differ elsewhere than in dimension 1", func(t tape, x func(...int) result) result { return t.Concat(1, x(2, 3), x(3, 3)) }},
		{"concat: [2 3] has no dimension 2", func(t tape, x func(...int) result) result { return t.Concat(2, x(2, 3)) }},
		{"concat: there is nothing to join", func(t tape, x func(...int) result) result { return t.Concat(0) }},
		{"embedding: weight [2 3 1] must have shape", func(t tape, x func(...int) result) result { return t.Embedding(x(2, 3, 1), []int{0}) }},
		{"embedding: weight [2] must have shape [entries width]", func(t tape, x func(...int) result) result { return t.EmbeddingOf(x(2), x(1)) }},
		{"embedding: id 1 of row 1 is 0.5; it must be a whole number from 0 to 1", func(t tape, x func(...int) result) result {
			return t.EmbeddingOf(x(2, 3), t.Input([]float32{0, 1, 1, .5}, 2, 2))
		}},
		{"embedding: id 0 of row 0 is 2; it must be a whole number from 0 to 1", func(t tape, x func(...int) result) result {
			return t.EmbeddingOf(x(2, 3), t.Input([]float32{2}, 1))
		}},
		{"attention: tokens [2 3] must be one for each row of [3 2 4]", func(t tape, x func(...int) result) result {
			q := x(3, 2, 4)
			return t.Attention(q, q, q, tensor.AttentionOptions{Heads: 2, Tokens: x(2, 3)})
		}},
		{"attention: tokens [3 2] must be one for each row of [3 2 4], and no lengths", func(t tape, x func(...int) result) result {
			q := x(3, 2, 4)
			return t.Attention(q, q, q, tensor.AttentionOptions{Heads: 2, Tokens: x(3, 2), Lengths: []int{1, 1, 1}})
		}},
		{"attention: of [3 2 4]: the probability 1 of dropout must be at least 0 and below 1", func(t tape, x func(...int) result) result {
			q := x(3, 2, 4)
			return t.Attention(q, q, q, tensor.AttentionOptions{Heads: 2, Dropout: 1})
		}},
		{"attention: queries [3 2 4] must be [sequences, rows, width], and keys [3 2 6] and values [3 2 6] alike but for their rows", func(t tape, x func(...int) result) result {
			k := x(3, 2, 6)
			return t.Attention(x(3, 2, 4), k, k, tensor.AttentionOptions{Heads: 2})
		}},
		{"attention: queries [3 2 4] must be [sequences, rows, width], and keys [2 2 4]", func(t tape, x func(...int) result) result {
			k := x(2, 2, 4)
			return t.Attention(x(3, 2, 4), k, k, tensor.AttentionOptions{Heads: 2})
		}},
		{"attention: lengths are of sequences that attend to themselves, but there are queries [3 2 4] and keys [3 5 4]", func(t tape, x func(...int) result) result {
			k := x(3, 5, 4)
			return t.Attention(x(3, 2, 4), k, k, tensor.AttentionOptions{Heads: 2, Lengths: []int{1, 1, 1}})
		}},
		{"attention: a bias [2 5 2] of scores of [3 2 4] with [3 5 4] must be [2 2 5]", func(t tape, x func(...int) result) result {
			k := x(3, 5, 4)
			return t.Attention(x(3, 2, 4), k, k, tensor.AttentionOptions{Heads: 2, Bias: x(2, 5, 2)})
		}},
		{"attention: a mask [2 1 1 5] of scores of [3 2 4] with [3 5 4] must be [3 or a part of that, 1 or 2, 1 or 2, 5]", func(t tape, x func(...int) result) result {
			k := x(3, 5, 4)
			return t.Attention(x(3, 2, 4), k, k, tensor.AttentionOptions{Heads: 2, Mask: x(2, 1, 1, 5)})
		}},
		{"attention: a mask [3 1 5] of scores", func(t tape, x func(...int) result) result {
			k := x(3, 5, 4)
			return t.Attention(x(3, 2, 4), k, k, tensor.AttentionOptions{Heads: 2, Mask: x(3, 1, 5)})
		}},
		{"embedding: id 2 at 1 is outside the 2 entries of weight [2 3]", func(t tape, x func(...int) result) result { return t.Embedding(x(2, 3), []int{0, 2}) }},
		{"exp: input 0 is nil", func(t tape, x func(...int) result) result { return t.Map(tensor.Exp, nil, 0, 0) }},
		{"map: there is no function 99, for [2 3]", func(t tape, x func(...int) result) result { return t.Map(99, x(2, 3), 0, 0) }},
		{"sub: input 1 is nil", func(t tape, x func(...int) result) result { return t.Sub(x(2, 3), nil) }},
		{"div: [2 3] and [2 1 2] do not broadcast", func(t tape, x func(...int) result) result { return t.Div(x(2, 3), x(2, 1, 2)) }},
		{"pow: a result of shape [", func(t tape, x func(...int) result) result {
			return t.Pow(x(999, 1, 999, 1), x(1, 999, 1, 999))
		}},
		{"where: condition [3 2], [2 3] and [1] do not broadcast", func(t tape, x func(...int) result) result {
			return t.Where(make([]bool, 6), []int{3, 2}, x(2, 3), x(1))
		}},
		{"where: condition of shape [3 2] has 6 elements, its data 5", func(t tape, x func(...int) result) result {
			return t.Where(make([]bool, 5), []int{3, 2}, x(2, 3), x(1))
		}},
		{"where: condition: shape [] has 0 dimensions", func(t tape, x func(...int) result) result {
			return t.Where(make([]bool, 1), nil, x(2, 3), x(1))
		}},
		{"matmul: [2 3] and [3] must have two dimensions", func(t tape, x func(...int) result) result { return t.MatMul(x(2, 3), x(3), false, false) }},
		{"matmul: [2 3] transposed and [3 4] do not fit", func(t tape, x func(...int) result) result { return t.MatMul(x(2, 3), x(3, 4), true, false) }},
		{"matmul: [2 2 3] and [3 3 4] do not fit", func(t tape, x func(...int) result) result {
			return t.MatMul(x(2, 2, 3), x(3, 3, 4), false, false)
		}},
		{"matmul: a result of shape [2000000 2000000]", func(t tape, x func(...int) result) result {
			return t.MatMul(x(2000000, 1), x(1, 2000000), false, false)
		}},
		{"take: shape [2 2] has 4 elements, there are 3 indices", func(t tape, x func(...int) result) result { return t.Take(x(2, 3), make([]int32, 3), 2, 2) }},
		{"take: shape []", func(t tape, x func(...int) result) result { return t.Take(x(2, 3), make([]int32, 1)) }},
		{"take: index 6 at 1 is not one of -1 to 5, for [2 3]", func(t tape, x func(...int) result) result { return t.Take(x(2, 3), []int32{0, 6}, 2) }},
		{"take: index -2 at 0 is not one of -1 to 5", func(t tape, x func(...int) result) result { return t.Take(x(2, 3), []int32{-2, 0}, 2) }},
		{"gather: [2 3] has no dimension 2", func(t tape, x func(...int) result) result { return t.Gather(x(2, 3), 2, []int{0}) }},
		{"gather: [2 3] has no dimension 0, or there are no indices: 0", func(t tape, x func(...int) result) result { return t.Gather(x(2, 3), 0, nil) }},
		{"gather: index 2 at 1 is outside the 2 of dimension 0", func(t tape, x func(...int) result) result { return t.Gather(x(2, 3), 0, []int{0, 2}) }},
		{"slice: 2 elements from 2 by 1 of dimension 1 are not", func(t tape, x func(...int) result) result { return t.SliceStep(x(2, 3), 1, 2, 1, 2) }},
		{"slice: 3 elements from 1 by -1 of dimension 1 are not", func(t tape, x func(...int) result) result { return t.SliceStep(x(2, 3), 1, 1, -1, 3) }},
		{"slice: 2 elements from 0 by 0 of", func(t tape, x func(...int) result) result { return t.SliceStep(x(2, 3), 1, 0, 0, 2) }},
		{"slice: 2 elements from 1 by -9223372036854775808 of", func(t tape, x func(...int) result) result { return t.SliceStep(x(2, 3), 1, 1, math.MinInt, 2) }},
		{"slice: 2 elements from 1 by 9223372036854775807 of", func(t tape, x func(...int) result) result { return t.SliceStep(x(2, 3), 1, 1, math.MaxInt, 2) }},
		{"slice: 9223372036854775807 elements from 0 by 1 of", func(t tape, x func(...int) result) result { return t.SliceStep(x(2, 3), 1, 0, 1, math.MaxInt) }},
		{"interpolate: dimension 1 of [2 3] by 3 indices and 3 weights, 2 for", func(t tape, x func(...int) result) result {
			return t.Interpolate(x(2, 3), 1, make([]int32, 3), make([]float32, 3), 2)
		}},
		{"interpolate: dimension 1 of [2 3] by 2 indices and 1 weights, 2 for", func(t tape, x func(...int) result) result {
			return t.Interpolate(x(2, 3), 1, make([]int32, 2), make([]float32, 1), 2)
		}},
		{"interpolate: index -1 at 1 is not one of 0 to 2", func(t tape, x func(...int) result) result {
			return t.Interpolate(x(2, 3), 1, []int32{0, -1}, make([]float32, 2), 1)
		}},
		{"cumulative sum: [2 3] has no dimension -3", func(t tape, x func(...int) result) result { return t.CumSum(x(2, 3), -3, false, false) }},
		{"expand: [2 3] does not broadcast to [2 4]", func(t tape, x func(...int) result) result { return t.Expand(x(2, 3), 2, 4) }},
		{"expand: shape [-1 3]", func(t tape, x func(...int) result) result { return t.Expand(x(2, 3), -1, 3) }},
		{"expand: a result of shape [9223372036854775807 9223372036854775807 2 3]", func(t tape, x func(...int) result) result {
			return t.Expand(x(2, 3), math.MaxInt, math.MaxInt, 2, 3)
		}},
		{"put: [2 2] needs as many indices, got 3", func(t tape, x func(...int) result) result { return t.Put(x(2, 3), make([]int32, 3), x(2, 2), false) }},
		{"put: index 6 at 0 is not one of 0 to 5, for [2 3]", func(t tape, x func(...int) result) result { return t.Put(x(2, 3), []int32{6}, x(1), true) }},
		{"max: dimension 2 of [2 3] does not exist", func(t tape, x func(...int) result) result { return t.Max(x(2, 3), 2) }},
		{"prod: dimension -1 of [2 3] does not exist, or is given twice", func(t tape, x func(...int) result) result { return t.Prod(x(2, 3), 1, -1) }},
		{"lrn: a window of 0 channels, for [2 3]", func(t tape, x func(...int) result) result { return t.LRN(x(2, 3), 0, 1, 1, 1) }},
		{"rms norm: weight [2] does not fit input [2 4]", func(t tape, x func(...int) result) result { return t.RMSNorm(x(2, 4), x(2), 1e-5) }},
		{"square: input 0 is nil", func(t tape, x func(...int) result) result { return t.Apply(square{}, nil) }},
		{"picky: shape [2 3] is not to my taste", func(t tape, x func(...int) result) result { return t.Apply(picky{}, x(2, 3)) }},
	}
}

// picky is an operation that takes no shape.
type picky struct{ square }

func (picky) Name() string { return "picky" }
func (picky) Shape(in ...*tensor.Tensor) ([]int, error) {
	return nil, fmt.Errorf("shape %v is not to my taste", in[0].Shape())
}

func TestOperationErrors(t *testing.T) {
	for _, c := range calls() {
		tp := tensor.NewTape()
		tp.Reset(tensor.Train)
		tp.Scope("net")
		y := c.op(tp, func(shape ...int) result {
			n := 1
			for _, d := range shape {
				n *= d
			}
			return tp.Input(make([]float32, n), shape...)
		})
		var shape *tensor.ShapeError
		if err := tp.Err(); y != nil || !errors.As(err, &shape) || !strings.HasPrefix(err.Error(), "net: "+c.want) {
			t.Errorf("error %q, want %q", tp.Err(), c.want)
		}
		// everything after an error is nil, and takes nil
		for _, later := range calls() {
			if later.op(tp, func(...int) result { return nil }) != nil {
				t.Errorf("after an error: %s returned something", later.want)
			}
		}
	}
}

func TestLevelsAgree(t *testing.T) {
	var want [][]float32
	everyLevel(t, func(t *testing.T) {
		c := torchCase{shapes: [][]int{{5, 3, 2, 19}, {19}, {19}}}
		x, grad := c.parameters(t, "")
		tp := tensor.NewTape()
		tp.Reset(tensor.Train)
		h := tp.BatchNormReLU(tp.GELU(x[0]), x[0], x[1], x[2], newRunning(19))
		h = tp.Softmax(tp.LayerNorm(tp.RMSNorm(tp.SiLU(h), x[1], 1e-5), x[1], x[2], 1e-5))
		h = tp.LogSumExp(tp.Map(tensor.Exp, tp.Map(tensor.Erf, tp.Div(h, x[0]), 0, 0), 0, 0), 0)
		if err := tp.BackwardFrom(h, numbers(h.Len(), 2)); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = grad
		}
		for i, g := range grad {
			if !slices.Equal(g, want[i]) {
				t.Errorf("%v changes the gradient of input %d", kernel.Active(), i)
			}
		}
	})
}

// In mode Eval the memory of what was released serves what follows, with the same
// results; what is shared, given or kept stays, and nothing can be done with what is gone.
func TestRelease(t *testing.T) {
	x := numbers(2*8*8*4, 1)
	w, err := tensor.New(numbers(3*3*4*4, 2), 3, 3, 4, 4)
	if err != nil {
		t.Fatal(err)
	}
	run := func(tape *tensor.Tape, mode tensor.Mode, release bool) []float32 {
		tape.Reset(mode)
		in := tape.Input(x, 2, 8, 8, 4)
		y := in
		for range 6 {
			c := tape.Conv2d(y, w, nil, tensor.ConvOptions{Pad: 1})
			z := tape.ReLU(c)
			if release {
				tape.Release(c)
				tape.Release(y)
			}
			y = z
		}
		if in.Data == nil {
			t.Fatal("an input was released")
		}
		return append([]float32(nil), y.Data...)
	}
	all, some := tensor.NewTape(), tensor.NewTape()
	want, got := run(all, tensor.Eval, false), run(some, tensor.Eval, true)
	if !slices.Equal(want, got) {
		t.Error("results differ once memory is released")
	}
	if a, b := tensor.ArenaSize(all), tensor.ArenaSize(some); 2*b > a {
		t.Errorf("%d floats with releases, %d without", b, a)
	}
	trained := tensor.NewTape()
	run(trained, tensor.Train, true)
	if a, b := tensor.ArenaSize(all), tensor.ArenaSize(trained); a != b {
		t.Errorf("%d floats in mode Train, %d without releases: what backward needs was released", b, a)
	}
	tape := tensor.NewTape()
	a := tape.Add(tape.Input(x, len(x)), tape.Input(x, len(x)))
	view := tape.Reshape(a, 4, -1)
	tape.Release(a)
	if a.Data != nil || view.Data == nil {
		t.Error("what was released can be looked at, or its view can't")
	}
	b := tape.Add(view, view)
	tape.Release(b)
	if tape.ReLU(b); tape.Err() == nil || !strings.Contains(tape.Err().Error(), "it was released") {
		t.Errorf("an operation on what was released: error %v", tape.Err())
	}
}

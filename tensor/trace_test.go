package tensor_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/tensor"
)

// A tracer is told of every operation in its order, with the tensors that go in and come out.
func TestTrace(t *testing.T) {
	c := torchCase{shapes: everythingShapes}
	x, _ := c.parameters(t, "")
	tp := tensor.NewTape()
	var ops []string
	made := map[*tensor.Tensor]bool{nil: true}
	for _, p := range x {
		made[p] = true
	}
	tp.Trace(func(o tensor.Traced) {
		ops = append(ops, o.Op)
		for _, in := range o.In {
			if !made[in] {
				t.Errorf("%s takes %v, which nothing has made", o.Op, in.Shape())
			}
		}
		if made[o.Out] || o.Out.Data == nil || o.Own != (o.Op == "square") {
			t.Errorf("%s: %+v", o.Op, o)
		}
		made[o.Out] = true
	})
	run := func() {
		tp.Reset(tensor.Eval)
		everything(tp, x, newRunning(6), []int{1, 6}, []int{0, 1, 4, 1})
		if err := tp.Err(); err != nil {
			t.Fatal(err)
		}
	}
	run()
	const want = "conv batchNorm batchNorm groupNorm pad maxPool batchNorm sigmoid tanh geluTanh gelu silu globalAvgPool avgPool slice concat mean reshape mul " +
		"permute reshape slice embedding reshape add layerNorm concat linear input embedding input attention mean reshape add " +
		"reshape permute square logSoftmax crossEntropyWith softmax mse add relu sum add"
	if got := strings.Join(ops, " "); got != want {
		t.Errorf("operations\n%s, want\n%s", got, want)
	}
	tp.Trace(nil)
	ops = nil
	if run(); ops != nil {
		t.Error("a tracer is told after its end")
	}
}

// What an operation was told, its trace has.
func TestTraceOptions(t *testing.T) {
	state := &tensor.BatchNormState{Mean: []float32{1, 2}, Var: []float32{3, 4}, Eps: .5}
	for want, f := range map[string]func(tp tape, x result) result{
		"Kernel:[3 1] Strides:[2 1] Dilations:[1 2] Pads:[1 2 1 2] Groups:2": func(tp tape, x result) result {
			w := tp.Input(make([]float32, 3*4), 3, 1, 1, 4)
			return tp.Conv2d(x, w, nil, tensor.ConvOptions{Strides: [2]int{2}, Dilations: [2]int{0, 2}, Pads: [4]int{1, 2, 1, 2}, Groups: 2})
		},
		"Kernel:[2 2] Strides:[3 3] Dilations:[1 1] Pads:[0 0 0 0] More:[2 0] Groups:1": func(tp tape, x result) result {
			w := tp.Input(make([]float32, 2*2*2*2), 2, 2, 2, 2)
			return tp.ConvTranspose2d(x, w, nil, tensor.ConvOptions{Stride: 3}, [2]int{2, 0})
		},
		"Kernel:[2 2] Strides:[2 2] Dilations:[1 1] SkipZero:true Groups:1": func(tp tape, x result) result {
			return tp.AvgPool2d(x, tensor.PoolOptions{Kernel: 2, SkipZero: true})
		},
		"Strides:[2 2]":                      func(tp tape, x result) result { return tp.Subsample(x, 2, 4) },
		"Epsilon:0.5 Stats:true ReLU:true":   func(tp tape, x result) result { return tp.BatchNormReLU(x, nil, nil, nil, state) },
		"Groups:2 Epsilon:0.25":              func(tp tape, x result) result { return tp.GroupNorm(x, nil, nil, 2, .25) },
		"Epsilon:0.125":                      func(tp tape, x result) result { return tp.LayerNorm(x, nil, nil, .125) },
		"A:2 B:3 C:4 Size:5":                 func(tp tape, x result) result { return tp.LRN(x, 5, 2, 3, 4) },
		"Dims:[3 0 2 1]":                     func(tp tape, x result) result { return tp.Permute(x, 3, 0, 2, 1) },
		"Dims:[0 1 0 0]":                     func(tp tape, x result) result { return tp.Slice(x, 1, 1, 3) },
		"Dims:[0 2 0 0]":                     func(tp tape, x result) result { return tp.Pad(x, [2]int{}, [2]int{2, 1}) },
		"Dims:[0 1 1 0]":                     func(tp tape, x result) result { return tp.Mean(x, 1, 2) },
		"Dims:[0 0 1 1]":                     func(tp tape, x result) result { return tp.Max(x, 1, 3) },
		"Dims:[1 0 0 1]":                     func(tp tape, x result) result { return tp.LogSumExp(tp.Reshape(x, 1, 8, 8, 1), 0, 3) },
		"Axis:3":                             func(tp tape, x result) result { return tp.Concat(-1, x, x) },
		"Numbers:[3 0] Axis:2":               func(tp tape, x result) result { return tp.Gather(x, 2, []int{3, 0}) },
		"Axis:2 Start:3 Step:-2":             func(tp tape, x result) result { return tp.SliceStep(x, 2, 3, -2, 2) },
		"Axis:1 Exclusive:true":              func(tp tape, x result) result { return tp.CumSum(x, 1, true, false) },
		"Axis:1 Reverse:true":                func(tp tape, x result) result { return tp.CumSum(x, 1, false, true) },
		"Numbers:[1 0] Weights:[2 3] Taps:2": func(tp tape, x result) result { return tp.Interpolate(x, 0, []int32{1, 0}, []float32{2, 3}, 2) },
		"A:2 B:3":                            func(tp tape, x result) result { return tp.Map(tensor.Affine, x, 2, 3) },
		"A:-1 B:6":                           func(tp tape, x result) result { return tp.Clamp(x, -1, 6) },
		"TransA:true":                        func(tp tape, x result) result { return tp.MatMul(x, x, true, false) },
		"TransB:true":                        func(tp tape, x result) result { return tp.MatMul(x, x, false, true) },
		"Heads:2 Causal:true Numbers:[1 2 3 4]": func(tp tape, x result) result {
			y := tp.Reshape(x, 4, 8, 2)
			return tp.Attention(y, y, y, tensor.AttentionOptions{Heads: 2, Causal: true, Lengths: []int{1, 2, 3, 4}})
		},
	} {
		tp := tensor.NewTape()
		tp.Reset(tensor.Eval)
		var last tensor.Traced
		tp.Trace(func(o tensor.Traced) { last = o })
		f(tp, tp.Input(make([]float32, 64), 2, 4, 4, 2))
		if err := tp.Err(); err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if got := options(last); got != want {
			t.Errorf("%s: %s, want %s", last.Op, got, want)
		}
	}
}

// options lists the fields of a trace that are not zero.
func options(o tensor.Traced) string {
	var list []string
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		switch {
		case field.IsZero() && !(name == "Pads" && o.More != [2]int{}) || slices.Contains([]string{"Op", "In", "Out"}, name):
		case name == "Stats":
			list = append(list, "Stats:true")
		default:
			list = append(list, fmt.Sprintf("%s:%v", name, field.Interface()))
		}
	}
	return strings.Join(list, " ")
}

// Tokens in a tensor are what lists of numbers are: the same results and gradients, to the bit.
func TestTokens(t *testing.T) {
	ids := []int{3, 0, 4, 0, 0, 1, 2, 0, 0, 0, 0, 0}
	tokens := make([]float32, len(ids))
	for i, v := range ids {
		tokens[i] = float32(v)
	}
	var grads [2][]float32
	var results [2][]float32
	for i := range grads {
		c := torchCase{shapes: [][]int{{5, 6}}}
		x, grad := c.parameters(t, "")
		tp := tensor.NewTape()
		tp.Reset(tensor.Train)
		var words, y result
		if i == 0 {
			words = tp.Reshape(tp.Embedding(x[0], ids), 3, 4, 6)
			y = tp.Attention(words, words, words, tensor.AttentionOptions{Heads: 2, Lengths: []int{3, 3, 1}})
		} else {
			in := tp.Input(tokens, 3, 4)
			words = tp.EmbeddingOf(x[0], in)
			y = tp.Attention(words, words, words, tensor.AttentionOptions{Heads: 2, Tokens: in})
		}
		results[i] = slices.Clone(y.Data)
		if err := tp.BackwardFrom(y, numbers(len(y.Data), 9)); err != nil {
			t.Fatal(err)
		}
		grads[i] = grad[0]
	}
	if !slices.Equal(results[0], results[1]) || !slices.Equal(grads[0], grads[1]) {
		t.Error("tokens in a tensor give other numbers than a list of them")
	}
}

package export_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/onnxruntime"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx/export"
	"github.com/monge-ml/monge/tensor"
)

// listed is a network of lists of at most most numbers of tokens, with a layer of the test's on their
// embeddings [N, T, 6], whose result has 6 numbers for each list.
type listed struct {
	nn.Network
	tape         *tensor.Tape
	table, after *nn.Param
	f            func(tp tape, ids, x result) result
	most         int
}

func newListed(t *testing.T, most int, f func(tp tape, ids, x result) result) (l *listed, theta []float32) {
	t.Helper()
	b := nn.NewBuilder()
	l = &listed{tape: tensor.NewTape(), table: b.Param("table", nn.Normal(1), 9, 6), after: b.Param("after", nn.Normal(1), 6), f: f, most: most}
	var err error
	if l.Network, err = b.Network(); err != nil {
		t.Fatal(err)
	}
	return l, l.NewTheta(1)
}

func (l *listed) forward(theta, x []float32, n int) ([]float32, error) {
	l.tape.Reset(tensor.Eval)
	l.Bind(theta, nil, false)
	l.tape.Scope("mine")
	ids := l.tape.Input(x, n, len(x)/n)
	y := l.f(l.tape, ids, l.tape.EmbeddingOf(l.table.Tensor(), ids))
	y = l.tape.Mul(y, l.after.Tensor())
	if err := l.tape.Err(); err != nil {
		return nil, err
	}
	return y.Data, nil
}

func (l *listed) trace() (*export.Program, error) {
	return export.TraceParts(&l.Network, l.tape, export.Part{
		Input: "ids", Output: "y", Batch: "lists", Shape: []int{l.most}, Length: "tokens", Width: 6, Forward: l.forward,
	})
}

// What follows the length of inputs does so in the graph, for any greatest length.
func TestLength(t *testing.T) {
	all := map[string]func(tp tape, ids, x result) result{
		"a sum": func(tp tape, _, x result) result { return tp.Sum(x, 1) },
		"attention": func(tp tape, _, x result) result {
			y := tp.Attention(x, tp.Mul(x, x), x, tensor.AttentionOptions{Heads: 2, Causal: true})
			return tp.Sum(tp.Attention(x, y, x, tensor.AttentionOptions{Heads: 3, Causal: true}), 1)
		},
		"padding": func(tp tape, ids, x result) result {
			return tp.Sum(tp.Attention(x, x, x, tensor.AttentionOptions{Heads: 2, Tokens: ids}), 1)
		},
		"zeros": func(tp tape, ids, x result) result {
			zeros := tp.Input(make([]float32, len(ids.Data)), ids.Dim(0), ids.Dim(1), 1)
			return tp.Sum(tp.Add(x, tp.Map(tensor.Cos, zeros, 0, 0)), 1)
		},
		"reshapings": func(tp tape, ids, x result) result {
			n := ids.Dim(0)
			y := tp.MatMul(tp.Reshape(tp.CumSum(ids, 1, false, true), n, 1, -1), x, false, false)
			return tp.Reshape(y, n, 6)
		},
	}
	for name, f := range all {
		for _, most := range []int{1, 2, 3, 6, 7} {
			l, theta := newListed(t, most, f)
			p, err := l.trace()
			if err != nil {
				t.Fatalf("%s, %d: %v", name, most, err)
			}
			m, err := p.Model(theta, export.Options{})
			if err != nil {
				t.Fatalf("%s, %d: %v", name, most, err)
			}
			if in, out := m.Graph.Inputs[0], m.Graph.Outputs[0]; in.Shape[0].Name != "lists" || most > 1 && in.Shape[1].Name != "tokens" || out.Name != "y" {
				t.Errorf("%s, %d: from %+v to %+v", name, most, in, out)
			}
			if most < 6 {
				continue
			}
			t.Run(name, func(t *testing.T) { l.serve(t, theta, p) })
		}
	}
}

// serve holds a graph against the network.
func (l *listed) serve(t *testing.T, theta []float32, p *export.Program) {
	t.Helper()
	m, err := p.Model(theta, export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var batches []onnxruntime.Batch
	var want [][]float32
	for _, length := range []int{l.most, 2, 1, 5} {
		const n = 4
		x := make([]float32, n*length)
		for i := range x {
			x[i] = float32(i * i % 9)
		}
		y, err := l.forward(theta, x, n)
		if err != nil {
			t.Fatal(err)
		}
		batches, want = append(batches, onnxruntime.Batch{Dims: []int{n, length}, Data: x}), append(want, slices.Clone(y))
	}
	for i, y := range serve(t, m, true, batches).Results {
		onnxruntime.Near(t, y.Data, want[i])
	}
}

// What can't follow it is an error.
func TestLengthUnsupported(t *testing.T) {
	for want, f := range map[string]func(tp tape, ids, x result) result{
		"mine: slice: a slice whose length follows the input": func(tp tape, ids, x result) result {
			places, _ := tensor.New(make([]float32, 9*6), 9, 6)
			return tp.Sum(tp.Add(x, tp.Slice(places, 0, 2, 2+ids.Dim(1))), 1)
		},
		"mine: reshape: a shape with two dimensions": func(tp tape, ids, x result) result {
			y := tp.Reshape(tp.Permute(x, 2, 1, 0), 2, 3, ids.Dim(1), ids.Dim(0))
			return tp.Reshape(tp.Sum(y, 2), -1, 6)
		},
		"with minibatches of 2 and 3": func(tp tape, ids, x result) result {
			return tp.Sum(tp.Reshape(tp.Reshape(x, -1, 6), ids.Dim(0), -1, 6), 1)
		},
		"mine: gather: it goes along": func(tp tape, _, x result) result { return tp.Sum(tp.Gather(x, 1, []int{0, 0}), 1) },
		"mine: expand: it repeats": func(tp tape, ids, x result) result {
			return tp.Sum(tp.Expand(tp.Sum(x, 0, 1), ids.Dim(0), ids.Dim(1), 6), 1)
		},
	} {
		for _, most := range []int{5, 3} {
			l, theta := newListed(t, most, f)
			p, err := l.trace()
			if err == nil {
				_, err = p.Model(theta, export.Options{})
			}
			var u *export.UnsupportedError
			if !errors.As(err, &u) || !strings.Contains(err.Error(), want) {
				t.Errorf("%d: error %v, want %q", most, err, want)
			}
		}
	}
}

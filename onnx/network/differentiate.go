package network

import (
	"fmt"
	"slices"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/tensor"
)

// A Derivative is an output of a graph, and the gradient of the sum of its elements, each times a
// weight.
type Derivative struct {
	Output  *array.Array
	Inputs  []*array.Array          // with respect to the inputs; nil for those that are not float32
	Tensors map[string]*array.Array // with respect to the tensors of the file that are parameters
}

// Differentiate computes an output of any graph, as it is used and not as it is trained, and the
// gradient of the sum of its elements times weights, nil for 1 each. Inputs are as for [Run]. The
// output must be one that float32 numbers lead to.
func Differentiate(m *onnx.Model, in []*array.Array, output string, weights []float32) (*Derivative, error) {
	f := &File{Model: m, output: output}
	given := f.given()
	if len(in) != len(given) {
		return nil, fmt.Errorf("%d inputs for a graph of %d", len(in), len(given))
	}
	f.findTensors()
	f.own = ownedOf(m.Graph)
	f.nodes = fused(m.Graph, f.tensors, f.own, output)
	f.countReaders()
	f.findNeeded()
	f.findParameters()
	d := &differentiation{builder: &builder{net: &Network{File: f, states: map[string]*statistics{}}, opset: int(m.Opset()), plan: &plan{}, values: map[string]*value{}, once: true}}
	for i, a := range in {
		v := fixed(a)
		if a.DType == onnx.Float && a.Len() > 0 && !isSetting(m.Graph, given[i].Name) {
			var err error
			if v, err = d.leaf(given[i].Name, a); err != nil {
				return nil, err
			}
		}
		d.values[given[i].Name] = v
	}
	for _, t := range f.parameters {
		a, err := array.Of(t.tensor)
		if err == nil {
			d.values[t.name], err = d.leaf(t.name, a)
		}
		if err != nil {
			return nil, err
		}
	}
	for name, t := range f.constants {
		a, err := array.Of(t)
		if err != nil {
			return nil, err
		}
		d.values[name] = fixed(a)
	}
	for _, n := range f.nodes {
		if f.needed[n] {
			if err := d.take(n); err != nil {
				return nil, atNode(n, err)
			}
		}
	}
	d.node = nil
	return d.run(output, given, weights)
}

// A differentiation is a plan whose first tensors are what the derivative is with respect to.
type differentiation struct {
	*builder
	leaves []leaf
}

type leaf struct {
	name  string
	shape []int
	x     *tensor.Tensor
	grad  []float32
}

// leaf makes a live value of numbers at hand.
func (d *differentiation) leaf(name string, a *array.Array) (*value, error) {
	if err := d.fits(a.Shape); err != nil {
		return nil, err
	}
	d.largest = max(d.largest, a.Len())
	v := &value{dtype: onnx.Float, shape: a.Shape, live: true, order: inOrder(len(a.Shape)), slot: d.plan.tensors}
	d.plan.tensors++
	x, err := tensor.Parameter(v.memory()...)
	if err != nil {
		return nil, err
	}
	l := leaf{name, a.Shape, x, make([]float32, a.Len())}
	x.Bind(a.Floats(), l.grad, false)
	d.leaves = append(d.leaves, l)
	return v, nil
}

func (d *differentiation) run(output string, given []*onnx.Value, weights []float32) (*Derivative, error) {
	y := d.values[output]
	if y == nil || !y.live {
		return nil, fmt.Errorf("the output %s is none that numbers of float32 lead to", onnx.Show(output))
	}
	y, err := d.as(y, inOrder(len(y.shape)))
	if err != nil {
		return nil, err
	}
	n := product(y.shape)
	if weights == nil {
		weights = make([]float32, n)
		for i := range weights {
			weights[i] = 1
		}
	}
	if len(weights) != n {
		return nil, fmt.Errorf("%d weights for an output of shape %v", len(weights), y.shape)
	}
	m := &machine{tape: tensor.NewTape()}
	m.grow(d.plan)
	m.tape.Reset(tensor.Train)
	for i, l := range d.leaves {
		m.x[i] = l.x
	}
	d.plan.run(m)
	if err := m.tape.Err(); err != nil {
		return nil, err
	}
	out := &Derivative{Output: m.result(y), Inputs: make([]*array.Array, len(given)), Tensors: map[string]*array.Array{}}
	if err := m.tape.BackwardFrom(m.x[y.slot], weights); err != nil {
		return nil, err
	}
	for _, l := range d.leaves {
		l.x.FinishGrad()
		g := &array.Array{DType: onnx.Float, Shape: l.shape, F: make([]float64, len(l.grad))}
		for i, v := range l.grad {
			g.F[i] = float64(v)
		}
		if i := slices.IndexFunc(given, func(v *onnx.Value) bool { return v.Name == l.name }); i >= 0 {
			out.Inputs[i] = g
		} else {
			out.Tensors[l.name] = g
		}
	}
	return out, nil
}

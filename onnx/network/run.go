package network

import (
	"fmt"
	"slices"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/tensor"
)

// Run computes a graph's outputs once, from an array for each input that is no initializer, in
// their order. Numbers of float32 go the way that they go in training, on a tape; all others are
// computed as arrays. Operators that are not supported are an error that is ErrUnsupported.
func Run(m *onnx.Model, in []*array.Array) ([]*array.Array, error) {
	f := &File{Model: m}
	given := f.given()
	if len(in) > len(given) {
		return nil, fmt.Errorf("%d inputs for a graph of %d", len(in), len(given))
	}
	f.nodes, f.needed = m.Graph.Nodes, map[*onnx.Node]bool{}
	f.countReaders()
	b := &builder{net: &Network{File: f, states: map[string]*statistics{}}, opset: int(m.Opset()), plan: &plan{}, values: map[string]*value{}, once: true}
	for _, v := range m.Graph.Outputs {
		f.readers[v.Name]++
	}
	for _, t := range m.Graph.Initializers {
		a, err := array.Of(t)
		if err != nil {
			return nil, err
		}
		b.values[t.Name] = fixed(a)
	}
	for i, a := range in {
		v := fixed(a)
		if a.DType == onnx.Float && a.Len() > 0 && !isSetting(m.Graph, given[i].Name) {
			var err error
			if v, err = b.computedTensor(a); err != nil {
				return nil, err
			}
		}
		b.values[given[i].Name] = v
	}
	for _, n := range m.Graph.Nodes {
		if err := b.take(n); err != nil {
			return nil, atNode(n, err)
		}
	}
	b.node = nil
	for _, v := range m.Graph.Outputs {
		out := b.values[v.Name]
		if out == nil {
			return nil, fmt.Errorf("output %s is missing", onnx.Show(v.Name))
		}
		if out.live {
			var err error
			if out, err = b.as(out, inOrder(len(out.shape))); err != nil {
				return nil, err
			}
		}
		b.plan.outputs = append(b.plan.outputs, out)
	}
	machine := &machine{tape: tensor.NewTape()}
	machine.grow(b.plan)
	machine.tape.Reset(tensor.Eval)
	b.plan.run(machine)
	if err := machine.tape.Err(); err != nil {
		return nil, err
	}
	var list []*array.Array
	for _, v := range b.plan.outputs {
		list = append(list, machine.result(v))
	}
	return list, nil
}

// settings are inputs that say what an operator does, and are known before it runs.
var settings = map[string][]int{"Pad": {1, 2}, "Resize": {1, 2, 3}, "Upsample": {1}, "Dropout": {1, 2}, "Range": {0, 1, 2}, "OneHot": {1, 2}}

// isSetting reports whether a name is read as a setting alone.
func isSetting(g *onnx.Graph, name string) bool {
	is := false
	for _, n := range g.Nodes {
		for i, in := range n.Inputs {
			if in == name {
				if !slices.Contains(settings[n.Op], i) {
					return false
				}
				is = true
			}
		}
	}
	return is
}

// computedTensor is an input that is known when the plan is run.
func (b *builder) computedTensor(a *array.Array) (*value, error) {
	return b.lively(fixed(a))
}

func (m *machine) result(v *value) *array.Array {
	switch {
	case v.host:
		return m.a[v.id]
	case !v.live:
		return v.known
	}
	out := &array.Array{DType: v.dtype, Shape: slices.Clone(v.shape)}
	for _, f := range m.x[v.slot].Data {
		out.F = append(out.F, float64(f))
	}
	return out
}

// ErrUnsupported is that of an operator, or a use of one, which can't be run here.
var ErrUnsupported = errUnsupported

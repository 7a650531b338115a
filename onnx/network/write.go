package network

import (
	"slices"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
)

// Export returns the file's model with the parameters at theta and the running statistics of a
// network that was built with n: the same nodes under the same names. A new head changes the
// sizes of what it is made of, and of the output.
func (n *Network) Export(theta []float32) (*onnx.Model, error) {
	w := &writer{Network: n, values: map[string]*onnx.Tensor{}}
	for _, p := range n.parameters {
		q := n.params[p.name]
		t := &onnx.Tensor{Name: p.name, DType: p.tensor.DType, Dims: slices.Clone(q.TorchShape())}
		if err := t.SetFloats(q.Export(theta)); err != nil {
			return nil, err
		}
		w.values[p.name] = t
	}
	for _, node := range n.normalized {
		s := n.states[node.Outputs[0]]
		for i, data := range [][]float32{s.Mean, s.Var} {
			name := node.Inputs[3+i]
			t := &onnx.Tensor{Name: name, DType: n.tensors[name].DType, Dims: []int{len(data)}}
			if err := t.SetFloats(data); err != nil {
				return nil, err
			}
			w.values[name] = t
		}
	}
	if err := n.foldInto(w.values, theta); err != nil {
		return nil, err
	}
	return w.model(), nil
}

// A writer puts values in the places of a file.
type writer struct {
	*Network
	values     map[string]*onnx.Tensor
	tailShapes map[string]bool // tensors that are the shape of a Reshape behind a new head
	after      map[string]bool // what is computed of the outputs of heads
}

func (w *writer) model() *onnx.Model {
	m := *w.Model
	g := *m.Graph
	m.Graph = &g
	m.Metadata = slices.Clone(m.Metadata)
	w.findTail()
	g.Nodes, g.Initializers, g.Inputs = nil, nil, slices.Clone(g.Inputs)
	for _, t := range w.Graph.Initializers {
		if v := w.values[t.Name]; v != nil {
			g.Initializers = append(g.Initializers, t.With(v))
		} else {
			g.Initializers = append(g.Initializers, t)
		}
	}
	for _, node := range w.Graph.Nodes {
		if v := w.valueOf(node); v == nil {
			g.Nodes = append(g.Nodes, w.resized(node))
		} else if node.Op == "Constant" {
			c := *node
			c.Attrs = []*onnx.Attr{onnx.TensorAttr("value", v)}
			g.Nodes = append(g.Nodes, &c)
		} else { // an Identity of what was equal before
			g.Initializers = append(g.Initializers, v)
		}
	}
	serve(&g, int(m.Opset()))
	if w.resize(&g) {
		g.Values = slices.DeleteFunc(slices.Clone(g.Values), func(v *onnx.Value) bool { return w.tensors[v.Name] == nil }) // of the size before
	}
	if w.options.Classes > 0 {
		g.Outputs = w.otherClasses(g.Outputs)
		g.Values = w.otherClasses(g.Values)
		g.Inputs = w.otherClasses(g.Inputs) // of versions that list initializers there
		for i, t := range g.Initializers {
			if w.values[t.Name] == nil && w.tailShapes[t.Name] {
				g.Initializers[i] = w.otherSize(t)
			}
		}
	}
	return &m
}

// resize says which size of images the network was trained for, where the file says another.
func (w *writer) resize(g *onnx.Graph) bool {
	in := w.options.Input
	if w.Images == nil || len(in) != 3 || w.Images.Height == 0 || w.Images.Width == 0 || w.Images.Height == in[0] && w.Images.Width == in[1] {
		return false
	}
	at := 2
	if w.Images.last {
		at = 1
	}
	for i, v := range g.Inputs {
		if v.Name == w.Images.name {
			c := *v
			c.Shape = slices.Clone(v.Shape)
			c.Shape[at], c.Shape[at+1] = onnx.Dim{Size: int64(in[0]), Set: true}, onnx.Dim{Size: int64(in[1]), Set: true}
			g.Inputs[i] = &c
		}
	}
	return true
}

// valueOf returns what a node's only result becomes, if the node only names a tensor: what was
// trained, or what it was where that is named after another that was trained.
func (w *writer) valueOf(node *onnx.Node) *onnx.Tensor {
	if len(node.Outputs) != 1 || node.Op != "Constant" && node.Op != "Identity" {
		return nil
	}
	name := node.Outputs[0]
	if v := w.values[name]; v != nil || node.Op == "Constant" || w.tensors[name] == nil || w.values[node.Inputs[0]] == nil {
		return v
	}
	was := *w.tensors[name]
	was.Name = name
	return &was
}

func (w *writer) findTail() {
	w.tailShapes, w.after = map[string]bool{}, map[string]bool{}
	for _, h := range w.Heads {
		w.after[h.Node.Outputs[0]] = true
	}
	for _, node := range w.Graph.Nodes {
		if slices.ContainsFunc(node.Inputs, func(in string) bool { return in != "" && w.after[in] }) {
			for _, out := range node.Outputs {
				w.after[out] = true
			}
		}
		if node.Op == "Reshape" && len(node.Inputs) > 1 && w.behind[node.Outputs[0]] {
			w.tailShapes[node.Inputs[1]] = true
		}
	}
}

// otherClasses are descriptions of values with the new number of classes.
func (w *writer) otherClasses(list []*onnx.Value) (out []*onnx.Value) {
	for _, v := range list {
		if t := w.values[v.Name]; t != nil && w.headOf(v.Name) != nil {
			c := *v
			c.Shape = nil
			for _, d := range t.Dims {
				c.Shape = append(c.Shape, onnx.Dim{Size: int64(d), Set: true})
			}
			v = &c
		} else if w.after[v.Name] { // its size follows the classes
			c := *v
			c.Shape = slices.Clone(v.Shape)
			for i, d := range c.Shape {
				if i > 0 && d.Size == int64(w.classes()) {
					c.Shape[i].Size = int64(w.options.Classes)
				}
			}
			v = &c
		}
		out = append(out, v)
	}
	return out
}

// otherSize is a shape with the new number of classes.
func (w *writer) otherSize(t *onnx.Tensor) *onnx.Tensor {
	v, err := t.Ints()
	if err != nil {
		return t
	}
	for i, d := range v {
		if d == int64(w.classes()) {
			v[i] = int64(w.options.Classes)
		}
	}
	return onnx.NewInts(t.Name, v, t.Dims...)
}

// resized changes a node that is a shape of a Reshape behind a new head.
func (w *writer) resized(node *onnx.Node) *onnx.Node {
	if w.options.Classes == 0 || node.Op != "Constant" || len(node.Outputs) != 1 || !w.tailShapes[node.Outputs[0]] {
		return node
	}
	a := node.Attr("value")
	if a == nil || a.Tensor == nil {
		return node
	}
	c := *node
	c.Attrs = []*onnx.Attr{onnx.TensorAttr("value", w.otherSize(a.Tensor))}
	return &c
}

var _ nn.Layer = (*Network)(nil)

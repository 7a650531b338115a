package network

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
)

// A Head is a layer that makes the outputs: a Gemm, a MatMul, or a convolution of 1x1, with
// what is added to it.
type Head struct {
	Node    *onnx.Node
	Weight  string
	Bias    string // "" for none
	Classes int
	Fan     int // inputs of each output

	axis int // of the weight's dimensions, the classes
}

// findHeads looks for them from the output backwards.
func (f *File) findHeads() {
	t := &trail{File: f, left: 64}
	f.Heads = t.back(f.logits, "", 16)
}

// headOf is the head that has a parameter, nil for none.
func (f *File) headOf(name string) *Head {
	for _, h := range f.Heads {
		if h.Weight == name || h.Bias == name {
			return h
		}
	}
	return nil
}

// isHead reports whether a node is one.
func (f *File) isHead(n *onnx.Node) bool {
	return slices.ContainsFunc(f.Heads, func(h *Head) bool { return h.Node == n })
}

// classes is how many outputs the heads make, 0 if there is none.
func (f *File) classes() int {
	if len(f.Heads) == 0 {
		return 0
	}
	return f.Heads[0].Classes
}

// A trail is a way from the output back to the heads.
type trail struct {
	*File
	left int // nodes that it may go through
}

// back returns the heads that a result is made of by what changes no number of classes, nil if
// there is anything else. Bias is what is added on the way.
func (t *trail) back(name, bias string, depth int) []*Head {
	t.behind[name] = true
	n := t.makers[name]
	if t.left--; t.left < 0 || depth == 0 || n == nil || len(n.Inputs) == 0 {
		return nil
	}
	switch n.Op {
	case "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast", "Transpose", "Dropout":
		return t.back(n.Inputs[0], bias, depth-1)
	case "GlobalAveragePool", "ReduceMean": // convolutions as heads are averaged behind them
		return t.back(n.Inputs[0], bias, depth-1)
	case "Relu":
		if bias != "" {
			return nil
		}
		return t.back(n.Inputs[0], bias, depth-1)
	case "Mul", "Div":
		if scaled := t.scaled(n); scaled != "" {
			return t.back(scaled, bias, depth-1)
		}
		return nil
	case "Add", "Sum", "Mean", "Concat":
		return t.merged(n, bias, depth)
	}
	if h := t.headAt(n, bias); h != nil {
		return []*Head{h}
	}
	return nil
}

// scaled is what a node multiplies, or divides, by one number; "" if it does anything else.
func (t *trail) scaled(n *onnx.Node) string {
	for i, in := range n.Inputs {
		if w := t.tensors[in]; len(n.Inputs) == 2 && w != nil && w.Len() == 1 && (n.Op == "Mul" || i == 1) {
			return n.Inputs[1-i]
		}
	}
	return ""
}

// merged returns the heads of a sum or mean, or the one that has a bias added.
func (t *trail) merged(n *onnx.Node, bias string, depth int) (heads []*Head) {
	if n.Op == "Add" && bias == "" && len(n.Inputs) == 2 {
		for i, in := range n.Inputs {
			if t.parameter(in) != nil {
				return t.back(n.Inputs[1-i], in, depth-1)
			}
		}
	}
	if bias != "" || n.Op == "Concat" && !t.isStack(n) {
		return nil
	}
	for _, in := range n.Inputs {
		more := t.back(in, "", depth-1)
		for _, h := range more {
			if heads = append(heads, h); heads[0].Classes != h.Classes || t.readers[h.Node.Outputs[0]] != 1 {
				return nil // it is something else as well
			}
		}
		if more == nil {
			return nil
		}
	}
	return heads
}

// isStack reports whether a node puts results beside each other along a new first dimension, of
// which the mean is taken.
func (t *trail) isStack(n *onnx.Node) bool {
	if n.Int("axis", -1) != 0 {
		return false
	}
	for _, in := range n.Inputs {
		m := t.makers[in]
		if m == nil || m.Op != "Unsqueeze" || !slices.Equal(t.axes(m), []int{0}) {
			return false
		}
	}
	return true
}

// axes are those of a node, by an attribute or as its second input.
func (t *trail) axes(n *onnx.Node) (axes []int) {
	if len(n.Inputs) < 2 {
		return n.Ints("axes")
	}
	w := t.tensors[n.Inputs[1]]
	if w == nil {
		return nil
	}
	v, err := w.Ints()
	if err != nil {
		return nil
	}
	for _, d := range v {
		axes = append(axes, int(d))
	}
	return axes
}

// parameter returns one by name, nil for none.
func (f *File) parameter(name string) *parameter { return f.named[name] }

// headAt is a node as a head, nil if it can be none.
func (f *File) headAt(n *onnx.Node, bias string) *Head {
	if len(n.Inputs) < 2 {
		return nil
	}
	w := f.parameter(n.Inputs[1])
	if w == nil {
		return nil
	}
	h := &Head{Node: n, Weight: w.name, Bias: bias}
	dims := w.tensor.Dims
	switch {
	case n.Op == "Gemm" && len(dims) == 2 && n.Int("transB", 0) != 0:
		h.axis = 0
	case (n.Op == "Gemm" || n.Op == "MatMul") && len(dims) == 2:
		h.axis = 1
	case n.Op == "Conv" && len(dims) == 4 && dims[2] == 1 && dims[3] == 1 && n.Int("group", 1) == 1:
		h.axis = 0
	default:
		return nil
	}
	if (n.Op == "Gemm" || n.Op == "Conv") && len(n.Inputs) > 2 && n.Inputs[2] != "" {
		if bias != "" || f.parameter(n.Inputs[2]) == nil {
			return nil
		}
		h.Bias = n.Inputs[2]
	}
	h.Classes, h.Fan = dims[h.axis], product(dims)/max(dims[h.axis], 1)
	if h.Bias != "" {
		if d := f.parameter(h.Bias).tensor.Dims; product(d) != h.Classes {
			return nil
		}
	}
	if f.readers[h.Weight] > 1 {
		return nil // it is something else as well
	}
	return h
}

// shape is that of a parameter of the head for another number of classes.
func (h *Head) shape(p *parameter, classes int) []int {
	shape := slices.Clone(p.tensor.Dims)
	if p.name == h.Weight {
		shape[h.axis] = classes
	} else {
		for i, d := range shape {
			if d == h.Classes {
				shape[i] = classes
			}
		}
	}
	return shape
}

// param makes a parameter anew, as PyTorch initialises linear layers.
func (h *Head) param(b nn.Builder, p *parameter, classes int) *nn.Param {
	shape := h.shape(p, classes)
	if p.kernel {
		shape = []int{shape[2], shape[3], shape[1], shape[0]}
	}
	bound := 1 / math.Sqrt(float64(max(h.Fan, 1)))
	param := b.Param(p.name, func(rng *rand.Rand, dst []float32) {
		for i := range dst {
			dst[i] = float32((2*rng.Float64() - 1) * bound)
		}
	}, shape...)
	param.Kernel = p.kernel
	return param
}

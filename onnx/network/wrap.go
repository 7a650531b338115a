package network

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/onnx"
)

// A Wrapping is what a file gets around its network, for programs that have neither.
type Wrapping struct {
	// Mean and Std normalise pixels by channel, in the order red, green, blue; the graph then takes
	// pixels as they are before. Nil is nothing.
	Mean, Std []float32
	// Softmax makes probabilities of the output that is trained, Sigmoid one of each of its numbers.
	Softmax, Sigmoid bool
}

// CanWrap returns why a network can't have something around it, nil if it can.
func (f *File) CanWrap(w Wrapping) error {
	switch {
	case w.Mean != nil && f.Images == nil:
		return errors.New("normalize is for networks of images")
	case w.Mean != nil && len(w.Mean) != 1 && f.Images.channels != 0 && len(w.Mean) != f.Images.channels:
		return fmt.Errorf("normalize: %d means for %d channels", len(w.Mean), f.Images.channels)
	case w.closing() != "" && f.Closing != "":
		return fmt.Errorf("%s: the graph closes with a %s already", strings.ToLower(w.closing()), f.Closing)
	case w.closing() != "" && !slices.Contains(floatOutputs(f.Graph), f.Output):
		return fmt.Errorf("%s: %s is no output of the graph", strings.ToLower(w.closing()), onnx.Show(f.Output))
	}
	return nil
}

// closing is the operator that makes probabilities, "" for none.
func (w Wrapping) closing() string {
	switch {
	case w.Softmax:
		return "Softmax"
	case w.Sigmoid:
		return "Sigmoid"
	}
	return ""
}

// Wrap puts something around the network of a model that [Network.Export] has made, and returns the
// name that the output then has.
func (n *Network) Wrap(m *onnx.Model, w Wrapping) (output string, err error) {
	if err := n.CanWrap(w); err != nil {
		return "", err
	}
	if w.Mean != nil {
		if err := n.normalizeInput(m.Graph, w.Mean, w.Std); err != nil {
			return "", err
		}
	}
	if op := w.closing(); op != "" {
		return n.closeOutput(m.Graph, op), nil
	}
	return n.Output, nil
}

// normalizeInput begins a graph with the normalisation of its images.
func (n *Network) normalizeInput(g *onnx.Graph, mean, std []float32) error {
	input := n.Images.name
	if n.options.BGR {
		mean, std = reversed(mean), reversed(std)
	}
	dims := []int{1, len(mean), 1, 1}
	if n.Images.last {
		dims = []int{1, 1, 1, len(mean)}
	}
	dtype := onnx.Float
	for _, v := range g.Inputs {
		if v.Name == input {
			dtype = v.DType
		}
	}
	var nodes []*onnx.Node
	last := input
	for _, s := range []struct {
		op, name string
		values   []float32
	}{{"Sub", "mean", mean}, {"Div", "std", std}} {
		t := &onnx.Tensor{DType: dtype, Dims: dims}
		if err := t.SetFloats(s.values); err != nil {
			return err
		}
		constant, out := unusedName(g, input+"."+s.name), unusedName(g, input+"."+s.op)
		nodes = append(nodes, &onnx.Node{Op: "Constant", Name: constant, Outputs: []string{constant}, Attrs: []*onnx.Attr{onnx.TensorAttr("value", t)}},
			&onnx.Node{Op: s.op, Name: out, Inputs: []string{last, constant}, Outputs: []string{out}})
		last = out
	}
	readInstead(g, input, last)
	g.Nodes = append(nodes, g.Nodes...)
	return nil
}

// readInstead has the nodes of a graph that read a name read another.
func readInstead(g *onnx.Graph, name, other string) {
	for i, node := range g.Nodes {
		if !slices.Contains(node.Inputs, name) {
			continue
		}
		c := *node
		c.Inputs = slices.Clone(node.Inputs)
		for k, in := range c.Inputs {
			if in == name {
				c.Inputs[k] = other
			}
		}
		g.Nodes[i] = &c
	}
}

func reversed(list []float32) []float32 {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

// closeOutput puts the softmax or the sigmoid of the output that is trained in its place, and returns its name.
// An output N x 1 x K, or of a shape that the file does not say, becomes N x K before.
func (n *Network) closeOutput(g *onnx.Graph, op string) string {
	name, rows := unusedName(g, "probabilities"), n.Output
	g.Outputs = slices.Clone(g.Outputs)
	for i, v := range g.Outputs {
		if v.Name != n.Output {
			continue
		}
		c := *v
		c.Name = name
		if g.Outputs[i] = &c; len(v.Shape) == 2 {
			continue
		}
		rows = unusedName(g, n.Output+".rows")
		g.Nodes = append(g.Nodes, &onnx.Node{Op: "Flatten", Name: rows, Inputs: []string{n.Output}, Outputs: []string{rows}, Attrs: []*onnx.Attr{onnx.IntAttr("axis", 1)}})
		if len(c.Shape) > 0 {
			c.Shape = []onnx.Dim{c.Shape[0], {}}
		}
	}
	last := &onnx.Node{Op: op, Name: name, Inputs: []string{rows}, Outputs: []string{name}}
	if op == "Softmax" {
		last.Attrs = []*onnx.Attr{onnx.IntAttr("axis", 1)}
	}
	g.Nodes = append(g.Nodes, last)
	return name
}

// unusedName is a name that nothing in a graph has.
func unusedName(g *onnx.Graph, name string) string {
	used := map[string]bool{}
	for _, v := range append(slices.Clone(g.Inputs), g.Outputs...) {
		used[v.Name] = true
	}
	for _, t := range g.Initializers {
		used[t.Name] = true
	}
	for _, node := range g.Nodes {
		for _, out := range node.Outputs {
			used[out] = true
		}
	}
	for used[name] {
		name += "_"
	}
	return name
}

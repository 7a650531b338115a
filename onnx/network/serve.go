package network

import (
	"slices"

	"github.com/monge-ml/monge/onnx"
)

// A file that was exported in training mode has runtimes normalise by the minibatch that they serve,
// and drop out at random. What is written computes what the network does when it is used.

// Training reports whether the file was exported in training mode.
func (f *File) Training() bool {
	return slices.ContainsFunc(f.Graph.Nodes, func(n *onnx.Node) bool {
		return trainsNorm(n, int(f.Opset())) || f.trainsDropout(n)
	})
}

// trainsNorm reports whether a node is a batch normalisation that normalises by its minibatch: until
// opset 14 more results than one said so.
func trainsNorm(n *onnx.Node, opset int) bool {
	if n.FullOp() != "BatchNormalization" || len(n.Inputs) < 5 {
		return false
	}
	return n.Int("training_mode", 0) != 0 || opset < 14 && len(n.Outputs) > 1
}

// trainsDropout reports whether a node drops out wherever it is run.
func (f *File) trainsDropout(n *onnx.Node) bool {
	if n.FullOp() != "Dropout" || len(n.Inputs) < 3 {
		return false
	}
	t := f.tensors[n.Inputs[2]]
	if t == nil || t.Len() != 1 {
		return false
	}
	v, err := t.Ints()
	return err == nil && v[0] != 0
}

// serve changes the nodes of a graph that were exported for training to what they are in use, and
// takes away the constants that nothing reads then.
func serve(g *onnx.Graph, opset int) {
	read, flags := readNames(g), map[string]bool{}
	var nodes []*onnx.Node
	for _, n := range g.Nodes {
		switch c := *n; {
		case trainsNorm(n, opset):
			c.Attrs = slices.DeleteFunc(slices.Clone(n.Attrs), func(a *onnx.Attr) bool { return a.Name == "training_mode" })
			c.Outputs = n.Outputs[:1]
			nodes = append(append(nodes, &c), kept(n, read)...)
		case n.FullOp() == "Dropout" && len(n.Inputs) > 2:
			flags[n.Inputs[2]] = true
			c.Inputs = n.Inputs[:2]
			nodes = append(nodes, &c)
		default:
			nodes = append(nodes, n)
		}
	}
	g.Nodes = nodes
	dropUnread(g, flags)
}

// kept are nodes that give the statistics, which don't move in use, under the names that training
// gives moved ones, where something reads them.
func kept(n *onnx.Node, read map[string]bool) (nodes []*onnx.Node) {
	for i := 1; i < min(3, len(n.Outputs)); i++ {
		if name := n.Outputs[i]; read[name] {
			nodes = append(nodes, &onnx.Node{Op: "Identity", Name: name, Inputs: []string{n.Inputs[2+i]}, Outputs: []string{name}})
		}
	}
	return nodes
}

// dropUnread takes constants away that nothing reads.
func dropUnread(g *onnx.Graph, names map[string]bool) {
	read := readNames(g)
	unread := func(name string) bool { return names[name] && !read[name] }
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *onnx.Node) bool {
		return n.Op == "Constant" && len(n.Outputs) == 1 && unread(n.Outputs[0])
	})
	g.Initializers = slices.DeleteFunc(g.Initializers, func(t *onnx.Tensor) bool {
		if !unread(t.Name) {
			return false
		}
		g.Inputs = slices.DeleteFunc(g.Inputs, func(v *onnx.Value) bool { return v.Name == t.Name }) // of versions that list initializers there
		return true
	})
}

// readNames are the names that nodes read, or that are outputs.
func readNames(g *onnx.Graph) map[string]bool {
	read := map[string]bool{}
	for _, n := range g.Nodes {
		for _, name := range n.Inputs {
			read[name] = true
		}
	}
	for _, v := range g.Outputs {
		read[v.Name] = true
	}
	return read
}

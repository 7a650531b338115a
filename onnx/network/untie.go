package network

import (
	"fmt"
	"slices"

	"github.com/monge-ml/monge/onnx"
)

// untie gives each reader a tensor of its own where an exporter has written several that were
// equal at the moment once: scales of 1, biases of 0, fresh statistics. They would be trained as
// one otherwise. Linear layers and convolutions that are applied several times share their weights as
// well, and stay shared. The nodes of the model's graph are replaced, and tensors added.
func untie(m *onnx.Model, own *owned) {
	g := m.Graph
	readers := map[string]int{}
	names := map[string]bool{}
	for _, n := range g.Nodes {
		for _, name := range n.Inputs {
			readers[name]++
		}
		for _, name := range n.Outputs {
			names[name] = true
		}
	}
	for _, v := range g.Inputs {
		names[v.Name] = true
	}
	tensors := map[string]*onnx.Tensor{}
	for _, t := range g.Initializers {
		tensors[t.Name], names[t.Name] = t, true
	}
	seen, uniform := map[string]int{}, map[string]bool{}
	for name, n := range readers {
		if t := tensors[name]; t != nil && n > 1 {
			uniform[name] = isUniform(t) || own.hasNumber(name, t) && isFresh(t)
		}
	}
	makers := makersOf(g.Nodes)
	for k, n := range g.Nodes {
		c := *n
		c.Inputs = slices.Clone(n.Inputs)
		changed := false
		for i, name := range n.Inputs {
			t := tensors[name]
			if t == nil || readers[name] < 2 || !isStatistic(n, i) && (!vectorAt(n, i) || !uniform[name] || sharedLayer(n, i, readers, tensors, makers)) {
				continue
			}
			if seen[name]++; seen[name] == 1 {
				continue // the first keeps it
			}
			own := fmt.Sprintf("%s.%d", name, seen[name])
			for names[own] {
				own += "_"
			}
			names[own] = true
			copied := *t
			copied.Name = own
			g.Initializers = append(g.Initializers, &copied)
			c.Inputs[i], changed = own, true
		}
		if changed {
			g.Nodes[k] = &c
		}
	}
}

// isStatistic reports whether an input is what a batch normalisation keeps: a layer that is applied
// several times has its own in each place.
func isStatistic(n *onnx.Node, i int) bool { return n.Op == "BatchNormalization" && i >= 3 }

// vectorAt reports whether an input is where layers have a scale, a bias or statistics.
func vectorAt(n *onnx.Node, i int) bool {
	switch n.Op {
	case "Conv", "ConvTranspose", "Gemm":
		return i == 2
	case "BatchNormalization", "LayerNormalization", "InstanceNormalization", "GroupNormalization", "RMSNormalization":
		return i >= 1
	case "Add", "Mul", "PRelu":
		return true
	}
	return false
}

// isUniform reports whether a tensor is one number for each of several elements.
func isUniform(t *onnx.Tensor) bool {
	const most = 1 << 16
	if !t.DType.IsFloat() || t.Len() < 2 || t.Len() > most || len(t.Dims) > 4 {
		return false
	}
	v, err := t.Floats()
	return err == nil && !slices.ContainsFunc(v, func(x float32) bool { return x != v[0] })
}

// isFresh reports whether a tensor of one number is what scales and biases are before training. Of
// others a layer that is applied several times is likelier.
func isFresh(t *onnx.Tensor) bool {
	v, err := t.Floats()
	return err == nil && (v[0] == 0 || v[0] == 1)
}

// sharedLayer reports whether the weight beside a vector is read by several nodes as well.
func sharedLayer(n *onnx.Node, i int, readers map[string]int, tensors map[string]*onnx.Tensor, makers map[string]*onnx.Node) bool {
	if n.Op == "Add" && len(n.Inputs) == 2 {
		m := makers[n.Inputs[1-i]]
		return m != nil && m.Op == "MatMul" && len(m.Inputs) == 2 && tensors[m.Inputs[1]] != nil && readers[m.Inputs[1]] > 1
	}
	if n.Op != "Conv" && n.Op != "ConvTranspose" && n.Op != "Gemm" {
		return false
	}
	return i == 2 && tensors[n.Inputs[1]] != nil && readers[n.Inputs[1]] > 1
}

package network

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/weights"
)

// Constants returns the tensors of numbers that the graph reads and that are not in [File.StateDict],
// under the file's names.
func (f *File) Constants() (list []weights.Tensor, err error) {
	state := map[string]bool{}
	for _, n := range f.normalized {
		state[n.Inputs[3]], state[n.Inputs[4]] = true, true
	}
	for _, name := range slices.Sorted(maps.Keys(f.constants)) {
		t := f.constants[name]
		if state[name] || t.DType.Size() == 0 {
			continue
		}
		c := weights.Tensor{Name: name, DType: weights.I64, Shape: append([]int{}, t.Dims...)}
		if t.DType.IsFloat() {
			c.DType = weights.F32
			c.Data, err = t.Floats()
		} else {
			c.Ints, err = t.Ints()
		}
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// GraphDigest is that of what the file computes, whatever its numbers are: nodes, inputs and outputs, and
// tensors whose elements are not read. Metadata and who made the file do not count.
func (f *File) GraphDigest() (string, error) {
	m, g := *f.Model, *f.Graph
	m.Metadata, m.IRVersion, m.Producer, m.ProducerVersion, m.Graph = nil, 0, "", "", &g
	g.Name, g.Values = "", nil
	g.Initializers = slices.DeleteFunc(slices.Clone(g.Initializers), func(t *onnx.Tensor) bool { return t.DType.Size() > 0 })
	g.Nodes = slices.DeleteFunc(slices.Clone(g.Nodes), func(n *onnx.Node) bool {
		return n.Op == "Constant" && len(n.Outputs) == 1 && f.tensors[n.Outputs[0]] != nil && f.tensors[n.Outputs[0]].DType.Size() > 0
	})
	b, err := m.Marshal()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sha256.Sum256(b)), nil
}

package nn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/weights"
)

// StateDict returns the parameters at theta and the buffers under PyTorch's names, in
// its shapes and order of elements.
func (n *Network) StateDict(theta []float32) (tensors []weights.Tensor) {
	for _, p := range n.Params {
		tensors = append(tensors, weights.Tensor{Name: p.Name, Shape: p.TorchShape(), Data: p.Export(theta)})
	}
	for _, b := range n.Buffers {
		t := weights.Tensor{Name: b.Name, Shape: []int{len(b.Data)}, Data: append([]float32(nil), b.Data...)}
		if b.Count {
			t = weights.Tensor{Name: b.Name, DType: weights.I64, Ints: []int64{int64(b.Data[0])}}
		}
		tensors = append(tensors, t)
	}
	return tensors
}

// LoadOptions allow a state dict to differ from the model.
type LoadOptions struct {
	// NewHead lets the model's head, see [Model.Head], keep its values where the state
	// dict's has another number of classes, or none is there.
	NewHead bool
}

// LoadStateDict sets theta and the buffers from tensors in PyTorch's names and shapes.
// Names that are missing, unexpected or of another shape are one error, and so are
// values that are NaN or infinite; nothing is set then. Counts of batches, which old
// checkpoints lack, may be missing.
func (n *Network) LoadStateDict(theta []float32, tensors []weights.Tensor) error {
	return n.load(theta, tensors, nil)
}

// LoadStateDictWith is [Network.LoadStateDict] with options. It returns the names of the
// parameters that kept their values.
func (m *Model) LoadStateDictWith(theta []float32, tensors []weights.Tensor, o LoadOptions) (kept []string, err error) {
	if o.NewHead {
		kept = m.otherHead(tensors)
	}
	if err := m.load(theta, tensors, kept); err != nil {
		return nil, err
	}
	return kept, nil
}

// Specs returns the tensors that a state dict must have, and those that it may have: counts of
// batches, for [weights.File.Fit].
func (n *Network) Specs() (want, may []weights.Spec) {
	for _, p := range n.Params {
		want = append(want, weights.Spec{Name: p.Name, Shape: p.TorchShape()})
	}
	for _, b := range n.Buffers {
		if b.Count {
			may = append(may, weights.Spec{Name: b.Name})
		} else {
			want = append(want, weights.Spec{Name: b.Name, Shape: []int{len(b.Data)}})
		}
	}
	return want, may
}

// load is LoadStateDict, except that the parameters of some names keep their values.
func (n *Network) load(theta []float32, tensors []weights.Tensor, kept []string) error {
	if len(theta) != n.size {
		return fmt.Errorf("the model has %d parameters, got %d", n.size, len(theta))
	}
	counts, tensors := n.splitCounts(tensors)
	tensors = slices.DeleteFunc(tensors, func(t weights.Tensor) bool { return slices.Contains(kept, t.Name) })
	var want []weights.Spec
	var params []*Param
	for _, p := range n.Params {
		if !slices.Contains(kept, p.Name) {
			params = append(params, p)
			want = append(want, weights.Spec{Name: p.Name, Shape: p.TorchShape()})
		}
	}
	for _, b := range n.Buffers {
		if !b.Count {
			want = append(want, weights.Spec{Name: b.Name, Shape: []int{len(b.Data)}})
		}
	}
	plan, err := weights.Match(want, tensors)
	if err != nil {
		return err
	}
	if err := weights.CheckFinite(tensors); err != nil {
		return err
	}
	for i, p := range params {
		if err := p.Import(theta, tensors[plan.From[i]].Data); err != nil {
			return err
		}
	}
	next := len(params)
	for _, b := range n.Buffers {
		if b.Count {
			b.Data[0] = float32(counts[b.Name])
			continue
		}
		copy(b.Data, tensors[plan.From[next]].Data)
		next++
	}
	return nil
}

// splitCounts takes the counts of batches out of a state dict.
func (n *Network) splitCounts(tensors []weights.Tensor) (counts map[string]int64, rest []weights.Tensor) {
	counts = map[string]int64{}
	for _, b := range n.Buffers {
		if b.Count {
			counts[b.Name] = 0
		}
	}
	for _, t := range tensors {
		if _, known := counts[t.Name]; known && len(t.Ints) == 1 {
			counts[t.Name] = t.Ints[0]
		} else {
			rest = append(rest, t)
		}
	}
	return counts, rest
}

// Head returns the parameters of the layer that makes the logits: those of the last
// linear layer, its weight [classes, features] first, unless a layer has said others with
// [Builder.SetHead]. A model that ends otherwise has none.
func (m *Model) Head() []*Param {
	if m.head != nil {
		return m.head
	}
	i := len(m.Params) - 1
	for i >= 0 && (len(m.Params[i].Shape) != 2 || m.Params[i].Shape[0] != m.classes || isAdapter(m.Params[i].Name)) {
		i--
	}
	if i < 0 {
		return nil
	}
	scope := strings.TrimSuffix(m.Params[i].Name, "weight")
	head := m.Params[i : i+1]
	if i+1 < len(m.Params) && m.Params[i+1].Name == scope+"bias" {
		head = m.Params[i : i+2]
	}
	return head
}

// otherHead returns the names of the head's parameters if a state dict has a head for
// another number of classes in their place, or none.
func (m *Model) otherHead(tensors []weights.Tensor) (names []string) {
	head := m.Head()
	if head == nil {
		return nil
	}
	there := 0
	for _, p := range head {
		i := slices.IndexFunc(tensors, func(t weights.Tensor) bool { return t.Name == p.Name })
		if i >= 0 {
			there++
			shape := tensors[i].Shape
			if len(shape) != len(p.Shape) || shape[0] == p.Shape[0] || !slices.Equal(shape[1:], p.Shape[1:]) {
				return nil // it is the same number of classes, or no head
			}
		}
		names = append(names, p.Name)
	}
	if there != 0 && there != len(head) {
		return nil
	}
	return names
}

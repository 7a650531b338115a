package nn

import (
	"github.com/monge-ml/monge/weights"
)

// StateDict returns the parameters at theta and the buffers under PyTorch's names, in
// its shapes and order of elements.
func (m *Model) StateDict(theta []float32) (tensors []weights.Tensor) {
	for _, p := range m.Params {
		tensors = append(tensors, weights.Tensor{Name: p.Name, Shape: p.TorchShape(), Data: p.Export(theta)})
	}
	for _, b := range m.Buffers {
		t := weights.Tensor{Name: b.Name, Shape: []int{len(b.Data)}, Data: append([]float32(nil), b.Data...)}
		if b.Count {
			t = weights.Tensor{Name: b.Name, DType: weights.I64, Ints: []int64{int64(b.Data[0])}}
		}
		tensors = append(tensors, t)
	}
	return tensors
}

// LoadStateDict sets theta and the buffers from tensors in PyTorch's names and shapes.
// Names that are missing, unexpected or of another shape are one error, and nothing
// is set. Counts of batches, which old checkpoints lack, may be missing.
func (m *Model) LoadStateDict(theta []float32, tensors []weights.Tensor) error {
	counts := map[string]int64{}
	for _, b := range m.Buffers {
		if b.Count {
			counts[b.Name] = 0
		}
	}
	var rest []weights.Tensor
	for _, t := range tensors {
		if _, known := counts[t.Name]; known && len(t.Ints) == 1 {
			counts[t.Name] = t.Ints[0]
		} else {
			rest = append(rest, t)
		}
	}
	var want []weights.Spec
	for _, p := range m.Params {
		want = append(want, weights.Spec{Name: p.Name, Shape: p.TorchShape()})
	}
	for _, b := range m.Buffers {
		if !b.Count {
			want = append(want, weights.Spec{Name: b.Name, Shape: []int{len(b.Data)}})
		}
	}
	plan, err := weights.Match(want, rest)
	if err != nil {
		return err
	}
	for i, p := range m.Params {
		if err := p.Import(theta, rest[plan.From[i]].Data); err != nil {
			return err
		}
	}
	next := len(m.Params)
	for _, b := range m.Buffers {
		if b.Count {
			b.Data[0] = float32(counts[b.Name])
			continue
		}
		copy(b.Data, rest[plan.From[next]].Data)
		next++
	}
	return nil
}

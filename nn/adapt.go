package nn

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/monge-ml/monge/weights"
)

// Adapt gives linear layers of a network that is at theta adapters, see [Builder.Adapt], and freezes all else but the
// head and fresh parameters, by name, which get none. It returns the vector of what is left to train: the adapters begin by the
// seed and change nothing at the start. Parameters of the network's own that were frozen stay so.
func (m *Model) Adapt(theta []float32, l LoRA, seed uint64, fresh ...string) ([]float32, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	switch {
	case len(theta) != m.size:
		return nil, fmt.Errorf("the model has %d parameters, got %d", m.size, len(theta))
	case m.lora != nil:
		return nil, errors.New("lora: the network has adapters")
	case m.Head() == nil:
		return nil, errors.New("lora: no layer of the network makes its outputs alone, which would be trained beside the adapters")
	}
	whole, top := l.whole(), m.top(fresh)
	if err := m.addAdapters(whole, top); err != nil {
		return nil, err
	}
	m.lora = whole
	return m.keepOnly(theta, func(name string) bool { return isAdapter(name) || top(name) }, seed)
}

// FreezeTrunk freezes all of a network but its head and fresh parameters, by name, as [Network.Freeze] does.
func (m *Model) FreezeTrunk(fresh ...string) error {
	if m.Head() == nil {
		return errors.New("freeze trunk: no layer of the network makes its outputs alone, to be trained")
	}
	return m.freezeAllBut(m.top(fresh))
}

// top tells which names are of the head, with the layers that it is made of, or fresh.
func (m *Model) top(fresh []string) func(name string) bool {
	head := m.inHead(m.blocks())
	return func(name string) bool { return head(name) || slices.Contains(fresh, name) }
}

// addAdapters adds those that fit, as parameters behind all others.
func (m *Model) addAdapters(l *LoRA, top func(name string) bool) error {
	b := NewBuilder()
	for _, layer := range m.linears {
		if top(layer.weight.Name) || !l.fits(layer.name) {
			continue
		}
		layer.adapter = l.adapter(b.In(layer.name), layer.weight.Shape[1], layer.weight.Shape[0])
	}
	if b.set.err != nil {
		return b.set.err
	}
	if len(b.set.params) == 0 {
		var names []string
		for _, layer := range m.linears {
			if !top(layer.weight.Name) {
				names = append(names, layer.name)
			}
		}
		if names == nil {
			return errors.New("lora: the network has no linear layers beside its head that could get adapters")
		}
		return fmt.Errorf("lora: no layer got an adapter: lora-on is %s, the linear layers beside the head are %s", strings.Join(l.On, ","), someOf(names))
	}
	m.Params = append(m.Params, b.set.params...)
	return nil
}

// someOf lists the first and the last of names.
func someOf(names []string) string {
	const most = 8
	if len(names) > most {
		names = slices.Concat(names[:most-1], []string{"...", names[len(names)-1]})
	}
	return strings.Join(names, ", ")
}

// keepOnly freezes all parameters but some at their values in theta, and returns the vector of these. Adapters
// begin by the seed.
func (m *Model) keepOnly(theta []float32, keep func(name string) bool, seed uint64) ([]float32, error) {
	values, frozen := make([][]float32, len(m.Params)), make([]bool, len(m.Params))
	left := 0
	for i, p := range m.Params {
		values[i] = make([]float32, p.Len())
		if isAdapter(p.Name) && !p.Frozen() {
			p.Init(rand.New(rand.NewPCG(seed, uint64(i))), values[i])
		} else {
			copy(values[i], p.values(theta))
		}
		if frozen[i] = p.Frozen() || !keep(p.Name); !frozen[i] {
			left++
		}
	}
	if left == 0 {
		return nil, errors.New("freeze: the settings leave no parameter to train")
	}
	m.freeze(frozen)
	kept := make([]float32, m.size)
	for i, p := range m.Params {
		copy(p.values(kept), values[i])
	}
	return kept, nil
}

// Adapters returns what adaptation has trained, in PyTorch's shapes: the adapters, and what is trained as a whole; and the
// adapted layers' names. Both are nil of a network without.
func (m *Model) Adapters(theta []float32) (tensors []weights.Tensor, layers []string) {
	if m.lora == nil {
		return nil, nil
	}
	for _, p := range m.Params {
		if p.Frozen() {
			continue
		}
		tensors = append(tensors, weights.Tensor{Name: p.Name, Shape: p.TorchShape(), Data: p.Export(theta)})
		if layer, down := strings.CutSuffix(p.Name, ".lora_A.weight"); down {
			layers = append(layers, layer)
		}
	}
	return tensors, layers
}

// Adaptation is the network's, nil without.
func (n *Network) Adaptation() *LoRA { return n.lora }

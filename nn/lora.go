package nn

import (
	"errors"
	"fmt"
	"math"
	"path"
	"strings"

	"github.com/monge-ml/monge/tensor"
	"github.com/monge-ml/monge/weights"
)

// A LoRA is low-rank adaptation (Hu et al. 2022, arXiv 2106.09685): linear layers of names
// that match one of the patterns compute W x + b + Alpha/Rank * B A x, and A and B alone are
// trained. It is the same settings of every task that has it, in which a rank of 0 is none.
type LoRA struct {
	Rank  int      `json:"lora,omitempty" help:"train adapters of this rank alone (LoRA)"`
	Alpha float64  `json:"lora_alpha,omitempty" help:"scale of the adapters (default their rank)"`                            // Rank if 0
	On    []string `json:"lora_on,omitempty" help:"linear layers that get adapters: patterns like '[qv]_proj' (default all)"` // of [path.Match] on names
}

// CheckSettings returns an error for settings that are none: of adapters, or without any.
func (l *LoRA) CheckSettings() error {
	switch {
	case l.Rank < 0:
		return fmt.Errorf("lora is %d; it must be at least 0", l.Rank)
	case l.Rank == 0 && l.Alpha != 0:
		return errors.New("lora-alpha has no use without lora, the rank of adapters")
	case l.Rank == 0 && len(l.On) > 0:
		return errors.New("lora-on has no use without lora, the rank of adapters")
	case !(l.Alpha >= 0) || math.IsInf(l.Alpha, 0):
		return fmt.Errorf("lora-alpha is %g; it must be a finite number above 0", l.Alpha)
	case l.Rank == 0:
		return nil
	}
	return l.check()
}

// check returns an error for adapters that can't be.
func (l *LoRA) check() error {
	if l.Rank < 1 {
		return fmt.Errorf("lora: the rank is %d; it must be at least 1", l.Rank)
	}
	for _, pattern := range l.On {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("lora: pattern %q: %w", pattern, err)
		}
	}
	return nil
}

// whole returns the settings with their defaults.
func (l LoRA) whole() *LoRA {
	if l.Alpha == 0 {
		l.Alpha = float64(l.Rank)
	}
	return &l
}

// Adapt gives the linear layers that are built from here on adapters, with the parameters
// name.lora_A.weight [Rank, in] and name.lora_B.weight [out, Rank], the names of Hugging Face's
// PEFT. All other parameters of the network are frozen. B starts at 0, so nothing is changed
// at the start.
func (b Builder) Adapt(l LoRA) error {
	if err := l.check(); err != nil {
		return err
	}
	b.set.lora = l.whole()
	return nil
}

// fits reports whether a layer of this full name is to get an adapter. Patterns are held against
// the name and against its last part.
func (l *LoRA) fits(name string) bool {
	for _, pattern := range l.On {
		whole, _ := path.Match(pattern, name)
		last, _ := path.Match(pattern, name[strings.LastIndexByte(name, '.')+1:])
		if whole || last {
			return true
		}
	}
	return len(l.On) == 0
}

func isAdapter(name string) bool {
	return strings.HasSuffix(name, ".lora_A.weight") || strings.HasSuffix(name, ".lora_B.weight")
}

// adapter is what LoRA adds to a linear layer.
type adapter struct {
	down, up *Param
	scale    []float32
}

// adapter returns the adapter of the linear layer that is built below b, or nil.
func (b Builder) adapter(in, out int) *adapter {
	l := b.set.lora
	if l == nil || !l.fits(b.scope()) {
		return nil
	}
	return l.adapter(b, in, out)
}

// adapter makes an adapter with its parameters below b.
func (l *LoRA) adapter(b Builder, in, out int) *adapter {
	return &adapter{
		down:  b.Param("lora_A.weight", fanIn(in), l.Rank, in),
		up:    b.Param("lora_B.weight", Constant(0), out, l.Rank),
		scale: []float32{float32(l.Alpha / float64(l.Rank))},
	}
}

func (a *adapter) forward(t *tensor.Tape, x *tensor.Tensor, l *linear) *tensor.Tensor {
	y := t.Linear(x, l.weight.view, l.bias.Tensor())
	change := t.Linear(t.Linear(x, a.down.view, nil), a.up.view, nil)
	y = t.Add(y, t.Mul(change, t.Input(a.scale, 1)))
	if l.relu {
		return t.ReLU(y)
	}
	return y
}

// LoadBase sets all parameters but the adapters from tensors in PyTorch's names and
// shapes, as [Network.LoadStateDict] does.
func (n *Network) LoadBase(theta []float32, tensors []weights.Tensor) error {
	var adapters []string
	for _, p := range n.Params {
		if isAdapter(p.Name) {
			adapters = append(adapters, p.Name)
		}
	}
	return n.load(theta, tensors, adapters)
}

// Merged returns [Network.StateDict] with what adapters add to a layer in its weight, and
// without them: the network that computes the same without adaptation.
func (n *Network) Merged(theta []float32) []weights.Tensor {
	all := n.StateDict(theta)
	byName := map[string]*weights.Tensor{}
	for i := range all {
		byName[all[i].Name] = &all[i]
	}
	var kept []weights.Tensor
	for _, t := range all {
		if isAdapter(t.Name) {
			continue
		}
		layer := strings.TrimSuffix(t.Name, "weight")
		down, up := byName[layer+"lora_A.weight"], byName[layer+"lora_B.weight"]
		if down != nil && up != nil {
			addProduct(t.Data, up.Data, down.Data, down.Shape[0], down.Shape[1], n.lora.Alpha/float64(n.lora.Rank))
		}
		kept = append(kept, t)
	}
	return kept
}

// addProduct adds scale * B A to w, where A is [rank, in].
func addProduct(w, b, a []float32, rank, in int, scale float64) {
	for o := range len(w) / in {
		for i := range in {
			sum := 0.
			for r := range rank {
				sum += float64(b[o*rank+r]) * float64(a[r*in+i])
			}
			w[o*in+i] += float32(scale * sum)
		}
	}
}

package nn

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/tensor"
	"github.com/monge-ml/monge/weights"
)

// A Network is the parameters and buffers of a model. The parameters' values lie in flat
// vectors, which are given whenever they are needed.
type Network struct {
	Params  []*Param
	Buffers []*Buffer

	norms []*tensor.BatchNormState
	head  []*Param // nil if no layer said
	size  int
	seed  uint64
	lora  *LoRA // nil without adapters

	linears []*linear
}

// Network returns what layers were built of, or the first error of building them.
func (b Builder) Network() (Network, error) {
	if b.set.err == nil && b.set.size == 0 {
		return Network{}, errors.New("the network has no parameters")
	}
	n := Network{Params: b.set.params, Buffers: b.set.buffers, norms: b.set.norms, head: b.set.head, size: b.set.size, lora: b.set.lora, linears: b.set.linears}
	if b.set.err == nil && b.set.lora != nil {
		return n, n.freezeAllBut(isAdapter)
	}
	return n, b.set.err
}

// Size returns the number of parameters.
func (n *Network) Size() int { return n.size }

// BatchNorms returns how many batch normalisations the network has.
func (n *Network) BatchNorms() int { return len(n.norms) }

// FreezeBatchNorm makes all batch normalisation use the running statistics that it has, and leave
// them alone, in training as well.
func (n *Network) FreezeBatchNorm() {
	for _, s := range n.norms {
		s.Frozen = true
	}
}

// FitBatchNorm makes running statistics follow the minibatches fast enough for a run of so many
// steps: of a momentum m they lag 1/m steps behind, which published networks with .01 or less
// do not make up for in a short run. So m is at least 20/steps, up to .1. In runs of fewer than 30
// steps it is at least 3/steps, up to a half, so that about 5% is left of the statistics at the
// start: networks with PyTorch's .1 would keep a third of theirs after ten.
func (n *Network) FitBatchNorm(steps int) {
	const usual, lags, most, rests = .1, 20, .5, 3
	t := float32(max(steps, 1))
	for _, s := range n.norms {
		m := s.Momentum
		if m == 0 {
			m = usual
		}
		s.Momentum = max(m, min(usual, lags/t), min(most, rests/t))
	}
}

// Init fills theta with the network's initial parameters, a function of seed alone.
func (n *Network) Init(theta []float32, seed uint64) {
	n.seed = seed
	for i, p := range n.Params {
		// a stream for each parameter: adding a layer leaves the others' numbers alone
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		p.Init(rng, p.values(theta))
	}
}

// NewTheta returns a vector of the network's initial parameters, see [Network.Init].
func (n *Network) NewTheta(seed uint64) []float32 {
	theta := make([]float32, n.size)
	n.Init(theta, seed)
	return theta
}

// Freeze takes the parameters that match one of the patterns of [weights.MatchName], or lie below
// a name that does ("conv1", "layer[12]", "*.bias", "/features/0"), out of the flat vector: they keep their
// values, no perturbation and no update reaches them, and [Network.Size] shrinks. Running
// statistics of batch norm still move. Call it before any vector is made. A pattern that
// matches nothing is an error, and so is one that leaves nothing to train.
func (n *Network) Freeze(patterns ...string) error {
	frozen := make([]bool, len(n.Params))
	left := len(n.Params)
	for i, p := range n.Params {
		if frozen[i] = p.Frozen(); frozen[i] {
			left--
		}
	}
	for _, pattern := range patterns {
		hits := 0
		for i, p := range n.Params {
			hit, err := freezes(pattern, p.Name)
			if err != nil {
				return fmt.Errorf("freeze: pattern %q: %w", pattern, err)
			}
			if !hit {
				continue
			}
			hits++
			if !frozen[i] {
				frozen[i] = true
				left--
			}
		}
		if hits == 0 {
			return fmt.Errorf("freeze: no parameter matches %q; names are like %s and %s", pattern, n.Params[0].Name, n.Params[len(n.Params)-1].Name)
		}
	}
	if left == 0 {
		return errors.New("freeze: the patterns leave no parameter to train")
	}
	n.freeze(frozen)
	return nil
}

// freezes reports whether a pattern matches a name, or one that it lies below.
func freezes(pattern, name string) (bool, error) {
	for _, end := range []string{"", ".*", "/*"} {
		if ok, err := weights.MatchName(pattern+end, name); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// freeze takes parameters out of the flat vector.
func (n *Network) freeze(frozen []bool) {
	n.size = 0
	for i, p := range n.Params {
		if frozen[i] && p.frozen == nil {
			p.frozen, p.Offset = make([]float32, p.Len()), 0
		}
		if !p.Frozen() {
			p.Offset = n.size
			n.size += p.Len()
		}
	}
}

// freezeAllBut freezes the parameters of other names than wanted.
func (n *Network) freezeAllBut(wanted func(name string) bool) error {
	frozen, left := make([]bool, len(n.Params)), 0
	for i, p := range n.Params {
		if frozen[i] = !wanted(p.Name); !frozen[i] {
			left++
		}
	}
	if left == 0 {
		return errors.New("no layer got an adapter: the patterns match no linear layer")
	}
	n.freeze(frozen)
	return nil
}

// Bind points all parameters at their places in theta and, unless it is nil, in grad, to
// which gradients are added with add.
func (n *Network) Bind(theta, grad []float32, add bool) {
	for _, p := range n.Params {
		var g []float32
		if grad != nil && !p.Frozen() {
			g = grad[p.Offset : p.Offset+p.Len()]
		}
		p.view.Bind(p.values(theta), g, add)
	}
}

// Norms returns the ranges of the flat vector that are scales and shifts of normalisation layers, as far as the
// network has been run.
func (n *Network) Norms() (list []objective.Range) {
	for _, p := range n.Params {
		if p.Frozen() || !p.view.OfNorm() {
			continue
		}
		if last := len(list) - 1; last >= 0 && list[last].To == p.Offset {
			list[last].To += p.Len()
			continue
		}
		list = append(list, objective.Range{From: p.Offset, To: p.Offset + p.Len()})
	}
	return list
}

// BindPart is [Network.Bind] for the gradient of parts of the flat vector alone: of parameters that lie in none of them no
// gradient is computed. Nil is all.
func (n *Network) BindPart(theta, grad []float32, add bool, part []objective.Range) {
	n.Bind(theta, grad, add)
	if part == nil {
		return
	}
	at := 0
	for _, p := range n.Params {
		if p.Frozen() {
			continue
		}
		for at < len(part) && part[at].To <= p.Offset {
			at++
		}
		if at == len(part) || part[at].From >= p.Offset+p.Len() {
			p.view.Bind(p.values(theta), nil, false)
		}
	}
}

// FinishGrad zeroes the gradients of parameters that the backward pass has not reached.
func (n *Network) FinishGrad() {
	for _, p := range n.Params {
		p.view.FinishGrad()
	}
}

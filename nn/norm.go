package nn

import (
	"math/rand/v2"

	"github.com/monge-ml/monge/tensor"
)

// A Norm is a normalisation over channels, the last dimension, that can be followed by
// an addition and a rectifier in the same passes over memory.
type Norm interface {
	Layer
	// ReLU returns relu(norm(x) + residual); residual may be nil.
	ReLU(t *tensor.Tape, x, residual *tensor.Tensor) *tensor.Tensor
}

// batchNorm is batch normalisation.
type batchNorm struct {
	name         string
	weight, bias *Param
	stats        tensor.BatchNormState
	tracked      *Buffer
}

// BatchNorm returns batch normalisation of channels, PyTorch's BatchNorm2d, with
// parameters name.weight and name.bias and running statistics name.running_mean,
// name.running_var and name.num_batches_tracked. The running statistics move in the
// first pass over a minibatch only, never at a perturbed point.
func (b Builder) BatchNorm(name string, channels int) Norm {
	p := b.In(name)
	n := &batchNorm{
		name:   p.scope(),
		weight: p.Param("weight", Constant(1), channels),
		bias:   p.Param("bias", Constant(0), channels),
	}
	n.stats = tensor.BatchNormState{
		Mean:     p.Buffer("running_mean", channels, 0).Data,
		Var:      p.Buffer("running_var", channels, 1).Data,
		Momentum: .1, Eps: 1e-5,
	}
	n.tracked = p.Buffer("num_batches_tracked", 1, 0)
	n.tracked.Count = true
	b.AddBatchNorm(&n.stats)
	return n
}

func (n *batchNorm) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	n.count(t)
	return t.BatchNorm(x, n.weight.view, n.bias.view, &n.stats)
}

func (n *batchNorm) ReLU(t *tensor.Tape, x, residual *tensor.Tensor) *tensor.Tensor {
	n.count(t)
	return t.BatchNormReLU(x, residual, n.weight.view, n.bias.view, &n.stats)
}

func (n *batchNorm) count(t *tensor.Tape) {
	t.Scope(n.name)
	if t.Mode() == tensor.Train && !n.stats.Frozen {
		n.tracked.Data[0]++
	}
}

// groupNorm is group normalisation.
type groupNorm struct {
	name         string
	groups       int
	weight, bias *Param
}

// GroupNorm returns group normalisation of channels in groups, PyTorch's GroupNorm, with
// parameters name.weight and name.bias.
func (b Builder) GroupNorm(name string, groups, channels int) Norm {
	p := b.In(name)
	return &groupNorm{
		name: p.scope(), groups: groups,
		weight: p.Param("weight", Constant(1), channels),
		bias:   p.Param("bias", Constant(0), channels),
	}
}

func (n *groupNorm) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	t.Scope(n.name)
	return t.GroupNorm(x, n.weight.view, n.bias.view, n.groups, 1e-5)
}

func (n *groupNorm) ReLU(t *tensor.Tape, x, residual *tensor.Tensor) *tensor.Tensor {
	y := n.Forward(t, x)
	if residual != nil {
		y = t.Add(y, residual)
	}
	return t.ReLU(y)
}

// Constant is an initialisation by one value.
func Constant(v float32) func(*rand.Rand, []float32) {
	return func(_ *rand.Rand, dst []float32) {
		for i := range dst {
			dst[i] = v
		}
	}
}

package network

import (
	"fmt"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/tensor"
	"github.com/monge-ml/monge/weights"
)

// opNormReLU is batch normalisation followed by an addition (input 5, if there) and ReLU.
const opNormReLU = "monge.BatchNormReLU"

func init() { operators[opNormReLU] = oneInput(batchNorm) }

func isBatchNorm(n *onnx.Node) bool { return n.Op == "BatchNormalization" || n.FullOp() == opNormReLU }

// statistics are what a batch normalisation keeps from step to step.
type statistics struct {
	tensor.BatchNormState
	tracked *nn.Buffer
}

func (s *statistics) count(t *tensor.Tape) {
	if s.tracked != nil && t.Mode() == tensor.Train && !s.Frozen {
		s.tracked.Data[0]++
	}
}

// hasStatistics reports whether a node's mean and variance are tensors of the file that nothing else
// reads.
func (f *File) hasStatistics(n *onnx.Node) bool {
	if len(n.Inputs) < 5 {
		return false
	}
	for _, name := range n.Inputs[3:5] {
		if t := f.tensors[name]; t == nil || !t.DType.IsFloat() || len(t.Dims) != 1 || f.readers[name] != 1 {
			return false
		}
	}
	return true
}

// addStatistics makes the buffers of a batch normalisation.
func (n *Network) addStatistics(b nn.Builder, node *onnx.Node) error {
	if shared := n.shared[node.Inputs[3]]; shared != nil { // a layer that is applied several times
		n.states[node.Outputs[0]] = shared
		return nil
	}
	s := &statistics{}
	n.shared[node.Inputs[3]] = s
	for i, to := range []*[]float32{&s.Mean, &s.Var} {
		name := node.Inputs[3+i]
		v, err := n.tensors[name].Floats()
		if err == nil {
			err = checkName(name)
		}
		if err != nil {
			return err
		}
		n.loaded = append(n.loaded, weights.Tensor{Name: name, Data: v})
		buf := b.Buffer(name, len(v), 0)
		copy(buf.Data, v)
		*to = buf.Data
	}
	s.Eps = node.Float("epsilon", 1e-5)
	// 1, never to move, is how networks are kept as they are while they are exported: the tape takes
	// what is left, 0, as the usual .1.
	if s.Momentum = 1 - node.Float("momentum", .9); !(s.Momentum >= 0 && s.Momentum <= 1) {
		return fmt.Errorf("node %s: a momentum of %g; it must be from 0 to 1", node.Label(), node.Float("momentum", .9))
	}
	b.AddBatchNorm(&s.BatchNormState)
	n.states[node.Outputs[0]] = s
	return nil
}

// statistics returns those of a node.
func (n *Network) statistics(c *node, channels int) (*statistics, error) {
	s := n.states[c.Outputs[0]]
	if s == nil {
		return nil, fmt.Errorf("statistics that are no tensors of the file are %w", errUnsupported)
	}
	if len(s.Mean) != channels || len(s.Var) != channels {
		return nil, fmt.Errorf("statistics of %d and %d channels for %d", len(s.Mean), len(s.Var), channels)
	}
	return s, nil
}

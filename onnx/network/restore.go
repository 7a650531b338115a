package network

import (
	"fmt"
	"math"
	"slices"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/tensor"
)

// Most exporters fold batch normalisation into the convolutions before it. Options.Restore puts
// one behind each convolution whose bias may be one of those. Its scale and shift are set by
// [Network.Calibrate] to the deviation and mean that the first examples have there, so that
// nothing changes at the start; Export folds them away again, and the file keeps its nodes.

// A restored normalisation stands behind a convolution.
type restored struct {
	node        *onnx.Node // the convolution
	gamma, beta *nn.Param
	state       *statistics

	sum, squares []float64 // of channels, while they are measured
	rows         int
}

// restorable returns the convolutions that may have had batch normalisation folded into them.
func (f *File) restorable() (list []*onnx.Node) {
	for _, n := range f.nodes {
		if n.Op != "Conv" || !f.needed[n] || len(n.Inputs) != 3 || f.isHead(n) {
			continue
		}
		w, bias := f.parameter(n.Inputs[1]), f.parameter(n.Inputs[2])
		if w != nil && bias != nil && f.readers[w.name] == 1 && f.readers[bias.name] == 1 && !f.isGate(n) && !f.isPatches(n) {
			list = append(list, n)
		}
	}
	return list
}

// isGate reports whether a convolution sees the mean of each image alone, as in
// squeeze-and-excitation, or makes the weights of such a gate: there is none to restore.
func (f *File) isGate(n *onnx.Node) bool {
	name := n.Inputs[0]
	for range 8 {
		m := f.makers[name]
		if m == nil || len(m.Inputs) == 0 {
			return false
		}
		switch m.Op {
		case "GlobalAveragePool", "ReduceMean":
			return true
		case "Conv", "Relu", "Sigmoid", "HardSwish", "HardSigmoid", "Clip", "Identity", "Mul", "SiLU":
			if m.Op == "Conv" {
				if w := f.parameter(m.Inputs[1]); w == nil || product(w.tensor.Dims[2:]) != 1 {
					return false
				}
			}
			name = m.Inputs[0]
		default:
			return false
		}
	}
	return false
}

// isPatches reports whether a convolution makes tokens of patches that don't overlap, as in vision
// transformers: what is normalised there are the tokens, if anything.
func (f *File) isPatches(n *onnx.Node) bool {
	w, strides := f.parameter(n.Inputs[1]), n.Ints("strides")
	if len(w.tensor.Dims) < 3 || product(w.tensor.Dims[2:]) == 1 || !slices.Equal(strides, w.tensor.Dims[2:]) {
		return false
	}
	flattens := false
	for _, r := range f.nodes {
		if !slices.Contains(r.Inputs, n.Outputs[0]) || slices.Contains(still, r.Op) {
			continue
		}
		if flattens = r.Op == "Reshape" || r.Op == "Flatten" || r.Op == "Transpose"; !flattens {
			return false
		}
	}
	return flattens
}

// RestoredNote says behind which convolutions batch normalisation was put back, "" where it was not.
func (n *Network) RestoredNote() string {
	var list []string
	all := 0
	for _, node := range n.nodes {
		if node.Op != "Conv" || !n.needed[node] {
			continue
		}
		all++
		if n.restored[node.Outputs[0]] != nil {
			list = append(list, node.Label())
		}
	}
	if list == nil {
		return ""
	}
	return fmt.Sprintf("batch normalisation was put back behind %d of %d convolutions: %s", len(list), all, listed(list))
}

// addRestored makes the normalisations.
func (n *Network) addRestored(b nn.Builder) {
	nodes := n.restorable()
	if len(nodes) == 0 {
		b.Fail("there is no convolution with a bias of its own that batch normalisation may have been folded into")
	}
	for _, node := range nodes {
		name, channels := node.Inputs[1]+".norm.", n.params[node.Inputs[2]].Len()
		r := &restored{node: node, gamma: b.Param(name+"weight", nn.Constant(1), channels), beta: b.Param(name+"bias", nn.Constant(0), channels), state: &statistics{}}
		r.state.Mean, r.state.Var = b.Buffer(name+"running_mean", channels, 0).Data, b.Buffer(name+"running_var", channels, 1).Data
		r.state.tracked = b.Buffer(name+"num_batches_tracked", 1, 0)
		r.state.tracked.Count = true
		r.state.Momentum, r.state.Eps = .1, 1e-5
		b.AddBatchNorm(&r.state.BatchNormState)
		n.restored[node.Outputs[0]] = r
	}
}

// behindConv puts the normalisation of a convolution behind it.
func (b *builder) behindConv(n *node, y *value) (*value, error) {
	r := b.net.restored[n.Outputs[0]]
	if r == nil {
		return y, nil
	}
	y, err := b.channels(y)
	if err != nil {
		return nil, err
	}
	channels := y.shape[1]
	return b.tensor(y.shape, y.order, []*value{y}, func(m *machine) *tensor.Tensor {
		x := m.x[y.slot]
		if b.net.measuring {
			r.measure(x.Data, channels)
			return m.tape.Reshape(x, x.Shape()...)
		}
		r.state.count(m.tape)
		return m.tape.BatchNorm(x, r.gamma.Tensor(), r.beta.Tensor(), &r.state.BatchNormState)
	})
}

// measure adds up what the channels of a minibatch are like.
func (r *restored) measure(x []float32, channels int) {
	if r.sum == nil {
		r.sum, r.squares = make([]float64, channels), make([]float64, channels)
	}
	for row := range slices.Chunk(x, channels) {
		for c, v := range row {
			r.sum[c] += float64(v)
			r.squares[c] += float64(v) * float64(v)
		}
	}
	r.rows += len(x) / channels
}

// Calibrates reports whether the network has to see examples before it is trained.
func (n *Network) Calibrates() bool { return len(n.restored) > 0 }

// Calibrate sets the restored normalisations of a model at theta by what its channels are like on
// examples, which forward computes the outputs of: means and deviations become shifts and scales,
// and running statistics.
func (n *Network) Calibrate(theta []float32, forward func() error) error {
	n.measuring = true
	err := forward()
	n.measuring = false
	if err != nil {
		return err
	}
	for _, r := range n.restored {
		if r.rows == 0 {
			return fmt.Errorf("node %s saw no example", r.node.Label())
		}
		gamma, beta := make([]float32, len(r.sum)), make([]float32, len(r.sum))
		for c := range r.sum {
			mean := r.sum[c] / float64(r.rows)
			variance := max(0, r.squares[c]/float64(r.rows)-mean*mean)
			r.state.Mean[c], r.state.Var[c] = float32(mean), float32(variance)
			gamma[c], beta[c] = float32(math.Sqrt(variance+float64(r.state.Eps))), float32(mean)
		}
		if err := r.gamma.Import(theta, gamma); err != nil {
			return err
		}
		if err := r.beta.Import(theta, beta); err != nil {
			return err
		}
		r.sum, r.squares, r.rows = nil, nil, 0
	}
	return nil
}

// HoldFrozen makes the restored normalisations behind frozen convolutions, into which they are folded in the
// end, use the statistics that they have. It returns the names of their parameters, which are to be frozen.
func (n *Network) HoldFrozen() (names []string) {
	for _, r := range n.restored {
		if n.params[r.node.Inputs[1]].Frozen() || n.params[r.node.Inputs[2]].Frozen() {
			r.state.Frozen = true
			names = append(names, r.gamma.Name, r.beta.Name)
		}
	}
	slices.Sort(names)
	return names
}

// changesNothing reports whether a channel's normalisation is still as it was calibrated.
func changesNothing(scale float64, mean, beta float32) bool {
	const rounding = 1. / (1 << 22)
	return mean == beta && math.Abs(scale-1) <= rounding
}

// foldInto folds the restored normalisations into the weights and biases before them. What one that changes
// nothing stands behind keeps its bits.
func (n *Network) foldInto(values map[string]*onnx.Tensor, theta []float32) error {
	for _, r := range n.restored {
		w, bias := values[r.node.Inputs[1]], values[r.node.Inputs[2]]
		weights, err := w.Floats()
		if err != nil {
			return err
		}
		offsets, err := bias.Floats()
		if err != nil {
			return err
		}
		gamma, beta := r.gamma.Export(theta), r.beta.Export(theta)
		per := len(weights) / len(gamma)
		for c := range gamma {
			scale := float64(gamma[c]) / math.Sqrt(float64(r.state.Var[c])+float64(r.state.Eps))
			if changesNothing(scale, r.state.Mean[c], beta[c]) {
				continue
			}
			for i := c * per; i < (c+1)*per; i++ {
				weights[i] = float32(float64(weights[i]) * scale)
			}
			offsets[c] = float32((float64(offsets[c])-float64(r.state.Mean[c]))*scale + float64(beta[c]))
		}
		if err := w.SetFloats(weights); err != nil {
			return err
		}
		if err := bias.SetFloats(offsets); err != nil {
			return err
		}
	}
	return nil
}

package network

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
)

// A Head is the layer that makes the outputs: a Gemm, a MatMul, or a convolution of 1x1, with
// what is added to it.
type Head struct {
	Node    *onnx.Node
	Weight  string
	Bias    string // "" for none
	Classes int
	Fan     int // inputs of each output

	axis int // of the weight's dimensions, the classes
}

func (h *Head) names() []string { return []string{h.Weight, h.Bias} }

// findHead looks for it from the output backwards, through what changes no number.
func (f *File) findHead() {
	name, bias := f.output, ""
	f.behind = map[string]bool{}
	for range 16 {
		f.behind[name] = true
		n := f.makers[name]
		if n == nil || len(n.Inputs) == 0 {
			return
		}
		switch n.Op {
		case "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast", "Transpose", "Dropout":
			name = n.Inputs[0]
			continue
		case "GlobalAveragePool", "ReduceMean": // convolutions as heads are averaged behind them
			name = n.Inputs[0]
			continue
		case "Relu":
			if bias != "" {
				return
			}
			name = n.Inputs[0]
			continue
		case "Add":
			if bias != "" || len(n.Inputs) != 2 {
				return
			}
			for i, in := range n.Inputs {
				if f.parameter(in) != nil {
					bias, name = in, n.Inputs[1-i]
				}
			}
			if bias == "" {
				return
			}
			continue
		}
		f.Head = f.headOf(n, bias)
		return
	}
}

// parameter returns one by name, nil for none.
func (f *File) parameter(name string) *parameter { return f.named[name] }

func (f *File) headOf(n *onnx.Node, bias string) *Head {
	if len(n.Inputs) < 2 {
		return nil
	}
	w := f.parameter(n.Inputs[1])
	if w == nil {
		return nil
	}
	h := &Head{Node: n, Weight: w.name, Bias: bias}
	dims := w.tensor.Dims
	switch {
	case n.Op == "Gemm" && len(dims) == 2 && n.Int("transB", 0) != 0:
		h.axis = 0
	case (n.Op == "Gemm" || n.Op == "MatMul") && len(dims) == 2:
		h.axis = 1
	case n.Op == "Conv" && len(dims) == 4 && dims[2] == 1 && dims[3] == 1 && n.Int("group", 1) == 1:
		h.axis = 0
	default:
		return nil
	}
	if (n.Op == "Gemm" || n.Op == "Conv") && len(n.Inputs) > 2 && n.Inputs[2] != "" {
		if bias != "" || f.parameter(n.Inputs[2]) == nil {
			return nil
		}
		h.Bias = n.Inputs[2]
	}
	h.Classes, h.Fan = dims[h.axis], product(dims)/max(dims[h.axis], 1)
	if h.Bias != "" {
		if d := f.parameter(h.Bias).tensor.Dims; product(d) != h.Classes {
			return nil
		}
	}
	if f.readers[h.Weight] > 1 {
		return nil // it is something else as well
	}
	return h
}

// shape is that of a parameter of the head for another number of classes.
func (h *Head) shape(p *parameter, classes int) []int {
	shape := slices.Clone(p.tensor.Dims)
	if p.name == h.Weight {
		shape[h.axis] = classes
	} else {
		for i, d := range shape {
			if d == h.Classes {
				shape[i] = classes
			}
		}
	}
	return shape
}

// param makes a parameter anew, as PyTorch initialises linear layers.
func (h *Head) param(b nn.Builder, p *parameter, classes int) *nn.Param {
	shape := h.shape(p, classes)
	if p.kernel {
		shape = []int{shape[2], shape[3], shape[1], shape[0]}
	}
	bound := 1 / math.Sqrt(float64(max(h.Fan, 1)))
	param := b.Param(p.name, func(rng *rand.Rand, dst []float32) {
		for i := range dst {
			dst[i] = float32((2*rng.Float64() - 1) * bound)
		}
	}, shape...)
	param.Kernel = p.kernel
	return param
}

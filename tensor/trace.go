package tensor

import (
	"slices"

	"github.com/monge-ml/monge/internal/kernel"
)

// InputOp is the name in a [Traced] of what [Tape.Input] makes.
const InputOp = "input"

// A Traced is one operation that a tape has done, for [Tape.Trace]. The fields that its
// operation has no use for are zero.
type Traced struct {
	Layer string    // as [Tape.Scope] named it
	Op    string    // its name, as in [OpTime]; activations, sums and means, and a user's have their own
	Own   bool      // it is a user's own, see [Tape.Apply]
	In    []*Tensor // in the order of the method's arguments and options, nil where one was not given
	Out   *Tensor

	// Of convolutions, poolings and subsamplings: down and across; above, left, below, right.
	Kernel, Strides, Dilations [2]int
	Pads                       [4]int
	SkipZero                   bool // of an average pooling, see [PoolOptions]

	More [2]int // of a transposed convolution: rows and columns beyond

	A, B, C float32         // of functions of one number their settings; of LRN alpha, beta and the bias
	Size    int             // of LRN's window
	Groups  int             // of convolutions and of group norm
	Epsilon float32         // of norms
	Stats   *BatchNormState // of batch norm
	ReLU    bool            // a batch norm or linear layer ends with one

	Heads  int  // of attention
	Causal bool // likewise
	// Numbers are those of an embedding that is given no tensor, the lengths of attention
	// likewise, the rows of a gathering, or those that an interpolation sums, Taps for each.
	Numbers []int
	Weights []float32 // of those
	Taps    int

	// Dims are, by dimension: of a permutation the order, of a slice where it begins, of a
	// padding how many zeros come before, of a sum, a mean or the like 1 where it goes over it.
	Dims        []int
	Axis        int // of a concatenation, a gathering, a slice by steps, a cumulative sum
	Start, Step int // of a slice by steps

	TransA, TransB     bool // of a product of matrices
	Exclusive, Reverse bool // of a cumulative sum
}

// Trace calls f with every operation that the tape does from here on, once it is done and while
// its inputs still have their values; f must not call the tape. What layers read from Data, or
// write to it, no tracer sees. Nil ends it.
//
// The inputs of operations are results of others, parameters, and what [Tape.Input] was given,
// which is an operation too.
func (t *Tape) Trace(f func(Traced)) { t.trace = f }

var activationNames = map[kernel.Activation]string{
	kernel.Sigmoid: "sigmoid", kernel.Tanh: "tanh", kernel.SiLU: "silu",
	kernel.GELU: "gelu", kernel.GELUTanh: "geluTanh", kernel.QuickGELU: "quickGELU",
}

var bendNames = map[kernel.Bend]string{
	kernel.HardSwish: "hardSwish", kernel.HardSigmoid: "hardSigmoid", kernel.Clamp: "clamp", kernel.LeakyReLU: "leakyReLU",
}

var binaryNames = map[kernel.Binary]string{
	kernel.Sub: "sub", kernel.Div: "div", kernel.Pow: "pow", kernel.Minimum: "minimum", kernel.Maximum: "maximum",
}

var reductionNames = map[kernel.Reduction]string{
	kernel.Max: "max", kernel.Min: "min", kernel.Prod: "prod", kernel.LogSumExp: "logSumExp",
}

// traced describes a node that is about to be recorded.
func (n *node) traced(layer string) Traced {
	o := Traced{Layer: layer, Op: n.name(), In: slices.Clone(n.in[:]), Out: n.out}
	if n.more != nil {
		o.In = slices.Clone(n.more)
	}
	rank := n.in[0].rankOf()
	switch o.Op {
	case "activate":
		o.Op = activationNames[kernel.Activation(n.kind)]
	case "apply":
		o.Op, o.Own = n.op.Name(), true
	case "bent":
		o.Op, o.A, o.B = bendNames[kernel.Bend(n.kind)], n.f, n.g
	case "binary":
		o.Op = binaryNames[kernel.Binary(n.kind)]
	case "attention":
		o.Heads, o.Causal = n.kind, n.flag
		if n.more[attentionTokens] == nil {
			o.Numbers = n.ints
		}
	case "avgPool", "conv", "convTranspose", "maxPool":
		o.window(n)
	case "batchNorm":
		o.Stats, o.Epsilon, o.ReLU = n.norm, n.f, n.kind == 1
	case "concat":
		o.Axis = n.kind
	case "cumSum":
		o.Axis, o.Reverse, o.Exclusive = n.kind, n.flag, n.f == 1
	case "embedding":
		if n.in[1] == nil {
			o.Numbers = n.ints
		}
	case "extreme":
		o.Op, o.Dims = reductionNames[kernel.Reduction(n.kind)], slices.Clone(n.at[:rank])
	case "gather":
		o.gather(n)
	case "groupNorm":
		o.Groups, o.Epsilon = n.kind, n.f
	case "layerNorm":
		if o.Epsilon = n.f; n.flag {
			o.Op = "rmsNorm"
		}
	case "linear":
		o.ReLU = n.flag
	case "lrn":
		o.Size, o.A, o.B, o.C = n.kind, n.f, n.g, n.h
	case "map":
		o.A, o.B = n.f, n.g
		switch f := Function(n.kind); f {
		case PowScalar:
			o.Op = "powScalar"
		case FunctionExpBase:
			o.Op = "expBase"
		default:
			o.Op = f.String()
		}
	case "matmul":
		o.TransA, o.TransB = n.flag, n.kind == 1
	case "pad", "permute", "slice":
		o.Dims = slices.Clone(n.at[:rank])
	case "softmax":
		if n.flag {
			o.Op = "logSoftmax"
		}
	case "subsample":
		o.Strides = [2]int{n.kind, n.kind}
	case "total":
		o.Dims = slices.Clone(n.at[:rank])
		if o.Op = "sum"; n.f != 1 {
			o.Op = "mean"
		}
	}
	return o
}

// window notes the options of a convolution or pooling.
func (o *Traced) window(n *node) {
	s := &n.conv
	o.Kernel, o.Strides, o.Dilations, o.Pads, o.Groups = [2]int{s.KH, s.KW}, s.Strides, s.Dilations, s.Pads, max(s.Groups, 1)
	switch x := n.in[0]; o.Op {
	case "avgPool":
		o.SkipZero = !n.flag
	case "convTranspose":
		for i, size := range x.dims[1:3] {
			whole := (size-1)*s.Strides[i] + (o.Kernel[i]-1)*s.Dilations[i] + 1 - s.Pads[i] - s.Pads[i+2]
			o.More[i] = n.out.dims[1+i] - whole
		}
	}
}

// gather tells apart what is a gathering of rows: one by numbers, one by steps, and sums.
func (o *Traced) gather(n *node) {
	l := &n.lines
	o.Axis = n.kind
	switch {
	case l.Taps > 0:
		o.Op, o.Taps, o.Weights = "interpolate", l.Taps, slices.Clone(l.Weight)
		for _, v := range l.Taken {
			o.Numbers = append(o.Numbers, int(v))
		}
	case l.Index == nil:
		o.Op, o.Start, o.Step = "sliceStep", l.Start, l.Step
	default:
		o.Numbers = l.Index
	}
}

// rankOf is the rank of a tensor, 0 for none.
func (x *Tensor) rankOf() int {
	if x == nil {
		return 0
	}
	return x.rank
}

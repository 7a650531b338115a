package nn

import (
	"fmt"

	"github.com/monge-ml/monge/tensor"
)

// A Layer maps a tensor to another on a tape.
type Layer interface {
	Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor
}

// LayerFunc is a layer without parameters.
type LayerFunc func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor

// Forward calls f.
func (f LayerFunc) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return f(t, x) }

// Sequential applies layers one after the other.
type Sequential []Layer

// Forward applies the layers in order.
func (s Sequential) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	for _, l := range s {
		x = l.Forward(t, x)
	}
	return x
}

// Activations, elementwise. GELU is the exact one, GELUTanh its usual approximation.
var (
	ReLU      = LayerFunc((*tensor.Tape).ReLU)
	GELU      = LayerFunc((*tensor.Tape).GELU)
	GELUTanh  = LayerFunc((*tensor.Tape).GELUTanh)
	QuickGELU = LayerFunc((*tensor.Tape).QuickGELU)
	SiLU      = LayerFunc((*tensor.Tape).SiLU)
	Tanh      = LayerFunc((*tensor.Tape).Tanh)
	Sigmoid   = LayerFunc((*tensor.Tape).Sigmoid)
)

// Dropout returns a layer that zeroes each element with probability p in training and
// scales the others by 1/(1-p). Both passes of a step draw the same mask.
func Dropout(p float32) Layer {
	return LayerFunc(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.Dropout(x, p) })
}

// GlobalAvgPool averages each channel of an image: [N, H, W, C] to [N, C].
var GlobalAvgPool = LayerFunc((*tensor.Tape).GlobalAvgPool)

// Flatten turns images into vectors, in PyTorch's order (channel, row, column).
var Flatten = LayerFunc((*tensor.Tape).Flatten)

// MaxPool returns the maximum over square windows.
func MaxPool(kernel, stride, pad int) Layer {
	return LayerFunc(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
		return t.MaxPool2d(x, tensor.PoolOptions{Kernel: kernel, Stride: stride, Pad: pad})
	})
}

// AvgPool returns the mean over square windows, padding included.
func AvgPool(kernel, stride, pad int) Layer {
	return LayerFunc(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
		return t.AvgPool2d(x, tensor.PoolOptions{Kernel: kernel, Stride: stride, Pad: pad})
	})
}

// linear is a fully connected layer.
type linear struct {
	name         string
	weight, bias *Param
	relu         bool
	adapter      *adapter // nil for none
}

// Linear returns a fully connected layer from in to out features, with parameters
// name.weight [out, in] and name.bias [out].
func (b Builder) Linear(name string, in, out int) Layer { return b.linear(name, in, out, false) }

// LinearReLU is Linear followed by ReLU, with one pass over memory less.
func (b Builder) LinearReLU(name string, in, out int) Layer { return b.linear(name, in, out, true) }

// Projection is Linear without a bias.
func (b Builder) Projection(name string, in, out int) Layer {
	p := b.In(name)
	return b.set.addLinear(&linear{name: p.scope(), weight: p.Param("weight", fanIn(in), out, in), adapter: p.adapter(in, out)})
}

// addLinear keeps a linear layer for [Model.Adapt].
func (s *paramSet) addLinear(l *linear) *linear {
	s.linears = append(s.linears, l)
	return l
}

func (b Builder) linear(name string, in, out int, relu bool) Layer {
	p := b.In(name)
	return b.set.addLinear(&linear{
		relu:    relu,
		name:    p.scope(),
		weight:  p.Param("weight", fanIn(in), out, in),
		bias:    p.Param("bias", fanIn(in), out),
		adapter: p.adapter(in, out),
	})
}

func (l *linear) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	t.Scope(l.name)
	if l.adapter != nil {
		return l.adapter.forward(t, x, l)
	}
	if l.relu {
		return t.LinearReLU(x, l.weight.view, l.bias.Tensor())
	}
	return t.Linear(x, l.weight.view, l.bias.Tensor())
}

// MLP returns layers of the given widths with ReLU between them, named layers.0,
// layers.1, ...
func (b Builder) MLP(widths ...int) Layer {
	var s Sequential
	for i, w := range widths[1:] {
		s = append(s, b.linear(fmt.Sprintf("layers.%d", i), widths[i], w, i < len(widths)-2))
	}
	return s
}

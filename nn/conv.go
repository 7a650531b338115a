package nn

import (
	"math"
	"math/rand/v2"

	"github.com/monge-ml/monge/tensor"
)

// ConvOptions are the options of a convolution. Zero values are PyTorch's defaults: a
// stride, dilation and number of groups of 1, no padding.
type ConvOptions struct {
	Stride, Pad, Dilation, Groups int
	NoBias                        bool
	Normalized                    bool                                // batch normalisation comes next, whose sums are made on the way
	Init                          func(rng *rand.Rand, dst []float32) // of the weight; PyTorch's default unless given
}

// conv2d is a two-dimensional convolution.
type conv2d struct {
	name         string
	weight, bias *Param
	options      tensor.ConvOptions
}

// Conv2d returns a convolution from in to out channels by square kernels, with
// parameters name.weight, [out, in/groups, kernel, kernel] in PyTorch's order, and
// name.bias [out].
func (b Builder) Conv2d(name string, in, out, kernel int, o ConvOptions) Layer {
	p := b.In(name)
	groups := max(o.Groups, 1)
	if kernel <= 0 || in <= 0 || out <= 0 || o.Stride < 0 || o.Pad < 0 || o.Dilation < 0 || o.Groups < 0 {
		p.Fail("conv2d: %d to %d channels by kernels of %d with %+v: sizes must be positive", in, out, kernel, o)
		return Sequential{}
	}
	if in%groups != 0 || out%groups != 0 {
		p.Fail("conv2d: %d groups do not divide %d input and %d output channels", groups, in, out)
		return Sequential{}
	}
	fan := in / groups * kernel * kernel
	init := o.Init
	if init == nil {
		init = fanIn(fan)
	}
	c := &conv2d{name: p.scope(), options: tensor.ConvOptions{
		Stride: max(o.Stride, 1), Pad: o.Pad, Dilation: max(o.Dilation, 1), Groups: groups, Moments: o.Normalized}}
	c.weight = p.Param("weight", init, kernel, kernel, in/groups, out)
	c.weight.Kernel = true
	if !o.NoBias {
		c.bias = p.Param("bias", fanIn(fan), out)
	}
	return c
}

func (c *conv2d) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	t.Scope(c.name)
	return t.Conv2d(x, c.weight.view, c.bias.Tensor(), c.options)
}

// kaimingNormal is He's initialisation for ReLU networks: normal with deviation
// sqrt(2/fan).
func kaimingNormal(fan int) func(*rand.Rand, []float32) {
	return Normal(math.Sqrt(2 / float64(fan)))
}

// KaimingFanOut is torchvision's initialisation of a convolution in a ResNet.
func KaimingFanOut(out, kernel int) func(*rand.Rand, []float32) {
	return kaimingNormal(out * kernel * kernel)
}

// KaimingFanIn is PyTorch's kaiming_normal_ with its default mode.
func KaimingFanIn(in, kernel int) func(*rand.Rand, []float32) {
	return kaimingNormal(in * kernel * kernel)
}

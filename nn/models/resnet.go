package models

import (
	"fmt"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/tensor"
)

// A shape of residual networks.
type resnet struct {
	blocks     []int // of each stage
	widths     []int // of each stage's blocks
	bottleneck bool  // three convolutions a block, the last four times as wide
	cifar20    bool  // the CIFAR ResNets of He et al. 2016: option-A shortcuts, no convolution in them
	imageNet   bool  // 7x7 stem of stride 2 and max pooling, for large images
}

func (r *resnet) build(b nn.Builder, o Options) nn.Layer {
	g := &resnetBuilder{resnet: r, in: r.widths[0], options: o}
	net := chain{g.stem(b)}
	for stage, n := range r.blocks {
		for i := range n {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			net = append(net, g.block(b.In(fmt.Sprintf("layer%d.%d", stage+1, i)), r.widths[stage], stride))
		}
	}
	head := "fc"
	if r.cifar20 {
		head = "linear"
	}
	return append(net, nn.GlobalAvgPool, b.Linear(head, g.in, o.Classes))
}

// resnetBuilder makes the parts one after the other; in is the width so far.
type resnetBuilder struct {
	*resnet
	options Options
	in      int
}

// conv returns a convolution without bias, initialised as the model's source does.
func (g *resnetBuilder) conv(b nn.Builder, name string, in, out, kernel, stride, pad int) nn.Layer {
	init := nn.KaimingFanOut(out, kernel)
	if g.cifar20 {
		init = nn.KaimingFanIn(in, kernel)
	}
	return b.Conv2d(name, in, out, kernel, nn.ConvOptions{Stride: stride, Pad: pad, NoBias: true, Normalized: g.options.Norm != "group", Init: init})
}

// normalize returns the normalisation that the options ask for.
func (g *resnetBuilder) normalize(b nn.Builder, name string, channels int) nn.Norm {
	if g.options.Norm == "group" {
		return b.GroupNorm(name, max(1, channels/16), channels)
	}
	return b.BatchNorm(name, channels)
}

func (g *resnetBuilder) stem(b nn.Builder) nn.Layer {
	if g.imageNet {
		return chain{
			convNorm{g.conv(b, "conv1", g.options.Input[2], g.in, 7, 2, 3), g.normalize(b, "bn1", g.in)},
			nn.MaxPool(3, 2, 1),
		}
	}
	return convNorm{g.conv(b, "conv1", g.options.Input[2], g.in, 3, 1, 1), g.normalize(b, "bn1", g.in)}
}

// block returns a residual block of a width.
func (g *resnetBuilder) block(b nn.Builder, width, stride int) nn.Layer {
	in, out := g.in, width
	blk := &block{}
	if g.bottleneck {
		out = 4 * width
		blk.body = []convNorm{
			{g.conv(b, "conv1", in, width, 1, 1, 0), g.normalize(b, "bn1", width)},
			{g.conv(b, "conv2", width, width, 3, stride, 1), g.normalize(b, "bn2", width)},
			{g.conv(b, "conv3", width, out, 1, 1, 0), g.normalize(b, "bn3", out)},
		}
	} else {
		blk.body = []convNorm{
			{g.conv(b, "conv1", in, width, 3, stride, 1), g.normalize(b, "bn1", width)},
			{g.conv(b, "conv2", width, width, 3, 1, 1), g.normalize(b, "bn2", width)},
		}
	}
	switch {
	case stride == 1 && in == out:
	case g.cifar20:
		blk.shortcut = optionA(out)
	default:
		d := b.In("downsample")
		blk.shortcut = chain{g.conv(d, "0", in, out, 1, stride, 0), g.normalize(d, "1", out)}
	}
	g.in = out
	return blk
}

// chain applies layers one after the other, none of which returns or keeps its input.
type chain []nn.Layer

func (c chain) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	for i, l := range c {
		y := l.Forward(t, x)
		if i > 0 { // the first input is the caller's
			t.Release(x)
		}
		x = y
	}
	return x
}

// convNorm is relu(norm(conv(x))).
type convNorm struct {
	conv nn.Layer
	norm nn.Norm
}

func (c convNorm) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	return c.normalized(t, x, nil)
}

// normalized returns relu(norm(conv(x)) + residual).
func (c convNorm) normalized(t *tensor.Tape, x, residual *tensor.Tensor) *tensor.Tensor {
	y := c.conv.Forward(t, x)
	z := c.norm.ReLU(t, y, residual)
	t.Release(y)
	return z
}

// block is a residual block: relu(body(x) + shortcut(x)).
type block struct {
	body     []convNorm
	shortcut nn.Layer // nil is the identity
}

func (b *block) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	residual := x
	if b.shortcut != nil {
		residual = b.shortcut.Forward(t, x)
	}
	y, last := b.body[0].Forward(t, x), len(b.body)-1
	for _, c := range b.body[1:last] {
		z := c.Forward(t, y)
		t.Release(y)
		y = z
	}
	out := b.body[last].normalized(t, y, residual)
	t.Release(y)
	if b.shortcut != nil {
		t.Release(residual)
	}
	return out
}

// optionA is the shortcut of the CIFAR ResNets: every second pixel, with zeros for the
// channels that the input lacks, half of them before and half after.
func optionA(out int) nn.Layer {
	return nn.LayerFunc(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
		t.Scope("shortcut")
		return t.Subsample(x, 2, out)
	})
}

package models

import (
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/tensor"
)

// A vit is a vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929) whose rows
// are averaged at the end instead of asking a class token.
type vit struct {
	patch int // side of a patch
	nn.EncoderOptions
}

func (v vit) build(b nn.Builder, o Options) nn.Layer {
	h, w, channels := o.Input[0], o.Input[1], o.Input[2]
	if h%v.patch != 0 || w%v.patch != 0 {
		b.Fail("images of %dx%d can't be cut into patches of %dx%d: both sides must be multiples of %d", h, w, v.patch, v.patch, v.patch)
		return nn.Sequential{}
	}
	rows := h / v.patch * (w / v.patch)
	return nn.Sequential{
		b.Conv2d("patch_embedding", channels, v.Width, v.patch, nn.ConvOptions{Stride: v.patch}),
		nn.LayerFunc(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.Reshape(x, -1, rows, v.Width) }),
		b.PositionEmbedding("position_embedding", rows, v.Width),
		b.Encoder("encoder", v.EncoderOptions),
		b.LayerNorm("post_layernorm", v.Width),
		nn.LayerFunc(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.Mean(x, 1) }),
		b.Linear("classifier", v.Width, o.Classes),
	}
}

package hf

import (
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
)

// torchvisionViT are the names that torchvision's vision transformers have. There is no directory of them: they are
// networks by name, whose weights are files.
var torchvisionViT = tower{
	name: "torchvision's ViT", patches: "conv_proj", tokens: []string{"class_token"}, token: []int{1, 1}, positions: "encoder.pos_embedding", position: []int{1},
	layer: "encoder.layers.encoder_layer_%d", after: "encoder.ln", heads: []string{"heads.head"},
	names: blockNames{fused: "self_attention.in_proj_", out: "self_attention.out_proj", norm1: "ln_1", up: "mlp.0", down: "mlp.3", norm2: "ln_2"},
}

func init() {
	for _, v := range []struct {
		name, info           string
		patch, width, layers int
	}{
		{"vit-b16-imagenet", "torchvision's ViT-B/16", 16, 768, 12},
		{"vit-b32-imagenet", "torchvision's ViT-B/32", 32, 768, 12},
	} {
		s := towerConfig{Width: v.width, Layers: v.layers, Heads: v.width / 64, Hidden: 4 * v.width, Activation: "gelu", Epsilon: 1e-6, Patch: v.patch, Bias: true}
		models.Register(models.Entry{Name: v.name, Info: v.info, Input: []int{usualSide, usualSide, 3}, Build: func(b nn.Builder, o models.Options) nn.Layer {
			return torchvisionViT.forImages(b, s, o)
		}})
	}
}

// forImages makes the network for images of a size.
func (a *tower) forImages(b nn.Builder, s towerConfig, o models.Options) nn.Layer {
	if o.Input[0] != o.Input[1] || o.Input[0]%s.Patch != 0 {
		b.Fail("images of %dx%d; they must be squares of a side that is a multiple of %d", o.Input[0], o.Input[1], s.Patch)
		return nn.Sequential{}
	}
	s.Size, s.Channels = o.Input[0], o.Input[2]
	return a.build(b, &s, o.Classes)
}

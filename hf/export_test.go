package hf

import (
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
)

// Interpolated is a table of positions at another size.
func Interpolated(table []float32, front, width, from, to int, smooth bool) []float32 {
	if smooth {
		return interpolated(table, front, width, from, to, smoothTapsOf)
	}
	return interpolated(table, front, width, from, to, tapsOf)
}

// SmallTorchvisionViT is torchvision's vision transformer of two layers.
func SmallTorchvisionViT(classes int) (*nn.Model, error) {
	b := nn.NewBuilder()
	s := towerConfig{Width: 16, Layers: 2, Heads: 2, Hidden: 64, Activation: "gelu", Epsilon: 1e-6, Patch: 8, Bias: true}
	net := torchvisionViT.forImages(b, s, models.Options{Input: []int{16, 16, 3}, Classes: classes})
	return nn.NewModel(b, net, []int{16, 16, 3})
}

package kernel

import (
	"math/rand/v2"
	"testing"
)

// The layers of ResNet-18 with a 3x3 stem at batch 32 and of ResNet-20 at batch
// 128, for images of 32x32; depthwise ones of MobileNetV3, EfficientNet and ConvNeXt, and ones
// in groups of ResNeXt and RegNet, at batch 16.
var convLayers = []Conv{
	{N: 32, H: 32, W: 32, C: 3, KH: 3, KW: 3, O: 64, Pads: Around(1)},
	{N: 32, H: 32, W: 32, C: 64, KH: 3, KW: 3, O: 64, Pads: Around(1)},
	{N: 32, H: 32, W: 32, C: 64, KH: 3, KW: 3, O: 128, Pads: Around(1), Strides: Both(2)},
	{N: 32, H: 32, W: 32, C: 64, KH: 1, KW: 1, O: 128, Strides: Both(2)},
	{N: 32, H: 16, W: 16, C: 128, KH: 3, KW: 3, O: 128, Pads: Around(1)},
	{N: 32, H: 16, W: 16, C: 128, KH: 3, KW: 3, O: 256, Pads: Around(1), Strides: Both(2)},
	{N: 32, H: 8, W: 8, C: 256, KH: 3, KW: 3, O: 256, Pads: Around(1)},
	{N: 32, H: 8, W: 8, C: 256, KH: 3, KW: 3, O: 512, Pads: Around(1), Strides: Both(2)},
	{N: 32, H: 4, W: 4, C: 512, KH: 3, KW: 3, O: 512, Pads: Around(1)},
	{N: 128, H: 32, W: 32, C: 3, KH: 3, KW: 3, O: 16, Pads: Around(1)},
	{N: 128, H: 32, W: 32, C: 16, KH: 3, KW: 3, O: 16, Pads: Around(1)},
	{N: 128, H: 32, W: 32, C: 16, KH: 3, KW: 3, O: 32, Pads: Around(1), Strides: Both(2)},
	{N: 128, H: 16, W: 16, C: 32, KH: 3, KW: 3, O: 32, Pads: Around(1)},
	{N: 128, H: 16, W: 16, C: 32, KH: 3, KW: 3, O: 64, Pads: Around(1), Strides: Both(2)},
	{N: 128, H: 8, W: 8, C: 64, KH: 3, KW: 3, O: 64, Pads: Around(1)},
	{N: 32, H: 16, W: 16, C: 256, KH: 1, KW: 1, O: 64},
	{N: 16, H: 112, W: 112, C: 16, KH: 3, KW: 3, O: 16, Pads: Around(1), Groups: 16},
	{N: 16, H: 112, W: 112, C: 64, KH: 3, KW: 3, O: 64, Pads: Around(1), Strides: Both(2), Groups: 64},
	{N: 16, H: 56, W: 56, C: 72, KH: 3, KW: 3, O: 72, Pads: Around(1), Groups: 72},
	{N: 16, H: 28, W: 28, C: 120, KH: 5, KW: 5, O: 120, Pads: Around(2), Groups: 120},
	{N: 16, H: 14, W: 14, C: 480, KH: 3, KW: 3, O: 480, Pads: Around(1), Groups: 480},
	{N: 16, H: 7, W: 7, C: 960, KH: 5, KW: 5, O: 960, Pads: Around(2), Groups: 960},
	{N: 16, H: 28, W: 28, C: 192, KH: 7, KW: 7, O: 192, Pads: Around(3), Groups: 192},
	{N: 16, H: 56, W: 56, C: 128, KH: 3, KW: 3, O: 128, Pads: Around(1), Groups: 32},
	{N: 16, H: 28, W: 28, C: 128, KH: 3, KW: 3, O: 128, Pads: Around(1), Groups: 8},
	{N: 16, H: 14, W: 14, C: 240, KH: 1, KW: 1, O: 480, Groups: 3},
}

// Rates are in operations of the direct algorithm, whichever is used.
func BenchmarkConv(b *testing.B) {
	r := rand.New(rand.NewPCG(11, 11))
	eachLevelB(b, func(b *testing.B) {
		for _, s := range convLayers {
			x, w := random(r, s.N*s.H*s.W*s.C), random(r, s.KH*s.KW*s.C/max1(s.Groups)*s.O)
			y := random(r, s.N*s.OutH()*s.OutW()*s.O)
			dx, dw := make([]float32, len(x)), make([]float32, len(w))
			b.Run(s.name()+"/forward", func(b *testing.B) {
				gemmBench(b, s.Flops(), func() { ConvForward(&s, y, x, w) })
			})
			b.Run(s.name()+"/data", func(b *testing.B) {
				gemmBench(b, s.Flops(), func() { ConvBackwardData(&s, dx, y, w, false) })
			})
			b.Run(s.name()+"/weights", func(b *testing.B) {
				gemmBench(b, s.Flops(), func() { ConvBackwardWeights(&s, dw, x, y, false) })
			})
		}
	})
}

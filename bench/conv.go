package bench

import "github.com/monge-ml/monge/internal/kernel"

// A ConvRate is the rate of one pass of a convolution, and its share of the peak.
type ConvRate struct {
	kernel.Conv
	Pass      string  `json:"pass"` // forward, data or weights
	Algorithm string  `json:"algorithm"`
	Peak      float64 `json:"peak"`
	Bytes     float64 `json:"bytes"` // of both images and the weights
	Rate
}

// convShapes are the convolutions of ResNet-18 (with the CIFAR stem, batch 32) and of
// ResNet-20 (batch 128), and depthwise ones of MobileNetV3 and ConvNeXt and ones in groups of
// ResNeXt and RegNet (batch 16).
var convShapes = []kernel.Conv{
	{N: 32, H: 32, W: 32, C: 3, KH: 3, KW: 3, O: 64, Pads: kernel.Around(1), Strides: kernel.Both(1)},
	{N: 32, H: 32, W: 32, C: 64, KH: 3, KW: 3, O: 64, Pads: kernel.Around(1), Strides: kernel.Both(1)},
	{N: 32, H: 32, W: 32, C: 64, KH: 3, KW: 3, O: 128, Pads: kernel.Around(1), Strides: kernel.Both(2)},
	{N: 32, H: 16, W: 16, C: 128, KH: 3, KW: 3, O: 128, Pads: kernel.Around(1), Strides: kernel.Both(1)},
	{N: 32, H: 16, W: 16, C: 128, KH: 3, KW: 3, O: 256, Pads: kernel.Around(1), Strides: kernel.Both(2)},
	{N: 32, H: 8, W: 8, C: 256, KH: 3, KW: 3, O: 256, Pads: kernel.Around(1), Strides: kernel.Both(1)},
	{N: 32, H: 8, W: 8, C: 256, KH: 3, KW: 3, O: 512, Pads: kernel.Around(1), Strides: kernel.Both(2)},
	{N: 32, H: 4, W: 4, C: 512, KH: 3, KW: 3, O: 512, Pads: kernel.Around(1), Strides: kernel.Both(1)},
	{N: 32, H: 32, W: 32, C: 64, KH: 1, KW: 1, O: 128, Strides: kernel.Both(2)},
	{N: 128, H: 32, W: 32, C: 3, KH: 3, KW: 3, O: 16, Pads: kernel.Around(1), Strides: kernel.Both(1)},
	{N: 128, H: 32, W: 32, C: 16, KH: 3, KW: 3, O: 16, Pads: kernel.Around(1), Strides: kernel.Both(1)},
	{N: 128, H: 32, W: 32, C: 16, KH: 3, KW: 3, O: 32, Pads: kernel.Around(1), Strides: kernel.Both(2)},
	{N: 128, H: 16, W: 16, C: 32, KH: 3, KW: 3, O: 32, Pads: kernel.Around(1), Strides: kernel.Both(1)},
	{N: 128, H: 16, W: 16, C: 32, KH: 3, KW: 3, O: 64, Pads: kernel.Around(1), Strides: kernel.Both(2)},
	{N: 128, H: 8, W: 8, C: 64, KH: 3, KW: 3, O: 64, Pads: kernel.Around(1), Strides: kernel.Both(1)},
	{N: 16, H: 112, W: 112, C: 16, KH: 3, KW: 3, O: 16, Pads: kernel.Around(1), Strides: kernel.Both(1), Groups: 16},
	{N: 16, H: 112, W: 112, C: 64, KH: 3, KW: 3, O: 64, Pads: kernel.Around(1), Strides: kernel.Both(2), Groups: 64},
	{N: 16, H: 56, W: 56, C: 72, KH: 3, KW: 3, O: 72, Pads: kernel.Around(1), Strides: kernel.Both(1), Groups: 72},
	{N: 16, H: 28, W: 28, C: 120, KH: 5, KW: 5, O: 120, Pads: kernel.Around(2), Strides: kernel.Both(1), Groups: 120},
	{N: 16, H: 14, W: 14, C: 480, KH: 3, KW: 3, O: 480, Pads: kernel.Around(1), Strides: kernel.Both(1), Groups: 480},
	{N: 16, H: 7, W: 7, C: 960, KH: 5, KW: 5, O: 960, Pads: kernel.Around(2), Strides: kernel.Both(1), Groups: 960},
	{N: 16, H: 28, W: 28, C: 192, KH: 7, KW: 7, O: 192, Pads: kernel.Around(3), Strides: kernel.Both(1), Groups: 192},
	{N: 16, H: 56, W: 56, C: 128, KH: 3, KW: 3, O: 128, Pads: kernel.Around(1), Strides: kernel.Both(1), Groups: 32},
	{N: 16, H: 28, W: 28, C: 128, KH: 3, KW: 3, O: 128, Pads: kernel.Around(1), Strides: kernel.Both(1), Groups: 8},
}

// Convolutions measures the convolutions of convShapes, each pass alone; direct
// ones do without Winograd's algorithm.
func Convolutions(direct bool, repeats int) ([]ConvRate, error) {
	peak, err := Peak(11)
	if err != nil {
		return nil, err
	}
	var all []ConvRate
	for _, s := range convShapes {
		s.Direct = direct
		x, w := random(s.N*s.H*s.W*s.C), random(s.KH*s.KW*s.C/max(s.Groups, 1)*s.O)
		y := random(s.N * s.OutH() * s.OutW() * s.O)
		dx, dw := make([]float32, len(x)), make([]float32, len(w))
		for _, pass := range []struct {
			name string
			run  func()
		}{
			{"forward", func() { kernel.ConvForward(&s, y, x, w) }},
			{"data", func() { kernel.ConvBackwardData(&s, dx, y, w, false) }},
			{"weights", func() { kernel.ConvBackwardWeights(&s, dw, x, y, false) }},
		} {
			t, err := measure(repeats, 2, func() error { pass.run(); return nil })
			if err != nil {
				return nil, err
			}
			r := rate(t, float64(s.Flops()))
			all = append(all, ConvRate{Conv: s, Pass: pass.name, Algorithm: s.Algorithm().String(), Rate: r, Peak: r.GFLOPS / peak.GFLOPS, Bytes: 4 * float64(len(x)+len(w)+len(y))})
		}
	}
	return all, nil
}

package bench

import "github.com/monge-ml/monge/internal/kernel"

// A ConvRate is the rate of one pass of a convolution, and its share of the peak.
type ConvRate struct {
	kernel.Conv
	Pass      string  `json:"pass"` // forward, data or weights
	Algorithm string  `json:"algorithm"`
	Peak      float64 `json:"peak"`
	Rate
}

// convShapes are the convolutions of ResNet-18 (with the CIFAR stem, batch 32) and of
// ResNet-20 (batch 128).
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
}

// Convolutions measures the convolutions of the residual networks, each pass alone; direct
// ones do without Winograd's algorithm.
func Convolutions(direct bool, repeats int) ([]ConvRate, error) {
	peak, err := Peak(11)
	if err != nil {
		return nil, err
	}
	var all []ConvRate
	for _, s := range convShapes {
		s.Direct = direct
		x, w := random(s.N*s.H*s.W*s.C), random(s.KH*s.KW*s.C*s.O)
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
			all = append(all, ConvRate{Conv: s, Pass: pass.name, Algorithm: s.Algorithm().String(), Rate: r, Peak: r.GFLOPS / peak.GFLOPS})
		}
	}
	return all, nil
}

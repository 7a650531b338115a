package network_test

import (
	"testing"

	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx/network"
)

// Where batch normalisation is put back, and what is said of it.
func TestRestoredNote(t *testing.T) {
	const rest = "Relu; Conv(_, 4x4x3x3, 4); Relu; GlobalAveragePool; Flatten; Gemm(_, 4x5)"
	for text, want := range map[string]string{
		// an ordinary network, patches that stay images, and patches that become tokens
		"x:Nx1x8x8; a=Conv(_, 4x1x3x3, 4); " + rest:                                                           `put back behind 2 of 2 convolutions: Conv "a", Conv "r2"`,
		"x:Nx1x8x8; a=Conv(_, 4x1x2x2, 4){strides=2,2}; " + rest:                                              `put back behind 2 of 2 convolutions: Conv "a", Conv "r2"`,
		"x:Nx1x8x8; a=Conv(_, 4x1x2x2, 4){strides=2,2}; Reshape(_, [0,4,16]); Reshape(_, [0,4,4,4]); " + rest: `put back behind 1 of 2 convolutions: Conv "r4"`,
	} {
		f, err := network.Of(onnxtest.Model(t, text))
		if err != nil {
			t.Fatal(err)
		}
		b := nn.NewBuilder()
		layer := f.Layer(b, network.Options{Restore: true})
		if _, err := nn.NewModel(b, layer, []int{8, 8, 1}); err != nil {
			t.Fatal(err)
		}
		if got := layer.RestoredNote(); got != "batch normalisation was "+want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

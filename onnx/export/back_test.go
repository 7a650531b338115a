package export_test

import (
	"slices"
	"testing"

	"github.com/monge-ml/monge/internal/onnxruntime"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/onnx/export"
	"github.com/monge-ml/monge/onnx/network"
)

// What is written is read back as a network that computes the same.
func TestReadBack(t *testing.T) {
	for _, name := range quick {
		t.Run(name, func(t *testing.T) {
			e, err := models.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			m := build(t, name)
			theta := random(m)
			x, _, _ := minibatch(e.Input, e.Vocabulary, 3)
			y, err := m.Logits(theta, x)
			if err != nil {
				t.Fatal(err)
			}
			want := slices.Clone(y)
			written, err := export.Model(m, theta, export.Options{})
			if err != nil {
				t.Fatal(err)
			}
			f, err := network.Of(written)
			if err != nil {
				t.Fatal(err)
			}
			b := nn.NewBuilder()
			back, err := nn.NewModel(b, f.Layer(b, network.Options{Input: e.Input}), e.Input)
			if err != nil {
				t.Fatal(err)
			}
			got, err := back.Logits(back.NewTheta(1), x)
			if err != nil {
				t.Fatal(err)
			}
			onnxruntime.Near(t, got, want)
		})
	}
}

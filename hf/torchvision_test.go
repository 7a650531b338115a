package hf_test

import (
	"testing"

	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/weights"
)

// torchvision's vision transformer is that, from a file under the names of the published ones.
func TestTorchvisionViT(t *testing.T) {
	g := readGolden(t, "testdata/torchvision")
	m, err := hf.SmallTorchvisionViT(g.Classes)
	if err != nil {
		t.Fatal(err)
	}
	f, err := weights.Read("testdata/torchvision/vit.pth")
	if err != nil {
		t.Fatal(err)
	}
	fitted, err := f.Fit(m.Specs())
	if err != nil || !fitted.Complete {
		t.Fatal(fitted, err)
	}
	theta := m.NewTheta(1)
	if err := m.LoadStateDict(theta, fitted.Tensors); err != nil {
		t.Fatal(err)
	}
	compareLogits(t, &g, m, theta)
	compareGradients(t, &g, m, theta)
	compareSteps(t, &g, m, theta)
}

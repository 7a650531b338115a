package network_test

import (
	"cmp"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx/network"
)

// EfficientNet-Lite0 as PyTorch's default exporter writes it gives the logits that PyTorch gives.
func TestPublishedLite0(t *testing.T) {
	path := os.Getenv("MONGE_TEST_EFFICIENTNET_LITE0")
	if path == "" {
		t.Skip("MONGE_TEST_EFFICIENTNET_LITE0 is not set to the path of efficientnet-lite0.onnx")
	}
	f, err := network.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	const side = 224
	b := nn.NewBuilder()
	m, err := nn.NewModel(b, f.Layer(b, network.Options{}), []int{side, side, 3})
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, side*side*3)
	for h := range side {
		for w := range side {
			for c := range 3 {
				x[(h*side+w)*3+c] = (float32((7*h+3*w+11*c)%256) - 127) / 128
			}
		}
	}
	y, err := m.Logits(m.NewTheta(1), x)
	if err != nil {
		t.Fatal(err)
	}
	order := make([]int, len(y))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(y[b], y[a]) })
	for i, want := range []struct {
		class int
		logit float64
	}{{905, 9.9148}, {753, 6.2002}, {619, 5.9090}, {811, 5.3930}, {807, 5.3650}} {
		if k := order[i]; k != want.class || math.Abs(float64(y[k])-want.logit) > 1e-3 {
			t.Errorf("number %d is class %d, %.4f; PyTorch's is %d, %.4f", i, k, y[k], want.class, want.logit)
		}
	}
	if !f.Folded() || len(f.Heads) != 1 || f.Heads[0].Classes != 1000 || f.Heads[0].Weight != "_fc.weight" {
		t.Errorf("folded %v, head %+v", f.Folded(), f.Heads)
	}
}

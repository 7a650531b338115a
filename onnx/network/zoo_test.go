package network_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/onnx/network"
)

func TestZoo(t *testing.T) {
	dirs, _ := filepath.Glob(os.Getenv("ZOO") + "/*")
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			var ref struct {
				Shape []int
				X, Y  []float32
				Grads map[string]struct {
					Norm  float64
					Shape []int
					First []float32
				}
			}
			b, err := os.ReadFile(dir + "/ref.json")
			if err != nil {
				t.Skip(err)
			}
			if err := json.Unmarshal(b, &ref); err != nil {
				t.Fatal(err)
			}
			f, err := network.Open(dir + "/model.onnx")
			if err != nil {
				t.Fatal(err)
			}
			n, h, w := ref.Shape[0], ref.Shape[2], ref.Shape[3]
			x := make([]float32, len(ref.X))
			for i := range n {
				for c := range 3 {
					for p := range h * w {
						x[(i*h*w+p)*3+c] = ref.X[(i*3+c)*h*w+p]
					}
				}
			}
			bld := nn.NewBuilder()
			net := f.Layer(bld, network.Options{})
			m, err := nn.NewModel(bld, net, []int{h, w, 3})
			if err != nil {
				t.Fatal(err)
			}
			theta := m.NewTheta(1)
			m.FreezeBatchNorm()
			y, err := m.Logits(theta, x)
			if err != nil {
				t.Fatal(err)
			}
			top := 0.
			for _, v := range ref.Y {
				top = math.Max(top, math.Abs(float64(v)))
			}
			for i, v := range ref.Y {
				if d := math.Abs(float64(y[i] - v)); !(d <= 1e-4*top) {
					t.Fatalf("logit %d is %g, want %g", i, y[i], v)
				}
			}
			labels := make([]int, n)
			for i := range labels {
				labels[i] = i % 10
			}
			g := make([]float32, len(theta))
			if _, err := m.Gradient(g, theta, x, labels, objective.Call{Weight: 1}); err != nil {
				t.Fatal(err)
			}
			found := 0
			total := 0.
			for _, r := range ref.Grads {
				total = math.Max(total, r.Norm)
			}
			for _, p := range m.Params {
				r, ok := ref.Grads[p.Name]
				if !ok {
					continue
				}
				found++
				e := p.Export(g)
				s := 0.
				for _, v := range e {
					s += float64(v) * float64(v)
				}
				if d := math.Abs(math.Sqrt(s) - r.Norm); !(d <= 1e-3*r.Norm+1e-5*total) {
					t.Errorf("gradient of %s: norm %g, want %g", p.Name, math.Sqrt(s), r.Norm)
				}
			}
			t.Logf("%d params, %d of PyTorch's %d matched, folded %v, head %v", len(m.Params), found, len(ref.Grads), f.Folded(), f.Head != nil)
			if f.Head != nil {
				t.Log(f.Head.Weight, f.Head.Bias, f.Head.Classes)
			}
			last := 0
			for i, p := range m.Params {
				if i > len(m.Params)-6 {
					t.Log(p.Name, p.Shape, last)
				}
			}
		})
	}
}

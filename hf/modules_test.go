package hf_test

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
)

// passing are parameters with which a head of as many outputs as inputs gives on what it gets.
func passing(t *testing.T, m *nn.Model) []float32 {
	t.Helper()
	theta := m.NewTheta(1)
	for _, p := range m.Head() {
		identity := make([]float32, p.Len())
		for i := 0; i < len(identity) && len(p.Shape) == 2; i += p.Shape[0] + 1 {
			identity[i] = 1
		}
		if err := p.Import(theta, identity); err != nil {
			t.Fatal(err)
		}
	}
	return theta
}

// pooled are the rows that a way of pooling makes of the golden texts.
func pooled(t *testing.T, mode string, g *golden) []float32 {
	t.Helper()
	dir := moduled(t, twoModules, strings.Replace(meanPooling, "mean_tokens", mode, 1), "")
	const width = 16
	m, err := models.Build(dir, models.Options{Input: g.input(), Classes: width})
	if err != nil {
		t.Fatal(err)
	}
	theta := passing(t, m)
	y, err := m.Logits(theta, g.batch(0))
	if err != nil {
		t.Fatal(err)
	}
	y = slices.Clone(y)

	n, err := hf.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	labels := strings.Split("a b c d e f g h i j k l m n o p", " ")
	to := filepath.Join(t.TempDir(), "saved")
	if err := n.Save(to, hf.Saved{Tensors: m.StateDict(theta), Labels: labels, Problem: "single_label_classification"}); err != nil {
		t.Fatal(err)
	}
	again, err := models.Build(to, models.Options{Input: g.input(), Classes: width})
	if err != nil {
		t.Fatal(err)
	}
	if z, err := again.Logits(again.NewTheta(1), g.batch(0)); err != nil || !slices.Equal(z, y) {
		t.Errorf("%s opened again: %v, %v", mode, z[:3], err)
	}
	if e, err := models.Find(to); err != nil || e.File.Outputs != width || len(e.File.New) > 0 {
		t.Errorf("%s opened again: %+v, %v", mode, e.File, err)
	}
	return y
}

// Of one token all ways of pooling are the same; of more they are what their names say, padding left out.
func TestPooling(t *testing.T) {
	g := readGolden(t, "testdata/bert")
	const width = 16
	mean, cls, top, sqrt := pooled(t, "mean_tokens", &g), pooled(t, "cls_token", &g), pooled(t, "max_tokens", &g), pooled(t, "mean_sqrt_len_tokens", &g)
	for i, row := range g.Rows {
		n := len(row) - len(slices.DeleteFunc(slices.Clone(row), func(v float32) bool { return v != 0 }))
		for k := i * width; k < (i+1)*width; k++ {
			if d := float64(mean[k])*math.Sqrt(float64(n)) - float64(sqrt[k]); math.Abs(d) > 1e-4 {
				t.Errorf("text %d of %d tokens: mean %g, over the root of the length %g", i, n, mean[k], sqrt[k])
			}
			if n == 1 && (math.Abs(float64(mean[k]-cls[k])) > 1e-5 || mean[k] != top[k]) || n > 1 && (top[k] < mean[k] || top[k] < cls[k] || mean[k] == cls[k]) {
				t.Errorf("text %d of %d tokens: mean %g, first %g, largest %g", i, n, mean[k], cls[k], top[k])
			}
		}
	}
}

package nn_test

import (
	"testing"

	"github.com/monge-ml/monge/internal/lowrank"
	"github.com/monge-ml/monge/objective"
)

// BenchmarkGram compares a gradient alone with one that makes the Gram matrix on the way, and with all that
// a step needs: both, the weights, and the gradient that they weight.
func BenchmarkGram(b *testing.B) {
	const n = 64
	for name, c := range map[string]*gramCase{
		"mlp":      ofImages(b, "mlp", "", 8, 1, n),
		"resnet20": ofImages(b, "resnet20", "", 32, 3, n).frozenBN(b),
		"vit-tiny": ofImages(b, "vit-tiny", "", 32, 3, 16),
	} {
		grad, k, call := make([]float32, len(c.theta)), make([]float64, c.n*c.n), objective.Call{Weight: 1}
		reweighted := objective.Call{Weight: 1, Perturbed: true}
		y := c.y
		y.Shares = make([]float32, c.n)
		parts := []struct {
			name string
			f    func() error
		}{
			{"gradient", func() error { _, err := c.model.GradientOf(c.y, grad, c.theta, c.x, call); return err }},
			{"gram", func() error { _, err := c.model.Gram(c.y, k, grad, c.theta, c.x, call); return err }},
			{"weights", func() error {
				w, err := lowrank.Weights(k, c.n, 1)
				for i, v := range w {
					y.Shares[i] = float32(v)
				}
				return err
			}},
			{"reweighted", func() error { _, err := c.model.GradientOf(y, grad, c.theta, c.x, reweighted); return err }},
		}
		run := func(b *testing.B, fs ...func() error) {
			b.ReportAllocs()
			for b.Loop() {
				for _, f := range fs {
					if err := f(); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
		for _, p := range parts {
			b.Run(name+"/"+p.name, func(b *testing.B) { run(b, p.f) })
		}
		b.Run(name+"/all", func(b *testing.B) { run(b, parts[1].f, parts[2].f, parts[3].f) })
	}
}

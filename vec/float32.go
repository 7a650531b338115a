package vec

import "github.com/monge-ml/monge/internal/kernel"

func dot32(x, y []float32) float64 {
	if len(x) > 0 && &x[0] == &y[0] {
		return kernel.SumSq(x)
	}
	return kernel.Dot(x, y)
}

func addScaled32(dst, x []float32, a float32, y []float32) { kernel.AddScaled(dst, x, a, y) }

func scale32(dst []float32, a float32, x []float32) { kernel.Scale(dst, a, x) }

func sgd32(theta, g, buf []float32, p SGDParams) {
	kernel.SGD(theta, g, buf, float32(p.LR), float32(p.Momentum), float32(p.Dampening), float32(p.WeightDecay), p.Nesterov, p.First)
}

func adam32(theta, g, m, v []float32, p AdamParams, c1, c2 float64) {
	kernel.Adam(theta, g, m, v, kernel.AdamParams{
		LR: p.LR, Beta1: p.Beta1, Beta2: p.Beta2, Eps: p.Eps,
		WeightDecay: p.WeightDecay, Decoupled: p.Decoupled, BC1: c1, BC2Sqrt: c2,
	})
}

package sam

import (
	"errors"
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// A rated base optimizer has a learning rate that others may step by.
type rated[F vec.Float] interface {
	LR() float64
	Descend(theta, v []F, by float64)
}

// weighted is WSAM's descent, decoupled: the base optimizer steps along g, and theta moves by -lr gamma/(1-gamma) (g' - g) beside it.
type weighted[F vec.Float] struct {
	by   float64 // gamma/(1-gamma)
	base rated[F]
	more []F // g' - g, nil in a plain step
	all  []F
}

func (w *weighted[F]) Attach(v *Sight[F]) error {
	base, ok := v.Base().(rated[F])
	if c, some := v.Base().(interface{ CanDescend() bool }); !ok || some && !c.CanDescend() {
		return errors.New("descent weighted steps beside the base optimizer by its learning rate, which it does not tell")
	}
	w.base = base
	return nil
}

func (w *weighted[F]) Combine(descent, ascent []F, _ Result) error {
	w.more = nil
	if ascent == nil {
		return nil
	}
	vec.AddScaled(w.all, descent, -1, ascent)
	copy(descent, ascent)
	w.more = w.all
	return nil
}

func (w *weighted[F]) After(theta []F) {
	if w.more != nil {
		w.base.Descend(theta, w.more, w.by)
	}
}

var weightedDescent = Choice{
	Name: "weighted", Info: "the gradient at theta, and beside the base optimizer a share of what the perturbation adds",
	Numbers: []Number{{Name: "gamma", Help: "weight of the sharpness: gamma/(1-gamma) times what the perturbation adds to the gradient", Default: .9}},
	kind:    ascentKind, bare: true, set32: setWeighted[float32], set64: setWeighted[float64],
}

func setWeighted[F vec.Float](s *Settings[F], p Params) error {
	gamma := p.Own["gamma"]
	if !(gamma >= 0 && gamma < 1) {
		return fmt.Errorf("gamma is %g; it must be at least 0 and below 1", gamma)
	}
	s.Descent = func(n int) Descent[F] { return &weighted[F]{by: gamma / (1 - gamma), all: make([]F, n)} }
	return nil
}

var weightedSAM = preset(Method{
	Name: "wsam", Label: "WSAM", Info: "WSAM: sharpness as a term of the loss, stepped beside the base optimizer (Yue et al. 2023, arXiv 2305.15817)",
	Descent: weightedDescent.Name,
	Look:    Look{Ink: 0, Width: 1.8, Mark: "diamond", Radius: 3},
})

// polyak is SAM-SPS's descent: g' times the share min(1, gamma/lr) of it that makes the step of a base optimizer without
// momentum the shorter of its learning rate and Polyak's, gamma = [L(theta+delta) - l* - g'·delta]₊ / |g'|².
type polyak[F vec.Float] struct {
	least float64 // l*
	sight *Sight[F]
	base  rated[F]
}

func (q *polyak[F]) Alone() {}

func (q *polyak[F]) Attach(v *Sight[F]) error {
	base, ok := v.Base().(rated[F])
	if !ok {
		return errors.New("descent polyak is bounded by the base optimizer's learning rate, which it does not tell")
	}
	q.sight, q.base = v, base
	return nil
}

func (q *polyak[F]) Combine(descent, _ []F, r Result) error {
	rise := 0.
	if r.Perturbed {
		rise = vec.Dot(descent, q.sight.Perturbed()) - vec.Dot(descent, q.sight.Theta())
	}
	length := max(0, r.PerturbedLoss-q.least-rise) / math.Max(r.PerturbedGradNorm*r.PerturbedGradNorm, 1e-12)
	if lr := q.base.LR(); length < lr {
		vec.Scale(descent, length/lr, descent)
	}
	return nil
}

var polyakDescent = Choice{
	Name: "polyak", Info: "the gradient at theta+delta, by Polyak's step length up to the learning rate",
	Numbers: []Number{{Name: "least-loss", Help: "lower bound of a minibatch's loss, l*", Default: 0}},
	kind:    aloneKind, bare: true, set32: setPolyak[float32], set64: setPolyak[float64],
}

func setPolyak[F vec.Float](s *Settings[F], p Params) error {
	least := p.Own["least-loss"]
	s.Descent = func(int) Descent[F] { return &polyak[F]{least: least} }
	return checkFinite("least-loss", least)
}

var polyakSAM = preset(Method{
	Name: "sam-sps", Label: "SAM-SPS", Info: "SAM-SPS: Polyak's step length, up to the learning rate; for sgd without momentum (ICML 2026, arXiv 2606.01827)",
	Descent: polyakDescent.Name,
	Look:    Look{Ink: 2, Width: 1.8, Mark: "box", Radius: 3},
})

// curvature is CR-SAM's descent: w + gamma (w + b - 2 g) + beta (w - b), with w the gradient at theta+delta and b
// that at theta-delta, a third evaluation.
type curvature[F vec.Float] struct {
	gamma, beta float64
	sight       *Sight[F]
	at, b       []F
}

func (c *curvature[F]) Attach(v *Sight[F]) error { c.sight = v; return nil }

func (c *curvature[F]) Combine(descent, ascent []F, _ Result) error {
	if ascent == nil {
		return nil
	}
	vec.Scale(c.at, 2, c.sight.Theta())
	vec.AddScaled(c.at, c.at, -1, c.sight.Perturbed())
	if _, err := c.sight.Gradient(c.b, c.at); err != nil {
		return err
	}
	vec.Scale(descent, 1+c.gamma+c.beta, descent)
	vec.AddScaled(descent, descent, c.gamma-c.beta, c.b)
	vec.AddScaled(descent, descent, -2*c.gamma, ascent)
	return nil
}

var curvatureDescent = Choice{
	Name: "curvature", Info: "the gradient at theta+delta, regularized by how the gradients at theta-delta, theta and theta+delta bend",
	Numbers: []Number{
		{Name: "curvature", Help: "weight of the curvature along the perturbation, the paper's gamma", Default: .1},
		{Name: "slope", Help: "weight of the slope of the gradient along the perturbation, the code's beta", Default: .01},
	},
	kind: ascentKind, more: func(map[string]float64) float64 { return 1 },
	set32: setCurvature[float32], set64: setCurvature[float64],
}

func setCurvature[F vec.Float](s *Settings[F], p Params) error {
	gamma, beta := p.Own["curvature"], p.Own["slope"]
	s.Descent = func(n int) Descent[F] {
		return &curvature[F]{gamma: gamma, beta: beta, at: make([]F, n), b: make([]F, n)}
	}
	if err := checkFinite("curvature", gamma); err != nil {
		return err
	}
	return checkFinite("slope", beta)
}

var curvatureSAM = preset(Method{
	Name: "cr-sam", Label: "CR-SAM", Info: "CR-SAM: regularizes the curvature along the perturbation, three gradients a step (Wu et al. 2024, arXiv 2312.13555)",
	Descent: curvatureDescent.Name,
	Look:    Look{Ink: 3, Width: 1.8, Dashes: []float64{3, 3}, Mark: "pyramid", Radius: 3},
})

package sam

import (
	"fmt"

	"github.com/monge-ml/monge/vec"
)

// along is how much of h is in g: the g·h/|h|² of its part along h.
func along[F vec.Float](g, h []F) (share float64) {
	n := vec.Norm(h)
	if n == 0 {
		return 0
	}
	return vec.Dot(g, h) / n / n
}

// surrogateGap is GSAM's descent: g' - a (g - (g·g'/|g'|²) g'), which lowers the gap between the perturbed loss and the loss
// without raising the perturbed loss.
type surrogateGap[F vec.Float] struct{ a float64 }

func (s surrogateGap[F]) Combine(descent, ascent []F, _ Result) error {
	if ascent == nil {
		return nil
	}
	part := along(ascent, descent)
	vec.Scale(descent, 1+s.a*part, descent)
	vec.AddScaled(descent, descent, -s.a, ascent)
	return nil
}

var gapDescent = Choice{
	Name: "gap", Info: "the gradient at theta+delta less a part of the gradient at theta across it",
	Numbers: []Number{{Name: "gsam-alpha", Help: "how much of the gradient across the perturbed one is taken away", Default: .4}},
	kind:    ascentKind, set32: setGap[float32], set64: setGap[float64],
}

func setGap[F vec.Float](s *Settings[F], p Params) error {
	a := p.Own["gsam-alpha"]
	s.Descent = func(int) Descent[F] { return surrogateGap[F]{a} }
	return checkFinite("gsam-alpha", a)
}

var gapSAM = preset(Method{
	Name: "gsam", Label: "GSAM", Info: "GSAM: the descent leaves out a part of the gradient across that at theta+delta (Zhuang et al. 2022, arXiv 2203.08065)",
	Descent: gapDescent.Name,
	Look:    Look{Ink: 7, Width: 1.8, Mark: "diamond", Radius: 3},
})

// reused is LookSAM's descent. A step that perturbs keeps what the perturbation has turned, v = g' - (g·g'/|g|²) g; the plain
// ones between add it again at their own length: g + a |g|/|v| v.
type reused[F vec.Float] struct {
	kept[F]
	a float64
}

func (l *reused[F]) Combine(descent, ascent []F, _ Result) error {
	if ascent != nil || !l.begun {
		return nil
	}
	n := vec.Norm(l.v)
	if n == 0 {
		return nil
	}
	vec.AddScaled(descent, descent, l.a*vec.Norm(descent)/n, l.v)
	return nil
}

func (l *reused[F]) Keep(ascent, descent []F) {
	if ascent == nil {
		return
	}
	vec.AddScaled(l.v, descent, -along(descent, ascent), ascent)
	l.begun = true
}

// usualInterval is LookSAM's.
const usualInterval = 5

var reusedDescent = Choice{
	Name: "reuse", Info: "the gradient at theta+delta, and between perturbations what the last one turned",
	Numbers: []Number{{Name: "looksam-alpha", Help: "how much of the turn the steps between take", Default: .2}},
	kind:    ascentKind, bare: true, set32: setReused[float32], set64: setReused[float64],
}

func setReused[F vec.Float](s *Settings[F], p Params) error {
	a := p.Own["looksam-alpha"]
	if !(a >= 0) {
		return fmt.Errorf("looksam-alpha is %g; it must be >= 0", a)
	}
	s.Interval = usualInterval
	s.Descent = func(n int) Descent[F] { return &reused[F]{kept[F]{v: make([]F, n)}, a} }
	return checkFinite("looksam-alpha", a)
}

var lookSAM = preset(Method{
	Name: "looksam", Label: "LookSAM", Info: "LookSAM: a perturbation every fifth step, whose turn of the gradient the others take again (Liu et al. 2022, arXiv 2203.02714)",
	Descent: reusedDescent.Name,
	Look:    Look{Ink: 1, Width: 1.8, Dashes: []float64{2, 2}, Mark: "diamond", Radius: 3},
})

package sam

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/monge-ml/monge/vec"
)

// eigen is Eigen-SAM's direction: g + a n sign(g·v) (v - (ĝ·v) ĝ), with n = |g|, ĝ = g/n and v the unit eigenvector of the largest
// eigenvalue of the Hessian, as far as some steps of the power method have got; as long as g allows. Products with
// the Hessian are differences of gradients; v begins as the gradient, goes on from where it was, and is looked for every so
// many steps. (The authors begin at random, and differentiate twice.)
type eigen[F vec.Float] struct {
	kept[F]
	sight        *Sight[F]
	a            float64
	powers, each int
	next, at, hv []F
	made         bool // next is of the step at hand
	last         int  // the step that looked last
	size         float64
}

func (e *eigen[F]) Attach(v *Sight[F]) error { e.sight = v; return nil }

func (e *eigen[F]) Entire() {}

func (e *eigen[F]) Size() float64 { return e.size }

func (e *eigen[F]) Direct(d, theta, g []F) error {
	e.size, e.made = vec.Norm(g), false
	copy(d, g)
	if e.size == 0 {
		return nil
	}
	v := e.v
	if !e.begun || e.sight.Step() >= e.last+e.each {
		if err := e.look(theta, g); err != nil {
			return err
		}
		v = e.next
	}
	dot := vec.Dot(g, v)
	by := e.a * e.size
	switch {
	case dot < 0:
		by = -by
	case dot == 0:
		return nil
	}
	vec.Scale(d, 1-by*dot/e.size/e.size, g)
	vec.AddScaled(d, d, by, v)
	return nil
}

// look takes the steps of the power method.
func (e *eigen[F]) look(theta, g []F) error {
	if e.next == nil {
		e.next, e.at, e.hv = make([]F, len(g)), make([]F, len(g)), make([]F, len(g))
	}
	copy(e.next, e.v)
	if !e.begun {
		vec.Scale(e.next, 1/e.size, g)
	}
	h := step[F]() * (1 + vec.Norm(theta))
	for range e.powers {
		vec.AddScaled(e.at, theta, h, e.next)
		if _, err := e.sight.Gradient(e.hv, e.at); err != nil {
			return err
		}
		vec.AddScaled(e.hv, e.hv, -1, g)
		n := vec.Norm(e.hv)
		if n == 0 || !finite(n) {
			break
		}
		vec.Scale(e.next, 1/n, e.hv)
	}
	e.made = true
	return nil
}

// step is how far apart gradients are taken for a product with the Hessian, relative to theta: the root of the precision.
func step[F vec.Float]() float64 {
	var f F
	if _, single := any(f).(float32); single {
		return math.Sqrt(0x1p-23)
	}
	return math.Sqrt(0x1p-52)
}

func (e *eigen[F]) Keep(ascent, _ []F) {
	if ascent != nil && e.made {
		e.mix(0, 1, e.next)
		e.last = e.sight.Step()
	}
}

// MarshalBinary exports v, and when it was looked for.
func (e *eigen[F]) MarshalBinary() ([]byte, error) {
	b, err := e.kept.MarshalBinary()
	return binary.LittleEndian.AppendUint64(b, uint64(e.last)), err
}

// UnmarshalBinary restores them; on an error nothing has changed.
func (e *eigen[F]) UnmarshalBinary(b []byte) error {
	cut := len(b) - 8
	if cut < 0 {
		return fmt.Errorf("an eigenvector has %d bytes", len(b))
	}
	last := binary.LittleEndian.Uint64(b[cut:])
	if last > math.MaxInt32 {
		return fmt.Errorf("an eigenvector of step %d", last)
	}
	if err := e.kept.UnmarshalBinary(b[:cut]); err != nil {
		return err
	}
	e.last = int(last)
	return nil
}

var eigenDirection = Choice{
	Name: "eigenvector", Info: "the gradient, leaning towards the Hessian's first eigenvector",
	Numbers: []Number{
		{Name: "eigen-alpha", Help: "how far the direction leans towards the eigenvector", Default: .2},
		{Name: "eigen-every", Help: "steps after which the eigenvector is looked for again", Default: 100},
		{Name: "eigen-powers", Help: "steps of the power method, a gradient each", Default: 5},
	},
	kind: ascentKind, differences: true, more: func(own map[string]float64) float64 { return own["eigen-powers"] / own["eigen-every"] },
	set32: setEigen[float32], set64: setEigen[float64],
}

func setEigen[F vec.Float](s *Settings[F], p Params) error {
	a := p.Own["eigen-alpha"]
	if !(a >= 0) || math.IsInf(a, 1) {
		return fmt.Errorf("eigen-alpha is %g; it must be a finite number >= 0", a)
	}
	each, err := count("eigen-every", p.Own["eigen-every"], mostSteps)
	if err != nil {
		return err
	}
	powers, err := count("eigen-powers", p.Own["eigen-powers"], mostPoints)
	s.Direction = func(n int) Direction[F] {
		return &eigen[F]{kept: kept[F]{v: make([]F, n)}, a: a, each: each, powers: powers}
	}
	return err
}

var eigenSAM = preset(Method{
	Name: "eigen-sam", Label: "Eigen-SAM", Info: "Eigen-SAM: leaning towards the Hessian's first eigenvector (Luo et al. 2025, arXiv 2501.12666)",
	Direction: eigenDirection.Name,
	Look:      Look{Ink: 5, Width: 1.8, Mark: "box", Radius: 3},
})

package sam

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/monge-ml/monge/vec"
)

// around evaluates gradients at points near theta, which are drawn by the step and their number.
type around[F vec.Float] struct {
	lowRank[F]
	sight *Sight[F]
	u     [][]F // the gradients
	at    []F
	pcg   *rand.PCG
	rng   *rand.Rand // of pcg
}

func newAround[F vec.Float](n, points int) *around[F] {
	pcg := rand.NewPCG(0, 0)
	return &around[F]{u: vectors[F](points, n), at: make([]F, n), pcg: pcg, rng: rand.New(pcg)}
}

func (m *around[F]) Attach(v *Sight[F]) error { m.sight = v; return nil }

// draw fills q with normal numbers, those of a place in the step at hand.
func (m *around[F]) draw(q []F, place int) {
	m.pcg.Seed(uint64(m.sight.Step()), uint64(place))
	for i := range q {
		q[i] = F(m.rng.NormFloat64())
	}
}

// newNearby makes the metric of gradients at m points around theta, I + alpha²/m sum of g(theta+u) g(theta+u)ᵀ, u normal with a standard
// deviation of spread in each parameter. Its mean over u is I + alpha² (g gᵀ + spread² H²) where the
// gradient is linear; third derivatives add alpha² spread²/2 (g tᵀ + t gᵀ), with t the gradient of H's trace.
func newNearby[F vec.Float](n, points int, alpha2, spread float64) Metric[F] {
	m := newAround[F](n, points)
	m.lowRank.u, m.lowRank.c = m.u, fill(make([]float64, points), alpha2/float64(points))
	m.columns = func(theta []F) error {
		for i, u := range m.u {
			m.draw(u, i)
			vec.AddScaled(m.at, theta, spread, u)
			if _, err := m.sight.Gradient(u, m.at); err != nil {
				return err
			}
			m.sight.Outside(u)
		}
		return nil
	}
	return m
}

// hessian is around with differences from the gradient at theta.
type hessian[F vec.Float] struct{ *around[F] }

func (hessian[F]) Entire() {}

// newHessian makes nearby's metric where the gradient is linear, I + alpha² (g gᵀ + spread² H²), with H² = H Q Qᵀ H n/m of m orthonormal directions Q:
// all of it where m = n. Products with H are differences of gradients.
func newHessian[F vec.Float](n, points int, alpha2, spread float64) Metric[F] {
	points = min(points, n)
	m := newAround[F](n, points)
	q := vectors[F](points, n)
	m.lowRank.u, m.lowRank.c = append([][]F{nil}, m.u...), fill(make([]float64, points+1), alpha2)
	for i := range m.u {
		m.lowRank.c[i+1] *= spread * spread * float64(n) / float64(points)
	}
	m.columns = func(theta []F) error {
		g := m.sight.Ascent()
		m.lowRank.u[0] = g
		h := step[F]() * (1 + vec.Norm(theta))
		for i, u := range m.u {
			m.draw(q[i], i)
			orthonormalize(q[i], q[:i])
			vec.AddScaled(m.at, theta, h, q[i])
			if _, err := m.sight.Gradient(u, m.at); err != nil {
				return err
			}
			vec.AddScaled(u, u, -1, g)
			vec.Scale(u, 1/h, u)
		}
		return nil
	}
	return hessian[F]{m}
}

// orthonormalize makes q a unit vector across others that are.
func orthonormalize[F vec.Float](q []F, others [][]F) {
	for range 2 { // twice is enough
		for _, o := range others {
			vec.AddScaled(q, q, -vec.Dot(q, o), o)
		}
	}
	if n := vec.Norm(q); n > 0 {
		vec.Scale(q, 1/n, q)
	}
}

var nearbyLength = Choice{
	Name: "nearby", Info: "a ball in the metric of gradients at points drawn around theta, an evaluation each",
	Uses: []string{"alpha"}, Alpha: 1, Numbers: []Number{pointsNumber, spreadNumber},
	kind: givenKind, more: pointsOf, set32: setNearby[float32], set64: setNearby[float64],
}

var hessianLength = Choice{
	Name: "hessian", Info: "nearby's where the gradient is linear, by products with the Hessian, an evaluation each",
	Uses: []string{"alpha"}, Alpha: 1, Numbers: []Number{pointsNumber, spreadNumber},
	kind: ascentKind, differences: true, more: pointsOf, set32: setHessian[float32], set64: setHessian[float64],
}

func pointsOf(own map[string]float64) float64 { return own["metric-points"] }

func setNearby[F vec.Float](s *Settings[F], p Params) error { return setAround(s, p, newNearby[F]) }

func setHessian[F vec.Float](s *Settings[F], p Params) error { return setAround(s, p, newHessian[F]) }

func setAround[F vec.Float](s *Settings[F], p Params, metric func(n, points int, alpha2, spread float64) Metric[F]) error {
	points, err := count("metric-points", p.Own["metric-points"], mostPoints)
	if err != nil {
		return err
	}
	spread := p.Own["metric-spread"]
	if !(spread > 0) || math.IsInf(spread, 1) {
		return fmt.Errorf("metric-spread is %g; it must be a finite number > 0", spread)
	}
	alpha2, err := alphaSquared(p)
	s.NewMetric = func(n int) Metric[F] { return metric(n, points, alpha2, spread) }
	return err
}

// microbatches is the metric of the microbatches' gradients, I + alpha² sum of w_i g_i g_iᵀ with their shares w_i of the minibatch: between
// Monge's metric, of one, and the empirical Fisher information, of one for each example.
type microbatches[F vec.Float] struct {
	lowRank[F]
	sight  *Sight[F]
	n      int
	alpha2 float64
}

func newMicrobatches[F vec.Float](n int, alpha2 float64) *microbatches[F] {
	m := &microbatches[F]{n: n, alpha2: alpha2}
	m.columns = func([]F) error {
		m.c = m.c[:0]
		for _, w := range m.sight.Weights() {
			m.c = append(m.c, alpha2*w)
		}
		return nil
	}
	return m
}

func (m *microbatches[F]) Attach(v *Sight[F]) error { m.sight = v; return nil }

// Column returns where a microbatch's gradient goes.
func (m *microbatches[F]) Column(i, n int) []F {
	for len(m.u) < n {
		m.u = append(m.u, make([]F, m.n))
	}
	m.u = m.u[:n]
	return m.u[i]
}

var microbatchLength = Choice{
	Name: "microbatch", Info: "a ball in the metric of the microbatches' gradients",
	Uses: []string{"alpha"}, Alpha: 1,
	kind: givenKind, set32: setMicrobatches[float32], set64: setMicrobatches[float64],
}

func setMicrobatches[F vec.Float](s *Settings[F], p Params) error {
	alpha2, err := alphaSquared(p)
	s.NewMetric = func(n int) Metric[F] { return newMicrobatches[F](n, alpha2) }
	return err
}

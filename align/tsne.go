package align

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"

	"github.com/monge-ml/monge/internal/par"
)

// TSNE lays points out in the plane so that neighbours stay neighbours: t-SNE (van der
// Maaten and Hinton 2008), exact, with its momentum and gains, and with the exaggeration
// and learning rate of Belkina et al. 2019 (12 in the first 250 iterations; max(n/48, 50)).
type TSNE struct {
	// Perplexity is about how many neighbours a point has: the exponential of the entropy
	// of their weights. It is above 1, and at most a third of the number of other points.
	Perplexity float64
	Seed       uint64 // of the layout that is started from
	// Progress, if there is one, is told how many of TSNEIterations are done.
	Progress func(done int)
}

// The constants of t-SNE.
const (
	DefaultPerplexity = 30
	TSNEIterations    = 1000
	MaxPoints         = 10000 // that TSNE takes: there is a number for each pair of points

	exaggeration = 12
	exaggerated  = 250 // iterations, with the lower momentum too
	minGain      = .01
	initialScale = 1e-4
)

// Layout returns a place in the plane for each of n points of d finite numbers, and the
// Kullback-Leibler divergence in nats between the joint probabilities of neighbours there
// and here, which the layout has made small. The same seed gives the same bits whatever the
// number of threads. Time grows with n², 1000 iterations of 4n² terms; memory is that of n²
// numbers.
func (t TSNE) Layout(ctx context.Context, x []float64, n, d int) (at [][2]float64, kl float64, err error) {
	if err := t.check(x, n, d); err != nil {
		return nil, 0, err
	}
	m := newPlane(neighbourhoods(x, n, d, t.Perplexity), n)
	rng := rand.New(rand.NewPCG(t.Seed, 0))
	for i := range n {
		m.x.at[i], m.y.at[i] = initialScale*rng.NormFloat64(), initialScale*rng.NormFloat64()
	}
	for done := range TSNEIterations {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		m.step(done)
		if t.Progress != nil {
			t.Progress(done + 1)
		}
	}
	at = make([][2]float64, n)
	for i := range at {
		at[i] = [2]float64{m.x.at[i], m.y.at[i]}
	}
	return at, m.divergence(), nil
}

func (t TSNE) check(x []float64, n, d int) error {
	if n < 1 || d < 1 || len(x)/d != n || len(x)%d != 0 {
		return fmt.Errorf("%d numbers are no %d points of %d", len(x), n, d)
	}
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("point %d (of 0 to %d) has %v in column %d: t-SNE needs finite numbers", i/d, n-1, v, i%d)
		}
	}
	most := float64(n-1) / 3
	switch {
	case n > MaxPoints:
		return fmt.Errorf("%d points are over t-SNE's limit of %d: give fewer", n, MaxPoints)
	case most <= 1:
		return fmt.Errorf("%d points are too few for t-SNE: give 5 or more", n)
	case !(t.Perplexity > 1 && t.Perplexity <= most):
		return fmt.Errorf("perplexity is %g; %d points have a perplexity above 1 and up to %.4g, so give one within that, or more points", t.Perplexity, n, math.Floor(100*most)/100)
	}
	return nil
}

// rowsAtOnce is the number of rows in one piece of work.
const rowsAtOnce = 16

func pieces(n int) int { return (n + rowsAtOnce - 1) / rowsAtOnce }

// neighbourhoods returns the n x n joint probabilities p_ij = (p_j|i + p_i|j) / 2n, where
// p_j|i is a Gaussian of the distance of points i and j, of the width that gives each i the
// perplexity.
func neighbourhoods(x []float64, n, d int, perplexity float64) []float64 {
	t := &conditionals{x, n, d, math.Log(perplexity), make([]float64, n*n)}
	par.Run(pieces(n), t)
	for i := range n {
		for j := range i {
			v := (t.p[i*n+j] + t.p[j*n+i]) / float64(2*n)
			t.p[i*n+j], t.p[j*n+i] = v, v
		}
	}
	return t.p
}

// conditionals finds p_j|i, a row for each i.
type conditionals struct {
	x       []float64
	n, d    int
	entropy float64 // wanted of each row, in nats
	p       []float64
}

func (t *conditionals) Do(_, piece int) {
	squares := make([]float64, t.n)
	for i := piece * rowsAtOnce; i < min(t.n, (piece+1)*rowsAtOnce); i++ {
		own, nearest := t.x[i*t.d:][:t.d], math.Inf(1)
		for j := range squares {
			far := floats.Distance(own, t.x[j*t.d:][:t.d], 2)
			squares[j] = far * far
			if j != i {
				nearest = min(nearest, squares[j])
			}
		}
		// Only differences count, and with these no row can vanish.
		for j := range squares {
			squares[j] -= nearest
		}
		t.search(t.p[i*t.n:][:t.n], squares, i)
	}
}

// search halves the range of the precision, 1/2σ², until the row has the entropy. Where
// more points coincide than the perplexity asks for, it stops at equal weights of those.
func (t *conditionals) search(p, squares []float64, self int) {
	const tolerance, most = 1e-5, 200
	lo, hi, precision := 0., math.Inf(1), 1.
	for range most {
		h := gaussian(p, squares, self, precision)
		if math.Abs(h-t.entropy) < tolerance {
			return
		}
		if h > t.entropy {
			lo = precision
		} else {
			hi = precision
		}
		if precision = (lo + hi) / 2; math.IsInf(hi, 1) {
			precision = 2 * lo
		}
	}
}

// gaussian writes p_j|i for one i and returns their entropy.
func gaussian(p, squares []float64, self int, precision float64) (entropy float64) {
	sum, mean := 0., 0. // of the weights, and of the distances under them
	for j, s := range squares {
		if j == self {
			p[j] = 0
			continue
		}
		p[j] = math.Exp(-precision * s)
		sum += p[j]
		mean += p[j] * s
	}
	for j := range p {
		p[j] /= sum
	}
	return math.Log(sum) + precision*mean/sum
}

// A plane is a layout on its way downhill.
type plane struct {
	n    int
	p    []float64 // joint probabilities of neighbours, n x n
	x, y coordinate
	sums []float64 // of each row: of its weights, and of what it adds to the divergence
}

// A coordinate is that of each point, with what moves it.
type coordinate struct{ at, pull, push, gradient, velocity, gain []float64 }

func newPlane(p []float64, n int) *plane {
	c := func() coordinate {
		v := make([]float64, 6*n)
		part := func(i int) []float64 { return v[i*n : (i+1)*n : (i+1)*n] }
		c := coordinate{part(0), part(1), part(2), part(3), part(4), part(5)}
		for i := range c.gain {
			c.gain[i] = 1
		}
		return c
	}
	return &plane{n: n, p: p, x: c(), y: c(), sums: make([]float64, n)}
}

// step is one iteration.
func (m *plane) step(done int) {
	more, momentum := 1., .8
	if done < exaggerated {
		more, momentum = exaggeration, .5
	}
	m.slope(more)
	rate := max(float64(m.n)/(4*exaggeration), 50)
	m.x.move(rate, momentum)
	m.y.move(rate, momentum)
}

// slope finds the gradient of the divergence by the layout, with all p_ij taken more times:
//
//	4 sum_j (p_ij - q_ij) w_ij (y_i - y_j)    w_ij = 1 / (1 + |y_i - y_j|²)    q_ij = w_ij / sum w
//
// Pull by p and push by q are summed apart, because sum w is known at the end only.
func (m *plane) slope(more float64) {
	par.Run(pieces(m.n), (*forces)(m))
	total := m.total()
	for _, c := range []*coordinate{&m.x, &m.y} {
		for i := range c.gradient {
			c.gradient[i] = 4 * (more*c.pull[i] - c.push[i]/total)
		}
	}
}

// total sums what the rows have found, in their order.
func (m *plane) total() (total float64) {
	for _, s := range m.sums {
		total += s
	}
	return total
}

// forces sums p_ij w_ij (y_i - y_j), w_ij² (y_i - y_j) and w_ij.
type forces plane

func (m *forces) Do(_, piece int) {
	xs, ys := m.x.at, m.y.at[:len(m.x.at)]
	for i := piece * rowsAtOnce; i < min(m.n, (piece+1)*rowsAtOnce); i++ {
		x, y := xs[i], ys[i]
		p := m.p[i*m.n:][:len(xs)]
		var sum, pullX, pullY, pushX, pushY float64
		for j, other := range xs {
			dx, dy := x-other, y-ys[j]
			w := 1 / (1 + dx*dx + dy*dy)
			sum += w
			pull, push := p[j]*w, w*w
			pullX += pull * dx
			pullY += pull * dy
			pushX += push * dx
			pushY += push * dy
		}
		m.sums[i] = sum - 1 // without the point itself
		m.x.pull[i], m.y.pull[i] = pullX, pullY
		m.x.push[i], m.y.push[i] = pushX, pushY
	}
}

// move goes downhill, faster where the direction stays, and keeps the middle at 0.
func (c *coordinate) move(rate, momentum float64) {
	mean := 0.
	for i, g := range c.gradient {
		if g*c.velocity[i] < 0 {
			c.gain[i] += .2
		} else {
			c.gain[i] = max(.8*c.gain[i], minGain)
		}
		c.velocity[i] = momentum*c.velocity[i] - rate*c.gain[i]*g
		c.at[i] += c.velocity[i]
		mean += c.at[i]
	}
	mean /= float64(len(c.at))
	for i := range c.at {
		c.at[i] -= mean
	}
}

// divergence is sum_ij p_ij ln(p_ij / q_ij) at the layout.
func (m *plane) divergence() float64 {
	par.Run(pieces(m.n), (*forces)(m))
	total := math.Log(m.total())
	par.Run(pieces(m.n), (*misfits)(m))
	return m.total() + total
}

// misfits sums p_ij ln(p_ij / w_ij), to which ln sum w is added once, the p_ij being 1 in
// all.
type misfits plane

func (m *misfits) Do(_, piece int) {
	for i := piece * rowsAtOnce; i < min(m.n, (piece+1)*rowsAtOnce); i++ {
		m.sums[i] = 0
		for j, p := range m.p[i*m.n:][:m.n] {
			if p > 0 {
				dx, dy := m.x.at[i]-m.x.at[j], m.y.at[i]-m.y.at[j]
				m.sums[i] += p * math.Log(p*(1+dx*dx+dy*dy))
			}
		}
	}
}

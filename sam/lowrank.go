package sam

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/internal/lowrank"
	"github.com/monge-ml/monge/vec"
)

// lowRank is the metric I + U Uᵀ of several gradients, U = [sqrt(c_1) u_1 .. sqrt(c_m) u_m] (Woodbury):
//
//	v = G⁻¹d = d - U (I + UᵀU)⁻¹ Uᵀd,  s² = dᵀv
//
// with a solve of m equations in float64. One column, the gradient with c = alpha², is M-SAM's.
type lowRank[F vec.Float] struct {
	columns func(theta []F) error // fills u and c
	u       [][]F
	c       []float64
	k, y, r []float64 // I + UᵀU, the solution, Uᵀd
}

// Measure returns the lengths of d and leaves G⁻¹d in z.
func (m *lowRank[F]) Measure(z, theta, d []F) (Lengths, error) {
	if err := m.columns(theta); err != nil {
		return Lengths{}, err
	}
	n := len(m.u)
	if len(m.y) != n {
		m.k, m.y, m.r = make([]float64, n*n), make([]float64, n), make([]float64, n)
	}
	norm := vec.Norm(d)
	for i, u := range m.u {
		root := math.Sqrt(m.c[i])
		m.r[i] = root * vec.Dot(u, d)
		for j := range i + 1 {
			m.k[i*n+j] = root * math.Sqrt(m.c[j]) * vec.Dot(u, m.u[j])
		}
		m.k[i*n+i]++
	}
	copy(m.y, m.r)
	if !lowrank.Solve(m.k, m.y) {
		return Lengths{Grad: norm, Dual: math.NaN(), Direct: math.NaN()}, nil // gradients that overflow, which the step tells
	}
	s2 := norm * norm
	for i, y := range m.y {
		s2 -= m.r[i] * y
		m.y[i] = y * math.Sqrt(m.c[i])
	}
	for i, x := range d {
		v := float64(x) // in float64: what is left may be little
		for k, u := range m.u {
			v -= m.y[k] * float64(u[i])
		}
		z[i] = F(v)
	}
	return Lengths{Grad: norm, Dual: math.Sqrt(max(s2, 0)), Direct: vec.Norm(z)}, nil
}

// Displace sets z = theta + c·G⁻¹d.
func (m *lowRank[F]) Displace(z, theta, _ []F, c float64) { vec.AddScaled(z, theta, c, z) }

// vectors returns m vectors of n numbers.
func vectors[F vec.Float](m, n int) [][]F {
	list := make([][]F, m)
	for i := range list {
		list[i] = make([]F, n)
	}
	return list
}

// fill sets all to one value.
func fill(x []float64, v float64) []float64 {
	for i := range x {
		x[i] = v
	}
	return x
}

// alphaSquared is that of a metric of several gradients.
func alphaSquared(p Params) (float64, error) {
	a := *p.Alpha
	if !(a >= 0) || math.IsInf(a, 1) {
		return 0, fmt.Errorf("alpha is %g; it must be a finite number >= 0", a)
	}
	return a * a, nil
}

// The numbers that several of these metrics have.
var (
	betaNumber   = Number{Name: "beta", Help: "share of the earlier gradients in the metric", Default: .9}
	pointsNumber = Number{Name: "metric-points", Help: "gradients that the metric is made of beside that at theta", Default: 4}
	spreadNumber = Number{Name: "metric-spread", Help: "standard deviation of the points nearby, in each parameter", Default: .01}
)

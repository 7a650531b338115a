// Package lowrank solves linear systems whose matrix is the identity plus one of low rank, which is all
// that a metric of a few gradients is.
package lowrank

import (
	"fmt"
	"math"
)

// Weights returns w = (1/b)(I + scale K)⁻¹ 1 for the Gram matrix k, b x b, of vectors g_i: k[i*b+j] =
// g_i·g_j, of which the lower half is read. For the metric G = I + scale * sum of g_i g_iᵀ and the mean g of
// the g_i, G⁻¹g is the sum of w_i g_i (push-through identity), and with scale = a²/b the metric is that
// of the empirical Fisher matrix. Weights may be negative.
//
// A matrix so large or so badly rounded that I + scale K is not positive definite, as happens
// where scale times the largest eigenvalue comes near the inverse of k's own rounding error, is an
// error.
func Weights(k []float64, b int, scale float64) ([]float64, error) {
	switch {
	case b < 1 || len(k) != b*b:
		return nil, fmt.Errorf("low rank: %d elements for the products of %d vectors; there must be %d", len(k), b, b*b)
	case !(scale >= 0) || math.IsInf(scale, 0):
		return nil, fmt.Errorf("low rank: the scale of the products is %g; it must be at least 0 and finite", scale)
	}
	l := make([]float64, b*b)
	for i := range b {
		for j := range i + 1 {
			l[i*b+j] = scale * k[i*b+j]
		}
		l[i*b+i]++
	}
	if i := factor(l, b); i >= 0 {
		return nil, fmt.Errorf("low rank: I + %g K is not positive definite, as pivot %d of %d shows: "+
			"its entries are not finite, or rounded too coarsely for so large a scale; take a smaller one", scale, i, b)
	}
	w := make([]float64, b)
	for i := range w {
		w[i] = 1 / float64(b)
	}
	solve(l, w)
	return w, nil
}

// Solve replaces y by the solution of k x = y for a symmetric k, len(y) x len(y), of which the lower half is read and lost. It
// reports whether k is positive definite.
func Solve(k, y []float64) bool {
	if factor(k, len(y)) >= 0 {
		return false
	}
	solve(k, y)
	return true
}

// factor replaces the lower half of a by L with L Lᵀ = a (Cholesky). It returns the pivot that was not positive,
// or -1.
func factor(a []float64, n int) int {
	for j := range n {
		row := a[j*n : j*n+j+1]
		d := row[j] - dot(row[:j], row[:j])
		if !(d > 0) || math.IsInf(d, 0) {
			return j
		}
		row[j] = math.Sqrt(d)
		for i := j + 1; i < n; i++ {
			a[i*n+j] = (a[i*n+j] - dot(a[i*n:i*n+j], row[:j])) / row[j]
		}
	}
	return -1
}

// solve replaces x by the solution of L Lᵀ y = x.
func solve(l, x []float64) {
	n := len(x)
	for i := range n {
		x[i] = (x[i] - dot(l[i*n:i*n+i], x[:i])) / l[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		x[i] /= l[i*n+i]
		for j, v := range l[i*n : i*n+i] {
			x[j] -= v * x[i]
		}
	}
}

func dot(x, y []float64) (sum float64) {
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

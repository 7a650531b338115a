package score

import (
	"cmp"
	"math"
	"slices"
)

// Pearson is the correlation coefficient of two lists of the same length: NaN where one of them does
// not vary, or has a NaN.
func Pearson(x, y []float64) float64 {
	mx, my := mean(x), mean(y)
	var xx, yy, xy float64
	for i, v := range x {
		a, b := v-mx, y[i]-my
		xx, yy, xy = xx+a*a, yy+b*b, xy+a*b
	}
	if constant(x) || constant(y) {
		return math.NaN()
	}
	r := xy / (math.Sqrt(xx) * math.Sqrt(yy))
	return max(-1, min(1, r)) // of rounding
}

// Spearman is the rank correlation coefficient: Pearson's of the ranks, of which equal numbers have
// the mean of theirs.
func Spearman(x, y []float64) float64 {
	if hasNaN(x) || hasNaN(y) {
		return math.NaN()
	}
	return Pearson(ranks(x), ranks(y))
}

func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v
	}
	return m / float64(len(x))
}

func constant(x []float64) bool {
	return len(x) < 2 || !slices.ContainsFunc(x, func(v float64) bool { return v != x[0] })
}

func hasNaN(x []float64) bool { return slices.ContainsFunc(x, math.IsNaN) }

// ranks are the places of numbers in their order, from 1.
func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	out := make([]float64, len(x))
	for at := 0; at < len(order); {
		end := at + 1
		for end < len(order) && x[order[end]] == x[order[at]] {
			end++
		}
		for _, i := range order[at:end] {
			out[i] = float64(at+1+end) / 2
		}
		at = end
	}
	return out
}

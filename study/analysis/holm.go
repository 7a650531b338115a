package analysis

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/monge-ml/monge/train"
)

// Level is the probability of chance below which a difference counts.
const Level = .05

// chanceOf is the two-sided p-value of Student's t for the mean of n differences with this standard
// error: 1 where all are 0.
func chanceOf(mean, stderr float64, n int) float64 {
	if mean == 0 {
		return 1
	}
	return 2 * distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.CDF(-math.Abs(mean/stderr))
}

// Holm returns p-values corrected for their number, by Holm's step-down ("A simple sequentially
// rejective multiple test procedure", Scandinavian Journal of Statistics 1979): with those below
// [Level], the probability that any of them is one of chance is at most that, however they depend on
// each other. NaN is no test, and stays NaN.
func Holm(p []float64) []float64 {
	out := slices.Clone(p)
	var order []int
	for i, x := range p {
		if !math.IsNaN(x) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	least := 0.
	for k, i := range order {
		least = max(least, min(1, float64(len(order)-k)*p[i]))
		out[i] = least
	}
	return out
}

// correct fills in the corrected p-values of contrasts that stand in one table.
func correct(list []Contrast) {
	p := make([]float64, len(list))
	for i, k := range list {
		p[i] = float64(k.P)
	}
	for i, x := range Holm(p) {
		list[i].Corrected = train.Real(x)
	}
}

// Judged is how many of the contrasts have seeds enough for a verdict: for so many comparisons their
// p-values are corrected.
func Judged(list []Contrast) (n int) {
	for _, k := range list {
		if k.Verdict != Unknown {
			n++
		}
	}
	return n
}

// Counts reports whether the difference counts by itself, as its interval says.
func (k *Contrast) Counts() bool { return k.Verdict == Ahead || k.Verdict == Behind }

// Stands reports whether the difference counts among all those of its table too.
func (k *Contrast) Stands() bool { return k.Counts() && float64(k.Corrected) < Level }

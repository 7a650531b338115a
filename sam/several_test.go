package sam_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// perturbation returns the delta of the last of some steps of M-SAM with another length, at theta, of a loss whose gradient at a
// step is given. Theta stays where it is.
func perturbation(t *testing.T, length string, alpha float64, own map[string]float64, theta []float64, steps int, gradient func(step int, grad, at []float64)) []float64 {
	t.Helper()
	m, err := sam.FindMethod("m-sam")
	if err != nil {
		t.Fatal(err)
	}
	if m, err = m.With("", length, ""); err != nil {
		t.Fatal(err)
	}
	s, err := sam.SettingsOf[float64](m, sam.Params{Rho: sam.Constant(.7), Alpha: &alpha, Own: own})
	if err != nil {
		t.Fatal(err)
	}
	base, err := optim.NewSGD[float64](len(theta), optim.SGDSettings{LR: optim.Constant(0)})
	if err != nil {
		t.Fatal(err)
	}
	st, err := sam.New(len(theta), base, s)
	if err != nil {
		t.Fatal(err)
	}
	delta := make([]float64, len(theta))
	for i := range steps {
		obj := sam.Func(func(grad, at []float64) float64 {
			floats.SubTo(delta, at, theta) // the last gradient of a step is that at theta+delta
			gradient(i, grad, at)
			return 0
		})
		if _, err := st.Step(append([]float64(nil), theta...), obj); err != nil {
			t.Fatal(err)
		}
	}
	return delta
}

// wantDelta compares with rho G⁻¹g / sqrt(gᵀG⁻¹g), solved by gonum.
func wantDelta(t *testing.T, got []float64, metric *mat.SymDense, g []float64, tol float64) {
	t.Helper()
	var v mat.VecDense
	if err := v.SolveVec(metric, mat.NewVecDense(len(g), g)); err != nil {
		t.Fatal(err)
	}
	v.ScaleVec(.7/math.Sqrt(floats.Dot(g, v.RawVector().Data)), &v)
	if d := floats.Distance(got, v.RawVector().Data, 2); !(d <= tol*floats.Norm(got, 2)) {
		t.Errorf("delta %v, want %v", got, v.RawVector().Data)
	}
}

func identity(n int) *mat.SymDense {
	m := mat.NewSymDense(n, nil)
	for i := range n {
		m.SetSym(i, i, 1)
	}
	return m
}

func vectorsOf(n, dim int, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 0))
	list := make([][]float64, n)
	for i := range list {
		for range dim {
			list[i] = append(list[i], rng.NormFloat64())
		}
	}
	return list
}

// The metrics of past gradients are what their sums say.
func TestMetricsOfThePast(t *testing.T) {
	const dim, steps, alpha, beta = 5, 6, 1.3, .8
	grads := vectorsOf(steps, dim, 1)
	given := func(step int, grad, _ []float64) { copy(grad, grads[step]) }
	theta, g := make([]float64, dim), grads[steps-1]

	recent := identity(dim)
	for k := range 4 { // points 3, and the one at hand
		recent.SymRankOne(recent, alpha*alpha*(1-beta)*math.Pow(beta, float64(k)), mat.NewVecDense(dim, grads[steps-1-k]))
	}
	wantDelta(t, perturbation(t, "recent", alpha, map[string]float64{"metric-points": 3, "beta": beta}, theta, steps, given), recent, g, 1e-10)

	mean := append([]float64(nil), grads[0]...)
	for _, x := range grads[1:] {
		floats.Scale(beta, mean)
		floats.AddScaled(mean, 1-beta, x)
	}
	running := identity(dim)
	running.SymRankOne(running, alpha*alpha, mat.NewVecDense(dim, mean))
	wantDelta(t, perturbation(t, "running", alpha, map[string]float64{"beta": beta}, theta, steps, given), running, g, 1e-10)

	square := floats.Dot(grads[0], grads[0])
	for _, x := range grads[1:] {
		square = beta*square + (1-beta)*floats.Dot(x, x)
	}
	norms := identity(dim)
	norms.ScaleSym(1+alpha*alpha*square, norms)
	wantDelta(t, perturbation(t, "running-norm", alpha, map[string]float64{"beta": beta}, theta, steps, given), norms, g, 1e-10)
}

// Sampled nearby on a quadratic the metric is I + alpha² (g gᵀ + spread² H²): exactly with as many points as parameters, and in
// the mean over points drawn.
func TestMetricsNearby(t *testing.T) {
	const dim, alpha, spread = 4, 1.2, .6
	h, theta := mat.NewSymDense(dim, nil), vectorsOf(1, dim, 2)[0]
	for i, row := range vectorsOf(dim, dim, 3) {
		for j := range i + 1 {
			h.SetSym(i, j, row[j])
		}
	}
	quadratic := func(_ int, grad, at []float64) {
		mat.NewVecDense(dim, grad).MulVec(h, mat.NewVecDense(dim, at))
	}
	g := make([]float64, dim)
	quadratic(0, g, theta)
	metric := identity(dim)
	metric.SymRankOne(metric, alpha*alpha, mat.NewVecDense(dim, g))
	for i := range dim {
		metric.SymRankOne(metric, alpha*alpha*spread*spread, mat.NewVecDense(dim, mat.Row(nil, i, h)))
	}
	wantDelta(t, perturbation(t, "hessian", alpha, map[string]float64{"metric-points": dim, "metric-spread": spread}, theta, 1, quadratic), metric, g, 1e-6)
	wantDelta(t, perturbation(t, "nearby", alpha, map[string]float64{"metric-points": 800, "metric-spread": spread}, theta, 1, quadratic), metric, g, .08)
}

// Of metrics with the same weights, that of the mean gradient is never more cautious than the mean of the metrics, nor SAM's than
// either: I <= I + alpha² m mᵀ <= I + alpha² sum w g gᵀ, whose difference is the gradients' covariance.
func TestMeanOfMetricsAboveMetricOfMean(t *testing.T) {
	const dim, steps, beta = 5, 60, .5
	own := map[string]float64{"beta": beta}
	strict := 0
	for seed := range uint64(20) {
		grads := vectorsOf(steps, dim, 10+seed)
		given := func(step int, grad, _ []float64) { copy(grad, grads[step]) }
		rise := func(length string, alpha float64, own map[string]float64) float64 {
			return floats.Dot(grads[steps-1], perturbation(t, length, alpha, own, make([]float64, dim), steps, given))
		}
		plain := rise("running", 0, own)
		mean := rise("running", 1, own)
		metrics := rise("recent", 1, map[string]float64{"beta": beta, "metric-points": steps}) // beta^60 is nothing
		if !(metrics <= mean*(1+1e-12) && mean <= plain*(1+1e-12)) {
			t.Errorf("seed %d: rises %g of the mean metric, %g of the mean gradient's, %g of SAM", seed, metrics, mean, plain)
		}
		if metrics < .99*mean {
			strict++
		}
	}
	if strict < 15 {
		t.Errorf("in %d of 20 only is the mean metric's rise smaller by a percent", strict)
	}
}

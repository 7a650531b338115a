package sam

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// lowRankOf is the metric I + sum of c_i u_i u_iᵀ.
func lowRankOf[F float32 | float64](c []float64, u ...[]F) *lowRank[F] {
	return &lowRank[F]{columns: func([]F) error { return nil }, u: u, c: c}
}

// dense is the same as a matrix.
func dense(n int, c []float64, u ...[]float64) *mat.Dense {
	G := mat.NewDense(n, n, nil)
	for i := range n {
		G.Set(i, i, 1)
	}
	for i, v := range u {
		x := mat.NewVecDense(n, v)
		G.RankOne(G, c[i], x, x)
	}
	return G
}

// The perturbation in a metric of several gradients is what a dense solver finds, reaches gᵀdelta = rho sqrt(gᵀG⁻¹g), and has
// length rho in the metric. One more gradient never makes it reach farther.
func TestLowRankIsGenericSolution(t *testing.T) {
	const n, rho = 9, .3
	rng := rand.New(rand.NewPCG(31, 32))
	for range 50 {
		g := normal(rng, n, 2)
		before := rho * math.Sqrt(inner(g, g))
		var u [][]float64
		var c []float64
		for range 1 + rng.IntN(12) { // also more of them than parameters
			u, c = append(u, normal(rng, n, 1)), append(c, math.Exp(rng.NormFloat64()))
			got := perturbation(t, Settings[float64]{Rho: Constant(rho), Metric: lowRankOf(c, u...)}, normal(rng, n, 1), g)
			G := dense(n, c, u...)
			want := generic(g, G, rho)
			if e := relative(got, want); !(e < 1e-10) {
				t.Fatalf("%d gradients: off by %g", len(u), e)
			}
			d := mat.NewVecDense(n, got)
			if q := math.Sqrt(mat.Inner(d, G, d)); !(math.Abs(q-rho) < 1e-10) {
				t.Fatalf("%d gradients: length %g in the metric, want %g", len(u), q, rho)
			}
			var v mat.VecDense
			if err := v.SolveVec(G, mat.NewVecDense(n, g)); err != nil {
				t.Fatal(err)
			}
			rise, s2 := inner(g, got), inner(g, v.RawVector().Data)
			if !(math.Abs(rise-rho*math.Sqrt(s2)) < 1e-10) {
				t.Fatalf("%d gradients: gᵀdelta %g, want rho sqrt(gᵀG⁻¹g) = %g", len(u), rise, rho*math.Sqrt(s2))
			}
			if !(rise <= before*(1+1e-12)) {
				t.Fatalf("gradient %d makes gᵀdelta %g of %g", len(u), rise, before)
			}
			before = rise
		}
	}
}

// Of one gradient, or of several that are the same, the metric is M-SAM's, with the sum of their weights for alpha². Gradients
// across the one at hand leave SAM's ball as it is.
func TestLowRankMembers(t *testing.T) {
	const n, rho = 6, .3
	rng := rand.New(rand.NewPCG(33, 34))
	for _, size := range []float64{1e-6, .1, 1, 30, 1e4} {
		theta, g := normal(rng, n, 1), normal(rng, n, size)
		of := func(s Settings[float64]) []float64 {
			s.Rho = Constant(rho)
			return perturbation(t, s, theta, g)
		}
		across := normal(rng, n, 3)
		by := inner(across, g) / inner(g, g)
		for i := range across {
			across[i] -= by * g[i]
		}
		for _, tt := range []struct {
			name      string
			got, want Settings[float64]
		}{
			{"one", Settings[float64]{Metric: lowRankOf([]float64{.7 * .7}, g)}, Settings[float64]{Alpha: .7}},
			{"three of a kind", Settings[float64]{Metric: lowRankOf([]float64{.2, .5, .3}, g, g, g)}, Settings[float64]{Alpha: 1}},
			{"one of no weight", Settings[float64]{Metric: lowRankOf([]float64{0}, g)}, Settings[float64]{}},
			{"across", Settings[float64]{Metric: lowRankOf([]float64{2}, across)}, Settings[float64]{}},
			{"none", Settings[float64]{Metric: lowRankOf[float64](nil)}, Settings[float64]{}},
		} {
			// Rounding weighs (alpha |g|)² times as much in G⁻¹g.
			if e := relative(of(tt.got), of(tt.want)); !(e < 1e-13*(1+size*size)) {
				t.Errorf("%s, |g| about %g: off by %g", tt.name, size, e)
			}
		}
	}
}

// In float32 what the metric leaves of a gradient, one part of 1e8, is as precise as float32 is.
func TestLowRankInFloat32(t *testing.T) {
	const n, rho = 1000, .3
	rng := rand.New(rand.NewPCG(35, 36))
	g, other := make([]float32, n), make([]float32, n)
	var size float64
	for i := range g {
		g[i], other[i] = float32(rng.NormFloat64()), float32(rng.NormFloat64())
		size += float64(g[i]) * float64(g[i])
	}
	size = math.Sqrt(size)
	alpha := 1e4 / size
	wide := make([]float64, n)
	for i, v := range g {
		wide[i] = float64(v)
	}
	for name, metric := range map[string]*lowRank[float32]{
		"one":     lowRankOf([]float64{alpha * alpha}, g),
		"the two": lowRankOf([]float64{alpha * alpha / 2, alpha * alpha / 2}, g, g),
	} {
		var at []float32
		st, err := New(n, &ignore[float32]{}, Settings[float32]{Rho: Constant(rho), Metric: metric})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Step(make([]float32, n), Func(func(grad, theta []float32) float64 {
			at = append(at[:0], theta...)
			copy(grad, g)
			return 0
		})); err != nil {
			t.Fatal(err)
		}
		c := rho / (size * math.Hypot(1, 1e4))
		for i, v := range at {
			if want := c * wide[i]; !(math.Abs(float64(v)-want) <= 1e-6*math.Abs(want)) {
				t.Fatalf("%s: delta [%d] is %g, want %g", name, i, v, want)
			}
		}
	}
}

// Beyond what float64 can tell the perturbation is still inside the ball.
func TestLowRankOfHugeGradients(t *testing.T) {
	const rho = .3
	for _, size := range []float64{1e7, 1e8, 1e9, 1e12, 1e100} {
		g := []float64{.6 * size, -.8 * size, .1 * size}
		d := perturbation(t, Settings[float64]{Rho: Constant(rho), Metric: lowRankOf([]float64{1, 1}, g, []float64{1, 2, 3})}, make([]float64, 3), g)
		if l := math.Sqrt(inner(d, d)); !(l <= rho) {
			t.Errorf("|g| about %g: |delta| %g", size, l)
		}
	}
}

package lowrank

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// gradients are the rows of a matrix b x n of normal numbers.
func gradients(b, n int) *mat.Dense {
	rng := rand.New(rand.NewPCG(1, uint64(b*n)))
	g := mat.NewDense(b, n, nil)
	for i := range b {
		for j := range n {
			g.Set(i, j, rng.NormFloat64())
		}
	}
	return g
}

// gram are the products of the rows.
func gram(g *mat.Dense) []float64 {
	var k mat.Dense
	k.Mul(g, g.T())
	return k.RawMatrix().Data
}

// mean is that of the rows.
func mean(g *mat.Dense) *mat.VecDense {
	b, n := g.Dims()
	m := mat.NewVecDense(n, nil)
	for i := range b {
		m.AddScaledVec(m, 1/float64(b), g.RowView(i))
	}
	return m
}

// combined is the sum of w_i g_i.
func combined(g *mat.Dense, w []float64) *mat.VecDense {
	var v mat.VecDense
	v.MulVec(g.T(), mat.NewVecDense(len(w), w))
	return &v
}

// apart is the largest difference of two matrices.
func apart(a, b mat.Matrix) float64 {
	var d mat.Dense
	d.Sub(a, b)
	return mat.Max(&absolute{&d})
}

type absolute struct{ mat.Matrix }

func (a absolute) At(i, j int) float64 { return math.Abs(a.Matrix.At(i, j)) }

// fisher is the mean of g_i g_iᵀ, the empirical Fisher matrix where the g_i are gradients of -log p.
func fisher(g *mat.Dense) *mat.Dense {
	b, _ := g.Dims()
	var f mat.Dense
	f.Mul(g.T(), g)
	f.Scale(1/float64(b), &f)
	return &f
}

// Weighted vectors are what the whole matrix gives, with more of them than dimensions or fewer.
func TestWeights(t *testing.T) {
	for _, b := range []int{1, 2, 5, 30} {
		for _, a2 := range []float64{0, .3, 100} {
			g := gradients(b, 8)
			w, err := Weights(gram(g), b, a2/float64(b))
			if err != nil {
				t.Fatal(err)
			}
			metric := fisher(g)
			metric.Scale(a2, metric)
			for i := range 8 {
				metric.Set(i, i, metric.At(i, i)+1)
			}
			var want mat.VecDense
			if err := want.SolveVec(metric, mean(g)); err != nil {
				t.Fatal(err)
			}
			if d := apart(combined(g, w), &want); !(d < 1e-12) {
				t.Errorf("%d vectors, a² %g: apart by %g", b, a2, d)
			}
		}
	}
}

func TestWeightsErrors(t *testing.T) {
	for want, f := range map[string]func() ([]float64, error){
		"3 elements for the products of 2 vectors":  func() ([]float64, error) { return Weights(make([]float64, 3), 2, 1) },
		"the scale of the products is NaN":          func() ([]float64, error) { return Weights([]float64{1}, 1, math.NaN()) },
		"the scale of the products is -1":           func() ([]float64, error) { return Weights([]float64{1}, 1, -1) },
		"pivot 1 of 2 shows":                        func() ([]float64, error) { return Weights([]float64{1, 0, 2, 1}, 2, 100) },
		"pivot 0 of 1 shows: its entries are not f": func() ([]float64, error) { return Weights([]float64{math.Inf(1)}, 1, 1) },
	} {
		if w, err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, error %v, want %q", w, err, want)
		}
	}
}

// The mean of g_B g_Bᵀ over all minibatches of size B drawn with replacement is
// (1-1/B) ∇L ∇Lᵀ + F/B: Monge's metric of minibatches lies between that of the whole loss and the empirical
// Fisher matrix F. All minibatches of 5 examples are enumerated.
func TestMongeOfMinibatches(t *testing.T) {
	const examples, n = 5, 4
	g := gradients(examples, n)
	all := mean(g)
	for _, size := range []int{1, 2, 3, 4} {
		minibatches := int(math.Pow(examples, float64(size)))
		got := mat.NewDense(n, n, nil)
		for i := range minibatches {
			batch := mat.NewVecDense(n, nil)
			for range size {
				batch.AddScaledVec(batch, 1/float64(size), g.RowView(i%examples))
				i /= examples
			}
			got.RankOne(got, 1/float64(minibatches), batch, batch)
		}
		want := fisher(g)
		want.Scale(1/float64(size), want)
		want.RankOne(want, 1-1/float64(size), all, all)
		if d := apart(got, want); !(d < 1e-13) {
			t.Errorf("minibatches of %d: apart by %g", size, d)
		}
	}
}

// The perturbation of length rho in the metric G = I + a² F is eps = rho v / sqrt(gᵀv), v = G⁻¹g. With
// rho/a = budget and independent g_i, a to infinity brings it to budget * F⁺g, by which the loss of
// every example rises by the budget, to first order. For finite a both are off by about 1/a² over the least
// eigenvalue of F.
func TestBudgetOfEachExample(t *testing.T) {
	const examples, n, budget, a = 6, 20, .05, 1e4
	g := gradients(examples, n)
	w, err := Weights(gram(g), examples, a*a/examples)
	if err != nil {
		t.Fatal(err)
	}
	v := combined(g, w)
	var eps mat.VecDense
	eps.ScaleVec(a*budget/math.Sqrt(mat.Dot(mean(g), v)), v)
	for i := range examples {
		if rise := mat.Dot(g.RowView(i), &eps); !(math.Abs(rise-budget) < 1e-8) {
			t.Errorf("example %d rises by %.10f, want %g", i, rise, budget)
		}
	}
	var svd mat.SVD // F⁺g, of F's rank alone
	if !svd.Factorize(fisher(g), mat.SVDThin) {
		t.Fatal("no singular values")
	}
	var limit mat.VecDense
	svd.SolveVecTo(&limit, mean(g), examples)
	limit.ScaleVec(budget, &limit)
	if d := apart(&eps, &limit); !(d < 1e-8) {
		t.Errorf("the perturbation is apart from budget F⁺g by %g", d)
	}
}

// The solver's solutions are those of gonum's Cholesky, and it says when there is none.
func TestSolve(t *testing.T) {
	for n := 1; n < 25; n++ {
		half, y := gradients(n, n), mat.Row(nil, 0, gradients(1, n))
		var k mat.SymDense
		k.SymOuterK(1, half)
		lower := make([]float64, n*n)
		for i := range n {
			k.SetSym(i, i, k.At(i, i)+1)
			for j := range n {
				if lower[i*n+j] = math.NaN(); j <= i { // the upper half is not read
					lower[i*n+j] = k.At(i, j)
				}
			}
		}
		var factor mat.Cholesky
		var want mat.VecDense
		if !factor.Factorize(&k) || factor.SolveVecTo(&want, mat.NewVecDense(n, append([]float64(nil), y...))) != nil {
			t.Fatal("gonum has no solution")
		}
		if !Solve(lower, y) {
			t.Errorf("%d equations: not positive", n)
		} else if e := apart(mat.NewVecDense(n, y), &want); !(e < 1e-11) {
			t.Errorf("%d equations: off by %g", n, e)
		}
	}
	for name, k := range map[string][]float64{"zero": {0}, "negative": {-1}, "NaN": {math.NaN()}, "infinite": {math.Inf(1)}, "indefinite": {1, 0, 2, 1}} {
		if Solve(k, make([]float64, int(math.Sqrt(float64(len(k)))))) {
			t.Errorf("%s: solved", name)
		}
	}
	if !Solve(nil, nil) {
		t.Error("no equations: no solution")
	}
}

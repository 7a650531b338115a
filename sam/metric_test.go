package sam

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// perturbation returns delta of one step's ascent at theta.
func perturbation(t *testing.T, s Settings[float64], theta, g []float64) []float64 {
	t.Helper()
	var delta []float64
	obj := Func(func(grad, at []float64) float64 {
		if delta == nil {
			delta = []float64{}
		} else {
			for i := range at {
				delta = append(delta, at[i]-theta[i])
			}
		}
		copy(grad, g)
		return 0
	})
	st, err := New(len(theta), &record{}, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Step(append([]float64(nil), theta...), obj); err != nil {
		t.Fatal(err)
	}
	return delta
}

// record is a base optimizer that only keeps the gradient it was given.
type record struct{ grad []float64 }

func (r *record) Step(_, grad []float64) error {
	r.grad = append(r.grad[:0], grad...)
	return nil
}
func (r *record) MarshalBinary() ([]byte, error) { return nil, nil }
func (r *record) UnmarshalBinary([]byte) error   { return nil }

func normal(rng *rand.Rand, n int, scale float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = scale * rng.NormFloat64()
	}
	return x
}

// relative is |a-b|/|b|.
func relative(a, b []float64) float64 {
	var d, n float64
	for i := range b {
		d += (a[i] - b[i]) * (a[i] - b[i])
		n += b[i] * b[i]
	}
	return math.Sqrt(d / n)
}

func inner(a, b []float64) (s float64) {
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// generic solves max gᵀd subject to dᵀGd <= rho² with a dense matrix:
// d = rho G⁻¹g / sqrt(gᵀG⁻¹g).
func generic(g []float64, G mat.Matrix, rho float64) []float64 {
	v := mat.NewVecDense(len(g), nil)
	if err := v.SolveVec(G, mat.NewVecDense(len(g), g)); err != nil {
		panic(err)
	}
	d := v.RawVector().Data
	s := math.Sqrt(inner(g, d))
	for i := range d {
		d[i] *= rho / s
	}
	return d
}

// monge returns B + alpha² g gᵀ for a diagonal B.
func monge(diag, g []float64, alpha float64) *mat.Dense {
	G := mat.NewDense(len(g), len(g), nil)
	for i := range g {
		for j := range g {
			G.Set(i, j, alpha*alpha*g[i]*g[j])
		}
		G.Set(i, i, G.At(i, i)+diag[i])
	}
	return G
}

// T1: every member's closed form is the solution of the constrained problem in its
// metric, found by a dense solver that knows none of the closed forms.
func TestClosedFormIsGenericSolution(t *testing.T) {
	const rho, n = .3, 7
	rng := rand.New(rand.NewPCG(1, 2))
	ones := func(theta, g []float64) []float64 {
		d := make([]float64, n)
		for i := range d {
			d[i] = 1
		}
		return d
	}
	fisher := func(eta float64) func(_, g []float64) []float64 {
		return func(_, g []float64) []float64 {
			d := make([]float64, n)
			for i := range d {
				d[i] = 1 + eta*g[i]*g[i]
			}
			return d
		}
	}
	adaptive := func(theta, _ []float64) []float64 {
		d := make([]float64, n)
		for i := range d {
			d[i] = math.Pow(math.Abs(theta[i])+.01, -2)
		}
		return d
	}
	square := Diagonal[float64]{Inverse: func(dst, theta []float64) {
		for i, v := range theta {
			dst[i] = v * v
		}
	}}
	squared := func(theta, _ []float64) []float64 {
		d := make([]float64, n)
		for i, v := range theta {
			d[i] = 1 / (v * v)
		}
		return d
	}
	solve := Solve[float64]{Solve: func(v, theta, g []float64) error {
		for i := range v {
			v[i] = g[i] * theta[i] * theta[i]
		}
		return nil
	}}
	tests := []struct {
		name  string
		set   Settings[float64]
		diag  func(theta, g []float64) []float64
		alpha float64
	}{
		{"sam", Settings[float64]{}, ones, 0},
		{"m-sam", Settings[float64]{Alpha: 1}, ones, 1},
		{"alpha .2", Settings[float64]{Alpha: .2}, ones, .2},
		{"budget .05", Settings[float64]{AscentBudget: Constant(.05)}, ones, rho / .05},
		{"fisher eta 1", Settings[float64]{Metric: Fisher[float64]{Eta: 1}}, fisher(1), 0},
		{"fisher eta .3", Settings[float64]{Metric: Fisher[float64]{Eta: .3}}, fisher(.3), 0},
		{"asam", Settings[float64]{Metric: Adaptive[float64]{Eta: .01}}, adaptive, 0},
		{"asam with a loss axis", Settings[float64]{Metric: Adaptive[float64]{Eta: .01}, Alpha: 2}, adaptive, 2},
		{"diagonal", Settings[float64]{Metric: square, Alpha: 1}, squared, 1},
		{"solve", Settings[float64]{Metric: solve, Alpha: 1}, squared, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 20 {
				theta, g := normal(rng, n, 1), normal(rng, n, 2)
				tt.set.Rho = Constant(rho)
				got := perturbation(t, tt.set, theta, g)
				G := monge(tt.diag(theta, g), g, tt.alpha)
				want := generic(g, G, rho)
				if e := relative(got, want); !(e < 1e-12) {
					t.Fatalf("delta differs from the generic solution by %g:\n%v\n%v", e, got, want)
				}
				d := mat.NewVecDense(n, got)
				if q := math.Sqrt(mat.Inner(d, G, d)); !(math.Abs(q-rho) < 1e-12) {
					t.Fatalf("delta has length %g in its metric, want rho = %g", q, rho)
				}
			}
		})
	}
}

// Equation 9 as the paper prints it, on the first step of its figure 1.
func TestFigure1FirstStep(t *testing.T) {
	theta, g := []float64{-1.5, .5}, []float64{-1.75, 5.25}
	for _, tt := range []struct {
		alpha float64
		want  []float64
	}{{0, []float64{-1.8162, 1.4487}}, {1, []float64{-1.5562, .6687}}} {
		d := perturbation(t, Settings[float64]{Rho: Constant(1), Alpha: tt.alpha}, theta, g)
		for i := range d {
			if got := theta[i] + d[i]; !(math.Abs(got-tt.want[i]) < 5e-5) {
				t.Errorf("alpha %g: perturbed point [%d] = %.5f, want %.4f", tt.alpha, i, got, tt.want[i])
			}
		}
		if tt.alpha == 1 && !(math.Abs(math.Sqrt(inner(d, d))-.17782) < 5e-6) {
			t.Errorf("|delta| = %g, want .17782", math.Sqrt(inner(d, d)))
		}
	}
}

// T2 and T3: under a linear map theta = A psi the step with the base metric AᵀA moves
// theta as it would in the original coordinates; the naive step with B = I does not,
// unless A is orthogonal.
func TestLinearMap(t *testing.T) {
	const n, rho = 5, .3
	rng := rand.New(rand.NewPCG(3, 4))
	A := mat.NewDense(n, n, normal(rng, n*n, 1))
	var qr mat.QR
	qr.Factorize(A)
	var Q mat.Dense
	qr.QTo(&Q)
	g := normal(rng, n, 3)
	theta := normal(rng, n, 1)
	want := perturbation(t, Settings[float64]{Rho: Constant(rho), Alpha: 1}, theta, g)

	inPsi := func(A mat.Matrix, alpha float64, metric Metric[float64]) []float64 {
		var gpsi, back mat.VecDense
		gpsi.MulVec(A.T(), mat.NewVecDense(n, g))
		d := perturbation(t, Settings[float64]{Rho: Constant(rho), Alpha: alpha, Metric: metric}, theta, gpsi.RawVector().Data)
		back.MulVec(A, mat.NewVecDense(n, d))
		return back.RawVector().Data
	}
	covariant := Solve[float64]{Solve: func(v, _, g []float64) error {
		var B mat.Dense
		B.Mul(A.T(), A)
		return mat.NewVecDense(n, v).SolveVec(&B, mat.NewVecDense(n, g))
	}}
	if e := relative(inPsi(A, 1, covariant), want); !(e < 1e-10) {
		t.Errorf("with B = AᵀA the displacement differs by %g, want < 1e-10", e)
	}
	if e := relative(inPsi(A, 1, nil), want); !(e > 1e-2) {
		t.Errorf("naive M-SAM under a linear map differs by %g only; it is not invariant and must differ", e)
	}
	if e := relative(inPsi(&Q, 1, nil), want); !(e < 1e-12) {
		t.Errorf("naive M-SAM under an orthogonal map differs by %g, want < 1e-12", e)
	}
}

// T4: the displacement in theta under theta = a psi, |g| = 6.83, rho = .3, as the digest
// tabulates it.
func TestScalarMap(t *testing.T) {
	const n, rho = 6.83, .3
	sam := map[float64]float64{.1: .03, .5: .15, 1: .3, 2: .6, 10: 3}
	naive := map[float64]float64{.1: .02477, .5: .04215, 1: .04346, 2: .04380, 10: .04391}
	for a := range sam {
		g := []float64{a * n} // in psi
		theta := []float64{1}
		base := Diagonal[float64]{Inverse: func(dst, _ []float64) { dst[0] = 1 / (a * a) }}
		for _, tt := range []struct {
			name string
			set  Settings[float64]
			want float64
		}{
			{"SAM", Settings[float64]{}, sam[a]},
			{"naive M-SAM", Settings[float64]{Alpha: 1}, naive[a]},
			{"covariant M-SAM", Settings[float64]{Alpha: 1, Metric: base}, .04346},
		} {
			tt.set.Rho = Constant(rho)
			got := a * perturbation(t, tt.set, theta, g)[0]
			if !(math.Abs(got-tt.want) < 1e-5) {
				t.Errorf("a = %g, %s: displacement %.5f, want %.5f", a, tt.name, got, tt.want)
			}
		}
	}
}

// T5: under a nonlinear map the covariant perturbation agrees to first order only: the
// error of the point, over rho, falls like rho.
func TestNonlinearMapIsFirstOrder(t *testing.T) {
	// theta_i = sinh(psi_i); J = diag(cosh psi).
	psi := []float64{.4, -.7, 1.1}
	theta, gTheta, gPsi := make([]float64, 3), []float64{1.3, -.4, .8}, make([]float64, 3)
	for i, p := range psi {
		theta[i] = math.Sinh(p)
		gPsi[i] = math.Cosh(p) * gTheta[i]
	}
	base := Diagonal[float64]{Inverse: func(dst, psi []float64) {
		for i, p := range psi {
			dst[i] = math.Pow(math.Cosh(p), -2)
		}
	}}
	errorOverRho := func(rho float64) float64 {
		d := perturbation(t, Settings[float64]{Rho: Constant(rho), Alpha: 1}, theta, gTheta)
		dpsi := perturbation(t, Settings[float64]{Rho: Constant(rho), Alpha: 1, Metric: base}, psi, gPsi)
		var e float64
		for i := range d {
			e += math.Pow(math.Sinh(psi[i]+dpsi[i])-(theta[i]+d[i]), 2)
		}
		return math.Sqrt(e) / rho
	}
	for _, rho := range []float64{.3, .1, .03} {
		ratio := errorOverRho(rho) / errorOverRho(rho/10)
		if !(ratio > 8 && ratio < 12) {
			t.Errorf("rho %g: a tenth of the radius makes the error over rho %.2f times smaller, want about 10", rho, ratio)
		}
	}
}

// T6: one update of theta through psi with theta = A psi: the covariant perturbation
// alone does not make the step invariant, the preconditioned descent does.
func TestPreconditionedDescent(t *testing.T) {
	const n, lr = 4, .01
	rng := rand.New(rand.NewPCG(5, 6))
	A := mat.NewDense(n, n, normal(rng, n*n, 1))
	var B mat.Dense
	B.Mul(A.T(), A)
	theta := normal(rng, n, 1)
	loss := func(grad, theta []float64) float64 { // a quartic, so that the point matters
		var f float64
		for i, v := range theta {
			f += math.Pow(v, 4)/4 + float64(i)*v
			grad[i] = v*v*v + float64(i)
		}
		return f
	}
	inPsi := func(grad, psi []float64) float64 {
		var at, g mat.VecDense
		at.MulVec(A, mat.NewVecDense(n, psi))
		gTheta := make([]float64, n)
		f := loss(gTheta, at.RawVector().Data)
		g.MulVec(A.T(), mat.NewVecDense(n, gTheta))
		copy(grad, g.RawVector().Data)
		return f
	}
	solve := Solve[float64]{Solve: func(v, _, g []float64) error {
		return mat.NewVecDense(n, v).SolveVec(&B, mat.NewVecDense(n, g))
	}}
	update := func(set Settings[float64], theta []float64, obj func(_, _ []float64) float64) []float64 {
		set.Rho, set.Alpha = Constant(.3), 1
		r := &record{}
		st, err := New(n, r, set)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.Step(theta, Func(obj)); err != nil {
			t.Fatal(err)
		}
		return r.grad
	}
	back := func(u []float64) []float64 {
		var v mat.VecDense
		v.MulVec(A, mat.NewVecDense(n, u))
		return v.RawVector().Data
	}
	var psi mat.VecDense
	if err := psi.SolveVec(A, mat.NewVecDense(n, theta)); err != nil {
		t.Fatal(err)
	}
	want := update(Settings[float64]{}, theta, loss)
	with := back(update(Settings[float64]{Metric: solve, PreconditionDescent: true}, psi.RawVector().Data, inPsi))
	without := back(update(Settings[float64]{Metric: solve}, psi.RawVector().Data, inPsi))
	if e := relative(with, want); !(e < 1e-10) {
		t.Errorf("preconditioned: the update differs by %g, want < 1e-10", e)
	}
	if e := relative(without, want); !(e > 1e-2) {
		t.Errorf("not preconditioned: the update differs by %g only; it is not invariant and must differ", e)
	}
}

// T7: the banana's rescaling (t1, t2) -> (c t1, t2/c) leaves the loss as it is. The
// identity base does not follow it, ASAM's does, with and without a loss axis.
func TestRescalingSymmetry(t *testing.T) {
	const rho = .3
	want := []struct {
		name  string
		set   Settings[float64]
		loss  [3]float64 // at the perturbed point, for c = 1, 2, 5
		every bool
	}{
		{"SAM", Settings[float64]{}, [3]float64{5.069, 7.079, 16.011}, false},
		{"M-SAM", Settings[float64]{Alpha: 1}, [3]float64{3.36797, 3.36868, 3.36963}, false},
		{"ASAM", Settings[float64]{Metric: Adaptive[float64]{}}, [3]float64{4.41819, 4.41819, 4.41819}, true},
		{"M-SAM on ASAM's base", Settings[float64]{Metric: Adaptive[float64]{}, Alpha: 1}, [3]float64{3.367399, 3.367399, 3.367399}, true},
	}
	for _, tt := range want {
		var got [3]float64
		for i, c := range []float64{1, 2, 5} {
			x, y := -1.5*c, .5/c
			r := 1 - x*y
			tt.set.Rho = Constant(rho)
			d := perturbation(t, tt.set, []float64{x, y}, []float64{-2 * r * y, -2 * r * x})
			got[i] = math.Pow(1-(x+d[0])*(y+d[1]), 2)
			if !(math.Abs(got[i]-tt.loss[i]) < 6e-4*tt.loss[i]) {
				t.Errorf("%s, c = %g: loss %.6f, want %.6f", tt.name, c, got[i], tt.loss[i])
			}
		}
		same := math.Abs(got[2]-got[0]) < 1e-12*got[0]
		if same != tt.every {
			t.Errorf("%s: losses %v; the same for every c: %v, want %v", tt.name, got, same, tt.every)
		}
	}
}

// T7, whole trajectories: with B⁻¹ = diag(theta²) in both places, starts that the
// rescaling maps to one another end at points that it maps to one another.
func TestRescaledTrajectories(t *testing.T) {
	var ends [][2]float64
	for _, c := range []float64{1, 2, 5} {
		theta := []float64{-1.5 * c, .5 / c}
		st, err := New(2, &descent{lr: .01}, Settings[float64]{
			Rho: Constant(.3), Alpha: 1, Metric: Adaptive[float64]{}, PreconditionDescent: true})
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			if _, err := st.Step(theta, Func(banana)); err != nil {
				t.Fatal(err)
			}
		}
		ends = append(ends, [2]float64{theta[0] / c, theta[1] * c})
	}
	for _, e := range ends[1:] {
		if !(math.Abs(e[0]-ends[0][0]) < 1e-8 && math.Abs(e[1]-ends[0][1]) < 1e-8) {
			t.Errorf("mapped-back ends differ: %v", ends)
		}
	}
}

func banana(grad, theta []float64) float64 {
	r := 1 - theta[0]*theta[1]
	grad[0], grad[1] = -2*r*theta[1], -2*r*theta[0]
	return r * r
}

// descent is gradient descent.
type descent struct{ lr float64 }

func (d *descent) Step(theta, grad []float64) error {
	for i, g := range grad {
		theta[i] -= d.lr * g
	}
	return nil
}
func (d *descent) MarshalBinary() ([]byte, error) { return nil, nil }
func (d *descent) UnmarshalBinary([]byte) error   { return nil }

// T8: scaling the loss changes M-SAM's perturbation and not SAM's, nor that of an ascent
// budget scaled with it.
func TestLossScale(t *testing.T) {
	const rho, n = .3, 6.83
	want := map[float64]float64{.01: .2993, 1: .0435, 100: .00044}
	for c, norm := range want {
		g := []float64{c * n}
		for _, tt := range []struct {
			set  Settings[float64]
			want float64
		}{
			{Settings[float64]{}, rho},
			{Settings[float64]{Alpha: 1}, norm},
			{Settings[float64]{AscentBudget: Constant(.3 * c)}, .0435},
		} {
			tt.set.Rho = Constant(rho)
			if d := perturbation(t, tt.set, []float64{0}, g)[0]; !(math.Abs(d-tt.want) < 1e-4) {
				t.Errorf("loss scaled by %g, alpha %g, budget %v: |delta| = %g, want %g", c, tt.set.Alpha, tt.set.AscentBudget, d, tt.want)
			}
		}
	}
}

// The budget bounds the predicted ascent, and with an infinite radius meets it.
func TestAscentBudget(t *testing.T) {
	for _, n := range []float64{1e-6, .1, 1, 30} {
		for _, rho := range []float64{.01, 1, 1e6, math.Inf(1)} {
			const b = .08
			st, err := New(1, &record{}, Settings[float64]{Rho: Constant(rho), AscentBudget: Constant(b)})
			if err != nil {
				t.Fatal(err)
			}
			r, err := st.Step([]float64{2}, Func(func(g, _ []float64) float64 { g[0] = n; return 0 }))
			if err != nil {
				t.Fatal(err)
			}
			want := b
			if !math.IsInf(rho, 1) {
				want = rho * n / math.Sqrt(1+rho*rho*n*n/(b*b))
			}
			if !(math.Abs(r.PredictedAscent-want) <= 1e-12*want && r.PredictedAscent <= b*(1+1e-12)) {
				t.Errorf("|g| %g, rho %g: predicted ascent %g, want %g", n, rho, r.PredictedAscent, want)
			}
		}
	}
}

// Gradients of extreme size neither underflow nor overflow, in either precision.
func TestExtremeGradients(t *testing.T) {
	t.Run("float32", extremes[float32])
	t.Run("float64", extremes[float64])
}

func extremes[F float32 | float64](t *testing.T) {
	for _, size := range []float64{1e-38, 1e-30, 1, 1e30} {
		for _, alpha := range []float64{0, 1} {
			for _, m := range []Metric[F]{Euclidean[F]{}, Fisher[F]{Eta: 1}, Adaptive[F]{Eta: 1}} {
				name := fmt.Sprintf("|g| %g alpha %g %T", size, alpha, m)
				rho := .5
				st, err := New(2, &ignore[F]{}, Settings[F]{Rho: Constant(rho), Alpha: alpha, Metric: m})
				if err != nil {
					t.Fatal(err)
				}
				var at []F
				r, err := st.Step([]F{0, 0}, Func(func(g, theta []F) float64 {
					at = append(at[:0], theta...)
					g[0], g[1] = F(.6*size), F(-.8*size)
					return 0
				}))
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				got := math.Hypot(float64(at[0]), float64(at[1]))
				if !(math.Abs(got-r.DeltaNorm) <= 1e-5*r.DeltaNorm) || !(r.DeltaNorm > 0) {
					t.Errorf("%s: moved by %g, reported |delta| %g", name, got, r.DeltaNorm)
				}
				if _, plain := m.(Euclidean[F]); plain {
					want := rho / math.Hypot(1, alpha*size)
					if !(math.Abs(r.DeltaNorm-want) <= 1e-6*want) {
						t.Errorf("%s: |delta| = %g, want %g", name, r.DeltaNorm, want)
					}
				}
				if !(math.Abs(r.GradNorm-size) < 1e-5*size) {
					t.Errorf("%s: |g| reported as %g", name, r.GradNorm)
				}
			}
		}
	}
}

type ignore[F float32 | float64] struct{}

func (ignore[F]) Step(_, _ []F) error            { return nil }
func (ignore[F]) MarshalBinary() ([]byte, error) { return nil, nil }
func (ignore[F]) UnmarshalBinary([]byte) error   { return nil }

package toy

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

var balls = []Ball{{0, 0}, {.3, 0}, {.3, 1}, {1, 0}, {1, 1}, {.8, 2.5}}

// flowPoints are not stationary.
var flowPoints = [][]float64{{-1.5, .5}, {.3, -.2}, {2, 1.7}, {-.1, -.4}, {.05, .02}}

// A is what the flow's Jacobian would be if rho tilde were a constant.
func TestAIsFrozenJacobian(t *testing.T) {
	each(t, func(t *testing.T, loss Loss) {
		k := loss.Dim()
		for _, b := range balls {
			for _, p := range flowPoints {
				x := at(loss, p)
				g := make([]float64, k)
				loss.Gradient(g, x)
				radius := b.EffectiveRadius(floats.Norm(g, 2))
				frozen := func(y, x []float64) {
					z := make([]float64, k)
					loss.Gradient(z, x)
					floats.AddScaledTo(z, x, radius, z)
					loss.Gradient(y, z)
				}
				a := make([]float64, k*k)
				b.A(a, loss, x)
				wantClose(t, "A", a, jacobian(frozen, x), 1e-6)
			}
		}
	})
}

func TestJacobianIsExact(t *testing.T) {
	each(t, func(t *testing.T, loss Loss) {
		k := loss.Dim()
		for _, b := range balls {
			for _, p := range flowPoints {
				x := at(loss, p)
				a := make([]float64, k*k)
				b.Jacobian(a, loss, x)
				want := jacobian(func(y, x []float64) { b.Flow(y, loss, x) }, x)
				floats.Scale(-1, want)
				wantClose(t, "Jacobian", a, want, 1e-6)
			}
		}
	})
}

func TestEffectiveRadius(t *testing.T) {
	const n = 5.533985905294664 // figure 1's first gradient
	got := []float64{Ball{1, 0}.EffectiveRadius(n), Ball{1, 1}.EffectiveRadius(n) * n}
	wantClose(t, "rho tilde of SAM, |delta| of M-SAM", got, []float64{1 / n, .17782}, 1e-4)
	if r := (Ball{0, 1}).EffectiveRadius(0); r != 0 {
		t.Errorf("rho tilde of rho 0 at n 0 is %g", r)
	}
	for _, n := range []float64{1e-3, .1, 1, 10, 1e3} {
		if !((Ball{1, 1}).EffectiveRadius(n) <= Ball{1, 0}.EffectiveRadius(n)) {
			t.Errorf("at n = %g M-SAM's effective radius is larger than SAM's", n)
		}
	}
}

// At an exactly zero gradient the flow's perturbation is zero and A undefined, except
// that without a ball it is the Hessian.
func TestZeroGradient(t *testing.T) {
	y := make([]float64, 2)
	Ball{1, 1}.Flow(y, Banana{}, []float64{0, 0})
	wantClose(t, "flow at the saddle", y, []float64{0, 0}, 0)
	a := make([]float64, 4)
	Ball{1, 1}.A(a, Banana{}, []float64{0, 0})
	if v := SmallestEigenvalue(a); !math.IsNaN(v) || Attractor(a) {
		t.Errorf("A at the saddle: smallest eigenvalue %g, attractor %t", v, Attractor(a))
	}
	Ball{0, 1}.A(a, Banana{}, []float64{0, 0})
	wantClose(t, "A of rho 0", a, []float64{0, -2, -2, 0}, 0)
	if Attractor(a) {
		t.Error("the saddle attracts gradient descent")
	}
}

func TestEq11(t *testing.T) {
	tests := []struct {
		name     string
		lambda   []float64
		critical float64
	}{
		{"the paper's saddle", []float64{-3, 3}, 1. / 3},
		{"the paper's maximum", []float64{-3, -3}, 1. / 3},
		{"the banana's saddle", []float64{-2, 2}, .5},
		{"a minimum", []float64{.5, 2}, 0},
		{"two negative curvatures: the flatter binds", []float64{-1, -3}, 1},
		{"a flat direction", []float64{-3, 0}, math.Inf(1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := CriticalRadius(tt.lambda); got != tt.critical {
				t.Errorf("critical radius %g, want %g", got, tt.critical)
			}
			above, below := StableEquilibrium(tt.lambda, tt.critical+1e-3), StableEquilibrium(tt.lambda, tt.critical-1e-3)
			if above == math.IsInf(tt.critical, 1) {
				t.Errorf("above the critical radius stable is %t", above)
			}
			if below != (tt.critical == 0) {
				t.Errorf("below the critical radius stable is %t", below)
			}
		})
	}
	if !StableEquilibrium([]float64{-3, 3}, .35) {
		t.Error("the paper's example, rho tilde .35, is not stable")
	}
}

// Near the saddle A's eigenvalues tend to eq. 11's lambda + rho tilde lambda².
func TestANearTheSaddle(t *testing.T) {
	a, x := make([]float64, 4), []float64{2e-4, 1e-4}
	for _, rho := range []float64{1e-4, 3e-4} {
		Ball{rho, 0}.A(a, Banana{}, x)
		var g [2]float64
		Banana{}.Gradient(g[:], x)
		radius := Ball{rho, 0}.EffectiveRadius(floats.Norm(g[:], 2))
		if got, want := Attractor(a), StableEquilibrium([]float64{-2, 2}, radius); got != want {
			t.Errorf("rho %g: attractor %t, eq. 11 says %t", rho, got, want)
		}
		wantClose(t, "smallest eigenvalue", []float64{SmallestEigenvalue(a)}, []float64{-2 + 4*radius}, 1e-3)
	}
}

func TestEigenvalues(t *testing.T) {
	for _, a := range [][]float64{{3}, {1, 2, 3, 4}, {0, -2, 5, 1}, {2, 0, 0, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 10}} {
		k := int(math.Sqrt(float64(len(a))))
		var trace, re, im float64
		for i := range k {
			trace += a[i*k+i]
		}
		product := complex(1, 0)
		values := Eigenvalues(a)
		for i, v := range values {
			re, im, product = re+real(v), im+imag(v), product*v
			if i > 0 && real(v) < real(values[i-1]) {
				t.Errorf("%v: not in order: %v", a, values)
			}
		}
		det := mat.Det(mat.NewDense(k, k, a))
		wantClose(t, "sum, imaginary part and product of eigenvalues", []float64{re, im, real(product)}, []float64{trace, 0, det}, 1e-12)
	}
}

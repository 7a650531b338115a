package toy

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/mat"
)

// points are where derivatives are checked: generic ones, the origin, and both sides of
// the seam of Sinc's two formulas at r = 1.
var points = [][]float64{
	{-1.5, .5}, {.3, -.2}, {1e-3, 2e-3}, {0, 0}, {2, 3.7}, {-2.9, 1.1},
	{.6, .7999}, {.6, .8001}, {0, 1}, {4.4934, 0},
}

func at(loss Loss, p []float64) []float64 { return p[:loss.Dim()] }

func each(t *testing.T, f func(t *testing.T, loss Loss)) {
	for _, name := range Losses {
		loss, err := ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { f(t, loss) })
	}
}

func wantClose(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tol*(1+math.Abs(want[i]))) {
			t.Errorf("%s = %v, want %v", what, got, want)
			return
		}
	}
}

func TestGradient(t *testing.T) {
	each(t, func(t *testing.T, loss Loss) {
		for _, p := range points {
			x := at(loss, p)
			grad := make([]float64, len(x))
			if got, want := loss.Gradient(grad, x), loss.Loss(x); got != want {
				t.Errorf("at %v Gradient returns the loss %g, Loss %g", x, got, want)
			}
			want := fd.Gradient(nil, loss.Loss, x, &fd.Settings{Formula: fd.Central})
			wantClose(t, "gradient", grad, want, 1e-8)
		}
	})
}

func TestHessian(t *testing.T) {
	each(t, func(t *testing.T, loss Loss) {
		k := loss.Dim()
		for _, p := range points {
			h := make([]float64, k*k)
			loss.Hessian(h, at(loss, p))
			gradient := func(y, x []float64) { loss.Gradient(y, x) }
			wantClose(t, "hessian", h, jacobian(gradient, at(loss, p)), 1e-7)
		}
	})
}

// jacobian is f's Jacobian by central differences, row by row.
func jacobian(f func(y, x []float64), x []float64) []float64 {
	j := mat.NewDense(len(x), len(x), nil)
	fd.Jacobian(j, f, x, &fd.JacobianSettings{Formula: fd.Central})
	return j.RawMatrix().Data
}

// The two formulas of Sinc agree to rounding where one takes over from the other.
func TestSincSeam(t *testing.T) {
	a, a1, a2 := sincOf(1)
	b, b1, b2 := sincOf(math.Nextafter(1, 2))
	wantClose(t, "sinc at r = 1", []float64{a, a1, a2}, []float64{b, b1, b2}, 1e-14)
}

func TestStationaryPoints(t *testing.T) {
	h := make([]float64, 4)
	Banana{}.Hessian(h, []float64{0, 0})
	e := Eigenvalues(h)
	wantClose(t, "banana's saddle", []float64{real(e[0]), real(e[1])}, []float64{-2, 2}, 1e-15)
	Sinc{}.Hessian(h, []float64{0, 0})
	wantClose(t, "sinc's maximum", h, []float64{-5. / 3, 0, 0, -5. / 3}, 1e-15)
	var g [2]float64
	Sinc{}.Gradient(g[:], []float64{RingRadius, 0})
	wantClose(t, "gradient on sinc's ring", g[:], []float64{0, 0}, 1e-14)
}

func TestByNameNamesThem(t *testing.T) {
	_, err := ByName("rosenbrock")
	if err == nil || err.Error() != `unknown loss "rosenbrock"; there are banana, sinc, quadratic` {
		t.Errorf("unknown loss: %v", err)
	}
}

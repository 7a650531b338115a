package vec

import (
	"math"
	"math/rand/v2"
	"testing"
)

func random[F Float](rng *rand.Rand, n int) []F {
	x := make([]F, n)
	for i := range x {
		x[i] = F(rng.NormFloat64())
	}
	return x
}

// Float32 takes the kernels, float64 the loops: both must agree on every length.
func TestFloat32AgreesWithFloat64(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 3, 4, 7, 31, 32, 33, 64, 100, 1000, 70000} {
		x, y := random[float32](rng, n), random[float32](rng, n)
		x64, y64 := widen(x), widen(y)
		near(t, "Dot", n, Dot(x, y), Dot(x64, y64), 1e-12*float64(n+1))
		near(t, "Dot with itself", n, Dot(x, x), Dot(x64, x64), 1e-12*float64(n+1))
		near(t, "Norm", n, Norm(x), Norm(x64), 1e-12*float64(n+1))
		d, d64 := make([]float32, n), make([]float64, n)
		AddScaled(d, x, .3, y)
		AddScaled(d64, x64, .3, y64)
		same(t, "AddScaled", d, d64)
		Scale(d, -.7, x)
		Scale(d64, -.7, x64)
		same(t, "Scale", d, d64)
		b, b64 := random[float32](rng, n), make([]float64, n)
		copy(b64, widen(b))
		for _, p := range []SGDParams{
			{LR: .1}, {LR: .1, WeightDecay: .01}, {LR: .1, Momentum: .9, First: true}, {LR: .1, Momentum: .9},
			{LR: .1, Momentum: .9, Nesterov: true, WeightDecay: .01}, {LR: .1, Momentum: .9, Dampening: .5},
		} {
			SGD(x, y, b, p)
			SGD(x64, y64, b64, p)
			same(t, "SGD", x, x64)
			same(t, "SGD buffer", b, b64)
		}
		m, v := make([]float32, n), make([]float32, n)
		m64, v64 := make([]float64, n), make([]float64, n)
		for step := 1; step < 4; step++ {
			p := AdamParams{LR: .01, Beta1: .9, Beta2: .999, Eps: 1e-8, WeightDecay: .1, Decoupled: step%2 == 0, Step: step}
			Adam(x, y, m, v, p)
			Adam(x64, y64, m64, v64, p)
			same(t, "Adam", x, x64)
		}
	}
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func near(t *testing.T, what string, n int, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s of %d: %g, want %g", what, n, got, want)
	}
}

func same(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	for i := range got {
		if !(math.Abs(float64(got[i])-want[i]) <= 1e-5*(1+math.Abs(want[i]))) {
			t.Fatalf("%s of %d: [%d] = %g, want %g", what, len(got), i, got[i], want[i])
		}
	}
}

func TestNormExtremes(t *testing.T) {
	for _, tt := range []struct {
		x    []float64
		want float64
	}{
		{nil, 0}, {[]float64{0, 0}, 0}, {[]float64{3e200, 4e200}, 5e200}, {[]float64{3e-200, 4e-200}, 5e-200},
		{[]float64{3e-310, 4e-310}, 5e-310}, {[]float64{1, math.Inf(-1)}, math.Inf(1)},
		{[]float64{math.Inf(1), math.NaN()}, math.NaN()}, {[]float64{1e300, math.NaN()}, math.NaN()},
	} {
		got := Norm(tt.x)
		if !(math.Abs(got-tt.want) <= 1e-12*tt.want) && !(math.IsNaN(got) && math.IsNaN(tt.want)) && got != tt.want {
			t.Errorf("Norm(%v) = %g, want %g", tt.x, got, tt.want)
		}
	}
	for _, s := range []float64{1e-42, 1e-30, 1e30} {
		x := []float32{float32(.6 * s), float32(.8 * s)}
		if got := Norm(x); !(math.Abs(got-s) < 1e-3*s) {
			t.Errorf("Norm of float32 %g = %g", s, got)
		}
	}
}

// Factors that float32 can't hold still scale exactly.
func TestScaleBeyondFloat32(t *testing.T) {
	for _, tt := range []struct{ a, x, want float64 }{{1e40, 1e-39, 10}, {1e-40, 1e37, 1e-3}} {
		x, z := []float32{float32(tt.x)}, make([]float32, 1)
		AddScaled(z, z, tt.a, x)
		if !(math.Abs(float64(z[0])-tt.want) <= 1e-5*tt.want) {
			t.Errorf("%g times %g = %g, want %g", tt.a, tt.x, z[0], tt.want)
		}
	}
}

func TestLengthMismatchPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"Dot":       func() { Dot([]float64{1}, []float64{1, 2}) },
		"AddScaled": func() { AddScaled(make([]float32, 2), make([]float32, 2), 1, make([]float32, 1)) },
		"SGD":       func() { SGD([]float32{1}, []float32{1}, nil, SGDParams{Momentum: .9}) },
		"Adam":      func() { Adam([]float32{1}, []float32{1}, nil, nil, AdamParams{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s took vectors of different lengths", name)
				}
			}()
			f()
		}()
	}
}

package kernel

import (
	"math/rand/v2"
	"testing"
)

func TestSubsample(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 21))
	for _, s := range []Conv{
		{N: 3, H: 8, W: 8, C: 16, O: 32, KH: 1, KW: 1, Strides: Both(2)},
		{N: 2, H: 5, W: 7, C: 3, O: 5, KH: 1, KW: 1, Strides: Both(2)},
		{N: 1, H: 7, W: 4, C: 1, O: 1, KH: 1, KW: 1, Strides: Both(3)},
		{N: 2, H: 3, W: 3, C: 17, O: 17, KH: 1, KW: 1, Strides: Both(1)},
	} {
		h, w, side := s.OutH(), s.OutW(), (s.O-s.C)/2
		x, dy, old := random(r, s.N*s.H*s.W*s.C), random(r, s.N*h*w*s.O), random(r, s.N*s.H*s.W*s.C)
		y, dx := make([]float32, len(dy)), append([]float32(nil), old...)
		for i := range s.N * h * w {
			at := ((i/(h*w)*s.H+i/w%h*s.Strides[0])*s.W + i%w*s.Strides[1]) * s.C
			for c := range s.C {
				y[i*s.O+side+c] = x[at+c]
				dx[at+c] += dy[i*s.O+side+c]
			}
		}
		eachLevel(t, func(t *testing.T) {
			m := newMemory(t, true)
			defer m.free()
			got := m.copyOf(dy) // anything
			Subsample(&s, got, m.copyOf(x))
			if e := firstDifference(got, y); e >= 0 {
				t.Errorf("%+v: element %d is %v, want %v", s, e, got[e], y[e])
			}
			got = m.copyOf(old)
			SubsampleGrad(&s, got, m.copyOf(dy), true)
			if e := firstDifference(got, dx); e >= 0 {
				t.Errorf("%+v: element %d of the gradient is %v, want %v", s, e, got[e], dx[e])
			}
			SubsampleGrad(&s, got, m.copyOf(dy), false)
			SubsampleGrad(&s, got, m.copyOf(dy), true)
			for i := range got { // twice the gradient
				if want := 2 * (dx[i] - old[i]); got[i]-want > 1e-5 || want-got[i] > 1e-5 {
					t.Fatalf("%+v: element %d of twice the gradient is %v, want %v", s, i, got[i], want)
				}
			}
		})
	}
}

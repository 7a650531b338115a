package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The output has the same bits as without, the moments are those of the output, and do not depend on
// the number of threads.
func TestConvForwardMoments(t *testing.T) {
	shapes := append(bothPrecisions(), Conv{N: 5, H: 7, W: 9, C: 16, KH: 3, KW: 3, O: 48, Pads: Around(1)}, Conv{N: 20, H: 4, W: 4, C: 64, KH: 3, KW: 3, O: 64, Direct: true})
	eachLevel(t, func(t *testing.T) {
		for _, s := range shapes {
			s.N = max(s.N, 3)
			r := rand.New(rand.NewPCG(1, 2))
			x, w := random(r, s.N*s.H*s.W*s.C), random(r, s.KH*s.KW*s.C/max(1, s.Groups)*s.O)
			y, want := make([]float32, s.N*s.OutH()*s.OutW()*s.O), make([]float32, s.N*s.OutH()*s.OutW()*s.O)
			ConvForward(&s, want, x, w)
			var first []float64
			for _, threads := range []int{1, 2, 3} {
				useThreads(t, threads)
				sums := make([]float64, 2*s.O)
				ConvForwardMoments(&s, y, x, w, sums[:s.O], sums[s.O:])
				if e := firstDifference(y, want); e >= 0 {
					t.Fatalf("%+v: element %d differs", s, e)
				}
				if first == nil {
					first = sums
				} else if !slices.Equal(sums, first) {
					t.Fatalf("%+v: other sums with %d threads", s, threads)
				}
			}
			for o := range s.O {
				var sum, sq, abs float64
				for i := o; i < len(y); i += s.O {
					v := float64(y[i])
					sum, sq, abs = sum+v, sq+v*v, abs+math.Abs(v)
				}
				if !(math.Abs(first[o]-sum) <= 1e-12*abs) || !(math.Abs(first[s.O+o]-sq) <= 1e-12*sq) {
					t.Fatalf("%+v: channel %d: %g and %g, want %g and %g", s, o, first[o], first[s.O+o], sum, sq)
				}
			}
		}
	})
}

func TestConvForwardMomentsDoesNotAllocate(t *testing.T) {
	s := Conv{N: 4, H: 8, W: 8, C: 16, KH: 3, KW: 3, O: 16, Pads: Around(1)}
	x, w, y := make([]float32, 4096), make([]float32, 9*256), make([]float32, 4096)
	sum, sq := make([]float64, 16), make([]float64, 16)
	f := func() { ConvForwardMoments(&s, y, x, w, sum, sq) }
	f()
	if a := testing.AllocsPerRun(10, f); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

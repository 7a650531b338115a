package kernel

import "fmt"

// Subsample sets y to every Strides-th pixel of x, with channels zeros around C to make O,
// as many before as after. Of s it takes N, H, W, C, O and Strides.
func Subsample(s *Conv, y, x []float32) {
	subsample("Subsample", s, y, x, false, (*nnJob).subsampleImage)
}

// SubsampleGrad is the way back from Subsample. It sets dx or adds to it.
func SubsampleGrad(s *Conv, dx, dy []float32, add bool) {
	subsample("SubsampleGrad", s, dy, dx, add, (*nnJob).subsampleGradImage)
}

func subsample(name string, s *Conv, y, x []float32, add bool, f func(j *nnJob, _, lo, hi int)) {
	c := Conv{N: s.N, H: s.H, W: s.W, C: s.C, KH: 1, KW: 1, O: s.O, Strides: s.Strides}
	if min(c.Strides[0], c.Strides[1]) < 1 || c.O < c.C || (c.O-c.C)%2 != 0 || len(x) != c.N*c.H*c.W*c.C || len(y) != c.N*c.OutH()*c.OutW()*c.O {
		panic(fmt.Sprintf("kernel: %s: %d and %d elements for %+v", name, len(x), len(y), *s))
	}
	j := newNNJob(f, c.N, c.H*c.W*c.C)
	j.pool, j.x, j.dst, j.add = c, x, y, add
	j.run()
	j.release()
}

func (j *nnJob) subsampleImage(_, lo, hi int) {
	s, side := &j.pool, (j.pool.O-j.pool.C)/2
	h, w := s.OutH(), s.OutW()
	for r := lo * h; r < hi*h; r++ {
		x, y := j.x[(r/h*s.H+r%h*s.Strides[0])*s.W*s.C:], j.dst[r*w*s.O:]
		for q := range w {
			pixel := y[q*s.O:][:s.O]
			clear(pixel[:side])
			copy(pixel[side:], x[q*s.Strides[1]*s.C:][:s.C])
			clear(pixel[side+s.C:])
		}
	}
}

func (j *nnJob) subsampleGradImage(_, lo, hi int) {
	s, side := &j.pool, (j.pool.O-j.pool.C)/2
	h, w := s.OutH(), s.OutW()
	if !j.add {
		clear(j.x[lo*s.H*s.W*s.C : hi*s.H*s.W*s.C])
	}
	for r := lo * h; r < hi*h; r++ {
		dx, dy := j.x[(r/h*s.H+r%h*s.Strides[0])*s.W*s.C:], j.dst[r*w*s.O:]
		for q := range w {
			to := dx[q*s.Strides[1]*s.C:][:s.C]
			addScaled(to, to, 1, dy[q*s.O+side:][:s.C])
		}
	}
}

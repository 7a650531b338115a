package kernel

import (
	"fmt"
	"math"
)

// A Conv describes the windows of a pooling, too: O is C, and Groups is 0 or 1.

// MaxPool sets each element of y to the largest of its window in x; a NaN wins. Where a
// window has nothing of x it is the lowest number, as in ONNX Runtime.
func MaxPool(s *Conv, y, x []float32) {
	poolRows(s, "MaxPool", y, x, (*nnJob).maxPoolRow)
}

// MaxPoolGrad gives dy to the first of the largest elements of each window, given
// MaxPool's argument and result. It sets dx or adds to it.
func MaxPoolGrad(s *Conv, dx, dy, x, y []float32, add bool) {
	poolImages(s, "MaxPoolGrad", dx, dy, x, y, add, false, (*nnJob).maxPoolGradRow)
}

// AvgPool sets each element of y to the mean of its window in x, in which the
// zeros around x count or don't. What Ceil adds beyond them never counts.
func AvgPool(s *Conv, y, x []float32, countPad bool) {
	if countPad {
		poolRows(s, "AvgPool", y, x, (*nnJob).avgPoolRow)
	} else {
		poolRows(s, "AvgPool", y, x, (*nnJob).avgInsideRow)
	}
}

// AvgPoolGrad is the way back from AvgPool. It sets dx or adds to it.
func AvgPoolGrad(s *Conv, dx, dy []float32, countPad, add bool) {
	poolImages(s, "AvgPoolGrad", dx, dy, dx, dy, add, !countPad, (*nnJob).avgPoolGradRow)
}

// poolCheck panics if the sizes don't fit.
func poolCheck(s *Conv, name string, y, x []float32) {
	if s.OutH() < 1 || s.OutW() < 1 || s.impossible() || len(x) != s.N*s.H*s.W*s.C || len(y) != s.N*s.OutH()*s.OutW()*s.C {
		panic(fmt.Sprintf("kernel: %s: %d and %d elements for %+v", name, len(x), len(y), *s))
	}
}

// poolRows runs f for each row of the output.
func poolRows(s *Conv, name string, y, x []float32, f func(j *nnJob, image, oh int)) {
	c := s.withDefaults()
	poolCheck(&c, name, y, x)
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		for r := lo; r < hi; r++ {
			j.row(j, r/j.cols, r%j.cols)
		}
	}, s.N*s.OutH(), s.OutW()*s.C*s.KH*s.KW)
	j.pool, j.dst, j.x, j.cols, j.row = c, y, x, s.OutH(), f
	j.run()
	j.release()
}

// poolImages runs f for each row of the output, the rows of an image in order.
func poolImages(s *Conv, name string, dx, dy, x, y []float32, add, inside bool, f func(j *nnJob, image, oh int)) {
	c := s.withDefaults()
	poolCheck(&c, name, dy, dx)
	sameLen(name, len(x), len(dx))
	sameLen(name, len(y), len(dy))
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		for image := lo; image < hi; image++ {
			if !j.add {
				n := j.pool.H * j.pool.W * j.pool.C
				clear(j.dst[image*n : (image+1)*n])
			}
			for oh := range j.cols {
				j.row(j, image, oh)
			}
		}
	}, s.N, s.H*s.W*s.C)
	j.pool, j.dst, j.x, j.y, j.z = c, dx, dy, x, y
	j.cols, j.row, j.add, j.inside = s.OutH(), f, add, inside
	j.run()
	j.release()
}

// A window is the part of one output pixel's window that lies in the image.
type window struct {
	in, out int // offsets of its first pixel, and of the output pixel
	kh, kw  int // both or neither is 0
	padded  int // pixels with those in the padding
}

func (j *nnJob) window(image, oh, ow int) window {
	s := &j.pool
	h, kh, paddedH := s.window(0, oh, s.H, s.KH)
	w, kw, paddedW := s.window(1, ow, s.W, s.KW)
	v := window{out: ((image*s.OutH()+oh)*s.OutW() + ow) * s.C, padded: paddedH * paddedW}
	if kh > 0 && kw > 0 {
		v.in, v.kh, v.kw = ((image*s.H+h)*s.W+w)*s.C, kh, kw
	}
	return v
}

// window returns, for one axis, the first pixel that an output pixel sees, how many there
// are, and how many with those in the padding.
func (s *Conv) window(axis, out, size, k int) (first, n, padded int) {
	d := s.Dilations[axis]
	at := out*s.Strides[axis] - s.Pads[axis]
	skipped := ceilDiv(max(-at, 0), d)
	n = min(k, ceilDiv(max(size-at, 0), d)) - skipped
	return at + skipped*d, max(n, 0), min(k, ceilDiv(size+s.Pads[axis+2]-at, d))
}

// steps are the distances, in elements, from pixel to pixel of a window and from row to row.
func (s *Conv) steps() (pixel, line int) { return s.Dilations[1] * s.C, s.Dilations[0] * s.W * s.C }

func (j *nnJob) maxPoolRow(image, oh int) {
	s := &j.pool
	f := ops().maxPool
	n := whole(s.C, f != nil)
	pixel, line := s.steps()
	for ow := range s.OutW() {
		w := j.window(image, oh, ow)
		y, x := j.dst[w.out:w.out+s.C], j.x[w.in:]
		if w.kh == 0 {
			for c := range y {
				y[c] = -math.MaxFloat32
			}
			continue
		}
		if n > 0 {
			f(&y[0], &x[0], n, w.kh, w.kw, 4*pixel, 4*line)
		}
		if n < s.C {
			maxPoolGo(y[n:], x[n:], w.kh, w.kw, pixel, line)
		}
	}
}

func (j *nnJob) maxPoolGradRow(image, oh int) {
	s := &j.pool
	f := ops().maxPoolGrad
	n := whole(s.C, f != nil)
	pixel, line := s.steps()
	for ow := range s.OutW() {
		w := j.window(image, oh, ow)
		if w.kh == 0 {
			continue
		}
		dx, dy, x, y := j.dst[w.in:], j.x[w.out:w.out+s.C], j.y[w.in:], j.z[w.out:w.out+s.C]
		if n > 0 {
			f(&dx[0], &dy[0], &x[0], &y[0], n, w.kh, w.kw, 4*pixel, 4*line)
		}
		for c := n; c < s.C; c++ {
			maxPoolGradGo(dx[c:], x[c:], dy[c], y[c], w.kh, w.kw, pixel, line)
		}
	}
}

func (j *nnJob) avgPoolRow(image, oh int) {
	for ow := range j.pool.OutW() {
		w := j.window(image, oh, ow)
		j.mean(w, w.padded)
	}
}

func (j *nnJob) avgInsideRow(image, oh int) {
	for ow := range j.pool.OutW() {
		w := j.window(image, oh, ow)
		j.mean(w, w.kh*w.kw)
	}
}

func (j *nnJob) mean(w window, count int) {
	s := &j.pool
	y := j.dst[w.out : w.out+s.C]
	pixel, line := s.steps()
	clear(y)
	for kh := range w.kh {
		for kw := range w.kw {
			at := w.in + kh*line + kw*pixel
			addScaled(y, y, 1, j.x[at:at+s.C])
		}
	}
	scale(y, 1/float32(max(count, 1)), y)
}

func (j *nnJob) avgPoolGradRow(image, oh int) {
	s := &j.pool
	pixel, line := s.steps()
	for ow := range s.OutW() {
		w := j.window(image, oh, ow)
		count := w.padded
		if j.inside {
			count = w.kh * w.kw
		}
		for kh := range w.kh {
			for kw := range w.kw {
				at := w.in + kh*line + kw*pixel
				dx := j.dst[at : at+s.C]
				addScaled(dx, dx, 1/float32(count), j.x[w.out:w.out+s.C])
			}
		}
	}
}

// GlobalAvgPool sets y, images x cols, to the mean of each image's pixels in x.
func GlobalAvgPool(y, x []float32, images, cols int) {
	rowsOf("GlobalAvgPool", images*cols, len(x))
	sameLen("GlobalAvgPool", images*cols, len(y))
	n := len(x) / images
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		n := len(j.x) / j.n
		s := scratches64.get()
		for i := lo; i < hi; i++ {
			a := s.zeroed(2 * j.cols)
			sumPairs(a[:j.cols], a[j.cols:], nil, j.x[i*n:(i+1)*n], nil)
			for c := range j.cols {
				j.dst[i*j.cols+c] = float32(a[c] * float64(j.cols) / float64(n))
			}
		}
		scratches64.put(s)
	}, images, n)
	j.dst, j.x, j.cols = y, x, cols
	j.run()
	j.release()
}

// GlobalAvgPoolGrad is the way back from GlobalAvgPool. It sets dx or adds to it.
func GlobalAvgPoolGrad(dx, dy []float32, images, cols int, add bool) {
	rowsOf("GlobalAvgPoolGrad", images*cols, len(dx))
	sameLen("GlobalAvgPoolGrad", images*cols, len(dy))
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		n := len(j.dst) / j.n
		share := float32(j.cols) / float32(n)
		for i := lo; i < hi; i++ {
			dy := j.x[i*j.cols : (i+1)*j.cols]
			for at := i * n; at < (i+1)*n; at += j.cols {
				row := j.dst[at : at+j.cols]
				if j.add {
					addScaled(row, row, share, dy)
				} else {
					scale(row, share, dy)
				}
			}
		}
	}, images, len(dx)/images)
	j.dst, j.x, j.cols, j.add = dx, dy, cols, add
	j.run()
	j.release()
}

// A scratch64 is float64 memory to work in.
type scratch64 struct{ buf []float64 }

var scratches64 stash[scratch64]

func (s *scratch64) zeroed(n int) []float64 {
	if cap(s.buf) < n {
		s.buf = make([]float64, n)
	}
	clear(s.buf[:n])
	return s.buf[:n]
}

package kernel

import "fmt"

// MaxDims is the largest number of dimensions that the strided kernels take.
const MaxDims = 8

// Strides are how to walk through a destination and up to two sources together:
// at every index i, an array of Rank numbers below Dims, the element of a slice is
// at the sum of i*Dst, i*A or i*B. A stride of 0 repeats.
type Strides struct {
	Rank         int
	Dims         [MaxDims]int
	Dst, A, B    [MaxDims]int
	scale        float32
	accumulating bool
}

// A stridedOp is what to do at each index.
type stridedOp int

const (
	stridedScale stridedOp = iota
	stridedAdd
	stridedMul
)

// CopyStrided sets dst = f*a, or adds to it, at every index of s.
func CopyStrided(s *Strides, dst, a []float32, f float32, add bool) {
	s.run("CopyStrided", stridedScale, dst, a, a, f, add)
}

// AddStrided sets dst = a + b, or adds to it, at every index of s.
func AddStrided(s *Strides, dst, a, b []float32, add bool) {
	s.run("AddStrided", stridedAdd, dst, a, b, 1, add)
}

// MulStrided sets dst = a*b, or adds to it, at every index of s.
func MulStrided(s *Strides, dst, a, b []float32, add bool) {
	s.run("MulStrided", stridedMul, dst, a, b, 1, add)
}

func (s *Strides) run(name string, kind stridedOp, dst, a, b []float32, f float32, add bool) {
	if s.last(&s.Dst) >= len(dst) || s.last(&s.A) >= len(a) || kind != stridedScale && s.last(&s.B) >= len(b) {
		panic(fmt.Sprintf("kernel: %s: %d, %d and %d elements for %+v", name, len(dst), len(a), len(b), *s))
	}
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		s := &j.steps
		part := *s
		part.Dims[0] = hi - lo
		part.walk(j.kind, 0, j.dst[lo*s.Dst[0]:], j.x[lo*s.A[0]:], j.y[lo*s.B[0]:])
	}, 0, 0)
	if kind == stridedScale {
		s.B = s.A
	}
	j.steps = s.collapsed()
	j.steps.scale, j.steps.accumulating = f, add
	j.n = j.steps.Dims[0]
	rest := 1
	for _, d := range j.steps.Dims[1:j.steps.Rank] {
		rest *= d
	}
	j.size = max(1, chunk/max(rest, 1))
	j.dst, j.x, j.y, j.kind = dst, a, b, kind
	j.run()
	j.release()
}

// last is the offset of the last element.
func (s *Strides) last(strides *[MaxDims]int) int {
	at := 0
	for i, d := range s.Dims[:s.Rank] {
		at += (d - 1) * strides[i]
	}
	return at
}

// collapsed merges dimensions that lie one in the other everywhere; at least one
// is left.
func (s *Strides) collapsed() Strides {
	c := Strides{Rank: 1, Dims: [MaxDims]int{1}}
	for i, d := range s.Dims[:s.Rank] {
		if d == 1 {
			continue
		}
		k := c.Rank - 1
		if c.Dims[k] != 1 && c.Dst[k] == d*s.Dst[i] && c.A[k] == d*s.A[i] && c.B[k] == d*s.B[i] {
			c.Dims[k] *= d
		} else if c.Dims[k] != 1 {
			c.Rank++
			k++
			c.Dims[k] = d
		} else {
			c.Dims[k] = d
		}
		c.Dst[k], c.A[k], c.B[k] = s.Dst[i], s.A[i], s.B[i]
	}
	return c
}

func (s *Strides) walk(kind stridedOp, dim int, dst, a, b []float32) {
	n, sd, sa, sb := s.Dims[dim], s.Dst[dim], s.A[dim], s.B[dim]
	if dim == s.Rank-2 && kind == stridedScale && s.scale == 1 && s.transposes(dst, a) {
		return
	}
	if dim == s.Rank-2 && kind != stridedScale && s.repeat(kind, dst, a, b) {
		return
	}
	if dim < s.Rank-1 {
		for i := range n {
			s.walk(kind, dim+1, dst[i*sd:], a[i*sa:], b[i*sb:])
		}
		return
	}
	if sd == 1 && sa == 1 && sb == 1 {
		s.dense(kind, dst[:n], a[:n], b[:n])
		return
	}
	if sd == 1 && kind == stridedMul && (sa == 1 && sb == 0 || sa == 0 && sb == 1) {
		f, x := b[0], a
		if sa == 0 {
			f, x = a[0], b
		}
		if s.accumulating {
			addScaled(dst[:n], dst[:n], f, x[:n])
		} else {
			scale(dst[:n], f, x[:n])
		}
		return
	}
	for i := range n {
		v := a[i*sa]
		switch kind {
		case stridedScale:
			v *= s.scale
		case stridedAdd:
			v += b[i*sb]
		default:
			v = float32(v * b[i*sb])
		}
		if s.accumulating {
			v += dst[i*sd]
		}
		dst[i*sd] = v
	}
}

// dense does a row whose elements lie side by side.
func (s *Strides) dense(kind stridedOp, dst, a, b []float32) {
	switch {
	case kind == stridedScale && s.accumulating:
		addScaled(dst, dst, s.scale, a)
	case kind == stridedScale && s.scale == 1:
		copy(dst, a)
	case kind == stridedScale:
		scale(dst, s.scale, a)
	case kind == stridedAdd && !s.accumulating:
		addScaled(dst, a, 1, b)
	default:
		repeat(kind, dst, a, b, s.accumulating)
	}
}

// SumMiddle sets dst, outer x inner, to f times the sums over the middle dimension
// of x, outer x middle x inner, or adds that. It accumulates in float64.
func SumMiddle(dst, x []float32, outer, middle, inner int, f float64, add bool) {
	sameLen("SumMiddle", outer*inner, len(dst))
	sameLen("SumMiddle", outer*middle*inner, len(x))
	if outer == 1 && inner > 1 {
		sumWhole(dst, x, f, add)
		return
	}
	j := newNNJob((*nnJob).sumMiddle, outer, middle*inner)
	j.dst, j.x, j.rows, j.cols, j.add = dst, x, middle, inner, add
	j.sums(1)[0] = f
	j.run()
	j.release()
}

func sumWhole(dst, x []float32, f float64, add bool) {
	s := scratches64.get()
	n := len(dst)
	buf := s.zeroed(2 * n)
	ColumnMoments(buf[:n], buf[n:], x)
	store(dst, buf[:n], f, add)
	scratches64.put(s)
}

// store sets dst = f*x, or adds that.
func store(dst []float32, x []float64, f float64, add bool) {
	for i := range dst {
		v := float32(f * x[i])
		if add {
			v += dst[i]
		}
		dst[i] = v
	}
}

func (j *nnJob) sumMiddle(_, lo, hi int) {
	n, middle := j.cols, j.rows
	s := scratches64.get()
	for i := lo; i < hi; i++ {
		x := j.x[i*middle*n : (i+1)*middle*n]
		a := s.zeroed(2 * n)
		if n == 1 {
			a[0], _ = rowPairs(nil, nil, x)
		} else {
			sumPairs(a[:n], a[n:], nil, x, nil)
		}
		store(j.dst[i*n:(i+1)*n], a[:n], j.partial[0], j.add)
	}
	scratches64.put(s)
}

package kernel

import (
	"fmt"

	"github.com/monge-ml/monge/internal/par"
)

// Take sets dst[i] = x[index[i]], or 0 where index is -1.
func Take(dst, x []float32, index []int32) {
	sameLen("Take", len(dst), len(index))
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		dst, x := j.dst[lo:hi], j.x
		for i, at := range j.index[lo:hi] {
			v := float32(0)
			if at >= 0 {
				v = x[at]
			}
			dst[i] = v
		}
	}, len(dst), 1)
	j.dst, j.x, j.index = dst, x, index
	j.run()
	j.release()
}

// TakeGrad adds dy[i] to dx[index[i]], except where index is -1, in order.
func TakeGrad(dx, dy []float32, index []int32) {
	sameLen("TakeGrad", len(dy), len(index))
	for i, at := range index {
		if at >= 0 {
			dx[at] += dy[i]
		}
	}
}

// Lines are arrays Outer x n x Inner. The operations on them work along the middle, where
// the array that is called x has From and the other, y, To.
type Lines struct {
	Outer, From, To, Inner int

	// Row j of y is made of row Index[j] of x, or Start + j*Step if Index is nil; with Taps
	// it is the sum of the rows Taken[j*Taps+k] times Weight[j*Taps+k].
	Index       []int
	Start, Step int
	Taps        int
	Taken       []int32
	Weight      []float32
}

// Gather sets y to rows of x.
func Gather(l *Lines, y, x []float32) {
	j := l.start("Gather", x, y, (*lineJob).gather)
	j.rows(l.To)
	j.run()
}

// GatherGrad is the way back from Gather. It sets dx or adds to it, in the order of the rows.
func GatherGrad(l *Lines, dx, dy []float32, add bool) {
	j := l.start("GatherGrad", dx, dy, (*lineJob).gatherGrad)
	j.add = add
	j.columns()
	j.run()
}

// Cumulate sets row j of y to the sum of x's rows up to j, without j itself if exclusive, or
// from j on if reverse. It accumulates in float64. With add it adds to y.
func Cumulate(l *Lines, y, x []float32, exclusive, reverse, add bool) {
	j := l.start("Cumulate", x, y, (*lineJob).cumulate)
	j.exclusive, j.reverse, j.add = exclusive, reverse, add
	j.columns()
	j.run()
}

// A lineJob is cut into rows of y, or into columns of it.
type lineJob struct {
	Lines
	op     func(j *lineJob, outer, lo, hi int)
	x, y   []float32
	dx, dy []float32
	pieces int
	group  int // outer indices in a piece
	size   int // rows or columns in a piece
	of     int // rows or columns

	add, exclusive, reverse bool
}

var lineJobs stash[lineJob]

func (l *Lines) start(name string, x, y []float32, op func(j *lineJob, outer, lo, hi int)) *lineJob {
	if l.Outer*l.From*l.Inner != len(x) || l.Outer*l.To*l.Inner != len(y) || l.Taps > 0 && len(l.Taken) != l.Taps*l.To {
		panic(fmt.Sprintf("kernel: %s: %d and %d elements for %d x (%d and %d) x %d", name, len(x), len(y), l.Outer, l.From, l.To, l.Inner))
	}
	j := lineJobs.get()
	j.Lines, j.op, j.x, j.y = *l, op, x, y
	return j
}

// rows cuts into rows, as results that are written once can be.
func (j *lineJob) rows(of int) { j.cut(of, j.Inner*max(1, j.Taps), 1) }

// columns cuts into columns, so that rows add up in their order. Few of them are not worth
// a walk over all rows.
func (j *lineJob) columns() { j.cut(j.Inner, max(j.From, j.To), 64) }

func (j *lineJob) cut(of, unit, least int) {
	j.of = of
	j.size = min(of, max(least, chunk/unit))
	j.group = 1
	if j.size == of {
		j.group = max(1, chunk/(of*unit))
	}
	j.pieces = ceilDiv(j.Outer, j.group) * ceilDiv(of, j.size)
}

func (j *lineJob) run() {
	par.Run(j.pieces, j)
	*j = lineJob{}
	lineJobs.put(j)
}

// Do does piece i.
func (j *lineJob) Do(_, i int) {
	parts := ceilDiv(j.of, j.size)
	lo := i % parts * j.size
	first := i / parts * j.group
	for o := first; o < min(first+j.group, j.Outer); o++ {
		j.op(j, o, lo, min(lo+j.size, j.of))
	}
}

// source is the row of x that row r of y is.
func (j *lineJob) source(r int) int {
	if j.Index != nil {
		return j.Index[r]
	}
	return j.Start + r*j.Step
}

// shortRow is up to where a call costs more than it saves.
const shortRow = 16

func (j *lineJob) gather(outer, lo, hi int) {
	n := j.Inner
	x, y := j.x[outer*j.From*n:(outer+1)*j.From*n], j.y[outer*j.To*n:(outer+1)*j.To*n]
	switch {
	case j.Taps > 0 && n == 1:
		j.mixLine(y, x, lo, hi)
	case j.Taps > 0:
		for r := lo; r < hi; r++ {
			j.mix(y[r*n:(r+1)*n], x, r)
		}
	case n == 1:
		for r := lo; r < hi; r++ {
			y[r] = x[j.source(r)]
		}
	default:
		for r := lo; r < hi; r++ {
			at := j.source(r) * n
			copy(y[r*n:(r+1)*n], x[at:at+n])
		}
	}
}

// mixLine sets elements lo to hi of the only column.
func (j *lineJob) mixLine(y, x []float32, lo, hi int) {
	taps := j.Taps
	if taps == 2 {
		for r := lo; r < hi; r++ {
			t, w := j.Taken[2*r:2*r+2], j.Weight[2*r:2*r+2]
			y[r] = float32(w[0]*x[t[0]]) + float32(w[1]*x[t[1]])
		}
		return
	}
	for r := lo; r < hi; r++ {
		w, sum := j.Weight[r*taps:(r+1)*taps], float32(0)
		for k, at := range j.Taken[r*taps : (r+1)*taps] {
			sum += float32(w[k] * x[at])
		}
		y[r] = sum
	}
}

// mix sets a row of y to the sum of its taps.
func (j *lineJob) mix(y, x []float32, r int) {
	n := len(y)
	taken, weight := j.Taken[r*j.Taps:(r+1)*j.Taps], j.Weight[r*j.Taps:(r+1)*j.Taps]
	if n < shortRow {
		for c := range y {
			sum := float32(0)
			for k, at := range taken {
				sum += float32(weight[k] * x[int(at)*n+c])
			}
			y[c] = sum
		}
		return
	}
	for k, at := range taken {
		row := x[int(at)*n:][:n]
		switch {
		case k > 0:
			addScaled(y, y, weight[k], row)
		case weight[k] == 1:
			copy(y, row)
		default:
			scale(y, weight[k], row)
		}
	}
}

func (j *lineJob) gatherGrad(outer, lo, hi int) {
	n := j.Inner
	dx, dy := j.x[outer*j.From*n:(outer+1)*j.From*n], j.y[outer*j.To*n:(outer+1)*j.To*n]
	switch {
	case j.add:
	case hi-lo == n:
		clear(dx)
	default:
		for r := range j.From {
			clear(dx[r*n+lo : r*n+hi])
		}
	}
	if n == 1 {
		j.scatterLine(dx, dy)
		return
	}
	for r := range j.To {
		row := dy[r*n+lo : r*n+hi]
		if j.Taps == 0 {
			at := j.source(r) * n
			addRow(dx[at+lo:at+hi], 1, row)
			continue
		}
		for k := r * j.Taps; k < (r+1)*j.Taps; k++ {
			at := int(j.Taken[k]) * n
			addRow(dx[at+lo:at+hi], j.Weight[k], row)
		}
	}
}

// scatterLine adds the only column.
func (j *lineJob) scatterLine(dx, dy []float32) {
	if j.Taps == 0 {
		for r, v := range dy {
			dx[j.source(r)] += v
		}
		return
	}
	for r, v := range dy {
		w := j.Weight[r*j.Taps : (r+1)*j.Taps]
		for k, at := range j.Taken[r*j.Taps : (r+1)*j.Taps] {
			dx[at] += float32(w[k] * v)
		}
	}
}

// addRow adds f*x to dst.
func addRow(dst []float32, f float32, x []float32) {
	if len(dst) >= shortRow {
		addScaled(dst, dst, f, x)
		return
	}
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += float32(f * x[i])
	}
}

func (j *lineJob) cumulate(outer, lo, hi int) {
	n := j.Inner
	s := scratches64.get()
	sums := s.zeroed(hi - lo)
	for r := range j.From {
		if j.reverse {
			r = j.From - 1 - r
		}
		at := (outer*j.From + r) * n
		x, y := j.x[at+lo:at+hi], j.y[at+lo:at+hi]
		for c, v := range x {
			before := sums[c]
			sums[c] += float64(v)
			sum := sums[c]
			if j.exclusive {
				sum = before
			}
			if j.add {
				y[c] += float32(sum)
			} else {
				y[c] = float32(sum)
			}
		}
	}
	scratches64.put(s)
}

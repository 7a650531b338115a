package kernel

import (
	"fmt"

	"github.com/monge-ml/monge/internal/par"
)

// A Binary is a function of two numbers.
type Binary int

// The functions of two numbers.
const (
	Sub     Binary = iota // a - b
	Div                   // a / b
	Pow                   // a to the power of b
	Minimum               // NaN if either is
	Maximum
)

// A binary does rows that lie side by side. The slopes set dst to dy times the derivative
// by a, or by b, which are PyTorch's: equal numbers share that of their minimum or maximum.
type binary struct {
	value          func(dst, a, b []float32)
	slopeA, slopeB func(dst, dy, a, b []float32)
	cost           int // in multiplications
}

var binaries = [...]binary{
	Sub:     {subRow, subSlopeA, subSlopeB, 1},
	Div:     {divRow, divSlopeA, divSlopeB, 1},
	Pow:     {powRow, powSlopeA, powSlopeB, 2 * mapCost},
	Minimum: {minRow, lessSlope, moreSlope, 1},
	Maximum: {maxRow, moreSlope, lessSlope, 1},
}

// A Broadcast says how sources repeat to fill a result of shape Dims, whose elements lie
// side by side: neighbours of source k along dimension i are Steps[k][i] apart, and where
// that is 0 the source repeats.
type Broadcast struct {
	Rank  int
	Dims  [MaxDims]int
	Steps [3][MaxDims]int
}

// Combine sets dst to the function op of a and b, sources 0 and 1.
func Combine(op Binary, s *Broadcast, dst, a, b []float32) {
	j := s.start("Combine", dst, a, b, nil, binaries[op].cost)
	j.op = binaries[op].value
	j.run()
}

// CombineGrad sets dst to dy times the derivative of op by a, or by b if ofB, or adds that;
// dst and dy have the shape of the result. dst may be dy.
func CombineGrad(op Binary, ofB bool, s *Broadcast, dst, dy, a, b []float32, add bool) {
	sameLen("CombineGrad", len(dst), len(dy))
	j := s.start("CombineGrad", dst, a, b, nil, binaries[op].cost)
	j.dy, j.add = dy, add
	j.slope = binaries[op].slopeA
	if ofB {
		j.slope = binaries[op].slopeB
	}
	j.run()
}

// Repeat sets dst to a, source 0.
func Repeat(s *Broadcast, dst, a []float32) {
	s.start("Repeat", dst, a, a, nil, 1).run()
}

// Select sets dst to a where c, source 2, is true and to b elsewhere.
func Select(s *Broadcast, dst []float32, c []bool, a, b []float32) {
	s.start("Select", dst, a, b, c, 1).run()
}

// SelectGrad sets dst to dy where c is want and to 0 elsewhere, or adds that; both have the
// shape of the result. dst may be dy.
func SelectGrad(s *Broadcast, dst, dy []float32, c []bool, want, add bool) {
	sameLen("SelectGrad", len(dst), len(dy))
	alone := *s
	alone.Steps[0], alone.Steps[1] = [MaxDims]int{}, [MaxDims]int{}
	j := alone.start("SelectGrad", dst, dy[:1], dy[:1], c, 1)
	j.dy, j.want, j.add = dy, want, add
	j.run()
}

// A broadcastJob does a range of the result's elements in each piece.
type broadcastJob struct {
	Broadcast
	n, size   int
	op        func(dst, a, b []float32)
	slope     func(dst, dy, a, b []float32)
	dst, dy   []float32
	x         [2][]float32
	c         []bool
	want, add bool
}

// A broadcastScratch has room for blocks of rows.
type broadcastScratch struct {
	filled [2][]float32 // sources that repeat along a row
	sum    []float32
}

var (
	broadcastJobs      stash[broadcastJob]
	broadcastScratches scratchStash[broadcastScratch]
)

const rowBlock = 1024

func (s *Broadcast) start(name string, dst, a, b []float32, c []bool, cost int) *broadcastJob {
	n, last := 1, [3]int{}
	for i, d := range s.Dims[:s.Rank] {
		n *= d
		for k := range last {
			last[k] += (d - 1) * s.Steps[k][i]
		}
	}
	if n != len(dst) || last[0] >= len(a) || last[1] >= len(b) || c != nil && last[2] >= len(c) {
		panic(fmt.Sprintf("kernel: %s: %d, %d, %d and %d elements for %+v", name, len(dst), len(a), len(b), len(c), *s))
	}
	j := broadcastJobs.get()
	j.Broadcast = s.collapsed()
	j.n, j.size = n, max(1, chunk/cost)
	j.dst, j.x, j.c = dst, [2][]float32{a, b}, c
	return j
}

func (j *broadcastJob) run() {
	par.Run(ceilDiv(j.n, j.size), j)
	*j = broadcastJob{}
	broadcastJobs.put(j)
}

// collapsed merges dimensions that lie one in the other everywhere; at least one is left.
func (s *Broadcast) collapsed() Broadcast {
	c := Broadcast{Rank: 1, Dims: [MaxDims]int{1}}
	for i, d := range s.Dims[:s.Rank] {
		if d == 1 {
			continue
		}
		k := c.Rank - 1
		fits := true
		for q := range s.Steps {
			fits = fits && c.Steps[q][k] == d*s.Steps[q][i]
		}
		switch {
		case c.Dims[k] == 1:
			c.Dims[k] = d
		case fits:
			c.Dims[k] *= d
		default:
			c.Rank++
			k++
			c.Dims[k] = d
		}
		for q := range s.Steps {
			c.Steps[q][k] = s.Steps[q][i]
		}
	}
	return c
}

// Do does piece i.
func (j *broadcastJob) Do(seat, i int) {
	s := broadcastScratches.get(seat)
	if s.sum == nil {
		s.filled[0], s.filled[1], s.sum = make([]float32, rowBlock), make([]float32, rowBlock), make([]float32, rowBlock)
	}
	var w walk
	at, end := i*j.size, min((i+1)*j.size, j.n)
	w.start(&j.Broadcast, at)
	for at < end {
		n := min(w.cols-w.col, end-at, rowBlock)
		j.row(s, &w, at, n)
		at += n
		w.advance(&j.Broadcast, n)
	}
	broadcastScratches.put(seat, s)
}

// A walk is a place in a broadcast: where the row starts in each source, and how far the
// walk is in it.
type walk struct {
	at        [3]int
	index     [MaxDims]int
	cols, col int
}

func (w *walk) start(s *Broadcast, at int) {
	inner := s.Rank - 1
	w.cols = s.Dims[inner]
	row := at / w.cols
	w.col = at % w.cols
	for i := inner - 1; i >= 0; i-- {
		w.index[i] = row % s.Dims[i]
		row /= s.Dims[i]
		for k := range w.at {
			w.at[k] += w.index[i] * s.Steps[k][i]
		}
	}
}

func (w *walk) advance(s *Broadcast, n int) {
	w.col += n
	if w.col < w.cols {
		return
	}
	w.col = 0
	for i := s.Rank - 2; i >= 0; i-- {
		w.index[i]++
		for k := range w.at {
			w.at[k] += s.Steps[k][i]
		}
		if w.index[i] < s.Dims[i] {
			return
		}
		w.index[i] = 0
		for k := range w.at {
			w.at[k] -= s.Dims[i] * s.Steps[k][i]
		}
	}
}

// source is n elements of source k, repeated if they are one.
func (j *broadcastJob) source(s *broadcastScratch, w *walk, k, n int) []float32 {
	if j.Steps[k][j.Rank-1] == 0 {
		row := s.filled[k][:n]
		j.fill(row, w, k)
		return row
	}
	lo := w.at[k] + w.col // the step is 1: nothing lies further in
	return j.x[k][lo : lo+n]
}

// fill copies source k.
func (j *broadcastJob) fill(row []float32, w *walk, k int) {
	if j.Steps[k][j.Rank-1] != 0 {
		copy(row, j.x[k][w.at[k]+w.col:])
		return
	}
	row[0] = j.x[k][w.at[k]]
	for done := 1; done < len(row); done *= 2 {
		copy(row[done:], row[:done])
	}
}

func (j *broadcastJob) row(s *broadcastScratch, w *walk, at, n int) {
	dst := j.dst[at : at+n]
	to := dst
	if j.add {
		to = s.sum[:n]
	}
	switch {
	case j.c != nil && j.dy != nil:
		j.keep(w, to, j.dy[at:at+n])
	case j.c != nil:
		j.choose(w, to, j.source(s, w, 0, n), j.source(s, w, 1, n))
	case j.dy != nil:
		j.slope(to, j.dy[at:at+n], j.source(s, w, 0, n), j.source(s, w, 1, n))
	case j.op == nil:
		j.fill(to, w, 0)
	default:
		j.op(to, j.source(s, w, 0, n), j.source(s, w, 1, n))
	}
	if j.add {
		addScaled(dst, dst, 1, to)
	}
}

// choice is the condition of an element of the row, or of all if step is 0.
func (j *broadcastJob) choice(w *walk, n int) (c []bool, step int) {
	step = j.Steps[2][j.Rank-1]
	lo := w.at[2] + w.col*step
	return j.c[lo : lo+(n-1)*step+1], step
}

func (j *broadcastJob) choose(w *walk, dst, a, b []float32) {
	c, step := j.choice(w, len(dst))
	if step == 0 {
		if !c[0] {
			a = b
		}
		copy(dst, a)
		return
	}
	a, b, c = a[:len(dst)], b[:len(dst)], c[:len(dst)]
	for i := range dst {
		v := b[i]
		if c[i] {
			v = a[i]
		}
		dst[i] = v
	}
}

func (j *broadcastJob) keep(w *walk, dst, dy []float32) {
	c, step := j.choice(w, len(dst))
	if step == 0 {
		if c[0] == j.want {
			copy(dst, dy)
		} else {
			clear(dst)
		}
		return
	}
	dy, c = dy[:len(dst)], c[:len(dst)]
	for i := range dst {
		v := float32(0)
		if c[i] == j.want {
			v = dy[i]
		}
		dst[i] = v
	}
}

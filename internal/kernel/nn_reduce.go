package kernel

import "math"

// A Reduction makes one number of many.
type Reduction int

// The reductions.
const (
	Max       Reduction = iota // NaN if any is
	Min                        // likewise
	Prod                       // accumulated in float64
	LogSumExp                  // the logarithm of the sum of exp
)

// reductions are what there is to know of each: values and gradients of columns lo to hi.
var reductions = [...]struct {
	value, slope func(j *lineJob, outer, lo, hi int)
}{
	Max:       {func(j *lineJob, outer, lo, hi int) { j.extreme(outer, lo, hi, false) }, (*lineJob).extremeGrad},
	Min:       {func(j *lineJob, outer, lo, hi int) { j.extreme(outer, lo, hi, true) }, (*lineJob).extremeGrad},
	Prod:      {(*lineJob).prod, (*lineJob).prodGrad},
	LogSumExp: {(*lineJob).logSumExp, (*lineJob).logSumExpGrad},
}

// Reduce sets y, Outer x Inner, to a reduction of x along the middle; To is 1.
func Reduce(r Reduction, l *Lines, y, x []float32) {
	j := l.start("Reduce", x, y, reductions[r].value)
	j.columns()
	j.run()
}

// ReduceGrad is the way back from Reduce. It sets dx or adds to it. The gradient of a
// maximum is shared by all that are it, as in PyTorch's amax.
func ReduceGrad(r Reduction, l *Lines, dx, dy, x, y []float32, add bool) {
	sameLen("ReduceGrad", len(x), len(dx))
	sameLen("ReduceGrad", len(y), len(dy))
	j := l.start("ReduceGrad", x, y, reductions[r].slope)
	j.dx, j.dy, j.add = dx, dy, add
	j.columns()
	j.run()
}

// row is columns lo to hi of row r.
func (j *lineJob) row(x []float32, outer, r, lo, hi int) []float32 {
	at := (outer*j.From + r) * j.Inner
	return x[at+lo : at+hi]
}

// total is columns lo to hi of an array with one row.
func (j *lineJob) total(y []float32, outer, lo, hi int) []float32 {
	return y[outer*j.Inner+lo : outer*j.Inner+hi]
}

// line is the only column.
func (j *lineJob) line(x []float32, outer int) []float32 {
	return x[outer*j.From : (outer+1)*j.From]
}

func (j *lineJob) extreme(outer, lo, hi int, least bool) {
	y := j.total(j.y, outer, lo, hi)
	if j.Inner == 1 {
		y[0] = extremeOf(j.line(j.x, outer), least)
		return
	}
	copy(y, j.row(j.x, outer, 0, lo, hi))
	for r := 1; r < j.From; r++ {
		extremeRow(y, j.row(j.x, outer, r, lo, hi), least)
	}
}

// extremeRow sets y to the larger of x and y, or the smaller, or NaN if either is.
func extremeRow(y, x []float32, least bool) {
	if least {
		minRow(y, x, y)
	} else {
		maxRow(y, x, y)
	}
}

// extremeOf is the largest of x, or the smallest, or NaN if any is. It folds x in half until
// there is little left.
func extremeOf(x []float32, least bool) float32 {
	s := scratches.get()
	s.resize(len(x)/2 + 1)
	m := x[len(x)-1]
	for len(x) >= 32 {
		m = moreExtreme(m, x[len(x)-1], least) // left over of an odd number
		half := len(x) / 2
		if to := s.row[:half]; least {
			minRow(to, x[:half], x[half:2*half])
		} else {
			maxRow(to, x[:half], x[half:2*half])
		}
		x = s.row[:half]
	}
	for _, v := range x {
		m = moreExtreme(m, v, least)
	}
	scratches.put(s)
	return m
}

func moreExtreme(m, v float32, least bool) float32 {
	if v < m && least || v > m && !least || v != v {
		return v
	}
	return m
}

// extremeGrad counts the elements that are the result, and gives each its part.
func (j *lineJob) extremeGrad(outer, lo, hi int) {
	if j.Inner == 1 {
		extremeLineGrad(j.line(j.dx, outer), j.line(j.x, outer), j.y[outer], j.dy[outer], j.add)
		return
	}
	y, dy := j.total(j.y, outer, lo, hi), j.total(j.dy, outer, lo, hi)
	s := scratches64.get()
	counts := s.zeroed(len(y))
	for r := range j.From {
		for c, v := range j.row(j.x, outer, r, lo, hi) {
			if v == y[c] {
				counts[c]++
			}
		}
	}
	for c, v := range dy {
		if counts[c] == 0 { // the result is NaN
			counts[c] = math.NaN()
		}
		counts[c] = float64(v) / counts[c]
	}
	for r := range j.From {
		dx := j.row(j.dx, outer, r, lo, hi)
		for c, v := range j.row(j.x, outer, r, lo, hi) {
			g := float32(0)
			if v == y[c] || y[c] != y[c] {
				g = float32(counts[c])
			}
			if j.add {
				g += dx[c]
			}
			dx[c] = g
		}
	}
	scratches64.put(s)
}

func extremeLineGrad(dx, x []float32, y, dy float32, add bool) {
	count := 0
	for _, v := range x {
		if v == y {
			count++
		}
	}
	if !add {
		clear(dx)
	}
	g := float32(float64(dy) / float64(count))
	if count == 0 { // y is NaN
		g = float32(math.NaN())
	}
	for i, v := range x {
		if v == y || count == 0 {
			dx[i] += g
		}
	}
}

func (j *lineJob) prod(outer, lo, hi int) {
	y := j.total(j.y, outer, lo, hi)
	if j.Inner == 1 {
		y[0] = float32(prodOf(j.line(j.x, outer)))
		return
	}
	s := scratches64.get()
	p := s.zeroed(len(y))
	for c := range p {
		p[c] = 1
	}
	for r := range j.From {
		for c, v := range j.row(j.x, outer, r, lo, hi) {
			p[c] *= float64(v)
		}
	}
	for c, v := range p {
		y[c] = float32(v)
	}
	scratches64.put(s)
}

// prodOf multiplies in four lanes, as one product would wait for the other.
func prodOf(x []float32) float64 {
	a, b, c, d := 1., 1., 1., 1.
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d = a*float64(x[0]), b*float64(x[1]), c*float64(x[2]), d*float64(x[3])
	}
	for _, v := range x {
		a *= float64(v)
	}
	return (a * b) * (c * d)
}

// prodLineGrad is prodGrad of the only column.
func prodLineGrad(dx, x []float32, dy float32, add bool) {
	zeros, where := 0, 0
	for i, v := range x {
		if v == 0 {
			zeros++
			where = i
		}
	}
	if !add {
		clear(dx)
	}
	switch zeros {
	case 0:
		p := float64(dy) * prodOf(x)
		for i, v := range x {
			dx[i] += float32(p / float64(v))
		}
	case 1:
		dx[where] += float32(float64(dy) * prodOf(x[:where]) * prodOf(x[where+1:]))
	}
}

// prodGrad multiplies the numbers that are not 0: with one 0 among them, that alone has a
// gradient.
func (j *lineJob) prodGrad(outer, lo, hi int) {
	n := hi - lo
	dy := j.total(j.dy, outer, lo, hi)
	if j.Inner == 1 {
		prodLineGrad(j.line(j.dx, outer), j.line(j.x, outer), dy[0], j.add)
		return
	}
	s := scratches64.get()
	buf := s.zeroed(2 * n)
	p, zeros := buf[:n], buf[n:]
	for c, v := range dy {
		p[c] = float64(v)
	}
	for r := range j.From {
		for c, v := range j.row(j.x, outer, r, lo, hi) {
			if v == 0 {
				zeros[c]++
			} else {
				p[c] *= float64(v)
			}
		}
	}
	for r := range j.From {
		dx := j.row(j.dx, outer, r, lo, hi)
		for c, v := range j.row(j.x, outer, r, lo, hi) {
			g := float32(0)
			switch {
			case zeros[c] == 0:
				g = float32(p[c] / float64(v))
			case zeros[c] == 1 && v == 0:
				g = float32(p[c])
			}
			if j.add {
				g += dx[c]
			}
			dx[c] = g
		}
	}
	scratches64.put(s)
}

// logSumExp takes the largest number off, so that nothing overflows.
func (j *lineJob) logSumExp(outer, lo, hi int) {
	n := hi - lo
	j.extreme(outer, lo, hi, false)
	y := j.total(j.y, outer, lo, hi)
	s, row := scratches64.get(), scratches.get()
	sums := s.zeroed(n)
	if j.Inner == 1 {
		row.resize(j.From)
		expShift(row.row, j.line(j.x, outer), y[0])
		sums[0], _ = rowPairs(nil, nil, row.row)
	} else {
		row.resize(n)
		for r := range j.From {
			addScaled(row.row, j.row(j.x, outer, r, lo, hi), -1, y)
			expShift(row.row, row.row, 0)
			for c, v := range row.row {
				sums[c] += float64(v)
			}
		}
	}
	for c, v := range sums {
		if top := float64(y[c]); !math.IsInf(top, 0) {
			y[c] = float32(top + math.Log(v))
		}
	}
	scratches.put(row)
	scratches64.put(s)
}

// logSumExpGrad is dx = dy*exp(x-y).
func (j *lineJob) logSumExpGrad(outer, lo, hi int) {
	y, dy := j.total(j.y, outer, lo, hi), j.total(j.dy, outer, lo, hi)
	row := scratches.get()
	if j.Inner == 1 {
		row.resize(j.From)
		expShift(row.row, j.line(j.x, outer), y[0])
		if dx := j.line(j.dx, outer); j.add {
			addScaled(dx, dx, dy[0], row.row)
		} else {
			scale(dx, dy[0], row.row)
		}
		scratches.put(row)
		return
	}
	row.resize(hi - lo)
	for r := range j.From {
		addScaled(row.row, j.row(j.x, outer, r, lo, hi), -1, y)
		expShift(row.row, row.row, 0)
		dx := j.row(j.dx, outer, r, lo, hi)
		for c, v := range row.row {
			v = float32(v * dy[c])
			if j.add {
				v += dx[c]
			}
			dx[c] = v
		}
	}
	scratches.put(row)
}

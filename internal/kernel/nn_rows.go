package kernel

import "math"

// LayerNorm normalises each row of x, of len(gamma) elements, and sets
// y = (x-mean)/sqrt(var+eps)*gamma + beta. stats receives three numbers a row
// for LayerNormGrad. Statistics are accumulated in float64.
func LayerNorm(y, x, gamma, beta, stats []float32, eps float64) {
	layerNorm(y, x, gamma, beta, stats, eps, false)
}

// RMSNorm is LayerNorm without a mean: y = x/sqrt(mean of x*x + eps)*gamma + beta.
func RMSNorm(y, x, gamma, beta, stats []float32, eps float64) {
	layerNorm(y, x, gamma, beta, stats, eps, true)
}

func layerNorm(y, x, gamma, beta, stats []float32, eps float64, rms bool) {
	cols := len(gamma)
	sameLen("LayerNorm", len(y), len(x), len(stats)/3*cols)
	sameLen("LayerNorm", cols, len(beta))
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		for r := lo; r < hi; r++ {
			j.normRow(r)
		}
	}, len(stats)/3, cols)
	j.dst, j.x, j.y, j.z, j.w, j.cols, j.rms = y, x, gamma, beta, stats, cols, rms
	j.partial = append(j.partial[:0], eps)
	j.run()
	j.release()
}

func (j *nnJob) normRow(r int) {
	n := j.cols
	x := j.x[r*n : (r+1)*n]
	sum, sq := rowPairs(nil, nil, x)
	if j.rms {
		sum = 0
	}
	mean := sum / float64(n)
	variance := max(0, sq/float64(n)-mean*mean)
	if variance != variance || mean != mean {
		variance = math.NaN()
	}
	s := j.w[3*r : 3*r+3]
	SetMoments(s, mean, 1/math.Sqrt(variance+j.partial[0]))
	rowNormalize(j.dst[r*n:(r+1)*n], x, j.y, j.z, s)
}

// SetMoments stores a mean as the nearest float32, 1/deviation, and what takes
// the rest of the mean off: x is normalised by (x-s[0])*s[1] + s[2], which
// loses nothing however far from zero the mean is.
func SetMoments(s []float32, mean, inv float64) {
	s[0], s[1] = float32(mean), float32(inv)
	s[2] = float32((float64(s[0]) - mean) * inv)
}

// LayerNormGrad is the way back from LayerNorm with its stats. dgamma and dbeta
// are set, accumulated in float64; they may both be nil. dx may be dy, or nil.
func LayerNormGrad(dx []float32, dgamma, dbeta []float64, dy, x, gamma, stats []float32, add bool) {
	layerNormGrad(dx, dgamma, dbeta, dy, x, gamma, stats, add, false)
}

// RMSNormGrad is the same for RMSNorm.
func RMSNormGrad(dx []float32, dgamma, dbeta []float64, dy, x, gamma, stats []float32, add bool) {
	layerNormGrad(dx, dgamma, dbeta, dy, x, gamma, stats, add, true)
}

func layerNormGrad(dx []float32, dgamma, dbeta []float64, dy, x, gamma, stats []float32, add, rms bool) {
	cols := len(gamma)
	sameLen("LayerNormGrad", len(x), len(dy), len(stats)/3*cols)
	j := newNNJob((*nnJob).normRowsGrad, len(stats)/3, cols)
	j.dst, j.x, j.y, j.z, j.w, j.cols, j.add, j.rms = dx, x, gamma, dy, stats, cols, add, rms
	j.size = max(j.size, (j.n+maxPieces-1)/maxPieces)
	if dgamma != nil {
		sameLen("LayerNormGrad", cols, len(dgamma), len(dbeta))
		j.sums(max(1, j.pieces()) * 2 * cols)
	} else {
		j.sums(0)
	}
	if dx != nil {
		sameLen("LayerNormGrad", len(x), len(dx))
	}
	j.run()
	if dgamma != nil {
		for at := 2 * cols; at < len(j.partial); at += 2 * cols {
			for i, v := range j.partial[at : at+2*cols] {
				j.partial[i] += v
			}
		}
		copy(dbeta, j.partial[:cols])
		copy(dgamma, j.partial[cols:2*cols])
	}
	j.release()
}

func (j *nnJob) normRowsGrad(piece, lo, hi int) {
	n := j.cols
	var xhat *scratch // a normalised row
	if len(j.partial) > 0 {
		xhat = scratches.get()
		xhat.resize(n)
	}
	for r := lo; r < hi; r++ {
		x, dy, s := j.x[r*n:(r+1)*n], j.z[r*n:(r+1)*n], j.w[3*r:3*r+3]
		if xhat != nil {
			rowNormalize(xhat.row, x, xhat.ones, xhat.zeros, s)
			p := j.partial[piece*2*n : (piece+1)*2*n]
			sumPairs(p[:n], p[n:], dy, xhat.row, nil)
		}
		if j.dst != nil {
			j.normRowGrad(j.dst[r*n:(r+1)*n], dy, x, s)
		}
	}
	if xhat != nil {
		scratches.put(xhat)
	}
}

func (j *nnJob) normRowGrad(dx, dy, x, s []float32) {
	n := float64(j.cols)
	sum, prod := rowPairs(dy, j.y, x)
	if j.rms {
		sum = 0
	}
	mean, inv := Moments(s)
	slope := -inv * inv * inv * (prod - mean*sum) / n
	offset := -inv*sum/n - slope*(mean-float64(s[0]))
	rowGrad(dx, dy, j.y, x, s[0], s[1], float32(slope), float32(offset), j.add)
}

// Moments returns what SetMoments stored.
func Moments(s []float32) (mean, inv float64) {
	inv = float64(s[1])
	return float64(s[0]) - float64(s[2])/inv, inv
}

// A scratch is a row of a matrix to work in.
type scratch struct{ row, ones, zeros []float32 }

var scratches stash[scratch]

func (s *scratch) resize(n int) {
	if cap(s.row) < n {
		s.row, s.ones, s.zeros = make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range s.ones {
			s.ones[i] = 1
		}
	}
	s.row, s.ones, s.zeros = s.row[:n], s.ones[:n], s.zeros[:n]
}

// rowPairs returns the sums of g and of g*x, where g = dy*gamma, or x if dy is nil.
func rowPairs(dy, gamma, x []float32) (sum, prod float64) {
	o := ops()
	switch {
	case len(x) < 16:
	case dy == nil && o.rowMoments != nil:
		return o.rowMoments(x)
	case dy != nil && o.rowProducts != nil:
		return o.rowProducts(dy, gamma, x)
	}
	var a, b [16]float64
	return rowPairsRest(&a, &b, dy, gamma, x, 0)
}

func rowNormalize(y, x, gamma, beta, s []float32) {
	f := ops().rowNormalize
	n := whole(len(x), f != nil)
	if n > 0 {
		f(&y[0], &x[0], &gamma[0], &beta[0], s[0], s[1], s[2], n)
	}
	rowNormalizeGo(y[n:], x[n:], gamma[n:], beta[n:], s)
}

func rowGrad(dx, dy, gamma, x []float32, shift, scale, slope, offset float32, add bool) {
	f := ops().rowGrad
	n := whole(len(x), f != nil)
	if n > 0 {
		f(&dx[0], &dy[0], &gamma[0], &x[0], shift, scale, slope, offset, flag(add), n)
	}
	rowGradGo(dx[n:], dy[n:], gamma[n:], x[n:], shift, scale, slope, offset, add)
}

// flag is 1 for true.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Softmax sets each row of y, of cols elements, to exp(x) over its sum; y may be x.
// With logarithm it sets y to the logarithm of that.
func Softmax(y, x []float32, cols int, logarithm bool) {
	rowsOf("Softmax", cols, len(y), len(x))
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		s := scratches.get()
		s.resize(j.cols)
		for r := lo; r < hi; r++ {
			softmaxRow(j.dst[r*j.cols:(r+1)*j.cols], j.x[r*j.cols:(r+1)*j.cols], s.row, j.add)
		}
		scratches.put(s)
	}, len(x)/max(cols, 1), cols)
	j.dst, j.x, j.cols, j.add = y, x, cols, logarithm
	j.run()
	j.release()
}

// rowsOf panics unless all lengths are the same multiple of cols.
func rowsOf(name string, cols, n int, others ...int) {
	sameLen(name, n, others...)
	if cols <= 0 || n%cols != 0 {
		sameLen(name, cols, n)
	}
}

func softmaxRow(y, x, t []float32, logarithm bool) {
	top := maxOf(x)
	if !logarithm {
		t = y
	}
	expShift(t, x, top)
	sum, _ := rowPairs(nil, nil, t)
	if !logarithm {
		scale(y, float32(1/sum), y)
		return
	}
	last := float32(math.Log(sum))
	for i, v := range x {
		y[i] = (v - top) - last
	}
}

// SoftmaxGrad is the way back from y: dx = (dy - sum(dy*y)) * y for each row. dx
// may be dy.
func SoftmaxGrad(dx, dy, y []float32, cols int, add bool) {
	rowsOf("SoftmaxGrad", cols, len(dx), len(dy), len(y))
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		for r := lo; r < hi; r++ {
			dy, y := j.x[r*j.cols:(r+1)*j.cols], j.y[r*j.cols:(r+1)*j.cols]
			softmaxGrad(j.dst[r*j.cols:(r+1)*j.cols], dy, y, float32(dot(dy, y)), j.add)
		}
	}, len(y)/cols, cols)
	j.dst, j.x, j.y, j.cols, j.add = dx, dy, y, cols, add
	j.run()
	j.release()
}

// LogSoftmaxGrad is the way back from y: dx = dy - exp(y)*sum(dy) for each row.
// dx may be dy.
func LogSoftmaxGrad(dx, dy, y []float32, cols int, add bool) {
	rowsOf("LogSoftmaxGrad", cols, len(dx), len(dy), len(y))
	j := newNNJob(func(j *nnJob, _, lo, hi int) {
		s := scratches.get()
		s.resize(j.cols)
		for r := lo; r < hi; r++ {
			dy, dx := j.x[r*j.cols:(r+1)*j.cols], j.dst[r*j.cols:(r+1)*j.cols]
			expShift(s.row, j.y[r*j.cols:(r+1)*j.cols], 0)
			sum, _ := rowPairs(nil, nil, dy)
			if j.add {
				addScaled(dx, dx, 1, dy)
				addScaled(dx, dx, -float32(sum), s.row)
			} else {
				addScaled(dx, dy, -float32(sum), s.row)
			}
		}
		scratches.put(s)
	}, len(y)/cols, cols)
	j.dst, j.x, j.y, j.cols, j.add = dx, dy, y, cols, add
	j.run()
	j.release()
}

func maxOf(x []float32) float32 {
	if f := ops().maxOf; f != nil && len(x) >= 16 {
		return f(x)
	}
	return maxGo(x[0], x)
}

func expShift(dst, x []float32, shift float32) {
	f := ops().expShift
	n := whole(len(x), f != nil)
	if n > 0 {
		f(&dst[0], &x[0], shift, n)
	}
	for i, v := range x[n:] {
		dst[n+i] = expGo(v - shift)
	}
}

func softmaxGrad(dx, dy, y []float32, sum float32, add bool) {
	f := ops().softmaxGrad
	n := whole(len(dx), f != nil)
	if n > 0 {
		f(&dx[0], &dy[0], &y[0], sum, flag(add), n)
	}
	softmaxGradGo(dx[n:], dy[n:], y[n:], sum, add)
}

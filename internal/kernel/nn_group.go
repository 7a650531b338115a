package kernel

import "math"

// GroupNorm normalises the groups of channels of each image: x is images x rows
// x cols with cols = len(gamma), and a group is cols/groups columns. It sets
// y = (x-mean)/sqrt(var+eps)*gamma + beta. stats receives three numbers for each
// group of each image, for GroupNormGrad. Statistics are accumulated in float64.
func GroupNorm(y, x, gamma, beta, stats []float32, images, groups int, eps float64) {
	sameLen("GroupNorm", len(y), len(x))
	sameLen("GroupNorm", len(gamma), len(beta))
	checkGroups("GroupNorm", x, gamma, stats, images, groups)
	j := newNNJob((*nnJob).groupNorm, images, len(x)/images)
	j.dst, j.x, j.y, j.z, j.w, j.cols, j.rows = y, x, gamma, beta, stats, len(gamma), groups
	j.sums(1)[0] = eps
	j.run()
	j.release()
}

func checkGroups(name string, x, gamma, stats []float32, images, groups int) {
	rowsOf(name, len(gamma)*images, len(x))
	rowsOf(name, groups, len(gamma))
	sameLen(name, 3*images*groups, len(stats))
}

func (j *nnJob) groupNorm(_, lo, hi int) {
	n, cols, group := len(j.x)/j.n, j.cols, j.cols/j.rows
	sums, coefs := scratches64.get(), groupCoefs.get()
	for i := lo; i < hi; i++ {
		x := j.x[i*n : (i+1)*n]
		sum, sq := imagePairs(sums, nil, x, cols)
		shift, scale, offset, _ := coefs.resize(cols)
		for g := range j.rows {
			a, b := 0., 0.
			for c := g * group; c < (g+1)*group; c++ {
				a, b = a+sum[c], b+sq[c]
			}
			m := float64(n / j.rows)
			mean := a / m
			s := j.w[3*(i*j.rows+g):][:3]
			SetMoments(s, mean, 1/math.Sqrt(max(0, b/m-mean*mean)+j.partial[0]))
			for c := g * group; c < (g+1)*group; c++ {
				shift[c], scale[c], offset[c] = s[0], s[1]*j.y[c], j.z[c]+float32(s[2]*j.y[c])
			}
		}
		a := normArgs{dst: j.dst[i*n : (i+1)*n], x: x, shift: shift, scale: scale, offset: offset, floor: negInf}
		a.sweep(0, n)
	}
	scratches64.put(sums)
	groupCoefs.put(coefs)
}

// imagePairs returns the sums of the columns of dy and of dy*x, or of x and x*x.
func imagePairs(s *scratch64, dy, x []float32, cols int) (a, b []float64) {
	p := pairPeriod(cols)
	buf := s.zeroed(2*p + 2*cols)
	a, b = buf[2*p:2*p+cols], buf[2*p+cols:]
	sumPairs(buf[:p], buf[p:2*p], dy, x, nil)
	fold(a, buf[:p])
	fold(b, buf[p:2*p])
	return a, b
}

// A groupCoef is memory for coefficients of normalisations.
type groupCoef struct{ buf []float32 }

var groupCoefs stash[groupCoef]

func (g *groupCoef) resize(n int) (a, b, c, d []float32) {
	if cap(g.buf) < 4*n {
		g.buf = make([]float32, 4*n)
	}
	return g.buf[:n], g.buf[n : 2*n], g.buf[2*n : 3*n], g.buf[3*n : 4*n]
}

// GroupNormGrad is the way back from GroupNorm with its stats. dgamma and dbeta are
// set, accumulated in float64. dx is set or added to; it may be dy, or nil.
func GroupNormGrad(dx []float32, dgamma, dbeta []float64, dy, x, gamma, stats []float32, images, groups int, add bool) {
	cols := len(gamma)
	sameLen("GroupNormGrad", len(x), len(dy))
	sameLen("GroupNormGrad", cols, len(dgamma), len(dbeta))
	if dx != nil {
		sameLen("GroupNormGrad", len(x), len(dx))
	}
	checkGroups("GroupNormGrad", x, gamma, stats, images, groups)
	j := newNNJob((*nnJob).groupNormGrad, images, len(x)/images)
	j.dst, j.x, j.y, j.z, j.w, j.cols, j.rows, j.add = dx, x, gamma, dy, stats, cols, groups, add
	sums := j.sums(images * 2 * cols)
	j.run()
	fold(dbeta, sums[:images*cols])
	fold(dgamma, sums[images*cols:])
	j.release()
}

func (j *nnJob) groupNormGrad(_, lo, hi int) {
	n, cols, group := len(j.x)/j.n, j.cols, j.cols/j.rows
	sums, coefs := scratches64.get(), groupCoefs.get()
	for i := lo; i < hi; i++ {
		x, dy := j.x[i*n:(i+1)*n], j.z[i*n:(i+1)*n]
		sum, prod := imagePairs(sums, dy, x, cols)
		dbeta, dgamma := j.partial[i*cols:(i+1)*cols], j.partial[(j.n+i)*cols:(j.n+i+1)*cols]
		a := normArgs{x: x, dy: dy, backward: true}
		a.shift, a.scale, a.slope, a.offset = coefs.resize(cols)
		for g := range j.rows {
			s := j.w[3*(i*j.rows+g):][:3]
			mean, inv := Moments(s)
			s1, s2 := 0., 0.
			for c := g * group; c < (g+1)*group; c++ {
				dbeta[c], dgamma[c] = sum[c], inv*(prod[c]-mean*sum[c])
				s1 += float64(j.y[c]) * dbeta[c]
				s2 += float64(j.y[c]) * dgamma[c]
			}
			m := float64(n / j.rows)
			slope := -inv * inv * s2 / m
			offset := -inv*s1/m - slope*(mean-float64(s[0]))
			for c := g * group; c < (g+1)*group; c++ {
				a.shift[c], a.scale[c], a.slope[c], a.offset[c] = s[0], s[1]*j.y[c], float32(slope), float32(offset)
			}
		}
		if j.dst != nil {
			a.dst = j.dst[i*n : (i+1)*n]
			a.flags = flag(j.add) * flagAddDx
			a.sweep(0, n)
		}
	}
	scratches64.put(sums)
	groupCoefs.put(coefs)
}

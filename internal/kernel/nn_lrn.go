package kernel

import "math"

// LRN sets y to x/(bias + alpha/size * sum)^beta for rows of cols channels, where sum is of the
// squares of the channels around, (size-1)/2 before and size/2 after: ONNX's
// LRN, local response normalisation (Krizhevsky et al. 2012). bases receives what is raised to beta,
// for LRNGrad.
func LRN(y, bases, x []float32, cols, size int, alpha, beta, bias float32) {
	j := lrnJob("LRN", x, y, bases, cols, size, alpha, beta, bias, (*nnJob).lrnRows)
	j.run()
	j.release()
}

// LRNGrad is the way back from LRN. It sets dx or adds to it.
func LRNGrad(dx, dy, y, bases, x []float32, cols, size int, alpha, beta, bias float32, add bool) {
	sameLen("LRNGrad", len(x), len(dx), len(dy))
	j := lrnJob("LRNGrad", x, y, bases, cols, size, alpha, beta, bias, (*nnJob).lrnRowsGrad)
	j.dst, j.w, j.add = dx, dy, add
	j.run()
	j.release()
}

func lrnJob(name string, x, y, bases []float32, cols, size int, alpha, beta, bias float32, op func(j *nnJob, piece, lo, hi int)) *nnJob {
	rowsOf(name, cols, len(x), len(y), len(bases))
	j := newNNJob(op, len(x)/cols, mapCost*cols)
	j.x, j.y, j.z, j.cols, j.rows, j.f = x, y, bases, cols, size, [4]float32{alpha, beta, bias}
	return j
}

func (j *nnJob) lrnRows(_, lo, hi int) {
	n, f := j.cols, float64(j.f[0])/float64(j.rows)
	s := scratches64.get()
	for r := lo; r < hi; r++ {
		x, y, bases := j.x[r*n:(r+1)*n], j.y[r*n:(r+1)*n], j.z[r*n:(r+1)*n]
		sq := s.zeroed(n)
		for c, v := range x {
			sq[c] = float64(v) * float64(v)
		}
		for c, v := range x {
			base := float64(j.f[2]) + f*around(sq, c, (j.rows-1)/2, j.rows/2)
			bases[c] = float32(base)
			y[c] = v * float32(inversePower(base, j.f[1]))
		}
	}
	scratches64.put(s)
}

// lrnRowsGrad is dx = dy/base^beta - 2 alpha beta/size x sum(dy y/base), over the channels
// that see this one.
func (j *nnJob) lrnRowsGrad(_, lo, hi int) {
	n, f := j.cols, 2*float64(j.f[0])*float64(j.f[1])/float64(j.rows)
	s := scratches64.get()
	for r := lo; r < hi; r++ {
		x, y, bases, dy, dx := j.x[r*n:(r+1)*n], j.y[r*n:(r+1)*n], j.z[r*n:(r+1)*n], j.w[r*n:(r+1)*n], j.dst[r*n:(r+1)*n]
		ratio := s.zeroed(n)
		for c, v := range dy {
			ratio[c] = float64(v) * float64(y[c]) / float64(bases[c])
		}
		for c, v := range dy {
			g := float32(float64(v)*inversePower(float64(bases[c]), j.f[1]) - f*float64(x[c])*around(ratio, c, j.rows/2, (j.rows-1)/2))
			if j.add {
				g += dx[c]
			}
			dx[c] = g
		}
	}
	scratches64.put(s)
}

// around is the sum of x from before c to after it, as far as there is anything.
func around(x []float64, c, before, after int) (sum float64) {
	for _, v := range x[max(0, c-before):min(len(x), c+after+1)] {
		sum += v
	}
	return sum
}

// inversePower is x to the power of -a; .75 is what networks have.
func inversePower(x float64, a float32) float64 {
	if a == .75 {
		root := math.Sqrt(x)
		return 1 / (root * math.Sqrt(root))
	}
	return power(x, -float64(a))
}

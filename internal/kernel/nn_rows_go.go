package kernel

// rowPairsGo does elements from the first-th on, which is a multiple of 16.
func rowPairsGo(a, b *[16]float64, dy, gamma, x []float32, first int) {
	for i := first; i < len(x); i++ {
		v := float64(x[i])
		g := v
		if dy != nil {
			g = float64(dy[i] * gamma[i])
		}
		a[i%16] += g
		b[i%16] += g * v
	}
}

// rowPairsRest adds elements from the first-th on to the lanes, and the lanes.
func rowPairsRest(a, b *[16]float64, dy, gamma, x []float32, first int) (sum, prod float64) {
	rowPairsGo(a, b, dy, gamma, x, first)
	return tree16(a), tree16(b)
}

// maxGo returns the largest of top and x, in which a NaN is never larger.
func maxGo(top float32, x []float32) float32 {
	for _, v := range x {
		if v > top {
			top = v
		}
	}
	return top
}

// tree16 adds the lanes pairwise, far ones first.
func tree16(lanes *[16]float64) float64 {
	for n := 8; n > 0; n /= 2 {
		for i := range n {
			lanes[i] += lanes[i+n]
		}
	}
	return lanes[0]
}

func rowNormalizeGo(y, x, gamma, beta, s []float32) {
	y, gamma, beta = y[:len(x)], gamma[:len(x)], beta[:len(x)]
	for i, v := range x {
		v = float32((v-s[0])*s[1]) + s[2]
		y[i] = float32(v*gamma[i]) + beta[i]
	}
}

func rowGradGo(dx, dy, gamma, x []float32, shift, scale, slope, offset float32, add bool) {
	dx, dy, gamma = dx[:len(x)], dy[:len(x)], gamma[:len(x)]
	for i, v := range x {
		v = float32((v-shift)*slope) + offset
		v += float32(dy[i] * gamma[i] * scale)
		if add {
			v += dx[i]
		}
		dx[i] = v
	}
}

func softmaxGradGo(dx, dy, y []float32, sum float32, add bool) {
	dy, y = dy[:len(dx)], y[:len(dx)]
	for i := range dx {
		v := float32((dy[i] - sum) * y[i])
		if add {
			v += dx[i]
		}
		dx[i] = v
	}
}

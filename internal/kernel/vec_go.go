package kernel

// The twins. The conversions float32(...) around products forbid the compiler
// to fuse a multiplication with an addition, which some architectures would do.

// dotGo adds x[i]*y[i] to lane i%32. The product is exact, so fusing it with
// the addition changes nothing.
func dotGo(lanes *[32]float64, x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		lanes[i%32] += float64(v) * float64(y[i])
	}
}

// dotRest adds what is left to the lanes, and the lanes.
func dotRest(lanes *[32]float64, x, y []float32) float64 {
	dotGo(lanes, x, y)
	return tree(lanes)
}

// tree adds the lanes pairwise, far ones first.
func tree(lanes *[32]float64) float64 {
	for n := 16; n > 0; n /= 2 {
		for i := range n {
			lanes[i] += lanes[i+n]
		}
	}
	return lanes[0]
}

func addScaledGo(dst, x []float32, a float32, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] + float32(a*y[i])
	}
}

func scaleGo(dst []float32, a float32, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = a * x[i]
	}
}

package vec

func dot32(x, y []float32) float64 {
	var s float64
	for i, v := range x {
		s += float64(v) * float64(y[i])
	}
	return s
}

func addScaled32(dst, x []float32, a float32, y []float32) {
	for i, v := range y {
		dst[i] = x[i] + a*v
	}
}

func scale32(dst []float32, a float32, x []float32) {
	for i, v := range x {
		dst[i] = a * v
	}
}

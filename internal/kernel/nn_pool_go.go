package kernel

// maxPoolGo sets y to the largest of kh x kw vectors, pixel elements apart in a
// row and line elements from row to row; a NaN wins.
func maxPoolGo(y, x []float32, kh, kw, pixel, line int) {
	copy(y, x)
	for h := range kh {
		for w := range kw {
			for i, v := range x[h*line+w*pixel:][:len(y)] {
				if v > y[i] || v != v {
					y[i] = v
				}
			}
		}
	}
}

// maxPoolGradGo adds dy to dx at the first place where x is y, and 0 elsewhere,
// which takes the sign off a zero.
func maxPoolGradGo(dx, x []float32, dy, y float32, kh, kw, pixel, line int) {
	for h := range kh {
		for w := range kw {
			at, g := h*line+w*pixel, float32(0)
			if x[at] == y {
				g, dy = dy, 0
			}
			dx[at] += g
		}
	}
}

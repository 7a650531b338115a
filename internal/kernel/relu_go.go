package kernel

func reluGo(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		if v < 0 { // not "if v > 0" the other way round: a NaN must stay
			v = 0
		}
		dst[i] = v
	}
}

func addReluGo(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		v := x[i] + y[i]
		if v < 0 {
			v = 0
		}
		dst[i] = v
	}
}

func reluBackwardGo(dx, dy, y []float32) {
	dy, y = dy[:len(dx)], y[:len(dx)]
	for i, v := range y {
		d := dy[i]
		if !(v > 0) {
			d = 0
		}
		dx[i] = d
	}
}

func reluBackwardAddGo(dx, dy, y []float32) {
	dy, y = dy[:len(dx)], y[:len(dx)]
	for i, v := range y {
		d := dy[i]
		if !(v > 0) {
			d = 0
		}
		dx[i] += d
	}
}

// sumColsGo does columns from the first-th on.
func sumColsGo(sums []float64, x []float32, first int) {
	cols := len(sums)
	if first == cols {
		return
	}
	for r := 0; r < len(x); r += cols {
		row := x[r+first : r+cols]
		for c, v := range row {
			sums[first+c] += float64(v)
		}
	}
}

package kernel

import "math"

var negInf = float32(math.Inf(-1))

// sumPairsGo adds to a and b the sums of columns from to to of rows rows, the
// first of which starts at element at, ld elements apart. Products of float32
// values are exact in float64.
func sumPairsGo(a, b []float64, dy, x, y []float32, at, rows, from, to, ld int) {
	for range rows {
		for c := from; c < to; c++ {
			v := float64(x[at+c])
			g := v
			if dy != nil {
				g = float64(dy[at+c])
				if y != nil && !(y[at+c] > 0) {
					g = 0
				}
			}
			a[c] += g
			b[c] += g * v
		}
		at += ld
	}
}

// twin does n elements from element at on, the first of which is in column col.
func (a *normArgs) twin(at, col, n int) {
	for n > 0 {
		row := min(n, len(a.shift)-col)
		if a.backward {
			a.gradRow(at, col, row)
		} else {
			a.row(at, col, row)
		}
		at, n, col = at+row, n-row, 0
	}
}

func (a *normArgs) row(at, col, n int) {
	x, y := a.x[at:at+n], a.dst[at:at+n]
	shift, scale, offset := a.shift[col:col+n], a.scale[col:col+n], a.offset[col:col+n]
	for i, v := range x {
		v = float32((v-shift[i])*scale[i]) + offset[i]
		if a.res != nil {
			v += a.res[at+i]
		}
		if a.floor > v {
			v = a.floor
		}
		y[i] = v
	}
}

func (a *normArgs) gradRow(at, col, n int) {
	x, dx, dy := a.x[at:at+n], a.dst[at:at+n], a.dy[at:at+n]
	shift, scale := a.shift[col:col+n], a.scale[col:col+n]
	slope, offset := a.slope[col:col+n], a.offset[col:col+n]
	for i, g := range dy {
		if a.y != nil && !(a.y[at+i] > 0) {
			g = 0
		}
		if a.res != nil {
			r := g
			if a.flags&flagAddRes != 0 {
				r += a.res[at+i]
			}
			a.res[at+i] = r
		}
		v := float32((x[i]-shift[i])*slope[i]) + offset[i]
		v += float32(g * scale[i])
		if a.flags&flagAddDx != 0 {
			v += dx[i]
		}
		dx[i] = v
	}
}

package kernel

// microGo is the micro-kernel's twin. The sums of a 4x4 tile are done in four
// 2x2 ones, as more would not stay in registers.
func microGo(rows, cols, k int, a []float32, rs, cs int, b []float32, bs int, c []float32, ldc int, add bool) {
	i := 0
	for ; i+2 <= rows; i += 2 {
		l := 0
		for ; l+4 <= cols; l += 4 {
			micro2x4(k, a[i*rs:], rs, cs, b[l:], bs, c[i*ldc+l:], ldc, add)
		}
		for ; l < cols; l++ {
			micro1x1(k, a[i*rs:], cs, b[l:], bs, &c[i*ldc+l], add)
			micro1x1(k, a[(i+1)*rs:], cs, b[l:], bs, &c[(i+1)*ldc+l], add)
		}
	}
	if i < rows {
		for l := range cols {
			micro1x1(k, a[i*rs:], cs, b[l:], bs, &c[i*ldc+l], add)
		}
	}
}

func micro2x4(k int, a []float32, rs, cs int, b []float32, bs int, c []float32, ldc int, add bool) {
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	for p := range k {
		x, y := a[p*cs], a[p*cs+rs]
		v := b[p*bs:][:4]
		s00 += x * v[0]
		s01 += x * v[1]
		s02 += x * v[2]
		s03 += x * v[3]
		s10 += y * v[0]
		s11 += y * v[1]
		s12 += y * v[2]
		s13 += y * v[3]
	}
	c0, c1 := c[:4], c[ldc:][:4]
	if add {
		s00, s01, s02, s03 = s00+c0[0], s01+c0[1], s02+c0[2], s03+c0[3]
		s10, s11, s12, s13 = s10+c1[0], s11+c1[1], s12+c1[2], s13+c1[3]
	}
	c0[0], c0[1], c0[2], c0[3] = s00, s01, s02, s03
	c1[0], c1[1], c1[2], c1[3] = s10, s11, s12, s13
}

func micro1x1(k int, a []float32, cs int, b []float32, bs int, c *float32, add bool) {
	var s float32
	for p := range k {
		s += a[p*cs] * b[p*bs]
	}
	if add {
		s += *c
	}
	*c = s
}

func packGo(to []float32, pitch int, from []float32, ld, n, k int, contiguous bool) {
	for p := range k {
		row := to[p*pitch:][:n]
		if contiguous {
			copy(row, from[p*ld:])
			continue
		}
		for i := range row {
			row[i] = from[i*ld+p]
		}
	}
}

// peakGo does eight independent sums, as in micro2x4.
func peakGo(iterations int) int {
	var s [8]float32
	a, b, c, d, e, f, g, h := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	x := float32(iterations & 1)
	for range iterations {
		a += a * x
		b += b * x
		c += c * x
		d += d * x
		e += e * x
		f += f * x
		g += g * x
		h += h * x
	}
	if a+b+c+d+e+f+g+h != 0 {
		panic("kernel: unreachable")
	}
	return 16 * iterations
}

// microDotGo is the twin of the kernels for narrow C. It adds in their order.
func microDotGo(rows, cols, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	for i := range rows {
		for l := range cols {
			s := dot16(a[i*lda:][:k], b[l*ldb:][:k])
			if add {
				s += c[i*ldc+l]
			}
			c[i*ldc+l] = s
		}
	}
}

func dot16(x, y []float32) float32 {
	var s [16]float32
	for ; len(x) >= 16; x, y = x[16:], y[16:] {
		u, v := (*[16]float32)(x), (*[16]float32)(y)
		for l := range s {
			s[l] += u[l] * v[l]
		}
	}
	for l := range x {
		s[l] += x[l] * y[l]
	}
	for l := range 8 {
		s[l] += s[l+8]
	}
	return s[0] + s[1] + (s[2] + s[3]) + (s[4] + s[5] + (s[6] + s[7]))
}

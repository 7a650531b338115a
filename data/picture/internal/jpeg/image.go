package jpeg

// image makes pixels of the planes.
func (d *decoder) image() (*Image, error) {
	n := len(d.components)
	img := &Image{d.width, d.height, n, make([]uint8, n*d.width*d.height)}
	rows := make([][]uint8, n)
	for i := range d.components {
		c := &d.components[i]
		c.transform()
		rows[i] = make([]uint8, 8*c.across*d.hmax/c.h)
	}
	convert := d.colours()
	for y := range d.height {
		for i := range d.components {
			d.components[i].row(rows[i], y, d.hmax, d.vmax)
		}
		convert(img.Pix[n*d.width*y:][:n*d.width], rows)
	}
	return img, nil
}

// transform makes samples of the coefficients of progressive files.
func (c *component) transform() {
	if c.coef == nil {
		return
	}
	c.pix = make([]uint8, len(c.coef))
	for i := range c.across * c.down {
		var block [64]int32
		for k, v := range c.block(i) {
			block[k] = int32(v) * c.quant[k]
		}
		inverse(c.pix[c.place(i):], 8*c.across, &block)
	}
	c.coef = nil
}

// line returns a line of samples, the nearest there is.
func (c *component) line(y int) []uint8 {
	return c.pix[8*c.across*min(max(y, 0), c.rows-1):][:c.w]
}

// row writes a row of pixels to dst, which has room for the blocks'. libjpeg (jdsample.c)
// interpolates by twos alone, where the two nearest samples weigh 3 to 1, and not across planes of
// one or two samples; else it repeats samples.
func (c *component) row(dst []uint8, y, hmax, vmax int) {
	sx, sy := hmax/c.h, vmax/c.v
	near, far := c.line(y/sy), c.line(y/2-1+y%2*2)
	switch {
	case sx == 1 && sy == 1:
		copy(dst, near)
	case sx == 2 && sy == 1 && c.w > 2:
		across(dst, near)
	case sx == 1 && sy == 2:
		down(dst, near, far, 1+y%2)
	case sx == 2 && sy == 2 && c.w > 2:
		both(dst, near, far)
	default:
		for i, v := range near {
			for k := range sx {
				dst[i*sx+k] = v
			}
		}
	}
}

// across is libjpeg's h2v1_fancy_upsample. Roundings alternate, so that they have no mean.
func across(dst, in []uint8) {
	last := len(in) - 1
	dst = dst[:2*len(in)]
	for i, v := range in {
		v := 3 * int(v)
		left, right := in[max(i-1, 0)], in[min(i+1, last)]
		dst[2*i], dst[2*i+1] = uint8((v+int(left)+1)>>2), uint8((v+int(right)+2)>>2)
	}
}

// down is libjpeg's h1v2_fancy_upsample.
func down(dst, near, far []uint8, bias int) {
	for i, v := range near {
		dst[i] = uint8((3*int(v) + int(far[i]) + bias) >> 2)
	}
}

// both is libjpeg's h2v2_fancy_upsample.
func both(dst, near, far []uint8) {
	far, dst = far[:len(near)], dst[:2*len(near)]
	column := func(i int) int { return 3*int(near[i]) + int(far[i]) }
	left, v := column(0), column(0)
	for i := range near {
		right := v
		if i+1 < len(near) {
			right = column(i + 1)
		}
		dst[2*i], dst[2*i+1] = uint8((3*v+left+8)>>4), uint8((3*v+right+7)>>4)
		left, v = v, right
	}
}

// colours returns what makes a row of pixels of rows of samples, by libjpeg's guess of what the
// components are (default_decompress_parms of jdapimin.c).
func (d *decoder) colours() func(dst []uint8, rows [][]uint8) {
	c := d.components
	switch {
	case len(c) == 1:
		return func(dst []uint8, rows [][]uint8) { copy(dst, rows[0]) }
	case len(c) == 4 && d.adobe && d.transform != 0:
		return ycck
	case len(c) == 4,
		!d.jfif && d.adobe && d.transform == 0,
		!d.jfif && !d.adobe && c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B':
		return interleave
	}
	return ycc
}

func interleave(dst []uint8, rows [][]uint8) {
	n := len(rows)
	for i, row := range rows {
		for x := range len(dst) / n {
			dst[n*x+i] = row[x]
		}
	}
}

// ycc converts luma and chroma as JFIF says, in libjpeg's 16 bits of fraction.
func ycc(dst []uint8, rows [][]uint8) {
	n := len(dst) / 3
	luma, cb, cr := rows[0][:n], rows[1][:n], rows[2][:n]
	for x := range n {
		px := dst[3*x : 3*x+3 : 3*x+3]
		px[0], px[1], px[2] = rgb(luma[x], cb[x], cr[x])
	}
}

// ycck converts the first three of four, which are turned round: 255 is no ink.
func ycck(dst []uint8, rows [][]uint8) {
	for x := range len(dst) / 4 {
		r, g, b := rgb(rows[0][x], rows[1][x], rows[2][x])
		px := dst[4*x : 4*x+4]
		px[0], px[1], px[2], px[3] = 255-r, 255-g, 255-b, rows[3][x]
	}
}

func rgb(y, cb, cr uint8) (r, g, b uint8) {
	const (
		half  = 1 << 15
		f1402 = 91881  // 1.40200 * 65536
		f1772 = 116130 // 1.77200
		f0714 = 46802  // 0.71414
		f0344 = 22554  // 0.34414
	)
	l, u, v := int32(y), int32(cb)-128, int32(cr)-128
	return clamp(l + (f1402*v+half)>>16), clamp(l + (-f0344*u-f0714*v+half)>>16), clamp(l + (f1772*u+half)>>16)
}

func clamp(v int32) uint8 {
	if uint32(v) > 255 {
		return uint8(^(v >> 31)) // 0 below, 255 above
	}
	return uint8(v)
}

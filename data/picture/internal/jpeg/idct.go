package jpeg

// inverse writes the inverse cosine transform of a block that is dequantized: jidctint.c of
// libjpeg, the algorithm of Loeffler, Ligtenberg and Moschytz with 12 multiplications, in its
// fixed point.
func inverse(dst []uint8, stride int, b *[64]int32) {
	const (
		passBits = 2
		bits     = 13
	)
	for x := range 8 {
		c := (*[57]int32)(b[x : x+57])
		if c[8]|c[16]|c[24]|c[32]|c[40]|c[48]|c[56] == 0 {
			dc := c[0] << passBits
			c[0], c[8], c[16], c[24], c[32], c[40], c[48], c[56] = dc, dc, dc, dc, dc, dc, dc, dc
			continue
		}
		e, o := butterflies(c[0], c[8], c[16], c[24], c[32], c[40], c[48], c[56])
		const half, shift = 1 << (bits - passBits - 1), bits - passBits
		c[0], c[56] = (e[0]+o[3]+half)>>shift, (e[0]-o[3]+half)>>shift
		c[8], c[48] = (e[1]+o[2]+half)>>shift, (e[1]-o[2]+half)>>shift
		c[16], c[40] = (e[2]+o[1]+half)>>shift, (e[2]-o[1]+half)>>shift
		c[24], c[32] = (e[3]+o[0]+half)>>shift, (e[3]-o[0]+half)>>shift
	}
	for y := range 8 {
		r, out := (*[8]int32)(b[8*y:]), dst[y*stride:][:8:8]
		e, o := butterflies(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
		const half, shift = 1 << (bits + passBits + 2), bits + passBits + 3
		out[0], out[7] = level((e[0]+o[3]+half)>>shift), level((e[0]-o[3]+half)>>shift)
		out[1], out[6] = level((e[1]+o[2]+half)>>shift), level((e[1]-o[2]+half)>>shift)
		out[2], out[5] = level((e[2]+o[1]+half)>>shift), level((e[2]-o[1]+half)>>shift)
		out[3], out[4] = level((e[3]+o[0]+half)>>shift), level((e[3]-o[0]+half)>>shift)
	}
}

// butterflies are the even and the odd part of a transform of eight.
func butterflies(v0, v1, v2, v3, v4, v5, v6, v7 int32) (even, odd [4]int32) {
	const ( // of 13 bits of fraction
		f0298 = 2446
		f0390 = 3196
		f0541 = 4433
		f0765 = 6270
		f0899 = 7373
		f1175 = 9633
		f1501 = 12299
		f1847 = 15137
		f1961 = 16069
		f2053 = 16819
		f2562 = 20995
		f3072 = 25172
	)
	z := (v2 + v6) * f0541
	t2, t3 := z-v6*f1847, z+v2*f0765
	t0, t1 := (v0+v4)<<13, (v0-v4)<<13
	even = [4]int32{t0 + t3, t1 + t2, t1 - t2, t0 - t3}

	z5 := (v7 + v3 + v5 + v1) * f1175
	z1, z2 := -(v7+v1)*f0899, -(v5+v3)*f2562
	z3, z4 := z5-(v7+v3)*f1961, z5-(v5+v1)*f0390
	odd = [4]int32{v7*f0298 + z1 + z3, v5*f2053 + z2 + z4, v3*f3072 + z2 + z3, v1*f1501 + z1 + z4}
	return even, odd
}

// level makes a byte of a sample about 0.
func level(v int32) uint8 {
	if v += 128; uint32(v) > 255 {
		return uint8(^(v >> 31)) // 0 below, 255 above
	}
	return uint8(v)
}

// fillBlock writes the transform of a block that has a mean alone.
func fillBlock(dst []uint8, stride int, dc int32) {
	v := level((dc<<2 + 16) >> 5)
	for y := range 8 {
		row := dst[y*stride:][:8]
		for x := range row {
			row[x] = v
		}
	}
}

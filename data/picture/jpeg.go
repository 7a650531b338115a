package picture

import (
	"image"
	"image/color"
)

// Networks are trained on pixels that libjpeg decoded. image/jpeg takes each pixel's
// colour from the nearest sample of a subsampled plane; libjpeg (jdsample.c) weighs the
// two nearest in each direction 3 to 1, and converts colours (jdcolor.c) with another
// rounding. Both are done here on the planes that image/jpeg decoded.

// A conversion makes red, green and blue of luma and chroma.
type conversion func(y, cb, cr uint8) (r, g, b uint8)

func colours(format string) conversion {
	if format == "webp" {
		return vp8Colours
	}
	return jpegColours
}

// jpegColours is JFIF's, in libjpeg's 16 bits of fraction.
func jpegColours(y, cb, cr uint8) (r, g, b uint8) {
	const (
		half   = 1 << 15
		f1402  = 91881  // 1.40200 * 65536
		f1772  = 116130 // 1.77200
		f0714  = 46802  // 0.71414
		f0344  = 22554  // 0.34414
		centre = 128
	)
	l, u, v := int(y), int(cb)-centre, int(cr)-centre
	return clamp(l + (f1402*v+half)>>16), clamp(l + (-f0344*u-f0714*v+half)>>16), clamp(l + (f1772*u+half)>>16)
}

// vp8Colours is that of lossy WebP, whose values go from 16 to 235, with libwebp's
// rounding (src/dsp/yuv.h).
func vp8Colours(y, cb, cr uint8) (r, g, b uint8) {
	l, u, v := int(y)*19077>>8, int(cb), int(cr)
	return clamp((l + v*26149>>8 - 14234) >> 6), clamp((l - u*6419>>8 - v*13320>>8 + 8708) >> 6), clamp((l + u*33050>>8 - 17685) >> 6)
}

func clamp(v int) uint8 { return uint8(min(max(v, 0), 255)) }

// fromYCbCr converts an image whose planes start at the origin.
func (p *bitmap) fromYCbCr(img *image.YCbCr, convert conversion) {
	w, h := min(p.w, img.Rect.Dx()), min(p.h, img.Rect.Dy())
	cb := chroma{plane: img.Cb, ratio: img.SubsampleRatio}
	cr := chroma{plane: img.Cr, ratio: img.SubsampleRatio}
	rows := make([][]uint8, 2)
	for i, c := range []*chroma{&cb, &cr} {
		c.size(w, h, img.CStride)
		rows[i] = make([]uint8, w+4)
	}
	for y := range h {
		cb.row(rows[0], y)
		cr.row(rows[1], y)
		luma, out := img.Y[y*img.YStride:], p.rgb[3*y*p.w:]
		for x := range w {
			out[3*x], out[3*x+1], out[3*x+2] = convert(luma[x], rows[0][x], rows[1][x])
		}
	}
}

// chroma is a plane of samples for several pixels each.
type chroma struct {
	plane        []uint8
	stride, w, h int // in samples
	ratio        image.YCbCrSubsampleRatio
	sx, sy       int // pixels of a sample
}

func (c *chroma) size(w, h, stride int) {
	c.sx, c.sy = 1, 1
	switch c.ratio {
	case image.YCbCrSubsampleRatio422:
		c.sx = 2
	case image.YCbCrSubsampleRatio420:
		c.sx, c.sy = 2, 2
	case image.YCbCrSubsampleRatio440:
		c.sy = 2
	case image.YCbCrSubsampleRatio411:
		c.sx = 4
	case image.YCbCrSubsampleRatio410:
		c.sx, c.sy = 4, 2
	}
	c.w, c.h, c.stride = (w+c.sx-1)/c.sx, (h+c.sy-1)/c.sy, stride
}

// line returns a line of samples, the nearest there is.
func (c *chroma) line(i int) []uint8 {
	i = min(max(i, 0), c.h-1)
	return c.plane[i*c.stride:][:c.w]
}

// row writes a row of pixels' chroma to dst, which has room for up to three more.
// libjpeg interpolates by twos alone, and not across planes of one or two samples.
func (c *chroma) row(dst []uint8, y int) {
	near := c.line(y / c.sy)
	far := c.line(y/2 - 1 + y%2*2)
	switch {
	case c.sx == 2 && c.sy == 2 && c.w > 2:
		upsampleBoth(dst, near, far)
	case c.sx == 2 && c.sy == 1 && c.w > 2:
		upsampleAcross(dst, near)
	case c.sx == 1 && c.sy == 2:
		upsampleDown(dst, near, far, 1+y%2)
	default:
		for i, v := range near {
			for k := range c.sx {
				dst[i*c.sx+k] = v
			}
		}
	}
}

// upsampleAcross is libjpeg's h2v1_fancy_upsample. Roundings alternate, so that they have no
// mean.
func upsampleAcross(dst, in []uint8) {
	last := len(in) - 1
	for i, v := range in {
		v := 3 * int(v)
		left, right := in[max(i-1, 0)], in[min(i+1, last)]
		dst[2*i], dst[2*i+1] = uint8((v+int(left)+1)>>2), uint8((v+int(right)+2)>>2)
	}
}

// upsampleDown is libjpeg's h1v2_fancy_upsample.
func upsampleDown(dst, near, far []uint8, bias int) {
	for i, v := range near {
		dst[i] = uint8((3*int(v) + int(far[i]) + bias) >> 2)
	}
}

// upsampleBoth is libjpeg's h2v2_fancy_upsample.
func upsampleBoth(dst, near, far []uint8) {
	last := len(near) - 1
	column := func(i int) int { return 3*int(near[i]) + int(far[i]) }
	left, v := column(0), column(0)
	for i := range near {
		right := column(min(i+1, last))
		dst[2*i], dst[2*i+1] = uint8((3*v+left+8)>>4), uint8((3*v+right+7)>>4)
		left, v = v, right
	}
}

// straight returns a colour without its transparency.
func straight(c color.Color) (r, g, b uint8) {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return n.R, n.G, n.B
}

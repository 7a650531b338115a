package picture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
)

func pngSize(r *bufio.Reader) (w, h int, err error) {
	c, err := png.DecodeConfig(r)
	return c.Width, c.Height, err
}

func decodePNG(b []byte) (bitmap, error) {
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return bitmap{}, err
	}
	r := img.Bounds()
	p := newBitmap(r.Dx(), r.Dy())
	const depth, colour = 24, 25 // where a PNG says so
	wide := b[depth] == 16 && b[colour] == 0
	for y := range p.h {
		pngRow(p.row(y), img, y, wide)
	}
	return p, nil
}

// pngRow takes the colours of a row, without their transparency; wide are those of grey with 16
// bits.
func pngRow(dst []uint8, img image.Image, y int, wide bool) {
	switch img := img.(type) {
	case *image.Gray:
		spread(dst, img.Pix[y*img.Stride:], 1, 0)
	case *image.Gray16:
		saturate(dst, img.Pix[y*img.Stride:], 2)
	case *image.RGBA: // from files without transparency alone
		gather(dst, img.Pix[y*img.Stride:], 4, 1)
	case *image.NRGBA:
		gather(dst, img.Pix[y*img.Stride:], 4, 1)
	case *image.RGBA64:
		gather(dst, img.Pix[y*img.Stride:], 8, 2)
	case *image.NRGBA64:
		if wide {
			saturate(dst, img.Pix[y*img.Stride:], 8)
			return
		}
		gather(dst, img.Pix[y*img.Stride:], 8, 2)
	case *image.Paletted:
		colours := paletteOf(img)
		colours.paint(dst, img.Pix[y*img.Stride:][:len(dst)/3])
	}
}

// paletteOf returns the colours of a palette without their transparency.
func paletteOf(img *image.Paletted) *palette {
	p := new(palette)
	for i, c := range img.Palette {
		n := color.NRGBAModel.Convert(c).(color.NRGBA)
		p[i] = [3]uint8{n.R, n.G, n.B}
	}
	return p
}

// gather takes three bytes of each stride, so far apart.
func gather(dst, src []uint8, stride, apart int) {
	for x := range len(dst) / 3 {
		in := src[stride*x:]
		dst[3*x], dst[3*x+1], dst[3*x+2] = in[0], in[apart], in[2*apart]
	}
}

// spread makes grey pixels of a byte of each stride, whose bits of turned are turned.
func spread(dst, src []uint8, stride int, turned uint8) {
	for x := range len(dst) / 3 {
		v := src[stride*x] ^ turned
		dst[3*x], dst[3*x+1], dst[3*x+2] = v, v, v
	}
}

// saturate makes grey pixels of 16 bits, the higher first, of each stride. Pillow does not
// divide them: what is above 255 is white.
func saturate(dst, src []uint8, stride int) {
	for x := range len(dst) / 3 {
		v := uint8(min(binary.BigEndian.Uint16(src[stride*x:]), 255))
		dst[3*x], dst[3*x+1], dst[3*x+2] = v, v, v
	}
}

package picture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/png"
)

// What a PNG's first chunk says, from the start of the file.
const (
	pngWidth, pngHeight, pngDepth, pngColour = 16, 20, 24, 25
	pngHeader                                = 33 // its end

	pngPalette = 3 // of colours: indices
)

func pngSize(r *bufio.Reader) (w, h int, err error) {
	b, err := r.Peek(pngHeader)
	if err != nil {
		return 0, 0, err
	}
	if string(b[12:16]) != "IHDR" {
		return 0, 0, errors.New("its header is not the first chunk")
	}
	w, h = int(int32(binary.BigEndian.Uint32(b[pngWidth:]))), int(int32(binary.BigEndian.Uint32(b[pngHeight:])))
	return w, h, nil
}

func decodePNG(b []byte) (bitmap, error) {
	pixels, err := pngPixels(b)
	if err != nil {
		return bitmap{}, err
	}
	img, err := png.Decode(bytes.NewReader(pixels))
	if err != nil {
		return bitmap{}, err
	}
	r := img.Bounds()
	p := newBitmap(r.Dx(), r.Dy())
	if img, ok := img.(*image.Paletted); ok {
		colours := paletteOf(img)
		for y := range p.h {
			colours.paint(p.row(y), img.Pix[y*img.Stride:][:p.w])
		}
		return p, nil
	}
	for y := range p.h {
		pngRow(p.row(y), img, y)
	}
	return p, nil
}

// pngPixels returns a PNG of what makes the pixels alone: header, palette, data. What else there is,
// in whatever order and state, does not matter to them; nor does what is missing behind the data,
// whose own checksum tells whether they are whole.
func pngPixels(b []byte) ([]byte, error) {
	out := bytes.NewBuffer(append(make([]byte, 0, len(b)), b[:pngHeader]...))
	var data []byte
	indexed := b[pngColour] == pngPalette
	for rest := b[pngHeader:]; len(rest) >= 8; {
		n, kind := int(min(int64(binary.BigEndian.Uint32(rest)), int64(len(rest)))), string(rest[4:8])
		whole := n+12 <= len(rest)
		body := rest[8:min(8+n, len(rest))]
		switch {
		case kind == "IEND":
			rest = nil
			continue
		case kind == "IDAT":
			data = append(data, body...)
		case kind == "PLTE" && indexed && whole:
			if binary.BigEndian.Uint32(rest[8+n:]) != crc32.ChecksumIEEE(rest[4:8+n]) {
				return nil, errors.New("its palette is damaged")
			}
			indexed = false // there is one
			pngChunk(out, kind, body[:min(n, 3<<min(b[pngDepth], 8))])
		}
		if !whole {
			break
		}
		rest = rest[n+12:]
	}
	if indexed {
		return nil, errors.New("its palette is missing")
	}
	pngChunk(out, "IDAT", data)
	pngChunk(out, "IEND", nil)
	return out.Bytes(), nil
}

func pngChunk(out *bytes.Buffer, kind string, body []byte) {
	start := out.Len() + 4
	out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(body))))
	out.WriteString(kind)
	out.Write(body)
	out.Write(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(out.Bytes()[start:])))
}

// pngRow takes the colours of a row, without their transparency.
func pngRow(dst []uint8, img image.Image, y int) {
	switch img := img.(type) {
	case *image.Gray:
		spread(dst, img.Pix[y*img.Stride:], 1, 0)
	case *image.Gray16:
		saturate(dst, img.Pix[y*img.Stride:])
	case *image.RGBA:
		gather(dst, img.Pix[y*img.Stride:], 4, 1)
	case *image.NRGBA:
		gather(dst, img.Pix[y*img.Stride:], 4, 1)
	case *image.RGBA64:
		gather(dst, img.Pix[y*img.Stride:], 8, 2)
	case *image.NRGBA64:
		gather(dst, img.Pix[y*img.Stride:], 8, 2)
	}
}

// paletteOf returns the colours of a palette.
func paletteOf(img *image.Paletted) *palette {
	p := new(palette)
	for i, c := range img.Palette {
		r, g, b, _ := c.RGBA()
		p[i] = [3]uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)}
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

// saturate makes grey pixels of 16 bits, the higher first. Pillow does not divide them: what is above
// 255 is white.
func saturate(dst, src []uint8) {
	for x := range len(dst) / 3 {
		v := uint8(min(binary.BigEndian.Uint16(src[2*x:]), 255))
		dst[3*x], dst[3*x+1], dst[3*x+2] = v, v, v
	}
}

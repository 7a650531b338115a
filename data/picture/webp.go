package picture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"

	"golang.org/x/image/vp8"
	"golang.org/x/image/vp8l"
)

func isWebP(head []byte) bool {
	return len(head) >= 16 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP"
}

func webpSize(r *bufio.Reader) (w, h int, err error) {
	head, err := r.Peek(30)
	if err != nil {
		return 0, 0, err
	}
	return webpChunkSize(string(head[12:16]), head[20:])
}

// webpChunkSize reads the size of what a chunk begins with: of the canvas or of an image.
func webpChunkSize(kind string, b []byte) (w, h int, err error) {
	switch {
	case kind == "VP8X" && len(b) >= 10:
		return le24(b[4:]) + 1, le24(b[7:]) + 1, nil
	case kind == "VP8L" && len(b) >= 5 && b[0] == 0x2f:
		bits := le32(b[1:])
		return bits&0x3fff + 1, bits>>14&0x3fff + 1, nil
	case kind == "VP8 " && len(b) >= 10 && string(b[3:6]) == "\x9d\x01\x2a":
		return le16(b[6:]) & 0x3fff, le16(b[8:]) & 0x3fff, nil
	}
	return 0, 0, errors.New("its header is damaged")
}

// decodeWebP decodes an image, or the first frame of an animation on a black canvas. Transparency
// lies beside the colours, so it is left alone.
func decodeWebP(b []byte) (bitmap, error) {
	w, h, err := webpSize(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		return bitmap{}, err
	}
	kind, chunk, err := webpChunk(b[12:], "VP8 ", "VP8L", "ANMF")
	if err != nil {
		return bitmap{}, err
	}
	if kind != "ANMF" {
		return decodeWebPImage(kind, chunk, image.Pt(w, h))
	}
	const header = 16
	if len(chunk) < header {
		return bitmap{}, errShort
	}
	at := image.Pt(2*le24(chunk), 2*le24(chunk[3:]))
	size := image.Pt(le24(chunk[6:])+1, le24(chunk[9:])+1)
	if at.X+size.X > w || at.Y+size.Y > h {
		return bitmap{}, errors.New("its first frame lies beyond its canvas")
	}
	if kind, chunk, err = webpChunk(chunk[header:], "VP8 ", "VP8L"); err != nil {
		return bitmap{}, err
	}
	frame, err := decodeWebPImage(kind, chunk, size)
	if err != nil {
		return bitmap{}, err
	}
	p := newBitmap(w, h)
	for y := range frame.h {
		copy(p.row(at.Y + y)[3*at.X:], frame.row(y))
	}
	return p, nil
}

// webpChunk returns the first chunk of some kinds.
func webpChunk(b []byte, kinds ...string) (kind string, chunk []byte, err error) {
	for len(b) >= 8 {
		kind, n := string(b[:4]), le32(b[4:])
		b = b[8:]
		if n > len(b) {
			return "", nil, errShort
		}
		for _, k := range kinds {
			if k == kind {
				return kind, b[:n], nil
			}
		}
		b = b[min(n+n%2, len(b)):]
	}
	return "", nil, errShort
}

// decodeWebPImage decodes a chunk that must be of a size.
func decodeWebPImage(kind string, chunk []byte, size image.Point) (bitmap, error) {
	w, h, err := webpChunkSize(kind, chunk)
	if err != nil {
		return bitmap{}, err
	}
	if w != size.X || h != size.Y {
		return bitmap{}, fmt.Errorf("its pixels are %dx%d and its header says %dx%d", w, h, size.X, size.Y)
	}
	p := newBitmap(w, h)
	if kind == "VP8L" {
		img, err := vp8l.Decode(bytes.NewReader(chunk))
		if err != nil {
			return bitmap{}, err
		}
		pix, ok := img.(*image.NRGBA)
		if !ok {
			return bitmap{}, fmt.Errorf("it decodes to a %T", img)
		}
		for y := range h {
			gather(p.row(y), pix.Pix[y*pix.Stride:], 4, 1)
		}
		return p, nil
	}
	d := vp8.NewDecoder()
	d.Init(io.Reader(bytes.NewReader(chunk)), len(chunk))
	if _, err := d.DecodeFrameHeader(); err != nil {
		return bitmap{}, err
	}
	img, err := d.DecodeFrame()
	if err != nil {
		return bitmap{}, err
	}
	p.fromVP8(img)
	return p, nil
}

// fromVP8 interpolates chroma and converts colours as libwebp does (src/dsp/upsampling.c).
func (p *bitmap) fromVP8(img *image.YCbCr) {
	cb, cr := make([]uint8, p.w), make([]uint8, p.w)
	for y := range p.h {
		near := y / 2
		far := min(max(y/2-1+y%2*2, 0), (p.h-1)/2)
		for _, c := range []struct{ dst, plane []uint8 }{{cb, img.Cb}, {cr, img.Cr}} {
			upsampleVP8(c.dst, c.plane[near*img.CStride:], c.plane[far*img.CStride:])
		}
		luma, out := img.Y[y*img.YStride:], p.row(y)
		for x := range p.w {
			out[3*x], out[3*x+1], out[3*x+2] = vp8Colours(luma[x], cb[x], cr[x])
		}
	}
}

// upsampleVP8 weighs the four samples around a pixel by 9, 3, 3 and 1, with libwebp's roundings.
func upsampleVP8(dst, near, far []uint8) {
	edge := func(x int) uint8 { return uint8((3*int(near[x]) + int(far[x]) + 2) >> 2) }
	dst[0] = edge(0)
	for x := 1; 2*x-1 < len(dst); x++ {
		if 2*x == len(dst) {
			dst[2*x-1] = edge(x - 1)
			break
		}
		a, b, c, d := int(near[x-1]), int(near[x]), int(far[x-1]), int(far[x])
		sum := a + b + c + d + 8
		dst[2*x-1] = uint8(((sum+2*(b+c))>>3 + a) >> 1)
		dst[2*x] = uint8(((sum+2*(a+d))>>3 + b) >> 1)
	}
}

// vp8Colours is that of lossy WebP, whose values go from 16 to 235, with libwebp's
// rounding (src/dsp/yuv.h).
func vp8Colours(y, cb, cr uint8) (r, g, b uint8) {
	l, u, v := int(y)*19077>>8, int(cb), int(cr)
	return clamp((l + v*26149>>8 - 14234) >> 6), clamp((l - u*6419>>8 - v*13320>>8 + 8708) >> 6), clamp((l + u*33050>>8 - 17685) >> 6)
}

func clamp(v int) uint8 { return uint8(min(max(v, 0), 255)) }

func le24(b []byte) int { return le16(b) | int(b[2])<<16 }

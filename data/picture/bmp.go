package picture

import (
	"bufio"
	"fmt"
	"io"
	"math/bits"
)

// A bmpHeader is what stands before the pixels of Windows's and OS/2's bitmaps.
type bmpHeader struct {
	w, h    int
	topDown bool
	depth   int // bits of a pixel
	packing int // one of those below
	pixels  int // where they start
	masks   [3]uint32
	palette *palette
}

const (
	bmpPlain  = 0
	bmpRLE8   = 1
	bmpRLE4   = 2
	bmpMasked = 3
)

func bmpSize(r *bufio.Reader) (w, h int, err error) {
	head := make([]byte, 26)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, 0, err
	}
	var b bmpHeader
	err = b.readSize(head)
	return b.w, b.h, err
}

func (b *bmpHeader) readSize(head []byte) error {
	switch n := le32(head[14:]); n {
	case 12:
		b.w, b.h = le16(head[18:]), le16(head[20:])
	case 40, 52, 56, 64, 108, 124:
		b.w, b.h = le32(head[18:]), int(int32(le32(head[22:])))
		if b.topDown = b.h < 0; b.topDown {
			b.h = -b.h
		}
	default:
		return unread("its header has %d bytes", n)
	}
	return nil
}

func decodeBMP(b []byte) (bitmap, error) {
	h, err := readBMPHeader(b)
	if err != nil {
		return bitmap{}, err
	}
	p := newBitmap(h.w, h.h)
	if h.packing == bmpRLE8 || h.packing == bmpRLE4 {
		indices, err := h.unpackRuns(b[h.pixels:])
		if err != nil {
			return bitmap{}, err
		}
		for y := range h.h {
			h.palette.paint(p.row(h.place(y)), indices[y*h.w:][:h.w])
		}
		return p, nil
	}
	stride := (h.w*h.depth + 31) / 32 * 4
	if (len(b)-h.pixels)/stride < h.h-1 || len(b)-h.pixels < stride*(h.h-1)+(h.w*h.depth+7)/8 {
		return bitmap{}, errShort
	}
	indices := make([]uint8, h.w)
	for y := range h.h {
		row, src := p.row(h.place(y)), b[h.pixels+stride*y:]
		if h.depth <= 8 {
			unpackRow(indices, src, h.depth)
			h.palette.paint(row, indices)
			continue
		}
		h.colours(row, src)
	}
	return p, nil
}

// place returns where row y of the file belongs.
func (h *bmpHeader) place(y int) int {
	if h.topDown {
		return y
	}
	return h.h - 1 - y
}

func readBMPHeader(b []byte) (h bmpHeader, err error) {
	const start = 14
	if len(b) < start+12 {
		return h, errShort
	}
	if err := h.readSize(b); err != nil {
		return h, err
	}
	n := le32(b[start:])
	if len(b) < start+n {
		return h, errShort
	}
	info := b[start : start+n]
	entry, colours := 3, 0 // bytes of a colour of the palette, and their number
	if n == 12 {
		h.depth = le16(info[10:])
	} else {
		h.depth, h.packing, colours, entry = le16(info[14:]), le32(info[16:]), le32(info[32:]), 4
	}
	if err := h.checkKind(); err != nil {
		return h, err
	}
	at := start + n
	if at, err = h.readMasks(b, at, n); err != nil {
		return h, err
	}
	if h.pixels = le32(b[10:]); h.pixels == 0 {
		h.pixels = at
	}
	if h.depth <= 8 {
		if colours == 0 {
			colours = 1 << h.depth
		}
		if colours < 0 || colours > 1<<16 || at+entry*colours > len(b) {
			return h, errShort
		}
		h.readPalette(b[at:at+entry*colours], entry)
		if h.pixels == start+n { // some writers leave the palette out of the count
			h.pixels += entry * colours
		}
	}
	if h.pixels > len(b) {
		return h, errShort
	}
	return h, nil
}

func (h *bmpHeader) checkKind() error {
	switch h.packing {
	case bmpPlain:
		if h.depth == 1 || h.depth == 4 || h.depth == 8 || h.depth == 16 || h.depth == 24 || h.depth == 32 {
			return nil
		}
	case bmpRLE8:
		if h.depth == 8 {
			return nil
		}
	case bmpRLE4:
		if h.depth == 4 {
			return nil
		}
	case bmpMasked:
		if h.depth == 16 || h.depth == 24 || h.depth == 32 {
			return nil
		}
	}
	return unread("%d bits a pixel with compression %d", h.depth, h.packing)
}

// readMasks sets which bits of a pixel are red, green and blue. They follow a header of 40 bytes
// and are part of longer ones. At is where what follows the header starts.
func (h *bmpHeader) readMasks(b []byte, at, n int) (int, error) {
	h.masks = [3]uint32{0xff0000, 0xff00, 0xff}
	if h.depth == 16 {
		h.masks = [3]uint32{0x7c00, 0x3e0, 0x1f}
	}
	if h.packing != bmpMasked {
		return at, nil
	}
	const fields = 14 + 40
	if len(b) < fields+12 {
		return at, errShort
	}
	masks := [3]uint32{}
	for i := range masks {
		masks[i] = uint32(le32(b[fields+4*i:]))
		// Bits must lie together.
		if m := masks[i] >> (bits.TrailingZeros32(masks[i]) & 31); m&(m+1) != 0 {
			return at, fmt.Errorf("the bits of a colour are %#x, not beside each other", masks[i])
		}
	}
	if masks != [3]uint32{} {
		h.masks = masks
	}
	if n == 40 {
		at += 12
	}
	return at, nil
}

// readPalette reads colours, blue first. One of greys in their order goes on to 255, as for Pillow.
func (h *bmpHeader) readPalette(b []byte, entry int) {
	h.palette = new(palette)
	grey := true
	for i := range min(len(b)/entry, 256) {
		c := b[entry*i:]
		h.palette[i] = [3]uint8{c[2], c[1], c[0]}
		grey = grey && h.palette[i] == [3]uint8{uint8(i), uint8(i), uint8(i)}
	}
	if grey {
		h.palette = greys()
	}
}

// colours takes the colours of a row of 16, 24 or 32 bits a pixel.
func (h *bmpHeader) colours(dst, src []uint8) {
	var shift [3]int
	var most [3]uint32
	for i, m := range h.masks {
		shift[i] = bits.TrailingZeros32(m) & 31
		most[i] = max(m>>shift[i], 1)
	}
	each := h.depth / 8
	for x := range h.w {
		var v uint32
		for i := each - 1; i >= 0; i-- {
			v = v<<8 | uint32(src[each*x+i])
		}
		for i, m := range h.masks {
			dst[3*x+i] = uint8(uint64(v&m>>shift[i]) * 255 / uint64(most[i]))
		}
	}
}

// unpackRuns returns the indices of rows that are coded as runs.
func (h *bmpHeader) unpackRuns(b []byte) ([]uint8, error) {
	out := make([]uint8, h.w*h.h)
	x, y := 0, 0
	put := func(v uint8) {
		if x < h.w && y < h.h {
			out[y*h.w+x] = v
		}
		x++
	}
	// index returns that of pixel i of a run of bytes.
	index := func(b []byte, i int) uint8 {
		if h.packing == bmpRLE8 {
			return b[i]
		}
		return b[i/2] >> (4 * (1 - i%2)) & 15
	}
	for y < h.h {
		if len(b) < 2 {
			if x >= h.w && y == h.h-1 { // all there but the mark of the end
				return out, nil
			}
			return nil, errShort
		}
		n, code := int(b[0]), int(b[1])
		b = b[2:]
		switch {
		case n > 0: // so many of one byte
			run := [2]byte{byte(code), byte(code)}
			for i := range n {
				put(index(run[:], i%2))
			}
		case code == 0: // the end of a row
			x, y = 0, y+1
		case code == 1: // the end of all
			return out, nil
		case code == 2: // a step
			if len(b) < 2 {
				return nil, errShort
			}
			x, y, b = x+int(b[0]), y+int(b[1]), b[2:]
		default: // so many as they are, and a byte more where that is odd
			size := code
			if h.packing == bmpRLE4 {
				size = (code + 1) / 2
			}
			if len(b) < size {
				return nil, errShort
			}
			for i := range code {
				put(index(b, i))
			}
			b = b[min(size+size%2, len(b)):]
		}
	}
	return out, nil
}

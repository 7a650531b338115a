package picture

import (
	"bufio"
	"bytes"
	"compress/lzw"
	"errors"
	"fmt"
	"image"
	"io"
)

// A gifHeader is what stands before the pixels of a GIF's first frame.
type gifHeader struct {
	screen  image.Point // enlarged to hold the frame, as Pillow does
	frame   image.Rectangle
	palette *palette
	fill    uint8 // index of what the frame leaves free
	woven   bool  // rows are interlaced
	bits    int
}

func gifSize(r *bufio.Reader) (w, h int, err error) {
	g, err := readGIFHeader(r)
	return g.screen.X, g.screen.Y, err
}

// decodeGIF decodes the first frame. Transparent pixels keep the colour that the palette has
// for them.
func decodeGIF(b []byte) (bitmap, error) {
	r := bufio.NewReader(bytes.NewReader(b))
	g, err := readGIFHeader(r)
	if err != nil {
		return bitmap{}, err
	}
	w, h := g.frame.Dx(), g.frame.Dy()
	indices := make([]uint8, w*h)
	codes := lzw.NewReader(&gifBlocks{r: r}, lzw.LSB, g.bits)
	defer codes.Close()
	if _, err := io.ReadFull(codes, indices); err != nil {
		return bitmap{}, err
	}
	p := newBitmap(g.screen.X, g.screen.Y)
	if g.frame.Size() != g.screen {
		g.palette.paint(p.rgb, bytes.Repeat([]byte{g.fill}, p.w*p.h))
	}
	for i := range h {
		y := i
		if g.woven {
			y = wovenRow(i, h)
		}
		g.palette.paint(p.row(g.frame.Min.Y + y)[3*g.frame.Min.X:], indices[w*i:w*(i+1)])
	}
	return p, nil
}

// wovenRow returns where row i of an interlaced frame belongs: every eighth row comes first, then
// those between.
func wovenRow(i, h int) int {
	for _, pass := range [4][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}} {
		first, step := pass[0], pass[1]
		n := max((h-first+step-1)/step, 0)
		if i < n {
			return first + step*i
		}
		i -= n
	}
	return 0
}

func readGIFHeader(r *bufio.Reader) (g gifHeader, err error) {
	head := make([]byte, 13)
	if _, err := io.ReadFull(r, head); err != nil {
		return g, err
	}
	g.screen = image.Pt(le16(head[6:]), le16(head[8:]))
	if g.palette, err = readGIFPalette(r, head[10]); err != nil {
		return g, err
	}
	for {
		kind, err := r.ReadByte()
		if err != nil {
			return g, err
		}
		switch kind {
		case ',':
			return g, g.readFrame(r)
		case '!':
			if err := g.readExtension(r); err != nil {
				return g, err
			}
		case ';':
			return g, errors.New("there is no picture in it")
		}
	}
}

// readExtension passes over what does not matter.
func (g *gifHeader) readExtension(r *bufio.Reader) error {
	label, err := r.ReadByte()
	if err != nil {
		return err
	}
	blocks := &gifBlocks{r: r}
	control := make([]byte, 4)
	n, err := io.ReadFull(blocks, control)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	const graphicControl = 0xf9
	if label == graphicControl && n == 4 && control[0]&1 != 0 {
		g.fill = control[3]
	}
	_, err = io.Copy(io.Discard, blocks)
	return err
}

func (g *gifHeader) readFrame(r *bufio.Reader) error {
	head := make([]byte, 9)
	if _, err := io.ReadFull(r, head); err != nil {
		return err
	}
	at := image.Pt(le16(head), le16(head[2:]))
	g.frame = image.Rectangle{at, at.Add(image.Pt(le16(head[4:]), le16(head[6:])))}
	if g.frame.Empty() {
		return fmt.Errorf("its first frame has %dx%d pixels", g.frame.Dx(), g.frame.Dy())
	}
	g.screen = image.Pt(max(g.screen.X, g.frame.Max.X), max(g.screen.Y, g.frame.Max.Y))
	g.woven = head[8]&0x40 != 0
	own, err := readGIFPalette(r, head[8])
	if err != nil {
		return err
	}
	if own != nil {
		g.palette = own
	}
	if g.palette == nil {
		g.palette = greys()
	}
	bits, err := r.ReadByte()
	if err != nil {
		return err
	}
	if g.bits = int(bits); g.bits < 1 || g.bits > 8 {
		return fmt.Errorf("its pixels are coded from %d bits on", bits)
	}
	return nil
}

// readGIFPalette reads a palette if the flags say that there is one. One of greys in their order
// goes on to 255, as for Pillow.
func readGIFPalette(r io.Reader, flags uint8) (*palette, error) {
	if flags&0x80 == 0 {
		return nil, nil
	}
	b := make([]byte, 3<<(flags&7+1))
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	p, grey := new(palette), true
	for i := range len(b) / 3 {
		copy(p[i][:], b[3*i:])
		grey = grey && p[i] == [3]uint8{uint8(i), uint8(i), uint8(i)}
	}
	if grey {
		return greys(), nil
	}
	return p, nil
}

// gifBlocks reads the bytes of blocks up to an empty one.
type gifBlocks struct {
	r    *bufio.Reader
	left int // in this block, or -1 after the last
}

func (g *gifBlocks) ReadByte() (byte, error) {
	if g.left == 0 {
		n, err := g.r.ReadByte()
		if err != nil {
			return 0, short(err)
		}
		if g.left = int(n); n == 0 {
			g.left = -1
		}
	}
	if g.left < 0 {
		return 0, io.EOF
	}
	g.left--
	b, err := g.r.ReadByte()
	return b, short(err)
}

func (g *gifBlocks) Read(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		if b[n], err = g.ReadByte(); err == nil {
			n++
		}
	}
	return n, err
}

// short makes of the end of a file that it is not its end.
func short(err error) error {
	if err == io.EOF {
		return errShort
	}
	return err
}

func le16(b []byte) int { return int(b[0]) | int(b[1])<<8 }

func le32(b []byte) int { return le16(b) | le16(b[2:])<<16 }

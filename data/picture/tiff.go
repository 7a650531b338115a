package picture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
)

// TIFF's tags that matter.
const (
	tagWidth         = 256
	tagHeight        = 257
	tagBits          = 258
	tagCompression   = 259
	tagColours       = 262
	tagFillOrder     = 266
	tagStripOffsets  = 273
	tagOrientation   = 274
	tagSamples       = 277
	tagRowsPerStrip  = 278
	tagStripCounts   = 279
	tagPlanar        = 284
	tagPredictor     = 317
	tagPalette       = 320
	tagTileWidth     = 322
	tagTileHeight    = 323
	tagTileOffsets   = 324
	tagTileCounts    = 325
	tagExtraSamples  = 338
	tagSampleFormat  = 339
	tagJPEGTables    = 347
	maxTIFFSamples   = 8 // of a pixel
	maxTIFFDirectory = 4096
)

// tiffTags are those that are kept.
var tiffTags = []uint16{
	tagWidth, tagHeight, tagBits, tagCompression, tagColours, tagFillOrder, tagStripOffsets, tagOrientation, tagSamples,
	tagRowsPerStrip, tagStripCounts, tagPlanar, tagPredictor, tagPalette, tagTileWidth, tagTileHeight, tagTileOffsets,
	tagTileCounts, tagExtraSamples, tagSampleFormat, tagJPEGTables,
}

// What the samples of a TIFF's pixels are.
const (
	tiffWhiteIsZero = 0
	tiffBlackIsZero = 1
	tiffRGB         = 2
	tiffPalette     = 3
	tiffCMYK        = 5
	tiffYCbCr       = 6
)

// A tiffHeader is the first directory of a TIFF file.
type tiffHeader struct {
	order binary.ByteOrder
	word  int // bytes of a number in its directory, 8 of BigTIFF
	tags  map[uint16][]uint32
	room  uint64 // bytes of tags' values that are left to be read: whole files have no more than bytes

	w, h          int // before they are turned
	orientation   int
	bits, samples int // of a sample, of a pixel
	format        int // of samples: 1 and 2 are whole numbers without and with a sign, 3 is floating point
	compression   int
	colours       int
	planar        bool // each sample has pieces of its own
	premultiplied bool

	pieceW, pieceH, across, down int // strips or tiles
	offsets, counts              []uint32
}

func tiffSize(r *bufio.Reader) (w, h int, err error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile)) // the directory can be anywhere
	if err != nil {
		return 0, 0, err
	}
	t, err := readTIFFHeader(b)
	if err != nil {
		return 0, 0, err
	}
	if t.orientation >= 5 {
		return t.h, t.w, nil
	}
	return t.w, t.h, nil
}

// decodeTIFF decodes the first picture, turned as its tag says: Pillow does that of TIFF alone.
func decodeTIFF(b []byte) (bitmap, error) {
	t, err := readTIFFHeader(b)
	if err != nil {
		return bitmap{}, err
	}
	if err := t.checkKind(); err != nil {
		return bitmap{}, err
	}
	if err := t.readPieces(); err != nil {
		return bitmap{}, err
	}
	samples, err := t.decodePieces(b)
	if err != nil {
		return bitmap{}, err
	}
	p, err := t.paint(samples)
	if err != nil {
		return bitmap{}, err
	}
	return p.turn(t.orientation), nil
}

func readTIFFHeader(b []byte) (*tiffHeader, error) {
	if len(b) < 16 {
		return nil, errShort
	}
	t := &tiffHeader{order: binary.ByteOrder(binary.LittleEndian), word: 4, tags: map[uint16][]uint32{}, room: uint64(len(b))}
	if b[0] == 'M' {
		t.order = binary.BigEndian
	}
	directory, counter := b[4:], 2   // where it is, and the bytes of its number of entries
	if t.order.Uint16(b[2:]) == 43 { // BigTIFF
		t.word, counter, directory = 8, 8, b[8:]
	}
	at, size := t.number(directory), uint64(len(b))
	if at > size-uint64(counter) {
		return nil, errShort
	}
	n := uint64(t.order.Uint16(b[at:]))
	if counter == 8 {
		n = t.number(b[at:])
	}
	if n > maxTIFFDirectory {
		return nil, fmt.Errorf("its directory has %d entries", n)
	}
	at += uint64(counter)
	for range n {
		length := uint64(4 + 2*t.word)
		if at+length > size {
			return nil, errShort
		}
		if err := t.readEntry(b, b[at:at+length]); err != nil {
			return nil, err
		}
		at += length
	}
	t.w, t.h = t.tag(tagWidth, 0), t.tag(tagHeight, 0)
	if t.orientation = t.tag(tagOrientation, 1); t.orientation > 8 {
		t.orientation = 1
	}
	return t, nil
}

// number reads a number of the file's word.
func (t *tiffHeader) number(b []byte) uint64 {
	if t.word == 8 {
		return t.order.Uint64(b)
	}
	return uint64(t.order.Uint32(b))
}

// readEntry reads whole numbers, or bytes as such; what else there is does not matter.
func (t *tiffHeader) readEntry(b, entry []byte) error {
	tag, kind, n := t.order.Uint16(entry), t.order.Uint16(entry[2:]), t.number(entry[4:])
	sizes := map[uint16]uint64{1: 1, 3: 2, 4: 4, 7: 1, 16: 8}
	size, ok := sizes[kind]
	if !ok || !slices.Contains(tiffTags, tag) {
		return nil
	}
	data, all := entry[4+t.word:], uint64(len(b))
	if n > all/size {
		return errShort
	}
	if n*size > uint64(t.word) {
		at := t.number(data)
		if at > all-n*size {
			return errShort
		}
		if n*size > t.room {
			return errors.New("its tags share their values")
		}
		t.room -= n * size
		data = b[at:]
	}
	values := make([]uint32, n)
	for i := range values {
		switch size {
		case 1:
			values[i] = uint32(data[i])
		case 2:
			values[i] = uint32(t.order.Uint16(data[2*i:]))
		case 4:
			values[i] = t.order.Uint32(data[4*i:])
		default:
			values[i] = uint32(min(t.order.Uint64(data[8*i:]), math.MaxUint32))
		}
	}
	t.tags[tag] = values
	return nil
}

// tag returns the first value of a tag.
func (t *tiffHeader) tag(tag uint16, missing int) int {
	if v := t.tags[tag]; len(v) > 0 {
		return int(v[0])
	}
	return missing
}

// same returns the value of a tag that must be the same for all samples of a pixel.
func (t *tiffHeader) same(tag uint16, missing int) (int, error) {
	v := t.tags[tag]
	for _, other := range v[:min(len(v), t.samples)] {
		if other != v[0] {
			return 0, unread("its samples differ in kind: %v", v)
		}
	}
	return t.tag(tag, missing), nil
}

// checkKind reads what the pixels are, and refuses kinds that aren't read.
func (t *tiffHeader) checkKind() (err error) {
	t.samples, t.compression = t.tag(tagSamples, 1), t.tag(tagCompression, 1)
	t.colours, t.planar = t.tag(tagColours, tiffWhiteIsZero), t.tag(tagPlanar, 1) == 2
	if t.bits, err = t.same(tagBits, 1); err != nil {
		return err
	}
	if t.format, err = t.same(tagSampleFormat, 1); err != nil {
		return err
	}
	need, ok := map[int]int{tiffWhiteIsZero: 1, tiffBlackIsZero: 1, tiffRGB: 3, tiffPalette: 1, tiffCMYK: 4, tiffYCbCr: 3}[t.colours]
	if !ok {
		return unread("its colours are of kind %d", t.colours)
	}
	if t.colours == tiffYCbCr && t.compression != tiffJPEG {
		return unread("luma and chroma without JPEG's compression")
	}
	if t.samples < need || t.samples > maxTIFFSamples || need == 1 && t.samples > 2 { // bands of which none is grey
		return unread("it has %d samples a pixel", t.samples)
	}
	grey := t.colours <= tiffBlackIsZero
	if wide := t.bits == 16 && t.format == 1 || t.bits == 32 && t.format == 3; t.colours == tiffWhiteIsZero && t.bits > 8 && !(wide && t.order == binary.ByteOrder(binary.LittleEndian)) {
		return unread("grey of %d bits of which 0 is white", t.bits) // Pillow has a few, and doesn't turn them
	}
	switch {
	case t.bits == 8 && t.format <= 2:
	case t.bits == 16 && t.format == 1 && t.colours != tiffPalette:
	case (t.bits == 1 || t.bits == 2 || t.bits == 4) && t.format == 1 && need == 1 && t.samples == 1:
	case grey && t.bits == 16 && t.format == 2, grey && t.bits == 32 && t.format >= 1 && t.format <= 3:
	default:
		return unread("samples of %d bits, format %d, of colours of kind %d", t.bits, t.format, t.colours)
	}
	if extra := t.tags[tagExtraSamples]; len(extra) > 0 && t.samples > need {
		t.premultiplied = t.colours == tiffRGB && extra[0] == 1
	}
	return nil
}

// narrow makes a byte of each sample of a row: that of more bits than 8 is the highest byte if it is one
// of several, and of grey what is left of 0 to 255, as for Pillow.
func (t *tiffHeader) narrow(dst, src []uint8) {
	switch {
	case t.bits <= 8:
		unpackRow(dst, src, t.bits)
	case t.bits == 16 && t.colours > tiffBlackIsZero:
		for i := range dst {
			dst[i] = uint8(t.order.Uint16(src[2*i:]) >> 8)
		}
	case t.bits == 16 && t.format == 1:
		for i := range dst {
			dst[i] = uint8(min(t.order.Uint16(src[2*i:]), 255))
		}
	case t.bits == 16:
		for i := range dst {
			dst[i] = clamp(int(int16(t.order.Uint16(src[2*i:]))))
		}
	case t.format == 3:
		for i := range dst {
			if v := math.Float32frombits(t.order.Uint32(src[4*i:])); v > 0 {
				dst[i] = uint8(min(v, 255))
			}
		}
	default:
		for i := range dst {
			dst[i] = clamp(int(int32(t.order.Uint32(src[4*i:]))))
		}
	}
}

// paint makes colours of samples.
func (t *tiffHeader) paint(samples []uint8) (bitmap, error) {
	p := newBitmap(t.w, t.h)
	each := t.samples
	switch t.colours {
	case tiffCMYK:
		if each > 4 {
			samples = slices.Collect(firstOf(samples, each, 4))
		}
		p.fromCMYK(samples, 0)
	case tiffPalette:
		colours, err := t.palette()
		if err != nil {
			return p, err
		}
		for i := range p.w * p.h {
			copy(p.rgb[3*i:3*i+3], colours[samples[each*i]][:])
		}
	case tiffRGB, tiffYCbCr:
		gather(p.rgb, samples, each, 1)
		if t.premultiplied {
			p.divide(samples, each)
		}
	default:
		most, turned := uint8(1<<min(t.bits, 8)-1), uint8(0)
		if t.colours == tiffWhiteIsZero && t.bits <= 8 {
			turned = 255
		}
		for i, v := range samples {
			samples[i] = uint8(int(v) * 255 / int(most))
		}
		spread(p.rgb, samples, each, turned)
	}
	return p, nil
}

// firstOf yields the first n of each so many samples.
func firstOf(samples []uint8, each, n int) func(yield func(uint8) bool) {
	return func(yield func(uint8) bool) {
		for i, v := range samples {
			if i%each < n && !yield(v) {
				return
			}
		}
	}
}

// palette reads the colours of indices: all red, all green, all blue, of 16 bits each.
func (t *tiffHeader) palette() (*palette, error) {
	p, all, n := new(palette), t.tags[tagPalette], 1<<t.bits
	if len(all) < 3*n {
		return nil, errors.New("its palette is too short")
	}
	for i := range n {
		for c := range 3 {
			p[i][c] = uint8(all[c*n+i] >> 8)
		}
	}
	return p, nil
}

// divide undoes that colours were multiplied by their alpha, which is the fourth sample.
func (p *bitmap) divide(samples []uint8, each int) {
	for i := range p.w * p.h {
		alpha := int(samples[each*i+3])
		for c, v := range p.rgb[3*i : 3*i+3] {
			if alpha != 0 {
				v = clamp(int(v) * 255 / alpha)
			} else {
				v = 0
			}
			p.rgb[3*i+c] = v
		}
	}
}

// turn undoes an orientation as cameras write them, 1 to 8.
func (p bitmap) turn(orientation int) bitmap {
	if orientation < 2 {
		return p
	}
	out := bitmap{p.w, p.h, make([]uint8, len(p.rgb))}
	if orientation >= 5 {
		out.w, out.h = p.h, p.w
	}
	for y := range out.h {
		for x := range out.w {
			right, below := p.w-1, p.h-1
			var ix, iy int
			switch orientation {
			case 2:
				ix, iy = right-x, y
			case 3:
				ix, iy = right-x, below-y
			case 4:
				ix, iy = x, below-y
			case 5:
				ix, iy = y, x
			case 6:
				ix, iy = y, below-x
			case 7:
				ix, iy = right-y, below-x
			default:
				ix, iy = right-y, x
			}
			copy(out.rgb[3*(y*out.w+x):][:3], p.rgb[3*(iy*p.w+ix):])
		}
	}
	return out
}

// reversed returns bytes with their bits turned round.
func reversed(b []byte) []byte {
	out := make([]byte, len(b))
	for i, v := range b {
		out[i] = bits.Reverse8(v)
	}
	return out
}

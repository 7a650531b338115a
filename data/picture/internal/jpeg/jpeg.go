// Package jpeg decodes JPEG files as libjpeg-turbo does with its defaults, to the bit: what
// Pillow and nearly all others decode with, so what networks are trained on. Baseline and
// progressive files of 8 bits, one, three or four components with any whole sampling factors;
// wrong restart markers are passed over as libjpeg does. Arithmetic coding, lossless files and
// 12 bits are refused.
package jpeg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// An Image is decoded: Channels bytes for each pixel, row by row. One channel is grey, three are
// red, green and blue, and four cyan, magenta, yellow and black, as they are in the file but for
// YCCK, which is converted.
type Image struct {
	Width, Height, Channels int
	Pix                     []uint8
}

// Markers.
const (
	sof0 = 0xc0 // baseline
	sof2 = 0xc2 // progressive
	dht  = 0xc4
	dac  = 0xcc
	rst0 = 0xd0
	rst7 = 0xd7
	soi  = 0xd8
	eoi  = 0xd9
	sos  = 0xda
	dqt  = 0xdb
	dri  = 0xdd
	app0 = 0xe0
	appE = 0xee
	tem  = 0x01
)

// A KindError is about a file that is whole, and of a kind that is not read.
type KindError string

func (e KindError) Error() string { return string(e) }

func unread(format string, args ...any) error { return KindError(fmt.Sprintf(format, args...)) }

var errShort = errors.New("it ends in the middle")

// maxScans bounds the time that a file of few bytes can take.
const maxScans = 200

// A component is a plane of samples, in blocks of 8 x 8.
type component struct {
	id, quantID int
	h, v        int // sampling factors
	w, rows     int // size in samples
	across      int // blocks of a row, with those that fill the last MCU
	down        int
	quant       *[64]int32 // what its first scan found; in natural order
	pix         []uint8    // across*8 wide
	coef        []int16    // of progressive files: 64 a block, in natural order
	missing     [64]bool   // of progressive files: coefficients that are not known to their last bit
	dc          int32      // of the block before
	dcTable     *table
	acTable     *table
}

type decoder struct {
	in            []byte
	at            int
	width, height int
	hmax, vmax    int
	progressive   bool
	components    []component
	quant         [4]*[64]int32
	dc, ac        [4]*table
	interval      int // MCUs between restart markers, or 0
	jfif, adobe   bool
	transform     byte // Adobe's
	scans         int
	reader
}

// Size reads the size of an image as far as its frame header.
func Size(r io.ByteReader) (width, height int, err error) {
	var d decoder
	next := func() (b byte) {
		if err == nil {
			b, err = r.ReadByte()
		}
		return b
	}
	if next() != 0xff || next() != soi {
		return 0, 0, errors.New("it doesn't start as a JPEG file does")
	}
	for err == nil {
		for err == nil && next() != 0xff {
		}
		m := next()
		for m == 0xff {
			m = next()
		}
		if err != nil || m == 0 || m == tem || rst0 <= m && m <= rst7 {
			continue
		}
		if m == eoi || m == sos {
			return 0, 0, fmt.Errorf("it has no frame header")
		}
		n := int(next())<<8 | int(next())
		if !isFrame(m) {
			for range n - 2 {
				next()
			}
			continue
		}
		segment := make([]byte, max(n-2, 0))
		for i := range segment {
			segment[i] = next()
		}
		if err == nil {
			err = d.frame(m, segment)
			return d.width, d.height, err
		}
	}
	if err == io.EOF {
		err = errShort
	}
	return 0, 0, err
}

// Decode decodes a file. It takes memory as its frame header says, so check [Size] before.
func Decode(b []byte) (*Image, error) {
	if !bytes.HasPrefix(b, []byte{0xff, soi}) {
		return nil, errors.New("it doesn't start as a JPEG file does")
	}
	d := &decoder{in: b, at: 2}
	if err := d.segments(); err != nil {
		return nil, err
	}
	return d.image()
}

// DecodeAbbreviated decodes a file whose tables stand in another, as TIFF's strips are. It
// takes what the components are from the caller: libjpeg's guess if colour is false is undone.
func DecodeAbbreviated(tables, b []byte, colour bool) (*Image, error) {
	d := &decoder{}
	if len(tables) > 2 {
		d.in, d.at = tables, 2
		if err := d.tables(); err != nil {
			return nil, err
		}
	}
	if !bytes.HasPrefix(b, []byte{0xff, soi}) {
		return nil, errors.New("it doesn't start as a JPEG file does")
	}
	d.in, d.at, d.adobe, d.jfif = b, 2, false, false
	if err := d.segments(); err != nil {
		return nil, err
	}
	d.adobe, d.jfif, d.transform = true, false, 0
	if colour {
		d.transform = 1
	}
	return d.image()
}

// tables reads the segments of a file that has no frame.
func (d *decoder) tables() error {
	for {
		m, ok := d.nextMarker()
		if !ok || m == eoi {
			return nil
		}
		if m == sos || isFrame(m) {
			return errors.New("its tables have an image in them")
		}
		if err := d.other(m); err != nil {
			return err
		}
	}
}

// segments reads all of a file.
func (d *decoder) segments() error {
	for {
		m, ok := d.nextMarker()
		switch {
		case !ok:
			return d.ended()
		case m == eoi:
			return d.complete()
		case m == sos:
			segment, err := d.segment()
			if err == nil {
				err = d.scan(segment)
			}
			if err != nil {
				return err
			}
		case isFrame(m):
			segment, err := d.segment()
			if err == nil {
				err = d.frame(m, segment)
			}
			if err != nil {
				return err
			}
			d.allocate()
		default:
			if err := d.other(m); err != nil {
				return err
			}
		}
	}
}

// ended is where a file has no end marker, which doesn't matter if all of the pixels are there.
func (d *decoder) ended() error {
	if d.progressive {
		return errShort
	}
	return d.complete()
}

// smoothed is how many coefficients of a progressive file libjpeg guesses from its neighbours as long
// as they have not come.
const smoothed = 10

// complete tells whether each component was in a scan.
func (d *decoder) complete() error {
	if d.components == nil {
		return errors.New("it has no frame header")
	}
	for i := range d.components {
		c := &d.components[i]
		if c.quant == nil {
			return errShort
		}
		// libjpeg would make up what is not there.
		if slices.Contains(c.missing[:smoothed], true) {
			return errShort
		}
	}
	return nil
}

// isFrame tells frame headers of all kinds.
func isFrame(m byte) bool { return m >= sof0 && m <= 0xcf && m != dht && m != 0xc8 && m != dac }

// nextMarker passes over what is between segments.
func (d *decoder) nextMarker() (m byte, ok bool) {
	for d.at+1 < len(d.in) {
		i := bytes.IndexByte(d.in[d.at:], 0xff)
		if i < 0 {
			break
		}
		d.at += i
		for d.at < len(d.in) && d.in[d.at] == 0xff {
			d.at++
		}
		if d.at == len(d.in) {
			break
		}
		m = d.in[d.at]
		d.at++
		if m != 0 && m != tem && (m < rst0 || m > rst7) {
			return m, true
		}
	}
	d.at = len(d.in)
	return 0, false
}

// segment returns what follows a marker.
func (d *decoder) segment() ([]byte, error) {
	if d.at+2 > len(d.in) {
		return nil, errShort
	}
	n := int(d.in[d.at])<<8 | int(d.in[d.at+1])
	if n < 2 {
		return nil, errors.New("a segment is shorter than its length")
	}
	if d.at+n > len(d.in) {
		return nil, errShort
	}
	s := d.in[d.at+2 : d.at+n]
	d.at += n
	return s, nil
}

// other reads segments beside frames and scans.
func (d *decoder) other(m byte) error {
	if m == soi {
		return errors.New("it starts a second time")
	}
	s, err := d.segment()
	if err != nil {
		return err
	}
	switch m {
	case dqt:
		return d.quantization(s)
	case dht:
		return d.huffman(s)
	case dri:
		if len(s) != 2 {
			return errors.New("its restart interval is damaged")
		}
		d.interval = int(s[0])<<8 | int(s[1])
	case app0:
		d.jfif = d.jfif || bytes.HasPrefix(s, []byte("JFIF\x00"))
	case appE:
		if len(s) >= 12 && bytes.HasPrefix(s, []byte("Adobe")) {
			d.adobe, d.transform = true, s[11]
		}
	}
	return nil
}

// natural is where the coefficients of a file's order lie.
var natural = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

func (d *decoder) quantization(s []byte) error {
	for len(s) > 0 {
		wide, id := int(s[0]>>4), s[0]&15
		n := 64 * (1 + wide)
		if wide > 1 || id > 3 || len(s) < 1+n {
			return errors.New("its quantization table is damaged")
		}
		q := new([64]int32)
		for i := range q {
			if wide == 1 {
				q[natural[i]] = int32(s[1+2*i])<<8 | int32(s[2+2*i])
			} else {
				q[natural[i]] = int32(s[1+i])
			}
		}
		d.quant[id], s = q, s[1+n:]
	}
	return nil
}

// frame reads a frame header.
func (d *decoder) frame(m byte, s []byte) error {
	switch {
	case d.components != nil:
		return errors.New("it has two frame headers")
	case m >= 0xc9:
		return unread("it is coded arithmetically")
	case m > sof2:
		return unread("it is lossless or hierarchical")
	case len(s) < 6:
		return errors.New("its frame header is damaged")
	case s[0] != 8:
		return unread("it has %d bits a sample, not 8", s[0])
	}
	d.progressive = m == sof2
	d.height, d.width = int(s[1])<<8|int(s[2]), int(s[3])<<8|int(s[4])
	n := int(s[5])
	switch {
	case d.height == 0 || d.width == 0:
		return fmt.Errorf("its frame header says %dx%d pixels", d.width, d.height)
	case n != 1 && n != 3 && n != 4:
		return unread("it has %d components, not 1, 3 or 4", n)
	case len(s) != 6+3*n:
		return errors.New("its frame header is damaged")
	}
	d.components = make([]component, n)
	for i := range d.components {
		f := s[6+3*i:]
		c := &d.components[i]
		c.id, c.h, c.v, c.quantID = int(f[0]), int(f[1]>>4), int(f[1]&15), int(f[2])
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.quantID > 3 {
			return errors.New("its frame header is damaged")
		}
		d.hmax, d.vmax = max(d.hmax, c.h), max(d.vmax, c.v)
	}
	for i := range d.components {
		if c := &d.components[i]; d.hmax%c.h != 0 || d.vmax%c.v != 0 {
			return unread("a component has %dx%d samples where another has %dx%d, no whole multiple", c.h, c.v, d.hmax, d.vmax)
		}
	}
	return nil
}

func over(a, b int) int { return (a + b - 1) / b }

// allocate makes the planes of a frame.
func (d *decoder) allocate() {
	for i := range d.components {
		c := &d.components[i]
		c.w, c.rows = over(d.width*c.h, d.hmax), over(d.height*c.v, d.vmax)
		c.across, c.down = over(d.width, 8*d.hmax)*c.h, over(d.height, 8*d.vmax)*c.v
		if d.progressive {
			c.coef = make([]int16, 64*c.across*c.down)
			for k := range c.missing {
				c.missing[k] = true
			}
		} else {
			c.pix = make([]uint8, 64*c.across*c.down)
		}
	}
}

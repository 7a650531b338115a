package parquet

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// Bounds on a page, and on the header before it.
const (
	maxPage       = 1 << 29
	maxDictionary = 1 << 26
	maxHeader     = 1 << 20
)

// Kinds of pages.
const (
	dataPage = iota
	indexPage
	dictionaryPage
	dataPage2
)

// A page is the values of some rows, which are read one after the other.
type page struct {
	left       int64 // values
	reps, defs levels
	values     decoder
}

// pages reads the pages of a chunk.
type pages struct {
	file       *File
	column     *Column
	codec      int64
	at, end    int64
	dictionary *dictionary
	zstd       *zstd.Decoder
}

// next returns the next page of data, or io.EOF.
func (p *pages) next() (*page, error) {
	for p.at < p.end {
		head, err := p.header()
		if err != nil {
			return nil, err
		}
		plain, packed := head.field(2).number, head.field(3).number
		if packed < 0 || packed > p.end-p.at || plain < 0 || plain > maxPage {
			return nil, fmt.Errorf("a page of %d bytes, packed %d: it is damaged, or was written with pages of more than %d", plain, packed, maxPage)
		}
		body := make([]byte, packed)
		if _, err := p.file.r.ReadAt(body, p.at); err != nil {
			return nil, err
		}
		p.at += packed
		switch head.field(1).number {
		case dataPage:
			return p.first(head.field(5), body, int(plain))
		case dataPage2:
			return p.second(head.field(8), body, int(plain))
		case dictionaryPage:
			if err := p.readDictionary(head.field(7), body, int(plain)); err != nil {
				return nil, err
			}
		}
	}
	return nil, io.EOF
}

// header reads the description of a page.
func (p *pages) header() (head thriftValue, err error) {
	for room := int64(1 << 12); ; room <<= 4 {
		n := min(room, p.end-p.at)
		b := make([]byte, n)
		if _, err := p.file.r.ReadAt(b, p.at); err != nil {
			return head, err
		}
		var rest []byte
		head, rest, err = parseThrift(b)
		if errors.Is(err, errShort) && n == room && room < maxHeader {
			continue
		}
		p.at += n - int64(len(rest))
		return head, err
	}
}

// first makes a page of the first version, which is packed as a whole.
func (p *pages) first(head *thriftValue, body []byte, plain int) (*page, error) {
	b, err := p.unpack(body, plain)
	if err != nil {
		return nil, err
	}
	out := &page{left: head.field(1).number}
	section := func(most int, encoding int64) (levels, error) {
		if most == 0 {
			return levels{}, nil
		}
		if encoding != encodeRuns || len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-4) {
			return levels{}, errDamaged
		}
		n := 4 + binary.LittleEndian.Uint32(b)
		l := newLevels(b[4:n], most)
		b = b[n:]
		return l, nil
	}
	if out.reps, err = section(p.column.maxRep, head.field(4).number); err != nil {
		return nil, err
	}
	if out.defs, err = section(p.column.maxDef, head.field(3).number); err != nil {
		return nil, err
	}
	out.values, err = p.decoder(head.field(2).number, b)
	return out, err
}

// second makes a page of the second version, whose levels are not packed.
func (p *pages) second(head *thriftValue, body []byte, plain int) (*page, error) {
	reps, defs := head.field(6).number, head.field(5).number
	if reps < 0 || defs < 0 || reps > int64(len(body)) || defs > int64(len(body))-reps || reps+defs > int64(plain) {
		return nil, errDamaged
	}
	out := &page{left: head.field(1).number}
	if p.column.maxRep > 0 {
		out.reps = newLevels(body[:reps], p.column.maxRep)
	}
	if p.column.maxDef > 0 {
		out.defs = newLevels(body[reps:reps+defs], p.column.maxDef)
	}
	b, err := body[reps+defs:], error(nil)
	if packed := head.optional(7); packed == nil || packed.number != 0 {
		if b, err = p.unpack(b, plain-int(reps+defs)); err != nil {
			return nil, err
		}
	}
	out.values, err = p.decoder(head.field(4).number, b)
	return out, err
}

// The ways of compression.
const (
	codecNone, codecSnappy, codecGzip, codecZstd = 0, 1, 2, 6

	maxWindow  = 1 << 27
	snappyMost = 64 // bytes that one can stand for
)

// unpack returns what a page is unpacked, which must be of the size that its header says.
func (p *pages) unpack(b []byte, size int) (out []byte, err error) {
	if size == 0 {
		return nil, nil
	}
	switch p.codec {
	case codecNone:
		out = b
	case codecSnappy:
		if n, err := snappy.DecodedLen(b); err != nil || n != size || n > snappyMost*len(b) {
			return nil, errDamaged
		}
		out, err = snappy.Decode(nil, b)
	case codecGzip:
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(b)); err == nil {
			out, err = upTo(z, size)
		}
	case codecZstd:
		if p.zstd == nil {
			p.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
			if err != nil {
				return nil, err
			}
		}
		if err = p.zstd.Reset(bytes.NewReader(b)); err == nil {
			out, err = upTo(p.zstd, size)
		}
	default:
		return nil, fmt.Errorf("its pages are compressed in a way that is not read (%d): write it anew with snappy, zstd or gzip", p.codec)
	}
	if err != nil {
		return nil, fmt.Errorf("a page can't be unpacked: %w", err)
	}
	if len(out) != size {
		return nil, errDamaged
	}
	return out, nil
}

// upTo reads no more than one byte beyond a size, in memory that grows as bytes come.
func upTo(r io.Reader, size int) ([]byte, error) {
	var b bytes.Buffer
	_, err := b.ReadFrom(io.LimitReader(r, int64(size)+1))
	return b.Bytes(), err
}

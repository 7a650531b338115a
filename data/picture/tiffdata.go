package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"

	"github.com/monge-ml/monge/data/picture/internal/jpeg"
)

// TIFF's compressions that are read.
const (
	tiffPlain      = 1
	tiffGroup3     = 3
	tiffGroup4     = 4
	tiffLZW        = 5
	tiffJPEG       = 7
	tiffDeflate    = 8
	tiffPackBits   = 32773
	tiffOldDeflate = 32946
)

// decodePiece returns the samples of so many rows of a strip or tile, a byte for each, with each
// samples a pixel.
func (t *tiffHeader) decodePiece(data []byte, each, rows int) ([]uint8, error) {
	if t.compression == tiffJPEG {
		return t.decodeJPEGPiece(data, each, rows)
	}
	stride := t.stride(each)
	raw := make([]byte, stride*rows)
	if err := t.decompress(raw, data, rows); err != nil {
		return nil, err
	}
	predicted := t.compression == tiffLZW || t.compression == tiffDeflate || t.compression == tiffOldDeflate
	if kind := t.tag(tagPredictor, 1); kind != 1 && predicted {
		if kind != 2 || t.bits < 8 {
			return nil, unread("predictor %d of %d bits", kind, t.bits)
		}
		for row := range rows {
			addNeighbours(raw[row*stride:][:stride], each, t.bits/8, t.order)
		}
	}
	if t.bits == 8 {
		return raw, nil
	}
	out := make([]uint8, t.pieceW*each*rows)
	for row := range rows {
		t.narrow(out[row*t.pieceW*each:][:t.pieceW*each], raw[row*stride:])
	}
	return out, nil
}

// addNeighbours adds to each sample that of the pixel before, modulo its range.
func addNeighbours(row []byte, each, size int, order binary.ByteOrder) {
	for i := each * size; i+size <= len(row); i += size {
		now, before := row[i:], row[i-each*size:]
		switch size {
		case 1:
			now[0] += before[0]
		case 2:
			order.PutUint16(now, order.Uint16(now)+order.Uint16(before))
		case 4:
			order.PutUint32(now, order.Uint32(now)+order.Uint32(before))
		}
	}
}

// decompress fills dst.
func (t *tiffHeader) decompress(dst, data []byte, rows int) error {
	if t.tag(tagFillOrder, 1) == 2 {
		data = reversed(data)
	}
	var r io.Reader = bytes.NewReader(data)
	switch t.compression {
	case tiffPlain:
	case tiffGroup3, tiffGroup4:
		if t.bits != 1 || t.samples != 1 {
			return unread("fax compression of %d bits", t.bits)
		}
		kind := ccitt.Group3
		if t.compression == tiffGroup4 {
			kind = ccitt.Group4
		}
		r = ccitt.NewReader(r, ccitt.MSB, kind, t.pieceW, rows, &ccitt.Options{Invert: true})
	case tiffLZW:
		z := lzw.NewReader(r, lzw.MSB, 8)
		defer z.Close()
		r = z
	case tiffDeflate, tiffOldDeflate:
		z, err := zlib.NewReader(r)
		if err != nil {
			return err
		}
		defer z.Close()
		r = z
	case tiffPackBits:
		return unpackBits(dst, data)
	default:
		return unread("compression %d", t.compression)
	}
	_, err := io.ReadFull(r, dst)
	return err
}

// unpackBits decodes runs of bytes: so many as they are, or one so many times.
func unpackBits(dst, data []byte) error {
	for len(dst) > 0 {
		if len(data) < 2 {
			return errShort
		}
		n := int(int8(data[0]))
		switch data = data[1:]; {
		case n >= 0:
			n = min(n+1, len(dst))
			if len(data) < n {
				return errShort
			}
			copy(dst, data[:n])
			dst, data = dst[n:], data[n:]
		case n > -128:
			n = min(1-n, len(dst))
			for i := range n {
				dst[i] = data[0]
			}
			dst, data = dst[n:], data[1:]
		}
	}
	return nil
}

// decodeJPEGPiece decodes a JPEG file whose tables are a tag's.
func (t *tiffHeader) decodeJPEGPiece(data []byte, each, rows int) ([]uint8, error) {
	if t.bits != 8 {
		return nil, unread("JPEG's compression of %d bits", t.bits)
	}
	tables := make([]byte, len(t.tags[tagJPEGTables]))
	for i, v := range t.tags[tagJPEGTables] {
		tables[i] = byte(v)
	}
	w, h, err := jpeg.Size(bytes.NewReader(data))
	if err != nil {
		return nil, ofJPEG(err)
	}
	if w < t.pieceW || h < rows || w > 2*t.pieceW+16 || h > 2*t.pieceH+16 {
		return nil, fmt.Errorf("a strip or tile has %dx%d pixels in place of %dx%d", w, h, t.pieceW, rows)
	}
	img, err := jpeg.DecodeAbbreviated(tables, data, t.colours == tiffYCbCr)
	if err != nil {
		return nil, ofJPEG(err)
	}
	if img.Channels != each {
		return nil, errors.New("a strip or tile has other colours than the picture")
	}
	out := make([]uint8, 0, t.pieceW*each*rows)
	for row := range rows {
		out = append(out, img.Pix[row*img.Width*each:][:t.pieceW*each]...)
	}
	return out, nil
}

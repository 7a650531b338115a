package picture

import (
	"errors"
	"fmt"
)

// readPieces reads where the strips or tiles are.
func (t *tiffHeader) readPieces() error {
	t.pieceW, t.pieceH = t.w, min(t.tag(tagRowsPerStrip, t.h), t.h)
	t.offsets, t.counts = t.tags[tagStripOffsets], t.tags[tagStripCounts]
	if _, tiled := t.tags[tagTileOffsets]; tiled {
		t.pieceW, t.pieceH = t.tag(tagTileWidth, 0), t.tag(tagTileHeight, 0)
		t.offsets, t.counts = t.tags[tagTileOffsets], t.tags[tagTileCounts]
	}
	if t.pieceW < 1 || t.pieceH < 1 || t.pieceW > maxPixels/t.pieceH {
		return fmt.Errorf("its strips or tiles are %dx%d", t.pieceW, t.pieceH)
	}
	t.across, t.down = (t.w+t.pieceW-1)/t.pieceW, (t.h+t.pieceH-1)/t.pieceH
	// Tiles reach beyond the picture, but not so far that they take much longer than it.
	const slack = 1 << 22
	if most := 4*t.w*t.h + slack; t.pieceW*t.pieceH > most/(t.across*t.down) {
		return fmt.Errorf("its tiles are %dx%d, for a picture of %dx%d", t.pieceW, t.pieceH, t.w, t.h)
	}
	n := t.across * t.down
	if t.planar {
		n *= t.samples
	}
	if len(t.offsets) < n || t.counts != nil && len(t.counts) < n {
		return fmt.Errorf("it has %d strips or tiles of %d", min(len(t.offsets), len(t.counts)), n)
	}
	return nil
}

// decodePieces returns the samples of all pixels, a byte each.
func (t *tiffHeader) decodePieces(b []byte) ([]uint8, error) {
	planes, each := 1, t.samples // samples of a pixel in a piece
	if t.planar {
		planes, each = t.samples, 1
	}
	if err := t.checkWork(b, planes, each); err != nil {
		return nil, err
	}
	samples := make([]uint8, t.w*t.h*t.samples)
	for plane := range planes {
		for i := range t.across * t.down {
			data, err := t.piece(b, i+plane*t.across*t.down, each)
			if err != nil {
				return nil, err
			}
			x, y := i%t.across*t.pieceW, i/t.across*t.pieceH
			piece, err := t.decodePiece(data, each, t.rows(i))
			if err != nil {
				return nil, err
			}
			t.place(samples, piece, x, y, plane, each)
		}
	}
	return samples, nil
}

// rows is how many rows a piece has: tiles reach beyond the picture, strips don't.
func (t *tiffHeader) rows(i int) int {
	if t.tags[tagTileOffsets] != nil {
		return t.pieceH
	}
	return min(t.pieceH, t.h-i/t.across*t.pieceH)
}

// stride is the bytes of a row of a piece.
func (t *tiffHeader) stride(each int) int { return (t.pieceW*each*t.bits + 7) / 8 }

// piece returns the data of strip or tile n, which go on to the next one's, or to the end of the file, where nothing says how many
// they are.
func (t *tiffHeader) piece(b []byte, n, each int) ([]byte, error) {
	if uint64(t.offsets[n]) > uint64(len(b)) {
		return nil, errShort
	}
	data := b[t.offsets[n]:]
	switch {
	case t.counts != nil:
		data = data[:min(uint64(len(data)), uint64(t.counts[n]))]
	case n+1 < len(t.offsets) && t.offsets[n+1] > t.offsets[n]:
		data = data[:min(uint64(len(data)), uint64(t.offsets[n+1]-t.offsets[n]))]
	}
	if t.compression == tiffPlain {
		data = data[:min(len(data), t.stride(each)*t.rows(n%(t.across*t.down)))]
	}
	return data, nil
}

// The most bytes that one of a strip or tile becomes: two stand for a run of 128, a code of 12 bits for as many bytes as there are
// codes, a bit of Deflate for nearly 258.
var tiffGrowth = map[int]int{tiffPlain: 1, tiffPackBits: 64, tiffLZW: 4096, tiffDeflate: 2064, tiffOldDeflate: 2064}

// checkWork bounds what strips or tiles take to decode by what the file and its pixels take: they may share data, as blank tiles do,
// but not so that a small file is decoded over and over.
func (t *tiffHeader) checkWork(b []byte, planes, each int) error {
	const (
		start = 1 << 12 // what it takes to begin a piece, in bytes
		slack = 1 << 26
	)
	most := 2*(len(b)+t.w*t.h*t.samples*max(t.bits/8, 1)) + slack
	for n := range planes * t.across * t.down {
		data, err := t.piece(b, n, each)
		if err != nil {
			return err
		}
		growth, bounded := tiffGrowth[t.compression]
		if rows := t.rows(n % (t.across * t.down)); bounded && t.stride(each)*rows > growth*len(data) {
			return errShort
		}
		if most -= len(data) + len(t.tags[tagJPEGTables]) + start; most < 0 {
			return errors.New("its strips or tiles share their data")
		}
	}
	return nil
}

// place copies the part of a piece that is in the picture.
func (t *tiffHeader) place(samples, piece []uint8, x, y, plane, each int) {
	w := min(t.pieceW, t.w-x)
	for row := range min(len(piece)/(t.pieceW*each), t.h-y) {
		in := piece[row*t.pieceW*each:][:w*each]
		out := samples[((y+row)*t.w+x)*t.samples+plane:]
		if each == t.samples {
			copy(out, in)
			continue
		}
		for i, v := range in {
			out[i*t.samples] = v
		}
	}
}

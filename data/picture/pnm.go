package picture

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// Netpbm's formats: bits, grey and colour, as numbers in text (P1 to P3) or in bytes (P4 to P6).

func isPNM(head []byte) bool {
	return len(head) > 2 && head[0] == 'P' && head[1] >= '1' && head[1] <= '6' && (pnmSpace(head[2]) || head[2] == '#')
}

func pnmSpace(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }

type pnmHeader struct{ kind, w, h, most int }

func pnmSize(r *bufio.Reader) (w, h int, err error) {
	p, err := readPNMHeader(r)
	return p.w, p.h, err
}

func readPNMHeader(r *bufio.Reader) (p pnmHeader, err error) {
	var magic [2]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return p, err
	}
	p.kind, p.most = int(magic[1]-'0'), 1
	fields := []*int{&p.w, &p.h, &p.most}
	if p.kind == 1 || p.kind == 4 {
		fields = fields[:2]
	}
	for _, f := range fields {
		if *f, err = pnmNumber(r); err != nil {
			return p, err
		}
	}
	if p.most < 1 || p.most > 65535 {
		return p, fmt.Errorf("its largest value is %d", p.most)
	}
	return p, nil
}

// pnmNumber reads a number, and the space or comment around it.
func pnmNumber(r *bufio.Reader) (int, error) {
	var digits []byte
	for {
		b, err := r.ReadByte()
		switch {
		case err == io.EOF && len(digits) > 0:
			return strconv.Atoi(string(digits))
		case err != nil:
			return 0, err
		case b == '#':
			for b != '\n' && b != '\r' {
				if b, err = r.ReadByte(); err != nil {
					return 0, err
				}
			}
			if len(digits) > 0 {
				return strconv.Atoi(string(digits))
			}
		case pnmSpace(b):
			if len(digits) > 0 {
				return strconv.Atoi(string(digits))
			}
		case b < '0' || b > '9' || len(digits) == 9:
			return 0, fmt.Errorf("there is %q where a number should be", append(digits, b))
		default:
			digits = append(digits, b)
		}
	}
}

// decodePNM decodes numbers of any range. Those of 8 bits come to 0 to 255; of grey with more
// Pillow makes 16 bits and takes all above 255 for white.
func decodePNM(b []byte) (bitmap, error) {
	r := bufio.NewReader(bytes.NewReader(b))
	h, err := readPNMHeader(r)
	if err != nil {
		return bitmap{}, err
	}
	channels := 1
	if h.kind%3 == 0 {
		channels = 3
	}
	if len(b) < h.least(channels) {
		return bitmap{}, errShort
	}
	p := newBitmap(h.w, h.h)
	levels := h.levels()
	row := make([]uint8, channels*h.w)
	for y := range h.h {
		if err := h.readRow(r, row, levels); err != nil {
			return bitmap{}, err
		}
		if channels == 3 {
			copy(p.row(y), row)
		} else {
			spread(p.row(y), row, 1, 0)
		}
	}
	return p, nil
}

// least returns how many bytes the pixels take at least.
func (h *pnmHeader) least(channels int) int {
	n := h.w * h.h * channels
	switch {
	case h.kind == 4:
		return (h.w + 7) / 8 * h.h
	case h.kind == 2, h.kind == 3:
		return 2*n - 1 // a digit and a space
	case h.most > 255:
		return 2 * n
	}
	return n
}

// levels are the bytes of all values.
func (h *pnmHeader) levels() []uint8 {
	levels := make([]uint8, h.most+1)
	for v := range levels {
		switch {
		case h.kind == 1 || h.kind == 4: // a 1 is black
			levels[v] = uint8(255 * (1 - v))
		case h.kind%3 != 0 && h.most > 255:
			levels[v] = uint8(min(evenly(v*65535, h.most), 255))
		default:
			levels[v] = uint8(evenly(v*255, h.most))
		}
	}
	return levels
}

// evenly rounds a/b, halves to even.
func evenly(a, b int) int {
	q, rest := a/b, a%b
	if 2*rest > b || 2*rest == b && q%2 == 1 {
		q++
	}
	return q
}

func (h *pnmHeader) readRow(r *bufio.Reader, row []uint8, levels []uint8) error {
	switch {
	case h.kind == 4:
		packed := make([]uint8, (len(row)+7)/8)
		if _, err := io.ReadFull(r, packed); err != nil {
			return err
		}
		unpackRow(row, packed, 1)
		for x, v := range row {
			row[x] = levels[v]
		}
		return nil
	case h.kind > 4 && h.most < 256:
		if _, err := io.ReadFull(r, row); err != nil {
			return err
		}
		for x, v := range row {
			row[x] = levels[min(int(v), h.most)]
		}
		return nil
	}
	for x := range row {
		v, err := h.readValue(r)
		if err != nil {
			return err
		}
		if v > h.most {
			if h.kind < 4 {
				return fmt.Errorf("there is a value of %d and the largest should be %d", v, h.most)
			}
			v = h.most
		}
		row[x] = levels[v]
	}
	return nil
}

func (h *pnmHeader) readValue(r *bufio.Reader) (int, error) {
	switch {
	case h.kind == 1:
		return pnmBit(r)
	case h.kind < 4:
		return pnmNumber(r)
	}
	high, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	low, err := r.ReadByte()
	return int(high)<<8 | int(low), err
}

// pnmBit reads a digit, which may follow the one before without a space.
func pnmBit(r *bufio.Reader) (int, error) {
	for {
		b, err := r.ReadByte()
		switch {
		case err != nil:
			return 0, err
		case b == '0' || b == '1':
			return int(b - '0'), nil
		case b == '#':
			for b != '\n' && b != '\r' {
				if b, err = r.ReadByte(); err != nil {
					return 0, err
				}
			}
		case !pnmSpace(b):
			return 0, fmt.Errorf("there is %q where 0 or 1 should be", b)
		}
	}
}

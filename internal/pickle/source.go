package pickle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Damaged makes an error of something that no writer writes.
func Damaged(format string, args ...any) error {
	return fmt.Errorf("%s: the file is damaged or was made to do harm; get it again from where it was published",
		fmt.Sprintf(format, args...))
}

// ReadFull fills b from an offset.
func ReadFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("cut short while it was read: %d bytes at offset %d, the file ends at %d: download it again", len(b), off, off+int64(n))
	}
	return err
}

// A Source reads bytes in order from a part of a file.
type Source struct {
	r    io.ReaderAt
	next int64 // offset in r of what the window doesn't hold yet
	end  int64
	win  []byte
	pos  int // in the window
}

const windowSize = 1 << 13

// NewSource returns a source of the bytes of r from off to end.
func NewSource(r io.ReaderAt, off, end int64) *Source {
	return &Source{r: r, next: off, end: end}
}

// Offset returns where the next byte lies.
func (s *Source) Offset() int64 { return s.next - int64(len(s.win)-s.pos) }

// Left returns how many bytes there are still.
func (s *Source) Left() int64 { return s.end - s.Offset() }

func (s *Source) fill() error {
	n := min(windowSize, s.end-s.next)
	if n <= 0 {
		return fmt.Errorf("cut short: the pickle goes on where it should have ended (offset %d): download the file again", s.end)
	}
	if s.win == nil {
		s.win = make([]byte, windowSize)
	}
	s.win, s.pos = s.win[:n], 0
	if err := ReadFull(s.r, s.win, s.next); err != nil {
		return err
	}
	s.next += n
	return nil
}

// Byte reads one byte.
func (s *Source) Byte() (byte, error) {
	if s.pos == len(s.win) {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	s.pos++
	return s.win[s.pos-1], nil
}

// Take reads n bytes, which must be there before memory is given to them. The result is
// the caller's.
func (s *Source) Take(n uint64) ([]byte, error) {
	if n > uint64(s.Left()) {
		return nil, fmt.Errorf("cut short: %d bytes at offset %d, the pickle or file ends at %d: download it again", n, s.Offset(), s.end)
	}
	b := make([]byte, n)
	k := copy(b, s.win[s.pos:])
	s.pos += k
	if k < len(b) {
		if err := ReadFull(s.r, b[k:], s.next); err != nil {
			return nil, err
		}
		s.next += int64(len(b) - k)
	}
	return b, nil
}

// Uint reads a little-endian number of n <= 8 bytes.
func (s *Source) Uint(n int) (uint64, error) {
	var v uint64
	for i := range n {
		b, err := s.Byte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b) << (8 * i)
	}
	return v, nil
}

// maxLine bounds numbers and names.
const maxLine = 4096

// Line reads up to a newline, which it drops. Only numbers and names are lines.
func (s *Source) Line() (string, error) {
	var b bytes.Buffer
	for {
		c, err := s.Byte()
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return b.String(), nil
		}
		if b.Len() == maxLine {
			return "", Damaged("a line of the pickle at offset %d is longer than %d bytes", s.Offset(), maxLine)
		}
		b.WriteByte(c)
	}
}

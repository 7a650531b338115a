package weights

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// damaged makes an error of something that no writer writes.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%s: the file is damaged or was made to do harm; get it again from where it was published",
		fmt.Sprintf(format, args...))
}

// readFull fills b from an offset.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("cut short while it was read: %d bytes at offset %d, the file ends at %d: download it again", len(b), off, off+int64(n))
	}
	return err
}

// A budget bounds the memory that a file's claims can ask for, as a multiple of its
// size. Views of one storage may be many, and larger than it (PyTorch's expand), and a
// value may be held by many containers, so the size of the parts says nothing about the
// whole's.
type budget int64

// budgetFactor is what a byte of the file may take: one of a uint8 tensor takes 8 as
// int64, float32 leaves room for each storage to be in 8 tensors.
const budgetFactor = 8

func newBudget(size int64) *budget {
	b := budget(1 << 20)
	if size > 1<<58 {
		size = 1 << 58
	}
	b += budget(size) * budgetFactor
	return &b
}

// take gives n bytes to what.
func (b *budget) take(n int64, what func() string) error {
	if n < 0 || budget(n) > *b {
		return damaged("%s needs more memory (%d bytes) than a file of this size should ask for", what(), n)
	}
	*b -= budget(n)
	return nil
}

// A source reads bytes in order from a part of a file.
type source struct {
	r    io.ReaderAt
	next int64 // offset in r of what the window doesn't hold yet
	end  int64
	win  []byte
	pos  int // in the window
}

const windowSize = 1 << 13

func newSource(r io.ReaderAt, off, end int64) *source {
	return &source{r: r, next: off, end: end, win: nil}
}

// offset returns where the next byte lies.
func (s *source) offset() int64 { return s.next - int64(len(s.win)-s.pos) }

// left returns how many bytes there are still.
func (s *source) left() int64 { return s.end - s.offset() }

func (s *source) fill() error {
	n := min(windowSize, s.end-s.next)
	if n <= 0 {
		return fmt.Errorf("cut short: the pickle goes on where it should have ended (offset %d): download the file again", s.end)
	}
	if s.win == nil {
		s.win = make([]byte, windowSize)
	}
	s.win, s.pos = s.win[:n], 0
	if err := readFull(s.r, s.win, s.next); err != nil {
		return err
	}
	s.next += n
	return nil
}

// byte reads one byte.
func (s *source) byte() (byte, error) {
	if s.pos == len(s.win) {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	s.pos++
	return s.win[s.pos-1], nil
}

// take reads n bytes, which must be there before memory is given to them. The result is
// the caller's.
func (s *source) take(n uint64) ([]byte, error) {
	if n > uint64(s.left()) {
		return nil, fmt.Errorf("cut short: %d bytes at offset %d, the pickle or file ends at %d: download it again", n, s.offset(), s.end)
	}
	b := make([]byte, n)
	k := copy(b, s.win[s.pos:])
	s.pos += k
	if k < len(b) {
		if err := readFull(s.r, b[k:], s.next); err != nil {
			return nil, err
		}
		s.next += int64(len(b) - k)
	}
	return b, nil
}

// uint reads a little-endian number of n <= 8 bytes.
func (s *source) uint(n int) (uint64, error) {
	var v uint64
	for i := range n {
		b, err := s.byte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b) << (8 * i)
	}
	return v, nil
}

// line reads up to a newline, which it drops. Only numbers and names are lines.
func (s *source) line() (string, error) {
	var b bytes.Buffer
	for {
		c, err := s.byte()
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return b.String(), nil
		}
		if b.Len() == 4096 {
			return "", damaged("a line of the pickle at offset %d is longer than 4096 bytes", s.offset())
		}
		b.WriteByte(c)
	}
}

// A meter fails once more bytes were read through it than it has left.
type meter struct {
	r    io.ReaderAt
	left int64
}

var errMeter = errors.New("too many bytes read")

func (m *meter) ReadAt(b []byte, off int64) (int, error) {
	if m.left -= int64(len(b)); m.left < 0 {
		return 0, errMeter
	}
	return m.r.ReadAt(b, off)
}

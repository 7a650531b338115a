package weights

import (
	"errors"
	"io"

	"github.com/monge-ml/monge/internal/pickle"
)

// damaged makes an error of something that no writer writes.
func damaged(format string, args ...any) error { return pickle.Damaged(format, args...) }

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

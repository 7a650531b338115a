package weights

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/monge-ml/monge/internal/half"
	"github.com/monge-ml/monge/internal/pickle"
)

// A DType is the type of a tensor's elements, by safetensors' name.
type DType string

// The types that can be read and written.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U8   DType = "U8"
	Bool DType = "BOOL"
	U16  DType = "U16"
	U32  DType = "U32"
	U64  DType = "U64" // of numbers that I64 has too

	F8E4M3 DType = "F8_E4M3" // torch.float8_e4m3fn: no infinities
	F8E5M2 DType = "F8_E5M2"
)

// Size returns the bytes of an element, 0 of an unknown type.
func (d DType) Size() int {
	switch d {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case I8, U8, Bool, F8E4M3, F8E5M2:
		return 1
	}
	return 0
}

// IsFloat reports whether the elements are in a tensor's Data, not in its Ints.
func (d DType) IsFloat() bool {
	return d == F64 || d == F32 || d == F16 || d == BF16 || d == F8E4M3 || d == F8E5M2
}

// memory returns the bytes that n elements take once read.
func (d DType) memory(n int64) int64 {
	if d.IsFloat() {
		return 4 * n
	}
	return 8 * n
}

// elements returns how many elements a shape has, or false if it is negative somewhere,
// has too many dimensions or more than 2^56 elements, even if another dimension is 0.
func elements(shape []int64) (int64, bool) {
	if len(shape) > maxRank {
		return 0, false
	}
	n, zero := int64(1), false
	for _, d := range shape {
		if d < 0 || d > 1<<56 || (d > 0 && n > (1<<56)/d) {
			return 0, false
		}
		if d == 0 {
			zero = true
			continue
		}
		n *= d
	}
	if zero {
		return 0, true
	}
	return n, true
}

const maxRank = 64 // PyTorch's limit

// A decoder converts elements from their bytes in the file; it keeps its buffer from
// tensor to tensor.
type decoder struct {
	buf []byte
	big bool // elements are big-endian
}

// order brings elements of a size to little-endian.
func (d *decoder) order(b []byte, size int64) {
	for i := int64(0); d.big && i+size <= int64(len(b)); i += size {
		slices.Reverse(b[i : i+size])
	}
}

const decodeChunk = 1 << 16 // a multiple of every element's size

// read fills the tensor from n elements at an offset of r, through a small buffer.
func (d *decoder) read(t *Tensor, r io.ReaderAt, off, n int64) error {
	allocate(t, n)
	size := int64(t.DType.Size())
	if need := min(n*size, decodeChunk); int64(len(d.buf)) < need {
		d.buf = make([]byte, need)
	}
	for i := int64(0); i < n; {
		k := min(n-i, decodeChunk/size)
		b := d.buf[:k*size]
		if err := pickle.ReadFull(r, b, off+i*size); err != nil {
			return err
		}
		d.order(b, size)
		if err := decode(t, i, b); err != nil {
			return err
		}
		i += k
	}
	return nil
}

func allocate(t *Tensor, n int64) {
	if t.DType.IsFloat() {
		t.Data = make([]float32, n)
	} else {
		t.Ints = make([]int64, n)
	}
}

// decode converts bytes to the tensor's elements from i on.
func decode(t *Tensor, i int64, b []byte) error {
	if t.DType.IsFloat() {
		decodeFloats(t.DType, t.Data[i:], b)
		return nil
	}
	n := t.Ints[i:]
	decodeInts(t.DType, n, b)
	if t.DType != U64 {
		return nil
	}
	for _, v := range n[:len(b)/8] {
		if v < 0 {
			return fmt.Errorf("%d is over the limit of %d: convert it to int64 before saving", uint64(v), int64(math.MaxInt64))
		}
	}
	return nil
}

func decodeFloats(d DType, dst []float32, b []byte) {
	le := binary.LittleEndian
	switch d {
	case F64:
		for i := range len(b) / 8 {
			dst[i] = float32(math.Float64frombits(le.Uint64(b[8*i:])))
		}
	case F32:
		for i := range len(b) / 4 {
			dst[i] = math.Float32frombits(le.Uint32(b[4*i:]))
		}
	case F16:
		for i := range len(b) / 2 {
			dst[i] = half.FromF16(le.Uint16(b[2*i:]))
		}
	case BF16:
		for i := range len(b) / 2 {
			dst[i] = half.FromBF16(le.Uint16(b[2*i:]))
		}
	case F8E4M3, F8E5M2:
		table := f8Tables[d]
		for i, v := range b {
			dst[i] = table[v]
		}
	}
}

func decodeInts(d DType, dst []int64, b []byte) {
	le := binary.LittleEndian
	switch d {
	case I64, U64:
		for i := range len(b) / 8 {
			dst[i] = int64(le.Uint64(b[8*i:]))
		}
	case I32:
		for i := range len(b) / 4 {
			dst[i] = int64(int32(le.Uint32(b[4*i:])))
		}
	case U32:
		for i := range len(b) / 4 {
			dst[i] = int64(le.Uint32(b[4*i:]))
		}
	case U16:
		for i := range len(b) / 2 {
			dst[i] = int64(le.Uint16(b[2*i:]))
		}
	case I16:
		for i := range len(b) / 2 {
			dst[i] = int64(int16(le.Uint16(b[2*i:])))
		}
	case I8:
		for i, v := range b {
			dst[i] = int64(int8(v))
		}
	case U8:
		for i, v := range b {
			dst[i] = int64(v)
		}
	case Bool:
		for i, v := range b {
			dst[i] = 0
			if v != 0 {
				dst[i] = 1
			}
		}
	}
}

// encodeFloat appends an element as it lies in a file.
func encodeFloat(b []byte, d DType, v float32) ([]byte, error) {
	le := binary.LittleEndian
	switch a := math.Abs(float64(v)); d {
	case F64:
		return le.AppendUint64(b, math.Float64bits(float64(v))), nil
	case F16:
		h := half.ToF16(v)
		if h&0x7fff == 0x7c00 && !math.IsInf(a, 1) {
			return b, fmt.Errorf("%g does not fit F16, whose largest is %d: write BF16 or F32", v, maxF16)
		}
		return le.AppendUint16(b, h), nil
	case BF16:
		h := half.ToBF16(v)
		if h&0x7fff == 0x7f80 && !math.IsInf(a, 1) {
			return b, fmt.Errorf("%g does not fit BF16, whose largest is %g: write F32", v, maxBF16)
		}
		return le.AppendUint16(b, h), nil
	case F8E4M3, F8E5M2:
		c, ok := f32ToF8(d, v)
		if !ok {
			return b, fmt.Errorf("%g does not fit %s: write BF16 or F32", v, d)
		}
		return append(b, c), nil
	}
	return le.AppendUint32(b, math.Float32bits(v)), nil
}

// encodeInt appends an element as it lies in a file.
func encodeInt(b []byte, d DType, v int64) ([]byte, error) {
	bits := 8 * d.Size()
	lo, hi := int64(-1)<<(bits-1), int64(1)<<(bits-1)-1
	switch d {
	case U8, U16, U32:
		lo, hi = 0, int64(1)<<bits-1
	case U64:
		lo, hi = 0, math.MaxInt64
	case Bool:
		lo, hi = 0, 1
	}
	if v < lo || v > hi {
		return b, fmt.Errorf("%d does not fit %s, which holds %d to %d: write I64", v, d, lo, hi)
	}
	for i := range d.Size() {
		b = append(b, byte(v>>(8*i)))
	}
	return b, nil
}

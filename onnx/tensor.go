package onnx

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// A Tensor is a named array of numbers in row-major order.
type Tensor struct {
	Name  string
	DType DType
	Dims  []int

	raw      []byte // little endian; shared with the file
	external []Property
	extra    []byte
	unread   []byte // the whole message, of a type whose values are not read
}

// NewFloats returns a float32 tensor.
func NewFloats(name string, data []float32, dims ...int) *Tensor {
	t := &Tensor{Name: name, DType: Float, Dims: dims}
	_ = t.SetFloats(data) // which float32 holds
	return t
}

// NewInts returns an int64 tensor.
func NewInts(name string, data []int64, dims ...int) *Tensor {
	t := &Tensor{Name: name, DType: Int64, Dims: dims}
	for _, v := range data {
		t.raw = Int64.put(t.raw, 0, v)
	}
	return t
}

// Len returns the number of elements that the dimensions have room for.
func (t *Tensor) Len() int {
	n := 1
	for _, d := range t.Dims {
		n *= d
	}
	return n
}

// External reports whether the values lie in another file that was not read.
func (t *Tensor) External() bool { return t.external != nil }

// Floats returns the elements of a tensor of floating-point numbers; float64 is rounded.
func (t *Tensor) Floats() ([]float32, error) {
	if err := t.readable(true); err != nil {
		return nil, err
	}
	out := make([]float32, t.Len())
	if t.DType == Float {
		for i := range out {
			b := t.raw[4*i : 4*i+4]
			out[i] = math.Float32frombits(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
		}
		return out, nil
	}
	for i := range out {
		v, _ := t.DType.element(t.raw, i)
		out[i] = float32(v)
	}
	return out, nil
}

// Doubles returns the elements of a tensor of floating-point numbers.
func (t *Tensor) Doubles() ([]float64, error) {
	if err := t.readable(true); err != nil {
		return nil, err
	}
	out := make([]float64, t.Len())
	for i := range out {
		out[i], _ = t.DType.element(t.raw, i)
	}
	return out, nil
}

// Ints returns the elements of a tensor of whole numbers or truth values.
func (t *Tensor) Ints() ([]int64, error) {
	if err := t.readable(false); err != nil {
		return nil, err
	}
	out := make([]int64, t.Len())
	for i := range out {
		_, out[i] = t.DType.element(t.raw, i)
	}
	return out, nil
}

func (t *Tensor) readable(float bool) error {
	switch {
	case t.DType.Size() == 0:
		return fmt.Errorf("tensor %s is of %v, which is not read", Show(t.Name), t.DType)
	case t.DType.IsFloat() != float:
		return fmt.Errorf("tensor %s is of %v", Show(t.Name), t.DType)
	case t.External():
		return fmt.Errorf("tensor %s lies in another file, which was not read", Show(t.Name))
	}
	return nil
}

// SetFloats sets the elements, which keep their type, from as many numbers as the tensor has. A
// finite number that is too large for the type is an error, and nothing is set.
func (t *Tensor) SetFloats(data []float32) error {
	raw := make([]byte, 0, len(data)*t.DType.Size())
	for i, v := range data {
		raw = t.DType.put(raw, float64(v), 0)
		if t.DType == Float16 || t.DType == BFloat16 {
			if got, _ := t.DType.element(raw, i); math.IsInf(got, 0) && !math.IsInf(float64(v), 0) {
				return fmt.Errorf("tensor %s: %g does not fit %v", Show(t.Name), v, t.DType)
			}
		}
	}
	t.raw, t.external = raw, nil
	return nil
}

func (t *Tensor) parse(b []byte) error {
	var typed []byte // values in fields of their type, as raw bytes
	var floats, doubles, ints []byte
	located, whole := false, b
	err := fields(b, &t.extra, func(num protowire.Number, v uint64, b []byte) (bool, error) {
		switch {
		case num == 1 && b == nil:
			return true, t.addDim(v)
		case num == 1:
			var err error
			if e := varints(b, func(v uint64) {
				if err == nil {
					err = t.addDim(v)
				}
			}); e != nil {
				return true, e
			}
			return true, err
		case num == 2 && b == nil:
			t.DType = DType(v)
		case num == 4: // float_data
			floats = appendFixed(floats, v, b, 4)
		case num == 5, num == 7, num == 11: // int32_data, int64_data, uint64_data
			if b == nil {
				ints = Int64.put(ints, 0, int64(v))
				return true, nil
			}
			return true, varints(b, func(v uint64) { ints = Int64.put(ints, 0, int64(v)) })
		case num == 8 && b != nil:
			return text(&t.Name, b)
		case num == 9 && b != nil:
			t.raw = b
		case num == 10: // double_data
			doubles = appendFixed(doubles, v, b, 8)
		case num == 13 && b != nil:
			p, err := parseProperty(b)
			t.external = append(t.external, p)
			return true, err
		case num == 14 && b == nil:
			located = v == 1
		default:
			return false, nil
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if !located {
		t.external = nil
	} else if t.external == nil {
		t.external = []Property{}
	}
	switch {
	case t.DType == Float:
		typed = floats
	case t.DType == Double:
		typed = doubles
	case ints != nil:
		typed = t.narrowed(ints)
	}
	if typed != nil && len(t.raw) == 0 {
		t.raw = typed
	}
	if t.DType.Size() == 0 {
		t.unread = whole
	}
	return t.checkSize()
}

// appendFixed appends packed numbers or one.
func appendFixed(dst []byte, v uint64, packed []byte, size int) []byte {
	if packed != nil {
		return append(dst, packed...)
	}
	for range size {
		dst = append(dst, byte(v))
		v >>= 8
	}
	return dst
}

// narrowed brings numbers of 64 bits to the tensor's type. Those of sixteen-bit floats are their
// bits.
func (t *Tensor) narrowed(ints []byte) []byte {
	d := t.DType
	if d == Float16 || d == BFloat16 {
		d = Uint16
	}
	if d.Size() == 0 {
		return nil
	}
	out := make([]byte, 0, len(ints)/8*d.Size())
	for i := range len(ints) / 8 {
		_, n := Int64.element(ints, i)
		out = d.put(out, 0, n)
	}
	return out
}

func (t *Tensor) addDim(v uint64) error {
	const most = 1 << 40
	if v > most {
		return fmt.Errorf("tensor %s has a dimension of %d", Show(t.Name), int64(v))
	}
	if len(t.Dims) >= maxRank {
		return fmt.Errorf("tensor %s has more than %d dimensions", Show(t.Name), maxRank)
	}
	t.Dims = append(t.Dims, int(v))
	return nil
}

// checkSize holds the dimensions against the data.
func (t *Tensor) checkSize() error {
	size := t.DType.Size()
	if t.DType == 0 {
		return fmt.Errorf("tensor %s has no type", Show(t.Name))
	}
	if size == 0 {
		return nil // an error when it is read
	}
	n := 1
	for _, d := range t.Dims {
		if d != 0 && n > math.MaxInt/16/d {
			return fmt.Errorf("tensor %s of shape %v is larger than any file", Show(t.Name), t.Dims)
		}
		n *= d
	}
	if !t.External() && len(t.raw) != n*size {
		return fmt.Errorf("tensor %s, %v of shape %v, needs %d bytes and has %d", Show(t.Name), t.DType, t.Dims, n*size, len(t.raw))
	}
	return nil
}

// ParseTensor reads a file that holds one tensor.
func ParseTensor(b []byte) (*Tensor, error) {
	t := &Tensor{}
	if err := t.parse(b); err != nil {
		return nil, fmt.Errorf("not a tensor in ONNX's format, or a damaged one: %w", err)
	}
	return t, nil
}

// With returns the tensor with the values, type and shape of another.
func (t *Tensor) With(v *Tensor) *Tensor {
	c := *t
	c.DType, c.Dims, c.raw, c.external, c.unread = v.DType, v.Dims, v.raw, nil, nil
	return &c
}

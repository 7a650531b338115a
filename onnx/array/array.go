// Package array computes ONNX's operators on numbers at hand: the arithmetic of shapes that
// exports are full of, constants that are folded, and whole numbers as those of texts. It is
// plain and general, without gradients; what a network trains runs on a tape instead.
package array

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/monge-ml/monge/internal/half"
	"github.com/monge-ml/monge/onnx"
)

// An Array is an array in row-major order. Elements of the types of floating point are in F, all
// others in I: truth values as 0 and 1. Every result is rounded to its type.
type Array struct {
	DType onnx.DType
	Shape []int
	F     []float64
	I     []int64
}

// Bounds on arrays: what a file's shapes may ask for.
const (
	MaxLen  = 1 << 24 // elements
	MaxRank = 64      // dimensions
)

// ErrUnsupported is that of an operator which the package does not have.
var ErrUnsupported = errors.New("not supported")

// Size returns the elements of a shape. More than MaxLen are an error, those that dimensions of 0
// leave out included, and so are a negative dimension and more than MaxRank of them.
func Size(shape []int) (int, error) {
	if len(shape) > MaxRank {
		return 0, fmt.Errorf("%d dimensions; there may be %d", len(shape), MaxRank)
	}
	n, empty := 1, false
	for _, d := range shape {
		switch {
		case d < 0:
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		case d == 0:
			empty = true
		case n > MaxLen/d:
			return 0, fmt.Errorf("an array of shape %v; there may be %d elements", shape, MaxLen)
		default:
			n *= d
		}
	}
	if empty {
		n = 0
	}
	return n, nil
}

// New returns an array of zeros.
func New(d onnx.DType, shape ...int) (*Array, error) {
	n, err := Size(shape)
	if err != nil {
		return nil, err
	}
	if d.Size() == 0 {
		return nil, fmt.Errorf("arrays of %v are not supported", d)
	}
	a := &Array{DType: d, Shape: slices.Clone(shape)}
	if a.Shape == nil {
		a.Shape = []int{}
	}
	if d.IsFloat() {
		a.F = make([]float64, n)
	} else {
		a.I = make([]int64, n)
	}
	return a, nil
}

// Of returns a tensor's values.
func Of(t *onnx.Tensor) (*Array, error) {
	if _, err := Size(t.Dims); err != nil {
		return nil, err
	}
	a := &Array{DType: t.DType, Shape: append([]int{}, t.Dims...)}
	var err error
	if t.DType.IsFloat() {
		a.F, err = t.Doubles()
	} else {
		a.I, err = t.Ints()
	}
	return a, err
}

// Ints returns an array of int64.
func Ints(v []int64, shape ...int) *Array { return &Array{DType: onnx.Int64, Shape: shape, I: v} }

// Len returns the number of elements.
func (a *Array) Len() int { return max(len(a.F), len(a.I)) }

// IsFloat reports whether the elements are in F.
func (a *Array) IsFloat() bool { return a.DType.IsFloat() }

// at returns element i as a number.
func (a *Array) at(i int) float64 {
	if a.IsFloat() {
		return a.F[i]
	}
	if a.DType == onnx.Uint64 {
		return float64(uint64(a.I[i]))
	}
	return float64(a.I[i])
}

// Whole returns the elements as whole numbers.
func (a *Array) Whole() []int {
	out := make([]int, a.Len())
	for i := range out {
		if a.IsFloat() {
			out[i] = int(a.F[i])
		} else {
			out[i] = int(a.I[i])
		}
	}
	return out
}

// Floats returns the elements as float32.
func (a *Array) Floats() []float32 {
	out := make([]float32, a.Len())
	a.CopyFloats(out)
	return out
}

// CopyFloats sets dst to the elements.
func (a *Array) CopyFloats(dst []float32) {
	for i := range dst {
		dst[i] = float32(a.at(i))
	}
}

// round brings a number to the array's type.
func round(d onnx.DType, v float64) float64 {
	switch d {
	case onnx.Float:
		return float64(float32(v))
	case onnx.Float16:
		return float64(half.FromF16(half.ToF16(float32(v))))
	case onnx.BFloat16:
		return float64(half.FromBF16(half.ToBF16(float32(v))))
	}
	return v
}

// wrap brings a whole number to a type, as two's complement does.
func wrap(d onnx.DType, v int64) int64 {
	switch d {
	case onnx.Uint8:
		return int64(uint8(v))
	case onnx.Int8:
		return int64(int8(v))
	case onnx.Uint16:
		return int64(uint16(v))
	case onnx.Int16:
		return int64(int16(v))
	case onnx.Int32:
		return int64(int32(v))
	case onnx.Uint32:
		return int64(uint32(v))
	case onnx.Bool:
		if v != 0 {
			return 1
		}
	}
	return v
}

// Cast returns the array in another type.
func Cast(a *Array, d onnx.DType) (*Array, error) {
	out, err := New(d, a.Shape...)
	if err != nil {
		return nil, err
	}
	for i := range a.Len() {
		switch {
		case d.IsFloat():
			out.F[i] = round(d, a.at(i))
		case d == onnx.Bool:
			out.I[i] = truth(a.at(i) != 0)
		case a.IsFloat():
			out.I[i] = wrap(d, toInt(a.F[i]))
		default:
			out.I[i] = wrap(d, a.I[i])
		}
	}
	return out, nil
}

// toInt rounds towards zero; what no int64 holds is the nearest that does.
func toInt(v float64) int64 {
	switch {
	case math.IsNaN(v):
		return 0
	case v >= math.MaxInt64:
		return math.MaxInt64
	case v <= math.MinInt64:
		return math.MinInt64
	}
	return int64(v)
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// strides returns how far apart neighbours along each dimension lie.
func strides(shape []int) []int {
	s := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n *= shape[i]
	}
	return s
}

// Axis resolves a dimension, which counts from the end if negative.
func Axis(d, rank int) (int, error) {
	k := d
	if k < 0 {
		k += rank
	}
	if k < 0 || k >= rank {
		return 0, fmt.Errorf("axis %d of %d dimensions", d, rank)
	}
	return k, nil
}

// Broadcast returns the shape that shapes are repeated to by NumPy's rules.
func Broadcast(shapes ...[]int) ([]int, error) {
	rank := 0
	for _, s := range shapes {
		rank = max(rank, len(s))
	}
	if rank > MaxRank {
		return nil, fmt.Errorf("%d dimensions; there may be %d", rank, MaxRank)
	}
	out := make([]int, rank)
	for i := range out {
		out[i] = 1
	}
	for _, s := range shapes {
		for i, d := range s {
			switch k := rank - len(s) + i; {
			case out[k] == 1:
				out[k] = d
			case d != 1 && d != out[k]:
				return nil, fmt.Errorf("shapes %v do not broadcast to a common one", shapes)
			}
		}
	}
	return out, nil
}

// repeated returns strides with which an array is walked in a shape that it is repeated to.
func repeated(a, shape []int) []int {
	out := make([]int, len(shape))
	s := strides(a)
	off := len(shape) - len(a)
	for i, d := range a {
		if d != 1 {
			out[off+i] = s[i]
		}
	}
	return out
}

// walk calls f for every index of shape with the places that the strides give.
func walk(shape []int, at []int, steps [][]int, f func(at []int)) {
	if slices.Contains(shape, 0) {
		return
	}
	index := make([]int, len(shape))
	for {
		f(at)
		d := len(shape) - 1
		for ; d >= 0; d-- {
			index[d]++
			for k, s := range steps {
				at[k] += s[d]
			}
			if index[d] < shape[d] {
				break
			}
			for k, s := range steps {
				at[k] -= s[d] * index[d]
			}
			index[d] = 0
		}
		if d < 0 {
			return
		}
	}
}

// like returns an array of a's type with the elements of a at places.
func (a *Array) take(shape []int, places []int) *Array {
	out := &Array{DType: a.DType, Shape: shape}
	if a.IsFloat() {
		out.F = make([]float64, len(places))
		for i, p := range places {
			out.F[i] = a.F[p]
		}
		return out
	}
	out.I = make([]int64, len(places))
	for i, p := range places {
		out.I[i] = a.I[p]
	}
	return out
}

// reshaped returns the elements in another shape of as many.
func (a *Array) reshaped(shape []int) *Array {
	return &Array{DType: a.DType, Shape: shape, F: a.F, I: a.I}
}

package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/monge-ml/monge/internal/half"
)

// A DType is the type of a tensor's elements, by its number in the format.
type DType int32

// The types.
const (
	Float      DType = 1
	Uint8      DType = 2
	Int8       DType = 3
	Uint16     DType = 4
	Int16      DType = 5
	Int32      DType = 6
	Int64      DType = 7
	String     DType = 8
	Bool       DType = 9
	Float16    DType = 10
	Double     DType = 11
	Uint32     DType = 12
	Uint64     DType = 13
	Complex64  DType = 14
	Complex128 DType = 15
	BFloat16   DType = 16
)

var dtypes = map[DType]struct {
	name string
	size int // bytes of an element, 0 of what is not read
}{
	Float: {"float32", 4}, Uint8: {"uint8", 1}, Int8: {"int8", 1}, Uint16: {"uint16", 2}, Int16: {"int16", 2},
	Int32: {"int32", 4}, Int64: {"int64", 8}, String: {"string", 0}, Bool: {"bool", 1}, Float16: {"float16", 2},
	Double: {"float64", 8}, Uint32: {"uint32", 4}, Uint64: {"uint64", 8}, Complex64: {"complex64", 0},
	Complex128: {"complex128", 0}, BFloat16: {"bfloat16", 2},
	17: {"float8e4m3fn", 0}, 18: {"float8e4m3fnuz", 0}, 19: {"float8e5m2", 0}, 20: {"float8e5m2fnuz", 0},
	21: {"uint4", 0}, 22: {"int4", 0}, 23: {"float4e2m1", 0},
}

func (d DType) String() string {
	if t, ok := dtypes[d]; ok {
		return t.name
	}
	return fmt.Sprintf("type %d", int32(d))
}

// Size returns the bytes of an element, 0 of types whose values are not read.
func (d DType) Size() int { return dtypes[d].size }

// IsFloat reports whether elements are floating-point numbers.
func (d DType) IsFloat() bool { return d == Float || d == Float16 || d == BFloat16 || d == Double }

// element returns element i of raw bytes: v of the types of floating point, n of the others.
func (d DType) element(b []byte, i int) (v float64, n int64) {
	le := binary.LittleEndian
	switch d {
	case Float:
		return float64(math.Float32frombits(le.Uint32(b[4*i:]))), 0
	case Double:
		return math.Float64frombits(le.Uint64(b[8*i:])), 0
	case Float16:
		return float64(half.FromF16(le.Uint16(b[2*i:]))), 0
	case BFloat16:
		return float64(half.FromBF16(le.Uint16(b[2*i:]))), 0
	case Uint8, Bool:
		return 0, int64(b[i])
	case Int8:
		return 0, int64(int8(b[i]))
	case Uint16:
		return 0, int64(le.Uint16(b[2*i:]))
	case Int16:
		return 0, int64(int16(le.Uint16(b[2*i:])))
	case Int32:
		return 0, int64(int32(le.Uint32(b[4*i:])))
	case Uint32:
		return 0, int64(le.Uint32(b[4*i:]))
	default:
		return 0, int64(le.Uint64(b[8*i:]))
	}
}

// put appends an element.
func (d DType) put(b []byte, v float64, n int64) []byte {
	le := binary.LittleEndian
	switch d {
	case Float:
		return le.AppendUint32(b, math.Float32bits(float32(v)))
	case Double:
		return le.AppendUint64(b, math.Float64bits(v))
	case Float16:
		return le.AppendUint16(b, half.ToF16(float32(v)))
	case BFloat16:
		return le.AppendUint16(b, half.ToBF16(float32(v)))
	case Uint8, Int8, Bool:
		return append(b, byte(n))
	case Uint16, Int16:
		return le.AppendUint16(b, uint16(n))
	case Int32, Uint32:
		return le.AppendUint32(b, uint32(n))
	default:
		return le.AppendUint64(b, uint64(n))
	}
}

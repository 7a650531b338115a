package parquet

import (
	"encoding/binary"
	"errors"
)

// The kinds of values in Thrift's compact protocol.
const (
	thriftTrue = 1 + iota
	thriftFalse
	thriftByte
	thriftInt16
	thriftInt32
	thriftInt64
	thriftDouble
	thriftBinary
	thriftList
	thriftSet
	thriftMap
	thriftStruct
)

// Bounds on what a footer or a page's header may hold.
const (
	maxThriftValues = 1 << 20
	maxThriftDepth  = 24
)

var (
	errShort  = errors.New("it is cut short")
	errThrift = errors.New("its description of itself is damaged")
)

// A thriftValue is a value in Thrift's compact protocol: a number (true is 1), bytes, a list, or
// the fields of a structure.
type thriftValue struct {
	id     int16 // of a field
	number int64
	bytes  []byte
	list   []thriftValue // elements or fields
}

// field returns a field of a structure, one without anything if there is none.
func (v *thriftValue) field(id int16) *thriftValue {
	if f := v.optional(id); f != nil {
		return f
	}
	return &thriftValue{}
}

// optional returns a field of a structure, or nil.
func (v *thriftValue) optional(id int16) *thriftValue {
	for i := range v.list {
		if v.list[i].id == id {
			return &v.list[i]
		}
	}
	return nil
}

// A thriftReader reads values. What it makes is bounded by the values that there really are.
type thriftReader struct {
	b      []byte
	values int
}

// parseThrift reads a structure, and returns the bytes that follow it.
func parseThrift(b []byte) (v thriftValue, rest []byte, err error) {
	r := thriftReader{b: b}
	v, err = r.structure(0)
	return v, r.b, err
}

func (r *thriftReader) octet() (byte, error) {
	if len(r.b) == 0 {
		return 0, errShort
	}
	b := r.b[0]
	r.b = r.b[1:]
	return b, nil
}

func (r *thriftReader) uvarint() (uint64, error) {
	u, n := binary.Uvarint(r.b)
	switch {
	case n == 0:
		return 0, errShort
	case n < 0:
		return 0, errThrift
	}
	r.b = r.b[n:]
	return u, nil
}

// zigzag reads a number with a sign.
func (r *thriftReader) zigzag() (int64, error) {
	u, err := r.uvarint()
	return int64(u>>1) ^ -int64(u&1), err
}

func (r *thriftReader) structure(depth int) (v thriftValue, err error) {
	id := int16(0)
	for {
		head, err := r.octet()
		if err != nil || head == 0 {
			return v, err
		}
		if step := head >> 4; step > 0 {
			id += int16(step)
		} else {
			n, err := r.zigzag()
			if err != nil {
				return v, err
			}
			id = int16(n)
		}
		f, err := r.value(head&15, depth+1, false)
		if err != nil {
			return v, err
		}
		f.id = id
		v.list = append(v.list, f)
	}
}

// value reads a value of a kind; truth in a list takes a byte.
func (r *thriftReader) value(kind byte, depth int, element bool) (v thriftValue, err error) {
	if r.values++; r.values > maxThriftValues || depth > maxThriftDepth {
		return v, errThrift
	}
	switch kind {
	case thriftTrue, thriftFalse:
		v.number = int64(2 - kind)
		if element {
			b, err := r.octet()
			v.number = int64(b & 1)
			return v, err
		}
	case thriftByte:
		b, err := r.octet()
		v.number = int64(int8(b))
		return v, err
	case thriftInt16, thriftInt32, thriftInt64:
		v.number, err = r.zigzag()
	case thriftDouble:
		v.bytes, err = r.take(8)
	case thriftBinary:
		n, err := r.uvarint()
		if err != nil {
			return v, err
		}
		v.bytes, err = r.take(n)
		return v, err
	case thriftList, thriftSet:
		return r.elements(depth)
	case thriftStruct:
		return r.structure(depth)
	default: // maps, of which Parquet has none
		return v, errThrift
	}
	return v, err
}

func (r *thriftReader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.b)) {
		return nil, errShort
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b, nil
}

func (r *thriftReader) elements(depth int) (v thriftValue, err error) {
	head, err := r.octet()
	if err != nil {
		return v, err
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, err = r.uvarint(); err != nil {
			return v, err
		}
	}
	if n > uint64(len(r.b)) {
		return v, errShort // each takes a byte
	}
	for range n {
		e, err := r.value(head&15, depth+1, true)
		if err != nil {
			return v, err
		}
		v.list = append(v.list, e)
	}
	return v, nil
}

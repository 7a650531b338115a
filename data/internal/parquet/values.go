package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

var errDamaged = errors.New("a page is damaged")

// A Value is one of a column; Bytes are valid until the column's next row.
type Value struct {
	Null  bool
	Int   int64 // of whole numbers, and 0 or 1 of truth
	Float float64
	Bytes []byte
}

// Ways of encoding.
const (
	encodePlain           = 0
	encodeOldDictionary   = 2
	encodeRuns            = 3
	encodeDeltas          = 5
	encodeLengths         = 6
	encodePrefixes        = 7
	encodeDictionary      = 8
	encodeStreams         = 9
	maxValue              = 1 << 28 // bytes
	maxMiniblocks         = 1 << 16
	maxLengths            = 1 << 24 // of a page
	bitsOfByte, bytesOf32 = 8, 4
)

// A decoder reads values one after the other.
type decoder interface {
	next() (Value, error)
}

// decoder returns that of an encoding.
func (p *pages) decoder(encoding int64, b []byte) (decoder, error) {
	c := p.column
	switch {
	case encoding == encodePlain:
		return &plain{b: b, physical: c.physical, width: c.width}, nil
	case encoding == encodeDictionary || encoding == encodeOldDictionary:
		if p.dictionary == nil {
			return nil, errDamaged
		}
		if len(b) == 0 { // of nulls alone
			return &indexed{dictionary: p.dictionary}, nil
		}
		if b[0] > 32 {
			return nil, errDamaged
		}
		return &indexed{p.dictionary, levels{runs{b: b[1:], width: int(b[0])}}}, nil
	case encoding == encodeRuns && c.physical == booleans:
		if len(b) < bytesOf32 {
			return nil, errDamaged
		}
		return &truths{runs{b: b[bytesOf32:], width: 1}}, nil
	case encoding == encodeDeltas && (c.physical == int32s || c.physical == int64s):
		return newDeltas(b)
	case encoding == encodeLengths && c.physical == byteArrays:
		return newLengths(b)
	case encoding == encodePrefixes && (c.physical == byteArrays || c.physical == fixedBytes):
		return newPrefixes(b)
	case encoding == encodeStreams && (c.physical == floats || c.physical == doubles):
		return newStreams(b, c.physical), nil
	}
	return nil, fmt.Errorf("its values are encoded in a way that is not read (%d): write it anew, as pandas does by default", encoding)
}

// plain values stand one after the other.
type plain struct {
	b        []byte
	physical int64
	width    int
	bit      int
}

func (p *plain) next() (v Value, err error) {
	switch p.physical {
	case booleans:
		if p.bit/bitsOfByte >= len(p.b) {
			return v, errDamaged
		}
		v.Int = int64(p.b[p.bit/bitsOfByte] >> (p.bit % bitsOfByte) & 1)
		p.bit++
		return v, nil
	case byteArrays:
		b, err := p.take(bytesOf32)
		if err == nil {
			v.Bytes, err = p.take(int64(binary.LittleEndian.Uint32(b)))
		}
		return v, err
	case fixedBytes:
		v.Bytes, err = p.take(int64(p.width))
		return v, err
	}
	b, err := p.take(widthOf(p.physical))
	if err != nil {
		return v, err
	}
	return number(b, p.physical), nil
}

func (p *plain) take(n int64) ([]byte, error) {
	if n > int64(len(p.b)) {
		return nil, errDamaged
	}
	b := p.b[:n]
	p.b = p.b[n:]
	return b, nil
}

// widthOf is how many bytes a number has.
func widthOf(physical int64) int64 {
	if physical == int32s || physical == floats {
		return 4
	}
	return 8
}

func number(b []byte, physical int64) (v Value) {
	switch physical {
	case int32s:
		v.Int = int64(int32(binary.LittleEndian.Uint32(b)))
	case int64s:
		v.Int = int64(binary.LittleEndian.Uint64(b))
	case floats:
		v.Float = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case doubles:
		v.Float = math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return v
}

// A dictionary is the different values of a chunk.
type dictionary struct {
	plain
	offsets []uint32 // of byte arrays
	n       int
}

// readDictionary reads a page of different values.
func (p *pages) readDictionary(head *thriftValue, body []byte, size int) error {
	if p.dictionary != nil || size > maxDictionary {
		return fmt.Errorf("a dictionary of %d bytes: it is damaged, or was written with one of more than %d", size, maxDictionary)
	}
	b, err := p.unpack(body, size)
	if err != nil {
		return err
	}
	n := head.field(1).number
	d := &dictionary{plain: plain{b: b, physical: p.column.physical, width: p.column.width}}
	if n < 0 || n > int64(len(b)) || d.physical == booleans {
		return errDamaged
	}
	d.n = int(n)
	if d.physical == byteArrays {
		all := d.plain
		for range n {
			d.offsets = append(d.offsets, uint32(len(b)-len(all.b)))
			if _, err := all.next(); err != nil {
				return err
			}
		}
	}
	p.dictionary = d
	return nil
}

// at returns a value by its number.
func (d *dictionary) at(i int) (Value, error) {
	if i >= d.n {
		return Value{}, errDamaged
	}
	one := d.plain
	switch {
	case d.offsets != nil:
		one.b = d.b[d.offsets[i]:]
	default:
		width := widthOf(d.physical)
		if d.physical == fixedBytes {
			width = int64(d.width)
		}
		if int64(i)*width > int64(len(d.b)) {
			return Value{}, errDamaged
		}
		one.b = d.b[int64(i)*width:]
	}
	return one.next()
}

// indexed values are numbers of a dictionary.
type indexed struct {
	dictionary *dictionary
	numbers    levels
}

func (x *indexed) next() (Value, error) {
	i, err := x.numbers.next()
	if err != nil {
		return Value{}, err
	}
	return x.dictionary.at(int(i))
}

// truths are true or false in runs.
type truths struct{ runs }

func (t *truths) next() (Value, error) {
	v, err := t.runs.next()
	return Value{Int: int64(v)}, err
}

// levels are small numbers in runs.
type levels struct{ runs }

func newLevels(b []byte, most int) levels {
	return levels{runs{b: b, width: bits.Len(uint(most))}}
}

// runs are numbers of few bits: one repeated, or some packed together.
type runs struct {
	b      []byte
	width  int
	left   uint64 // of the run
	packed bool
	value  uint32
	bit    int // of the packed ones, from the start of b
}

func (r *runs) next() (uint32, error) {
	for r.left == 0 {
		if err := r.begin(); err != nil {
			return 0, err
		}
	}
	r.left--
	if !r.packed {
		return r.value, nil
	}
	v := bitsAt(r.b, r.bit, r.width)
	if r.bit += r.width; r.left == 0 {
		r.b = r.b[r.bit/bitsOfByte:]
	}
	return uint32(v), nil
}

// begin begins a run.
func (r *runs) begin() error {
	u, n := binary.Uvarint(r.b)
	if n <= 0 {
		return errDamaged
	}
	r.b = r.b[n:]
	if r.packed = u&1 != 0; r.packed {
		groups := u >> 1
		if groups > uint64(len(r.b)) && r.width > 0 || groups > 1<<32 || groups*uint64(r.width) > uint64(len(r.b)) {
			return errDamaged
		}
		r.left, r.bit = groups*bitsOfByte, 0
		return nil
	}
	bytes := (r.width + bitsOfByte - 1) / bitsOfByte
	if bytes > len(r.b) {
		return errDamaged
	}
	r.left, r.value = u>>1, 0
	for i, b := range r.b[:bytes] {
		r.value |= uint32(b) << (bitsOfByte * i)
	}
	r.b = r.b[bytes:]
	return nil
}

// bitsAt returns the number of up to 64 bits at a place, the lowest first.
func bitsAt(b []byte, at, width int) (v uint64) {
	for got := 0; got < width; {
		from := (at + got) % bitsOfByte
		n := min(bitsOfByte-from, width-got)
		part := uint64(b[(at+got)/bitsOfByte]) >> from & (1<<n - 1)
		v |= part << got
		got += n
	}
	return v
}

// streams are floating-point numbers whose first bytes stand together, then their second ones.
type streams struct {
	b        []byte
	physical int64
	n, i     int
	one      [8]byte
}

func newStreams(b []byte, physical int64) *streams {
	return &streams{b: b, physical: physical, n: len(b) / int(widthOf(physical))}
}

func (s *streams) next() (Value, error) {
	if s.i >= s.n {
		return Value{}, errDamaged
	}
	width := int(widthOf(s.physical))
	for k := range width {
		s.one[k] = s.b[k*s.n+s.i]
	}
	s.i++
	return number(s.one[:width], s.physical), nil
}

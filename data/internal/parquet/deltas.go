package parquet

import (
	"bytes"
	"encoding/binary"
)

// deltas are whole numbers by their differences, in blocks of which each has a least difference,
// and smaller blocks of so many bits a number.
type deltas struct {
	b         []byte
	perMini   int
	minis     int
	left      uint64 // numbers
	value     int64
	begun     bool
	least     int64
	widths    []byte // of the small blocks that are left in the block
	bit, mini int    // of the small block at hand: the next bit, and the numbers left
	width     int
}

func newDeltas(b []byte) (*deltas, error) {
	d := &deltas{b: b}
	block, err := d.uvarint()
	if err != nil {
		return nil, err
	}
	minis, err := d.uvarint()
	if err != nil {
		return nil, err
	}
	if d.left, err = d.uvarint(); err != nil {
		return nil, err
	}
	if minis == 0 || minis > maxMiniblocks || block%minis != 0 || block > maxPage || block/minis%bitsOfByte != 0 {
		return nil, errDamaged
	}
	d.minis, d.perMini = int(minis), int(block/minis)
	d.value, err = d.zigzag()
	return d, err
}

func (d *deltas) uvarint() (uint64, error) {
	u, n := binary.Uvarint(d.b)
	if n <= 0 {
		return 0, errDamaged
	}
	d.b = d.b[n:]
	return u, nil
}

func (d *deltas) zigzag() (int64, error) {
	u, err := d.uvarint()
	return int64(u>>1) ^ -int64(u&1), err
}

func (d *deltas) next() (Value, error) {
	if d.left == 0 {
		return Value{}, errDamaged
	}
	d.left--
	if !d.begun {
		d.begun = true
		return Value{Int: d.value}, nil
	}
	if d.mini == 0 {
		if err := d.begin(); err != nil {
			return Value{}, err
		}
	}
	d.value += d.least + int64(bitsAt(d.b, d.bit, d.width))
	d.bit += d.width
	if d.mini--; d.mini == 0 {
		d.b = d.b[d.bit/bitsOfByte:]
	}
	return Value{Int: d.value}, nil
}

// begin begins a small block, and the block that it is the first of.
func (d *deltas) begin() (err error) {
	if len(d.widths) == 0 {
		if d.least, err = d.zigzag(); err != nil {
			return err
		}
		if len(d.b) < d.minis {
			return errDamaged
		}
		d.widths, d.b = d.b[:d.minis], d.b[d.minis:]
	}
	d.width, d.bit, d.mini = int(d.widths[0]), 0, d.perMini
	d.widths = d.widths[1:]
	if d.width > 64 || d.perMini/bitsOfByte*d.width > len(d.b) {
		return errDamaged
	}
	return nil
}

// rest returns what follows the numbers, once all are read.
func (d *deltas) rest() ([]byte, error) {
	if d.mini == 0 {
		return d.b, nil
	}
	n := d.perMini / bitsOfByte * d.width
	if n > len(d.b) {
		return nil, errDamaged
	}
	return d.b[n:], nil
}

// all reads all numbers, as lengths, and returns what follows them.
func (d *deltas) all() (list []int32, rest []byte, err error) {
	if d.left > maxLengths {
		return nil, nil, errDamaged
	}
	for d.left > 0 {
		v, err := d.next()
		if err != nil || v.Int < 0 || v.Int > maxValue {
			return nil, nil, errDamaged
		}
		list = append(list, int32(v.Int))
	}
	rest, err = d.rest()
	return list, rest, err
}

// lengths are byte arrays whose lengths stand before all of them.
type lengths struct {
	each []int32
	b    []byte
}

func newLengths(b []byte) (*lengths, error) {
	d, err := newDeltas(b)
	if err != nil {
		return nil, err
	}
	each, rest, err := d.all()
	return &lengths{each, rest}, err
}

func (l *lengths) next() (v Value, err error) {
	if len(l.each) == 0 || int(l.each[0]) > len(l.b) {
		return v, errDamaged
	}
	n := l.each[0]
	v.Bytes, l.b, l.each = l.b[:n], l.b[n:], l.each[1:]
	return v, nil
}

// prefixes are byte arrays that begin with so much of the one before.
type prefixes struct {
	shared []int32
	ends   *lengths
	value  []byte
}

func newPrefixes(b []byte) (*prefixes, error) {
	d, err := newDeltas(b)
	if err != nil {
		return nil, err
	}
	shared, rest, err := d.all()
	if err != nil {
		return nil, err
	}
	ends, err := newLengths(rest)
	return &prefixes{shared: shared, ends: ends}, err
}

func (p *prefixes) next() (v Value, err error) {
	if v, err = p.ends.next(); err != nil {
		return v, err
	}
	if len(p.shared) == 0 || int(p.shared[0]) > len(p.value) || int(p.shared[0])+len(v.Bytes) > maxValue {
		return v, errDamaged
	}
	p.value = append(p.value[:p.shared[0]], v.Bytes...)
	p.shared = p.shared[1:]
	v.Bytes = bytes.Clone(p.value)
	return v, nil
}

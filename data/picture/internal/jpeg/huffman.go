package jpeg

import "errors"

// A table decodes Huffman codes: those of up to lookBits bits at once, longer ones by length.
type table struct {
	look    [1 << lookBits]uint16 // symbol << 8 | length, or 0
	maxCode [18]int32             // the largest code of each length, or -1; the last is above all
	offset  [17]int32             // of a code's symbol, from the code
	symbols [256]uint8
}

const lookBits = 9

func newTable(counts []byte, symbols []byte) (*table, error) {
	t := new(table)
	copy(t.symbols[:], symbols)
	code, k := int32(0), int32(0)
	for n := 1; n <= 16; n++ {
		t.offset[n] = k - code
		t.maxCode[n] = -1
		for range counts[n-1] {
			if n <= lookBits {
				first := code << (lookBits - n)
				for i := range int32(1) << (lookBits - n) {
					if int(first+i) < len(t.look) {
						t.look[first+i] = uint16(t.symbols[k])<<8 | uint16(n)
					}
				}
			}
			t.maxCode[n] = code
			code++
			k++
		}
		if code > 1<<n {
			return nil, errors.New("its Huffman table is damaged")
		}
		code <<= 1
	}
	t.maxCode[17] = 1<<31 - 1
	return t, nil
}

func (d *decoder) huffman(s []byte) error {
	for len(s) > 0 {
		if len(s) < 17 {
			return errors.New("its Huffman table is damaged")
		}
		class, id, n := s[0]>>4, s[0]&15, 0
		for _, c := range s[1:17] {
			n += int(c)
		}
		if class > 1 || id > 3 || n > 256 || len(s) < 17+n {
			return errors.New("its Huffman table is damaged")
		}
		t, err := newTable(s[1:17], s[17:17+n])
		if err != nil {
			return err
		}
		if class == 0 {
			d.dc[id] = t
		} else {
			d.ac[id] = t
		}
		s = s[17+n:]
	}
	return nil
}

// A reader hands out the bits of a scan, and zeros where it has ended.
type reader struct {
	bits uint64
	n    int // bits that are left in bits
	pad  int // of which so many, the last, are not in the file
}

// short tells whether bits were taken that are not in the file.
func (r *reader) short() bool { return r.n < r.pad }

// fill makes at least 48 bits ready. It stops at a marker, with d.at there, or at the file's end.
func (d *decoder) fill() {
	for d.n <= 48 {
		b, ok := d.nextByte()
		if !ok {
			d.pad += 8
		}
		d.bits = d.bits<<8 | uint64(b)
		d.n += 8
	}
}

// nextByte returns a byte of a scan's data, in which 0xff is followed by a zero.
func (d *decoder) nextByte() (b byte, ok bool) {
	if d.at >= len(d.in) {
		return 0, false
	}
	if b = d.in[d.at]; b != 0xff {
		d.at++
		return b, true
	}
	i := d.at + 1
	for i < len(d.in) && d.in[i] == 0xff {
		i++
	}
	if i >= len(d.in) || d.in[i] != 0 {
		return 0, false
	}
	d.at = i + 1
	return 0xff, true
}

// take returns n bits, 16 at most.
func (d *decoder) take(n uint8) int32 {
	if d.n < 16 {
		d.fill()
	}
	d.n -= int(n)
	return int32(d.bits>>uint(d.n)) & (1<<n - 1)
}

// value returns a number of n bits, 16 at most, of which a first bit of zero says that it is negative.
func (d *decoder) value(n uint8) int32 {
	v := d.take(n)
	if n > 0 && v < 1<<(n-1) {
		v += -1<<n + 1
	}
	return v
}

var errDamaged = errors.New("its data are damaged")

// symbol decodes a Huffman code.
func (d *decoder) symbol(t *table) (uint8, error) {
	if d.n < 32 { // a code and a value
		d.fill()
	}
	if v := t.look[d.bits>>uint(d.n-lookBits)&(1<<lookBits-1)]; v != 0 {
		d.n -= int(v & 255)
		return uint8(v >> 8), nil
	}
	for n := lookBits + 1; n <= 16; n++ {
		code := int32(d.bits>>uint(d.n-n)) & (1<<n - 1)
		if code <= t.maxCode[n] {
			d.n -= n
			return t.symbols[(code+t.offset[n])&255], nil
		}
	}
	return 0, errDamaged
}

// standard are the tables of the standard's Annex K, which the frames of Motion JPEG leave out:
// luma's and chroma's, first for DC, then for AC.
var standard = [2][2]*table{{
	must("\x00\x01\x05\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00", "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"),
	must("\x00\x03\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00", "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"),
}, {
	must("\x00\x02\x01\x03\x03\x02\x04\x03\x05\x05\x04\x04\x00\x00\x01\x7d", "\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1\x15\x52\xd1\xf0"+
		"\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49"+
		"\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89"+
		"\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5"+
		"\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8"+
		"\xf9\xfa"),
	must("\x00\x02\x01\x02\x04\x04\x03\x04\x07\x05\x04\x04\x00\x01\x02\x77", "\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09\x23\x33\x52\xf0"+
		"\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26\x27\x28\x29\x2a\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48"+
		"\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87"+
		"\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3"+
		"\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8"+
		"\xf9\xfa"),
}}

func must(counts, symbols string) *table {
	t, err := newTable([]byte(counts), []byte(symbols))
	if err != nil {
		panic(err)
	}
	return t
}

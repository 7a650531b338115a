package optim

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"unsafe"

	"github.com/monge-ml/monge/vec"
)

// The exported state, little endian: magic, rule (8 bytes, zero padded), element size,
// parameters, step, number of moments (uint64 each), the moments, CRC-32 of all before.
const (
	stateMagic  = "monge/optim 1\n"
	stateHeader = len(stateMagic) + 8 + 4*8
)

// MarshalBinary exports the step count and the moments.
func (s *state[F]) MarshalBinary() ([]byte, error) {
	size := elementSize[F]()
	b := make([]byte, 0, stateHeader+len(s.moments)*s.n*size+4)
	b = append(b, stateMagic...)
	var rule [8]byte
	copy(rule[:], s.rule)
	b = append(b, rule[:]...)
	for _, v := range []int{size, s.n, s.step, len(s.moments)} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	for _, m := range s.moments {
		b = appendFloats(b, m)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b)), nil
}

// UnmarshalBinary restores an exported state.
func (s *state[F]) UnmarshalBinary(b []byte) error {
	size := elementSize[F]()
	want := stateHeader + len(s.moments)*s.n*size + 4
	if len(b) < stateHeader+4 || string(b[:len(stateMagic)]) != stateMagic {
		return fmt.Errorf("%s: not an optimizer state, or one of another version", s.rule)
	}
	var rule [8]byte
	copy(rule[:], s.rule)
	head := b[len(stateMagic):]
	if got := [8]byte(head); got != rule {
		return fmt.Errorf("%s: the state is of another rule, %q", s.rule, trimZeros(got))
	}
	var f [4]uint64
	for i := range f {
		f[i] = binary.LittleEndian.Uint64(head[8+8*i:])
	}
	switch {
	case f[0] != uint64(size) || f[1] != uint64(s.n) || f[3] != uint64(len(s.moments)):
		return fmt.Errorf("%s: the state has %d moments of %d parameters of %d bytes, this optimizer %d of %d of %d",
			s.rule, f[3], f[1], f[0], len(s.moments), s.n, size)
	case len(b) != want:
		return fmt.Errorf("%s: the state is %d bytes long, it should be %d: it was cut short or damaged", s.rule, len(b), want)
	case crc32.ChecksumIEEE(b[:want-4]) != binary.LittleEndian.Uint32(b[want-4:]):
		return fmt.Errorf("%s: the state's checksum does not match: it was damaged", s.rule)
	case f[2] > math.MaxInt32:
		return fmt.Errorf("%s: the state claims %d steps", s.rule, f[2])
	}
	data := b[stateHeader:]
	for _, m := range s.moments {
		readFloats(m, data)
		data = data[len(m)*size:]
	}
	s.step = int(f[2])
	return nil
}

func trimZeros(b [8]byte) string {
	n := 0
	for n < len(b) && b[n] != 0 {
		n++
	}
	return string(b[:n])
}

func elementSize[F vec.Float]() int {
	var f F
	return int(unsafe.Sizeof(f))
}

func appendFloats[F vec.Float](b []byte, x []F) []byte {
	for _, v := range x {
		switch v := any(v).(type) {
		case float32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		case float64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
	}
	return b
}

func readFloats[F vec.Float](x []F, b []byte) {
	switch x := any(x).(type) {
	case []float32:
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case []float64:
		for i := range x {
			x[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
}

package sam

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The exported state, little endian: magic, step, the base optimizer's state. Where a step's
// choices keep something it has the other magic, and between step and base optimizer their
// number and, of each, a length and so many bytes.
const (
	stateMagic  = "monge/sam 1\n"
	keptMagic   = "monge/sam 2\n"
	stateHeader = len(stateMagic) + 8
)

// MarshalBinary exports the step count, what the step's choices keep, and the base
// optimizer's state: with theta, all that a later process needs to go on bit-identically.
func (s *Stepper[F]) MarshalBinary() ([]byte, error) {
	base, err := s.base.MarshalBinary()
	if err != nil {
		return nil, err
	}
	magic := stateMagic
	if len(s.keepers) > 0 {
		magic = keptMagic
	}
	b := binary.LittleEndian.AppendUint64([]byte(magic), uint64(s.step))
	if len(s.keepers) > 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(s.keepers)))
	}
	for _, k := range s.keepers {
		kept, err := k.MarshalBinary()
		if err != nil {
			return nil, err
		}
		b = append(binary.LittleEndian.AppendUint64(b, uint64(len(kept))), kept...)
	}
	return append(b, base...), nil
}

// UnmarshalBinary restores what [Stepper.MarshalBinary] exported, into a stepper made
// with the same settings and base optimizer. On an error nothing has changed.
func (s *Stepper[F]) UnmarshalBinary(b []byte) error {
	n := len(stateMagic)
	if len(b) < stateHeader || string(b[:n]) != stateMagic && string(b[:n]) != keptMagic {
		return errors.New("sam: not an optimizer state, or one of another version")
	}
	step := binary.LittleEndian.Uint64(b[n:])
	if step > math.MaxInt32 {
		return fmt.Errorf("sam: corrupt optimizer state: step %d", step)
	}
	var kept [][]byte
	base := b[stateHeader:]
	if string(b[:n]) == keptMagic {
		var err error
		if kept, base, err = cutKept(base); err != nil {
			return err
		}
	}
	if err := s.restore(kept, base); err != nil {
		return err
	}
	s.step = int(step)
	return nil
}

// cutKept cuts a state into what each of the step's choices kept, and the rest.
func cutKept(b []byte) (kept [][]byte, rest []byte, err error) {
	corrupt := errors.New("sam: corrupt optimizer state: it was cut short or damaged")
	number := func() (v uint64) {
		if len(b) < 8 {
			err = corrupt
			return 0
		}
		v, b = binary.LittleEndian.Uint64(b), b[8:]
		return v
	}
	for count := number(); count > 0 && err == nil; count-- {
		size := number()
		if size > uint64(len(b)) {
			err = corrupt
			break
		}
		kept, b = append(kept, b[:size]), b[size:]
	}
	return kept, b, err
}

// restore restores all parts of a state, or none.
func (s *Stepper[F]) restore(kept [][]byte, base []byte) (err error) {
	if len(kept) != len(s.keepers) {
		return fmt.Errorf("sam: the state is of another method: it has %d parts that a step keeps, this method has %d", len(kept), len(s.keepers))
	}
	before := make([][]byte, len(kept))
	done := 0
	defer func() {
		for i := 0; err != nil && i < done; i++ {
			err = errors.Join(err, s.keepers[i].UnmarshalBinary(before[i]))
		}
	}()
	for i, k := range s.keepers {
		if before[i], err = k.MarshalBinary(); err != nil {
			return err
		}
		if err = k.UnmarshalBinary(kept[i]); err != nil {
			return fmt.Errorf("sam: %w", err)
		}
		done++
	}
	return s.base.UnmarshalBinary(base)
}

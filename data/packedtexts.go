package data

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/monge-ml/monge/internal/par"
)

// packedBytes bounds the tokens of a set that are kept; those of other texts are made again when
// they are read.
const packedBytes = 1 << 30

// Packed returns the data set with its texts, or pairs of texts, as rows of packed tokens: at most
// so many, or with 0 as many as Options.Size said, or else 64. They are made once, here, so
// that a loader knows how long each text is. A data set without texts is returned as it is; one
// that has tokens gets these instead.
func (s *Splits) Packed(t PairTokenizer, length int) (*Splits, error) {
	return s.bind(length, func(x *texts, set *Set, length int) source {
		p := &packed{
			texts: x, tokenizer: t, most: length,
			lengths: make([]int32, x.len()), kept: make([][]byte, (x.len()+packedAtOnce-1)/packedAtOnce), wanted: make([]bool, x.len()),
		}
		for i := range set.Len() {
			p.wanted[set.Number(i)] = true
		}
		p.room.Store(packedBytes)
		par.Run(len(p.kept), p)
		return p
	})
}

// packedAtOnce is how many texts' tokens lie together.
const packedAtOnce = 64

// packed are texts as packed tokens, each of three bytes.
type packed struct {
	*texts
	tokenizer PairTokenizer
	most      int      // tokens of a text
	lengths   []int32  // of each text, in tokens
	kept      [][]byte // of so many texts each, nil for want of room
	wanted    []bool   // whether a text is of the set
	room      atomic.Int64
}

// Do makes the tokens of so many texts.
func (p *packed) Do(_, chunk int) {
	var b []byte
	row := make([]float32, p.most)
	lo := chunk * packedAtOnce
	for i := lo; i < min(lo+packedAtOnce, len(p.lengths)); i++ {
		if !p.wanted[i] {
			continue
		}
		first, second := p.pair(i)
		n := p.tokenizer(row, first, second, p.pairs)
		for _, v := range row[:n] {
			k := uint32(v)
			b = append(b, byte(k), byte(k>>8), byte(k>>16))
		}
		p.lengths[i] = int32(n)
	}
	if p.room.Add(-int64(len(b))) >= 0 {
		p.kept[chunk] = append(make([]byte, 0, len(b)), b...)
	}
}

func (p *packed) length(i int) int { return int(p.lengths[i]) }

func (p *packed) read(dst []float32, i int) error {
	chunk := i / packedAtOnce
	b := p.kept[chunk]
	if b == nil {
		first, second := p.pair(i)
		p.tokenizer(dst, first, second, p.pairs)
		return nil
	}
	for _, n := range p.lengths[chunk*packedAtOnce : i] {
		b = b[3*n:]
	}
	n := copyPacked(dst, b[:3*p.lengths[i]])
	clear(dst[n:])
	return nil
}

// copyPacked copies as many tokens as there is room for, and returns how many.
func copyPacked(dst []float32, b []byte) int {
	n := min(len(dst), len(b)/3)
	for k := range n {
		dst[k] = float32(uint32(b[3*k]) | uint32(b[3*k+1])<<8 | uint32(b[3*k+2])<<16)
	}
	return n
}

// identify writes the text, whatever its tokens are.
func (p *packed) identify(w io.Writer, i int) { p.texts.identify(w, i) }

// A ragged source has examples that are shorter than their shape says: what is left is padding.
type ragged interface {
	// length returns how many numbers of example i are no padding.
	length(i int) int
}

// Lengths returns how many numbers of each example are no padding, nil of a set that does not
// know it. Packed texts do.
func (s *Set) Lengths() []int {
	source := s.source
	of := s.Number
	if copies, ok := source.(*spoiling); ok {
		inner := copies.set
		source, of = inner.source, func(i int) int { return inner.Number(s.Number(i) % inner.Len()) }
	}
	r, ok := source.(ragged)
	if !ok {
		return nil
	}
	lengths := make([]int, s.Len())
	for i := range lengths {
		lengths[i] = r.length(of(i))
	}
	return lengths
}

var errPairs = errors.New("its examples are pairs of texts, and the network takes one text: choose its column with ?text=NAME, or a network of pairs")

// bind returns the data set with its texts bound to a tokenizer by make.
func (s *Splits) bind(length int, make func(x *texts, set *Set, length int) source) (*Splits, error) {
	length, err := s.textLength(length)
	if err != nil {
		return nil, err
	}
	out := *s
	for _, set := range []**Set{&out.Train, &out.Val, &out.Test} {
		if !(*set).Texts() {
			continue
		}
		x, err := (*set).texts()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		bound := **set
		bound.source, bound.Shape = make(x, *set, length), []int{length}
		*set = &bound
	}
	return &out, nil
}

package tokens

import (
	"errors"
	"slices"
)

// A sequence is tokens of one segment.
type sequence struct {
	ids []int32
	typ int32
}

// A processor puts special tokens around texts.
type processor interface {
	added(pair bool) int
	largest() int // number of a special token
	process(seqs []sequence, special bool) ([]sequence, error)
}

// finish returns the tokens of a text, or two, with special ones.
func finish(post []processor, seqs []sequence, special bool) (enc Encoding, err error) {
	for _, p := range post {
		if seqs, err = p.process(seqs, special); err != nil {
			return Encoding{}, err
		}
	}
	n := 0
	for _, s := range seqs {
		n += len(s.ids)
	}
	enc = Encoding{make([]int32, 0, n), make([]int32, 0, n)}
	for _, s := range seqs {
		enc.IDs = append(enc.IDs, s.ids...)
		for range s.ids {
			enc.Types = append(enc.Types, s.typ)
		}
	}
	return enc, nil
}

// bertEnds is the processor of BERT and, with two separators between texts and no segments, of RoBERTa.
type bertEnds struct {
	start, sep int32
	roberta    bool
}

func (p bertEnds) added(pair bool) int {
	switch {
	case !pair:
		return 2
	case p.roberta:
		return 4
	}
	return 3
}

func (p bertEnds) largest() int { return int(max(p.start, p.sep)) }

func (p bertEnds) process(seqs []sequence, special bool) ([]sequence, error) {
	seqs = slices.Clone(seqs)
	for i := range seqs {
		if p.roberta {
			seqs[i].typ = 0
		}
	}
	if !special {
		return seqs, nil
	}
	var out []sequence
	for i, s := range seqs {
		switch {
		case i == 0:
			out = append(out, sequence{[]int32{p.start}, 0})
		case p.roberta:
			out = append(out, sequence{[]int32{p.sep}, 0})
		}
		end := sequence{[]int32{p.sep}, 0}
		if i > 0 && !p.roberta {
			end.typ = 1
		}
		out = append(out, s, end)
	}
	return out, nil
}

// template says what stands around texts and between them.
type template struct{ single, pair []slot }

// A slot of a template is a text, or special tokens.
type slot struct {
	text    int // 0 or 1; -1 of special tokens
	special []int32
	typ     int32
}

func (p template) added(pair bool) (n int) {
	slots := p.single
	if pair {
		slots = p.pair
	}
	for _, s := range slots {
		n += len(s.special)
	}
	return n
}

func (p template) largest() int {
	most := int32(0)
	for _, s := range slices.Concat(p.single, p.pair) {
		for _, id := range s.special {
			most = max(most, id)
		}
	}
	return int(most)
}

func (p template) process(seqs []sequence, special bool) ([]sequence, error) {
	slots := p.single
	switch len(seqs) {
	case 1:
	case 2:
		slots = p.pair
	default:
		return nil, errors.New("post_processor: TemplateProcessing comes after one that has cut texts into more than two")
	}
	var out []sequence
	for _, s := range slots {
		switch {
		case s.text >= 0:
			out = append(out, sequence{seqs[s.text].ids, s.typ})
		case special:
			out = append(out, sequence{s.special, s.typ})
		}
	}
	return out, nil
}

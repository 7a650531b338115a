// Package tokens cuts texts into the tokens of published networks, as Hugging Face's tokenizers library
// does: what a directory's tokenizer.json says, or vocab.txt, or vocab.json with merges.txt, as
// transformers makes tokenizers of them.
//
// A text goes through five stages: added tokens are found in it, what is between them is normalized and
// split into words, a model makes tokens of each word, and special tokens are put around them all.
//
// Tokenizers of some classes in transformers are made anew of the vocabulary in tokenizer.json, by what
// tokenizer_config.json says. Where that is not what tokenizer.json says it is an error here.
//
// What is known to differ: of the pre-tokenizers UnicodeScripts, of expressions what Go's parser doesn't
// read, and dropout are errors. Letters that Indic conjuncts join are looked up apart in SentencePiece's
// table. Expressions know \p{...} of other names than L and N as of Go's version of Unicode. Version 0.23.2
// of the library, and that alone, cuts pairs by what it has read of them once that is enough.
package tokens

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxText bounds the bytes of a text.
const maxText = 1 << 20

// A Tokenizer may be used by several goroutines at once.
type Tokenizer struct {
	// Pad is the token that fills rows, or -1 if the files name none.
	Pad int

	// Max is how many tokens a text has at most, by model_max_length of tokenizer_config.json; of 0 nothing
	// is said.
	Max int

	vocab     vocabulary
	exact     matcher // added tokens as they stand in a text
	normal    matcher // and in normalized text
	normalize normalizer
	split     splitter
	model     model
	post      []processor
	bert      *bert // the normalizer, if it is BERT's
	prefix    *bool // the pre-tokenizer, if it is of bytes, puts a space before a text
	left      bool  // texts are cut at the beginning

	workers sync.Pool
}

// Options say what is made of a text.
type Options struct {
	Max     int  // tokens at most, special ones included; of 0 there is no bound
	Special bool // special tokens are put around the text
	Cut     Cut  // what is cut of a pair that is too long
}

// A Cut says which text of a pair is cut.
type Cut int

const (
	Longest Cut = iota // the longer one until both are equally long, then both
	First
	Second
)

// An Encoding is a text's tokens and the segment of each: which text of a pair it is of.
type Encoding struct{ IDs, Types []int32 }

// Size returns one more than the largest number of a token.
func (t *Tokenizer) Size() int { return len(t.vocab.names) }

// Token returns the token of a number.
func (t *Tokenizer) Token(id int) (token string, ok bool) {
	if id < 0 || id >= len(t.vocab.names) {
		return "", false
	}
	token = t.vocab.names[id]
	return token, token != ""
}

// ID returns the number of a token.
func (t *Tokenizer) ID(token string) (id int, ok bool) {
	n, ok := t.vocab.ids[token]
	return int(n), ok
}

// Added returns how many special tokens are put around a text, or a pair.
func (t *Tokenizer) Added(pair bool) int {
	n := 0
	for _, p := range t.post {
		n += p.added(pair)
	}
	return n
}

// Encode returns the tokens of a text, or of a pair if there is a second. Bytes that are not UTF-8 count
// as U+FFFD, a run of them as one.
//
// It is an error if Max leaves no room for the special tokens, if what is to be cut of a pair is too short,
// if a text has more than 1 MiB, and if a word is unknown to a model that has no token for such.
func (t *Tokenizer) Encode(o Options, first string, second *string) (Encoding, error) {
	texts := []string{first}
	if second != nil {
		texts = append(texts, *second)
	}
	room := o.Max
	if o.Special {
		room -= t.Added(second != nil)
	}
	if o.Max < 0 || o.Max > 0 && room < 0 {
		return Encoding{}, fmt.Errorf("at most %d tokens are asked for; the special ones alone are %d", o.Max, o.Max-room)
	}
	limit := 0
	if o.Max > 0 && second == nil && !t.left {
		limit = room + 1 // the rest of a text would be cut; of a pair the lengths count
	}
	seqs := make([]sequence, len(texts))
	for i, text := range texts {
		ids, err := t.encode(text, limit)
		if err != nil {
			return Encoding{}, err
		}
		seqs[i] = sequence{ids, int32(i)}
	}
	if o.Max > 0 {
		if err := t.truncate(seqs, room, o.Cut); err != nil {
			return Encoding{}, err
		}
	}
	return finish(t.post, seqs, o.Special)
}

// A worker encodes one text at a time.
type worker struct {
	t     *Tokenizer
	ids   []int32
	limit int
	word  func(part) error // tokenizes a word

	cache cache
	model scratch
}

func newWorker(t *Tokenizer) *worker {
	w := &worker{t: t}
	w.word = w.tokenize
	return w
}

// encode returns the tokens of one text. If there is a limit, the rest of a text is left out once there are
// so many.
func (t *Tokenizer) encode(text string, limit int) ([]int32, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("a text has %d bytes; at most %d are taken", len(text), maxText)
	}
	w, ok := t.workers.Get().(*worker)
	if !ok {
		w = newWorker(t)
	}
	w.ids, w.limit = w.ids[:0], limit
	if err := w.text(strings.ToValidUTF8(text, string(utf8.RuneError))); err != nil && err != errEnough {
		return nil, err
	}
	ids := slices.Clone(w.ids)
	if w.usual() {
		t.workers.Put(w)
	}
	return ids, nil
}

// usual reports whether no text has taken much memory.
func (w *worker) usual() bool {
	const most = 1 << 14
	return cap(w.ids) <= most && cap(w.model.pieces) <= most && cap(w.model.queue) <= most && cap(w.model.steps) <= most
}

// text appends a text's tokens.
func (w *worker) text(text string) error {
	for p, id := range w.t.exact.split(part{text, true}) {
		if id >= 0 {
			w.ids = append(w.ids, id)
		} else if err := w.between(p); err != nil {
			return err
		}
	}
	return nil
}

// between appends the tokens of what is between added tokens.
func (w *worker) between(p part) error {
	p, err := w.t.normalize(p)
	if err != nil {
		return err
	}
	for p, id := range w.t.normal.split(p) {
		if id >= 0 {
			w.ids = append(w.ids, id)
		} else if err := w.t.split(p, w.word); err != nil {
			return err
		}
	}
	return nil
}

// tokenize appends the tokens of a word, or stops if there are enough.
func (w *worker) tokenize(p part) error {
	if p.text == "" {
		return nil
	}
	if ids, ok := w.cache.get(p.text); ok {
		w.ids = append(w.ids, ids...)
	} else {
		from := len(w.ids)
		ids, err := w.t.model.tokenize(w.ids, p.text, &w.model)
		if err != nil {
			return err
		}
		w.ids = ids
		w.cache.put(p.text, ids[from:])
	}
	if w.limit > 0 && len(w.ids) >= w.limit {
		return errEnough
	}
	return nil
}

// truncate cuts the tokens of a text or a pair so that together they are no more than room.
func (t *Tokenizer) truncate(seqs []sequence, room int, cut Cut) error {
	total := 0
	for _, s := range seqs {
		total += len(s.ids)
	}
	if total <= room {
		return nil
	}
	switch {
	case room == 0:
		for i := range seqs {
			seqs[i].ids = nil
		}
	case cut == Longest && len(seqs) == 1:
		t.cut(&seqs[0], room)
	case cut == Longest:
		n, m := longest(len(seqs[0].ids), len(seqs[1].ids), room)
		t.cut(&seqs[0], n)
		t.cut(&seqs[1], m)
	case cut == Second && len(seqs) == 1:
		return fmt.Errorf("the text has %d tokens where %d fit; the second of a pair is to be cut, and there is none", total, room)
	default:
		i := 0
		if cut == Second {
			i = 1
		}
		most := len(seqs[i].ids) - (total - room)
		if most <= 0 {
			return fmt.Errorf("the texts have %d tokens where %d fit; the one to be cut has %d", total, room, len(seqs[i].ids))
		}
		t.cut(&seqs[i], most)
	}
	return nil
}

// longest returns what is left of a pair of n and m tokens.
func longest(n, m, room int) (int, int) {
	if n > m {
		m, n = longest(m, n, room)
		return n, m
	}
	if n > room {
		m = n
	} else {
		m = max(n, room-n)
	}
	if n+m > room {
		n = room / 2
		m = n + room%2
	}
	return n, m
}

// cut leaves n tokens.
func (t *Tokenizer) cut(s *sequence, n int) {
	switch over := len(s.ids) - n; {
	case over <= 0:
	case t.left:
		s.ids = s.ids[over:]
	default:
		s.ids = s.ids[:n]
	}
}

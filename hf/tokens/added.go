package tokens

import (
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/monge-ml/monge/internal/letters"
)

// An addedToken stands in a text as it is, and is not made of others.
type addedToken struct {
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // not within a word
	LStrip     bool   `json:"lstrip"`      // it takes the spaces before it along
	RStrip     bool   `json:"rstrip"`      // and those after it
	Normalized bool   `json:"normalized"`  // found in normalized text, else in the text as it is
	Special    bool   `json:"special"`

	plain bool // a file names it without saying more
}

// add gives the vocabulary added tokens as the library does: one that is known keeps its number, whatever
// the file says, and others follow the model's.
func (t *Tokenizer) add(added map[int32]addedToken, tokens []addedToken) error {
	next := t.vocab.size
	for _, a := range tokens {
		if a.Content == "" {
			continue
		}
		id, known := t.vocab.ids[a.Content]
		if !known {
			id = int32(next)
			next++
		}
		if err := t.vocab.set(a.Content, int(id)); err != nil {
			return err
		}
		added[id] = a
	}
	return nil
}

// match makes the tokenizer find added tokens.
func (t *Tokenizer) match(added map[int32]addedToken) error {
	exact, normal := map[string]int32{}, map[string]int32{}
	for id, a := range added {
		if !a.Normalized {
			exact[a.Content] = id
			continue
		}
		p, err := t.normalize(part{a.Content, true})
		if err != nil {
			return fmt.Errorf("added token %.80q: %w", a.Content, err)
		}
		text := p.text
		if other, ok := normal[text]; ok || text == "" {
			return fmt.Errorf("added token %.80q is %.80q once it is normalized, as is %.80q", a.Content, text, added[other].Content)
		}
		normal[text] = id
	}
	t.exact, t.normal = newMatcher(exact, added), newMatcher(normal, added)
	return nil
}

// A matcher finds added tokens in a text.
type matcher struct {
	tokens *trie // nil if there are none
	begins [256]bool
	added  map[int32]addedToken
	chars  *letters.Table
}

func newMatcher(texts map[string]int32, added map[int32]addedToken) matcher {
	if len(texts) == 0 {
		return matcher{}
	}
	m := matcher{tokens: newTrie(texts), added: added, chars: letters.Load()}
	for text := range texts {
		m.begins[text[0]] = true
	}
	return m
}

// split returns the parts of a text between added tokens, with number -1, and the tokens. Of those that
// begin earliest the longest counts.
func (m *matcher) split(p part) iter.Seq2[part, int32] {
	return func(yield func(part, int32) bool) {
		text, from := p.text, 0
		spaces := 0 // where those end that were last looked at
		for i := 0; i < len(text) && m.tokens != nil; {
			id, n := int32(-1), 0
			if m.begins[text[i]] {
				id, n = m.tokens.longest(text[i:])
			}
			if n == 0 {
				i++
				continue
			}
			a, start, end := m.added[id], i, i+n
			i = end
			if a.SingleWord && (m.wordBefore(text[:start]) || m.wordAfter(text[end:])) {
				continue
			}
			if a.LStrip {
				start = from + len(strings.TrimRightFunc(text[from:max(from, start)], m.space))
			}
			if a.RStrip {
				if end >= spaces {
					spaces = len(text) - len(strings.TrimLeftFunc(text[end:], m.space))
				}
				end = spaces
			}
			if from < start && !yield(part{text[from:start], p.start && from == 0}, -1) {
				return
			}
			if start < end && !yield(part{}, id) { // else the one before has taken its spaces
				return
			}
			from = end
		}
		if from < len(text) {
			yield(part{text[from:], p.start && from == 0}, -1)
		}
	}
}

func (m *matcher) space(r rune) bool { return m.chars.Of(r)&letters.Space != 0 }

func (m *matcher) wordBefore(text string) bool {
	r, _ := utf8.DecodeLastRuneInString(text)
	return text != "" && m.chars.Of(r)&letters.Word != 0
}

func (m *matcher) wordAfter(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return text != "" && m.chars.Of(r)&letters.Word != 0
}

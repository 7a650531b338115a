package tokens

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/monge-ml/monge/internal/letters"
)

// A splitter hands the words of a part on, until there is an error.
type splitter func(p part, word func(part) error) error

// errEnough stops what hands words on.
var errEnough = errors.New("there are enough words")

func whole(p part, word func(part) error) error { return word(p) }

// oneByOne splits what others leave further.
func oneByOne(steps []splitter) splitter {
	switch len(steps) {
	case 0:
		return whole
	case 1:
		return steps[0]
	}
	first, rest := steps[0], oneByOne(steps[1:])
	return func(p part, word func(part) error) error {
		return first(p, func(q part) error { return rest(q, word) })
	}
}

// A behavior says what becomes of the delimiters that words are split at.
type behavior int

const (
	removed behavior = iota
	isolated
	withPrevious
	withNext
	contiguous
)

var behaviors = map[string]behavior{"Removed": removed, "Isolated": isolated, "MergedWithPrevious": withPrevious, "MergedWithNext": withNext, "Contiguous": contiguous}

// A finder hands on where a text's matches and what is between them end, in order, until there is an error.
// Nothing that is handed on is empty, but for an empty match.
type finder func(text string, found func(end int, match bool) error) error

// by splits where a finder finds delimiters.
func (b behavior) by(find finder) splitter {
	if b == withNext {
		return mergedWithNext(find)
	}
	return func(p part, word func(part) error) error {
		from, to, before := 0, 0, false // what is not handed on yet, and whether it ends in a match
		flush := func(end int) error {
			q := part{p.text[from:to], p.start && from == 0}
			from, to = to, end
			return word(q)
		}
		err := find(p.text, func(end int, match bool) error {
			joined := b == withPrevious && match && !before || b == contiguous && match == before
			before = match
			if joined {
				to = end
				return nil
			}
			err := flush(end)
			if b == removed && match {
				from = to
			}
			return err
		})
		if err != nil {
			return err
		}
		return flush(to)
	}
}

// mergedWithNext goes through the matches from the end.
func mergedWithNext(find finder) splitter {
	type span struct {
		from, to int
		match    bool
	}
	return func(p part, word func(part) error) error {
		var spans []span
		at := 0
		err := find(p.text, func(end int, match bool) error {
			spans = append(spans, span{at, end, match})
			at = end
			return nil
		})
		if err != nil {
			return err
		}
		// a delimiter joins what follows, unless that begins with one
		for i := len(spans) - 2; i >= 0; i-- {
			if spans[i].match && !spans[i+1].match {
				spans[i].to, spans[i+1].from = spans[i+1].to, spans[i+1].to
			}
		}
		for _, s := range spans {
			if err := word(part{p.text[s.from:s.to], p.start && s.from == 0}); err != nil {
				return err
			}
		}
		return nil
	}
}

// between hands on what is no match.
func between(from, end int, found func(int, bool) error) error {
	if from == end {
		return nil
	}
	return found(end, false)
}

// charactersThat finds characters, each a match.
func charactersThat(is func(rune) bool) finder {
	return func(text string, found func(int, bool) error) error {
		from := 0
		for i, r := range text {
			if !is(r) {
				continue
			}
			if err := between(from, i, found); err != nil {
				return err
			}
			from = i + utf8.RuneLen(r)
			if err := found(from, true); err != nil {
				return err
			}
		}
		return between(from, len(text), found)
	}
}

// runsOf finds the longest runs of characters of one of several kinds, which the function numbers; those of
// kind 0 are what is between matches.
func runsOf(kind func(rune) int) finder {
	return func(text string, found func(int, bool) error) error {
		before := -1
		for i, r := range text {
			k := kind(r)
			if k != before && i > 0 {
				if err := found(i, before > 0); err != nil {
					return err
				}
			}
			before = k
		}
		return found(len(text), before > 0)
	}
}

func inverted(find finder) finder {
	return func(text string, found func(int, bool) error) error {
		return find(text, func(end int, match bool) error { return found(end, !match) })
	}
}

// bertWords splits at spaces, and each sign of punctuation is a word.
func bertWords() splitter {
	c := letters.Load()
	const space, sign, other = 1, 2, 3
	var ascii [utf8.RuneSelf]byte
	kind := func(r rune) byte {
		switch k := c.Of(r); {
		case k&letters.Space != 0:
			return space
		case k&letters.Punctuation != 0:
			return sign
		}
		return other
	}
	for r := range ascii {
		ascii[r] = kind(rune(r))
	}
	return func(p part, word func(part) error) error {
		from := 0
		hand := func(end, next int) error {
			q := part{p.text[from:end], p.start && from == 0}
			from = next
			if q.text == "" {
				return nil
			}
			return word(q)
		}
		for i, r := range p.text {
			k := byte(0)
			if r < utf8.RuneSelf {
				k = ascii[r]
			} else {
				k = kind(r)
			}
			if k == other {
				continue
			}
			end := i + utf8.RuneLen(r)
			if k == space {
				if err := hand(i, end); err != nil {
					return err
				}
				continue
			}
			if err := hand(i, i); err != nil {
				return err
			}
			if err := hand(end, end); err != nil {
				return err
			}
		}
		return hand(len(p.text), len(p.text))
	}
}

// onlyWords is the pre-tokenizer Whitespace, \w+|[^\w\s]+ without what is between.
func onlyWords() splitter {
	c := letters.Load()
	return removed.by(inverted(runsOf(func(r rune) int {
		switch k := c.Of(r); {
		case k&letters.Word != 0:
			return 1
		case k&letters.Space != 0:
			return 0
		}
		return 2
	})))
}

// metaspace puts a character in the place of spaces, before words.
type metaspace struct {
	mark          string
	first, always bool // where it is put before a text that doesn't begin with it
	split         bool
}

func (m metaspace) splitter() splitter {
	mark, _ := utf8.DecodeRuneInString(m.mark)
	cut := withNext.by(charactersThat(func(r rune) bool { return r == mark }))
	return func(p part, word func(part) error) error {
		p.text = strings.ReplaceAll(p.text, " ", m.mark)
		if (m.always || m.first && p.start) && !strings.HasPrefix(p.text, m.mark) && p.text != "" {
			p.text = m.mark + p.text
		}
		if !m.split {
			return word(p)
		}
		return cut(p, word)
	}
}

// ofLength splits into words of so many characters.
func ofLength(n int) splitter {
	return func(p part, word func(part) error) error {
		from, count := 0, 0
		for i := range p.text {
			if count == n {
				if err := word(part{p.text[from:i], p.start && from == 0}); err != nil {
					return err
				}
				from, count = i, 0
			}
			count++
		}
		return word(part{p.text[from:], p.start && from == 0})
	}
}

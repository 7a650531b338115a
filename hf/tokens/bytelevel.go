package tokens

import (
	"strings"

	"github.com/monge-ml/monge/internal/letters"
)

// contractions are words of their own, whatever follows.
var contractions = [...]string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}

// gptWords splits as GPT-2's expression does, which leaves nothing out:
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func gptWords() splitter {
	c := letters.Load()
	return func(p part, word func(part) error) error {
		for i := 0; i < len(p.text); {
			n := gptWord(c, p.text[i:])
			if err := word(part{p.text[i : i+n], p.start && i == 0}); err != nil {
				return err
			}
			i += n
		}
		return nil
	}
}

// gptWord returns the bytes of the first word.
func gptWord(c *letters.Table, text string) int {
	if text[0] == '\'' {
		for _, s := range contractions {
			if strings.HasPrefix(text, s) {
				return len(s)
			}
		}
	}
	const kinds = letters.Space | letters.Letter | letters.Number
	from := 0
	if text[0] == ' ' {
		from = 1
	}
	kind := kinds // of a word's characters
	for i, r := range text[from:] {
		k := c.Of(r) & kinds
		switch {
		case i == 0 && k == letters.Space:
			return spaces(c, text)
		case i == 0:
			kind = k
		case k != kind:
			return from + i
		}
	}
	return len(text)
}

// spaces returns the bytes of the spaces that a text begins with, but for the last one before something
// else if there are several.
func spaces(c *letters.Table, text string) int {
	last := 0
	for i, r := range text {
		if c.Of(r)&letters.Space == 0 {
			if last > 0 {
				return last
			}
			return i
		}
		last = i
	}
	return len(text)
}

// spaced puts a space before a part that doesn't begin with one.
func spaced(p part, word func(part) error) error {
	if p.text != "" && p.text[0] != ' ' {
		p.text = " " + p.text
	}
	return word(p)
}

// bytewise puts the characters of its bytes in the place of a word.
func bytewise(p part, word func(part) error) error {
	if p.text = asBytes(p.text); len(p.text) > maxNormal {
		return errLong
	}
	return word(p)
}

// byteModel is a model of words' bytes.
type byteModel struct{ model }

func (m byteModel) tokenize(ids []int32, word string, s *scratch) ([]int32, error) {
	return m.model.tokenize(ids, asBytes(word), s)
}

package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/monge-ml/monge/internal/letters"
)

// normalize returns text in composed form and lower case.
func normalize(text string) string {
	c := letters.Load()
	return c.Lower(c.Form(norm.NFC, strings.ToValidUTF8(text, string(utf8.RuneError))))
}

// contractions are words of their own, whatever follows.
var contractions = [...]string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}

// cutWord returns the first word of text, which is empty if there is none, and what comes
// after. A word is what CLIP's expression matches:
//
//	's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
func cutWord(text string) (word, rest string) {
	text = strings.TrimLeftFunc(text, unicode.IsSpace)
	for _, c := range contractions {
		if rest, ok := strings.CutPrefix(text, c); ok {
			return c, rest
		}
	}
	r, n := utf8.DecodeRuneInString(text)
	switch {
	case isOf(r, letters.Letter):
		n = length(text, func(r rune) bool { return isOf(r, letters.Letter) })
	case !isOf(r, letters.Number):
		n = length(text, func(r rune) bool { return !isOf(r, letters.Letter|letters.Number|letters.Space) })
	}
	return text[:n], text[n:]
}

// length returns the number of bytes of text before the first character that is not of a kind.
func length(text string, kind func(rune) bool) int {
	for i, r := range text {
		if !kind(r) {
			return i
		}
	}
	return len(text)
}

func isOf(r rune, kinds letters.Class) bool { return letters.Load().Of(r)&kinds != 0 }

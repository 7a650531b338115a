package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalize returns text in composed form and lower case. Rust's lower case of U+0130 is two
// characters, Go's is one.
func normalize(text string) string {
	text = norm.NFC.String(strings.ToValidUTF8(text, string(utf8.RuneError)))
	return strings.ToLower(strings.ReplaceAll(text, "\u0130", "i\u0307"))
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
	case unicode.IsLetter(r):
		n = length(text, unicode.IsLetter)
	case !unicode.IsNumber(r):
		n = length(text, isOther)
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

func isOther(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsSpace(r)
}

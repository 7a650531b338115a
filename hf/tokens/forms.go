package tokens

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// manyMarks in a row are what Go's normal forms would break up, at 30 of them and those of the letter.
const manyMarks = 20

// form returns a text in one of Unicode's normal forms, as of the version that the library has: later
// characters stay what they are, and nothing moves across them.
func (c *characters) form(f norm.Form, text string) string {
	if isASCII(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + len(text)/4)
	from, marks, many := 0, 0, false
	for i, r := range text {
		switch k := c.of(r); {
		case k&isLate != 0:
			b.WriteString(formOf(f, text[from:i], many))
			b.WriteRune(r)
			from, marks, many = i+utf8.RuneLen(r), 0, false
		case k&isMark != 0:
			marks++
			many = many || marks == manyMarks
		default:
			marks = 0
		}
	}
	b.WriteString(formOf(f, text[from:], many))
	return b.String()
}

func formOf(f norm.Form, text string, many bool) string {
	if !many {
		return f.String(text)
	}
	composed := f == norm.NFC || f == norm.NFKC
	decomposed := norm.NFD
	if f == norm.NFKC || f == norm.NFKD {
		decomposed = norm.NFKD
	}
	var rs []rune
	for _, r := range text {
		rs = append(rs, []rune(decomposed.String(string(r)))...)
	}
	order(rs)
	if composed {
		rs = compose(rs)
	}
	return string(rs)
}

// order sorts runs of marks by their class.
func order(rs []rune) {
	for i := 0; i < len(rs); i++ {
		from := i
		for i < len(rs) && combining(rs[i]) != 0 {
			i++
		}
		slices.SortStableFunc(rs[from:i], func(a, b rune) int { return int(combining(a)) - int(combining(b)) })
	}
}

func combining(r rune) uint8 { return norm.NFD.PropertiesString(string(r)).CCC() }

// compose puts marks and the letters before them together where there is a character for both.
func compose(rs []rune) []rune {
	out := rs[:0]
	starter, last := -1, uint8(0) // place of the letter in out, class of what came after
	for _, r := range rs {
		class := combining(r)
		if starter >= 0 && (starter == len(out)-1 || last < class) {
			if both := []rune(norm.NFC.String(string([]rune{out[starter], r}))); len(both) == 1 {
				out[starter] = both[0]
				continue
			}
		}
		if class == 0 {
			starter = len(out)
		}
		last = class
		out = append(out, r)
	}
	return out
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

package letters

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// manyMarks in a row are what Go's normal forms would break up, at 30 of those that they and the letter become.
const manyMarks = 8

// Form returns a text in one of Unicode's normal forms, as of the version that the library has: later
// characters stay what they are, and nothing moves across them.
func (c *Table) Form(f norm.Form, text string) string {
	if isASCII(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + len(text)/4)
	from, marks := 0, 0
	high, careful := false, false // the last letter is beyond U+FFFF; Go's own forms are wrong of the text
	for i, r := range text {
		switch k := c.Of(r); {
		case k&late != 0:
			b.WriteString(formOf(f, text[from:i], careful))
			b.WriteRune(r)
			from, marks, high, careful = i+utf8.RuneLen(r), 0, false, false
		case k&Mark != 0 || r >= 0x1161 && r <= 0x11c2: // or a letter that joins the one before
			marks++
			careful = careful || marks == manyMarks || high
			high = high || r > 0xffff
		default:
			marks, high = 0, r > 0xffff
		}
	}
	b.WriteString(formOf(f, text[from:], careful))
	return b.String()
}

// formOf returns a text in a form. Go's own takes letters beyond U+FFFF for others as it puts marks to them.
func formOf(f norm.Form, text string, careful bool) string {
	if !careful {
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
			if both, ok := join(string([]rune{out[starter], r})); ok {
				out[starter] = both
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

// join returns the character that a letter and a mark are.
func join(two string) (rune, bool) {
	one := norm.NFC.String(two)
	r, n := utf8.DecodeRuneInString(one)
	return r, n == len(one) && norm.NFD.String(one) == norm.NFD.String(two)
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

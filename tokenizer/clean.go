package tokenizer

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// Clean mends a caption as OpenAI's code and OpenCLIP do before everything else: by the steps of ftfy's
// fix_text (6.3), and then by [Unescape]. Of ftfy's steps one is not done: text that was decoded by
// the wrong table, like "Ã©" for "é", stays as it is.
func Clean(text string) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	var b strings.Builder
	references := true // up to the first line that may be HTML
	for line := range strings.Lines(text) {
		references = references && !strings.Contains(line, "<")
		b.WriteString(mend(line, references))
	}
	return Unescape(b.String())
}

// Unescape replaces HTML's character references twice, as Python's html.unescape does, and drops space
// at both ends: on the web "&amp;quot;" is a quotation mark.
func Unescape(text string) string {
	return strings.TrimFunc(unescape(unescape(text)), isPythonSpace)
}

// isPythonSpace tells what Python's strip drops: separators of records, too.
func isPythonSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// maxMends bounds how often a line is mended; ftfy goes on until nothing changes, which takes a
// nested reference a time for each level.
const maxMends = 32

// mend is ftfy's work on a line.
func mend(text string, references bool) string {
	for range maxMends {
		was := text
		if references {
			text = complete.ReplaceAllStringFunc(text, unescapeWhole)
		}
		text = strings.Map(windows1252, text)
		text = simpler.Replace(text)
		text = terminal.ReplaceAllString(text, "")
		text = strings.Map(withoutControl, text)
		text = norm.NFC.String(text)
		if text == was {
			break
		}
	}
	return text
}

var (
	complete = regexp.MustCompile(`&#?[0-9A-Za-z]{1,24};`)
	terminal = regexp.MustCompile("\x1b\\[[0-9;]*[a-zA-Z]")
)

// unescapeWhole replaces a reference if it is one to its end. Of names in capitals, those count
// that stand for nothing else.
func unescapeWhole(reference string) string {
	if got := unescape(reference); got != reference {
		if strings.HasPrefix(reference, "&#") || !strings.HasSuffix(got, ";") {
			return got
		}
		return reference
	}
	small := strings.ToLower(reference)
	if got := unescape(small); strings.ToUpper(reference) == reference && !strings.HasSuffix(got, ";") && !strings.HasPrefix(reference, "&#") {
		return strings.ToUpper(got)
	}
	return reference
}

// windows1252 takes control characters for what the table of Windows has at their place.
func windows1252(r rune) rune {
	if r >= 0x80 && r <= 0x9f {
		if c := charmap.Windows1252.DecodeByte(byte(r)); c != utf8.RuneError {
			return c
		}
	}
	return r
}

// simpler takes ligatures apart, makes quotation marks straight and ends of lines plain.
var simpler = strings.NewReplacer(append(ownWidth(),
	"Ĳ", "IJ", "ĳ", "ij", "ŉ", "ʼn", "Ǳ", "DZ", "ǲ", "Dz", "ǳ", "dz", "Ǆ", "DŽ", "ǅ", "Dž", "ǆ", "dž", "Ǉ", "LJ", "ǈ", "Lj", "ǉ", "lj", "Ǌ", "NJ", "ǋ", "Nj", "ǌ", "nj",
	"ﬀ", "ff", "ﬁ", "fi", "ﬂ", "fl", "ﬃ", "ffi", "ﬄ", "ffl", "ﬅ", "ſt", "ﬆ", "st",
	"\u02bc", "'", "\u2018", "'", "\u2019", "'", "\u201a", "'", "\u201b", "'", "\u201c", `"`, "\u201d", `"`, "\u201e", `"`, "\u201f", `"`,
	"\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n",
)...)

// ownWidth brings characters of the width of Chinese ones, or of half of it, to their own.
func ownWidth() []string {
	pairs := []string{"\u3000", " "}
	for r := rune(0xff01); r < 0xfff0; r++ {
		pairs = append(pairs, string(r), norm.NFKC.String(string(r)))
	}
	return pairs
}

// withoutControl drops what has no place in text.
func withoutControl(r rune) rune {
	switch {
	case r < 9, r == 0xb, r >= 0xe && r < 0x20, r == 0x7f, r >= 0x206a && r < 0x2070, r == 0xfeff, r >= 0xfff9 && r < 0xfffd:
		return -1
	}
	return r
}

// references are what Python's html.unescape takes for one.
var references = regexp.MustCompile(`&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)`)

// unescape is html.unescape of Python. Package html knows all of its names but two.
func unescape(text string) string {
	if !strings.Contains(text, "&") {
		return text
	}
	return references.ReplaceAllStringFunc(text, func(reference string) string {
		switch {
		case strings.HasPrefix(reference, "&#"):
			return character(strings.TrimSuffix(reference[2:], ";"))
		case reference == "&nGt;":
			return "\u226b\u20d2"
		case reference == "&nLt;":
			return "\u226a\u20d2"
		}
		return html.UnescapeString(reference)
	})
}

// character is that of a number, "" for those that Python drops.
func character(number string) string {
	base := 10
	if number[0] == 'x' || number[0] == 'X' {
		number, base = number[1:], 16
	}
	n, err := strconv.ParseUint(number, base, 32)
	r := rune(min(n, utf8.MaxRune+1))
	switch {
	case err != nil || r == 0 || !utf8.ValidRune(r):
		return string(utf8.RuneError)
	case r == '\r':
		return "\r"
	case r >= 0x80 && r <= 0x9f:
		return string(windows1252(r))
	case r < 9, r == 0xb, r >= 0xe && r < 0x20, r == 0x7f, r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
		return ""
	}
	return string(r)
}

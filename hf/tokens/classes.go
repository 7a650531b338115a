package tokens

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A class is what the library takes a character for.
type class uint32

const (
	isSpace class = 1 << iota
	isPunctuation
	isControl
	isNonspacing
	isMark
	isNormal // Unicode's normal forms change or move it
	isNumeric
	isWord
	isLetter
	isNumber
	isDigit
	isWordlike
	isChinese
	isCapital
	isJoined // it is one with a letter before it
	isLate   // normal forms of newer versions of Unicode change or move it
)

//go:embed unicode.txt
var unicodeTables string

var classNames = map[string]class{
	"punctuation": isPunctuation, "control": isControl, "nonspacing": isNonspacing, "mark": isMark, "normal": isNormal, "numeric": isNumeric,
	"word": isWord, "letter": isLetter, "number": isNumber, "digit": isDigit, "wordlike": isWordlike,
	"joined": isJoined,
}

// characters has pages of 256 characters each; those that are alike are one.
type characters struct {
	page  [(unicode.MaxRune + 1) / 256]uint16
	class []class
	lower map[rune]rune
}

func (c *characters) of(r rune) class {
	return c.class[int(c.page[r>>8])<<8|int(r&0xff)]
}

// chars is made of the tables once a tokenizer is opened.
var chars = sync.OnceValue(func() *characters {
	all := make([]class, unicode.MaxRune+1)
	c := &characters{lower: map[rune]rune{}}
	for line := range strings.Lines(unicodeTables) {
		words := strings.Fields(line)
		if bit, ok := classNames[words[0]]; ok {
			mark(all, bit, words[1:])
		} else {
			c.capitals(all, words[1:])
		}
	}
	for r := range all {
		if unicode.IsSpace(rune(r)) {
			all[r] |= isSpace
		}
		if chinese(rune(r)) {
			all[r] |= isChinese
		}
	}
	// what Go's normal forms change lies in the first two planes, and is old beyond
	for r := rune(0x80); r < 0x20000; r++ {
		if all[r]&isNormal == 0 && moves(r) {
			all[r] |= isLate
		}
	}
	c.pack(all)
	return c
})

// mark gives characters a class: by turns words say how many have it not, and have it.
func mark(all []class, bit class, words []string) {
	at := 0
	for i, word := range words {
		n, _ := strconv.ParseInt(word, 16, 32)
		if i%2 == 1 {
			for r := at; r < at+int(n); r++ {
				all[r] |= bit
			}
		}
		at += int(n)
	}
}

// capitals reads runs of capital letters.
func (c *characters) capitals(all []class, words []string) {
	var run [4]rune // first, last, step, difference
	for i, word := range words {
		n, _ := strconv.ParseInt(word, 16, 32)
		run[i%4] = rune(n)
		for r := run[0]; i%4 == 3 && r <= run[1]; r += run[2] {
			c.lower[r] = r + run[3]
			all[r] |= isCapital
		}
	}
}

func (c *characters) pack(all []class) {
	pages := map[[256]class]uint16{}
	for p := range c.page {
		page := [256]class(all[p*256:])
		n, ok := pages[page]
		if !ok {
			n = uint16(len(pages))
			pages[page] = n
			c.class = append(c.class, page[:]...)
		}
		c.page[p] = n
	}
}

// moves reports whether Go's normal forms change or move a character.
func moves(r rune) bool {
	p := norm.NFKD.PropertiesString(string(r))
	return p.CCC() != 0 || p.Decomposition() != nil
}

// chinese tells the characters that BERT's normalizer puts spaces around.
func chinese(r rune) bool {
	switch {
	case r >= 0x4e00 && r <= 0x9fff, r >= 0x3400 && r <= 0x4dbf, r >= 0x20000 && r <= 0x2a6df, r >= 0x2a700 && r <= 0x2b73f,
		r >= 0x2b740 && r <= 0x2b81f, r >= 0x2b920 && r <= 0x2ceaf, r >= 0xf900 && r <= 0xfaff, r >= 0x2f800 && r <= 0x2fa1f:
		return true
	}
	return false
}

// toLower returns a character's small letter. It is two characters of U+0130 alone, which is passed over.
func (c *characters) toLower(r rune) rune {
	if r < 0x80 {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	if c.of(r)&isCapital != 0 {
		return c.lower[r]
	}
	return r
}

// Package letters tells what Hugging Face's tokenizers library takes characters for, and makes Unicode's
// normal forms and small letters of them as it does. Its parts have tables of their own, of several versions
// of Unicode, none of which is Go's.
package letters

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A Class is what the library takes a character for.
type Class uint32

const (
	Space       Class = 1 << iota
	Punctuation       // ASCII's signs count
	Control           // other kinds of Unicode's category C as well
	Nonspacing        // marks that BERT's normalizer takes off
	Mark              // of any kind
	Numeric           // for Rust itself
	Word              // \w of Rust's expressions
	Letter            // \p{L} of Oniguruma's
	Number            // \p{N}
	Digit             // \d
	Wordlike          // \w
	Chinese           // BERT's normalizer puts spaces around it
	Joined            // it is one with a letter before it
	capital
	normal // normal forms change or move it
	late   // normal forms of later versions of Unicode do
)

//go:embed unicode.txt
var unicodeTables string

var classNames = map[string]Class{
	"punctuation": Punctuation, "control": Control, "nonspacing": Nonspacing, "mark": Mark, "normal": normal, "numeric": Numeric,
	"word": Word, "letter": Letter, "number": Number, "digit": Digit, "wordlike": Wordlike,
	"joined": Joined,
}

// A Table has pages of 256 characters each; those that are alike are one.
type Table struct {
	page  [(unicode.MaxRune + 1) / 256]uint16
	class []Class
	lower map[rune]rune
}

// Of returns the class of a character.
func (c *Table) Of(r rune) Class {
	return c.class[int(c.page[r>>8])<<8|int(r&0xff)]
}

// Load makes the table once.
var Load = sync.OnceValue(func() *Table {
	all := make([]Class, unicode.MaxRune+1)
	c := &Table{lower: map[rune]rune{}}
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
			all[r] |= Space
		}
		if chinese(rune(r)) {
			all[r] |= Chinese
		}
		if r < 0x800 && unicode.IsMark(rune(r)) { // the table has those of three bytes and more
			all[r] |= Joined
		}
	}
	// what Go's normal forms change lies in the first two planes, and is old beyond
	for r := rune(0x80); r < 0x20000; r++ {
		if all[r]&normal == 0 && moves(r) {
			all[r] |= late
		}
	}
	c.pack(all)
	return c
})

// mark gives characters a class: by turns words say how many have it not, and have it.
func mark(all []Class, bit Class, words []string) {
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
func (c *Table) capitals(all []Class, words []string) {
	var run [4]rune // first, last, step, difference
	for i, word := range words {
		n, _ := strconv.ParseInt(word, 16, 32)
		run[i%4] = rune(n)
		for r := run[0]; i%4 == 3 && r <= run[1]; r += run[2] {
			c.lower[r] = r + run[3]
			all[r] |= capital
		}
	}
}

func (c *Table) pack(all []Class) {
	pages := map[[256]Class]uint16{}
	for p := range c.page {
		page := [256]Class(all[p*256:])
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

// Lower returns a text in small letters, one for each but U+0130, of which they are two.
func (c *Table) Lower(text string) string {
	return strings.Map(c.toLower, strings.ReplaceAll(text, "\u0130", "i\u0307"))
}

func (c *Table) toLower(r rune) rune {
	if r < 0x80 {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	if c.Of(r)&capital != 0 {
		return c.lower[r]
	}
	return r
}

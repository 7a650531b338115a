package data

import (
	"unicode"
	"unicode/utf8"
)

// words goes through the words of a text.
type words struct{ rest string }

// FNV-1a of 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// next returns the id of the next word, false if there is none: a run of letters, marks and
// digits; or a character that is a word by itself, with what belongs to it.
func (w *words) next() (id uint16, ok bool) {
	h := wordHash(fnvOffset)
	for len(w.rest) > 0 {
		r, n := utf8.DecodeRuneInString(w.rest)
		switch {
		case alone(r) && ok:
			return h.id(), true
		case alone(r):
			h.add(r)
			w.rest = w.rest[n:]
			w.takeFollowers(r, &h)
			return h.id(), true
		}
		w.rest = w.rest[n:]
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			h.add(r)
			ok = true
		case ok:
			return h.id(), true
		}
	}
	return h.id(), ok
}

// takeFollowers takes what belongs to the character before: marks, and of emoji the signs that
// join or colour them.
func (w *words) takeFollowers(before rune, h *wordHash) {
	flag := regional(before)
	for len(w.rest) > 0 {
		r, n := utf8.DecodeRuneInString(w.rest)
		switch {
		case r == presentation: // the same emoji without it
		case r == joiner:
			h.add(r)
			w.rest = w.rest[n:]
			if r, n = utf8.DecodeRuneInString(w.rest); n == 0 || !emoji(r) {
				continue
			}
			h.add(r)
		case flag && regional(r):
			h.add(r)
			flag = false
		case unicode.IsMark(r) || skin(r) || r >= 0xE0020 && r <= 0xE007F: // the last spell a flag
			h.add(r)
		default:
			return
		}
		w.rest = w.rest[n:]
	}
}

const (
	joiner       = 0x200D // zero width
	presentation = 0xFE0F // as a picture
)

// alone reports whether a character is a word: of a script without spaces between words, or an
// emoji.
func alone(r rune) bool {
	if r < 0x0E00 {
		return false
	}
	return unicode.IsLetter(r) && (unicode.In(r, spaceless...) || r == 0x30FC || r == 0xFF70) || r == 0x3007 || emoji(r)
}

// spaceless are scripts that put no spaces between words.
var spaceless = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Yi,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Javanese, unicode.Balinese, unicode.Tai_Tham, unicode.New_Tai_Lue, unicode.Tai_Viet,
}

// emoji reports whether a character is a symbol as emoji are: those of the pictographs' planes, the
// miscellaneous symbols and the dingbats.
func emoji(r rune) bool {
	switch {
	case r >= 0x1F000 && r <= 0x1FAFF:
		return !skin(r)
	case r >= 0x2600 && r <= 0x27BF, r >= 0x2B00 && r <= 0x2BFF, r >= 0x2300 && r <= 0x23FF:
		return unicode.Is(unicode.So, r)
	}
	return false
}

// regional reports whether a character is a letter of flags.
func regional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

// skin reports whether a character colours the emoji before.
func skin(r rune) bool { return r >= 0x1F3FB && r <= 0x1F3FF }

// A wordHash is that of a word so far.
type wordHash uint64

func (h *wordHash) add(r rune) {
	var lower [utf8.UTFMax]byte
	for _, b := range lower[:utf8.EncodeRune(lower[:], unicode.ToLower(r))] {
		*h = (*h ^ wordHash(b)) * fnvPrime
	}
}

func (h wordHash) id() uint16 { return firstWord + uint16(h%(Vocabulary-firstWord)) }

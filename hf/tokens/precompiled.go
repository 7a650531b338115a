package tokens

import (
	"encoding/binary"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/monge-ml/monge/internal/letters"
)

// A charsMap is SentencePiece's table of texts and what they become: a trie in an array, and the results,
// each with a zero behind it.
type charsMap struct {
	units   []uint32
	results string
	chars   *letters.Table
}

func newCharsMap(data []byte) (normalizer, error) {
	wrong := errors.New("precompiled_charsmap is not as SentencePiece writes it")
	if len(data) < 4 {
		return nil, wrong
	}
	size := int(binary.LittleEndian.Uint32(data)) / 4 * 4
	data = data[4:]
	if size < 4 || size > len(data) || !utf8.Valid(data[size:]) {
		return nil, wrong
	}
	m := &charsMap{results: string(data[size:]), chars: letters.Load()}
	for i := 0; i < size; i += 4 {
		m.units = append(m.units, binary.LittleEndian.Uint32(data[i:]))
	}
	return m.normalize, nil
}

// maxCluster bounds the bytes of letters with their marks that are looked up as one.
const maxCluster = 6

func (m *charsMap) normalize(p part) (part, error) {
	var b strings.Builder
	b.Grow(len(p.text))
	for text := p.text; text != ""; {
		n := m.cluster(text)
		cluster := text[:n]
		text = text[n:]
		if b.Len() > maxNormal {
			return p, errLong
		}
		if len(cluster) < maxCluster {
			if to, ok := m.lookUp(cluster); ok {
				b.WriteString(to)
				continue
			}
		}
		for i, r := range cluster {
			char := cluster[i : i+utf8.RuneLen(r)]
			if to, ok := m.lookUp(char); ok {
				char = to
			}
			b.WriteString(char)
		}
	}
	return part{b.String(), p.start}, nil
}

// cluster returns the bytes of the first letter with its marks. The library's Unicode is newer than uniseg's.
func (m *charsMap) cluster(text string) int {
	n := 1
	if len(text) > 1 && text[1] >= utf8.RuneSelf || text[0] >= utf8.RuneSelf || text[0] == '\r' {
		cluster, _, _, _ := uniseg.FirstGraphemeClusterInString(text, -1)
		n = len(cluster)
	}
	for n < len(text) {
		last, _ := utf8.DecodeLastRuneInString(text[:n])
		next, size := utf8.DecodeRuneInString(text[n:])
		if m.chars.Of(next)&letters.Joined == 0 || standsAlone(last) {
			break
		}
		n += size
	}
	return n
}

// standsAlone tells the characters that no mark joins.
func standsAlone(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && !unicode.In(r, unicode.Join_Control, unicode.Prepended_Concatenation_Mark)
}

// lookUp returns what the shortest text of the table that text begins with becomes.
func (m *charsMap) lookUp(text string) (string, bool) {
	unit := func(at uint32) uint32 {
		if at >= uint32(len(m.units)) {
			return 1 << 31 // no byte's
		}
		return m.units[at]
	}
	at := offset(m.units[0])
	for i := range len(text) {
		c := uint32(text[i])
		if c == 0 {
			break
		}
		at ^= c
		u := unit(at)
		if u&(1<<31|0xff) != c {
			break
		}
		at ^= offset(u)
		if u>>8&1 == 0 {
			continue
		}
		from := int(unit(at) & (1<<31 - 1))
		if from > len(m.results) || from < len(m.results) && !utf8.RuneStart(m.results[from]) {
			return "", false
		}
		to, _, _ := strings.Cut(m.results[from:], "\x00")
		return to, true
	}
	return "", false
}

func offset(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }

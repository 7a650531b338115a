package tokens

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// pairs joins the pieces of words, two that stand side by side at a time: byte-pair encoding.
type pairs struct {
	ids    map[string]int32
	merges map[uint64]merge // by the numbers of both
	prefix string           // of characters that a word doesn't begin with
	suffix string           // of the last character

	unknown   string
	unknownID int32 // -1 if there is none
	fuse      bool  // unknown characters in a row are one
	bytes     bool  // unknown characters are tokens of their bytes, if there are such
	wholes    bool  // a word that is a token is that token

	byteIDs [256]int32 // of <0x00> to <0xFF>, or -1
}

// A merge is what a pair becomes; those of lower rank come first.
type merge struct{ rank, id int32 }

func pairOf(left, right int32) uint64 { return uint64(left)<<32 | uint64(uint32(right)) }

// scratch is memory for the work on a word.
type scratch struct {
	pieces []piece
	queue  []joint
	steps  []step
}

// A piece is a token that others may join. It is gone once its size is 0.
type piece struct{ id, prev, next, size int32 }

// A joint is a pair that may be joined: the place of its left piece, and what it would become.
type joint struct{ rank, at, id int32 }

func (a joint) before(b joint) bool { return a.rank < b.rank || a.rank == b.rank && a.at < b.at }

// build takes the merges, each of two tokens.
func (m *pairs) build(merges [][2]string) error {
	m.merges = make(map[uint64]merge, len(merges))
	for i, pair := range merges {
		var ids [3]int32
		right, ok := strings.CutPrefix(pair[1], m.prefix)
		if !ok {
			return fmt.Errorf("merge %d is of %.80q, which does not begin with continuing_subword_prefix %.80q", i, pair[1], m.prefix)
		}
		for k, token := range []string{pair[0], pair[1], pair[0] + right} {
			if ids[k], ok = m.ids[token]; !ok {
				return fmt.Errorf("merge %d, of %.80q and %.80q: token %.80q is not in the vocabulary", i, pair[0], pair[1], token)
			}
		}
		m.merges[pairOf(ids[0], ids[1])] = merge{int32(i), ids[2]}
	}
	m.unknownID = -1
	if id, ok := m.ids[m.unknown]; ok && m.unknown != "" {
		m.unknownID = id
	}
	m.byteIDs = byteTokens(m.ids)
	return nil
}

// byteTokens returns the tokens of bytes.
func byteTokens(ids map[string]int32) (bytes [256]int32) {
	for b := range bytes {
		bytes[b] = -1
		if id, ok := ids[fmt.Sprintf("<0x%02X>", b)]; ok {
			bytes[b] = id
		}
	}
	return bytes
}

// tokenize joins the pieces of a word, those of lowest rank first, of them the first, until there is
// nothing to join. A word of n bytes takes O(n log n).
func (m *pairs) tokenize(ids []int32, word string, s *scratch) ([]int32, error) {
	if m.wholes {
		if id, ok := m.ids[word]; ok {
			return append(ids, id), nil
		}
	}
	if err := m.cut(word, s); err != nil {
		return nil, err
	}
	s.queue = s.queue[:0]
	for i := 1; i < len(s.pieces); i++ {
		m.look(s, int32(i-1), int32(i))
	}
	for len(s.queue) > 0 {
		m.join(s, s.pop())
	}
	for _, p := range s.pieces {
		if p.size > 0 {
			ids = append(ids, p.id)
		}
	}
	return ids, nil
}

// join makes one piece of two, unless they have changed meanwhile.
func (m *pairs) join(s *scratch, j joint) {
	p := &s.pieces[j.at]
	if p.size == 0 || p.next < 0 {
		return
	}
	right := &s.pieces[p.next]
	if now, ok := m.merges[pairOf(p.id, right.id)]; !ok || now.id != j.id {
		return
	}
	p.id, p.size, p.next = j.id, p.size+right.size, right.next
	right.size = 0
	if p.next >= 0 {
		s.pieces[p.next].prev = j.at
	}
	if p.prev >= 0 {
		m.look(s, p.prev, j.at)
	}
	if p.next >= 0 {
		m.look(s, j.at, p.next)
	}
}

// look notes a pair that may be joined.
func (m *pairs) look(s *scratch, i, j int32) {
	if to, ok := m.merges[pairOf(s.pieces[i].id, s.pieces[j].id)]; ok {
		s.push(joint{to.rank, i, to.id})
	}
}

// cut makes pieces of the characters of a word.
func (m *pairs) cut(word string, s *scratch) error {
	s.pieces = s.pieces[:0]
	unknown := int32(0) // bytes that are unknown and not a piece yet
	for i, r := range word {
		end := i + utf8.RuneLen(r)
		char := word[i:end]
		if i > 0 && m.prefix != "" {
			char = m.prefix + char
		}
		if end == len(word) && m.suffix != "" {
			char += m.suffix
		}
		if id, ok := m.ids[char]; ok {
			if unknown > 0 {
				s.add(m.unknownID, unknown)
				unknown = 0
			}
			s.add(id, int32(end-i))
			continue
		}
		if m.bytes && s.addBytes(&m.byteIDs, char) {
			continue
		}
		if m.unknown == "" {
			continue
		}
		if m.unknownID < 0 {
			return unknownError(m.unknown)
		}
		if unknown > 0 && !m.fuse {
			s.add(m.unknownID, unknown)
			unknown = 0
		}
		unknown += int32(end - i)
	}
	if unknown > 0 {
		s.add(m.unknownID, unknown)
	}
	return nil
}

// add appends a piece.
func (s *scratch) add(id, size int32) {
	n := int32(len(s.pieces))
	if n > 0 {
		s.pieces[n-1].next = n
	}
	s.pieces = append(s.pieces, piece{id, n - 1, -1, size})
}

// addBytes appends pieces of a character's bytes, if all are tokens. Unknown characters before it come
// after it, as in the library.
func (s *scratch) addBytes(bytes *[256]int32, char string) bool {
	for i := range len(char) {
		if bytes[char[i]] < 0 {
			return false
		}
	}
	for i := range len(char) {
		s.add(bytes[char[i]], 1)
	}
	return true
}

func (s *scratch) push(j joint) {
	q := append(s.queue, j)
	i := len(q) - 1
	for i > 0 && j.before(q[(i-1)/2]) {
		q[i] = q[(i-1)/2]
		i = (i - 1) / 2
	}
	q[i] = j
	s.queue = q
}

func (s *scratch) pop() joint {
	q := s.queue
	top, j := q[0], q[len(q)-1]
	q = q[:len(q)-1]
	for i := 0; len(q) > 0; {
		child := 2*i + 1
		if child+1 < len(q) && q[child+1].before(q[child]) {
			child++
		}
		if child >= len(q) || j.before(q[child]) {
			q[i] = j
			break
		}
		q[i] = q[child]
		i = child
	}
	s.queue = q
	return top
}

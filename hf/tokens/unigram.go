package tokens

import (
	"errors"
	"math"
	"unicode/utf8"
)

// unigram takes the tokens of a word of which the sum of scores is highest.
type unigram struct {
	pieces  *trie
	scores  []float64 // of tokens by their numbers
	unknown int32     // -1 if there is none
	penalty float64   // the score of an unknown character
	bytes   bool      // unknown characters are tokens of their bytes, if there are such
	byteIDs [256]int32
}

// A step is the last token of the best way to a place in a word.
type step struct {
	score float64
	from  int32 // where the token begins, or -1 if there is no way yet
	id    int32
}

func newUnigram(ids map[string]int32, scores []float64, unknown int32, bytes bool) *unigram {
	least := math.Inf(1)
	for _, s := range scores {
		least = min(least, s)
	}
	return &unigram{newTrie(ids), scores, unknown, least - 10, bytes, byteTokens(ids)}
}

func (m *unigram) tokenize(ids []int32, word string, s *scratch) ([]int32, error) {
	if err := m.search(word, s); err != nil {
		return nil, err
	}
	from := len(ids)
	for end := len(word); end > 0; {
		last := s.steps[end]
		begin := int(last.from)
		if last.id == m.unknown {
			for begin > 0 && s.steps[begin].id == m.unknown { // unknown characters in a row are one
				begin = int(s.steps[begin].from)
			}
		}
		ids = m.appendBackwards(ids, last.id, word[begin:end])
		end = begin
	}
	for i, j := from, len(ids)-1; i < j; i, j = i+1, j-1 {
		ids[i], ids[j] = ids[j], ids[i]
	}
	return ids, nil
}

// appendBackwards appends a token, or those of an unknown text's bytes from the last to the first.
func (m *unigram) appendBackwards(ids []int32, id int32, text string) []int32 {
	if id != m.unknown {
		return append(ids, id)
	}
	if known, n := m.pieces.longest(text); n == len(text) {
		return append(ids, known)
	}
	if !m.bytes {
		return append(ids, id)
	}
	n := len(ids)
	for i := len(text) - 1; i >= 0; i-- {
		b := m.byteIDs[text[i]]
		if b < 0 {
			return append(ids[:n], id)
		}
		ids = append(ids, b)
	}
	return ids
}

// search finds the best way to each place in a word.
func (m *unigram) search(word string, s *scratch) error {
	s.steps = s.steps[:0]
	for range len(word) + 1 {
		s.steps = append(s.steps, step{from: -1})
	}
	for at, r := range word {
		single := false // the first character is a token
		n := utf8.RuneLen(r)
		for node, i := int32(0), at; i < len(word); i++ {
			if node = m.pieces.child(node, word[i]); node < 0 {
				break
			}
			if id := m.pieces.id[node]; id >= 0 {
				s.reach(at, i+1, id, m.scores[id])
				single = single || i+1 == at+n
			}
		}
		if single {
			continue
		}
		if to := &s.steps[at+n]; m.unknown < 0 && (to.from < 0 || m.penalty+s.steps[at].score > to.score) {
			return errors.New("a word is unknown, and the file names no token for such (unk_id)")
		}
		s.reach(at, at+n, m.unknown, m.penalty)
	}
	return nil
}

// reach notes a way to a place in a word, if there is no better one.
func (s *scratch) reach(from, end int, id int32, score float64) {
	to := &s.steps[end]
	if score += s.steps[from].score; to.from < 0 || score > to.score {
		*to = step{score, int32(from), id}
	}
}

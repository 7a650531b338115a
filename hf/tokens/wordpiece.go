package tokens

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A model makes tokens of words.
type model interface {
	// tokenize appends the tokens of a word, which is not empty.
	tokenize(ids []int32, word string, s *scratch) ([]int32, error)
}

// wordPiece takes the longest token that a word begins with, then of what is left.
type wordPiece struct {
	begin, inner *trie // tokens that words begin with, and others without their prefix
	unknown      int32 // -1 if there is none
	unknownToken string
	most         int // characters of a word; a longer one is unknown
}

func newWordPiece(ids map[string]int32, unknown, prefix string, most int) *wordPiece {
	inner := map[string]int32{}
	for token, id := range ids {
		if rest, ok := strings.CutPrefix(token, prefix); ok && rest != "" {
			inner[rest] = id
		}
	}
	m := &wordPiece{begin: newTrie(ids), inner: newTrie(inner), unknown: -1, unknownToken: unknown, most: most}
	if id, ok := ids[unknown]; ok {
		m.unknown = id
	}
	return m
}

func (m *wordPiece) tokenize(ids []int32, word string, _ *scratch) ([]int32, error) {
	from, rest, pieces := len(ids), word, m.begin
	if len(word) > m.most && utf8.RuneCountInString(word) > m.most {
		return m.asUnknown(ids)
	}
	for rest != "" {
		id, n := pieces.longest(rest)
		if n == 0 {
			return m.asUnknown(ids[:from])
		}
		ids, rest, pieces = append(ids, id), rest[n:], m.inner
	}
	return ids, nil
}

func (m *wordPiece) asUnknown(ids []int32) ([]int32, error) {
	if m.unknown < 0 {
		return nil, unknownError(m.unknownToken)
	}
	return append(ids, m.unknown), nil
}

func unknownError(token string) error {
	return fmt.Errorf("a word is unknown, and the token for such, %.80q, is not in the vocabulary", token)
}

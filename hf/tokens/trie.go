package tokens

import (
	"maps"
	"slices"
	"sort"
)

// A trie finds the tokens that a text begins with. Node 0 is its root. The children of node n are those
// from first[n] to first[n+1].
type trie struct {
	first []int32
	label []byte  // of a node; the root's is of no account
	id    []int32 // of the token that ends there, or -1
}

// newTrie returns the trie of some tokens. The longer a token, the more memory it takes; together they
// have no more bytes than the file that they come from.
func newTrie(ids map[string]int32) *trie {
	sorted := slices.Sorted(maps.Keys(ids))
	t := &trie{label: []byte{0}, id: []int32{-1}}
	type span struct{ from, to, depth int } // of sorted tokens that begin alike
	level := []span{{0, len(sorted), 0}}
	// breadth first, so that children lie side by side
	for i := 0; i < len(level); i++ {
		s := level[i]
		t.first = append(t.first, int32(len(t.label)))
		if s.from < s.to && len(sorted[s.from]) == s.depth {
			t.id[i] = ids[sorted[s.from]]
			s.from++
		}
		for s.from < s.to {
			c := sorted[s.from][s.depth]
			n := sort.Search(s.to-s.from, func(k int) bool { return sorted[s.from+k][s.depth] > c })
			level = append(level, span{s.from, s.from + n, s.depth + 1})
			t.label, t.id = append(t.label, c), append(t.id, -1)
			s.from += n
		}
	}
	t.first = append(t.first, int32(len(t.label)))
	return t
}

// child returns the node behind n by a byte, or -1.
func (t *trie) child(n int32, c byte) int32 {
	lo, hi := t.first[n], t.first[n+1]
	for hi-lo > 8 {
		mid := (lo + hi) / 2
		if t.label[mid] <= c {
			lo = mid
		} else {
			hi = mid
		}
	}
	for ; lo < hi; lo++ {
		if t.label[lo] == c {
			return lo
		}
	}
	return -1
}

// longest returns the longest token that text begins with, and its bytes; the token is -1 if there is none.
func (t *trie) longest(text string) (id int32, size int) {
	id = t.id[0]
	n := int32(0)
	for i := range len(text) {
		if n = t.child(n, text[i]); n < 0 {
			break
		}
		if t.id[n] >= 0 {
			id, size = t.id[n], i+1
		}
	}
	return id, size
}

package tokenizer

import (
	"fmt"
	"maps"
	"slices"
)

// bytesAndEnds is the size of a vocabulary without any merge: a token for each byte, one for
// each that ends a word, and the two special ones.
const bytesAndEnds = 2*256 + 2

// Learn returns a tokenizer with a vocabulary of size tokens made from captions: those of
// bytes, and what becomes of the pair that is most frequent within words, again and again
// (Sennrich et al. 2016, arXiv 1508.07909; of equal ones that whose tokens are the older).
// There are fewer if no pair is left that occurs twice. It takes time in proportion to
// size times the number of different words.
func Learn(captions []string, size int) (*Tokenizer, error) {
	if size < bytesAndEnds {
		return nil, fmt.Errorf("a vocabulary of %d tokens; those of bytes alone are %d", size, bytesAndEnds)
	}
	l := learner{known: map[string]bool{}}
	for b := range 256 {
		l.add(string(alphabet[b]))
	}
	for b := range 256 {
		l.add(string(alphabet[b]) + endOfWord)
	}
	l.count(captions)
	for len(l.names) < size-2 {
		left, right, ok := l.best()
		if !ok {
			break
		}
		l.merge(left, right)
	}
	l.add(startOfText)
	l.add(endOfText)
	ids := make(map[string]int32, len(l.names))
	for i, name := range l.names {
		ids[name] = int32(i)
	}
	t, err := fromVocab(ids)
	if err != nil {
		return nil, err
	}
	if err := t.addTokens(addedTokens{}, ids); err != nil {
		return nil, err
	}
	for _, line := range l.merges {
		if err := t.addMerge(line, ids, "the vocabulary"); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// A learner makes a vocabulary.
type learner struct {
	names  []string
	known  map[string]bool
	words  [][]int32 // different ones, as tokens
	times  []int     // that each occurs
	merges []string
}

func (l *learner) add(name string) {
	l.known[name] = true
	l.names = append(l.names, name)
}

// count takes the words of captions apart.
func (l *learner) count(captions []string) {
	times := map[string]int{}
	for _, c := range captions {
		text := normalize(c)
		for {
			word, rest := cutWord(text)
			if word == "" {
				break
			}
			times[word]++
			text = rest
		}
	}
	for _, word := range slices.Sorted(maps.Keys(times)) {
		ids := make([]int32, len(word))
		for i := range len(word) {
			ids[i] = int32(word[i])
		}
		ids[len(ids)-1] += 256
		l.words, l.times = append(l.words, ids), append(l.times, times[word])
	}
}

// best returns the most frequent pair whose product is new, if it occurs twice.
func (l *learner) best() (left, right int32, ok bool) {
	counts := map[pair]int{}
	for i, w := range l.words {
		for k := range len(w) - 1 {
			counts[pairOf(w[k], w[k+1])] += l.times[i]
		}
	}
	most, which := 1, pair(0)
	for p, n := range counts {
		if (n > most || n == most && most > 1 && p < which) && !l.known[l.names[p>>32]+l.names[int32(p)]] {
			most, which = n, p
		}
	}
	return int32(which >> 32), int32(which), most > 1
}

// merge makes one token of a pair, wherever it occurs.
func (l *learner) merge(left, right int32) {
	id := int32(len(l.names))
	l.merges = append(l.merges, l.names[left]+" "+l.names[right])
	l.add(l.names[left] + l.names[right])
	for i, w := range l.words {
		kept := w[:0]
		for k := 0; k < len(w); k++ {
			if k+1 < len(w) && w[k] == left && w[k+1] == right {
				kept = append(kept, id)
				k++
			} else {
				kept = append(kept, w[k])
			}
		}
		l.words[i] = kept
	}
}

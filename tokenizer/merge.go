package tokenizer

import "sync"

// A pair is two tokens that may become one.
type pair uint64

func pairOf(left, right int32) pair { return pair(left)<<32 | pair(right) }

// A word is a list of tokens, linked over the places of its bytes: a token lies at its first
// byte's.
type word struct {
	ids, next, prev []int32
	rank            []int32 // of the pair that starts there, or -1
	queue           []uint64
}

var words = sync.Pool{New: func() any { return new(word) }}

// release gives w back, unless a caption that was no caption has made it large.
func (w *word) release() {
	if cap(w.ids) <= 1<<16 {
		words.Put(w)
	}
}

// merge makes w the tokens of text: those of its bytes, of which the pair of lowest rank is
// merged, the first one if there are several, until there is none. Pairs wait in a heap by
// rank and place; one that a merge nearby has changed is found stale when its turn comes.
// Text of n bytes takes O(n log n).
func (w *word) merge(t *Tokenizer, text string) {
	n := len(text)
	w.ids, w.next, w.prev, w.rank = resize(w.ids, n), resize(w.next, n), resize(w.prev, n), resize(w.rank, n)
	w.queue = w.queue[:0]
	for i := range n {
		w.ids[i] = t.inner[text[i]]
		w.next[i], w.prev[i] = int32(i+1), int32(i-1)
	}
	w.ids[n-1] = t.final[text[n-1]]
	for i := range n {
		w.look(t, int32(i))
	}
	for len(w.queue) > 0 {
		key := w.pop()
		rank, i := int32(key>>32), int32(key)
		if w.rank[i] != rank {
			continue
		}
		j := w.next[i]
		w.ids[i], w.next[i], w.rank[j] = t.products[rank], w.next[j], -1
		if w.next[i] < int32(n) {
			w.prev[w.next[i]] = i
		}
		w.look(t, i)
		if w.prev[i] >= 0 {
			w.look(t, w.prev[i])
		}
	}
}

// look notes the pair that starts at i.
func (w *word) look(t *Tokenizer, i int32) {
	w.rank[i] = -1
	j := w.next[i]
	if int(j) == len(w.ids) {
		return
	}
	if rank, ok := t.ranks[pairOf(w.ids[i], w.ids[j])]; ok {
		w.rank[i] = rank
		w.push(uint64(rank)<<32 | uint64(i))
	}
}

func (w *word) push(key uint64) {
	q := append(w.queue, key)
	i := len(q) - 1
	for i > 0 && q[(i-1)/2] > key {
		q[i] = q[(i-1)/2]
		i = (i - 1) / 2
	}
	q[i] = key
	w.queue = q
}

func (w *word) pop() uint64 {
	q := w.queue
	top, last := q[0], q[len(q)-1]
	q = q[:len(q)-1]
	i := 0
	for 2*i+1 < len(q) {
		child := 2*i + 1
		if child+1 < len(q) && q[child+1] < q[child] {
			child++
		}
		if q[child] >= last {
			break
		}
		q[i] = q[child]
		i = child
	}
	if len(q) > 0 {
		q[i] = last
	}
	w.queue = q
	return top
}

// resize returns a slice of n that may be old.
func resize(old []int32, n int) []int32 {
	if cap(old) < n {
		return make([]int32, n, 2*n)
	}
	return old[:n]
}

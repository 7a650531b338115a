package data

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// longest returns how long the longest of so many examples of the epoch is, from a place on.
func (l *Loader) longest(at, n int) int {
	most := 1
	for _, i := range l.order[at : at+n] {
		most = max(most, l.lengths[i])
	}
	return most
}

// sort puts examples together by length, the longest first; others of the same length stay in
// their order.
func (l *Loader) sort(order []int) {
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(l.lengths[b], l.lengths[a]) })
}

// sortAll puts all examples together by length.
func (l *Loader) sortAll() {
	if l.lengths != nil && l.s.Window > 0 {
		l.sort(l.order)
	}
}

// sortWindows puts the examples of each window of an epoch together by length. What DropLast leaves
// out is drawn before, lest it be texts of some length alone.
func (l *Loader) sortWindows(rng *rand.Rand) {
	if l.lengths == nil || l.s.Window == 0 {
		return
	}
	order := l.order
	if l.s.DropLast {
		order = order[:l.PerEpoch()*l.s.Batch]
	}
	for window := range slices.Chunk(order, l.window()) {
		l.sort(window)
		l.mix(window, rng)
	}
}

// window is the number of examples of a window: all but the last have the same, and it not much
// fewer.
func (l *Loader) window() int {
	n := l.PerEpoch()
	windows := (n + l.s.Window - 1) / l.s.Window
	return (n + windows - 1) / windows * l.s.Batch
}

// mix brings the minibatches of a window into an order of their own. A last one that has fewer
// examples is drawn of all places between the others, and stays the last.
func (l *Loader) mix(window []int, rng *rand.Rand) {
	batch := l.s.Batch
	n, rest := len(window)/batch, len(window)%batch
	if rest > 0 {
		at := rng.IntN(n+1) * batch
		few := slices.Clone(window[at : at+rest])
		copy(window[at:], window[at+rest:])
		copy(window[len(window)-rest:], few)
	}
	rng.Shuffle(n, func(i, j int) {
		for k := range batch {
			a, b := i*batch+k, j*batch+k
			window[a], window[b] = window[b], window[a]
		}
	})
}

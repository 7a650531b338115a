package tensor

import (
	"math/bits"
	"slices"
)

// arena hands out float32 memory by size class and takes it back. What it has handed
// out once it hands out again, so the same warm memory serves every step.
type arena struct {
	classes map[int]*class
	total   int // floats that there are
	// mixed says that passes of different sizes follow each other: a block then serves smaller
	// sizes too, lest there be blocks for all of them.
	mixed bool
}

// mixedMost is how many times larger a block may be than what it serves.
const mixedMost = 8

type class struct {
	all  [][]float32
	free [][]float32 // last in, first out: the warmest first
}

// classSize rounds n up to an eighth of a power of two.
func classSize(n int) int {
	const least = 64
	if n <= least {
		return least
	}
	shift := bits.Len(uint(n-1)) - 3
	return (n + 1<<shift - 1) >> shift << shift
}

// get returns n floats of unknown content.
func (a *arena) get(n int) []float32 {
	if a.classes == nil {
		a.classes = map[int]*class{}
	}
	size := classSize(n)
	c := a.classes[size]
	if c == nil {
		c = &class{}
		a.classes[size] = c
	}
	if len(c.free) == 0 && a.mixed {
		if larger := a.larger(size); larger != nil {
			c = larger
		} else {
			a.drop(size)
		}
	}
	if len(c.free) == 0 {
		b := make([]float32, size)
		a.total += size
		c.all = append(c.all, b)
		c.free = append(c.free, b)
	}
	last := len(c.free) - 1
	b := c.free[last]
	c.free = c.free[:last]
	return b[:n]
}

// larger returns the next larger class that has a block, or nil.
func (a *arena) larger(size int) *class {
	for s := classSize(size + 1); s <= mixedMost*size; s = classSize(s + 1) {
		if c := a.classes[s]; c != nil && len(c.free) > 0 {
			return c
		}
	}
	return nil
}

// drop gives up blocks that nobody has, and that one of a size will serve for: the largest first, as
// much as that has.
func (a *arena) drop(size int) {
	for left := size; left > 0; {
		best := 0
		for s, c := range a.classes {
			if s < size && s >= size/mixedMost && len(c.free) > 0 {
				best = max(best, s)
			}
		}
		if best == 0 {
			return
		}
		c := a.classes[best]
		last := len(c.free) - 1
		gone := &c.free[last][:1][0]
		c.free = c.free[:last]
		c.all = slices.DeleteFunc(c.all, func(b []float32) bool { return &b[0] == gone })
		a.total -= best
		left -= best
	}
}

// put takes back what get returned.
func (a *arena) put(b []float32) {
	if b == nil {
		return
	}
	c := a.classes[cap(b)]
	c.free = append(c.free, b[:cap(b)])
}

// reset takes back everything.
func (a *arena) reset() {
	for _, c := range a.classes {
		c.free = append(c.free[:0], c.all...)
	}
}

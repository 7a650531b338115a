package tensor

import "math/bits"

// arena hands out float32 memory by size class and takes it back. What it has handed
// out once it hands out again, so the same warm memory serves every step.
type arena struct {
	classes map[int]*class
	total   int // floats ever made
}

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

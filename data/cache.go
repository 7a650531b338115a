package data

import (
	"math"
	"sync/atomic"
)

// A cache keeps decoded images of a set while there is room, which several sets may share.
type cache struct {
	kept []atomic.Pointer[[]uint8]
	room *atomic.Int64 // bytes
}

// roomFor returns the room of caches that Options.CacheBytes gives.
func roomFor(cacheBytes int64) *atomic.Int64 {
	room := &atomic.Int64{}
	room.Store(cacheBytes)
	if cacheBytes == 0 {
		room.Store(DefaultCacheBytes)
	}
	return room
}

// get returns image i, or nil if it is not kept.
func (c *cache) get(i int) []uint8 {
	if kept := c.kept[i].Load(); kept != nil {
		return *kept
	}
	return nil
}

// keep remembers an image while there is room.
func (c *cache) keep(i int, rgb []uint8) {
	n := int64(len(rgb))
	if c.room.Add(-n) < 0 || !c.kept[i].CompareAndSwap(nil, &rgb) {
		c.room.Add(n)
	}
}

// preprocessed are images that a preprocessor has made.
type preprocessed struct {
	cache
	decode func(i int) ([]float32, error)
}

// NewImages returns the set of images of side x side x 3 that decode makes when they are read,
// as many as there are labels: numbers in [0, 1] as of [Preprocessor] without
// normalisation. As many as [DefaultCacheBytes] holds are kept.
func NewImages(labels []int, side int, decode func(i int) ([]float32, error)) *Set {
	p := &preprocessed{decode: decode}
	p.kept, p.room = make([]atomic.Pointer[[]uint8], len(labels)), roomFor(0)
	return &Set{Labels: labels, Shape: []int{side, side, 3}, source: p}
}

func (p *preprocessed) read(dst []float32, i int) error {
	if kept := p.get(i); kept != nil {
		toFloats(dst, kept)
		return nil
	}
	x, err := p.decode(i)
	if err != nil {
		return err
	}
	rgb := make([]uint8, len(x))
	for k, v := range x {
		rgb[k] = uint8(math.Round(255 * float64(v)))
	}
	toFloats(dst, rgb)
	p.keep(i, rgb)
	return nil
}

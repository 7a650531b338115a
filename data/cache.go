package data

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/monge-ml/monge/data/picture"
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

// decoded are examples that a function makes.
type decoded struct {
	cache
	shape  []int
	decode func(i int) ([]float32, error)
}

// NewImages returns the set of n images of a shape (height, width, channels), without labels or
// targets, that decode makes when they are read, as of [picture.Preprocessor.Read] without
// normalisation. As many as [DefaultCacheBytes] holds are kept: a byte a number where all
// numbers of an image are whole 255ths, as those of files are, else four. They come back as
// decode made them, to the bit. Decode may be called concurrently.
func NewImages(n int, shape []int, decode func(i int) ([]float32, error)) (*Set, error) {
	d := &decoded{shape: shape, decode: decode}
	s, err := NewLazy(n, shape, d.read)
	d.kept, d.room = make([]atomic.Pointer[[]uint8], max(n, 0)), roomFor(0)
	return s, err
}

func (d *decoded) read(dst []float32, i int) error {
	if kept := d.get(i); kept != nil {
		unpackImage(dst, kept)
		return nil
	}
	x, err := d.decode(i)
	if err != nil {
		return err
	}
	if len(x) != len(dst) {
		return fmt.Errorf("example %d: %d numbers are none of shape %v", i, len(x), d.shape)
	}
	copy(dst, x)
	d.keep(i, packImage(x))
	return nil
}

// packImage returns what is kept of an example: levels if it has no other values, else floats.
func packImage(x []float32) []uint8 {
	b := make([]uint8, len(x))
	for k, v := range x {
		if !(v >= 0 && v <= 1) {
			return packFloats(x)
		}
		b[k] = uint8(math.Round(255 * float64(v)))
		if math.Float32bits(float32(b[k])/255) != math.Float32bits(v) {
			return packFloats(x)
		}
	}
	return b
}

func packFloats(x []float32) []uint8 {
	b := make([]uint8, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// unpackImage is the way back.
func unpackImage(dst []float32, b []uint8) {
	if len(b) == len(dst) {
		picture.Floats(dst, b)
		return
	}
	for k := range dst {
		dst[k] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*k:]))
	}
}

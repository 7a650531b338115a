// Package data holds data sets for classification: examples of one shape with integer
// labels, split for training, validation and test; and the loader that turns a set into
// minibatches.
package data

import (
	"fmt"
	"math/rand/v2"
)

// A Set is labelled examples of one shape. Its examples may lie in memory or in files
// that are decoded when read; reading is safe for concurrent use.
type Set struct {
	Labels []int
	Shape  []int    // of one example: height, width, channels for images
	Paths  []string // the file of each example, or nil where examples have none

	source source
	index  []int // example i is the source's example index[i]; nil is the identity
}

// A source holds the examples of a data set by number.
type source interface {
	// read writes example i to dst, which has room for it. Pixels are in [0, 1]. It may
	// be called concurrently.
	read(dst []float32, i int) error
}

// NewSet returns the set of examples that lie one after the other in x, which it keeps.
func NewSet(x []float32, labels, shape []int) (*Set, error) {
	s := &Set{Labels: labels, Shape: shape, source: floats(x)}
	if len(labels) == 0 || s.ExampleLen() <= 0 || len(x) != len(labels)*s.ExampleLen() {
		return nil, fmt.Errorf("%d numbers are no %d examples of shape %v", len(x), len(labels), shape)
	}
	return s, nil
}

// floats are examples in memory.
type floats []float32

func (x floats) read(dst []float32, i int) error {
	copy(dst, x[i*len(dst):(i+1)*len(dst)])
	return nil
}

// Len returns the number of examples; a nil set has none.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.Labels)
}

// ExampleLen returns the number of elements of an example.
func (s *Set) ExampleLen() int {
	n := 1
	for _, d := range s.Shape {
		n *= d
	}
	return n
}

// Read writes example i to dst, which must have room for [Set.ExampleLen] numbers.
// Errors name the file.
func (s *Set) Read(dst []float32, i int) error {
	if s.index != nil {
		i = s.index[i]
	}
	return s.source.read(dst[:s.ExampleLen()], i)
}

// Select returns the examples at idx, in that order. They are not copied.
func (s *Set) Select(idx []int) *Set {
	out := &Set{Labels: make([]int, len(idx)), Shape: s.Shape, source: s.source, index: make([]int, len(idx))}
	if s.Paths != nil {
		out.Paths = make([]string, len(idx))
	}
	for i, j := range idx {
		out.Labels[i] = s.Labels[j]
		out.index[i] = j
		if s.index != nil {
			out.index[i] = s.index[j]
		}
		if s.Paths != nil {
			out.Paths[i] = s.Paths[j]
		}
	}
	return out
}

// Splits is a data set in three parts that share no example. A part that the data set
// does not have is nil.
type Splits struct {
	Name             string
	Classes          []string
	Train, Val, Test *Set
}

// WithLabelNoise returns the splits with a share of the training labels replaced by
// classes drawn uniformly (the right one among them), as a function of seed alone.
// Validation and test labels stay clean.
func (s *Splits) WithLabelNoise(share float64, seed uint64) (*Splits, error) {
	if !(share >= 0 && share <= 1) {
		return nil, fmt.Errorf("label noise is %g; it must be between 0 and 1", share)
	}
	noisy := *s
	if s.Train == nil {
		return &noisy, nil
	}
	train := *s.Train
	train.Labels = append([]int(nil), s.Train.Labels...)
	rng := rand.New(rand.NewPCG(seed, 0x6c6162656c73)) // "labels"
	for _, i := range rng.Perm(train.Len())[:int(share*float64(train.Len())+.5)] {
		train.Labels[i] = rng.IntN(len(s.Classes))
	}
	noisy.Train = &train
	return &noisy, nil
}

// Options say how to open a data set.
type Options struct {
	// Size is the height and width that images of files are brought to; 0 keeps theirs,
	// which must then agree. Crop cuts the centre out where the shape differs, else
	// images are squeezed.
	Size int
	Crop bool
	// Classes keeps these classes alone, in this order; nil keeps all.
	Classes []string
	// Val is the part of the training examples that validates where the data set has
	// no validation split of its own: a share below 1 or a number of examples, by class
	// alike; 0 is none. Subset and TestSubset keep so many examples of the training and
	// test splits, by class alike; 0 keeps all.
	Val                float64
	Subset, TestSubset int
	Seed               uint64 // of what is drawn: Val, Subset, TestSubset
	CacheBytes         int64  // of decoded images to keep in memory; 0 is DefaultCacheBytes
}

// DefaultCacheBytes is the memory that decoded images may take.
const DefaultCacheBytes = 2 << 30

// Open returns a data set by its spec: a name, or a format and a place ("idx:DIR").
func Open(spec string, o Options) (*Splits, error) {
	if spec == "digits" {
		return Digits()
	}
	return nil, fmt.Errorf("unknown data set %q; there is digits", spec)
}

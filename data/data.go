// Package data holds data sets for classification: examples of one shape with integer
// labels, split for training, validation and test; and the loader that turns a set into
// minibatches.
package data

import (
	"fmt"
	"io"
)

// A Set is labelled examples of one shape. Its examples may lie in memory or in files
// that are decoded when read; reading is safe for concurrent use.
type Set struct {
	Labels []int
	Shape  []int    // of one example: height, width, channels for images, tokens for texts
	Text   bool     // whether examples are rows of token ids, see [Vocabulary]
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
	if len(labels) == 0 || len(shape) == 0 || s.ExampleLen() <= 0 || len(x) != len(labels)*s.ExampleLen() {
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

// octets are examples of each bytes in memory.
type octets struct {
	x    []uint8
	each int
}

func (p octets) at(i int) []uint8 { return p.x[i*p.each : (i+1)*p.each] }

func (p octets) read(dst []float32, i int) error {
	toFloats(dst, p.at(i))
	return nil
}

func (p octets) identify(w io.Writer, i int) { w.Write(p.at(i)) }

// level is a byte's value in [0, 1].
var level = func() (level [256]float32) {
	for v := range level {
		level[v] = float32(v) / 255
	}
	return level
}()

func toFloats(dst []float32, x []uint8) {
	for i, v := range x {
		dst[i] = level[v]
	}
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
	return s.source.read(dst[:s.ExampleLen()], s.number(i))
}

// number returns the source's number of example i.
func (s *Set) number(i int) int {
	if s.index != nil {
		return s.index[i]
	}
	return i
}

// Select returns the examples at idx, in that order. They are not copied.
func (s *Set) Select(idx []int) *Set {
	out := &Set{Labels: make([]int, len(idx)), Shape: s.Shape, Text: s.Text, source: s.source, index: make([]int, len(idx))}
	if s.Paths != nil {
		out.Paths = make([]string, len(idx))
	}
	for i, j := range idx {
		out.Labels[i] = s.Labels[j]
		out.index[i] = s.number(j)
		if s.Paths != nil {
			out.Paths[i] = s.Paths[j]
		}
	}
	return out
}

// Splits is a data set in three parts that share no example. A part that the data set
// does not have is nil.
type Splits struct {
	Name             string // the spec that it was opened by
	Classes          []string
	Train, Val, Test *Set
	// Ignored is how many files of an image folder, or packages of an index, are no
	// examples; IgnoredWhy says why they are none.
	Ignored    int
	IgnoredWhy string
}

// A Part is a split with its name.
type Part struct {
	Name string // "train", "val" or "test"
	*Set
}

// Parts returns the splits that the data set has.
func (s *Splits) Parts() []Part {
	var parts []Part
	for _, p := range []Part{{"train", s.Train}, {"val", s.Val}, {"test", s.Test}} {
		if p.Set != nil {
			parts = append(parts, p)
		}
	}
	return parts
}

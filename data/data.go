// Package data holds data sets: examples of one shape with integer labels or with numbers to
// predict, split for training, validation and test; and the loader that turns a set into
// minibatches.
package data

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/monge-ml/monge/data/picture"
)

// A Set is examples of one shape, with a label each, or with numbers to predict (targets), or
// with neither. Its examples may lie in memory or in files that are decoded when read; reading
// is safe for concurrent use.
type Set struct {
	Labels    []int     // the class of each example, or nil
	Targets   []float32 // TargetLen finite numbers for each example, or nil
	TargetLen int
	Shape     []int    // of one example: height, width, channels of images, tokens of texts; nil of texts without tokens yet
	Paths     []string // the file of each example, or nil where examples have none

	source source
	text   bool
	index  []int // example i is the source's example index[i]; nil is the identity, with labels or targets
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

// NewTargets returns the set of examples that lie one after the other in x, with as many numbers
// to predict for each in targets. It keeps both.
func NewTargets(x, targets []float32, shape []int) (*Set, error) {
	s := &Set{Shape: shape}
	n := 0
	if len(shape) > 0 && s.ExampleLen() > 0 {
		n = len(x) / s.ExampleLen()
	}
	if n == 0 || len(x) != n*s.ExampleLen() {
		return nil, fmt.Errorf("%d numbers are no examples of shape %v", len(x), shape)
	}
	return newLazy(n, shape, floats(x)).WithTargets(targets)
}

// NewLazy returns the set of n examples of a shape, without labels or targets, that read writes
// when they are read: example i to dst, which has room for it, with pixels in [0, 1] if it is
// an image. It may be called concurrently. Its errors should name the file.
func NewLazy(n int, shape []int, read func(dst []float32, i int) error) (*Set, error) {
	if n < 1 || len(shape) == 0 || (&Set{Shape: shape}).ExampleLen() <= 0 {
		return nil, fmt.Errorf("%d examples of shape %v are none", n, shape)
	}
	return newLazy(n, shape, reader(read)), nil
}

// reader is a source that a function reads.
type reader func(dst []float32, i int) error

func (r reader) read(dst []float32, i int) error { return r(dst, i) }

// newLazy returns the n examples of a source, without labels.
func newLazy(n int, shape []int, s source) *Set {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return &Set{Shape: shape, source: s, index: all}
}

// WithLabels returns the set with these labels, one for each example, in place of what it has.
func (s *Set) WithLabels(labels []int) (*Set, error) {
	if len(labels) != s.Len() {
		return nil, fmt.Errorf("%d labels for %d examples", len(labels), s.Len())
	}
	out := *s
	out.Labels, out.Targets, out.TargetLen = labels, nil, 0
	return &out, nil
}

// WithTargets returns the set with these numbers to predict, as many for each example, in place
// of what it has.
func (s *Set) WithTargets(targets []float32) (*Set, error) {
	n := s.Len()
	if n == 0 || len(targets) == 0 || len(targets)%n != 0 {
		return nil, fmt.Errorf("%d targets for %d examples; each must have as many", len(targets), n)
	}
	out := *s
	out.Labels, out.Targets, out.TargetLen = nil, targets, len(targets)/n
	for i, v := range targets {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("target %d of example %d is %g; it must be finite", i%out.TargetLen, i/out.TargetLen, v)
		}
	}
	return &out, nil
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
	picture.Floats(dst, p.at(i))
	return nil
}

func (p octets) identify(w io.Writer, i int) { w.Write(p.at(i)) }

// Len returns the number of examples; a nil set has none.
func (s *Set) Len() int {
	switch {
	case s == nil:
		return 0
	case s.index != nil:
		return len(s.index)
	case s.TargetLen > 0:
		return len(s.Targets) / s.TargetLen
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
	return s.readRow(dst[:s.ExampleLen()], i)
}

// readRow writes example i to dst, which may be shorter than an example where what is left is
// padding.
func (s *Set) readRow(dst []float32, i int) error { return s.source.read(dst, s.Number(i)) }

// Target returns the numbers to predict of example i, none if it has a label.
func (s *Set) Target(i int) []float32 { return s.Targets[i*s.TargetLen : (i+1)*s.TargetLen] }

// Binary reports whether all targets are 0 or 1, as where each says whether a label applies.
func (s *Set) Binary() bool {
	return !slices.ContainsFunc(s.Targets, func(v float32) bool { return v != 0 && v != 1 })
}

// Number returns the number of example i in the set that it was selected from, by whatever
// selections; what else is known of the examples can be found by it.
func (s *Set) Number(i int) int {
	if s.index != nil {
		return s.index[i]
	}
	return i
}

// Select returns the examples at idx, in that order. They are not copied.
func (s *Set) Select(idx []int) *Set {
	out := &Set{TargetLen: s.TargetLen, Shape: s.Shape, text: s.text, source: s.source, index: make([]int, len(idx))}
	for i, j := range idx {
		out.index[i] = s.Number(j)
	}
	out.Labels, out.Paths = at(s.Labels, idx), at(s.Paths, idx)
	if s.TargetLen > 0 {
		out.Targets = make([]float32, 0, len(idx)*s.TargetLen)
		for _, j := range idx {
			out.Targets = append(out.Targets, s.Target(j)...)
		}
	}
	return out
}

// at returns the elements of a list at idx, nil of none.
func at[T any](list []T, idx []int) []T {
	if list == nil {
		return nil
	}
	out := make([]T, len(idx))
	for i, j := range idx {
		out[i] = list[j]
	}
	return out
}

// Splits is a data set in three parts that share no example. A part that the data set
// does not have is nil.
type Splits struct {
	Name             string   // the spec that it was opened by
	Classes          []string // by label; nil of data with targets
	Targets          []string // names of the numbers to predict; nil of data with classes
	Features         []string // names of the columns of a table that examples are of, in their order; nil of other data
	Train, Val, Test *Set
	// Ignored is how many files of an image folder, or packages of an index, are no
	// examples; IgnoredWhy says why they are none.
	Ignored    int
	IgnoredWhy string
	// Notes say what else was left out, or decided, when the data were read: a line each for the
	// people whose data they are.
	Notes []string
	// Damaged are the examples that Options.SkipDamaged left out, numbered as they were.
	Damaged []Damaged

	tokens int // of a text, as Options.Size says; 0 for the usual number
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

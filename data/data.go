// Package data holds data sets for classification: examples of one shape with integer
// labels, split for training, validation and test.
package data

import (
	"fmt"
	"math/rand/v2"
)

// A Set is examples of one shape, one after the other, with their labels.
type Set struct {
	X      []float32
	Labels []int
	Shape  []int // of one example: height, width, channels for images
}

// Len returns the number of examples.
func (s *Set) Len() int { return len(s.Labels) }

// Example returns example i's numbers.
func (s *Set) Example(i int) []float32 {
	n := len(s.X) / len(s.Labels)
	return s.X[i*n : (i+1)*n]
}

// Gather copies the examples at idx to x and labels, which must have room for them.
func (s *Set) Gather(x []float32, labels, idx []int) {
	n := len(s.X) / len(s.Labels)
	for i, j := range idx {
		copy(x[i*n:(i+1)*n], s.Example(j))
		labels[i] = s.Labels[j]
	}
}

// subset returns the examples at idx.
func (s *Set) subset(idx []int) *Set {
	out := &Set{X: make([]float32, len(s.X)/s.Len()*len(idx)), Labels: make([]int, len(idx)), Shape: s.Shape}
	s.Gather(out.X, out.Labels, idx)
	return out
}

// Splits is a data set in three parts that share no example.
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
	train := *s.Train
	train.Labels = append([]int(nil), s.Train.Labels...)
	rng := rand.New(rand.NewPCG(seed, 0x6c6162656c73)) // "labels"
	for _, i := range rng.Perm(train.Len())[:int(share*float64(train.Len())+.5)] {
		train.Labels[i] = rng.IntN(len(s.Classes))
	}
	noisy.Train = &train
	return &noisy, nil
}

// Open returns a data set by name.
func Open(name string) (*Splits, error) {
	if name == "digits" {
		return Digits()
	}
	return nil, fmt.Errorf("unknown data set %q; there is digits", name)
}

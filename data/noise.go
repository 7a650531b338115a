package data

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/monge-ml/monge/internal/kernel"
)

// A Noise says how training examples are spoiled, once for all epochs. The zero value
// leaves them alone.
type Noise struct {
	// Labels is the share of labels replaced by classes drawn uniformly, the right one
	// among them.
	Labels float64
	// Pixels is the probability of each number of an example to be set to 0, before
	// anything else is done with it: the "pixel dropout" of Liu et al. (2020, arXiv
	// 1906.02613).
	Pixels float64
	// Copies of each example are made first, each spoiled in its own way. 0 means 1.
	Copies int
}

// maxCopied bounds a training set that is copied: its order and labels lie in memory.
const maxCopied = 1 << 28

// WithNoise returns the splits with spoiled training examples, as a function of seed
// alone. Validation and test examples stay as they are.
func (s *Splits) WithNoise(n Noise, seed uint64) (*Splits, error) {
	copies := max(n.Copies, 1)
	switch {
	case !(n.Labels >= 0 && n.Labels <= 1):
		return nil, fmt.Errorf("label noise is %g; it must be between 0 and 1", n.Labels)
	case n.Labels > 0 && s.Train != nil && s.Train.Labels == nil:
		return nil, fmt.Errorf("label noise is %g, but the examples have no classes: leave it off", n.Labels)
	case !(n.Pixels >= 0 && n.Pixels <= 1):
		return nil, fmt.Errorf("pixel dropout is %g; it must be between 0 and 1", n.Pixels)
	case n.Pixels > 0 && s.Train.Texts():
		return nil, fmt.Errorf("pixel dropout is %g, but the examples are texts: leave it off", n.Pixels)
	case n.Copies < 0:
		return nil, fmt.Errorf("copies is %d; it must be at least 1", n.Copies)
	case copies > maxCopied/max(s.Train.Len(), 1):
		return nil, fmt.Errorf("%d copies of %d training examples are more than %d", copies, s.Train.Len(), maxCopied)
	}
	noisy := *s
	if s.Train == nil {
		return &noisy, nil
	}
	train := *s.Train
	if copies > 1 || n.Pixels > 0 {
		train = s.Train.spoiled(copies, n.Pixels, seed)
	}
	train.Labels = slices.Clone(train.Labels)
	rng := rand.New(rand.NewPCG(seed, 0x6c6162656c73)) // "labels"
	for _, i := range rng.Perm(train.Len())[:int(n.Labels*float64(train.Len())+.5)] {
		train.Labels[i] = rng.IntN(len(s.Classes))
	}
	noisy.Train = &train
	return &noisy, nil
}

// spoiled returns copies of a set, one after the other, that lack a share of their numbers.
func (s *Set) spoiled(copies int, share float64, seed uint64) Set {
	out := *newLazy(copies*s.Len(), s.Shape, &spoiling{s, share, kernel.Mix(seed, 0x706978656c73)}) // "pixels"
	out.TargetLen, out.text = s.TargetLen, s.text
	out.Labels, out.Targets, out.Paths = repeat(s.Labels, copies), repeat(s.Targets, copies), repeat(s.Paths, copies)
	return out
}

// repeat returns a list so many times, nil of none.
func repeat[T any](list []T, times int) []T {
	if list == nil {
		return nil
	}
	return slices.Repeat(list, times)
}

// A spoiling is copies of a set; example i is one of the set's, with zeros.
type spoiling struct {
	set   *Set
	share float64
	key   uint64
}

func (s *spoiling) read(dst []float32, i int) error {
	if err := s.set.readRow(dst, i%s.set.Len()); err != nil {
		return err
	}
	if s.share == 0 {
		return nil
	}
	key := kernel.Mix(s.key, uint64(i))
	below := uint64(s.share * (1 << 53))
	for j := range dst {
		if kernel.Mix(key, uint64(j))>>11 < below {
			dst[j] = 0
		}
	}
	return nil
}

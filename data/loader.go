package data

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// LoaderSettings say how a set becomes minibatches.
type LoaderSettings struct {
	Batch     int
	Shuffle   bool // else in order, for evaluation
	Seed      uint64
	Augment   Augment
	Normalize Normalization
	Ahead     int // minibatches to prepare ahead; 0 prepares each when asked for
}

// A Batch is a minibatch. It is valid until the loader's next call.
type Batch struct {
	X      []float32 // examples, one after the other
	Labels []int
	// With mixup, X holds share Lambda of the example of Labels and 1-Lambda of an example
	// of Mixed; without it Mixed is nil and Lambda 1.
	Mixed  []int
	Lambda float64
}

// A Loader goes through a set in minibatches, epoch after epoch. A minibatch is a
// function of the settings, the epoch and its place in it alone.
type Loader struct {
	set   *Set
	s     LoaderSettings
	batch Batch
	order []int
	at    int
}

// NewLoader returns a loader, at the start of epoch 1. Minibatches have at most
// settings.Batch examples.
func NewLoader(set *Set, settings LoaderSettings) (*Loader, error) {
	if settings.Batch <= 0 {
		return nil, fmt.Errorf("batch is %d; it must be at least 1", settings.Batch)
	}
	if set.Len() == 0 {
		return nil, fmt.Errorf("the set is empty")
	}
	settings.Batch = min(settings.Batch, set.Len())
	l := &Loader{set: set, s: settings, order: make([]int, set.Len())}
	l.batch = Batch{X: make([]float32, set.ExampleLen()*settings.Batch), Labels: make([]int, settings.Batch), Lambda: 1}
	l.Start(1, 0)
	return l, nil
}

// PerEpoch returns the number of minibatches of an epoch; the last may be smaller.
func (l *Loader) PerEpoch() int { return (l.set.Len() + l.s.Batch - 1) / l.s.Batch }

// Start goes to minibatch number at, counted from 0, of an epoch.
func (l *Loader) Start(epoch, at int) {
	for i := range l.order {
		l.order[i] = i
	}
	if l.s.Shuffle {
		rng := rand.New(rand.NewPCG(l.s.Seed, uint64(epoch)+1))
		rng.Shuffle(len(l.order), func(i, j int) { l.order[i], l.order[j] = l.order[j], l.order[i] })
	}
	l.at = at * l.s.Batch
}

// Next returns the next minibatch of the epoch, or nil at its end.
func (l *Loader) Next(ctx context.Context) (*Batch, error) {
	n := min(l.s.Batch, len(l.order)-l.at)
	if n <= 0 {
		return nil, ctx.Err()
	}
	per := l.set.ExampleLen()
	l.batch.X, l.batch.Labels = l.batch.X[:n*per], l.batch.Labels[:n]
	for i, j := range l.order[l.at : l.at+n] {
		if err := l.set.Read(l.batch.X[i*per:(i+1)*per], j); err != nil {
			return nil, err
		}
		l.batch.Labels[i] = l.set.Labels[j]
	}
	l.at += n
	return &l.batch, ctx.Err()
}

// Close stops the work ahead.
func (l *Loader) Close() {}

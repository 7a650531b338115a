package data

import "math/rand/v2"

// Batches goes through a set in shuffled minibatches, epoch after epoch. The order of an
// epoch is a function of the seed and the epoch's number alone.
type Batches struct {
	X      []float32 // the current minibatch's examples
	Labels []int     // and labels

	set   *Set
	size  int
	seed  uint64
	order []int
	at    int
}

// NewBatches returns an iterator over minibatches of at most size examples; the last
// one of an epoch may be smaller.
func NewBatches(s *Set, size int, seed uint64) *Batches {
	size = min(size, s.Len())
	b := &Batches{set: s, size: size, seed: seed, order: make([]int, s.Len())}
	b.X = make([]float32, len(s.X)/s.Len()*size)
	b.Labels = make([]int, size)
	return b
}

// PerEpoch returns the number of minibatches of an epoch.
func (b *Batches) PerEpoch() int { return (b.set.Len() + b.size - 1) / b.size }

// Start begins an epoch.
func (b *Batches) Start(epoch int) {
	for i := range b.order {
		b.order[i] = i
	}
	rng := rand.New(rand.NewPCG(b.seed, uint64(epoch)+1))
	rng.Shuffle(len(b.order), func(i, j int) { b.order[i], b.order[j] = b.order[j], b.order[i] })
	b.at = 0
}

// Next loads the next minibatch of the epoch; false is the epoch's end.
func (b *Batches) Next() bool {
	n := min(b.size, len(b.order)-b.at)
	if n <= 0 {
		return false
	}
	b.X = b.X[:cap(b.X)][:len(b.set.X)/b.set.Len()*n]
	b.Labels = b.Labels[:n]
	b.set.Gather(b.X, b.Labels, b.order[b.at:b.at+n])
	b.at += n
	return true
}

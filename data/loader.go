package data

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/internal/par"
)

// LoaderSettings say how a set becomes minibatches.
type LoaderSettings struct {
	Batch     int
	Shuffle   bool // else in order, for evaluation
	DropLast  bool // leave out an epoch's last minibatch where it would be smaller
	Seed      uint64
	Augment   Augment
	Normalize picture.Normalization
	// Window is for texts whose lengths are known (see [Set.Lengths]): with Shuffle the examples of
	// so many minibatches are put together by length, so that little is padded, and these
	// minibatches come in an order of their own; without it all examples of the set are, the
	// longest first. 0 leaves the order.
	Window int
	// Ahead is the number of minibatches to prepare while the caller computes. It hides
	// waiting for storage; reading from memory costs the same processor time sooner or
	// later, and 0 (prepare each when asked for, on all threads) is as fast.
	Ahead int
}

// UsualWindow is a window that leaves minibatches of texts little padding, and much chance.
const UsualWindow = 64

// A Batch is a minibatch. It is valid until the loader's next call.
type Batch struct {
	X         []float32 // examples, one after the other
	Shape     []int     // of an example: the set's, but for texts whose lengths are known, which are cut to the longest of the minibatch
	Labels    []int     // nil of a set without
	Targets   []float32 // TargetLen numbers for each example, nil of a set without
	TargetLen int
	Examples  []int // of each, its number in the set, see [Set.Number]
	Places    []int // of each, its place in the set that the loader was made for
	// With mixup, an example of X is float32(Lambda) times the example of Labels plus
	// float32(1-Lambda) times an example of Mixed, and so are Targets, which have no Mixed;
	// without it Mixed is nil and Lambda 1. Examples are those of Labels.
	Mixed  []int
	Lambda float64
}

// A Loader goes through a set in minibatches, epoch after epoch. A minibatch is a
// function of the settings, the epoch and its place in it alone.
//
// A minibatch is prepared in pieces. While the caller computes, a goroutine for each
// minibatch ahead does pieces and yields the processor after each; Next does the pieces
// that are left, on all threads. A loader is for one goroutine.
type Loader struct {
	set   *Set
	s     LoaderSettings
	order []int // of the epoch
	// lengths are those of the examples, nil where all rows are whole.
	lengths []int
	epoch   int
	at      int    // the minibatch that Next returns
	begun   int    // the first minibatch that no job has
	jobs    []*job // minibatch n is prepared by job n % len(jobs)
	stop    atomic.Bool
	ahead   sync.WaitGroup // goroutines that prepare

	batch   Batch
	mixing  mixing // of examples
	targets mixing // likewise
	mixed   []int  // room for Batch.Mixed
}

// A job prepares one minibatch.
type job struct {
	l      *Loader
	ctx    context.Context // of the call of Next that helps
	n      int             // the minibatch
	size   int             // examples
	row    int             // numbers of an example
	batch  Batch
	pieces int
	next   atomic.Int64   // the first piece that nobody does
	done   sync.WaitGroup // for the goroutine that works ahead
	errs   []error        // by piece
	cause  any            // of a panic of that goroutine, nil for none
}

// NewLoader returns a loader, at the start of epoch 1. Minibatches have at most
// settings.Batch examples.
func NewLoader(set *Set, settings LoaderSettings) (*Loader, error) {
	if settings.Batch <= 0 {
		return nil, fmt.Errorf("batch is %d; it must be at least 1", settings.Batch)
	}
	if settings.Window < 0 {
		return nil, fmt.Errorf("window is %d; it must be 0 or more minibatches", settings.Window)
	}
	if settings.Ahead < 0 {
		return nil, fmt.Errorf("ahead is %d; it must be 0 or more minibatches", settings.Ahead)
	}
	if set.Len() == 0 {
		return nil, fmt.Errorf("the set is empty")
	}
	if set.text && set.Shape == nil {
		return nil, errNoTokens
	}
	if set.text && (settings.Augment != Augment{} || len(settings.Normalize.Mean) != 0) {
		return nil, fmt.Errorf("pad, flip, cutout, mixup and normalization are for images; the examples are texts: leave them off, and normalization none")
	}
	if settings.Augment.Mixup != 0 && set.Labels == nil && set.TargetLen == 0 {
		return nil, fmt.Errorf("mixup mixes labels or targets; the examples have neither: leave it off")
	}
	if err := settings.Augment.check(set.Shape); err != nil {
		return nil, err
	}
	if err := settings.Normalize.CheckFor(set.Shape); err != nil {
		return nil, err
	}
	settings.Batch = min(settings.Batch, set.Len())
	settings.Normalize = settings.Normalize.Clone()
	l := &Loader{set: set, s: settings, order: make([]int, set.Len()), lengths: set.Lengths()}
	numbers := settings.Batch * set.ExampleLen()
	l.jobs = make([]*job, min(settings.Ahead+1, l.PerEpoch()))
	for i := range l.jobs {
		l.jobs[i] = &job{l: l, batch: set.newBatch(settings.Batch)}
	}
	if settings.Augment.Mixup > 0 {
		l.mixed = make([]int, settings.Batch)
		l.mixing = mixing{partner: make([]int, settings.Batch), x: make([]float32, numbers), per: set.ExampleLen()}
		l.targets = mixing{x: make([]float32, settings.Batch*set.TargetLen), per: set.TargetLen}
	}
	l.Start(1, 0)
	return l, nil
}

// newBatch returns room for so many examples.
func (s *Set) newBatch(n int) Batch {
	b := Batch{X: make([]float32, n*s.ExampleLen()), Shape: slices.Clone(s.Shape), Examples: make([]int, n), Places: make([]int, n), TargetLen: s.TargetLen, Lambda: 1}
	if s.Labels != nil {
		b.Labels = make([]int, n)
	}
	if s.TargetLen > 0 {
		b.Targets = make([]float32, n*s.TargetLen)
	}
	return b
}

// cut returns the part of the batch's room that n examples take, each of so many numbers.
func (b *Batch) cut(n, each int) Batch {
	out := *b
	out.X, out.Examples, out.Places, out.Targets = b.X[:n*each], b.Examples[:n], b.Places[:n], b.Targets[:n*b.TargetLen]
	if b.Labels != nil {
		out.Labels = b.Labels[:n]
	}
	return out
}

// PerEpoch returns the number of minibatches of an epoch; the last may be smaller.
func (l *Loader) PerEpoch() int {
	if l.s.DropLast {
		return l.set.Len() / l.s.Batch
	}
	return (l.set.Len() + l.s.Batch - 1) / l.s.Batch
}

// Start goes to minibatch number at, counted from 0, of an epoch.
func (l *Loader) Start(epoch, at int) {
	l.Close()
	for i := range l.order {
		l.order[i] = i
	}
	if l.s.Shuffle {
		rng := rand.New(rand.NewPCG(l.s.Seed, uint64(epoch)+1))
		rng.Shuffle(len(l.order), func(i, j int) { l.order[i], l.order[j] = l.order[j], l.order[i] })
		l.sortWindows(rng)
	} else {
		l.sortAll()
	}
	l.epoch, l.at, l.begun = epoch, at, at
}

// Next returns the next minibatch of the epoch, or nil at its end. If examples cannot
// be read, the error is that of the first of them, and comes again until Start. When ctx
// is done Next returns its error; the next call then returns this minibatch.
func (l *Loader) Next(ctx context.Context) (*Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if l.at >= l.PerEpoch() {
		return nil, nil
	}
	for ; l.begun < min(l.at+len(l.jobs), l.PerEpoch()); l.begun++ {
		j := l.jobs[l.begun%len(l.jobs)]
		j.begin(l.begun)
		if l.begun > l.at {
			l.workAhead(j)
		}
	}
	j := l.jobs[l.at%len(l.jobs)]
	if err := j.finish(ctx); err != nil {
		return nil, err
	}
	l.batch = j.batch.cut(j.size, j.row)
	if l.s.Augment.Mixup > 0 {
		l.mixup(j.n)
	}
	l.at++
	return &l.batch, nil
}

// Step returns the minibatch of a step, counted from 0 over all epochs: the next one if it is
// that, else the loader goes there first. Errors are those of [Loader.Next].
func (l *Loader) Step(ctx context.Context, step int) (*Batch, error) {
	epoch, at := step/l.PerEpoch()+1, step%l.PerEpoch()
	if epoch != l.epoch || at != l.at {
		l.Start(epoch, at)
	}
	return l.Next(ctx)
}

// Close stops the work ahead and waits for the examples being read. A loader that has
// nothing ahead needs none, nor does one at the end of an epoch; Start and Next go on.
func (l *Loader) Close() {
	l.stop.Store(true)
	l.ahead.Wait()
	l.stop.Store(false)
	l.begun = l.at
}

// pieceNumbers is the least size of a piece, in numbers of X: smaller ones cost more to
// hand out than to do.
const pieceNumbers = 2048

// perPiece returns the number of examples of a piece.
func (j *job) perPiece() int { return (pieceNumbers + j.row - 1) / j.row }

// begin sets the job to minibatch n.
func (j *job) begin(n int) {
	j.n, j.size = n, min(j.l.s.Batch, len(j.l.order)-n*j.l.s.Batch)
	if j.row = j.l.set.ExampleLen(); j.l.lengths != nil {
		j.row = j.l.longest(n*j.l.s.Batch, j.size)
		j.batch.Shape[0] = j.row
	}
	per := j.perPiece()
	j.pieces = (j.size + per - 1) / per
	j.errs = append(j.errs[:0], make([]error, j.pieces)...)
	j.cause = nil
	j.next.Store(0)
}

// workAhead starts a goroutine that does pieces of j. It yields the processor after
// each, so that a thread of the caller's computation waits for one piece at most and
// not for the scheduler's 10 ms. A panic is kept for the caller, who may live with it.
func (l *Loader) workAhead(j *job) {
	j.done.Add(1)
	l.ahead.Add(1)
	go func() {
		defer l.ahead.Done()
		defer j.done.Done()
		defer func() { j.cause = recover() }()
		for !l.stop.Load() && j.one() {
			runtime.Gosched()
		}
	}()
}

// finish does what is left of the minibatch and returns the error of its first example
// that has one.
func (j *job) finish(ctx context.Context) error {
	j.ctx = ctx
	par.Run(j.pieces-min(int(j.next.Load()), j.pieces), j)
	if err := ctx.Err(); err != nil {
		return err
	}
	j.done.Wait()
	if j.cause != nil {
		panic(j.cause)
	}
	for _, err := range j.errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Do does one piece if one is left: any, as others take pieces at the same time.
func (j *job) Do(_, _ int) {
	if j.ctx.Err() == nil {
		j.one()
	}
}

// one does the next piece; it reports false when none is left.
func (j *job) one() bool {
	i := int(j.next.Add(1)) - 1
	if i >= j.pieces {
		return false
	}
	per := j.perPiece()
	for k := i * per; k < min((i+1)*per, j.size); k++ {
		if err := j.example(k); err != nil {
			j.errs[i] = err
			break
		}
	}
	return true
}

// example prepares example k of the minibatch.
func (j *job) example(k int) error {
	l := j.l
	place := j.n*l.s.Batch + k
	i := l.order[place]
	x := j.batch.X[k*j.row : (k+1)*j.row]
	if err := l.set.readRow(x, i); err != nil {
		return err
	}
	j.batch.Examples[k], j.batch.Places[k] = l.set.Number(i), i
	if l.set.Labels != nil {
		j.batch.Labels[k] = l.set.Labels[i]
	}
	copy(j.batch.Targets[k*l.set.TargetLen:], l.set.Target(i))
	if !l.s.Augment.moves() {
		l.s.Normalize.Apply(x)
		return nil
	}
	h, w, c := l.set.Shape[0], l.set.Shape[1], l.set.Shape[2]
	key := kernel.Mix(epochKey(l.s.Seed, augmentStream, l.epoch), uint64(place))
	l.s.Augment.vary(x, h, w, c, l.s.Augment.draw(key, h, w), l.s.Normalize)
	return nil
}

// mixup mixes minibatch number n with itself.
func (l *Loader) mixup(n int) {
	b, m := &l.batch, &l.mixing
	size := len(b.Examples)
	m.draw(l.s.Augment.Mixup, size, kernel.Mix(epochKey(l.s.Seed, mixupStream, l.epoch), uint64(n)))
	m.from = b.X
	par.Run(size, m)
	b.X = m.x[:len(b.X)]
	if b.Labels == nil {
		l.mixTargets()
		return
	}
	b.Lambda, b.Mixed = m.lambda, l.mixed[:size]
	for i, p := range m.partner {
		b.Mixed[i] = b.Labels[p]
	}
}

// mixTargets mixes the targets as mixup has mixed the examples.
func (l *Loader) mixTargets() {
	b, m := &l.batch, &l.targets
	m.lambda, m.partner, m.from = l.mixing.lambda, l.mixing.partner, b.Targets
	for i := range b.Examples {
		m.Do(0, i)
	}
	b.Targets = m.x[:len(b.Targets)]
}

package kernel

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/monge-ml/monge/internal/par"
)

// A stash keeps values for reuse. Unlike a sync.Pool it keeps them through
// garbage collections, so that a warm call never allocates.
type stash[T any] struct {
	mu   sync.Mutex
	free []*T
}

func (s *stash[T]) get() *T {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		x := s.free[n-1]
		s.free = s.free[:n-1]
		return x
	}
	return new(T)
}

func (s *stash[T]) put(x *T) {
	s.mu.Lock()
	s.free = append(s.free, x)
	s.mu.Unlock()
}

// A scratchStash keeps what a piece of work needs to itself, at best for the goroutine
// that had it before and has it in its cache.
type scratchStash[T any] struct {
	slots [16]struct {
		x atomic.Pointer[T]
		_ [120]byte
	}
	rest stash[T]
}

func (s *scratchStash[T]) get(seat int) *T {
	if x := s.slots[seat%len(s.slots)].x.Swap(nil); x != nil {
		return x
	}
	return s.rest.get()
}

func (s *scratchStash[T]) put(seat int, x *T) {
	if !s.slots[seat%len(s.slots)].x.CompareAndSwap(nil, x) {
		s.rest.put(x)
	}
}

// ownCopies reports whether each goroutine should prepare for itself what it reads, though
// others prepare the same: with few of them that is cheaper than to fetch what another
// core has written, if it is far.
func ownCopies() bool { return par.Threads() <= maxOwners && apart() }

const maxOwners = 4

var apart = par.Apart // only tests change it

// serials number what goroutines keep prepared. 0 is none.
var serials atomic.Uint64

// aligned returns a slice of n elements that starts on a cache line, in *buf's
// memory if that is large enough. Its contents are undefined.
func aligned(buf *[]float32, n int) []float32 {
	const line = 16
	if cap(*buf) < n+line {
		*buf = make([]float32, n+line)
	}
	b := (*buf)[:cap(*buf)]
	off := int(-uintptr(unsafe.Pointer(&b[0]))/4) & (line - 1)
	return b[off : off+n : off+n]
}

const (
	// chunk is the number of elements in a piece of a long vector. It fits
	// the second-level cache; results of reductions depend on it.
	chunk = 32 << 10
	// long vectors, from here on, are worth several threads.
	long = 2 * chunk
)

// A vecJob is a vector kernel with its arguments, cut in chunks for par.Run.
type vecJob struct {
	op      func(j *vecJob, piece, lo, hi int)
	n, size int // elements, and elements of a chunk
	dst     []float32
	x, y, z []float32
	a       float32
	cols    int
	sgd     sgdConsts
	adam    adamConsts
	partial []float64
}

var vecJobs stash[vecJob]

// Do does chunk i.
func (j *vecJob) Do(_, i int) {
	lo := i * j.size
	j.op(j, i, lo, min(lo+j.size, j.n))
}

func newVecJob(op func(j *vecJob, piece, lo, hi int), n, size int) *vecJob {
	j := vecJobs.get()
	j.op, j.n, j.size = op, n, size
	return j
}

func (j *vecJob) pieces() int { return (j.n + j.size - 1) / j.size }

// run does all chunks and releases the job.
func (j *vecJob) run() {
	par.Run(j.pieces(), j)
	j.release()
}

func (j *vecJob) release() {
	j.dst, j.x, j.y, j.z = nil, nil, nil, nil
	vecJobs.put(j)
}

// sums returns n zeroed float64 values that live as long as the job.
func (j *vecJob) sums(n int) []float64 {
	if cap(j.partial) < n {
		j.partial = make([]float64, n)
	}
	j.partial = j.partial[:n]
	clear(j.partial)
	return j.partial
}

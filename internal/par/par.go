// Package par runs the independent pieces of one computation on a few
// goroutines. It is made for short jobs called often: a warm Run allocates
// nothing and, while its workers are still spinning, costs about a microsecond.
//
// Run decides only who does which piece, never how the work is cut. Callers
// cut by shape, so that their results do not depend on the number of threads. The
// caller starts with the first piece and the workers with the last, so that with two
// threads a core meets in its cache what it wrote in the job before: lines that
// travel between cores cost more than arithmetic does.
package par

import (
	"math"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
)

// A Task is work cut into pieces that may be done in any order, at the same
// time. Pass pointers to reused structs: a closure would be allocated.
type Task interface {
	// Do does piece i.
	Do(i int)
}

// maxJobs bounds the jobs that share the workers at one time; further ones
// are done by their callers alone. One word holds a bit for each.
const maxJobs = 64

// A job is one call of Run. Jobs are never freed, only reused, so a worker
// that looks at one too late finds either no work or another caller's work,
// and both are fine.
type job struct {
	// todo holds the unclaimed pieces. Taking one out by compare-and-swap
	// claims it, whichever call the job belongs to at that moment.
	todo atomic.Uint64
	_    [56]byte
	// left is twice the number of unfinished pieces, plus one if the caller
	// sleeps.
	left atomic.Int64
	_    [56]byte

	task Task // stays valid while a claimed piece is unfinished
	wake chan struct{}

	mu       sync.Mutex
	panicked bool
	cause    any
	_        [64]byte
}

var (
	threads atomic.Int64 // the limit; never below 1
	running atomic.Int64 // goroutines inside Run, plus workers at work
	used    atomic.Uint64
	active  atomic.Uint64 // jobs that may have unclaimed pieces
	jobs    [maxJobs]job

	sleeping atomic.Int64 // workers that will take a token from wake
	wake     = make(chan struct{}, 1<<16)

	spawnMu sync.Mutex
	spawned atomic.Int64
)

func init() {
	threads.Store(int64(runtime.GOMAXPROCS(0)))
	for i := range jobs {
		jobs[i].wake = make(chan struct{}, 1)
	}
}

// Threads returns how many goroutines one Run uses at most, its caller
// included. It is GOMAXPROCS until SetThreads is called.
func Threads() int { return int(threads.Load()) }

// SetThreads sets that number; values below 1 mean 1. Jobs already started
// keep the workers they have until their current piece is done.
func SetThreads(n int) {
	threads.Store(int64(min(max(n, 1), 1<<15)))
}

// Run calls t.Do(0) ... t.Do(n-1) on at most Threads() goroutines, the
// caller's included, and returns when all calls have returned. It may be called
// from several goroutines and from inside a Do. If a Do panics, the pieces not
// yet started are dropped and Run panics with the first value.
func Run(n int, t Task) {
	if n <= 1 || n > math.MaxInt32 || threads.Load() == 1 {
		inline(n, t)
		return
	}
	j := acquire()
	if j == nil {
		inline(n, t)
		return
	}
	j.task = t
	j.left.Store(2 * int64(n))
	j.todo.Store(uint64(span(0, n))) // publishes the fields above
	bit := j.bit()
	active.Or(bit)
	running.Add(1)
	rouse(n - 1)
	defer j.finish(bit)
	for j.one() {
	}
}

func inline(n int, t Task) {
	for i := range n {
		t.Do(i)
	}
}

// acquire takes an unused job, or nil if all are in use.
func acquire() *job {
	for {
		u := used.Load()
		i := bits.TrailingZeros64(^u)
		if i == maxJobs {
			return nil
		}
		if used.CompareAndSwap(u, u|1<<i) {
			return &jobs[i]
		}
	}
}

func (j *job) bit() uint64 {
	for i := range jobs {
		if j == &jobs[i] {
			return 1 << i
		}
	}
	panic("par: unknown job")
}

// A pieces is a range of pieces: the first in the low half of the word, and in the
// high half the one after the last.
type pieces uint64

func span(first, end int) pieces { return pieces(end)<<32 | pieces(first) }

func (p pieces) first() int { return int(uint32(p)) }
func (p pieces) end() int   { return int(p >> 32) }
func (p pieces) len() int   { return p.end() - p.first() }

// one claims and does a piece; it reports false when none is left to claim.
// The caller's panic passes through: finish, deferred, settles the rest.
func (j *job) one() bool {
	i, ok := j.claim(false)
	if !ok {
		return false
	}
	done := false
	defer func() {
		if !done {
			j.drop()
		}
		j.pieceDone(1)
	}()
	j.task.Do(i)
	done = true
	return true
}

// claim takes the first piece, or the last.
func (j *job) claim(last bool) (int, bool) {
	for {
		todo := pieces(j.todo.Load())
		if todo.len() == 0 {
			return 0, false
		}
		i, rest := todo.first(), span(todo.first()+1, todo.end())
		if last {
			i, rest = todo.end()-1, span(todo.first(), todo.end()-1)
		}
		if j.todo.CompareAndSwap(uint64(todo), uint64(rest)) {
			return i, true
		}
	}
}

// drop unclaims nothing but takes all unclaimed pieces off the job.
func (j *job) drop() {
	j.pieceDone(int64(pieces(j.todo.Swap(0)).len()))
}

func (j *job) pieceDone(n int64) {
	if n > 0 && j.left.Add(-2*n) == 1 {
		j.wake <- struct{}{}
	}
}

// finish waits for the pieces that workers still do and gives the job back.
func (j *job) finish(bit uint64) {
	active.And(^bit)
	j.wait()
	running.Add(-1)
	panicked, cause := j.panicked, j.cause
	j.panicked, j.cause, j.task = false, nil, nil
	used.And(^bit)
	if panicked {
		panic(cause)
	}
}

// wait spins for a while, then yields, then sleeps: the worker it waits for
// may need this very processor.
func (j *job) wait() {
	for i := range waitSpins {
		if j.left.Load() == 0 {
			return
		}
		if i >= hotSpins {
			runtime.Gosched()
		}
	}
	if j.left.Or(1) == 0 {
		j.left.Store(0)
		return
	}
	<-j.wake
}

// Spin lengths. A hot spin is about a nanosecond, a yield about 100 ns.
const (
	hotSpins  = 2000
	waitSpins = hotSpins + 200
	idleSpins = 100 // each hotPerYield loads and one yield: about 30 us in all
	// hotPerYield is short, as another goroutine may wait for the processor.
	hotPerYield = 200
)

// rouse makes sure that up to n workers exist and are awake.
func rouse(n int) {
	want := min(int64(n), threads.Load()-running.Load())
	if want <= 0 {
		return
	}
	if spawned.Load() < threads.Load()-1 {
		spawn()
	}
	for ; want > 0; want-- {
		if !unsleep() {
			return
		}
		wake <- struct{}{}
	}
}

func spawn() {
	spawnMu.Lock()
	defer spawnMu.Unlock()
	for spawned.Load() < threads.Load()-1 {
		spawned.Add(1)
		go worker()
	}
}

// unsleep takes one worker off the count of sleepers; whoever succeeds owes
// the sleepers a token, or is that worker itself.
func unsleep() bool {
	for {
		s := sleeping.Load()
		if s == 0 {
			return false
		}
		if sleeping.CompareAndSwap(s, s-1) {
			return true
		}
	}
}

func worker() {
	// Only runtime.Goexit in a Do ends a worker; the next Run starts another.
	defer spawned.Add(-1)
	for {
		for spin := 0; spin < idleSpins; spin++ {
			if work() {
				spin = 0
			}
			runtime.Gosched()
		}
		sleeping.Add(1)
		if active.Load() != 0 && running.Load() < threads.Load() && unsleep() {
			continue // work came in between
		}
		<-wake
	}
}

// work looks for pieces for a moment and does what it finds.
func work() bool {
	for range hotPerYield {
		if active.Load() != 0 && sit() {
			found := help()
			running.Add(-1)
			return found
		}
	}
	return false
}

// sit takes a place at the table if fewer goroutines than allowed are at
// work. With as many callers of Run as threads, the workers stay away, as they
// would only fight the callers for the processors.
func sit() bool {
	for {
		r := running.Load()
		if r >= threads.Load() {
			return false
		}
		if running.CompareAndSwap(r, r+1) {
			return true
		}
	}
}

// help does pieces of any job until there are none, or until new callers
// need the place.
func help() bool {
	found := false
	for {
		mask := active.Load()
		did := false
		for ; mask != 0; mask &= mask - 1 {
			j := &jobs[bits.TrailingZeros64(mask)]
			for running.Load() <= threads.Load() && j.guarded() {
				did = true
			}
		}
		if !did {
			return found
		}
		found = true
	}
}

// guarded is one for workers: a panic is kept for the caller of Run.
func (j *job) guarded() bool {
	i, ok := j.claim(true)
	if !ok {
		return false
	}
	done := false
	defer func() {
		if !done {
			j.fail(recover())
		}
		j.pieceDone(1)
	}()
	j.task.Do(i)
	done = true
	return true
}

func (j *job) fail(cause any) {
	if cause == nil {
		cause = "par: a Task called runtime.Goexit"
		running.Add(-1) // this worker will not come back to do it
	}
	j.mu.Lock()
	if !j.panicked {
		j.panicked, j.cause = true, cause
	}
	j.mu.Unlock()
	j.drop()
}

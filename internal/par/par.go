// Package par runs the independent pieces of one computation on a few
// goroutines. It is made for short jobs called often: a warm Run allocates
// nothing and, while its workers are still spinning, costs about a microsecond.
//
// Run decides only who does which piece, never how the work is cut. Callers
// cut by shape, so that their results do not depend on the number of threads.
//
// Lines that travel between cores cost more than arithmetic does: a quarter of a
// microsecond each where cores share no cache. So a goroutine begins with the same share
// of the pieces every time, and meets in its cache what it wrote in the job before; and a
// piece of its own share costs it no traffic.
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
	// Do does piece i. No two goroutines have the same seat in one Run, and one
	// has the same seat in every Run that it works for; the caller's is 0.
	// Seats are below Limit(), unless SetThreads has just made that smaller. They
	// may be above Threads() where computations have joined.
	Do(seat, i int)
}

const (
	// maxJobs bounds the jobs that share the workers at one time; further ones
	// are done by their callers alone. One word holds a bit for each.
	maxJobs = 64
	// maxShares bounds the shares of a job. Goroutines beyond that have none.
	maxShares = 16
)

// A job is one call of Run. Jobs are never freed, only reused, so a worker
// that looks at one too late finds either no work or another caller's work,
// and both are fine.
type job struct {
	shares [maxShares]share

	guests atomic.Int64 // workers in the job, of those that count themselves; see enter
	_      [128 - 8]byte

	total  int64       // pieces of all calls so far; the caller's
	asleep atomic.Bool // the caller
	wake   chan struct{}

	mu       sync.Mutex
	panicked bool
	cause    any
	_        [64]byte
}

// A share is the part of the pieces that goroutines with one seat begin with. It lies
// in cache lines of its own, with everything that such a goroutine needs.
type share struct {
	// todo holds the unclaimed pieces. Taking one out by compare-and-swap
	// claims it, whichever call the job belongs to at that moment.
	todo atomic.Uint64
	// done counts the pieces, of any share and in all calls so far, that were finished by
	// who begins with this one.
	done atomic.Int64
	task Task // stays valid while a claimed piece is not in done
	_    [128 - 32]byte
}

var (
	used atomic.Uint64
	jobs [maxJobs]job

	// What everybody reads all the time and hardly ever changes.
	room struct {
		_     [128]byte
		limit atomic.Int64 // goroutines at work; never below 1
		each  atomic.Int64 // of them at one Run; never below 1, nor above limit
		_     [128]byte
	}

	// What callers and workers write at every Run, in lines of their own.
	hot struct {
		_       [128]byte
		active  atomic.Uint64 // jobs that may have unclaimed pieces
		_       [128]byte
		helping atomic.Int64 // workers at work
		_       [128]byte
	}

	sleeping atomic.Int64 // workers that will take a token from wake
	wake     = make(chan struct{}, 1<<16)

	spawnMu sync.Mutex
	spawned atomic.Int64
	seats   []bool // taken by workers; the first is the callers'
)

func init() {
	SetThreads(runtime.GOMAXPROCS(0))
	for i := range jobs {
		jobs[i].wake = make(chan struct{}, 1)
	}
}

// Run calls t.Do for pieces 0 to n-1 on at most Threads() goroutines, the
// caller's included, and returns when all calls have returned. It may be called
// from several goroutines and from inside a Do. If a Do panics, the pieces not
// yet started are dropped and Run panics with the first value.
func Run(n int, t Task) {
	if n <= 1 || n > math.MaxInt32 || room.each.Load() == 1 {
		inline(n, t)
		return
	}
	j := acquire()
	if j == nil {
		inline(n, t)
		return
	}
	j.deal(n, t)
	bit := j.bit()
	hot.active.Or(bit)
	rouse(n - 1)
	defer j.finish(bit)
	j.work(0, false)
}

func inline(n int, t Task) {
	for i := range n {
		t.Do(0, i)
	}
}

// deal cuts the pieces into shares.
func (j *job) deal(n int, t Task) {
	j.total += int64(n)
	parts := min(n, Threads(), maxShares)
	for p := range parts {
		s := &j.shares[p]
		s.task = t
		s.todo.Store(uint64(span(p*n/parts, (p+1)*n/parts))) // publishes the task
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

// work does pieces until there are none, or until a guest should make room, and
// reports whether it did any. A caller's panic passes through; a guest's is kept for
// the caller. Either drops the pieces that nobody has begun.
func (j *job) work(seat int, guest bool) (found bool) {
	counted := guest && shared()
	if counted && !j.enter() {
		return false
	}
	settled := false
	var done int64
	defer func() {
		if !settled {
			if guest {
				j.fail(recover())
			}
			done += 1 + j.drop()
			found = true
		}
		if counted {
			j.guests.Add(-1)
		}
		j.settle(seat, done)
	}()
	for !guest || !crowded() && j.welcome(counted) {
		t, i := j.claim(seat)
		if t == nil {
			break
		}
		t.Do(seat, i)
		done++
	}
	settled = true
	return done > 0
}

// claim takes a piece: of the own share, then of the neighbour's, then of any.
func (j *job) claim(seat int) (Task, int) {
	own := seat % maxShares
	for k := range maxShares {
		// Of two neighbours one goes forwards and one backwards: they meet.
		s := own ^ k
		if t, i := j.shares[s].claim((s&1 == 1) != (k > 0)); t != nil {
			return t, i
		}
	}
	return nil, 0
}

// claim takes the first piece, or the last.
func (s *share) claim(last bool) (Task, int) {
	for {
		todo := pieces(s.todo.Load())
		if todo.len() == 0 {
			return nil, 0
		}
		i, rest := todo.first(), span(todo.first()+1, todo.end())
		if last {
			i, rest = todo.end()-1, span(todo.first(), todo.end()-1)
		}
		if s.todo.CompareAndSwap(uint64(todo), uint64(rest)) {
			return s.task, i
		}
	}
}

// drop takes all unclaimed pieces off the job and counts them.
func (j *job) drop() (n int64) {
	for p := range j.shares {
		if s := &j.shares[p]; s.todo.Load() != 0 {
			n += int64(pieces(s.todo.Swap(0)).len())
		}
	}
	return n
}

// settle counts pieces as done. After that the job may be another call's.
func (j *job) settle(seat int, n int64) {
	if n == 0 {
		return
	}
	j.shares[seat%maxShares].done.Add(n)
	if j.asleep.Load() && j.asleep.CompareAndSwap(true, false) {
		j.wake <- struct{}{}
	}
}

// finish waits for the pieces that workers still do and gives the job back.
func (j *job) finish(bit uint64) {
	hot.active.And(^bit)
	j.wait()
	panicked, cause := j.panicked, j.cause
	j.panicked, j.cause = false, nil
	used.And(^bit)
	if panicked {
		panic(cause)
	}
}

func (j *job) complete() bool {
	n := j.total
	for p := range j.shares {
		n -= j.shares[p].done.Load()
	}
	return n == 0
}

// wait spins for a while, then yields, then sleeps: the worker it waits for
// may need this very processor.
func (j *job) wait() {
	for i := range waitSpins {
		if j.complete() {
			return
		}
		if i >= hotSpins {
			runtime.Gosched()
		}
	}
	for {
		j.asleep.Store(true)
		if j.complete() && j.asleep.CompareAndSwap(true, false) {
			return
		}
		<-j.wake
		if j.complete() {
			return
		}
	}
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
	if spawned.Load() < room.limit.Load()-1 {
		spawn()
	}
	if sleeping.Load() == 0 {
		return
	}
	for want := min(int64(n), room.each.Load()-1, room.limit.Load()-running()); want > 0; want-- {
		if !unsleep() {
			return
		}
		wake <- struct{}{}
	}
}

// running counts callers with unclaimed pieces, and workers at work.
func running() int64 { return int64(bits.OnesCount64(hot.active.Load())) + hot.helping.Load() }

// crowded reports whether a worker at work should leave. With as many callers of Run
// as threads, the workers stay away, as they would only fight the callers for the
// processors.
func crowded() bool { return running() > room.limit.Load() }

func spawn() {
	spawnMu.Lock()
	defer spawnMu.Unlock()
	for spawned.Load() < room.limit.Load()-1 {
		spawned.Add(1)
		seat := 1
		for ; seat < len(seats) && seats[seat]; seat++ {
		}
		for len(seats) <= seat {
			seats = append(seats, false)
		}
		seats[seat] = true
		go worker(seat)
	}
}

// leave gives back the seat of a worker whose goroutine ends.
func leave(seat int) {
	spawnMu.Lock()
	defer spawnMu.Unlock()
	seats[seat] = false
	spawned.Add(-1)
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

func worker(seat int) {
	// A worker ends by runtime.Goexit in a Do, and the next Run starts another; or when
	// SetThreads leaves no seat for it.
	defer leave(seat)
	for {
		for spin := 0; spin < idleSpins; spin++ {
			if seat >= Limit() {
				if hot.active.Load() != 0 && unsleep() {
					wake <- struct{}{} // which may have been for this one
				}
				return
			}
			if look(seat) {
				spin = 0
				continue
			}
			runtime.Gosched()
		}
		sleeping.Add(1)
		if wanted() && running() < room.limit.Load() && unsleep() {
			continue // work came in between
		}
		<-wake
	}
}

// look looks for pieces for a moment and does what it finds.
func look(seat int) bool {
	for range hotPerYield {
		if wanted() && sit() {
			found := help(seat)
			hot.helping.Add(-1)
			if found {
				return true
			}
		}
	}
	return false
}

// sit takes a place at the table if fewer goroutines than allowed are at work.
func sit() bool {
	for {
		h := hot.helping.Load()
		if h+int64(bits.OnesCount64(hot.active.Load())) >= room.limit.Load() {
			return false
		}
		if hot.helping.CompareAndSwap(h, h+1) {
			return true
		}
	}
}

// help does pieces of any job until there are none, or until new callers
// need the place.
func help(seat int) (found bool) {
	for {
		did := false
		for mask := hot.active.Load(); mask != 0; mask &= mask - 1 {
			if jobs[bits.TrailingZeros64(mask)].work(seat, true) {
				did = true
			}
		}
		if !did {
			return found
		}
		found = true
	}
}

func (j *job) fail(cause any) {
	if cause == nil {
		cause = "par: a Task called runtime.Goexit"
		hot.helping.Add(-1) // this worker will not come back to do it
	}
	j.mu.Lock()
	if !j.panicked {
		j.panicked, j.cause = true, cause
	}
	j.mu.Unlock()
}

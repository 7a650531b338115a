package par

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	farLine     = 150 * time.Nanosecond
	rallyRounds = 8
	rallySpins  = 30_000 // then nobody answers

	// Between measurements. One without an answer is repeated sooner, but less and less so.
	apartInterval = 250 * time.Millisecond
	apartRetry    = time.Millisecond
)

var (
	apart   atomic.Bool
	due     atomic.Int64 // when to measure, on the clock of born
	born    = time.Now()
	courtMu sync.Mutex
	court   rally
	retry   = apartRetry
)

// Apart reports whether a cache line takes long to get from one core to another, as between
// parts of a chip that share no cache: then work done twice may be cheaper than sharing its
// result. It is measured now and then, in some microseconds, as a virtual machine's
// processors move. Nothing but speed may depend on it.
func Apart() bool {
	if room.each.Load() == 1 {
		return false
	}
	if now := int64(time.Since(born)); now >= due.Load() {
		measure(now)
	}
	return apart.Load()
}

func measure(now int64) {
	if !courtMu.TryLock() {
		return
	}
	defer courtMu.Unlock()
	d := distance()
	if d > 0 {
		apart.Store(d > farLine)
		retry = apartRetry
		due.Store(now + int64(apartInterval))
		return
	}
	due.Store(now + int64(retry))
	retry = min(2*retry, apartInterval)
}

// Distance returns how long a cache line takes from one core to another, or 0 if no second
// goroutine was found to measure it with.
func Distance() time.Duration {
	courtMu.Lock()
	defer courtMu.Unlock()
	for range 100 {
		if d := distance(); d > 0 {
			return d
		}
	}
	return 0
}

func distance() time.Duration {
	r := &court
	r.ball.Store(0)
	r.over.Store(false)
	r.best = 0
	Run(2, r)
	return r.best / (2 * rallyRounds)
}

// A rally is a line sent to and fro between two pieces.
type rally struct {
	_    [128]byte
	ball atomic.Int64
	_    [128]byte
	over atomic.Bool
	best time.Duration // of some rounds; 0 if the other side did not play
}

func (r *rally) Do(_, i int) {
	defer r.over.Store(true)
	if i == 1 {
		for n := int64(1); r.await(n); n += 2 {
			r.ball.Store(n + 1)
		}
		return
	}
	n := int64(0)
	for range 4 { // the first has to wait for the other side
		start := time.Now()
		for range rallyRounds {
			r.ball.Store(n + 1)
			if n += 2; !r.await(n) {
				return
			}
		}
		if d := time.Since(start); r.best == 0 || d < r.best {
			r.best = d
		}
	}
}

// await waits for the ball to be n; it reports false if the other side is gone.
func (r *rally) await(n int64) bool {
	for range rallySpins {
		if r.ball.Load() == n {
			return true
		}
		if r.over.Load() {
			return false
		}
	}
	return false
}

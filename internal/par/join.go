package par

import (
	"math/bits"
	"sync"
)

var (
	joinMu sync.Mutex
	joined int // computations
)

// Limit returns how many goroutines are at work at one time in the process, for all
// callers of Run together. It is GOMAXPROCS until SetThreads is called.
func Limit() int { return int(room.limit.Load()) }

// SetThreads sets that number; values below 1 mean 1. Jobs already started
// keep the workers they have until their current piece is done.
func SetThreads(n int) {
	joinMu.Lock()
	defer joinMu.Unlock()
	room.limit.Store(int64(min(max(n, 1), 1<<15)))
	divide()
}

// Threads returns how many goroutines one Run uses at most, its caller
// included: Limit(), or the part of it that falls to one of the computations that have
// joined. It changes as they come and go.
func Threads() int { return int(room.each.Load()) }

// Join says that a computation begins, which calls Run for a while as others beside it may.
// From now until leave is called, they divide the limit evenly, each having a goroutine at
// least. Calling leave again does nothing.
func Join() (leave func()) { return JoinN(1) }

// JoinN is Join for n computations.
func JoinN(n int) (leave func()) {
	join(n)
	return sync.OnceFunc(func() { join(-n) })
}

func join(n int) {
	joinMu.Lock()
	defer joinMu.Unlock()
	joined += n
	divide()
}

// divide sets what falls to each. Its caller holds joinMu.
func divide() {
	limit := room.limit.Load()
	room.each.Store(max(1, limit/int64(max(1, joined))))
}

// shared reports whether a Run may use fewer goroutines than there are. Only then do
// workers count themselves in the jobs that they enter: a line that all of them write.
func shared() bool { return room.each.Load() < room.limit.Load() }

// enter counts a worker in, if the job has fewer goroutines than fall to it.
func (j *job) enter() bool {
	for {
		g := j.guests.Load()
		if g >= room.each.Load()-1 {
			return false
		}
		if j.guests.CompareAndSwap(g, g+1) {
			return true
		}
	}
}

// welcome reports whether a worker that is counted, or not, may take one piece more. Who
// came uncounted leaves when there is something to share, and may enter again.
func (j *job) welcome(counted bool) bool {
	if counted {
		return j.guests.Load() < room.each.Load()
	}
	return !shared()
}

// wanted reports whether any job has use for a worker, without writing to a line that others
// need.
func wanted() bool {
	mask := hot.active.Load()
	if mask == 0 || !shared() {
		return mask != 0
	}
	for most := room.each.Load() - 1; mask != 0; mask &= mask - 1 {
		if jobs[bits.TrailingZeros64(mask)].guests.Load() < most {
			return true
		}
	}
	return false
}

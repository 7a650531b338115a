package par

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestJoinDivides(t *testing.T) {
	withThreads(t, 8)
	check := func(when string, want int) {
		t.Helper()
		if Threads() != want || Limit() != 8 {
			t.Errorf("%s: %d threads of %d, want %d of 8", when, Threads(), Limit(), want)
		}
	}
	check("alone", 8)
	a := Join()
	check("one", 8)
	b := JoinN(2)
	check("three", 2)
	c := JoinN(20)
	check("more than threads", 1)
	c()
	c() // is nothing
	check("three again", 2)
	a()
	check("two", 4)
	b()
	check("none", 8)
}

// Computations that have joined have so many goroutines each, at most and, given time, at
// least.
func TestJoinedRuns(t *testing.T) {
	for _, c := range []struct{ threads, computations, each int }{{2, 2, 1}, {2, 3, 1}, {4, 2, 2}, {6, 2, 3}, {3, 1, 3}} {
		withThreads(t, c.threads)
		leave := JoinN(c.computations)
		work := make([]*limited, c.computations)
		for i := range work {
			work[i] = new(limited)
		}
		for range 50 { // the machine may be busy
			var wg sync.WaitGroup
			for i := range work {
				wg.Go(func() { Run(40, work[i]) })
			}
			wg.Wait()
			if slices.IndexFunc(work, func(l *limited) bool { return int(l.most.Load()) < c.each }) < 0 {
				break
			}
		}
		leave()
		for i := range work {
			if most := int(work[i].most.Load()); most != c.each {
				t.Errorf("%+v: %d goroutines at one time", c, most)
			}
		}
	}
}

// crowd has others join in the middle of its run.
type crowd struct {
	limited // of the pieces some time after that
	done    atomic.Int32
	others  int
	leave   func()
}

func (c *crowd) Do(seat, i int) {
	switch n := c.done.Add(1); {
	case n == 20:
		c.leave = JoinN(c.others)
	case n > 40:
		c.limited.Do(seat, i)
	default:
		time.Sleep(200 * time.Microsecond)
	}
}

// Workers leave a job when its part of the threads becomes smaller.
func TestOthersJoin(t *testing.T) {
	withThreads(t, 4)
	for _, before := range []int{1, 2} {
		leave := JoinN(before)
		c := &crowd{others: 4 - before}
		Run(100, c)
		c.leave()
		leave()
		if most := c.most.Load(); most != 1 {
			t.Errorf("%d joined, then 4: %d goroutines at one time", before, most)
		}
	}
}

// seated notes what Task promises of seats.
type seated struct {
	t      *testing.T
	limit  int
	seats  []atomic.Bool // in use
	pieces []atomic.Int32
}

func (s *seated) Do(seat, i int) {
	s.pieces[i].Add(1)
	if seat >= s.limit || s.seats[seat].Swap(true) {
		s.t.Errorf("seat %d of %d is above the limit, or another's", seat, s.limit)
	}
	Run(3, each(func() {})) // from inside a Do
	s.seats[seat].Store(false)
}

// Computations come and go while others run.
func TestJoinWhileRunning(t *testing.T) {
	const limit = 5
	withThreads(t, limit)
	time.Sleep(10 * time.Millisecond) // for workers of other tests, whose seats are gone
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for n := range 60 {
				leave := JoinN(n % 3)
				s := &seated{t, limit, make([]atomic.Bool, limit), make([]atomic.Int32, n)}
				Run(n, s)
				leave()
				for i := range s.pieces {
					if did := s.pieces[i].Load(); did != 1 {
						t.Errorf("piece %d of %d done %d times", i, n, did)
					}
				}
			}
		})
	}
	wg.Wait()
	if Threads() != limit {
		t.Errorf("%d threads when all have left, want %d", Threads(), limit)
	}
	noGuests(t)
}

// noGuests waits for workers to leave, which those that found nothing may do late.
func noGuests(t *testing.T) {
	t.Helper()
	for i := range jobs {
		for start := time.Now(); jobs[i].guests.Load() != 0; time.Sleep(time.Millisecond) {
			if time.Since(start) > 10*time.Second {
				t.Fatalf("job %d has %d guests left", i, jobs[i].guests.Load())
			}
		}
	}
}

func TestJoinedPanicAndGoexit(t *testing.T) {
	withThreads(t, 4)
	defer JoinN(2)()
	for _, task := range []Task{&bomb{at: 30, cause: "bang"}, exits{}} {
		for range 20 {
			done := make(chan any, 1)
			go func() {
				defer func() { done <- recover() }()
				Run(60, task)
			}()
			<-done
		}
	}
	noGuests(t)
	var l limited
	if Run(40, &l); l.most.Load() > 2 {
		t.Errorf("%d goroutines at one time, want 2 at most", l.most.Load())
	}
}

func TestJoinedRunDoesNotAllocate(t *testing.T) {
	withThreads(t, 4)
	defer JoinN(2)()
	e := &empty{}
	if n := testing.AllocsPerRun(1000, func() { Run(16, e) }); n != 0 {
		t.Errorf("%v allocations per Run", n)
	}
}

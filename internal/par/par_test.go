package par

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type counts struct{ seen []atomic.Int32 }

func (c *counts) Do(_, i int) { c.seen[i].Add(1) }

func withThreads(t testing.TB, n int) {
	old := Threads()
	SetThreads(n)
	t.Cleanup(func() { SetThreads(old) })
}

func TestRunDoesEveryPieceOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		withThreads(t, threads)
		for n := range 70 {
			c := &counts{make([]atomic.Int32, n)}
			Run(n, c)
			for i := range c.seen {
				if got := c.seen[i].Load(); got != 1 {
					t.Fatalf("threads %d, n %d: piece %d done %d times", threads, n, i, got)
				}
			}
		}
	}
}

func TestRunNegative(t *testing.T) { Run(-1, &counts{}) }

func TestConcurrentCallers(t *testing.T) {
	withThreads(t, 4)
	var wg sync.WaitGroup
	for range 2 * maxJobs {
		wg.Go(func() {
			for n := range 50 {
				c := &counts{make([]atomic.Int32, n)}
				Run(n, c)
				for i := range c.seen {
					if c.seen[i].Load() != 1 {
						t.Errorf("n %d: piece %d done %d times", n, i, c.seen[i].Load())
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if u, a, r := used.Load(), hot.active.Load(), running(); u != 0 || a != 0 || r > 4 {
		t.Errorf("left behind: used %x, active %x, running %d", u, a, r)
	}
}

type nested struct {
	depth int
	sum   *atomic.Int64
}

func (t *nested) Do(_, i int) {
	if t.depth == 0 {
		t.sum.Add(1)
		return
	}
	Run(5, &nested{t.depth - 1, t.sum})
}

func TestNested(t *testing.T) {
	withThreads(t, 3)
	var sum atomic.Int64
	Run(5, &nested{3, &sum})
	if sum.Load() != 625 {
		t.Errorf("%d leaves done, want 625", sum.Load())
	}
}

type limited struct{ now, most atomic.Int32 }

func (t *limited) Do(_, _ int) {
	n := t.now.Add(1)
	for {
		m := t.most.Load()
		if n <= m || t.most.CompareAndSwap(m, n) {
			break
		}
	}
	time.Sleep(200 * time.Microsecond)
	t.now.Add(-1)
}

func TestThreadLimit(t *testing.T) {
	for _, threads := range []int{6, 2} {
		withThreads(t, threads)
		var l limited
		Run(40, &l)
		if most := int(l.most.Load()); most > threads || most < 2 {
			t.Errorf("%d pieces at one time, limit %d", most, threads)
		}
	}
}

type bomb struct {
	at    int
	cause any
	after atomic.Int32
}

func (b *bomb) Do(_, i int) {
	if i == b.at {
		panic(b.cause)
	}
	b.after.Add(1)
}

func TestPanicReachesCaller(t *testing.T) {
	cause := errors.New("bang")
	for _, threads := range []int{1, 2, 5} {
		withThreads(t, threads)
		for at := range 60 {
			b := &bomb{at: at, cause: cause}
			func() {
				defer func() {
					if got := recover(); got != cause {
						t.Errorf("threads %d, at %d: recovered %v", threads, at, got)
					}
				}()
				Run(60, b)
			}()
		}
	}
	c := &counts{make([]atomic.Int32, 100)}
	Run(100, c) // the pool still works
	for i := range c.seen {
		if c.seen[i].Load() != 1 {
			t.Fatalf("after panics: piece %d done %d times", i, c.seen[i].Load())
		}
	}
	if r := running(); r < 0 || r > 5 {
		t.Errorf("running is %d", r)
	}
}

type exits struct{}

func (exits) Do(_, i int) {
	time.Sleep(100 * time.Microsecond)
	if i == 7 {
		runtime.Goexit()
	}
}

func TestGoexit(t *testing.T) {
	withThreads(t, 3)
	for range 20 {
		done := make(chan any, 1)
		go func() {
			defer func() { done <- recover() }()
			Run(20, exits{})
		}()
		<-done
	}
	time.Sleep(10 * time.Millisecond)
	if u, a, r := used.Load(), hot.active.Load(), running(); u != 0 || a != 0 || r != 0 {
		t.Errorf("left behind: used %x, active %x, running %d", u, a, r)
	}
}

type empty struct{}

func (*empty) Do(_, _ int) {}

func TestRunDoesNotAllocate(t *testing.T) {
	withThreads(t, 2)
	e := &empty{}
	if n := testing.AllocsPerRun(1000, func() { Run(16, e) }); n != 0 {
		t.Errorf("%v allocations per Run", n)
	}
}

type busy struct{ loops int }

func (b *busy) Do(_, _ int) {
	s := 0
	for i := range b.loops {
		s += i ^ s
	}
	if s == 0 { // never, but the compiler can't know
		sink.Store(int64(s))
	}
}

var sink atomic.Int64

// A job of about 20 us, alone and cut in pieces: the difference to the half of
// "alone" is what fork and join cost.
func BenchmarkRun(b *testing.B) {
	b.Run("empty", func(b *testing.B) {
		e := &empty{}
		for b.Loop() {
			Run(2, e)
		}
	})
	for _, pieces := range []int{1, 2, 4, 16} {
		b.Run(fmt.Sprintf("busy/%d", pieces), func(b *testing.B) {
			w := &busy{40000 / pieces}
			for b.Loop() {
				Run(pieces, w)
			}
		})
	}
	b.Run("side-by-side", func(b *testing.B) {
		w := &busy{2500}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for range b.N {
					Run(16, w)
				}
			})
		}
		wg.Wait()
	})
}

func TestDistance(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("one processor")
	}
	withThreads(t, 2)
	d := Distance()
	for start := time.Now(); d == 0 && time.Since(start) < 10*time.Second; { // the machine may be busy
		d = Distance()
	}
	if d <= 0 || d > 10*time.Millisecond {
		t.Errorf("a cache line takes %v", d)
	}
	withThreads(t, 1)
	if d := Distance(); d != 0 {
		t.Errorf("alone, a cache line takes %v", d)
	}
}

// Inside a Do there may be no goroutine left to play with.
func TestApartNested(t *testing.T) {
	withThreads(t, 3)
	var done atomic.Int32
	Run(16, each(func() {
		due.Store(0)
		Apart()
		done.Add(1)
	}))
	if done.Load() != 16 {
		t.Errorf("%d pieces done, want 16", done.Load())
	}
}

type each func()

func (f each) Do(_, _ int) { f() }

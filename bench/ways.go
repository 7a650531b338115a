package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Way is how a side computes: its precision, and what PyTorch can be told beside.
type Way struct {
	Precision    string `json:"precision"`
	ChannelsLast bool   `json:"channels_last,omitempty"`
	Jemalloc     bool   `json:"jemalloc,omitempty"`
	Compile      bool   `json:"compile,omitempty"`
}

// Name says the way without its precision.
func (w Way) Name() string {
	var parts []string
	for _, p := range []struct {
		has  bool
		name string
	}{{w.ChannelsLast, "channels_last"}, {w.Jemalloc, "jemalloc"}, {w.Compile, "compiled"}} {
		if p.has {
			parts = append(parts, p.name)
		}
	}
	if len(parts) == 0 {
		return "plain"
	}
	return strings.Join(parts, " + ")
}

func (w Way) String() string { return w.Name() + ", " + w.Precision }

// A Trial is a way that was tried.
type Trial struct {
	Name string `json:"name"`
	Way
	MedianS float64 `json:"median_s"`
}

// changes are what may make PyTorch faster, one after the other on top of the best before. The one
// that takes longest comes last.
var changes = []struct {
	use   func(*Way)
	works func(Workload, Torch) bool
}{
	{func(w *Way) { w.ChannelsLast = true }, func(w Workload, _ Torch) bool { return w.images() }},
	{func(w *Way) { w.Jemalloc = true }, func(_ Workload, t Torch) bool { return t.jemalloc != "" }},
	{func(w *Way) { w.Compile = true }, func(w Workload, _ Torch) bool { return w.Method != methodProduct }},
}

// A search looks for the best ways to run a workload in PyTorch.
type search struct {
	Tried []Trial
	Notes []string // on ways that failed, or that there was no time for

	v     *versus
	work  Workload
	until time.Time
	limit time.Duration     // of a trial that does not compile
	best  map[string]*Trial // by precision
	sides map[bool]*side    // without and with jemalloc
}

// tried is what the ways of a workload are tried on: of training a step of SGD, which is half of one of
// M-SAM and of the same kind.
func tried(w Workload) Workload {
	if w.Method != methodEval && w.Method != methodProduct {
		w.Method = "sgd"
	}
	return w
}

// search tries ways on a workload. An error is one of the plainest alone.
func (v *versus) search(ctx context.Context, w Workload) (*search, error) {
	s := &search{v: v, work: w, best: map[string]*Trial{}, sides: map[bool]*side{}}
	defer func() {
		for _, side := range s.sides {
			side.close()
		}
	}()
	if err := s.try(ctx, Way{Precision: Float32}); err != nil {
		return nil, fmt.Errorf("%s in PyTorch: %w", w.Model, err)
	}
	if err := s.try(ctx, Way{Precision: BFloat16}); err != nil {
		s.note(Way{Precision: BFloat16}, err)
	}
	s.until = time.Now().Add(v.Search)
	for _, c := range changes {
		if !c.works(w, v.result.Torch) {
			continue
		}
		for _, best := range s.bests() {
			way := best.Way
			c.use(&way)
			err := errNoTime
			if time.Now().Before(s.until) {
				err = s.try(ctx, way)
			}
			if err != nil {
				s.note(way, err)
				break // in the other precision it is not better
			}
		}
	}
	s.drop()
	return s, ctx.Err()
}

// tooSlow is how many times as long as float32 a step in bfloat16 may take to be compared: processors
// without its instructions take fifty times.
const tooSlow = 3

// drop forgets the best way in bfloat16 if it is far from float32's.
func (s *search) drop() {
	slow, best := s.best[BFloat16], s.best[Float32]
	if slow == nil || slow.MedianS <= tooSlow*best.MedianS {
		return
	}
	s.note(slow.Way, fmt.Errorf("%.1f times as slow as the best in float32, so not compared", slow.MedianS/best.MedianS))
	delete(s.best, BFloat16)
}

func (s *search) note(way Way, err error) { s.Notes = append(s.Notes, fmt.Sprintf("%s: %v", way, err)) }

// bests are the best ways so far, float32's first.
func (s *search) bests() (all []*Trial) {
	for _, p := range []string{Float32, BFloat16} {
		if t := s.best[p]; t != nil {
			all = append(all, t)
		}
	}
	return all
}

// errNoTime is why a way was not tried.
var errNoTime = errors.New("not tried, as there was no time left to search")

// try measures a way, and keeps it if it is the best in its precision so far.
func (s *search) try(ctx context.Context, way Way) error {
	s.v.tell(0, fmt.Sprintf("%s: PyTorch %s", s.work.Model, way))
	side, err := s.side(ctx, way.Jemalloc)
	if err != nil {
		return err
	}
	limit := s.limit
	if way.Compile {
		limit = max(compileTime, time.Until(s.until))
	}
	begin := time.Now()
	r, err := side.ask(request{What: whatTimes, Workload: s.work, Way: way, Seconds: 1}, limit)
	if err != nil {
		return err
	}
	if s.limit == 0 { // of the plainest
		s.limit = spareTime + tooSlow*time.Since(begin)
	}
	t := Trial{way.Name(), way, median(r.Times)}
	s.Tried = append(s.Tried, t)
	if best := s.best[way.Precision]; best == nil || t.MedianS < best.MedianS {
		s.best[way.Precision] = &t
	}
	return nil
}

const (
	compileTime = 30 * time.Second // that a compiler gets in any case
	spareTime   = 5 * time.Second  // beside the multiple of the plainest that others get
)

// side returns a process with or without jemalloc, which goes from trial to trial.
func (s *search) side(ctx context.Context, jemalloc bool) (*side, error) {
	if p := s.sides[jemalloc]; p != nil && !p.ended {
		return p, nil
	}
	p, err := s.v.torch(ctx, jemalloc)
	if err != nil {
		return nil, err
	}
	s.sides[jemalloc] = p
	_, err = p.ask(request{What: whatAbout}, 0) // once PyTorch is loaded, trials take as long as they take
	return p, err
}

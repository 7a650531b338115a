package study

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// sameRows compares what rows say, but for times, as JSON has it: a NaN is none.
func sameRows(t *testing.T, got, want *Comparison) {
	t.Helper()
	if len(got.Rows) != len(want.Rows) {
		t.Fatalf("%d rows, want %d", len(got.Rows), len(want.Rows))
	}
	for i := range got.Rows {
		if a, b := timeless(t, got.Rows[i]), timeless(t, want.Rows[i]); a != b {
			t.Errorf("row %d is\n%s\nwant\n%s", i, a, b)
		}
	}
}

func timeless(t *testing.T, r Row) string {
	t.Helper()
	r.StepS, r.Run = 0, ""                                                 // in memory there is no place
	r.Failure, _, _ = strings.Cut(r.Failure, "; the last good checkpoint") // a directory has one
	if r.Result != nil {
		res := *r.Result
		res.Seconds, res.StepSeconds = 0, 0
		r.Result = &res
	}
	r.Records = slices.Clone(r.Records)
	for k := range r.Records {
		r.Records[k].Seconds = 0
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A comparison in memory and one in a directory are the same rows, runs that diverge among them,
// which count as guessing; one that was stopped goes on.
func TestOneEngine(t *testing.T) {
	p := small()
	p.Rhos, p.Seeds, p.Base.Epochs = []float64{.1, 1e30}, 1, 2
	memory, err := inMemory(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Study()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := s.Run(ctx, dir, s.Cells, RunOptions{Done: func(State) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	states, err := s.Run(t.Context(), dir, s.Cells, RunOptions{Jobs: 2})
	if err != nil {
		t.Fatal(err)
	}
	sameRows(t, s.CompareStates(states), memory)
	diverged := 0
	for _, r := range memory.Rows {
		if r.Result != nil {
			continue
		}
		if diverged++; !r.Diverged || r.Collapsed || r.Test != .1 || r.Val != .1 {
			t.Errorf("%s counts with %g, not with the accuracy of guessing", r.Run, r.Test)
		}
	}
	if diverged == 0 {
		t.Error("no run diverged at rho 1e30")
	}
}

// A bowl is a task of the program's own whose measure is lower the better.
type bowl struct{ start float32 }

func (b bowl) Theta() []float32                                        { return []float32{b.start} }
func (b bowl) Examples(train.Split) int                                { return 1 }
func (b bowl) Len() int                                                { return 1 }
func (b bowl) Steps() int                                              { return 1 }
func (b bowl) Minibatch(context.Context, int) (train.Minibatch, error) { return b, nil }
func (b bowl) Save(string, bool, []float32) error                      { return nil }

func (b bowl) Gradient(g, t []float32, _, _ int, c objective.Call) (float64, error) {
	g[0] = float32(c.Weight) * 2 * t[0]
	return float64(t[0] * t[0]), nil
}

func (b bowl) Measure(_ context.Context, t []float32, _ train.Split) (train.Measures, error) {
	return train.Measures{{Name: "distance", Value: train.Real(math.Abs(float64(t[0]))), Better: train.Lower}}, nil
}

// A study of a task that is none of ours, from a program: the best is the lowest, a run that
// could not begin fails by itself, and its directory is read by the study that made it.
func TestOwnTask(t *testing.T) {
	base := train.Default()
	base.Task, base.Epochs, base.LR, base.Momentum = "bowl", 20, .1, new(0.)
	var opened atomic.Int32
	s, err := New(Settings{
		Name: "bowls", Base: base, Seeds: 2,
		Grid: []map[string]any{{"method": "sam", "rho": []any{.01, .1, .5}}, {"method": "none", "lr": .3}},
		Open: func(_ context.Context, c train.Config, _ *train.Shared) (*train.Run, error) {
			opened.Add(1)
			if c.LR == .3 {
				return nil, errors.New("no bowl at this rate")
			}
			return train.NewTask(bowl{float32(c.Seed)}, c)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, dir := range []string{"", dir} {
		states, err := s.Run(t.Context(), dir, s.Cells, RunOptions{Jobs: 2})
		if err != nil {
			t.Fatal(err)
		}
		failed := 0
		for _, st := range states {
			if st.State == train.Failed && strings.Contains(st.Error, "no bowl at this rate") {
				failed++
			}
		}
		c := s.CompareStates(states)
		if failed != 2 || len(c.Rows) != 6 || c.Measure.Name != "distance" || c.Measure.Better != train.Lower {
			t.Fatalf("%d failed, %d rows, measure %+v", failed, len(c.Rows), c.Measure)
		}
		m := c.Summary[0]
		for _, p := range m.Points {
			if p.Test < m.Test || p.Val < m.Val {
				t.Errorf("the best is %g at rho %g, but %g at rho %g", m.Test, m.BestRho, p.Test, p.Rho)
			}
		}
		if groups := c.Groups(); len(groups) != 3 || len(groups[0].Rows) != 2 {
			t.Errorf("%d groups", len(groups))
		}
	}
	if err := s.Fits(dir); err != nil {
		t.Error(err)
	}
	opened.Store(0)
	if _, err := s.Run(t.Context(), dir, s.Cells, RunOptions{}); err != nil || opened.Load() != 2 {
		t.Errorf("done again it opened %d runs, not the two that failed; %v", opened.Load(), err)
	}
	only, err := s.Only("sam_*")
	if err != nil {
		t.Fatal(err)
	}
	if f, err := s.Forecast(t.Context(), "", only, 2); err != nil || f.Steps != 6*20 {
		t.Errorf("forecast %+v, %v", f, err)
	}
}

// Studies beside each other in one program give the bits that each gives alone.
func TestStudiesBesideEachOther(t *testing.T) {
	digests := func(c *Comparison) (list []string) {
		for _, r := range c.Rows {
			list = append(list, r.Result.WeightsSHA256)
		}
		return list
	}
	p := small()
	p.Methods, p.Seeds, p.Base.Epochs = []string{"sam"}, 1, 2
	supervised.Change(&p.Base, func(s *supervised.Settings) { s.Model = "cnn" })
	q := p
	q.Base.DirectConv = true
	var alone, beside [2]*Comparison
	for i, p := range []Plan{p, q} {
		c, err := inMemory(t.Context(), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		alone[i] = c
	}
	if slices.Equal(digests(alone[0]), digests(alone[1])) {
		t.Error("both ways to convolve give the same bits: this shows nothing")
	}
	done := make(chan error, 2)
	for i, p := range []Plan{p, q} {
		go func() {
			c, err := inMemory(context.Background(), p, nil)
			beside[i] = c
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for i := range alone {
		if !slices.Equal(digests(alone[i]), digests(beside[i])) {
			t.Errorf("study %d has other weights beside another", i)
		}
	}
}

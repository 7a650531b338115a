package study

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"

	"github.com/monge-ml/monge/train"
)

// RunOptions say how to do a study's runs.
type RunOptions struct {
	Jobs int // runs at a time, which share the processors; 0 is 1

	// Step is told of every step, Done of every run that is over (or was, before), Warn of
	// what was put right. Each may be nil; they are called one at a time.
	Step func(cell Cell, p train.Progress)
	Done func(s State)
	Warn func(cell Cell, text string)
}

// Only returns the cells whose names match a pattern as of path.Match, like "m-sam_*".
func (s *Study) Only(pattern string) ([]Cell, error) {
	var cells []Cell
	for _, c := range s.Cells {
		ok, err := path.Match(pattern, c.Name)
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if ok {
			cells = append(cells, c)
		}
	}
	if len(cells) == 0 {
		return nil, fmt.Errorf("no cell matches %q; their names are like %s and %s", pattern, s.Cells[0].Name, s.Cells[len(s.Cells)-1].Name)
	}
	return cells, nil
}

// Run does the runs of the cells in their directories below dir, after the stages that the
// study has. Runs that are over are left alone, those that were begun go on, and one that
// another process works on is left to it. A run that fails or diverges is told of, and
// the others go on.
//
// The error is ctx's when it ended before all was done, or that of a stage.
func (s *Study) Run(ctx context.Context, dir string, cells []Cell, o RunOptions) error {
	here := s.At(dir)
	r := runner{dir: dir, o: o}
	for _, c := range here.Stages {
		if st := r.do(ctx, c); st.State != train.Finished && ctx.Err() == nil {
			return fmt.Errorf("%s %s: %s; the runs start from its weights", c.Name, st.State, st.Error)
		}
	}
	wanted := map[string]bool{}
	for _, c := range cells {
		wanted[c.Name] = true
	}
	next := make(chan Cell)
	var jobs sync.WaitGroup
	for range max(o.Jobs, 1) {
		jobs.Go(func() {
			for c := range next {
				r.tell(r.do(ctx, c))
			}
		})
	}
	for _, c := range here.Cells {
		if wanted[c.Name] && ctx.Err() == nil {
			next <- c
		}
	}
	close(next)
	jobs.Wait()
	return ctx.Err()
}

// runner does runs for several jobs.
type runner struct {
	dir     string
	o       RunOptions
	sources sources
	mu      sync.Mutex // of the functions to tell
}

// sources keeps the data that were opened last, which the next run most often sees too.
type sources struct {
	mu   sync.Mutex
	key  string
	last *train.Source
}

// newRun is train.NewContext on data that may be open already.
func (s *sources) newRun(ctx context.Context, c train.Config) (*train.Run, error) {
	src, err := s.open(ctx, c)
	if err != nil {
		return nil, err
	}
	return train.NewFrom(ctx, src, c)
}

func (s *sources) open(ctx context.Context, c train.Config) (*train.Source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := c.SourceKey(); s.last == nil || s.key != key {
		src, err := train.OpenSource(ctx, c)
		if err != nil {
			return nil, err
		}
		s.key, s.last = key, src
	}
	return s.last, nil
}

func (r *runner) tell(s State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.o.Done != nil {
		r.o.Done(s)
	}
}

// do does a cell's run, unless it is over.
func (r *runner) do(ctx context.Context, c Cell) State {
	s := c.State(r.dir)
	if s.Over() || s.State == train.Running { // here, or in another process
		return s
	}
	err := c.noteError(r.dir, nil)
	if err == nil {
		err = r.train(ctx, c)
	}
	now := c.State(r.dir)
	switch {
	case err == nil, now.Over(), ctx.Err() != nil:
		return now
	case errors.Is(err, train.ErrBusy):
		now.State = train.Running
		return now
	}
	if unwritten := c.noteError(r.dir, err); unwritten != nil {
		err = errors.Join(err, unwritten)
	}
	now.State, now.Error = train.Failed, err.Error()
	return now
}

func (r *runner) train(ctx context.Context, c Cell) (err error) {
	run, err := r.sources.newRun(ctx, c.Config)
	if err != nil {
		return err
	}
	warn := func(text string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.o.Warn != nil {
			r.o.Warn(c, text)
		}
	}
	dir, err := train.OpenDir(c.Dir(r.dir), run, train.DirOptions{Resume: true, NoTensorBoard: true, Warn: warn})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	_, err = run.Do(ctx, dir, train.Watch{Warn: warn, Step: func(p train.Progress) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.o.Step != nil {
			r.o.Step(c, p)
		}
	}})
	return err
}

package study

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/monge-ml/monge/train"
)

// RunOptions say how to do a study's runs.
type RunOptions struct {
	Jobs int // runs at a time, which share the processors; 0 is 1
	// AcceptChange goes on with runs that were begun on other data, see [train.DirOptions].
	AcceptChange bool

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
// study has, and returns how far all cells are. Runs that are over are left alone, those that
// were begun go on, and one that another process works on is left to it. A run that fails or
// diverges is told of, and the others go on. Without a directory ("") nothing is kept but what
// is returned, and the study can't have stages.
//
// The error is ctx's when it ended before all was done, that of a stage, or of why a run failed
// whose directory can't be written.
func (s *Study) Run(ctx context.Context, dir string, cells []Cell, o RunOptions) ([]State, error) {
	here := s.At(dir)
	r := runner{open: s.open, dir: dir, o: o, told: map[string]bool{}, seen: map[string]seen{}, states: map[string]State{}}
	if s.readOnly {
		return nil, errProgram
	}
	if dir == "" && len(s.Stages) > 0 {
		return nil, errors.New("a study with stages needs a directory for what the next run starts from")
	}
	for _, c := range here.Stages {
		if st := r.do(ctx, c); st.State != train.Finished && ctx.Err() == nil {
			return s.States(dir), fmt.Errorf("%s %s: %s; the runs start from its weights", c.Name, st.State, st.Error)
		}
	}
	r.doAll(ctx, here.Cells, cells)
	if dir != "" {
		return s.States(dir), errors.Join(append(r.untold, ctx.Err())...)
	}
	var states []State
	for _, c := range s.Cells {
		st, done := r.states[c.Name]
		if !done {
			st = State{Cell: c.Name, State: Planned}
		}
		states = append(states, st)
	}
	return states, ctx.Err()
}

// doAll does those of all cells that are wanted, several at a time.
func (r *runner) doAll(ctx context.Context, all, cells []Cell) {
	wanted := map[string]bool{}
	for _, c := range cells {
		wanted[c.Name] = true
	}
	if r.dir != "" {
		for _, c := range all {
			if st := c.State(r.dir); st.State == train.Finished && st.Run.Result.Fingerprint != "" {
				r.seen[dataOf(&c.Config)] = seen{c.Name, st.Run.Result.Fingerprint}
			}
		}
	}
	next := make(chan Cell)
	var jobs sync.WaitGroup
	for range max(r.o.Jobs, 1) {
		jobs.Go(func() {
			for c := range next {
				r.tell(r.do(ctx, c))
			}
		})
	}
	for _, c := range all {
		if wanted[c.Name] && ctx.Err() == nil {
			next <- c
		}
	}
	close(next)
	jobs.Wait()
}

// runner does runs for several jobs.
type runner struct {
	open   Opener
	dir    string // "" if nothing is kept
	o      RunOptions
	shared train.Shared

	mu     sync.Mutex       // of the functions to tell, and of
	told   map[string]bool  // notes
	seen   map[string]seen  // by what settings say of data
	states map[string]State // those of runs that are not kept
	untold []error          // those that directories don't tell
}

func (r *runner) tell(s State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dir == "" {
		r.states[s.Cell] = s
	}
	if r.o.Done != nil {
		r.o.Done(s)
	}
}

// do does a cell's run, unless it is over.
func (r *runner) do(ctx context.Context, c Cell) State {
	if r.dir == "" {
		return r.inMemory(ctx, c)
	}
	s := c.State(r.dir)
	if s.Over() || s.State == train.Running { // here, or in another process
		return s
	}
	err := c.noteError(r.dir, nil)
	if err == nil {
		err = guarded(func() error { return r.train(ctx, c) })
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
		r.mu.Lock()
		r.untold = append(r.untold, fmt.Errorf("%s: %w", c.Name, err))
		r.mu.Unlock()
	}
	now.State, now.Error = train.Failed, err.Error()
	return now
}

func (r *runner) train(ctx context.Context, c Cell) (err error) {
	run, err := r.open(ctx, c.Config, &r.shared)
	if err != nil {
		return err
	}
	if res, err := run.Finished(c.Dir(r.dir)); err != nil || res != nil { // its data were moved
		return errors.Join(err, run.Close())
	}
	if err := r.sameData(c, run); err != nil {
		return errors.Join(err, run.Close())
	}
	r.tellNotes(c, run)
	w := r.watch(c)
	dir, err := train.OpenDir(c.Dir(r.dir), run, train.DirOptions{Resume: true, AcceptChange: r.o.AcceptChange, NoTensorBoard: true, Warn: w.Warn})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	_, err = run.Do(ctx, dir, w)
	return err
}

// seen are the data that a finished run has seen.
type seen struct{ cell, fingerprint string }

// dataOf is what settings say of the data.
func dataOf(c *train.Config) string {
	var parts []string
	for _, s := range train.Settings(c) {
		if s.Is("examples") || s.Is("spec") || s.Is("path") {
			parts = append(parts, s.Name+"="+s.String())
		}
	}
	return strings.Join(parts, " ")
}

// sameData returns an error if a run would see other data than one of the study has seen whose
// settings say the same of them.
func (r *runner) sameData(c Cell, run *train.Run) error {
	was := r.seen[dataOf(&c.Config)]
	if was.fingerprint == "" || run.SameData(was.fingerprint) || r.o.AcceptChange {
		return nil
	}
	return fmt.Errorf("the data have changed since %s was run: put them back, begin the study in another directory, or go on with them as they are now (--accept-data-change)", was.cell)
}

// tellNotes tells what a run has to say before it starts, once for all that say the same.
func (r *runner) tellNotes(c Cell, run *train.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, note := range run.Notes() {
		if r.o.Warn != nil && !r.told[note] {
			r.o.Warn(c, note)
		}
		r.told[note] = true
	}
}

// watch tells of a run's course.
func (r *runner) watch(c Cell) train.Watch {
	return train.Watch{
		Warn: func(text string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.o.Warn != nil {
				r.o.Warn(c, text)
			}
		},
		Step: func(p train.Progress) {
			if r.o.Step == nil {
				return
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.o.Step(c, p)
		},
	}
}

// inMemory does a run of which nothing is kept but what its state says. Where one panicked is told.
func (r *runner) inMemory(ctx context.Context, c Cell) (s State) {
	var p *panicError
	if err := guarded(func() error { s = r.doInMemory(ctx, c); return nil }); errors.As(err, &p) {
		s = State{Cell: c.Name, State: train.Failed, Error: err.Error()}
		for line := range strings.Lines(string(p.log())) {
			r.watch(c).Warn(strings.TrimRight(line, "\n"))
		}
	}
	return s
}

func (r *runner) doInMemory(ctx context.Context, c Cell) State {
	s := State{Cell: c.Name, State: train.Failed}
	run, err := r.open(ctx, c.Config, &r.shared)
	if err != nil {
		s.Error = err.Error()
		return s
	}
	r.tellNotes(c, run)
	res, err := run.Do(ctx, nil, r.watch(c))
	res.Theta = nil
	s.Run = &train.SavedRun{Config: run.Config, Records: res.Records}
	s.Step, s.Steps = res.Steps, run.Steps()
	var diverged *train.DivergedError
	switch {
	case err == nil:
		s.State, s.Run.Result = train.Finished, &res
	case ctx.Err() != nil:
		s.State = train.Interrupted
	case errors.As(err, &diverged):
		s.State, s.Error = train.Diverged, err.Error()
	default:
		s.Error = err.Error()
	}
	s.Run.Status = train.Status{State: s.State, Step: s.Step, Steps: s.Steps, Error: s.Error}
	return s
}

package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/monge-ml/monge/sam"
)

// rollback is the OnNaN that goes back to the last checkpoint with half the learning
// rate.
const rollback = "rollback"

// maxRollbacks is how often.
const maxRollbacks = 3

// A DivergedError says where a run met a NaN or an infinity, and what is left of it.
type DivergedError struct {
	*sam.NonFiniteError
	Last       *Record // before it, or nil
	Checkpoint string  // the last good one, "" if there is none
	Rollbacks  int
}

func (e *DivergedError) Error() string {
	s := "training diverged: " + e.NonFiniteError.Error()
	if e.Last != nil {
		s += fmt.Sprintf("; after step %d the loss was %.4g and |g| %.4g", e.Last.Step, e.Last.TrainLoss, e.Last.GradNorm)
	}
	if e.Rollbacks > 0 {
		s += fmt.Sprintf("; rolled back %d times", e.Rollbacks)
	}
	if e.Checkpoint != "" {
		s += "; the last good checkpoint is " + e.Checkpoint
	}
	return s
}

func (e *DivergedError) Unwrap() error { return e.NonFiniteError }

// loop is a running run.
type loop struct {
	*Run
	dir   *Dir // nil if nothing is kept
	watch Watch
	state checkpoint

	perEpoch int
	batch    Minibatch
	ends     []int     // of its microbatches
	weights  []float64 // theirs
	records  []Record
	times    []float64 // seconds of this process's steps
	began    time.Time
	earlier  float64   // seconds of earlier processes
	before   []float32 // buffers, as they were before the step at hand
	correct  int       // examples that the step's first pass has right
	counted  int       // that it has looked at
	gram     []float64 // products of examples' gradients
	shares   []float32
	stopped  string
	saved    int // step of the newest checkpoint
}

func newLoop(r *Run, dir *Dir, w Watch) (*loop, error) {
	l := &loop{Run: r, dir: dir, watch: w, perEpoch: r.perEpoch, began: time.Now(), saved: -1}
	l.state = checkpoint{Config: r.Config, Data: r.fingerprint(), Kernels: kernelsInUse(&r.Config), LRScale: 1}
	if dir == nil {
		return l, nil
	}
	if dir.from != nil {
		if err := l.restore(dir.from); err != nil {
			return nil, fmt.Errorf("%s: %w", dir.path, err)
		}
	}
	var err error
	if l.records, err = dir.records(); err != nil {
		return nil, err
	}
	return l, dir.status(l.status(Running))
}

// run steps until the run is over.
func (l *loop) run(ctx context.Context) error {
	for {
		l.over()
		err := l.evaluate(ctx)
		if l.stopped == "" {
			l.stopped = l.enough()
		}
		if err == nil && l.stopped != "" {
			return nil
		}
		if err == nil {
			if err := l.save(false); err != nil {
				return err
			}
		}
		if err == nil && ctx.Err() == nil {
			err = l.step(ctx)
		}
		var nonFinite *sam.NonFiniteError
		switch {
		case ctx.Err() != nil:
			return errors.Join(ctx.Err(), l.save(true))
		case errors.As(err, &nonFinite):
			if err := l.diverged(nonFinite); err != nil {
				return err
			}
		case err != nil:
			return errors.Join(err, l.rescue())
		}
	}
}

// rescue saves what a run has reached that can't go on, and its weights if no step is left.
func (l *loop) rescue() error {
	if l.dir == nil || l.state.Step == 0 {
		return nil
	}
	err := l.save(true)
	if l.stopped != "" {
		err = errors.Join(err, l.saveWeights())
	}
	return err
}

// fetch brings the minibatch of the step at hand.
func (l *loop) fetch(ctx context.Context) (err error) {
	if l.batch, err = l.Task.Minibatch(ctx, l.state.Step); err != nil {
		return err
	}
	if l.batch == nil {
		return fmt.Errorf("step %d: the task has returned neither a minibatch nor an error", l.state.Step)
	}
	if _, counts := l.batch.(Counter); !counts && l.Config.UntilAccuracy > 0 && l.state.Window.Counted == 0 {
		return fmt.Errorf("until-accuracy has no use here: the minibatches of %s do not count what is right", cmp.Or(l.Config.Task, "the task"))
	}
	n := l.batch.Len()
	if n <= 0 {
		return fmt.Errorf("step %d: the task's minibatch is empty", l.state.Step)
	}
	l.split(n)
	return nil
}

// step takes one step.
func (l *loop) step(ctx context.Context) error {
	if err := l.fetch(ctx); err != nil {
		return err
	}
	begin := time.Now()
	l.correct, l.counted = 0, 0
	l.before = l.buffers(l.before[:0])
	res, err := l.stepper.StepMicrobatches(l.theta, l.weights, l)
	if err != nil {
		l.setBuffers(l.before) // its first pass may have moved running statistics, with a NaN's
		return err
	}
	took := time.Since(begin).Seconds()
	l.times = append(l.times, took)
	l.state.Window.add(res, l.batch.Len(), took)
	if _, counts := l.batch.(Counter); counts {
		l.state.Window.count(l.correct, l.counted)
	}
	l.state.Step++
	if l.watch.Step != nil {
		l.watch.Step(l.progress(res))
	}
	return nil
}

func (l *loop) progress(res sam.Result) Progress {
	p := Progress{
		Step: l.state.Step, Steps: l.steps, Epoch: l.epoch(), Result: res,
		ExamplesPerSec: float64(l.state.Window.Examples) / l.state.Window.Seconds,
	}
	if n := len(l.records); n > 0 {
		p.Val = l.records[n-1].Val
	}
	return p
}

// epoch is that of the last step.
func (l *loop) epoch() int { return (l.state.Step-1)/l.perEpoch + 1 }

// split cuts a batch of n examples into microbatches, by their weights.
func (l *loop) split(n int) {
	size, least := l.Config.Microbatch, l.leastBatch()
	if w, ok := l.batch.(Whole); size == 0 || ok && w.Whole() {
		size = n
	}
	l.ends, l.weights = cut(l.ends[:0], n, size, least), l.weights[:0]
	at := 0
	for _, end := range l.ends {
		l.weights = append(l.weights, float64(end-at)/float64(n))
		at = end
	}
}

// cut appends the ends of n examples' parts of a size; the last may be smaller, but if it has
// fewer than least examples it is joined to the one before.
func cut(ends []int, n, size, least int) []int {
	for at := size; at < n; at += size {
		if n-at < least {
			break
		}
		ends = append(ends, at)
	}
	return append(ends, n)
}

// leastBatch is how many examples a gradient needs.
func (r *Run) leastBatch() int {
	if t, ok := r.Task.(AtLeast); ok {
		return t.LeastBatch()
	}
	return 1
}

// Gradient is the objective of the current minibatch.
func (l *loop) Gradient(grad, theta []float32, c sam.Call) (float64, error) {
	lo, hi := 0, l.ends[c.Micro]
	if c.Micro > 0 {
		lo = l.ends[c.Micro-1]
	}
	hi = lo + c.Examples(hi-lo, l.leastBatch())
	c.Share = 0
	loss, err := l.batch.Gradient(grad, theta, lo, hi, c)
	if counter, counts := l.batch.(Counter); counts && !c.Perturbed && err == nil {
		l.correct += counter.Correct()
		l.counted += hi - lo
	}
	return loss, err
}

// over finds out whether the run has ended, but for what the next evaluation decides.
func (l *loop) over() {
	switch deadline := time.Duration(l.Config.Deadline); {
	case l.state.Step == l.steps && l.steps == l.Config.MaxSteps:
		l.stopped = "max-steps"
	case l.state.Step == l.steps:
		l.stopped = "epochs"
	case deadline > 0 && l.elapsed() >= deadline.Seconds():
		l.stopped = "deadline"
	}
}

// enough names the setting that the last evaluation fulfils, "" if none.
func (l *loop) enough() string {
	if l.state.Step != l.state.Evaluated || len(l.records) == 0 {
		return ""
	}
	last := l.records[len(l.records)-1]
	switch c := &l.Config; {
	case c.Patience > 0 && l.state.Stale >= c.Patience:
		return "patience"
	case c.UntilAccuracy > 0 && float64(last.TrainAccuracy) >= c.UntilAccuracy:
		return "until-accuracy"
	}
	return ""
}

func (l *loop) elapsed() float64 { return l.earlier + time.Since(l.began).Seconds() }

// evaluate makes a record if it is time for one.
func (l *loop) evaluate(ctx context.Context) error {
	s := &l.state
	every := l.Config.EvalEvery
	if every == 0 {
		every = l.perEpoch
	}
	due := s.Step%every == 0 || l.stopped != ""
	if s.Step == s.Evaluated || !due {
		return nil
	}
	r := s.Window.record()
	r.Step, r.Epoch = s.Step, l.epoch()
	r.LR, r.Rho = l.rates.lr.At(s.Step-1), Real(l.rates.rho.At(s.Step-1))
	if l.Task.Examples(ValSplit) > 0 {
		var err error
		if r.Val, err = l.measure(ctx, l.theta, ValSplit); err != nil {
			return err
		}
		l.warn(r)
		l.compare(r)
	}
	if l.dir != nil {
		if err := l.dir.record(r); err != nil {
			return err
		}
	}
	s.Evaluated, s.Window = s.Step, window{}
	l.records = append(l.records, r)
	if l.watch.Record != nil {
		l.watch.Record(r)
	}
	return nil
}

// warn tells what the task finds in the first record in which it finds something.
func (l *loop) warn(r Record) {
	task, ok := l.Task.(Warner)
	if !ok || l.watch.Warn == nil {
		return
	}
	if text := task.Warning(r); text != "" && !slices.ContainsFunc(l.records, func(r Record) bool { return task.Warning(r) != "" }) {
		l.watch.Warn(text)
	}
}

// compare keeps the weights of a record that is the best so far.
func (l *loop) compare(r Record) {
	s := &l.state
	if s.Best != nil && !r.Val.Better(s.Best.Val) {
		s.Stale++
		return
	}
	s.Stale = 0
	s.Best = r.best()
	s.bestTheta = append(s.bestTheta[:0], l.theta...)
	s.bestBuffers = l.buffers(s.bestBuffers[:0])
}

// buffers appends the network's buffers to dst.
func (l *loop) buffers(dst []float32) []float32 {
	for _, b := range l.moving {
		dst = append(dst, b...)
	}
	return dst
}

func (l *loop) setBuffers(src []float32) {
	for _, b := range l.moving {
		src = src[copy(b, src):]
	}
}

// save writes a checkpoint if it is time for one, or in any case.
func (l *loop) save(now bool) error {
	s := &l.state
	if l.dir == nil || s.Step == l.saved {
		return nil
	}
	switch every := l.Config.CheckpointEvery; {
	case now:
	case s.Step == 0 && l.Config.OnNaN == rollback:
		// the last resort of rolling back; it stays
	case s.Step == 0 || every > 0 && s.Step%every != 0:
		return nil
	case every == 0 && (s.Step != s.Evaluated || !l.dir.due()):
		return nil
	}
	return l.write(Running)
}

func (l *loop) write(state string) error {
	s := &l.state
	s.Elapsed, s.LRScale = l.elapsed(), *l.lrScale
	s.theta, s.buffers = l.theta, l.buffers(s.buffers[:0])
	var err error
	if s.stepper, err = l.stepper.MarshalBinary(); err != nil {
		return err
	}
	if task, ok := l.Task.(Stateful); ok {
		s.Stateful = true
		if s.task, err = task.MarshalBinary(); err != nil {
			return fmt.Errorf("the task's state: %w", err)
		}
	}
	if err := l.dir.save(s, l.status(state)); err != nil {
		return err
	}
	l.saved = s.Step
	return nil
}

// restore goes to where a checkpoint was written.
func (l *loop) restore(c *checkpoint) error {
	if len(c.theta) != len(l.theta) || len(c.buffers) != len(l.buffers(nil)) {
		return fmt.Errorf("the checkpoint has %d parameters and %d buffers, the model %d and %d",
			len(c.theta), len(c.buffers), len(l.theta), len(l.buffers(nil)))
	}
	if err := l.stepper.UnmarshalBinary(c.stepper); err != nil {
		return err
	}
	task, ok := l.Task.(Stateful)
	if ok && c.task != nil && !c.Stateful && len(c.task) == 0 {
		return errors.New("the checkpoint lacks the task's state: the task had none when it was written; start a new run")
	}
	if ok && c.task != nil {
		if err := task.UnmarshalBinary(c.task); err != nil {
			return fmt.Errorf("the task's state: %w", err)
		}
	}
	copy(l.theta, c.theta)
	l.setBuffers(c.buffers)
	*l.lrScale = c.LRScale
	l.earlier, l.began = c.Elapsed, time.Now()
	config, kernels := l.state.Config, l.state.Kernels
	l.state, l.saved = *c, c.Step
	l.state.Config, l.state.Kernels = config, kernels
	return nil
}

// diverged rolls back, or says why not. A checkpoint of the failing step itself would
// fail again, and so would the one that the last rollback went to if the run got no
// farther since.
func (l *loop) diverged(cause *sam.NonFiniteError) error {
	e := &DivergedError{NonFiniteError: cause, Rollbacks: l.state.Rollbacks}
	if n := len(l.records); n > 0 {
		e.Last = &l.records[n-1]
	}
	if l.dir == nil {
		return e
	}
	failed, limit := l.state.Step, l.state.Step
	if l.state.Rollbacks > 0 && failed <= l.state.FailedAt {
		limit = l.state.RolledTo
	}
	var c *checkpoint
	if c, e.Checkpoint = l.dir.before(limit); c == nil {
		c, e.Checkpoint = l.dir.before(1) // of step 0: again, but more slowly
	}
	if l.Config.OnNaN != rollback || l.state.Rollbacks == maxRollbacks || c == nil {
		return e
	}
	times, scale, elapsed := l.state.Rollbacks+1, *l.lrScale/2, l.elapsed()
	if err := l.restore(c); err != nil {
		return err
	}
	l.state.Rollbacks, *l.lrScale, l.earlier = times, scale, elapsed
	l.state.FailedAt, l.state.RolledTo = failed, c.Step
	if err := l.dir.rewind(c); err != nil {
		return err
	}
	l.records = slices.DeleteFunc(l.records, func(r Record) bool { return r.Step > c.Step })
	if l.watch.Warn != nil {
		l.watch.Warn(fmt.Sprintf("%v; rolled back to step %d, learning rate halved (%d of %d)", cause, c.Step, times, maxRollbacks))
	}
	return errors.Join(l.write(Running), l.dir.removeAfter(c.Step)) // so that the halved rate outlives this process
}

func (l *loop) status(state string) Status {
	return Status{State: state, Step: l.state.Step, Steps: l.steps}
}

// failed notes in the directory why the run has ended, and returns the error.
func (l *loop) failed(err error) error {
	if l.dir == nil {
		return err
	}
	s := l.status(Failed)
	var diverged *DivergedError
	switch {
	case errors.Is(err, context.Canceled):
		s.State = Interrupted
	case errors.As(err, &diverged):
		s.State, s.Error = Diverged, err.Error()
	default:
		s.Error = err.Error()
	}
	return errors.Join(err, l.dir.status(s))
}

// result is what the run has reached.
func (l *loop) result() Result {
	res := Result{
		Best: l.state.Best, Data: l.Sizes(), Steps: l.state.Step, StoppedBy: l.stopped, StepSeconds: median(l.times), Seconds: l.elapsed(),
		WeightsSHA256: Digest(l.theta), Kernels: l.state.Kernels, Fingerprint: l.fingerprint(), Theta: l.theta, Records: l.records,
	}
	if n := len(l.records); n > 0 {
		last := l.records[n-1]
		res.TrainLoss, res.Val = last.TrainLoss, last.Val
	}
	return res
}

// test evaluates the last and the best weights on the test split.
func (l *loop) test(ctx context.Context, res *Result) error {
	if l.Task.Examples(TestSplit) == 0 {
		return nil
	}
	var err error
	if res.Test, err = l.measure(ctx, l.theta, TestSplit); err != nil || res.Best == nil {
		return err
	}
	return l.atBest(func() (err error) {
		res.Best.Test, err = l.measure(ctx, l.state.bestTheta, TestSplit)
		return err
	})
}

// atBest calls f with the buffers of the best weights in the model.
func (l *loop) atBest(f func() error) error {
	last := l.buffers(nil)
	defer l.setBuffers(last)
	l.setBuffers(l.state.bestBuffers)
	return f()
}

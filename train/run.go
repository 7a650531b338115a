package train

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/internal/par"
	"github.com/monge-ml/monge/sam"
)

// Watch is told of a run's course. Each may be nil.
type Watch struct {
	Step   func(Progress)
	Record func(Record)
	Warn   func(string)
}

// A Run is a configured training run, ready to start.
type Run struct {
	Config Config // with what the task has decided
	Task   Task

	theta    []float32
	moving   [][]float32 // the task's buffers
	stepper  *sam.Stepper[float32]
	rates    schedules
	lrScale  *float64 // of the learning rate, which rolling back halves
	perEpoch int      // steps
	steps    int
	measured Measures // the first ones, without values
	over     bool     // it can't be done any more
	closed   bool
}

// New checks a config and makes its run.
func New(c Config) (*Run, error) { return NewContext(context.Background(), c) }

// NewContext is [New] that returns ctx's error when that ends while data are read.
func NewContext(ctx context.Context, c Config) (*Run, error) { return NewShared(ctx, nil, c) }

// NewShared is [NewContext] that keeps in shared, and takes from there, what several runs use.
func NewShared(ctx context.Context, shared *Shared, c Config) (*Run, error) {
	k, ok := c.Kind()
	if !ok {
		if _, err := FindKind(c.Task); c.Task != "" {
			return nil, err
		}
		return nil, fmt.Errorf("the settings name no task; there are %s", strings.Join(KindNames(), ", "))
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	t, err := k.Open(ctx, &c, shared)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, fmt.Errorf("task %s: Open has returned neither a task nor an error", k.Name)
	}
	return newRun(t, c)
}

// NewTask makes the run of a task that the program has made. The config's Task is what its run
// directory calls it. The run takes the task over and closes it, also where this is an error.
func NewTask(t Task, c Config) (*Run, error) {
	if t == nil {
		return nil, errors.New("there is no task: it is nil")
	}
	var err error
	if k, ok := c.Kind(); ok {
		err = fmt.Errorf("task %s is one that is made from settings; call this one otherwise", k.Name)
	} else if c.Task == "" && c.Own != nil {
		err = errors.New("the task has settings of its own but no name; give the config's Task one")
	} else {
		err = c.check()
	}
	if err != nil {
		return nil, (&Run{Task: t}).closeAfter(err)
	}
	return newRun(t, c)
}

func newRun(t Task, c Config) (*Run, error) {
	r := &Run{Task: t, Config: c, theta: t.Theta(), lrScale: new(float64), perEpoch: t.Steps()}
	if err := r.prepare(); err != nil {
		return nil, r.closeAfter(err)
	}
	return r, nil
}

// prepare makes what the run steps with.
func (r *Run) prepare() (err error) {
	t, c := r.Task, r.Config
	*r.lrScale = 1
	if m := c.momentum(); m != 0 {
		r.Config.Momentum = &m
	}
	r.Config.AscentBudget = c.ascentBudget()
	if r.perEpoch < 1 {
		return fmt.Errorf("the task has %d steps an epoch; there must be at least one", r.perEpoch)
	}
	if c.Epochs > math.MaxInt32/r.perEpoch {
		return fmt.Errorf("%d epochs of %d steps are more than %d", c.Epochs, r.perEpoch, math.MaxInt32)
	}
	if c.Patience > 0 && t.Examples(ValSplit) == 0 {
		return errors.New("patience has no use here: there is no validation split, so no evaluation is better than another")
	}
	if least := r.leastBatch(); c.Microbatch > 0 && c.Microbatch < least {
		return fmt.Errorf("microbatch is %d; the network can't be trained on fewer than %d examples at a time", c.Microbatch, least)
	}
	if b, ok := t.(Buffered); ok {
		r.moving = b.Buffers()
	}
	if p, ok := t.(Precise); ok {
		p.SetPrecision(c.Precisions())
	} else if c.Precision != "" || c.AscentPrecision != "" {
		return errors.New("the task computes in its own precision alone: leave precision and ascent-precision off")
	}
	r.steps = c.Epochs * r.perEpoch
	if c.MaxSteps > 0 {
		r.steps = min(r.steps, c.MaxSteps)
	}
	if r.rates, err = c.schedules(r.steps, r.lrScale); err != nil {
		return err
	}
	if err := c.From.Within(r.steps); err != nil {
		return err
	}
	of := parts{steps: r.steps}
	if of.groups, err = c.groups(t); err != nil {
		return err
	}
	if of.norms, err = c.norms(t); err != nil {
		return err
	}
	r.stepper, err = c.stepper(len(r.theta), r.rates, of)
	return err
}

// begin returns an error for a run that was begun before.
func (r *Run) begin() error {
	if r.over {
		return errors.New("the run is over: it can be done or estimated once; make another")
	}
	r.over = true
	return nil
}

// Close closes the task of a run that is not to be done. A run that was done or estimated, or whose
// directory could not be opened, has closed it.
func (r *Run) Close() error { return r.closeAfter(nil) }

// closeAfter closes the task, unless it was, and adds an error of that to another.
func (r *Run) closeAfter(err error) error {
	t, ok := r.Task.(Closer)
	if !ok || r.closed {
		r.over, r.closed = true, true
		return err
	}
	r.over, r.closed = true, true
	if failed := t.Close(); failed != nil {
		return errors.Join(err, fmt.Errorf("closing the task: %w", failed))
	}
	return err
}

// Notes are what the task has to say before it starts.
func (r *Run) Notes() []string {
	if t, ok := r.Task.(Noted); ok {
		return t.Notes()
	}
	return nil
}

// Size returns the number of parameters that are trained.
func (r *Run) Size() int { return len(r.theta) }

// Steps returns the number of steps of the whole run.
func (r *Run) Steps() int { return r.steps }

// Sizes returns the number of examples of each split.
func (r *Run) Sizes() Sizes {
	s := Sizes{Train: r.Task.Examples(TrainSplit), Val: r.Task.Examples(ValSplit), Test: r.Task.Examples(TestSplit)}
	if t, ok := r.Task.(Described); ok {
		s.Of = t.Of()
	}
	return s
}

// measure measures the network at theta on a split.
func (r *Run) measure(ctx context.Context, theta []float32, s Split) (Measures, error) {
	m, err := r.Task.Measure(ctx, theta, s)
	if err == nil {
		err = r.checkMeasures(m, s)
	}
	return m, err
}

var measureNames = regexp.MustCompile("^[a-z][a-z0-9_]*$")

// checkMeasures returns an error for measures that are not as [Task] says.
func (r *Run) checkMeasures(list Measures, s Split) error {
	if len(list) == 0 {
		return fmt.Errorf("the task has measured nothing on the %s split", s)
	}
	name := cmp.Or(r.Config.Task, "the task")
	seen := map[string]bool{}
	for i, m := range list {
		var wrong string
		switch {
		case !measureNames.MatchString(m.Name):
			wrong = "a name has lower case, digits and underscores, and begins with a letter"
		case seen[m.Name]:
			wrong = "there are two of that name"
		case m.Better != "" && m.Better != Higher && m.Better != Lower:
			wrong = fmt.Sprintf("it has direction %q; there are higher, lower", m.Better)
		case i == 0 && m.Better == "":
			wrong = "it is the first, which decides, but it has no direction"
		}
		if wrong != "" {
			return fmt.Errorf("%s: measure %q on the %s split: %s", name, m.Name, s, wrong)
		}
		seen[m.Name] = true
	}
	if r.measured == nil {
		r.measured = slices.Clone(list)
	}
	same := func(a, b Measure) bool { return a.Name == b.Name && a.Better == b.Better }
	if !slices.EqualFunc(list, r.measured, same) {
		return fmt.Errorf("%s: the measures on the %s split are %s, those before were %s", name, s, list.text(), r.measured.text())
	}
	return nil
}

// text lists names and directions.
func (m Measures) text() string {
	var list []string
	for _, x := range m {
		list = append(list, strings.TrimSpace(x.Name+" "+string(x.Better)))
	}
	return strings.Join(list, ", ")
}

// Do trains and evaluates the end. With a directory it goes on where that was left, and
// keeps there what it does. It closes the task. It may be called once, and not after
// [Run.Estimate]. Runs that go on beside each other share
// the processors.
//
// When ctx is done it finishes the step, saves, and returns ctx's error. A NaN or
// infinite loss that no rollback gets past is a [DivergedError]. Either comes with what
// was reached in the Result.
func (r *Run) Do(ctx context.Context, dir *Dir, w Watch) (_ Result, err error) {
	if err := r.begin(); err != nil {
		return Result{}, err
	}
	defer par.Join()()
	defer func() { err = r.closeAfter(err) }()
	if dir == nil && r.Config.OnNaN == rollback {
		return Result{}, errors.New("on-nan rollback goes back to checkpoints: it needs the run's directory")
	}
	l, err := newLoop(r, dir, w)
	if err != nil {
		return Result{}, err
	}
	if w.Warn != nil && r.Config.emulates() {
		w.Warn("this processor does not multiply bfloat16 (AVX512_BF16): bf16 has the same bits here, but is no faster than float32")
	}
	if err := l.run(ctx); err != nil {
		return l.result(), l.failed(err)
	}
	res := l.result()
	if dir != nil { // before what may fail
		if err := l.saveWeights(); err != nil {
			return res, l.failed(errors.Join(err, l.save(true)))
		}
	}
	if err := l.test(ctx, &res); err != nil {
		return res, l.failed(errors.Join(err, l.save(true)))
	}
	if dir == nil {
		return res, nil
	}
	return res, dir.finish(l, res)
}

// DoIn is [Run.Do] in a run's directory, see [OpenDir].
func (r *Run) DoIn(ctx context.Context, path string, o DirOptions, w Watch) (res Result, err error) {
	dir, err := OpenDir(path, r, o)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return r.Do(ctx, dir, w)
}

// kernelsInUse names what decides the rounding of a run's arithmetic.
func kernelsInUse(c *Config) string {
	level := kernel.Active()
	if level == kernel.AVX512BF16 { // the same bits, faster
		level = kernel.AVX512
	}
	s := level.String()
	if c.DirectConv {
		s += ", direct convolution"
	}
	return s
}

// emulates reports whether a precision is asked for that this processor does without the
// instruction.
func (c *Config) emulates() bool {
	ascent, descent := c.Precisions()
	return max(ascent, descent) == kernel.BFloat16 && kernel.Active() != kernel.AVX512BF16
}

// fits returns an error for a checkpoint of other settings, or of another network.
func (r *Run) fits(c *checkpoint, warn func(string)) error {
	if err := r.sameSettings(c.Config); err != nil {
		return err
	}
	if c.Step > r.steps {
		return fmt.Errorf("the checkpoint is of step %d, the run has only %d: give it more epochs, or remove the checkpoint", c.Step, r.steps)
	}
	if c.Step < 0 || c.Evaluated > c.Step || !(c.LRScale > 0 && c.LRScale <= 1) || c.Best != nil && len(c.bestTheta) != len(c.theta) {
		return fmt.Errorf("the checkpoint claims step %d of %d: it was changed; remove it", c.Step, r.steps)
	}
	if len(c.theta) != len(r.theta) {
		return fmt.Errorf("the checkpoint has %d parameters, the model %d: the run was begun with another network, or by another version", len(c.theta), len(r.theta))
	}
	if now := kernelsInUse(&r.Config); c.Kernels != now {
		warn(fmt.Sprintf("the run was computed at level %s and goes on at %s: the bits will differ from an uninterrupted run's", c.Kernels, now))
	}
	return nil
}

// median of a list, which it sorts; 0 if empty.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// Digest is the SHA-256 of the little-endian bytes of a parameter vector.
func Digest(theta []float32) string {
	sum := sha256.New()
	b := make([]byte, 0, 4*chunk)
	for part := range slices.Chunk(theta, chunk) {
		b = b[:0]
		for _, v := range part {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		sum.Write(b)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

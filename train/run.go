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
	measured Measures // last
	spent    bool
}

var errSpent = errors.New("the run has been used: make another")

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
		return nil, fmt.Errorf("task %s: it was opened without an error and is nil", k.Name)
	}
	return newRun(t, c)
}

// NewTask makes the run of a task that the program has made. The config's Task is what its run
// directory calls it.
func NewTask(t Task, c Config) (*Run, error) {
	if t == nil {
		return nil, errors.New("no task")
	}
	if k, ok := c.Kind(); ok {
		return nil, fmt.Errorf("task %s is one that is made from settings; call this one otherwise", k.Name)
	}
	if c.Task == "" && c.Own != nil {
		return nil, errors.New("the task has settings of its own but no name; give the config's Task one")
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return newRun(t, c)
}

func newRun(t Task, c Config) (_ *Run, err error) {
	r := &Run{Task: t, Config: c, theta: t.Theta(), lrScale: new(float64), perEpoch: t.Steps()}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	*r.lrScale = 1
	if m := c.momentum(); m != 0 {
		r.Config.Momentum = &m
	}
	if r.perEpoch < 1 {
		return nil, fmt.Errorf("the task has %d steps an epoch; there must be at least one", r.perEpoch)
	}
	if c.Epochs > math.MaxInt32/r.perEpoch {
		return nil, fmt.Errorf("%d epochs of %d steps are more than %d", c.Epochs, r.perEpoch, math.MaxInt32)
	}
	if b, ok := t.(Buffered); ok {
		r.moving = b.Buffers()
	}
	r.steps = c.Epochs * r.perEpoch
	if c.MaxSteps > 0 {
		r.steps = min(r.steps, c.MaxSteps)
	}
	if r.rates, err = c.schedules(r.steps, r.lrScale); err != nil {
		return nil, err
	}
	if c.Patience > 0 && t.Examples(ValSplit) < 1 {
		return nil, errors.New("patience is about a validation split, and there is none: --val makes one")
	}
	if r.stepper, err = c.stepper(len(r.theta), r.rates); err != nil {
		return nil, err
	}
	return r, nil
}

// close closes the task.
func (r *Run) close() error {
	if t, ok := r.Task.(Closer); ok {
		return t.Close()
	}
	return nil
}

// fingerprint tells the task's data from others, "" if it does not say.
func (r *Run) fingerprint() string {
	if t, ok := r.Task.(Identified); ok {
		return t.Fingerprint()
	}
	return ""
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
	if err != nil {
		return m, err
	}
	if len(m) == 0 {
		return nil, fmt.Errorf("the task has measured nothing on the %s split", s)
	}
	if err := m.check(r.measured); err != nil {
		return nil, fmt.Errorf("what the task measures on the %s split: %w", s, err)
	}
	r.measured = m
	return m, nil
}

// Do trains and evaluates the end. With a directory it goes on where that was left, and
// keeps there what it does. It may be called once. Runs that go on beside each other share
// the processors.
//
// When ctx is done it finishes the step, saves, and returns ctx's error. A NaN or
// infinite loss that no rollback gets past is a [DivergedError]. Either comes with what
// was reached in the Result.
func (r *Run) Do(ctx context.Context, dir *Dir, w Watch) (_ Result, err error) {
	if r.spent {
		return Result{}, errSpent
	}
	r.spent = true
	defer par.Join()()
	defer func() { err = errors.Join(err, r.close()) }()
	l, err := newLoop(r, dir, w)
	if err != nil {
		return Result{}, err
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
		return res, errors.Join(err, r.close())
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return r.Do(ctx, dir, w)
}

// kernelsInUse names what decides the rounding of a run's arithmetic.
func kernelsInUse(c *Config) string {
	s := kernel.Active().String()
	if c.DirectConv {
		s += ", direct convolution"
	}
	return s
}

// fits returns an error for a checkpoint of other settings or other data.
func (r *Run) fits(c *checkpoint, warn func(string)) error {
	if err := SameConfig(c.Config, r.Config); err != nil {
		return err
	}
	if c.Data != r.fingerprint() {
		return fmt.Errorf("the data have changed since the run began (%s); put them back, or start a new run", cmp.Or(r.Config.DataName(), r.Config.Task))
	}
	if c.Step < 0 || c.Step > r.steps || c.Evaluated > c.Step || !(c.LRScale > 0 && c.LRScale <= 1) || c.Best != nil && len(c.bestTheta) != len(c.theta) {
		return fmt.Errorf("the checkpoint claims step %d of %d: it was changed; remove it", c.Step, r.steps)
	}
	if len(c.theta) != len(r.theta) {
		return fmt.Errorf("the checkpoint has %d parameters, the model %d: the run was begun by another version", len(c.theta), len(r.theta))
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

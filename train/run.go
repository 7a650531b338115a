package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/internal/par"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/sam"
)

// Result is the outcome of a run. What has no split to be measured on is NaN, null in
// JSON.
type Result struct {
	TestAccuracy  Real       `json:"test_accuracy"`
	TestLoss      Real       `json:"test_loss"`
	ValAccuracy   Real       `json:"val_accuracy"`
	ValLoss       Real       `json:"val_loss"`
	TrainLoss     float64    `json:"train_loss"`          // mean over the steps of the last record
	Best          *Best      `json:"best"`                // null without a validation split
	Alignment     *Alignment `json:"alignment,omitempty"` // of pairs, on the test split
	Data          Sizes      `json:"data"`
	Steps         int        `json:"steps"`
	StoppedBy     string     `json:"stopped_by"`     // "epochs", "deadline", or the setting that did
	StepSeconds   float64    `json:"step_s"`         // median
	Seconds       float64    `json:"seconds"`        // of training and evaluation, over all processes
	WeightsSHA256 string     `json:"weights_sha256"` // of the trained parameters
	Kernels       string     `json:"kernels"`        // that computed it

	Theta   []float32 `json:"-"`
	Records []Record  `json:"-"`
}

// Aligned reports whether the run was one on pairs that were evaluated.
func (r *Result) Aligned() bool {
	return r.Alignment != nil || r.Best != nil && r.Best.ValAlignment != nil
}

// Sizes says what data a run has seen, in examples of each split.
type Sizes struct {
	Train   int `json:"train"`
	Val     int `json:"val"`
	Test    int `json:"test"`
	Classes int `json:"classes"`
}

// Best is the evaluation with the highest validation accuracy, or of pairs the highest S_kNN;
// of equal ones the one of the lowest loss.
type Best struct {
	Step         int        `json:"step"`
	ValAccuracy  Real       `json:"val_accuracy"`
	ValLoss      Real       `json:"val_loss"`
	TestAccuracy Real       `json:"test_accuracy"` // of its weights, once the run is over
	ValAlignment *Alignment `json:"val_alignment,omitempty"`
	Alignment    *Alignment `json:"alignment,omitempty"` // likewise
}

// Progress is what a run shows of a step.
type Progress struct {
	Step, Steps    int // done, and of the whole run
	Epoch          int // counted from 1
	ValAccuracy    Real
	ValAlignment   *Alignment // of pairs, else nil
	ExamplesPerSec float64    // over the steps since the last record
	sam.Result
}

// Watch is told of a run's course. Each may be nil.
type Watch struct {
	Step   func(Progress)
	Record func(Record)
	Warn   func(string)
}

// A Run is a configured training run, ready to start.
type Run struct {
	Config    Config       // with its normalisation decided
	Data      *data.Splits // of pairs the examples are numbered by their captions
	Normalize data.Normalization
	Kept      []string // parameters that did not come from the file to start from
	LeftOut   string   // what of the pairs could not be used

	task    task
	theta   []float32
	stepper *sam.Stepper[float32]
	loader  *data.Loader
	rates   schedules
	lrScale *float64 // of the learning rate, which rolling back halves
	steps   int
	data    string // fingerprint
}

// New checks a config and builds its parts.
func New(c Config) (*Run, error) { return NewContext(context.Background(), c) }

// NewContext is [New] that returns ctx's error when that ends while pairs are read.
func NewContext(ctx context.Context, c Config) (*Run, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	src, err := OpenSource(ctx, c)
	if err != nil {
		return nil, err
	}
	return NewFrom(ctx, src, c)
}

// NewFrom is [NewContext] on data that were opened before, by a config of the same SourceKey.
func NewFrom(ctx context.Context, src *Source, c Config) (*Run, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.SourceKey() != src.key {
		return nil, fmt.Errorf("the data were opened as %s, the config says %s", src.key, c.SourceKey())
	}
	r := &Run{lrScale: new(float64), data: src.fingerprint}
	*r.lrScale = 1
	r.Config = c
	if m := c.momentum(); m != 0 {
		r.Config.Momentum = &m
	}
	var err error
	if src.pairs != nil {
		err = r.toAlign(ctx, src.pairs)
	} else {
		err = r.toClassify(src.splits)
	}
	if err != nil {
		return nil, err
	}
	if r.loader, err = c.loader(r.Data.Train, r.Normalize); err != nil {
		return nil, err
	}
	r.steps = c.Epochs * r.loader.PerEpoch()
	if c.MaxSteps > 0 {
		r.steps = min(r.steps, c.MaxSteps)
	}
	if r.rates, err = c.schedules(r.steps, r.lrScale); err != nil {
		return nil, err
	}
	if r.stepper, err = c.stepper(r.Network().Size(), r.rates); err != nil {
		return nil, err
	}
	return r, nil
}

// toClassify builds what a run on classes trains.
func (r *Run) toClassify(d *data.Splits) (err error) {
	c := &r.Config
	own := classifier.TokenizerOf(c.Model)
	if own != nil {
		if r.data, err = fingerprintOf(d, own); err != nil {
			return err
		}
	}
	if d, err = d.Tokenized(own, 0); err != nil {
		return err
	}
	if r.Data, err = d.WithNoise(data.Noise{Labels: c.LabelNoise, Pixels: c.PixelDropout, Copies: c.Copies}, c.Seed); err != nil {
		return err
	}
	var start *classifier.File
	if c.Init != "" {
		if start, err = classifier.Open(c.Init); err != nil {
			return err
		}
	}
	if r.Normalize, err = c.normalization(start); err != nil {
		return err
	}
	c.Normalize = r.Normalize.String()
	t, theta, kept, err := c.classification(r.Data, start)
	if err != nil {
		return err
	}
	t.config, t.normalize = c, r.Normalize
	r.task, r.theta, r.Kept = t, theta, kept
	return nil
}

// toAlign builds what a run on pairs trains.
func (r *Run) toAlign(ctx context.Context, s *pairSource) error {
	t, err := newAlignment(&r.Config, s.trainCaptions())
	if err != nil {
		return err
	}
	if r.Data, err = s.images(ctx, t.Preprocessor); err != nil {
		return err
	}
	if err := checkAlignment(&r.Config, r.Data); err != nil {
		return err
	}
	r.Normalize, r.LeftOut = t.Preprocessor.Normalize, s.left()
	r.task, r.theta = t, t.Theta
	return t.tokenize(s.captions)
}

// Network returns what is trained.
func (r *Run) Network() *nn.Network { return r.task.network() }

// Steps returns the number of steps of the whole run.
func (r *Run) Steps() int { return r.steps }

// Sizes returns the number of examples of each split, and of classes.
func (r *Run) Sizes() Sizes {
	return Sizes{r.Data.Train.Len(), r.Data.Val.Len(), r.Data.Test.Len(), len(r.Data.Classes)}
}

// Do trains and evaluates the end. With a directory it goes on where that was left, and
// keeps there what it does. It may be called once. Runs that go on beside each other share
// the processors.
//
// When ctx is done it finishes the step, saves, and returns ctx's error. A NaN or
// infinite loss that no rollback gets past is a [DivergedError]. Either comes with what
// was reached in the Result.
func (r *Run) Do(ctx context.Context, dir *Dir, w Watch) (Result, error) {
	defer par.Join()()
	defer r.loader.Close()
	l, err := newLoop(r, dir, w)
	if err != nil {
		return Result{}, err
	}
	if err := l.run(ctx); err != nil {
		return l.result(), l.failed(err)
	}
	res := l.result()
	if err := l.test(ctx, &res); err != nil {
		return res, l.failed(errors.Join(err, l.save(true)))
	}
	if dir == nil {
		return res, nil
	}
	return res, dir.finish(r, l, res)
}

// Evaluate measures the network at theta on a set.
func (r *Run) Evaluate(ctx context.Context, theta []float32, s *data.Set) (Scores, error) {
	return r.task.evaluate(ctx, theta, s)
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
	if c.Data != r.data {
		return fmt.Errorf("the data have changed since the run began (%s); put them back, or start a new run", r.Config.Data)
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

// SameConfig returns an error that lists the settings in which a run's saved config
// differs, but for those that change nothing of what is computed.
func SameConfig(saved, now Config) error {
	var differ []string
	a, b := Settings(&saved), Settings(&now)
	for i, s := range a {
		switch s.Name {
		case "checkpoint-every", "keep", "deadline":
			continue
		}
		if was, is := s.String(), b[i].String(); was != is {
			differ = append(differ, fmt.Sprintf("%s was %s, is %s", s.Name, orNone(was), orNone(is)))
		}
	}
	if differ == nil {
		return nil
	}
	return fmt.Errorf("the run has other settings: %s; resume it with its own, or choose another directory", strings.Join(differ, "; "))
}

func orNone(s string) string {
	if s == "" {
		return "not set"
	}
	return s
}

// median of a list, which it sorts; 0 if empty.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// digest is the SHA-256 of the little-endian bytes of a parameter vector.
func digest(theta []float32) string {
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

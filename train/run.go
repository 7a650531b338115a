package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/sam"
)

// Epoch is what one epoch of training saw. Values of steps are means over the epoch.
type Epoch struct {
	Epoch           int     `json:"epoch"` // counted from 1
	TrainLoss       float64 `json:"train_loss"`
	ValLoss         Real    `json:"val_loss"`
	ValAccuracy     float64 `json:"val_accuracy"`
	GradNorm        float64 `json:"grad_norm"`        // |g|
	DeltaNorm       float64 `json:"delta_norm"`       // |delta|
	PredictedAscent float64 `json:"predicted_ascent"` // gᵀdelta
	Ascent          float64 `json:"ascent"`           // loss at theta+delta minus loss at theta
	Seconds         float64 `json:"seconds"`          // of its steps
}

// Result is the outcome of a run.
type Result struct {
	TestAccuracy  float64 `json:"test_accuracy"`
	TestLoss      Real    `json:"test_loss"`
	ValAccuracy   float64 `json:"val_accuracy"`
	ValLoss       Real    `json:"val_loss"`
	TrainLoss     float64 `json:"train_loss"` // mean over the last epoch's steps
	Steps         int     `json:"steps"`
	StepSeconds   float64 `json:"step_s"` // median
	WeightsSHA256 string  `json:"weights_sha256"`

	Theta  []float32 `json:"-"`
	Epochs []Epoch   `json:"-"`
}

// Progress is called after every step with the number of steps done and of all steps,
// and what the step saw.
type Progress func(done, all int, r sam.Result)

// A Run is a configured training run, ready to start.
type Run struct {
	Config Config
	Model  *nn.Model
	Data   *data.Splits

	stepper *sam.Stepper[float32]
	loader  *data.Loader
}

// New checks a config and builds its parts.
func New(c Config) (*Run, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	d, err := c.open()
	if err != nil {
		return nil, err
	}
	m, err := c.model(d)
	if err != nil {
		return nil, err
	}
	st, err := c.stepper(m.Size())
	if err != nil {
		return nil, err
	}
	l, err := data.NewLoader(d.Train, data.LoaderSettings{Batch: c.Batch, Shuffle: true, Seed: c.Seed})
	if err != nil {
		return nil, err
	}
	return &Run{Config: c, Model: m, Data: d, stepper: st, loader: l}, nil
}

// Steps returns the number of steps of the whole run.
func (r *Run) Steps() int { return r.Config.Epochs * r.loader.PerEpoch() }

// Do trains from the initial parameters and evaluates the end. It calls each (which may
// be nil) after every epoch, and stops when ctx is done or each returns an error. A NaN
// or infinite loss is a [sam.NonFiniteError], with what was reached in the Result.
func (r *Run) Do(ctx context.Context, each func(Epoch) error, progress Progress) (Result, error) {
	res := Result{Theta: make([]float32, r.Model.Size())}
	r.Model.Init(res.Theta, r.Config.Seed)
	l := loop{run: r, theta: res.Theta, all: r.Steps(), progress: progress}
	for n := 1; n <= r.Config.Epochs; n++ {
		e, err := l.epoch(ctx, n)
		if err != nil {
			return l.finish(res), err
		}
		res.Epochs = append(res.Epochs, e)
		if each != nil {
			if err := each(e); err != nil {
				return l.finish(res), err
			}
		}
	}
	res = l.finish(res)
	var err error
	if res.TestLoss, res.TestAccuracy, err = r.Evaluate(res.Theta, r.Data.Test); err != nil {
		return res, err
	}
	return res, nil
}

// loop is the state of a running loop.
type loop struct {
	run      *Run
	theta    []float32
	batch    *data.Batch
	done     int
	all      int
	times    []float64
	progress Progress
}

// Gradient is the objective of the current minibatch.
func (l *loop) Gradient(grad, theta []float32, c sam.Call) (float64, error) {
	return l.run.Model.Gradient(grad, theta, l.batch.X, l.batch.Labels, c)
}

func (l *loop) epoch(ctx context.Context, number int) (Epoch, error) {
	e := Epoch{Epoch: number}
	l.run.loader.Start(number, 0)
	steps := 0.
	for {
		var err error
		if l.batch, err = l.run.loader.Next(ctx); err != nil {
			return e, err
		}
		if l.batch == nil {
			break
		}
		begin := time.Now()
		r, err := l.run.stepper.Step(l.theta, l)
		if err != nil {
			return e, err
		}
		took := time.Since(begin).Seconds()
		l.times = append(l.times, took)
		l.done++
		steps++
		e.add(r, took)
		if l.progress != nil {
			l.progress(l.done, l.all, r)
		}
	}
	e.mean(steps)
	var err error
	e.ValLoss, e.ValAccuracy, err = l.run.Evaluate(l.theta, l.run.Data.Val)
	return e, err
}

func (e *Epoch) add(r sam.Result, seconds float64) {
	e.TrainLoss += r.Loss
	e.GradNorm += r.GradNorm
	e.DeltaNorm += r.DeltaNorm
	e.PredictedAscent += r.PredictedAscent
	e.Ascent += r.Ascent()
	e.Seconds += seconds
}

func (e *Epoch) mean(steps float64) {
	for _, v := range []*float64{&e.TrainLoss, &e.GradNorm, &e.DeltaNorm, &e.PredictedAscent, &e.Ascent} {
		*v /= steps
	}
}

// finish fills in what the run has reached.
func (l *loop) finish(res Result) Result {
	res.Steps = l.done
	if n := len(l.times); n > 0 {
		slices.Sort(l.times)
		res.StepSeconds = l.times[n/2]
	}
	if n := len(res.Epochs); n > 0 {
		last := res.Epochs[n-1]
		res.TrainLoss, res.ValLoss, res.ValAccuracy = last.TrainLoss, last.ValLoss, last.ValAccuracy
	}
	res.WeightsSHA256 = hash(res.Theta)
	return res
}

// hash is the SHA-256 of the little-endian bytes of a parameter vector.
func hash(theta []float32) string {
	b := make([]byte, 0, 4*len(theta))
	for _, v := range theta {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Evaluate returns the mean cross-entropy and the accuracy of the model on a set.
func (r *Run) Evaluate(theta []float32, s *data.Set) (loss Real, accuracy float64, err error) {
	const batch = 256
	loader, err := data.NewLoader(s, data.LoaderSettings{Batch: batch})
	if err != nil {
		return 0, 0, fmt.Errorf("evaluate: %w", err)
	}
	var sum float64
	right := 0
	for {
		b, err := loader.Next(context.Background())
		if err != nil {
			return 0, 0, fmt.Errorf("evaluate: %w", err)
		}
		if b == nil {
			break
		}
		logits, err := r.Model.Logits(theta, b.X)
		if err != nil {
			return 0, 0, fmt.Errorf("evaluate: %w", err)
		}
		classes := len(logits) / len(b.Labels)
		for j, label := range b.Labels {
			row := logits[j*classes : (j+1)*classes]
			sum += crossEntropy(row, label)
			if argmax(row) == label {
				right++
			}
		}
	}
	return Real(sum / float64(s.Len())), float64(right) / float64(s.Len()), nil
}

// crossEntropy is -log softmax(x)[label] in nats.
func crossEntropy(x []float32, label int) float64 {
	top := float64(slices.Max(x))
	var sum float64
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return math.Log(sum) - (float64(x[label]) - top)
}

func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

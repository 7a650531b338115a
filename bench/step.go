package bench

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/usage"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/tensor"
)

// A StepResult is the cost of a whole training step: the gradients, the perturbation,
// and SGD's update with momentum.
type StepResult struct {
	Workload
	Precision       string  `json:"precision"`
	AscentPrecision string  `json:"ascent_precision"`
	Parameters      int     `json:"parameters"`
	StepS           float64 `json:"step_s"` // median
	GFLOPS          float64 `json:"gflops"` // of the operations that a direct computation takes
	// OverheadS is what the perturbation costs beside its gradient: norm and
	// displacement, the step of a free objective less that of the base optimizer.
	OverheadS    float64 `json:"overhead_s"`
	PeakRSSBytes int64   `json:"peak_rss_bytes"`
	Allocations  float64 `json:"allocations"` // on Go's heap, a step
	PageFaults   float64 `json:"page_faults"` // a step
	Times
	Machine
}

// A minibatch is a model's loss on fixed inputs, at parameters drawn at random.
type minibatch struct {
	sam.Objective[float32]
	model interface {
		SetPrecision(ascent, descent tensor.Precision)
	}
	tape  *tensor.Tape
	theta []float32
	flops int // of a forward pass of all inputs
	norms []objective.Range
}

// stepper takes steps on a minibatch.
type stepper struct {
	*minibatch
	base sam.Optimizer[float32]
	opt  *sam.Stepper[float32]
}

func (s *stepper) step() error {
	_, err := s.opt.Step(s.theta, s.Objective)
	return err
}

// steps takes n steps.
func (s *stepper) steps(n int) error {
	for range n {
		if err := s.step(); err != nil {
			return err
		}
	}
	return nil
}

// newBase makes the base optimizer of a measured step.
func newBase(n int) (sam.Optimizer[float32], error) {
	return optim.NewSGD[float32](n, optim.SGDSettings{LR: optim.Constant(.01), Momentum: .9})
}

// newOptimizer makes the optimizer of a measured step.
func (b *minibatch) newOptimizer(method string, base sam.Optimizer[float32]) (*sam.Stepper[float32], error) {
	s, err := settings(method, b.norms)
	if err != nil {
		return nil, err
	}
	return sam.New(len(b.theta), base, s)
}

// perturbation measures what a method adds to the base optimizer's step when the
// gradients are free.
func (s *stepper) perturbation(method string) (seconds float64, err error) {
	if c, err := variant(method); err != nil || !c.Perturbs() {
		return 0, err
	}
	sgd, err := s.newOptimizer("sgd", s.base)
	if err != nil {
		return 0, err
	}
	var t [2]Times
	for i, opt := range []*sam.Stepper[float32]{sgd, s.opt} {
		first := true
		free := sam.Func(func(grad, theta []float32) float64 {
			if first { // a gradient that is not zero; it stays
				copy(grad, theta)
				first = false
			}
			return 0
		})
		if t[i], err = measure(11, 3, func() error { _, err := opt.Step(s.theta, free); return err }); err != nil {
			return 0, err
		}
	}
	return t[1].MedianS - t[0].MedianS, nil
}

func newStepper(w Workload) (*stepper, error) {
	b, err := newMinibatch(w)
	if err != nil {
		return nil, err
	}
	base, err := newBase(len(b.theta))
	if err != nil {
		return nil, err
	}
	opt, err := b.newOptimizer(w.Method, base)
	return &stepper{b, base, opt}, err
}

// newMinibatch returns the loss that a workload's steps are taken on.
func newMinibatch(w Workload) (*minibatch, error) {
	if c, ok := clips[w.Model]; ok {
		return newPairs(c, w)
	}
	if !models.IsFile(w.Model) && !slices.Contains(ModelNames(), w.Model) {
		return nil, fmt.Errorf("unknown model %q; there are %s", w.Model, strings.Join(ModelNames(), ", "))
	}
	if w.Microbatch != 0 {
		return nil, fmt.Errorf("%s: microbatches of %d; only the CLIP models' loss is computed in parts", w.Model, w.Microbatch)
	}
	b, theta, err := newExamples(w)
	if err != nil {
		return nil, err
	}
	return &minibatch{b, b.Model, b.Model.Tape(), theta, w.Batch * b.Model.FLOPs(), b.Model.Norms()}, nil
}

// newExamples returns a classifier with inputs and labels, and its initial parameters.
func newExamples(w Workload) (b nn.Minibatch, theta []float32, err error) {
	m, vocabulary, err := build(w)
	if err != nil {
		return b, nil, err
	}
	if err := checkBatch(w.Batch, m.InputLen()); err != nil {
		return b, nil, err
	}
	m.SetDirectConv(w.Direct)
	m.SetPrecision(w.Ascent, w.Descent)
	b = nn.Minibatch{Model: m, X: random(w.Batch * m.InputLen()), Labels: make([]int, w.Batch)}
	if vocabulary > 0 {
		for i, id := range ids(len(b.X), vocabulary, 0) {
			b.X[i] = float32(id)
		}
	}
	for i := range b.Labels {
		b.Labels[i] = i % m.Classes()
	}
	theta = make([]float32, m.Size())
	m.Init(theta, 1)
	return b, theta, nil
}

// checkBatch returns an error for a batch of inputs of some numbers each that is empty, or
// too large.
func checkBatch(batch, numbers int) error {
	if batch <= 0 {
		return fmt.Errorf("batch is %d; it must be at least 1", batch)
	}
	if batch > maxNumbers/numbers {
		return fmt.Errorf("a batch of %d inputs of %d numbers; there may be %d numbers", batch, numbers, maxNumbers)
	}
	return nil
}

// build returns a model of the list at its usual input, with ten classes, or two of texts,
// and the vocabulary of those; or that of a file, with the outputs that it has.
func build(w Workload) (m *nn.Model, vocabulary int, err error) {
	o := models.Options{Input: []int{1, 1, 1}, Classes: 10} // of an error that names the models
	name := w.Model
	e, err := models.Find(name)
	if err == nil {
		o.Input, vocabulary = e.Input, e.Vocabulary
	}
	if err == nil && e.File != nil {
		o.Input = inputOf(e, w.Size)
		o.Classes = cmp.Or(e.File.Outputs, 2)
		m, err = models.Build(name, o)
		return m, vocabulary, err
	}
	if w.Size > 0 {
		return nil, 0, fmt.Errorf("%s: sizes are for networks of files", name)
	}
	if vocabulary > 0 {
		o.Classes = 2
	}
	m, err = models.Build(name, o)
	return m, vocabulary, err
}

// inputOf is the shape of an input of a file's network: of a size, or of what the file says where that is 0.
func inputOf(e models.Entry, size int) []int {
	switch {
	case e.Vocabulary > 0:
		return []int{cmp.Or(size, slices.Max(append([]int{0}, e.Input...)), usualTokens)}
	case e.Input != nil && size == 0:
		return e.Input
	}
	side, channels := cmp.Or(size, usualSide), 3
	if len(e.Input) == 3 {
		channels = e.Input[2]
	}
	return []int{side, side, channels}
}

// usualTokens are those of a text where a file leaves them open.
const usualTokens = 128

// usualSide is that of the images of networks whose files leave it open.
const usualSide = 224

// Step measures training steps of a model on one minibatch.
func Step(w Workload, repeats int) (StepResult, error) {
	s, err := newStepper(w)
	if err != nil {
		return StepResult{}, err
	}
	const warmups = 2
	for range warmups {
		if err := s.step(); err != nil {
			return StepResult{}, err
		}
	}
	runtime.GC()
	if err := s.step(); err != nil { // the collector has emptied the runtime's own caches
		return StepResult{}, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	faults := usage.Now().Faults
	t, err := measure(repeats, 0, s.step)
	if err != nil {
		return StepResult{}, err
	}
	now := usage.Now()
	runtime.ReadMemStats(&after)
	overhead, err := s.perturbation(w.Method)
	if err != nil {
		return StepResult{}, err
	}
	c, err := variant(w.Method)
	if err != nil {
		return StepResult{}, err
	}
	gradients := c.Gradients()
	n := float64(repeats)
	return StepResult{
		Workload: w, Precision: w.Descent.String(), AscentPrecision: w.Ascent.String(), Parameters: len(s.theta), StepS: t.MedianS,
		GFLOPS:       gradients * 3 * float64(s.flops) / t.MedianS / 1e9,
		OverheadS:    overhead,
		PeakRSSBytes: now.PeakRSS,
		Allocations:  float64(after.Mallocs-before.Mallocs) / n,
		PageFaults:   float64(now.Faults-faults) / n,
		Times:        t, Machine: ThisMachine(),
	}, nil
}

package bench

import (
	"fmt"
	"runtime"

	"github.com/monge-ml/monge/internal/usage"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// A StepResult is the cost of a whole training step: the gradients, the perturbation,
// and SGD's update with momentum.
type StepResult struct {
	Model  string  `json:"model"`
	Batch  int     `json:"batch"`
	Method string  `json:"method"`
	StepS  float64 `json:"step_s"` // median
	GFLOPS float64 `json:"gflops"` // of the operations that a direct computation takes
	// OverheadS is what the perturbation costs beside its gradient: norm and
	// displacement, the step of a free objective less that of the base optimizer.
	OverheadS    float64 `json:"overhead_s"`
	PeakRSSBytes int64   `json:"peak_rss_bytes"`
	Allocations  float64 `json:"allocations"` // on Go's heap, a step
	PageFaults   float64 `json:"page_faults"` // a step
	Times
	Machine
}

// stepper is a model with a fixed minibatch, as an objective.
type stepper struct {
	model  *nn.Model
	theta  []float32
	x      []float32
	labels []int
	opt    *sam.Stepper[float32]
}

func (s *stepper) Gradient(grad, theta []float32, c sam.Call) (float64, error) {
	return s.model.Gradient(grad, theta, s.x, s.labels, c)
}

func (s *stepper) step() error {
	_, err := s.opt.Step(s.theta, s)
	return err
}

// newOptimizer makes the optimizer of a measured step.
func newOptimizer(method string, n int) (*sam.Stepper[float32], error) {
	p := sam.FamilyParams{}
	if !plain(method) {
		p.Rho = sam.Constant(.05)
	}
	settings, err := sam.Family[float32](method, p)
	if err != nil {
		return nil, err
	}
	base, err := optim.NewSGD[float32](n, optim.SGDSettings{LR: optim.Constant(.01), Momentum: .9})
	if err != nil {
		return nil, err
	}
	return sam.New(n, base, settings)
}

func plain(method string) bool { return method == "sgd" || method == "none" }

// perturbation measures what a method adds to the base optimizer's step when the
// gradients are free.
func perturbation(method string, n int) (seconds float64, err error) {
	if plain(method) {
		return 0, nil
	}
	theta := random(n)
	var t [2]Times
	for i, m := range []string{"sgd", method} {
		opt, err := newOptimizer(m, n)
		if err != nil {
			return 0, err
		}
		first := true
		free := sam.Func(func(grad, _ []float32) float64 {
			if first { // a gradient that is not zero; it stays
				copy(grad, theta)
				first = false
			}
			return 0
		})
		if t[i], err = measure(11, 3, func() error { _, err := opt.Step(theta, free); return err }); err != nil {
			return 0, err
		}
	}
	return t[1].MedianS - t[0].MedianS, nil
}

func newStepper(model string, batch int, method string) (*stepper, error) {
	s, err := newMinibatch(model, batch)
	if err != nil {
		return nil, err
	}
	s.opt, err = newOptimizer(method, s.model.Size())
	return s, err
}

// newMinibatch makes a stepper without an optimizer.
func newMinibatch(model string, batch int) (*stepper, error) {
	m, err := build(model)
	if err != nil {
		return nil, err
	}
	if batch <= 0 {
		return nil, fmt.Errorf("batch is %d; it must be at least 1", batch)
	}
	if batch > maxNumbers/m.InputLen() {
		return nil, fmt.Errorf("a batch of %d inputs of %d numbers; there may be %d numbers", batch, m.InputLen(), maxNumbers)
	}
	s := &stepper{model: m, theta: make([]float32, m.Size()), x: random(batch * m.InputLen()), labels: make([]int, batch)}
	for i := range s.labels {
		s.labels[i] = i % m.Classes()
	}
	m.Init(s.theta, 1)
	return s, nil
}

// build returns a model of the list at its usual input, with ten classes.
func build(name string) (*nn.Model, error) {
	for _, e := range models.List {
		if e.Name == name {
			return models.Build(name, models.Options{Input: e.Input, Classes: 10})
		}
	}
	return models.Build(name, models.Options{Input: []int{1, 1, 1}, Classes: 10}) // an error that names the models
}

// Step measures training steps of a model on one minibatch.
func Step(model string, batch int, method string, repeats int) (StepResult, error) {
	s, err := newStepper(model, batch, method)
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
	overhead, err := perturbation(method, len(s.theta))
	if err != nil {
		return StepResult{}, err
	}
	gradients := 2.
	if plain(method) {
		gradients = 1
	}
	n := float64(repeats)
	return StepResult{
		Model: model, Batch: batch, Method: method, StepS: t.MedianS,
		GFLOPS:       gradients * 3 * float64(batch) * float64(s.model.FLOPs()) / t.MedianS / 1e9,
		OverheadS:    overhead,
		PeakRSSBytes: now.PeakRSS,
		Allocations:  float64(after.Mallocs-before.Mallocs) / n,
		PageFaults:   float64(now.Faults-faults) / n,
		Times:        t, Machine: ThisMachine(),
	}, nil
}

// A Cost is what a method's step takes beside SGD's.
type Cost struct {
	Method  string  `json:"method"`
	OverSGD float64 `json:"over_sgd"` // median over rounds of the ratio within a round
	Times
}

// Costs measures the steps of several methods on one model, in turn, so that all see
// the same machine. SGD is the first.
func Costs(model string, batch int, methods []string, repeats int) ([]Cost, error) {
	methods = append([]string{"sgd"}, methods...)
	steppers := make([]*stepper, len(methods))
	for i, m := range methods {
		s, err := newStepper(model, batch, m)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			s.model = steppers[0].model // one arena, warm for all
		}
		steppers[i] = s
	}
	seconds, ratios := make([][]float64, len(methods)), make([][]float64, len(methods))
	for round := range repeats + 1 { // the first is a warm-up
		for i, s := range steppers {
			t, err := measure(1, 0, s.step)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				seconds[i] = append(seconds[i], t.MedianS)
				ratios[i] = append(ratios[i], t.MedianS/seconds[0][round-1])
			}
		}
	}
	costs := make([]Cost, len(methods))
	for i, m := range methods {
		costs[i] = Cost{Method: m, OverSGD: median(ratios[i]), Times: summarize(seconds[i])}
	}
	return costs, nil
}

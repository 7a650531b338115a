package bench

import (
	"fmt"
	"runtime"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// A StepResult is the cost of a whole training step: the gradients, the perturbation,
// and SGD's update with momentum.
type StepResult struct {
	Model        string  `json:"model"`
	Batch        int     `json:"batch"`
	Method       string  `json:"method"`
	StepS        float64 `json:"step_s"` // median
	GFLOPS       float64 `json:"gflops"` // of the operations that a direct computation takes
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

func newStepper(model string, batch int, method string) (*stepper, error) {
	m, err := build(model)
	if err != nil {
		return nil, err
	}
	if batch <= 0 {
		return nil, fmt.Errorf("batch is %d; it must be at least 1", batch)
	}
	p := sam.FamilyParams{}
	if method != "sgd" && method != "none" {
		p.Rho = sam.Constant(.05)
	}
	settings, err := sam.Family[float32](method, p)
	if err != nil {
		return nil, err
	}
	base, err := optim.NewSGD[float32](m.Size(), optim.SGDSettings{LR: optim.Constant(.01), Momentum: .9})
	if err != nil {
		return nil, err
	}
	s := &stepper{model: m, theta: make([]float32, m.Size()), x: random(batch * m.InputLen()), labels: make([]int, batch)}
	for i := range s.labels {
		s.labels[i] = i % m.Classes()
	}
	m.Init(s.theta, 1)
	s.opt, err = sam.New(m.Size(), base, settings)
	return s, err
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
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	faults := usage().faults
	t, err := measure(repeats, 0, s.step)
	if err != nil {
		return StepResult{}, err
	}
	now := usage()
	runtime.ReadMemStats(&after)
	gradients := 2.
	if method == "sgd" || method == "none" {
		gradients = 1
	}
	n := float64(repeats)
	return StepResult{
		Model: model, Batch: batch, Method: method, StepS: t.MedianS,
		GFLOPS:       gradients * 3 * float64(batch) * float64(s.model.FLOPs()) / t.MedianS / 1e9,
		PeakRSSBytes: now.peakRSS,
		Allocations:  float64(after.Mallocs-before.Mallocs) / n,
		PageFaults:   float64(now.faults-faults) / n,
		Times:        t, Machine: ThisMachine(),
	}, nil
}

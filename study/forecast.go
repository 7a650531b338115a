package study

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/monge-ml/monge/internal/par"
	"github.com/monge-ml/monge/train"
)

// A Forecast says what runs that are still to be done will take.
type Forecast struct {
	Cells     int     `json:"cells"`          // to do
	Jobs      int     `json:"jobs"`           // at a time
	Stages    int     `json:"stages"`         // to do before, one after the other
	Steps     int     `json:"steps"`          // of stages and cells
	Seconds   float64 `json:"seconds"`        // of stages and cells
	StageS    float64 `json:"stages_seconds"` // of the stages
	DiskBytes int64   `json:"disk_bytes"`
	PeakBytes int64   `json:"peak_bytes"` // of memory; 0 where the system does not say
	Costs     []Cost  `json:"costs"`
	// Unknown are the cells, by one of each kind, that can't be measured; the sums are without
	// them, and without stages that can't be.
	Unknown []Unmeasured `json:"unknown,omitempty"`

	steps map[string]int // of a cell or a stage, by name
}

// StepsOf returns the steps of a cell, or a stage, that was forecast.
func (f *Forecast) StepsOf(c Cell) int { return f.steps[c.Name] }

// A Cost is what runs of one kind take, measured on a few steps.
type Cost struct {
	Like       string  `json:"like"` // a cell of the kind
	Cells      int     `json:"cells"`
	Gradients  float64 `json:"gradients"` // of a step, on average
	Steps      int     `json:"steps"`
	StepS      float64 `json:"step_s"`
	Seconds    float64 `json:"seconds"` // of a cell
	Parameters int     `json:"parameters"`
}

// An Unmeasured is a kind of run of which a few steps can't be taken, as when its loss is not a
// number from the start.
type Unmeasured struct {
	Like  string `json:"like"` // a cell of the kind, or a stage
	Cells int    `json:"cells"`
	Why   string `json:"why"`
}

// forecastSteps are how many steps a measurement takes.
const forecastSteps = 5

// Forecast measures a few steps of each kind of run that the cells need, and the study's
// stages that are not over in its directory, and adds up. With jobs 0 there is one for each
// processor.
//
// Runs beside each other, a part of the threads each, do more work in a time than one after
// the other on all, whose parts wait for one another at every operation. Cells are measured
// as if the others of their time were there, stages alone. A kind that can't be measured is
// among the unknown; the error is ctx's.
func (s *Study) Forecast(ctx context.Context, dir string, cells []Cell, jobs int) (Forecast, error) {
	f := Forecast{Cells: len(cells), Jobs: jobs, Costs: []Cost{}, steps: map[string]int{}}
	if f.Jobs == 0 {
		f.Jobs = runtime.GOMAXPROCS(0)
	}
	f.Jobs = max(1, min(f.Jobs, len(cells)))
	if s.readOnly && len(cells) > 0 {
		return f, errProgram
	}
	m := meter{open: s.open}
	if len(s.Stages) > 0 {
		m.first = &s.Stages[0].Config
	}
	for _, c := range s.At(dir).Stages {
		if c.State(dir).Over() {
			continue
		}
		cost, err := m.cost(ctx, c)
		f.Stages++
		if err != nil {
			if ctx.Err() != nil {
				return f, ctx.Err()
			}
			f.Unknown = append(f.Unknown, Unmeasured{c.Name, 1, err.Error()})
			continue
		}
		f.steps[c.Name] = cost.Steps
		f.Steps += cost.Steps
		f.StageS += cost.Seconds
		f.DiskBytes += diskOf(cost.Parameters)
	}
	f.Seconds = f.StageS
	m.done = nil // those had all threads
	defer par.JoinN(f.Jobs - 1)()
	at, unknown := map[string]int{}, map[string]int{}
	for _, c := range cells {
		k := costKind(&c.Config) + fmt.Sprint(c.Config.Gradients())
		if i, ok := unknown[k]; ok {
			f.Unknown[i].Cells++
			continue
		}
		i, known := at[k]
		if !known {
			cost, err := m.cost(ctx, c)
			if ctx.Err() != nil {
				return f, ctx.Err()
			}
			if err != nil {
				unknown[k] = len(f.Unknown)
				f.Unknown = append(f.Unknown, Unmeasured{c.Name, 1, err.Error()})
				continue
			}
			i, at[k] = len(f.Costs), len(f.Costs)
			f.Costs = append(f.Costs, cost)
		}
		cost := &f.Costs[i]
		cost.Cells++
		f.steps[c.Name] = cost.Steps
		f.Steps += cost.Steps
		f.Seconds += cost.Seconds / float64(f.Jobs)
		f.DiskBytes += diskOf(cost.Parameters)
	}
	f.PeakBytes = m.peak * int64(f.Jobs)
	return f, nil
}

// diskOf is what is left of a run: the last weights and the best ones, and its records.
func diskOf(parameters int) int64 { return 2*4*int64(parameters) + 64<<10 }

// costKind tells runs apart whose steps cost differently, whatever their gradients.
func costKind(c *train.Config) string {
	var b strings.Builder
	if !c.Perturbs() && !alone(c) {
		fmt.Fprintf(&b, "method=%q ", c.Method) // its steps are its own
	}
	for _, set := range train.Settings(c) {
		if !set.Is("free") {
			fmt.Fprintf(&b, "%s=%q ", set.Name, set.String())
		}
	}
	return b.String()
}

// meter measures each kind of step once.
type meter struct {
	open   Opener
	shared train.Shared
	first  *train.Config // of the first stage, nil without stages
	done   map[string]train.Estimate
	peak   int64
}

// cost measures a step with one gradient and one with two, and mixes them by how often
// the cell takes which.
func (m *meter) cost(ctx context.Context, c Cell) (Cost, error) {
	plainly := c.Config
	if plainly.Perturbs() {
		plainly = plainly.Unperturbed()
	}
	plain, err := m.measure(ctx, plainly)
	if err != nil {
		return Cost{}, err
	}
	cost := Cost{Like: c.Name, Gradients: c.Config.Gradients(), Steps: plain.Steps, StepS: plain.StepS, Seconds: plain.Seconds, Parameters: plain.Parameters}
	if !c.Config.Perturbs() {
		return cost, nil
	}
	each := c.Config
	each.Interval = 0
	two, err := m.measure(ctx, each)
	if err != nil {
		return cost, err
	}
	share := cost.Gradients - 1 // of the steps that take two
	cost.StepS += share * (two.StepS - plain.StepS)
	cost.Seconds += share * (two.Seconds - plain.Seconds)
	return cost, nil
}

func (m *meter) measure(ctx context.Context, c train.Config) (train.Estimate, error) {
	k := costKind(&c) + fmt.Sprint(c.Gradients())
	if e, known := m.done[k]; known {
		return e, nil
	}
	// A stage may have to make the weights to start from first.
	if k, ok := c.Kind(); ok && k.Measurable != nil {
		c = k.Measurable(c, m.first)
	}
	// A run that will diverge is measured too: how far a step goes is free.
	c.LR, c.LRSchedule, c.RhoSchedule = 0, "", ""
	if c.Perturbs() {
		c.Rho = min(c.Rho, 1e-3)
	}
	r, err := m.open(ctx, c, &m.shared)
	if err != nil {
		return train.Estimate{}, err
	}
	e, err := r.Estimate(ctx, forecastSteps)
	if err != nil {
		return e, err
	}
	if m.done == nil {
		m.done = map[string]train.Estimate{}
	}
	m.done[k], m.peak = e, max(m.peak, e.PeakBytes)
	return e, nil
}

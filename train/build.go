package train

import (
	"fmt"
	"strings"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// normalization returns that of the pixels: what the config says, or what the file to
// start from (which may be nil) was trained with, or the data set's own.
func (c *Config) normalization(start *classifier.File) (data.Normalization, error) {
	name, _, _ := strings.Cut(c.Data, ":")
	switch {
	case c.Normalize != "":
		return data.ParseNormalization(c.Normalize)
	case start != nil && start.Source != "":
		return start.Info.Normalize, nil
	case name == "cifar10" || name == "cifar100":
		return data.ParseNormalization(name)
	}
	return data.Normalization{}, nil
}

// classification builds the task of a data set, and its initial parameters: those of the
// file to start from (nil for none), or random ones. It returns the names of those that the
// file lacks.
func (c *Config) classification(d *data.Splits, start *classifier.File) (t *classification, theta []float32, kept []string, err error) {
	m, err := models.Build(c.Model, models.Options{Input: d.Train.Shape, Classes: len(d.Classes), Norm: c.Norm})
	if err != nil {
		return nil, nil, nil, err
	}
	if len(c.Freeze) > 0 {
		if err := m.Freeze(c.Freeze...); err != nil {
			return nil, nil, nil, err
		}
	}
	m.SetDirectConv(c.DirectConv)
	theta = make([]float32, m.Size())
	m.Init(theta, c.Seed)
	if start != nil {
		kept, err = start.Init(m, theta, c.Head == "new")
	}
	return &classification{model: m, data: d}, theta, kept, err
}

// loader returns the training minibatches.
func (c *Config) loader(s *data.Set, n data.Normalization) (*data.Loader, error) {
	return data.NewLoader(s, data.LoaderSettings{
		Batch: c.Batch, Shuffle: true, DropLast: c.Pairs(), Seed: c.Seed, Normalize: n, Ahead: ahead,
		Augment: data.Augment{Pad: c.Pad, Flip: c.Flip, Cutout: c.Cutout, Mixup: c.Mixup},
	})
}

// ahead is how many minibatches are prepared while one is computed.
const ahead = 1

// schedules are the values of a run that may change from step to step.
type schedules struct{ lr, rho, budget optim.Schedule }

// schedules returns them over a number of steps. The learning rate is also scaled by
// what scale points at, which rolling back halves.
func (c *Config) schedules(steps int, scale *float64) (s schedules, err error) {
	lr, err := optim.ParseSchedule(c.LRSchedule, c.LR, steps)
	if err != nil {
		return s, fmt.Errorf("lr-schedule: %w", err)
	}
	s.lr = scaled{lr, scale}
	if s.rho, err = optim.ParseSchedule(c.RhoSchedule, float64(c.Rho), steps); err != nil {
		return s, fmt.Errorf("rho-schedule: %w", err)
	}
	switch {
	case c.AscentBudget != nil:
		if s.budget, err = optim.ParseSchedule(c.BudgetSchedule, *c.AscentBudget, steps); err != nil {
			return s, fmt.Errorf("budget-schedule: %w", err)
		}
	case c.BudgetSchedule != "":
		return s, fmt.Errorf("budget-schedule has no use without an ascent-budget")
	}
	return s, nil
}

// scaled is a schedule times a number.
type scaled struct {
	optim.Schedule
	by *float64
}

func (s scaled) At(step int) float64 { return s.Schedule.At(step) * *s.by }

// stepper builds the optimizer for n parameters.
func (c *Config) stepper(n int, s schedules) (*sam.Stepper[float32], error) {
	base, err := c.base(n, s.lr)
	if err != nil {
		return nil, err
	}
	p := sam.Params{Alpha: c.Alpha, Eta: c.Eta, Rho: s.rho}
	if s.budget != nil {
		p.AscentBudget = s.budget
	}
	settings, err := sam.Family[float32](c.Method, p)
	if err != nil {
		return nil, err
	}
	settings.Interval, settings.PerMicrobatch = c.Interval, c.PerMicrobatch
	settings.PreconditionDescent, settings.ClipNorm = c.Precondition, c.ClipNorm
	return sam.New(n, base, settings)
}

func (c *Config) base(n int, lr optim.Schedule) (optim.Optimizer[float32], error) {
	return optim.New[float32](c.Base, n, optim.Params{
		LR: lr, Momentum: c.Momentum, Dampening: c.Dampening, Nesterov: c.Nesterov, WeightDecay: c.WeightDecay,
		Beta1: c.Beta1, Beta2: c.Beta2, Eps: c.Eps, Decay: c.Decay, Centered: c.Centered,
	})
}

package train

import (
	"fmt"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// parts are what a stepper has to know of the parameters and of the run.
type parts struct {
	groups []optim.Group // nil: all are alike
	norms  []objective.Range
	steps  int
}

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
	budget := c.ascentBudget()
	switch {
	case budget != nil:
		if s.budget, err = optim.ParseSchedule(c.BudgetSchedule, *budget, steps); err != nil {
			return s, fmt.Errorf("budget-schedule: %w", err)
		}
	case c.BudgetSchedule != "":
		return s, fmt.Errorf("budget-schedule has no use without an ascent-budget")
	}
	return s, nil
}

// ascentBudget is the given one, or the method's own, nil for none.
func (c *Config) ascentBudget() *float64 {
	if m, err := c.StepMethod(); err == nil && c.AscentBudget == nil && m.Budget > 0 {
		return &m.Budget
	}
	return c.AscentBudget
}

// scaled is a schedule times a number.
type scaled struct {
	optim.Schedule
	by *float64
}

func (s scaled) At(step int) float64 { return s.Schedule.At(step) * *s.by }

// stepper builds the optimizer for n parameters in groups, nil for none.
func (c *Config) stepper(n int, s schedules, of parts) (*sam.Stepper[float32], error) {
	own := c.numbers()
	base, err := optim.NewGroups[float32](c.Base, n, optim.Params{
		LR: s.lr, Momentum: c.Momentum, Dampening: c.Dampening, Nesterov: c.Nesterov, WeightDecay: c.WeightDecay,
		Beta1: c.Beta1, Beta2: c.Beta2, Eps: c.Eps, Decay: c.Decay, Centered: c.Centered, Own: own.rule,
	}, of.groups)
	if err != nil {
		return nil, err
	}
	settings, err := c.stepSettings(s, of)
	if err != nil {
		return nil, err
	}
	return sam.New(n, base, settings)
}

// StepSettings returns the settings of a step for a run of so many steps, without a base optimizer. Norms are the parameters of
// normalisation layers, as [Normed] tells them; they may be nil.
func (c *Config) StepSettings(steps int, norms []objective.Range) (sam.Settings[float32], error) {
	s, err := c.schedules(steps, new(float64))
	if err != nil {
		return sam.Settings[float32]{}, err
	}
	return c.stepSettings(s, parts{norms: norms, steps: steps})
}

func (c *Config) stepSettings(s schedules, of parts) (settings sam.Settings[float32], err error) {
	own := c.numbers()
	p := sam.Params{Alpha: c.Alpha, Eta: c.Eta, Rho: s.rho, Own: own.method}
	if s.budget != nil {
		p.AscentBudget = s.budget
	}
	m, err := c.StepMethod()
	if err != nil {
		return settings, err
	}
	if err := c.checkUse(m); err != nil {
		return settings, err
	}
	if settings, err = sam.SettingsOf[float32](m, p); err != nil {
		return settings, err
	}
	if c.Interval > 0 {
		settings.Interval = c.Interval
	}
	if !c.From.IsZero() {
		settings.From = c.From.Step(of.steps)
	}
	if c.AscentBatch != 0 {
		settings.AscentBatch = c.AscentBatch
	}
	switch c.AscentOn {
	case "":
	case onAll:
		settings.On = ""
	default:
		settings.On = c.AscentOn
	}
	if settings.On != "" {
		settings.Part = of.norms
	}
	if c.ClipNorm != 0 {
		settings.ClipNorm = c.ClipNorm
	}
	settings.PerMicrobatch = settings.PerMicrobatch || c.PerMicrobatch
	settings.PreconditionDescent = settings.PreconditionDescent || c.Precondition
	return settings, nil
}

// checkUse returns an error for a setting of the step that the method has no use for. The
// method itself sees those that are in [sam.Params].
func (c *Config) checkUse(m sam.Method) error {
	for _, s := range []struct {
		name  string
		given bool
	}{{"interval", c.Interval > 0}, {"from", c.From != (Start{})}, {"ascent-batch", c.AscentBatch != 0 && c.AscentBatch != 1}, {"ascent-on", c.AscentOn != ""},
		{"per-microbatch", c.PerMicrobatch}, {"precondition-descent", c.Precondition}} {
		if s.given && !m.Has(s.name) {
			return m.Lacks(s.name)
		}
	}
	return nil
}

// numbers are the given settings of single methods and base optimizers, by whose they are. One
// that the chosen ones both lack goes to where it belongs, which says so.
func (c *Config) numbers() (own struct{ method, rule map[string]float64 }) {
	own.method, own.rule = map[string]float64{}, map[string]float64{}
	method, _ := c.StepMethod()
	rule, _ := optim.FindRule(c.Base)
	for name, v := range c.Numbers {
		switch {
		case method.Has(name):
			own.method[name] = v
			if rule.Has(name) {
				own.rule[name] = v
			}
		case rule.Has(name):
			own.rule[name] = v
		case sam.IsNumber(name):
			own.method[name] = v
		default:
			own.rule[name] = v
		}
	}
	return own
}

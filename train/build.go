package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

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

// stepper builds the optimizer for n parameters in groups, nil for none.
func (c *Config) stepper(n int, s schedules, groups []optim.Group) (*sam.Stepper[float32], error) {
	own := c.numbers()
	base, err := optim.NewGroups[float32](c.Base, n, optim.Params{
		LR: s.lr, Momentum: c.Momentum, Dampening: c.Dampening, Nesterov: c.Nesterov, WeightDecay: c.WeightDecay,
		Beta1: c.Beta1, Beta2: c.Beta2, Eps: c.Eps, Decay: c.Decay, Centered: c.Centered, Own: own.rule,
	}, groups)
	if err != nil {
		return nil, err
	}
	p := sam.Params{Alpha: c.Alpha, Eta: c.Eta, Rho: s.rho, Own: own.method}
	if s.budget != nil {
		p.AscentBudget = s.budget
	}
	if err := c.checkUse(); err != nil {
		return nil, err
	}
	settings, err := sam.Family[float32](c.Method, p)
	if err != nil {
		return nil, err
	}
	if c.Interval > 0 {
		settings.Interval = c.Interval
	}
	if c.ClipNorm != 0 {
		settings.ClipNorm = c.ClipNorm
	}
	settings.PerMicrobatch = settings.PerMicrobatch || c.PerMicrobatch
	settings.PreconditionDescent = settings.PreconditionDescent || c.Precondition
	return sam.New(n, base, settings)
}

// checkUse returns an error for a setting of the step that the method has no use for. The
// method itself sees those that are in [sam.Params].
func (c *Config) checkUse() error {
	m, err := sam.FindMethod(c.Method)
	if err != nil {
		return err
	}
	for _, s := range []struct {
		name  string
		given bool
	}{{"interval", c.Interval > 0}, {"per-microbatch", c.PerMicrobatch}, {"precondition-descent", c.Precondition}} {
		if !s.given || m.Has(s.name) {
			continue
		}
		var users []string
		for _, m := range sam.Methods() {
			if m.Has(s.name) {
				users = append(users, m.Name)
			}
		}
		return fmt.Errorf("method %s has no %s: it is for %s", m.Name, s.name, strings.Join(users, ", "))
	}
	return nil
}

// numbers are the given settings of single methods and base optimizers, by whose they are. One
// that the chosen ones both lack goes to where it belongs, which says so.
func (c *Config) numbers() (own struct{ method, rule map[string]float64 }) {
	own.method, own.rule = map[string]float64{}, map[string]float64{}
	method, _ := sam.FindMethod(c.Method)
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
		case slices.ContainsFunc(sam.Methods(), func(m sam.Method) bool { return m.Has(name) }):
			own.method[name] = v
		default:
			own.rule[name] = v
		}
	}
	return own
}

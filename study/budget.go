package study

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/monge-ml/monge/internal/words"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/train"
)

// What all runs of a study may have the same of.
const (
	EqualGradients = "gradients" // gradients computed, as [train.Config.Gradients] counts those of a step
	EqualTime      = "time"      // time, by a table of what a step of each method costs beside one of the base optimizer
)

// lengths are the settings that say how long a run is.
var lengths = []string{"epochs", "max-steps"}

// unit is how many gradients, or times a step of the base optimizer, a step takes whose runs are as
// long as the base says: those of a step of SAM.
const unit = 2

// checkBudget returns an error for a budget that is none, or costs that no study could use. A
// measured time is not repeatable: who wants equal time says what steps cost.
func (f *file) checkBudget() error {
	switch {
	case f.Budget != "" && f.Budget != EqualGradients && f.Budget != EqualTime:
		return fmt.Errorf("budget is %q%s; there are %s, %s", f.Budget, words.DidYouMean(f.Budget, []string{EqualGradients, EqualTime}), EqualGradients, EqualTime)
	case f.Budget != EqualTime && len(f.Cost) > 0:
		return errors.New(`[cost] is what steps cost for budget = "time"`)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Cost)) {
		switch cost := f.Cost[name]; {
		case !slices.Contains(sam.MethodNames(), name):
			return fmt.Errorf("[cost]: unknown method %q%s", name, words.DidYouMean(name, sam.MethodNames()))
		case !(cost > 0) || math.IsInf(cost, 1):
			return fmt.Errorf("[cost]: %s is %g; it is the time of a step over one of none, and must be finite and > 0", name, cost)
		case name == "none" && cost != 1:
			return fmt.Errorf("[cost]: none is %g; the others are over it, so that it is 1", cost)
		}
	}
	return nil
}

// checkLengths returns an error for a grid that sets what a budget does.
func (s *Study) checkLengths(grid map[string]any) error {
	for _, name := range lengths {
		if _, given := grid[name]; given && s.Budget != "" {
			return fmt.Errorf("%s: the study's budget sets it for each run; give it in [base], for runs whose steps cost %d", name, unit)
		}
	}
	return nil
}

// fit makes a run as long as the study's budget allows: its epochs and max-steps are the base's
// times 2 over what a step costs. So SAM's, of two gradients, are the base's, and the base
// optimizer's alone twice as many. Epochs are rounded to whole ones; where max-steps says the
// length they are rounded up, so that it is exact to a step.
func (s *Study) fit(c *train.Config) error {
	if s.Budget == "" {
		return nil
	}
	cost, err := s.costOf(c)
	if err != nil {
		return err
	}
	round, steps := math.Round, 0
	if c.MaxSteps > 0 {
		round = math.Ceil
		if steps, err = length("max-steps", math.Round(float64(c.MaxSteps)*unit/cost)); err != nil {
			return err
		}
	}
	epochs, err := length("epochs", round(float64(c.Epochs)*unit/cost))
	if err != nil {
		return err
	}
	c.Epochs, c.MaxSteps = epochs, steps
	return nil
}

// length is a number of epochs or steps, if it can be one.
func length(name string, n float64) (int, error) {
	if !(n >= 1) {
		return 0, fmt.Errorf("the budget is not enough for one of its %s: raise %s in [base]", name, name)
	}
	if n > math.MaxInt32 {
		return 0, fmt.Errorf("the budget makes %g %s, more than %d", n, name, math.MaxInt32)
	}
	return int(n), nil
}

// costOf is what a step of a run costs: gradients, or times a step of the base optimizer.
func (s *Study) costOf(c *train.Config) (float64, error) {
	if s.Budget == EqualGradients {
		return c.Gradients(), nil
	}
	if alone(c) {
		return 1, nil
	}
	cost, known := s.Cost[c.Method]
	if !known {
		return 0, fmt.Errorf("[cost] says nothing of method %s: give the time of its step over one of none, as monge bench cost measures it", c.Method)
	}
	if before, known := s.gradients[c.Method]; known && before != c.Gradients() {
		return 0, fmt.Errorf("steps of method %s take %g and %g gradients, of which [cost] can't say one time: give budget = %q, or two studies", c.Method, before, c.Gradients(), EqualGradients)
	}
	s.gradients[c.Method] = c.Gradients()
	return cost, nil
}

// Package study runs grids of training runs and says what they show.
package study

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/train"
)

// Settings make a study in a program.
type Settings struct {
	Name  string
	About string
	Notes []string     // how far it goes, for its page: a sentence or a few each
	Base  train.Config // the settings that all runs share
	Seeds int          // seeds 1, 2, ... of each; 0 is the base's alone
	Folds int          // k-fold cross-validation by the task's setting fold: each run validates on its part of the training examples; 0 is none
	// Budget is what the runs have the same of, EqualGradients or EqualTime; "" is the steps. The
	// epochs and steps of Base are then those of runs whose steps cost 2, as SAM's do; Cost says
	// for EqualTime what a step of each method takes, over one of "none".
	Budget string
	Cost   map[string]float64
	// Grid says what varies, by the names of settings: the runs are, for each map, the product
	// of its lists. Values are strings, bools, numbers, or slices of them; a key is a setting's
	// name with hyphens, one of Base.Own among them.
	Grid []map[string]any
	// Open makes a run; nil is one whose task is of a registered kind.
	Open Opener
}

// New makes a study.
func New(set Settings) (*Study, error) {
	grid, err := plainGrid(set.Grid)
	if err != nil {
		return nil, err
	}
	f := &file{Name: set.Name, About: set.About, Notes: set.Notes, Seeds: set.Seeds, Folds: set.Folds, Budget: set.Budget, Cost: set.Cost, Grid: grid}
	var own []string
	for _, s := range ownSettings(&set.Base) {
		own = append(own, s.Name)
	}
	if err := f.normalize(own); err != nil {
		return nil, err
	}
	s, err := f.over(set.Base, maxRuns)
	if err != nil {
		return nil, err
	}
	_, registered := set.Base.Kind()
	f.Program = set.Open != nil || !registered
	s.unsaid = f.sayBase(&set.Base)
	if set.Open != nil {
		s.open = set.Open
	}
	return s, nil
}

// Budgeted is the name, in a list of methods, of M-SAM with an ascent budget. Other methods that
// have budgets are called likewise.
const Budgeted = "m-sam" + withBudget

const withBudget = "-budget"

// budgeted is the name, in a list of methods, of one with an ascent budget.
func budgeted(method string) string { return method + withBudget }

// methodOf finds the method that a name in a list means, and whether it has a budget.
func methodOf(name string) (m sam.Method, budget bool, err error) {
	if m, err = sam.FindMethod(name); err == nil {
		return m, false, nil
	}
	if of, ok := strings.CutSuffix(name, withBudget); ok {
		if m, err := sam.FindMethod(of); err == nil && m.Has("ascent-budget") {
			return m, true, nil
		}
	}
	return m, false, fmt.Errorf("unknown method %q; there are %s", name, strings.Join(PlanMethods(), ", "))
}

// Unperturbed is the name, in a list of methods and in rows, of the base optimizer alone; a list
// may also call it "none".
const Unperturbed = "sgd"

// PlanMethods are the names that a Plan may list: the registered methods, and behind
// each that has budgets its name with one, as Budgeted.
func PlanMethods() (names []string) {
	for _, m := range sam.Methods() {
		if m.Name == "none" {
			names = append(names, Unperturbed)
			continue
		}
		names = append(names, m.Name)
		if name := budgeted(m.Name); m.Has("ascent-budget") && !slices.Contains(sam.MethodNames(), name) {
			names = append(names, name)
		}
	}
	return names
}

// A Plan is a comparison of methods over radii and seeds. All runs share the rest of
// their settings.
type Plan struct {
	Base    train.Config `json:"base"`
	Methods []string     `json:"methods"`
	Rhos    []float64    `json:"rhos"`
	Budgets []float64    `json:"ascent_budgets"` // of methods like Budgeted, in nats
	Seeds   int          `json:"seeds"`          // seeds 1, 2, ...
}

// DefaultPlan is methods over radii that reach well past where SAM breaks, for the settings of
// an experiment like the digits.
func DefaultPlan(base train.Config) Plan {
	return Plan{
		Base:    base,
		Methods: []string{Unperturbed, "sam", "m-sam", Budgeted},
		Rhos:    []float64{.03, .1, .2, .3, .4, .6, 1, 2, 4, 16},
		Budgets: []float64{.08},
		Seeds:   6,
	}
}

// maxRuns keeps a mistyped number from filling the memory.
const maxRuns = 1_000_000

// Check returns an error for a plan that names unknown methods or impossible settings.
func (p *Plan) Check(ctx context.Context) error {
	if err := p.checkLists(); err != nil {
		return err
	}
	one := *p
	one.Seeds = 1
	s, err := one.Study()
	if err != nil {
		return err
	}
	// The runs share all settings but those checked above: one stands for all.
	_, err = s.open(ctx, s.Cells[0].Config, nil)
	return err
}

func (p *Plan) checkLists() error {
	known := PlanMethods()
	if len(p.Methods) == 0 {
		return fmt.Errorf("no methods; there are %s", strings.Join(known, ", "))
	}
	if p.Seeds <= 0 {
		return fmt.Errorf("%d seeds; there must be at least one", p.Seeds)
	}
	listed := map[string]bool{}
	for _, name := range p.Methods {
		m, budget, err := methodOf(name)
		if err != nil {
			return err
		}
		of := m.Name
		if budget {
			of = budgeted(of)
		}
		if listed[of] {
			return fmt.Errorf("method %s is listed twice", name)
		}
		listed[of] = true
		if budget && len(p.Budgets) == 0 {
			return fmt.Errorf("method %s needs an ascent budget", name)
		}
	}
	if len(p.Rhos) == 0 {
		return errors.New("no radii")
	}
	for i, r := range p.Rhos {
		if !(r > 0) || math.IsInf(r, 1) {
			return fmt.Errorf("rho is %g; the radii to compare must be finite and > 0", r)
		}
		if i > 0 && r <= p.Rhos[i-1] {
			return fmt.Errorf("the radii %g and %g are out of order; list them ascending, each once", p.Rhos[i-1], r)
		}
	}
	for _, b := range p.Budgets {
		if !(b > 0) || math.IsInf(b, 1) {
			return fmt.Errorf("ascent budget is %g; it must be finite and > 0", b)
		}
	}
	if all := float64(p.Seeds) * float64(len(p.Methods)*len(p.Rhos)*max(len(p.Budgets), 1)); all > maxRuns {
		return fmt.Errorf("%d seeds make %.0f runs; at most %d are possible", p.Seeds, all, maxRuns)
	}
	return nil
}

// Study is the plan as a study like any other.
func (p *Plan) Study() (*Study, error) {
	if err := p.checkLists(); err != nil {
		return nil, err
	}
	rhos := p.Rhos
	var grid []map[string]any
	for _, name := range p.Methods {
		m, budget, err := methodOf(name)
		if err != nil {
			return nil, err
		}
		switch {
		case budget:
			for _, b := range p.Budgets {
				grid = append(grid, map[string]any{"method": m.Name, "ascent-budget": b, "rho": rhos})
			}
		case m.Perturbs():
			grid = append(grid, map[string]any{"method": m.Name, "rho": rhos})
		default:
			grid = append(grid, map[string]any{"method": m.Name})
		}
	}
	return New(Settings{Name: "compare", Base: p.Base, Seeds: p.Seeds, Grid: grid})
}

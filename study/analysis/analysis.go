// Package analysis says in numbers what the runs of a study show, for programs that want them
// without a page: the methods with their runs, differences of methods paired by seed with
// Student's t, means over seeds in the course of training, where methods break, at which radii
// they are of use, whether ascent budgets were kept, and tables as CSV.
package analysis

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// An Analysis is a comparison, looked up by method.
type Analysis struct {
	*study.Comparison
	Methods []*Method // that have runs, in the order of the summary
}

// A Method is one method of a comparison with its runs. Under different ascent budgets, and
// with other settings beside (variants), it is different methods.
type Method struct {
	study.Summary
	Label string // for people, like "M-SAM with budget 0.08"
	Rows  []study.Row

	measure train.Measure // that decides, without a value
	axis    bool          // it has a loss axis
	alpha   float64       // the axis's scale without a budget
}

// MethodLabel is the name of a method for people: the registered one, or else the name itself.
func MethodLabel(name string) string {
	m, _ := sam.FindMethod(name)
	return cmp.Or(m.Label, name)
}

// BaseLabel is the name of a base optimizer for people.
func BaseLabel(name string) string {
	r, _ := optim.FindRule(name)
	return cmp.Or(r.Label, name)
}

// Of returns the analysis of a comparison.
func Of(c *study.Comparison) *Analysis {
	a := &Analysis{Comparison: c}
	for _, s := range c.Summary {
		m := newMethod(c, s)
		if len(m.Rows) > 0 && len(m.Points) > 0 {
			a.Methods = append(a.Methods, m)
		}
	}
	return a
}

func newMethod(c *study.Comparison, s study.Summary) *Method {
	known, _ := sam.FindMethod(s.Method)
	m := &Method{Summary: s, Label: MethodLabel(s.Method), measure: c.Measure, axis: known.Has("alpha"), alpha: known.Alpha}
	if m.Method == study.Unperturbed {
		m.Label = BaseLabel(c.Plan.Base.Base)
	}
	if s.AscentBudget != nil {
		m.Label += fmt.Sprintf(" with budget %.3g", *s.AscentBudget)
	}
	if s.Sweep != "" {
		m.Label += " at rho ∞"
	}
	if s.Variant != "" {
		m.Label += " (" + s.Variant + ")"
	}
	for _, r := range c.Rows {
		if r.Of(&s) {
			m.Rows = append(m.Rows, r)
		}
	}
	if given := c.Plan.Base.Alpha; given != nil {
		m.alpha = *given
	}
	if len(m.Rows) > 0 && m.Rows[0].Alpha != nil {
		m.alpha = *m.Rows[0].Alpha
	}
	return m
}

// Find returns the method of a name without a budget, or nil. Of several variants it is the
// one that is best on validation.
func (a *Analysis) Find(name string) (found *Method) {
	for _, m := range a.Methods {
		if m.Method != name || m.AscentBudget != nil || m.Sweep != "" {
			continue
		}
		if found == nil || a.Better(m.Val, found.Val) {
			found = m
		}
	}
	return found
}

// Subject is the name of the method that a comparison is about: M-SAM's, or where that is not
// compared the only one that perturbs beside SAM; "" if there is none.
func (a *Analysis) Subject() string {
	var others []string
	for _, m := range a.Methods {
		if m.Perturbs() && m.Method != "sam" && !slices.Contains(others, m.Method) {
			others = append(others, m.Method)
		}
	}
	switch {
	case slices.Contains(others, "m-sam"):
		return "m-sam"
	case len(others) == 1:
		return others[0]
	}
	return ""
}

// Order compares two values of the measure for sorting: negative if x is better. Values that
// are not known come last.
func (a *Analysis) Order(x, y float64) int {
	switch {
	case a.Better(x, y):
		return -1
	case a.Better(y, x):
		return 1
	}
	return 0
}

// Perturbs reports whether the method has a radius.
func (m *Method) Perturbs() bool {
	known, err := sam.FindMethod(m.Method)
	return err != nil || known.Perturbs()
}

// LossAxis reports whether the method has a loss axis, whose scale alpha is.
func (m *Method) LossAxis() bool { return m.axis }

// Alpha is the loss axis's scale at a radius: 0 for a method without one.
func (m *Method) Alpha(rho float64) float64 {
	switch {
	case !m.axis:
		return 0
	case m.Sweep != "":
		return math.Inf(1)
	case m.AscentBudget != nil:
		return rho / *m.AscentBudget
	}
	return m.alpha
}

// At returns the method's runs at a radius, or at a budget where rho is infinite.
func (m *Method) At(x float64) (rows []study.Row) {
	for _, r := range m.Rows {
		if r.X() == x {
			rows = append(rows, r)
		}
	}
	return rows
}

// Point returns the method's point at a radius, or nil.
func (m *Method) Point(x float64) *study.Point {
	for i, p := range m.Points {
		if p.Rho == x {
			return &m.Points[i]
		}
	}
	return nil
}

// Best is the point at the radius that validation chose.
func (m *Method) Best() study.Point {
	if p := m.Point(m.BestRho); p != nil {
		return *p
	}
	return m.Points[0]
}

// Largest is the method's largest radius.
func (m *Method) Largest() float64 { return m.Points[len(m.Points)-1].Rho }

// AllBroke reports whether no run of the method is whole.
func (m *Method) AllBroke() bool { return m.Diverged >= m.Runs }

// Breaks returns the smallest radius at which a run broke, and the smallest from which on
// all did; +Inf for none.
func (m *Method) Breaks() (first, all float64) {
	first, all = math.Inf(1), math.Inf(1)
	for _, p := range slices.Backward(m.Points) {
		if p.Diverged > 0 {
			first = p.Rho
		}
	}
	for _, p := range slices.Backward(m.Points) {
		if p.Diverged < p.Runs {
			break
		}
		all = p.Rho
	}
	return first, all
}

// Whole returns the runs at a radius that did not break, or all of them if all did.
func (m *Method) Whole(x float64) []study.Row {
	rows := m.At(x)
	unbroken := slices.DeleteFunc(slices.Clone(rows), func(r study.Row) bool { return r.Diverged })
	if len(unbroken) > 0 {
		return unbroken
	}
	return rows
}

// Use returns the radii, ascending, at which the method's mean on the test split is better
// than that of another at its best.
func (m *Method) Use(other *Method) (radii []float64) {
	best := train.Real(other.Best().Test)
	for _, p := range m.Points {
		if at := m.measure; at.Better != "" {
			at.Value = train.Real(p.Test)
			if at.Beats(best) {
				radii = append(radii, p.Rho)
			}
		}
	}
	return radii
}

// OverBudget finds the point, of those with runs that did not break, where the loss rose
// by most beside what the budget asked for: how many times as much, and the place. It is
// -Inf for a method without a budget. At an infinite rho the prediction is what was asked
// for, whatever schedule the budget has and however many steps perturb.
func (m *Method) OverBudget() (times, at float64) {
	times = math.Inf(-1)
	if m.AscentBudget == nil && m.Sweep == "" {
		return times, 0
	}
	for _, p := range m.Points {
		rows := m.Whole(p.Rho)
		asked := Overall(ByEpoch(rows, predicted))
		if m.AscentBudget != nil {
			asked = *m.AscentBudget
		}
		if rise := Overall(ByEpoch(rows, ascent)) / asked; p.Diverged < p.Runs && rise > times {
			times, at = rise, p.Rho
		}
	}
	return times, at
}

func gradNorm(e train.Record) float64  { return e.GradNorm }
func deltaNorm(e train.Record) float64 { return e.DeltaNorm }
func ascent(e train.Record) float64    { return e.Ascent }
func predicted(e train.Record) float64 { return e.PredictedAscent }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

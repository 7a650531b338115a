package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// method is one method of a comparison with its runs; M-SAM under different budgets are
// different methods.
type method struct {
	study.Summary
	name string // for people
	look chart.Look
	rows []study.Row
	base float64 // alpha of M-SAM without a budget
}

// view is a comparison, looked up by method.
type view struct {
	*study.Comparison
	methods []*method
}

// baseNames are the base optimizers' for people.
var baseNames = map[string]string{"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "lion": "Lion"}

// methodNames are the methods' for people.
var methodNames = map[string]string{"sam": "SAM", "m-sam": "M-SAM", "fisher": "Fisher SAM", "asam": "ASAM"}

func newView(c *study.Comparison) *view {
	v := &view{Comparison: c}
	budgets, variants := 0, 0
	for _, s := range c.Summary {
		m := &method{Summary: s, name: methodNames[s.Method], base: 1}
		l, known := lookOf(s.Method)
		switch {
		case !known:
		case s.Variant != "":
			l = variantLook(variants)
			variants++
		case s.AscentBudget != nil, s.Sweep != "":
			l = budgetLook(budgets)
			budgets++
		}
		m.look = l
		switch {
		case s.Method == "sgd":
			m.name = cmp.Or(baseNames[c.Plan.Base.Base], c.Plan.Base.Base, "SGD")
		case m.name == "":
			m.name = s.Method
		}
		if s.AscentBudget != nil {
			m.name += fmt.Sprintf(" with budget %s", num(*s.AscentBudget))
		}
		if s.Sweep != "" {
			m.name += " at rho ∞"
		}
		if s.Variant != "" {
			m.name += " (" + s.Variant + ")"
		}
		if a := c.Plan.Base.Alpha; a != nil {
			m.base = *a
		}
		for _, r := range c.Rows {
			if r.Of(&s) {
				m.rows = append(m.rows, r)
			}
		}
		if len(m.rows) > 0 && m.rows[0].Alpha != nil {
			m.base = *m.rows[0].Alpha
		}
		if len(m.rows) > 0 && len(m.Points) > 0 {
			v.methods = append(v.methods, m)
		}
	}
	return v
}

// find returns the method of a name and no budget, or nil. Of several variants it is the
// one that is best on validation.
func (v *view) find(name string) (found *method) {
	for _, m := range v.methods {
		if m.Method != name || m.AscentBudget != nil || m.Sweep != "" {
			continue
		}
		if found == nil || m.ValAccuracy > found.ValAccuracy {
			found = m
		}
	}
	return found
}

// sweeps are the methods with points at radii, and those with points at budgets; none of
// the two is empty. Without either it is the base optimizer alone.
func (v *view) sweeps() (list [][]*method) {
	var radii, budgets []*method
	for _, m := range v.methods {
		switch {
		case !m.perturbs():
		case m.Sweep == "":
			radii = append(radii, m)
		default:
			budgets = append(budgets, m)
		}
	}
	for _, ms := range [][]*method{radii, budgets} {
		if len(ms) > 0 {
			list = append(list, ms)
		}
	}
	return list
}

// unperturbed returns the base optimizer, in all its variants.
func (v *view) unperturbed() (ms []*method) {
	for _, m := range v.methods {
		if !m.perturbs() {
			ms = append(ms, m)
		}
	}
	return ms
}

// climbing returns the methods that perturb.
func (v *view) climbing() (ms []*method) {
	for _, over := range v.sweeps() {
		ms = append(ms, over...)
	}
	return ms
}

// places returns all radii, or budgets, of methods, ascending.
func places(ms []*method) (xs []float64) {
	for _, m := range ms {
		for _, p := range m.Points {
			if p.Rho > 0 && finite(p.Rho) {
				xs = append(xs, p.Rho)
			}
		}
	}
	slices.Sort(xs)
	return slices.Compact(xs)
}

// where names a place among a method's points.
func (m *method) where(x float64) string { return m.Setting() + " " + num(x) }

// kind is what a method's points differ in, in general words.
func (m *method) kind() (one, many string) {
	if m.Sweep != "" {
		return "budget", "budgets"
	}
	return "radius", "radii"
}

// monge returns all members of M-SAM, with and without a budget.
func (v *view) monge() (ms []*method) {
	for _, m := range v.methods {
		if m.Method == "m-sam" {
			ms = append(ms, m)
		}
	}
	return ms
}

// perturbs reports whether the method has a radius.
func (m *method) perturbs() bool { return m.Method != "sgd" }

// alpha is the loss axis's scale at a radius: 0 for a method without one.
func (m *method) alpha(rho float64) float64 {
	switch {
	case m.Method != "m-sam":
		return 0
	case m.Sweep != "":
		return math.Inf(1)
	case m.AscentBudget != nil:
		return rho / *m.AscentBudget
	}
	return m.base
}

// at returns the method's runs at a radius.
func (m *method) at(rho float64) (rows []study.Row) {
	for _, r := range m.rows {
		if r.X() == rho {
			rows = append(rows, r)
		}
	}
	return rows
}

// point returns the method's point at a radius, or nil.
func (m *method) point(rho float64) *study.Point {
	for i, p := range m.Points {
		if p.Rho == rho {
			return &m.Points[i]
		}
	}
	return nil
}

// best is the point at the radius that validation chose.
func (m *method) best() study.Point {
	if p := m.point(m.BestRho); p != nil {
		return *p
	}
	return m.Points[0]
}

// allBroke reports whether no run of the method is whole.
func (m *method) allBroke() bool { return m.Diverged >= m.Runs }

// breaks returns the smallest radius at which a run broke, and the smallest from which on
// all did; +Inf for none.
func (m *method) breaks() (first, all float64) {
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

// whole returns the runs at a radius that did not break, or all of them if all did.
func (m *method) whole(rho float64) []study.Row {
	rows := m.at(rho)
	unbroken := slices.DeleteFunc(slices.Clone(rows), func(r study.Row) bool { return r.Diverged })
	if len(unbroken) > 0 {
		return unbroken
	}
	return rows
}

// mean is a mean over seeds with its standard error, 0 for a single one.
type mean struct {
	at    int // epoch or step
	value float64
	se    float64
	n     int
}

// byEpoch returns the mean over runs of a number of every epoch.
func byEpoch(rows []study.Row, value func(train.Record) float64) []mean {
	runs := make([][]train.Record, len(rows))
	for i, r := range rows {
		runs[i] = r.Records
	}
	return meansAt(runs, func(r train.Record) int { return r.Epoch }, value)
}

// meansAt returns the mean over runs of a number wherever they recorded it. Values that
// are not finite, as just before a run breaks, are left out.
func meansAt(runs [][]train.Record, at func(train.Record) int, value func(train.Record) float64) (means []mean) {
	values := map[int][]float64{}
	for _, records := range runs {
		for _, r := range records {
			if v := value(r); finite(v) {
				values[at(r)] = append(values[at(r)], v)
			}
		}
	}
	for _, n := range slices.Sorted(maps.Keys(values)) {
		m := meanOf(values[n])
		m.at = n
		means = append(means, m)
	}
	return means
}

func meanOf(v []float64) mean {
	m := mean{value: stat.Mean(v, nil), n: len(v)}
	if len(v) > 1 {
		m.se = stat.StdErr(stat.StdDev(v, nil), float64(len(v)))
	}
	return m
}

func gradNorm(e train.Record) float64  { return e.GradNorm }
func ascent(e train.Record) float64    { return e.Ascent }
func predicted(e train.Record) float64 { return e.PredictedAscent }
func trainLoss(e train.Record) float64 { return e.TrainLoss }
func deltaNorm(e train.Record) float64 { return e.DeltaNorm }
func trainAccuracy(e train.Record) float64 {
	return float64(e.TrainAccuracy)
}
func valAccuracy(e train.Record) float64 {
	return float64(e.ValAccuracy)
}

// most is the largest value of means.
func most(means []mean) float64 {
	top := math.Inf(-1)
	for _, m := range means {
		top = max(top, m.value)
	}
	return top
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// num writes a number of three digits.
func num(x float64) string { return chart.Num(x) }

// percent writes a share as a percentage.
func percent(x float64) string {
	if !finite(x) {
		return "–"
	}
	return fmt.Sprintf("%.1f%%", 100*x)
}

// points writes a difference of shares in percentage points, with its sign.
func points(x float64) string {
	s := fmt.Sprintf("%+.1f", 100*x)
	if s == "-0.0" {
		s = "+0.0"
	}
	return strings.Replace(s, "-", "−", 1)
}

// plural counts a noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// join writes a list as people do.
func join(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	last := len(items) - 1
	return strings.Join(items[:last], ", ") + " and " + items[last]
}

// sorted returns the finite values in order.
func sorted(values []float64) []float64 {
	v := slices.DeleteFunc(slices.Clone(values), func(x float64) bool { return !finite(x) })
	slices.Sort(v)
	return v
}

package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// ran is a method with its runs.
type ran = analysis.Method

// method is one method of a comparison as the page shows it; M-SAM under different budgets
// are different methods.
type method struct {
	*ran
	name string // for people
	look chart.Look
	in   scale
}

// view is a comparison, looked up by method.
type view struct {
	*analysis.Analysis
	in      scale
	of      subject
	methods []*method
}

func newView(c *study.Comparison) *view {
	v := &view{Analysis: analysis.Of(c), in: scale{c.Measure, repeatOf(c.Study)}, of: subjects[c.Measure.Name]}
	for i, l := range looksOf(v.Methods) {
		v.methods = append(v.methods, &method{v.Methods[i], v.Methods[i].Label, l, v.in})
	}
	return v
}

// repeatOf is what a study's runs repeat a setting over.
func repeatOf(s *study.Study) string {
	switch {
	case s.Folds == 0:
		return "seed"
	case s.Seeds > 1:
		return "run" // of a seed and a fold
	}
	return "fold"
}

// find returns the method of a name and no budget, or nil. Of several variants it is the
// one that is best on validation.
func (v *view) find(name string) *method {
	found := v.Find(name)
	i := slices.IndexFunc(v.methods, func(m *method) bool { return m.ran == found })
	if i < 0 {
		return nil
	}
	return v.methods[i]
}

// alone is the base optimizer alone, or nil.
func (v *view) alone() *method { return v.find(study.Unperturbed) }

// sweeps are the methods with points at radii, and those with points at budgets; none of
// the two is empty. Without either it is the base optimizer alone.
func (v *view) sweeps() (list [][]*method) {
	var radii, budgets []*method
	for _, m := range v.methods {
		switch {
		case !m.Perturbs():
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
		if !m.Perturbs() {
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

// featured returns all members of the method that the comparison is about, with and without
// a budget.
func (v *view) featured() (ms []*method) {
	subject := v.Subject()
	for _, m := range v.methods {
		if m.Method == subject {
			ms = append(ms, m)
		}
	}
	return ms
}

// against compares m with r, each where validation chose it.
func (m *method) against(r *method) contrast { return contrast{m.Against(r.ran), m.in} }

func gradNorm(e train.Record) float64      { return e.GradNorm }
func ascent(e train.Record) float64        { return e.Ascent }
func predicted(e train.Record) float64     { return e.PredictedAscent }
func trainLoss(e train.Record) float64     { return e.TrainLoss }
func deltaNorm(e train.Record) float64     { return e.DeltaNorm }
func trainAccuracy(e train.Record) float64 { return float64(e.TrainAccuracy) }

// valOf returns a measure of the validation split.
func valOf(name string) func(train.Record) float64 {
	return func(e train.Record) float64 { return float64(e.Val.Get(name)) }
}

// most is the largest value of means.
func most(means []analysis.Mean) float64 {
	top := math.Inf(-1)
	for _, m := range means {
		top = max(top, m.Value)
	}
	return top
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// num writes a number of three digits.
func num(x float64) string { return chart.Num(x) }

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

package study

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// near is how far below a method's best accuracy a radius may fall and still count as
// near-best.
const near = .02

// budgets is the Sweep of methods whose runs differ in their ascent budget.
const budgets = "ascent_budget"

// key tells methods apart: M-SAM under different budgets are different methods here,
// unless rho is infinite.
type key struct {
	method, variant, sweep string
	budget                 float64
}

func (r *Row) key() key {
	k := key{method: r.Method, variant: r.Variant, sweep: r.sweep()}
	if r.AscentBudget != nil && k.sweep == "" {
		k.budget = *r.AscentBudget
	}
	return k
}

func (r *Row) sweep() string {
	if math.IsInf(float64(r.Rho), 1) && r.AscentBudget != nil {
		return budgets
	}
	return ""
}

// X is where the run stands among those of its method: its rho, or its ascent budget if
// rho is infinite.
func (r *Row) X() float64 {
	if r.sweep() == budgets {
		return *r.AscentBudget
	}
	return float64(r.Rho)
}

// Setting names what the points of a method differ in: "rho", or "budget" if rho is
// infinite.
func (s *Summary) Setting() string {
	if s.Sweep == budgets {
		return "budget"
	}
	return "rho"
}

// Of reports whether the row is one of those that are summarized.
func (r *Row) Of(s *Summary) bool {
	k := key{method: s.Method, variant: s.Variant, sweep: s.Sweep}
	if s.AscentBudget != nil {
		k.budget = *s.AscentBudget
	}
	return r.key() == k
}

// Summarize fills in the summary from the rows.
func (c *Comparison) Summarize() {
	var order []key
	groups := map[key][]Row{}
	for _, r := range c.Rows {
		k := r.key()
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], r)
	}
	for _, k := range order {
		s := summary(groups[k])
		sgd := medianStep(groups[key{method: "sgd", variant: k.variant}])
		if sgd == 0 {
			sgd = medianStep(groups[key{method: "sgd"}])
		}
		if sgd > 0 {
			s.StepRatio = medianStep(groups[k]) / sgd
		}
		c.Summary = append(c.Summary, s)
	}
}

func medianStep(rows []Row) float64 {
	if len(rows) == 0 {
		return 0
	}
	var t []float64
	for _, r := range rows {
		t = append(t, r.StepS)
	}
	slices.Sort(t)
	return stat.Quantile(.5, stat.LinInterp, t, nil)
}

// summary summarizes the rows of one method.
func summary(rows []Row) Summary {
	first := rows[0]
	s := Summary{Method: first.Method, Variant: first.Variant, Sweep: first.sweep(), Runs: len(rows), Points: points(rows)}
	if s.Sweep == "" {
		s.AscentBudget = first.AscentBudget
	}
	best, top := 0, 0 // by validation, by test
	for i, p := range s.Points {
		s.Diverged += p.Diverged
		if p.ValAccuracy > s.Points[best].ValAccuracy {
			best = i
		}
		if p.TestAccuracy > s.Points[top].TestAccuracy {
			top = i
		}
	}
	p := s.Points[best]
	s.BestRho, s.ValAccuracy, s.TestAccuracy, s.TestStderr = p.Rho, p.ValAccuracy, p.TestAccuracy, p.TestStderr
	s.widen(top)
	return s
}

// points groups a method's rows by radius.
func points(rows []Row) (ps []Point) {
	byRho := map[float64][]Row{}
	for _, r := range rows {
		byRho[r.X()] = append(byRho[r.X()], r)
	}
	for rho, rows := range byRho {
		p := Point{Rho: rho, Runs: len(rows)}
		var val, test []float64
		for _, r := range rows {
			val, test = append(val, r.ValAccuracy), append(test, r.TestAccuracy)
			if r.Diverged {
				p.Diverged++
			}
		}
		p.ValAccuracy = stat.Mean(val, nil)
		p.TestAccuracy = stat.Mean(test, nil)
		if len(test) > 1 {
			p.TestStderr = stat.StdErr(stat.StdDev(test, nil), float64(len(test)))
		}
		ps = append(ps, p)
	}
	slices.SortFunc(ps, func(a, b Point) int {
		if a.Rho < b.Rho {
			return -1
		}
		return 1
	})
	return ps
}

// widen finds the range of near-best radii around point top.
func (s *Summary) widen(top int) {
	floor := s.Points[top].TestAccuracy - near
	lo, hi := top, top
	for lo > 0 && s.Points[lo-1].TestAccuracy >= floor {
		lo--
	}
	for hi < len(s.Points)-1 && s.Points[hi+1].TestAccuracy >= floor {
		hi++
	}
	s.Range = [2]float64{s.Points[lo].Rho, s.Points[hi].Rho}
	if s.Points[lo].Rho == 0 { // the method has no radius
		return
	}
	s.OpenLow, s.OpenHigh = lo == 0, hi == len(s.Points)-1
	s.WidthDecades = math.Log10(s.Range[1] / s.Range[0])
}

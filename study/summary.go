package study

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/monge-ml/monge/internal/object"
	"github.com/monge-ml/monge/train"
)

// A Summary is what the runs of one method say together. In JSON its score is under the names
// of its measure: test_accuracy, say.
type Summary struct {
	Method  string `json:"method"`
	Variant string `json:"variant,omitempty"`
	// Sweep is "ascent_budget" for a method with rho = inf, whose runs differ in their
	// budget: wherever it says rho below, that is meant.
	Sweep        string   `json:"sweep,omitempty"`
	AscentBudget *float64 `json:"ascent_budget"`
	Points       []Point  `json:"points"` // by rho, ascending
	// BestRho has the best mean measure on the validation split (the smallest such); Val and
	// Test are its means over the seeds.
	BestRho    float64 `json:"best_rho"`
	Val        float64 `json:"-"`
	Test       float64 `json:"-"`
	TestStderr float64 `json:"test_stderr"`
	// WidthDecades is the width, in decades, of the unbroken range of rho around the
	// radius of the best mean on the test split in which that mean stays near it: within two
	// points of a share, two percent of another measure. Open ends of the grid are not known:
	// the range may go on there.
	WidthDecades float64    `json:"width_decades"`
	Range        [2]float64 `json:"range"`
	OpenLow      bool       `json:"open_low"`
	OpenHigh     bool       `json:"open_high"`
	Diverged     int        `json:"diverged"`
	Runs         int        `json:"runs"`
	StepRatio    float64    `json:"step_ratio"` // time of a step, median over the runs, over the base optimizer's; 0 if that is not there

	measure train.Measure
}

// A Point is one method at one radius, over seeds.
type Point struct {
	Rho        float64 `json:"rho"`
	Val        float64 `json:"-"`
	Test       float64 `json:"-"`
	TestStderr float64 `json:"test_stderr"` // of the mean
	Diverged   int     `json:"diverged"`
	Runs       int     `json:"runs"`

	measure string
}

// MarshalJSON writes the summary.
func (s Summary) MarshalJSON() ([]byte, error) {
	type plain Summary
	s.TestStderr, s.WidthDecades, s.StepRatio = orZero(s.TestStderr), orZero(s.WidthDecades), orZero(s.StepRatio)
	o := object.Of(plain(s))
	addScore(o, s.measure.Name, s.Test, s.Val)
	return o.Bytes()
}

// MarshalJSON writes the point.
func (p Point) MarshalJSON() ([]byte, error) {
	type plain Point
	p.TestStderr = orZero(p.TestStderr)
	o := object.Of(plain(p))
	addScore(o, p.measure, p.Test, p.Val)
	return o.Bytes()
}

// orZero is a number that JSON has, 0 for one that it has not.
func orZero(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

// near is how far from a method's best a radius may be and still count as near-best: of a
// share as it is, of another measure relative to the best.
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

// Better reports whether a value of the comparison's measure is better than another. One that
// is not known is not.
func (c *Comparison) Better(a, b float64) bool {
	m := c.Measure
	m.Value = train.Real(a)
	return m.Beats(train.Real(b))
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
		s := c.summary(groups[k])
		base := medianStep(groups[key{method: Unperturbed, variant: k.variant}])
		if base == 0 {
			base = medianStep(groups[key{method: Unperturbed}])
		}
		if base > 0 {
			s.StepRatio = medianStep(groups[k]) / base
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
func (c *Comparison) summary(rows []Row) Summary {
	first := rows[0]
	s := Summary{Method: first.Method, Variant: first.Variant, Sweep: first.sweep(), Runs: len(rows), Points: c.points(rows), measure: c.Measure}
	if s.Sweep == "" {
		s.AscentBudget = first.AscentBudget
	}
	best, top := 0, 0 // by validation, by test
	for i, p := range s.Points {
		s.Diverged += p.Diverged
		if c.Better(p.Val, s.Points[best].Val) {
			best = i
		}
		if c.Better(p.Test, s.Points[top].Test) {
			top = i
		}
	}
	p := s.Points[best]
	s.BestRho, s.Val, s.Test, s.TestStderr = p.Rho, p.Val, p.Test, p.TestStderr
	s.widen(top)
	return s
}

// points groups a method's rows by radius.
func (c *Comparison) points(rows []Row) (ps []Point) {
	byRho := map[float64][]Row{}
	for _, r := range rows {
		byRho[r.X()] = append(byRho[r.X()], r)
	}
	for rho, rows := range byRho {
		p := Point{Rho: rho, Runs: len(rows), measure: c.Measure.Name}
		var val, test []float64
		unknown := false // of a run that broke
		for _, r := range rows {
			val, test = append(val, r.Val), append(test, r.Test)
			if r.Diverged {
				p.Diverged++
				unknown = unknown || math.IsNaN(r.Val) || math.IsNaN(r.Test)
			}
		}
		val, test = known(val), known(test)
		p.Val, p.Test = stat.Mean(val, nil), stat.Mean(test, nil)
		if len(test) > 1 {
			p.TestStderr = stat.StdErr(stat.StdDev(test, nil), float64(len(test)))
		}
		if unknown { // the others alone would say that a radius which breaks runs is as good as they are
			p.Val, p.Test, p.TestStderr = math.NaN(), math.NaN(), 0
		}
		ps = append(ps, p)
	}
	slices.SortFunc(ps, func(a, b Point) int { return cmp.Compare(a.Rho, b.Rho) })
	return ps
}

// known leaves out values that are not known, as of runs that diverged where the measure of
// guessing is not.
func known(values []float64) []float64 { return slices.DeleteFunc(values, math.IsNaN) }

// widen finds the range of near-best radii around point top.
func (s *Summary) widen(top int) {
	best := s.Points[top].Test
	room := near
	if !s.measure.Share {
		room *= math.Abs(best)
	}
	isNear := func(p Point) bool {
		if s.measure.Better == train.Lower {
			return p.Test <= best+room
		}
		return p.Test >= best-room
	}
	lo, hi := top, top
	for lo > 0 && isNear(s.Points[lo-1]) {
		lo--
	}
	for hi < len(s.Points)-1 && isNear(s.Points[hi+1]) {
		hi++
	}
	s.Range = [2]float64{s.Points[lo].Rho, s.Points[hi].Rho}
	if s.Points[lo].Rho == 0 { // the method has no radius
		return
	}
	s.OpenLow, s.OpenHigh = lo == 0, hi == len(s.Points)-1
	s.WidthDecades = math.Log10(s.Range[1] / s.Range[0])
}

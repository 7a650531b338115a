package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// gainRow is what a method gains over the base optimizer, and what it costs.
type gainRow struct {
	Key                                             key
	Gain, Interval, Gradients, Time, Range, Decades string
}

func (v *view) gainRows() (rows []gainRow) {
	for _, g := range v.Gains() {
		r := gainRow{Key: v.shown(g.Of).key(), Gain: v.in.gain(&g), Interval: "–", Gradients: num(g.Gradients), Time: "–", Range: "–", Decades: "–"}
		if g.Seeds > 1 {
			r.Interval = v.in.diff(float64(g.Low)) + " to " + v.in.diff(float64(g.High))
		}
		if finite(float64(g.StepRatio)) {
			r.Time = fmt.Sprintf("%.2f", float64(g.StepRatio))
		}
		if r.Decades = Decades(g.Reach); r.Decades != "–" {
			r.Range = rangeOf(g.Reach)
		}
		rows = append(rows, r)
	}
	return rows
}

// shown is the method as the page shows it.
func (v *view) shown(m *ran) *method {
	return v.methods[slices.IndexFunc(v.methods, func(x *method) bool { return x.ran == m })]
}

// gain writes a gain with its standard error, if it has one.
func (s scale) gain(g *analysis.Gain) string {
	switch {
	case g.Seeds == 0:
		return "–"
	case g.Seeds == 1:
		return s.diff(float64(g.Gain))
	}
	return s.diffs(float64(g.Gain), float64(g.Stderr))
}

// GainText writes a gain in a measure for people, with its standard error if it has one.
func GainText(m train.Measure, g *analysis.Gain) string { return scale{Measure: m}.gain(g) }

// rangeOf writes the radii of a reach.
func rangeOf(r analysis.Reach) string {
	if r.From == r.To {
		return num(float64(r.From)) + " only"
	}
	return num(float64(r.From)) + " to " + num(float64(r.To))
}

// Decades writes how wide a reach is, a dash for none: at least so wide where the grid ends before
// it does.
func Decades(r analysis.Reach) string {
	switch {
	case !finite(float64(r.Decades)):
		return "–"
	case r.OpenLow || r.OpenHigh:
		return fmt.Sprintf("≥ %.1f", float64(r.Decades))
	}
	return fmt.Sprintf("%.1f", float64(r.Decades))
}

// costFigures show gains against the gradients of a step, and against its time.
func (v *view) costFigures() (figures []figure) {
	gains := v.Gains()
	for _, c := range []struct {
		title, label, note string
		cost               func(*analysis.Gain) float64
	}{
		{"the gradients of a step", "gradients of a step", "A step computes so many gradients on average.", func(g *analysis.Gain) float64 { return g.Gradients }},
		{"the time of a step", "time of a step (base: 1)", "Over the time of a step of the base optimizer, as measured: runs beside each other on one machine blur it.", func(g *analysis.Gain) float64 { return float64(g.StepRatio) }},
	} {
		if f, ok := v.costFigure(gains, c.title, c.label, c.cost); ok {
			f.Note = c.note + " " + f.Note
			figures = append(figures, f)
		}
	}
	return figures
}

// costFigure shows gains against a cost, false if none is known.
func (v *view) costFigure(gains []analysis.Gain, title, label string, cost func(*analysis.Gain) float64) (f figure, ok bool) {
	n := chart.Named{X: chart.Axis{Label: label}}
	var said []string
	costs, heights := []float64{1}, []float64{0}
	for i := range gains {
		g := &gains[i]
		m, at, gain, se := v.shown(g.Of), cost(g), v.in.points(g.Gain), v.in.points(g.Stderr)
		if !finite(at) || !finite(gain) {
			continue
		}
		n.Points = append(n.Points, chart.NamedPoint{Look: m.look, Name: m.name, X: at, Y: gain, SE: se})
		said = append(said, fmt.Sprintf("%s %s at %s", m.name, v.in.diff(float64(g.Gain)), num(at)))
		costs, heights = append(costs, at), append(heights, gain-se, gain+se)
	}
	if len(n.Points) == 0 {
		return f, false
	}
	if base := v.alone(); base != nil {
		n.Points = append(n.Points, chart.NamedPoint{Look: base.look, Name: base.name, X: 1})
	}
	n.Rules = []chart.Rule{{Look: faint}}
	n.X.Min, n.X.Max = around(costs)
	n.Y.Min, n.Y.Max = around(heights)
	title = "Gain in " + v.in.name() + " against " + title
	n.Alt = title + ". " + strings.Join(said, ", ") + "."
	note := fmt.Sprintf("Gain over the base optimizer alone in test %s%s, each method where validation chose it.", v.in.name(), v.measureWords().Unit)
	if v.Plan.Seeds > 1 {
		note += " Bars are ± one standard error of the paired differences."
	}
	return newFigure(title, &n, note), true
}

// points is a difference in the unit that people read it in: of shares percentage points.
func (s scale) points(x train.Real) float64 {
	if s.Share {
		return 100 * float64(x)
	}
	return float64(x)
}

// around is a range with room around values, of which there are some.
func around(values []float64) (lo, hi float64) {
	lo, hi = slices.Min(values), slices.Max(values)
	room := .06 * (hi - lo)
	if room == 0 {
		room = .5
	}
	return lo - room, hi + room
}

// besideTable is of measures beside the one that decides, at the radius that it chose.
type besideTable struct {
	Names []string
	Rows  []besideRow
	Note  string
}

type besideRow struct {
	Key    key
	Values []string
}

func (v *view) besideTable() (t besideTable) {
	measures := v.measuresBeside()
	t.Note = fmt.Sprintf("On the test split, each method where validation chose it by its %s.", v.in.name())
	if v.Plan.Seeds > 1 {
		t.Note += fmt.Sprintf(" Means over the %ss ± one standard error, of runs that have such a measure.", v.in.one())
	}
	for _, m := range measures {
		t.Names = append(t.Names, m.name())
	}
	for _, m := range v.methods {
		if len(measures) == 0 || m.AllBroke() {
			continue
		}
		row := besideRow{Key: m.key()}
		for _, in := range measures {
			mean, ok := analysis.MeasuredAt(m.At(m.BestRho), in.Measure.Name)
			if !ok {
				row.Values = append(row.Values, "–")
				continue
			}
			row.Values = append(row.Values, in.of(mean))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// measuresBeside are those of the first run that has some, but for the one that decides and those
// of which no value is better than another.
func (v *view) measuresBeside() (list []scale) {
	for _, r := range v.Rows {
		if r.Result == nil || len(list) > 0 {
			continue
		}
		for _, m := range r.Result.Measured() {
			if m.Name != v.in.Measure.Name && m.Better != "" {
				list = append(list, scale{m, v.in.repeat})
			}
		}
	}
	return list
}

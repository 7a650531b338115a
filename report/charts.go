package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// figure is a drawing as a page shows it and as a file has it.
type figure struct {
	chart.Figure
	Picture template.HTML
}

func newFigure(title string, d chart.Drawing, note string, keys ...*method) figure {
	f := figure{chart.Figure{Title: title, Note: note, Drawing: d}, chart.Inline(d)}
	for _, m := range keys {
		f.Key = append(f.Key, m.look.Entry(m.name))
	}
	return f
}

// radii returns all radii of the comparison, ascending.
func (v *view) radii() []float64 {
	var ms []*method
	for _, m := range v.methods {
		if m.Perturbs() && m.Sweep == "" {
			ms = append(ms, m)
		}
	}
	return places(ms)
}

// axisOf is a logarithmic axis of the methods' radii or budgets.
func (v *view) axisOf(ms []*method) chart.Axis {
	xs := places(ms)
	lo, hi := xs[0], xs[len(xs)-1]
	room := max(math.Pow(hi/lo, .04), 1.15)
	label := "rho (radius of the perturbation)"
	if ms[0].Sweep != "" {
		label = "ascent budget" + v.of.brackets()
	}
	return chart.Axis{Label: label, Log: true, Min: lo / room, Max: hi * room}
}

// measureFigures show the measure on the test split against rho and against the budget.
func (v *view) measureFigures() (figures []figure) {
	for _, over := range v.sweeps() {
		if len(places(over)) > 0 {
			figures = append(figures, v.measureOver(over)...)
		}
	}
	if f, ok := v.measureByLength(); ok {
		figures = append(figures, f)
	}
	return figures
}

// measureByLength shows the methods' measure on the test split against how far they went,
// whatever their settings asked for.
func (v *view) measureByLength() (f figure, ok bool) {
	var p chart.Picture
	var lengths, values []float64
	for _, m := range v.climbing() {
		s := chart.Series{Look: m.look, Line: true}
		for _, t := range m.Points {
			if l := analysis.Overall(analysis.ByEpoch(m.At(t.Rho), deltaNorm)); l > 0 {
				s.Points = append(s.Points, chart.Spot{X: l, Y: t.Test, SE: t.TestStderr, Broken: t.Diverged > 0})
				lengths, values = append(lengths, l), append(values, t.Test)
			}
		}
		slices.SortFunc(s.Points, func(a, b chart.Spot) int { return cmp.Compare(a.X, b.X) })
		p.Series = append(p.Series, s)
	}
	lo, hi, ok := chart.LogRange(lengths)
	if !ok || len(sorted(values)) == 0 {
		return f, false
	}
	p.X = chart.Axis{Label: "|delta|", Log: true, Min: lo, Max: hi}
	p.Y = v.in.overview(values)
	title := fmt.Sprintf("Test %s against the perturbation's length", v.in.name())
	p.Alt = fmt.Sprintf("%s. Line chart, logarithmic in |delta|, from %s to %s.", title, num(lo), num(hi))
	return newFigure(title, &p, "All settings, at their mean |delta| over training and seeds. Where methods lie on one curve, it is the length that decides.", v.climbing()...), true
}

// measureOver shows the methods' measure on the test split, and its better end once more if the
// whole hides the differences there.
func (v *view) measureOver(over []*method) []figure {
	var values, bests []float64
	base := math.NaN()
	for _, m := range append(v.unperturbed(), over...) {
		for _, p := range m.Points {
			values = append(values, p.Test)
		}
		bests = append(bests, m.Best().Test)
		if !m.Perturbs() {
			base = m.Best().Test
		}
	}
	if len(sorted(values)) == 0 {
		return nil
	}
	note := "Mean over the " + v.in.one() + "s; bands are ± one standard error of it. "
	if v.Plan.Seeds < 2 {
		note = "One " + v.in.one() + ": no error bars. "
	}
	kind, _ := over[0].kind()
	note += "A cross marks a " + kind + " at which at least one run broke."
	title := fmt.Sprintf("Test %s against rho", v.in.name())
	if over[0].Sweep != "" {
		title = fmt.Sprintf("Test %s against the ascent budget, at rho ∞", v.in.name())
	}
	figures := []figure{v.measureFigure(title, note, v.in.overview(values), over)}
	if close, ok := v.in.closeUp(values, bests, base); ok {
		end, leave := "The upper end, enlarged", "below"
		if v.in.Better == train.Lower {
			end, leave = "The lower end, enlarged", "above"
		}
		figures = append(figures, v.measureFigure(end, "The same values; lines leave the picture "+leave+".", close, over))
	}
	return figures
}

func (v *view) measureFigure(title, note string, y chart.Axis, over []*method) figure {
	p := chart.Picture{X: v.axisOf(over), Y: y}
	var said []string
	for _, m := range v.unperturbed() {
		b := m.Best()
		p.Rules = append(p.Rules, chart.Rule{Look: m.look, At: b.Test, SE: b.TestStderr})
		said = append(said, fmt.Sprintf("%s %s", m.name, v.in.value(b.Test)))
	}
	for _, m := range over {
		s := chart.Series{Look: m.look, Line: true}
		for _, t := range m.Points {
			s.Points = append(s.Points, chart.Spot{X: t.Rho, Y: t.Test, SE: t.TestStderr, Broken: t.Diverged > 0})
		}
		p.Series = append(p.Series, s)
		b := m.Best()
		said = append(said, fmt.Sprintf("%s %s at %s", m.name, v.in.value(b.Test), m.where(b.Rho)))
	}
	if label, known := v.in.reference(); known {
		p.Rules = append(p.Rules, chart.Rule{Look: faint, At: v.in.Chance, Label: label})
	}
	kind, _ := over[0].kind()
	p.Alt = fmt.Sprintf("%s. Line chart, logarithmic in %s. At the best %s: %s.", title, over[0].Setting(), kind, strings.Join(said, ", "))
	return newFigure(title, &p, note, append(v.unperturbed(), over...)...)
}

// stress is the radius that shows the methods where they differ: the smallest at which
// SAM, or else any method, breaks; the largest if none does.
func (v *view) stress() (rho float64, why string) {
	rho = math.Inf(1)
	who := ""
	for _, m := range v.methods {
		if first, _ := m.Breaks(); m.Perturbs() && m.Sweep == "" && first < rho {
			rho, who = first, m.name
		}
	}
	if sam := v.find("sam"); sam != nil {
		if first, _ := sam.Breaks(); !math.IsInf(first, 1) {
			rho, who = first, sam.name
		}
	}
	if who != "" {
		return rho, "the smallest radius at which " + who + " breaks"
	}
	rhos := v.radii()
	if len(rhos) == 0 {
		return 0, ""
	}
	return rhos[len(rhos)-1], "the largest radius tried"
}

// scene is a choice of one radius for every method.
type scene struct {
	title string
	note  string
	rho   func(*method) float64
}

// scenes are each method's best radius and, where it is another, the stress radius.
func (v *view) scenes() []scene {
	scenes := []scene{{"each at its best radius", fmt.Sprintf("Radii chosen on validation %s: %s.", v.in.name(), v.bestRadii()), func(m *method) float64 { return m.BestRho }}}
	rho, why := v.stress()
	for _, m := range v.methods {
		if m.Perturbs() && m.Sweep == "" && m.BestRho != rho {
			return append(scenes, scene{"at rho " + num(rho), "Rho " + num(rho) + " is " + why + ".", func(m *method) float64 {
				switch {
				case !m.Perturbs():
					return 0
				case m.Sweep != "":
					return math.NaN() // it has no radius
				}
				return rho
			}})
		}
	}
	return scenes
}

func (v *view) bestRadii() string {
	var s []string
	for _, m := range v.methods {
		if m.Perturbs() {
			s = append(s, fmt.Sprintf("%s at %s", m.name, num(m.BestRho)))
		}
	}
	if len(s) == 0 {
		return "no method has one"
	}
	return strings.Join(s, ", ")
}

// curves are the methods' means over seeds of one number in the course of training.
func (v *view) curves(s scene, value func(train.Record) float64) (all []chart.Series, values []float64) {
	for _, m := range v.methods {
		c := chart.Series{Look: m.look, Line: true, Marks: chart.MarkLast}
		for _, e := range v.over(m.At(s.rho(m)), value) {
			c.Points = append(c.Points, chart.Spot{X: float64(e.At), Y: e.Value, SE: e.Stderr})
			values = append(values, e.Value)
		}
		if len(c.Points) > 0 {
			all = append(all, c)
		}
	}
	return all, values
}

// bySteps reports whether some run was evaluated more than once in an epoch, so that its
// course is one of steps.
func (v *view) bySteps() bool {
	for _, r := range v.Rows {
		for i, e := range r.Records {
			if i > 0 && e.Epoch == r.Records[i-1].Epoch {
				return true
			}
		}
	}
	return false
}

// over returns the means over runs of a number in the course of training.
func (v *view) over(rows []study.Row, value func(train.Record) float64) []analysis.Mean {
	if !v.bySteps() {
		return analysis.ByEpoch(rows, value)
	}
	return analysis.MeansAt(analysis.Records(rows), func(r train.Record) int { return r.Step }, value)
}

// courseAxis is that of the course of training.
func (v *view) courseAxis() chart.Axis {
	a, last := chart.Axis{Label: "epoch", Min: 1}, 2
	if v.bySteps() {
		a = chart.Axis{Label: "step", Min: 0}
	}
	for _, m := range v.methods {
		for _, r := range m.Rows {
			if n := len(r.Records); n > 0 && a.Label == "step" {
				last = max(last, r.Records[n-1].Step)
			} else if n > 0 {
				last = max(last, r.Records[n-1].Epoch)
			}
		}
	}
	room := .02 * float64(last)
	a.Min, a.Max = a.Min-room, float64(last)+room
	return a
}

// trainingFigures show accuracies and loss in the course of training.
func (v *view) trainingFigures() (figures []figure) {
	for _, s := range v.scenes() {
		for _, kind := range []struct {
			title string
			value func(train.Record) float64
			y     func([]float64) chart.Axis
		}{
			{"Validation " + v.in.name(), valOf(v.in.Measure.Name), v.in.axis},
			{"Training accuracy", trainAccuracy, chart.ShareAxis},
			{"Training loss", trainLoss, chart.AmountAxis},
		} {
			curves, values := v.curves(s, kind.value)
			if len(sorted(values)) == 0 {
				continue
			}
			p := chart.Picture{X: v.courseAxis(), Y: kind.y(values), Series: curves}
			title := kind.title + ", " + s.title
			p.Alt = title + ". Line chart by " + p.X.Label + ". At the end: " + v.ends(s, kind.value) + "."
			figures = append(figures, newFigure(title, &p, s.note, v.methods...))
		}
	}
	return figures
}

// ends says where the curves of a scene end.
func (v *view) ends(s scene, value func(train.Record) float64) string {
	var said []string
	for _, m := range v.methods {
		if e := v.over(m.At(s.rho(m)), value); len(e) > 0 {
			said = append(said, fmt.Sprintf("%s %s", m.name, num(e[len(e)-1].Value)))
		}
	}
	return strings.Join(said, ", ")
}

// gradientFigures show |g| by epoch beside 1/alpha.
func (v *view) gradientFigures() (figures []figure) {
	for _, s := range v.scenes() {
		curves, values := v.curves(s, gradNorm)
		p := chart.Picture{X: v.courseAxis(), Series: curves}
		var said []string
		for _, m := range v.methods {
			rho := s.rho(m)
			if a := m.Alpha(rho); a > 0 && finite(a) && len(m.At(rho)) > 0 {
				p.Rules = append(p.Rules, chart.Rule{Look: m.look.Thin(), At: 1 / a, Label: "1/alpha = " + num(1/a)})
				values = append(values, 1/a)
				said = append(said, fmt.Sprintf("%s %s", m.name, num(1/a)))
			}
		}
		lo, hi, ok := chart.LogRange(values)
		if !ok {
			continue
		}
		p.Y = chart.Axis{Log: true, Min: lo, Max: hi}
		title := "|g|, " + s.title
		p.Alt = title + ". Line chart by " + p.X.Label + ", logarithmic. At the end: " + v.ends(s, gradNorm) + "."
		if len(said) > 0 {
			p.Alt += " 1/alpha: " + strings.Join(said, ", ") + "."
		}
		figures = append(figures, newFigure(title, &p, s.note, v.methods...))
	}
	return figures
}

// ascentFigures show the actual rise of the loss against the predicted one, and against rho.
func (v *view) ascentFigures() (figures []figure) {
	if f, ok := v.scatter(); ok {
		figures = append(figures, f)
	}
	for _, over := range v.sweeps() {
		if f, ok := v.ascentOver(over); ok {
			figures = append(figures, f)
		}
	}
	return figures
}

// bins is how many points a run's epochs become in the scatter.
const bins = 6

// scatter draws predicted against actual ascent.
func (v *view) scatter() (f figure, ok bool) {
	var p chart.Picture
	var xs, ys []float64
	left := 0
	for _, m := range v.methods {
		s := chart.Series{Look: m.look}
		s.Look.Radius *= .7
		if !m.Perturbs() {
			continue
		}
		for _, t := range m.Points {
			for _, q := range binned(m.Whole(t.Rho)) {
				if !(q.X > 0 && q.Y > 0) {
					left++
					continue
				}
				s.Points = append(s.Points, q)
				xs, ys = append(xs, q.X), append(ys, q.Y)
			}
		}
		p.Series = append(p.Series, s)
		if m.AscentBudget != nil {
			p.Rules = append(p.Rules, chart.Rule{Look: m.look.Thin(), At: *m.AscentBudget, Upright: true, Label: "budget " + num(*m.AscentBudget)})
		}
	}
	lo, hi, ok := chart.LogRange(xs)
	if !ok {
		return f, false
	}
	p.X = chart.Axis{Label: "predicted ascent (g·delta" + v.of.comma() + ")", Log: true, Min: lo, Max: hi}
	lo, hi, _ = chart.LogRange(ys)
	p.Y = chart.Axis{Log: true, Min: lo, Max: hi}
	p.Slope = true
	p.Alt = fmt.Sprintf("Actual against predicted ascent. Scatter chart of %d points, logarithmic both ways, with the diagonal.", len(xs))
	f = newFigure("Actual ascent against predicted ascent", &p,
		fmt.Sprintf("Each point is a mean over the %ss and a %s of training; all radii. On the diagonal the linear prediction holds; above it the loss rose by more.", v.in.one(), share(bins)), v.climbing()...)
	if left > 0 {
		f.Note += fmt.Sprintf(" %s without a rise of the loss left out.", plural(left, "point"))
	}
	return f, true
}

func share(n int) string { return map[int]string{4: "quarter", 5: "fifth", 6: "sixth"}[n] }

// binned returns means of predicted and actual ascent over parts of the training.
func binned(rows []study.Row) (spots []chart.Spot) {
	want, got := analysis.ByEpoch(rows, predicted), analysis.ByEpoch(rows, ascent)
	n := min(len(want), len(got))
	for i := range bins {
		from, to := i*n/bins, (i+1)*n/bins
		if from == to {
			continue
		}
		var q chart.Spot
		for j := from; j < to; j++ {
			q.X += want[j].Value / float64(to-from)
			q.Y += got[j].Value / float64(to-from)
		}
		if finite(q.X) && finite(q.Y) {
			spots = append(spots, q)
		}
	}
	return spots
}

// ascentOver draws the mean actual ascent against rho, or against the budget, where the
// diagonal is what was asked for.
func (v *view) ascentOver(over []*method) (f figure, ok bool) {
	p := chart.Picture{Slope: over[0].Sweep != ""}
	var values []float64
	var said []string
	for _, m := range over {
		s := chart.Series{Look: m.look, Line: true}
		for _, t := range m.Points {
			if a := analysis.Overall(analysis.ByEpoch(m.Whole(t.Rho), ascent)); a > 0 {
				s.Points = append(s.Points, chart.Spot{X: t.Rho, Y: a, Broken: t.Diverged > 0})
				values = append(values, a)
			}
		}
		if n := len(s.Points); n > 0 {
			p.Series = append(p.Series, s)
			said = append(said, fmt.Sprintf("%s %s at %s", m.name, num(s.Points[n-1].Y), m.where(s.Points[n-1].X)))
		}
		if b := m.AscentBudget; b != nil {
			p.Rules = append(p.Rules, chart.Rule{Look: m.look.Thin(), At: *b, Label: "budget " + num(*b)})
			values = append(values, *b)
		}
	}
	lo, hi, ok := chart.LogRange(values)
	if !ok || len(said) == 0 {
		return f, false
	}
	p.X, p.Y = v.axisOf(over), chart.Axis{Log: true, Min: lo, Max: hi}
	kind, _ := over[0].kind()
	title, diagonal := "Actual ascent against rho", ""
	if p.Slope {
		title, diagonal = "Actual ascent against the budget, at rho ∞", " On the diagonal the loss rises by what was asked for."
	}
	p.Alt = fmt.Sprintf("%s. Line chart, logarithmic both ways. At the largest %s%s: %s.", title, kind, v.of.in(), strings.Join(said, ", "))
	note := v.of.lead("Mean") + fmt.Sprintf(" over training and seeds. A cross marks a %s at which at least one run broke; the mean is then of the other runs, if there are any.", kind)
	return newFigure(title, &p, note+diagonal, over...), true
}

package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// figure is a picture with what stands around it.
type figure struct {
	Title   string
	Picture template.HTML
	Note    string
}

// radii returns all radii of the comparison, ascending.
func (v *view) radii() (rhos []float64) {
	for _, m := range v.methods {
		for _, p := range m.Points {
			if m.perturbs() && p.Rho > 0 && finite(p.Rho) {
				rhos = append(rhos, p.Rho)
			}
		}
	}
	slices.Sort(rhos)
	return slices.Compact(rhos)
}

func (v *view) rhoAxis() axis {
	rhos := v.radii()
	lo, hi := rhos[0], rhos[len(rhos)-1]
	room := max(math.Pow(hi/lo, .04), 1.15)
	return axis{label: "rho (radius of the perturbation)", log: true, min: lo / room, max: hi * room}
}

// accuracyFigures show test accuracy against rho, and its upper end once more if the
// whole hides the differences there.
func (v *view) accuracyFigures() []figure {
	if len(v.radii()) == 0 {
		return nil
	}
	lowest, top, sgd := 1., 0., math.NaN()
	for _, m := range v.methods {
		for _, p := range m.Points {
			lowest, top = min(lowest, p.TestAccuracy), max(top, p.TestAccuracy)
		}
		if !m.perturbs() {
			sgd = m.best().TestAccuracy
		}
	}
	floor := top - .08
	if sgd >= top-.15 {
		floor = min(floor, sgd-.02)
	}
	note := "Mean over the seeds; bands are ± one standard error of it. "
	if v.Plan.Seeds < 2 {
		note = "One seed: no error bars. "
	}
	note += "A cross marks a radius at which at least one run broke."
	whole := axis{percent: true, min: 0, max: 1.02}
	if lowest > .6 {
		whole.min = math.Floor(20*lowest-.5) / 20
	}
	figures := []figure{v.accuracyFigure("Test accuracy against rho", note, whole)}
	if lowest < floor-.1 {
		figures = append(figures, v.accuracyFigure("The upper end, enlarged", "The same values; lines leave the picture below.",
			axis{percent: true, min: max(0, floor), max: min(1.004, top+.015)}))
	}
	return figures
}

func (v *view) accuracyFigure(title, note string, y axis) figure {
	p := picture{x: v.rhoAxis(), y: y}
	var said []string
	for _, m := range v.methods {
		if !m.perturbs() {
			b := m.best()
			p.rules = append(p.rules, rule{look: m.look, at: b.TestAccuracy, se: b.TestStderr})
			said = append(said, fmt.Sprintf("%s %s", m.name, percent(b.TestAccuracy)))
			continue
		}
		s := series{look: m.look, line: true}
		for _, t := range m.Points {
			s.points = append(s.points, spot{t.Rho, t.TestAccuracy, t.TestStderr, t.Diverged > 0})
		}
		p.series = append(p.series, s)
		b := m.best()
		said = append(said, fmt.Sprintf("%s %s at rho %s", m.name, percent(b.TestAccuracy), num(b.Rho)))
	}
	if n := v.Data.Classes; n > 1 {
		p.rules = append(p.rules, rule{look: faint, at: 1 / float64(n), label: "chance"})
	}
	p.alt = fmt.Sprintf("%s. Line chart, logarithmic in rho. At the best radius: %s.", title, strings.Join(said, ", "))
	return figure{title, p.svg(), note}
}

// faint is the look of lines that are no method's.
var faint = look{ink: inkMuted, width: 1, dashes: dash(1.5, 3)}

// stress is the radius that shows the methods where they differ: the smallest at which
// SAM, or else any method, breaks; the largest if none does.
func (v *view) stress() (rho float64, why string) {
	rho = math.Inf(1)
	who := ""
	for _, m := range v.methods {
		if first, _ := m.breaks(); m.perturbs() && first < rho {
			rho, who = first, m.name
		}
	}
	if sam := v.find("sam"); sam != nil {
		if first, _ := sam.breaks(); !math.IsInf(first, 1) {
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
	scenes := []scene{{"each at its best radius", "Radii chosen on validation accuracy: " + v.bestRadii() + ".", func(m *method) float64 { return m.BestRho }}}
	rho, why := v.stress()
	for _, m := range v.methods {
		if m.perturbs() && m.BestRho != rho {
			return append(scenes, scene{"at rho " + num(rho), "Rho " + num(rho) + " is " + why + ".", func(m *method) float64 {
				if !m.perturbs() {
					return 0
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
		if m.perturbs() {
			s = append(s, fmt.Sprintf("%s at %s", m.name, num(m.BestRho)))
		}
	}
	if len(s) == 0 {
		return "no method has one"
	}
	return strings.Join(s, ", ")
}

// curves are the methods' means over seeds by epoch of one number.
func (v *view) curves(s scene, value func(train.Record) float64) (all []series, values []float64) {
	for _, m := range v.methods {
		c := series{look: m.look, line: true, marks: markLast}
		for _, e := range byEpoch(m.at(s.rho(m)), value) {
			c.points = append(c.points, spot{x: float64(e.at), y: e.value, se: e.se})
			values = append(values, e.value)
		}
		if len(c.points) > 0 {
			all = append(all, c)
		}
	}
	return all, values
}

func (v *view) epochAxis() axis {
	last := 2
	for _, m := range v.methods {
		for _, r := range m.rows {
			if n := len(r.Records); n > 0 {
				last = max(last, r.Records[n-1].Epoch)
			}
		}
	}
	room := .02 * float64(last)
	return axis{label: "epoch", min: 1 - room, max: float64(last) + room}
}

// trainingFigures show loss and accuracy by epoch.
func (v *view) trainingFigures() (figures []figure) {
	for _, s := range v.scenes() {
		for _, kind := range []struct {
			title string
			value func(train.Record) float64
			y     func([]float64) axis
		}{
			{"Validation accuracy", valAccuracy, shareAxis},
			{"Training loss", trainLoss, lossAxis},
		} {
			curves, values := v.curves(s, kind.value)
			if len(sorted(values)) == 0 {
				continue
			}
			p := picture{x: v.epochAxis(), y: kind.y(values), series: curves}
			title := kind.title + ", " + s.title
			p.alt = title + ". Line chart by epoch. At the end: " + v.ends(s, kind.value) + "."
			figures = append(figures, figure{title, p.svg(), s.note})
		}
	}
	return figures
}

// ends says where the curves of a scene end.
func (v *view) ends(s scene, value func(train.Record) float64) string {
	var said []string
	for _, m := range v.methods {
		if e := byEpoch(m.at(s.rho(m)), value); len(e) > 0 {
			said = append(said, fmt.Sprintf("%s %s", m.name, num(e[len(e)-1].value)))
		}
	}
	return strings.Join(said, ", ")
}

func shareAxis(values []float64) axis {
	v := sorted(values)
	a := axis{percent: true, min: 0, max: 1.02}
	if v[0] > .6 {
		a.min = math.Floor(20*v[0]-.5) / 20
	}
	return a
}

// lossAxis begins at 0 unless the losses span decades.
func lossAxis(values []float64) axis {
	v := sorted(values)
	if lo, hi, ok := logRange(v); ok && hi/lo > 60 {
		return axis{log: true, min: lo, max: hi}
	}
	top := v[len(v)-1]
	if top <= 0 {
		top = 1
	}
	return axis{min: min(0, v[0]), max: 1.06 * top}
}

// gradientFigures show |g| by epoch beside 1/alpha.
func (v *view) gradientFigures() (figures []figure) {
	for _, s := range v.scenes() {
		curves, values := v.curves(s, gradNorm)
		p := picture{x: v.epochAxis(), series: curves}
		var said []string
		for _, m := range v.monge() {
			rho := s.rho(m)
			if a := m.alpha(rho); a > 0 && len(m.at(rho)) > 0 {
				p.rules = append(p.rules, rule{look: thin(m.look), at: 1 / a, label: "1/alpha = " + num(1/a)})
				values = append(values, 1/a)
				said = append(said, fmt.Sprintf("%s %s", m.name, num(1/a)))
			}
		}
		lo, hi, ok := logRange(values)
		if !ok {
			continue
		}
		p.y = axis{log: true, min: lo, max: hi}
		title := "|g|, " + s.title
		p.alt = title + ". Line chart by epoch, logarithmic. At the end: " + v.ends(s, gradNorm) + "."
		if len(said) > 0 {
			p.alt += " 1/alpha: " + strings.Join(said, ", ") + "."
		}
		figures = append(figures, figure{title, p.svg(), s.note})
	}
	return figures
}

func thin(l look) look {
	l.width, l.dashes = 1, dash(1.5, 2)
	return l
}

// ascentFigures show the actual rise of the loss against the predicted one, and against rho.
func (v *view) ascentFigures() (figures []figure) {
	if f, ok := v.scatter(); ok {
		figures = append(figures, f)
	}
	if f, ok := v.ascentByRho(); ok {
		figures = append(figures, f)
	}
	return figures
}

// bins is how many points a run's epochs become in the scatter.
const bins = 6

// scatter draws predicted against actual ascent.
func (v *view) scatter() (f figure, ok bool) {
	var p picture
	var xs, ys []float64
	left := 0
	for _, m := range v.methods {
		s := series{look: m.look}
		s.look.radius *= .7
		if !m.perturbs() {
			continue
		}
		for _, t := range m.Points {
			for _, q := range binned(m.whole(t.Rho)) {
				if !(q.x > 0 && q.y > 0) {
					left++
					continue
				}
				s.points = append(s.points, q)
				xs, ys = append(xs, q.x), append(ys, q.y)
			}
		}
		p.series = append(p.series, s)
		if m.AscentBudget != nil {
			p.rules = append(p.rules, rule{look: thin(m.look), at: *m.AscentBudget, upright: true, label: "budget " + num(*m.AscentBudget)})
		}
	}
	lo, hi, ok := logRange(xs)
	if !ok {
		return f, false
	}
	p.x = axis{label: "predicted ascent (g·delta, nats)", log: true, min: lo, max: hi}
	lo, hi, _ = logRange(ys)
	p.y = axis{log: true, min: lo, max: hi}
	p.slope = true
	p.alt = fmt.Sprintf("Actual against predicted ascent. Scatter chart of %d points, logarithmic both ways, with the diagonal.", len(xs))
	f = figure{"Actual ascent against predicted ascent", p.svg(),
		fmt.Sprintf("Each point is a mean over the seeds and a %s of training; all radii. On the diagonal the linear prediction holds; above it the loss rose by more.", share(bins))}
	if left > 0 {
		f.Note += fmt.Sprintf(" %s without a rise of the loss left out.", plural(left, "point"))
	}
	return f, true
}

func share(n int) string { return map[int]string{4: "quarter", 5: "fifth", 6: "sixth"}[n] }

// binned returns means of predicted and actual ascent over parts of the training.
func binned(rows []study.Row) (spots []spot) {
	want, got := byEpoch(rows, predicted), byEpoch(rows, ascent)
	n := min(len(want), len(got))
	for i := range bins {
		from, to := i*n/bins, (i+1)*n/bins
		if from == to {
			continue
		}
		var q spot
		for j := from; j < to; j++ {
			q.x += want[j].value / float64(to-from)
			q.y += got[j].value / float64(to-from)
		}
		if finite(q.x) && finite(q.y) {
			spots = append(spots, q)
		}
	}
	return spots
}

// ascentByRho draws the mean actual ascent against rho.
func (v *view) ascentByRho() (f figure, ok bool) {
	if len(v.radii()) == 0 {
		return f, false
	}
	p := picture{x: v.rhoAxis()}
	var values []float64
	var said []string
	for _, m := range v.methods {
		if !m.perturbs() {
			continue
		}
		s := series{look: m.look, line: true}
		for _, t := range m.Points {
			if a := overall(byEpoch(m.whole(t.Rho), ascent)); a > 0 {
				s.points = append(s.points, spot{x: t.Rho, y: a, broken: t.Diverged > 0})
				values = append(values, a)
			}
		}
		if n := len(s.points); n > 0 {
			p.series = append(p.series, s)
			said = append(said, fmt.Sprintf("%s %s at rho %s", m.name, num(s.points[n-1].y), num(s.points[n-1].x)))
		}
		if b := m.AscentBudget; b != nil {
			p.rules = append(p.rules, rule{look: thin(m.look), at: *b, label: "budget " + num(*b)})
			values = append(values, *b)
		}
	}
	lo, hi, ok := logRange(values)
	if !ok || len(said) == 0 {
		return f, false
	}
	p.y = axis{log: true, min: lo, max: hi}
	title := "Actual ascent against rho"
	p.alt = title + ". Line chart, logarithmic both ways. At the largest radius, in nats: " + strings.Join(said, ", ") + "."
	return figure{title, p.svg(), "Nats, mean over training and seeds. A cross marks a radius at which at least one run broke; the mean is then of the other runs, if there are any."}, true
}

// overall is the mean of means, NaN for none.
func overall(means []mean) float64 {
	if len(means) == 0 {
		return math.NaN()
	}
	var sum float64
	for _, m := range means {
		sum += m.value
	}
	return sum / float64(len(means))
}

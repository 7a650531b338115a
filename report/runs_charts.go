package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/monge-ml/monge/train"
)

// runLook is that of the group of runs number i. Colours come again after eight, with
// other dashes.
func runLook(i int) look {
	inks := []ink{2, 1, 3, 4, 7, 5, 6, 0}
	dashes := [][]vg.Length{nil, dash(6, 3), dash(2, 2.5), dash(10, 3), dash(7, 2, 2, 2)}
	shapes := []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, diamond{}}
	return look{inkMethod + inks[i%len(inks)], 1.8, dashes[i%len(dashes)], shapes[i%len(shapes)], 3.2}
}

// curve is a chart over steps.
type curve struct {
	title  string
	value  func(train.Record) float64
	second func(train.Record) float64 // drawn thin beside it, or nil
	axis   func([]float64) axis
	note   string

	climbs    bool // is about the perturbation
	schedule  bool // may go down to nothing: the scale follows where it was highest
	marksBest bool // of a single run
}

var curvesOfRuns = []curve{
	{title: "Validation accuracy", value: valAccuracy, second: trainAccuracy, axis: shareAxis, marksBest: true,
		note: "Of the weights as they were at the step. Thin dots: training accuracy, of the minibatches since the evaluation before, as augmented."},
	{title: "Training loss", value: trainLoss, axis: lossAxis, note: "Mean cross-entropy, in nats, of the minibatches since the evaluation before, at theta."},
	{title: "Validation loss", value: valLoss, axis: lossAxis, note: "Mean cross-entropy in nats."},
	{title: "|g|", value: gradNorm, axis: lossAxis, note: "Norm of the gradient at theta, mean over the steps since the evaluation before."},
	{title: "|delta|", value: deltaNorm, axis: lossAxis, climbs: true, note: "Length of the perturbation, likewise."},
	{title: "Ascent, predicted and actual", value: ascent, second: predicted, axis: ascentAxis, climbs: true,
		note: "The sharpness gap, in nats: the loss at theta + delta minus the loss at theta. Thin dots: g·delta, what the gradient predicts."},
	{title: "Learning rate", value: learningRate, axis: lossAxis, schedule: true, note: "Of the last step before an evaluation."},
	{title: "rho", value: radius, axis: lossAxis, climbs: true, schedule: true, note: "Radius of the perturbation, likewise."},
}

func valLoss(e train.Record) float64      { return float64(e.ValLoss) }
func learningRate(e train.Record) float64 { return e.LR }
func radius(e train.Record) float64       { return float64(e.Rho) }

// ascentAxis is logarithmic only if nothing fell.
func ascentAxis(values []float64) axis {
	v := sorted(values)
	if v[0] > 0 {
		return lossAxis(v)
	}
	lo, hi := v[0], max(v[len(v)-1], 0)
	if lo == hi {
		hi = 1
	}
	return axis{min: lo - .03*(hi-lo), max: hi + .06*(hi-lo)}
}

// figures are the curves that the runs have something to say about.
func (v *runsView) figures() (figures []figure) {
	for _, c := range curvesOfRuns {
		if f, ok := v.figure(c); ok {
			figures = append(figures, f)
		}
	}
	return figures
}

func (v *runsView) figure(c curve) (f figure, ok bool) {
	p := picture{x: v.stepAxis()}
	var values []float64
	var said []string
	bundled := false
	for _, g := range v.groups {
		for _, l := range g.lines(c) {
			n := len(l.points)
			if l.marks == markLast {
				said = append(said, fmt.Sprintf("%s %s", g.name, num(l.points[n-1].y)))
			}
			values = append(values, c.heights(l.points)...)
			bundled = bundled || n > v.most()
			l.points = bundle(l.points, v.most())
			p.series = append(p.series, l)
		}
	}
	if len(values) == 0 {
		return f, false
	}
	p.y = c.axis(values)
	if b := v.runs[0].Best(); c.marksBest && len(v.runs) == 1 && b != nil {
		p.rules = append(p.rules, rule{look: faint, at: float64(b.Step), upright: true, label: "best"})
	}
	p.alt = fmt.Sprintf("%s. Line chart by step. At the end: %s.", c.title, strings.Join(said, ", "))
	f = newFigure(c.title, &p, c.note)
	if bundled {
		f.Note += fmt.Sprintf(" Each point is the mean of several evaluations: %d a line.", v.most())
	}
	return f, true
}

// lines are the group's curve, below it the one to hold against it, if there are values.
func (g *group) lines(c curve) (lines []series) {
	if c.climbs && !g.perturbs() {
		return nil
	}
	main := series{look: g.look, line: true, marks: markLast, points: g.spots(c.value)}
	if len(main.points) == 0 {
		return nil
	}
	main.points[len(main.points)-1].broken = g.diverged()
	if c.second != nil {
		second := series{look: thin(g.look), line: true, marks: markNone, points: g.spots(c.second)}
		if len(second.points) > 0 {
			lines = append(lines, second)
		}
	}
	return append(lines, main)
}

// heights are the values that an axis has to show.
func (c *curve) heights(points []spot) (values []float64) {
	for _, t := range points {
		values = append(values, t.y)
	}
	if c.schedule {
		return []float64{slices.Max(values)}
	}
	return values
}

// spots are the group's means over its runs at the steps they recorded. Values too large or
// too small to draw are left out or 0.
func (g *group) spots(value func(train.Record) float64) (spots []spot) {
	var runs [][]train.Record
	for _, r := range g.runs {
		runs = append(runs, r.Records)
	}
	drawable := func(r train.Record) float64 {
		switch x := value(r); {
		case math.Abs(x) > 1e100:
			return math.NaN()
		case math.Abs(x) < 1e-100:
			return 0
		default:
			return x
		}
	}
	for _, m := range meansAt(runs, func(r train.Record) int { return r.Step }, drawable) {
		spots = append(spots, spot{x: float64(m.at), y: m.value, se: m.se})
	}
	return spots
}

// most is how many points a line may have, so that the page travels well.
func (v *runsView) most() int { return max(40, 1200/len(v.groups)) }

// bundle makes means of neighbouring points where there are more than most.
func bundle(points []spot, most int) []spot {
	n := len(points)
	if n <= most {
		return points
	}
	few := make([]spot, most)
	for i := range few {
		part := points[i*n/most : (i+1)*n/most]
		for _, t := range part {
			few[i].x += t.x / float64(len(part))
			few[i].y += t.y / float64(len(part))
			few[i].se += t.se / float64(len(part))
		}
	}
	few[most-1].broken = points[n-1].broken
	return few
}

func (v *runsView) stepAxis() axis {
	a := axis{label: "step", max: 1}
	for _, r := range v.runs {
		for _, e := range r.Records {
			a.min, a.max = min(a.min, float64(e.Step)), max(a.max, float64(e.Step))
		}
	}
	a.max += .02 * (a.max - a.min)
	return a
}

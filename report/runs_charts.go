package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// curve is a chart over steps.
type curve struct {
	title  string
	value  func(train.Record) float64
	second func(train.Record) float64 // drawn thin beside it, or nil
	axis   func([]float64) chart.Axis
	note   string

	climbs    bool // is about the perturbation
	schedule  bool // may go down to nothing: the scale follows where it was highest
	marksBest bool // of a single run
	told      bool // says something only where it changes
}

// curves are those of what the runs measure, and of their steps.
func (v *runsView) curves() (list []curve) {
	for i, m := range v.measured() {
		in := scale{Measure: m}
		c := curve{title: "Validation " + in.name(), value: valOf(m.Name), axis: in.axis, told: m.Better == ""}
		switch {
		case m.Name == "loss" && v.of().loss != "":
			c.note = fmt.Sprintf("Mean %s in %s.", v.of().loss, v.of().unit)
		case i == 0:
			c.marksBest, c.note = true, "Of the weights as they were at the step."
		case m.Better == "":
			c.note = "Of the weights as they were at the step; more is neither better nor worse."
		default:
			c.note = fmt.Sprintf("Of the weights as they were at the step; %s is better.", m.Better)
		}
		if in.accurate() && v.counted() {
			c.second = trainAccuracy
			c.note += " Thin dots: training accuracy, of the minibatches since the evaluation before, as augmented."
		}
		list = append(list, c)
		if i == 0 {
			list = append(list, v.trainCurve())
		}
	}
	if list == nil {
		list = append(list, v.trainCurve())
	}
	return append(list, []curve{
		{title: "|g|", value: gradNorm, axis: chart.AmountAxis, note: "Norm of the gradient at theta, mean over the steps since the evaluation before."},
		{title: "|delta|", value: deltaNorm, axis: chart.AmountAxis, climbs: true, note: "Length of the perturbation, likewise."},
		{title: "Ascent, predicted and actual", value: ascent, second: predicted, axis: chart.SignedAxis, climbs: true,
			note: "The sharpness gap" + v.of().in() + ": the loss at theta + delta minus the loss at theta. Thin dots: g·delta, what the gradient predicts."},
		{title: "Learning rate", value: learningRate, axis: chart.AmountAxis, schedule: true, note: "Of the last step before an evaluation."},
		{title: "rho", value: radius, axis: chart.AmountAxis, climbs: true, schedule: true, note: "Radius of the perturbation, likewise."},
	}...)
}

// counted reports whether some run has counted how many training examples were right.
func (v *runsView) counted() bool {
	return slices.ContainsFunc(v.runs, func(r *train.SavedRun) bool {
		return slices.ContainsFunc(r.Records, func(e train.Record) bool { return finite(float64(e.TrainAccuracy)) })
	})
}

func (v *runsView) trainCurve() curve {
	of := v.of()
	note := "Mean " + cmp.Or(of.loss, "loss")
	if of.unit != "" {
		note += of.in() + ","
	}
	return curve{title: "Training loss", value: trainLoss, axis: chart.AmountAxis, note: note + " of the minibatches since the evaluation before, at theta."}
}

func learningRate(e train.Record) float64 { return e.LR }
func radius(e train.Record) float64       { return float64(e.Rho) }

// figures are the curves that the runs have something to say about.
func (v *runsView) figures() (figures []figure) {
	for _, c := range v.curves() {
		if f, ok := v.figure(c); ok {
			figures = append(figures, f)
		}
	}
	return figures
}

func (v *runsView) figure(c curve) (f figure, ok bool) {
	p := chart.Picture{X: v.stepAxis()}
	var values []float64
	var said []string
	bundled := false
	for _, g := range v.groups {
		for _, l := range g.lines(c) {
			n := len(l.Points)
			if l.Marks == chart.MarkLast {
				said = append(said, fmt.Sprintf("%s %s", g.name, num(l.Points[n-1].Y)))
			}
			values = append(values, c.heights(l.Points)...)
			bundled = bundled || n > v.most()
			l.Points = bundle(l.Points, v.most())
			p.Series = append(p.Series, l)
		}
	}
	if len(values) == 0 || c.told && slices.Max(values) == slices.Min(values) {
		return f, false
	}
	p.Y = c.axis(values)
	if b := v.runs[0].Best(); c.marksBest && len(v.runs) == 1 && b != nil {
		p.Rules = append(p.Rules, chart.Rule{Look: faint, At: float64(b.Step), Upright: true, Label: "best"})
	}
	p.Alt = fmt.Sprintf("%s. Line chart by step. At the end: %s.", c.title, strings.Join(said, ", "))
	f = newFigure(c.title, &p, c.note)
	if bundled {
		f.Note += fmt.Sprintf(" Each point is the mean of several evaluations: %d a line.", v.most())
	}
	return f, true
}

// lines are the group's curve, below it the one to hold against it, if there are values.
func (g *group) lines(c curve) (lines []chart.Series) {
	if c.climbs && !g.perturbs() {
		return nil
	}
	main := chart.Series{Look: g.look, Line: true, Marks: chart.MarkLast, Points: g.spots(c.value)}
	if len(main.Points) == 0 {
		return nil
	}
	main.Points[len(main.Points)-1].Broken = g.diverged()
	if c.second != nil {
		second := chart.Series{Look: g.look.Thin(), Line: true, Marks: chart.MarkNone, Points: g.spots(c.second)}
		if len(second.Points) > 0 {
			lines = append(lines, second)
		}
	}
	return append(lines, main)
}

// heights are the values that an axis has to show.
func (c *curve) heights(points []chart.Spot) (values []float64) {
	for _, t := range points {
		values = append(values, t.Y)
	}
	if c.schedule {
		return []float64{slices.Max(values)}
	}
	return values
}

// spots are the group's means over its runs at the steps they recorded. Values too large or
// too small to draw are left out or 0.
func (g *group) spots(value func(train.Record) float64) (spots []chart.Spot) {
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
	for _, m := range analysis.MeansAt(runs, func(r train.Record) int { return r.Step }, drawable) {
		spots = append(spots, chart.Spot{X: float64(m.At), Y: m.Value, SE: m.Stderr})
	}
	return spots
}

// most is how many points a line may have, so that the page travels well.
func (v *runsView) most() int { return max(40, 1200/len(v.groups)) }

// bundle makes means of neighbouring points where there are more than most.
func bundle(points []chart.Spot, most int) []chart.Spot {
	n := len(points)
	if n <= most {
		return points
	}
	few := make([]chart.Spot, most)
	for i := range few {
		part := points[i*n/most : (i+1)*n/most]
		for _, t := range part {
			few[i].X += t.X / float64(len(part))
			few[i].Y += t.Y / float64(len(part))
			few[i].SE += t.SE / float64(len(part))
		}
	}
	few[most-1].Broken = points[n-1].Broken
	return few
}

func (v *runsView) stepAxis() chart.Axis {
	a := chart.Axis{Label: "step", Max: 1}
	for _, r := range v.runs {
		for _, e := range r.Records {
			a.Min, a.Max = min(a.Min, float64(e.Step)), max(a.Max, float64(e.Step))
		}
	}
	a.Max += .02 * (a.Max - a.Min)
	return a
}

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

// field is one method's part of the map of where methods diverge: learning rates upwards,
// and radii, or budgets, to the right.
type field struct {
	name, setting string
	method        *analysis.Method // as far as it has a look
	look          chart.Look
	xs, lrs       []float64
	cells         map[[2]float64]analysis.AlignmentCell // by rate and radius
}

// draw makes tiles of the field.
func (f *field) draw() chart.Field {
	to := chart.Field{Name: f.name, Look: f.look, Corner: "lr"}
	for i, x := range f.xs {
		label := num(x)
		if i == 0 {
			label = f.setting + " " + label
		}
		to.Columns = append(to.Columns, label)
	}
	for _, lr := range slices.Backward(f.lrs) {
		row := make([]*chart.Tile, len(f.xs))
		for i, x := range f.xs {
			if a, known := f.cells[[2]float64{lr, x}]; known {
				row[i] = tileOf(&a)
			}
		}
		to.Rows, to.Tiles = append(to.Rows, num(lr)), append(to.Tiles, row)
	}
	return to
}

// tileOf is filled if all runs of a cell held, and crossed out if all diverged.
func tileOf(a *analysis.AlignmentCell) *chart.Tile {
	switch {
	case a.Diverged == 0:
		return &chart.Tile{Text: fmt.Sprintf("%.3f", float64(a.SKNN)), Filled: true}
	case a.Diverged < a.Runs:
		return &chart.Tile{Text: fmt.Sprintf("%d/%d lost", a.Diverged, a.Runs)}
	}
	return &chart.Tile{Crossed: true}
}

// divergenceMap is the map of the methods that perturb.
func (v *alignmentView) divergenceMap() figure {
	var fields []field
	for _, a := range v.cells {
		if !a.Perturbs() {
			continue
		}
		name := alignmentName(&a)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if i < 0 {
			f := field{name: name, setting: "rho", method: lookedUp(&a), cells: map[[2]float64]analysis.AlignmentCell{}}
			if a.AscentBudget != nil {
				f.setting = "b"
			}
			i, fields = len(fields), append(fields, f)
		}
		f := &fields[i]
		x := a.X()
		f.xs, f.lrs = ascending(f.xs, x), ascending(f.lrs, a.LR)
		f.cells[[2]float64{a.LR, x}] = a
	}
	if len(fields) == 0 {
		return figure{}
	}
	shareColumns(fields)
	addLooks(fields)
	d := &chart.Tiles{}
	var said []string
	for _, f := range fields {
		all := 0
		for _, a := range f.cells {
			if a.Lost() {
				all++
			}
		}
		said = append(said, fmt.Sprintf("%s diverges in %d of %d", f.name, all, len(f.cells)))
		d.Fields = append(d.Fields, f.draw())
	}
	d.Alt = "Map of learning rates and radii: " + strings.Join(said, "; ") + "."
	return newFigure("Where each diverges", d, "Coloured: all seeds held, with the mean S_kNN of the test pairs. A cross: all seeds ended with a training loss no better than that of embeddings that are all alike.")
}

// lookedUp is a cell's method as far as its look needs it.
func lookedUp(a *analysis.AlignmentCell) *analysis.Method {
	return &analysis.Method{Summary: study.Summary{Method: a.Method, AscentBudget: a.AscentBudget}}
}

func addLooks(fields []field) {
	var methods []*analysis.Method
	for _, f := range fields {
		methods = append(methods, f.method)
	}
	for i, l := range looksOf(methods) {
		fields[i].look = l
	}
}

// shareColumns gives fields of radii the same columns, so that a radius stands below itself.
func shareColumns(fields []field) {
	all := map[string][]float64{}
	for _, f := range fields {
		for _, x := range f.xs {
			all[f.setting] = ascending(all[f.setting], x)
		}
	}
	for i := range fields {
		fields[i].xs = all[fields[i].setting]
	}
}

// ascending adds a number to a list in order, once.
func ascending(list []float64, x float64) []float64 {
	i, found := slices.BinarySearch(list, x)
	if found {
		return list
	}
	return slices.Insert(list, i, x)
}

// fewCells is how many the curves can show beside each other.
const fewCells = 8

// chosen are the cells whose curves are drawn: all of a few, or of each method the one with
// the best S_kNN, and of those with a radius the one at the place that tells them apart.
func (v *alignmentView) chosen() (list []*analysis.AlignmentCell) {
	if len(v.cells) <= fewCells {
		for i := range v.cells {
			if v.cells[i].LR > 0 {
				list = append(list, &v.cells[i])
			}
		}
		return list
	}
	for i := range v.cells {
		a := &v.cells[i]
		if a.LR > 0 && v.best(alignmentName(a)) == a {
			list = append(list, a)
		}
	}
	if sam, other := v.divide(); sam != nil {
		for _, a := range []*analysis.AlignmentCell{sam, other} {
			if !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	return list
}

// best is the cell of a method with the highest S_kNN of those that are not lost, or nil.
func (v *alignmentView) best(name string) (best *analysis.AlignmentCell) {
	for i := range v.cells {
		a := &v.cells[i]
		if alignmentName(a) == name && !a.Lost() && finite(float64(a.SKNN)) && (best == nil || a.SKNN > best.SKNN) {
			best = a
		}
	}
	return best
}

// divide returns SAM and M-SAM at the highest rate and the smallest radius where SAM
// diverges more often, or nils.
func (v *alignmentView) divide() (sam, other *analysis.AlignmentCell) {
	for i := range v.cells {
		a := &v.cells[i]
		if a.Method != "sam" || a.Diverged == 0 {
			continue
		}
		for k := range v.cells {
			b := &v.cells[k]
			if b.Method != "m-sam" || b.AscentBudget != nil || b.LR != a.LR || b.Rho != a.Rho || b.Diverged >= a.Diverged {
				continue
			}
			if sam == nil || a.LR > sam.LR {
				sam, other = a, b
			}
		}
	}
	return sam, other
}

// rowsOf are the runs of a cell.
func (v *alignmentView) rowsOf(a *analysis.AlignmentCell) (records [][]train.Record) {
	for _, r := range a.Rows() {
		records = append(records, r.Records)
	}
	return records
}

// coursesOfAlignment are the curves of the page.
var coursesOfAlignment = []curve{
	{title: "S_kNN", value: valOf("s_knn"), axis: chart.AmountAxis, note: "Of the validation pairs."},
	{title: "Training loss", value: trainLoss, axis: chart.AmountAxis, note: "Contrastive loss in nats, mean over the steps since the evaluation before; the line is that of embeddings that are all alike."},
	{title: "Validation loss", value: valOf("loss"), axis: chart.AmountAxis, note: "Of pairs whose captions were not seen, in minibatches of the same size."},
	{title: "|g|", value: gradNorm, axis: chart.AmountAxis, note: "Norm of the gradient at theta, mean over the steps since the evaluation before."},
	{title: "|delta|", value: deltaNorm, axis: chart.AmountAxis, climbs: true, note: "Length of the perturbation, likewise."},
	{title: "Ascent, predicted", value: predicted, axis: chart.SignedAxis, climbs: true, note: "g·delta, what the gradient predicts of the rise of the loss, in nats."},
	{title: "Ascent, actual", value: ascent, axis: chart.SignedAxis, climbs: true, note: "The loss at theta + delta minus the loss at theta."},
}

// courses are the curves of the chosen cells over steps, means over their seeds.
func (v *alignmentView) courses() (keys []key, figures []figure) {
	chosen := v.chosen()
	var names []*method
	for i, a := range chosen {
		names = append(names, &method{name: alignmentName(a) + ", " + place(a), look: chart.LookAt(i)})
		keys = append(keys, names[i].key())
	}
	for _, c := range coursesOfAlignment {
		p := chart.Picture{X: chart.Axis{Label: "step"}}
		var values []float64
		var shown []*method
		for i, a := range chosen {
			if c.climbs && !a.Perturbs() {
				continue
			}
			s := chart.Series{Look: names[i].look, Line: true, Marks: chart.MarkLast}
			for _, m := range analysis.MeansAt(v.rowsOf(a), func(r train.Record) int { return r.Step }, c.value) {
				s.Points = append(s.Points, chart.Spot{X: float64(m.At), Y: m.Value, SE: m.Stderr})
				values = append(values, m.Value)
				p.X.Max = max(p.X.Max, float64(m.At))
			}
			if n := len(s.Points); n > 0 {
				s.Points[n-1].Broken = a.Diverged > 0
				p.Series, shown = append(p.Series, s), append(shown, names[i])
			}
		}
		if len(values) == 0 {
			continue
		}
		p.X.Max *= 1.02
		p.Y = c.axis(values)
		if strings.HasSuffix(c.title, "loss") {
			p.Rules = append(p.Rules, chart.Rule{Look: faint, At: math.Log(float64(v.batch)), Label: "ln " + fmt.Sprint(v.batch)})
		}
		p.Alt = c.title + ". Line chart by step."
		figures = append(figures, newFigure(c.title, &p, c.note, shown...))
	}
	return keys, figures
}

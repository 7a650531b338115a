package report

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// A divergence is a map of where methods diverge: a field for each, with the learning rates
// upwards and the radii, or budgets, to the right.
type divergence struct {
	fields []field
	alt    string
}

// field is one method's part of the map.
type field struct {
	name, setting string
	look          look
	xs, lrs       []float64
	cells         map[[2]float64]study.AlignmentCell // by rate and radius
}

// Sizes of the map.
const (
	mapLeft    = 62 // for the rates
	mapCell    = 62
	mapRow     = 25
	mapHead    = 44 // for a field's name and radii
	mapBetween = 10
)

func (d *divergence) size() (width, height vg.Length) {
	for _, f := range d.fields {
		width = max(width, vg.Length(mapLeft+mapCell*len(f.xs)))
		height += vg.Length(mapHead + mapRow*len(f.lrs) + mapBetween)
	}
	return max(width, pictureWidth), height
}

func (d *divergence) said() string { return d.alt }

func (d *divergence) draw(dc draw.Canvas) {
	y := dc.Max.Y
	for _, f := range d.fields {
		f.draw(dc, y)
		y -= vg.Length(mapHead + mapRow*len(f.lrs) + mapBetween)
	}
}

func (f *field) draw(dc draw.Canvas, top vg.Length) {
	at := func(i, k int) vg.Point {
		return vg.Point{X: dc.Min.X + mapLeft + vg.Length(i)*mapCell, Y: top - mapHead - vg.Length(k)*mapRow}
	}
	dc.FillText(words(inkText, fontSize, draw.XLeft, draw.YTop), vg.Point{X: dc.Min.X, Y: top - 2}, f.name)
	dc.FillText(words(inkMuted, fontSize-1, draw.XLeft, draw.YTop), vg.Point{X: dc.Min.X, Y: top - 2 - fontSize - 5}, "lr")
	for i, x := range f.xs {
		label := num(x)
		if i == 0 {
			label = f.setting + " " + label
		}
		dc.FillText(words(inkMuted, fontSize-1, draw.XCenter, draw.YTop), at(i, 0).Add(vg.Point{X: mapCell / 2, Y: mapHead - 2 - fontSize - 5}), label)
	}
	for k := range f.lrs {
		lr := f.lrs[len(f.lrs)-1-k]
		dc.FillText(words(inkMuted, fontSize-1, draw.XRight, draw.YCenter), at(0, k).Add(vg.Point{X: -8, Y: -mapRow / 2}), num(lr))
		for i, x := range f.xs {
			if a, known := f.cells[[2]float64{lr, x}]; known {
				f.drawCell(dc, at(i, k), &a)
			}
		}
	}
}

// drawCell fills a cell whose runs all held, and crosses out one whose runs all diverged.
func (f *field) drawCell(dc draw.Canvas, p vg.Point, a *study.AlignmentCell) {
	box := vg.Rectangle{Min: vg.Point{X: p.X + 1.5, Y: p.Y - mapRow + 1.5}, Max: vg.Point{X: p.X + mapCell - 1.5, Y: p.Y - 1.5}}
	middle := vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y + box.Max.Y) / 2}
	text, how := fmt.Sprintf("%.3f", float64(a.SKNN)), inkText
	switch {
	case a.Diverged == 0:
		dc.SetColor(f.look.ink + inkBand)
		dc.Fill(box.Path())
	case a.Diverged < a.Runs:
		text, how = fmt.Sprintf("%d/%d lost", a.Diverged, a.Runs), inkMuted
	default:
		text = ""
		line := draw.LineStyle{Color: inkMuted, Width: 1.6}
		dc.StrokeLine2(line, middle.X-6, middle.Y-6, middle.X+6, middle.Y+6)
		dc.StrokeLine2(line, middle.X-6, middle.Y+6, middle.X+6, middle.Y-6)
	}
	outline := box.Path()
	dc.SetLineStyle(draw.LineStyle{Color: inkGrid, Width: 1})
	dc.Stroke(outline)
	dc.FillText(words(how, fontSize-1, draw.XCenter, draw.YCenter), middle, text)
}

// divergenceMap is the map of the methods that perturb.
func (v *alignmentView) divergenceMap() figure {
	d := &divergence{}
	for _, a := range v.cells {
		if a.Method == "none" {
			continue
		}
		name := alignmentName(&a)
		i := slices.IndexFunc(d.fields, func(f field) bool { return f.name == name })
		if i < 0 {
			f := field{name: name, setting: "rho", look: looks[a.Method], cells: map[[2]float64]study.AlignmentCell{}}
			if a.AscentBudget != nil {
				f.setting, f.look = "b", budgetLooks[0]
			}
			i, d.fields = len(d.fields), append(d.fields, f)
		}
		f := &d.fields[i]
		x := radiusOf(&a)
		f.xs, f.lrs = ascending(f.xs, x), ascending(f.lrs, a.LR)
		f.cells[[2]float64{a.LR, x}] = a
	}
	shareColumns(d.fields)
	var said []string
	for _, f := range d.fields {
		all := 0
		for _, a := range f.cells {
			if isLost(&a) {
				all++
			}
		}
		said = append(said, fmt.Sprintf("%s diverges in %d of %d", f.name, all, len(f.cells)))
	}
	d.alt = "Map of learning rates and radii: " + strings.Join(said, "; ") + "."
	return newFigure("Where each diverges", d, "Coloured: all seeds held, with the mean S_kNN of the test pairs. A cross: all seeds ended with a training loss no better than that of embeddings that are all alike.")
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

func radiusOf(a *study.AlignmentCell) float64 {
	if a.AscentBudget != nil {
		return *a.AscentBudget
	}
	return float64(a.Rho)
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
func (v *alignmentView) chosen() (list []*study.AlignmentCell) {
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
		for _, a := range []*study.AlignmentCell{sam, other} {
			if !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
	}
	return list
}

// isLost reports whether most of a cell's runs diverged.
func isLost(a *study.AlignmentCell) bool { return 2*a.Diverged > a.Runs }

// best is the cell of a method with the highest S_kNN of those that are not lost, or nil.
func (v *alignmentView) best(name string) (best *study.AlignmentCell) {
	for i := range v.cells {
		a := &v.cells[i]
		if alignmentName(a) == name && !isLost(a) && finite(float64(a.SKNN)) && (best == nil || a.SKNN > best.SKNN) {
			best = a
		}
	}
	return best
}

// divide returns SAM and M-SAM at the highest rate and the smallest radius where SAM
// diverges more often, or nils.
func (v *alignmentView) divide() (sam, other *study.AlignmentCell) {
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
func (v *alignmentView) rowsOf(a *study.AlignmentCell) (records [][]train.Record) {
	byRun := rowsByRun(v.Comparison)
	for _, c := range v.Study.Cells {
		s := &c.Config
		sameBudget := (s.AscentBudget == nil) == (a.AscentBudget == nil) && (a.AscentBudget == nil || *s.AscentBudget == *a.AscentBudget)
		if s.Method == a.Method && s.Base == a.Base && s.LR == a.LR && s.Rho == a.Rho && sameBudget {
			if r := byRun[filepath.ToSlash(c.Dir(""))]; r != nil {
				records = append(records, r.Records)
			}
		}
	}
	return records
}

func sknn(e train.Record) float64 {
	if e.Alignment == nil {
		return math.NaN()
	}
	return e.Alignment.SKNN
}

// coursesOfAlignment are the curves of the page.
var coursesOfAlignment = []curve{
	{title: "S_kNN", value: sknn, axis: lossAxis, note: "Of the validation pairs."},
	{title: "Training loss", value: trainLoss, axis: lossAxis, note: "Contrastive loss in nats, mean over the steps since the evaluation before; the line is that of embeddings that are all alike."},
	{title: "Validation loss", value: valLoss, axis: lossAxis, note: "Of pairs whose captions were not seen, in minibatches of the same size."},
	{title: "|g|", value: gradNorm, axis: lossAxis, note: "Norm of the gradient at theta, mean over the steps since the evaluation before."},
	{title: "|delta|", value: deltaNorm, axis: lossAxis, climbs: true, note: "Length of the perturbation, likewise."},
	{title: "Ascent, predicted", value: predicted, axis: ascentAxis, climbs: true, note: "g·delta, what the gradient predicts of the rise of the loss, in nats."},
	{title: "Ascent, actual", value: ascent, axis: ascentAxis, climbs: true, note: "The loss at theta + delta minus the loss at theta."},
}

// courses are the curves of the chosen cells over steps, means over their seeds.
func (v *alignmentView) courses() (keys []key, figures []figure) {
	chosen := v.chosen()
	var names []*method
	for i, a := range chosen {
		names = append(names, &method{name: alignmentName(a) + ", " + place(a), look: runLook(i)})
		keys = append(keys, names[i].key())
	}
	for _, c := range coursesOfAlignment {
		p := picture{x: axis{label: "step"}}
		var values []float64
		var shown []*method
		for i, a := range chosen {
			if c.climbs && a.Method == "none" {
				continue
			}
			s := series{look: names[i].look, line: true, marks: markLast}
			for _, m := range meansAt(v.rowsOf(a), func(r train.Record) int { return r.Step }, c.value) {
				s.points = append(s.points, spot{x: float64(m.at), y: m.value, se: m.se})
				values = append(values, m.value)
				p.x.max = max(p.x.max, float64(m.at))
			}
			if n := len(s.points); n > 0 {
				s.points[n-1].broken = a.Diverged > 0
				p.series, shown = append(p.series, s), append(shown, names[i])
			}
		}
		if len(values) == 0 {
			continue
		}
		p.x.max *= 1.02
		p.y = c.axis(values)
		if strings.HasSuffix(c.title, "loss") {
			p.rules = append(p.rules, rule{look: faint, at: math.Log(float64(v.batch)), label: "ln " + fmt.Sprint(v.batch)})
		}
		p.alt = c.title + ". Line chart by step."
		figures = append(figures, newFigure(c.title, &p, c.note, shown...))
	}
	return keys, figures
}

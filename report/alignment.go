package report

import (
	"fmt"
	"io"
	"math"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// alignmentPage is what alignment.html shows, of a study on pairs of images and captions.
type alignmentPage struct {
	Title    string
	Lede     string
	Words    Words
	Map      figure
	Table    []alignmentRow
	Paper    []alignmentRow // nil if the study asks for none
	Counted  string         // how runs count that met a NaN
	Others   []setting
	Chosen   []key
	Courses  []figure
	Command  string
	Settings []setting
	Plan     string
	Runs     []alignmentRun
}

// alignmentRow is a line of the paper's table 3.
type alignmentRow struct {
	Method, LR, Radius, SKNN, Train, Final, Best, Diverged string
	Lost, Top                                              bool
}

// alignmentRun is a run of the study.
type alignmentRun struct {
	Name, Link, State, Why, SKNN, Final, BestStep string
	Broken                                        bool
}

// alignmentView is a study on pairs, with what the page says of it.
type alignmentView struct {
	*view
	cells []analysis.AlignmentCell
	batch int
}

func newAlignmentView(c *study.Comparison) *alignmentView {
	return &alignmentView{newView(c), analysis.Alignment(c), c.Study.Base.Batch}
}

// alignmentName is a cell's method for people.
func alignmentName(a *analysis.AlignmentCell) string {
	switch {
	case a.LR == 0:
		return "none" // as it was before
	case !a.Perturbs():
		return analysis.BaseLabel(a.Base)
	case a.AscentBudget != nil:
		return analysis.MethodLabel(a.Method) + ", ascent budget"
	}
	return analysis.MethodLabel(a.Method)
}

// place names a cell's rate and radius.
func place(a *analysis.AlignmentCell) string {
	s := "lr " + num(a.LR)
	switch {
	case a.AscentBudget != nil:
		s += ", budget " + num(*a.AscentBudget)
	case a.Perturbs():
		s += ", rho " + num(float64(a.Rho))
	}
	return s
}

func (v *alignmentView) page(o origin) (string, any, []figure, error) {
	p := &alignmentPage{
		Title: v.Study.Name + ": pairs of " + v.Data.Name, Words: v.words(), Map: v.divergenceMap(), Table: v.table(),
		Command: o.command, Settings: v.settings(), Counted: v.sayCounted(), Others: v.others(),
	}
	if v.Study.Beside == study.Table3 {
		p.Paper = paperTable()
	}
	p.Lede = strings.TrimSpace(fmt.Sprintf("%s %s on %d pairs of an image and a caption, tested on %d whose captions were not seen: %s, %s.", v.Study.About,
		plural(len(v.Rows), "run"), v.Data.Train, v.Data.Test, plural(v.Plan.Seeds, "seed"), v.duration()))
	p.Chosen, p.Courses = v.courses()
	text, err := v.Study.TOML()
	if err != nil {
		return "", nil, nil, err
	}
	p.Plan = string(text)
	if o.dir != "" {
		links, err := o.links()
		if err != nil {
			return "", nil, nil, err
		}
		p.Runs = v.runs(links)
	}
	figures := p.Courses
	if p.Map.Picture != "" {
		figures = append([]figure{p.Map}, figures...)
	}
	return "alignment.html", p, figures, nil
}

func (v *alignmentView) writePoints(w io.Writer) error { return analysis.WriteAlignment(w, v.cells) }

// table lists the cells; the best S_kNN of each method stands out.
func (v *alignmentView) table() (rows []alignmentRow) {
	for i := range v.cells {
		a := &v.cells[i]
		r := alignmentRow{Method: alignmentName(a), LR: num(a.LR), Radius: "–", SKNN: score(a.SKNN, a.SKNNStderr), Train: loss(a.TrainLoss), Final: loss(a.FinalLoss), Best: loss(a.BestLoss)}
		switch {
		case a.AscentBudget != nil:
			r.Radius = num(*a.AscentBudget)
		case a.Perturbs():
			r.Radius = num(float64(a.Rho))
		}
		if a.LR == 0 {
			r.LR = "–"
		}
		if a.Diverged > 0 {
			r.Diverged = fmt.Sprintf("%d of %d", a.Diverged, a.Runs)
		}
		r.Lost, r.Top = a.Lost(), v.best(r.Method) == a
		rows = append(rows, r)
	}
	return rows
}

func score(mean, se train.Real) string {
	switch {
	case !finite(float64(mean)):
		return "–"
	case !finite(float64(se)):
		return fmt.Sprintf("%.3f", float64(mean))
	}
	return fmt.Sprintf("%.3f ± %.3f", float64(mean), float64(se))
}

func loss(x train.Real) string {
	if !finite(float64(x)) {
		return "–"
	}
	return fmt.Sprintf("%.3f", float64(x))
}

// runs lists the study's runs; links lead from the page's directory to theirs.
func (v *alignmentView) runs(links string) (list []alignmentRun) {
	byCell := analysis.ByCell(v.Comparison)
	for i, s := range v.States {
		where := filepath.ToSlash(v.Study.Cells[i].Dir(""))
		r := alignmentRun{Name: s.Cell, State: s.State, Why: s.Error, SKNN: "–", Final: "–", BestStep: "–", Broken: s.State == train.Failed || s.State == train.Diverged}
		if s.State != study.Planned {
			r.Link = (&url.URL{Path: links + where + "/"}).EscapedPath()
		}
		if row := byCell[v.Study.Cells[i].Name]; row != nil && row.Result != nil {
			if word := endOf(row); word != "" {
				r.State, r.Broken = word, true
			}
			if b := row.Result.Best; b != nil && b.Test != nil {
				r.SKNN, r.BestStep = score(b.Test.Get("s_knn"), train.Real(math.NaN())), fmt.Sprint(b.Step)
			}
			r.Final = loss(row.Result.Test.Get("loss"))
		}
		list = append(list, r)
	}
	return list
}

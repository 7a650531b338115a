package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"net/url"
	"path/filepath"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// alignmentPage is what alignment.html shows, of a study on pairs of images and captions.
type alignmentPage struct {
	Title    string
	Lede     string
	Words    Words
	Map      figure
	Table    []alignmentRow
	Paper    []alignmentRow
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
	cells []study.AlignmentCell
	batch int
}

func newAlignmentView(c *study.Comparison) *alignmentView {
	return &alignmentView{newView(c), c.Alignment(), c.Study.Base.Batch}
}

// alignmentName is a cell's method for people.
func alignmentName(a *study.AlignmentCell) string {
	switch {
	case a.LR == 0:
		return "none" // as it was before
	case a.Method == "none":
		return baseNames[a.Base]
	case a.AscentBudget != nil:
		return methodNames[a.Method] + ", ascent budget"
	}
	return methodNames[a.Method]
}

// place names a cell's rate and radius.
func place(a *study.AlignmentCell) string {
	s := "lr " + num(a.LR)
	switch {
	case a.AscentBudget != nil:
		s += ", budget " + num(*a.AscentBudget)
	case a.Method != "none":
		s += ", rho " + num(float64(a.Rho))
	}
	return s
}

func (v *alignmentView) page(dir, out, command string) (*alignmentPage, error) {
	text, err := v.Study.TOML()
	if err != nil {
		return nil, err
	}
	links, err := relative(out, dir)
	if err != nil {
		return nil, err
	}
	p := &alignmentPage{
		Title: v.Study.Name + ": pairs of " + v.Data.Name, Words: v.words(), Map: v.divergenceMap(), Table: v.table(), Paper: paperTable(),
		Command: command, Settings: v.settings(), Plan: string(text), Runs: v.runs(links),
	}
	p.Lede = fmt.Sprintf("%s %s on %d pairs of an image and a caption, tested on %d whose captions were not seen: %s, %s.", v.Study.About,
		plural(len(v.Rows), "run"), v.Data.Train, v.Data.Test, plural(v.Plan.Seeds, "seed"), v.duration())
	p.Chosen, p.Courses = v.courses()
	return p, nil
}

// table lists the cells; the best S_kNN of each method stands out.
func (v *alignmentView) table() (rows []alignmentRow) {
	for i := range v.cells {
		a := &v.cells[i]
		r := alignmentRow{Method: alignmentName(a), LR: num(a.LR), Radius: "–", SKNN: score(a.SKNN, a.SKNNStderr), Train: loss(a.TrainLoss), Final: loss(a.FinalLoss), Best: loss(a.BestLoss)}
		switch {
		case a.AscentBudget != nil:
			r.Radius = num(*a.AscentBudget)
		case a.Method != "none":
			r.Radius = num(float64(a.Rho))
		}
		if a.LR == 0 {
			r.LR = "–"
		}
		if a.Diverged > 0 {
			r.Diverged = fmt.Sprintf("%d of %d", a.Diverged, a.Runs)
		}
		r.Lost, r.Top = isLost(a), v.best(r.Method) == a
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
	byRun := rowsByRun(v.Comparison)
	for i, s := range v.States {
		where := filepath.ToSlash(v.Study.Cells[i].Dir(""))
		r := alignmentRun{Name: s.Cell, State: s.State, Why: s.Error, SKNN: "–", Final: "–", BestStep: "–", Broken: s.State == train.Failed || s.State == train.Diverged}
		if s.State != study.Planned {
			r.Link = (&url.URL{Path: links + where + "/"}).EscapedPath()
		}
		if row := byRun[where]; row != nil && row.Result != nil {
			switch {
			case row.Collapsed:
				r.State, r.Broken = "collapsed", true
			case row.Diverged:
				r.State, r.Broken = "lost", true
			}
			if b := row.Result.Best; b != nil && b.Alignment != nil {
				r.SKNN, r.BestStep = score(train.Real(b.Alignment.SKNN), train.Real(math.NaN())), fmt.Sprint(b.Step)
			}
			r.Final = loss(row.Result.TestLoss)
		}
		list = append(list, r)
	}
	return list
}

// writeAlignment writes a line for each line of the table.
func writeAlignment(w io.Writer, cells []study.AlignmentCell) error {
	out := csv.NewWriter(w)
	out.Write([]string{"method", "base", "lr", "rho", "ascent_budget", "runs", "diverged", "collapsed", "s_knn", "stderr", "best_step", "train_loss", "final_loss", "best_loss",
		"final_s_knn", "grad_norm", "delta_norm", "ascent"})
	for _, a := range cells {
		budget := math.NaN()
		if a.AscentBudget != nil {
			budget = *a.AscentBudget
		}
		line := []string{a.Method, a.Base, exact(a.LR), exact(float64(a.Rho)), exact(budget), fmt.Sprint(a.Runs), fmt.Sprint(a.Diverged), fmt.Sprint(a.Collapsed)}
		for _, x := range []train.Real{a.SKNN, a.SKNNStderr, a.BestStep, a.TrainLoss, a.FinalLoss, a.BestLoss, a.FinalSKNN, a.GradNorm, a.DeltaNorm, a.Ascent} {
			line = append(line, exact(float64(x)))
		}
		out.Write(line)
	}
	out.Flush()
	return out.Error()
}

package report

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/atomicfile"
	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// The files of a study's report.
const (
	StudyPage    = "report.html"
	StudyResults = "results.csv" // a line for each run
	StudyPoints  = "points.csv"  // and for each setting, of means over its seeds
	StudyFigures = "figures"     // a directory of SVG and PNG files
)

// pairRows are the rows of a table of differences.
func (v *view) pairRows(list []analysis.Contrast) (rows []pairRow) {
	for _, c := range list {
		r := pairRow{Method: c.Method, Against: c.Against, Difference: v.in.diff(float64(c.Difference)), Interval: "–", Seeds: fmt.Sprint(c.Seeds),
			P: chance(float64(c.P)), Corrected: chance(float64(c.Corrected))}
		if c.Seeds == 0 {
			r.Difference = "–"
		}
		if c.Seeds > 1 {
			r.Interval = v.in.diff(float64(c.Low)) + " to " + v.in.diff(float64(c.High))
		}
		if r.Verdict = v.in.verdict(c.Verdict); c.Counts() && !c.Stands() {
			r.Verdict += " by itself alone"
		}
		rows = append(rows, r)
	}
	return rows
}

// chance writes a p-value.
func chance(p float64) string {
	switch {
	case !finite(p):
		return "–"
	case p < 1e-4:
		return "< 0.0001"
	}
	return fmt.Sprintf("%.2g", p)
}

// caveats say what is not as a reader of a comparison expects.
func (v *view) caveats() (said []string) {
	if v.Data.Train == 0 {
		return nil
	}
	switch {
	case v.Study.Folds > 0:
		said = append(said, fmt.Sprintf("Cross-validation: each run validates on one of %d parts of the training examples, and trains on the others; test %s here is that on this part, "+
			"of the weights at the end. It also chose the radii, which flatters.", v.Study.Folds, v.in.name()))
	case v.Data.Val == 0 && v.Data.Test == 0:
		said = append(said, "There is neither a validation nor a test split: nothing here was measured on unseen examples.")
	case v.Data.Test == 0:
		said = append(said, fmt.Sprintf("There is no test split: test %s here is that of the validation split, which also chose the radii, and flatters.", v.in.name()))
	case v.Data.Val == 0:
		said = append(said, "There is no validation split: the test split chose the radii too, which flatters.")
	}
	return said
}

// cellRow is a run that has a directory.
type cellRow struct {
	Name, Link, State, Why        string
	Broken                        bool
	Test, Val, Loss, Ascent, Step string
}

// cellRows lists a study's runs; links lead from the page's directory to theirs.
func (v *view) cellRows(links string) (rows []cellRow) {
	byCell := analysis.ByCell(v.Comparison)
	for i, s := range v.States {
		run := filepath.ToSlash(v.Study.Cells[i].Dir(""))
		row := cellRow{Name: s.Cell, State: s.State, Why: s.Error, Broken: s.State == train.Failed || s.State == train.Diverged,
			Test: "–", Val: "–", Loss: "–", Ascent: "–", Step: "–"}
		if s.State != study.Planned {
			row.Link = (&url.URL{Path: links + run + "/"}).EscapedPath()
		}
		if r := byCell[s.Cell]; r != nil {
			if word := endOf(r); word != "" {
				row.State, row.Broken = word, true
			}
			row.Test, row.Val = v.in.value(r.Test), v.in.value(r.Val)
			if r.Result == nil {
				row.Test, row.Val = "–", "–"
			}
			if r.TrainLoss != nil {
				row.Loss = num(*r.TrainLoss)
			}
			if a := analysis.Overall(analysis.ByEpoch([]study.Row{*r}, ascent)); r.Method != study.Unperturbed && finite(a) {
				row.Ascent = num(a)
			}
			if r.StepS > 0 {
				row.Step = elapsed(r.StepS)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// endOf is how a run that finished has come to nothing, "" if it has not.
func endOf(r *study.Row) string {
	switch {
	case r.Result == nil || !r.Diverged:
		return ""
	case r.Collapsed:
		return "collapsed"
	}
	return "lost"
}

// StudyReportPage returns the page about a study, whose runs are in its directory. Links
// to them start from the directory out. The same runs give the same bytes.
func StudyReportPage(c *study.Comparison, dir, out, command string) ([]byte, error) {
	b, _, err := rendered(sheetOf(c), origin{command, dir, out})
	return b, err
}

// rendered returns a page, and the figures on it.
func rendered(s sheet, o origin) ([]byte, []figure, error) {
	template, data, figures, err := s.page(o)
	if err != nil {
		return nil, nil, err
	}
	b, err := render(template, data)
	return b, figures, err
}

// links is the way from the page to the study's directory.
func (o *origin) links() (string, error) { return relative(o.out, o.dir) }

// relative is the way from one directory to another, "" or with a slash at its end.
func relative(from, to string) (string, error) {
	a, err := filepath.Abs(from)
	if err != nil {
		return "", err
	}
	b, err := filepath.Abs(to)
	if err != nil {
		return "", err
	}
	way, err := filepath.Rel(a, b)
	if err != nil || way == "." {
		return "", err
	}
	return filepath.ToSlash(way) + "/", nil
}

// WriteStudy writes a study's report into the directory out: the page, a line of
// results.csv for each run, and the page's figures as files. It returns their paths.
func WriteStudy(out, dir, command string, c *study.Comparison) (paths []string, err error) {
	s := sheetOf(c)
	b, figures, err := rendered(s, origin{command, dir, out})
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(out, StudyFigures), 0o777); err != nil {
		return nil, err
	}
	save := func(name string, b []byte) error {
		path := filepath.Join(out, name)
		paths = append(paths, path)
		return chart.WriteFile(path, b)
	}
	if err := save(StudyPage, b); err != nil {
		return nil, err
	}
	paths = append(paths, filepath.Join(out, StudyResults))
	if err := atomicfile.Write(paths[1], func(w io.Writer) error { return analysis.WriteResults(w, c, dir) }); err != nil {
		return nil, err
	}
	if err := atomicfile.Write(filepath.Join(out, StudyPoints), s.writePoints); err != nil {
		return nil, err
	}
	paths = append(paths, filepath.Join(out, StudyPoints))
	taken := map[string]bool{}
	for _, f := range figures {
		name := fileName(f.Title)
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", fileName(f.Title), n)
		}
		taken[name] = true
		raster, err := chart.PNG(&f.Figure, chart.FigureDPI)
		if err != nil {
			return nil, err
		}
		for ext, b := range map[string][]byte{".svg": chart.SVG(&f.Figure), ".png": raster} {
			if err := save(filepath.Join(StudyFigures, name+ext), b); err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(paths[3:])
	return paths, nil
}

// fileName makes a file's name of a title.
func fileName(title string) string {
	words := strings.FieldsFunc(strings.ToLower(strings.ReplaceAll(title, "∞", "inf")), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.')
	})
	return strings.Join(words, "-")
}

func (v *view) writePoints(w io.Writer) error { return v.WritePoints(w) }

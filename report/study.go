package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/monge-ml/monge/internal/atomicfile"
	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// The files of a study's report.
const (
	StudyPage    = "report.html"
	StudyResults = "results.csv" // a line for each run
	StudyPoints  = "points.csv"  // and for each setting, of means over its seeds
	StudyFigures = "figures"     // a directory of SVG and PNG files
)

// A Contrast is the difference of two methods' test accuracies, each at the radius or
// budget that validation chose, paired by seed.
type Contrast struct {
	Method     string     `json:"method"`
	Against    string     `json:"against"`
	Difference train.Real `json:"difference"` // null without a seed in common
	Low        train.Real `json:"low"`        // of the 95% confidence interval by Student's t; null for one seed
	High       train.Real `json:"high"`
	Seeds      int        `json:"seeds"`
	verdict    verdict
}

// Contrasts returns the differences that a comparison is about: M-SAM beside every other
// method, every other method beside the base optimizer, and variants beside the plain
// method.
func Contrasts(c *study.Comparison) []Contrast { return newView(c).contrasts() }

func (v *view) contrasts() (list []Contrast) {
	for _, m := range v.methods {
		for _, r := range v.methods {
			if !m.isHeldAgainst(r) || m.allBroke() || r.allBroke() {
				continue
			}
			d := m.against(r)
			k := Contrast{m.name, r.name, train.Real(d.diff), train.Real(d.low), train.Real(d.high), d.n, d.verdict}
			if d.n == 0 {
				k.Difference = train.Real(math.NaN())
			}
			list = append(list, k)
		}
	}
	return list
}

// isHeldAgainst reports whether the difference of m and r is of interest.
func (m *method) isHeldAgainst(r *method) bool {
	alike := m.Variant == r.Variant
	switch {
	case m.Method == r.Method:
		return m.Variant != "" && r.Variant == "" && m.Sweep == r.Sweep && sameBudget(m, r)
	case m.Method == "m-sam":
		return alike || r.Variant == ""
	}
	return m.perturbs() && !r.perturbs() && (alike || r.Variant == "")
}

func sameBudget(m, r *method) bool {
	a, b := m.AscentBudget, r.AscentBudget
	return a == b || a != nil && b != nil && *a == *b
}

func (v *view) pairRows() (rows []pairRow) {
	for _, c := range v.contrasts() {
		r := pairRow{Method: c.Method, Against: c.Against, Difference: points(float64(c.Difference)), Interval: "–", Seeds: fmt.Sprint(c.Seeds)}
		if c.Seeds == 0 {
			r.Difference = "–"
		}
		if c.Seeds > 1 {
			r.Interval = points(float64(c.Low)) + " to " + points(float64(c.High))
		}
		r.Verdict = map[verdict]string{unknown: "too few seeds", tie: "within noise", ahead: "more accurate", behind: "less accurate"}[c.verdict]
		rows = append(rows, r)
	}
	return rows
}

// unfinished says what became of a study's runs that are in no mean.
func (v *view) unfinished() string {
	count := map[string]int{}
	for _, s := range v.States {
		if !s.Over() {
			count[s.State]++
		}
	}
	var said []string
	for _, state := range []string{train.Failed, train.Interrupted, train.Killed, train.Running, study.Planned} {
		if n := count[state]; n > 0 {
			said = append(said, fmt.Sprintf("%d %s", n, map[string]string{
				train.Failed: "failed", train.Interrupted: "interrupted", train.Killed: "cut off", train.Running: "still running", study.Planned: "not begun",
			}[state]))
		}
	}
	return fmt.Sprintf("%d of %s are over (%s). Everything below is about those alone; means of different radii may be over different seeds.",
		len(v.Rows), plural(v.Planned, "planned run"), join(said))
}

// caveats say what is not as a reader of a comparison expects.
func (v *view) caveats() (said []string) {
	if len(v.Rows) == 0 || v.Data.Classes == 0 {
		return nil
	}
	switch {
	case v.Data.Val == 0 && v.Data.Test == 0:
		said = append(said, "There is neither a validation nor a test split: nothing here is an accuracy on unseen examples.")
	case v.Data.Test == 0:
		said = append(said, "There is no test split: test accuracy here is that of the validation split, which also chose the radii, and flatters.")
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
func cellRows(c *study.Comparison, links string) (rows []cellRow) {
	byRun := rowsByRun(c)
	for i, s := range c.States {
		run := filepath.ToSlash(c.Study.Cells[i].Dir(""))
		row := cellRow{Name: s.Cell, State: s.State, Why: s.Error, Broken: s.State == train.Failed || s.State == train.Diverged,
			Test: "–", Val: "–", Loss: "–", Ascent: "–", Step: "–"}
		if s.State != study.Planned {
			row.Link = (&url.URL{Path: links + run + "/"}).EscapedPath()
		}
		if r := byRun[run]; r != nil {
			if r.Collapsed {
				row.State, row.Broken = "collapsed", true
			}
			row.Test, row.Val = percent(r.TestAccuracy), percent(r.ValAccuracy)
			if r.Result == nil {
				row.Test, row.Val = "–", "–"
			}
			if r.TrainLoss != nil {
				row.Loss = num(*r.TrainLoss)
			}
			if a := overall(byEpoch([]study.Row{*r}, ascent)); r.Method != "sgd" && finite(a) {
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

func rowsByRun(c *study.Comparison) map[string]*study.Row {
	byRun := map[string]*study.Row{}
	for i := range c.Rows {
		byRun[c.Rows[i].Run] = &c.Rows[i]
	}
	return byRun
}

// StudyReportPage returns the page about a study, whose runs are in its directory. Links
// to them start from the directory out. The same runs give the same bytes.
func StudyReportPage(c *study.Comparison, dir, out, command string) ([]byte, error) {
	b, _, err := studyPage(c, dir, out, command)
	return b, err
}

// studyPage returns a study's page and the figures on it.
func studyPage(c *study.Comparison, dir, out, command string) ([]byte, []figure, error) {
	if c.Aligned() {
		v := newAlignmentView(c)
		p, err := v.page(dir, out, command)
		if err != nil {
			return nil, nil, err
		}
		b, err := render("alignment.html", p)
		return b, append([]figure{p.Map}, p.Courses...), err
	}
	p, err := newPage(c, command)
	if err != nil {
		return nil, nil, err
	}
	b, err := p.ofStudy(c, dir, out)
	return b, slices.Concat(p.Accuracy, p.Training, p.Gradient, p.Ascent), err
}

func (p *page) ofStudy(c *study.Comparison, dir, out string) ([]byte, error) {
	text, err := c.Study.TOML()
	if err != nil {
		return nil, err
	}
	links, err := relative(out, dir)
	if err != nil {
		return nil, err
	}
	p.Title = c.Study.Name + ": " + p.Title
	if c.Study.About != "" {
		p.Lede = c.Study.About + " " + p.Lede
	}
	p.Plan, p.PlanAs = string(text), "The study as TOML"
	p.Runs = cellRows(c, links)
	return render("compare.html", p)
}

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
	b, figures, err := studyPage(c, dir, out, command)
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
	if err := atomicfile.Write(paths[1], func(w io.Writer) error { return writeCSV(w, c, dir) }); err != nil {
		return nil, err
	}
	points := func(w io.Writer) error { return newView(c).writePoints(w) }
	if c.Aligned() {
		points = func(w io.Writer) error { return writeAlignment(w, c.Alignment()) }
	}
	if err := atomicfile.Write(filepath.Join(out, StudyPoints), points); err != nil {
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

// writeCSV writes a line for each run of a study: where it is, its settings that vary,
// and what came out. What is not known is empty.
func writeCSV(w io.Writer, c *study.Comparison, dir string) error {
	out := csv.NewWriter(w)
	byRun := rowsByRun(c)
	head := []string{"run", "state", "method", "variant", "rho", "ascent_budget", "seed", "collapsed",
		"test_accuracy", "test_loss", "val_accuracy", "val_loss", "train_loss", "train_accuracy", "least_train_accuracy", "best_val_accuracy", "best_test_accuracy", "best_step", "test_s_knn", "best_test_s_knn",
		"grad_norm", "delta_norm", "ascent", "predicted_ascent", "steps", "step_s", "seconds", "weights_sha256", "error"}
	out.Write(head)
	for i, s := range c.States {
		cell := c.Study.Cells[i]
		run := filepath.ToSlash(cell.Dir(""))
		line := map[string]string{"run": filepath.ToSlash(cell.Dir(dir)), "state": s.State, "error": s.Error,
			"method": cell.Config.Method, "variant": c.Study.Variant(cell), "seed": fmt.Sprint(cell.Config.Seed)}
		if cell.Config.Method != "none" {
			line["rho"] = exact(float64(cell.Config.Rho))
		}
		if b := cell.Config.AscentBudget; b != nil {
			line["ascent_budget"] = exact(*b)
		}
		if r := byRun[run]; r != nil {
			measured(line, r)
		}
		record := make([]string, len(head))
		for i, name := range head {
			record[i] = line[name]
		}
		out.Write(record)
	}
	out.Flush()
	return out.Error()
}

// writePoints writes a line for each setting of each method: means over its runs, and the
// difference to SAM's accuracy at the same radius with its 95% interval, paired by seed. Test loss
// is the median, as one run that broke can have any.
func (v *view) writePoints(w io.Writer) error {
	out := csv.NewWriter(w)
	out.Write([]string{"method", "setting", "value", "runs", "broke", "test_accuracy", "stderr", "val_accuracy", "test_loss",
		"least_train_accuracy", "grad_norm", "delta_norm", "predicted_ascent", "ascent", "beside_sam", "low", "high"})
	sam := v.find("sam")
	for _, m := range v.methods {
		for _, p := range m.Points {
			rows := m.at(p.Rho)
			mean := func(value func(train.Record) float64) string { return exact(overall(byEpoch(rows, value))) }
			var beside [3]string
			if sam != nil && m != sam && m.Sweep == "" {
				if c := paired(rows, sam.at(p.Rho)); c.n > 0 {
					beside = [3]string{exact(c.diff), exact(c.low), exact(c.high)}
				}
			}
			out.Write([]string{m.name, m.Setting(), exact(p.Rho), fmt.Sprint(p.Runs), fmt.Sprint(p.Diverged), exact(p.TestAccuracy), exact(p.TestStderr),
				exact(p.ValAccuracy), exact(medianLoss(rows)), exact(leastTrained(rows)), mean(gradNorm), mean(deltaNorm), mean(predicted), mean(ascent), beside[0], beside[1], beside[2]})
		}
	}
	out.Flush()
	return out.Error()
}

// medianLoss is the median test loss of runs, NaN without any.
func medianLoss(rows []study.Row) float64 {
	var losses []float64
	for _, r := range rows {
		if r.Result != nil {
			losses = append(losses, float64(r.Result.TestLoss))
		}
	}
	if losses = sorted(losses); len(losses) == 0 {
		return math.NaN()
	}
	return stat.Quantile(.5, stat.LinInterp, losses, nil)
}

// leastTrained is the mean over runs of the lowest training accuracy on the way.
func leastTrained(rows []study.Row) float64 {
	var least []float64
	for _, r := range rows {
		if all := trainAccuracies(&r); len(all) > 0 {
			least = append(least, slices.Min(all))
		}
	}
	if len(least) == 0 {
		return math.NaN()
	}
	return stat.Mean(least, nil)
}

// measured adds what a run that is over came to.
func measured(line map[string]string, r *study.Row) {
	line["collapsed"] = fmt.Sprint(r.Collapsed)
	line["step_s"] = exact(r.StepS)
	if all := trainAccuracies(r); len(all) > 0 {
		line["train_accuracy"], line["least_train_accuracy"] = exact(all[len(all)-1]), exact(slices.Min(all))
	}
	line["grad_norm"] = exact(overall(byEpoch([]study.Row{*r}, gradNorm)))
	line["delta_norm"] = exact(overall(byEpoch([]study.Row{*r}, deltaNorm)))
	line["ascent"] = exact(overall(byEpoch([]study.Row{*r}, ascent)))
	line["predicted_ascent"] = exact(overall(byEpoch([]study.Row{*r}, predicted)))
	res := r.Result
	if res == nil {
		return
	}
	line["test_accuracy"], line["test_loss"] = exact(float64(res.TestAccuracy)), exact(float64(res.TestLoss))
	line["val_accuracy"], line["val_loss"] = exact(float64(res.ValAccuracy)), exact(float64(res.ValLoss))
	line["train_loss"], line["steps"] = exact(res.TrainLoss), fmt.Sprint(res.Steps)
	line["seconds"], line["weights_sha256"] = exact(res.Seconds), res.WeightsSHA256
	if b := res.Best; b != nil {
		line["best_val_accuracy"], line["best_test_accuracy"] = exact(float64(b.ValAccuracy)), exact(float64(b.TestAccuracy))
		line["best_step"] = fmt.Sprint(b.Step)
		if b.Alignment != nil {
			line["best_test_s_knn"] = exact(b.Alignment.SKNN)
		}
	}
	if res.Alignment != nil {
		line["test_s_knn"] = exact(res.Alignment.SKNN)
	}
}

// trainAccuracies are those that a run has recorded.
func trainAccuracies(r *study.Row) (all []float64) {
	for _, e := range r.Records {
		if a := trainAccuracy(e); finite(a) {
			all = append(all, a)
		}
	}
	return all
}

// exact writes a number so that reading it gives the same one, "" for NaN.
func exact(x float64) string {
	switch {
	case math.IsNaN(x):
		return ""
	case math.IsInf(x, 1):
		return "inf"
	}
	return fmt.Sprint(x)
}

// Package report writes what a comparison, or runs one by one, found as one self-contained
// page.
package report

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// The pages, and the parts that they share.
//
//go:embed alignment.html compare.html runs.html parts.html
var pagesHTML embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{"whole": whole}).ParseFS(pagesHTML, "*.html"))

// whole escapes text and keeps M-SAM, and ± with its number, on one line.
func whole(text string) template.HTML {
	s := template.HTMLEscapeString(text)
	s = strings.ReplaceAll(s, "M-SAM", `<span class="whole">M-SAM</span>`)
	return template.HTML(strings.ReplaceAll(s, " ± ", "\u00a0±\u00a0"))
}

// page is what compare.html shows.
type page struct {
	Title    string
	Lede     string
	Words    Words
	Measure  measureWords
	Keys     []key
	Climbing []key // of the methods that perturb
	LossAxis bool  // some method has one
	Others   []setting
	Summary  []summaryRow
	Measured []figure
	Tables   []table
	Pairs    []pairRow
	Judged   int // of them, for which their p-values are corrected
	Gains    []gainRow
	Costs    []figure // of gains against them
	Beside   besideTable
	Training []figure
	Gradient []figure
	Ascent   []figure
	Failures []string
	Command  string
	Settings []setting
	Plan     string
	PlanAs   string    // what the plan is written in
	Runs     []cellRow // that have directories
}

// key explains the look of a method.
type key struct {
	Name   string
	Swatch template.HTML
}

type summaryRow struct {
	Key                                          key
	Rho, Val, Test, Range, Decades, Broken, Cost string
}

// pairRow is the difference of two methods.
type pairRow struct{ Method, Against, Difference, Interval, P, Corrected, Seeds, Verdict string }

// table is the measure by radius, or budget, and method.
type table struct {
	Setting string
	Methods []string
	Rows    []tableRow
}

type tableRow struct {
	Rho   string
	Cells []cell
}

// cell is a point; Broken says how many runs broke, if any did.
type cell struct {
	Test, Val, Runs, Broken string
	Best                    bool
}

type setting struct{ Name, Value string }

// Write writes the page to a file, whole or not at all. The command is the line that
// repeats the comparison.
func Write(path string, c *study.Comparison, command string) error {
	b, err := Page(c, command)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return chart.WriteFile(path, b)
}

// render fills in one of the pages.
func render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Page returns the page: HTML that needs nothing beside it. The same comparison gives the
// same bytes.
func Page(c *study.Comparison, command string) ([]byte, error) {
	b, _, err := rendered(sheetOf(c), origin{command: command})
	return b, err
}

func (v *view) page(o origin) (string, any, []figure, error) {
	p := &page{
		Title:    v.title(),
		Lede:     v.lede(),
		Words:    v.words(),
		Measure:  v.measureWords(),
		Summary:  v.summaryRows(),
		Measured: v.measureFigures(),
		Tables:   v.tables(),
		Gains:    v.gainRows(),
		Costs:    v.costFigures(),
		Beside:   v.besideTable(),
		Training: v.trainingFigures(),
		Gradient: v.gradientFigures(),
		Ascent:   v.ascentFigures(),
		Failures: v.failures(),
		Command:  o.command,
		Settings: v.settings(),
	}
	for _, m := range v.methods {
		p.Keys = append(p.Keys, m.key())
		if m.Perturbs() {
			p.Climbing = append(p.Climbing, m.key())
		}
		p.LossAxis = p.LossAxis || m.LossAxis()
	}
	p.Others = v.others()
	contrasts := v.Contrasts()
	p.Pairs, p.Judged = v.pairRows(contrasts), analysis.Judged(contrasts)
	err := p.addPlan(v, o)
	return "compare.html", p, slices.Concat(p.Measured, p.Costs, p.Training, p.Gradient, p.Ascent), err
}

// addPlan adds what repeats the comparison, and of runs that have directories their list.
func (p *page) addPlan(v *view, o origin) error {
	if o.dir == "" {
		plan, err := json.MarshalIndent(v.Plan, "", "  ")
		p.Plan, p.PlanAs = string(plan), "The plan as JSON"
		return err
	}
	text, err := v.Study.TOML()
	if err != nil {
		return err
	}
	links, err := o.links()
	if err != nil {
		return err
	}
	p.Title = v.Study.Name + ": " + p.Title
	if v.Study.About != "" {
		p.Lede = v.Study.About + " " + p.Lede
	}
	p.Plan, p.PlanAs = string(text), "The study as TOML"
	p.Runs = v.cellRows(links)
	return nil
}

// measureWords are what the page says of the measure that decides.
type measureWords struct {
	Name, Upper string // "accuracy", "Accuracy"
	Near        string // how far from its best a method is near it
	Unit        string // of differences
	Repeat      string // what runs repeat a setting over
	Lost        string // how runs end that are called lost, "" if none are
	Counted     string // how those count that met a NaN or an infinity
}

func (v *view) measureWords() measureWords {
	w := measureWords{Name: v.in.name(), Upper: upper(v.in.name()), Near: v.in.near(), Repeat: v.in.one(), Counted: v.sayCounted()}
	if v.in.Share {
		w.Unit = " in percentage points"
	}
	if k, ok := v.Plan.Base.Kind(); ok && k.Lost != nil {
		w.Lost = "came to no more than guessing"
	}
	if v.of.lost != "" {
		w.Lost, _, _ = strings.Cut(v.of.lost, " (")
	}
	return w
}

// others are the methods on the page beyond those that every page explains, with what the
// registry says of them.
func (v *view) others() (list []setting) {
	for _, m := range v.methods {
		list = addMethod(list, m.Method)
	}
	return list
}

// addMethod adds what the registry says of a method that perturbs, once.
func addMethod(list []setting, name string) []setting {
	m, err := sam.FindMethod(name)
	s := setting{m.Label, m.Info}
	if err != nil || !m.Perturbs() || slices.Contains([]string{"sam", "m-sam"}, name) || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func (m *method) key() key { return key{m.name, chart.Swatch(m.look)} }

func (v *view) title() string {
	var names []string
	for _, m := range v.methods {
		if m.AscentBudget == nil || v.find(m.Method) == nil {
			names = append(names, m.name)
		}
	}
	switch {
	case len(names) == 0:
		return "A comparison on " + v.data()
	case len(v.methods) > 6:
		return fmt.Sprintf("%d methods on %s", len(v.methods), v.data())
	}
	return strings.Replace(fmt.Sprintf("%s on %s", join(names), v.data()), "M-SAM", "Monge SAM (M-SAM)", 1)
}

// data names what was trained on: the data, or for want of a name the task.
func (v *view) data() string { return cmp.Or(v.Data.Name, v.Plan.Base.ModelName()) }

// lede says what was run.
func (v *view) lede() string {
	d, b := v.Data, v.Plan.Base
	subject := v.data()
	if d.Name != "" {
		subject = fmt.Sprintf("%s on %s", trained(&b), d.Name)
	}
	of := ""
	if d.Of != "" {
		of = " of " + d.Of
	}
	if d.LabelNoise > 0 {
		of += fmt.Sprintf("; %.3g%% of the training labels replaced by uniform ones", 100*d.LabelNoise)
	}
	return fmt.Sprintf("%s of %s (%d training, %d validation and %d test examples%s): %s, %s, %s.",
		plural(len(v.Rows), "run"), subject, d.Train, d.Val, d.Test, of,
		v.in.repeats(v.Plan.Seeds), v.length(), v.duration())
}

// length says how long the runs are.
func (v *view) length() string {
	epochs := plural(v.Plan.Base.Epochs, "epoch")
	switch v.Study.Budget {
	case study.EqualGradients:
		return "as many gradients each as " + epochs + " of steps with two"
	case study.EqualTime:
		return "as much time each as " + epochs + " of steps that take two of the base optimizer's, by the study's table of costs"
	}
	return epochs
}

// trained names what is trained: "model mlp", or a task that has no choice of models.
func trained(c *train.Config) string {
	if hasSetting(c, "model") {
		return "model " + c.ModelName()
	}
	return c.ModelName()
}

func hasSetting(c *train.Config, name string) bool {
	return slices.ContainsFunc(train.Settings(c), func(s train.Setting) bool { return s.Name == name })
}

func (v *view) duration() string {
	if !finite(v.Seconds) || v.Seconds <= 0 {
		return "time not known"
	}
	return elapsed(v.Seconds) + " in all"
}

// elapsed writes a time in the unit that suits it.
func elapsed(s float64) string {
	switch {
	case s < 1:
		return fmt.Sprintf("%.3g ms", 1e3*s)
	case s < 100:
		return fmt.Sprintf("%.3g s", s)
	case s < 6000:
		return fmt.Sprintf("%.0f min", s/60)
	}
	return fmt.Sprintf("%.1f h", s/3600)
}

func (v *view) summaryRows() (rows []summaryRow) {
	for _, m := range v.methods {
		r := summaryRow{
			Key: m.key(), Rho: "–", Range: "–", Decades: "–", Cost: "–",
			Val: v.in.value(m.Val), Test: m.score(), Broken: fmt.Sprintf("%d of %d", m.Diverged, m.Runs),
		}
		if m.Perturbs() {
			r.Rho = num(m.BestRho)
		}
		if m.Perturbs() && len(m.Points) > 1 && !m.AllBroke() {
			r.Range = num(m.Range[0])
		}
		if r.Range != "–" && m.Range[0] < m.Range[1] {
			r.Range += " to " + num(m.Range[1])
			r.Decades = fmt.Sprintf("%.1f", m.WidthDecades)
			if m.OpenLow || m.OpenHigh {
				r.Decades = "≥ " + r.Decades
			}
		}
		if m.StepRatio > 0 && finite(m.StepRatio) {
			r.Cost = fmt.Sprintf("%.2f", m.StepRatio)
		}
		rows = append(rows, r)
	}
	return rows
}

// tables list every point: a row for the base optimizer, which has no radius, and one for
// each radius; beside it those of the methods over budgets.
func (v *view) tables() (list []table) {
	for _, over := range v.sweeps() {
		t := table{Setting: over[0].Setting()}
		places := places(over)
		if len(list) == 0 {
			if base := v.unperturbed(); len(base) > 0 {
				over, places = append(base, over...), append([]float64{0}, places...)
			}
		}
		for _, m := range over {
			t.Methods = append(t.Methods, m.name)
		}
		for _, x := range places {
			row := tableRow{Rho: num(x)}
			if x == 0 {
				row.Rho = "–"
			}
			for _, m := range over {
				row.Cells = append(row.Cells, m.cell(x, v.Plan.Seeds))
			}
			t.Rows = append(t.Rows, row)
		}
		list = append(list, t)
	}
	return list
}

// cell is a point; it says how many runs it is a mean of where that is not the plan's.
func (m *method) cell(rho float64, seeds int) cell {
	p := m.Point(rho)
	if p == nil {
		return cell{}
	}
	c := cell{Test: m.in.value(p.Test), Val: "val " + m.in.value(p.Val), Best: rho == m.BestRho}
	if p.Runs > 1 {
		c.Test = m.in.mean(p.Test, p.TestStderr)
	}
	if p.Runs == 1 || p.Runs != seeds {
		c.Runs = fmt.Sprintf("n = %d", p.Runs)
	}
	if p.Diverged > 0 {
		c.Broken = fmt.Sprintf("%d of %d broke", p.Diverged, p.Runs)
	}
	return c
}

// failures lists what runs that met a NaN or an infinity said, the first few.
func (v *view) failures() (list []string) {
	const most = 8
	more := 0
	for _, m := range v.methods {
		for _, r := range m.Rows {
			switch {
			case r.Failure == "":
			case len(list) == most:
				more++
			default:
				list = append(list, fmt.Sprintf("%s, %s, seed %d%s: %s", m.name, m.where(r.X()), r.Seed, inFold(&r), r.Failure))
			}
		}
	}
	if more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return list
}

// inFold names a run's fold, if it has one.
func inFold(r *study.Row) string {
	if r.Fold == "" {
		return ""
	}
	return ", fold " + r.Fold
}

// settings lists everything that decides the runs, under the names of their config files.
func (v *view) settings() []setting {
	list := []setting{
		{"methods", strings.Join(v.Plan.Methods, ", ")},
		{"rho", numbers(v.Plan.Rhos)},
		{"ascent_budget", numbers(v.Plan.Budgets)},
		{"seed", fmt.Sprintf("1 to %d", v.Plan.Seeds/max(v.Study.Folds, 1))},
	}
	varied := []string{"method", "rho", "ascent_budget", "seed"}
	if v.Study.Folds > 0 {
		list, varied = append(list, setting{"fold", fmt.Sprintf("each of %d", v.Study.Folds)}), append(varied, "fold")
	}
	if v.Study.Budget != "" {
		list = append(list, setting{"budget", v.Study.Budget})
	}
	for _, name := range slices.Sorted(maps.Keys(v.Study.Cost)) {
		list = append(list, setting{"cost of " + name, fmt.Sprintf("%g", v.Study.Cost[name])})
	}
	for _, s := range fields(v.Plan.Base) {
		if !slices.Contains(varied, s.Name) {
			list = append(list, s)
		}
	}
	return append(list, setting{"kernels", v.Level}, setting{"threads", fmt.Sprint(v.Threads)})
}

func numbers(values []float64) string {
	if len(values) == 0 {
		return "none"
	}
	s := make([]string, len(values))
	for i, x := range values {
		s[i] = fmt.Sprintf("%g", x)
	}
	return strings.Join(s, ", ")
}

// fields lists a config's fields in order as its JSON has them.
func fields(c train.Config) (list []setting) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.Token() // the opening brace
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return list
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return list
		}
		list = append(list, setting{fmt.Sprint(name), strings.Trim(string(value), `"`)})
	}
	return list
}

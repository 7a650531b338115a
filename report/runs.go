package report

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// runsPage is what runs.html shows.
type runsPage struct {
	Title    string
	Lede     string
	Words    Words
	Several  bool
	Keys     []key    // of several groups
	Measures []string // that the results have of the test split
	Rows     []runRow
	Figures  []figure
	Differ   differTable
	Runs     []runSettings
	Commands []string
	GoOn     []string // commands that go on with runs that can
	Perturbs bool
	Others   []setting // methods to explain
}

// runRow is a run's results, or the means of runs that differ in their seeds alone.
type runRow struct {
	Key                             key
	Mean, Broken                    bool
	State, Why                      string
	Tests                           []string // by measure
	Best, BestAt                    string
	Steps, StepTime, Speed, Weights string
}

// differTable lists the settings in which runs differ.
type differTable struct {
	Settings []string
	Rows     []differRow
}

type differRow struct {
	Name   string
	Values []string
}

// runSettings are all of a run's.
type runSettings struct {
	Name     string
	Weights  string // their whole digest
	Settings []setting
}

// WriteRuns writes the page about runs to a file, whole or not at all.
func WriteRuns(path string, runs []*train.SavedRun) error {
	b, err := RunsPage(runs)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return chart.WriteFile(path, b)
}

// RunsPage returns the page about one run or several: HTML that needs nothing beside it.
// Runs that are not over are shown as far as they got. The same runs give the same bytes.
func RunsPage(runs []*train.SavedRun) ([]byte, error) {
	v := newRunsView(runs)
	p := runsPage{
		Title:   v.title(),
		Lede:    v.lede(),
		Several: len(runs) > 1,
		Words:   v.describe(),
		Rows:    v.rows(),
		Figures: v.figures(),
		Differ:  v.differTable(),
	}
	for _, m := range v.tested {
		p.Measures = append(p.Measures, scale{Measure: m}.name())
	}
	for _, g := range v.groups {
		if len(v.groups) > 1 {
			p.Keys = append(p.Keys, key{g.name, chart.Swatch(g.look)})
		}
		p.Perturbs = p.Perturbs || g.perturbs()
		p.Others = addMethod(p.Others, g.runs[0].Config.Method)
	}
	for _, r := range runs {
		s := runSettings{Name: v.names[r], Settings: fields(r.Config)}
		if r.Result != nil {
			s.Weights = r.Result.WeightsSHA256
		}
		p.Runs = append(p.Runs, s)
		p.Commands = append(p.Commands, "monge train --config "+quoted(filepath.Join(r.Path, train.ConfigFile)))
		if slices.Contains([]string{train.Interrupted, train.Killed, train.Failed}, r.Status.State) {
			p.GoOn = append(p.GoOn, "monge train --resume --out "+quoted(r.Path))
		}
	}
	return render("runs.html", p)
}

// quoted writes a path as a shell takes it.
func quoted(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=:,@%", r)
	}
	if path != "" && strings.TrimFunc(path, plain) == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// group is one run, or several that differ in their seeds alone.
type group struct {
	name string
	look chart.Look
	runs []*train.SavedRun
	in   scale // of the measure that decides
}

// runsView is runs, looked up by group.
type runsView struct {
	runs     []*train.SavedRun
	groups   []*group
	names    map[*train.SavedRun]string
	settings map[*train.SavedRun][]setting // that decide what is computed, the same ones of each run
	differ   []int                         // those in which the runs differ
	first    []train.Measure               // those that decide; more than one where tasks differ
	tested   []train.Measure               // of the test split, that the results show
}

func newRunsView(runs []*train.SavedRun) *runsView {
	v := &runsView{runs: runs, names: shortNames(runs), settings: map[*train.SavedRun][]setting{}}
	v.alignSettings()
	v.findMeasures()
	byKey := map[string]*group{}
	for _, r := range runs {
		k := but(v.settings[r], "seed")
		g := byKey[k]
		if g == nil || g.hasSeed(r.Config.Seed) {
			g = &group{in: scale{Measure: measures(r).First()}, look: chart.LookAt(len(v.groups))}
			byKey[k] = g
			v.groups = append(v.groups, g)
		}
		g.runs = append(g.runs, r)
	}
	for i, s := range v.settings[runs[0]] {
		if slices.ContainsFunc(runs, func(r *train.SavedRun) bool { return v.settings[r][i] != s }) {
			v.differ = append(v.differ, i)
		}
	}
	for _, g := range v.groups {
		g.name = v.names[g.runs[0]]
		if len(g.runs) > 1 {
			g.name = fmt.Sprintf("%s, %s", cmp.Or(v.shared(g), v.described(g.runs[0])), plural(len(g.runs), "seed"))
		}
	}
	return v
}

// measures are those of a run: of its result, or as far as it got.
func measures(r *train.SavedRun) train.Measures {
	if r.Result != nil && r.Result.Measured() != nil {
		return r.Result.Measured()
	}
	for _, e := range r.Records {
		if e.Val != nil {
			return e.Val
		}
	}
	return nil
}

// measured are the measures of all runs, each once, in the order of the first that has it.
func (v *runsView) measured() (list []train.Measure) {
	for _, r := range v.runs {
		for _, m := range measures(r) {
			list = appendMeasure(list, m)
		}
	}
	return list
}

func appendMeasure(list []train.Measure, m train.Measure) []train.Measure {
	if slices.ContainsFunc(list, func(other train.Measure) bool { return other.Name == m.Name }) {
		return list
	}
	return append(list, m)
}

// shownMeasures is how many measures of a task the results show.
const shownMeasures = 2

// findMeasures finds the measures that decide, and those that the results show: of each task
// the first few that have a better and a worse.
func (v *runsView) findMeasures() {
	for _, r := range v.runs {
		m := slices.DeleteFunc(slices.Clone(measures(r)), func(m train.Measure) bool { return m.Better == "" })
		if len(m) == 0 {
			continue
		}
		v.first = appendMeasure(v.first, m[0])
		for _, m := range m[:min(len(m), shownMeasures)] {
			v.tested = appendMeasure(v.tested, m)
		}
	}
}

// in is the scale of the measure that decides, that of the first task if there are several.
func (v *runsView) in() scale {
	if len(v.first) == 0 {
		return scale{}
	}
	return scale{Measure: v.first[0]}
}

// of is what is known of the runs' task, nothing if they have several.
func (v *runsView) of() subject {
	if len(v.first) != 1 {
		return subject{}
	}
	return subjects[v.first[0].Name]
}

// settingsOf lists a run's settings under the names of flags, given or not, but for those
// that change nothing of what is computed.
func settingsOf(c train.Config) (list []setting) {
	for _, s := range train.Settings(&c) {
		if !s.Is("idle") || s.Name == "deadline" {
			list = append(list, setting{s.Name, s.String()})
		}
	}
	return list
}

// alignSettings finds the settings of all runs, those of other tasks' too, which a run has without
// a value.
func (v *runsView) alignSettings() {
	var names []string
	own := map[*train.SavedRun]map[string]string{}
	for _, r := range v.runs {
		own[r] = map[string]string{}
		for _, s := range settingsOf(r.Config) {
			own[r][s.Name] = s.Value
			if !slices.Contains(names, s.Name) {
				names = append(names, s.Name)
			}
		}
	}
	for r := range own { // each once, given twice or not
		for _, n := range names {
			v.settings[r] = append(v.settings[r], setting{n, own[r][n]})
		}
	}
}

// but is all settings but one as a key.
func but(settings []setting, name string) string {
	return fmt.Sprintf("%q", slices.DeleteFunc(slices.Clone(settings), func(s setting) bool { return s.Name == name }))
}

func (g *group) hasSeed(seed uint64) bool {
	return slices.ContainsFunc(g.runs, func(r *train.SavedRun) bool { return r.Config.Seed == seed })
}

func (g *group) perturbs() bool { return g.runs[0].Config.Perturbs() }

// over returns the runs that are finished.
func (g *group) over() []*train.SavedRun {
	return slices.DeleteFunc(slices.Clone(g.runs), func(r *train.SavedRun) bool { return r.Result == nil })
}

func (g *group) diverged() bool {
	return slices.ContainsFunc(g.runs, func(r *train.SavedRun) bool { return r.Status.State == train.Diverged })
}

// shortNames are the runs' paths without what they begin with in common.
func shortNames(runs []*train.SavedRun) map[*train.SavedRun]string {
	parts := make([][]string, len(runs))
	common := math.MaxInt
	for i, r := range runs {
		path := r.Path
		if whole, err := filepath.Abs(path); err == nil { // . has a name too
			path = whole
		}
		parts[i] = strings.Split(filepath.ToSlash(path), "/")
		common = min(common, len(parts[i])-1)
		n := 0
		for n < common && parts[i][n] == parts[0][n] {
			n++
		}
		common = n
	}
	names := map[*train.SavedRun]string{}
	for i, r := range runs {
		names[r] = cmp.Or(strings.Join(parts[i][common:], "/"), r.Path)
	}
	return names
}

// shared is what the names of a group's runs begin with, if it says something and no other
// run's name does: sam of sam-1 and sam-2.
func (v *runsView) shared(g *group) string {
	start := v.names[g.runs[0]]
	for _, r := range g.runs {
		n := 0
		for n < min(len(start), len(v.names[r])) && start[n] == v.names[r][n] {
			n++
		}
		start = start[:n]
	}
	const marks = "-_./=, "
	name := strings.TrimRight(strings.TrimRight(start, "0123456789"), marks)
	name = strings.ToValidUTF8(strings.TrimRight(strings.TrimSuffix(name, "seed"), marks), "")
	for _, r := range v.runs {
		if !slices.Contains(g.runs, r) && strings.HasPrefix(v.names[r], name) {
			return ""
		}
	}
	return name
}

// described names a run by what sets it apart from those of other groups.
func (v *runsView) described(r *train.SavedRun) string {
	var set, unset []string
	for _, i := range v.differ {
		switch s := v.settings[r][i]; {
		case s.Name == "seed":
		case s.Value == "":
			unset = append(unset, "no "+s.Name)
		case s.Name == "method":
			set = append(set, analysis.MethodLabel(s.Value))
		default:
			set = append(set, s.Name+" "+s.Value)
		}
	}
	switch {
	case len(set) > 0:
		return strings.Join(set, ", ")
	case len(unset) > 0:
		return strings.Join(unset, ", ")
	}
	return "mean"
}

func (v *runsView) title() string {
	if len(v.runs) == 1 {
		return v.names[v.runs[0]] + ": " + v.subject()
	}
	var names []string
	for _, g := range v.groups {
		names = append(names, g.name)
	}
	if len(names) > 1 && len(names) < 4 {
		return join(names) + ": " + v.subject()
	}
	return plural(len(v.runs), "run") + " of " + v.subject()
}

// subject is what was trained on what.
func (v *runsView) subject() string {
	var networks, sets []string
	for _, r := range v.runs {
		networks = append(networks, r.Config.ModelName())
		if name := r.Config.DataName(); name != "" {
			sets = append(sets, name)
		}
	}
	unique := func(list []string) string { return join(slices.Compact(slices.Sorted(slices.Values(list)))) }
	if len(sets) == 0 {
		return unique(networks)
	}
	return unique(networks) + " on " + unique(sets)
}

// trained is the subject within a sentence.
func (v *runsView) trained() string {
	for _, r := range v.runs {
		if !hasSetting(&r.Config, "model") {
			return v.subject()
		}
	}
	return "model " + v.subject()
}

// lede says what was run.
func (v *runsView) lede() string {
	var spent float64
	for _, r := range v.runs {
		spent += r.Seconds()
	}
	took := ""
	if finite(spent) && spent > 0 {
		took = ", " + elapsed(spent) + " of training"
	}
	if len(v.runs) > 1 {
		return fmt.Sprintf("%s of %s%s.", plural(len(v.runs), "run"), v.trained(), took)
	}
	c := v.runs[0].Config
	return fmt.Sprintf("%s by %s, learning rate %s; %s in minibatches of %d, seed %d%s.",
		upper(v.trained()), methodOf(c), num(c.LR), plural(c.Epochs, "epoch"), c.Batch, c.Seed, took)
}

// methodOf says how a run's steps are made.
func methodOf(c train.Config) string {
	base := analysis.BaseLabel(c.Base)
	if !c.Perturbs() {
		return base + " alone"
	}
	s := fmt.Sprintf("%s at rho %s", analysis.MethodLabel(c.Method), num(float64(c.Rho)))
	if c.AscentBudget != nil {
		s += " with budget " + num(*c.AscentBudget)
	}
	return s + " around " + base
}

// rows are the results of each run, below the means of its group where that has several.
func (v *runsView) rows() (rows []runRow) {
	for _, g := range v.groups {
		if len(g.runs) > 1 {
			rows = append(rows, v.meansRow(g))
		}
		for _, r := range g.runs {
			rows = append(rows, v.row(g, r))
		}
	}
	return rows
}

// stops says in the table what ended a run.
var stops = map[string]string{"epochs": "all its epochs", "max-steps": "at max-steps", "patience": "by patience", "until-accuracy": "by until-accuracy", "deadline": "at its deadline"}

func (v *runsView) row(g *group, r *train.SavedRun) runRow {
	row := runRow{
		Key:   key{v.names[r], chart.Swatch(g.look)},
		State: r.Status.State, Broken: r.Status.State == train.Diverged || r.Status.State == train.Failed,
		Best: "–", StepTime: "–", Speed: "–",
		Steps: fmt.Sprintf("%d of %d", r.Status.Step, r.Status.Steps),
	}
	if res := r.Result; res != nil {
		row.Why = cmp.Or(stops[res.StoppedBy], res.StoppedBy)
		row.Weights = short(res.WeightsSHA256)
	}
	for _, m := range v.tested {
		row.Tests = append(row.Tests, scale{Measure: m}.value(testOf(m.Name)(r)))
	}
	if b := r.Best(); b != nil {
		row.Best, row.BestAt = v.named(b.Val.First()), fmt.Sprintf("step %d", b.Step)
		if b.Test != nil {
			row.BestAt += ", test " + written(b.Test.First())
		}
	}
	if t := stepTime(r); t > 0 {
		row.StepTime = elapsed(t)
	}
	if n := examplesPerSecond(r); n > 0 {
		row.Speed = fmt.Sprintf("%.0f", n)
	}
	return row
}

// written writes a measure's value.
func written(m train.Measure) string { return scale{Measure: m}.value(float64(m.Value)) }

// named is a measure's value, with its name where runs are measured by several.
func (v *runsView) named(m train.Measure) string {
	if len(v.first) > 1 {
		return scale{Measure: m}.name() + " " + written(m)
	}
	return written(m)
}

// meansRow is a group's means.
func (v *runsView) meansRow(g *group) runRow {
	over := g.over()
	row := runRow{
		Key: key{g.name, chart.Swatch(g.look)}, Mean: true, State: fmt.Sprintf("%d of %d finished", len(over), len(g.runs)),
		Best: g.in.meanText(over, bestVal), StepTime: "–", Speed: "–",
	}
	for _, m := range v.tested {
		row.Tests = append(row.Tests, scale{Measure: m}.meanText(over, testOf(m.Name)))
	}
	if t := g.in.meanText(over, bestTest); t != "–" {
		row.BestAt = "test " + t
	}
	if m, ok := meanOver(g.runs, stepTime); ok && m.Value > 0 {
		row.StepTime = elapsed(m.Value)
	}
	if m, ok := meanOver(g.runs, examplesPerSecond); ok && m.Value > 0 {
		row.Speed = fmt.Sprintf("%.0f", m.Value)
	}
	return row
}

// meanOver is the mean of the finite values of runs; false if there is none.
func meanOver(runs []*train.SavedRun, value func(*train.SavedRun) float64) (analysis.Mean, bool) {
	var values []float64
	for _, r := range runs {
		if x := value(r); finite(x) {
			values = append(values, x)
		}
	}
	if len(values) == 0 {
		return analysis.Mean{}, false
	}
	return analysis.MeanOf(values), true
}

// meanText writes the mean of a measure of finished runs.
func (s scale) meanText(runs []*train.SavedRun, value func(*train.SavedRun) float64) string {
	m, ok := meanOver(runs, value)
	if !ok {
		return "–"
	}
	return s.of(m)
}

// testOf returns a measure of the last weights on the test split.
func testOf(name string) func(*train.SavedRun) float64 {
	return func(r *train.SavedRun) float64 {
		if r.Result == nil {
			return math.NaN()
		}
		return float64(r.Result.Test.Get(name))
	}
}

// testFirst is the measure that decides, of the last weights on the test split.
func testFirst(r *train.SavedRun) float64 {
	if r.Result == nil {
		return math.NaN()
	}
	return float64(r.Result.Test.First().Value)
}

func bestVal(r *train.SavedRun) float64 {
	if b := r.Best(); b != nil {
		return float64(b.Val.First().Value)
	}
	return math.NaN()
}

// bestTest is the measure on the test split of the weights that were best on the validation
// split.
func bestTest(r *train.SavedRun) float64 {
	if r.Result == nil || r.Result.Best == nil {
		return math.NaN()
	}
	return float64(r.Result.Best.Test.First().Value)
}

// stepTime is the median time of a step, or the mean as far as a run got; 0 if not known.
func stepTime(r *train.SavedRun) float64 {
	if r.Result != nil && r.Result.StepSeconds > 0 {
		return r.Result.StepSeconds
	}
	n := len(r.Records)
	if n == 0 || r.Records[n-1].Step <= 0 {
		return 0
	}
	var t float64
	for _, e := range r.Records {
		t += e.Seconds
	}
	return t / float64(r.Records[n-1].Step)
}

func examplesPerSecond(r *train.SavedRun) float64 {
	var n, t float64
	for _, e := range r.Records {
		n, t = n+float64(e.Examples), t+e.Seconds
	}
	if !(t > 0) {
		return 0
	}
	return n / t
}

func dashed(x float64) string {
	if !finite(x) {
		return "–"
	}
	return num(x)
}

// short is the beginning of a digest, enough to tell weights apart.
func short(digest string) string { return digest[:min(12, len(digest))] }

func (v *runsView) differTable() (t differTable) {
	if len(v.differ) == 0 {
		return t
	}
	for _, i := range v.differ {
		t.Settings = append(t.Settings, v.settings[v.runs[0]][i].Name)
	}
	for _, r := range v.runs {
		row := differRow{Name: v.names[r]}
		for _, i := range v.differ {
			row.Values = append(row.Values, cmp.Or(v.settings[r][i].Value, "–"))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

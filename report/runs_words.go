package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// DescribeRuns says what one run or several show.
func DescribeRuns(runs []*train.SavedRun) Words { return newRunsView(runs).describe() }

func (v *runsView) describe() (w Words) {
	if len(v.runs) == 1 {
		r := v.runs[0]
		w.Headline = headlineOf(r)
		for _, s := range []string{saidOfBest(r), saidOfEnd(r), saidOfAscent(r), saidOfSpeed(r)} {
			if s != "" {
				w.Summary = append(w.Summary, s)
			}
		}
		return w
	}
	w.Notice = v.notice()
	w.Headline, w.Summary = v.ranking()
	for _, s := range []string{v.saidOfData(), v.saidOfChance()} {
		if s != "" {
			w.Summary = append(w.Summary, s)
		}
	}
	w.Summary = append(w.Summary, v.saidOfEnds()...)
	return w
}

// headlineOf says where one run stands.
func headlineOf(r *train.SavedRun) string {
	s := r.Status
	at := fmt.Sprintf("step %d of %d", s.Step, s.Steps)
	switch s.State {
	case train.Finished:
		return reached(r) + fmt.Sprintf(" after %s.", plural(r.Result.Steps, "step"))
	case train.Diverged:
		return "The run diverged: it met a NaN or an infinity after " + at + "."
	case train.Failed:
		return "The run failed after " + at + "."
	case train.Interrupted:
		return "The run was interrupted after " + at + "; it can go on."
	case train.Killed:
		return "The run's process ended without a word after " + at + "; it can go on."
	}
	return "The run is still going, at " + at + "."
}

// reached is what a finished run is judged by.
func reached(r *train.SavedRun) string {
	switch res := r.Result; {
	case res.Test != nil:
		first := res.Test.First()
		s := fmt.Sprintf("Test %s %s", scale{Measure: first}.name(), written(first))
		if loss := float64(res.Test.Get("loss")); first.Name != "loss" && !math.IsNaN(loss) {
			s += fmt.Sprintf(" (loss %s)", dashed(loss))
		}
		return s
	case res.Val != nil:
		return fmt.Sprintf("Validation %s %s, without a test split,", scale{Measure: res.Val.First()}.name(), written(res.Val.First()))
	}
	return fmt.Sprintf("Training loss %s, without a test or validation split,", dashed(r.Result.TrainLoss))
}

func saidOfBest(r *train.SavedRun) string {
	b := r.Best()
	if b == nil {
		return ""
	}
	s := fmt.Sprintf("Best on validation: %s at step %d", written(b.Val.First()), b.Step)
	if b.Test != nil {
		s += fmt.Sprintf("; those weights have %s on the test split", written(b.Test.First()))
	}
	if n := len(r.Records); n > 0 && r.Records[n-1].Step > b.Step {
		s += fmt.Sprintf("; the last evaluation had %s", written(r.Records[n-1].Val.First()))
	}
	return s + "."
}

// saidOfEnd says what ended a run.
func saidOfEnd(r *train.SavedRun) string {
	c := r.Config
	if r.Result == nil {
		if e := r.Status.Error; e != "" {
			return upper(e) + "."
		}
		return ""
	}
	switch r.Result.StoppedBy {
	case "epochs":
		return fmt.Sprintf("It went through all of its %s.", plural(c.Epochs, "epoch"))
	case "max-steps":
		return fmt.Sprintf("It was stopped by max-steps, %d.", c.MaxSteps)
	case "patience":
		return fmt.Sprintf("It was stopped by patience: %s in a row no better on validation.", plural(c.Patience, "evaluation"))
	case "until-accuracy":
		return fmt.Sprintf("It was stopped by until-accuracy: training accuracy reached %s.", scale{Measure: train.Measure{Share: true}}.value(c.UntilAccuracy))
	case "deadline":
		return fmt.Sprintf("It was stopped by its deadline, %v.", time.Duration(c.Deadline))
	}
	return fmt.Sprintf("It was stopped by %s.", r.Result.StoppedBy)
}

// saidOfAscent holds the ascent up to the last evaluation against what was predicted.
func saidOfAscent(r *train.SavedRun) string {
	n := len(r.Records)
	if n == 0 || !r.Config.Perturbs() {
		return ""
	}
	last := r.Records[n-1]
	if !finite(last.Ascent) || !finite(last.PredictedAscent) || last.PredictedAscent <= 0 {
		return ""
	}
	s := fmt.Sprintf("Lately a perturbation of length %s raised the loss by %s%s, where the gradient predicts %s",
		num(last.DeltaNorm), num(last.Ascent), subjects[measures(r).First().Name].after(), num(last.PredictedAscent))
	if b := r.Config.AscentBudget; b != nil {
		s += fmt.Sprintf(" and the budget allows %s", num(*b))
	}
	return s + "."
}

func saidOfSpeed(r *train.SavedRun) string {
	t, n := stepTime(r), examplesPerSecond(r)
	if !(t > 0) || !(n > 0) || !finite(t) || !finite(n) {
		return ""
	}
	return fmt.Sprintf("A step took %s; %.0f examples a second.", elapsed(t), n)
}

func (v *runsView) notice() string {
	over := 0
	for _, r := range v.runs {
		if s := r.Status.State; s == train.Finished || s == train.Diverged || s == train.Failed {
			over++
		}
	}
	if over == len(v.runs) {
		return ""
	}
	return fmt.Sprintf("%d of %d runs are over; the others are shown as far as they got.", over, len(v.runs))
}

// ranking names the group that validation chose, or the test split where there is no
// validation, and holds the others against it. Only finished runs count.
func (v *runsView) ranking() (head string, summary []string) {
	if len(v.first) > 1 {
		var names []string
		for _, m := range v.first {
			names = append(names, scale{Measure: m}.name())
		}
		return fmt.Sprintf("The runs are of several tasks, measured by %s, so they are not ranked.", join(names)), nil
	}
	in := v.in()
	choose, judge, by := bestVal, bestTest, "on validation"
	ranked := v.ranked(choose)
	if len(ranked) == 0 {
		choose, judge, by = testFirst, testFirst, fmt.Sprintf("in test %s, for want of a validation split", in.name())
		ranked = v.ranked(choose)
	}
	if len(ranked) == 0 {
		return fmt.Sprintf("No run has finished with %s to compare.", in.indefinite()), nil
	}
	top := ranked[0]
	if len(v.groups) == 1 {
		return v.ofSeeds(top), nil
	}
	among := ""
	if slices.ContainsFunc(v.runs, func(r *train.SavedRun) bool { return r.Result == nil }) {
		among = "Of the finished runs, "
	}
	level := 1
	for level < len(ranked) && ranked[level].mean(choose) == top.mean(choose) {
		level++
	}
	if level > 1 {
		var names []string
		for _, g := range ranked[:level] {
			names = append(names, g.name)
		}
		head = fmt.Sprintf("%s%s are level %s, at %s.", among, join(names), by, in.meanText(top.over(), choose))
	} else {
		head = fmt.Sprintf("%s%s is best %s, at %s.", among, top.name, by, in.meanText(top.over(), choose))
	}
	return head, v.besideTop(ranked, judge)
}

// ofSeeds is the headline of runs that differ in their seeds alone.
func (v *runsView) ofSeeds(g *group) string {
	n := len(g.over())
	if test := g.in.meanText(g.over(), testFirst); test != "–" {
		return fmt.Sprintf("Test %s %s over %s.", g.in.name(), test, plural(n, "seed"))
	}
	return fmt.Sprintf("Best validation %s %s over %s.", g.in.name(), g.in.meanText(g.over(), bestVal), plural(n, "seed"))
}

// besideTop says each group's measure on the test split, and how it differs from the first's by seeds
// that both have.
func (v *runsView) besideTop(ranked []*group, judge func(*train.SavedRun) float64) (said []string) {
	const most = 8
	for i, g := range ranked {
		if i == most {
			return append(said, fmt.Sprintf("and %d more in the table.", len(ranked)-most))
		}
		test := g.in.meanText(g.over(), judge)
		if test == "–" {
			continue
		}
		s := fmt.Sprintf("%s: %s on the test split", g.name, test)
		if i > 0 {
			s += ", " + contrast{analysis.DifferenceOf(g.paired(ranked[0], judge), g.in.Better), g.in}.beside(ranked[0].name, len(g.over()))
		}
		said = append(said, s+".")
	}
	return said
}

// ranked lists the groups that have finished runs with a value, best first.
func (v *runsView) ranked(value func(*train.SavedRun) float64) []*group {
	ranked := slices.DeleteFunc(slices.Clone(v.groups), func(g *group) bool {
		_, ok := meanOver(g.over(), value)
		return !ok
	})
	slices.SortStableFunc(ranked, func(a, b *group) int {
		if v.in().Better == train.Lower {
			a, b = b, a
		}
		return cmp.Compare(b.mean(value), a.mean(value))
	})
	return ranked
}

func (g *group) mean(value func(*train.SavedRun) float64) float64 {
	m, _ := meanOver(g.over(), value)
	return m.Value
}

// paired lists differences of g and h by seed.
func (g *group) paired(h *group, value func(*train.SavedRun) float64) (d []float64) {
	for _, a := range g.over() {
		for _, b := range h.over() {
			if x := value(a) - value(b); a.Config.Seed == b.Config.Seed && finite(x) {
				d = append(d, x)
			}
		}
	}
	return d
}

// saidOfData warns of measures that are not of the same examples.
func (v *runsView) saidOfData() string {
	decides := map[string]bool{} // names of settings that decide which examples a run sees
	for _, r := range v.runs {
		for _, s := range train.Settings(&r.Config) {
			decides[s.Name] = decides[s.Name] || s.Is("examples")
		}
	}
	var names []string
	for _, i := range v.differ {
		if name := v.settings[v.runs[0]][i].Name; decides[name] {
			names = append(names, name)
		}
	}
	if names == nil {
		return ""
	}
	what := "measures"
	if v.in().accurate() {
		what = "accuracies"
	}
	return fmt.Sprintf("The runs differ in %s: their %s are not of the same examples.", join(names), what)
}

// saidOfChance warns of differences that one seed can't show.
func (v *runsView) saidOfChance() string {
	seeds := 0
	for _, g := range v.groups {
		seeds = max(seeds, len(g.over()))
	}
	if len(v.groups) < 2 || seeds == 0 || seeds >= analysis.FewSeeds {
		return ""
	}
	return fmt.Sprintf("%s each: too few to tell a difference from chance.", upper(plural(seeds, "seed")))
}

// saidOfEnds names the runs that did not end well, the first few.
func (v *runsView) saidOfEnds() (said []string) {
	const most = 8
	more := 0
	for _, r := range v.runs {
		s := r.Status
		switch {
		case s.State == train.Finished || s.State == train.Running:
			continue
		case len(said) == most:
			more++
			continue
		}
		text := fmt.Sprintf("%s: %s after step %d of %d", v.names[r], s.State, s.Step, s.Steps)
		if s.Error != "" {
			text += ": " + s.Error
		}
		said = append(said, text+".")
	}
	if more > 0 {
		said = append(said, fmt.Sprintf("and %d more that did not finish.", more))
	}
	return said
}

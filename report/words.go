package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// Words are what a comparison shows, said by rule from its numbers.
type Words struct {
	Notice   string   // of an interrupted comparison, else empty
	Headline string   // one sentence or two
	Summary  []string // what the headline rests on, a sentence each
	Findings []Finding
}

// A Finding is a few sentences on one question.
type Finding struct {
	Title string
	Text  []string
}

// Limits of the rules.
const (
	mild = .3  // alpha·|g| below which M-SAM is nearly SAM
	kept = 1.2 // actual over allowed ascent up to which a budget counts as nearly kept
)

// Describe says what a comparison shows.
func Describe(c *study.Comparison) Words { return sheetOf(c).words() }

func (v *view) words() Words {
	w := Words{Notice: v.notice()}
	w.Headline, w.Summary = v.headline()
	w.Summary = slices.Concat(v.caveats(), w.Summary, v.sayCorrected())
	for _, f := range []Finding{
		{"Best " + v.in.name(), v.sayBest()},
		{"How much radius each forgives", v.sayRange()},
		{"Where training breaks", v.sayBreaks()},
		{"Whether M-SAM differed from SAM at all", v.sayDifference()},
		{"Ascent asked for, and got", v.sayAscent()},
		{"Cost", v.sayCost()},
		{"How far this goes", v.sayLimits()},
	} {
		if len(f.Text) > 0 {
			w.Findings = append(w.Findings, f)
		}
	}
	return w
}

// notice says what became of the planned runs that are in no mean, "" if there are none.
func (v *view) notice() string {
	if len(v.Rows) >= v.Planned {
		return ""
	}
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
	why := ""
	if len(said) > 0 {
		why = " (" + join(said) + ")"
	}
	return fmt.Sprintf("%d of %s are over%s. Everything below is about those alone; means of different radii may be over different %ss.",
		len(v.Rows), plural(v.Planned, "planned run"), why, v.in.one())
}

// contrast is a difference of two methods, or of runs, in the scale that it was measured in.
type contrast struct {
	analysis.Difference
	in scale
}

func (c contrast) String() string {
	switch c.N {
	case 0:
		return "no " + c.in.one() + " in common"
	case 1:
		return c.in.diff(c.Mean) + c.in.unit() + ", one " + c.in.one()
	}
	return fmt.Sprintf("%s%s over %s", c.in.diffs(c.Mean, c.Stderr), c.in.unit(), c.in.repeats(c.N))
}

// say puts a contrast of m and r in words.
func (c contrast) say(m, r *method) string {
	switch c.Verdict {
	case analysis.Ahead:
		return fmt.Sprintf("%s is %s than %s (%s)", m.name, c.in.better(), r.name, c)
	case analysis.Behind:
		return fmt.Sprintf("%s is %s than %s (%s)", m.name, c.in.worse(), r.name, c)
	case analysis.Tie:
		return fmt.Sprintf("%s is within noise of %s in %s (%s)", m.name, r.name, c.in.name(), c)
	}
	return fmt.Sprintf("%s and %s can't be told apart in %s with so few %ss (%s)", m.name, r.name, c.in.name(), c.in.one(), c)
}

// beside is a contrast with a rival in few words. It says the number of seeds where that is
// not the one expected.
func (c contrast) beside(rival string, seeds int) string {
	if c.N == 0 {
		return "no " + c.in.one() + " in common with " + rival
	}
	s := c.in.diff(c.Mean)
	if c.N > 1 {
		s = c.in.diffs(c.Mean, c.Stderr)
	}
	s += c.in.unit() + " beside " + rival
	if c.N != seeds || c.N == 1 {
		s += fmt.Sprintf(" (n = %d)", c.N)
	}
	if c.Verdict == analysis.Unknown && seeds < analysis.FewSeeds {
		return s // which is then said of all
	}
	return s + ", " + c.in.verdict(c.Verdict)
}

// rival is whom the subject of a comparison is held against: SAM, or the base optimizer, or
// whoever is there.
func (v *view) rival() *method {
	for _, name := range []string{"sam", study.Unperturbed} {
		if m := v.find(name); m != nil {
			return m
		}
	}
	subject := v.Subject()
	for _, m := range v.methods {
		if m.Method != subject {
			return m
		}
	}
	return nil
}

func (v *view) headline() (head string, summary []string) {
	ms, rival := v.featured(), v.rival()
	broken := 0
	for _, m := range v.methods {
		broken += min(m.Diverged, m.Runs)
	}
	switch {
	case len(v.methods) == 0:
		return "No run has finished, so there is nothing to say yet.", nil
	case broken == len(v.Rows):
		return fmt.Sprintf("Every run broke, so nothing can be said about %s. A lower learning rate or smaller radii may help.", v.in.name()), nil
	case v.in.Measure.Name == "":
		return "There is nothing to compare: no run was measured on examples that it was not trained on.", nil
	case len(ms) == 0:
		return "M-SAM is not among the compared methods.", []string{v.leader()}
	case rival == nil:
		return fmt.Sprintf("There is no other method to hold %s against.", ms[0].plain()), []string{v.leader()}
	}
	for _, m := range ms {
		if rise, _ := m.OverBudget(); rise > kept {
			summary = append(summary, m.sayBudget(v.of.after()))
		}
	}
	for _, m := range ms {
		summary = append(summary, upper(v.hold(m, rival))+".")
	}
	if base := v.alone(); base != nil && base != rival && !base.AllBroke() {
		summary = append(summary, upper(v.beside(ms, base))+".")
	}
	return v.opening(ms, rival), summary
}

// leader names the best mean.
func (v *view) leader() string {
	top := slices.MinFunc(v.methods, func(a, b *method) int { return v.Order(a.Test, b.Test) })
	return fmt.Sprintf("The %s mean %s is that of %s, %s.", v.in.top(), v.in.name(), top.name, top.score())
}

// opening is the shortest account of the subject beside its rival.
func (v *view) opening(ms []*method, rival *method) string {
	trained := slices.DeleteFunc(slices.Clone(ms), func(m *method) bool { return m.AllBroke() })
	base, name := v.alone(), ms[0].plain()
	beaten := func(m *method) bool {
		return base != nil && !base.AllBroke() && m.against(base).Verdict == analysis.Behind
	}
	switch {
	case len(trained) == 0:
		return name + " breaks in every run here."
	case len(slices.DeleteFunc(slices.Clone(trained), beaten)) == 0:
		return fmt.Sprintf("%s does not win here: %s alone is %s.", name, base.name, v.in.better())
	case rival.AllBroke():
		return fmt.Sprintf("%s where every run of %s breaks.", who(trained, "train"), rival.name)
	}
	return v.compared(trained, rival)
}

// plain is the name of the method, whatever its budget and variant.
func (m *method) plain() string { return analysis.MethodLabel(m.Method) }

// compared is the opening where the subject and its rival have runs that did not break.
func (v *view) compared(ms []*method, rival *method) string {
	var better, tougher, neither []*method
	decided, costs := false, false
	for _, m := range ms {
		c := m.against(rival)
		decided = decided || c.Verdict != analysis.Unknown
		gains, forgives := c.Verdict == analysis.Ahead, rival.Perturbs() && later(m, rival)
		if gains {
			better = append(better, m)
		}
		if forgives {
			tougher = append(tougher, m)
			costs = costs || c.Verdict == analysis.Behind
		}
		if !gains && !forgives && c.Verdict != analysis.Unknown {
			neither = append(neither, m)
		}
	}
	var said string
	name, in := ms[0].plain(), v.in.name()
	over := in + " over " + rival.name // what is gained
	if !v.in.accurate() {
		over = "in " + over
	}
	switch {
	case len(better) > 0 && len(tougher) > 0:
		said = fmt.Sprintf("%s %s here, and %s larger radii.", who(better, "gain"), over, who(tougher, "forgive"))
	case len(better) > 0:
		said = fmt.Sprintf("%s %s here.", who(better, "gain"), over)
	case len(tougher) > 0 && costs:
		said = fmt.Sprintf("%s larger radii than %s here, at a cost in %s.", who(tougher, "forgive"), rival.name, in)
	case len(tougher) > 0:
		said = fmt.Sprintf("%s larger radii than %s here; a gain in %s is not shown.", who(tougher, "forgive"), rival.name, in)
	case !decided && rival.Perturbs():
		return fmt.Sprintf("%s, and %s forgives no larger radii here.", v.tooFew(), name)
	case !decided:
		return v.tooFew() + "."
	default:
		return name + " does not win here."
	}
	switch len(neither) {
	case 0:
		return said
	case 1:
		return fmt.Sprintf("%s %s does not win.", said, upper(neither[0].full()))
	}
	return fmt.Sprintf("%s %s not win.", said, who(neither, "do"))
}

func (v *view) tooFew() string {
	if v.in.accurate() {
		return "Too few seeds to tell the accuracies apart"
	}
	return fmt.Sprintf("Too few seeds to tell the methods apart in %s", v.in.name())
}

// full is a variant's name beside others.
func (m *method) full() string {
	if m.AscentBudget == nil && m.Sweep == "" && m.Variant == "" {
		return "plain " + m.name
	}
	return m.name
}

// later reports whether m breaks at a larger radius than r, or not at all where r does.
func later(m, r *method) bool {
	a, _ := m.Breaks()
	b, _ := r.Breaks()
	return m.Sweep == r.Sweep && a > b && m.Largest() >= b
}

// who names some of a method's variants together, with what they do.
func who(ms []*method, verb string) string {
	if len(ms) == 1 {
		return ms[0].name + " " + verb + "s"
	}
	names := make([]string, len(ms))
	for i, m := range ms {
		names[i] = m.full()
	}
	return upper(join(names)) + " " + verb
}

// hold sets one variant of the subject against its rival, in the measure and in radius.
func (v *view) hold(m, r *method) string {
	switch {
	case m.AllBroke():
		return m.name + " breaks in every run"
	case r.AllBroke():
		return fmt.Sprintf("%s reaches %s, where every run of %s breaks", m.name, m.score(), r.name)
	}
	c := m.against(r)
	said, it, but := c.say(m, r), "it", "but"
	if c.Verdict == analysis.Ahead {
		but = "and"
	}
	if c.Verdict == analysis.Unknown {
		it = m.name
	}
	a, _ := m.Breaks()
	b, _ := r.Breaks()
	limit := "up to " + m.where(m.Largest())
	if len(m.Points) == 1 {
		limit = "at " + m.where(m.Largest())
	}
	apart := !r.Perturbs() || m.Sweep != r.Sweep // without radii to compare
	switch {
	case apart && math.IsInf(a, 1):
		return fmt.Sprintf("%s, and %s does not break %s", said, it, limit)
	case apart:
		return fmt.Sprintf("%s, and %s breaks from %s on", said, it, m.where(a))
	case math.IsInf(a, 1) && math.IsInf(b, 1):
		return fmt.Sprintf("%s, and neither breaks %s", said, limit)
	case a == b:
		return fmt.Sprintf("%s, and both break from rho %s on", said, num(a))
	case math.IsInf(a, 1):
		return fmt.Sprintf("%s, %s %s trains at every radius up to %s, where %s breaks from rho %s on", said, but, it, num(m.Largest()), r.name, num(b))
	case a > b:
		return fmt.Sprintf("%s, %s %s breaks only from rho %s on, %s from %s", said, but, it, num(a), r.name, num(b))
	case math.IsInf(b, 1):
		return fmt.Sprintf("%s, and %s breaks from rho %s on, %s at no radius up to %s", said, it, num(a), r.name, num(r.Largest()))
	}
	return fmt.Sprintf("%s, and %s breaks already from rho %s on, %s only from %s", said, it, num(a), r.name, num(b))
}

// beside sets several methods against the base optimizer.
func (v *view) beside(ms []*method, base *method) string {
	groups := map[analysis.Verdict][]string{}
	for _, m := range ms {
		if !m.AllBroke() {
			k := m.against(base).Verdict
			groups[k] = append(groups[k], m.name)
		}
	}
	var parts []string
	for _, g := range []struct {
		v    analysis.Verdict
		said string
	}{{analysis.Ahead, v.in.better() + " than"}, {analysis.Tie, "within noise of"}, {analysis.Behind, v.in.worse() + " than"}, {analysis.Unknown, "not to be told from"}} {
		if names := groups[g.v]; len(names) > 0 {
			verb := "is"
			if len(names) > 1 {
				verb = "are"
			}
			parts = append(parts, fmt.Sprintf("%s %s %s %s alone", join(names), verb, g.said, base.name))
		}
	}
	if len(parts) == 0 {
		return base.name + " alone reaches " + base.score()
	}
	return fmt.Sprintf("%s (%s)", strings.Join(parts, ", "), base.score())
}

// score is the measure on the test split at the best radius with its error, if it has one.
func (m *method) score() string {
	b := m.Best()
	if b.Runs < 2 {
		return m.in.value(b.Test) + ", n = 1"
	}
	return m.in.mean(b.Test, b.TestStderr)
}

func (v *view) sayBest() (text []string) {
	var ranked []*method
	for _, m := range v.methods {
		if m.AllBroke() {
			text = append(text, fmt.Sprintf("Every run of %s broke; its %s says nothing.", m.name, v.in.name()))
			continue
		}
		ranked = append(ranked, m)
	}
	if len(ranked) == 0 {
		return text
	}
	slices.SortStableFunc(ranked, func(a, b *method) int { return v.Order(a.Test, b.Test) })
	var list []string
	for _, m := range ranked {
		s := m.name
		if m.Perturbs() {
			s += " at " + m.where(m.BestRho)
		}
		s += ": " + m.score()
		if n := m.Best().Runs; n > 1 && n != v.Plan.Seeds {
			s += fmt.Sprintf(", n = %d", n)
		}
		list = append(list, s)
	}
	text = append([]string{fmt.Sprintf("Mean test %s at the radius that validation chose. ", v.in.name()) + strings.Join(list, "; ") + "."}, text...)
	text = append(text, v.sayPairs(ranked)...)
	var edges []clause
	for _, m := range ranked {
		edges = append(edges, m.edges()...)
	}
	return append(text, merge(edges)...)
}

// sayPairs compares the subject with everybody else, and everybody else with the base
// optimizer, a method at a time.
func (v *view) sayPairs(ranked []*method) (text []string) {
	subject := v.Subject()
	for _, m := range v.methods {
		var said []string
		for _, r := range v.methods {
			own := m.Method == subject && r.Method != subject
			other := m.Method != subject && m.Perturbs() && !r.Perturbs()
			if (own || other) && slices.Contains(ranked, m) && slices.Contains(ranked, r) {
				said = append(said, m.against(r).beside(r.name, v.Plan.Seeds))
			}
		}
		if len(said) > 0 {
			text = append(text, fmt.Sprintf("%s: %s.", m.name, strings.Join(said, "; ")))
		}
	}
	if len(text) == 0 {
		return nil
	}
	rule := "± is one standard error. Differences are paired by " + v.in.one() + ", and count only beyond the 95% limit of Student's t"
	if n := v.Plan.Seeds; n >= analysis.FewSeeds {
		t := analysis.StudentsT(n)
		rule += fmt.Sprintf(" (%.1f standard errors with %s)", t, v.in.repeats(n))
	}
	return append(text, fmt.Sprintf("%s; with fewer than %d %ss none does.", rule, analysis.FewSeeds, v.in.one()))
}

// sayCorrected says which differences count once their number is reckoned with.
func (v *view) sayCorrected() []string {
	list := v.Contrasts()
	n, counts := analysis.Judged(list), 0
	var stand []string
	for _, k := range list {
		if k.Counts() {
			counts++
		}
		if k.Stands() {
			stand = append(stand, fmt.Sprintf("%s beside %s (%s%s, p %s)", k.Method, k.Against, v.in.diff(float64(k.Difference)), v.in.unit(), chance(float64(k.Corrected))))
		}
	}
	if n < 2 {
		return nil
	}
	said := fmt.Sprintf("Corrected for all %d comparisons of the table of differences at once (Holm 1979)", n)
	switch {
	case counts == 0:
		return []string{said + ", none counts either."}
	case len(stand) == 0:
		return []string{fmt.Sprintf("%s, the differences that count go from %d to none.", said, counts)}
	}
	said = fmt.Sprintf("%s, the differences that count go from %d to %d", said, counts, len(stand))
	if len(stand) > mostSaid {
		return []string{said + ", which the table names."}
	}
	return []string{fmt.Sprintf("%s: %s.", said, join(stand))}
}

// mostSaid is how many differences a sentence may list.
const mostSaid = 8

// edges warn of a best radius that is the first or last tried, or where runs broke.
func (m *method) edges() (said []clause) {
	if !m.Perturbs() {
		return nil
	}
	kind, _ := m.kind()
	if n := len(m.Points); n > 1 && m.BestRho == m.Points[0].Rho {
		said = append(said, clause{m.name, "is", "are", fmt.Sprintf("best at the smallest %s tried; a smaller one may be better", kind)})
	} else if n > 1 && m.BestRho == m.Largest() {
		said = append(said, clause{m.name, "is", "are", fmt.Sprintf("best at the largest %s tried; a larger one may be better", kind)})
	}
	if b := m.Best(); b.Diverged > 0 {
		said = append(said, clause{m.name, "had", "had", fmt.Sprintf("%d of %s break at its best %s", b.Diverged, plural(b.Runs, "run"), kind)})
	}
	return said
}

func (v *view) sayRange() (text []string) {
	var ranged []*method // over radii
	var said []clause
	for _, m := range v.methods {
		if !m.Perturbs() || m.AllBroke() || len(m.Points) < 2 {
			continue
		}
		c := m.width()
		c.rest += v.use(m)
		said = append(said, c)
		if m.Sweep == "" {
			ranged = append(ranged, m)
		}
	}
	text = merge(said)
	if len(ranged) < 2 {
		return text
	}
	slices.SortStableFunc(ranged, func(a, b *method) int { return cmp.Compare(b.WidthDecades, a.WidthDecades) })
	if widest := ranged[0]; widest.WidthDecades > ranged[1].WidthDecades+.05 {
		text = append(text, fmt.Sprintf("%s forgives the radius most, measured from its own best.", widest.name))
	}
	return text
}

// clause is a sentence of one method, whose verb several methods together may need in
// another form.
type clause struct{ name, one, many, rest string }

// merge makes sentences, one of all methods of which the same is true.
func merge(clauses []clause) (text []string) {
	for i, c := range clauses {
		same := func(d clause) bool { return d.one == c.one && d.rest == c.rest }
		if slices.ContainsFunc(clauses[:i], same) {
			continue
		}
		var names []string
		for _, d := range clauses[i:] {
			if same(d) {
				names = append(names, d.name)
			}
		}
		verb := c.one
		if len(names) > 1 {
			verb = c.many
		}
		text = append(text, fmt.Sprintf("%s %s %s.", join(names), verb, c.rest))
	}
	return text
}

// width says over which radii a method stays near its own best.
func (m *method) width() clause {
	if m.Range[0] == m.Range[1] {
		return clause{m.name, "comes", "come", fmt.Sprintf("within %s of the method's own best at %s only", m.in.near(), m.where(m.Range[0]))}
	}
	least := ""
	if m.OpenLow || m.OpenHigh {
		least = "at least "
	}
	return clause{m.name, "stays", "stay", fmt.Sprintf("within %s of the method's own best from %s to %s, %s%.1f decades",
		m.in.near(), m.where(m.Range[0]), num(m.Range[1]), least, m.WidthDecades)}
}

// use says at which radii a method's mean is better than the base optimizer's.
func (v *view) use(m *method) string {
	base := v.alone()
	if base == nil || base.AllBroke() {
		return ""
	}
	use := m.Use(base.ran)
	beyond := v.in.beyond() + " that of " + base.name
	above := "; the mean is " + beyond
	kind, _ := m.kind()
	switch {
	case len(use) == 0:
		return "; at no " + kind + " is the mean " + beyond
	case len(use) == len(m.Points):
		return above + " at every " + kind
	case len(use) == 1:
		return above + " at " + m.where(use[0]) + " only"
	case m.unbroken(use):
		return fmt.Sprintf("%s from %s to %s", above, m.where(use[0]), num(use[len(use)-1]))
	}
	list := make([]string, len(use))
	for i, x := range use {
		list[i] = num(x)
	}
	return above + " at " + m.Setting() + " " + join(list)
}

// unbroken reports whether some of a method's places are all that it has between them.
func (m *method) unbroken(places []float64) bool {
	n := 0
	for _, p := range m.Points {
		if p.Rho >= places[0] && p.Rho <= places[len(places)-1] {
			n++
		}
	}
	return n == len(places)
}

func (v *view) sayBreaks() []string {
	var said []clause
	for _, m := range v.methods {
		switch first, _ := m.Breaks(); {
		case !math.IsInf(first, 1):
			said = append(said, m.sayBreak())
		case m.Perturbs():
			kind, _ := m.kind()
			c := clause{m.name, "does", "do", "not break at any " + kind + " tried, up to " + num(m.Largest())}
			if len(m.Points) == 1 {
				c.rest = "not break at " + m.where(m.Largest()) + ", the only " + kind + " tried"
			}
			said = append(said, c)
		}
	}
	return append(merge(said), v.sayHow()...)
}

// sayBreak says where a method breaks.
func (m *method) sayBreak() clause {
	first, all := m.Breaks()
	p := m.Point(first)
	runs := fmt.Sprintf("%d of %s", p.Diverged, plural(p.Runs, "run"))
	c := clause{m.name, "breaks", "break", ""}
	kind, _ := m.kind()
	switch {
	case !m.Perturbs():
		c.rest = fmt.Sprintf("without any perturbation (%s): the settings are too much for training as such", runs)
	case len(m.Points) == 1:
		c.rest = fmt.Sprintf("at %s, the only %s tried (%s)", m.where(first), kind, runs)
	case first == m.Largest():
		c.rest = fmt.Sprintf("at %s, the largest tried (%s)", m.where(first), runs)
	case first == all:
		c.rest = fmt.Sprintf("in every run from %s on", m.where(first))
	case math.IsInf(all, 1):
		c.rest = fmt.Sprintf("first at %s (%s), though not in every run at the largest, %s", m.where(first), runs, num(m.Largest()))
	default:
		c.rest = fmt.Sprintf("first at %s (%s), and in every run from %s on", m.where(first), runs, m.where(all))
	}
	return c
}

// sayHow says how the runs that broke ended.
func (v *view) sayHow() (text []string) {
	collapsed, infinite := 0, 0
	for _, r := range v.Rows {
		switch {
		case r.Diverged && r.Result != nil:
			collapsed++
		case r.Diverged:
			infinite++
		}
	}
	lost := cmp.Or(v.of.lost, "came to no more than guessing")
	switch all := plural(collapsed+infinite, "run"); {
	case collapsed > 0 && infinite > 0:
		text = append(text, fmt.Sprintf("Of the %s that broke, %d %s and %d met a NaN or an infinity.", all, collapsed, lost, infinite))
	case collapsed > 0:
		text = append(text, fmt.Sprintf("Broken runs (%d) all %s.", collapsed, lost))
	case infinite > 0:
		text = append(text, fmt.Sprintf("Broken runs (%d) all met a NaN or an infinity.", infinite))
	}
	if infinite > 0 {
		text = append(text, v.sayCounted())
	}
	return text
}

// sayCounted says how runs that met a NaN or an infinity count in means.
func (v *view) sayCounted() string {
	if _, known := v.in.reference(); known {
		return fmt.Sprintf("A run that met a NaN or an infinity counts with the %s of guessing, %s.", v.in.name(), v.in.value(v.in.Chance))
	}
	return fmt.Sprintf("A run that met a NaN or an infinity is in no mean: the %s of guessing is not known.", v.in.name())
}

func (v *view) sayDifference() (text []string) {
	for _, m := range v.methods {
		if !m.LossAxis() || m.Sweep != "" { // no radius to differ at
			continue
		}
		if m.AllBroke() {
			text = append(text, fmt.Sprintf("%s: every run broke, so this was not judged.", m.name))
			continue
		}
		top, from, near := 0., math.Inf(1), true
		best := 0.
		for _, p := range m.Points {
			if p.Diverged == p.Runs {
				continue
			}
			ratio := m.Alpha(p.Rho) * most(analysis.ByEpoch(m.Whole(p.Rho), gradNorm))
			if !finite(ratio) {
				continue
			}
			if top = max(top, ratio); ratio >= mild && near {
				near, from = false, p.Rho
			}
			if p.Rho == m.BestRho {
				best = ratio
			}
		}
		text = append(text, m.sayRatio(top, best, from))
	}
	if len(text) > 0 {
		text = append(text, "M-SAM divides SAM's perturbation by sqrt(1 + (alpha·|g|)²): it differs only where |g| is not small beside 1/alpha. |g| here is the mean over an epoch and the "+v.in.one()+"s, of runs that did not break.")
	}
	return text
}

// sayRatio says how far alpha·|g| brought a variant of M-SAM from SAM: at most over all
// radii, at the best one, and from which on it mattered.
func (m *method) sayRatio(top, best, from float64) string {
	reached := fmt.Sprintf("alpha·|g| reaches %s", num(top))
	switch {
	case top == 0:
		return m.name + ": |g| is not known."
	case top < mild:
		return fmt.Sprintf("%s and SAM are nearly the same perturbation here: %s at most, so M-SAM's is never more than %s shorter.", m.name, reached, shorter(top))
	case top < 1:
		return fmt.Sprintf("%s differs from SAM mildly: %s, so its perturbation is up to %s shorter (%s at its best radius).", m.name, reached, shorter(top), shorter(best))
	case from > m.Points[0].Rho:
		return fmt.Sprintf("%s differs from SAM from rho %s on: %s, which shortens its perturbation %s-fold (at its best radius by up to %s).", m.name, num(from), reached, num(math.Hypot(1, top)), shorter(best))
	}
	return fmt.Sprintf("%s differs from SAM: %s, which shortens its perturbation up to %s-fold (at its best radius by up to %s).", m.name, reached, num(math.Hypot(1, top)), shorter(best))
}

// shorter is the share by which alpha·|g| shortens SAM's perturbation.
func shorter(ratio float64) string {
	share := 100 * (1 - 1/math.Hypot(1, ratio))
	switch {
	case share < 1:
		return fmt.Sprintf("%.1g%%", share)
	case share > 99:
		return fmt.Sprintf("%.1f%%", share)
	}
	return fmt.Sprintf("%.0f%%", share)
}

func (v *view) sayAscent() (text []string) {
	for _, m := range v.methods {
		if !m.Perturbs() || m.AllBroke() {
			continue
		}
		rows := m.Whole(m.BestRho)
		want, got := analysis.Overall(analysis.ByEpoch(rows, predicted)), analysis.Overall(analysis.ByEpoch(rows, ascent))
		if want > 0 && finite(got) {
			text = append(text, fmt.Sprintf("%s at %s: predicted %s%s, actual %s, %s times the prediction.", m.name, m.where(m.BestRho), num(want), v.of.after(), num(got), num(got/want)))
		}
	}
	for _, m := range v.methods {
		if s := m.sayBudget(v.of.after()); s != "" {
			text = append(text, s)
		}
	}
	return text
}

// sayBudget says whether the loss, of this unit, rose by no more than a budget, at all points.
func (m *method) sayBudget(unit string) string {
	top, at := m.OverBudget()
	switch {
	case math.IsInf(top, -1):
		return ""
	case m.Sweep != "" && top <= 1:
		return fmt.Sprintf("%s kept every budget: the loss rose by %s times what was asked for at most (budget %s, mean of the training).", m.name, num(top), num(at))
	case m.Sweep != "" && top <= kept:
		return fmt.Sprintf("%s nearly kept its budgets: the loss rose by %.1f%% more than asked for at most (budget %s, mean of the training).", m.name, 100*(top-1), num(at))
	case m.Sweep != "":
		return fmt.Sprintf("%s bounds only the linear prediction: at budget %s the loss rose by %s times what was asked for.", m.name, num(at), num(top))
	}
	switch b := *m.AscentBudget; {
	case top <= 1:
		return fmt.Sprintf("The budget of %s%s was kept at every radius: the loss rose by %s at most (rho %s, mean of the training).", num(b), unit, num(top*b), num(at))
	case top <= kept:
		return fmt.Sprintf("The budget of %s%s was nearly kept: the loss rose by %s at most, %.1f%% more (rho %s, mean of the training).", num(b), unit, num(top*b), 100*(top-1), num(at))
	default:
		return fmt.Sprintf("The budget of %s%s bounds only the linear prediction: at rho %s the loss rose by %s, %s times the budget.", num(b), unit, num(at), num(top*b), num(top))
	}
}

func (v *view) sayCost() (text []string) {
	base := v.alone()
	var said []string
	for _, m := range v.methods {
		if m != base && base != nil && m.StepRatio > 0 && finite(m.StepRatio) {
			said = append(said, fmt.Sprintf("%s %.1f", m.name, m.StepRatio))
		}
	}
	if len(said) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("A step costs, in times of a step of %s: %s. Two gradients a step make about 2; runs beside each other on one machine blur it.",
		base.name, strings.Join(said, ", "))}
}

func (v *view) sayLimits() []string {
	if len(v.methods) == 0 {
		return v.Study.Notes
	}
	first := fmt.Sprintf("One data set, one network, %s: other settings may turn the order round.", v.in.repeats(v.Plan.Seeds))
	switch {
	case v.Study.Folds > 0:
		first += " Runs on different folds share most of their training examples, so that their spread says too little of how far other data would differ (Bengio and Grandvalet 2004)."
	case v.Plan.Seeds > 1 && v.Data.Test > 0:
		first += fmt.Sprintf(" All runs are tested on the same %d examples, whose own chance is not in the error bars.", v.Data.Test)
	}
	return append([]string{first,
		fmt.Sprintf("Flatter is not always better: sharpness need not go with worse generalization (Dinh et al. 2017, arXiv 1703.04933; Andriushchenko et al. 2023, arXiv 2302.07011). What counts here is the %s, not the flatness.", v.in.name())},
		v.Study.Notes...)
}

// upper begins a sentence with a capital.
func upper(s string) string {
	if s == "" {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/monge-ml/monge/study"
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
	fewSeeds = 3   // with fewer, no difference is called one
	mild     = .3  // alpha·|g| below which M-SAM is nearly SAM
	kept     = 1.2 // actual over allowed ascent up to which a budget counts as nearly kept
)

// Describe says what a comparison shows.
func Describe(c *study.Comparison) Words {
	if c.Aligned() {
		return newAlignmentView(c).words()
	}
	v := newView(c)
	w := Words{Notice: v.notice()}
	w.Headline, w.Summary = v.headline()
	w.Summary = append(v.caveats(), w.Summary...)
	for _, f := range []Finding{
		{"Best accuracy", v.sayAccuracy()},
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

func (v *view) notice() string {
	if len(v.Rows) >= v.Planned {
		return ""
	}
	if v.Study != nil {
		return v.unfinished()
	}
	return fmt.Sprintf("This comparison was interrupted: %d of %s finished. Everything below is about those alone; "+
		"means of different radii may be over different seeds.", len(v.Rows), plural(v.Planned, "planned run"))
}

// verdict is the outcome of a paired comparison.
type verdict int

const (
	unknown verdict = iota // too few seeds
	tie
	ahead
	behind
)

// contrast is the difference of two methods' test accuracies, each at the radius that its
// validation chose, paired by seed.
type contrast struct {
	diff, se  float64
	low, high float64 // of the 95% interval; NaN for fewer than two seeds
	n         int
	verdict   verdict
}

// against compares m with r, each where validation chose it.
func (m *method) against(r *method) contrast { return paired(m.at(m.BestRho), r.at(r.BestRho)) }

// paired compares runs with others of the same seeds.
func paired(runs, others []study.Row) contrast {
	var d []float64
	for _, a := range runs {
		for _, b := range others {
			if a.Seed == b.Seed {
				d = append(d, a.TestAccuracy-b.TestAccuracy)
			}
		}
	}
	return contrastOf(d)
}

// contrastOf judges paired differences. They count if Student's t, which asks for more than
// two standard errors and for far more with few seeds, puts their mean beyond chance at 5%.
func contrastOf(d []float64) contrast {
	c := contrast{n: len(d), low: math.NaN(), high: math.NaN()}
	if c.n == 0 {
		return c
	}
	mean := meanOf(d)
	c.diff, c.se = mean.value, mean.se
	if c.n == 1 {
		return c
	}
	limit := distuv.StudentsT{Sigma: 1, Nu: float64(c.n - 1)}.Quantile(.975) * c.se
	c.low, c.high = c.diff-limit, c.diff+limit
	switch {
	case c.n < fewSeeds:
	case c.low > 0:
		c.verdict = ahead
	case c.high < 0:
		c.verdict = behind
	default:
		c.verdict = tie
	}
	return c
}

func (c contrast) String() string {
	switch c.n {
	case 0:
		return "no seed in common"
	case 1:
		return points(c.diff) + " points, one seed"
	}
	return fmt.Sprintf("%s ± %.1f points over %d seeds", points(c.diff), 100*c.se, c.n)
}

// say puts a contrast of m and r in words.
func (c contrast) say(m, r *method) string {
	switch c.verdict {
	case ahead:
		return fmt.Sprintf("%s is more accurate than %s (%s)", m.name, r.name, c)
	case behind:
		return fmt.Sprintf("%s is less accurate than %s (%s)", m.name, r.name, c)
	case tie:
		return fmt.Sprintf("%s is within noise of %s in accuracy (%s)", m.name, r.name, c)
	}
	return fmt.Sprintf("%s and %s can't be told apart in accuracy with so few seeds (%s)", m.name, r.name, c)
}

// beside is a contrast with a rival in few words. It says the number of seeds where that is
// not the one expected.
func (c contrast) beside(rival string, seeds int) string {
	if c.n == 0 {
		return "no seed in common with " + rival
	}
	s := points(c.diff)
	if c.n > 1 {
		s += fmt.Sprintf(" ± %.1f", 100*c.se)
	}
	s += " points beside " + rival
	if c.n != seeds || c.n == 1 {
		s += fmt.Sprintf(" (n = %d)", c.n)
	}
	if c.verdict == unknown && seeds < fewSeeds {
		return s // which is then said of all
	}
	return s + ", " + map[verdict]string{unknown: "too few seeds", tie: "within noise", ahead: "more accurate", behind: "less accurate"}[c.verdict]
}

// rival is whom M-SAM is held against: SAM, or the base optimizer, or whoever is there.
func (v *view) rival() *method {
	for _, name := range []string{"sam", "sgd"} {
		if m := v.find(name); m != nil {
			return m
		}
	}
	for _, m := range v.methods {
		if m.Method != "m-sam" {
			return m
		}
	}
	return nil
}

func (v *view) headline() (head string, summary []string) {
	ms, rival := v.monge(), v.rival()
	broken := 0
	for _, m := range v.methods {
		broken += min(m.Diverged, m.Runs)
	}
	switch {
	case len(v.methods) == 0:
		return "No run has finished, so there is nothing to say yet.", nil
	case broken == len(v.Rows):
		return "Every run broke, so nothing can be said about accuracy. A lower learning rate or smaller radii may help.", nil
	case len(ms) == 0:
		return "M-SAM is not among the compared methods.", []string{v.leader()}
	case rival == nil:
		return "There is no other method to hold M-SAM against.", []string{v.leader()}
	}
	for _, m := range ms {
		if rise, _ := m.overBudget(); rise > kept {
			summary = append(summary, m.sayBudget())
		}
	}
	for _, m := range ms {
		summary = append(summary, upper(v.hold(m, rival))+".")
	}
	if base := v.find("sgd"); base != nil && base != rival && !base.allBroke() {
		summary = append(summary, upper(beside(ms, base))+".")
	}
	return v.opening(ms, rival), summary
}

// leader names the highest mean accuracy.
func (v *view) leader() string {
	top := slices.MaxFunc(v.methods, func(a, b *method) int { return sign(a.TestAccuracy - b.TestAccuracy) })
	return fmt.Sprintf("The highest mean accuracy is that of %s, %s.", top.name, top.accuracy())
}

func sign(x float64) int {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// opening is the shortest account of M-SAM beside its rival.
func (v *view) opening(ms []*method, rival *method) string {
	trained := slices.DeleteFunc(slices.Clone(ms), (*method).allBroke)
	base := v.find("sgd")
	beaten := func(m *method) bool {
		return base != nil && !base.allBroke() && m.against(base).verdict == behind
	}
	switch {
	case len(trained) == 0:
		return "M-SAM breaks in every run here."
	case len(slices.DeleteFunc(slices.Clone(trained), beaten)) == 0:
		return fmt.Sprintf("M-SAM does not win here: %s alone is more accurate.", base.name)
	case rival.allBroke():
		return fmt.Sprintf("%s where every run of %s breaks.", who(trained, "train"), rival.name)
	}
	return compared(trained, rival)
}

// compared is the opening where M-SAM and its rival have runs that did not break.
func compared(ms []*method, rival *method) string {
	var better, tougher, neither []*method
	decided, costs := false, false
	for _, m := range ms {
		c := m.against(rival)
		decided = decided || c.verdict != unknown
		gains, forgives := c.verdict == ahead, rival.perturbs() && later(m, rival)
		if gains {
			better = append(better, m)
		}
		if forgives {
			tougher = append(tougher, m)
			costs = costs || c.verdict == behind
		}
		if !gains && !forgives && c.verdict != unknown {
			neither = append(neither, m)
		}
	}
	var said string
	switch {
	case len(better) > 0 && len(tougher) > 0:
		said = fmt.Sprintf("%s accuracy over %s here, and %s larger radii.", who(better, "gain"), rival.name, who(tougher, "forgive"))
	case len(better) > 0:
		said = fmt.Sprintf("%s accuracy over %s here.", who(better, "gain"), rival.name)
	case len(tougher) > 0 && costs:
		said = fmt.Sprintf("%s larger radii than %s here, at a cost in accuracy.", who(tougher, "forgive"), rival.name)
	case len(tougher) > 0:
		said = fmt.Sprintf("%s larger radii than %s here; a gain in accuracy is not shown.", who(tougher, "forgive"), rival.name)
	case !decided && rival.perturbs():
		return "Too few seeds to tell the accuracies apart, and M-SAM forgives no larger radii here."
	case !decided:
		return "Too few seeds to tell the accuracies apart."
	default:
		return "M-SAM does not win here."
	}
	switch len(neither) {
	case 0:
		return said
	case 1:
		return fmt.Sprintf("%s %s does not win.", said, upper(neither[0].full()))
	}
	return fmt.Sprintf("%s %s not win.", said, who(neither, "do"))
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
	a, _ := m.breaks()
	b, _ := r.breaks()
	return m.Sweep == r.Sweep && a > b && m.tried() >= b
}

// tried is the method's largest radius.
func (m *method) tried() float64 { return m.Points[len(m.Points)-1].Rho }

// who names some of M-SAM's variants together, with what they do.
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

// hold sets one variant of M-SAM against its rival, in accuracy and in radius.
func (v *view) hold(m, r *method) string {
	switch {
	case m.allBroke():
		return m.name + " breaks in every run"
	case r.allBroke():
		return fmt.Sprintf("%s reaches %s, where every run of %s breaks", m.name, m.accuracy(), r.name)
	}
	c := m.against(r)
	accuracy, it, but := c.say(m, r), "it", "but"
	if c.verdict == ahead {
		but = "and"
	}
	if c.verdict == unknown {
		it = m.name
	}
	a, _ := m.breaks()
	b, _ := r.breaks()
	limit := "up to " + m.where(m.tried())
	if len(m.Points) == 1 {
		limit = "at " + m.where(m.tried())
	}
	apart := !r.perturbs() || m.Sweep != r.Sweep // without radii to compare
	switch {
	case apart && math.IsInf(a, 1):
		return fmt.Sprintf("%s, and %s does not break %s", accuracy, it, limit)
	case apart:
		return fmt.Sprintf("%s, and %s breaks from %s on", accuracy, it, m.where(a))
	case math.IsInf(a, 1) && math.IsInf(b, 1):
		return fmt.Sprintf("%s, and neither breaks %s", accuracy, limit)
	case a == b:
		return fmt.Sprintf("%s, and both break from rho %s on", accuracy, num(a))
	case math.IsInf(a, 1):
		return fmt.Sprintf("%s, %s %s trains at every radius up to %s, where %s breaks from rho %s on", accuracy, but, it, num(m.tried()), r.name, num(b))
	case a > b:
		return fmt.Sprintf("%s, %s %s breaks only from rho %s on, %s from %s", accuracy, but, it, num(a), r.name, num(b))
	case math.IsInf(b, 1):
		return fmt.Sprintf("%s, and %s breaks from rho %s on, %s at no radius up to %s", accuracy, it, num(a), r.name, num(r.tried()))
	}
	return fmt.Sprintf("%s, and %s breaks already from rho %s on, %s only from %s", accuracy, it, num(a), r.name, num(b))
}

// beside sets several methods against the base optimizer.
func beside(ms []*method, base *method) string {
	groups := map[verdict][]string{}
	for _, m := range ms {
		if !m.allBroke() {
			k := m.against(base).verdict
			groups[k] = append(groups[k], m.name)
		}
	}
	var parts []string
	for _, g := range []struct {
		v    verdict
		said string
	}{{ahead, "more accurate than"}, {tie, "within noise of"}, {behind, "less accurate than"}, {unknown, "not to be told from"}} {
		if names := groups[g.v]; len(names) > 0 {
			verb := "is"
			if len(names) > 1 {
				verb = "are"
			}
			parts = append(parts, fmt.Sprintf("%s %s %s %s alone", join(names), verb, g.said, base.name))
		}
	}
	if len(parts) == 0 {
		return base.name + " alone reaches " + base.accuracy()
	}
	return fmt.Sprintf("%s (%s)", strings.Join(parts, ", "), base.accuracy())
}

// accuracy is the test accuracy at the best radius with its error, if it has one.
func (m *method) accuracy() string {
	b := m.best()
	if b.Runs < 2 {
		return percent(b.TestAccuracy) + ", n = 1"
	}
	return fmt.Sprintf("%s ± %.1f", percent(b.TestAccuracy), 100*b.TestStderr)
}

func (v *view) sayAccuracy() (text []string) {
	var ranked []*method
	for _, m := range v.methods {
		if m.allBroke() {
			text = append(text, fmt.Sprintf("Every run of %s broke; its accuracy says nothing.", m.name))
			continue
		}
		ranked = append(ranked, m)
	}
	if len(ranked) == 0 {
		return text
	}
	slices.SortStableFunc(ranked, func(a, b *method) int { return sign(b.TestAccuracy - a.TestAccuracy) })
	var list []string
	for _, m := range ranked {
		s := m.name
		if m.perturbs() {
			s += " at " + m.where(m.BestRho)
		}
		s += ": " + m.accuracy()
		if n := m.best().Runs; n > 1 && n != v.Plan.Seeds {
			s += fmt.Sprintf(", n = %d", n)
		}
		list = append(list, s)
	}
	text = append([]string{"Mean test accuracy at the radius that validation chose. " + strings.Join(list, "; ") + "."}, text...)
	text = append(text, v.sayPairs(ranked)...)
	var edges []clause
	for _, m := range ranked {
		edges = append(edges, m.edges()...)
	}
	return append(text, merge(edges)...)
}

// sayPairs compares M-SAM with everybody else, and everybody else with the base
// optimizer, a method at a time.
func (v *view) sayPairs(ranked []*method) (text []string) {
	for _, m := range v.methods {
		var said []string
		for _, r := range v.methods {
			own := m.Method == "m-sam" && r.Method != "m-sam"
			other := m.Method != "m-sam" && m.perturbs() && !r.perturbs()
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
	rule := "± is one standard error. Differences are paired by seed, and count only beyond the 95% limit of Student's t"
	if n := v.Plan.Seeds; n >= fewSeeds {
		t := distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.Quantile(.975)
		rule += fmt.Sprintf(" (%.1f standard errors with %d seeds)", t, n)
	}
	return append(text, fmt.Sprintf("%s; with fewer than %d seeds none does.", rule, fewSeeds))
}

// edges warn of a best radius that is the first or last tried, or where runs broke.
func (m *method) edges() (said []clause) {
	if !m.perturbs() {
		return nil
	}
	kind, _ := m.kind()
	if n := len(m.Points); n > 1 && m.BestRho == m.Points[0].Rho {
		said = append(said, clause{m.name, "is", "are", fmt.Sprintf("best at the smallest %s tried; a smaller one may be better", kind)})
	} else if n > 1 && m.BestRho == m.tried() {
		said = append(said, clause{m.name, "is", "are", fmt.Sprintf("best at the largest %s tried; a larger one may be better", kind)})
	}
	if b := m.best(); b.Diverged > 0 {
		said = append(said, clause{m.name, "had", "had", fmt.Sprintf("%d of %s break at its best %s", b.Diverged, plural(b.Runs, "run"), kind)})
	}
	return said
}

func (v *view) sayRange() (text []string) {
	var ranged []*method // over radii
	var said []clause
	for _, m := range v.methods {
		if !m.perturbs() || m.allBroke() || len(m.Points) < 2 {
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
	slices.SortStableFunc(ranged, func(a, b *method) int { return sign(b.WidthDecades - a.WidthDecades) })
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
		return clause{m.name, "comes", "come", fmt.Sprintf("within two points of the method's own best at %s only", m.where(m.Range[0]))}
	}
	least := ""
	if m.OpenLow || m.OpenHigh {
		least = "at least "
	}
	return clause{m.name, "stays", "stay", fmt.Sprintf("within two points of the method's own best from %s to %s, %s%.1f decades",
		m.where(m.Range[0]), num(m.Range[1]), least, m.WidthDecades)}
}

// use says at which radii a method's mean accuracy is above the base optimizer's.
func (v *view) use(m *method) string {
	base := v.find("sgd")
	if base == nil || base.allBroke() {
		return ""
	}
	var use []float64
	first, last := -1, -1
	for i, p := range m.Points {
		if p.TestAccuracy > base.best().TestAccuracy {
			use = append(use, p.Rho)
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	above := "; the mean is above that of " + base.name
	kind, _ := m.kind()
	switch {
	case len(use) == 0:
		return "; at no " + kind + " is the mean above that of " + base.name
	case len(use) == len(m.Points):
		return above + " at every " + kind
	case len(use) == 1:
		return above + " at " + m.where(use[0]) + " only"
	case last-first+1 == len(use):
		return fmt.Sprintf("%s from %s to %s", above, m.where(use[0]), num(use[len(use)-1]))
	}
	list := make([]string, len(use))
	for i, x := range use {
		list[i] = num(x)
	}
	return above + " at " + m.Setting() + " " + join(list)
}

func (v *view) sayBreaks() []string {
	var said []clause
	for _, m := range v.methods {
		switch first, _ := m.breaks(); {
		case !math.IsInf(first, 1):
			said = append(said, m.sayBreak())
		case m.perturbs():
			kind, _ := m.kind()
			c := clause{m.name, "does", "do", "not break at any " + kind + " tried, up to " + num(m.tried())}
			if len(m.Points) == 1 {
				c.rest = "not break at " + m.where(m.tried()) + ", the only " + kind + " tried"
			}
			said = append(said, c)
		}
	}
	return append(merge(said), v.sayHow()...)
}

// sayBreak says where a method breaks.
func (m *method) sayBreak() clause {
	first, all := m.breaks()
	p := m.point(first)
	runs := fmt.Sprintf("%d of %s", p.Diverged, plural(p.Runs, "run"))
	c := clause{m.name, "breaks", "break", ""}
	kind, _ := m.kind()
	switch {
	case !m.perturbs():
		c.rest = fmt.Sprintf("without any perturbation (%s): the settings are too much for training as such", runs)
	case len(m.Points) == 1:
		c.rest = fmt.Sprintf("at %s, the only %s tried (%s)", m.where(first), kind, runs)
	case first == m.tried():
		c.rest = fmt.Sprintf("at %s, the largest tried (%s)", m.where(first), runs)
	case first == all:
		c.rest = fmt.Sprintf("in every run from %s on", m.where(first))
	case math.IsInf(all, 1):
		c.rest = fmt.Sprintf("first at %s (%s), though not in every run at the largest, %s", m.where(first), runs, num(m.tried()))
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
		case r.Collapsed:
			collapsed++
		case r.Diverged:
			infinite++
		}
	}
	const constant = "ended at the constant predictor (accuracy near chance, loss near that of guessing)"
	switch all := plural(collapsed+infinite, "run"); {
	case collapsed > 0 && infinite > 0:
		text = append(text, fmt.Sprintf("Of the %s that broke, %d %s and %d met a NaN or an infinity.", all, collapsed, constant, infinite))
	case collapsed > 0:
		text = append(text, fmt.Sprintf("Broken runs (%d) all %s.", collapsed, constant))
	case infinite > 0:
		text = append(text, fmt.Sprintf("Broken runs (%d) all met a NaN or an infinity.", infinite))
	}
	return text
}

func (v *view) sayDifference() (text []string) {
	for _, m := range v.monge() {
		if m.Sweep != "" { // no radius to differ at
			continue
		}
		if m.allBroke() {
			text = append(text, fmt.Sprintf("%s: every run broke, so this was not judged.", m.name))
			continue
		}
		top, from, near := 0., math.Inf(1), true
		best := 0.
		for _, p := range m.Points {
			if p.Diverged == p.Runs {
				continue
			}
			ratio := m.alpha(p.Rho) * most(byEpoch(m.whole(p.Rho), gradNorm))
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
		text = append(text, "M-SAM divides SAM's perturbation by sqrt(1 + (alpha·|g|)²): it differs only where |g| is not small beside 1/alpha. |g| here is the mean over an epoch and the seeds, of runs that did not break.")
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
		if !m.perturbs() || m.allBroke() {
			continue
		}
		rows := m.whole(m.BestRho)
		want, got := overall(byEpoch(rows, predicted)), overall(byEpoch(rows, ascent))
		if want > 0 && finite(got) {
			text = append(text, fmt.Sprintf("%s at %s: predicted %s nats, actual %s, %s times the prediction.", m.name, m.where(m.BestRho), num(want), num(got), num(got/want)))
		}
	}
	for _, m := range v.methods {
		if s := m.sayBudget(); s != "" {
			text = append(text, s)
		}
	}
	return text
}

// sayBudget says whether the loss rose by no more than a budget, at all points.
func (m *method) sayBudget() string {
	top, at := m.overBudget()
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
		return fmt.Sprintf("The budget of %s nats was kept at every radius: the loss rose by %s at most (rho %s, mean of the training).", num(b), num(top*b), num(at))
	case top <= kept:
		return fmt.Sprintf("The budget of %s nats was nearly kept: the loss rose by %s at most, %.1f%% more (rho %s, mean of the training).", num(b), num(top*b), 100*(top-1), num(at))
	default:
		return fmt.Sprintf("The budget of %s nats bounds only the linear prediction: at rho %s the loss rose by %s, %s times the budget.", num(b), num(at), num(top*b), num(top))
	}
}

// overBudget finds the point, of those with runs that did not break, where the loss rose
// by most beside what the budget asked for: how many times as much, and the place. It is
// -Inf for a method without a budget. At an infinite rho the prediction is what was asked
// for, whatever schedule the budget has and however many steps perturb.
func (m *method) overBudget() (top, at float64) {
	top = math.Inf(-1)
	if m.AscentBudget == nil && m.Sweep == "" {
		return top, 0
	}
	for _, p := range m.Points {
		rows := m.whole(p.Rho)
		asked := overall(byEpoch(rows, predicted))
		if m.AscentBudget != nil {
			asked = *m.AscentBudget
		}
		if rise := overall(byEpoch(rows, ascent)) / asked; p.Diverged < p.Runs && rise > top {
			top, at = rise, p.Rho
		}
	}
	return top, at
}

func (v *view) sayCost() (text []string) {
	base := v.find("sgd")
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
		return nil
	}
	first := fmt.Sprintf("One data set, one network, %s: other settings may turn the order round.", plural(v.Plan.Seeds, "seed"))
	if v.Plan.Seeds > 1 && v.Data.Test > 0 {
		first += fmt.Sprintf(" All runs are tested on the same %d examples, whose own chance is not in the error bars.", v.Data.Test)
	}
	return []string{first,
		"Flatter is not always better: sharpness need not go with worse generalization (Dinh et al. 2017, arXiv 1703.04933; Andriushchenko et al. 2023, arXiv 2302.07011). What counts here is the accuracy, not the flatness."}
}

// upper begins a sentence with a capital.
func upper(s string) string {
	if s == "" {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

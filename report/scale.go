package report

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// A scale writes values of a measure, and differences of them, for people: shares as percent
// and points.
type scale struct {
	train.Measure
	repeat string // what runs repeat a setting over, "" for seeds
}

// repeats says how many there are, as "3 seeds".
func (s scale) repeats(n int) string { return plural(n, s.one()) }

// one is what runs repeat a setting over.
func (s scale) one() string { return cmp.Or(s.repeat, "seed") }

// name is the measure's in sentences.
func (s scale) name() string {
	if s.Measure.Name == "" {
		return "measure" // no run has any
	}
	return s.Title()
}

// indefinite is the name with its article.
func (s scale) indefinite() string {
	if strings.ContainsRune("aeiouAEIOU", rune(s.name()[0])) {
		return "an " + s.name()
	}
	return "a " + s.name()
}

// value writes one.
func (s scale) value(x float64) string {
	switch {
	case !finite(x):
		return "–"
	case s.Share:
		return fmt.Sprintf("%.1f%%", 100*x)
	}
	return num(x)
}

// mean writes a mean with its standard error.
func (s scale) mean(x, se float64) string {
	if s.Share {
		return s.value(x) + " ± " + s.width(se)
	}
	se = exactly(x, se)
	if !finite(x) {
		return s.value(x)
	}
	if n, ok := decimals(x, se); ok {
		return fmt.Sprintf("%.*f ± %.*f", n, x, n, se)
	}
	return num(x) + " ± " + s.width(se)
}

// of writes the mean of so many runs: one has no error.
func (s scale) of(m analysis.Mean) string {
	if m.N < 2 {
		return s.value(m.Value)
	}
	return s.mean(m.Value, m.Stderr)
}

// width writes a standard error.
func (s scale) width(se float64) string {
	if s.Share {
		return fmt.Sprintf("%.1f", 100*se)
	}
	return fmt.Sprintf("%.2g", se)
}

// exactly takes the noise of floating point from a standard error: that of values which are equal.
func exactly(x, se float64) float64 {
	if se < 1e-9*math.Abs(x) {
		return 0
	}
	return se
}

// decimals are as many as show two digits of a standard error; false if they are too many.
func decimals(x, se float64) (n int, ok bool) {
	if !(se > 0) || math.Abs(x) >= 1e6 {
		return 0, false
	}
	n = max(0, 1-int(math.Floor(math.Log10(se))))
	return n, n <= 6
}

// diff writes a difference with its sign, of shares in percentage points.
func (s scale) diff(x float64) string {
	text := fmt.Sprintf("%+.3g", x)
	if s.Share {
		text = fmt.Sprintf("%+.1f", 100*x)
	}
	return signed(text)
}

// diffs writes a mean difference with its standard error.
func (s scale) diffs(x, se float64) string {
	se = exactly(x, se)
	n, ok := decimals(x, se)
	if s.Share || !ok {
		return s.diff(x) + " ± " + s.width(se)
	}
	return fmt.Sprintf("%s ± %.*f", signed(fmt.Sprintf("%+.*f", n, x)), n, se)
}

// signed writes minus as people do, and no zero with it.
func signed(number string) string {
	if strings.Trim(number, "-0.") == "" {
		number = strings.Replace(number, "-", "+", 1)
	}
	return strings.Replace(number, "-", "−", 1)
}

// unit is that of differences, with a blank before it.
func (s scale) unit() string {
	if s.Share {
		return " points"
	}
	return ""
}

// accurate reports whether the measure is one of which people say more and less accurate.
func (s scale) accurate() bool { return s.Title() == "accuracy" }

// better and worse are what a method is beside another.
func (s scale) better() string { return s.judged("more accurate", "better") }
func (s scale) worse() string  { return s.judged("less accurate", "worse") }

func (s scale) judged(accurate, other string) string {
	if s.accurate() {
		return accurate
	}
	return other + " in " + s.name()
}

// verdict says what a method is beside another in few words.
func (s scale) verdict(v analysis.Verdict) string {
	better, worse := "better", "worse"
	if s.accurate() {
		better, worse = s.better(), s.worse()
	}
	return map[analysis.Verdict]string{
		analysis.Unknown: "too few seeds", analysis.Tie: "within noise", analysis.Ahead: better, analysis.Behind: worse,
	}[v]
}

// beyond is where values lie that are better than another.
func (s scale) beyond() string {
	if s.Better == train.Lower {
		return "below"
	}
	return "above"
}

// top is what the best value is of all.
func (s scale) top() string {
	if s.Better == train.Lower {
		return "lowest"
	}
	return "highest"
}

// near is how far from the best counts as near it.
func (s scale) near() string {
	if s.Share {
		return "two points"
	}
	return "two percent"
}

// reference is how a line at the value of guessing is called; false if that is not known.
func (s scale) reference() (label string, ok bool) {
	if s.Share {
		return "chance", s.Chance > 0
	}
	return "guessing", s.Chance != 0 && finite(s.Chance)
}

// axis is one for values: of shares like those of a percentage, else as wide as they are.
func (s scale) axis(values []float64) chart.Axis {
	v := sorted(values)
	switch {
	case len(v) == 0:
		return chart.Axis{Max: 1}
	case s.Share:
		return chart.ShareAxis(v)
	case s.Measure.Name == "loss":
		return chart.AmountAxis(v)
	}
	return plainAxis(v)
}

// plainAxis is logarithmic for values that span decades; else it begins at 0 unless they lie
// far from there.
func plainAxis(v []float64) chart.Axis {
	lo, hi := v[0], v[len(v)-1]
	switch {
	case lo <= 0:
		return chart.SignedAxis(v)
	case lo < .6*hi:
		return chart.AmountAxis(v)
	}
	room := .08 * (hi - lo)
	if room == 0 {
		room = .05 * hi
	}
	return chart.Axis{Min: lo - room, Max: hi + room}
}

// overview is an axis for a comparison's means.
func (s scale) overview(values []float64) chart.Axis {
	v := sorted(values)
	if len(v) == 0 || !s.Share {
		return s.axis(v)
	}
	switch lowest, top := v[0], v[len(v)-1]; {
	case top-lowest < .1: // lines that would lie on each other
		return chart.Axis{Percent: true, Min: max(0, math.Floor(100*lowest-1)/100), Max: min(1.004, math.Ceil(100*top+1)/100)}
	case lowest > .6:
		return chart.Axis{Percent: true, Min: math.Floor(20*lowest-.5) / 20, Max: 1.02}
	}
	return chart.Axis{Percent: true, Min: 0, Max: 1.02}
}

// closeUp is an axis for the better end of values, false if it would show no more. Of shares it
// reaches a few points down, to the base optimizer's mean if that is not far; of others as far
// as the methods' best means, the base optimizer's among them.
func (s scale) closeUp(values, bests []float64, base float64) (a chart.Axis, ok bool) {
	v := sorted(values)
	if len(v) == 0 {
		return a, false
	}
	best, worst, sign := v[len(v)-1], v[0], 1.
	if s.Better == train.Lower {
		best, worst, sign = worst, best, -1
	}
	whole := sign * (best - worst)
	reach, room, least := .08, .015, .1
	switch d := sign * (best - base); {
	case !s.Share:
		reach = s.reachOf(bests, best, whole)
		room, least = .2*reach, 2*reach
	case d <= .15:
		reach = max(reach, d+.02)
	}
	if !(whole > reach+least) {
		return a, false
	}
	near, far := best+sign*room, best-sign*reach
	a = chart.Axis{Percent: s.Share, Min: min(near, far), Max: max(near, far)}
	if s.Share {
		a.Min, a.Max = max(0, a.Min), min(1.004, a.Max)
	}
	return a, true
}

// reachOf is how far the methods' best means lie from the best, without those that are in the
// worse half of the whole.
func (s scale) reachOf(bests []float64, best, whole float64) float64 {
	reach := .02 * whole
	for _, b := range bests {
		if d := math.Abs(best - b); d <= whole/2 {
			reach = max(reach, 1.1*d)
		}
	}
	return reach
}

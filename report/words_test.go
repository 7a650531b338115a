package report

import (
	"strings"
	"testing"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// at is one radius' accuracies.
func at(rho float64, acc ...float64) map[float64][]float64 { return map[float64][]float64{rho: acc} }

// said is all that a comparison's words say.
func said(w Words) string {
	s := []string{w.Notice, w.Headline}
	s = append(s, w.Summary...)
	for _, f := range w.Findings {
		s = append(s, f.Title)
		s = append(s, f.Text...)
	}
	return strings.Join(s, "\n")
}

func TestDescribe(t *testing.T) {
	sgd := arm{method: "sgd", acc: at(0, .89, .9, .91)}
	samAt := func(acc ...float64) arm { return arm{method: "sam", acc: at(.1, acc...)} }
	mAt := func(acc ...float64) arm { return arm{method: "m-sam", acc: at(.1, acc...)} }
	both := func(low, high []float64) map[float64][]float64 {
		return map[float64][]float64{.1: low, 1: high}
	}
	good, fine, broken := []float64{.94, .95, .96}, []float64{.93, .94, .95}, []float64{-.1, -.1, -.1}
	tests := []struct {
		name     string
		c        *study.Comparison
		headline string
		has      []string
		hasNot   []string
	}{
		{
			name:     "M-SAM loses",
			c:        comparison(sgd, samAt(.95, .951, .952), mAt(.93, .931, .933)),
			headline: "M-SAM does not win here.",
			has: []string{"M-SAM is less accurate than SAM (−2.0 ± 0.0 points over 3 seeds), and neither breaks at rho 0.1.",
				"M-SAM is more accurate than SGD alone (90.0% ± 0.6).", "(4.3 standard errors with 3 seeds)",
				"sharpness need not go with worse generalization"},
			hasNot: []string{"gains"},
		},
		{
			name:     "M-SAM ties",
			c:        comparison(samAt(.95, .94, .96), mAt(.94, .96, .95)),
			headline: "M-SAM does not win here.",
			has:      []string{"M-SAM is within noise of SAM in accuracy (+0.0 ± 1.0 points over 3 seeds)"},
			hasNot:   []string{"SGD"},
		},
		{
			name:     "two standard errors of three seeds are noise",
			c:        comparison(samAt(.95, .95, .95), mAt(.96, .97, .95)),
			headline: "M-SAM does not win here.",
			has:      []string{"within noise of SAM in accuracy (+1.0 ± 0.6 points over 3 seeds)"},
		},
		{
			name:     "M-SAM wins",
			c:        comparison(sgd, samAt(.95, .951, .952), mAt(.96, .962, .963)),
			headline: "M-SAM gains accuracy over SAM here.",
			has:      []string{"M-SAM is more accurate than SAM (+1.1 ± 0.0 points over 3 seeds)"},
			hasNot:   []string{"does not win"},
		},
		{
			name:     "two variants win",
			c:        comparison(samAt(.95, .951, .952), mAt(.96, .962, .963), arm{method: "m-sam", budget: .2, acc: at(.1, .96, .962, .963)}),
			headline: "Plain M-SAM and M-SAM with budget 0.2 gain accuracy over SAM here.",
		},
		{
			name:     "M-SAM beats SAM but not SGD",
			c:        comparison(sgd, samAt(.85, .851, .852), mAt(.86, .862, .863)),
			headline: "M-SAM does not win here: SGD alone is more accurate.",
			has:      []string{"M-SAM is more accurate than SAM (+1.1 ± 0.0 points over 3 seeds)", "M-SAM is less accurate than SGD alone (90.0% ± 0.6)."},
			hasNot:   []string{"gains"},
		},
		{
			name: "a budget forgives and pays",
			c: comparison(sgd, arm{method: "sam", acc: both(good, broken)}, arm{method: "m-sam", acc: both(good, broken)},
				arm{method: "m-sam", budget: .05, acc: both(fine, fine), grad: .2}),
			headline: "M-SAM with budget 0.05 forgives larger radii than SAM here, at a cost in accuracy. Plain M-SAM does not win.",
			has: []string{"both break from rho 1 on.", "M-SAM with budget 0.05 is less accurate than SAM (−1.0 ± 0.0 points over 3 seeds), but it trains at every radius up to 1, where SAM breaks from rho 1 on.",
				"M-SAM and M-SAM with budget 0.05 are more accurate than SGD alone", "Broken runs (6) all ended at the constant predictor",
				"M-SAM with budget 0.05 forgives the radius most", "at least 1.0 decades", "SAM and M-SAM come within two points of the method's own best at rho 0.1 only",
				"SAM and M-SAM break at rho 1, the largest tried (3 of 3 runs)."},
		},
		{
			name:     "M-SAM breaks earlier",
			c:        comparison(arm{method: "sam", acc: both(good, good)}, arm{method: "m-sam", acc: both(good, broken)}),
			headline: "M-SAM does not win here.",
			has:      []string{"and it breaks from rho 1 on, SAM at no radius up to 1."},
		},
		{
			name:     "all of M-SAM broke",
			c:        comparison(samAt(good...), mAt(broken...)),
			headline: "M-SAM breaks in every run here.",
			has:      []string{"M-SAM breaks in every run.", "Every run of M-SAM broke; its accuracy says nothing.", "M-SAM: every run broke, so this was not judged."},
		},
		{
			name:     "all of SAM broke",
			c:        comparison(sgd, samAt(broken...), mAt(good...)),
			headline: "M-SAM trains where every run of SAM breaks.",
			has:      []string{"M-SAM reaches 95.0% ± 0.6, where every run of SAM breaks."},
			hasNot:   []string{"gains accuracy"},
		},
		{
			name:     "everything broke",
			c:        comparison(arm{method: "sgd", acc: at(0, broken...)}, samAt(broken...), mAt(broken...)),
			headline: "Every run broke, so nothing can be said about accuracy. A lower learning rate or smaller radii may help.",
			has:      []string{"SGD breaks without any perturbation (3 of 3 runs)", "SAM and M-SAM break at rho 0.1, the only radius tried"},
			hasNot:   []string{"more accurate", "less accurate", "forgives the radius most"},
		},
		{
			name:     "one seed",
			c:        comparison(arm{method: "sgd", acc: at(0, .9)}, samAt(.95), mAt(.97)),
			headline: "Too few seeds to tell the accuracies apart, and M-SAM forgives no larger radii here.",
			has:      []string{"M-SAM at rho 0.1: 97.0%, n = 1", "M-SAM and SAM can't be told apart in accuracy with so few seeds (+2.0 points, one seed), and neither breaks", "M-SAM: +7.0 points beside SGD (n = 1); +2.0 points beside SAM (n = 1).", "1 seed: other settings"},
			hasNot:   []string{"± 0.0", "more accurate", "NaN"},
		},
		{
			name:     "two seeds",
			c:        comparison(samAt(.95, .95), mAt(.97, .97)),
			headline: "Too few seeds to tell the accuracies apart, and M-SAM forgives no larger radii here.",
			has:      []string{"(+2.0 ± 0.0 points over 2 seeds)"},
			hasNot:   []string{"more accurate"},
		},
		{
			name:     "no M-SAM",
			c:        comparison(sgd, samAt(good...)),
			headline: "M-SAM is not among the compared methods.",
			has:      []string{"The highest mean accuracy is that of SAM, 95.0% ± 0.6.", "SAM: +5.0 ± 0.0 points beside SGD, more accurate."},
		},
		{
			name:     "several comparisons at once",
			c:        comparison(sgd, samAt(.94, .925, .95), mAt(.95, .96, .97)),
			headline: "M-SAM does not win here.",
			has:      []string{"Corrected for all 3 comparisons of the table of differences at once (Holm 1979), the differences that count go from 2 to 1: M-SAM beside SGD (+6.0 points, p < 0.0001)."},
		},
		{
			name: "more comparisons than a sentence holds",
			c: comparison(sgd, samAt(.94, .925, .95), mAt(.95, .96, .97), arm{method: "asam", acc: at(.1, .96, .97, .98)}, arm{method: "fisher", acc: at(.1, .97, .98, .99)},
				arm{method: "vasso", acc: at(.1, .98, .99, 1)}, arm{method: "gsam", acc: at(.1, .94, .95, .96)}, arm{method: "wsam", acc: at(.1, .945, .955, .965)},
				arm{method: "cr-sam", acc: at(.1, .955, .965, .975)}, arm{method: "friendly-sam", acc: at(.1, .965, .975, .985)}),
			headline: "M-SAM does not win here.",
			has:      []string{", which the table names."},
		},
		{
			name:     "several comparisons, none of which remains",
			c:        comparison(sgd, samAt(.94, .925, .95), mAt(.925, .94, .92)),
			headline: "M-SAM does not win here.",
			has:      []string{"Corrected for all 3 comparisons of the table of differences at once (Holm 1979), the differences that count go from 1 to none."},
		},
		{
			name:     "M-SAM alone",
			c:        comparison(mAt(good...)),
			headline: "There is no other method to hold M-SAM against.",
			hasNot:   []string{"Student"},
		},
		{
			name:     "only SGD beside it",
			c:        comparison(sgd, mAt(good...)),
			headline: "M-SAM gains accuracy over SGD here.",
			has:      []string{"and it does not break at rho 0.1", "M-SAM 2.0. Two gradients a step make about 2"},
		},
		{
			name:     "no runs",
			c:        unbegun(3),
			headline: "No run has finished, so there is nothing to say yet.",
			has:      []string{"0 of 75 planned runs are over (75 not begun)."},
		},
		{
			name:     "small gradients",
			c:        comparison(samAt(good...), arm{method: "m-sam", acc: at(.1, good...), grad: .25}),
			headline: "M-SAM does not win here.",
			has:      []string{"M-SAM and SAM are nearly the same perturbation here: alpha·|g| reaches 0.249 at most, so M-SAM's is never more than 3% shorter."},
		},
		{
			name:     "middling gradients",
			c:        comparison(samAt(good...), arm{method: "m-sam", acc: at(.1, good...), grad: .8}),
			headline: "M-SAM does not win here.",
			has:      []string{"M-SAM differs from SAM mildly"},
		},
		{
			name:     "large gradients",
			c:        comparison(samAt(good...), arm{method: "m-sam", acc: at(.1, good...), grad: 4}),
			headline: "M-SAM does not win here.",
			has:      []string{"M-SAM differs from SAM: alpha·|g| reaches 3.98, which shortens its perturbation up to 4.11-fold"},
		},
		{
			name:     "a budget overrun",
			c:        comparison(samAt(good...), arm{method: "m-sam", budget: .01, acc: both(good, good), grad: 4, rise: 3}),
			has:      []string{"The budget of 0.01 nats bounds only the linear prediction: at rho 1 the loss rose by 0.03, 3 times the budget."},
			headline: "M-SAM does not win here.",
		},
		{
			name:     "a budget nearly kept",
			c:        comparison(samAt(good...), arm{method: "m-sam", budget: .01, acc: both(good, good), grad: 4, rise: 1.1}),
			has:      []string{"The budget of 0.01 nats was nearly kept: the loss rose by 0.011 at most, 10.0% more (rho 1, mean of the training)."},
			headline: "M-SAM does not win here.",
		},
		{
			name:     "a budget not used up",
			c:        comparison(samAt(good...), arm{method: "m-sam", budget: .01, acc: both(good, good), grad: 4, rise: .9}),
			has:      []string{"The budget of 0.01 nats was kept at every radius: the loss rose by 0.009 at most (rho 1, mean of the training)."},
			headline: "M-SAM does not win here.",
		},
		{
			name:     "the best radius is the largest",
			c:        comparison(sgd, arm{method: "m-sam", acc: both(fine, good)}),
			headline: "M-SAM gains accuracy over SGD here.",
			has:      []string{"M-SAM is best at the largest radius tried; a larger one may be better.", "from rho 0.1 to 1, at least 1.0 decades; the mean is above that of SGD at every radius."},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := Describe(tt.c)
			if w.Headline != tt.headline {
				t.Errorf("headline:\n%s\nwant:\n%s", w.Headline, tt.headline)
			}
			all := said(w)
			for _, s := range tt.has {
				if !strings.Contains(all, s) {
					t.Errorf("does not say %q", s)
				}
			}
			for _, s := range append(tt.hasNot, "NaN", "Inf", "%!", "-0.0", "−0.0 ") {
				if strings.Contains(all, s) {
					t.Errorf("says %q", s)
				}
			}
			if t.Failed() {
				t.Log(all)
			}
		})
	}
}

func TestDescribeInterrupted(t *testing.T) {
	c := noisyDigits()
	if w := Describe(c); w.Notice != "" {
		t.Errorf("a complete comparison has the notice %q", w.Notice)
	}
	c.Planned = 186
	if w := Describe(c); !strings.Contains(w.Notice, "75 of 186 planned runs are over") {
		t.Errorf("the notice is %q", w.Notice)
	}
}

// M-SAM under an alpha of its own is held against 1/alpha, not 1.
func TestDescribeAlpha(t *testing.T) {
	good := []float64{.94, .95, .96}
	c := comparison(arm{method: "m-sam", acc: at(.1, good...), grad: .25})
	alpha := 10.
	c.Plan.Base.Alpha = &alpha
	if all := said(Describe(c)); !strings.Contains(all, "alpha·|g| reaches 2.49") {
		t.Error(all)
	}
}

func TestWordsHelpers(t *testing.T) {
	share, rmse := scale{Measure: train.Measure{Share: true}}, scale{Measure: train.Measure{Name: "rmse", Better: train.Lower}}
	for _, tt := range []struct{ got, want string }{
		{share.diff(.0123), "+1.2"}, {share.diff(-.0123), "−1.2"}, {share.diff(-.0001), "+0.0"},
		{rmse.diff(.0123), "+0.0123"}, {rmse.diff(-12.3), "−12.3"}, {rmse.diffs(-.0123, .00456), "−0.0123 ± 0.0046"}, {rmse.mean(12.3456, .12), "12.35 ± 0.12"},
		{rmse.mean(1e9, 1e4), "1e+09 ± 1e+04"}, {rmse.mean(.3, 1e-17), "0.3 ± 0"}, {rmse.mean(2, 0), "2 ± 0"}, {share.mean(.5, .01), "50.0% ± 1.0"},
		{plural(1, "run"), "1 run"}, {plural(2, "class"), "2 classes"},
		{join(nil), ""}, {join([]string{"a"}), "a"}, {join([]string{"a", "b", "c"}), "a, b and c"},
		{num(.08), "0.08"}, {num(16), "16"}, {upper("état"), "État"}, {upper(""), ""},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

package report

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	align "github.com/monge-ml/monge/contrast"
	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// ownBase is a base optimizer of the program's own.
const ownBase = "own-descent"

func init() {
	optim.Register(optim.Rule{Name: ownBase, Label: "Own Descent", New32: func(n int, p optim.Params) (optim.Optimizer[float32], error) {
		return optim.NewSGD[float32](n, optim.SGDSettings{LR: p.LR})
	}})
}

// tides are measures of a task of the program's own: of the first less is better, and the last
// is only told.
func tides(rmse float64) train.Measures {
	return train.Measures{
		{Name: "rmse", Value: train.Real(rmse), Better: train.Lower, Label: "RMSE", Chance: 14},
		{Name: "r2", Value: train.Real(1 - rmse*rmse/196), Better: train.Higher},
		{Name: "offset", Value: train.Real(.1)},
	}
}

// tidesRun is a made-up run whose error falls to what is given; NaN is one that diverged.
func tidesRun(c train.Config, rmse float64) *train.SavedRun {
	r := &train.SavedRun{Config: c, Path: "runs/" + c.Method}
	for n := 1; n <= 10; n++ {
		part := math.Exp(-float64(n) / 2)
		e := train.Record{Step: 5 * n, Epoch: n, TrainLoss: 50 * part, TrainAccuracy: train.Real(math.NaN()), Val: tides(rmse + 10*part), GradNorm: 3, Seconds: .1, Examples: 40}
		if c.Perturbs() {
			rho := float64(c.Rho)
			e.Rho, e.DeltaNorm, e.PredictedAscent, e.Ascent = c.Rho, rho, 3*rho, 3.3*rho
		}
		r.Records = append(r.Records, e)
	}
	if math.IsNaN(rmse) {
		r.Records = r.Records[:2]
		r.Records[0].Val, r.Records[1].Val = tides(13), tides(20)
		r.Status = train.Status{State: train.Diverged, Step: 12, Steps: 50, Error: "the loss is not finite"}
		return r
	}
	r.Status = train.Status{State: train.Finished, Step: 50, Steps: 50}
	last := r.Records[9]
	r.Result = &train.Result{Test: tides(rmse), Val: last.Val, TrainLoss: last.TrainLoss, Best: &train.Best{Step: 50, Val: last.Val, Test: tides(rmse)},
		Steps: 50, StoppedBy: "epochs", Data: train.Sizes{Train: 200, Val: 50, Test: 60}, Kernels: "avx2"}
	return r
}

func tidesConfig() train.Config {
	c := train.Default()
	c.Task, c.Base, c.Momentum = "tides", ownBase, nil
	return c
}

// tidesStudy compares methods, one of them the program's own, where SAM diverges at the largest
// radius.
func tidesStudy(t *testing.T) *study.Comparison {
	t.Helper()
	rhos := []any{.05, .2, 1.}
	s, err := study.New(study.Settings{
		Name: "tides", Notes: []string{"The tides were <made> up."}, Base: tidesConfig(), Seeds: 3,
		Grid: []map[string]any{{"method": "none"}, {"method": []any{"sam", "m-sam", ownMethod}, "rho": rhos}},
	})
	if err != nil {
		t.Fatal(err)
	}
	means := map[string][]float64{"none": {4}, "sam": {3.8, 3.2, math.NaN()}, "m-sam": {3.6, 2.8, 3.1}, ownMethod: {3.9, 3.5, 9}}
	at := map[float64]int{.2: 1, 1: 2}
	var states []study.State
	for _, c := range s.Cells {
		run := tidesRun(c.Config, means[c.Config.Method][at[float64(c.Config.Rho)]]+.02*float64(c.Config.Seed)*float64(len(c.Config.Method)-2))
		states = append(states, study.State{Cell: c.Name, State: run.Status.State, Error: run.Status.Error, Step: run.Status.Step, Run: run})
	}
	c := s.CompareStates(states)
	c.Level, c.Threads = "avx2", 2
	return c
}

var tags = regexp.MustCompile(`(?s)<style>.*?</style>|<pre>.*?</pre>|<[^>]*>`)

// A task that is none of ours, with a measure of which less is better: titles, words, tables
// and axes say so, and nothing of accuracy, percent or nats.
func TestPageOfAnyTask(t *testing.T) {
	c := tidesStudy(t)
	page := pageOf(t, c)
	for _, want := range []string{
		"Own Descent, SAM, Monge SAM (M-SAM) and Unheard-of on tides", "30 runs of tides (200 training, 50 validation and 60 test examples)",
		"gains in RMSE over SAM here, and M-SAM forgives larger radii.", "is better in RMSE than SAM (−0.320 ± 0.023 over 3 seeds)", "RMSE against rho", "test RMSE",
		"The lower end, enlarged", "lines leave the picture above", ">guessing<", "the mean is below that of Own Descent at every radius",
		"counts with the RMSE of guessing, 14", "within two percent of the method&#39;s own best", "The tides were &lt;made&gt; up.",
		"Unheard-of: the test&#39;s own way to perturb.", "Radii chosen on validation RMSE", "Mean over training and seeds", "2.920 ± 0.035",
	} {
		plain := strings.ReplaceAll(strings.ReplaceAll(page, `<span class="whole">M-SAM</span>`, "M-SAM"), "\u00a0", " ")
		if !strings.Contains(plain, want) && !strings.Contains(plain, strings.ReplaceAll(want, "+", "&#43;")) {
			t.Errorf("the page lacks %q", want)
		}
	}
	text := tags.ReplaceAllString(page, " ")
	if said := regexp.MustCompile(`.{0,40}(accura|\bnats\b|points\b|\.\d%|entropy|constant predictor).{0,40}`).FindString(text); said != "" {
		t.Errorf("the page says %q", said)
	}
	w := Describe(c)
	if w.Headline != "M-SAM gains in RMSE over SAM here, and M-SAM forgives larger radii." {
		t.Errorf("headline %q", w.Headline)
	}
}

// A method that is not registered with a look gets one that no other on the page has.
func TestFreeLook(t *testing.T) {
	v := newView(tidesStudy(t))
	seen := map[chart.Ink]string{}
	for _, m := range v.methods {
		if other, taken := seen[m.look.Ink]; taken || m.look.Width == 0 {
			t.Errorf("%s is drawn like %s: %+v", m.name, other, m.look)
		}
		seen[m.look.Ink] = m.name
	}
	if l, ok := registered(sam.Look{Ink: 5, Mark: "box"}); !ok || l.Width == 0 || l.Radius == 0 || l.Mark != chart.Box {
		t.Errorf("a look that leaves sizes out: %+v, %v", l, ok)
	}
	var family []*analysis.Method
	for _, s := range []study.Summary{{Method: "sgd"}, {Method: "sam"}, {Method: "m-sam"}, {Method: "m-sam", AscentBudget: new(.1)},
		{Method: "m-sam", AscentBudget: new(.2)}, {Method: "m-sam", AscentBudget: new(.3)}, {Method: ownMethod}, {Method: "nobody's"}} {
		family = append(family, &analysis.Method{Summary: s})
	}
	inks := map[chart.Ink]bool{}
	for _, l := range looksOf(family) {
		inks[l.Ink] = true
	}
	if len(inks) != len(family) {
		t.Errorf("%d colours for %d methods", len(inks), len(family))
	}
	many := make([]*analysis.Method, 12)
	for i := range many {
		many[i] = &analysis.Method{Summary: study.Summary{Method: "nobody's"}}
	}
	looks := looksOf(many)
	for i, l := range looks {
		if slices.ContainsFunc(looks[:i], func(o chart.Look) bool { return o.Ink == l.Ink && slices.Equal(o.Dashes, l.Dashes) && o.Mark == l.Mark }) {
			t.Errorf("look %d is there twice: %+v", i, l)
		}
	}
}

func titles(page string) (list []string) {
	for _, m := range regexp.MustCompile(`<figure><h3>(.*?)</h3>`).FindAllStringSubmatch(page, -1) {
		list = append(list, m[1])
	}
	return list
}

// The page about runs draws what their task measures, but for what is told and never changes.
func TestRunsOfAnyTask(t *testing.T) {
	c := tidesConfig()
	c.Method, c.Rho = "sam", .2
	page := runsPageOf(t, []*train.SavedRun{tidesRun(c, 3)})
	if got := strings.Join(titles(page), ", "); got != "Validation RMSE, Training loss, Validation r2, |g|, |delta|, Ascent, predicted and actual, Learning rate, rho" {
		t.Errorf("curves: %s", got)
	}
	for _, want := range []string{"Test RMSE 3 after 50 steps.", "by SAM at rho 0.2 around Own Descent", "Tides by SAM", ">test RMSE<", ">test r2<", "examples<br />", "Lately a perturbation of length 0.2 raised the loss by 0.66, where"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if text := tags.ReplaceAllString(page, " "); strings.Contains(text, "accura") || strings.Contains(text, "nats") {
		t.Error("accuracy or nats of a task without")
	}

	other := c
	other.Method, other.Rho = "none", 0
	two := runsPageOf(t, []*train.SavedRun{tidesRun(c, 3), tidesRun(other, 2)})
	for _, want := range []string{"none is best on validation, at 2.07.", "sam: 3 on the test split, +1 beside none (n = 1)."} {
		if !strings.Contains(two, want) && !strings.Contains(two, strings.ReplaceAll(want, "+", "&#43;")) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// Runs on pairs have curves of what pairs are measured by, and none of an accuracy.
func TestRunsOnPairs(t *testing.T) {
	cell := study.Cell{Config: align.Default()}
	run := madeUp(cell, .3, false).Run
	run.Path, run.Status = "runs/pairs", train.Status{State: train.Finished, Step: 50, Steps: 50}
	run.Records[4].Val[3].Value = .7 // the gap moves, and nothing collapses
	for i := range run.Records {
		run.Records[i].TrainAccuracy = train.Real(math.NaN())
	}
	page := runsPageOf(t, []*train.SavedRun{run})
	if got := strings.Join(titles(page), ", "); got != "Validation S_kNN, Training loss, Validation loss, Validation recall at 1, Validation modality gap, |g|, Learning rate" {
		t.Errorf("curves: %s", got)
	}
	if !strings.Contains(page, "Mean contrastive loss, in nats, of the minibatches") || !strings.Contains(page, "Test S_kNN 0.3 (loss 1.5)") || strings.Contains(tags.ReplaceAllString(page, " "), "accura") {
		t.Error("words of another task")
	}
}

// Runs of several tasks stand beside each other, and are not ranked.
func TestRunsOfSeveralTasks(t *testing.T) {
	page := runsPageOf(t, []*train.SavedRun{tidesRun(tidesConfig(), 3), savedRun("runs/sam", "sam", .1, 1, .95)})
	for _, want := range []string{"The runs are of several tasks, measured by RMSE and accuracy, so they are not ranked.", ">test RMSE<", ">test accuracy<", "<td>RMSE 3.07<small>", "<td>accuracy 92.0%<small>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if got := titles(page); !slices.Contains(got, "Validation RMSE") || !slices.Contains(got, "Validation accuracy") {
		t.Errorf("curves: %q", got)
	}
}

// Without any split to measure on there is nothing to compare, and the page says so.
func TestPageWithoutMeasures(t *testing.T) {
	c := tidesStudy(t)
	for i := range c.States {
		if r := c.States[i].Run.Result; r != nil {
			r.Test, r.Val, r.Best, r.Data = nil, nil, nil, train.Sizes{Train: 200}
		}
	}
	c = c.Study.CompareStates(c.States)
	if w := Describe(c); !strings.Contains(w.Headline, "no run was measured on examples") || !strings.Contains(w.Summary[0], "neither a validation nor a test split") {
		t.Errorf("%q %q", w.Headline, w.Summary)
	}
	pageOf(t, c)
}

// The closer look at a comparison's better end, and its axis, follow the direction.
func TestCloseUp(t *testing.T) {
	share := scale{Measure: train.Measure{Name: "accuracy", Better: train.Higher, Share: true}}
	rmse := scale{Measure: train.Measure{Name: "rmse", Better: train.Lower}}
	if a, ok := share.closeUp([]float64{.1, .95}, nil, .9); !ok || a.Max != .965 || math.Abs(a.Min-.87) > 1e-9 {
		t.Errorf("%+v, %v", a, ok)
	}
	if a, ok := rmse.closeUp([]float64{10, 30, 20, 100}, []float64{10, 20, 90, math.NaN()}, 20); !ok || math.Abs(a.Min-7.8) > 1e-9 || math.Abs(a.Max-21) > 1e-9 {
		t.Errorf("%+v, %v", a, ok)
	}
	if _, ok := rmse.closeUp([]float64{10, 10.5, 11}, []float64{10, 10.5}, 10.5); ok {
		t.Error("an enlargement that shows no more")
	}
	if a := rmse.axis([]float64{1000, 1010}); a.Min < 990 || a.Max > 1020 {
		t.Errorf("%+v", a)
	}
}

package supervised_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// labelled is the config of a run on a table of points, to which any of three labels may apply.
func labelled(t *testing.T, query string) train.Config {
	t.Helper()
	var b strings.Builder
	b.WriteString("a,b,right,above,far,class\n")
	rng := rand.New(rand.NewPCG(1, 1))
	is := func(v bool) int {
		if v {
			return 1
		}
		return 0
	}
	for range 300 {
		x, y := rng.NormFloat64(), rng.NormFloat64()
		fmt.Fprintf(&b, "%.4f,%.4f,%d,%d,%d,%d\n", x, y, is(x > 0), is(y > 0), is(x+y > 1), is(x > 1))
	}
	path := filepath.Join(t.TempDir(), "points.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	c := supervised.Default()
	supervised.Change(&c, func(s *supervised.Settings) { s.Data, s.Val = "csv:"+path+query, 100 })
	c.Batch, c.Epochs, c.LR = 20, 20, .1
	return c
}

const threeLabels = "?target=right,above,far&ignore=class"

// Labels of which any may apply are learned, and what a run leaves says the probability of each.
func TestLearnsLabels(t *testing.T) {
	c := labelled(t, threeLabels)
	supervised.Change(&c, func(s *supervised.Settings) { s.Onnx = []string{"sigmoid"} })
	dir := filepath.Join(t.TempDir(), "run")
	res, err := runIn(t, dir, c, 0)
	if err != nil {
		t.Fatal(err)
	}
	if m := res.Val; m.First().Name != "f1_micro" || m.Get("exact_match") < .8 || m.Get("f1_macro") < .9 || !(m.Get("loss") < .3) {
		t.Errorf("measures %+v", m)
	}
	x := []float32{2, -1, -1, -1}
	var first []float32
	for _, file := range []string{supervised.WeightsFile, supervised.NetworkFile} {
		k, err := classifier.Load(filepath.Join(dir, file), classifier.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := k.Predict(x)
		if err != nil || !k.MultiLabel || len(p) != 6 {
			t.Fatalf("%s: %v, %+v, %v", file, p, k.Info, err)
		}
		logits, err := k.Outputs(x)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range p {
			if want := 1 / (1 + math.Exp(-float64(logits[i]))); math.Abs(float64(v)-want) > 1e-6 {
				t.Errorf("%s: probability %d is %g of logit %g", file, i, v, logits[i])
			}
			if first != nil && math.Abs(float64(v-first[i])) > 1e-5 {
				t.Errorf("%s: probability %d is %g, of the weights %g", file, i, v, first[i])
			}
		}
		if first = p; p[0] < .5 || p[1] > .5 || max(p[3], p[4], p[5]) > .5 {
			t.Errorf("%s: probabilities %v", file, p)
		}
	}
	// and goes on from its ONNX model
	supervised.Change(&c, func(s *supervised.Settings) { s.Init, s.Onnx = filepath.Join(dir, supervised.NetworkFile), nil })
	c.Epochs, c.LR = 1, .001
	if res, err = runIn(t, filepath.Join(t.TempDir(), "again"), c, 0); err != nil || res.Val.Get("exact_match") < .8 {
		t.Errorf("measures %+v, %v", res.Val, err)
	}
}

// The data decide the problem, or the setting does; what does not fit is refused.
func TestProblem(t *testing.T) {
	for _, tt := range []struct{ query, problem, measures, decided, first, err string }{
		{query: threeLabels, decided: classifier.MultiLabel, first: "f1_micro"},
		{query: threeLabels, problem: classifier.Regression, decided: classifier.Regression, first: "rmse"},
		{query: "?target=far&ignore=class", first: "rmse"},
		{query: "?target=far&ignore=class", problem: classifier.MultiLabel, decided: classifier.MultiLabel, first: "f1_micro"},
		{query: "?target=a,far&ignore=class", first: "rmse"},
		{query: "?label=class", first: "accuracy"},
		{query: "?label=class", problem: classifier.SingleLabel, decided: classifier.SingleLabel, first: "accuracy"},
		{query: "?label=class", measures: "mcc,f1_macro,f1", first: "mcc"},
		{query: "?label=class", measures: "loss", first: "loss"},
		{query: "?label=class", measures: "ece", first: "ece"},
		{query: threeLabels, measures: "exact_match", decided: classifier.MultiLabel, first: "exact_match"},
		{query: "?target=a&ignore=class", measures: "spearman,pearson", first: "spearman"},
		{query: "?label=class", problem: classifier.MultiLabel, err: "its examples have classes, no targets"},
		{query: threeLabels, problem: classifier.SingleLabel, err: "its examples have targets, no classes"},
		{query: "?target=a&ignore=class", problem: classifier.MultiLabel, err: "not all 0 or 1"},
		{query: threeLabels, problem: "multi", err: `unknown problem "multi"; there are single_label_classification, multi_label_classification, regression`},
		{query: threeLabels, measures: "mcc", err: "measure mcc is of other problems"},
		{query: threeLabels, measures: "f2", err: `unknown measure "f2"; there are accuracy, ece, exact_match`},
		{query: threeLabels, measures: "loss,loss", err: "listed twice"},
		{query: "?label=right&ignore=above,far,class", measures: "f1", first: "f1"},
	} {
		c := labelled(t, tt.query)
		c.Epochs = 1
		supervised.Change(&c, func(s *supervised.Settings) {
			s.Problem = tt.problem
			if tt.measures != "" {
				s.Measures = strings.Split(tt.measures, ",")
			}
		})
		r, err := train.New(c)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%+v: error %v", tt, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		if got := supervised.Of(&r.Config).Problem; got != tt.decided {
			t.Errorf("%+v: the config says %q", tt, got)
		}
		_, res := do(t, c)
		if got := res.Val.First().Name; got != tt.first {
			t.Errorf("%+v: the first measure is %s", tt, got)
		}
		if tt.problem == "" && tt.decided != "" && !strings.Contains(strings.Join(r.Notes(), "\n"), "problem regression predicts them as numbers") {
			t.Errorf("%+v: notes %q", tt, r.Notes())
		}
	}
}

// The measure that decides chooses the best weights.
func TestMeasureDecides(t *testing.T) {
	c := labelled(t, "?label=class")
	c.Epochs, c.LR = 8, .5
	supervised.Change(&c, func(s *supervised.Settings) { s.Measures = []string{"mcc"} })
	_, res := do(t, c)
	best := math.Inf(-1)
	for _, r := range res.Records {
		best = max(best, float64(r.Val.Get("mcc")))
	}
	if got := float64(res.Best.Val.Get("mcc")); got != best || math.IsInf(best, 0) {
		t.Errorf("the best has %g, the records %g", got, best)
	}
}

package score_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/monge-ml/monge/classifier/score"
)

type golden struct {
	Classes []struct {
		Classes      int
		Labels, Said []int
		Accuracy     float64
		F1           float64
		Macro        float64 `json:"f1_macro"`
		Micro        float64 `json:"f1_micro"`
		MCC          float64
	}
	Labels []struct {
		Classes      int
		Labels, Said [][]int
		Accuracy     float64
		Exact        float64   `json:"exact_match"`
		Macro        float64   `json:"f1_macro"`
		Micro        float64   `json:"f1_micro"`
		Each         []float64 `json:"f1_each"`
	}
	Correlations []struct {
		X, Y              []float64
		Pearson, Spearman *float64
	}
}

func read(t *testing.T) (g golden) {
	t.Helper()
	b, err := os.ReadFile("testdata/scores.json")
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// equal reports values that differ, NaN for want of one.
func equal(t *testing.T, i int, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) < 1e-12) && !(math.IsNaN(got) && math.IsNaN(want)) {
		t.Errorf("case %d: %s is %.15g, the reference's %.15g", i, what, got, want)
	}
}

// Measures of classes are scikit-learn's, also where there is one class or none of another.
func TestClasses(t *testing.T) {
	for i, want := range read(t).Classes {
		c := score.NewCounts(want.Classes)
		for k, label := range want.Labels {
			c.Class(label, want.Said[k])
		}
		equal(t, i, "accuracy", c.Accuracy(), want.Accuracy)
		equal(t, i, "macro F1", c.ClassF1(), want.Macro)
		equal(t, i, "micro F1", c.MicroF1(), want.Micro)
		equal(t, i, "Matthews' coefficient", c.Matthews(), want.MCC)
		if want.Classes == 2 {
			equal(t, i, "F1", c.F1(1), want.F1)
		}
	}
}

// Measures of several labels are scikit-learn's, also without positives.
func TestLabels(t *testing.T) {
	for i, want := range read(t).Labels {
		c := score.NewCounts(want.Classes)
		for k, row := range want.Labels {
			c.Labels(func(j int) bool { return row[j] == 1 }, func(j int) bool { return want.Said[k][j] == 1 })
		}
		equal(t, i, "exact match", c.Accuracy(), want.Exact)
		equal(t, i, "accuracy", c.LabelAccuracy(), want.Accuracy)
		equal(t, i, "macro F1", c.LabelF1(), want.Macro)
		equal(t, i, "micro F1", c.MicroF1(), want.Micro)
		for k, f1 := range want.Each {
			equal(t, i, "F1 of a label", c.F1(k), f1)
		}
	}
}

// Correlations are SciPy's, with ties and without variation.
func TestCorrelations(t *testing.T) {
	or := func(v *float64) float64 {
		if v == nil {
			return math.NaN()
		}
		return *v
	}
	for i, want := range read(t).Correlations {
		equal(t, i, "Pearson's", score.Pearson(want.X, want.Y), or(want.Pearson))
		equal(t, i, "Spearman's", score.Spearman(want.X, want.Y), or(want.Spearman))
	}
	if v := score.Spearman([]float64{1, math.NaN(), 2}, []float64{1, 2, 3}); !math.IsNaN(v) {
		t.Errorf("of a NaN it is %g", v)
	}
}

// An example of which nothing is said is a miss of its class, and no false alarm of another.
func TestNothingSaid(t *testing.T) {
	c := score.NewCounts(2)
	c.Class(0, -1)
	c.Class(1, 1)
	if c.Accuracy() != .5 || c.F1(0) != 0 || c.F1(1) != 1 || c.MicroF1() != 2./3 {
		t.Errorf("%+v: accuracy %g, F1 %g and %g, micro %g", c, c.Accuracy(), c.F1(0), c.F1(1), c.MicroF1())
	}
}

// Calibration errors are those of the definition, and of torchmetrics off the edges of bins.
func TestCalibration(t *testing.T) {
	b, err := os.ReadFile("testdata/calibration.json")
	type one struct {
		Confidences []float64
		Right       []int
		ECE         float64
	}
	var g struct{ Logits, Confidences []one }
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil || len(g.Logits) == 0 || len(g.Confidences) == 0 {
		t.Fatalf("%v, %d and %d cases", err, len(g.Logits), len(g.Confidences))
	}
	for i, want := range append(g.Logits, g.Confidences...) {
		var c score.Calibration
		for k, sure := range want.Confidences {
			c.Add(sure, want.Right[k] == 1)
		}
		equal(t, i, "calibration error", c.Error(), want.ECE)
	}
}

// Of nothing there is no calibration error, nor of a confidence that is none; one class is sure and right.
func TestCalibrationEnds(t *testing.T) {
	var none, one, broken score.Calibration
	one.Add(1, true)
	broken.Add(.5, true)
	broken.Add(math.NaN(), false)
	if e := none.Error(); !math.IsNaN(e) {
		t.Errorf("of nothing it is %g", e)
	}
	if e := broken.Error(); !math.IsNaN(e) {
		t.Errorf("with a NaN it is %g", e)
	}
	if e := one.Error(); e != 0 {
		t.Errorf("of one class it is %g", e)
	}
}

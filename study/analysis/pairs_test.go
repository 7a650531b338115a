package analysis

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/monge-ml/monge/contrast" // the task on pairs
	"github.com/monge-ml/monge/study"
	_ "github.com/monge-ml/monge/supervised" // that a file without a task begins with
	"github.com/monge-ml/monge/train"
)

// aligned returns a study on pairs of two seeds, with runs made up from the ends that a
// function gives.
func aligned(t *testing.T, end func(c train.Config) (loss, sknn float64, collapsed bool)) *study.Comparison {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pairs.toml")
	text := `
seeds = 2
[base]
data = "pairs:pairs.tsv"
model = "clip"
init = "start"
batch = 128
[[grid]]
method = "m-sam"
rho = 1
ascent-budget = 0.1
lr = 0.01
[[grid]]
method = ["m-sam", "sam"]
rho = [0.3, 0.1]
lr = 0.01
[[grid]]
method = "none"
lr = [0, 0.01]
[[grid]]
method = "none"
base = "adam"
momentum = 0
lr = 0.001
`
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := study.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &study.Comparison{Study: s, Measure: train.Measure{Name: "s_knn"}}
	for _, cell := range s.Cells {
		loss, sknn, collapsed := end(cell.Config)
		measures := func(sknn float64) train.Measures {
			return train.Measures{{Name: "s_knn", Value: train.Real(sknn), Better: train.Higher}, {Name: "loss", Value: train.Real(loss + 1), Better: train.Lower}}
		}
		val := func(loss float64) train.Measures { return train.Measures{{Name: "loss", Value: train.Real(loss)}} }
		c.Rows = append(c.Rows, study.Row{
			Cell: cell.Name, Method: cell.Config.Method, Diverged: loss > 4.84, Collapsed: collapsed,
			Records: []train.Record{{Step: 1, Val: val(4), GradNorm: 3}, {Step: 2, Val: val(3), GradNorm: 1}},
			Result: &train.Result{TrainLoss: loss, Test: measures(sknn / 2),
				Best: &train.Best{Step: 1, Val: measures(sknn / 2), Test: measures(sknn)}},
		})
	}
	return c
}

// A line of the table is the mean over seeds; lines stand in the paper's order.
func TestAlignment(t *testing.T) {
	c := aligned(t, func(c train.Config) (float64, float64, bool) {
		switch {
		case c.Method == "sam" && c.Rho == .3:
			return 4.85, .1, c.Seed == 1
		case c.Method == "sam":
			return 2, .2 + .1*float64(c.Seed), false
		}
		return 1, .5, false
	})
	want := []struct {
		method, base  string
		lr, rho, sknn float64
		diverged      int
	}{
		{"none", "sgd", 0, 0, .5, 0}, {"none", "sgd", .01, 0, .5, 0}, {"none", "adam", .001, 0, .5, 0},
		{"sam", "sgd", .01, .1, .35, 0}, {"sam", "sgd", .01, .3, .1, 2},
		{"m-sam", "sgd", .01, .1, .5, 0}, {"m-sam", "sgd", .01, .3, .5, 0}, {"m-sam", "sgd", .01, 1, .5, 0},
	}
	got := Alignment(c)
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d: %+v", len(got), len(want), got)
	}
	near := func(a train.Real, b float64) bool { return math.Abs(float64(a)-b) < 1e-12 }
	for i, w := range want {
		a := got[i]
		if a.Method != w.method || a.Base != w.base || a.LR != w.lr || float64(a.Rho) != w.rho || !near(a.SKNN, w.sknn) || a.Diverged != w.diverged || a.Runs != 2 {
			t.Errorf("line %d is %+v, want %+v", i, a, w)
		}
	}
	if a := got[3]; !near(a.SKNNStderr, .05) || !near(a.TrainLoss, 2) || !near(a.FinalLoss, 3) || !near(a.BestLoss, 3) || !near(a.FinalSKNN, .175) || !near(a.GradNorm, 2) || a.BestStep != 1 {
		t.Errorf("%+v", a)
	}
	if a := got[4]; a.Collapsed != 1 {
		t.Errorf("%d collapsed, want 1", a.Collapsed)
	}
	if b := got[7].AscentBudget; b == nil || *b != .1 {
		t.Errorf("budget %v", b)
	}
}

// A run that met a NaN counts as diverged, with the S_kNN of guessing where that is known.
func TestAlignmentNaN(t *testing.T) {
	c := aligned(t, func(train.Config) (float64, float64, bool) { return 1, .5, false })
	c.Rows[0].Result, c.Rows[0].Diverged, c.Rows[0].Test = nil, true, math.NaN()
	a := Alignment(c)[7]
	if a.Diverged != 1 || a.Runs != 2 || a.SKNN != .5 || !math.IsNaN(float64(a.SKNNStderr)) {
		t.Errorf("%+v", a)
	}
	c.Rows[0].Test = .1 // of guessing
	if a := Alignment(c)[7]; math.Abs(float64(a.SKNN)-.3) > 1e-12 || a.TrainLoss != 1 {
		t.Errorf("%+v", a)
	}
}

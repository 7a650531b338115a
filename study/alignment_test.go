package study

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/monge-ml/monge/train"
)

// aligned returns a study on pairs of two seeds, with runs made up from the ends that a
// function gives.
func aligned(t *testing.T, end func(c train.Config) (loss, sknn float64, collapsed bool)) *Comparison {
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
	s, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &Comparison{Study: s}
	for _, cell := range s.Cells {
		loss, sknn, collapsed := end(cell.Config)
		last := &train.Alignment{SKNN: sknn / 2, Collapsed: collapsed}
		c.Rows = append(c.Rows, Row{
			Run: filepath.ToSlash(cell.Dir("")), Method: cell.Config.Method, Diverged: loss > 4.84, Collapsed: collapsed,
			Records: []train.Record{{Step: 1, ValLoss: 4, GradNorm: 3}, {Step: 2, ValLoss: 3, GradNorm: 1}},
			Result: &train.Result{TrainLoss: loss, TestLoss: train.Real(loss + 1), Alignment: last,
				Best: &train.Best{Step: 1, ValAlignment: last, Alignment: &train.Alignment{SKNN: sknn}}},
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
	got := c.Alignment()
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

// A run that met a NaN has no measures, and counts as diverged.
func TestAlignmentNaN(t *testing.T) {
	c := aligned(t, func(train.Config) (float64, float64, bool) { return 1, .5, false })
	c.Rows[0].Result, c.Rows[0].Diverged = nil, true
	a := c.Alignment()[7]
	if a.Diverged != 1 || a.Runs != 2 || a.SKNN != .5 || !math.IsNaN(float64(a.SKNNStderr)) {
		t.Errorf("%+v", a)
	}
}

// A run is lost where it has learned nothing; a high loss on unseen pairs alone is no sign.
func TestLost(t *testing.T) {
	for _, c := range []struct {
		train, test     float64
		collapsed       bool
		wantLost, wantC bool
	}{
		{1, 9, false, false, false}, {4.8, 4.8, false, false, false}, {4.845, 4.8, false, true, false}, {5.5, 5.5, false, true, false},
		{math.NaN(), 5, false, true, false}, {4.83, 4.85, true, true, true},
	} {
		res := &train.Result{TrainLoss: c.train, TestLoss: train.Real(c.test), Alignment: &train.Alignment{Collapsed: c.collapsed}}
		if gotC, gotLost := lost(res, 128); gotC != c.wantC || gotLost != c.wantLost {
			t.Errorf("training loss %g, test loss %g: collapsed %v, lost %v", c.train, c.test, gotC, gotLost)
		}
	}
}

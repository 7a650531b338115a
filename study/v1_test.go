package study

import (
	"math"
	"testing"

	"github.com/monge-ml/monge/train"
)

// A study's directory of an earlier version is read as that version read it: its cells have the
// same names and settings, and the means are those that it printed (as `study report --json`).
func TestEarlierVersion(t *testing.T) {
	const dir = "testdata/v1"
	s, err := Open(dir + "/study.toml")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Fits(dir); err != nil {
		t.Error(err)
	}
	if len(s.Cells) != 18 {
		t.Errorf("%d cells", len(s.Cells))
	}
	for _, st := range s.States(dir) {
		if st.State != train.Finished {
			t.Errorf("%s is %s: %s", st.Cell, st.State, st.Error)
		}
	}
	c := s.Compare(dir)
	if c.Measure.Name != "accuracy" || c.Data.Classes != 10 || c.Data.Test != 497 || c.Data.LabelNoise != .4 || c.Plan.Seeds != 2 {
		t.Errorf("measure %+v, data %+v, %d seeds", c.Measure, c.Data, c.Plan.Seeds)
	}
	want := []struct {
		method, variant   string
		test, val, stderr float64
		rho               float64
		diverged, runs    int
	}{
		{"sgd", "", 0.3993963782696177, 0.41333333333333333, 0.02917505030181086, 0, 0, 2},
		{"sam", "", 0.31388329979879276, 0.325, 0.01006036217303824, .1, 2, 4},
		{"m-sam", "", 0.3158953722334004, 0.33666666666666667, 0.00804828973843058, .1, 2, 4},
		{"sam", "label-smoothing 0.1", 0.31287726358148893, 0.32833333333333337, 0.009054325955734409, .1, 2, 4},
		{"m-sam", "label-smoothing 0.1", 0.3148893360160966, 0.33, 0.011066398390342068, .1, 2, 4},
	}
	if len(c.Summary) != len(want) {
		t.Fatalf("%d methods, want %d", len(c.Summary), len(want))
	}
	same := func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }
	for i, w := range want {
		m := c.Summary[i]
		if m.Method != w.method || m.Variant != w.variant || !same(m.Test, w.test) || !same(m.Val, w.val) || !same(m.TestStderr, w.stderr) || m.BestRho != w.rho || m.Diverged != w.diverged || m.Runs != w.runs {
			t.Errorf("%+v, want %+v", m, w)
		}
	}
}

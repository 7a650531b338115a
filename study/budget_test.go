package study_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/study"
)

// openText opens a study by its text.
func openText(t *testing.T, text string, overrides ...string) (*study.Study, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "study.toml")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return study.Open(path, overrides...)
}

// lengthsOf are the cells with their epochs and steps.
func lengthsOf(s *study.Study) (list []string) {
	for _, c := range s.Cells {
		list = append(list, fmt.Sprintf("%s: %d %d %s", c.Name, c.Config.Epochs, c.Config.MaxSteps, s.Variant(c)))
	}
	return list
}

const mixed = `
[[grid]]
method = ["none", "sam"]
rho = [0.1, 0.2]
[[grid]]
method = "m-sam"
rho = 0.1
interval = [0, 5]
`

// With an equal budget the runs are as long as it takes, and no variants for it.
func TestBudget(t *testing.T) {
	for _, c := range []struct {
		head string
		want []string
	}{
		{"budget = 'gradients'\n[base]\nepochs = 30\n", []string{
			"sgd_epochs-60_seed-1: 60 0 ", "sam_rho-0.1_seed-1: 30 0 ", "sam_rho-0.2_seed-1: 30 0 ", "m-sam_rho-0.1_seed-1: 30 0 ",
			"m-sam_rho-0.1_interval-5_epochs-50_seed-1: 50 0 interval 5",
		}},
		{"budget = 'gradients'\n[base]\nepochs = 31\nmax-steps = 101\n", []string{ // exact to a step
			"sgd_epochs-62_max-steps-202_seed-1: 62 202 ", "sam_rho-0.1_seed-1: 31 101 ", "sam_rho-0.2_seed-1: 31 101 ", "m-sam_rho-0.1_seed-1: 31 101 ",
			"m-sam_rho-0.1_interval-5_epochs-52_max-steps-168_seed-1: 52 168 interval 5",
		}},
		{"[base]\nepochs = 30\n", []string{
			"sgd_seed-1: 30 0 ", "sam_rho-0.1_seed-1: 30 0 ", "sam_rho-0.2_seed-1: 30 0 ", "m-sam_rho-0.1_seed-1: 30 0 ", "m-sam_rho-0.1_interval-5_seed-1: 30 0 interval 5",
		}},
	} {
		s, err := openText(t, c.head+mixed)
		if err != nil {
			t.Fatal(err)
		}
		if got := lengthsOf(s); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", c.head, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
		// what is kept in a directory means the same
		text, err := s.TOML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := openText(t, string(text))
		if err != nil || !slices.Equal(lengthsOf(again), c.want) {
			t.Errorf("%v of\n%s", err, text)
		}
	}
}

// Equal time goes by the costs of the file, which a preset's file may add to.
func TestBudgetOfTime(t *testing.T) {
	const text = "budget = 'time'\ncost.sam = 1.6\ncost.m-sam = 2\n[base]\nepochs = 20\n[[grid]]\nmethod = ['none', 'sam', 'm-sam']\nrho = 0.1\n"
	s, err := openText(t, text)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"sgd_epochs-40_seed-1: 40 0 ", "sam_rho-0.1_epochs-25_seed-1: 25 0 ", "m-sam_rho-0.1_seed-1: 20 0 "}
	if got := lengthsOf(s); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	kept, err := s.TOML()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := openText(t, string(kept)); err != nil || !slices.Equal(lengthsOf(again), want) {
		t.Errorf("%v of\n%s", err, kept)
	}
	if s, err = openText(t, "preset = 'schedule'\nbudget = 'gradients'\n"); err != nil || s.Cells[0].Config.Epochs != 60 {
		t.Errorf("%v, %+v", err, s)
	}
	if s, err = openText(t, strings.ReplaceAll(text, "budget = 'time'\ncost.sam = 1.6\ncost.m-sam = 2\n", ""), "budget=gradients"); err != nil || s.Cells[0].Config.Epochs != 40 {
		t.Errorf("%v, %+v", err, s)
	}
	p, err := study.New(study.Settings{Base: s.Base, Budget: study.EqualTime, Cost: map[string]float64{"sam": 4}, Grid: []map[string]any{{"method": "sam", "rho": .1}}})
	if err != nil || p.Cells[0].Config.Epochs != 10 {
		t.Errorf("%v, %+v", err, p)
	}
}

// What no budget can be made of is refused, with what to do.
func TestBudgetErrors(t *testing.T) {
	const grid = "[[grid]]\nmethod = ['none', 'm-sam']\nrho = 0.1\n"
	for text, want := range map[string]string{
		"budget = 'gradient'\n" + grid:                                   `budget is "gradient" (did you mean gradients?); there are gradients, time`,
		"budget = 2\n" + grid:                                            "budget is a whole number; it should be a text",
		"cost.sam = 2\n" + grid:                                          `[cost] is what steps cost for budget = "time"`,
		"budget = 'time'\n" + grid:                                       "[cost] says nothing of method m-sam: give the time of its step over one of none",
		"budget = 'time'\ncost.msam = 2\n" + grid:                        `[cost]: unknown method "msam" (did you mean sam?)`,
		"budget = 'time'\ncost.m-sam = 0\n" + grid:                       "[cost]: m-sam is 0; it is the time of a step over one of none",
		"budget = 'time'\ncost.m-sam = inf\n" + grid:                     "[cost]: m-sam is +Inf",
		"budget = 'time'\ncost.none = 2\n" + grid:                        "[cost]: none is 2",
		"budget = 'time'\ncost = 2\n" + grid:                             "cost is a whole number; it should be a table",
		"budget = 'time'\ncost.m-sam = 2\n" + grid + "interval = [0, 5]": "steps of method m-sam take 2 and 1.2 gradients, of which [cost] can't say one time",
		"budget = 'gradients'\n" + grid + "epochs = [1, 2]":              "epochs: the study's budget sets it for each run; give it in [base]",
		"budget = 'gradients'\n" + grid + "max-steps = 5":                "max-steps: the study's budget sets it",
		"budget = 'time'\ncost.m-sam = 9\n[base]\nepochs = 2\n" + grid:   "m-sam_rho-0.1_seed-1: the budget is not enough for one of its epochs: raise epochs in [base]",
		"budget = 'time'\ncost.m-sam = 1e-300\n" + grid:                  "the budget makes 6e+301 epochs",
	} {
		if _, err := openText(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", text, err, want)
		}
	}
}

// Runs of an equal budget have computed as many gradients when they are over, and are compared as
// what they are: methods, not variants of them.
func TestBudgetIsKept(t *testing.T) {
	s, err := openText(t, "budget = 'gradients'\n[base]\nepochs = 3\nmax-steps = 25\n"+mixed)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	states, err := s.Run(t.Context(), dir, s.Cells, study.RunOptions{Jobs: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i, st := range states {
		took := float64(st.Step) * s.Cells[i].Config.Gradients()
		if math.Abs(took-50) > 1 {
			t.Errorf("%s took %g gradients in %d steps", st.Cell, took, st.Step)
		}
	}
	var said []string
	for _, sum := range s.Compare(dir).Summary {
		said = append(said, strings.TrimSpace(sum.Method+" "+sum.Variant))
	}
	if got := strings.Join(said, ", "); got != "sgd, sam, m-sam, m-sam interval 5" {
		t.Error(got)
	}
}

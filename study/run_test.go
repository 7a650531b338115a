package study

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/train"
)

const smallStudy = `
seeds = 2
[base]
epochs = 3
label-noise = 0.4
[[grid]]
method = ["none", "sam", "m-sam"]
rho = [0.1, 0.3]
[[grid]]
method = "m-sam"
rho = inf
ascent-budget = [0.05]
`

// digests of the weights by cell, of the runs that are over.
func digests(s *Study, dir string) map[string]string {
	list := map[string]string{}
	for _, st := range s.States(dir) {
		if st.State == train.Finished {
			list[st.Cell] = st.Run.Result.WeightsSHA256
		}
	}
	return list
}

// An interrupted study goes on, and comes to the same bits whatever runs beside what.
func TestRunInterruptedAndResumed(t *testing.T) {
	s := mustOpen(t, smallStudy)
	whole := t.TempDir()
	if _, err := s.Run(t.Context(), whole, s.Cells, RunOptions{}); err != nil {
		t.Fatal(err)
	}
	want := digests(s, whole)
	if len(want) != len(s.Cells) {
		t.Fatalf("%d of %d runs finished", len(want), len(s.Cells))
	}

	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	_, err := s.Run(ctx, dir, s.Cells, RunOptions{Jobs: 2, Step: func(Cell, train.Progress) {
		if steps++; steps == 200 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	states := map[string]int{}
	for _, st := range s.States(dir) {
		states[st.State]++
	}
	if states[train.Interrupted] == 0 || states[Planned] == 0 || states[train.Finished] == 0 {
		t.Fatalf("after the interruption: %v", states)
	}
	if left := s.SecondsLeft(s.States(dir)); !(left > 0) {
		t.Errorf("%g s left", left)
	}
	finished := digests(s, dir)
	stepped := map[string]bool{}
	_, err = s.Run(t.Context(), dir, s.Cells, RunOptions{Jobs: 2, Step: func(c Cell, _ train.Progress) { stepped[c.Name] = true }})
	if err != nil {
		t.Fatal(err)
	}
	for name := range finished {
		if stepped[name] {
			t.Errorf("%s was finished and was run again", name)
		}
	}
	got := digests(s, dir)
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s: weights %q, uninterrupted and alone %q", name, got[name], w)
		}
	}
	if left := s.SecondsLeft(s.States(dir)); left != 0 {
		t.Errorf("%g s left of a study that is over", left)
	}
}

// What goes wrong in a run is told of, and the others are done.
func TestRunsThatGoWrong(t *testing.T) {
	s := mustOpen(t, `
		[base]
		epochs = 2
		[[grid]]
		lr = [0.05, 1e30]
		[[grid]]
		data = ["csv:nowhere.csv?label=x"]
		[[grid]]
		method = "sam"
		rho = 0.1`)
	dir := t.TempDir()
	busy := s.Cells[slices.IndexFunc(s.Cells, func(c Cell) bool { return c.Config.Method == "sam" })]
	run, err := train.New(busy.Config)
	if err != nil {
		t.Fatal(err)
	}
	d, err := train.OpenDir(busy.Dir(dir), run, train.DirOptions{}) // as another process would
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if _, err := s.Run(t.Context(), dir, s.Cells, RunOptions{Done: func(st State) { got[st.Cell] = st.State + " " + st.Error }}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ cell, state string }{
		{"sgd_seed-1", "finished"}, {"sgd_lr-1e+30_seed-1", "diverged training diverged"}, {"sgd_data-csv", "failed open nowhere.csv"}, {busy.Name, "running"},
	} {
		i := slices.IndexFunc(s.Cells, func(c Cell) bool { return strings.HasPrefix(c.Name, want.cell) })
		if state := got[s.Cells[i].Name]; !strings.HasPrefix(state, want.state) {
			t.Errorf("%s is %q, want %s", want.cell, state, want.state)
		}
	}
	for _, st := range s.States(dir) { // so it stands in the directory too
		if state := st.State + " " + st.Error; state != got[st.Cell] {
			t.Errorf("%s was %q, and is read as %q", st.Cell, got[st.Cell], state)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), dir, s.Cells, RunOptions{}); err != nil {
		t.Fatal(err)
	}
	if st := busy.State(dir); st.State != train.Finished {
		t.Errorf("once it is free: %+v", st)
	}
	c := s.Compare(dir)
	if len(c.Rows) != 3 || c.Planned != 4 {
		t.Fatalf("%d rows of %d", len(c.Rows), c.Planned)
	}
	for _, r := range c.Rows {
		if broke := strings.Contains(r.Run, "1e+30"); r.Diverged != broke || broke && r.Test != .1 {
			t.Errorf("%s: diverged %v, test accuracy %g", r.Run, r.Diverged, r.Test)
		}
	}
}

// A study that has other settings than the one whose runs are there is refused at once.
func TestFits(t *testing.T) {
	s := mustOpen(t, smallStudy)
	dir := t.TempDir()
	one, err := s.Only("sgd_seed-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), dir, one, RunOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Fits(dir); err != nil {
		t.Error(err)
	}
	if err := mustOpen(t, smallStudy, "epochs=4").Fits(dir); err == nil || !strings.Contains(err.Error(), "epochs was 3, is 4") {
		t.Errorf("error %v", err)
	}
}

func TestOnly(t *testing.T) {
	s := mustOpen(t, smallStudy)
	cells, err := s.Only("m-sam_*_seed-2")
	if err != nil || len(cells) != 3 {
		t.Errorf("%d cells, error %v", len(cells), err)
	}
	if _, err := s.Only("adam_*"); err == nil || !strings.Contains(err.Error(), `no cell matches "adam_*"; their names are like sgd_seed-1 and`) {
		t.Error(err)
	}
	if _, err := s.Only("["); err == nil {
		t.Error("a broken pattern is taken")
	}
}

func TestForecast(t *testing.T) {
	s := mustOpen(t, smallStudy+"[[grid]]\nmethod = \"sam\"\nrho = 0.1\ninterval = 5\n")
	f, err := s.Forecast(t.Context(), t.TempDir(), s.Cells, 0)
	if err != nil {
		t.Fatal(err)
	}
	if f.Cells != len(s.Cells) || len(f.Costs) != 3 {
		t.Fatalf("%d cells of %d kinds", f.Cells, len(f.Costs))
	}
	const steps = 3 * 16 // 3 epochs of 1000 examples in minibatches of 64
	for i, want := range []struct {
		gradients float64
		cells     int
	}{{1, 2}, {2, 10}, {1.2, 2}} {
		c := f.Costs[i]
		if c.Gradients != want.gradients || c.Cells != want.cells || c.Steps != steps || !(c.StepS > 0) {
			t.Errorf("%+v, want %+v", c, want)
		}
	}
	if f.Steps != steps*len(s.Cells) || !(f.Seconds > 0) || f.DiskBytes <= 0 {
		t.Errorf("%+v", f)
	}
	if n := f.StepsOf(s.Cells[0]); n != steps {
		t.Errorf("%d steps", n)
	}
}

// The rows say what the runs' own files say, and runs over budgets are one method.
func TestCompare(t *testing.T) {
	s := mustOpen(t, smallStudy)
	dir := t.TempDir()
	if _, err := s.Run(t.Context(), dir, s.Cells, RunOptions{Jobs: 2}); err != nil {
		t.Fatal(err)
	}
	c := s.Compare(dir)
	if c.Planned != 12 || len(c.Rows) != 12 || c.Plan.Seeds != 2 || c.Data.Test != 497 || c.Data.Classes != 10 {
		t.Fatalf("%d of %d rows, %d seeds, data %+v", len(c.Rows), c.Planned, c.Plan.Seeds, c.Data)
	}
	for _, r := range c.Rows {
		saved, err := train.ReadRun(filepath.Join(dir, r.Run))
		if err != nil {
			t.Fatal(err)
		}
		if r.Test != float64(saved.Result.Test.Get("accuracy")) || r.Seed != saved.Config.Seed || r.Rho != saved.Config.Rho || len(r.Records) != 3 {
			t.Errorf("%s: %+v", r.Run, r)
		}
	}
	var methods []string
	for _, m := range c.Summary {
		methods = append(methods, m.Method+" "+m.Sweep)
	}
	if want := []string{"sgd ", "sam ", "m-sam ", "m-sam ascent_budget"}; !slices.Equal(methods, want) {
		t.Fatalf("methods %q, want %q", methods, want)
	}
	budget := c.Summary[3]
	if budget.BestRho != .05 || budget.Setting() != "budget" || budget.AscentBudget != nil || len(budget.Points) != 1 || budget.Points[0].Runs != 2 {
		t.Errorf("%+v", budget)
	}
	if err := os.RemoveAll(s.Cells[0].Dir(dir)); err != nil {
		t.Fatal(err)
	}
	if c := s.Compare(dir); len(c.Rows) != 11 || c.States[0].State != Planned {
		t.Errorf("%d rows once a run is gone, its state %s", len(c.Rows), c.States[0].State)
	}
}

// A run that diverges at once is forecast like any other, and is a row, not the end.
func TestDivergingCell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.toml")
	text := "[base]\ndata = \"digits\"\nepochs = 1\n[[grid]]\nmethod = \"none\"\nlr = [0.05, 1e30]\n[[grid]]\nmethod = \"sam\"\nrho = 1e30\n"
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if f, err := s.Forecast(context.Background(), dir, s.Cells, 1); err != nil || f.Cells != 3 {
		t.Fatalf("forecast %+v, %v", f, err)
	}
	if _, err := s.Run(context.Background(), dir, s.Cells, RunOptions{}); err != nil {
		t.Fatal(err)
	}
	states := map[string]int{}
	for _, st := range s.States(dir) {
		states[st.State]++
	}
	if states[train.Finished] != 1 || states[train.Diverged] != 2 {
		t.Errorf("states %v", states)
	}
}

// cliff is a bowl whose loss is not a number from some step on.
type cliff struct {
	bowl
	steps *int
}

func (c cliff) Minibatch(context.Context, int) (train.Minibatch, error) { return c, nil }

func (c cliff) Gradient(g, t []float32, lo, hi int, call objective.Call) (float64, error) {
	if *c.steps++; *c.steps > 2 {
		g[0] = float32(math.NaN())
		return math.NaN(), nil
	}
	return c.bowl.Gradient(g, t, lo, hi, call)
}

// A kind of run that can't be measured is said to be unknown, and the others are forecast and done.
func TestForecastUnknown(t *testing.T) {
	base := train.Default()
	base.Task, base.Epochs = "cliff", 6
	s, err := New(Settings{
		Base: base, Seeds: 2, Grid: []map[string]any{{"method": "none", "microbatch": []int{0, 2}}},
		Open: func(_ context.Context, c train.Config, _ *train.Shared) (*train.Run, error) {
			if c.Microbatch == 2 {
				return train.NewTask(cliff{bowl{1}, new(int)}, c)
			}
			return train.NewTask(bowl{1}, c)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Forecast(t.Context(), "", s.Cells, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Costs) != 1 || f.Costs[0].Cells != 2 || f.Steps != 2*6 || len(f.Unknown) != 1 || f.Unknown[0].Cells != 2 || f.Unknown[0].Why == "" || f.Unknown[0].Like != "none_microbatch-2_seed-1" && f.Unknown[0].Like != "sgd_microbatch-2_seed-1" {
		t.Errorf("%+v", f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Forecast(ctx, "", s.Cells, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// A run whose directory can't be written fails the study, as nothing there says so.
func TestRunUnwritten(t *testing.T) {
	s := mustOpen(t, smallStudy, "epochs=1")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cells"), nil, 0o666); err != nil { // in place of a directory
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), dir, s.Cells[:1], RunOptions{}); err == nil || !strings.HasPrefix(err.Error(), s.Cells[0].Name+": ") {
		t.Errorf("error %v", err)
	}
}

// A row says where its run is only if it was kept.
func TestRowsOfKeptRuns(t *testing.T) {
	s := mustOpen(t, smallStudy, "epochs=1", "seeds=1")
	for dir, want := range map[string]string{"": "", t.TempDir(): "cells/" + s.Cells[0].Name} {
		states, err := s.Run(t.Context(), dir, s.Cells[:1], RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if c := s.CompareStates(states); len(c.Rows) != 1 || c.Rows[0].Run != want || len(c.Groups()) != 1 {
			t.Errorf("in %q: %+v", dir, c.Rows)
		}
	}
}

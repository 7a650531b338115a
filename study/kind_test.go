package study

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/train"
)

// wellSettings are those of the kind of task that is registered here: a bowl from a start.
type wellSettings struct {
	Start float64 `json:"well_start" help:"where it starts" is:"free"`
}

// wellGuess is what guessing has in a well.
const wellGuess = 9

// well is a bowl whose guess is known.
type well struct{ bowl }

func (w well) Measure(ctx context.Context, t []float32, s train.Split) (train.Measures, error) {
	m, err := w.bowl.Measure(ctx, t, s)
	m[0].Chance = wellGuess
	return m, err
}

func init() {
	train.Register(train.Kind{
		Name: "test-well", Info: "a bowl from a start", Settings: wellSettings{Start: 1}, Weights: "weights.safetensors",
		Defaults: func() train.Config {
			c := train.Default()
			c.Task, c.Own, c.LR = "test-well", wellSettings{Start: 1}, .1
			return c
		},
		Open: func(_ context.Context, c *train.Config, _ *train.Shared) (train.Task, error) {
			return well{bowl{float32(c.Own.(wellSettings).Start)}}, nil
		},
	})
}

const wells = `
name = "wells"
seeds = 2
[base]
task = "test-well"
epochs = 5
[[grid]]
method = ["none", "sam"]
rho = 0.1
well_start = [1, 4]
[[grid]]
method = "none"
lr = 1e30
`

// A study file names a kind of task that the program has registered and varies the settings that
// it has of its own. In memory, in a directory and read from there it is the same.
func TestOwnKind(t *testing.T) {
	s := mustOpen(t, wells)
	want := []string{"sgd_seed-1", "sgd_well-start-4_seed-1", "sam_rho-0.1_seed-1", "sam_well-start-4_rho-0.1_seed-1", "sgd_lr-1e+30_seed-1"}
	if got := names(s); len(got) != 10 || !slices.Equal(got[:5], want) {
		t.Fatalf("cells %q, want %q and those of seed 2", got, want)
	}
	if s.Base.LR != .1 {
		t.Errorf("the base has learning rate %g, not the kind's own", s.Base.LR)
	}
	if f, err := s.Forecast(t.Context(), "", s.Cells, 1); err != nil || len(f.Costs) != 2 || f.Steps != 10*5 {
		t.Errorf("forecast %+v, %v", f, err)
	}
	memory, err := s.Run(t.Context(), "", s.Cells, RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := s.Save(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), dir, s.Cells, RunOptions{Jobs: 2}); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir + "/" + FileName)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Fits(dir); err != nil {
		t.Error(err)
	}
	c, kept := s.CompareStates(memory), again.Compare(dir)
	sameRows(t, kept, c)
	variants := map[string]Row{}
	for _, r := range kept.Rows {
		variants[strings.TrimSpace(r.Method+" "+r.Variant)] = r
	}
	if near, far := variants["sgd"], variants["sgd well-start 4"]; len(variants) != 5 || math.Abs(far.Test/near.Test-4) > 1e-6 {
		t.Errorf("four times as far away it ends at %g, near at %g; variants %v", far.Test, near.Test, variants)
	}
	if r := variants["sgd lr 1e+30"]; !r.Diverged || r.Test != wellGuess || r.Val != wellGuess {
		t.Errorf("a run that diverged counts with %g, not with the measure of guessing: %+v", r.Test, r)
	}
}

func TestOwnKindErrors(t *testing.T) {
	const grid = "\n[[grid]]\nmethod = \"none\"\n"
	for _, tt := range []struct{ text, want string }{
		{"[base]\ntask = \"test-wall\"" + grid, `[base]: unknown task "test-wall"; there are `},
		{"[base]\ntask = \"test-well\"" + grid + "label-noise = [0, 0.1]", "[[grid]] 1: label-noise is for data with classes or targets; task test-well is a bowl from a start"},
		{grid + "well-start = 2", "[[grid]] 1: well-start is for a bowl from a start; digits is data with classes or targets"},
		{"[base]\ntask = \"test-well\"" + grid + "well-start = \"far\"", `[[grid]] 1: well-start: "far" is no number`},
		{"[base]\ntask = \"test-well\"\n[[stage]]\nepochs = 1" + grid, "sgd_seed-1: it can't start from stage-1: task test-well has no init"},
		{"[[stage]]\ndata = \"digits\"\n[[stage]]\ntask = \"test-well\"" + grid, "[[stage]] 2: it starts from stage-1, which trains another task: supervised, not test-well"},
		{"[[stage]]\ndata = \"digits\"" + grid + "data = \"pairs:list.tsv\"\nmodel = \"clip-tiny\"", "it starts from stage-1, which trains another task: supervised, not contrast"},
	} {
		if _, err := Open(write(t, tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: error %v, want %q", tt.text, err, tt.want)
		}
	}
}

// scored is a bowl with these measures in place of its own.
type scored struct {
	bowl
	val, test float64
}

func (s scored) Measure(_ context.Context, _ []float32, split train.Split) (train.Measures, error) {
	v := s.test
	if split == train.ValSplit {
		v = s.val
	}
	return train.Measures{{Name: "miles", Value: train.Real(v), Better: train.Lower}}, nil
}

// Where lower is better the best radius has the lowest mean on validation, and the near-best are
// up to two percent above the lowest on test; in memory and in a directory.
func TestLowerIsBetter(t *testing.T) {
	measures := map[train.Real][2]float64{.01: {3, 1.03}, .1: {2, 1.01}, .5: {1.5, 1}, 2: {1, 1.015}, 8: {2, 3}}
	base := train.Default()
	base.Task, base.Epochs = "scored", 1
	s, err := New(Settings{
		Base: base, Seeds: 2, Grid: []map[string]any{{"method": "sam", "rho": []any{.01, .1, .5, 2., 8.}}},
		Open: func(_ context.Context, c train.Config, _ *train.Shared) (*train.Run, error) {
			m := measures[c.Rho]
			off := .001 * (float64(c.Seed) - 1.5)
			return train.NewTask(scored{bowl{1}, m[0] + off, m[1] + off}, c)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", t.TempDir()} {
		states, err := s.Run(t.Context(), dir, s.Cells, RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		c := s.CompareStates(states)
		near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
		m := c.Summary[0]
		if m.BestRho != 2 || !near(m.Val, 1) || !near(m.Test, 1.015) || !near(m.TestStderr, .0005) || m.Runs != 10 || m.Diverged != 0 {
			t.Errorf("best %g: val %g, test %g ± %g of %d runs", m.BestRho, m.Val, m.Test, m.TestStderr, m.Runs)
		}
		if m.Range != [2]float64{.1, 2} || !near(m.WidthDecades, math.Log10(20)) || m.OpenLow || m.OpenHigh {
			t.Errorf("range %v, %g decades, open %v %v", m.Range, m.WidthDecades, m.OpenLow, m.OpenHigh)
		}
		var j struct {
			Rows, Summary []map[string]any
		}
		if b, err := json.Marshal(c); err != nil || json.Unmarshal(b, &j) != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(j.Rows[0]["test_miles"], j.Rows[0]["val_miles"]) != "1.0295 2.9995" || j.Summary[0]["test_miles"] != m.Test || j.Summary[0]["test_accuracy"] != nil {
			t.Errorf("JSON %v %v", j.Rows[0], j.Summary[0])
		}
	}
}

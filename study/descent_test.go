package study

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// These are a method that takes no radius but has a number, and one that
// has budgets as M-SAM does.
func init() {
	family := func(name string, rho float64) func(p sam.Params) (sam.Settings[float32], error) {
		return func(p sam.Params) (sam.Settings[float32], error) {
			q := sam.Params{Rho: p.Rho, AscentBudget: p.AscentBudget}
			if rho > 0 {
				q.Rho = sam.Constant(rho)
			}
			return sam.Family[float32](name, q)
		}
	}
	sam.Register(sam.Method{Name: "test-descent", Label: "Descent", Info: "no radius of its own", Numbers: []sam.Number{{Name: "test-part", Default: 1}}, New32: family("sam", .1)})
	sam.Register(sam.Method{Name: "test-other", Label: "Other", Info: "with budgets", Uses: []string{"rho", "ascent-budget"}, New32: family("m-sam", 0)})
}

// A method without a radius is run as itself, whatever the grid has for others.
func TestDescentOfItsOwn(t *testing.T) {
	base := supervised.Default()
	base.Epochs, base.Rho, base.Interval = 1, .1, 2
	s, err := New(Settings{Base: base, Grid: []map[string]any{
		{"method": []string{"none", "sam", "test-descent"}, "rho": []float64{.1, .3}},
		{"method": []string{"test-descent", "none"}, "test-part": []float64{1, 2}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"sgd_seed-1", "sam_seed-1", "test-descent_seed-1", "sam_rho-0.3_seed-1", "test-descent_test-part-1_seed-1", "test-descent_test-part-2_seed-1"}
	got := names(s)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("cells %q, want %q", got, want)
	}
	for _, c := range s.Cells {
		if c.Config.Method == "test-descent" && (c.Config.Rho != 0 || c.Config.Interval != 0) {
			t.Errorf("%s has a use for rho %g, interval %d", c.Name, float64(c.Config.Rho), c.Config.Interval)
		}
	}
	if f, err := s.Forecast(t.Context(), "", s.Cells, 1); err != nil || len(f.Costs) != 3 {
		t.Errorf("forecast %+v, %v", f, err)
	}
	states, err := s.Run(t.Context(), "", s.Cells, RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]string{}
	for _, r := range s.CompareStates(states).Rows {
		digests[r.Method] = r.Result.WeightsSHA256
	}
	if len(digests) != 3 || digests["sgd"] == digests["test-descent"] {
		t.Errorf("weights by method: %v", digests)
	}
}

func TestPlanMethods(t *testing.T) {
	known := PlanMethods()
	for _, name := range []string{"sgd", "m-sam-budget", "test-descent", "test-other", "test-other-budget"} {
		if !slices.Contains(known, name) {
			t.Errorf("%q lacks %s", known, name)
		}
	}
	p := small()
	p.Methods, p.Seeds, p.Base.Epochs = []string{"none", "test-descent", "test-other-budget"}, 1, 1
	if err := p.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := p.Study()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Cells) != 4 || !slices.Equal(s.plan().Methods, []string{"sgd", "test-descent", "test-other-budget"}) {
		t.Errorf("cells %q, methods %q", names(s), s.plan().Methods)
	}
	p.Methods = []string{"none", "sgd"}
	if err := p.Check(t.Context()); err == nil {
		t.Error("the base optimizer is taken twice")
	}
}

// Where the measure of guessing is not known, a radius at which a run broke is never the best,
// however lucky the others were.
func TestBrokenIsNotBest(t *testing.T) {
	base := train.Default()
	base.Task, base.Epochs = "lucky", 2
	s, err := New(Settings{
		Base: base, Seeds: 2, Grid: []map[string]any{{"method": "sam", "rho": []float64{.1, .2, 4}}},
		Open: func(_ context.Context, c train.Config, _ *train.Shared) (*train.Run, error) {
			if c.Rho != .2 && c.Seed == 1 {
				c.LR = 1e30
			}
			m := map[train.Real]float64{.1: .1, .2: 2, 4: .2}[c.Rho]
			return train.NewTask(scored{bowl{1}, m, m}, c)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	states, err := s.Run(t.Context(), "", s.Cells, RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c := s.CompareStates(states)
	m := c.Summary[0]
	if m.BestRho != .2 || m.Test != 2 || m.Diverged != 2 || m.Range != [2]float64{.2, .2} {
		t.Errorf("%+v", m)
	}
	if p := m.Points[0]; p.Runs != 2 || p.Diverged != 1 || !math.IsNaN(p.Val) || !math.IsNaN(p.Test) {
		t.Errorf("%+v", p)
	}
	c.Summary[0].TestStderr, c.Summary[0].Points[0].TestStderr = math.Inf(1), math.NaN()
	if _, err := json.Marshal(c); err != nil {
		t.Error(err)
	}
}

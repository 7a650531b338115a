package study

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

func small() Plan {
	base := supervised.Default()
	supervised.Change(&base, func(s *supervised.Settings) { s.LabelNoise = .4 })
	p := DefaultPlan(base)
	p.Rhos, p.Seeds, p.Base.Epochs = []float64{.1, 2}, 2, 10
	return p
}

// inMemory does a plan's runs, and tells done how many are over.
func inMemory(ctx context.Context, p Plan, done func(finished int)) (*Comparison, error) {
	if err := p.Check(ctx); err != nil {
		return nil, err
	}
	s, err := p.Study()
	if err != nil {
		return nil, err
	}
	finished := 0
	states, err := s.Run(ctx, "", s.Cells, RunOptions{Jobs: runtime.GOMAXPROCS(0), Done: func(st State) {
		if finished++; done != nil && st.Over() {
			done(finished)
		}
	}})
	return s.CompareStates(states), err
}

func TestRun(t *testing.T) {
	p := small()
	p.Methods = append(p.Methods, "fisher", "asam")
	calls := 0
	c, err := inMemory(t.Context(), p, func(finished int) {
		if calls++; finished != calls {
			t.Errorf("told of run %d as number %d", finished, calls)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if calls != 22 || len(c.Rows) != 22 || c.Planned != 22 || len(c.Summary) != 6 {
		t.Fatalf("%d rows of %d, %d summaries", len(c.Rows), c.Planned, len(c.Summary))
	}
	sgd, sam, budget := c.Summary[0], c.Summary[1], c.Summary[3]
	if sgd.Method != "sgd" || sgd.StepRatio != 1 || sgd.Points[0].Rho != 0 || sgd.Diverged != 0 {
		t.Errorf("sgd: %+v", sgd)
	}
	if sam.Method != "sam" || sam.BestRho != .1 || sam.Points[1].Diverged != 2 || sam.Diverged != 2 || sam.WidthDecades != 0 || sam.OpenHigh {
		t.Errorf("sam must break at rho 2: %+v", sam)
	}
	if budget.AscentBudget == nil || *budget.AscentBudget != .08 || budget.Diverged != 0 {
		t.Errorf("the budget must hold at rho 2: %+v", budget)
	}
	if _, err := json.Marshal(c); err != nil {
		t.Error(err)
	}
	again, err := inMemory(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range again.Rows {
		if r.Test != c.Rows[i].Test || r.Method != c.Rows[i].Method || r.Seed != c.Rows[i].Seed {
			t.Fatalf("row %d is not the same again: %+v, %+v", i, r, c.Rows[i])
		}
	}
}

// A run that diverges to infinity is a row, not the end.
func TestDivergedRunIsARow(t *testing.T) {
	p := small()
	p.Methods, p.Base.LR, p.Seeds = []string{"sgd", "sam"}, 1e30, 1
	c, err := inMemory(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range c.Rows {
		if !r.Diverged || r.Collapsed || r.TrainLoss != nil || !strings.Contains(r.Failure, "not finite") {
			t.Errorf("row %+v", r)
		}
	}
	if _, err := json.Marshal(c); err != nil {
		t.Error(err)
	}
}

// An interrupted comparison keeps what is finished.
func TestInterrupt(t *testing.T) {
	t.Run("within a run", testInterrupt)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	t.Run("between two runs", testInterrupt) // one at a time: all see the end before a start
}

func testInterrupt(t *testing.T) {
	p := small()
	ctx, cancel := context.WithCancel(context.Background())
	c, err := inMemory(ctx, p, func(finished int) {
		if finished == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || len(c.Rows) < 3 || len(c.Rows) >= c.Planned {
		t.Errorf("error %v with %d of %d rows", err, len(c.Rows), c.Planned)
	}
	if len(c.Summary) == 0 {
		t.Error("no summary of the finished runs")
	}
}

func TestPlanErrors(t *testing.T) {
	for want, change := range map[string]func(*Plan){
		`unknown method "adam"; there are sgd, sam`: func(p *Plan) { p.Methods = []string{"adam"} },
		"method sam is listed twice":                func(p *Plan) { p.Methods = []string{"sam", "sam"} },
		"no methods":                                func(p *Plan) { p.Methods = nil },
		"no radii":                                  func(p *Plan) { p.Rhos = nil },
		"rho is -1":                                 func(p *Plan) { p.Rhos = []float64{-1} },
		"rho is NaN":                                func(p *Plan) { p.Rhos = []float64{math.NaN()} },
		"out of order":                              func(p *Plan) { p.Rhos = []float64{1, .1} },
		"0 seeds":                                   func(p *Plan) { p.Seeds = 0 },
		"1000000000 seeds make":                     func(p *Plan) { p.Seeds = 1e9 },
		"ascent budget is 0":                        func(p *Plan) { p.Budgets = []float64{0} },
		"needs an ascent budget":                    func(p *Plan) { p.Budgets = nil },
		"epochs is 0":                               func(p *Plan) { p.Base.Epochs = 0 },
		"learning rate is -1":                       func(p *Plan) { p.Base.LR = -1 },
	} {
		p := small()
		change(&p)
		if _, err := inMemory(t.Context(), p, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func rows(method string, accuracy map[float64][]float64) (rs []Row) {
	for rho, list := range accuracy {
		for seed, a := range list {
			rs = append(rs, Row{Method: method, Rho: train.Real(rho), Seed: uint64(seed), Test: a, Val: a, StepS: .002, Diverged: a < .2})
		}
	}
	return rs
}

func TestSummary(t *testing.T) {
	c := Comparison{Measure: train.Measure{Name: "accuracy", Better: train.Higher, Share: true}}
	s := c.summary(rows("sam", map[float64][]float64{
		.01: {.90, .90}, .1: {.93, .95}, .3: {.94, .96}, 1: {.94, .92}, 3: {.1, .5}, 10: {.95, .93}}))
	if s.BestRho != .3 || !(math.Abs(s.Test-.95) < 1e-12) || !(math.Abs(s.TestStderr-.01) < 1e-12) {
		t.Errorf("best %g: %g ± %g", s.BestRho, s.Test, s.TestStderr)
	}
	// The range is unbroken: rho 10 is near-best too, but lies beyond the break at 3.
	if s.Range != [2]float64{.1, 1} || !(math.Abs(s.WidthDecades-1) < 1e-12) || s.OpenLow || s.OpenHigh {
		t.Errorf("range %v, %g decades, open %v %v", s.Range, s.WidthDecades, s.OpenLow, s.OpenHigh)
	}
	if s.Diverged != 1 || s.Runs != 12 || s.Points[4].Diverged != 1 {
		t.Errorf("diverged %d of %d: %+v", s.Diverged, s.Runs, s.Points)
	}
	one := c.summary(rows("asam", map[float64][]float64{.1: {.9}, 1: {.91}}))
	if !one.OpenLow || !one.OpenHigh || one.Points[0].TestStderr != 0 {
		t.Errorf("%+v", one)
	}
}

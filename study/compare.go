// Package study runs grids of training runs and says what they show.
package study

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/internal/kernel"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/train"
)

// Budgeted is the name, in a list of methods, of M-SAM with an ascent budget.
const Budgeted = "m-sam-budget"

// Methods are the names that a Plan may list.
var Methods = []string{"sgd", "sam", "m-sam", Budgeted, "fisher", "asam"}

// A Plan is a comparison of methods over radii and seeds. All runs share the rest of
// their settings.
type Plan struct {
	Base    train.Config `json:"base"`
	Methods []string     `json:"methods"`
	Rhos    []float64    `json:"rhos"`
	Budgets []float64    `json:"ascent_budgets"` // for Budgeted, in nats
	Seeds   int          `json:"seeds"`          // seeds 1, 2, ...
}

// DefaultPlan is an MLP on the digits with 40% of the training labels replaced, over
// radii that reach well past where SAM breaks.
func DefaultPlan() Plan {
	base := train.Default()
	base.LabelNoise, base.Momentum = .4, new(.9)
	return Plan{
		Base:    base,
		Methods: []string{"sgd", "sam", "m-sam", Budgeted},
		Rhos:    []float64{.03, .1, .2, .3, .4, .6, 1, 2, 4, 16},
		Budgets: []float64{.08},
		Seeds:   6,
	}
}

// A Row is one run of a comparison.
type Row struct {
	Run          string     `json:"run,omitempty"` // its directory, if it has one
	Method       string     `json:"method"`
	Variant      string     `json:"variant,omitempty"` // what else sets its method apart
	AscentBudget *float64   `json:"ascent_budget"`
	Rho          train.Real `json:"rho"` // 0 for sgd
	Alpha        *float64   `json:"alpha,omitempty"`
	Seed         uint64     `json:"seed"`
	TestAccuracy float64    `json:"test_accuracy"`
	ValAccuracy  float64    `json:"val_accuracy"`
	TrainLoss    *float64   `json:"train_loss"` // null if not finite
	// Diverged is set when the run met a NaN or an infinity, or ended at the constant
	// predictor (Collapsed).
	Diverged  bool    `json:"diverged"`
	Collapsed bool    `json:"collapsed"`
	Failure   string  `json:"failure,omitempty"`
	StepS     float64 `json:"step_s"` // mean seconds of a step: with an interval they differ

	Result  *train.Result  `json:"result,omitempty"` // of a run with a directory
	Records []train.Record `json:"records"`
}

// A Summary is what the runs of one method say together.
type Summary struct {
	Method  string `json:"method"`
	Variant string `json:"variant,omitempty"`
	// Sweep is "ascent_budget" for a method with rho = inf, whose runs differ in their
	// budget: wherever it says rho below, that is meant.
	Sweep        string   `json:"sweep,omitempty"`
	AscentBudget *float64 `json:"ascent_budget"`
	Points       []Point  `json:"points"` // by rho, ascending
	// BestRho has the best mean validation accuracy (the smallest such); the accuracies
	// are its means over the seeds.
	BestRho      float64 `json:"best_rho"`
	ValAccuracy  float64 `json:"val_accuracy"`
	TestAccuracy float64 `json:"test_accuracy"`
	TestStderr   float64 `json:"test_stderr"`
	// WidthDecades is the width, in decades, of the unbroken range of rho around the
	// radius of the best mean test accuracy in which that accuracy stays within two
	// points of it. Open ends of the grid are not known: the range may go on there.
	WidthDecades float64    `json:"width_decades"`
	Range        [2]float64 `json:"range"`
	OpenLow      bool       `json:"open_low"`
	OpenHigh     bool       `json:"open_high"`
	Diverged     int        `json:"diverged"`
	Runs         int        `json:"runs"`
	StepRatio    float64    `json:"step_ratio"` // time of a step, median over the runs, over SGD's; 0 if there is no SGD
}

// A Point is one method at one radius, over seeds.
type Point struct {
	Rho          float64 `json:"rho"`
	ValAccuracy  float64 `json:"val_accuracy"`
	TestAccuracy float64 `json:"test_accuracy"`
	TestStderr   float64 `json:"test_stderr"` // of the mean
	Diverged     int     `json:"diverged"`
	Runs         int     `json:"runs"`
}

// A Comparison is the outcome of a plan.
type Comparison struct {
	Plan    Plan      `json:"plan"`
	Data    DataInfo  `json:"data"`
	Rows    []Row     `json:"rows"`
	Summary []Summary `json:"summary"`
	Planned int       `json:"planned"` // runs; more than len(Rows) if it was interrupted
	Seconds float64   `json:"seconds"`
	Level   string    `json:"level"` // of the kernels
	Threads int       `json:"threads"`
	Study   *Study    `json:"-"` // whose runs these are, if they have directories
	States  []State   `json:"-"` // of its cells
}

// DataInfo says what the runs saw.
type DataInfo struct {
	Name       string  `json:"name"`
	Train      int     `json:"train"`
	Val        int     `json:"val"`
	Test       int     `json:"test"`
	Classes    int     `json:"classes"`
	LabelNoise float64 `json:"label_noise"`
}

// maxRuns keeps a mistyped number from filling the memory.
const maxRuns = 1_000_000

// Check returns an error for a plan that names unknown methods or impossible settings.
func (p *Plan) Check() error {
	if len(p.Methods) == 0 {
		return fmt.Errorf("no methods; there are %s", strings.Join(Methods, ", "))
	}
	if p.Seeds <= 0 {
		return fmt.Errorf("%d seeds; there must be at least one", p.Seeds)
	}
	for i, m := range p.Methods {
		if !slices.Contains(Methods, m) {
			return fmt.Errorf("unknown method %q; there are %s", m, strings.Join(Methods, ", "))
		}
		if slices.Contains(p.Methods[:i], m) {
			return fmt.Errorf("method %s is listed twice", m)
		}
		if m == Budgeted && len(p.Budgets) == 0 {
			return fmt.Errorf("method %s needs an ascent budget", m)
		}
	}
	if len(p.Rhos) == 0 {
		return errors.New("no radii")
	}
	for i, r := range p.Rhos {
		if !(r > 0) || math.IsInf(r, 1) {
			return fmt.Errorf("rho is %g; the radii to compare must be finite and > 0", r)
		}
		if i > 0 && r <= p.Rhos[i-1] {
			return fmt.Errorf("the radii %g and %g are out of order; list them ascending, each once", p.Rhos[i-1], r)
		}
	}
	for _, b := range p.Budgets {
		if !(b > 0) || math.IsInf(b, 1) {
			return fmt.Errorf("ascent budget is %g; it must be finite and > 0", b)
		}
	}
	if all := float64(p.Seeds) * float64(len(p.seed(1))); all > maxRuns {
		return fmt.Errorf("%d seeds make %.0f runs; at most %d are possible", p.Seeds, all, maxRuns)
	}
	// The runs share all settings but those checked above: one stands for all.
	_, err := train.New(p.seed(1)[0].Config(p))
	return err
}

// cell is one run to do.
type cell struct {
	method string
	budget *float64
	rho    float64
	seed   uint64
}

// cells lists the runs, seed by seed, so that an interrupted comparison has whole seeds.
func (p *Plan) cells() (cells []cell) {
	for seed := 1; seed <= p.Seeds; seed++ {
		cells = append(cells, p.seed(uint64(seed))...)
	}
	return cells
}

// seed lists the runs of one seed.
func (p *Plan) seed(seed uint64) (cells []cell) {
	for _, m := range p.Methods {
		switch m {
		case "sgd":
			cells = append(cells, cell{method: m, seed: seed})
		case Budgeted:
			for _, b := range p.Budgets {
				for _, r := range p.Rhos {
					cells = append(cells, cell{method: "m-sam", budget: &b, rho: r, seed: seed})
				}
			}
		default:
			for _, r := range p.Rhos {
				cells = append(cells, cell{method: m, rho: r, seed: seed})
			}
		}
	}
	return cells
}

// Config is the run's settings.
func (c *cell) Config(p *Plan) train.Config {
	t := p.Base
	t.Method, t.Rho, t.AscentBudget, t.Seed = c.method, train.Real(c.rho), c.budget, c.seed
	if c.method == "sgd" {
		t.Method = "none"
	}
	return t
}

// Run does the plan's runs, one on each processor at a time. Done, which may be nil, is
// told of every finished run. When ctx ends, the rows that are finished come back
// with its error.
func (p *Plan) Run(ctx context.Context, done func(finished, all int, r Row)) (*Comparison, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	begin := time.Now()
	cells := p.cells()
	rows := make([]*Row, len(cells))
	var (
		mu       sync.Mutex
		wg       sync.WaitGroup
		next     int
		finished int
		failed   error
	)
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		if failed != nil || ctx.Err() != nil || next == len(cells) {
			return -1
		}
		next++
		return next - 1
	}
	put := func(i int, r *Row, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			if failed == nil {
				failed = err
			}
			return
		}
		rows[i] = r
		finished++
		if done != nil {
			done(finished, len(cells), *r)
		}
	}
	for range min(runtime.GOMAXPROCS(0), len(cells)) {
		wg.Go(func() {
			for i := take(); i >= 0; i = take() {
				r, err := cells[i].run(ctx, p)
				put(i, r, err)
			}
		})
	}
	wg.Wait()
	if failed == nil && finished < len(cells) {
		failed = ctx.Err() // between two runs
	}
	c := &Comparison{Plan: *p, Planned: len(cells), Seconds: time.Since(begin).Seconds(),
		Level: kernel.Active().String(), Threads: runtime.GOMAXPROCS(0), Data: p.info()}
	for _, r := range rows {
		if r != nil {
			c.Rows = append(c.Rows, *r)
		}
	}
	c.Summarize()
	return c, failed
}

// info describes the plan's data, which Check has opened.
func (p *Plan) info() DataInfo {
	d := DataInfo{Name: p.Base.Data, LabelNoise: p.Base.LabelNoise}
	if s, err := data.Open(p.Base.Data, data.Options{}); err == nil {
		d.Train, d.Val, d.Test, d.Classes = s.Train.Len(), s.Val.Len(), s.Test.Len(), len(s.Classes)
	}
	return d
}

// run does one run. A run that meets a NaN is a row like any other.
func (c *cell) run(ctx context.Context, p *Plan) (*Row, error) {
	run, err := train.NewContext(ctx, c.Config(p))
	if err != nil {
		return nil, err
	}
	res, err := run.Do(ctx, nil, train.Watch{})
	r := &Row{
		Method: c.method, AscentBudget: c.budget, Rho: train.Real(c.rho), Seed: c.seed,
		TestAccuracy: orZero(res.TestAccuracy), ValAccuracy: orZero(res.ValAccuracy), StepS: meanStep(res.Records), Records: res.Records,
	}
	var nf *sam.NonFiniteError
	switch {
	case errors.As(err, &nf):
		r.Diverged, r.Failure = true, err.Error()
		scores, err := run.Evaluate(ctx, res.Theta, run.Data.Test)
		r.TestAccuracy = float64(scores.Accuracy)
		return r, err
	case err != nil:
		return nil, err
	}
	r.TrainLoss = &res.TrainLoss
	r.Collapsed = collapsed(res, len(run.Data.Classes))
	r.Diverged = r.Collapsed
	return r, nil
}

// orZero is an accuracy, 0 if the run did not get so far as to measure it.
func orZero(a train.Real) float64 {
	if math.IsNaN(float64(a)) {
		return 0
	}
	return float64(a)
}

// collapsed reports whether a run ended at the constant predictor: a validation
// accuracy near chance, and a loss no better than that of saying nothing. Without a
// validation split it is judged on the test split.
func collapsed(res train.Result, classes int) bool {
	c := float64(classes)
	near := min(3/c, 1/c+(1-1/c)*2/9) // the same at ten classes
	accuracy, loss := float64(res.ValAccuracy), float64(res.ValLoss)
	if math.IsNaN(accuracy) {
		accuracy, loss = float64(res.TestAccuracy), float64(res.TestLoss)
	}
	return accuracy < near && loss > .95*math.Log(c)
}

package bench

import (
	"context"
	"os"
	"slices"

	"github.com/monge-ml/monge/sam"
)

// A Cost is what a method's step takes.
type Cost struct {
	Method  string  `json:"method"`
	OverSGD float64 `json:"over_sgd"` // median over rounds of the ratio within a round
	OverSAM float64 `json:"over_sam"` // likewise
	// PeakRSSBytes is the memory of a process that does nothing but steps of the method.
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
	Times
}

// A CostTable is what the methods' steps take on one model and minibatch.
type CostTable struct {
	Model      string `json:"model"`
	Batch      int    `json:"batch"`
	Microbatch int    `json:"microbatch,omitempty"`
	Parameters int    `json:"parameters"`
	Costs      []Cost `json:"costs"`
	Machine
}

// CostMethods are the methods of a [CostTable]: sgd, which is the base optimizer alone, and
// all that perturb.
func CostMethods() []string {
	names := []string{"sgd"}
	for _, m := range sam.Methods() {
		if m.Perturbs() {
			names = append(names, m.Name)
		}
	}
	return names
}

// Costs measures the steps of all methods on a workload's model and batch: their memory
// each in a fresh process of this program, and then their time in turn in this one, repeats
// times, so that all see the same machine.
func Costs(ctx context.Context, w Workload, repeats, threads int, progress func(done, all int, what string)) (*CostTable, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b, err := newMinibatch(w)
	if err != nil {
		return nil, err
	}
	methods := CostMethods()
	table := &CostTable{Model: w.Model, Batch: w.Batch, Microbatch: w.Microbatch, Parameters: len(b.theta), Costs: make([]Cost, len(methods)), Machine: ThisMachine()}
	all := len(methods) * (repeats + 2)
	// Linux counts what a process's parent had at the most as its own, so these come first.
	for i, m := range methods {
		w.Method = m
		if table.Costs[i].PeakRSSBytes, err = memory(ctx, self, w, threads); err != nil {
			return nil, err
		}
		progress(i+1, all, m+" memory")
	}
	return table, table.time(ctx, b, repeats, func(done int, method string) { progress(len(methods)+done, all, method) })
}

// memory is what a process needs that takes steps of a workload and does nothing else.
func memory(ctx context.Context, self string, w Workload, threads int) (int64, error) {
	side, err := startOurs(ctx, self, threads)
	if err != nil {
		return 0, err
	}
	defer side.close()
	r, err := side.ask(request{What: whatTimes, Workload: w, Way: Way{Precision: Float32}}, 0)
	return r.PeakRSSBytes, err
}

// time fills in the times. The methods step the same parameters with the same base
// optimizer, one after the other.
func (table *CostTable) time(ctx context.Context, b *minibatch, repeats int, progress func(done int, method string)) error {
	base, err := newBase(len(b.theta))
	if err != nil {
		return err
	}
	methods := CostMethods()
	steppers := make([]*stepper, len(methods))
	for i, m := range methods {
		opt, err := newOptimizer(m, len(b.theta), base)
		if err != nil {
			return err
		}
		steppers[i] = &stepper{b, base, opt}
	}
	seconds := make([][]float64, len(steppers)) // by method and round
	for round := range repeats + 1 {            // the first is a warm-up
		for i, s := range steppers {
			if err := ctx.Err(); err != nil {
				return err
			}
			t, err := measure(1, 0, s.step)
			if err != nil {
				return err
			}
			if round > 0 {
				seconds[i] = append(seconds[i], t.MedianS)
			}
			progress(round*len(steppers)+i+1, methods[i])
		}
	}
	sgd, sam := seconds[slices.Index(methods, "sgd")], seconds[slices.Index(methods, "sam")]
	for i, m := range methods {
		c := &table.Costs[i]
		c.Method, c.OverSGD, c.OverSAM = m, medianRatio(seconds[i], sgd), medianRatio(seconds[i], sam)
		c.Times = summarize(slices.Clone(seconds[i]))
	}
	return nil
}

// medianRatio is the median of a's numbers over b's.
func medianRatio(a, b []float64) float64 {
	r := make([]float64, len(a))
	for i := range r {
		r[i] = a[i] / b[i]
	}
	return median(r)
}

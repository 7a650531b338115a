package bench

import (
	"context"
	"os"
	"runtime/debug"
	"slices"
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

// CostMethods are the methods of a [CostTable].
var CostMethods = []string{"sgd", "sam", "m-sam", "fisher", "asam"}

// Costs measures the steps of all methods on a workload's model and batch: their time in
// turn in this process, repeats times, so that all see the same machine, and then their
// memory, each in a fresh process of this program.
func Costs(ctx context.Context, w Workload, repeats, threads int, progress func(done, all int, what string)) (*CostTable, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	rounds := len(CostMethods) * (repeats + 1)
	all := rounds + len(CostMethods)
	table, err := stepTimes(ctx, w, repeats, func(done int, method string) { progress(done, all, method) })
	if err != nil {
		return nil, err
	}
	debug.FreeOSMemory() // the other processes need it
	for i := range table.Costs {
		w.Method = table.Costs[i].Method
		if _, table.Costs[i].PeakRSSBytes, err = oursOnce(ctx, self, w, threads, "1"); err != nil {
			return nil, err
		}
		progress(rounds+i+1, all, w.Method+" memory")
	}
	return table, nil
}

// stepTimes is [Costs] without the memory. The methods step the same parameters with the
// same base optimizer, one after the other.
func stepTimes(ctx context.Context, w Workload, repeats int, progress func(done int, method string)) (*CostTable, error) {
	b, err := newMinibatch(w)
	if err != nil {
		return nil, err
	}
	base, err := newBase(len(b.theta))
	if err != nil {
		return nil, err
	}
	steppers := make([]*stepper, len(CostMethods))
	for i, m := range CostMethods {
		opt, err := newOptimizer(m, len(b.theta), base)
		if err != nil {
			return nil, err
		}
		steppers[i] = &stepper{b, opt}
	}
	seconds := make([][]float64, len(steppers)) // by method and round
	for round := range repeats + 1 {            // the first is a warm-up
		for i, s := range steppers {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			t, err := measure(1, 0, s.step)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				seconds[i] = append(seconds[i], t.MedianS)
			}
			progress(round*len(steppers)+i+1, CostMethods[i])
		}
	}
	table := &CostTable{Model: w.Model, Batch: w.Batch, Microbatch: w.Microbatch, Parameters: len(b.theta), Machine: ThisMachine()}
	sgd, sam := seconds[slices.Index(CostMethods, "sgd")], seconds[slices.Index(CostMethods, "sam")]
	for i, m := range CostMethods {
		table.Costs = append(table.Costs, Cost{
			Method: m, OverSGD: medianRatio(seconds[i], sgd), OverSAM: medianRatio(seconds[i], sam),
			Times: summarize(slices.Clone(seconds[i])),
		})
	}
	return table, nil
}

// medianRatio is the median of a's numbers over b's.
func medianRatio(a, b []float64) float64 {
	r := make([]float64, len(a))
	for i := range r {
		r[i] = a[i] / b[i]
	}
	return median(r)
}

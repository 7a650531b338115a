package bench

import (
	"context"
	"fmt"
	"slices"

	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/tensor"
)

// A Cost is what a method's step takes.
type Cost struct {
	Method string `json:"method"`
	// Ascent and Descent are the precisions of its gradients.
	Ascent  tensor.Precision `json:"ascent_precision"`
	Descent tensor.Precision `json:"precision"`

	OverSGD float64 `json:"over_sgd"`           // median over rounds of the ratio within a round
	OverSAM float64 `json:"over_sam,omitempty"` // likewise, if SAM is among the rows
	// PeakRSSBytes is the memory of a process that does nothing but steps of the method.
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
	Times

	asked bool // by its name
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

// CostRows are what a [CostTable] of a workload compares: all methods, or SGD and those that are named, in its
// precisions and, if those are float32 and bfloat16 is fast here, M-SAM with the ascent and SGD and M-SAM with
// all in bfloat16.
func CostRows(w Workload, only ...string) ([]Cost, error) {
	all := CostMethods()
	for _, m := range only {
		if _, err := variant(m); err != nil {
			return nil, err
		}
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	var rows []Cost
	for _, m := range all {
		rows = append(rows, Cost{Method: m, Ascent: w.Ascent, Descent: w.Descent, asked: slices.Contains(only, m)})
	}
	if w.Ascent == tensor.Float32 && w.Descent == tensor.Float32 && fastBF16() {
		rows = append(rows, Cost{Method: "m-sam", Ascent: tensor.BFloat16},
			Cost{Method: "m-sam", Ascent: tensor.BFloat16, Descent: tensor.BFloat16},
			Cost{Method: "sgd", Ascent: tensor.BFloat16, Descent: tensor.BFloat16})
	}
	if len(only) == 0 {
		return rows, nil
	}
	return slices.DeleteFunc(rows, func(c Cost) bool { return c.Method != "sgd" && !slices.Contains(only, c.Method) }), nil
}

// Costs measures the steps of rows, of which the first is SGD's: their memory each in a fresh process of this program, and
// then their time in turn in this one, repeats times, so that all see the same machine. Methods that perturb normalisation
// layers alone are left out of networks that have none, or an error where they were asked for. A method that does not perturb each step is timed over one period.
func Costs(ctx context.Context, w Workload, rows []Cost, repeats, threads int, progress func(done int, what string)) (*CostTable, error) {
	b, err := newMinibatch(w)
	if err != nil {
		return nil, err
	}
	fits := func(c Cost) bool { return isFor(c.Method, b.norms) }
	if i := slices.IndexFunc(rows, func(c Cost) bool { return c.asked && !fits(c) }); i >= 0 {
		return nil, fmt.Errorf("%s perturbs normalisation layers alone, and %s has none", rows[i].Method, w.Model)
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(c Cost) bool { return !fits(c) })
	table := &CostTable{Model: w.Model, Batch: w.Batch, Microbatch: w.Microbatch, Parameters: len(b.theta), Costs: rows, Machine: ThisMachine()}
	// Linux counts what a process's parent had at the most as its own, so these come first.
	for i := range rows {
		c := &rows[i]
		w.Method, w.Ascent, w.Descent = c.Method, c.Ascent, c.Descent
		if c.PeakRSSBytes, err = memory(ctx, w, threads); err != nil {
			return nil, err
		}
		progress(i+1, c.Method+" memory")
	}
	return table, table.time(ctx, b, repeats, func(done int, method string) { progress(len(rows)+done, method) })
}

// memory is what a process needs that takes steps of a workload and does nothing else.
func memory(ctx context.Context, w Workload, threads int) (int64, error) {
	side, err := startOurs(ctx, threads)
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
	rows := table.Costs
	steppers, periods := make([]*stepper, len(rows)), make([]int, len(rows)) // steps from one perturbation to the next
	for i := range rows {
		opt, err := b.newOptimizer(rows[i].Method, base)
		if err != nil {
			return err
		}
		steppers[i] = &stepper{b, base, opt}
		periods[i] = max(1, opt.Settings().Interval)
	}
	seconds := make([][]float64, len(rows)) // by row and round
	for round := range repeats + 1 {        // the first is a warm-up
		for i, s := range steppers {
			if err := ctx.Err(); err != nil {
				return err
			}
			b.model.SetPrecision(rows[i].Ascent, rows[i].Descent)
			period := periods[i]
			t, err := measure(1, 0, func() error { return s.steps(period) })
			if err != nil {
				return err
			}
			if round > 0 {
				seconds[i] = append(seconds[i], t.MedianS/float64(period))
			}
			progress(round*len(rows)+i+1, rows[i].Method)
		}
	}
	sam := slices.IndexFunc(rows, func(c Cost) bool { return c.Method == "sam" })
	for i := range rows {
		c := &rows[i]
		c.OverSGD = medianRatio(seconds[i], seconds[0])
		if sam >= 0 {
			c.OverSAM = medianRatio(seconds[i], seconds[sam])
		}
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

package analysis

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// An AlignmentCell is the runs of a study on pairs that differ in their seed alone: a line of the
// paper's table 3. A run that met a NaN or an infinity counts with the S_kNN of guessing, if that is
// known, and is in no other mean; losses are in nats.
type AlignmentCell struct {
	Method       string     `json:"method"` // "none" for the base optimizer alone
	Base         string     `json:"base"`
	LR           float64    `json:"lr"`
	Rho          train.Real `json:"rho"`
	AscentBudget *float64   `json:"ascent_budget,omitempty"`
	Runs         int        `json:"runs"`
	Diverged     int        `json:"diverged"`  // whose final loss is no better than that of saying nothing
	Collapsed    int        `json:"collapsed"` // of these by align.Collapsed

	SKNN       train.Real `json:"s_knn"` // of the test pairs, at the step whose validation pairs have the highest
	SKNNStderr train.Real `json:"s_knn_stderr"`
	BestStep   train.Real `json:"best_step"`
	TrainLoss  train.Real `json:"train_loss"` // since the evaluation before the end
	FinalLoss  train.Real `json:"final_loss"` // of the test pairs
	BestLoss   train.Real `json:"best_loss"`  // lowest of the validation pairs
	FinalSKNN  train.Real `json:"final_s_knn"`
	GradNorm   train.Real `json:"grad_norm"`
	DeltaNorm  train.Real `json:"delta_norm"`
	Ascent     train.Real `json:"ascent"`

	rows []*study.Row
}

// Rows returns the runs themselves, by seed.
func (a *AlignmentCell) Rows() []*study.Row { return a.rows }

// X is where a cell stands among those of its method and rate: its ascent budget, if it has
// one, or its radius.
func (a *AlignmentCell) X() float64 {
	if a.AscentBudget != nil {
		return *a.AscentBudget
	}
	return float64(a.Rho)
}

// Perturbs reports whether the method has a radius: it is not the base optimizer alone.
func (a *AlignmentCell) Perturbs() bool {
	m, err := sam.FindMethod(a.Method)
	return err != nil || m.Perturbs()
}

// Lost reports whether most of the runs diverged.
func (a *AlignmentCell) Lost() bool { return 2*a.Diverged > a.Runs }

// Aligned reports whether a comparison's runs are ones on pairs: whether S_kNN is what they
// measure.
func Aligned(c *study.Comparison) bool { return c.Measure.Name == "s_knn" }

// Alignment returns a comparison of runs on pairs as the paper's table 3 has it: by method,
// base optimizer, rate, and radius or budget. It is nil for other runs.
func Alignment(c *study.Comparison) (cells []AlignmentCell) {
	if !Aligned(c) {
		return nil
	}
	for _, g := range c.Groups() {
		a := alignmentCell(g.Rows)
		a.Method, a.Base, a.LR, a.Rho, a.AscentBudget = g.Config.Method, g.Config.Base, g.Config.LR, g.Config.Rho, g.Config.AscentBudget
		cells = append(cells, a)
	}
	slices.SortStableFunc(cells, func(a, b AlignmentCell) int {
		return cmp.Or(slices.Compare(a.rank(), b.rank()), cmp.Compare(a.LR, b.LR), cmp.Compare(a.X(), b.X()))
	})
	return cells
}

// rank orders methods as they are registered, the paper's first, those with a budget behind
// those without; the untrained model comes before all.
func (a *AlignmentCell) rank() []int {
	method, base, budget := slices.Index(sam.MethodNames(), a.Method), 0, 0
	switch {
	case a.LR == 0:
		method = -1
	case !a.Perturbs():
		base = slices.Index(optim.RuleNames(), a.Base)
	case a.AscentBudget != nil:
		budget = 1
	}
	return []int{method, base, budget}
}

// alignmentCell is the mean of runs that differ in their seed.
func alignmentCell(rows []*study.Row) AlignmentCell {
	a := AlignmentCell{Runs: len(rows), rows: rows}
	var sknn, step, trained, final, best, finalSKNN, grad, delta, ascent []float64
	for _, r := range rows {
		if r.Diverged {
			a.Diverged++
		}
		if r.Collapsed {
			a.Collapsed++
		}
		if r.Result == nil {
			if finite(r.Test) {
				sknn = append(sknn, r.Test) // that of guessing
			}
			continue
		}
		if b := r.Result.Best; b != nil {
			sknn, step = append(sknn, sknnOf(b)), append(step, float64(b.Step))
		}
		if r.Result.Test != nil {
			finalSKNN = append(finalSKNN, float64(r.Result.Test.Get("s_knn")))
		}
		trained = append(trained, r.Result.TrainLoss)
		final, best = append(final, float64(r.Result.Test.Get("loss"))), append(best, leastLoss(r.Records))
		if g, d, s := meanRecord(r.Records); len(r.Records) > 0 {
			grad, delta, ascent = append(grad, g), append(delta, d), append(ascent, s)
		}
	}
	for _, m := range []struct {
		to   *train.Real
		from []float64
	}{{&a.SKNN, sknn}, {&a.BestStep, step}, {&a.TrainLoss, trained}, {&a.FinalLoss, final}, {&a.BestLoss, best}, {&a.FinalSKNN, finalSKNN},
		{&a.GradNorm, grad}, {&a.DeltaNorm, delta}, {&a.Ascent, ascent}} {
		*m.to = train.Real(math.NaN())
		if len(m.from) > 0 {
			*m.to = train.Real(stat.Mean(m.from, nil))
		}
	}
	a.SKNNStderr = train.Real(math.NaN())
	if len(sknn) > 1 {
		a.SKNNStderr = train.Real(stat.StdErr(stat.StdDev(sknn, nil), float64(len(sknn))))
	}
	return a
}

// sknnOf is S_kNN of the best weights, of the validation pairs for want of others.
func sknnOf(b *train.Best) float64 {
	if v := float64(b.Test.Get("s_knn")); !math.IsNaN(v) {
		return v
	}
	return float64(b.Val.Get("s_knn"))
}

// leastLoss is the lowest validation loss of a run's records.
func leastLoss(records []train.Record) float64 {
	least := math.Inf(1)
	for _, r := range records {
		least = math.Min(least, float64(r.Val.Get("loss")))
	}
	return least
}

// meanRecord averages what records say of the steps.
func meanRecord(records []train.Record) (grad, delta, ascent float64) {
	for _, r := range records {
		grad += r.GradNorm / float64(len(records))
		delta += r.DeltaNorm / float64(len(records))
		ascent += r.Ascent / float64(len(records))
	}
	return grad, delta, ascent
}

// WriteAlignment writes a line for each line of the table as CSV.
func WriteAlignment(w io.Writer, cells []AlignmentCell) error {
	out := csv.NewWriter(w)
	out.Write([]string{"method", "base", "lr", "rho", "ascent_budget", "runs", "diverged", "collapsed", "s_knn", "stderr", "best_step", "train_loss", "final_loss", "best_loss",
		"final_s_knn", "grad_norm", "delta_norm", "ascent"})
	for _, a := range cells {
		budget := math.NaN()
		if a.AscentBudget != nil {
			budget = *a.AscentBudget
		}
		line := []string{a.Method, a.Base, exact(a.LR), exact(float64(a.Rho)), exact(budget), fmt.Sprint(a.Runs), fmt.Sprint(a.Diverged), fmt.Sprint(a.Collapsed)}
		for _, x := range []train.Real{a.SKNN, a.SKNNStderr, a.BestStep, a.TrainLoss, a.FinalLoss, a.BestLoss, a.FinalSKNN, a.GradNorm, a.DeltaNorm, a.Ascent} {
			line = append(line, exact(float64(x)))
		}
		out.Write(line)
	}
	out.Flush()
	return out.Error()
}

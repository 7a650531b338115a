package study

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/monge-ml/monge/align"
	"github.com/monge-ml/monge/train"
)

// An AlignmentCell is the runs of a study on pairs that differ in their seed alone: a line of the
// paper's table 3. Means are over the runs that did not end with a NaN; losses are in nats.
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
}

// lost reports whether a run on pairs has ended without anything to tell apart: with
// embeddings that have collapsed, or with a training loss that is no lower than that of
// similarities which are all alike. (Of unseen pairs a model that has learned its own by heart
// can have a higher one.)
func lost(res *train.Result, batch int) (isCollapsed, isLost bool) {
	last := res.Alignment
	if last == nil {
		last = res.Best.ValAlignment
	}
	return last.Collapsed, last.Collapsed || !(res.TrainLoss < math.Log(float64(batch))-align.CollapseLoss)
}

// Aligned reports whether the runs are ones on pairs.
func (c *Comparison) Aligned() bool {
	return slices.ContainsFunc(c.Rows, func(r Row) bool { return r.Result != nil && r.Result.Aligned() })
}

// Alignment returns a comparison of runs on pairs as the paper's table 3 has it: by method,
// base optimizer, rate, and radius or budget.
func (c *Comparison) Alignment() (cells []AlignmentCell) {
	if !c.Aligned() {
		return nil
	}
	byRun := map[string]*Row{}
	for i := range c.Rows {
		byRun[c.Rows[i].Run] = &c.Rows[i]
	}
	type place struct {
		method, base string
		lr, rho, b   float64
	}
	groups := map[place][]*Row{}
	var order []place
	for _, cell := range c.Study.Cells {
		s := &cell.Config
		p := place{method: s.Method, base: s.Base, lr: s.LR, rho: float64(s.Rho)}
		if s.AscentBudget != nil {
			p.b = *s.AscentBudget
		}
		r := byRun[relative(cell)]
		if r == nil {
			continue
		}
		if groups[p] == nil {
			order = append(order, p)
		}
		groups[p] = append(groups[p], r)
	}
	for _, p := range order {
		a := alignmentCell(groups[p])
		a.Method, a.Base, a.LR, a.Rho = p.method, p.base, p.lr, train.Real(p.rho)
		if p.b > 0 {
			a.AscentBudget = &p.b
		}
		cells = append(cells, a)
	}
	slices.SortStableFunc(cells, func(a, b AlignmentCell) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.LR, b.LR), cmp.Compare(a.x(), b.x()))
	})
	return cells
}

// rank orders methods as the paper does, those with a budget last.
func (a *AlignmentCell) rank() int {
	order := []string{"none", "sam", "m-sam", "fisher", "asam"}
	n := 2 * slices.Index(order, a.Method)
	switch {
	case a.LR == 0:
		return -1
	case a.AscentBudget != nil:
		return n + 1
	case a.Method == "none" && a.Base != "sgd":
		return n + 1
	}
	return n
}

// x is where a cell stands among those of its method and rate.
func (a *AlignmentCell) x() float64 {
	if a.AscentBudget != nil {
		return *a.AscentBudget
	}
	return float64(a.Rho)
}

// alignmentCell is the mean of runs that differ in their seed.
func alignmentCell(rows []*Row) AlignmentCell {
	a := AlignmentCell{Runs: len(rows)}
	var sknn, step, trained, final, best, finalSKNN, grad, delta, ascent []float64
	for _, r := range rows {
		if r.Diverged {
			a.Diverged++
		}
		if r.Collapsed {
			a.Collapsed++
		}
		if r.Result == nil {
			continue
		}
		if b := r.Result.Best; b != nil {
			at := cmp.Or(b.Alignment, b.ValAlignment)
			sknn, step = append(sknn, at.SKNN), append(step, float64(b.Step))
		}
		if r.Result.Alignment != nil {
			finalSKNN = append(finalSKNN, r.Result.Alignment.SKNN)
		}
		trained = append(trained, r.Result.TrainLoss)
		final, best = append(final, float64(r.Result.TestLoss)), append(best, leastLoss(r.Records))
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

// leastLoss is the lowest validation loss of a run's records.
func leastLoss(records []train.Record) float64 {
	least := math.Inf(1)
	for _, r := range records {
		least = math.Min(least, float64(r.ValLoss))
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

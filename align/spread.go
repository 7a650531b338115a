package align

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/internal/par"
)

// ModalityGap returns the distance between the means of two sets of normalised
// embeddings, |mean_i a_i - mean_i b_i|, in [0, 2] (Liang et al. 2022, arXiv 2203.02053,
// section 4.1). The sets must agree in dimension; they need not be pairs.
func ModalityGap(a, b *Embeddings) (float64, error) {
	if a.d != b.d {
		return 0, fmt.Errorf("embeddings of %d and %d numbers lie in no common space; give both as they are after projection to it", a.d, b.d)
	}
	x, y := a.mean(), b.mean()
	squares := 0.
	for j := range x {
		squares += (x[j] - y[j]) * (x[j] - y[j])
	}
	return math.Sqrt(squares), nil
}

// mean returns the mean of the rows.
func (e *Embeddings) mean() []float64 {
	mean := make([]float64, e.d)
	for i := range e.n {
		for j, v := range e.rows[i*e.d:][:e.d] {
			mean[j] += float64(v)
		}
	}
	for j := range mean {
		mean[j] /= float64(e.n)
	}
	return mean
}

// Spread returns the standard deviation of the n² similarities of a's rows with b's. Where
// it is 0 (rounding leaves less than 1e-7) nothing tells a partner from any other.
func Spread(a, b *Embeddings) (float64, error) {
	if err := samePairs(a, b, true); err != nil {
		return 0, err
	}
	mean := 0.
	y := b.mean()
	for j, v := range a.mean() {
		mean += v * y[j]
	}
	t := &deviation{a, b, mean, make([]float64, a.blocks())}
	par.Run(len(t.squares), t)
	total := 0.
	for _, s := range t.squares {
		total += s
	}
	return math.Sqrt(total) / float64(a.n), nil
}

// deviation sums squared distances from the mean similarity, for each block of rows.
type deviation struct {
	a, b    *Embeddings
	mean    float64
	squares []float64
}

func (t *deviation) Do(_, i int) {
	sims := make([]float32, block*block)
	for j := range t.b.blocks() {
		t.a.tile(sims, i, t.b, j)
		for r := range t.a.rowsOf(i) {
			for _, s := range sims[r*block:][:t.b.rowsOf(j)] {
				t.squares[i] += (float64(s) - t.mean) * (float64(s) - t.mean)
			}
		}
	}
}

// The rule of [Collapsed].
const (
	CollapseLoss   = 1e-2 // nats from ln(batch)
	CollapseSpread = 1e-2 // standard deviation of the similarities
)

// Collapsed reports whether training has lost its embeddings: the contrastive loss (the
// mean cross-entropy over both directions, in nats) of minibatches of batch pairs is
// within [CollapseLoss] of ln(batch), which is that of similarities that are all alike,
// and the [Spread] of the similarities is below [CollapseSpread]. Either alone is no
// sign: untrained encoders that tell inputs apart at random can have that loss, and a
// network that still learns can have similarities close to each other at a high
// temperature's scale. The paper's diverged runs end at 4.852 = ln 128.
func Collapsed(loss float64, batch int, spread float64) bool {
	return math.Abs(loss-math.Log(float64(batch))) <= CollapseLoss && spread < CollapseSpread
}

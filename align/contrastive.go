package align

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/internal/par"
)

// ContrastiveLoss returns the loss that CLIP is trained by (Radford et al. 2021), in nats:
// over consecutive minibatches of batch pairs, the mean of the cross-entropies with which
// a row of a finds its partner among the minibatch's of b, and the other way round, by their
// cosines times scale, the inverse of the temperature. Pairs that fill no minibatch are left
// out; with fewer than batch, they are the minibatch.
func ContrastiveLoss(a, b *Embeddings, scale float64, batch int) (float64, error) {
	if err := samePairs(a, b, true); err != nil {
		return 0, err
	}
	if batch < 1 {
		return 0, fmt.Errorf("minibatches of %d pairs; it must be at least 1", batch)
	}
	batch = min(batch, a.n)
	t := &contrast{a, b, scale, batch, make([]float64, a.n/batch)}
	par.Run(len(t.loss), t)
	sum := 0.
	for _, l := range t.loss {
		sum += l
	}
	return sum / float64(len(t.loss)), nil
}

// contrast computes the loss of each minibatch.
type contrast struct {
	a, b  *Embeddings
	scale float64
	batch int
	loss  []float64
}

func (t *contrast) Do(_, i int) {
	n := t.batch
	logits := make([]float64, n*n)
	for r := range n {
		for c := range n {
			logits[r*n+c] = t.scale * dot(t.a.row(i*n+r), t.b.row(i*n+c))
		}
	}
	sum := 0.
	for k := range n {
		sum += logSumExp(logits[k*n:], n, 1) + logSumExp(logits[k:], n, n) - 2*logits[k*n+k]
	}
	t.loss[i] = sum / float64(2*n)
}

func (e *Embeddings) row(i int) []float32 { return e.rows[i*e.d : (i+1)*e.d] }

func dot(x, y []float32) (sum float64) {
	for i, v := range x {
		sum += float64(v) * float64(y[i])
	}
	return sum
}

// logSumExp is the logarithm of the sum of exp of n numbers, stride apart.
func logSumExp(x []float64, n, stride int) float64 {
	top := math.Inf(-1)
	for i := range n {
		top = max(top, x[i*stride])
	}
	sum := 0.
	for i := range n {
		sum += math.Exp(x[i*stride] - top)
	}
	return top + math.Log(sum)
}

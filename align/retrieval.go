package align

import "github.com/monge-ml/monge/internal/par"

// A Recall is the share of queries whose own partner is among the 1, 5 and 10 nearest.
type Recall struct {
	At1  float64 `json:"at_1"`
	At5  float64 `json:"at_5"`
	At10 float64 `json:"at_10"`
}

// Retrieval looks for the partner of each row of a among all rows of b, and the other way
// round: image to text and text to image, if a are images. Ties go to the smaller index,
// so of m candidates that are as close as the partner, those before it in the set count
// as nearer and those behind it don't: sets that have collapsed to one point have recall
// 1/n at 1, not 1. With fewer than 10 pairs the recall at 10 is 1.
func Retrieval(a, b *Embeddings) (aToB, bToA Recall, err error) {
	if err := samePairs(a, b, true); err != nil {
		return aToB, bToA, err
	}
	return recall(a, b), recall(b, a), nil
}

func recall(from, to *Embeddings) Recall {
	t := &ranking{from, to, make([]int, from.n)}
	par.Run(from.blocks(), t)
	var at1, at5, at10 int
	for _, rank := range t.rank {
		if rank < 1 {
			at1++
		}
		if rank < 5 {
			at5++
		}
		if rank < 10 {
			at10++
		}
	}
	n := float64(from.n)
	return Recall{float64(at1) / n, float64(at5) / n, float64(at10) / n}
}

// ranking finds for each row how many others come before its partner.
type ranking struct {
	from, to *Embeddings
	rank     []int
}

func (t *ranking) Do(_, i int) {
	sims := make([]float32, block*block)
	var own [block]float32
	t.from.tile(sims, i, t.to, i)
	for r := range own {
		own[r] = sims[r*block+r]
	}
	for j := range t.to.blocks() {
		t.from.tile(sims, i, t.to, j)
		for r := range t.from.rowsOf(i) {
			self := i*block + r
			t.rank[self] += before(own[r], sims[r*block:][:t.to.rowsOf(j)], self-j*block)
		}
	}
}

// before counts the similarities that come before own, which is that of index self.
func before(own float32, sims []float32, self int) (n int) {
	for c, s := range sims {
		if s > own || s == own && c < self {
			n++
		}
	}
	return n
}

package align

import (
	"fmt"
	"math"
	"slices"

	"github.com/monge-ml/monge/internal/par"
)

// DefaultK is the paper's number of neighbours.
const DefaultK = 8

// MutualKNN returns S_kNN, the mean over the n pairs of the share of the k nearest
// neighbours that both sides have in common:
//
//	S_kNN = 1/n sum_i |kNN_a(i) ∩ kNN_b(i)| / k
//
// where kNN_a(i) are the k rows of a that are most similar to row i, which is not one of
// them; ties go to the smaller index. It is the mutual nearest-neighbour metric of Huh et
// al. 2024 (arXiv 2405.07987). Neighbours are looked for within a set, so the two may
// differ in dimension. 1 is full agreement; sets that have nothing to do with each other
// give about k/(n-1). Sets that have collapsed to one point agree too, in nothing: look
// at [Spread] beside it.
//
// k must be at least 1 and below n. Time is that of 2n²(d_a + d_b) operations.
func MutualKNN(a, b *Embeddings, k int) (float64, error) {
	if err := samePairs(a, b, false); err != nil {
		return 0, err
	}
	if k < 1 || k >= a.n {
		return 0, fmt.Errorf("k is %d; %d embeddings have 1 to %d neighbours each, so give more of them or a k within that", k, a.n, a.n-1)
	}
	t := &mutual{a, b, k, make([]int, a.blocks())}
	par.Run(len(t.common), t)
	total := 0
	for _, c := range t.common {
		total += c
	}
	return float64(total) / float64(k) / float64(a.n), nil
}

// mutual counts the common neighbours of the rows of each block.
type mutual struct {
	a, b   *Embeddings
	k      int
	common []int
}

func (t *mutual) Do(_, i int) {
	inA, inB := t.a.neighbours(i, t.k), t.b.neighbours(i, t.k)
	for ; len(inA) > 0; inA, inB = inA[t.k:], inB[t.k:] {
		t.common[i] += intersection(inA[:t.k], inB[:t.k])
	}
}

// intersection counts what two lists without repetition share; it sorts them.
func intersection(x, y []int) (n int) {
	slices.Sort(x)
	slices.Sort(y)
	for len(x) > 0 && len(y) > 0 {
		switch {
		case x[0] < y[0]:
			x = x[1:]
		case x[0] > y[0]:
			y = y[1:]
		default:
			n++
			x, y = x[1:], y[1:]
		}
	}
	return n
}

// neighbours returns the k nearest of each row in block i, nearest first, row after row.
func (e *Embeddings) neighbours(i, k int) []int {
	rows := e.rowsOf(i)
	nearest, closeness := make([]int, rows*k), make([]float32, rows*k)
	for p := range closeness {
		closeness[p] = float32(math.Inf(-1))
	}
	sims := make([]float32, block*block)
	for j := range e.blocks() {
		e.tile(sims, i, e, j)
		for r := range rows {
			row := sims[r*block:][:e.rowsOf(j)]
			insert(nearest[r*k:][:k], closeness[r*k:][:k], row, j*block, i*block+r)
		}
	}
	return nearest
}

// insert takes the similarities of candidates first, first+1, ... into a list of the
// nearest, passing over self. Candidates come by increasing index, so one that is only as
// close as another belongs behind it.
func insert(nearest []int, closeness, sims []float32, first, self int) {
	last := len(nearest) - 1
	for c, s := range sims {
		if s <= closeness[last] || first+c == self {
			continue
		}
		at, _ := slices.BinarySearchFunc(closeness, s, func(have, s float32) int {
			if have >= s {
				return -1
			}
			return 1
		})
		copy(nearest[at+1:], nearest[at:last])
		copy(closeness[at+1:], closeness[at:last])
		nearest[at], closeness[at] = first+c, s
	}
}

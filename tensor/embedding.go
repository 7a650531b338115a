package tensor

import (
	"math"
	"slices"

	"github.com/monge-ml/monge/internal/kernel"
)

// Embedding returns the rows of weights [entries, width] with numbers ids:
// [len(ids), width], PyTorch's embedding.
func (t *Tape) Embedding(weights *Tensor, ids []int) *Tensor {
	if t.stop("embedding", weights) {
		return nil
	}
	if weights.rank != 2 || len(ids) == 0 {
		return t.fail("embedding", "weight %v must have shape [entries width], and there must be ids, got %d", weights.shape(), len(ids))
	}
	entries, width := weights.dims[0], weights.dims[1]
	for i, id := range ids {
		if id < 0 || id >= entries {
			return t.fail("embedding", "id %d at %d is outside the %d entries of weight %v", id, i, entries, weights.shape())
		}
	}
	return t.embedding(node{in: [4]*Tensor{weights}, out: t.result(len(ids), width), ints: ids})
}

// EmbeddingOf is [Tape.Embedding] by the numbers in a tensor, which must be whole:
// [..., width] for ids [...]. It has no gradient by ids.
func (t *Tape) EmbeddingOf(weights, ids *Tensor) *Tensor {
	const op = "embedding"
	if t.stop(op, weights, ids) {
		return nil
	}
	if weights.rank != 2 || ids.rank == MaxRank {
		return t.fail(op, "weight %v must have shape [entries width], and ids %v at most %d dimensions", weights.shape(), ids.shape(), MaxRank-1)
	}
	entries, width := weights.dims[0], weights.dims[1]
	numbers := t.ints(len(ids.Data))
	for i, v := range ids.Data {
		if !(v >= 0 && v < float32(entries)) || float64(v) != math.Trunc(float64(v)) {
			_, cols := ids.rows()
			return t.fail(op, "id %d of row %d is %g; it must be a whole number from 0 to %d", i%cols, i/cols, v, entries-1)
		}
		numbers[i] = int(v)
	}
	dims := ids.dims
	dims[ids.rank] = width
	return t.embedding(node{in: [4]*Tensor{weights, ids}, out: t.result(dims[:ids.rank+1]...), ints: numbers})
}

func (t *Tape) embedding(n node) *Tensor {
	width := n.out.Dim(-1)
	for i, id := range n.ints {
		copy(n.out.Data[i*width:(i+1)*width], n.in[0].Data[id*width:(id+1)*width])
	}
	n.back = embeddingBack
	return t.record(n)
}

func embeddingBack(t *Tape, n *node) {
	dw, add := t.into(n.in[0])
	if dw == nil {
		return
	}
	if !add {
		clear(dw)
	}
	width := n.out.Dim(-1)
	for i, id := range n.ints {
		row := dw[id*width : (id+1)*width]
		kernel.AddScaled(row, row, 1, n.out.Grad[i*width:(i+1)*width])
	}
}

// ints returns n numbers of unknown content that stay until Reset.
func (t *Tape) ints(n int) []int {
	lo := len(t.numbers)
	t.numbers = slices.Grow(t.numbers, n)[:lo+n]
	return t.numbers[lo : lo+n : lo+n]
}

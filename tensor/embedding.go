package tensor

import "github.com/monge-ml/monge/internal/kernel"

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
	y := t.result(len(ids), width)
	for i, id := range ids {
		copy(y.Data[i*width:(i+1)*width], weights.Data[id*width:(id+1)*width])
	}
	return t.record(node{back: embeddingBack, out: y, in: [4]*Tensor{weights}, ints: ids})
}

func embeddingBack(t *Tape, n *node) {
	dw, add := t.into(n.in[0])
	if !add {
		clear(dw)
	}
	width := n.out.dims[1]
	for i, id := range n.ints {
		row := dw[id*width : (id+1)*width]
		kernel.AddScaled(row, row, 1, n.out.Grad[i*width:(i+1)*width])
	}
}

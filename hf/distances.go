package hf

import (
	"math"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/tensor"
)

// distances biases attention's scores by how far apart two tokens are, as MPNet does: a number for each
// head and each of some classes of distances, near ones by themselves and far ones by their logarithm
// (Raffel et al. 2020, arXiv 1910.10683).
type distances struct {
	weight  *nn.Param
	of      *sequences
	heads   int
	longest int   // rows, at most
	bucket  []int // of each pair of rows
}

// Those of all published models; transformers knows no others.
const (
	buckets     = 32
	maxDistance = 128
)

func newDistances(b nn.Builder, heads, longest int, of *sequences) nn.Layer {
	p := b.In("encoder.relative_attention_bias")
	return &distances{weight: p.Param("weight", nn.Normal(.02), buckets, heads), of: of, heads: heads, longest: longest}
}

// Forward sets the bias for the layers behind, and returns x.
func (d *distances) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	if t.Err() != nil {
		return nil
	}
	if rows := x.Dim(1); d.of.apart != nil {
		d.of.bias = d.apart(t, rows)
	} else {
		d.of.bias = d.biasOf(t, rows)
	}
	return x
}

// biasOf is that of so many rows: [heads, rows, rows].
func (d *distances) biasOf(t *tensor.Tape, rows int) *tensor.Tensor {
	d.bucket = d.bucket[:0]
	for i := range rows {
		for k := range rows {
			d.bucket = append(d.bucket, bucketOf(k-i))
		}
	}
	bias := t.Embedding(d.weight.Tensor(), d.bucket) // [T*T, heads]
	return t.Permute(t.Reshape(bias, rows, rows, d.heads), 2, 0, 1)
}

// bucketOf returns the class of a distance.
func bucketOf(distance int) (bucket int) {
	const half, exact = buckets / 2, buckets / 4
	n := -distance
	if n < 0 {
		bucket, n = half, -n
	}
	if n < exact {
		return bucket + n
	}
	far := exact + int(float32(math.Log(float64(float32(n)/exact)))/float32(math.Log(maxDistance/exact))*(half-exact))
	return bucket + min(far, half-1)
}

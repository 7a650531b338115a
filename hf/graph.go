package hf

import (
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/tensor"
)

// textNet is a network of texts, whose minibatches are rows of packed tokens. It is an [export.TextLayer]: its
// graph takes what transformers' models take.
type textNet struct {
	nn.Sequential
	of       *sequences
	segments bool // tokens are in one of two
	longest  int  // tokens of a text, at most
}

// Inputs are the names of transformers.
func (n *textNet) Inputs() []string {
	names := []string{"input_ids", "attention_mask"}
	if n.segments {
		names = append(names, "token_type_ids")
	}
	return names
}

// Longest is how many tokens a text has at most.
func (n *textNet) Longest() int { return n.longest }

// ForwardTexts is Forward of such inputs [N, T], all of it on the tape.
func (n *textNet) ForwardTexts(t *tensor.Tape, in []*tensor.Tensor) *tensor.Tensor {
	n.of.apart = in
	defer func() { n.of.apart = nil }()
	return n.Forward(t, in[0])
}

// apart is the sum of embeddings of what [textNet.ForwardTexts] is given.
func (e *embeddings) apart(t *tensor.Tape, in []*tensor.Tensor) *tensor.Tensor {
	place := e.placeApart(t, in[0])
	if e.types != nil && len(in) < 3 {
		place = t.Add(place, t.Slice(e.types.Tensor(), 0, 0, 1))
	}
	sum := t.Add(t.EmbeddingOf(e.words.Tensor(), in[0]), place)
	if len(in) > 2 {
		sum = t.Add(sum, t.EmbeddingOf(e.types.Tensor(), in[2]))
	}
	return sum
}

// placeApart are the positions of tokens: their order, or where those begin behind padding's a count of tokens
// that are not it, as transformers makes them of the numbers alone.
func (e *embeddings) placeApart(t *tensor.Tape, ids *tensor.Tensor) *tensor.Tensor {
	if e.first == 0 {
		return t.Slice(e.positions.Tensor(), 0, 0, ids.Dim(1))
	}
	e.pad[0] = float32(e.Padding)
	apart := t.Map(tensor.Abs, t.Sub(ids, t.Input(e.pad[:], 1)), 0, 0) // of whole numbers
	there := t.Minimum(apart, t.Input(one, 1))
	return t.EmbeddingOf(e.positions.Tensor(), t.Add(t.Mul(t.CumSum(there, 1, false, false), there), t.Input(e.pad[:], 1)))
}

// apart is the bias of texts of any length: a part of that of the longest.
func (d *distances) apart(t *tensor.Tape, rows int) *tensor.Tensor {
	whole := d.biasOf(t, d.longest)
	return t.Slice(t.Slice(whole, 1, 0, rows), 2, 0, rows)
}

// apart is one row of a text's, of those where the mask is 1.
func (p *pooled) apart(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	mask := p.of.apart[1]
	n, rows, width := x.Dim(0), x.Dim(1), x.Dim(2)
	if p.mode == "max" {
		return t.Max(t.Add(x, t.Map(tensor.Affine, t.Reshape(mask, n, rows, 1), -unseen, unseen)), 1)
	}
	count := t.Maximum(t.Sum(mask, 1), t.Input(one, 1))
	if p.mode == "mean_sqrt_len" {
		count = t.Map(tensor.Sqrt, count, 0, 0)
	}
	sum := t.Reshape(t.MatMul(t.Reshape(mask, n, 1, rows), x, false, false), n, width)
	return t.Div(sum, t.Reshape(count, n, 1))
}

var one = []float32{1}

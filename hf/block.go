package hf

import (
	"strings"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/tensor"
)

// blockNames are what an architecture calls the parts of a transformer's layer.
type blockNames struct {
	query, key, value, out string // of attention
	fused                  string // in place of the first three, one layer of all; "weight" and "bias" follow
	norm1                  string // of attention's input, or of what it is added to
	up, down               string // the perceptron
	norm2                  string
}

// A block says what a transformer's layer is.
type block struct {
	names                blockNames
	width, hidden, heads int
	activation           string
	epsilon              float32 // of the norms
	pre                  bool    // norms come before, as in a ViT, not after, as in BERT
	noBias               bool    // of queries, keys and values

	// of training
	attentionDropout float32 // of attention's weights
	outDropout       float32 // of what attention gives
	mlpDropout       float32 // of what the perceptron gives
}

// sequences is what the layers of a minibatch of texts share.
type sequences struct {
	tokens *tensor.Tensor // [N, T], 0 where there is padding; nil of images
	bias   *tensor.Tensor // [heads, T, T] of the scores, nil for none
	// apart are the inputs of [textNet.ForwardTexts], nil in the usual form.
	apart []*tensor.Tensor
}

// blockLayer is a layer of a transformer.
type blockLayer struct {
	block
	q, k, v, o   nn.Layer
	qkv          nn.Layer // in place of the first three
	norm1, norm2 nn.Layer
	mlp          nn.Sequential
	of           *sequences
}

func newBlock(b nn.Builder, s block, of *sequences) *blockLayer {
	linear := b.Linear
	if s.noBias {
		linear = b.Projection
	}
	l := &blockLayer{block: s, of: of}
	switch name, own := strings.CutSuffix(s.names.fused, "."); {
	case s.names.fused == "":
		l.q, l.k, l.v = linear(s.names.query, s.width, s.width), linear(s.names.key, s.width, s.width), linear(s.names.value, s.width, s.width)
	case own:
		l.qkv = linear(name, s.width, 3*s.width)
	default:
		l.qkv = newInProjection(b, s.names.fused, s.width)
	}
	l.o = b.Linear(s.names.out, s.width, s.width)
	l.norm1, l.norm2 = b.LayerNormWith(s.names.norm1, s.width, s.epsilon), b.LayerNormWith(s.names.norm2, s.width, s.epsilon)
	l.mlp = nn.Sequential{b.Linear(s.names.up, s.width, s.hidden), activations[s.activation], b.Linear(s.names.down, s.hidden, s.width)}
	return l
}

// Forward is norm(x + attention(x)) and then the same with the perceptron; of layers whose norms come
// before, x + attention(norm(x)).
func (l *blockLayer) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	if l.pre {
		h := l.norm1.Forward(t, x)
		x = plus(t, x, l.attend(t, h), h)
		h = l.norm2.Forward(t, x)
		return plus(t, x, l.perceive(t, h), h)
	}
	x = normed(t, l.norm1, plus(t, x, l.attend(t, x), nil))
	return normed(t, l.norm2, plus(t, x, l.perceive(t, x), nil))
}

func (l *blockLayer) attend(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	q, k, v := l.projections(t, x)
	y := t.Attention(q, k, v, tensor.AttentionOptions{Heads: l.heads, Tokens: l.of.tokens, Dropout: l.attentionDropout, Bias: l.of.bias})
	for _, used := range []*tensor.Tensor{q, k, v} {
		t.Release(used)
	}
	out := l.o.Forward(t, y)
	t.Release(y)
	return t.Dropout(out, l.outDropout)
}

// projections are the queries, keys and values of rows.
func (l *blockLayer) projections(t *tensor.Tape, x *tensor.Tensor) (q, k, v *tensor.Tensor) {
	if l.qkv == nil {
		return l.q.Forward(t, x), l.k.Forward(t, x), l.v.Forward(t, x)
	}
	all := l.qkv.Forward(t, x)
	q, k, v = t.Slice(all, 2, 0, l.width), t.Slice(all, 2, l.width, 2*l.width), t.Slice(all, 2, 2*l.width, 3*l.width)
	t.Release(all)
	return q, k, v
}

// inProjection is that of PyTorch's MultiheadAttention, whose parameters are its own.
type inProjection struct{ weight, bias *nn.Param }

func newInProjection(b nn.Builder, name string, width int) nn.Layer {
	return inProjection{b.Param(name+"weight", nn.Normal(.02), 3*width, width), b.Param(name+"bias", nn.Constant(0), 3*width)}
}

func (p inProjection) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	return t.Linear(x, p.weight.Tensor(), p.bias.Tensor())
}

func (l *blockLayer) perceive(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	return t.Dropout(l.mlp.Forward(t, x), l.mlpDropout)
}

// plus is x + y; neither is needed any more, nor is what else is used.
func plus(t *tensor.Tape, x, y, used *tensor.Tensor) *tensor.Tensor {
	sum := t.Add(x, y)
	t.Release(x)
	t.Release(y)
	if used != nil {
		t.Release(used)
	}
	return sum
}

// normed is norm(x), which is not needed any more.
func normed(t *tensor.Tape, norm nn.Layer, x *tensor.Tensor) *tensor.Tensor {
	y := norm.Forward(t, x)
	t.Release(x)
	return y
}

// firstRow is the first row of each sequence: [N, T, width] to [N, width].
func firstRow(width int) nn.Layer {
	return nn.LayerFunc(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return row(t, x, 0, width) })
}

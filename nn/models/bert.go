package models

import (
	"fmt"
	"strings"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/tensor"
)

// A bert is BERT (Devlin et al. 2019, arXiv 1810.04805) with the classifier that Hugging
// Face's BertForSequenceClassification puts on it, without dropout. An input is a row of
// token ids; ids of 0 at its end are padding, which no other row sees.
type bert struct {
	vocabulary int
	nn.EncoderOptions
}

var (
	bertBase = bert{30522, encoder(12, 768, 12)}
	// bertTiny has the shape of the published BERT-tiny, and the vocabulary of data's texts.
	bertTiny = bert{8192, encoder(2, 128, 2)}
)

// What all published BERT models have.
const (
	bertPositions = 512   // tokens of a text, at most
	bertTypes     = 2     // kinds of sentences; texts here are of the first
	bertEpsilon   = 1e-12 // of layer normalisation
	bertDeviation = .02   // of initial weights
)

func (c bert) build(b nn.Builder, o Options) nn.Layer {
	if o.Input[0] > bertPositions {
		b.Fail("texts of %d tokens; there are positions for %d", o.Input[0], bertPositions)
	}
	text := &tokens{}
	p := b.In("bert")
	net := nn.Sequential{newBERTEmbeddings(p.In("embeddings"), c, text)}
	for i := range c.Layers {
		net = append(net, newBERTLayer(p.In(fmt.Sprintf("encoder.layer.%d", i)), c, text))
	}
	return append(net,
		firstRow(c.Width), p.Linear("pooler.dense", c.Width, c.Width), nn.Tanh,
		b.Linear("classifier", c.Width, o.Classes))
}

// startAsBERT sets how parameters start: normal weights, no biases.
func startAsBERT(params []*nn.Param) {
	for _, p := range params {
		switch {
		case strings.HasSuffix(p.Name, "LayerNorm.weight"):
		case strings.HasSuffix(p.Name, "bias"):
			p.Init = nn.Constant(0)
		default:
			p.Init = nn.Normal(bertDeviation)
		}
	}
}

// firstRow is the first row of each sequence: [N, T, width] to [N, width].
func firstRow(width int) nn.Layer {
	return nn.LayerFunc(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
		return t.Reshape(t.Slice(x, 1, 0, 1), -1, width)
	})
}

// tokens are the ids [N, T] of the minibatch at hand.
type tokens struct{ ids *tensor.Tensor }

// bertEmbeddings brings ids [N, T] to rows [N, T, width]: the sum of the embeddings of a
// token, of its position, and of the first type, normalised.
type bertEmbeddings struct {
	words, positions, types *nn.Param
	norm                    bertNorm
	text                    *tokens
}

func newBERTEmbeddings(b nn.Builder, c bert, text *tokens) *bertEmbeddings {
	return &bertEmbeddings{
		words:     b.Param("word_embeddings.weight", nil, c.vocabulary, c.Width),
		positions: b.Param("position_embeddings.weight", nil, bertPositions, c.Width),
		types:     b.Param("token_type_embeddings.weight", nil, bertTypes, c.Width),
		norm:      newBERTNorm(b, c.Width),
		text:      text,
	}
}

func (e *bertEmbeddings) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	t.Scope("bert.embeddings")
	if e.text.ids = x; t.Err() != nil {
		return nil
	}
	length := x.Dim(1)
	place := t.Add(t.Slice(e.positions.Tensor(), 0, 0, length), t.Slice(e.types.Tensor(), 0, 0, 1))
	return e.norm.Forward(t, t.Add(t.EmbeddingOf(e.words.Tensor(), x), place))
}

// bertNorm is layer normalisation with BERT's epsilon.
type bertNorm struct{ weight, bias *nn.Param }

func newBERTNorm(b nn.Builder, width int) bertNorm {
	p := b.In("LayerNorm")
	return bertNorm{p.Param("weight", nn.Constant(1), width), p.Param("bias", nn.Constant(0), width)}
}

func (n bertNorm) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	return t.LayerNorm(x, n.weight.Tensor(), n.bias.Tensor(), bertEpsilon)
}

// bertLayer is a layer of the encoder: norm(x + attention(x)), then the same with a
// perceptron.
type bertLayer struct {
	query, key, value nn.Layer
	attended          nn.Layer // after attention
	norm1             bertNorm
	mlp               nn.Sequential
	norm2             bertNorm
	heads             int
	text              *tokens
}

func newBERTLayer(b nn.Builder, c bert, text *tokens) *bertLayer {
	self, after, out := b.In("attention.self"), b.In("attention.output"), b.In("output")
	l := &bertLayer{heads: c.Heads, text: text}
	l.query, l.key, l.value = self.Linear("query", c.Width, c.Width), self.Linear("key", c.Width, c.Width), self.Linear("value", c.Width, c.Width)
	l.attended, l.norm1 = after.Linear("dense", c.Width, c.Width), newBERTNorm(after, c.Width)
	l.mlp = nn.Sequential{b.Linear("intermediate.dense", c.Width, c.Hidden), nn.GELU, out.Linear("dense", c.Hidden, c.Width)}
	l.norm2 = newBERTNorm(out, c.Width)
	return l
}

func (l *bertLayer) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	q, k, v := l.query.Forward(t, x), l.key.Forward(t, x), l.value.Forward(t, x)
	y := t.Attention(q, k, v, tensor.AttentionOptions{Heads: l.heads, Tokens: l.text.ids})
	for _, used := range []*tensor.Tensor{q, k, v} {
		t.Release(used)
	}
	attended := l.attended.Forward(t, y)
	t.Release(y)
	x = plusNormed(t, l.norm1, x, attended)
	return plusNormed(t, l.norm2, x, l.mlp.Forward(t, x))
}

// plusNormed is norm(x + y); neither is needed any more.
func plusNormed(t *tensor.Tape, norm bertNorm, x, y *tensor.Tensor) *tensor.Tensor {
	sum := t.Add(x, y)
	t.Release(x)
	t.Release(y)
	z := norm.Forward(t, sum)
	t.Release(sum)
	return z
}

package nn

import (
	"fmt"

	"github.com/monge-ml/monge/tensor"
)

// layerNorm is layer normalisation.
type layerNorm struct {
	name         string
	weight, bias *Param
	epsilon      float32
}

// normEpsilon is what PyTorch's LayerNorm adds to the variance unless told otherwise.
const normEpsilon = 1e-5

// LayerNorm returns normalisation of rows of a width, PyTorch's LayerNorm, with
// parameters name.weight and name.bias.
func (b Builder) LayerNorm(name string, width int) Layer {
	return b.LayerNormWith(name, width, normEpsilon)
}

// LayerNormWith is [Builder.LayerNorm] with what is added to the variance.
func (b Builder) LayerNormWith(name string, width int, epsilon float32) Layer {
	p := b.In(name)
	return &layerNorm{p.scope(), p.Param("weight", Constant(1), width), p.Param("bias", Constant(0), width), epsilon}
}

func (n *layerNorm) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	t.Scope(n.name)
	return t.LayerNorm(x, n.weight.view, n.bias.view, n.epsilon)
}

// embedding is a table of learned vectors.
type embedding struct{ *Param }

// PositionEmbedding returns a layer that adds a learned vector to each of rows rows of a sequence,
// with the parameter name.weight [rows, width]: x is [N, rows, width].
func (b Builder) PositionEmbedding(name string, rows, width int) Layer {
	return embedding{b.In(name).Param("weight", Normal(.02), rows, width)}
}

func (e embedding) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	t.Scope(e.Name)
	return t.Add(x, e.view)
}

// selfAttention is multi-head attention of a sequence to itself.
type selfAttention struct {
	name                   string
	query, key, value, out Layer
	options                tensor.AttentionOptions
}

// SelfAttention returns multi-head attention of sequences [N, T, width] to themselves,
// with linear layers name.q_proj, k_proj, v_proj and out_proj, the names of Hugging
// Face's transformers.
func (b Builder) SelfAttention(name string, width int, o tensor.AttentionOptions) Layer {
	p := b.In(name)
	if o.Heads < 1 || width%o.Heads != 0 {
		p.Fail("attention: the width %d is not a multiple of %d heads", width, o.Heads)
	}
	return &selfAttention{
		name: p.scope(), options: o,
		key: p.Linear("k_proj", width, width), value: p.Linear("v_proj", width, width),
		query: p.Linear("q_proj", width, width), out: p.Linear("out_proj", width, width),
	}
}

func (a *selfAttention) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	q, k, v := a.query.Forward(t, x), a.key.Forward(t, x), a.value.Forward(t, x)
	t.Scope(a.name)
	y := t.Attention(q, k, v, a.options)
	for _, used := range []*tensor.Tensor{q, k, v} {
		t.Release(used)
	}
	return a.out.Forward(t, y)
}

// An EncoderOptions says what the layers of a transformer are.
type EncoderOptions struct {
	Layers, Width, Heads int
	Hidden               int       // width of the perceptron between
	Activation           LayerFunc // of that; GELU unless given
	Causal               bool
	Epsilon              float32 // of the norms; PyTorch's 1e-5 unless given
	Checkpoint           bool    // keep the result of each layer alone, see [tensor.Tape.Checkpoint]
}

// Encoder returns the layers of a pre-norm transformer, named name.layers.0 and so on with
// the names of Hugging Face's CLIP below: x + attention(norm(x)), then the same with a perceptron.
func (b Builder) Encoder(name string, o EncoderOptions) Layer {
	if o.Activation == nil {
		o.Activation = GELU
	}
	if o.Epsilon == 0 {
		o.Epsilon = normEpsilon
	}
	var s Sequential
	for i := range o.Layers {
		p := b.In(name).In(fmt.Sprintf("layers.%d", i))
		attention := p.SelfAttention("self_attn", o.Width, tensor.AttentionOptions{Heads: o.Heads, Causal: o.Causal})
		norm1 := p.LayerNormWith("layer_norm1", o.Width, o.Epsilon)
		mlp := Sequential{p.Linear("mlp.fc1", o.Width, o.Hidden), o.Activation, p.Linear("mlp.fc2", o.Hidden, o.Width)}
		layer := Sequential{residual{norm1, attention}, residual{p.LayerNormWith("layer_norm2", o.Width, o.Epsilon), mlp}}
		if o.Checkpoint {
			s = append(s, &checkpoint{layer})
		} else {
			s = append(s, layer)
		}
	}
	return s
}

// checkpoint is a layer whose insides backward computes again.
type checkpoint struct{ Layer }

func (c *checkpoint) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	return t.Checkpoint(x, c.Layer)
}

// residual adds to a sequence what layers make of it, after a norm.
type residual struct{ norm, layer Layer }

func (r residual) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	h := r.norm.Forward(t, x)
	y := r.layer.Forward(t, h)
	t.Release(h)
	sum := t.Add(x, y)
	t.Release(x)
	t.Release(y)
	return sum
}

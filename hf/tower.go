package hf

import (
	"encoding/json"
	"fmt"

	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/tensor"
)

// towerConfig are the settings of a transformer of images, under ViT's names.
type towerConfig struct {
	Width      int     `json:"hidden_size"`
	Layers     int     `json:"num_hidden_layers"`
	Heads      int     `json:"num_attention_heads"`
	Hidden     int     `json:"intermediate_size"`
	Activation string  `json:"hidden_act"`
	Epsilon    float32 `json:"layer_norm_eps"`
	Size       int     `json:"image_size"`
	Patch      int     `json:"patch_size"`
	Channels   int     `json:"num_channels"`
	Bias       bool    `json:"qkv_bias"`

	HiddenDropout    float32 `json:"hidden_dropout_prob"`
	AttentionDropout float32 `json:"attention_probs_dropout_prob"`
}

// A tower is an architecture of ViT's kind: patches of an image and rows of its own in front, layers whose
// norms come first, and a head. What differs from one to another is here; a name that is empty is of
// what it has not.
type tower struct {
	name, classifier string
	prefix           string
	patches          string   // the convolution
	noPatchBias      bool     // it has none
	tokens           []string // rows in front, in their order
	token            []int    // shape of such a parameter before the width
	positions        string   // the table of positions, all of it
	position         []int    // shape before the rows and the width
	before           string   // norm of the embeddings
	layer            string   // pattern of the names of layers
	names            blockNames
	after            string   // norm of what the last layer gives
	mean             bool     // the head sees the mean of the patches' rows, else the first row
	heads            []string // its linear layers: of several, as DeiT's for each row in front, the outputs are averaged
	defaults         towerConfig
	keys             foreign.Keys
	unused           []string
	part             string // the key of the settings, where those of several parts are together
	whole            string // the model_type of those, if these are of one part
}

var imageKeys = foreign.Transformers.With(foreign.Keys{
	"hidden_size": foreign.Read, "num_hidden_layers": foreign.Read, "num_attention_heads": foreign.Read, "intermediate_size": foreign.Read,
	"hidden_act": foreign.Read, "layer_norm_eps": foreign.Read, "image_size": foreign.Read, "patch_size": foreign.Read, "num_channels": foreign.Read,
})

var vitKeys = imageKeys.With(foreign.IdleKeys("encoder_stride", "pooler_output_size", "pooler_act", "distilled")).With(foreign.Keys{
	"qkv_bias": foreign.Read, "hidden_dropout_prob": foreign.Read, "attention_probs_dropout_prob": foreign.Read,
})

var vitNames = blockNames{
	query: "attention.attention.query", key: "attention.attention.key", value: "attention.attention.value", out: "attention.output.dense", norm1: "layernorm_before",
	up: "intermediate.dense", down: "output.dense", norm2: "layernorm_after",
}

var vitConfig = towerConfig{Width: 768, Layers: 12, Heads: 12, Hidden: 3072, Activation: "gelu", Epsilon: 1e-12, Size: 224, Patch: 16, Channels: 3, Bias: true}

var vit = tower{
	name: "ViT", classifier: "ViTForImageClassification", prefix: "vit.", patches: "embeddings.patch_embeddings.projection",
	tokens: []string{"embeddings.cls_token"}, token: []int{1, 1}, positions: "embeddings.position_embeddings", position: []int{1},
	layer: "encoder.layer.%d", names: vitNames, after: "layernorm", heads: []string{"classifier"}, defaults: vitConfig, keys: vitKeys,
	unused: []string{"*mask_token", "decoder.*", "vit.pooler.*"},
}

func init() {
	kinds["vit"] = vit.design
	deit := vit
	deit.name, deit.classifier, deit.prefix = "DeiT", "DeiTForImageClassification", "deit."
	deit.tokens = []string{"embeddings.cls_token", "embeddings.distillation_token"}
	deit.unused = []string{"*mask_token", "decoder.*", "deit.pooler.*"}
	taught := deit
	taught.classifier, taught.heads = "DeiTForImageClassificationWithTeacher", []string{"cls_classifier", "distillation_classifier"}
	kinds["deit"] = func(c *config, dir string) (*design, error) {
		if len(c.architectures) == 1 && c.architectures[0] == taught.classifier {
			return taught.design(c, dir)
		}
		return deit.design(c, dir)
	}
	clip := tower{
		name: "CLIP's image tower", classifier: "CLIPForImageClassification", prefix: "vision_model.", patches: "embeddings.patch_embedding", noPatchBias: true,
		tokens: []string{"embeddings.class_embedding"}, positions: "embeddings.position_embedding.weight", before: "pre_layrnorm",
		layer: "encoder.layers.%d", names: clipNames, mean: true, heads: []string{"classifier"}, defaults: clipConfig, keys: clipKeys,
		unused: []string{"text_model.*", "visual_projection.*", "text_projection.*", "logit_scale", "*.position_ids", "vision_model.post_layernorm.*"}, part: "vision_config",
	}
	siglip := clip
	siglip.name, siglip.classifier = "SigLIP's image tower", "SiglipForImageClassification"
	siglip.noPatchBias, siglip.tokens, siglip.before, siglip.after = false, nil, "", "post_layernorm"
	siglip.defaults.Patch, siglip.defaults.Activation, siglip.defaults.Epsilon = 16, "gelu_pytorch_tanh", 1e-6
	siglip.unused = []string{"text_model.*", "logit_scale", "logit_bias", "*.position_ids", "vision_model.head.*"}
	for kind, t := range map[string]tower{"clip": clip, "siglip": siglip} {
		kinds[kind] = t.design
		alone := t
		alone.part, alone.whole = "", kind
		kinds[kind+"_vision_model"] = alone.design
	}
}

var clipNames = blockNames{
	query: "self_attn.q_proj", key: "self_attn.k_proj", value: "self_attn.v_proj", out: "self_attn.out_proj", norm1: "layer_norm1",
	up: "mlp.fc1", down: "mlp.fc2", norm2: "layer_norm2",
}

var clipConfig = towerConfig{Width: 768, Layers: 12, Heads: 12, Hidden: 3072, Activation: "quick_gelu", Epsilon: 1e-5, Size: 224, Patch: 32, Channels: 3, Bias: true}

var clipKeys = imageKeys.With(foreign.IdleKeys("projection_dim", "vision_use_head", "dropout", "bos_token_id", "pad_token_id", "eos_token_id")).With(foreign.Keys{
	"attention_dropout": foreign.Read,
})

// bothKeys are the settings of a model of several parts, of which the images' alone count.
var bothKeys = foreign.Transformers.With(foreign.IdleKeys("text_config", "text_config_dict", "projection_dim", "logit_scale_init_value",
	"bos_token_id", "pad_token_id", "eos_token_id")).With(foreign.Keys{"vision_config": foreign.Read, "vision_config_dict": foreign.Only()})

func (a tower) design(c *config, _ string) (*design, error) {
	s, err := a.read(c)
	if err != nil {
		return nil, err
	}
	return a.designOf(s)
}

func (a tower) designOf(s *towerConfig) (*design, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	d := &design{
		name: a.name, classifier: a.classifier, prefix: a.prefix, anchor: a.patches + ".weight", head: a.heads[0], unused: a.unused,
		input: []int{s.Size, s.Size, s.Channels},
	}
	for _, h := range a.heads {
		d.heads = append(d.heads, h+".")
	}
	d.more, d.whole = a.heads[1:], a.whole
	d.sized = &sized{side: s.Size, patch: s.Patch, table: a.positions, front: len(a.tokens), part: a.part, key: "image_size"}
	d.layers = func(b nn.Builder, input []int, outputs int) nn.Layer {
		at := *s
		at.Size = input[0]
		return a.build(b, &at, outputs)
	}
	return d, nil
}

func (a *tower) read(c *config) (*towerConfig, error) {
	s, renamed := a.defaults, map[string]string(nil)
	keys := a.keys
	if _, clip := keys["attention_dropout"]; clip {
		renamed = map[string]string{"attention_dropout": "attention_probs_dropout_prob"}
		keys = keys.With(foreign.Keys{"attention_probs_dropout_prob": foreign.Read})
	}
	if a.part == "" {
		return &s, c.decode(keys, renamed, &s)
	}
	if err := bothKeys.Check("", c.all); err != nil {
		return nil, err
	}
	inner, err := foreign.Object(orNull(c.all[a.part]))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.part, err)
	}
	part := config{all: inner}
	if err := part.decode(keys, renamed, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", a.part, err)
	}
	return &s, nil
}

func orNull(b json.RawMessage) []byte {
	if b == nil {
		return []byte("null")
	}
	return b
}

func (s *towerConfig) check() error {
	if err := checkSizes(size{"hidden_size", s.Width, maxWidth}, size{"num_hidden_layers", s.Layers, maxLayers}, size{"num_attention_heads", s.Heads, s.Width},
		size{"intermediate_size", s.Hidden, maxHidden}, size{"image_size", s.Size, maxSide}, size{"patch_size", s.Patch, s.Size}, size{"num_channels", s.Channels, 1 << 8}); err != nil {
		return err
	}
	if s.Width%s.Heads != 0 {
		return fmt.Errorf("hidden_size is %d, which is not a multiple of num_attention_heads, %d", s.Width, s.Heads)
	}
	if s.rows() > maxPositions {
		return fmt.Errorf("image_size %d and patch_size %d make %d patches; there may be %d", s.Size, s.Patch, s.rows(), maxPositions)
	}
	if err := checkShares(share{"hidden_dropout_prob", s.HiddenDropout}, share{"attention_probs_dropout_prob", s.AttentionDropout}); err != nil {
		return err
	}
	if err := checkActivation("hidden_act", s.Activation); err != nil {
		return err
	}
	return checkEpsilon("layer_norm_eps", s.Epsilon)
}

// rows is how many patches an image has. What is left at its edges is not seen.
func (s *towerConfig) rows() int { return (s.Size / s.Patch) * (s.Size / s.Patch) }

func (a *tower) build(b nn.Builder, s *towerConfig, outputs int) nn.Layer {
	trunk := under(b, a.prefix)
	net := nn.Sequential{a.embeddings(trunk, s), nn.Dropout(s.HiddenDropout)}
	if a.before != "" {
		net = append(net, trunk.LayerNormWith(a.before, s.Width, s.Epsilon))
	}
	l := block{names: a.names, width: s.Width, hidden: s.Hidden, heads: s.Heads, activation: s.Activation, epsilon: s.Epsilon, pre: true, noBias: !s.Bias,
		attentionDropout: s.AttentionDropout, outDropout: s.HiddenDropout, mlpDropout: s.HiddenDropout}
	for i := range s.Layers {
		net = append(net, newBlock(trunk.In(fmt.Sprintf(a.layer, i)), l, &sequences{}))
	}
	if a.after != "" {
		net = append(net, trunk.LayerNormWith(a.after, s.Width, s.Epsilon))
	}
	return append(net, a.headLayer(b, s, outputs))
}

// patchEmbeddings brings images to rows: those in front, and one of each patch, with their positions.
type patchEmbeddings struct {
	name      string
	patches   nn.Layer
	tokens    []*nn.Param
	positions *nn.Param
	width     int
}

func (a *tower) embeddings(b nn.Builder, s *towerConfig) nn.Layer {
	rows := s.rows() + len(a.tokens)
	e := &patchEmbeddings{name: a.prefix + "embeddings", width: s.Width,
		patches: b.Conv2d(a.patches, s.Channels, s.Width, s.Patch, nn.ConvOptions{Stride: s.Patch, NoBias: a.noPatchBias})}
	for _, name := range a.tokens {
		e.tokens = append(e.tokens, b.Param(name, nn.Normal(.02), append(append([]int{}, a.token...), s.Width)...))
	}
	e.positions = b.Param(a.positions, nn.Normal(.02), append(append([]int{}, a.position...), rows, s.Width)...)
	return e
}

func (e *patchEmbeddings) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	p := e.patches.Forward(t, x)
	t.Scope(e.name)
	if t.Err() != nil {
		return nil
	}
	rows := t.Reshape(p, p.Dim(0), -1, e.width)
	place := t.Reshape(e.positions.Tensor(), -1, e.width)
	if n := len(e.tokens); n > 0 { // what stands in front are rows of zeros, to which each adds its own
		rows = t.Pad(rows, [2]int{}, [2]int{n, 0}, [2]int{})
		place = t.Add(place, t.Pad(e.front(t), [2]int{0, place.Dim(0) - n}, [2]int{}))
	}
	return t.Add(rows, place)
}

// front are the rows in front, one of each parameter.
func (e *patchEmbeddings) front(t *tensor.Tape) *tensor.Tensor {
	var list []*tensor.Tensor
	for _, token := range e.tokens {
		list = append(list, t.Reshape(token.Tensor(), 1, e.width))
	}
	if len(list) == 1 {
		return list[0]
	}
	return t.Concat(0, list...)
}

// headLayer makes outputs of the rows.
func (a *tower) headLayer(b nn.Builder, s *towerConfig, outputs int) nn.Layer {
	if a.mean {
		linear := b.Linear(a.heads[0], s.Width, outputs)
		return nn.LayerFunc(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
			if t.Err() != nil {
				return nil
			}
			return linear.Forward(t, t.Mean(t.Slice(x, 1, len(a.tokens), x.Dim(1)), 1))
		})
	}
	var linear []nn.Layer
	for _, name := range a.heads {
		linear = append(linear, b.Linear(name, s.Width, outputs))
	}
	return nn.LayerFunc(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
		y := linear[0].Forward(t, row(t, x, 0, s.Width))
		for i, l := range linear[1:] {
			y = t.Add(y, l.Forward(t, row(t, x, i+1, s.Width)))
		}
		if len(linear) > 1 {
			y = t.Mul(y, t.Input([]float32{1 / float32(len(linear))}, 1))
		}
		return y
	})
}

// row is a row of each sequence: [N, T, width] to [N, width].
func row(t *tensor.Tape, x *tensor.Tensor, i, width int) *tensor.Tensor {
	return t.Reshape(t.Slice(x, 1, i, i+1), -1, width)
}

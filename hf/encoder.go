package hf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/tensor"
)

// encoderConfig are the settings of an encoder of texts, under BERT's names.
type encoderConfig struct {
	Vocabulary int     `json:"vocab_size"`
	Width      int     `json:"hidden_size"`
	Embedding  int     `json:"embedding_size"` // of tokens, positions and types; Width if 0
	Layers     int     `json:"num_hidden_layers"`
	Heads      int     `json:"num_attention_heads"`
	Hidden     int     `json:"intermediate_size"`
	Activation string  `json:"hidden_act"`
	Epsilon    float32 `json:"layer_norm_eps"`
	Positions  int     `json:"max_position_embeddings"`
	Types      int     `json:"type_vocab_size"` // 0 for none
	Padding    int     `json:"pad_token_id"`

	HiddenDropout     float32  `json:"hidden_dropout_prob"`
	AttentionDropout  float32  `json:"attention_probs_dropout_prob"`
	ClassifierDropout *float32 `json:"classifier_dropout"` // HiddenDropout unless said
}

// An encoder is an architecture of BERT's kind: a table of words, positions and mostly types, layers
// whose norms come last, and a head on the first row. What differs from one to another is here.
type encoder struct {
	name, classifier string
	prefix           string
	layer            string // pattern of the names of layers
	names            blockNames
	head             []headLayer
	pooler           bool // the head sees what the trunk's pooler makes of the first row
	offset           bool // positions begin behind that of padding, as in RoBERTa
	relative         bool // distances bias attention's scores, as in MPNet
	attentionDropout bool // hidden dropout of what attention gives, too
	defaults         encoderConfig
	keys             foreign.Keys
	renamed          map[string]string // settings, to BERT's names
}

// A headLayer is a linear layer of a head; the last makes the outputs.
type headLayer struct {
	name       string
	activation string // after it
	before     bool   // there is dropout before it
}

var bertNames = blockNames{
	query: "attention.self.query", key: "attention.self.key", value: "attention.self.value", out: "attention.output.dense", norm1: "attention.output.LayerNorm",
	up: "intermediate.dense", down: "output.dense", norm2: "output.LayerNorm",
}

var (
	oneLayer = []headLayer{{name: "classifier", before: true}}
	// RoBERTa's, which is also MPNet's.
	twoLayers = []headLayer{{name: "classifier.dense", activation: "tanh", before: true}, {name: "classifier.out_proj", before: true}}
)

// encoderKeys are the settings that all have.
var encoderKeys = foreign.Transformers.With(foreign.Keys{
	"vocab_size": foreign.Read, "hidden_size": foreign.Read, "num_hidden_layers": foreign.Read, "num_attention_heads": foreign.Read,
	"intermediate_size": foreign.Read, "hidden_act": foreign.Read, "layer_norm_eps": foreign.Read, "max_position_embeddings": foreign.Read,
	"type_vocab_size": foreign.Read, "pad_token_id": foreign.Read,
	"hidden_dropout_prob": foreign.Read, "attention_probs_dropout_prob": foreign.Read, "classifier_dropout": foreign.Read,
	"position_embedding_type": foreign.Only("absolute"),
}).With(foreign.IdleKeys("bos_token_id", "eos_token_id", "mask_token_id", "cls_token_id", "unk_token_id", "directionality",
	"pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type", "output_past", "gradient_checkpointing"))

func bertConfig(vocabulary, types, padding int) encoderConfig {
	return encoderConfig{Vocabulary: vocabulary, Width: 768, Layers: 12, Heads: 12, Hidden: 3072, Activation: "gelu", Epsilon: 1e-12,
		Positions: 512, Types: types, Padding: padding, HiddenDropout: .1, AttentionDropout: .1}
}

var bert = encoder{
	name: "BERT", classifier: "BertForSequenceClassification", prefix: "bert.", layer: "encoder.layer.%d", names: bertNames,
	head: oneLayer, pooler: true, attentionDropout: true, defaults: bertConfig(30522, 2, 0), keys: encoderKeys,
}

func init() {
	kinds["bert"] = bert.design
	kinds["distilbert"] = encoder{
		name: "DistilBERT", classifier: "DistilBertForSequenceClassification", prefix: "distilbert.", layer: "transformer.layer.%d", names: distilNames,
		head:     []headLayer{{name: "pre_classifier", activation: "relu"}, {name: "classifier", before: true}},
		defaults: distilConfig, keys: distilKeys,
		renamed: map[string]string{"dim": "hidden_size", "n_layers": "num_hidden_layers", "n_heads": "num_attention_heads", "hidden_dim": "intermediate_size",
			"dropout": "hidden_dropout_prob", "attention_dropout": "attention_probs_dropout_prob", "activation": "hidden_act", "seq_classif_dropout": "classifier_dropout"},
	}.design
	for kind, name := range map[string]string{"roberta": "Roberta", "xlm-roberta": "XLMRoberta", "camembert": "Camembert"} {
		kinds[kind] = encoder{
			name: strings.Replace(name, "Rob", "RoB", 1), classifier: name + "ForSequenceClassification", prefix: "roberta.", layer: "encoder.layer.%d", names: bertNames,
			head: twoLayers, offset: true, attentionDropout: true, defaults: bertConfig(50265, 2, 1), keys: encoderKeys,
		}.design
	}
	kinds["electra"] = encoder{
		name: "ELECTRA", classifier: "ElectraForSequenceClassification", prefix: "electra.", layer: "encoder.layer.%d", names: bertNames,
		head:             []headLayer{{name: "classifier.dense", activation: "gelu", before: true}, {name: "classifier.out_proj", before: true}},
		attentionDropout: true, defaults: electraConfig, keys: encoderKeys.With(foreign.IdleKeys("summary_type", "summary_use_proj", "summary_activation", "summary_last_dropout")).
					With(foreign.Keys{"embedding_size": foreign.Read}),
	}.design
	kinds["mpnet"] = encoder{
		name: "MPNet", classifier: "MPNetForSequenceClassification", prefix: "mpnet.", layer: "encoder.layer.%d", names: mpNames,
		head: twoLayers, offset: true, attentionDropout: true, relative: true, defaults: bertConfig(30527, 0, 1),
		keys: encoderKeys.With(foreign.Keys{"relative_attention_num_buckets": foreign.Only(32.)}),
	}.design
}

var distilNames = blockNames{
	query: "attention.q_lin", key: "attention.k_lin", value: "attention.v_lin", out: "attention.out_lin", norm1: "sa_layer_norm",
	up: "ffn.lin1", down: "ffn.lin2", norm2: "output_layer_norm",
}

var distilKeys = encoderKeys.With(foreign.IdleKeys("qa_dropout")).With(foreign.Keys{
	"sinusoidal_pos_embds": foreign.Idle, "tie_weights_": foreign.Idle, // the table is in the weights either way
})

var distilConfig = func() encoderConfig {
	c, dropout := bertConfig(30522, 0, 0), float32(.2)
	c.Layers, c.ClassifierDropout = 6, &dropout
	return c
}()

var mpNames = blockNames{
	query: "attention.attn.q", key: "attention.attn.k", value: "attention.attn.v", out: "attention.attn.o", norm1: "attention.LayerNorm",
	up: "intermediate.dense", down: "output.dense", norm2: "output.LayerNorm",
}

var electraConfig = func() encoderConfig {
	c := bertConfig(30522, 2, 0)
	c.Embedding, c.Width, c.Heads, c.Hidden = 128, 256, 4, 1024
	return c
}()

func (e encoder) design(c *config, dir string) (*design, error) {
	s := e.defaults
	if err := c.decode(e.keys, e.renamed, &s); err != nil {
		return nil, err
	}
	if s.Embedding == 0 {
		s.Embedding = s.Width
	}
	if s.ClassifierDropout == nil {
		s.ClassifierDropout = &s.HiddenDropout
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	d := &design{
		name: e.name, classifier: e.classifier, prefix: e.prefix, anchor: "embeddings.word_embeddings.weight",
		head: e.head[len(e.head)-1].name, heads: roots(e.head),
		vocabulary: s.Vocabulary, padding: s.Padding, positions: s.Positions, unused: unusedOfTexts,
		tied: []string{"cls.predictions.decoder.weight", "lm_head.decoder.weight", "lm_head.weight", "vocab_projector.weight", "generator_lm_head.weight"},
	}
	if e.offset {
		if d.positions -= s.Padding + 1; d.positions < 1 {
			return nil, fmt.Errorf("max_position_embeddings is %d, and those from pad_token_id + 1 = %d are used: none", s.Positions, s.Padding+1)
		}
	}
	said, err := c.labels()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(c.architectures, e.classifier) {
		if d.modules, err = readModules(dir, s.Width, said); err != nil {
			return nil, err
		}
	}
	d.layers = func(b nn.Builder, input []int, outputs int) nn.Layer {
		of := &sequences{}
		longest := min(d.positions, slices.Max(append([]int{longestServed}, input...)))
		return &textNet{e.build(b, &s, d.modules, of, longest, outputs), of, s.Types > 1, longest}
	}
	if d.modules != nil {
		d.modules.become(d)
	} else if !e.pooler {
		d.unused = append(d.unused, e.prefix+"pooler.*")
	}
	return d, nil
}

// unusedOfTexts are what checkpoints of encoders have beside: heads for other tasks, and numbers of
// positions.
var unusedOfTexts = []string{"cls.*", "lm_head.*", "*.position_ids", "*.token_type_ids", "discriminator_predictions.*", "generator_predictions.*",
	"generator_lm_head.*", "vocab_transform.*", "vocab_layer_norm.*", "vocab_projector.*", "qa_outputs.*"}

// roots are the first parts of the names of a head's layers.
func roots(head []headLayer) (list []string) {
	for _, l := range head {
		list = append(list, l.name+".")
	}
	return list
}

func (s *encoderConfig) check() error {
	if err := checkSizes(size{"vocab_size", s.Vocabulary, data.PackedIDs - 1}, size{"hidden_size", s.Width, maxWidth}, size{"embedding_size", s.Embedding, maxWidth},
		size{"num_hidden_layers", s.Layers, maxLayers}, size{"num_attention_heads", s.Heads, s.Width}, size{"intermediate_size", s.Hidden, maxHidden},
		size{"max_position_embeddings", s.Positions, maxPositions}, size{"pad_token_id plus 1", s.Padding + 1, s.Vocabulary},
		size{"type_vocab_size plus 1", s.Types + 1, data.PackedTypes}); err != nil {
		return err
	}
	if s.Width%s.Heads != 0 {
		return fmt.Errorf("hidden_size is %d, which is not a multiple of num_attention_heads, %d", s.Width, s.Heads)
	}
	if err := checkShares(share{"hidden_dropout_prob", s.HiddenDropout}, share{"attention_probs_dropout_prob", s.AttentionDropout},
		share{"classifier_dropout", *s.ClassifierDropout}); err != nil {
		return err
	}
	if err := checkActivation("hidden_act", s.Activation); err != nil {
		return err
	}
	return checkEpsilon("layer_norm_eps", s.Epsilon)
}

// longestServed bounds the texts of a network's ONNX form, unless it is trained on longer ones.
const longestServed = 1024

func (e *encoder) build(b nn.Builder, s *encoderConfig, m *modules, of *sequences, longest, outputs int) nn.Sequential {
	trunk := b.In(e.prefix[:len(e.prefix)-1])
	net := nn.Sequential{e.embeddings(trunk, s, of)}
	l := block{names: e.names, width: s.Width, hidden: s.Hidden, heads: s.Heads, activation: s.Activation, epsilon: s.Epsilon,
		attentionDropout: s.AttentionDropout, mlpDropout: s.HiddenDropout}
	if e.attentionDropout {
		l.outDropout = s.HiddenDropout
	}
	if e.relative {
		net = append(net, newDistances(trunk, s.Heads, longest, of))
	}
	for i := range s.Layers {
		net = append(net, newBlock(trunk.In(fmt.Sprintf(e.layer, i)), l, of))
	}
	if m != nil {
		return append(net, m.layers(b, of, outputs)...)
	}
	net = append(net, firstRow(s.Width))
	if e.pooler {
		net = append(net, trunk.Linear("pooler.dense", s.Width, s.Width), nn.Tanh)
	}
	return append(net, e.headLayers(b, s, outputs)...)
}

// headLayers are those that make outputs of a row.
func (e *encoder) headLayers(b nn.Builder, s *encoderConfig, outputs int) (net nn.Sequential) {
	for i, l := range e.head {
		if l.before {
			net = append(net, nn.Dropout(*s.ClassifierDropout))
		}
		to := s.Width
		if i == len(e.head)-1 {
			to = outputs
		}
		if net = append(net, b.Linear(l.name, s.Width, to)); l.activation != "" {
			net = append(net, activations[l.activation])
		}
	}
	return net
}

// embeddings brings packed tokens [N, T] to rows [N, T, width]: the sum of the embeddings of a token, of
// its position and of its segment, normalised.
type embeddings struct {
	*encoderConfig
	name                    string
	words, positions, types *nn.Param // no types if nil
	norm, project           nn.Layer  // no projection if nil
	first                   int       // position of a text's first token
	of                      *sequences
	text                    unpacked
	pad                     [1]float32 // the token that is padding
}

func (e *encoder) embeddings(trunk nn.Builder, s *encoderConfig, of *sequences) nn.Layer {
	b := trunk.In("embeddings")
	l := &embeddings{encoderConfig: s, name: e.prefix + "embeddings", of: of,
		words:     b.Param("word_embeddings.weight", nn.Normal(.02), s.Vocabulary, s.Embedding),
		positions: b.Param("position_embeddings.weight", nn.Normal(.02), s.Positions, s.Embedding),
		norm:      b.LayerNormWith("LayerNorm", s.Embedding, s.Epsilon),
	}
	if s.Types > 0 {
		l.types = b.Param("token_type_embeddings.weight", nn.Normal(.02), s.Types, s.Embedding)
	}
	if e.offset {
		l.first = s.Padding + 1
	}
	if s.Embedding != s.Width {
		l.project = trunk.Linear("embeddings_project", s.Embedding, s.Width)
	}
	return l
}

func (e *embeddings) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	t.Scope(e.name)
	if e.of.tokens = x; t.Err() != nil {
		return nil
	}
	length := x.Dim(1)
	if in := e.of.apart; in != nil {
		e.of.tokens = in[1]
		return e.finish(t, e.apart(t, in))
	}
	if e.first+length > e.Positions {
		return t.Fail(e.name, "texts of %d tokens; there are positions for %d", length, e.Positions-e.first)
	}
	if err := e.text.unpack(x.Data, length, e.Padding, e.first); err != nil {
		return t.Fail(e.name, "%v", err)
	}
	sum := t.Embedding(e.words.Tensor(), e.text.ids)
	sum = t.Reshape(sum, -1, length, e.Embedding)
	if e.text.straight {
		sum = t.Add(sum, e.place(t, length))
	} else {
		sum = t.Add(sum, t.Reshape(t.Embedding(e.positions.Tensor(), e.text.positions), -1, length, e.Embedding))
		if e.types != nil {
			sum = t.Add(sum, t.Reshape(t.Embedding(e.types.Tensor(), e.text.types), -1, length, e.Embedding))
		}
	}
	return e.finish(t, sum)
}

// finish makes rows of the sum.
func (e *embeddings) finish(t *tensor.Tape, sum *tensor.Tensor) *tensor.Tensor {
	rows := t.Dropout(normed(t, e.norm, sum), e.HiddenDropout)
	if e.project != nil {
		rows = e.project.Forward(t, rows)
	}
	return rows
}

// place is what is added to the rows of texts of one segment: the same for all.
func (e *embeddings) place(t *tensor.Tape, length int) *tensor.Tensor {
	place := t.Slice(e.positions.Tensor(), 0, e.first, e.first+length)
	if e.types == nil {
		return place
	}
	return t.Add(place, t.Slice(e.types.Tensor(), 0, 0, 1))
}

// unpacked are the tokens of a minibatch.
type unpacked struct {
	ids, positions, types []int
	straight              bool // positions count from the first, and all are of the first segment
}

// unpack reads rows of packed tokens. A token that is the padding's own within a text is counted as padding
// where positions begin behind it, as in RoBERTa.
func (u *unpacked) unpack(x []float32, length, padding, first int) error {
	u.ids, u.positions, u.types, u.straight = u.ids[:0], u.positions[:0], u.types[:0], true
	at := first
	for i, v := range x {
		if i%length == 0 {
			at = first
		}
		id, segment, ok := data.UnpackToken(v)
		switch {
		case v == 0:
			id, segment = padding, 0
		case !ok:
			return fmt.Errorf("%g is no packed token (row %d, place %d)", v, i/length, i%length)
		}
		position := at
		if first > 0 && id == padding {
			position = padding
			u.straight = u.straight && v == 0
		} else {
			at++
		}
		u.straight = u.straight && segment == 0
		u.ids, u.positions, u.types = append(u.ids, id), append(u.positions, position), append(u.types, segment)
	}
	return nil
}

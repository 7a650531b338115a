package train

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/align"
	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/sam"
)

// The directories in a run's of a CLIP model: as Hugging Face publishes them.
const (
	ModelDir = "model" // the final one
	BestDir  = "best"  // the best on the validation pairs
)

// pretrainedModel is the Model of a run whose shape is that of the directory that it starts from.
const pretrainedModel = "clip"

// AlignmentModels are the models that are trained on pairs.
var AlignmentModels = func() []string {
	names := []string{pretrainedModel}
	for name := range clip.Shapes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}()

// DefaultAlignment returns the settings to fine-tune a CLIP model with.
func DefaultAlignment() Config {
	c := Default()
	c.Data, c.Model = "", pretrainedModel
	c.Base, c.LR, c.Batch, c.Epochs = "adamw", 1e-5, 128, 10
	return c
}

// Alignment is how far the embeddings of images and captions agree, see package align.
type Alignment struct {
	SKNN        float64      `json:"s_knn"` // of align.DefaultK neighbours
	ImageToText align.Recall `json:"image_to_text"`
	TextToImage align.Recall `json:"text_to_image"`
	ModalityGap float64      `json:"modality_gap"`
	Spread      float64      `json:"spread"`
	Temperature Real         `json:"temperature"` // may be infinite
	Collapsed   bool         `json:"collapsed"`
}

// alignment is the task of a CLIP model, whose examples are numbered by their places in a list of captions.
type alignment struct {
	*clip.Pretrained
	config *Config
	tokens [][]int // of each caption
	batch  [][]int // tokens of the minibatch at hand
}

// newAlignment opens or begins the model that a config names.
func newAlignment(c *Config, captions []string) (*alignment, error) {
	o := clip.Options{Freeze: c.Freeze, Seed: c.Seed, Checkpoint: c.Recompute}
	if c.LoRA > 0 {
		o.LoRA = &nn.LoRA{Rank: c.LoRA, Alpha: c.LoRAAlpha, On: c.LoRAOn}
	}
	t := &alignment{config: c}
	var err error
	shape, known := clip.Shapes[c.Model]
	switch {
	case c.Model == pretrainedModel && c.Init == "":
		return nil, fmt.Errorf("model %s is one that was trained: give its directory as init, or begin with %s", c.Model, strings.Join(AlignmentModels[1:], " or "))
	case c.Model == pretrainedModel:
		t.Pretrained, err = clip.OpenWith(c.Init, o)
	case !known:
		return nil, fmt.Errorf("model %q is not trained on pairs; there are %s", c.Model, strings.Join(AlignmentModels, ", "))
	case c.Init != "":
		return nil, fmt.Errorf("model %s begins untrained; to start from %s the model is %s", c.Model, c.Init, pretrainedModel)
	default:
		t.Pretrained, err = clip.Begin(shape, captions, o)
	}
	if err != nil {
		return nil, err
	}
	t.SetDirectConv(c.DirectConv)
	return t, nil
}

// tokenize prepares the captions, of which long ones are cut.
func (t *alignment) tokenize(captions []string) error {
	t.tokens = make([][]int, len(captions))
	for i, c := range captions {
		var err error
		if t.tokens[i], err = t.Tokens(c); err != nil {
			return err
		}
	}
	return nil
}

func (t *alignment) network() *nn.Network { return &t.Network }
func (t *alignment) draws() uint64        { return 0 }
func (t *alignment) setDraws(uint64)      {}

// microbatch is 0: the loss compares all pairs of a minibatch, so its parts are the model's
// own business.
func (t *alignment) microbatch() int { return 0 }

func (t *alignment) gradient(b *data.Batch, lo, hi int, grad, theta []float32, c sam.Call) (loss float64, right int, err error) {
	pairs := clip.Batch{Images: b.X, Tokens: t.texts(b)}
	if size := t.config.Microbatch; size > 0 {
		loss, err = t.GradientInChunks(pairs, size, grad, theta, c)
	} else {
		loss, err = t.Gradient(pairs, grad, theta, c)
	}
	return loss, t.Correct(), err
}

// texts returns the tokens of a minibatch's captions, until the next call.
func (t *alignment) texts(b *data.Batch) [][]int {
	t.batch = t.batch[:0]
	for _, i := range b.Examples {
		t.batch = append(t.batch, t.tokens[i])
	}
	return t.batch
}

// evaluate embeds all pairs of a set.
func (t *alignment) evaluate(ctx context.Context, theta []float32, s *data.Set) (Scores, error) {
	images, texts, err := t.embed(ctx, theta, s)
	if err != nil {
		return Scores{}, fmt.Errorf("evaluate: %w", err)
	}
	scale := t.LogitScale(theta)
	m := &Alignment{Temperature: Real(1 / scale)}
	loss, err := align.ContrastiveLoss(images, texts, scale, t.config.Batch)
	if err != nil {
		return Scores{}, err
	}
	if m.SKNN, err = align.MutualKNN(images, texts, align.DefaultK); err != nil {
		return Scores{}, err
	}
	if m.ImageToText, m.TextToImage, err = align.Retrieval(images, texts); err != nil {
		return Scores{}, err
	}
	if m.ModalityGap, err = align.ModalityGap(images, texts); err != nil {
		return Scores{}, err
	}
	if m.Spread, err = align.Spread(images, texts); err != nil {
		return Scores{}, err
	}
	m.Collapsed = align.Collapsed(loss, min(t.config.Batch, s.Len()), m.Spread)
	return Scores{Loss: Real(loss), Accuracy: Real((m.ImageToText.At1 + m.TextToImage.At1) / 2), Alignment: m}, nil
}

// embedBatch is how many pairs are embedded at a time.
const embedBatch = 64

// embed returns the embeddings of both sides of a set's pairs.
func (t *alignment) embed(ctx context.Context, theta []float32, s *data.Set) (images, texts *align.Embeddings, err error) {
	loader, err := data.NewLoader(s, data.LoaderSettings{Batch: embedBatch, Normalize: t.Preprocessor.Normalize})
	if err != nil {
		return nil, nil, err
	}
	defer loader.Close()
	var sides [2][]float32
	for {
		b, err := loader.Next(ctx)
		if err != nil {
			return nil, nil, err
		}
		if b == nil {
			break
		}
		x, err := t.EmbedImages(theta, b.X)
		if err != nil {
			return nil, nil, err
		}
		sides[0] = append(sides[0], x...)
		if x, err = t.EmbedTexts(theta, t.texts(b)); err != nil {
			return nil, nil, err
		}
		sides[1] = append(sides[1], x...)
	}
	if images, err = align.NewEmbeddings(sides[0], s.Len(), t.Config.Projection); err != nil {
		return nil, nil, fmt.Errorf("images: %w", err)
	}
	if texts, err = align.NewEmbeddings(sides[1], s.Len(), t.Config.Projection); err != nil {
		return nil, nil, fmt.Errorf("captions: %w", err)
	}
	return images, texts, nil
}

func (t *alignment) save(dir string, best bool, theta []float32) error {
	name := ModelDir
	if best {
		name = BestDir
	}
	p := *t.Pretrained
	p.Theta = theta
	return p.Save(filepath.Join(dir, name))
}

// pairsOnly and classesOnly are the settings that only runs of that kind have a use for.
var (
	pairsOnly   = []string{"val-data", "test-data", "lora", "lora-alpha", "lora-on", "recompute"}
	classesOnly = []string{"size", "crop", "classes", "label-noise", "pixel-dropout", "copies", "normalize", "mixup", "norm", "head",
		"label-smoothing", "per-microbatch"}
)

// checkKind returns an error for settings that are for runs of the other kind.
func (c *Config) checkKind() error {
	names, what := pairsOnly, "is for pairs of images and captions; "+c.Data+" has classes"
	if c.Pairs() {
		names, what = classesOnly, "is for data with classes; "+c.Data+" is pairs of images and captions"
	}
	none := Settings(&Config{})
	for i, s := range Settings(c) {
		if slices.Contains(names, s.Name) && s.String() != none[i].String() {
			return fmt.Errorf("%s %s", s.Name, what)
		}
	}
	return nil
}

// checkAlignment returns an error for pairs that are too few for a run.
func checkAlignment(c *Config, d *data.Splits) error {
	if n := d.Train.Len(); c.Batch > n {
		return fmt.Errorf("batch is %d, but there are %d pairs to train on: a contrastive loss needs whole minibatches; lower it", c.Batch, n)
	}
	var err error
	for _, p := range d.Parts()[1:] {
		if p.Len() <= align.DefaultK {
			err = errors.Join(err, fmt.Errorf("the %s split has %d pairs; S_kNN needs more than %d", p.Name, p.Len(), align.DefaultK))
		}
	}
	return err
}

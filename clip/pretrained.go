package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/atomicfile"
	"github.com/monge-ml/monge/tokenizer"
	"github.com/monge-ml/monge/weights"
)

// The files of a model's directory, as Hugging Face names them, beside the tokenizer's.
const (
	ConfigFile       = "config.json"
	WeightsFile      = "model.safetensors"
	PreprocessorFile = "preprocessor_config.json"
)

// Load reads a model from a directory with config.json and model.safetensors, or OpenCLIP's
// files, see [Open].
func Load(dir string) (*Model, []float32, error) { return LoadWith(dir, Options{}) }

// LoadWith is [Load] with options.
func LoadWith(dir string, o Options) (*Model, []float32, error) {
	c, path, tensors, err := readModel(dir)
	if err != nil {
		return nil, nil, err
	}
	m, err := NewWith(c, o)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, err)
	}
	theta := make([]float32, m.Size())
	m.Init(theta, o.Seed) // the adapters, which are in no file
	if err := m.LoadBase(theta, tensors); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, theta, nil
}

// readModel returns the shape of a directory's model, the path of its weights, and their
// tensors.
func readModel(dir string) (c Config, path string, tensors []weights.Tensor, err error) {
	if isOpenCLIP(dir) {
		if c, _, err = readOpenCLIP(dir); err != nil {
			return c, "", nil, err
		}
		path, tensors, err = readOpenCLIPWeights(dir, c)
		return c, path, tensors, err
	}
	if c, err = ReadConfig(filepath.Join(dir, ConfigFile)); err != nil {
		return c, "", nil, err
	}
	path = filepath.Join(dir, WeightsFile)
	f, err := weights.Read(path)
	if err != nil {
		return c, path, nil, err
	}
	// Older files also have the numbers of the positions, which no one needs.
	tensors = slices.DeleteFunc(f.StateDict(), func(t weights.Tensor) bool { return strings.HasSuffix(t.Name, ".position_ids") })
	return c, path, tensors, nil
}

// A Pretrained is a model with what makes its inputs of images and texts.
type Pretrained struct {
	*Model
	Theta        []float32
	Tokenizer    *tokenizer.Tokenizer
	Preprocessor picture.Preprocessor
}

// Open reads a directory as Hugging Face publishes CLIP models: config.json,
// model.safetensors, vocab.json, merges.txt and preprocessor_config.json. Where there is
// no model.safetensors it reads what OpenCLIP publishes: open_clip_config.json,
// open_clip_model.safetensors (or open_clip_pytorch_model.bin), vocab.json and merges.txt.
// These are the names of OpenAI's own weights, too. OpenCLIP's models are read if both
// towers are its plain transformers.
func Open(dir string) (*Pretrained, error) { return OpenWith(dir, Options{}) }

// OpenWith is [Open] with options.
func OpenWith(dir string, o Options) (*Pretrained, error) {
	p := &Pretrained{}
	var err error
	if p.Model, p.Theta, err = LoadWith(dir, o); err != nil {
		return nil, err
	}
	if p.Tokenizer, err = tokenizer.Open(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, PreprocessorFile)
	if isOpenCLIP(dir) {
		path = filepath.Join(dir, OpenCLIPConfigFile)
		_, p.Preprocessor, err = readOpenCLIP(dir)
	} else {
		p.Preprocessor, err = picture.ReadPreprocessor(path)
	}
	if err != nil {
		return nil, err
	}
	switch c := &p.Config; {
	case isOpenCLIP(dir) && p.Tokenizer.End != p.Tokenizer.Size()-1:
		return nil, fmt.Errorf("%s: the end-of-text token is %d of %d; OpenCLIP finds a text's end as the largest", dir, p.Tokenizer.End, p.Tokenizer.Size())
	case p.Tokenizer.Size() > c.Text.Vocabulary:
		return nil, fmt.Errorf("%s: the tokenizer has %d tokens, the model's vocab_size is %d", dir, p.Tokenizer.Size(), c.Text.Vocabulary)
	case p.Preprocessor.Side() != c.Vision.Size:
		return nil, fmt.Errorf("%s: images come out with a side of %d, the model's image_size is %d", path, p.Preprocessor.Side(), c.Vision.Size)
	case c.Vision.Channels != 3:
		return nil, fmt.Errorf("%s: the model's images have %d channels; those of files have 3", filepath.Join(dir, ConfigFile), c.Vision.Channels)
	}
	return p, nil
}

// Shapes are the models that [Begin] knows: the published one that is most used, and one
// that trains on a processor in minutes.
var Shapes = map[string]Config{
	"clip-vit-base-patch32": DefaultConfig(),
	"clip-tiny": {
		Text:       TextConfig{TowerConfig{64, 256, 3, 4, "quick_gelu"}, 1024, 32},
		Vision:     VisionConfig{TowerConfig{64, 256, 3, 4, "quick_gelu"}, 32, 8, 3},
		Projection: 64, LogitScale: 2.6592,
	},
}

// openAI is how OpenAI's models see pixels.
var openAI = picture.Normalization{Mean: []float32{.48145466, .4578275, .40821073}, Std: []float32{.26862954, .26130258, .27577711}}

// Begin returns an untrained model of a shape, whose vocabulary is made from captions and
// whose images are cut from the middle.
func Begin(c Config, captions []string, o Options) (*Pretrained, error) {
	t, err := tokenizer.Learn(captions, c.Text.Vocabulary)
	if err != nil {
		return nil, err
	}
	m, err := NewWith(c, o)
	if err != nil {
		return nil, err
	}
	p := &Pretrained{Model: m, Theta: make([]float32, m.Size()), Tokenizer: t}
	p.Preprocessor = picture.Preprocessor{Size: c.Vision.Size, Crop: c.Vision.Size, Bicubic: true, Normalize: openAI}
	m.Init(p.Theta, o.Seed)
	return p, nil
}

// Save writes the files that [Open] reads, with adapters added to the layers that they
// adapt, into a directory that it makes. Each is whole or not there, the weights last.
func (p *Pretrained) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	config := struct {
		Model         string   `json:"model_type"`
		Architectures []string `json:"architectures"`
		Config
	}{"clip", []string{"CLIPModel"}, p.Config}
	return errors.Join(
		writeJSON(filepath.Join(dir, ConfigFile), config),
		writeJSON(filepath.Join(dir, PreprocessorFile), p.Preprocessor),
		p.Tokenizer.Save(dir),
		atomicfile.Write(filepath.Join(dir, WeightsFile), func(w io.Writer) error {
			return weights.WriteSafetensors(w, p.Merged(p.Theta), map[string]string{"format": "pt"})
		}))
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// Tokens returns a caption's tokens as [Batch] takes them, cut to what the model takes.
func (p *Pretrained) Tokens(caption string) ([]int, error) {
	t, err := p.Tokenizer.Encode(caption, p.Config.Text.Length)
	if err != nil {
		return nil, err
	}
	return t.IDs[:t.End+1], nil
}

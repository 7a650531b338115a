package clip

import (
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
	ProcessorFile    = "processor_config.json"
)

// Load reads a model from a directory with a configuration and weights, see [Open].
func Load(dir string) (*Model, []float32, error) { return LoadWith(dir, Options{}) }

// LoadWith is [Load] with options.
func LoadWith(dir string, o Options) (*Model, []float32, error) {
	f, err := readModel(dir)
	if err != nil {
		return nil, nil, err
	}
	return f.load(dir, o)
}

func (f *files) load(dir string, o Options) (*Model, []float32, error) {
	m, err := NewWith(f.config, o)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, err)
	}
	theta := make([]float32, m.Size())
	m.Init(theta, o.Seed) // the adapters, which are in no file
	if err := m.LoadBase(theta, f.tensors); err != nil {
		if f.misfit != "" {
			err = fmt.Errorf("%s: %w", f.misfit, err)
		}
		return nil, nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return m, theta, nil
}

// files are what a directory has of a model: its shape, the path of its weights, and their
// tensors.
type files struct {
	config  Config
	path    string
	tensors []weights.Tensor
	remarks
}

func readModel(dir string) (f files, err error) {
	if err := checkDirectory(dir); err != nil {
		return f, err
	}
	if isOpenCLIP(dir) {
		if f.config, _, err = readOpenCLIP(dir); err == nil {
			f.path, f.tensors, err = readOpenCLIPWeights(dir, f.config)
		}
	} else {
		f, err = readHuggingFace(dir)
	}
	return f, err
}

func readHuggingFace(dir string) (f files, err error) {
	if f.config, f.remarks, err = readConfig(filepath.Join(dir, ConfigFile)); err != nil {
		return f, err
	}
	if f.path, err = weights.Find(dir); err != nil {
		return f, err
	}
	file, err := weights.Read(f.path)
	if err != nil {
		return f, err
	}
	m, err := New(f.config)
	if err != nil {
		return f, fmt.Errorf("%s: %w", dir, err)
	}
	// Older files also have the numbers of the positions, which no one needs.
	want, _ := m.Specs()
	may := []string{"text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"}
	if f.tensors, err = fit(file, want, may); err != nil {
		return f, fmt.Errorf("%s: %w", f.path, err)
	}
	f.tensors = slices.DeleteFunc(f.tensors, func(t weights.Tensor) bool { return slices.Contains(may, t.Name) })
	return f, nil
}

// fit returns a file's tensors under the names that a model wants, or may have, see
// [weights.File.Fit].
func fit(file *weights.File, want []weights.Spec, may []string) ([]weights.Tensor, error) {
	for i := range file.Tensors {
		if t := &file.Tensors[i]; strings.HasSuffix(t.Name, "logit_scale") && len(t.Data) == 1 {
			t.Shape = nil // [1] in some files
		}
	}
	var allowed []weights.Spec
	for _, name := range may {
		allowed = append(allowed, weights.Spec{Name: name})
	}
	fitted, err := file.Fit(want, allowed)
	if err != nil {
		return nil, err
	}
	return fitted.Tensors, nil
}

// A Pretrained is a model with what makes its inputs of images and texts.
type Pretrained struct {
	*Model
	Theta        []float32
	Tokenizer    *tokenizer.Tokenizer
	Preprocessor picture.Preprocessor
	Notes        []string // what of its settings a training here leaves out: lines to print
}

// Open reads a directory as Hugging Face publishes CLIP models: config.json; weights in
// model.safetensors or pytorch_model.bin, or in parts with an index (model.safetensors.index.json,
// pytorch_model.bin.index.json); a tokenizer, see [tokenizer.Open]; and processor_config.json or
// preprocessor_config.json. Where config.json or such weights are missing it reads what OpenCLIP
// publishes: open_clip_config.json, open_clip_model.safetensors or open_clip_pytorch_model.bin,
// and a tokenizer, to which it brings captions as OpenCLIP does, see [tokenizer.Tokenizer.Clean].
// These are the names of OpenAI's own weights, too. OpenCLIP's models are read if both towers are
// its plain transformers.
func Open(dir string) (*Pretrained, error) { return OpenWith(dir, Options{}) }

// OpenWith is [Open] with options.
func OpenWith(dir string, o Options) (*Pretrained, error) {
	f, err := readModel(dir)
	if err != nil {
		return nil, err
	}
	p := &Pretrained{Notes: f.notes}
	if p.Model, p.Theta, err = f.load(dir, o); err != nil {
		return nil, err
	}
	if err := checkInputs(dir); err != nil {
		return nil, err
	}
	if p.Tokenizer, err = tokenizer.Open(dir); err != nil {
		return nil, err
	}
	if isOpenCLIP(dir) {
		p.Tokenizer.Clean = true
	}
	var path string
	if p.Preprocessor, path, err = readPreprocessor(dir); err != nil {
		return nil, err
	}
	if err := p.checkEnd(dir); err != nil {
		return nil, err
	}
	switch c := &p.Config; {
	case p.Tokenizer.Size() > c.Text.Vocabulary:
		return nil, fmt.Errorf("%s: the tokenizer has %d tokens, the model's vocab_size is %d", dir, p.Tokenizer.Size(), c.Text.Vocabulary)
	case p.Preprocessor.Side() != c.Vision.Size:
		return nil, fmt.Errorf("%s: images come out with a side of %d, the model's image_size is %d", path, p.Preprocessor.Side(), c.Vision.Size)
	case c.Vision.Channels != 3:
		return nil, fmt.Errorf("%s: the model's images have %d channels; those of files have 3", filepath.Join(dir, ConfigFile), c.Vision.Channels)
	}
	p.Config.Text.End = p.Tokenizer.End
	p.Tokenizer.Max = p.Tokenizer.Most(p.Config.Text.Length)
	return p, nil
}

// largestEnd is the eos_token_id with which transformers read a text's features at its largest
// token, as OpenCLIP always does.
const largestEnd = 2

// checkEnd returns an error where other software would not read a text's features at the
// tokenizer's end of text.
func (p *Pretrained) checkEnd(dir string) error {
	end, last, said := p.Tokenizer.End, p.Tokenizer.Size()-1, p.Config.Text.End
	switch {
	case isOpenCLIP(dir) && end != last:
		return fmt.Errorf("%s: the end-of-text token is %d of %d; OpenCLIP finds a text's end as the largest", dir, end, last+1)
	case said == largestEnd && end != last:
		return fmt.Errorf("%s: text_config.eos_token_id is %d, which stands for the largest token of a text, and the tokenizer's end of text, %d, is not the largest of %d: "+
			"write %[3]d there if that is where texts are read", filepath.Join(dir, ConfigFile), said, end, last+1)
	case said != 0 && said != largestEnd && said != end:
		return fmt.Errorf("%s: text_config.eos_token_id is %d, the tokenizer's end of text is %d: the two files are not of one model, or one of them should say what the other does",
			filepath.Join(dir, ConfigFile), said, end)
	}
	return nil
}

// Shapes are the models that [Begin] knows: the published one that is most used, and one
// that trains on a processor in minutes.
var Shapes = map[string]Config{
	"clip-vit-base-patch32": DefaultConfig(),
	"clip-tiny": {
		Text:       TextConfig{TowerConfig: TowerConfig{64, 256, 3, 4, "quick_gelu", epsilon}, Vocabulary: 1024, Length: 32},
		Vision:     VisionConfig{TowerConfig{64, 256, 3, 4, "quick_gelu", epsilon}, 32, 8, 3},
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
	c.Text.End, t.Max = t.End, c.Text.Length
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
	config := savedConfig{Model: "clip", Architectures: []string{"CLIPModel"}, Config: p.Config}
	config.Text.TextConfig = p.Config.Text
	config.Text.End, config.Text.Start, config.Text.Pad = p.Tokenizer.End, p.Tokenizer.Start, p.Tokenizer.Pad
	return errors.Join(
		atomicfile.WriteJSON(filepath.Join(dir, ConfigFile), config),
		atomicfile.WriteJSON(filepath.Join(dir, PreprocessorFile), p.Preprocessor),
		p.Tokenizer.Save(dir),
		atomicfile.Write(filepath.Join(dir, WeightsFile), func(w io.Writer) error {
			return weights.WriteSafetensors(w, p.Merged(p.Theta), map[string]string{"format": "pt"})
		}))
}

// A savedConfig is a config.json: transformers find the end of a text by its number, and take that of
// OpenAI's vocabulary where it is missing.
type savedConfig struct {
	Model         string   `json:"model_type"`
	Architectures []string `json:"architectures"`
	Config
	Text struct {
		TextConfig
		Start int `json:"bos_token_id"`
		Pad   int `json:"pad_token_id"`
	} `json:"text_config"`
}

// Tokens returns a caption's tokens as [Batch] takes them, cut to what the model takes.
func (p *Pretrained) Tokens(caption string) ([]int, error) {
	t, err := p.Tokenizer.Encode(caption, p.Tokenizer.Most(p.Config.Text.Length))
	if err != nil {
		return nil, err
	}
	return t.IDs[:t.End+1], nil
}

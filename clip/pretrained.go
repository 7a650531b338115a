package clip

import (
	"fmt"
	"path/filepath"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/tokenizer"
)

// PreprocessorFile is the file of a model's directory that says how images are prepared.
const PreprocessorFile = "preprocessor_config.json"

// A Pretrained is a trained model with what makes its inputs of images and texts.
type Pretrained struct {
	*Model
	Theta        []float32
	Tokenizer    *tokenizer.Tokenizer
	Preprocessor data.Preprocessor
}

// Open reads a directory as Hugging Face publishes CLIP models: config.json,
// model.safetensors, vocab.json, merges.txt and preprocessor_config.json.
func Open(dir string) (*Pretrained, error) {
	p := &Pretrained{}
	var err error
	if p.Model, p.Theta, err = Load(dir); err != nil {
		return nil, err
	}
	if p.Tokenizer, err = tokenizer.Open(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, PreprocessorFile)
	if p.Preprocessor, err = data.ReadPreprocessor(path); err != nil {
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
	return p, nil
}

// Tokens returns a caption's tokens as [Batch] takes them, cut to what the model takes.
func (p *Pretrained) Tokens(caption string) ([]int, error) {
	t, err := p.Tokenizer.Encode(caption, p.Config.Text.Length)
	if err != nil {
		return nil, err
	}
	return t.IDs[:t.End+1], nil
}

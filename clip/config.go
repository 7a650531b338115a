package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// A Config is the shape of a CLIP model, with the names of Hugging Face's config.json.
type Config struct {
	Text       TextConfig   `json:"text_config"`
	Vision     VisionConfig `json:"vision_config"`
	Projection int          `json:"projection_dim"`         // width of the common space
	LogitScale float64      `json:"logit_scale_init_value"` // logarithm of the inverse temperature at the start
}

// TowerConfig is the shape of one tower's transformer.
type TowerConfig struct {
	Width      int    `json:"hidden_size"`
	Hidden     int    `json:"intermediate_size"`
	Layers     int    `json:"num_hidden_layers"`
	Heads      int    `json:"num_attention_heads"`
	Activation string `json:"hidden_act"` // quick_gelu or gelu
}

// TextConfig is the shape of the text tower.
type TextConfig struct {
	TowerConfig
	Vocabulary int `json:"vocab_size"`
	Length     int `json:"max_position_embeddings"` // tokens of a text at most
}

// VisionConfig is the shape of the image tower.
type VisionConfig struct {
	TowerConfig
	Size     int `json:"image_size"` // height and width of an image
	Patch    int `json:"patch_size"`
	Channels int `json:"num_channels"`
}

// DefaultConfig is openai/clip-vit-base-patch32, which is also what a config.json means
// that leaves something out.
func DefaultConfig() Config {
	return Config{
		Text:       TextConfig{TowerConfig{512, 2048, 12, 8, "quick_gelu"}, 49408, 77},
		Vision:     VisionConfig{TowerConfig{768, 3072, 12, 12, "quick_gelu"}, 224, 32, 3},
		Projection: 512, LogitScale: 2.6592,
	}
}

// maxConfigFile is more than any config.json has.
const maxConfigFile = 1 << 20

// ReadConfig reads a config.json.
func ReadConfig(path string) (Config, error) {
	b, err := readConfigFile(path)
	if err != nil {
		return Config{}, err
	}
	c, err := ParseConfig(b)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func readConfigFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxConfigFile {
		return nil, fmt.Errorf("%s: not a model's configuration: it must be a file of at most %d bytes", path, maxConfigFile)
	}
	return os.ReadFile(path)
}

// ParseConfig is [ReadConfig] of a file's content.
func ParseConfig(b []byte) (Config, error) {
	var kind struct {
		Model string `json:"model_type"`
	}
	c := DefaultConfig()
	if err := errors.Join(json.Unmarshal(b, &kind), json.Unmarshal(b, &c)); err != nil {
		return Config{}, fmt.Errorf("not a config.json: %w", err)
	}
	if kind.Model != "clip" {
		return Config{}, fmt.Errorf("model_type is %q; only \"clip\" can be loaded here", kind.Model)
	}
	return c, c.check()
}

// check returns an error for sizes that no model could have, or that would take more
// memory than a mistyped number should.
func (c *Config) check() error {
	type size struct {
		name        string
		value, most int
	}
	sizes := []size{
		{"projection_dim", c.Projection, 1 << 14},
		{"text_config.vocab_size", c.Text.Vocabulary, 1 << 22},
		{"text_config.max_position_embeddings", c.Text.Length, 1 << 16},
		{"vision_config.image_size", c.Vision.Size, 1 << 13},
		{"vision_config.patch_size", c.Vision.Patch, 1 << 13},
		{"vision_config.num_channels", c.Vision.Channels, 1 << 8},
	}
	for _, t := range []struct {
		name string
		TowerConfig
	}{{"text_config.", c.Text.TowerConfig}, {"vision_config.", c.Vision.TowerConfig}} {
		sizes = append(sizes, size{t.name + "hidden_size", t.Width, 1 << 14}, size{t.name + "intermediate_size", t.Hidden, 1 << 16},
			size{t.name + "num_hidden_layers", t.Layers, 1 << 10}, size{t.name + "num_attention_heads", t.Heads, t.Width})
		if t.Heads > 0 && t.Width%t.Heads != 0 {
			return fmt.Errorf("%shidden_size is %d, which is not a multiple of num_attention_heads, %d", t.name, t.Width, t.Heads)
		}
		if _, ok := activations[t.Activation]; !ok {
			return fmt.Errorf("%shidden_act is %q; there are quick_gelu, gelu", t.name, t.Activation)
		}
	}
	for _, s := range sizes {
		if s.value < 1 || s.value > s.most {
			return fmt.Errorf("%s is %d; it must be from 1 to %d", s.name, s.value, s.most)
		}
	}
	if c.Vision.Size%c.Vision.Patch != 0 {
		return fmt.Errorf("vision_config.image_size is %d, which is not a multiple of patch_size, %d", c.Vision.Size, c.Vision.Patch)
	}
	return nil
}

package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/foreign"
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
	Activation string `json:"hidden_act"` // one of Activations

	Epsilon float32 `json:"layer_norm_eps"` // which the norms add to the variance; 1e-5 where [New] finds none
}

// TextConfig is the shape of the text tower.
type TextConfig struct {
	TowerConfig
	Vocabulary int `json:"vocab_size"`
	Length     int `json:"max_position_embeddings"` // tokens of a text at most

	// End is the token at whose first place a text's features are read; of 0 it is the
	// tokenizer's end of text, which [Open] requires it to be. Transformers take 49407 if it is
	// missing, and the largest token where it is 2, as it stands in files of before 2023.
	End int `json:"eos_token_id,omitempty"`
}

// VisionConfig is the shape of the image tower.
type VisionConfig struct {
	TowerConfig
	Size     int `json:"image_size"` // height and width of an image
	Patch    int `json:"patch_size"`
	Channels int `json:"num_channels"`
}

// epsilon is that of all published models.
const epsilon = 1e-5

// DefaultConfig is openai/clip-vit-base-patch32, which is also what a config.json means
// that leaves something out.
func DefaultConfig() Config {
	return Config{
		Text:       TextConfig{TowerConfig: TowerConfig{512, 2048, 12, 8, "quick_gelu", epsilon}, Vocabulary: 49408, Length: 77},
		Vision:     VisionConfig{TowerConfig{768, 3072, 12, 12, "quick_gelu", epsilon}, 224, 32, 3},
		Projection: 512, LogitScale: 2.6592,
	}
}

// ReadConfig reads a config.json.
func ReadConfig(path string) (Config, error) {
	c, _, err := readConfig(path)
	return c, err
}

// readConfig is parseConfig of a file.
func readConfig(path string) (c Config, r remarks, err error) {
	b, err := foreign.ReadFile(path)
	if err != nil {
		return c, r, err
	}
	if c, r, err = parseConfig(b); err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return c, r, err
}

// ParseConfig is [ReadConfig] of a file's content. Every key of the file is honoured, known not
// to matter, or an error.
func ParseConfig(b []byte) (Config, error) {
	c, _, err := parseConfig(b)
	return c, err
}

// remarks are what there is to say of a config.json that can be read.
type remarks struct {
	misfit string   // if the weights don't fit
	notes  []string // if the model is trained
}

// parseConfig also returns remarks.
func parseConfig(b []byte) (c Config, r remarks, err error) {
	all, err := foreign.Object(b)
	if err != nil {
		return c, r, fmt.Errorf("not a config.json: %w", err)
	}
	if err := checkModelType(all); err != nil {
		return c, r, err
	}
	if err := configKeys.Check("", all); err != nil {
		return c, r, err
	}
	c = DefaultConfig()
	both := map[string]json.RawMessage{"projection_dim": all["projection_dim"], "logit_scale_init_value": all["logit_scale_init_value"]}
	if err := foreign.Decode(both, &c); err != nil {
		return c, r, err
	}
	for _, t := range []struct {
		name string
		keys foreign.Keys
		into any
	}{{"text_config", textKeys, &c.Text}, {"vision_config", visionKeys, &c.Vision}} {
		if err := r.readTower(all, t.name, t.keys, t.into); err != nil {
			return c, r, err
		}
	}
	return c, r, c.check()
}

// checkModelType returns an error for the configuration of another kind of model.
func checkModelType(all map[string]json.RawMessage) error {
	var kind string
	switch b, there := all["model_type"]; {
	case !there && (all["text_config"] != nil || all["text_config_dict"] != nil || all["vision_config"] != nil):
		return errors.New(`model_type is missing; that of a CLIP model is "clip"`)
	case !there:
		return errors.New("model_type is missing, and there is no text_config: this is no configuration of a CLIP model")
	case json.Unmarshal(b, &kind) != nil:
		return fmt.Errorf("model_type is %.80s; that of a CLIP model is \"clip\"", b)
	case kind == "clip_text_model" || kind == "clip_vision_model":
		return fmt.Errorf("model_type is %q, one tower of a CLIP model; only \"clip\", a model of both, can be loaded here", kind)
	case kind != "clip":
		return fmt.Errorf("model_type is %.80q; only \"clip\" can be loaded here", kind)
	}
	return nil
}

// readTower reads a tower's settings. Where there are some under the older name, with _dict, they
// stand for all of the tower's, and what they leave out is at its default, as in transformers.
func (r *remarks) readTower(all map[string]json.RawMessage, name string, keys foreign.Keys, into any) error {
	settings, err := towerObject(all, name, keys)
	if err != nil {
		return err
	}
	older, err := towerObject(all, name+"_dict", keys)
	if err != nil {
		return err
	}
	if older != nil {
		for _, key := range slices.Sorted(maps.Keys(settings)) {
			if _, both := older[key]; !both && shaping[key] {
				r.misfit = fmt.Sprintf("in %s %s_dict overrides %[2]s and leaves out %s, which has its default then: take %[2]s_dict out of the file, or complete it", ConfigFile, name, key)
				break
			}
		}
		settings = older
	}
	for _, key := range []string{"attention_dropout", "dropout"} {
		if b := settings[key]; b != nil && string(b) != "null" && strings.Trim(string(b), "0.") != "" {
			r.notes = append(r.notes, fmt.Sprintf("%s.%s is %.20s; towers are trained without dropout here", name, key, b))
		}
	}
	if err := foreign.Decode(settings, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// towerObject returns the settings of a tower by a name, nil if there are none.
func towerObject(all map[string]json.RawMessage, name string, keys foreign.Keys) (map[string]json.RawMessage, error) {
	if b := all[name]; b == nil || string(b) == "null" {
		return nil, nil
	}
	settings, err := foreign.Object(all[name])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, key := range []string{"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act", "layer_norm_eps",
		"vocab_size", "max_position_embeddings", "image_size", "patch_size", "num_channels"} {
		if string(settings[key]) == "null" {
			return nil, fmt.Errorf("%s.%s is null: say what it is, or leave it out for CLIP's own", name, key)
		}
	}
	for _, key := range []string{"image_size", "patch_size"} {
		if err := foreign.Square(settings, key); err != nil {
			return nil, fmt.Errorf("%s.%w", name, err)
		}
	}
	return settings, keys.Check(name+".", settings)
}

// complete sets what a program's own configuration may leave out.
func (c *Config) complete() {
	for _, e := range []*float32{&c.Text.Epsilon, &c.Vision.Epsilon} {
		if *e == 0 {
			*e = epsilon
		}
	}
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
		{"text_config.eos_token_id plus 1", c.Text.End + 1, 1 << 22},
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
			return fmt.Errorf("%shidden_act is %.80q; there are %s", t.name, t.Activation, strings.Join(Activations(), ", "))
		}
		if !(t.Epsilon > 0 && t.Epsilon <= 1) { // not a number too
			return fmt.Errorf("%slayer_norm_eps is %g; it must be above 0 and at most 1", t.name, t.Epsilon)
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

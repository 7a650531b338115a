package clip

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/foreign"
	"github.com/monge-ml/monge/weights"

	"github.com/monge-ml/monge/internal/words"
)

// The files of a model's directory, as OpenCLIP names them. Weights may be in either.
const (
	OpenCLIPConfigFile  = "open_clip_config.json"
	OpenCLIPWeightsFile = "open_clip_model.safetensors"
	OpenCLIPTorchFile   = "open_clip_pytorch_model.bin"
)

// openCLIPConfig is the part of open_clip_config.json that decides.
type openCLIPConfig struct {
	Model struct {
		Embed     int  `json:"embed_dim"`
		QuickGELU bool `json:"quick_gelu"`
		Vision    struct {
			Size      int     `json:"image_size"`
			Patch     int     `json:"patch_size"`
			Layers    int     `json:"layers"`
			Width     int     `json:"width"`
			HeadWidth int     `json:"head_width"`
			Ratio     float64 `json:"mlp_ratio"`
		} `json:"vision_cfg"`
		Text struct {
			Length     int     `json:"context_length"`
			Vocabulary int     `json:"vocab_size"`
			Layers     int     `json:"layers"`
			Width      int     `json:"width"`
			Heads      int     `json:"heads"`
			Ratio      float64 `json:"mlp_ratio"`
		} `json:"text_cfg"`
	} `json:"model_cfg"`
	Preprocess struct {
		Mean          []float32 `json:"mean"`
		Std           []float32 `json:"std"`
		Interpolation string    `json:"interpolation"`
		Resize        string    `json:"resize_mode"`
	} `json:"preprocess_cfg"`
}

// openCLIPSettings are what open_clip_config.json may say: one value, or any where it is nil.
// Everything else must be off, as it makes another network. The weights have the logit scale,
// the directory has the tokenizer.
var openCLIPSettings = map[string]any{
	"model_cfg.embed_dim":        nil,
	"model_cfg.quick_gelu":       nil,
	"model_cfg.init_logit_scale": nil,

	"model_cfg.vision_cfg.image_size":     nil,
	"model_cfg.vision_cfg.patch_size":     nil,
	"model_cfg.vision_cfg.layers":         nil,
	"model_cfg.vision_cfg.width":          nil,
	"model_cfg.vision_cfg.head_width":     nil,
	"model_cfg.vision_cfg.mlp_ratio":      nil,
	"model_cfg.vision_cfg.pool_type":      "tok",
	"model_cfg.vision_cfg.pos_embed_type": "learnable",

	"model_cfg.text_cfg.context_length":         nil,
	"model_cfg.text_cfg.vocab_size":             nil,
	"model_cfg.text_cfg.layers":                 nil,
	"model_cfg.text_cfg.width":                  nil,
	"model_cfg.text_cfg.heads":                  nil,
	"model_cfg.text_cfg.mlp_ratio":              nil,
	"model_cfg.text_cfg.pool_type":              "argmax",
	"model_cfg.text_cfg.proj_type":              "linear",
	"model_cfg.text_cfg.hf_tokenizer_name":      nil,
	"model_cfg.text_cfg.tokenizer_kwargs.clean": "lower",

	"preprocess_cfg.mean":          nil,
	"preprocess_cfg.std":           nil,
	"preprocess_cfg.interpolation": nil,
	"preprocess_cfg.resize_mode":   nil,
	"preprocess_cfg.mode":          "RGB",
	"preprocess_cfg.size":          nil, // the model's counts there
	"preprocess_cfg.fill_color":    nil, // around images, of a resize_mode that is refused
}

// checkSettings holds a value of the file, and all below it, against openCLIPSettings.
func checkSettings(name string, v any) error {
	if object, ok := v.(map[string]any); ok {
		for _, key := range slices.Sorted(maps.Keys(object)) {
			if err := checkSettings(name+"."+key, object[key]); err != nil {
				return err
			}
		}
		return nil
	}
	only, known := openCLIPSettings[name]
	off := v == nil || v == false || v == 0. || v == ""
	switch {
	case known && (only == nil || v == only), !known && off:
		return nil
	case known:
		return fmt.Errorf("%s is %.80s; only models where it is %v can be loaded here", name, fmt.Sprint(v), only)
	}
	return fmt.Errorf("%.99s is %.80s; models with it can't be loaded here", name, fmt.Sprint(v))
}

// parseOpenCLIP reads the content of an open_clip_config.json. What it leaves out is
// OpenCLIP's own default.
func parseOpenCLIP(b []byte) (c Config, pre picture.Preprocessor, err error) {
	var all map[string]any
	if err := words.JSON(b, json.Unmarshal(b, &all)); err != nil {
		return c, pre, fmt.Errorf("not an %s: %w", OpenCLIPConfigFile, err)
	}
	for _, part := range slices.Sorted(maps.Keys(all)) {
		if err := checkSettings(part, all[part]); err != nil {
			return c, pre, err
		}
	}
	var f openCLIPConfig
	v, t := &f.Model.Vision, &f.Model.Text
	v.Size, v.Patch, v.Layers, v.Width, v.HeadWidth, v.Ratio = 224, 16, 12, 768, 64, 4
	t.Length, t.Vocabulary, t.Layers, t.Width, t.Heads, t.Ratio = 77, 49408, 12, 512, 8, 4
	if err := words.JSON(b, json.Unmarshal(b, &f)); err != nil {
		return c, pre, fmt.Errorf("not the %s of two transformers: %w", OpenCLIPConfigFile, err)
	}
	if c, err = f.shape(); err != nil {
		return c, pre, err
	}
	pre, err = f.preprocessor()
	return c, pre, err
}

// shape returns the model's.
func (f *openCLIPConfig) shape() (Config, error) {
	v, t := &f.Model.Vision, &f.Model.Text
	if v.HeadWidth < 1 || v.Width%v.HeadWidth != 0 {
		return Config{}, fmt.Errorf("model_cfg.vision_cfg.width is %d, which is not a multiple of head_width, %d", v.Width, v.HeadWidth)
	}
	activation := "gelu"
	if f.Model.QuickGELU {
		activation = "quick_gelu"
	}
	c := Config{
		Text:       TextConfig{TowerConfig: TowerConfig{t.Width, hidden(t.Width, t.Ratio), t.Layers, t.Heads, activation, epsilon}, Vocabulary: t.Vocabulary, Length: t.Length},
		Vision:     VisionConfig{TowerConfig{v.Width, hidden(v.Width, v.Ratio), v.Layers, v.Width / v.HeadWidth, activation, epsilon}, v.Size, v.Patch, 3},
		Projection: f.Model.Embed, LogitScale: DefaultConfig().LogitScale,
	}
	if err := c.check(); err != nil {
		return c, fmt.Errorf("in the names of Hugging Face, %w", err)
	}
	return c, nil
}

// preprocessor returns that of evaluation. What is cut from an image's middle may lie a pixel
// from torchvision's place, as it does in Hugging Face's.
func (f *openCLIPConfig) preprocessor() (picture.Preprocessor, error) {
	c, size := &f.Preprocess, f.Model.Vision.Size
	pre := picture.Preprocessor{Size: size, Crop: size, Normalize: openAI}
	if len(c.Mean) > 0 {
		pre.Normalize.Mean = c.Mean
	}
	if len(c.Std) > 0 {
		pre.Normalize.Std = c.Std
	}
	switch c.Interpolation {
	case "bicubic", "":
		pre.Bicubic = true
	case "bilinear":
	default:
		return pre, fmt.Errorf("preprocess_cfg.interpolation is %.80q; there are bicubic, bilinear", c.Interpolation)
	}
	switch c.Resize {
	case "shortest", "":
	case "squash":
		pre.Crop = 0
	default:
		return pre, fmt.Errorf("preprocess_cfg.resize_mode is %.80q; there are shortest, squash", c.Resize)
	}
	return pre, pre.Check()
}

// hidden is the width of a perceptron's inner layer, up to more than any has.
func hidden(width int, ratio float64) int {
	return int(min(max(float64(width)*ratio, 0), 1<<20))
}

// readOpenCLIP is parseOpenCLIP of a directory's file.
func readOpenCLIP(dir string) (Config, picture.Preprocessor, error) {
	path := filepath.Join(dir, OpenCLIPConfigFile)
	b, err := foreign.ReadFile(path)
	if err != nil {
		return Config{}, picture.Preprocessor{}, err
	}
	c, pre, err := parseOpenCLIP(b)
	if err != nil {
		return c, pre, fmt.Errorf("%s: %w", path, err)
	}
	return c, pre, nil
}

// readOpenCLIPWeights returns the path of a directory's weights and their tensors in Hugging
// Face's names.
func readOpenCLIPWeights(dir string, c Config) (path string, tensors []weights.Tensor, err error) {
	if path, err = weights.Find(dir, openCLIPWeights...); err != nil {
		return path, nil, err
	}
	f, err := weights.Read(path)
	if err != nil {
		return path, nil, err
	}
	if tensors, err = fromOpenCLIP(c, f); err != nil {
		return path, nil, fmt.Errorf("%s: %w", path, err)
	}
	return path, tensors, nil
}

// openCLIPNames makes OpenCLIP's names of Hugging Face's. Queries, keys and values are one
// tensor there.
var openCLIPNames = strings.NewReplacer(
	"vision_model.embeddings.patch_embedding", "visual.conv1",
	"vision_model.embeddings.class_embedding", "visual.class_embedding",
	"vision_model.embeddings.position_embedding.weight", "visual.positional_embedding",
	"vision_model.pre_layrnorm", "visual.ln_pre",
	"vision_model.encoder.layers", "visual.transformer.resblocks",
	"vision_model.post_layernorm", "visual.ln_post",
	"visual_projection.weight", "visual.proj",
	"text_model.embeddings.token_embedding", "token_embedding",
	"text_model.embeddings.position_embedding.weight", "positional_embedding",
	"text_model.encoder.layers", "transformer.resblocks",
	"text_model.final_layer_norm", "ln_final",
	"text_projection.weight", "text_projection",
	"self_attn.q_proj.", "attn.in_proj_", "self_attn.k_proj.", "attn.in_proj_", "self_attn.v_proj.", "attn.in_proj_",
	"self_attn.out_proj", "attn.out_proj", "layer_norm", "ln_", "mlp.fc1", "mlp.c_fc", "mlp.fc2", "mlp.c_proj",
)

// fromOpenCLIP returns a file's tensors in OpenCLIP's names and shapes, which are also those of
// OpenAI, in Hugging Face's. Their elements are shared but for those of projections.
func fromOpenCLIP(c Config, f *weights.File) ([]weights.Tensor, error) {
	m, err := New(c)
	if err != nil {
		return nil, err
	}
	want, places := openCLIPSpecs(m)
	// OpenAI's files also have what they say of the shape.
	may := []string{"input_resolution", "context_length", "vocab_size"}
	tensors, err := fit(f, want, may)
	if err != nil {
		return nil, err
	}
	plan, err := weights.Match(want, tensors, weights.MatchOptions{Unexpected: may})
	if err != nil {
		return nil, err
	}
	var out []weights.Tensor
	for _, p := range m.Params {
		from := tensors[plan.From[places[openCLIPNames.Replace(p.Name)]]]
		t := weights.Tensor{Name: p.Name, Shape: p.TorchShape(), Data: from.Data}
		for i, part := range []string{"q_proj.", "k_proj.", "v_proj."} {
			if strings.Contains(p.Name, part) {
				t.Data = t.Data[i*p.Len() : (i+1)*p.Len()]
			}
		}
		if isProjection(p.Name) {
			t.Data = transposed(t.Data, t.Shape[0])
		}
		out = append(out, t)
	}
	return out, nil
}

// openCLIPSpecs returns what OpenCLIP's file of a model has, and the place of each name there.
func openCLIPSpecs(m *Model) (want []weights.Spec, places map[string]int) {
	places = map[string]int{}
	for _, p := range m.Params {
		name, shape := openCLIPNames.Replace(p.Name), slices.Clone(p.TorchShape())
		if _, seen := places[name]; seen {
			continue
		}
		if strings.Contains(name, "in_proj_") {
			shape[0] *= 3
		}
		if isProjection(p.Name) {
			slices.Reverse(shape)
		}
		places[name] = len(want)
		want = append(want, weights.Spec{Name: name, Shape: shape})
	}
	return want, places
}

// isProjection tells a projection to the common space, which multiplies from the other side.
func isProjection(name string) bool { return strings.HasSuffix(name, "_projection.weight") }

// transposed returns the transpose of a matrix of so many columns.
func transposed(x []float32, columns int) []float32 {
	y := make([]float32, 0, len(x))
	for j := range columns {
		for i := j; i < len(x); i += columns {
			y = append(y, x[i])
		}
	}
	return y
}

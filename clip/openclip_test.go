package clip_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/weights"
)

// openCLIP returns the script's model in OpenCLIP's names.
func openCLIP(t *testing.T) (config []byte, tensors []weights.Tensor) {
	t.Helper()
	g, salt := readGolden(t).OpenCLIP, 0
	for _, s := range g.Tensors {
		x := weights.Tensor{Name: s.Name, Shape: s.Shape}
		x.Data = numbers(x.Len(), salt)
		salt += x.Len()
		for i := range x.Data {
			x.Data[i] /= 2
		}
		tensors = append(tensors, x)
	}
	return g.Config, tensors
}

// openCLIPDir writes a directory, with the weights in the file of a name.
func openCLIPDir(t *testing.T, config []byte, name string, tensors []weights.Tensor) string {
	t.Helper()
	dir := t.TempDir()
	var b bytes.Buffer
	if err := weights.WriteSafetensors(&b, tensors, nil); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{clip.OpenCLIPConfigFile: config, name: b.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Embeddings are those of PyTorch's nn.MultiheadAttention in float64, from either file.
func TestOpenCLIPFollowsPyTorch(t *testing.T) {
	want := readGolden(t).OpenCLIP
	config, tensors := openCLIP(t)
	// OpenAI's files have these, too.
	tensors = append(tensors, weights.Tensor{Name: "input_resolution", Shape: []int{}, DType: weights.I64, Ints: []int64{12}})
	for _, name := range []string{clip.OpenCLIPWeightsFile, clip.OpenCLIPTorchFile} {
		m, theta, err := clip.Load(openCLIPDir(t, config, name, tensors))
		if err != nil {
			t.Fatal(err)
		}
		b := batch(5, 0)
		images, err := m.EmbedImages(theta, b.Images)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "images", images, want.Images, 1e-4)
		texts, err := m.EmbedTexts(theta, b.Tokens)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "texts", texts, want.Texts, 1e-4)
		if scale := math.Exp(float64(tensors[2].Data[0])); m.LogitScale(theta) != scale {
			t.Errorf("logit scale %g, want %g", m.LogitScale(theta), scale)
		}
	}
}

// largeOpenCLIP is the script's model with the vocabulary of a tokenizer that is beside it.
func largeOpenCLIP(t *testing.T) string {
	t.Helper()
	config, tensors := openCLIP(t)
	config = bytes.Replace(config, []byte(`"vocab_size": 50`), []byte(`"vocab_size": 1024`), 1)
	table := slices.IndexFunc(tensors, func(t weights.Tensor) bool { return t.Name == "token_embedding.weight" })
	tensors[table].Shape, tensors[table].Data = []int{1024, 16}, numbers(1024*16, 3)
	dir := openCLIPDir(t, config, clip.OpenCLIPWeightsFile, tensors)
	if err := begin(t, clip.Options{}).Tokenizer.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A model goes on under the names of Hugging Face, which come first where there are both.
func TestOpenCLIPOpenSave(t *testing.T) {
	dir := largeOpenCLIP(t)
	p, err := clip.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	pre := picture.Preprocessor{Size: 12, Crop: 12, Bicubic: true, Normalize: picture.Normalization{Mean: []float32{.5, .4, .3}, Std: []float32{.25, .5, .75}}}
	if !reflect.DeepEqual(p.Preprocessor, pre) {
		t.Errorf("preprocessor %+v, want %+v", p.Preprocessor, pre)
	}
	adapted, err := clip.OpenWith(dir, clip.Options{LoRA: &nn.LoRA{Rank: 2}})
	if err != nil {
		t.Fatal(err)
	}
	_, want := gradient(t, p)
	if _, loss := gradient(t, adapted); loss != want {
		t.Errorf("loss %g with adapters that do nothing, without %g", loss, want)
	}
	for i := range p.Theta {
		p.Theta[i] /= 2
	}
	if err := p.Save(dir); err != nil {
		t.Fatal(err)
	}
	got, err := clip.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*clip.Pretrained{p, got} { // captions are mended as OpenCLIP does
		mended, err := p.Tokens("it’s a cat&amp;#39;s face")
		if plain, _ := p.Tokens("it's a cat's face"); err != nil || !slices.Equal(mended, plain) {
			t.Errorf("tokens %v, want %v (%v)", mended, plain, err)
		}
	}
	if !slices.Equal(got.Theta, p.Theta) || got.Config != p.Config || !reflect.DeepEqual(got.Preprocessor, pre) {
		t.Errorf("opened as %+v, %+v", got.Config, got.Preprocessor)
	}
}

func TestOpenCLIPWeightErrors(t *testing.T) {
	config, _ := openCLIP(t)
	for want, change := range map[string]func(x []weights.Tensor) []weights.Tensor{
		"visual.proj":          func(x []weights.Tensor) []weights.Tensor { x[5].Shape = []int{12, 24}; return x },
		"positional_embedding": func(x []weights.Tensor) []weights.Tensor { return x[1:] },
		"logit_bias":           func(x []weights.Tensor) []weights.Tensor { x[2].Name = "logit_bias"; return x },
		"attn.in_proj_weight holds integers": func(x []weights.Tensor) []weights.Tensor {
			i := slices.IndexFunc(x, func(t weights.Tensor) bool { return strings.HasSuffix(t.Name, "attn.in_proj_weight") })
			x[i] = weights.Tensor{Name: x[i].Name, Shape: x[i].Shape, DType: weights.I64, Ints: make([]int64, x[i].Len())}
			return x
		},
		"text_projection.weight": func(x []weights.Tensor) []weights.Tensor {
			x[1].Data[7] = float32(math.NaN())
			return x
		},
	} {
		_, tensors := openCLIP(t)
		dir := openCLIPDir(t, config, clip.OpenCLIPWeightsFile, change(tensors))
		_, _, err := clip.Load(dir)
		if err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, clip.OpenCLIPWeightsFile)) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want the file's and %q", err, want)
		}
	}
	dir := openCLIPDir(t, config, "other.bin", nil)
	if _, _, err := clip.Load(dir); err == nil || !strings.Contains(err.Error(), clip.OpenCLIPTorchFile) {
		t.Errorf("without weights: %v", err)
	}
	dir = largeOpenCLIP(t)
	if err := os.Remove(filepath.Join(dir, "tokenizer_config.json")); err != nil { // it has the numbers too
		t.Fatal(err)
	}
	path := filepath.Join(dir, "vocab.json")
	swap := strings.NewReplacer(`"\u003c|endoftext|\u003e"`, `"\u003c|startoftext|\u003e"`, `"\u003c|startoftext|\u003e"`, `"\u003c|endoftext|\u003e"`)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(swap.Replace(string(b))), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := clip.Open(dir); err == nil || !strings.Contains(err.Error(), "OpenCLIP finds a text's end as the largest") {
		t.Errorf("an end that is not the largest token: %v", err)
	}
}

func TestOpenCLIPConfig(t *testing.T) {
	c, pre, err := clip.ParseOpenCLIP([]byte(`{"model_cfg": {"embed_dim": 640, "init_logit_scale": 2, "vision_cfg": {"width": 896, "timm_model_name": null, "head_width": 64,
		"pool_type": "tok"}, "text_cfg": {"heads": 16, "width": 640, "mlp_ratio": 4.9231, "pad_id": 0}}, "preprocess_cfg": {"resize_mode": "squash", "mean": null, "interpolation": ""}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := clip.Config{
		Text:       clip.TextConfig{TowerConfig: clip.TowerConfig{Width: 640, Hidden: 3150, Layers: 12, Heads: 16, Activation: "gelu", Epsilon: 1e-5}, Vocabulary: 49408, Length: 77},
		Vision:     clip.VisionConfig{TowerConfig: clip.TowerConfig{Width: 896, Hidden: 3584, Layers: 12, Heads: 14, Activation: "gelu", Epsilon: 1e-5}, Size: 224, Patch: 16, Channels: 3},
		Projection: 640, LogitScale: 2.6592,
	}
	if c != want || pre.Size != 224 || pre.Crop != 0 || !pre.Bicubic || pre.Normalize.Mean[0] != .48145466 {
		t.Errorf("%+v, %+v", c, pre)
	}
	for text, want := range map[string]string{
		``: "not an open_clip_config.json",
		`{"model_cfg": {"embed_dim": 8}, "hub_cfg": {"x": 1}}`:                                         "hub_cfg.x is 1",
		`{"model_cfg": {"embed_dim": 8, "text_cfg": {"tokenizer_kwargs": {"clean": "canonicalize"}}}}`: "tokenizer_kwargs.clean is canonicalize; only models where it is lower",
		`[]`:                                 "not an open_clip_config.json",
		`{}`:                                 "projection_dim is 0",
		`{"model_cfg": {"embed_dim": 1e99}}`: "not the open_clip_config.json of two transformers",
		`{"model_cfg": {"embed_dim": 8, "vision_cfg": {"timm_model_name": "vit_base"}}}`:   "model_cfg.vision_cfg.timm_model_name is vit_base; models with it can't be loaded",
		`{"model_cfg": {"embed_dim": 8, "vision_cfg": {"layers": [3, 4, 6, 3]}}}`:          "vision_cfg.layers",
		`{"model_cfg": {"embed_dim": 8, "vision_cfg": {"patch_dropout": 0.5}}}`:            "patch_dropout is 0.5",
		`{"model_cfg": {"embed_dim": 8, "vision_cfg": {"pool_type": "avg"}}}`:              "pool_type is avg; only models where it is tok",
		`{"model_cfg": {"embed_dim": 8, "text_cfg": {"proj_type": null}}}`:                 "proj_type is <nil>; only models where it is linear",
		`{"model_cfg": {"embed_dim": 8, "vision_cfg": {"width": 100}}}`:                    "width is 100, which is not a multiple of head_width, 64",
		`{"model_cfg": {"embed_dim": 8, "vision_cfg": {"head_width": 0}}}`:                 "head_width, 0",
		`{"model_cfg": {"embed_dim": 8, "vision_cfg": {"mlp_ratio": 1e300}}}`:              "vision_config.intermediate_size is 1048576",
		`{"model_cfg": {"embed_dim": 8, "vision_cfg": {"mlp_ratio": -1}}}`:                 "vision_config.intermediate_size is 0",
		`{"model_cfg": {"embed_dim": 8, "text_cfg": {"pad_id": 1}}}`:                       "text_cfg.pad_id is 1",
		`{"model_cfg": {"embed_dim": 8, "text_cfg": {"no_causal_mask": true}}}`:            "no_causal_mask is true",
		`{"model_cfg": {"embed_dim": 8, "init_logit_bias": -10}}`:                          "init_logit_bias is -10",
		`{"model_cfg": {"embed_dim": 8, "custom_text": true}}`:                             "custom_text is true",
		`{"model_cfg": {"embed_dim": 8, "multimodal_cfg": {"width": 768}}}`:                "multimodal_cfg.width is 768",
		`{"model_cfg": {"embed_dim": 8}, "preprocess_cfg": {"interpolation": "random"}}`:   `interpolation is "random"; there are bicubic, bilinear`,
		`{"model_cfg": {"embed_dim": 8}, "preprocess_cfg": {"resize_mode": "longest"}}`:    `resize_mode is "longest"; there are shortest, squash`,
		`{"model_cfg": {"embed_dim": 8}, "preprocess_cfg": {"std": [1, 0, 1]}}`:            "standard deviation of channel 1 is 0",
		`{"model_cfg": {"embed_dim": 8}, "preprocess_cfg": {"mean": [0.5], "std": [0.5]}}`: "channels",
	} {
		if _, _, err := clip.ParseOpenCLIP([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
	dir := openCLIPDir(t, []byte("{}"), clip.OpenCLIPWeightsFile, nil)
	if _, err := clip.Open(dir); err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, clip.OpenCLIPConfigFile)+": ") {
		t.Errorf("the error %v does not name the file", err)
	}
}

func FuzzOpenCLIPConfig(f *testing.F) {
	f.Add([]byte(`{"model_cfg": {"embed_dim": 8, "quick_gelu": true, "vision_cfg": {"layers": 2}}, "preprocess_cfg": {"mean": null}}`))
	f.Add([]byte(`{"model_cfg": {"embed_dim": 8, "vision_cfg": {"mlp_ratio": 1e300}, "text_cfg": [{}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, pre, err := clip.ParseOpenCLIP(b)
		if err != nil {
			return
		}
		if c.Vision.Width%c.Vision.Heads != 0 || c.Vision.Size%c.Vision.Patch != 0 || pre.Side() != c.Vision.Size || !json.Valid(b) {
			t.Errorf("accepted %+v, %+v", c, pre)
		}
	})
}

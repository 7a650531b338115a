package hf_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/nn/models"
)

// copyOf copies the files of a network, with other settings in its config.json; nil takes one out.
func copyOf(t testing.TB, from string, change map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	all := map[string]any{}
	b, err := os.ReadFile(filepath.Join(from, "config.json"))
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(all, change)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	if b, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	weights, err := os.ReadFile(filepath.Join(from, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"config.json": b, "model.safetensors": weights} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// try opens and builds a directory for three classes.
func try(dir string) error {
	n, err := hf.Open(dir)
	if err != nil {
		return err
	}
	input := n.Input()
	if len(input) == 3 && input[0] > 64 {
		input = []int{64, 64, input[2]}
	}
	_, err = models.Build(dir, models.Options{Input: input, Classes: 3})
	return err
}

// Settings that no network has are errors that name them, and no memory is given to what they claim.
func TestHostile(t *testing.T) {
	const huge = 1 << 40
	for _, c := range []struct {
		from   string
		change map[string]any
		want   string
	}{
		{"bert", map[string]any{"hidden_size": huge}, "hidden_size is 1099511627776"},
		{"bert", map[string]any{"hidden_size": 16384, "num_attention_heads": 1, "intermediate_size": 65536, "num_hidden_layers": 512}, "the weights don't fit"},
		{"bert", map[string]any{"num_attention_heads": -2}, "num_attention_heads is -2"},
		{"bert", map[string]any{"num_attention_heads": 3}, "not a multiple of num_attention_heads, 3"},
		{"bert", map[string]any{"num_hidden_layers": huge}, "num_hidden_layers is"},
		{"bert", map[string]any{"num_hidden_layers": 1}, "unexpected  bert.encoder.layer.1"},
		{"bert", map[string]any{"num_hidden_layers": 3}, "missing     bert.encoder.layer.2"},
		{"bert", map[string]any{"vocab_size": 61}, "word_embeddings.weight is 60x16 in the file, the model wants 61x16"},
		{"bert", map[string]any{"vocab_size": 1 << 19}, "vocab_size is 524288; it must be from 1 to 524287"},
		{"bert", map[string]any{"vocab_size": "many"}, "vocab_size is"},
		{"bert", map[string]any{"vocab_size": 1e300}, "vocab_size is"},
		{"bert", map[string]any{"pad_token_id": 60}, "pad_token_id plus 1 is 61"},
		{"bert", map[string]any{"pad_token_id": -2}, "pad_token_id plus 1 is -1"},
		{"bert", map[string]any{"layer_norm_eps": -1}, "layer_norm_eps is -1"},
		{"bert", map[string]any{"hidden_act": "mish"}, `hidden_act is "mish"; there are gelu`},
		{"bert", map[string]any{"hidden_dropout_prob": 1}, "hidden_dropout_prob is 1"},
		{"bert", map[string]any{"is_decoder": true}, "is_decoder is true"},
		{"bert", map[string]any{"position_embedding_type": "relative_key"}, "position_embedding_type is"},
		{"bert", map[string]any{"rope_theta": 10000}, "rope_theta is 10000: this setting is not known here"},
		{"bert", map[string]any{"model_type": "llama"}, `model_type "llama" can't be read here; there are bert, `},
		{"bert", map[string]any{"model_type": nil}, "a config.json without model_type"},
		{"bert", map[string]any{"id2label": map[string]string{"0": "a", "2": "b"}}, "none for 1"},
		{"bert", map[string]any{"id2label": map[string]string{"0": "a", "1": "b"}}, "the weights have 3 outputs, and config.json names 2"},
		{"bert", map[string]any{"num_labels": huge}, "num_labels is"},
		{"bert", map[string]any{"problem_type": "guessing"}, `problem_type is "guessing"`},
		{"roberta", map[string]any{"max_position_embeddings": 2}, "max_position_embeddings is 2"},
		{"roberta", map[string]any{"type_vocab_size": 1000}, "type_vocab_size"},
		{"distilbert", map[string]any{"dim": 0}, "hidden_size is 0"},
		{"distilbert", map[string]any{"hidden_size": 16}, "dim and hidden_size are both there"},
		{"electra", map[string]any{"embedding_size": huge}, "embedding_size is"},
		{"mpnet", map[string]any{"relative_attention_num_buckets": 64}, "relative_attention_num_buckets is 64"},
		{"vit", map[string]any{"patch_size": 0}, "patch_size is 0"},
		{"vit", map[string]any{"image_size": huge}, "image_size is"},
		{"vit", map[string]any{"image_size": 8192, "patch_size": 1}, "patches; there may be"},
		{"vit", map[string]any{"image_size": []int{16, 32}}, "only squares"},
		{"vit", map[string]any{"image_size": 24}, "position_embeddings is 1x5x16 in the file, the model wants 1x10x16"},
		{"vit", map[string]any{"qkv_bias": false}, "unexpected  vit.encoder.layer.0.attention.attention"},
		{"resnet", map[string]any{"depths": []int{}}, "depths 0"},
		{"resnet", map[string]any{"depths": []int{1, huge}}, "depths[1] is"},
		{"resnet", map[string]any{"hidden_sizes": []int{8, -16}}, "hidden_sizes[1] is -16"},
		{"resnet", map[string]any{"layer_type": "wide"}, `layer_type is "wide"`},
		{"resnet", map[string]any{"hidden_act": "silu"}, "hidden_act is"},
		{"convnext", map[string]any{"num_stages": 3}, "num_stages is 3"},
		{"convnext", map[string]any{"drop_path_rate": 1.5}, "drop_path_rate is 1.5"},
		{"timm-vit", map[string]any{"architecture": "vit_giant_patch14_224"}, `timm's architecture "vit_giant_patch14_224" can't be read here; there are resnet18 to resnet152`},
		{"timm-vit", map[string]any{"model_args": map[string]any{"embed_dim": huge}}, "hidden_size is"},
		{"timm-vit", map[string]any{"model_args": map[string]any{"mlp_ratio": 1e30}}, "mlp_ratio is 1e+30"},
		{"timm-vit", map[string]any{"model_args": map[string]any{"class_token": false}}, "model_args.class_token is false"},
		{"timm-vit", map[string]any{"num_classes": 4}, "num_classes is 4, and label_names has 3"},
		{"timm-vit", map[string]any{"pretrained_cfg": map[string]any{"crop_pct": 1e-9}}, "crop_pct 1e-09"},
		{"timm-vit", map[string]any{"pretrained_cfg": map[string]any{"mean": []int{1}}}, "pretrained_cfg: "},
		{"timm-resnet", map[string]any{"model_args": map[string]any{"channels": []int{huge, huge, huge, -5}}}, "hidden_sizes[0] is"},
		{"timm-bottleneck", map[string]any{"model_args": map[string]any{"channels": []int{-huge, huge, huge, -5}}}, "hidden_sizes[0] is"},
		{"timm-bottleneck", map[string]any{"model_args": map[string]any{"layers": []int{1}}}, "depths 1"},
		{"timm-convnext", map[string]any{"model_args": map[string]any{"dims": []int{4, 4, 8, 16}}}, "the weights don't fit"},
		{"clip", map[string]any{"vision_config": []int{1}}, "vision_config: no object of settings"},
		{"clip", map[string]any{"vision_config": map[string]any{"hidden_size": -1}}, "hidden_size is -1"},
	} {
		dir := copyOf(t, filepath.Join("testdata", c.from), c.change)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := try(dir)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s with %v: error %v, want one with %q and the directory", c.from, c.change, err, c.want)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
			t.Errorf("%s with %v: %d bytes were allocated", c.from, c.change, n)
		}
	}
}

// Whatever config.json says, opening and building ends, in bounded memory, in a network or in an error.
func FuzzConfig(f *testing.F) {
	list, err := filepath.Glob("testdata/*/config.json")
	if err != nil || len(list) == 0 {
		f.Fatal("no networks", err)
	}
	dirs := map[string]string{}
	for _, path := range list {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		name := filepath.Base(filepath.Dir(path))
		dirs[name] = copyOf(f, filepath.Dir(path), nil)
		f.Add(name, b)
	}
	f.Fuzz(func(t *testing.T, name string, config []byte) {
		dir, ok := dirs[name]
		if !ok {
			t.Skip()
		}
		if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := try(dir); err != nil && err.Error() == "" {
			t.Error("an error that says nothing")
		}
	})
}

// moduled writes the parts of sentence-transformers beside a network.
func moduled(t testing.TB, modules, pooling, dense string) string {
	t.Helper()
	dir := copyOf(t, "testdata/bert", map[string]any{"architectures": []string{"BertModel"}})
	for name, content := range map[string]string{"modules.json": modules, "1_Pooling/config.json": pooling, "2_Dense/config.json": dense} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	twoModules = `[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
		{"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]`
	threeModules = `[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
		{"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
		{"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}]`
	meanPooling = `{"word_embedding_dimension": 16, "pooling_mode_mean_tokens": true}`
)

// Every way of pooling is there, and what can't be read says so.
func TestModules(t *testing.T) {
	for _, mode := range []string{"cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"} {
		if err := try(moduled(t, twoModules, strings.Replace(meanPooling, "mean_tokens", mode, 1), "")); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
	}
	for _, c := range []struct{ modules, pooling, dense, want string }{
		{"{}", meanPooling, "", "not a list of modules"},
		{"[]", meanPooling, "", "no module Pooling"},
		{strings.Replace(twoModules, "1_Pooling", "../1_Pooling", 1), meanPooling, "", `its path is "../1_Pooling"`},
		{strings.Replace(twoModules, "models.Pooling", "models.WordEmbeddings", 1), meanPooling, "", "WordEmbeddings"},
		{twoModules, `{"word_embedding_dimension": 17, "pooling_mode_mean_tokens": true}`, "", "it pools rows of 17 numbers"},
		{twoModules, `{"word_embedding_dimension": 16}`, "", "it pools by 0 ways"},
		{twoModules, `{"word_embedding_dimension": 16, "pooling_mode_mean_tokens": true, "pooling_mode_lasttoken": true}`, "", "pooling_mode_lasttoken is true"},
		{threeModules, meanPooling, `{"in_features": 16, "out_features": 1099511627776}`, "a layer from 16 to 1099511627776"},
		{threeModules, meanPooling, `{"in_features": 16, "out_features": 4, "activation_function": "torch.nn.Softplus"}`, "Softplus"},
		{threeModules, meanPooling, `{"in_features": 16, "out_features": 4}`, "no weights there"},
	} {
		dir := moduled(t, c.modules, c.pooling, c.dense)
		if err := try(dir); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("error %v, want one with %q and the directory", err, c.want)
		}
	}
}

// Whatever the modules say, it ends in a network or in an error.
func FuzzModules(f *testing.F) {
	f.Add(twoModules, meanPooling, "")
	f.Add(threeModules, meanPooling, `{"in_features": 16, "out_features": 4, "bias": false}`)
	f.Fuzz(func(t *testing.T, modules, pooling, dense string) {
		if err := try(moduled(t, modules, pooling, dense)); err != nil && err.Error() == "" {
			t.Error("an error that says nothing")
		}
	})
}

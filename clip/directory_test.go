package clip_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/weights"
)

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// index is the file that says where the tensors of a model are.
func index(t *testing.T, places map[string]string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"metadata": map[string]int{"total_size": 1}, "weight_map": places})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Weights are the same in each of the files that a directory may have.
func TestWeightFiles(t *testing.T) {
	base := readVariants(t)[0]
	c, err := clip.ParseConfig(base.Config)
	if err != nil {
		t.Fatal(err)
	}
	tensors := filled(t, c)
	_, want, err := clip.Load(modelDir(t, base.Config, clip.WeightsFile, tensors))
	if err != nil {
		t.Fatal(err)
	}
	bin := readFile(t, "testdata/pytorch_model.bin")
	places := map[string]string{}
	for _, t := range tensors {
		places[t.Name] = "model-00001-of-00001.bin"
	}
	for name, files := range map[string]map[string][]byte{
		"pytorch_model.bin": {"pytorch_model.bin": bin},
		"its index":         {"model-00001-of-00001.bin": bin, "pytorch_model.bin.index.json": index(t, places)},
	} {
		dir := t.TempDir()
		files[clip.ConfigFile] = base.Config
		for name, b := range files {
			writeFile(t, filepath.Join(dir, name), b)
		}
		_, got, err := clip.Load(dir)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: other parameters, error %v", name, err)
		}
	}

	dir := modelDir(t, base.Config, "model-00001-of-00002.safetensors", tensors[:20])
	rest := modelDir(t, base.Config, "model-00002-of-00002.safetensors", tensors[20:])
	writeFile(t, filepath.Join(dir, "model-00002-of-00002.safetensors"), readFile(t, filepath.Join(rest, "model-00002-of-00002.safetensors")))
	for i, tensor := range tensors {
		places[tensor.Name] = "model-00001-of-00002.safetensors"
		if i >= 20 {
			places[tensor.Name] = "model-00002-of-00002.safetensors"
		}
	}
	writeFile(t, filepath.Join(dir, "model.safetensors.index.json"), index(t, places))
	if _, got, err := clip.Load(dir); err != nil || !slices.Equal(got, want) {
		t.Errorf("shards: other parameters, error %v", err)
	}

	wrapped := slices.Clone(tensors)
	for i := range wrapped {
		wrapped[i].Name = "_orig_mod.module.clip." + wrapped[i].Name
	}
	if _, got, err := clip.Load(modelDir(t, base.Config, clip.WeightsFile, wrapped)); err != nil || !slices.Equal(got, want) {
		t.Errorf("names behind a wrapper: other parameters, error %v", err)
	}

	scale := slices.IndexFunc(tensors, func(t weights.Tensor) bool { return t.Name == "logit_scale" })
	tensors[scale].Shape = []int{1}
	if _, got, err := clip.Load(modelDir(t, base.Config, clip.WeightsFile, tensors)); err != nil || !slices.Equal(got, want) {
		t.Errorf("a logit scale of shape [1]: other parameters, error %v", err)
	}
}

// A setting that stands for one of another shape is named where the weights don't fit.
func TestPartOfOlderConfig(t *testing.T) {
	base := readVariants(t)[0]
	c, err := clip.ParseConfig(base.Config)
	if err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(string(base.Config), `"text_config"`, `"text_config_dict": {"hidden_act": "gelu", "num_hidden_layers": 2}, "text_config"`, 1)
	_, _, err = clip.Load(modelDir(t, []byte(config), clip.WeightsFile, filled(t, c)))
	if err == nil || !strings.Contains(err.Error(), "text_config_dict overrides text_config and leaves out hidden_size") {
		t.Errorf("error %v", err)
	}
}

// Dropout is of training, where it is told that there is none.
func TestDropoutNote(t *testing.T) {
	dir := t.TempDir()
	if err := begin(t, clip.Options{}).Save(dir); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{"0.0": nil, "0.1": {"text_config.attention_dropout is 0.1; towers are trained without dropout here"}} {
		edit(t, clip.ConfigFile, `"text_config": {`, `"text_config": {"attention_dropout": `+text+`, "was": null,`)(dir)
		p, err := clip.Open(dir)
		if err != nil || !slices.Equal(p.Notes, want) {
			t.Errorf("%s: %q, error %v", text, p.Notes, err)
		}
		edit(t, clip.ConfigFile, `"attention_dropout": `+text+`, "was": null,`, "")(dir)
	}
}

// A directory without what it needs is told what it has.
func TestDirectoryErrors(t *testing.T) {
	whole := t.TempDir()
	if err := begin(t, clip.Options{Seed: 3}).Save(whole); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(dir string) string // returns what to open
		want   []string
	}{
		{"nothing there", func(dir string) string { return filepath.Join(dir, "none") }, []string{"none", "a CLIP model is a directory with config.json"}},
		{"a file", func(dir string) string { return filepath.Join(dir, clip.WeightsFile) }, []string{"model.safetensors is a file: a CLIP model is a directory"}},
		{"empty", func(dir string) string { return t.TempDir() }, []string{"has no config.json; it is empty"}},
		{"no configuration", remove(t, clip.ConfigFile), []string{"has no config.json; it has merges.txt, model.safetensors"}},
		{"no weights", remove(t, clip.WeightsFile), []string{"has no weights, none of", "pytorch_model.bin", "it has config.json"}},
		{"no tokenizer", remove(t, "vocab.json", "merges.txt"), []string{"has no tokenizer; it has config.json", "tokenizer.json or vocab.json and merges.txt"}},
		{"no merges", remove(t, "merges.txt"), []string{"merges.txt"}},
		{"no preprocessor", remove(t, clip.PreprocessorFile), []string{"has no preprocessor_config.json"}},
		{"another model", edit(t, clip.ConfigFile, `"model_type": "clip"`, `"model_type": "bert"`), []string{`config.json: model_type is "bert"; only "clip"`}},
		{"another end", edit(t, clip.ConfigFile, `"eos_token_id": `, `"eos_token_id": 1`), []string{"config.json: text_config.eos_token_id is 1", "the tokenizer's end of text is"}},
		{"another tokenizer", edit(t, "tokenizer_config.json", "CLIPTokenizer", "BertTokenizer"), []string{`tokenizer_config.json: tokenizer_class is "BertTokenizer"`}},
		{"padding before texts", edit(t, "tokenizer_config.json", "{", `{"padding_side": "left", `), []string{`padding_side is "left"; only models where it is "right"`}},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		dir = c.change(dir)
		_, err := clip.Open(dir)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s: error %v, want %q", c.name, err, want)
			}
		}
	}
}

func remove(t *testing.T, names ...string) func(string) string {
	return func(dir string) string {
		for _, name := range names {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
}

func edit(t *testing.T, name, old, new string) func(string) string {
	return func(dir string) string {
		path := filepath.Join(dir, name)
		text := string(readFile(t, path))
		if !strings.Contains(text, old) {
			t.Fatalf("%s has no %s", name, old)
		}
		writeFile(t, path, []byte(strings.Replace(text, old, new, 1)))
		return dir
	}
}

// A tokenizer in one file, and a preprocessor within a processor, are the same as in files of
// their own.
func TestOtherInputFiles(t *testing.T) {
	p := begin(t, clip.Options{Seed: 3})
	dir := t.TempDir()
	if err := p.Save(dir); err != nil {
		t.Fatal(err)
	}
	var vocabulary map[string]int
	if err := json.Unmarshal(readFile(t, filepath.Join(dir, "vocab.json")), &vocabulary); err != nil {
		t.Fatal(err)
	}
	merges := strings.Split(strings.TrimSpace(string(readFile(t, filepath.Join(dir, "merges.txt")))), "\n")[1:]
	file, err := json.Marshal(map[string]any{"version": "1.0", "added_tokens": []any{}, "normalizer": nil, "model": map[string]any{"type": "BPE", "vocab": vocabulary, "merges": merges}})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "tokenizer.json"), file)
	writeFile(t, filepath.Join(dir, clip.ProcessorFile), []byte(`{"processor_class": "CLIPProcessor", "image_processor": `+string(readFile(t, filepath.Join(dir, clip.PreprocessorFile)))+`}`))
	remove(t, "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json", clip.PreprocessorFile)(dir)
	got, err := clip.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range captions {
		want, err := p.Tokens(c)
		if err != nil {
			t.Fatal(err)
		}
		if tokens, err := got.Tokens(c); err != nil || !slices.Equal(tokens, want) {
			t.Errorf("%s: %v, want %v (%v)", c, tokens, want, err)
		}
	}
	if got.Preprocessor.Crop != p.Preprocessor.Crop || got.Preprocessor.Size != p.Preprocessor.Size {
		t.Errorf("preprocessor %+v", got.Preprocessor)
	}
}

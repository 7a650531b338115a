package hf_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/weights"
)

// write makes a directory of settings and tensors.
func write(t *testing.T, config map[string]any, list []weights.Tensor) string {
	t.Helper()
	dir := copyOf(t, "testdata/bert", config)
	writeTensors(t, filepath.Join(dir, "model.safetensors"), list)
	return dir
}

func writeTensors(t *testing.T, path string, list []weights.Tensor) {
	t.Helper()
	f, err := os.Create(path)
	if err == nil {
		err = weights.WriteSafetensors(f, list, map[string]string{"format": "pt"})
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func bertTensors(t *testing.T) []weights.Tensor {
	t.Helper()
	f, err := weights.Read("testdata/bert/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	return f.Tensors
}

// renamed changes the names of tensors; those that become "" go.
func renamed(list []weights.Tensor, name func(string) string) (out []weights.Tensor) {
	for _, t := range list {
		if t.Name = name(t.Name); t.Name != "" {
			out = append(out, t)
		}
	}
	return out
}

// bias is a tensor that stands for a head of another task.
func bias(name string) weights.Tensor {
	return weights.Tensor{Name: name, Shape: []int{60}, Data: make([]float32, 60)}
}

// Checkpoints of other makes are the same network.
func TestVariants(t *testing.T) {
	g := readGolden(t, "testdata/bert")
	list := bertTensors(t)
	base := map[string]any{"architectures": []string{"BertModel"}}
	masked := map[string]any{"architectures": []string{"BertForMaskedLM"}}
	old := strings.NewReplacer("LayerNorm.weight", "LayerNorm.gamma", "LayerNorm.bias", "LayerNorm.beta")
	word := "bert.embeddings.word_embeddings.weight"
	for _, c := range []struct {
		name   string
		config map[string]any
		list   []weights.Tensor
		head   bool // is there
		tail   string
	}{
		{"as it is", nil, list, true, ""},
		{"names of TensorFlow", nil, renamed(list, old.Replace), true, ""},
		{"in a module", nil, renamed(list, func(s string) string { return "module." + s }), true, ""},
		{"in a model", nil, renamed(list, func(s string) string { return "model." + s }), true, ""},
		{"a base model", base, renamed(list, func(s string) string { s, _ = strings.CutPrefix(s, "bert."); return dropHead(s) }), false, ""},
		{"a base model under another name", base, renamed(list, func(s string) string { return dropHead(strings.Replace(s, "bert.", "encoder_a.", 1)) }), false, ""},
		{"without a pooler", masked, renamed(list, func(s string) string {
			if strings.Contains(s, "pooler") {
				return ""
			}
			return dropHead(s)
		}), false, "bert.pooler.dense.weight"},
		{"with a head for masked words", masked, append(renamed(list, dropHead), bias("cls.predictions.bias"), bias("bert.embeddings.position_ids")), false, ""},
		{"a head of another task", map[string]any{"architectures": []string{"BertForTokenClassification"}}, list, false, ""},
		{"embeddings under the name of what is tied to them", masked, renamed(list, func(s string) string {
			if s == word {
				return "cls.predictions.decoder.weight"
			}
			return dropHead(s)
		}), false, ""},
	} {
		dir := write(t, c.config, c.list)
		e, err := models.Find(dir)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if has := e.File.Outputs == 3; has != c.head || has != (len(e.File.New) == 0) || !has && !slices.Contains(e.File.New, "classifier.weight") || c.tail != "" && !slices.Contains(e.File.New, c.tail) {
			t.Errorf("%s: %d outputs, new %q", c.name, e.File.Outputs, e.File.New)
		}
		m, err := models.Build(dir, models.Options{Input: g.input(), Classes: 3})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		state := m.StateDict(m.NewTheta(1))
		for _, want := range list {
			i := slices.IndexFunc(state, func(t weights.Tensor) bool { return t.Name == want.Name })
			same := slices.Equal(state[i].Data, want.Data)
			if fresh := slices.Contains(e.File.New, want.Name); same == fresh && !strings.HasSuffix(want.Name, ".bias") {
				t.Errorf("%s: %s is the file's %t, new %t", c.name, want.Name, same, fresh)
			}
		}
	}
}

func dropHead(name string) string {
	if strings.HasPrefix(name, "classifier.") {
		return ""
	}
	return name
}

// What is missing in the trunk, or there beside, is an error, and so are heads that nobody asked to begin anew.
func TestMisfits(t *testing.T) {
	list := bertTensors(t)
	drop := func(part string) []weights.Tensor {
		return renamed(list, func(s string) string {
			if strings.Contains(s, part) {
				return ""
			}
			return s
		})
	}
	for want, list := range map[string][]weights.Tensor{
		"missing     bert.encoder.layer.1.output.dense.bias":  drop("layer.1.output.dense.bias"),
		"missing     bert.embeddings.word_embeddings.weight":  drop("word_embeddings"),
		"unexpected  bert.encoder.layer.0.gate.bias":          append(slices.Clone(list), bias("bert.encoder.layer.0.gate.bias")),
		"there are 2 networks in the weights":                 append(renamed(list, func(s string) string { return "a." + s }), renamed(list, func(s string) string { return "b." + s })...),
		"bert.pooler.dense.bias is 1 in the file, the model ": append(drop("pooler.dense.bias"), weights.Tensor{Name: "bert.pooler.dense.bias", Shape: []int{1}, Data: []float32{1}}),
	} {
		if err := try(write(t, nil, list)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	list[0].Data[0] = float32(math.NaN())
	if err := try(write(t, nil, list)); err == nil || !strings.Contains(err.Error(), list[0].Name) {
		t.Errorf("a NaN: error %v", err)
	}
	o := models.Options{Input: []int{10}, Classes: 5}
	if _, err := models.Build("testdata/bert", o); err == nil || !strings.Contains(err.Error(), "the weights have 3 outputs, not 5; 'head new'") {
		t.Errorf("another number of classes: error %v", err)
	}
	o.NewHead = true
	if m, err := models.Build("testdata/bert", o); err != nil || m.Classes() != 5 {
		t.Errorf("a new head: %v", err)
	}
	o.Input = []int{17}
	if _, err := models.Build("testdata/bert", o); err == nil || !strings.Contains(err.Error(), "texts of 17 tokens; the network has positions for 16") {
		t.Errorf("a long text: error %v", err)
	}
}

// Shards, half precision and PyTorch's own files are read.
func TestForms(t *testing.T) {
	g := readGolden(t, "testdata/bert")
	list := bertTensors(t)
	dir := write(t, nil, list)
	if err := os.Remove(filepath.Join(dir, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	places := map[string]string{}
	for i, part := range [][]weights.Tensor{list[:9], list[9:]} {
		name := []string{"model-1.safetensors", "model-2.safetensors"}[i]
		writeTensors(t, filepath.Join(dir, name), part)
		for _, x := range part {
			places[x.Name] = name
		}
	}
	b, err := json.Marshal(map[string]any{"weight_map": places})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), b, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, theta := open(t, dir, &g)
	compareLogits(t, &g, m, theta)

	if err := os.Remove(filepath.Join(dir, "model.safetensors.index.json")); err != nil {
		t.Fatal(err)
	}
	if b, err = os.ReadFile("testdata/pytorch_model.bin"); err == nil {
		err = os.WriteFile(filepath.Join(dir, "pytorch_model.bin"), b, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, theta = open(t, dir, &g)
	compareLogits(t, &g, m, theta)

	for kind, tolerance := range map[weights.DType]float64{weights.F16: 2e-3, weights.BF16: 2e-2} {
		half := slices.Clone(list)
		for i := range half {
			half[i].DType = kind
		}
		m, theta := open(t, write(t, nil, half), &g)
		got, err := m.Logits(theta, g.batch(0))
		if err != nil {
			t.Fatal(err)
		}
		near(t, string(kind)+" logits", got, g.Logits, tolerance)
	}
}

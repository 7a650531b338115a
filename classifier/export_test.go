package classifier_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/internal/onnxruntime"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/onnx"
)

// properties are a model's metadata.
func properties(m *onnx.Model) map[string]string {
	all := map[string]string{}
	for _, p := range m.Metadata {
		all[p.Key] = p.Value
	}
	return all
}

// An ONNX model says what a file of weights says, and what its graph does of it.
func TestONNXMetadata(t *testing.T) {
	c := fresh(t, "cnn", []int{16, 12, 3}, classes[:3])
	want := map[string]string{
		"model": "cnn", "norm": "", "input": "[16,12,3]", "classes": `["a","b","c"]`, "normalize": "mean=0.5,0.25,0.125:std=0.3,0.2,0.1", "sha256": "1",
		"mean": "[0.5,0.25,0.125]", "std": "[0.3,0.2,0.1]",
	}
	m, err := c.ONNX(nil, classifier.InGraph{}, map[string]string{"sha256": "1"})
	if err != nil {
		t.Fatal(err)
	}
	if got := properties(m); !maps.Equal(got, want) || m.Graph.Outputs[0].Name != "logits" || m.Graph.Name != "cnn" {
		t.Errorf("metadata %v, want %v; output %s", got, want, m.Graph.Outputs[0].Name)
	}
	want["normalize_in_graph"], want["normalize"] = want["normalize"], "none"
	delete(want, "mean")
	delete(want, "std")
	if m, err = c.ONNX(nil, classifier.InGraph{Normalize: true, Softmax: true}, map[string]string{"sha256": "1"}); err != nil {
		t.Fatal(err)
	}
	if got := properties(m); !maps.Equal(got, want) || m.Graph.Outputs[0].Name != "probabilities" {
		t.Errorf("metadata %v, want %v; output %s", got, want, m.Graph.Outputs[0].Name)
	}
	keys := make([]string, 0, len(m.Metadata))
	for _, p := range m.Metadata {
		keys = append(keys, p.Key)
	}
	if !slices.IsSorted(keys) {
		t.Errorf("metadata in the order %v", keys)
	}
}

// Of a network that predicts numbers they name these, of one of texts how tokens are made.
func TestONNXOthers(t *testing.T) {
	net, err := models.Build("mlp", models.Options{Input: []int{1, 1, 2}, Classes: 1, Regression: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &classifier.Classifier{Net: net, Theta: net.NewTheta(1), Info: classifier.Info{
		Model: "mlp", Input: []int{1, 1, 2}, Targets: []string{"price"}, Features: []string{"rooms", "age"}}}
	m, err := c.ONNX(nil, classifier.InGraph{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := properties(m); p["targets"] != `["price"]` || p["features"] != `["rooms","age"]` || p["classes"] != "" || m.Graph.Outputs[0].Name != "outputs" {
		t.Errorf("metadata %v, output %s", p, m.Graph.Outputs[0].Name)
	}
	if _, err := c.ONNX(nil, classifier.InGraph{Softmax: true}, nil); err == nil || !strings.Contains(err.Error(), `predicts numbers (["price"])`) {
		t.Errorf("softmax of numbers: error %v", err)
	}
	text := fresh(t, "bert-tiny", []int{8}, classes[:2])
	if m, err = text.ONNX(nil, classifier.InGraph{}, nil); err != nil {
		t.Fatal(err)
	}
	if p := properties(m); !strings.Contains(p["tokenizer"], "FNV-1a") || p["input"] != "[8]" {
		t.Errorf("metadata %v", p)
	}
	if _, err := text.ONNX(nil, classifier.InGraph{Normalize: true}, nil); err == nil || !strings.Contains(err.Error(), "this one takes texts") {
		t.Errorf("normalised texts: error %v", err)
	}
	if _, err := classifier.ParseInGraph([]string{"softmax", "argmax"}); err == nil || !strings.Contains(err.Error(), `"argmax"`) {
		t.Errorf("error %v", err)
	}
}

// The tokens of texts are as the metadata say, whose numbers are no constants of this test.
func TestHashedWordsInWords(t *testing.T) {
	m, err := fresh(t, "bert-tiny", []int{8}, classes[:2]).ONNX(nil, classifier.InGraph{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	hash := func(word string) float32 {
		h := uint64(14695981039346656037)
		for _, b := range []byte(word) {
			h = (h ^ uint64(b)) * 1099511628211
		}
		return float32(2 + h%8190)
	}
	if said, _ := m.Property("tokenizer"); !strings.Contains(said, "1, then for each word 2 + FNV-1a (64 bits, of its UTF-8) mod 8190, then 0") {
		t.Errorf("the metadata say %q", said)
	}
	x := make([]float32, 8)
	data.HashedWords(x, "Grüße, 東京 42!")
	if want := []float32{1, hash("grüße"), hash("東"), hash("京"), hash("42"), 0, 0, 0}; !slices.Equal(x, want) {
		t.Errorf("tokens %v, want %v", x, want)
	}
}

// Served, a classifier's model gives what Predict gives: of pixels in [0, 1] where its graph
// normalizes them.
func TestONNXServed(t *testing.T) {
	onnxruntime.Need(t)
	c := fresh(t, "cnn", []int{16, 12, 3}, classes[:3])
	x := pixels(2 * 16 * 12 * 3)
	want, err := c.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := classifier.SaveONNX(path, c, nil, classifier.InGraph{Normalize: true, Softmax: true}, nil); err != nil {
		t.Fatal(err)
	}
	first := onnxruntime.Batch{Dims: []int{2, 3, 16, 12}}
	for n := range 2 {
		for k := range 3 {
			for p := range 16 * 12 {
				first.Data = append(first.Data, x[(n*16*12+p)*3+k])
			}
		}
	}
	s := onnxruntime.Serve(t, path, false, first)
	onnxruntime.Near(t, s.Results[0].Data, want)
	if s.Outputs[0] != "probabilities" {
		t.Errorf("output %s", s.Outputs[0])
	}
}

package hf_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/weights"
)

// saved trains nothing, but moves all parameters, begins the head anew for two classes, and saves.
func saved(t *testing.T, dir string, g *golden) (to string, m *nn.Model, theta []float32) {
	t.Helper()
	n, err := hf.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err = models.Build(dir, models.Options{Input: g.input(), Classes: 2, NewHead: true})
	if err != nil {
		t.Fatal(err)
	}
	theta = m.NewTheta(3)
	for i, v := range numbers(len(theta), 99) {
		theta[i] += v / 50
	}
	to = filepath.Join(t.TempDir(), "saved")
	s := hf.Saved{Input: g.input(), Tensors: m.StateDict(theta), Labels: []string{"no", "yes"}, Problem: "single_label_classification", Metadata: map[string]string{"sha256": "x"}}
	if err := n.Save(to, s); err != nil {
		t.Fatal(err)
	}
	return to, m, theta
}

// A question is a network and its inputs, for testdata/logits.py.
type question struct {
	Dir    string      `json:"dir"`
	Rows   [][]float32 `json:"rows"`
	Pixels []float32   `json:"pixels"`
	Shape  []int       `json:"shape"`
}

// What is saved is opened again, here and by Hugging Face's own library, as the same network.
func TestSave(t *testing.T) {
	var questions []question
	var wants [][]float32
	list := append(directories(t), towerAlone(t, "clip"), towerAlone(t, "siglip"))
	for _, dir := range list {
		g := readGolden(t, dir)
		to, m, theta := saved(t, dir, &g)
		x := g.batch(0)
		y, err := m.Logits(theta, x)
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(y)
		again, err := models.Build(to, models.Options{Input: g.input(), Classes: 2})
		if err != nil {
			t.Fatal(err)
		}
		if y, err = again.Logits(again.NewTheta(1), x); err != nil || !slices.Equal(y, want) {
			t.Errorf("%s opened again: logits %v, were %v, %v", dir, y[:2], want[:2], err)
		}
		e, err := models.Find(to)
		if err != nil || e.File.Outputs != 2 || e.File.Properties["sha256"] != "x" || e.File.Properties["classes"] != `["no","yes"]` {
			t.Errorf("%s opened again: %+v, %v", dir, e.File, err)
		}
		questions, wants = append(questions, question{to, g.Rows, x, append([]int{examples}, g.input()...)}), append(wants, want)
	}
	for i, logits := range ask(t, questions) {
		near(t, "logits of "+questions[i].Dir, wants[i], logits, 1e-4)
	}
}

// towerAlone is the image tower of a model as a directory of its own, with the golden file of the model.
func towerAlone(t *testing.T, kind string) string {
	t.Helper()
	from := filepath.Join("testdata", kind)
	b, err := os.ReadFile(filepath.Join(from, "config.json"))
	var both struct {
		Vision map[string]any `json:"vision_config"`
	}
	if err == nil {
		err = json.Unmarshal(b, &both)
	}
	if err != nil {
		t.Fatal(err)
	}
	both.Vision["architectures"] = []string{"VisionModel"}
	both.Vision["text_config"], both.Vision["vision_config"] = nil, nil
	for _, key := range []string{"projection_dim", "logit_scale_init_value", "id2label", "label2id"} {
		if both.Vision[key] == nil {
			both.Vision[key] = nil // of both, not of one
		}
	}
	both.Vision["initializer_factor"], both.Vision["attention_dropout"] = nil, nil // whole numbers by now
	dir := copyOf(t, from, both.Vision)
	f, err := weights.Read(filepath.Join(from, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	writeTensors(t, filepath.Join(dir, "model.safetensors"), renamed(f.Tensors, func(s string) string { return strings.TrimPrefix(dropHead(s), "vision_model.") }))
	golden, err := os.ReadFile(filepath.Join(from, "golden.json"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "golden.json"), golden, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// ask returns Hugging Face's logits.
func ask(t *testing.T, questions []question) (logits [][]float64) {
	t.Helper()
	python := os.Getenv("MONGE_TEST_TRANSFORMERS")
	if python == "" {
		t.Skip("MONGE_TEST_TRANSFORMERS names no python3")
	}
	b, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/logits.py")
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(b), &errs
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &logits)
	}
	if err != nil || len(logits) != len(questions) {
		t.Fatalf("%v: %s", err, errs.Bytes())
	}
	return logits
}

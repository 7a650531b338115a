package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/nn/models"
)

// Folders of images are grey for those who ask for it, and for a network of one channel without
// being asked, whatever it was trained on.
func TestGreyFolders(t *testing.T) {
	dir := "imagefolder:" + lines(t, 30)
	if out := mustCall(t, "data", "info", dir+"?channels=1", "--size", "8x16"); !strings.Contains(out, "8x16x1") {
		t.Errorf("%s", out)
	}
	run := filepath.Join(t.TempDir(), "run")
	mustCall(t, "train", "--data", dir+"?channels=1", "--size", "8x16", "--model", "cnn", "--epochs", "10", "--batch", "10", "--seed", "3", "--out", run)
	weights := filepath.Join(run, "weights.safetensors")
	var e [2]classifier.Evaluation
	for i, spec := range []string{dir, dir + "?channels=1"} {
		decode(t, mustCall(t, "eval", "--weights", weights, "--data", spec, "--split", "train", "--json"), &e[i])
	}
	if e[0].N != 60 || e[0].Accuracy < .8 || e[0].Accuracy != e[1].Accuracy || e[0].Loss != e[1].Loss {
		t.Errorf("%+v", e)
	}
	if code, _, stderr := call("train", "--init", weights, "--data", dir, "--size", "8x16", "--model", "cnn"); code == 0 ||
		!strings.Contains(stderr, "is for images in grey, the data's are in colour: a folder is read in grey as imagefolder:DIR?channels=1") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	var p []predicted
	image := filepath.Join(strings.TrimPrefix(dir, "imagefolder:"), "down", "0.png")
	decode(t, mustCall(t, "predict", "--weights", weights, "--json", image), &p)
	if len(p) != 1 || p[0].Top[0].Class != "down" {
		t.Errorf("%+v", p)
	}
}

// Networks that take no images say what they take.
func TestPredictOthers(t *testing.T) {
	for _, tt := range []struct {
		input []int
		want  string
	}{
		{[]int{1, 1, 3}, "for rows of 3 numbers, not for images"},
		{[]int{1, 1, 1}, "for rows of 1 numbers, not for images"},
		{[]int{8, 8, 4}, "for images of 4 channels"},
	} {
		info := classifier.Info{Model: "mlp", Input: tt.input, Classes: []string{"a", "b"}}
		m, err := models.Build(info.Model, models.Options{Input: info.Input, Classes: 2})
		if err != nil {
			t.Fatal(err)
		}
		c := &classifier.Classifier{Info: info, Net: m, Theta: make([]float32, m.Size())}
		path := filepath.Join(t.TempDir(), "weights.safetensors")
		if err := classifier.Save(path, c, nil); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := call("predict", "--weights", path, "a.png"); code != exitFailed || !strings.Contains(stderr, tt.want) || !strings.Contains(stderr, path) {
			t.Errorf("%v: exit code %d, %q", tt.input, code, stderr)
		}
	}
}

package cli

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/nn/models"
)

// saveLabels writes an untrained network of which any label may apply.
func saveLabels(t *testing.T, input []int, labels ...string) string {
	t.Helper()
	m, err := models.Build("mlp", models.Options{Input: input, Classes: len(labels), MultiLabel: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &classifier.Classifier{Info: classifier.Info{Model: "mlp", Input: input, Targets: labels, MultiLabel: true}, Net: m, Theta: make([]float32, m.Size())}
	m.Init(c.Theta, 1)
	path := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := classifier.Save(path, c, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEvalAnyLabels(t *testing.T) {
	table := filepath.Join(t.TempDir(), "films.csv")
	rows := "year,length,funny,sad\n"
	for i := range 20 {
		rows += fmt.Sprintf("%d,%d,%d,%d\n", 3*i, i%4, i%2, i%3/2)
	}
	if err := os.WriteFile(table, []byte(rows), 0o666); err != nil {
		t.Fatal(err)
	}
	weights := saveLabels(t, []int{1, 1, 2}, "funny", "sad")
	args := []string{"eval", "--weights", weights, "--data", "csv:" + table + "?target=funny,sad", "--split", "train"}
	var e, low classifier.LabelEvaluation
	decode(t, mustCall(t, append(args, "--json")...), &e)
	if e.N != 20 || !(e.Loss > 0) || len(e.PerLabel) != 2 || e.PerLabel[0].Is != 10 || e.PerLabel[1].Is != 6 || e.Threshold != .5 {
		t.Errorf("%+v", e)
	}
	decode(t, mustCall(t, append(args, "--json", "--threshold", "1e-9")...), &low)
	if low.PerLabel[0].Said != 20 || low.PerLabel[0].Right != 10 || low.Accuracy != .4 {
		t.Errorf("of a low threshold %+v", low)
	}
	if out := mustCall(t, args...); !strings.Contains(out, "exact match") || !strings.Contains(out, "funny") {
		t.Errorf("%s", out)
	}
	if code, _, stderr := call(append(args, "--threshold", "1")...); code != exitUsage || !strings.Contains(stderr, "--threshold is 1") {
		t.Errorf("%d, %s", code, stderr)
	}
	args[4] = "csv:" + table + "?target=year,length"
	if code, _, stderr := call(args...); code != exitFailed || !strings.Contains(stderr, `the targets of`) {
		t.Errorf("%d, %s", code, stderr)
	}
}

func TestPredictAnyLabels(t *testing.T) {
	weights := saveLabels(t, []int{4, 6, 3}, "cat", "dog", "indoors", "night")
	image := filepath.Join(t.TempDir(), "a.png")
	writeImage(t, image, 9, 7, color.NRGBA{200, 100, 0, 255})
	var p []struct{ Top, Labels []guess }
	decode(t, mustCall(t, "predict", "--weights", weights, "--json", "--threshold", "1e-9", image), &p)
	if len(p) != 1 || len(p[0].Top) != 3 || len(p[0].Labels) != 4 || p[0].Labels[0] != p[0].Top[0] {
		t.Fatalf("%+v", p)
	}
	if out := mustCall(t, "predict", "--weights", weights, "--threshold", ".999999", image); !strings.Contains(out, "none; the likeliest is "+p[0].Top[0].Class) {
		t.Errorf("%s", out)
	}
	if code, _, stderr := call("predict", "--weights", weights, "--threshold", "0", image); code != exitUsage || !strings.Contains(stderr, "--threshold is 0") {
		t.Errorf("%d, %s", code, stderr)
	}
	out := filepath.Join(t.TempDir(), "a.onnx")
	if code, _, stderr := call("weights", "convert", weights, out, "--onnx", "softmax"); code != exitUsage || !strings.Contains(stderr, "sigmoid makes probabilities") {
		t.Errorf("%d, %s", code, stderr)
	}
	mustCall(t, "weights", "convert", weights, out, "--onnx", "sigmoid")
	var q []struct{ Top, Labels []guess }
	decode(t, mustCall(t, "predict", "--weights", out, "--json", "--threshold", "1e-9", image), &q)
	if len(q) != 1 || len(q[0].Labels) != 4 || q[0].Labels[0].Class != p[0].Labels[0].Class {
		t.Errorf("of the ONNX model %+v", q)
	}
}

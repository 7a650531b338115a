package cli

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/weights"
)

func writeWeights(t *testing.T, path string, tensors ...weights.Tensor) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := weights.WriteSafetensors(f, tensors, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWeights(t *testing.T) {
	dir := t.TempDir()
	fc := weights.Tensor{Name: "fc.weight", Shape: []int{2, 2}, Data: []float32{1, 2, 3, 4.001}}
	count := weights.Tensor{Name: "bn.num_batches_tracked", DType: weights.I64, Ints: []int64{7}}
	a := writeWeights(t, filepath.Join(dir, "a.safetensors"), fc, count)

	var info struct {
		Format  string
		Tensors []struct {
			Name, DType string
			Shape       []int
		}
	}
	decode(t, mustCall(t, "weights", "show", "--json", a), &info)
	if info.Format != "safetensors" || len(info.Tensors) != 2 || info.Tensors[0].Name != "fc.weight" || len(info.Tensors[0].Shape) != 2 {
		t.Errorf("%+v", info)
	}
	if out := mustCall(t, "weights", "show", a); !strings.Contains(out, "fc.weight") || !strings.Contains(out, "2 tensors, 4 numbers, safetensors") {
		t.Errorf("show: %q", out)
	}

	if out := mustCall(t, "weights", "diff", a, a); out != "" {
		t.Errorf("a file differs from itself: %q", out)
	}
	half := filepath.Join(dir, "half.safetensors")
	mustCall(t, "weights", "convert", a, half, "--dtype", "bf16")
	code, out, _ := call("weights", "diff", a, half)
	if code != exitFailed || !strings.Contains(out, "1 of 4 elements differ, by up to 0.001") || strings.Contains(out, "num_batches") {
		t.Errorf("diff after rounding: exit code %d, %q", code, out)
	}
	b := writeWeights(t, filepath.Join(dir, "b.safetensors"),
		weights.Tensor{Name: "fc.weight", Shape: []int{4}, Data: []float32{1, 2, 3, float32(math.NaN())}},
		weights.Tensor{Name: "fc.bias", Shape: []int{1}, Data: []float32{1}})
	_, out, _ = call("weights", "diff", a, b)
	for _, want := range []string{"shape [2 2] (F32) and [4] (F32)", "only in " + a, "only in " + b} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
}

func TestWeightsErrors(t *testing.T) {
	dir := t.TempDir()
	a := writeWeights(t, filepath.Join(dir, "a.safetensors"), weights.Tensor{Name: "w", Shape: []int{1}, Data: []float32{1e30}})
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"weights show", exitUsage, "takes one file, got 0"},
		{"weights convert " + a + " out.pt", exitUsage, "only .safetensors and .onnx files are written"},
		{"weights convert " + a + " o.onnx", exitUsage, "does not say which model it is of: give --model"},
		{"weights convert " + a + " o.onnx --dtype f16", exitUsage, "--dtype is for .safetensors"},
		{"weights convert " + a + " o.onnx --onnx argmax", exitUsage, `unknown part "argmax"`},
		{"weights convert " + a + " o.onnx --model mlp --size 9", exitFailed, "layers.0.weight"},
		{"weights convert " + a + " o.onnx --model bert-tiny --size 9x8", exitUsage, "--size 9x8 is none of inputs of shape [64]"},
		{"weights convert " + a + " o.safetensors --onnx softmax", exitUsage, "--onnx is for .onnx files"},
		{"weights convert " + a + " o.safetensors --model mlp", exitUsage, "--model is for .onnx files"},
		{"weights convert " + a + " " + a, exitUsage, "the same file"},
		{"weights convert " + a + " o.safetensors --dtype f8", exitUsage, "there are f32, f16, bf16"},
		{"weights convert " + a + " " + dir + "/o.safetensors --dtype f16", exitFailed, "tensor w"},
		{"weights show " + dir + "/none.pt", exitFailed, "none.pt"},
		{"weights show " + text, exitFailed, "notes.txt"},
		{"weights shwo " + a, exitUsage, `unknown command "shwo" (did you mean show?); there are convert, diff, show`},
	} {
		code, out, stderr := call(strings.Fields(tt.args)...)
		if code != tt.code || out != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("monge %s: exit code %d, stdout %q, stderr %q; want %d, %q", tt.args, code, out, stderr, tt.code, tt.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "o.safetensors")); err == nil {
		t.Error("a failed conversion left a file")
	}
}

// A trained network becomes an ONNX model, with what its file says and with what flags say instead.
func TestConvertToONNX(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	mustCall(t, "train", "--epochs", "1", "--max-steps", "2", "--out", run)
	in, out := filepath.Join(run, "weights.safetensors"), filepath.Join(dir, "a.onnx")
	if said := mustCall(t, "weights", "convert", in, out); !strings.Contains(said, "wrote mlp as 6 nodes and 7 tensors to "+out) {
		t.Errorf("it says %q", said)
	}
	m, err := onnx.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	own, err := onnx.Read(filepath.Join(run, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	own.Metadata = slices.DeleteFunc(own.Metadata, func(p onnx.Property) bool { return p.Key == "sha256" })
	a, errA := m.Marshal()
	b, errB := own.Marshal()
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("it is not what the run left: %v, %v", errA, errB)
	}
	mustCall(t, "weights", "convert", in, out, "--onnx", "normalize,softmax", "--normalize", "mean=.5:std=.25", "--classes", "a,b,c,d,e,f,g,h,i,j")
	if m, err = onnx.Read(out); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"classes": `["a","b","c","d","e","f","g","h","i","j"]`, "normalize": "none", "normalize_in_graph": "mean=0.5:std=0.25"} {
		if got, _ := m.Property(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if code, _, stderr := call("weights", "convert", out, filepath.Join(dir, "b.onnx"), "--onnx", "softmax"); code != exitUsage || !strings.Contains(stderr, "--onnx: softmax: the graph closes with a Softmax already") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if said := mustCall(t, "weights", "convert", filepath.Join(run, "model.onnx"), filepath.Join(dir, "b.onnx")); !strings.Contains(said, "wrote the network of") {
		t.Errorf("it says %q", said)
	}
	if first, last := m.Graph.Nodes[0].Op, m.Graph.Outputs[0].Name; first != "Sub" || last != "probabilities" {
		t.Errorf("from %s to %s", first, last)
	}
}

// A CLIP model becomes one of both towers, the same that its run leaves.
func TestConvertCLIP(t *testing.T) {
	dir := t.TempDir()
	run, out := filepath.Join(dir, "run"), filepath.Join(dir, "clip.onnx")
	mustCall(t, "align", "train", "--model", "clip-tiny", "--data", colours(t, 28), "--val", "12", "--batch", "16", "--epochs", "1", "--out", run)
	in := filepath.Join(run, "model")
	if said := mustCall(t, "weights", "convert", in, out); !strings.Contains(said, "wrote both towers of "+in) {
		t.Errorf("it says %q", said)
	}
	own, err := onnx.Read(filepath.Join(run, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	own.Metadata = slices.DeleteFunc(own.Metadata, func(p onnx.Property) bool { return p.Key == "sha256" })
	b, err := own.Marshal()
	if err != nil || readFile(t, out) != string(b) {
		t.Errorf("it is not what the run left: %v", err)
	}
	if code, _, stderr := call("weights", "convert", in, out, "--size", "64"); code != exitUsage || !strings.Contains(stderr, "--size is not for CLIP models") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if err := os.Remove(filepath.Join(in, "preprocessor_config.json")); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := call("weights", "convert", in, out); code != exitFailed || !strings.Contains(stderr, "has no preprocessor_config.json") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

// A checkpoint of two networks and objects: show lists them, the key chooses.
func TestWeightsNetworks(t *testing.T) {
	const dir = "../weights/testdata/objects/"
	out := mustCall(t, "weights", "show", dir+"new_yolo.pt")
	for _, want := range []string{"networks: model, ema; taken: model (--weights-key chooses)", "passed over", "  ema    research.code.Net", "  date   datetime.datetime", "model.conv.weight"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	var info struct {
		Taken    string
		Networks []string
		Passed   []struct{ Name, Class string } `json:"passed_over"`
		Tensors  []struct{ Name string }
	}
	decode(t, mustCall(t, "weights", "show", "--json", "--weights-key", "state_dict_ema", dir+"new_two.pt"), &info)
	if info.Taken != "state_dict_ema" || len(info.Networks) != 2 || len(info.Tensors) != 10 || info.Tensors[0].Name != "state_dict_ema.conv.weight" {
		t.Errorf("%+v", info)
	}
	code, out, stderr := call("weights", "diff", dir+"new_averaged.pt", dir+"new_two.pt", "--weights-key", "state_dict_ema")
	if code != exitFailed || !strings.Contains(out, "conv.weight") || !strings.Contains(stderr, "took the network state_dict_ema; the file also has state_dict") {
		t.Errorf("exit code %d, %q, %q", code, out, stderr)
	}
	if code, _, stderr := call("weights", "diff", dir+"new_two.pt", dir+"new_two.pt", "--weights-key", "nope"); code != exitFailed || !strings.Contains(stderr, "nothing lies under the key nope") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	to := filepath.Join(t.TempDir(), "ema.safetensors")
	if _, _, stderr := call("weights", "convert", dir+"new_two.pt", to, "--weights-key", "state_dict_ema"); !strings.Contains(stderr, "taken: state_dict_ema") {
		t.Errorf("%q", stderr)
	}
	mustCall(t, "weights", "diff", to, dir+"new_two_ema.pt", "--weights-key", "state_dict_ema")
}

// Names behind a prefix are the other file's.
func TestWeightsDiffPrefix(t *testing.T) {
	dir := t.TempDir()
	x := weights.Tensor{Name: "fc.weight", Shape: []int{1}, Data: []float32{1}}
	a := writeWeights(t, filepath.Join(dir, "a.safetensors"), x)
	x.Name = "net.fc.weight"
	b := writeWeights(t, filepath.Join(dir, "b.safetensors"), x)
	for _, files := range [][]string{{a, b}, {b, a}} {
		if code, out, stderr := call(append([]string{"weights", "diff"}, files...)...); code != 0 || out != "" || !strings.Contains(stderr, "prefix net.") {
			t.Errorf("exit code %d, %q, %q", code, out, stderr)
		}
	}
}

// What reads weights takes one of two networks by its key; train --init and studies as well.
func TestWeightsKey(t *testing.T) {
	path := saveUntrained(t, "a", "b")
	f, err := weights.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var both []weights.Tensor
	for _, prefix := range []string{"model.", "ema."} {
		for _, x := range f.Tensors {
			x.Name = prefix + x.Name
			both = append(both, x)
		}
	}
	two := writeWeights(t, filepath.Join(t.TempDir(), "two.safetensors"), both...)
	image := filepath.Join(t.TempDir(), "x.png")
	writeImage(t, image, 16, 16, color.White)
	if code, _, stderr := call("predict", "--model", "cnn", "--weights", two, image); code != exitFailed || !strings.Contains(stderr, "weights-key, of ema, model") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if code, out, stderr := call("predict", "--model", "cnn", "--weights", two, "--weights-key", "ema", image); code != 0 || !strings.Contains(out, "0  0.") {
		t.Errorf("exit code %d, %q, %q", code, out, stderr)
	}
	digits, _ := trainDigits(t)
	f, err = weights.Read(digits)
	if err != nil {
		t.Fatal(err)
	}
	both = nil
	for _, prefix := range []string{"model.", "ema."} {
		for _, x := range f.Tensors {
			x.Name = prefix + x.Name
			both = append(both, x)
		}
	}
	two = writeWeights(t, filepath.Join(t.TempDir(), "digits.safetensors"), both...)
	args := []string{"train", "--data", "digits", "--model", "mlp", "--init", two, "--epochs", "1", "--subset", "50", "--out", filepath.Join(t.TempDir(), "run")}
	if code, _, stderr := call(args...); code == 0 || !strings.Contains(stderr, "weights-key, of ema, model") {
		t.Errorf("train: exit code %d, %q", code, stderr)
	}
	mustCall(t, append(args, "--weights-key", "ema")...)
	one := writeWeights(t, filepath.Join(t.TempDir(), "one.safetensors"), both[:len(both)/2]...)
	args[6], args[len(args)-1] = one, filepath.Join(t.TempDir(), "run")
	if code, out, stderr := call(args...); code != 0 || !strings.Contains(stderr, one+": the prefix model. was taken away") {
		t.Errorf("train: exit code %d, %q, %q", code, out, stderr)
	}
	if code, _, stderr := call("train", "--weights-key", "ema"); code != exitUsage || !strings.Contains(stderr, "give init as well") {
		t.Errorf("train without a file: exit code %d, %q", code, stderr)
	}
	study := filepath.Join(t.TempDir(), "study.toml")
	for key, code := range map[string]int{"weights_key = \"ema\"": 0, "": exitFailed} {
		text := fmt.Sprintf("name = \"k\"\n[base]\ndata = \"digits\"\nmodel = \"mlp\"\ninit = %q\n%s\nepochs = 1\nsubset = 50\n[[grid]]\nmethod = \"sam\"\nrho = [0.05]\n", two, key)
		if err := os.WriteFile(study, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, _, stderr := call("study", "run", study, "--out", filepath.Join(t.TempDir(), "cells")); got != code || code != 0 && !strings.Contains(stderr, "weights-key, of ema, model") {
			t.Errorf("study, %q: exit code %d, %q", key, got, stderr)
		}
	}
	if code, out, _ := call("eval", "--data", "digits", "--model", "mlp", "--weights", two, "--weights-key", "ema"); code != 0 || !strings.Contains(out, "accuracy") {
		t.Errorf("eval: exit code %d, %q", code, out)
	}
}

// A file of class names as editors and scripts write them.
func TestClassNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "classes.txt")
	for content, want := range map[string]string{
		"cat\ndog\n":                    "cat,dog",
		"\xef\xbb\xbfcat\r\ndog\r\n":    "cat,dog",
		"\xef\xbb\xbf[\"cat\",\"dog\"]": "cat,dog",
		"cat\ndog\n\n\n":                "cat,dog",
		"cat\n\ndog":                    "name 2 is empty",
		"\xff\xfec\x00a\x00t\x00":       "save it as UTF-8",
		"caf\xe9\nth\xe9":               "not UTF-8",
		"[\"cat\", 3]":                  "not a JSON array of names",
	} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		names, err := classNames(path)
		if err == nil && strings.Join(names, ",") != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v; want %s", content, names, err, want)
		}
	}
}

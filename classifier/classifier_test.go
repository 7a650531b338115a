package classifier_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/weights"
)

var classes = []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}

// fresh returns an untrained classifier.
func fresh(t testing.TB, model string, input []int, classes []string) *classifier.Classifier {
	t.Helper()
	m, err := models.Build(model, models.Options{Input: input, Classes: len(classes)})
	if err != nil {
		t.Fatal(err)
	}
	norm, err := picture.ParseNormalization("mean=.5,.25,.125:std=.3,.2,.1")
	if err != nil {
		t.Fatal(err)
	}
	c := &classifier.Classifier{Info: classifier.Info{Model: model, Input: input, Classes: classes, Normalize: norm}, Net: m, Theta: make([]float32, m.Size())}
	m.Init(c.Theta, 3)
	return c
}

// saved writes a classifier to a file.
func saved(t testing.TB, c *classifier.Classifier) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := classifier.Save(path, c, map[string]string{"epoch": "3"}); err != nil {
		t.Fatal(err)
	}
	return path
}

func pixels(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i*i%251) / 251
	}
	return x
}

// A file says all that it takes to use it.
func TestSaveLoad(t *testing.T) {
	c := fresh(t, "resnet20", []int{8, 8, 3}, classes[:4])
	for i, b := range c.Net.Buffers {
		b.Data[0] = float32(i + 1)
	}
	path := saved(t, c)
	got, err := classifier.Load(path, classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Info, c.Info) || !slices.Equal(got.Theta, c.Theta) || got.Source != "the file says so" {
		t.Errorf("%+v, %s, want %+v", got.Info, got.Source, c.Info)
	}
	for i, b := range got.Net.Buffers {
		if !slices.Equal(b.Data, c.Net.Buffers[i].Data) {
			t.Errorf("buffer %s differs", b.Name)
		}
	}
	f, err := weights.Read(path)
	if err != nil || f.Metadata["epoch"] != "3" || f.Metadata["classes"] != `["a","b","c","d"]` || f.Metadata["input"] != "[8,8,3]" {
		t.Errorf("metadata %v, %v", f.Metadata, err)
	}
	if err := classifier.Save(path, c, map[string]string{"norm": "x"}); err == nil || !strings.Contains(err.Error(), `"norm" is the classifier's own`) {
		t.Errorf("error %v", err)
	}
	got, err = classifier.Load(path, classifier.Options{Normalize: "cifar10", Classes: []string{"w", "x", "y", "z"}})
	if err != nil || got.Normalize.Name != "cifar10" || got.Classes[3] != "z" || got.Source != "chosen" {
		t.Errorf("%+v, %v", got, err)
	}
}

// Probabilities are the softmax of the logits of normalized pixels, an image alone gets
// what it gets among others, and they are those that Evaluate counts.
func TestPredict(t *testing.T) {
	c := fresh(t, "resnet20", []int{8, 8, 3}, classes)
	const n = 3
	one := 8 * 8 * 3
	x := pixels(n * one)
	p, err := c.Predict(x)
	if err != nil || len(p) != n*10 {
		t.Fatalf("%d probabilities, %v", len(p), err)
	}
	mean, std := []float32{.5, .25, .125}, []float32{.3, .2, .1}
	scaled := make([]float32, len(x))
	for i, v := range x {
		scaled[i] = (v - mean[i%3]) / std[i%3]
	}
	logits, err := c.Net.Logits(c.Theta, scaled)
	if err != nil {
		t.Fatal(err)
	}
	logits = slices.Clone(logits)
	labels, loss := make([]int, n), 0.
	for i := range n {
		row, prob := logits[10*i:10*i+10], p[10*i:10*i+10]
		var sum float64
		for _, v := range row {
			sum += math.Exp(float64(v))
		}
		for j, v := range row {
			if want := math.Exp(float64(v)) / sum; !(math.Abs(float64(prob[j])-want) <= 1e-6) {
				t.Errorf("image %d, class %d: %g, want %g", i, j, prob[j], want)
			}
			if prob[j] > prob[labels[i]] {
				labels[i] = j
			}
		}
		alone, err := c.Predict(x[i*one : (i+1)*one])
		if err != nil || !slices.Equal(alone, prob) {
			t.Errorf("image %d alone: %v, among others %v, %v", i, alone, prob, err)
		}
		if i == 2 {
			labels[i] = (labels[i] + 1) % 10 // a wrong one
		}
		loss -= math.Log(float64(prob[labels[i]])) / n
	}
	set, err := data.NewSet(x, labels, c.Input)
	if err != nil {
		t.Fatal(err)
	}
	e, err := classifier.Evaluate(context.Background(), c.Net, c.Theta, set, c.Normalize)
	if err != nil || e.N != n || !(math.Abs(float64(e.Accuracy)-2./3) < 1e-12) || !(math.Abs(float64(e.Loss)-loss) < 1e-5) || !(e.ImagesPerS > 0) {
		t.Errorf("%+v, %v, want accuracy 2/3 and loss %g", e, err, loss)
	}
	for k := range 10 {
		all, right := 0, 0
		for i, l := range labels {
			if l == k {
				all++
				if i != 2 {
					right++
				}
			}
		}
		if got, want := float64(e.PerClass[k]), float64(right)/float64(all); got != want && !(math.IsNaN(want) && math.IsNaN(got)) {
			t.Errorf("class %d: accuracy %g, want %g", k, got, want)
		}
	}
	if _, err := c.Predict(x[:one+1]); err == nil || !strings.Contains(err.Error(), "193 numbers are no images of shape [8 8 3]") {
		t.Errorf("error %v", err)
	}
}

// The result does not depend on the batches.
func TestEvaluateBatches(t *testing.T) {
	c := fresh(t, "cnn", []int{8, 8, 3}, classes)
	labels := make([]int, 23)
	for i := range labels {
		labels[i] = i % 10
	}
	set, err := data.NewSet(pixels(23*8*8*3), labels, c.Input)
	if err != nil {
		t.Fatal(err)
	}
	var first classifier.Evaluation
	for i, batch := range []int{23, 1, 5, 1000} {
		done := 0
		e, err := classifier.EvaluateBatches(context.Background(), c.Net, c.Theta, set, data.LoaderSettings{Batch: batch, Normalize: c.Normalize}, func(n int) { done = n })
		if err != nil || done != 23 {
			t.Fatalf("%d of 23 done, %v", done, err)
		}
		if e.ImagesPerS = 0; i == 0 {
			first = e
		} else if !reflect.DeepEqual(e, first) {
			t.Errorf("batches of %d: %+v, of 23: %+v", batch, e, first)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := classifier.Evaluate(ctx, c.Net, c.Theta, set, c.Normalize); err == nil {
		t.Error("an evaluation that was interrupted has no error")
	}
	set.Labels[7] = 10
	if _, err := classifier.Evaluate(context.Background(), c.Net, c.Theta, set, c.Normalize); err == nil || !strings.Contains(err.Error(), "label 10 of example 7; the network has 10 classes") {
		t.Errorf("error %v", err)
	}
	other, err := data.NewSet(pixels(12), []int{0}, []int{2, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := classifier.Evaluate(context.Background(), c.Net, c.Theta, other, c.Normalize); err == nil || !strings.Contains(err.Error(), "examples of shape [2 2 3]") {
		t.Errorf("error %v", err)
	}
}

// Losses that JSON lacks go there and back.
func TestEvaluationJSON(t *testing.T) {
	e := classifier.Evaluation{Accuracy: .5, Loss: classifier.Real(math.Inf(1)), N: 2, PerClass: []classifier.Real{1, classifier.Real(math.NaN())}, ImagesPerS: 10}
	b, err := json.Marshal(e)
	if want := `{"accuracy":0.5,"loss":"inf","ece":0,"n":2,"per_class":[1,null],"images_per_s":10,"f1_macro":0,"f1_micro":0,"mcc":0}`; err != nil || string(b) != want {
		t.Errorf("%s, %v, want %s", b, err, want)
	}
	var got classifier.Evaluation
	if err := json.Unmarshal(b, &got); err != nil || !math.IsInf(float64(got.Loss), 1) || !math.IsNaN(float64(got.PerClass[1])) || got.N != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A head for ten classes does not go into a network for seven, unless the head may
// start anew; nothing else may differ then either.
func TestNewHead(t *testing.T) {
	path := saved(t, fresh(t, "resnet20", []int{8, 8, 3}, classes))
	f, err := weights.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	headless := slices.DeleteFunc(f.StateDict(), func(w weights.Tensor) bool { return strings.HasPrefix(w.Name, "linear.") })
	without := filepath.Join(t.TempDir(), "headless.safetensors")
	write(t, without, headless)
	halved := filepath.Join(t.TempDir(), "halved.safetensors")
	write(t, halved, slices.DeleteFunc(f.StateDict(), func(w weights.Tensor) bool { return w.Name == "linear.bias" }))
	for _, tt := range []struct {
		path    string
		classes int
		newHead bool
		kept    []string
		err     string
	}{
		{path, 10, false, nil, ""},
		{path, 10, true, nil, ""},
		{path, 7, true, []string{"linear.weight", "linear.bias"}, ""},
		{path, 7, false, nil, "linear.weight"},
		{without, 7, true, []string{"linear.weight", "linear.bias"}, ""},
		{without, 10, false, nil, "missing"},
		{halved, 10, true, nil, "linear.bias"},
		{halved, 7, true, nil, "linear.bias"},
	} {
		m, err := models.Build("resnet20", models.Options{Input: []int{8, 8, 3}, Classes: tt.classes})
		if err != nil {
			t.Fatal(err)
		}
		theta := make([]float32, m.Size())
		m.Init(theta, 9)
		before := slices.Clone(theta)
		kept, err := classifier.Init(m, theta, tt.path, tt.newHead)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), tt.path) || !slices.Equal(theta, before) {
				t.Errorf("%+v: error %v", tt, err)
			}
			continue
		}
		if err != nil || !slices.Equal(kept, tt.kept) {
			t.Errorf("%+v: kept %v, %v", tt, kept, err)
		}
		for _, p := range m.Params {
			if v := before[p.Offset : p.Offset+p.Len()]; len(p.Shape) > 1 && slices.Equal(v, theta[p.Offset:p.Offset+p.Len()]) != slices.Contains(kept, p.Name) {
				t.Errorf("%+v: %s", tt, p.Name)
			}
		}
	}
	c, err := classifier.Load(path, classifier.Options{Classes: classes[:7], NewHead: true})
	if err != nil || c.Net.Classes() != 7 || len(c.Classes) != 7 {
		t.Errorf("%v", err)
	}
	if _, err := classifier.Load(path, classifier.Options{Classes: classes[:7]}); err == nil || !strings.Contains(err.Error(), "the weights tell 10 classes apart, not the 7 of") {
		t.Errorf("error %v", err)
	}
}

// A network behind a prefix is read, and what was done is said; of two the key chooses one. What
// lacks the last layer says how to go on.
func TestWrapped(t *testing.T) {
	c := fresh(t, "resnet20", []int{8, 8, 3}, classes)
	path := filepath.Join(t.TempDir(), "wrapped.safetensors")
	under := func(tensors []weights.Tensor, prefix string) []weights.Tensor {
		tensors = slices.Clone(tensors)
		for i := range tensors {
			tensors[i].Name = prefix + tensors[i].Name
		}
		return tensors
	}
	state := c.Net.StateDict(c.Theta)
	write(t, path, append(under(state, "_orig_mod.model."), weights.Tensor{Name: "n_averaged", DType: weights.I64, Ints: []int64{1}}))
	f, err := classifier.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Load(classifier.Options{Model: "resnet20", Input: []int{8, 8, 3}})
	if err != nil || !slices.Equal(got.Theta, c.Theta) || len(got.Classes) != len(classes) {
		t.Fatalf("%v", err)
	}
	if notes := strings.Join(f.Notes(), "; "); !strings.Contains(notes, "_orig_mod.model.") || !strings.Contains(notes, "n_averaged") {
		t.Errorf("notes %q", notes)
	}
	m, err := models.Build("resnet20", models.Options{Input: []int{8, 8, 3}, Classes: 7})
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float32, m.Size())
	if kept, err := f.Init(m, theta, true); err != nil || len(kept) != 2 {
		t.Errorf("new head: %q, %v", kept, err)
	}
	if _, err := f.Init(m, theta, false); err == nil || !strings.Contains(err.Error(), "linear.weight is 10x64") || !strings.Contains(err.Error(), "'head new'") {
		t.Errorf("another head: %v", err)
	}

	zero := slices.Clone(state)
	zero[0].Data = make([]float32, len(zero[0].Data))
	write(t, path, append(under(state, "model."), under(zero, "model_ema.")...))
	if _, err := classifier.Load(path, classifier.Options{Model: "resnet20", Input: []int{8, 8, 3}}); err == nil || !strings.Contains(err.Error(), "choose one by weights-key, of model, model_ema") {
		t.Errorf("two networks: %v", err)
	}
	if f, err = classifier.OpenWith(path, weights.Options{Key: "model_ema"}); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Load(classifier.Options{Model: "resnet20", Input: []int{8, 8, 3}}); err != nil || got.Net.StateDict(got.Theta)[0].Data[0] != 0 {
		t.Errorf("by key: %v", err)
	}

	write(t, path, slices.DeleteFunc(under(state, "encoder."), func(w weights.Tensor) bool { return strings.Contains(w.Name, "linear.") }))
	if _, err := classifier.Load(path, classifier.Options{Model: "resnet20", Input: []int{8, 8, 3}}); err == nil || !strings.Contains(err.Error(), "no linear.weight, the last layer") {
		t.Errorf("no head: %v", err)
	}
	if f, err = classifier.Open(path); err != nil {
		t.Fatal(err)
	}
	if kept, err := f.Init(m, theta, true); err != nil || len(kept) != 2 {
		t.Errorf("no head, new: %q, %v", kept, err)
	}
}

func write(t testing.TB, path string, tensors []weights.Tensor) {
	t.Helper()
	var b bytes.Buffer
	if err := weights.WriteSafetensors(&b, tensors, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Weights that don't fit, are not numbers, or ask for too much are errors that name the
// file and the tensor.
func TestLoadErrors(t *testing.T) {
	c := fresh(t, "resnet20", []int{8, 8, 3}, classes)
	good := saved(t, c)
	f, err := weights.Read(good)
	if err != nil {
		t.Fatal(err)
	}
	for i, tt := range []struct {
		change func(state []weights.Tensor, metadata map[string]string)
		want   string
	}{
		{func(s []weights.Tensor, _ map[string]string) { s[4].Data[7] = float32(math.NaN()) }, "1 of " + strconv.Itoa(c.Net.Params[4].Len()) + " numbers of " + c.Net.Params[4].Name},
		{func(s []weights.Tensor, _ map[string]string) { s[0].Data[0] = float32(math.Inf(-1)) }, "1 of 432 numbers of conv1.weight"},
		{func(s []weights.Tensor, _ map[string]string) { s[0].Name = "conv2.weight" }, "conv2.weight"},
		{func(_ []weights.Tensor, m map[string]string) { m["model"] = "resnet21" }, `unknown model "resnet21" (did you mean resnet20?); there are mlp`},
		{func(_ []weights.Tensor, m map[string]string) { m["model"] = "resnet32" }, "layer1.3.conv1.weight"},
		{func(_ []weights.Tensor, m map[string]string) { m["input"] = "[100000,100000,3]" }, "inputs of shape [100000 100000 3]"},
		{func(_ []weights.Tensor, m map[string]string) { m["input"] = "[-1,8,3]" }, "inputs of shape [-1 8 3]"},
		{func(_ []weights.Tensor, m map[string]string) { m["input"] = "8" }, "metadata input is"},
		{func(_ []weights.Tensor, m map[string]string) { m["input"] = "[8]" }, "input shape [8]"},
		{func(_ []weights.Tensor, m map[string]string) { m["classes"] = `["a"]` }, "tell 10 classes apart, not the 1"},
		{func(_ []weights.Tensor, m map[string]string) {
			m["classes"] = "[" + strings.Repeat(`"",`, 1<<16) + `""]`
		}, "65537 classes"},
		{func(_ []weights.Tensor, m map[string]string) { m["normalize"] = "mean=0:std=0" }, "metadata normalize"},
		{func(_ []weights.Tensor, m map[string]string) { m["norm"] = "layer" }, `unknown normalisation "layer"`},
		{func(_ []weights.Tensor, m map[string]string) { delete(m, "model") }, "does not say which model it is of"},
	} {
		state, metadata := []weights.Tensor{}, map[string]string{}
		for _, s := range f.StateDict() {
			s.Data = slices.Clone(s.Data)
			state = append(state, s)
		}
		for k, v := range f.Metadata {
			metadata[k] = v
		}
		tt.change(state, metadata)
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.safetensors", i))
		var b bytes.Buffer
		if err := weights.WriteSafetensors(&b, state, metadata); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := classifier.Load(path, classifier.Options{}); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v, want %q", err, tt.want)
		}
	}
	if _, err := classifier.Load(filepath.Join(t.TempDir(), "none"), classifier.Options{}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("error %v", err)
	}
}

// Published checkpoints are known by the names of their files too: what was converted
// keeps its name, not its content.
func TestKnownByName(t *testing.T) {
	for name, want := range map[string]classifier.Info{
		"resnet20-12fca82f.safetensors":   {Model: "resnet20", Input: []int{32, 32, 3}},
		"resnet110-1d1ed7c2.th":           {Model: "resnet110", Input: []int{32, 32, 3}},
		"resnet18-f37072fd.pth":           {Model: "resnet18-imagenet", Input: []int{224, 224, 3}},
		"resnet18-12fca82f.pth":           {},
		"my-resnet20-12fca82f.th":         {},
		"resnet20-12fca82f0.safetensors":  {},
		"resnet56-4bfd9763 (1).copied.th": {Model: "resnet56", Input: []int{32, 32, 3}},
	} {
		path := filepath.Join(t.TempDir(), name)
		write(t, path, []weights.Tensor{{Name: "x", Shape: []int{1}, Data: []float32{1}}})
		f, err := classifier.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if f.Info.Model != want.Model || !slices.Equal(f.Info.Input, want.Input) || (want.Model != "") != (f.Info.Normalize.Name == "imagenet") {
			t.Errorf("%s: %+v, %s", name, f.Info, f.Source)
		}
	}
}

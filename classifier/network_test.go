package classifier_test

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/onnx/network"
	"github.com/monge-ml/monge/weights"
)

const graph = "x:Nx3x6x10; Conv(_, conv.weight:4x3x3x3, conv.bias:4); Relu; GlobalAveragePool; Flatten; Gemm(_, fc.weight:4x3, fc.bias:3)"

// load loads the network of a text.
func load(t *testing.T, text string, change ...func(m *onnx.Model)) *classifier.Classifier {
	t.Helper()
	path := filepath.Join(t.TempDir(), "net.onnx")
	onnxtest.Write(t, path, text, change...)
	c, err := classifier.Load(path, classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What it takes to use a network is written with it and read again, in place of what the file said
// before.
func TestSaveNetwork(t *testing.T) {
	c := load(t, graph, func(m *onnx.Model) {
		for _, key := range []string{"classes", "normalize", "input", "channels", "features", "mean", "std"} {
			m.SetProperty(key, "other")
		}
		m.SetProperty("author", "somebody")
	})
	norm, err := picture.ParseNormalization("imagenet")
	if err != nil {
		t.Fatal(err)
	}
	c.Classes, c.Normalize, c.BGR = []string{"a", "b", "c"}, norm, true
	path := filepath.Join(t.TempDir(), "saved.onnx")
	if err := classifier.SaveNetwork(path, c, classifier.InGraph{}, map[string]string{"sha256": "1"}); err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"author": "somebody", "classes": `["a","b","c"]`, "normalize": norm.String(), "input": "[6,10,3]", "channels": "bgr", "sha256": "1",
		"mean": "[0.485,0.456,0.406]", "std": "[0.229,0.224,0.225]"}
	if got := properties(m); !maps.Equal(got, want) {
		t.Errorf("metadata %v, want %v", got, want)
	}
	f, err := classifier.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if i := f.Info; !slices.Equal(i.Classes, c.Classes) || i.Normalize.String() != norm.String() || !i.BGR || !slices.Equal(i.Input, []int{6, 10, 3}) || f.Source != "the file says so" || f.Network() != path || f.Notes() != nil {
		t.Errorf("%+v, %s", f, f.Source)
	}
	if err := classifier.SaveNetwork(path, fresh(t, "cnn", []int{16, 12, 3}, classes[:3]), classifier.InGraph{}, nil); err == nil || !strings.Contains(err.Error(), path+": cnn is no network of an ONNX file") {
		t.Error(err)
	}
}

// Of another program's metadata what means something here is taken, and what else has our names is
// noted.
func TestForeignMetadata(t *testing.T) {
	path := filepath.Join(t.TempDir(), "net.onnx")
	for what, c := range map[string]struct {
		metadata map[string]string
		classes  []string
		notes    int
	}{
		"nothing":       {nil, nil, 0},
		"classes":       {map[string]string{"classes": `["a","b","c"]`}, []string{"a", "b", "c"}, 0},
		"other classes": {map[string]string{"classes": `["a"]`}, nil, 1},
		"a number":      {map[string]string{"classes": "3", "normalize": "true", "input": "images", "channels": "3", "norm": "x", "model": "y"}, nil, 2},
	} {
		onnxtest.Write(t, path, graph+"; Softmax{axis="+string(rune('0'+len(c.metadata)%2))+"}", func(m *onnx.Model) { // of another size, so that it is read anew
			for k, v := range c.metadata {
				m.SetProperty(k, v)
			}
		})
		f, err := classifier.Open(path)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if !slices.Equal(f.Info.Classes, c.classes) || len(f.Notes()) != c.notes || f.Source != "" || f.Info.BGR || f.Info.Norm != "" || f.Info.Model != path {
			t.Errorf("%s: %+v, notes %q, source %q", what, f.Info, f.Notes(), f.Source)
		}
	}
}

// Weights find the network that they are of beside them, and nowhere else.
func TestNetworkBesideWeights(t *testing.T) {
	c := load(t, graph)
	dir := t.TempDir()
	path := filepath.Join(dir, "w.safetensors")
	for model, says := range map[string]string{
		"model.onnx":      "",
		"gone.onnx":       path + ": its network is in " + filepath.Join(dir, "gone.onnx") + ", which is not there: copy it beside the weights",
		"../model.onnx":   path + `: its network is in "../model.onnx", which is no file beside it`,
		"/tmp/model.onnx": "which is no file beside it",
	} {
		if err := classifier.SaveNetwork(filepath.Join(dir, "model.onnx"), c, classifier.InGraph{}, nil); err != nil {
			t.Fatal(err)
		}
		info := *c
		info.Model, info.Classes = model, []string{"a", "b", "c"}
		if err := classifier.Save(path, &info, nil); err != nil {
			t.Fatal(err)
		}
		got, err := classifier.Load(path, classifier.Options{})
		if says != "" {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: error %v, want one with %q", model, err, says)
			}
			continue
		}
		if err != nil || !slices.Equal(got.Theta, c.Theta) || !slices.Equal(got.Classes, info.Classes) {
			t.Errorf("%s: %v", model, err)
		}
	}
}

// A network of any size of images or texts takes the one that is said.
func TestResize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "net.onnx")
	onnxtest.Write(t, path, strings.Replace(graph, "6x10", "HxW", 1))
	f, err := classifier.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Load(classifier.Options{}); err == nil || !strings.Contains(err.Error(), path+": the file leaves the size of its inputs open") {
		t.Error(err)
	}
	f.Resize(data.Size{Height: 7, Width: 9})
	c, err := f.Load(classifier.Options{})
	if err != nil || !slices.Equal(c.Input, []int{7, 9, 3}) || c.Net.Classes() != 3 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := classifier.OpenWith(path, weights.Options{Key: "ema"}); err == nil || !strings.Contains(err.Error(), "no key chooses one") {
		t.Error(err)
	}
}

// Texts are words of the network's own only where they were saved here.
func TestNetworkWords(t *testing.T) {
	const text = "ids:int64:Nx4; e=Gather(table:9000x6, ids); ReduceMean{axes=[1] keepdims=0}; Gemm(_, w:6x2)"
	path := filepath.Join(t.TempDir(), "net.onnx")
	onnxtest.Write(t, path, text)
	if _, err := classifier.Open(path); err == nil || !strings.Contains(err.Error(), path+": the file was not saved here, and its words are not the network's") {
		t.Error(err)
	}
	onnxtest.Write(t, path, text, func(m *onnx.Model) {
		m.SetProperty("normalize", "none")
		m.SetProperty("input", "[4]")
	})
	c, err := classifier.Load(path, classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := c.Tokens("a film")
	if err != nil || len(x) != 4 || !c.Net.HashedWords {
		t.Errorf("%v, %v", x, err)
	}
}

// Probabilities are what the file gives.
func TestNetworkSigmoid(t *testing.T) {
	x := make([]float32, 6*10*3)
	for i := range x {
		x[i] = float32(i%7) / 7
	}
	logits, err := load(t, graph).Outputs(x)
	if err != nil {
		t.Fatal(err)
	}
	got, err := load(t, graph+"; Sigmoid").Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range logits {
		if want := 1 / (1 + math.Exp(-float64(v))); math.Abs(float64(got[i])-want) > 1e-6 {
			t.Errorf("class %d has %g, want %g", i, got[i], want)
		}
	}
	path := filepath.Join(t.TempDir(), "one.onnx")
	onnxtest.Write(t, path, strings.NewReplacer("4x3, fc", "4x1, fc", "bias:3", "bias:1").Replace(graph)+"; Sigmoid")
	if _, err := classifier.Load(path, classifier.Options{}); err == nil || !strings.Contains(err.Error(), path+": its network has one output") {
		t.Error(err)
	}
}

// A network whose last layer is not known still has as many classes as outputs.
func TestNetworkWithoutHead(t *testing.T) {
	if c := load(t, graph+"; Tanh"); len(c.Classes) != 3 {
		t.Errorf("classes %q", c.Classes)
	}
}

// A file gets normalisation and softmax around it, in its own layout and order of channels, and means
// the same.
func TestNetworkWrapped(t *testing.T) {
	norm, err := picture.ParseNormalization("imagenet")
	if err != nil {
		t.Fatal(err)
	}
	pixels := make([]float32, 6*10*3)
	for i := range pixels {
		pixels[i] = float32(i*i%11) / 11
	}
	for _, text := range []string{graph, graph + "; Unsqueeze(_, [1])", "x:Nx6x10x3; Transpose{perm=0,3,1,2}; Conv(_, conv.weight:4x3x3x3, conv.bias:4); Relu; GlobalAveragePool; Flatten; Gemm(_, fc.weight:4x3, fc.bias:3)"} {
		for _, channels := range []string{"rgb", "bgr"} {
			c := load(t, text, func(m *onnx.Model) {
				m.SetProperty("channels", channels)
				last := m.Graph.Outputs[0].Name
				m.Graph.Outputs = append(m.Graph.Outputs, &onnx.Value{Name: m.Graph.Nodes[1].Outputs[0], DType: onnx.Float}, &onnx.Value{Name: last, DType: onnx.Float})[1:]
				m.SetProperty("output", last)
			})
			c.Normalize = norm
			want, err := c.Predict(pixels)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "wrapped.onnx")
			if err := classifier.SaveNetwork(path, c, classifier.InGraph{Normalize: true, Softmax: true}, nil); err != nil {
				t.Fatal(err)
			}
			again, err := classifier.Load(path, classifier.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := again.Predict(pixels)
			if err != nil {
				t.Fatal(err)
			}
			m, err := onnx.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			served := serve(t, m, pixels, !strings.HasPrefix(text, graph), channels == "bgr")
			for i, v := range want {
				if math.Abs(float64(got[i]-v)) > 1e-5 || math.Abs(served[i]-float64(v)) > 1e-5 {
					t.Errorf("%s: class %d has %g, read again %g, served %g", channels, i, v, got[i], served[i])
				}
			}
			if kept, _ := m.Property("normalize_in_graph"); again.Normalize.String() != "none" || kept != norm.String() || len(again.Net.Params) != 4 {
				t.Errorf("normalisation %v, in the graph %s, %d parameters", again.Normalize, kept, len(again.Net.Params))
			}
			if err := classifier.SaveNetwork(path, again, classifier.InGraph{Softmax: true}, nil); err == nil || !strings.Contains(err.Error(), "closes with a Softmax already") {
				t.Error(err)
			}
		}
	}
}

// serve returns the probabilities of a file for an image of 6 x 10 pixels.
func serve(t *testing.T, m *onnx.Model, pixels []float32, last, bgr bool) []float64 {
	t.Helper()
	x, err := array.New(onnx.Float, 1, 3, 6, 10)
	if last {
		x, err = array.New(onnx.Float, 1, 6, 10, 3)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range pixels {
		at, c := i/3, i%3
		if bgr {
			c = 2 - c
		}
		if last {
			x.F[3*at+c] = float64(v)
		} else {
			x.F[60*c+at] = float64(v)
		}
	}
	y, err := network.Run(m, []*array.Array{x})
	if err != nil {
		t.Fatal(err)
	}
	return y[len(y)-1].F
}

// Large images are evaluated a few at a time: what a network's layers give of all of them would take
// more memory than its training.
func TestEvaluateLarge(t *testing.T) {
	for side, want := range map[int]int{16: 128, 160: 20} {
		c := load(t, fmt.Sprintf("x:Nx3x%dx%d; GlobalAveragePool; Flatten; Gemm(_, fc.weight:3x3, fc.bias:3)", side, side))
		set, err := data.NewSet(make([]float32, 130*side*side*3), make([]int, 130), []int{side, side, 3})
		if err != nil {
			t.Fatal(err)
		}
		first := 0
		_, err = classifier.EvaluateBatches(t.Context(), c.Net, c.Theta, set, data.LoaderSettings{}, func(done int) {
			if first == 0 {
				first = done
			}
		})
		if err != nil || first != want {
			t.Errorf("images of %d: %d at a time, want %d; %v", side, first, want, err)
		}
	}
}

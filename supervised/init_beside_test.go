package supervised_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// trainedIn does a run in a new directory, and returns that.
func trainedIn(t *testing.T, c train.Config) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, dir, c, 0); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Weights are not taken with the network of other weights, which may differ in its constants.
func TestBesideOther(t *testing.T) {
	path := fileOf(t, folded)
	a := trainedIn(t, from(path))
	other := from(path)
	other.Seed++
	b := trainedIn(t, other)
	weights, graph := filepath.Join(a, supervised.WeightsFile), filepath.Join(a, supervised.NetworkFile)
	for _, from := range []string{filepath.Join(b, supervised.NetworkFile), path} {
		onnxtest.WriteBytes(t, graph, read(t, from))
		_, err := classifier.Load(weights, classifier.Options{})
		if err == nil || !strings.Contains(err.Error(), weights+": "+graph+" beside it is the network of other weights") {
			t.Errorf("%s: error %v", from, err)
		}
	}
}

// Pixels are not normalized before a network that does so itself.
func TestNormalizedTwice(t *testing.T) {
	dir := trainedIn(t, from(fileOf(t, folded), func(s *supervised.Settings) { s.Onnx, s.Normalize = []string{"normalize"}, "mean=.5:std=.25" }))
	for _, name := range []string{supervised.NetworkFile, supervised.WeightsFile} {
		path := filepath.Join(dir, name)
		const says = "the network's file normalizes pixels in its graph (mean=0.5:std=0.25), and they would be normalized twice: leave --normalize off"
		for normalize, says := range map[string]string{"mean=.5:std=.25": says, "cifar10": says, "none": ""} {
			_, err := classifier.Load(path, classifier.Options{Normalize: normalize})
			if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), path+": "+says) {
				t.Errorf("%s, %s: error %v", name, normalize, err)
			}
			if name == supervised.WeightsFile {
				continue
			}
			_, err = train.New(from(path, func(s *supervised.Settings) { s.Normalize = normalize }))
			if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), path+": "+says) {
				t.Errorf("training of %s, %s: error %v", name, normalize, err)
			}
		}
	}
}

// Names of classes are of the output that was trained, and of no other of as many.
func TestOtherOutputNames(t *testing.T) {
	const two = "x:Nx1x8x8; f=Flatten; a=Gemm(f, a.weight:10x64, a.bias:10){transB=1}; Tanh(f); b=Gemm(_, b.weight:64x10)"
	outputs := func(m *onnx.Model) {
		m.Graph.Outputs = []*onnx.Value{{Name: "a", DType: onnx.Float}, {Name: "b", DType: onnx.Float}}
	}
	dir := trainedIn(t, from(fileOf(t, two, outputs), func(s *supervised.Settings) { s.Output = "b" }))
	for _, name := range []string{supervised.NetworkFile, supervised.WeightsFile} {
		for output, named := range map[string]bool{"": true, "b": true, "a": false} {
			f, err := classifier.Open(filepath.Join(dir, name))
			if err == nil {
				err = f.Choose(output)
			}
			if err != nil {
				t.Fatal(err)
			}
			noted := slices.Contains(f.Notes(), "its metadata name the classes of another output, which are left out")
			if (f.Info.Classes != nil) != named || noted == named {
				t.Errorf("%s, output %q: classes %q, notes %q", name, output, f.Info.Classes, f.Notes())
			}
		}
	}
	foreign := fileOf(t, two, outputs, func(m *onnx.Model) { m.SetProperty("classes", `["0","1","2","3","4","5","6","7","8","9"]`) })
	f, err := classifier.Open(foreign) // which does not say of which output they are
	if err == nil {
		err = f.Choose("b")
	}
	if err != nil || f.Info.Classes == nil {
		t.Errorf("%v, %q", err, f.Info.Classes)
	}
}

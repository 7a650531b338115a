package supervised_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/network"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
	"github.com/monge-ml/monge/weights"
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

// Weights whose network lies beside them go on as the run left them: with restored normalisations where they have
// them, or with new ones.
func TestInitBeside(t *testing.T) {
	plain := trainedIn(t, from(fileOf(t, folded)))
	norms := trainedIn(t, from(fileOf(t, folded), restore))
	for what, c := range map[string]struct {
		dir    string
		change func(s *supervised.Settings)
		norms  int
		share  float64 // by which the outputs differ at the start
	}{
		"plain":               {plain, func(*supervised.Settings) {}, 0, 0},
		"plain, restored":     {plain, restore, 2, 1e-4},
		"restored":            {norms, func(*supervised.Settings) {}, 2, 0},
		"restored, again":     {norms, restore, 2, 0},
		"restored and frozen": {norms, frozen, 2, 0},
	} {
		path := filepath.Join(c.dir, supervised.WeightsFile)
		r, task := taskOf(t, from(path, c.change))
		if task.Net.BatchNorms() != c.norms {
			t.Errorf("%s: %d normalisations", what, task.Net.BatchNorms())
		}
		want, err := classifier.Load(path, classifier.Options{})
		if err != nil {
			t.Fatal(err)
		}
		y, err := want.Net.Logits(want.Theta, some(t, task))
		if err != nil {
			t.Fatal(err)
		}
		near(t, what, outputs(t, task, task.Theta()), y, c.share)
		if strings.Contains(strings.Join(r.Notes(), "\n"), "its restored batch normalisation goes on") != (c.dir == norms) {
			t.Errorf("%s: notes %q", what, r.Notes())
		}
		again := trainedIn(t, from(path, c.change))
		near(t, what+", trained", logitsOf(t, filepath.Join(again, supervised.NetworkFile)), logitsOf(t, filepath.Join(again, supervised.WeightsFile)), 1e-4)
		if r.Config.ModelName() != supervised.NetworkFile {
			t.Errorf("the model is called %s", r.Config.ModelName())
		}
	}
}

// A new head begins anew for as many classes as well, and other weights beside a network are other data.
func TestInitBesideHead(t *testing.T) {
	dir := trainedIn(t, from(fileOf(t, folded)))
	final, other := filepath.Join(dir, supervised.WeightsFile), filepath.Join(dir, "other.safetensors")
	for _, change := range []func(*supervised.Settings){newHead, func(s *supervised.Settings) { newHead(s); restore(s) }} {
		r, task := taskOf(t, from(final, change))
		c, err := classifier.Load(final, classifier.Options{})
		if err != nil {
			t.Fatal(err)
		}
		was := c.Net.StateDict(c.Theta)
		for _, is := range task.Net.StateDict(task.Theta()) {
			k := slices.IndexFunc(was, func(x weights.Tensor) bool { return x.Name == is.Name })
			if k >= 0 && slices.Equal(is.Data, was[k].Data) == strings.HasPrefix(is.Name, "fc.") {
				t.Errorf("%s is not as it should be", is.Name)
			}
		}
		if !strings.Contains(strings.Join(r.Notes(), "\n"), "new, not from "+final+": fc.weight, fc.bias") {
			t.Errorf("notes %q", r.Notes())
		}
	}
	f, err := weights.Read(final)
	if err != nil {
		t.Fatal(err)
	}
	f.Tensors[0].Data[0]++
	var changed bytes.Buffer
	if err := weights.WriteSafetensors(&changed, f.Tensors, f.Metadata); err != nil {
		t.Fatal(err)
	}
	onnxtest.WriteBytes(t, other, changed.Bytes())
	a, _ := taskOf(t, from(final))
	b, _ := taskOf(t, from(other))
	if a.Fingerprint() == b.Fingerprint() {
		t.Error("the files are taken for one")
	}
}

// A frozen convolution keeps its bits in both files of a run that restores batch normalisation, and in a run that
// goes on with it.
func TestFreezeRestored(t *testing.T) {
	path := fileOf(t, folded)
	for pattern, held := range map[string]string{"conv1": "conv1", "conv1.weight": "conv1", "conv1.bias": "conv1", "*.bias": "conv"} {
		freeze := func(s *supervised.Settings) { restore(s); s.Freeze = []string{pattern} }
		first := trainedIn(t, from(path, freeze))
		frozenAre(t, pattern, path, filepath.Join(first, supervised.NetworkFile))
		norms := trainedIn(t, from(path, restore))
		for _, name := range []string{supervised.NetworkFile, supervised.WeightsFile} {
			again := trainedIn(t, from(filepath.Join(norms, supervised.WeightsFile), freeze))
			frozenAre(t, pattern, filepath.Join(norms, name), filepath.Join(again, name))
			if name == supervised.WeightsFile {
				frozenAre(t, held+"*.norm.*", filepath.Join(norms, name), filepath.Join(again, name))
			}
		}
	}
	if _, err := train.New(from(path, func(s *supervised.Settings) { restore(s); s.Freeze = []string{"conv?.weight", "conv?.bias", "fc"} })); err == nil ||
		!strings.Contains(err.Error(), "leave no parameter to train") {
		t.Errorf("error %v", err)
	}
}

// frozenAre fails unless the tensors of a pattern, and not all, are the same in two files.
func frozenAre(t *testing.T, pattern, was, is string) {
	t.Helper()
	a, b := stateOf(t, was), stateOf(t, is)
	same := 0
	for name, x := range a {
		below, err := weights.MatchName(pattern+".*", name)
		exact, also := weights.MatchName(pattern, name)
		if err != nil || also != nil {
			t.Fatal(err, also)
		}
		if !slices.Equal(x, b[name]) {
			if below || exact {
				t.Errorf("%s: %s is not what it was", is, name)
			}
			continue
		}
		same++
	}
	if same == len(a) {
		t.Errorf("%s: nothing was trained", is)
	}
}

// stateOf are the tensors of a file of either kind, by name.
func stateOf(t *testing.T, path string) map[string][]float32 {
	t.Helper()
	var list []weights.Tensor
	if filepath.Ext(path) == ".onnx" {
		n, err := network.Open(path)
		if err == nil {
			list, err = n.StateDict()
		}
		if err != nil {
			t.Fatal(err)
		}
	} else {
		f, err := weights.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		list = f.Tensors
	}
	state := map[string][]float32{}
	for _, x := range list {
		state[x.Name] = x.Data
	}
	return state
}

// A file to start from that is not there, or holds no network, is what is said, whatever else is asked of it.
func TestInitNoNetwork(t *testing.T) {
	gone, own := filepath.Join(t.TempDir(), "gone"), filepath.Join(trainedIn(t, brief(func(*supervised.Settings) {})), supervised.WeightsFile)
	for what, change := range map[string]func(s *supervised.Settings){
		"batch-norm restore": restore,
		"channels":           func(s *supervised.Settings) { s.Channels = "bgr" },
		"output":             func(s *supervised.Settings) { s.Output = "y" },
	} {
		if _, err := train.New(from(gone, change)); err == nil || !strings.Contains(err.Error(), gone+": no such file") {
			t.Errorf("%s: error %v", what, err)
		}
		if _, err := train.New(from(own, change)); err == nil || !strings.Contains(err.Error(), what+" is for networks of ONNX files, and init, "+own+", has none") {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

// A run is not resumed from a file that was replaced, of the same architecture or another, and says so.
func TestInitReplaced(t *testing.T) {
	path := fileOf(t, folded)
	dir := filepath.Join(t.TempDir(), "run")
	c := from(path)
	if _, err := runIn(t, dir, c, 3); err == nil {
		t.Fatal("it was not interrupted")
	}
	if supervised.InitChanged(&c, train.ReadItems(dir)) {
		t.Error("the file has not changed")
	}
	onnxtest.Write(t, path, strings.ReplaceAll(folded, "@.25", "@.5"))
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := train.OpenDir(dir, r, train.DirOptions{Resume: true}); err == nil || !strings.Contains(err.Error(), "the file of init, "+path+", has changed since the run began; put back") {
		t.Errorf("error %v", err)
	}
	onnxtest.Write(t, path, strings.ReplaceAll(folded, "10x128", "10x64"))
	if !supervised.InitChanged(&c, train.ReadItems(dir)) {
		t.Error("the file has changed")
	}
}

package supervised_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/onnx/network"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// Networks of files that take digits, of ten classes.
const (
	folded = "x:Nx1x8x8; Conv(_, conv1.weight:8x1x3x3, conv1.bias:8){pads=1,1,1,1}; Relu; MaxPool{kernel_shape=2,2 strides=2,2};" +
		"Conv(_, conv2.weight:8x8x3x3, conv2.bias:8){pads=1,1,1,1}; Relu; Flatten; Dropout(_, @.25); Gemm(_, fc.weight:10x128, fc.bias:10){transB=1}"
	normed = "x:Nx1x8x8; Conv(_, conv.weight:8x1x3x3){pads=1,1,1,1}; BatchNormalization(_, bn.weight:8, bn.bias:8, bn.running_mean:8, bn.running_var:8){momentum=.99};" +
		"Relu; Flatten; Gemm(_, fc.weight:10x512, fc.bias:10){transB=1}"
)

// fileOf writes the network of a text.
func fileOf(t *testing.T, text string, change ...func(m *onnx.Model)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "net.onnx")
	onnxtest.Write(t, path, text, change...)
	return path
}

// from is a run of six steps from a file.
func from(path string, change ...func(s *supervised.Settings)) train.Config {
	c := brief(func(s *supervised.Settings) {
		s.Init = path
		for _, f := range change {
			f(s)
		}
	})
	c.CheckpointEvery, c.LR = 1, .02
	return c
}

func newHead(s *supervised.Settings) { s.Head = "new" }
func restore(s *supervised.Settings) { s.BatchNorm = "restore" }
func frozen(s *supervised.Settings)  { s.BatchNorm = "frozen" }

// taskOf opens the task of a run.
func taskOf(t *testing.T, c train.Config) (*train.Run, *supervised.Task) {
	t.Helper()
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r, r.Task.(*supervised.Task)
}

// outputs are the logits of the first test examples.
func outputs(t *testing.T, task *supervised.Task, theta []float32) []float32 {
	t.Helper()
	y, err := task.Net.Logits(theta, some(t, task))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(y)
}

// some are the first test examples.
func some(t *testing.T, task *supervised.Task) []float32 {
	t.Helper()
	set := task.Data.Test
	one := set.ExampleLen()
	x := make([]float32, 16*one)
	for i := range 16 {
		if err := set.Read(x[i*one:], i); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// near fails unless numbers agree within a share of the largest.
func near(t *testing.T, what string, got, want []float32, share float64) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	top, worst := 0., 0.
	for i, w := range want {
		top = math.Max(top, math.Abs(float64(w)))
		worst = math.Max(worst, math.Abs(float64(got[i]-w)))
	}
	if !(worst <= share*top) || top == 0 {
		t.Errorf("%s: off by %g of %g", what, worst, top)
	}
}

// Interrupted after any step, a run from a file ends with the same files as one that was not.
func TestInitResumes(t *testing.T) {
	for name, c := range map[string]train.Config{
		"plain":    from(fileOf(t, folded)),
		"normed":   from(fileOf(t, normed)),
		"frozen":   from(fileOf(t, normed), frozen),
		"new head": from(fileOf(t, strings.ReplaceAll(folded, "10", "7")), newHead),
		"restored": from(fileOf(t, folded), restore, newHead),
		"part":     from(fileOf(t, normed), func(s *supervised.Settings) { s.Freeze = []string{"conv.weight"} }),
	} {
		t.Run(name, func(t *testing.T) {
			c.Method, c.Rho = "sam", .05
			dir := t.TempDir()
			whole, cut := filepath.Join(dir, "whole"), filepath.Join(dir, "cut")
			if _, err := runIn(t, whole, c, 0); err != nil {
				t.Fatal(err)
			}
			for _, steps := range []int{1, 4, 0} {
				if _, err := runIn(t, cut, c, steps); err != nil && steps == 0 {
					t.Fatal(err)
				}
			}
			for _, file := range []string{supervised.NetworkFile, supervised.BestNetworkFile, supervised.WeightsFile, supervised.BestFile} {
				a, b := read(t, filepath.Join(whole, file)), read(t, filepath.Join(cut, file))
				if !bytes.Equal(a, b) {
					t.Errorf("%s differs", file)
				}
			}
			if bytes.Equal(read(t, filepath.Join(whole, supervised.NetworkFile)), read(t, c.Own.(supervised.Settings).Init)) {
				t.Error("nothing was trained")
			}
			for _, pair := range [][2]string{{supervised.NetworkFile, supervised.WeightsFile}, {supervised.BestNetworkFile, supervised.BestFile}} {
				a, b := logitsOf(t, filepath.Join(whole, pair[0])), logitsOf(t, filepath.Join(whole, pair[1]))
				if near(t, pair[0], a, b, 1e-4); name != "restored" && !slices.Equal(a, b) {
					t.Errorf("%s computes other bits than %s", pair[0], pair[1])
				}
			}
		})
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// logitsOf loads a network and computes what it makes of a few numbers.
func logitsOf(t *testing.T, path string) []float32 {
	t.Helper()
	c, err := classifier.Load(path, classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 3*c.Net.InputLen())
	for i := range x {
		x[i] = float32(i*i%17) / 17
	}
	y, err := c.Net.Logits(c.Theta, x)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(y)
}

// The last layer goes on for as many classes, and begins anew for others where that is asked for.
func TestInitHead(t *testing.T) {
	five := strings.ReplaceAll(strings.ReplaceAll(folded, "10x", "5x"), "bias:10", "bias:5")
	for what, c := range map[string]struct {
		config train.Config
		says   string // of the error, "" for none
	}{
		"other classes":           {from(fileOf(t, five)), "the file tells 5 classes apart, not 10; 'head new' begins its last layer anew"},
		"other classes, new head": {from(fileOf(t, five), newHead), ""},
		"no head":                 {from(fileOf(t, "x:Nx1x8x8; Flatten; Gemm(_, 64x10); Tanh"), newHead), "no layer of the file is known to make the outputs"},
		"one output":              {from(fileOf(t, "x:Nx1x8x8; Flatten; Gemm(_, 64x1); Sigmoid")), "not 10; 'head new' begins"},
		"one output, new head":    {from(fileOf(t, "x:Nx1x8x8; Flatten; Gemm(_, 64x1); Sigmoid"), newHead), ""},
		"two heads":               {from(fileOf(t, "x:Nx1x8x8; f=Flatten; a=Gemm(f, 64x5); b=Gemm(f, 64x5); Add(a, b); Div(_, @2.)"), newHead), ""},
		"no head, other classes":  {from(fileOf(t, "x:Nx1x8x8; Flatten; Gemm(_, 64x5); Tanh")), "5"},
		"no head, as many":        {from(fileOf(t, "x:Nx1x8x8; Flatten; Gemm(_, 64x10); Tanh")), ""},
		"colours":                 {from(fileOf(t, strings.ReplaceAll(folded, "1x8x8", "3x8x8"))), "channels"},
		"another size":            {from(fileOf(t, strings.ReplaceAll(folded, "10x128", "10x512"))), "[1 128] times [512 10]"},
		"texts":                   {from(fileOf(t, "ids:int64:Nx4; e=Gather(9x6, ids); Flatten; Gemm(_, 24x10)")), "its words are not the network's"},
		"numbers":                 {from(fileOf(t, "x:Nx64; Gemm(_, 64x10)")), ""},
		"other numbers":           {from(fileOf(t, "x:Nx63; Gemm(_, 63x10)")), "[1 64] times [63 10]"},
		"unsupported":             {from(fileOf(t, strings.ReplaceAll(folded, "Relu;", "Harm;"))), `operators that are not supported: Harm "r1"`},
		"missing":                 {from(filepath.Join(t.TempDir(), "gone.onnx")), "gone.onnx: no such file"},
		"norm":                    {from(fileOf(t, folded), func(s *supervised.Settings) { s.Norm = "group" }), "that of a file has its own"},
		"model":                   {from(fileOf(t, folded), func(s *supervised.Settings) { s.Model = "cnn" }), "leave model off"},
		"key":                     {from(fileOf(t, folded), func(s *supervised.Settings) { s.Key = "ema" }), "no key chooses one"},
		"frozen without":          {from(fileOf(t, folded), frozen), "the network has no batch normalisation"},
		"restored without":        {from(fileOf(t, normed), restore), "there is no convolution with a bias of its own"},
		"colours of grey":         {from(fileOf(t, folded), func(s *supervised.Settings) { s.Channels = "bgr" }), "takes no images of three channels"},
		"freeze nothing":          {from(fileOf(t, folded), func(s *supervised.Settings) { s.Freeze = []string{"conv9"} }), `no parameter matches "conv9"`},
		"as a model":              {brief(func(s *supervised.Settings) { s.Model = fileOf(t, folded) }), "give it as init"},
		"head without":            {brief(newHead), "give init as well"},
		"output without":          {brief(func(s *supervised.Settings) { s.Output = "y" }), "give init as well"},
		"no such output":          {from(fileOf(t, folded), func(s *supervised.Settings) { s.Output = "y" }), `there is no output "y" of floating point; there are "r7"`},
		"restore without":         {brief(restore), "give init as well"},
	} {
		t.Run(what, func(t *testing.T) {
			r, err := train.New(c.config)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v, want one with %q", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := r.Task.(*supervised.Task).Net.Classes(); n != 10 {
				t.Errorf("%d classes", n)
			}
			notes := strings.Join(r.Notes(), "\n")
			if fresh := strings.Contains(notes, "new, not from "+c.config.Own.(supervised.Settings).Init+": fc.weight, fc.bias"); fresh != (what == "other classes, new head") {
				t.Errorf("notes %q", notes)
			}
		})
	}
	// What is written has the new head in its place.
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, dir, from(fileOf(t, five+"; Reshape(_, [-1,5]); Softmax"), newHead), 0); err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Read(filepath.Join(dir, supervised.NetworkFile))
	if err != nil {
		t.Fatal(err)
	}
	if w, b := m.Graph.Initializer("fc.weight"), m.Graph.Initializer("fc.bias"); !slices.Equal(w.Dims, []int{10, 128}) || !slices.Equal(b.Dims, []int{10}) {
		t.Errorf("%v, %v", w.Dims, b.Dims)
	}
	x, err := array.New(onnx.Float, 3, 1, 8, 8)
	if err != nil {
		t.Fatal(err)
	}
	if y, err := network.Run(m, []*array.Array{x}); err != nil || !slices.Equal(y[0].Shape, []int{3, 10}) {
		t.Errorf("%v, %v", y, err)
	}
}

// The classes of the data are numbered as those that the file names.
func TestInitClasses(t *testing.T) {
	path := fileOf(t, folded, func(m *onnx.Model) {
		m.SetProperty("classes", `["9","8","7","6","5","4","3","2","1","0"]`)
		m.SetProperty("normalize", "mean=.5:std=.25")
	})
	r, task := taskOf(t, from(path))
	if !slices.Equal(task.Data.Classes, []string{"9", "8", "7", "6", "5", "4", "3", "2", "1", "0"}) || task.Normalize.String() != "mean=0.5:std=0.25" {
		t.Errorf("classes %q, normalisation %s, notes %q", task.Data.Classes, task.Normalize, r.Notes())
	}
	// In a file that was written here what can't be read is an error; in one of another program it may
	// mean anything.
	for value, says := range map[string]string{"[": "metadata classes", `["a"]`: "metadata classes names 1 classes, the network has 10 outputs"} {
		path := fileOf(t, folded, func(m *onnx.Model) {
			m.SetProperty("classes", value)
			m.SetProperty("normalize", "none")
			m.SetProperty("input", "[8,8,1]")
		})
		if _, err := train.New(from(path)); err == nil || !strings.Contains(err.Error(), path+": "+says) {
			t.Errorf("error %v", err)
		}
		path = fileOf(t, folded, func(m *onnx.Model) {
			m.SetProperty("classes", value)
			m.SetProperty("input", "image")
			m.SetProperty("channels", "3")
		})
		if r, _ := taskOf(t, from(path)); !strings.Contains(strings.Join(r.Notes(), "\n"), path+": its metadata have a classes of another kind") {
			t.Errorf("notes %q", r.Notes())
		}
	}
}

// What is frozen, by its name in the file, keeps its bits, and nothing else does.
func TestInitFreeze(t *testing.T) {
	path := fileOf(t, folded)
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, dir, from(path, func(s *supervised.Settings) { s.Freeze = []string{"conv1", "*.bias"} }), 0); err != nil {
		t.Fatal(err)
	}
	was, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	is, err := onnx.Read(filepath.Join(dir, supervised.NetworkFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range was.Graph.Initializers {
		kept := strings.HasPrefix(x.Name, "conv1") || strings.HasSuffix(x.Name, "bias") || x.Len() == 1
		if got := reflect.DeepEqual(is.Graph.Initializer(x.Name), x); got != kept {
			t.Errorf("%s: unchanged is %t", x.Name, got)
		}
	}
}

// Frozen, batch normalisation computes what it does in evaluation, and its statistics keep their
// bits; thawed, they follow the data even in a short run, though the file's momentum is .01.
func TestInitBatchNorm(t *testing.T) {
	path := fileOf(t, normed)
	was, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	statistics := func(m *onnx.Model) (all []float32) {
		for _, name := range []string{"bn.running_mean", "bn.running_var"} {
			v, err := m.Graph.Initializer(name).Floats()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, v...)
		}
		return all
	}
	run := func(change func(s *supervised.Settings)) []float32 {
		dir := filepath.Join(t.TempDir(), "run")
		if _, err := runIn(t, dir, from(path, change), 0); err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Read(filepath.Join(dir, supervised.NetworkFile))
		if err != nil {
			t.Fatal(err)
		}
		return statistics(m)
	}
	before := statistics(was)
	if after := run(frozen); !slices.Equal(after, before) {
		t.Errorf("frozen statistics %v became %v", before, after)
	}
	// the convolution of digits has means near 0, the file's are .25 to 1.25: of 6 steps with .5
	// each, .5^6 = .016 of the distance is left, of those with .01 it would be .94
	after := run(func(*supervised.Settings) {})
	_, task := taskOf(t, from(path))
	actual := measured(t, task)
	for c := range 8 {
		if left := (after[c] - actual[c]) / (before[c] - actual[c]); !(left > -.02 && left < .06) {
			t.Errorf("channel %d: mean %g became %g, of the data %g: %.2f of the distance is left", c, before[c], after[c], actual[c], left)
		}
	}
}

// measured are the means over the training examples of the channels before the normalisation of
// normed.
func measured(t *testing.T, task *supervised.Task) []float32 {
	t.Helper()
	x := some(t, task)
	var w []float32
	for _, s := range task.Net.StateDict(task.Theta()) {
		if s.Name == "conv.weight" {
			w = s.Data
		}
	}
	means := make([]float32, 8)
	for c := range means {
		sum := 0.
		for n := range 16 {
			for y := range 8 {
				for z := range 8 {
					for k, v := range w[9*c : 9*c+9] {
						i, j := y+k/3-1, z+k%3-1
						if i >= 0 && i < 8 && j >= 0 && j < 8 {
							sum += float64(v) * float64(x[n*64+i*8+j])
						}
					}
				}
			}
		}
		means[c] = float32(sum / (16 * 64))
	}
	return means
}

// Batch normalisation that is put back changes nothing at the start, in evaluation; what a run
// writes has it folded away again, and computes what the network does in evaluation.
func TestInitRestore(t *testing.T) {
	path := fileOf(t, folded)
	_, plain := taskOf(t, from(path))
	_, task := taskOf(t, from(path, restore))
	if plain.Net.BatchNorms() != 0 || task.Net.BatchNorms() != 2 {
		t.Errorf("%d and %d normalisations", plain.Net.BatchNorms(), task.Net.BatchNorms())
	}
	if notes := strings.Join(task.Notes(), "\n"); !strings.Contains(notes, "batch normalisation was put back behind 2 of 2 convolutions: Conv ") {
		t.Errorf("notes %s", notes)
	}
	near(t, "restored", outputs(t, task, task.Theta()), outputs(t, plain, plain.Theta()), 1e-4)

	// In training, by the statistics of a minibatch, it changes little, as it was set by examples.
	still := fileOf(t, strings.Replace(folded, "Dropout(_, @.25);", "", 1))
	loss := func(c train.Config) float64 {
		_, task := taskOf(t, c)
		b, err := task.Minibatch(context.Background(), 0)
		if err != nil {
			t.Fatal(err)
		}
		v, err := b.Gradient(make([]float32, task.Net.Size()), task.Theta(), 0, b.Len(), objective.Call{Weight: 1})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	c := from(still)
	c.Batch = 256
	want := loss(c)
	supervised.Change(&c, restore)
	if got := loss(c); math.Abs(got-want) > .02*want {
		t.Errorf("the loss in training is %g, without normalisation %g", got, want)
	}

	r, task := taskOf(t, from(path, restore))
	dir := filepath.Join(t.TempDir(), "run")
	d, err := train.OpenDir(dir, r, train.DirOptions{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Do(context.Background(), d, train.Watch{})
	if err != nil || d.Close() != nil {
		t.Fatal(err)
	}
	written, err := classifier.Load(filepath.Join(dir, supervised.NetworkFile), classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(written.Net.Params) != len(plain.Net.Params) || written.Net.BatchNorms() != 0 {
		t.Errorf("%d parameters and %d normalisations were written", len(written.Net.Params), written.Net.BatchNorms())
	}
	y, err := written.Net.Logits(written.Theta, some(t, task))
	if err != nil {
		t.Fatal(err)
	}
	folded := slices.Clone(y)
	kept, err := classifier.Load(filepath.Join(dir, supervised.WeightsFile), classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	logits := outputs(t, task, res.Theta)
	if kept.Net.BatchNorms() != 2 {
		t.Errorf("%d normalisations in the weights", kept.Net.BatchNorms())
	}
	if y, err = kept.Net.Logits(kept.Theta, some(t, task)); err != nil || !slices.Equal(y, logits) {
		t.Errorf("the weights compute other bits, %v", err)
	}
	near(t, "folded", folded, logits, 1e-4)
}

// pictures makes a folder of images of two classes, of a height and width, in colours.
func pictures(t *testing.T, height, width int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pictures")
	for split, n := range map[string]int{"train": 24, "test": 16} {
		for class := range 2 {
			for i := range n / 2 {
				img := image.NewRGBA(image.Rect(0, 0, width, height))
				for p := range width * height {
					img.Set(p%width, p/width, color.RGBA{uint8(40*class + 7*p + i), uint8(200 - 90*class + p), uint8(13 * i), 255})
				}
				var b bytes.Buffer
				path := filepath.Join(dir, split, fmt.Sprint("c", class), fmt.Sprint(i, ".png"))
				if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := png.Encode(&b, img); err != nil {
					t.Fatal(err)
				}
				onnxtest.WriteBytes(t, path, b.Bytes())
			}
		}
	}
	return dir
}

// Images come to a network in the order of channels and dimensions that it takes, in its size, and
// in minibatches of any size, whatever the file was made for.
func TestInitImages(t *testing.T) {
	const head = "Relu; GlobalAveragePool; Flatten; Gemm(_, fc.weight:4x2, fc.bias:2)"
	const plain = "x:Nx3x6x10; Conv(_, conv.weight:4x3x3x3, conv.bias:4); " + head
	photos := "imagefolder:" + pictures(t, 12, 20)
	onPictures := func(path string, change ...func(s *supervised.Settings)) train.Config {
		return from(path, append(change, func(s *supervised.Settings) { s.Data, s.Val = photos, 0 })...)
	}
	_, rgb := taskOf(t, onPictures(fileOf(t, plain)))
	if !slices.Equal(rgb.Data.Train.Shape, []int{6, 10, 3}) {
		t.Fatalf("images of %v", rgb.Data.Train.Shape)
	}
	want := outputs(t, rgb, rgb.Theta())
	exchanged := func(m *onnx.Model) {
		w := m.Graph.Initializer("conv.weight")
		v, err := w.Floats()
		if err != nil {
			t.Fatal(err)
		}
		for o := range 4 {
			for k := range 9 {
				v[o*27+k], v[o*27+18+k] = v[o*27+18+k], v[o*27+k]
			}
		}
		w.SetFloats(v)
	}
	bgr := func(s *supervised.Settings) { s.Channels = "bgr" }
	for what, c := range map[string]train.Config{
		"bgr":                 onPictures(fileOf(t, plain, exchanged), bgr),
		"channels last":       onPictures(fileOf(t, "x:Nx6x10x3; Transpose{perm=0,3,1,2}; Conv(_, conv.weight:4x3x3x3, conv.bias:4); "+head)),
		"channels last, bgr":  onPictures(fileOf(t, "x:Nx6x10x3; Transpose{perm=0,3,1,2}; Conv(_, conv.weight:4x3x3x3, conv.bias:4); "+head, exchanged), bgr),
		"one at a time":       onPictures(fileOf(t, "x:1x3x6x10; Conv(_, conv.weight:4x3x3x3, conv.bias:4); Relu; GlobalAveragePool; Reshape(_, [1,4]); Gemm(_, fc.weight:4x2, fc.bias:2)")),
		"seven at a time":     onPictures(fileOf(t, "x:7x3x6x10; Conv(_, conv.weight:4x3x3x3, conv.bias:4); Relu; GlobalAveragePool; Reshape(_, [7,4]); Gemm(_, fc.weight:4x2, fc.bias:2)")),
		"of any size":         onPictures(fileOf(t, strings.Replace(plain, "6x10", "HxW", 1)), func(s *supervised.Settings) { s.Size.Height, s.Size.Width = 6, 10 }),
		"with probabilities":  onPictures(fileOf(t, plain+"; Softmax")),
		"with logarithms":     onPictures(fileOf(t, plain+"; LogSoftmax{axis=1}")),
		"as pixels of 0..255": onPictures(fileOf(t, strings.Replace(plain, "Conv(_", "Mul(_, @255.); Div(_, @255.); Conv(_", 1))),
	} {
		t.Run(what, func(t *testing.T) {
			_, task := taskOf(t, c)
			near(t, what, outputs(t, task, task.Theta()), want, 1e-5)
			dir := filepath.Join(t.TempDir(), "run")
			if _, err := runIn(t, dir, c, 0); err != nil {
				t.Fatal(err)
			}
			a, b := logitsOf(t, filepath.Join(dir, supervised.NetworkFile)), logitsOf(t, filepath.Join(dir, supervised.WeightsFile))
			if !slices.Equal(a, b) {
				t.Errorf("the file computes %v, the weights %v", a, b)
			}
			again, task := taskOf(t, func() train.Config {
				o := c
				supervised.Change(&o, func(s *supervised.Settings) { s.Init, s.Channels = filepath.Join(dir, supervised.NetworkFile), "" })
				return o
			}())
			y, err := task.Net.Logits(task.Theta(), pattern(3*task.Net.InputLen()))
			if err != nil || !slices.Equal(y, a) {
				t.Errorf("trained again it begins with %v, not %v; %v; notes %q", y, a, err, again.Notes())
			}
		})
	}
}

func pattern(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i*i%17) / 17
	}
	return x
}

// Dropout is of training alone, and draws the same numbers in both passes of a step.
func TestInitDropout(t *testing.T) {
	_, task := taskOf(t, from(fileOf(t, strings.Replace(folded, "@.25", "@.5", 1))))
	_, without := taskOf(t, from(fileOf(t, strings.Replace(folded, "@.25", "@0.", 1))))
	if !slices.Equal(outputs(t, task, task.Theta()), outputs(t, without, without.Theta())) {
		t.Error("evaluation drops")
	}
	x, labels := some(t, task), make([]int, 16)
	loss := func(task *supervised.Task, c objective.Call) float64 {
		c.Weight = 1
		v, err := task.Net.Gradient(make([]float32, task.Net.Size()), task.Theta(), x, labels, c)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := loss(task, objective.Call{})
	if second := loss(task, objective.Call{Perturbed: true}); second != first {
		t.Errorf("the loss is %g, in the step's second pass %g", first, second)
	}
	if next := loss(task, objective.Call{}); next == first {
		t.Error("the next step drops the same")
	}
	if plain := loss(without, objective.Call{}); plain == first {
		t.Error("training drops nothing")
	}
}

// Files of other types of floating point are trained in float32, and written in their own.
func TestInitTypes(t *testing.T) {
	for d, share := range map[onnx.DType]float64{onnx.Float16: 2e-3, onnx.BFloat16: 2e-2, onnx.Double: 0} {
		path := fileOf(t, normed, func(m *onnx.Model) {
			m.Graph.Inputs[0].DType, m.Graph.Outputs[0].DType = d, d
			for i, x := range m.Graph.Initializers {
				v, err := x.Floats()
				if err != nil {
					t.Fatal(err)
				}
				typed := &onnx.Tensor{Name: x.Name, DType: d, Dims: x.Dims}
				typed.SetFloats(v)
				m.Graph.Initializers[i] = typed
			}
		})
		dir := filepath.Join(t.TempDir(), "run")
		if _, err := runIn(t, dir, from(path), 0); err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Read(filepath.Join(dir, supervised.NetworkFile))
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range m.Graph.Initializers {
			if x.DType != d {
				t.Errorf("%s is of %v, was of %v", x.Name, x.DType, d)
			}
		}
		near(t, d.String(), logitsOf(t, filepath.Join(dir, supervised.NetworkFile)), logitsOf(t, filepath.Join(dir, supervised.WeightsFile)), share)
	}
}

// Numbers are predicted by networks of files, from the columns that they were trained on.
func TestInitTargets(t *testing.T) {
	dir := t.TempDir()
	table := func(name, head string, a, b int) string {
		lines := []string{head}
		for i := range 60 {
			row := []float64{float64(i%7) + .5, float64(i%11) + .25}
			lines = append(lines, fmt.Sprintf("%g,%g,%g", row[a], row[b], 2*row[0]+row[1]/2))
		}
		path := filepath.Join(dir, name)
		onnxtest.WriteBytes(t, path, []byte(strings.Join(lines, "\n")+"\n"))
		return "csv:" + path + "?target=price"
	}
	prices, turned := table("a.csv", "rooms,age,price", 0, 1), table("b.csv", "age,rooms,price", 1, 0)
	of := func(spec string) func(s *supervised.Settings) {
		return func(s *supervised.Settings) { s.Data, s.Val = spec, 10 }
	}
	const two = "x:Nx2; Gemm(_, 2x4, 4); Relu; Gemm(_, w:2x4, b:2){transB=1}"
	one := strings.ReplaceAll(two, "w:2x4, b:2", "w:1x4, b:1")
	if _, err := train.New(from(fileOf(t, two), of(prices))); err == nil || !strings.Contains(err.Error(), "not 1; 'head new' begins") {
		t.Error(err)
	}
	for _, c := range []train.Config{from(fileOf(t, one), of(prices)), from(fileOf(t, two), of(prices), newHead)} {
		c.LR = .001
		run := filepath.Join(t.TempDir(), "run")
		if _, err := runIn(t, run, c, 0); err != nil {
			t.Fatal(err)
		}
		graph := filepath.Join(run, supervised.NetworkFile)
		f, err := classifier.Open(graph)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(f.Info.Targets, []string{"price"}) || !slices.Equal(f.Info.Features, []string{"rooms", "age"}) || f.Info.Classes != nil {
			t.Errorf("%+v", f.Info)
		}
		if a, b := logitsOf(t, graph), logitsOf(t, filepath.Join(run, supervised.WeightsFile)); len(a) != 3 || !slices.Equal(a, b) {
			t.Errorf("%v and %v", a, b)
		}
		if _, err := train.New(from(graph, of(turned))); err == nil || !strings.Contains(err.Error(), "it was trained on columns rooms, age, the data have age, rooms") {
			t.Error(err)
		}
	}
}

// A network of a file says for itself which parameters make its outputs.
func TestInitHeadOfModel(t *testing.T) {
	path := fileOf(t, folded)
	m, err := models.Build(path, models.Options{Input: []int{8, 8, 1}, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range m.Head() {
		names = append(names, p.Name)
	}
	if !slices.Equal(names, []string{"fc.weight", "fc.bias"}) {
		t.Errorf("head %q", names)
	}
	b := nn.NewBuilder()
	fc := b.Linear("fc", 4, 3)
	own := b.Param("own", nn.Constant(1), 4, 4)
	b.SetHead(own)
	if m, err = nn.NewModel(b, nn.Sequential{nn.Flatten, fc}, []int{2, 2, 1}); err != nil || len(m.Head()) != 1 || m.Head()[0].Name != "own" {
		t.Errorf("%v, %v", m.Head(), err)
	}
}

// A run of a network's file is called as the file, not as the model that it would have had.
func TestModelName(t *testing.T) {
	c := supervised.Default()
	if name := c.ModelName(); name != "mlp" {
		t.Error(name)
	}
	supervised.Change(&c, func(s *supervised.Settings) { s.Init = "published/mobilenet.onnx" })
	if name := c.ModelName(); name != "mobilenet.onnx" {
		t.Error(name)
	}
	supervised.Change(&c, func(s *supervised.Settings) { s.Model, s.Init = "resnet20", "resnet20.th" })
	if name := c.ModelName(); name != "resnet20" {
		t.Error(name)
	}
}

// A network of a file that does not say how pixels are normalised may be given others than it was
// trained on, which is said unless somebody chose.
func TestInitNormalization(t *testing.T) {
	path := fileOf(t, folded)
	own := fileOf(t, folded, func(m *onnx.Model) { m.SetProperty("normalize", "none") })
	for what, tt := range map[string]struct {
		c    train.Config
		says bool
	}{
		"nothing": {from(path), true},
		"chosen":  {from(path, func(s *supervised.Settings) { s.Normalize = "none" }), false},
		"its own": {from(own), false},
	} {
		r, _ := taskOf(t, tt.c)
		said := strings.Contains(strings.Join(r.Notes(), "\n"), "net.onnx: nothing is known of the file; warning: if the network was trained on normalized pixels")
		if said != tt.says {
			t.Errorf("%s: notes %q", what, r.Notes())
		}
	}
}

// Data in colour and a network for grey, or the other way round, are told by what they are.
func TestInitChannels(t *testing.T) {
	colour := strings.Replace(folded, "x:Nx1x8x8", "x:Nx3xHxW", 1)
	colour = strings.Replace(colour, "8x1x3x3", "8x3x3x3", 1)
	photos := photos(t, 4, 4)
	onPhotos := func(s *supervised.Settings) { s.Data, s.Val = "imagefolder:"+photos, 0 }
	for want, c := range map[string]train.Config{
		"is for images in colour, the data's are in grey": from(fileOf(t, colour)),
		"is for images in grey, the data's are in colour": from(fileOf(t, folded), onPhotos),
	} {
		if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), "net.onnx: the network "+want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// What has no gradient is refused before anything is trained.
func TestNoGradient(t *testing.T) {
	path := fileOf(t, "x:Nx1x8x8; Conv(_, conv.weight:8x1x3x3, conv.bias:8); Flatten; v,i=TopK(_, [16]); Gemm(v, fc.weight:10x16, fc.bias:10){transB=1}")
	_, err := train.New(from(path))
	if err == nil || !strings.Contains(err.Error(), "TopK \"v\": a gradient through it is not supported: the network can be evaluated") {
		t.Errorf("error %v", err)
	}
}

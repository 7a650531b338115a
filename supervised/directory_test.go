package supervised_test

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// directoryOf is a network of package hf's tests with more files beside.
func directoryOf(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("../hf/testdata", name))); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// pictures are folders of images of two colours, which are no squares.
func photographs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 24 {
		img := image.NewRGBA(image.Rect(0, 0, 40, 30))
		class := []string{"blue", "red"}[i%2]
		for p := range 40 * 30 {
			c := color.RGBA{R: uint8(10 * i), G: uint8(p * 7), B: uint8(40 + i), A: 255}
			if class == "red" {
				c.R, c.B = 200+c.R/8, c.B/8
			}
			img.Set(p%40, p/40, c)
		}
		path := filepath.Join(dir, class, fmt.Sprint(i, ".png"))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err == nil {
			err = png.Encode(f, img)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const sixteen = `{"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}, "resample": 3, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.4, 0.2]}`

// vocabulary has no special tokens of its own but those of BERT.
var vocabulary = strings.Join(append([]string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}, strings.Split("good bad film plot the a is very not it", " ")...), "\n")

func opinions(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("label\ttext\n")
	for i := range 30 {
		fmt.Fprintf(&b, "%s\tthe %s is %s %s film %s\n", []string{"bad", "good"}[i%2], []string{"film", "plot"}[i/2%2], []string{"bad", "good"}[i%2], strings.Repeat("very ", i%5), strings.Repeat("a ", i%3))
	}
	path := filepath.Join(t.TempDir(), "opinions.tsv")
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func fromDirectory(dir, data string) train.Config {
	c := from(dir, func(s *supervised.Settings) { s.Data, s.Head, s.Val = data, "new", .25 })
	c.Method, c.LR, c.Batch, c.Epochs, c.MaxSteps = "m-sam", .05, 6, 8, 0
	c.Rho = .05
	return c
}

// A run from a directory as Hugging Face publishes it takes what that says of inputs, and leaves such a directory,
// which says the same as the weights beside it, and goes on to be trained.
func TestDirectories(t *testing.T) {
	images, texts := "imagefolder:"+photographs(t), "text:"+opinions(t)
	for _, c := range []struct {
		dir, data string
		input     []int
		learns    bool // in so few steps
	}{
		{directoryOf(t, "vit", map[string]string{"preprocessor_config.json": sixteen}), images, []int{16, 16, 3}, true},
		{directoryOf(t, "resnet", map[string]string{"preprocessor_config.json": strings.ReplaceAll(sixteen, "16", "32")}), images, []int{32, 32, 3}, true},
		{directoryOf(t, "timm-convnext", nil), images, []int{32, 32, 3}, false},
		{directoryOf(t, "bert", map[string]string{"vocab.txt": vocabulary}), texts, []int{16}, true},
	} {
		t.Run(filepath.Base(c.dir), func(t *testing.T) {
			config := fromDirectory(c.dir, c.data)
			run := filepath.Join(t.TempDir(), "run")
			if _, err := runIn(t, run, config, 5); err == nil {
				t.Fatal("it was not stopped")
			}
			r, err := runIn(t, run, config, 0)
			if err != nil {
				t.Fatal(err)
			}
			whole, want := do(t, config)
			if r.WeightsSHA256 != want.WeightsSHA256 {
				t.Error("it goes on otherwise than without a stop")
			}
			if acc := float64(r.Val.Get("accuracy")); !(acc >= .8) && c.learns {
				t.Errorf("accuracy %g", acc)
			}
			if got := whole.Task.(*supervised.Task).Data.Train.Shape; !slices.Equal(got, c.input) {
				t.Errorf("inputs of shape %v, want %v", got, c.input)
			}
			opened := openedAgain(t, run, c.input)
			if !slices.Equal(opened.Classes, whole.Task.(*supervised.Task).Data.Classes) {
				t.Errorf("classes %q", opened.Classes)
			}
			again := fromDirectory(filepath.Join(run, supervised.Directory), c.data)
			supervised.Change(&again, func(s *supervised.Settings) { s.Head = "" })
			if _, err := runIn(t, run+"2", again, 0); err != nil {
				t.Error(err)
			}
		})
	}
}

// openedAgain opens what a run has left in both forms, which say the same.
func openedAgain(t *testing.T, run string, input []int) *classifier.Classifier {
	t.Helper()
	var outputs [][]float32
	var c *classifier.Classifier
	for _, name := range []string{supervised.WeightsFile, supervised.Directory, supervised.NetworkFile} {
		opened, err := classifier.Load(filepath.Join(run, name), classifier.Options{})
		if len(input) == 1 && name == supervised.NetworkFile { // a graph has no tokenizer
			if err == nil || !strings.Contains(err.Error(), "cut into tokens by the tokenizer of the directory") {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if c = opened; len(input) == 3 {
			fit, err := c.Fit(false)
			if want := classifier.Prepared(filepath.Join(run, supervised.Directory), input); err != nil || fit.As != want {
				t.Errorf("%s: images are prepared as %+v, by the directory as %+v, %v", name, fit.As, want, err)
			}
		}
		x := make([]float32, c.Net.InputLen())
		for i := range x {
			x[i] = float32(i%5) / 5
			if len(input) == 1 {
				x[i] = data.PackToken(2+i%8, 0)
			}
		}
		y, err := c.Outputs(x)
		if err != nil {
			t.Fatal(err)
		}
		outputs = append(outputs, y)
	}
	if !slices.Equal(outputs[0], outputs[1]) {
		t.Errorf("the weights say %v, the directory %v", outputs[0], outputs[1])
	}
	if len(input) == 3 {
		for i, v := range outputs[2] {
			if math.Abs(float64(v-outputs[0][i])) > 1e-4 {
				t.Errorf("the weights say %v, the ONNX model %v", outputs[0], outputs[2])
			}
		}
	}
	return c
}

// Images are prepared as the directory says, here bicubic, and not as the size alone would.
func TestPreparedImages(t *testing.T) {
	place := photographs(t)
	dir := directoryOf(t, "vit", map[string]string{"preprocessor_config.json": sixteen})
	r, _ := do(t, fromDirectory(dir, "imagefolder:"+place))
	task := r.Task.(*supervised.Task)
	if got, want := task.Normalize.String(), "mean=0.5,0.4,0.3:std=0.5,0.4,0.2"; got != want {
		t.Errorf("normalisation %s, want %s", got, want)
	}
	plain, err := data.Open("imagefolder:"+place, data.Options{Size: data.Square(16)})
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := data.Open("imagefolder:"+place, data.Options{Size: data.Square(16), As: classifier.Prepared(dir, []int{16, 16, 3})})
	if err != nil {
		t.Fatal(err)
	}
	a, b := make([]float32, 16*16*3), make([]float32, 16*16*3)
	if err := plain.Train.Read(a, 0); err != nil {
		t.Fatal(err)
	}
	if err := prepared.Train.Read(b, 0); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(a, b) {
		t.Error("bicubic pixels are bilinear ones")
	}
}

// Adapters are trained on such a network, and merged into what is left.
func TestAdaptedDirectory(t *testing.T) {
	c := fromDirectory(directoryOf(t, "bert", map[string]string{"vocab.txt": vocabulary}), "text:"+opinions(t))
	supervised.Change(&c, func(s *supervised.Settings) { s.LoRA = nn.LoRA{Rank: 2} })
	run := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, run, c, 0); err != nil {
		t.Fatal(err)
	}
	openedAgain(t, run, []int{16})
	if _, err := os.Stat(filepath.Join(run, supervised.AdapterDir, "adapter_model.safetensors")); err != nil {
		t.Error(err)
	}
}

// What a directory lacks is said before the first step.
func TestDirectoriesOfNoUse(t *testing.T) {
	place := "imagefolder:" + photographs(t)
	for want, c := range map[string]train.Config{
		"has no tokenizer.json": fromDirectory(directoryOf(t, "bert", nil), "text:"+opinions(t)),
		"'head new' begins":     from(directoryOf(t, "vit", nil), func(s *supervised.Settings) { s.Data = place }),
		"output":                from(directoryOf(t, "vit", nil), func(s *supervised.Settings) { s.Data, s.Output = place, "logits" }),
	} {
		if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// A run on images of another size leaves a network of that size, in all its forms.
func TestDirectorySizes(t *testing.T) {
	images := "imagefolder:" + photographs(t)
	for _, c := range []struct {
		dir  string
		size data.Size
	}{
		{"resnet", data.Square(24)}, // nothing says how images are prepared
		{"resnet", data.Size{Height: 24, Width: 40}},
		{"timm-resnet", data.Square(40)},
		{"timm-resnet", data.Size{Height: 32, Width: 48}},
		{"timm-vit", data.Square(40)},
		{"convnext", data.Square(48)},
		{"siglip", data.Square(24)},
	} {
		t.Run(fmt.Sprint(c.dir, " ", c.size), func(t *testing.T) {
			config := fromDirectory(directoryOf(t, c.dir, nil), images)
			config.MaxSteps = 3
			supervised.Change(&config, func(s *supervised.Settings) { s.Size = c.size })
			run := filepath.Join(t.TempDir(), "run")
			if _, err := runIn(t, run, config, 0); err != nil {
				t.Fatal(err)
			}
			if got, want := openedAgain(t, run, []int{c.size.Height, c.size.Width, 3}).Input, []int{c.size.Height, c.size.Width, 3}; !slices.Equal(got, want) {
				t.Errorf("opened again it takes %v, want %v", got, want)
			}
		})
	}
}

package cli

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/nn/models"
)

// trainDigits trains a little and returns the weights and the test accuracy.
func trainDigits(t *testing.T) (weights string, accuracy classifier.Real) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	var r struct {
		TestAccuracy classifier.Real `json:"test_accuracy"`
	}
	decode(t, mustCall(t, "train", "--model", "mlp", "--epochs", "3", "--json", "--out", dir), &r)
	return filepath.Join(dir, "weights.safetensors"), r.TestAccuracy
}

// saveUntrained writes an untrained network for images, with the names of its classes.
func saveUntrained(t *testing.T, classes ...string) string {
	t.Helper()
	info := classifier.Info{Model: "cnn", Input: []int{16, 16, 3}, Classes: classes}
	m, err := models.Build(info.Model, models.Options{Input: info.Input, Classes: len(classes)})
	if err != nil {
		t.Fatal(err)
	}
	c := &classifier.Classifier{Info: info, Net: m, Theta: make([]float32, m.Size())}
	m.Init(c.Theta, 1)
	path := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := classifier.Save(path, c, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// writeImage writes a picture of one color.
func writeImage(t *testing.T, path string, w, h int, c color.Color) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, c)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	encodePNG(t, path, img)
}

// encodePNG writes a picture.
func encodePNG(t *testing.T, path string, img image.Image) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
}

// A network of one channel sees images in grey, which are Pillow's.
func TestPredictGrey(t *testing.T) {
	weights, _ := trainDigits(t)
	f, err := classifier.Open(weights)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Load(classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// Image.new("RGB", (1, 1), colour).convert("L") is 0, 76, 150, 226, 255.
	colours := []color.RGBA{{0, 0, 0, 255}, {255, 0, 0, 255}, {0, 255, 0, 255}, {255, 255, 0, 255}, {255, 255, 255, 255}}
	greys := []uint8{0, 76, 150, 226, 255}
	img, x := image.NewRGBA(image.Rect(0, 0, 8, 8)), make([]float32, 64)
	for k := range x {
		kind := k % 5
		img.SetRGBA(k%8, k/8, colours[kind])
		x[k] = float32(greys[kind]) / 255
	}
	want, err := c.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.png")
	encodePNG(t, path, img)
	var got []predicted
	decode(t, mustCall(t, "predict", "--top", "10", "--json", "--weights", weights, path), &got)
	if len(got) != 1 || len(got[0].Top) != len(want) {
		t.Fatalf("%+v", got)
	}
	for _, g := range got[0].Top {
		if p := want[slices.Index(c.Classes, g.Class)]; g.Probability != p {
			t.Errorf("class %s has probability %g, of the same pixels %g", g.Class, g.Probability, p)
		}
	}
}

// A network that was trained on some classes is evaluated on these.
func TestEvalClasses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	var want trainResult
	decode(t, mustCall(t, "train", "--classes", "8,3,5", "--epochs", "2", "--json", "--out", dir), &want)
	weights := filepath.Join(dir, "weights.safetensors")
	var got classifier.Evaluation
	decode(t, mustCall(t, "eval", "--weights", weights, "--classes", "8,3,5", "--json"), &got)
	if got.Accuracy != want.Test.Get("accuracy") || len(got.PerClass) != 3 || got.N >= 497 {
		t.Errorf("%+v, train said %g", got, float64(want.Test.Get("accuracy")))
	}
	var other classifier.Evaluation
	decode(t, mustCall(t, "eval", "--weights", weights, "--classes", "3,5,8", "--json"), &other)
	if other.Accuracy != got.Accuracy || other.PerClass[0] != got.PerClass[0] {
		t.Errorf("in another order: %+v, want %+v", other, got)
	}
	if code, _, stderr := call("eval", "--weights", weights, "--classes", "3,5"); code != 0 || !strings.Contains(stderr, "has 2 of the network's 3 classes") {
		t.Errorf("fewer: exit code %d, %q", code, stderr)
	}
	if code, _, stderr := call("eval", "--weights", weights, "--classes", "3,5,7"); code != 0 || !strings.Contains(stderr, "taken in their order") {
		t.Errorf("others: exit code %d, %q", code, stderr)
	}
	if code, _, stderr := call("eval", "--weights", weights); code != exitFailed || !strings.Contains(stderr, "tell 3 classes apart") {
		t.Errorf("all: exit code %d, %q", code, stderr)
	}
}

// Labels are matched with the network's classes by name or value, never by order unless that is said.
func TestEvalLabels(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, label func(i int) string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(rows("a,b,label", 40, func(i int) string { return fmt.Sprintf("%d.5,%d.25,%s", 7*(i%2), i%5, label(i)) })), 0o666); err != nil {
			t.Fatal(err)
		}
		return "csv:" + path
	}
	names := func(a, b string) func(i int) string { return func(i int) string { return []string{a, b}[i%2] } }
	mustCall(t, "train", "--data", write("train.csv", names("0", "1")), "--val", "0", "--epochs", "20", "--base", "adam", "--lr", "0.01", "--out", filepath.Join(dir, "run"))
	for name, tt := range map[string]struct {
		label    func(i int) string
		accuracy float64
		want     string
	}{
		"0.0 and 1.0": {names("0.0", "1.0"), 1, ""},
		"01 and 00":   {names("01", "00"), 0, ""},
		"1 alone":     {names("1", "1"), .5, "has 1 of the network's 2 classes"},
		"words":       {names("no", "yes"), -1, "which class is which?"},
		"three":       {func(i int) string { return fmt.Sprint(i % 3) }, -1, "the weights tell 2 classes apart"},
	} {
		code, stdout, stderr := call("eval", "--weights", filepath.Join(dir, "run", "weights.safetensors"), "--data", write("x.csv", tt.label), "--split", "train", "--json")
		if (code == 0) != (tt.accuracy >= 0) || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit code %d, %q", name, code, stderr)
			continue
		}
		if code != 0 {
			continue
		}
		var e classifier.Evaluation
		if decode(t, stdout, &e); float64(e.Accuracy) != tt.accuracy {
			t.Errorf("%s: accuracy %g, want %g", name, float64(e.Accuracy), tt.accuracy)
		}
	}
	for head, want := range map[string]string{"b,a,label": "", "b,label,a": "", "a,c,label": `no column "b"`} {
		path := filepath.Join(dir, "columns.csv")
		if err := os.WriteFile(path, []byte(rows(head, 40, func(i int) string {
			cells := map[string]string{"a": fmt.Sprintf("%d.5", 7*(i%2)), "b": fmt.Sprintf("%d.25", i%5), "c": "1", "label": fmt.Sprint(i % 2)}
			var row []string
			for _, c := range strings.Split(head, ",") {
				row = append(row, cells[c])
			}
			return strings.Join(row, ",")
		})), 0o666); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := call("eval", "--weights", filepath.Join(dir, "run", "weights.safetensors"), "--data", "csv:"+path, "--split", "train", "--json")
		if want != "" {
			if code != exitFailed || !strings.Contains(stderr, want) {
				t.Errorf("columns %s: exit code %d, %q", head, code, stderr)
			}
			continue
		}
		var e classifier.Evaluation
		if decode(t, stdout, &e); code != 0 || e.Accuracy != 1 {
			t.Errorf("columns %s: exit code %d, accuracy %g", head, code, float64(e.Accuracy))
		}
	}
}

// eval finds the accuracy that train measured at its end.
func TestEvalJSON(t *testing.T) {
	path, want := trainDigits(t)
	code, out, stderr := call("eval", "--model", "mlp", "--weights", path, "--data", "digits", "--json")
	var got map[string]json.RawMessage
	decode(t, out, &got)
	var e classifier.Evaluation
	decode(t, out, &e)
	if code != 0 || len(got) != 9 || e.MCC > 1 || !(e.F1Macro > .5) || e.F1 != nil || e.Accuracy != want || e.N != 497 || len(e.PerClass) != 10 || !(e.Loss > 0) || !(e.ImagesPerS > 0) {
		t.Errorf("exit code %d, %s, want accuracy %g", code, out, want)
	}
	if !strings.Contains(stderr, "normalization none: ") {
		t.Errorf("stderr %q", stderr)
	}
	var other classifier.Evaluation
	decode(t, mustCall(t, "eval", "--model", "mlp", "--weights", path, "--batch", "7", "--json"), &other)
	if other.Accuracy != e.Accuracy || other.Loss != e.Loss {
		t.Errorf("%+v in batches of 7, %+v else", other, e)
	}
	decode(t, mustCall(t, "eval", "--model", "mlp", "--weights", path, "--normalize", "mnist", "--json"), &other)
	if other.Loss == e.Loss {
		t.Error("--normalize changes nothing")
	}
	decode(t, mustCall(t, "eval", "--model", "mlp", "--weights", path, "--split", "val", "--subset", "40", "--json"), &other)
	for c, v := range other.PerClass {
		if other.N != 40 || math.IsNaN(float64(v)) {
			t.Errorf("class %d of %+v, 40 examples of all classes alike", c, other)
		}
	}
	table := mustCall(t, "eval", "--model", "mlp", "--weights", path)
	for _, want := range []string{"accuracy  0.", "nats", "examples  497", "class  accuracy\n0      0."} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
}

func TestEvalErrors(t *testing.T) {
	dir := t.TempDir()
	digits, _ := trainDigits(t)
	ab, cd := saveUntrained(t, "a", "b"), saveUntrained(t, "c", "d")
	abc, vectors := saveUntrained(t, "a", "b", "c"), saveRegressor(t, []int{1, 1, 2}, "y")
	folder := filepath.Join(dir, "folder")
	for _, class := range []string{"a", "b"} {
		writeImage(t, filepath.Join(folder, "train", class, "1.png"), 20, 12, color.White)
	}
	text := filepath.Join(dir, "a.txt")
	if err := os.WriteFile(text, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"eval", exitUsage, "--weights is missing"},
		{"eval --weights " + dir + "/none", exitFailed, "no such file"},
		{"eval --weights " + text, exitFailed, "a text, not weights (it starts with hello)"},
		{"eval --model vgg --weights " + ab, exitUsage, `unknown model "vgg"; there are mlp,`},
		{"eval --norm layer --weights " + ab, exitUsage, `--norm "layer"; there are batch, group`},
		{"eval --normalize imagnet --weights " + ab, exitUsage, `unknown normalization "imagnet"; there are none, cifar10`},
		{"eval --batch 0 --weights " + ab, exitUsage, "--batch is 0"},
		{"eval --subset -1 --weights " + ab, exitUsage, "--subset is -1"},
		{"eval --data mnist --weights " + ab, exitUsage, `unknown data set "mnist"`},
		{"eval --data digits --weights " + ab, exitFailed, "the network is for images in colour, the data's are in grey"},
		{"eval --data imagefolder:" + folder + " --weights " + ab, exitUsage, "imagefolder:" + folder + ` has no split "test": --split takes train`},
		{"eval --split train --data imagefolder:" + folder + " --weights " + abc + " --classes c", exitUsage, `no class "c"`},
		{"eval --split train --data imagefolder:" + folder + " --weights " + cd, exitFailed, "which class is which?"},
		{"eval --model cnn --weights " + digits, exitFailed, "layers.0.weight"},
		{"predict --weights " + ab, exitUsage, "takes one image or more"},
		{"predict --top 0 --weights " + ab + " x.png", exitUsage, "--top is 0"},
		{"predict --classes a,b,c --weights " + ab + " x.png", exitFailed, "the weights tell 2 classes apart, not the 3"},
		{"predict --classes a,,c --weights " + ab + " x.png", exitUsage, "name 2 is empty"},
		{"predict --classes none.txt --weights " + ab + " x.png", exitUsage, "--classes none.txt"},
		{"predict --weights " + vectors + " x.png", exitFailed, "the network is for rows of 2 numbers, not for images"},
	} {
		code, out, stderr := call(strings.Fields(tt.args)...)
		if code != tt.code || out != "" || !strings.HasPrefix(stderr, "monge: ") || !strings.Contains(stderr, tt.want) {
			t.Errorf("monge %s: exit code %d, stdout %q, stderr %q; want %d, %q", tt.args, code, out, stderr, tt.code, tt.want)
		}
	}
	var e classifier.Evaluation
	decode(t, mustCall(t, "eval", "--json", "--split", "train", "--data", "imagefolder:"+folder, "--weights", ab), &e)
	if e.N != 2 || e.PerClass[0]+e.PerClass[1] != 1 {
		t.Errorf("%+v of two white images, one in each class", e)
	}
}

// A bad image does not stop the others; each is named, and the exit code is 1.
func TestPredict(t *testing.T) {
	dir := t.TempDir()
	w := saveUntrained(t, "cat", "dog", "owl")
	white, red, bad := filepath.Join(dir, "white.png"), filepath.Join(dir, "red.png"), filepath.Join(dir, "bad.png")
	writeImage(t, white, 40, 30, color.White)
	writeImage(t, red, 16, 16, color.RGBA{255, 0, 0, 255})
	if err := os.WriteFile(bad, []byte("\x89PNG\r\n\x1a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(dir, "none.png")
	type predicted struct {
		Image string
		Top   []struct {
			Class       string
			Probability float64
		}
		Error string
	}
	code, out, stderr := call("predict", "--json", "--weights", w, white, bad, none, red)
	var got []predicted
	decode(t, out, &got)
	if code != exitFailed || len(got) != 4 || !strings.Contains(stderr, "2 of 4 images failed") || !strings.Contains(stderr, bad) || !strings.Contains(stderr, none) {
		t.Fatalf("exit code %d, %s, %s", code, out, stderr)
	}
	for i, p := range got {
		if fine := i == 0 || i == 3; fine != (p.Error == "") || fine != (len(p.Top) == 3) || p.Image != []string{white, bad, none, red}[i] {
			t.Errorf("%+v", p)
		}
		var sum float64
		for k, g := range p.Top {
			sum += g.Probability
			if k > 0 && g.Probability > p.Top[k-1].Probability {
				t.Errorf("%+v is out of order", p)
			}
		}
		if p.Top != nil && !(math.Abs(sum-1) < 1e-6) {
			t.Errorf("probabilities sum to %g", sum)
		}
	}
	names := filepath.Join(dir, "names.txt")
	if err := os.WriteFile(names, []byte("x\ny y\nz\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, classes := range []string{names, "x,y y,z"} {
		table := mustCall(t, "predict", "--top", "2", "--classes", classes, "--weights", w, white, red)
		lines := strings.Split(strings.TrimSpace(table), "\n")
		if len(lines) != 6 || lines[0] != white || lines[3] != red || !strings.Contains("x, y y, z", strings.TrimSpace(lines[1][:5])) {
			t.Errorf("%s", table)
		}
	}
}

// So many examples as are asked for are evaluated, of those that can be read.
func TestEvalSubsetOfWhole(t *testing.T) {
	dir := lines(t, 10)
	for i := range 4 {
		if err := os.Truncate(filepath.Join(dir, "down", strconv.Itoa(2*i)+".png"), 40); err != nil {
			t.Fatal(err)
		}
	}
	info := classifier.Info{Model: "mlp", Input: []int{8, 24, 1}, Classes: []string{"across", "down"}}
	m, err := models.Build(info.Model, models.Options{Input: info.Input, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := classifier.Save(path, &classifier.Classifier{Info: info, Net: m, Theta: make([]float32, m.Size())}, nil); err != nil {
		t.Fatal(err)
	}
	var e classifier.Evaluation
	decode(t, mustCall(t, "eval", "--weights", path, "--data", "imagefolder:"+dir, "--split", "train", "--skip-damaged", "--subset", "12", "--json"), &e)
	if e.N != 12 {
		t.Errorf("%d examples, want 12", e.N)
	}
}

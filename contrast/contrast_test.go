package contrast_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/align"
	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/contrast"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// squares writes n pairs: a square of a colour at a place, and words for both.
func squares(t *testing.T, n int) (spec string) {
	t.Helper()
	dir := t.TempDir()
	var lines strings.Builder
	shades := []string{"black", "dark", "grey", "light", "white"}
	for i := range n {
		img := image.NewRGBA(image.Rect(0, 0, 40, 40))
		red, green, x := i%5, i/5%5, i/25
		for at := range 16 * 16 {
			img.Set(5+12*(x%2)+at%16, 5+12*(x/2%2)+at/16, color.RGBA{uint8(63 * red), uint8(63 * green), 90, 255})
		}
		name := fmt.Sprintf("%d.png", i)
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, img); err != nil {
			t.Fatal(err)
		}
		f.Close()
		fmt.Fprintf(&lines, "%s\t%s red with %s green at %d\n", name, shades[red], shades[green], x)
	}
	list := filepath.Join(dir, "pairs.tsv")
	if err := os.WriteFile(list, []byte(lines.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return "pairs:" + list
}

// aligning returns a short run on squares.
func aligning(t *testing.T) train.Config {
	c := contrast.Default()
	of(&c, func(s *contrast.Settings) { s.Data, s.Model, s.Val = squares(t, 60), "clip-tiny", 20 })
	c.Method, c.Rho = "m-sam", .01
	c.LR, c.Batch, c.Epochs, c.EvalEvery = 1e-3, 16, 16, 8
	return c
}

// of changes the settings of the task.
func of(c *train.Config, change func(s *contrast.Settings)) { contrast.Change(c, change) }

func do(t *testing.T, c train.Config) (*train.Run, train.Result) {
	t.Helper()
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Do(context.Background(), nil, train.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	return r, res
}

// runIn does a run in a directory until after a number of steps, or to its end if 0.
func runIn(t *testing.T, path string, c train.Config, steps int) (train.Result, error) {
	t.Helper()
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := train.OpenDir(path, r, train.DirOptions{Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	res, err := r.Do(ctx, d, train.Watch{Step: func(p train.Progress) {
		if p.Step == steps {
			cancel()
		}
	}})
	return res, errors.Join(err, d.Close())
}

// text writes measures with all of their bits.
func text(m train.Measures) string { return fmt.Sprintf("%#v", m) }

// A run on pairs learns, leaves a model that says the same of the pairs, and goes on to the
// same bits when it was stopped.
func TestAlign(t *testing.T) {
	c := aligning(t)
	path := filepath.Join(t.TempDir(), "run")
	res, err := runIn(t, path, c, 0)
	if err != nil {
		t.Fatal(err)
	}
	if res.Steps != 32 || len(res.Records) != 4 { // 40 pairs are two minibatches of 16
		t.Errorf("%d steps, %d records", res.Steps, len(res.Records))
	}
	first, last := res.Records[0], res.Records[3]
	if !(last.TrainLoss < first.TrainLoss-.3) || !(last.TrainAccuracy > first.TrainAccuracy) {
		t.Errorf("loss %g to %g, accuracy %v to %v", first.TrainLoss, last.TrainLoss, first.TrainAccuracy, last.TrainAccuracy)
	}
	checkModel(t, c, filepath.Join(path, contrast.ModelDir), last)
	best := res.Records[slices.IndexFunc(res.Records, func(r train.Record) bool { return r.Step == res.Best.Step })]
	checkModel(t, c, filepath.Join(path, contrast.BestDir), best)
	for _, file := range []string{contrast.ONNXFile, contrast.BestONNXFile} {
		if m, err := onnx.Read(filepath.Join(path, file)); err != nil || len(m.Graph.Outputs) != 3 {
			t.Errorf("%s: %v", file, err)
		} else if sum, _ := m.Property("sha256"); file == contrast.ONNXFile && sum != res.WeightsSHA256 {
			t.Errorf("%s is of weights %s, want %s", file, sum, res.WeightsSHA256)
		}
	}
	for _, r := range res.Records {
		if sknn, best := r.Val.Get("s_knn"), res.Best.Val.Get("s_knn"); !(sknn <= best) {
			t.Errorf("step %d has S_kNN %v, the best %v", r.Step, sknn, best)
		}
	}
	again := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, again, c, 7); err == nil {
		t.Fatal("it was not stopped")
	}
	resumed, err := runIn(t, again, c, 0)
	if err != nil || resumed.WeightsSHA256 != res.WeightsSHA256 {
		t.Errorf("resumed: %s, want %s (%v)", resumed.WeightsSHA256, res.WeightsSHA256, err)
	}
}

// No ONNX model is left where none is asked for.
func TestAlignNoONNX(t *testing.T) {
	c := aligning(t)
	c.MaxSteps = 1
	of(&c, func(s *contrast.Settings) { s.Onnx = []string{"none"} })
	path := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, path, c, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, contrast.ONNXFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a model is there: %v", err)
	}
	of(&c, func(s *contrast.Settings) { s.Onnx = []string{"softmax"} })
	if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), `onnx is "softmax"; it is none, or left off`) {
		t.Errorf("error %v", err)
	}
}

// The loss of an evaluation is the one that is trained by.
func TestAlignSameLoss(t *testing.T) {
	c := aligning(t)
	of(&c, func(s *contrast.Settings) {
		s.Data, s.Val = squares(t, 32), 0
		s.ValData = s.Data
	})
	c.LR, c.Batch, c.Epochs, c.EvalEvery = 0, 32, 1, 1
	_, res := do(t, c)
	if r := res.Records[0]; !(math.Abs(r.TrainLoss-float64(r.Val.Get("loss"))) < 1e-5) || r.TrainLoss == 0 {
		t.Errorf("trained by %g, evaluated %v", r.TrainLoss, r.Val.Get("loss"))
	}
}

// checkModel holds a model's directory against the record of the validation pairs, which are
// those that the model was not trained on.
func checkModel(t *testing.T, c train.Config, dir string, want train.Record) {
	t.Helper()
	c.LR, c.MaxSteps, c.EvalEvery = 0, 1, 1
	of(&c, func(s *contrast.Settings) { s.Model, s.Init = contrast.Pretrained, dir })
	if _, err := clip.Open(dir); err != nil {
		t.Fatal(err)
	}
	_, res := do(t, c)
	if got := res.Records[0]; text(got.Val) != text(want.Val) || len(got.Val) != 13 {
		t.Errorf("%s: %s; want %s", dir, text(got.Val), text(want.Val))
	}
}

// In microbatches, with blocks computed again, the run is the same but for rounding.
func TestAlignInParts(t *testing.T) {
	if testing.Short() {
		t.Skip("a training run, left out of short tests")
	}
	c := aligning(t)
	c.Epochs, c.Base, c.LR, c.Momentum = 1, "sgd", .1, new(.9)
	_, want := do(t, c)
	c.Microbatch = 5
	of(&c, func(s *contrast.Settings) { s.Recompute = true })
	_, got := do(t, c)
	for i, w := range want.Theta {
		if !(math.Abs(float64(got.Theta[i]-w)) < 1e-4) {
			t.Fatalf("parameter %d is %g, want %g", i, got.Theta[i], w)
		}
	}
	if got.WeightsSHA256 == want.WeightsSHA256 {
		t.Error("nothing was computed in parts")
	}
}

// Adapters alone are trained, and are in the layers of what is saved.
func TestAlignLoRA(t *testing.T) {
	if testing.Short() {
		t.Skip("a training run, left out of short tests")
	}
	c := aligning(t)
	c.Epochs = 1
	start := filepath.Join(t.TempDir(), "start")
	if _, err := runIn(t, start, c, 0); err != nil {
		t.Fatal(err)
	}
	from := filepath.Join(start, contrast.ModelDir)
	of(&c, func(s *contrast.Settings) {
		s.Model, s.Init, s.LoRA = contrast.Pretrained, from, nn.LoRA{Rank: 2, On: []string{"[qv]_proj"}}
	})
	path := filepath.Join(t.TempDir(), "run")
	res, err := runIn(t, path, c, 0)
	if err != nil {
		t.Fatal(err)
	}
	if want := 2 * 2 * 3 * 2 * (64 + 64); len(res.Theta) != want {
		t.Errorf("%d parameters were trained, want %d", len(res.Theta), want)
	}
	before, err := clip.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	after, err := clip.Open(filepath.Join(path, contrast.ModelDir))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range before.Params {
		adapted := strings.HasSuffix(p.Name, "q_proj.weight") || strings.HasSuffix(p.Name, "v_proj.weight")
		if changed := !slices.Equal(p.Export(before.Theta), after.Params[i].Export(after.Theta)); changed != adapted {
			t.Errorf("%s: changed %v", p.Name, changed)
		}
	}
}

// A perturbation that is far too long makes all embeddings alike, and the run says so.
func TestAlignCollapse(t *testing.T) {
	if testing.Short() {
		t.Skip("a training run, left out of short tests")
	}
	c := aligning(t)
	c.Method, c.Rho, c.Epochs = "sam", 1, 12
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var warned []string
	res, err := r.Do(context.Background(), nil, train.Watch{Warn: func(s string) { warned = append(warned, s) }})
	if err != nil {
		t.Fatal(err)
	}
	last := res.Records[len(res.Records)-1].Val
	if last.Get("collapsed") != 1 || !(math.Abs(float64(last.Get("loss"))-math.Log(16)) < align.CollapseLoss) {
		t.Errorf("%s", text(last))
	}
	if k, ok := c.Kind(); !ok {
		t.Error("there is no such kind")
	} else if collapsed, lost := k.Lost(&c, &res); !collapsed || !lost {
		t.Errorf("collapsed %v, lost %v", collapsed, lost)
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "the embeddings have collapsed by step") {
		t.Errorf("warnings %q", warned)
	}
}

func TestAlignErrors(t *testing.T) {
	base := aligning(t)
	broken := filepath.Join(t.TempDir(), "broken.tsv")
	if err := os.WriteFile(broken, []byte("nothing.png\ta caption\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	task := func(change func(s *contrast.Settings)) func(*train.Config) {
		return func(c *train.Config) { of(c, change) }
	}
	for want, change := range map[string]func(*train.Config){
		"batch is 64, but there are 40 pairs to train on":            func(c *train.Config) { c.Batch = 64 },
		"ascent-batch 0.05 of a batch of 16 is one pair":             func(c *train.Config) { c.AscentBatch = .05 },
		"model clip is one that was trained: give its directory":     task(func(s *contrast.Settings) { s.Model = "clip" }),
		`model "mlp" is not trained on pairs; there are clip, clip-`: task(func(s *contrast.Settings) { s.Model = "mlp" }),
		"model clip-tiny begins untrained; to start from":            task(func(s *contrast.Settings) { s.Init = "x" }),
		"config.json": task(func(s *contrast.Settings) { s.Model, s.Init = "clip", t.TempDir() }),
		"the val split has 8 pairs; S_kNN needs more than 8":         task(func(s *contrast.Settings) { s.Val = 8 }),
		"val asks for 60 pairs of 60":                                task(func(s *contrast.Settings) { s.Val = 60 }),
		"subset is 100; there are 40 pairs":                          task(func(s *contrast.Settings) { s.Subset = 100 }),
		"per-microbatch has no use here: " + contrast.Of(&base).Data: func(c *train.Config) { c.PerMicrobatch = true },
		"lora is -1; it must be at least 0":                          task(func(s *contrast.Settings) { s.LoRA.Rank = -1 }),
		"no pair of an image and a caption":                          task(func(s *contrast.Settings) { s.TestData = "pairs:" + broken }),
		`unknown model "clip-tiny"`: func(c *train.Config) {
			*c = supervised.Default()
			supervised.Change(c, func(s *supervised.Settings) { s.Model = "clip-tiny" })
		},
	} {
		c := base
		change(&c)
		if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// A setting that only classes have is not one of pairs, nor the other way round, by whatever
// way it is given; the error says what it is for. One that is off is none.
func TestAlignSettingsOfOthers(t *testing.T) {
	c := aligning(t)
	data := contrast.Of(&c).Data
	want := "label-noise is for data with classes or targets; " + data + " is pairs of images and captions"
	if err := c.Set("label-noise", ".1"); err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	if err := c.Set("label_noise", "0"); err != nil {
		t.Error(err)
	}
	classes := supervised.Default()
	want = "recompute is for pairs of images and captions; digits is data with classes or targets"
	if err := classes.Set("recompute", "true"); err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	if err := classes.Set("recompute", "false"); err != nil {
		t.Error(err)
	}
	for text, ok := range map[string]bool{`, "label_noise": 0}`: true, `, "label_noise": 0.1}`: false, `, "nonsense": 0}`: false} {
		var saved train.Config
		if err := json.Unmarshal([]byte(`{"data": "pairs:a.tsv", "model": "clip-tiny"`+text), &saved); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What can't be decoded is left out and named; the run goes on without it.
func TestAlignLeavesOut(t *testing.T) {
	c := aligning(t)
	_, file, _ := strings.Cut(contrast.Of(&c).Data, ":")
	damaged := filepath.Join(filepath.Dir(file), "3.png")
	b, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(damaged, b[:60], 0o666); err != nil {
		t.Fatal(err)
	}
	c.MaxSteps = 1
	r, res := do(t, c)
	if res.Data.Train != 39 || res.Data.Val != 20 || len(r.Notes()) != 1 || !strings.Contains(r.Notes()[0], "1 with an image that can't be read; "+damaged) {
		t.Errorf("%+v, left out %q", res.Data, r.Notes())
	}
}

// The ascent may be on the normalisation layers of both towers, of a whole minibatch, of parts of it and of a share alike.
func TestAlignOnNorms(t *testing.T) {
	for _, microbatch := range []int{0, 4} {
		c := aligning(t)
		c.AscentOn, c.AscentBatch, c.Microbatch, c.MaxSteps = sam.OnNorms, .5, microbatch, 2
		r, res := do(t, c)
		perturbed := 0
		for _, n := range r.Task.(train.Normed).Norms() {
			perturbed += n.To - n.From
		}
		if perturbed == 0 || perturbed > len(res.Theta)/10 || !(res.Records[0].DeltaNorm > 0) {
			t.Errorf("microbatch %d: %d of %d parameters are perturbed, by %g", microbatch, perturbed, len(res.Theta), float64(res.Records[0].DeltaNorm))
		}
	}
}

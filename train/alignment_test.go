package train_test

import (
	"context"
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

	"github.com/monge-ml/monge/align"
	"github.com/monge-ml/monge/clip"
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
	c := train.DefaultAlignment()
	c.Data, c.Model, c.Val = squares(t, 60), "clip-tiny", 20
	c.Method, c.Rho = "m-sam", .01
	c.LR, c.Batch, c.Epochs, c.EvalEvery = 1e-3, 16, 16, 8
	return c
}

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
	checkModel(t, c, filepath.Join(path, train.ModelDir), last)
	best := res.Records[slices.IndexFunc(res.Records, func(r train.Record) bool { return r.Step == res.Best.Step })]
	checkModel(t, c, filepath.Join(path, train.BestDir), best)
	for _, r := range res.Records {
		if r.Alignment.SKNN > res.Best.ValAlignment.SKNN {
			t.Errorf("step %d has S_kNN %g, the best %g", r.Step, r.Alignment.SKNN, res.Best.ValAlignment.SKNN)
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

// The loss of an evaluation is the one that is trained by.
func TestAlignSameLoss(t *testing.T) {
	c := aligning(t)
	c.Data = squares(t, 32)
	c.ValData, c.Val = c.Data, 0
	c.LR, c.Batch, c.Epochs, c.EvalEvery = 0, 32, 1, 1
	_, res := do(t, c)
	if r := res.Records[0]; !(math.Abs(r.TrainLoss-float64(r.ValLoss)) < 1e-5) || r.TrainLoss == 0 {
		t.Errorf("trained by %g, evaluated %v", r.TrainLoss, r.ValLoss)
	}
}

// checkModel holds a model's directory against the record of the validation pairs, which are
// those that the model was not trained on.
func checkModel(t *testing.T, c train.Config, dir string, want train.Record) {
	t.Helper()
	c.Model, c.Init, c.LR, c.MaxSteps, c.EvalEvery = "clip", dir, 0, 1, 1
	if _, err := clip.Open(dir); err != nil {
		t.Fatal(err)
	}
	_, res := do(t, c)
	if got := res.Records[0]; *got.Alignment != *want.Alignment || got.ValLoss != want.ValLoss {
		t.Errorf("%s: %+v, loss %v; want %+v, %v", dir, *got.Alignment, got.ValLoss, *want.Alignment, want.ValLoss)
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
	c.Microbatch, c.Recompute = 5, true
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
	c.Model, c.Init = "clip", filepath.Join(start, train.ModelDir)
	c.LoRA, c.LoRAOn = 2, []string{"[qv]_proj"}
	path := filepath.Join(t.TempDir(), "run")
	res, err := runIn(t, path, c, 0)
	if err != nil {
		t.Fatal(err)
	}
	if want := 2 * 2 * 3 * 2 * (64 + 64); len(res.Theta) != want {
		t.Errorf("%d parameters were trained, want %d", len(res.Theta), want)
	}
	before, err := clip.Open(c.Init)
	if err != nil {
		t.Fatal(err)
	}
	after, err := clip.Open(filepath.Join(path, train.ModelDir))
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
	a := res.Records[len(res.Records)-1]
	if !a.Alignment.Collapsed || !(math.Abs(float64(a.ValLoss)-math.Log(16)) < align.CollapseLoss) {
		t.Errorf("loss %v, %+v", a.ValLoss, *a.Alignment)
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
	for want, change := range map[string]func(*train.Config){
		"batch is 64, but there are 40 pairs to train on":            func(c *train.Config) { c.Batch = 64 },
		"model clip is one that was trained: give its directory":     func(c *train.Config) { c.Model = "clip" },
		`model "mlp" is not trained on pairs; there are clip, clip-`: func(c *train.Config) { c.Model = "mlp" },
		"model clip-tiny begins untrained; to start from":            func(c *train.Config) { c.Init = "x" },
		"config.json": func(c *train.Config) { c.Model, c.Init = "clip", t.TempDir() },
		"the val split has 8 pairs; S_kNN needs more than 8":           func(c *train.Config) { c.Val = 8 },
		"val asks for 60 pairs of 60":                                  func(c *train.Config) { c.Val = 60 },
		"subset is 100; there are 40 pairs":                            func(c *train.Config) { c.Subset = 100 },
		"label-noise is for data with classes; pairs:":                 func(c *train.Config) { c.LabelNoise = .1 },
		"per-microbatch is for data with classes":                      func(c *train.Config) { c.PerMicrobatch = true },
		"lora is for pairs of images and captions; digits has classes": func(c *train.Config) { c.Data, c.Model, c.LoRA = "digits", "mlp", 2 },
		"lora is -1; it must be at least 0":                            func(c *train.Config) { c.LoRA = -1 },
		"no pair of an image and a caption":                            func(c *train.Config) { c.TestData = "pairs:" + broken },
		`unknown model "clip-tiny"`:                                    func(c *train.Config) { c.Data = "digits" },
	} {
		c := base
		change(&c)
		if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// What can't be decoded is left out and named; the run goes on without it.
func TestAlignLeavesOut(t *testing.T) {
	c := aligning(t)
	_, file, _ := strings.Cut(c.Data, ":")
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
	if res.Data.Train != 39 || res.Data.Val != 20 || !strings.Contains(r.LeftOut, "1 with an image that can't be read; "+damaged) {
		t.Errorf("%+v, left out %q", res.Data, r.LeftOut)
	}
}

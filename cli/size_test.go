package cli

import (
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// lines is an image folder of bright lines in noise, n images of each of two classes: across,
// and down.
func lines(t *testing.T, n int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	for class, name := range []string{"across", "down"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			img := image.NewGray(image.Rect(0, 0, 24, 8))
			for k := range img.Pix {
				img.Pix[k] = uint8(rng.IntN(60))
			}
			at := rng.IntN(8)
			for k := range 8 {
				x, y := []int{3 * k, 3 * at}[class], []int{at, k}[class]
				img.SetGray(x, y, color.Gray{250})
				img.SetGray(x+1, y, color.Gray{250})
			}
			f, err := os.Create(filepath.Join(dir, name, strconv.Itoa(i)+".png"))
			if err != nil {
				t.Fatal(err)
			}
			if err := png.Encode(f, img); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
	}
	return dir
}

// Images that are no squares go all the way: described, trained on, evaluated, predicted.
func TestRectangles(t *testing.T) {
	dir := lines(t, 30)
	out := mustCall(t, "data", "info", "imagefolder:"+dir, "--size", "8x16")
	if !strings.Contains(out, "8x16x3") {
		t.Errorf("%s", out)
	}
	run := filepath.Join(t.TempDir(), "run")
	mustCall(t, "train", "--data", "imagefolder:"+dir, "--size", "8x16", "--model", "cnn", "--epochs", "4", "--batch", "10",
		"--pad", "1", "--flip", "--cutout", "2", "--mixup", ".2", "--seed", "3", "--out", run)
	config, err := os.ReadFile(filepath.Join(run, "config.json"))
	if err != nil || !strings.Contains(string(config), `"size": "8x16"`) {
		t.Errorf("%s %v", config, err)
	}
	mustCall(t, "train", "--resume", "--out", run)
	weights := filepath.Join(run, "weights.safetensors")
	var e struct {
		N        int
		Accuracy float64
	}
	decode(t, mustCall(t, "eval", "--weights", weights, "--data", "imagefolder:"+dir, "--split", "train", "--json"), &e)
	if e.N < 50 || e.Accuracy < .8 {
		t.Errorf("%+v", e)
	}
	var p []struct{ Top []struct{ Class string } }
	decode(t, mustCall(t, "predict", "--weights", weights, "--json", filepath.Join(dir, "across", "0.png"), filepath.Join(dir, "down", "0.png")), &p)
	if len(p) != 2 || p[0].Top[0].Class != "across" || p[1].Top[0].Class != "down" {
		t.Errorf("%+v", p)
	}
}

// A size is HEIGHTxWIDTH or one number for both, as a flag, in TOML and in config.json, where one
// number is written as earlier versions did.
func TestSizes(t *testing.T) {
	dir := "imagefolder:" + lines(t, 10)
	var info struct{ Splits []struct{ Shape []int } }
	decode(t, mustCall(t, "data", "info", dir, "--size", "48x192", "--json"), &info)
	if len(info.Splits) == 0 || !slices.Equal(info.Splits[0].Shape, []int{48, 192, 3}) {
		t.Errorf("%+v", info)
	}
	file := filepath.Join(t.TempDir(), "a.toml")
	train := func(args ...string) (config string) {
		var r struct {
			Config struct{ Size json.RawMessage }
		}
		decode(t, mustCall(t, append([]string{"train", "--data", dir, "--max-steps", "1", "--json"}, args...)...), &r)
		return string(r.Config.Size)
	}
	for toml, want := range map[string]string{`"48x192"`: `"48x192"`, `8`: `8`, `"8"`: `8`, `"8x8"`: `8`} {
		if err := os.WriteFile(file, []byte("size = "+toml), 0o666); err != nil {
			t.Fatal(err)
		}
		if got := train("--config", file); got != want {
			t.Errorf("size = %s is %s in config.json, want %s", toml, got, want)
		}
		if got := train("--size", strings.Trim(toml, `"`)); got != want {
			t.Errorf("--size %s is %s in config.json, want %s", toml, got, want)
		}
	}
}

package hf_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/nn/models"
)

// readPositions is what testdata/gen_networks.py says of other sizes.
func readPositions(t *testing.T) (p struct {
	Logits map[string][]float64
	Tables []struct {
		From, To int
		Smooth   bool // as timm does it
		Values   []float64
	}
}) {
	t.Helper()
	b, err := os.ReadFile("testdata/positions.json")
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil || len(p.Logits) == 0 || len(p.Tables) == 0 {
		t.Fatal("no golden file", err)
	}
	return p
}

// Tables of positions are interpolated as PyTorch does it.
func TestInterpolated(t *testing.T) {
	const width, front = 3, 2
	for _, p := range readPositions(t).Tables {
		table := slices.Concat([]float32{7, 8}, numbers(p.From*p.From*width, p.From))
		got := hf.Interpolated(table, front, width, p.From, p.To, p.Smooth)
		near(t, fmt.Sprintf("%d to %d", p.From, p.To), got, slices.Concat([]float64{7, 8}, p.Values), 1e-6)
	}
}

// Networks for images of one size take others, as in transformers.
func TestOtherSizes(t *testing.T) {
	for name, want := range readPositions(t).Logits {
		var dir string
		var side int
		if _, err := fmt.Sscan(name, &dir, &side); err != nil {
			t.Fatal(err)
		}
		g := readGolden(t, filepath.Join("testdata", dir))
		g.Side = side
		m, theta := open(t, filepath.Join("testdata", dir), &g)
		got, err := m.Logits(theta, images(side, 0))
		if err != nil {
			t.Fatal(err)
		}
		near(t, name, got, want, 1e-4)
	}
}

// What is saved of them is a network for that size, with images prepared for it in the same way.
func TestSaveOtherSize(t *testing.T) {
	const side = 24
	var questions []question
	var wants [][]float32
	for _, name := range []string{"vit", "deit", "deit-teacher", "clip", "siglip", "timm-vit"} {
		files := map[string]string{}
		if name == "vit" {
			files[hf.PreprocessorFile] = `{"image_processor_type": "ViTImageProcessor", "size": {"shortest_edge": 20}, "do_center_crop": true, "crop_size": 16,
				"resample": 3, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.4, 0.2]}`
		}
		dir := filepath.Join("testdata", name)
		g := readGolden(t, dir)
		g.Side = side
		to, m, theta := saved(t, withFiles(t, dir, files), &g)
		y, err := m.Logits(theta, images(side, 0))
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(y)
		n, err := hf.Open(to)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(n.Input(), []int{side, side, 3}) {
			t.Errorf("%s: inputs of %v", name, n.Input())
		}
		if p := n.Preprocessor; name == "vit" && (p == nil || p.Size != 30 || p.Crop != side || !p.Bicubic || p.Normalize.Mean[1] != .4) {
			t.Errorf("%s: images are prepared by %+v", name, p)
		}
		again, err := models.Build(to, models.Options{Input: n.Input(), Classes: 2})
		if err != nil {
			t.Fatal(err)
		}
		if y, err := again.Logits(again.NewTheta(1), images(side, 0)); err != nil || !slices.Equal(y, want) {
			t.Errorf("%s opened again: logits %v, were %v, %v", name, y[:2], want[:2], err)
		}
		questions, wants = append(questions, question{to, nil, images(side, 0), []int{examples, side, side, 3}}), append(wants, want)
	}
	for i, logits := range ask(t, questions) {
		near(t, "logits of "+questions[i].Dir, wants[i], logits, 1e-4)
	}
}

func TestSizesRefused(t *testing.T) {
	for _, input := range [][]int{{7, 7, 3}, {16, 24, 3}, {1 << 20, 1 << 20, 3}} {
		_, err := models.Build("testdata/vit", models.Options{Input: input, Classes: 3})
		if err == nil || !strings.Contains(err.Error(), "or another square of a side from 8 to 2048") {
			t.Errorf("%v: %v", input, err)
		}
	}
}

// withFiles is a copy of a directory with more files.
func withFiles(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(dir))
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(to, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

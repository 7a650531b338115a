package cli

import (
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/align/embeddings"
	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/weights"
)

// smallCLIP writes a model directory with random weights and a small vocabulary.
func smallCLIP(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		clip.ConfigFile: `{"model_type": "clip", "projection_dim": 8,
			"text_config": {"vocab_size": 1214, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 12},
			"vision_config": {"image_size": 16, "patch_size": 8, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}}`,
		clip.PreprocessorFile: `{"size": 16, "do_center_crop": true, "crop_size": 16, "resample": 3, "do_normalize": true,
			"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"vocab.json", "merges.txt"} {
		b, err := os.ReadFile(filepath.Join("../tokenizer/testdata/small", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	c, err := clip.ReadConfig(filepath.Join(dir, clip.ConfigFile))
	if err != nil {
		t.Fatal(err)
	}
	m, err := clip.New(c)
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float32, m.Size())
	m.Init(theta, 1)
	writeWeights(t, filepath.Join(dir, clip.WeightsFile), m.StateDict(theta)...)
	return dir
}

// writePicture writes a PNG of one colour with a brighter middle.
func writePicture(t *testing.T, path string, c color.NRGBA) {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 24, 20))
	for y := range 20 {
		for x := range 24 {
			img.SetNRGBA(x, y, c)
		}
	}
	img.SetNRGBA(12, 10, color.NRGBA{255, 255, 255, 255})
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
}

func TestAlignEmbed(t *testing.T) {
	model, dir := smallCLIP(t), t.TempDir()
	colors := []color.NRGBA{{200, 0, 0, 255}, {0, 200, 0, 255}, {0, 0, 200, 255}, {90, 90, 90, 255}}
	table := "image\tcaption\n"
	for i, c := range colors {
		name := string(rune('a'+i)) + ".png"
		writePicture(t, filepath.Join(dir, name), c)
		table += name + "\ta picture of " + []string{"red", "green", "blue", strings.Repeat("many words ", 900)}[i] + "\n"
	}
	whole, err := os.ReadFile(filepath.Join(dir, "b.png"))
	if err != nil {
		t.Fatal(err)
	}
	// Its header is fine, the rest is not there.
	if err := os.WriteFile(filepath.Join(dir, "b.png"), whole[:len(whole)/2], 0o666); err != nil {
		t.Fatal(err)
	}
	list, out := filepath.Join(dir, "pairs.tsv"), filepath.Join(dir, "out")
	if err := os.WriteFile(list, []byte(table), 0o666); err != nil {
		t.Fatal(err)
	}
	var got struct {
		N, Skipped    int
		Images, Texts string
		Pairs         string
	}
	decode(t, mustCall(t, "align", "embed", "--model", model, "--pairs", "pairs:"+list, "--out", out, "--batch", "2", "--json"), &got)
	if got.N != 3 || got.Skipped != 1 {
		t.Fatalf("%+v", got)
	}
	f, err := weights.Read(got.Texts)
	if err != nil {
		t.Fatal(err)
	}
	e := f.Tensors[0]
	p, err := clip.Open(model)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := p.Tokens("a picture of blue")
	if err != nil {
		t.Fatal(err)
	}
	want, err := p.EmbedTexts(p.Theta, [][]int{tokens})
	if err != nil || len(e.Shape) != 2 || e.Shape[0] != 3 || e.Shape[1] != 8 {
		t.Fatalf("shape %v, %v", e.Shape, err)
	}
	for i, v := range want {
		if math.Abs(float64(v-e.Data[8+i])) > 1e-5 {
			t.Fatalf("row 1 is %v, want %v", e.Data[8:16], want)
		}
	}
	listed, err := embeddings.ReadDir(filepath.Dir(got.Pairs))
	if err != nil || len(listed.Pairs) != 3 || listed.Pairs[1] != (embeddings.Pair{Image: filepath.Join(dir, "c.png"), Caption: "a picture of blue"}) {
		t.Errorf("%v, %v", listed, err)
	}
	if s := mustCall(t, "align", "score", "--a", got.Images, "--b", got.Texts, "--k", "1"); !strings.Contains(s, "pairs         3") {
		t.Errorf("%q", s)
	}
}

func TestAlignEmbedErrors(t *testing.T) {
	model, dir := smallCLIP(t), t.TempDir()
	writePicture(t, filepath.Join(dir, "a.png"), color.NRGBA{1, 2, 3, 255})
	list := filepath.Join(dir, "pairs.tsv")
	if err := os.WriteFile(list, []byte("a.png\ta caption\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	embed := []string{"align", "embed", "--model", model, "--pairs", "pairs:" + list, "--out", filepath.Join(dir, "out")}
	for _, c := range []struct {
		file, text string // to change before the call
		code       int
		want       string
		args       []string
	}{
		{code: 2, want: "--model is missing", args: []string{"align", "embed"}},
		{code: 2, want: "--batch is 0", args: append(embed[:len(embed):len(embed)], "--batch", "0")},
		{code: 2, want: "pairs.tsv is another list", args: append(embed[:len(embed)-1:len(embed)-1], dir)},
		{code: 2, want: "unknown pairs", args: []string{"align", "embed", "--model", model, "--pairs", "csv:x", "--out", model}},
		{file: clip.PreprocessorFile, text: `{"size": {"height": 32, "width": 32}, "resample": 2, "do_center_crop": false, "do_normalize": false}`,
			code: 1, want: "a side of 32, the model's image_size is 16", args: embed},
		{file: clip.ConfigFile, text: `{"model_type": "blip"}`, code: 1, want: `only "clip"`, args: embed},
	} {
		if c.file != "" {
			if err := os.WriteFile(filepath.Join(model, c.file), []byte(c.text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if code, _, stderr := call(c.args...); code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit code %d, %q; want %d, %q", c.args, code, stderr, c.code, c.want)
		}
	}
}

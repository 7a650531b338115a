package clip_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/nn"
)

// transformers names a python3 that has transformers, PyTorch and Pillow.
const transformers = "MONGE_TEST_TRANSFORMERS"

// embedded is what the script answers of a directory.
type embedded struct {
	Tokens                   [][]int
	Images, Texts, Processed [][]float64
}

// byTransformers embeds by the models of directories.
func byTransformers(t *testing.T, images, texts, dirs []string) (all []embedded) {
	t.Helper()
	python := os.Getenv(transformers)
	if python == "" {
		t.Skip(transformers + " names no python3 with transformers")
	}
	in, err := json.Marshal(map[string][]string{"images": images, "texts": texts})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, append([]string{"testdata/embed_transformers.py"}, dirs...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// pictures are some image files, of sizes at which the versions of Pillow agree: from a tall
// one 9.4 and 13 make other pixels.
func pictures(t *testing.T) (paths []string) {
	t.Helper()
	for i, size := range [][2]int{{32, 32}, {50, 41}, {70, 22}} {
		img := image.NewNRGBA(image.Rect(0, 0, size[0], size[1]))
		for k, v := range numbers(size[0]*size[1], 100*i) {
			img.SetNRGBA(k%size[0], k/size[0], color.NRGBA{uint8(128 + 127*v), uint8(k), uint8(40 * i), 255})
		}
		path := filepath.Join(t.TempDir(), "a.png")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := png.Encode(f, img); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// What is saved are the same embeddings to transformers, of models that are new, that came from
// them, or from OpenCLIP, with adapters or added tokens.
func TestSavedForTransformers(t *testing.T) {
	save := func(p *clip.Pretrained) string {
		dir := filepath.Join(t.TempDir(), "model")
		if err := p.Save(dir); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	open := func(dir string, o clip.Options) *clip.Pretrained {
		p, err := clip.OpenWith(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Theta {
			p.Theta[i] += .01 * float32(i%7)
		}
		return p
	}
	fresh := save(begin(t, clip.Options{Seed: 3}))
	older := save(begin(t, clip.Options{Seed: 4})) // as those were that said nothing of tokens
	remove(t, "tokenizer_config.json")(older)
	added := save(begin(t, clip.Options{Seed: 5}))
	size := begin(t, clip.Options{}).Tokenizer.Size()
	edit(t, "tokenizer_config.json", `"added_tokens_decoder":{`, `"added_tokens_decoder":{"`+strconv.Itoa(size)+`": {"content": "<New Thing>", "special": false, "normalized": false}, "`+
		strconv.Itoa(size+1)+`": {"content": "Kitten", "single_word": true, "normalized": true, "special": false},`)(added)
	dirs := []string{fresh, save(open(fresh, clip.Options{})), save(open(older, clip.Options{})), save(open(fresh, clip.Options{LoRA: &nn.LoRA{Rank: 2}})),
		save(open(largeOpenCLIP(t), clip.Options{})), save(open(added, clip.Options{}))}
	texts := []string{"grinning face", "a CAT face, it's 12 dogs!", "", strings.Repeat("cat ", 100), "café <|endoftext|> dog", "x<New Thing>y <new thing>", "kitten kittens a\tKITTEN."}
	paths := pictures(t)
	for i, got := range byTransformers(t, paths, texts, dirs) {
		p, err := clip.Open(dirs[i])
		if err != nil {
			t.Fatal(err)
		}
		for k, text := range texts {
			tokens, err := p.Tokens(text)
			if err != nil {
				t.Fatal(err)
			}
			if end := slices.Index(got.Tokens[k], p.Tokenizer.End); !slices.Equal(tokens, got.Tokens[k][:end+1]) {
				t.Errorf("model %d, %q: tokens %v, those of transformers %v", i, text, tokens, got.Tokens[k])
			}
			x, err := p.EmbedTexts(p.Theta, [][]int{tokens})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, text, x, got.Texts[k], 1e-5)
			compare(t, text, x, got.Processed[k], 1e-5)
		}
		for k, path := range paths {
			pixels, err := p.Preprocessor.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			x, err := p.EmbedImages(p.Theta, pixels)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, fmt.Sprintf("model %d, picture %d", i, k), x, got.Images[k], 1e-5)
		}
	}
}

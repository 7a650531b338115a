package clip_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
)

var captions = []string{"grinning face with big eyes", "cat face", "face of a dog", "grinning cat"}

func begin(t *testing.T, o clip.Options) *clip.Pretrained {
	t.Helper()
	p, err := clip.Begin(clip.Shapes["clip-tiny"], captions, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// inputs are a minibatch of a model.
func inputs(t *testing.T, p *clip.Pretrained) clip.Batch {
	t.Helper()
	side := p.Config.Vision.Size
	b := clip.Batch{Images: numbers(len(captions)*side*side*3, 5)}
	for _, c := range captions {
		tokens, err := p.Tokens(c)
		if err != nil {
			t.Fatal(err)
		}
		b.Tokens = append(b.Tokens, tokens)
	}
	return b
}

func gradient(t *testing.T, p *clip.Pretrained) ([]float32, float64) {
	t.Helper()
	g := make([]float32, p.Size())
	loss, err := p.Gradient(inputs(t, p), g, p.Theta, objective.Call{Weight: 1})
	if err != nil {
		t.Fatal(err)
	}
	return g, loss
}

// What is saved is what is opened, with adapters in the layers.
func TestSaveOpen(t *testing.T) {
	for name, o := range map[string]clip.Options{"plain": {Seed: 3}, "LoRA": {Seed: 3, LoRA: &nn.LoRA{Rank: 2}}} {
		p := begin(t, o)
		if o.LoRA != nil {
			for i := range p.Theta {
				p.Theta[i] += .01 * float32(i%7)
			}
		}
		dir := filepath.Join(t.TempDir(), "model")
		if err := p.Save(dir); err != nil {
			t.Fatal(err)
		}
		got, err := clip.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Tokenizer, p.Tokenizer) || !reflect.DeepEqual(got.Preprocessor, p.Preprocessor) || got.Config != p.Config {
			t.Errorf("%s: opened as %+v, %+v", name, got.Config, got.Preprocessor)
		}
		if o.LoRA == nil && !slices.Equal(got.Theta, p.Theta) {
			t.Errorf("%s: the weights differ", name)
		}
		_, want := gradient(t, p)
		if _, loss := gradient(t, got); !(loss-want < 1e-4 && want-loss < 1e-4) {
			t.Errorf("%s: loss %g, want %g", name, loss, want)
		}
	}
}

// Adapters start where the model is.
func TestOpenWithLoRA(t *testing.T) {
	p := begin(t, clip.Options{Seed: 3})
	dir := t.TempDir()
	if err := p.Save(dir); err != nil {
		t.Fatal(err)
	}
	a, err := clip.OpenWith(dir, clip.Options{LoRA: &nn.LoRA{Rank: 2, On: []string{"[qv]_proj"}}})
	if err != nil {
		t.Fatal(err)
	}
	_, want := gradient(t, p)
	if _, loss := gradient(t, a); loss != want {
		t.Errorf("loss %g, without adapters %g", loss, want)
	}
	if want := 2 * 2 * 3 * 2 * (64 + 64); a.Size() != want { // rank, of q and v, layers, towers
		t.Errorf("%d parameters to train, want %d", a.Size(), want)
	}
	again, err := clip.OpenWith(dir, clip.Options{LoRA: &nn.LoRA{Rank: 2, On: []string{"[qv]_proj"}}, Seed: 1})
	if err != nil || slices.Equal(again.Theta, a.Theta) {
		t.Errorf("another seed, the same adapters (%v)", err)
	}
}

// A frozen tower has no part in the gradient and changes nothing of the other's; keeping the
// results of layers alone changes nothing at all.
func TestFreezeAndCheckpoint(t *testing.T) {
	whole := begin(t, clip.Options{Seed: 3})
	want, _ := gradient(t, whole)
	if got, _ := gradient(t, begin(t, clip.Options{Seed: 3, Checkpoint: true})); !slices.Equal(got, want) {
		t.Error("the gradient differs with checkpoints")
	}
	frozen := begin(t, clip.Options{Seed: 3, Freeze: []string{"text_model", "text_projection"}})
	got, _ := gradient(t, frozen)
	for i, p := range frozen.Params {
		if strings.HasPrefix(p.Name, "text_") != p.Frozen() {
			t.Errorf("%s: frozen %v", p.Name, p.Frozen())
		}
		if q := whole.Params[i]; !p.Frozen() && !slices.Equal(got[p.Offset:p.Offset+p.Len()], want[q.Offset:q.Offset+q.Len()]) {
			t.Errorf("%s: the gradient differs", p.Name)
		}
	}
}

func TestBeginErrors(t *testing.T) {
	small := clip.Shapes["clip-tiny"]
	small.Text.Vocabulary = 100
	if _, err := clip.Begin(small, captions, clip.Options{}); err == nil || !strings.Contains(err.Error(), "a vocabulary of 100 tokens") {
		t.Errorf("error %v", err)
	}
	if _, err := clip.Begin(clip.Shapes["clip-tiny"], captions, clip.Options{Freeze: []string{"nothing"}}); err == nil || !strings.Contains(err.Error(), "no parameter matches") {
		t.Errorf("error %v", err)
	}
}

// Transformers read a text's features at eos_token_id, and cut long texts by model_max_length.
func TestSavedTokens(t *testing.T) {
	p := begin(t, clip.Options{})
	dir := t.TempDir()
	if err := p.Save(dir); err != nil {
		t.Fatal(err)
	}
	var config struct {
		Text map[string]any `json:"text_config"`
	}
	var settings map[string]any
	if err := errors.Join(json.Unmarshal(readFile(t, filepath.Join(dir, clip.ConfigFile)), &config), json.Unmarshal(readFile(t, filepath.Join(dir, "tokenizer_config.json")), &settings)); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int{"bos_token_id": p.Tokenizer.Start, "eos_token_id": p.Tokenizer.End, "pad_token_id": p.Tokenizer.Pad} {
		if config.Text[key] != float64(want) {
			t.Errorf("%s is %v, want %d", key, config.Text[key], want)
		}
	}
	if settings["model_max_length"] != float64(p.Config.Text.Length) {
		t.Errorf("texts are cut at %v, want %d", settings["model_max_length"], p.Config.Text.Length)
	}
}

package supervised_test

import (
	"encoding/json"
	"fmt"
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

// published is a directory of a small network with a vocabulary, without the head if it is to begin anew.
func published(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("../hf/testdata", name))); err != nil {
		t.Fatal(err)
	}
	words := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "number", "of"}
	for i := 0; len(words) < 60; i++ {
		words = append(words, fmt.Sprint(i))
	}
	if err := os.WriteFile(filepath.Join(dir, "vocab.txt"), []byte(strings.Join(words, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// adaptDirectory is a run with adapters that starts from a published network.
func adaptDirectory(t *testing.T, init string) (c train.Config, dir string) {
	t.Helper()
	c = textConfig(t)
	supervised.Change(&c, func(s *supervised.Settings) {
		s.Model, s.Init, s.Head, s.Size, s.LoRA = "mlp", init, "new", data.Square(12), nn.LoRA{Rank: 2, On: []string{"query", "value", "q_lin", "dense"}}
	})
	c.LR = .02
	dir = filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, dir, c, 0); err != nil {
		t.Fatal(err)
	}
	return c, dir
}

// Published networks get adapters too: what a run leaves is whole, and what PEFT and transformers open says the same.
func TestAdaptsDirectories(t *testing.T) {
	for name, heads := range map[string][]string{"bert": {"classifier"}, "distilbert": {"classifier", "pre_classifier"}, "electra": {"classifier.dense", "classifier.out_proj"}} {
		init := published(t, name)
		_, dir := adaptDirectory(t, init)
		var config struct {
			Base   string   `json:"base_model_name_or_path"`
			Layers []string `json:"target_modules"`
			Saved  []string `json:"modules_to_save"`
		}
		b, err := os.ReadFile(filepath.Join(dir, supervised.AdapterDir, "adapter_config.json"))
		if err == nil {
			err = json.Unmarshal(b, &config)
		}
		if slices.Sort(config.Saved); err != nil || config.Base != init || len(config.Layers) < 2 || !slices.Equal(config.Saved, heads) {
			t.Errorf("%s: %s, %v", name, b, err)
		}
		k, err := classifier.Load(filepath.Join(dir, supervised.Directory), classifier.Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		w, err := classifier.Load(filepath.Join(dir, supervised.WeightsFile), classifier.Options{})
		if err != nil || !slices.Equal(w.Theta, k.Theta) {
			t.Errorf("%s: the weights are not those of the directory, %v", name, err)
		}
		holdAgainstPEFT(t, init, dir, k)
	}
}

// holdAgainstPEFT compares a saved network's logits with those of transformers, where that is.
func holdAgainstPEFT(t *testing.T, init, dir string, k *classifier.Classifier) {
	t.Helper()
	python := os.Getenv(peft)
	if python == "" {
		return
	}
	var want []float32
	var rows [][]int
	for _, text := range []string{"number 3 of 9", "7 of number", "of 4 of 5 of 6 of 7 of 8"} {
		x, err := k.Tokens(text)
		if err != nil {
			t.Fatal(err)
		}
		row := make([]int, 16)
		for i, v := range x {
			if id, _, ok := data.UnpackToken(v); ok {
				row[i] = id
			}
		}
		y, err := k.Outputs(x)
		if err != nil {
			t.Fatal(err)
		}
		rows, want = append(rows, row), append(want, y...)
	}
	got := peftLogits(t, python, rows, "testdata/peft_directory.py", init, filepath.Join(dir, supervised.AdapterDir), filepath.Join(dir, supervised.Directory), "2")
	for _, how := range []string{"adapted", "merged", "saved"} {
		for i, v := range want {
			if y := got[how][i/2][i%2]; !(math.Abs(y-float64(v)) < 1e-4) {
				t.Errorf("%s, %s: logit %d is %.6f, PEFT's %.6f", init, how, i, v, y)
			}
		}
	}
}

// Published networks are fine-tuned as is usual, unless the settings say otherwise.
func TestUsualRecipe(t *testing.T) {
	c := textConfig(t)
	supervised.Change(&c, func(s *supervised.Settings) {
		s.Model, s.Init, s.Head, s.Size = "mlp", published(t, "bert"), "new", data.Square(12)
	})
	c.WeightDecay = .01
	decided := func(c train.Config) (schedule, on string) {
		r, err := train.New(c)
		if err != nil {
			t.Fatal(err)
		}
		return r.Config.LRSchedule, r.Config.DecayOn
	}
	if s, on := decided(c); s != "linear,warmup=10%" || on != "weights" {
		t.Errorf("schedule %s, weight decay on %s", s, on)
	}
	c.LRSchedule, c.DecayOn = "constant", "all"
	if s, on := decided(c); s != "constant" || on != "all" {
		t.Errorf("schedule %s, weight decay on %s", s, on)
	}
	plain := textConfig(t)
	plain.WeightDecay = .01
	if s, on := decided(plain); s != "" || on != "" {
		t.Errorf("of a network of the list: schedule %s, weight decay on %s", s, on)
	}
}

// The trunk of a published network is all that came with it: layers that it was published without are trained.
func TestFreezeTrunkOfDirectory(t *testing.T) {
	init := published(t, "electra")
	c := textConfig(t)
	supervised.Change(&c, func(s *supervised.Settings) {
		s.Model, s.Init, s.Head, s.Size, s.Freeze = "mlp", init, "new", data.Square(12), []string{"trunk"}
	})
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var free []string
	for _, p := range r.Task.(*supervised.Task).Net.Params {
		if !p.Frozen() {
			free = append(free, p.Name)
		}
	}
	if want := []string{"classifier.dense.weight", "classifier.dense.bias", "classifier.out_proj.weight", "classifier.out_proj.bias"}; !slices.Equal(free, want) {
		t.Errorf("trained are %v", free)
	}
}

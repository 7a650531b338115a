package supervised_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
	"github.com/monge-ml/monge/weights"
)

// textConfig trains a text classifier for 12 steps.
func textConfig(t *testing.T) train.Config {
	t.Helper()
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "%s\tnumber %d of %d\n", []string{"even", "odd"}[i%2], i, i*i)
	}
	path := filepath.Join(t.TempDir(), "a.tsv")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	c := supervised.Default()
	supervised.Change(&c, func(s *supervised.Settings) {
		s.Data, s.Model, s.Size, s.Val = "text:"+path, "bert-tiny", data.Square(8), 10
	})
	c.Batch, c.Epochs = 16, 2
	c.Method, c.Rho, c.Base, c.LR = "m-sam", .1, "adamw", .001
	c.CheckpointEvery = 2
	return c
}

// Texts are like images to a run: the same bits on any number of processors, and after
// being interrupted.
func TestTextBits(t *testing.T) {
	c := textConfig(t)
	c.Epochs = 1
	_, want := do(t, c)
	before := runtime.GOMAXPROCS(1)
	_, one := do(t, c)
	runtime.GOMAXPROCS(before)
	if one.WeightsSHA256 != want.WeightsSHA256 {
		t.Error("the weights depend on the number of processors")
	}
	path := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, path, c, 5); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	got, err := runIn(t, path, c, 0)
	if err != nil || got.WeightsSHA256 != want.WeightsSHA256 || got.Steps != want.Steps {
		t.Errorf("resumed: weights %.8s after %d steps, want %.8s after %d, %v", got.WeightsSHA256, got.Steps, want.WeightsSHA256, want.Steps, err)
	}
}

// A run does not start from weights whose words are others.
func TestForeignWords(t *testing.T) {
	c := textConfig(t)
	m, err := models.Build("bert-tiny", models.Options{Input: []int{8}, Classes: 2})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "published.safetensors")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := weights.WriteSafetensors(f, m.StateDict(make([]float32, m.Size())), nil); err != nil {
		t.Fatal(err)
	}
	supervised.Change(&c, func(s *supervised.Settings) { s.Init, s.Head = path, "new" })
	if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), path+": the file was not saved here, and its words are not the network's") {
		t.Errorf("error %v", err)
	}
}

// The text models know all tokens that texts have.
func TestVocabularies(t *testing.T) {
	n := 0
	for _, e := range models.All() {
		if e.Vocabulary == 0 {
			continue
		}
		n++
		if e.Vocabulary < data.Vocabulary || len(e.Input) != 1 {
			t.Errorf("%s has a vocabulary of %d and inputs of shape %v, texts %d", e.Name, e.Vocabulary, e.Input, data.Vocabulary)
		}
	}
	if n == 0 {
		t.Error("there is no text model")
	}
}

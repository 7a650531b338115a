package contrast_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/contrast"
	"github.com/monge-ml/monge/train"
)

// Reading lists of pairs and decoding their images end with the context.
func TestSourceInterrupted(t *testing.T) {
	c := aligning(t)
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	shared := &train.Shared{}
	if _, err := train.NewShared(stopped, shared, c); !errors.Is(err, context.Canceled) {
		t.Errorf("reading the list: error %v", err)
	}
	if _, err := train.NewContext(stopped, c); !errors.Is(err, context.Canceled) {
		t.Errorf("not shared: error %v", err)
	}
	// Lists are read with another model's images, which are of another size.
	failing := c
	of(&failing, func(s *contrast.Settings) { s.Model, s.Init = contrast.Pretrained, t.TempDir() })
	if _, err := train.NewShared(context.Background(), shared, failing); err == nil {
		t.Error("a model that is not there was opened")
	}
	if _, err := train.NewShared(stopped, shared, c); !errors.Is(err, context.Canceled) {
		t.Errorf("decoding images: error %v", err)
	}
	if _, err := train.NewShared(context.Background(), shared, c); err != nil {
		t.Errorf("after an interruption: %v", err)
	}
}

// Runs that see the same pairs share them; those of other pairs do not.
func TestShared(t *testing.T) {
	c := aligning(t)
	c.Epochs, c.EvalEvery = 1, 0
	_, want := do(t, c)
	shared := &train.Shared{}
	other := c
	of(&other, func(s *contrast.Settings) { s.Val = 10 })
	var images []*contrast.Task
	for _, c := range []train.Config{c, c, other, c} {
		r, err := train.NewShared(context.Background(), shared, c)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, r.Task.(*contrast.Task))
		res, err := r.Do(context.Background(), nil, train.Watch{})
		if val := int(contrast.Of(&c).Val); err != nil || res.Data.Val != val || (res.WeightsSHA256 == want.WeightsSHA256) != (val == 20) {
			t.Errorf("%d pairs validate: %+v, weights %.8s, %v", val, res.Data, res.WeightsSHA256, err)
		}
	}
	if images[0].Data != images[1].Data || images[1].Data == images[2].Data {
		t.Error("images were decoded again, or shared by runs on other ones")
	}
}

// Pairs are told from others by captions and images' bytes, not by the place of their files.
func TestFingerprint(t *testing.T) {
	c := aligning(t)
	dir := filepath.Dir(strings.TrimPrefix(contrast.Of(&c).Data, "pairs:"))
	path := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, path, c, 5); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.CopyFS(moved, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	of(&c, func(s *contrast.Settings) { s.Data = "pairs:" + filepath.Join(moved, "pairs.tsv") })
	if _, err := runIn(t, path, c, 7); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("moved: %v", err)
	}
	one, err := os.ReadFile(filepath.Join(moved, "1.png"))
	if err == nil {
		err = os.WriteFile(filepath.Join(moved, "0.png"), one, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := train.OpenDir(path, r, train.DirOptions{Resume: true}); err == nil || !strings.Contains(err.Error(), "1 with other content (train/0.png)") {
		t.Errorf("another image of the same name: error %v", err)
	}
}

// The order of pairs is their data too: it decides the minibatches.
func TestFingerprintOrder(t *testing.T) {
	c := aligning(t)
	list := strings.TrimPrefix(contrast.Of(&c).Data, "pairs:")
	path := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, path, c, 5); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.SplitAfter(strings.TrimSpace(string(b))+"\n", "\n")
	last := len(rows) - 2
	rows[last], rows[last-1] = rows[last-1], rows[last]
	if err := os.WriteFile(list, []byte(strings.Join(rows, "")), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := train.OpenDir(path, r, train.DirOptions{Resume: true}); err == nil || !strings.Contains(err.Error(), "train: was ") || !strings.Contains(err.Error(), " pairs in the order ") {
		t.Errorf("error %v", err)
	}
	former, err := r.Task.(*contrast.Task).FormerFingerprints()
	if err != nil || len(former) != 2 || r.SameData("") || !r.SameData(former[0]) || !r.SameData(former[1]) || !r.SameData(r.Fingerprint()) {
		t.Errorf("fingerprints of earlier versions: %q, %v", former, err)
	}
}

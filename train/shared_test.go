package train_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// Runs that share their data open them once, and do not see each other's label noise; one that
// names other data does not get theirs.
func TestNewShared(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.csv")
	put(t, file, table())
	c := short("sam", .1)
	c.Batch = 8
	of(&c, func(s *supervised.Settings) { s.Data = "csv:" + file })
	_, want := do(t, c)
	noisy, fewer := c, c
	of(&noisy, func(s *supervised.Settings) { s.LabelNoise = .5 })
	of(&fewer, func(s *supervised.Settings) { s.Subset = 20 })
	shared := &train.Shared{}
	for _, c := range []train.Config{c, noisy, c} {
		r, err := train.NewShared(context.Background(), shared, c)
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(file)
		res, err := r.Do(context.Background(), nil, train.Watch{})
		if clean := supervised.Of(&c).LabelNoise == 0; err != nil || (res.WeightsSHA256 == want.WeightsSHA256) != clean {
			t.Errorf("clean labels %v: weights %.8s, alone %.8s, %v", clean, res.WeightsSHA256, want.WeightsSHA256, err)
		}
	}
	if _, err := train.NewShared(context.Background(), shared, fewer); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("other data: %v", err)
	}
}

package train_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/monge-ml/monge/train"
)

// Runs on one source do not see each other's label noise, and one that names other data
// is refused.
func TestNewFrom(t *testing.T) {
	c := short("sam", .1)
	_, want := do(t, c)
	src, err := train.OpenSource(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	noisy := c
	noisy.LabelNoise = .5
	if _, err := train.NewFrom(context.Background(), src, noisy); err != nil {
		t.Fatal(err)
	}
	r, err := train.NewFrom(context.Background(), src, c)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Do(context.Background(), nil, train.Watch{}); err != nil || got.WeightsSHA256 != want.WeightsSHA256 {
		t.Errorf("weights %.8s, want %.8s, %v", got.WeightsSHA256, want.WeightsSHA256, err)
	}
	c.Subset = 500
	if _, err := train.NewFrom(context.Background(), src, c); err == nil || !strings.Contains(err.Error(), "the data were opened as") {
		t.Errorf("other data: %v", err)
	}
}

// Reading lists of pairs and decoding their images end with the context.
func TestSourceInterrupted(t *testing.T) {
	c := aligning(t)
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := train.OpenSource(stopped, c); !errors.Is(err, context.Canceled) {
		t.Errorf("reading the list: error %v", err)
	}
	if _, err := train.NewContext(stopped, c); !errors.Is(err, context.Canceled) {
		t.Errorf("both: error %v", err)
	}
	src, err := train.OpenSource(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := train.NewFrom(stopped, src, c); !errors.Is(err, context.Canceled) {
		t.Errorf("decoding images: error %v", err)
	}
	if _, err := train.NewFrom(context.Background(), src, c); err != nil {
		t.Errorf("after an interruption: %v", err)
	}
}

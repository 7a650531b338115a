package train_test

import (
	"context"
	"strings"
	"testing"

	"github.com/monge-ml/monge/train"
)

// Runs on one source do not see each other's label noise, and one that names other data
// is refused.
func TestNewFrom(t *testing.T) {
	c := short("sam", .1)
	_, want := do(t, c)
	src, err := train.OpenSource(c)
	if err != nil {
		t.Fatal(err)
	}
	noisy := c
	noisy.LabelNoise = .5
	if _, err := train.NewFrom(src, noisy); err != nil {
		t.Fatal(err)
	}
	r, err := train.NewFrom(src, c)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Do(context.Background(), nil, train.Watch{}); err != nil || got.WeightsSHA256 != want.WeightsSHA256 {
		t.Errorf("weights %.8s, want %.8s, %v", got.WeightsSHA256, want.WeightsSHA256, err)
	}
	c.Subset = 500
	if _, err := train.NewFrom(src, c); err == nil || !strings.Contains(err.Error(), "the data were opened as") {
		t.Errorf("other data: %v", err)
	}
}

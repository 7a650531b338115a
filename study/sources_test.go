package study

import (
	"testing"

	"github.com/monge-ml/monge/train"
)

// Runs that see the same data open them once.
func TestSources(t *testing.T) {
	var s sources
	open := func(c train.Config) *train.Source {
		src, err := s.open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	c := train.Default()
	first := open(c)
	c.LR, c.Seed, c.LabelNoise, c.Pad = .1, 2, .4, 1
	if open(c) != first {
		t.Error("another seed, label noise and augmentation opened the data anew")
	}
	c.Subset = 100
	if open(c) == first {
		t.Error("a subset is the whole")
	}
	c.Data = "nowhere"
	if _, err := s.open(t.Context(), c); err == nil {
		t.Error("data that are not there were opened")
	}
}

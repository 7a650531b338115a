package study

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// A study that a program made is the same when it is read from where it was saved.
func TestSavedByProgram(t *testing.T) {
	base := supervised.Default()
	base.LR, base.Batch, base.Seed = .1, 32, 7
	for name, text := range map[string]string{"label-noise": "0.2", "model": "convnet", "flip": "true", "classes": "1,2"} {
		if err := base.Set(name, text); err != nil {
			t.Fatal(err)
		}
	}
	for _, seeds := range []int{0, 2} {
		s, err := New(Settings{Name: "mine", Base: base, Seeds: seeds, Grid: []map[string]any{{"method": []any{"none", "sam"}, "rho": []any{.1, .2}}}})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := s.Save(dir); err != nil {
			t.Fatal(err)
		}
		again, err := Open(filepath.Join(dir, FileName))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(again.Cells, s.Cells) {
			b, _ := os.ReadFile(filepath.Join(dir, FileName))
			t.Errorf("%d seeds: cells %+v, saved %+v, by\n%s", seeds, s.Cells, again.Cells, b)
		}
	}
}

// A grid takes what a Go program writes, and leaves it as it is.
func TestGridOfGoValues(t *testing.T) {
	base := supervised.Default()
	base.Own = struct {
		Width int `json:"width"`
	}{2}
	base.Task = "test-open"
	grid := map[string]any{"width": []int{2, 3}, "lr": []float32{.5, .25}, "eval_every": uint(2), "base": []string{"sgd"}}
	s, err := New(Settings{Base: base, Grid: []map[string]any{grid}, Open: func(context.Context, train.Config, *train.Shared) (*train.Run, error) { return nil, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Cells) != 4 || len(grid) != 4 || grid["eval_every"] != uint(2) {
		t.Errorf("%d cells of %v", len(s.Cells), grid)
	}
}

// A method without a radius is a run of its own, with what it has a use for.
func TestMethodWithoutRadius(t *testing.T) {
	sam.Register(sam.Method{
		Name: "test-half", Numbers: []sam.Number{{Name: "test-share", Default: .5}},
		New32: func(sam.Params) (sam.Settings[float32], error) {
			return sam.Settings[float32]{Rho: sam.Constant(0)}, nil
		},
	})
	s, err := New(Settings{Base: supervised.Default(), Grid: []map[string]any{
		{"method": []any{"none", "sam"}, "rho": .1}, {"method": "test-half", "rho": .1, "test-share": []any{.2, .3}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range s.Cells {
		names = append(names, c.Name+" "+c.Config.Method)
	}
	want := []string{"sgd_seed-1 none", "sam_rho-0.1_seed-1 sam", "test-half_test-share-0.2_seed-1 test-half", "test-half_test-share-0.3_seed-1 test-half"}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("cells %q, want %q", names, want)
	}
}

// Where the measure of guessing is not known, a radius at which a run diverged is not the best
// by what the others measure.
func TestLuckySeed(t *testing.T) {
	nan := math.NaN()
	c := &Comparison{Rows: []Row{
		{Method: "sam", Rho: .1, Val: 5, Test: 5}, {Method: "sam", Rho: .1, Val: 5, Test: 5},
		{Method: "sam", Rho: .2, Val: 4, Test: 4}, {Method: "sam", Rho: .2, Val: nan, Test: nan, Diverged: true},
	}}
	c.Measure.Name, c.Measure.Better = "x", "lower"
	c.Summarize()
	if s := c.Summary[0]; s.BestRho != .1 || s.Test != 5 || s.Diverged != 1 {
		t.Errorf("%+v", s)
	}
}

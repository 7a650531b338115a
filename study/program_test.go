package study

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// saved saves a study and opens it again.
func saved(t *testing.T, s *Study) (again *Study, dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := s.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Open(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	return again, dir
}

// A study that a program made of a registered kind is the same from its file.
func TestSavedFromProgram(t *testing.T) {
	p := small()
	p.Base.LR, p.Base.Batch, p.Base.Epochs, p.Base.WeightDecay, p.Base.Deadline, p.Base.Microbatch = .1, 32, 2, 1e-7, 3e9, 8
	plan, err := p.Study()
	if err != nil {
		t.Fatal(err)
	}
	well, err := train.Begin("test-well")
	if err != nil {
		t.Fatal(err)
	}
	well.Own, well.Seed, well.LRSchedule, well.Momentum = wellSettings{Start: 1e6}, 1<<63+1, "cosine", new(0.)
	wells, err := New(Settings{Name: "wells", Base: well, Grid: []map[string]any{{"method": []string{"none", "sam"}, "rho": .1, "well_start": []float64{1, 4}}}})
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := train.Begin("contrast")
	if err != nil {
		t.Fatal(err)
	}
	if err := train.ApplySettings(&pairs, map[string]any{"data": "pairs:a.tsv", "model": "clip-tiny"}); err != nil {
		t.Fatal(err)
	}
	contrast, err := New(Settings{Name: "pairs", Base: pairs, Grid: []map[string]any{{"method": "none"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Study{plan, wells, contrast} {
		if again, _ := saved(t, s); !reflect.DeepEqual(again.Cells, s.Cells) {
			t.Errorf("%s: from its file\n%+v\nwant\n%+v", s.Name, again.Cells, s.Cells)
		}
	}
	bare := supervised.Default()
	bare.Momentum = nil
	if k, _ := bare.Kind(); train.DefaultOf(k).Momentum != nil {
		s, err := New(Settings{Base: bare, Grid: []map[string]any{{"method": "none"}}})
		if err != nil || s.Save(t.TempDir()) == nil {
			t.Errorf("a momentum that is not given can't be said; %v", err)
		}
	}
}

type bowlSettings struct {
	Width float64  `json:"width" help:"how wide" is:"free"`
	Depth int      `json:"depth" help:"how deep"`
	Phase *float64 `json:"phase,omitempty" help:"not given"`
	Late  string   `json:"late,omitempty" help:"behind batch" place:"batch"`
	Parts []string `json:"parts,omitempty" help:"a list"`
}

// A study of a program's own task varies the task's settings, and can be reported on from its file,
// but not be run from it.
func TestSavedFromOwnTask(t *testing.T) {
	base := train.Default()
	base.Task, base.Epochs, base.LR, base.Own = "own-bowl", 3, .1, bowlSettings{Width: 1e6, Late: "1", Parts: []string{"a"}}
	open := func(_ context.Context, c train.Config, _ *train.Shared) (*train.Run, error) {
		return train.NewTask(bowl{float32(c.Own.(bowlSettings).Depth)}, c)
	}
	grid := map[string]any{"width": []float64{1e6, 2}, "depth": []int{1, 2}, "phase": float32(.1), "late": []string{"1", "x"}, "parts": []string{"b", "c"}, "method": "none"}
	s, err := New(Settings{Name: "own", Base: base, Seeds: 2, Open: open, Grid: []map[string]any{grid}})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Cells) != 16 {
		t.Fatalf("cells %q", names(s))
	}
	again, dir := saved(t, s)
	if !slices.Equal(names(again), names(s)) {
		t.Fatalf("cells %q, want %q", names(again), names(s))
	}
	if _, err := s.Run(t.Context(), dir, s.Cells, RunOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := again.Fits(dir); err != nil {
		t.Error(err)
	}
	for _, st := range again.States(dir) {
		if st.State != train.Finished {
			t.Errorf("%s is %s: %s", st.Cell, st.State, st.Error)
		}
	}
	sameRows(t, again.Compare(dir), s.Compare(dir))
	if _, err := again.Run(t.Context(), dir, again.Cells, RunOptions{}); !errors.Is(err, errProgram) {
		t.Errorf("run from its file: %v", err)
	}
	if _, err := again.Forecast(t.Context(), dir, again.Cells, 1); !errors.Is(err, errProgram) {
		t.Errorf("forecast from its file: %v", err)
	}
	// One whose task is ours, but not its runs.
	ours, err := New(Settings{Base: supervised.Default(), Open: open, Grid: []map[string]any{{"method": "none"}}})
	if err != nil {
		t.Fatal(err)
	}
	if again, dir := saved(t, ours); !reflect.DeepEqual(again.Cells, ours.Cells) {
		t.Errorf("cells %+v, want %+v", again.Cells, ours.Cells)
	} else if _, err := again.Run(t.Context(), dir, again.Cells, RunOptions{}); !errors.Is(err, errProgram) {
		t.Errorf("run from its file: %v", err)
	}
}

// Numbers of any type and slices of them are values, and the caller's maps stay as they were.
func TestGridValues(t *testing.T) {
	grid := []map[string]any{{"weight_decay": []float32{.1, 0}, "epochs": []uint8{1, 2}, "batch": uint(8), "lr": []any{1, .5}, "nesterov": []bool{false}, "rho": train.Real(.1), "method": "sam", "deadline": train.Duration(1e9)}}
	s, err := New(Settings{Base: supervised.Default(), Grid: grid})
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Cells[0].Config; len(s.Cells) != 8 || c.WeightDecay != .1 || c.Batch != 8 || c.Deadline != 1e9 {
		t.Errorf("%d cells, first %+v", len(s.Cells), c)
	}
	if _, there := grid[0]["weight_decay"]; !there || len(grid[0]) != 8 {
		t.Errorf("the caller's map is now %v", grid[0])
	}
	for _, v := range []any{nil, struct{}{}, map[string]int{}, []any{nil}} {
		if _, err := New(Settings{Base: supervised.Default(), Grid: []map[string]any{{"lr": v}}}); err == nil {
			t.Errorf("%v is taken", v)
		}
	}
}

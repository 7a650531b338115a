package study

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/train"
)

// A spring is a bowl that breaks.
type spring struct{ bowl }

func (s spring) Minibatch(context.Context, int) (train.Minibatch, error) { return s, nil }

func (s spring) Gradient([]float32, []float32, int, int, objective.Call) (float64, error) {
	panic("the spring\nbreaks")
}

// A run that panics fails by itself: the others go on, and where it was is written.
func TestPanic(t *testing.T) {
	base := train.Default()
	base.Task, base.Epochs, base.LR, base.Momentum = "bowl", 3, .1, new(0.)
	var broken atomic.Bool
	s, err := New(Settings{
		Name: "bowls", Base: base, Grid: []map[string]any{{"method": "sam", "rho": []any{.1, .2, .3}}},
		Open: func(_ context.Context, c train.Config, _ *train.Shared) (*train.Run, error) {
			if c.Rho == .2 && broken.Load() {
				return train.NewTask(spring{}, c)
			}
			return train.NewTask(bowl{1}, c)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	count := func(states []State) (finished int, failure string) {
		for _, st := range states {
			if st.State == train.Finished {
				finished++
			} else {
				failure = st.State + ": " + st.Error
			}
		}
		return finished, failure
	}
	dir := t.TempDir()
	for _, dir := range []string{"", dir} {
		broken.Store(true)
		var told []string
		states, err := s.Run(t.Context(), dir, s.Cells, RunOptions{Warn: func(_ Cell, text string) { told = append(told, text) }})
		if err != nil {
			t.Fatal(err)
		}
		finished, failure := count(states)
		if finished != 2 || !strings.HasPrefix(failure, "failed: it panicked, which is a fault of the program: the spring breaks") {
			t.Errorf("%d finished, %s", finished, failure)
		}
		log := strings.Join(told, "\n")
		if dir != "" {
			place := filepath.Join(s.At(dir).Cells[1].Dir(dir), panicFile)
			b, err := os.ReadFile(place)
			if log = string(b); err != nil || !strings.HasSuffix(failure, place+" says where") {
				t.Errorf("%s; %v", failure, err)
			}
		}
		if !strings.Contains(log, "panic: the spring\nbreaks") || !strings.Contains(log, "spring.Gradient(") {
			t.Errorf("log %s", log)
		}
	}
	broken.Store(false)
	states, err := s.Run(t.Context(), dir, s.Cells, RunOptions{})
	if finished, failure := count(states); err != nil || finished != 3 {
		t.Errorf("mended: %d finished, %s, %v", finished, failure, err)
	}
	if _, err := os.Stat(filepath.Join(s.At(dir).Cells[1].Dir(dir), panicFile)); err == nil {
		t.Error("the log of the panic is still there")
	}
}

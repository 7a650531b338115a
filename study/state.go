package study

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/monge-ml/monge/train"
)

// Planned is the state of a cell whose run was not begun. The others are those of runs.
const Planned = "planned"

// A State is how far a cell is.
type State struct {
	Cell  string          `json:"cell"`
	State string          `json:"state"`
	Step  int             `json:"step"`
	Steps int             `json:"steps"` // 0 if not known yet
	Error string          `json:"error,omitempty"`
	Run   *train.SavedRun `json:"-"` // nil if not begun, or not to be read
}

// Over reports whether there is nothing left to do: the run finished or diverged. One that
// failed is tried again.
func (s State) Over() bool { return s.State == train.Finished || s.State == train.Diverged }

// errorFile says in a cell's directory why its run could not begin or go on. It is there
// from when that happened until the run is tried again.
const errorFile = "error.txt"

// panicFile is beside it where a run panicked, with the stack.
const panicFile = "panic.txt"

// State reads how far a cell is from the study's directory.
func (c Cell) State(dir string) State {
	s := State{Cell: c.Name, State: Planned}
	place := c.Dir(dir)
	if _, err := os.Stat(filepath.Join(place, train.ConfigFile)); err == nil {
		run, err := train.ReadRun(place)
		if err == nil {
			err = train.SameConfig(run.Config, c.Config.Decided(run.Config))
		}
		switch {
		case err == nil:
			s.Run, s.State, s.Step, s.Steps, s.Error = run, run.Status.State, run.Status.Step, run.Status.Steps, run.Status.Error
		case run != nil && train.SameBesidePlaces(run.Config, c.Config.Decided(run.Config)) == nil:
			s.State, s.Error = train.Failed, "its data lie elsewhere now; running the study finds out whether they are the same: "+err.Error()
		default:
			s.State, s.Error = train.Failed, err.Error()
			return s
		}
	}
	if text, err := os.ReadFile(filepath.Join(place, errorFile)); err == nil && !s.Over() && s.State != train.Running {
		s.State, s.Error = train.Failed, strings.TrimSpace(string(text))
	}
	return s
}

// noteError keeps why a cell's run could not be done, or with nil that it is tried again.
func (c Cell) noteError(dir string, why error) error {
	place := c.Dir(dir)
	if why == nil {
		for _, name := range []string{errorFile, panicFile} {
			if err := os.Remove(filepath.Join(place, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	}
	if err := os.MkdirAll(place, 0o777); err != nil {
		return err
	}
	var p *panicError
	if errors.As(why, &p) {
		if err := os.WriteFile(filepath.Join(place, panicFile), p.log(), 0o666); err != nil {
			return err
		}
		why = fmt.Errorf("%w; %s says where", why, filepath.Join(place, panicFile))
	}
	return os.WriteFile(filepath.Join(place, errorFile), []byte(why.Error()+"\n"), 0o666)
}

// States reads how far the cells are.
func (s *Study) States(dir string) []State {
	var list []State
	for _, c := range s.At(dir).Cells {
		list = append(list, c.State(dir))
	}
	return list
}

// Fits returns an error if runs in a directory that have the names of the study's have
// other settings.
func (s *Study) Fits(dir string) error {
	here := s.At(dir)
	for _, c := range append(here.Stages, here.Cells...) {
		var saved train.Config
		err := train.ReadConfig(filepath.Join(c.Dir(dir), train.ConfigFile), &saved)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = train.SameBesidePlaces(saved, c.Config.Decided(saved)) // whether data are the same is seen once they are open
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.Dir(dir), err)
		}
	}
	return nil
}

// SecondsLeft estimates the computing time that cells which are not over will take, by
// those that are: 0 if all are, NaN if none is.
func (s *Study) SecondsLeft(states []State) float64 {
	took := map[float64][]float64{} // by gradients of a step
	var all []float64
	for i, st := range states {
		if st.State == train.Finished {
			g := s.Cells[i].Config.Gradients()
			took[g] = append(took[g], st.Run.Seconds())
			all = append(all, st.Run.Seconds())
		}
	}
	left := 0.
	for i, st := range states {
		if st.Over() {
			continue
		}
		like := took[s.Cells[i].Config.Gradients()]
		if len(like) == 0 {
			like = all
		}
		share := 1.
		if st.Steps > 0 {
			share -= float64(st.Step) / float64(st.Steps)
		}
		left += share * stat.Mean(like, nil)
	}
	return left
}

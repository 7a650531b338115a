package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"

	"github.com/monge-ml/monge/internal/words"
)

// A SavedRun is what a run directory holds of its run, whatever became of it.
type SavedRun struct {
	Path    string
	Config  Config
	Status  Status   // its state is Killed where the process ended without a word
	Records []Record // as many as were written
	Result  *Result  // nil if the run is not over
}

// maxSaved bounds the files of a run that are read whole, in bytes: two million records.
const maxSaved = 1 << 30

// ReadRun reads the run in a directory. It takes nothing from a process that is working on
// it, and may be called at any time.
func ReadRun(path string) (*SavedRun, error) {
	s := &SavedRun{Path: path}
	for _, name := range []string{ConfigFile, StatusFile, MetricsFile, ResultFile} {
		if err := readable(filepath.Join(path, name)); err != nil {
			return nil, err
		}
	}
	switch err := ReadConfig(filepath.Join(path, ConfigFile), &s.Config); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is no run directory: %w", path, err)
	case err != nil:
		return nil, err
	}
	if err := s.readState(); err != nil {
		return nil, err
	}
	if s.Status.State == Running && !held(path) {
		if err := s.readState(); err != nil { // it may have ended just now
			return nil, err
		}
		if s.Status.State == Running {
			s.Status.State = Killed
		}
	}
	if err := s.readRecords(); err != nil {
		return nil, err
	}
	if n := len(s.Records); n > 0 { // the status is written less often
		s.Status.Step = max(s.Status.Step, s.Records[n-1].Step)
	}
	return s, nil
}

// readable returns an error for what is there but no file that a run wrote: a pipe would
// keep the reader waiting.
func readable(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file", file)
	case info.Size() > maxSaved:
		return fmt.Errorf("%s has %d bytes; a run's has %d at most", file, info.Size(), maxSaved)
	}
	return nil
}

// readState reads the status and the result. A run with a result is finished, and one
// without is not, whatever was meant to be written next.
func (s *SavedRun) readState() (err error) {
	if s.Status, err = readStatus(filepath.Join(s.Path, StatusFile)); err != nil {
		return err
	}
	if s.Result, err = ReadResult(s.Path, s.Config); err != nil {
		return err
	}
	switch {
	case s.Result != nil:
		s.Status.State, s.Status.Step = Finished, s.Result.Steps
	case s.Status.State == Finished:
		s.Status.State = Running
	}
	return nil
}

// readStatus reads a status file. A run that has none yet is about to begin.
func readStatus(file string) (Status, error) {
	s := Status{State: Running}
	b, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return s, err
	}
	if err := words.JSON(b, json.Unmarshal(b, &s)); err != nil {
		return s, fmt.Errorf("%s: %w; remove it and resume the run", file, err)
	}
	states := []string{Running, Interrupted, Diverged, Failed, Finished}
	if !slices.Contains(states, s.State) {
		return s, fmt.Errorf("%s: unknown state %q; remove it and resume the run", file, s.State)
	}
	return s, nil
}

func (s *SavedRun) readRecords() error {
	f, err := os.Open(filepath.Join(s.Path, MetricsFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	defer f.Close()
	if s.Records, err = ParseRecords(f); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return nil
}

// held reports whether a process works on the run in a directory. Where that can't be
// found out it says yes, as the status does.
func held(path string) bool {
	file := filepath.Join(path, lockFile)
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return err == nil || !errors.Is(err, fs.ErrNotExist)
	}
	// Those who look share the lock, and OpenDir waits for them.
	lock := flock.New(file, flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	if err == nil && free {
		err = lock.Close()
	}
	return err != nil || !free
}

// Best returns the evaluation with the best measures so far, nil without one.
func (s *SavedRun) Best() (best *Best) {
	if s.Result != nil {
		return s.Result.Best
	}
	for _, r := range s.Records {
		if r.Val != nil && (best == nil || r.Val.Better(best.Val)) {
			best = r.best()
		}
	}
	return best
}

// Seconds returns the time spent: on steps, and once the run is over on evaluations too.
func (s *SavedRun) Seconds() (t float64) {
	if s.Result != nil {
		return s.Result.Seconds
	}
	for _, r := range s.Records {
		t += r.Seconds
	}
	return t
}

// FindRuns lists the run directories at dir and below, in order. A directory is a run's if
// it holds a config.json beside another file that only runs have; whether they can be read
// is for [ReadRun] to find out. Links to directories below dir are not followed.
func FindRuns(dir string) (paths []string, err error) {
	dir = filepath.Clean(dir)
	err = filepath.WalkDir(dir+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		path = filepath.Clean(path)
		switch {
		case err != nil && path == dir:
			return err
		case err != nil: // a directory that can't be listed: reading it will say why
			paths = append(paths, path)
			return nil
		case d.IsDir() && isRun(path):
			paths = append(paths, path)
		}
		return nil
	})
	return slices.Compact(paths), err
}

func isRun(path string) bool {
	there := func(name string) bool {
		_, err := os.Lstat(filepath.Join(path, name))
		return err == nil
	}
	return there(ConfigFile) && (there(MetricsFile) || there(StatusFile) || there(lockFile))
}

package study

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/train"
)

// rowsFile writes rows of two classes.
func rowsFile(t *testing.T, dir string, first int) (file string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("x,y,label\n")
	for i := range 40 {
		fmt.Fprintf(&b, "%d.5,%d.5,%d\n", first+i%7, i%5, i%2)
	}
	file = filepath.Join(dir, "rows.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// Runs of a study whose data were moved are over as before, once the study has seen that the data
// are the same; with other data they are not.
func TestMovedData(t *testing.T) {
	on := func(file string) *Study {
		return mustOpen(t, fmt.Sprintf("seeds = 2\n[base]\ndata = %q\nval = 0.2\nepochs = 1\nmodel = \"mlp\"\n[[grid]]\nmethod = \"none\"\n", "csv:"+file))
	}
	dir := t.TempDir()
	s := on(rowsFile(t, t.TempDir(), 0))
	if _, err := s.Run(t.Context(), dir, s.Cells, RunOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		first int
		want  string // of the cells
	}{"moved": {0, train.Finished}, "others": {1, train.Failed}} {
		s := on(rowsFile(t, t.TempDir(), tt.first))
		if err := s.Fits(dir); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		stepped := false
		states, err := s.Run(t.Context(), dir, s.Cells, RunOptions{Step: func(Cell, train.Progress) { stepped = true }})
		if err != nil || stepped {
			t.Errorf("%s: trained again: %v, error %v", name, stepped, err)
		}
		for _, st := range states {
			if st.State != tt.want || tt.want == train.Failed && !strings.Contains(st.Error, "data were others") {
				t.Errorf("%s: cell %s: %s %s", name, st.Cell, st.State, st.Error)
			}
		}
	}
}

// A study's data are found beside its file from any directory.
func TestStudyFromElsewhere(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	rowsFile(t, dir, 0)
	text := "seeds = 1\n[base]\ndata = \"csv:rows.csv\"\nval = 0.2\nepochs = 1\nmodel = \"mlp\"\n[[grid]]\nmethod = \"none\"\nlr = [0.1, 0.2]\n"
	file := filepath.Join(dir, "mine.toml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, wd := range []string{dir, "/"} {
		t.Chdir(wd)
		s, err := Open(file)
		if err != nil {
			t.Fatal(err)
		}
		states, err := s.Run(t.Context(), out, s.Cells, RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range states {
			if st.State != train.Finished {
				t.Errorf("from %s: cell %s: %s %s", wd, st.Cell, st.State, st.Error)
			}
		}
	}
	if s, err := Open(file); err != nil || len(s.Cells) != 2 || !strings.HasPrefix(s.Cells[0].Name, "sgd_lr-") {
		t.Errorf("%+v, error %v", s.Cells, err)
	}
}

// Runs that a study is given later are not done on other data than those before.
func TestStudyOfChangedData(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	on := func(rates string) *Study {
		return mustOpen(t, fmt.Sprintf("[base]\ndata = %q\nval = 0.2\nepochs = 1\nmodel = \"mlp\"\n[[grid]]\nmethod = \"none\"\nlr = %s\n", "csv:"+filepath.Join(dir, "rows.csv"), rates))
	}
	rowsFile(t, dir, 0)
	s := on("[0.1]")
	if _, err := s.Run(t.Context(), out, s.Cells, RunOptions{}); err != nil {
		t.Fatal(err)
	}
	rowsFile(t, dir, 1)
	s = on("[0.1, 0.2]")
	states, err := s.Run(t.Context(), out, s.Cells, RunOptions{})
	if err != nil || states[1].State != train.Failed || !strings.Contains(states[1].Error, "the data have changed since") {
		t.Errorf("%+v, error %v", states[1], err)
	}
	states, err = s.Run(t.Context(), out, s.Cells, RunOptions{AcceptChange: true})
	if err != nil || states[1].State != train.Finished {
		t.Errorf("accepted: %+v, error %v", states[1], err)
	}
}

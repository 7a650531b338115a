package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/monge-ml/monge/objective"
)

func TestDifferenceOf(t *testing.T) {
	was := map[string]string{"classes": `"a" "b"`, "train/a/1.png": "01ab", "train/a/2.png": "02", "test/b/3.png": "03"}
	for want, is := range map[string]map[string]string{
		"": was,
		"1 gone (test/b/3.png); 1 with other content (train/a/1.png)":  {"classes": `"a" "b"`, "train/a/1.png": "ff", "train/a/2.png": "02"},
		`1 new (x); classes: was "a" "b", is "a"`:                      {"classes": `"a"`, "train/a/1.png": "01ab", "train/a/2.png": "02", "test/b/3.png": "03", "x": "1"},
		"4 gone (classes, test/b/3.png, train/a/1.png, train/a/2.png)": {},
	} {
		if got := differenceOf(was, is); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		n, size, least int
		want           []int
	}{
		{8, 8, 1, []int{8}}, {8, 4, 1, []int{4, 8}}, {9, 4, 1, []int{4, 8, 9}}, {9, 4, 2, []int{4, 9}}, {9, 4, 1, []int{4, 8, 9}},
		{3, 4, 2, []int{3}}, {5, 2, 2, []int{2, 5}}, {1, 1, 1, []int{1}},
	} {
		if got := cut(nil, tt.n, tt.size, tt.least); !slices.Equal(got, tt.want) {
			t.Errorf("%d in parts of %d, at least %d: %v, want %v", tt.n, tt.size, tt.least, got, tt.want)
		}
	}
}

// spelled is a setting of a place.
func spelled(is string) Setting { return Setting{is: []string{is}} }

func TestSamePlace(t *testing.T) {
	for _, tt := range []struct {
		is, a, b string
		want     bool
	}{
		{"spec", "imagefolder:d", "imagefolder:./d/", true},
		{"spec", "imagefolder:d", "imagefolder:/w/d", true},
		{"spec", "imagefolder:d", "imagefolder:e", false},
		{"spec", "imagefolder:d", "idx:d", false},
		{"spec", "csv:f?label=a", "csv:./f?label=a", true},
		{"spec", "csv:f?label=a", "csv:./f?label=b", false},
		{"spec", "digits", "digits", true},
		{"spec", "digits", "digits:", false},
		{"path", "a.pth", "./x/../a.pth", true},
		{"path", "a.pth", "", false},
		{"free", "a", "./a", false},
	} {
		if got := spelled(tt.is).samePlace(tt.a, "/w", tt.b, "/w"); got != tt.want {
			t.Errorf("%s %s and %s: %v, want %v", tt.is, tt.a, tt.b, got, tt.want)
		}
	}
	if !spelled("path").samePlace("a", "/w", "../w/a", "/v") || spelled("path").samePlace("./a", "/w", "a", "/v") {
		t.Error("relative paths are not of their directories")
	}
}

// A failing is a task that can't read the minibatch of one step, or what validates after another.
type failing struct {
	idle
	step, evaluated int
	saved           bool
}

var errFailing = errors.New("the disk is gone")

func (f *failing) Minibatch(_ context.Context, step int) (Minibatch, error) {
	if step == f.step {
		return nil, errFailing
	}
	return bowl{}, nil
}

func (f *failing) Examples(Split) int { return 1 }

func (f *failing) Measure(_ context.Context, _ []float32, s Split) (Measures, error) {
	if f.evaluated > 0 && s == ValSplit {
		return nil, errFailing
	}
	return Measures{{Name: "loss", Better: Lower}}, nil
}

func (f *failing) Save(string, bool, []float32) error {
	f.saved = true
	return nil
}

// A bowl is the loss theta'theta/2.
type bowl struct{}

func (bowl) Len() int { return 1 }

func (bowl) Gradient(grad, theta []float32, _, _ int, _ objective.Call) (loss float64, err error) {
	for i, v := range theta {
		grad[i] = v
		loss += float64(v*v) / 2
	}
	return loss, nil
}

// What a run has reached is saved before it stops with an error of the task: the state, and where
// no step is left the weights.
func TestFailingTask(t *testing.T) {
	c := Default()
	c.Epochs = 1
	for name, tt := range map[string]struct {
		task *failing
		at   int
	}{
		"minibatch": {&failing{step: 11}, 11}, "last evaluation": {&failing{step: -1, evaluated: 1}, 16},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := NewTask(tt.task, c)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "run")
			if _, err := r.DoIn(context.Background(), path, DirOptions{}, Watch{}); !errors.Is(err, errFailing) {
				t.Fatalf("error %v", err)
			}
			if _, err := os.Stat(filepath.Join(path, CheckpointDir, checkpointName(tt.at))); err != nil {
				t.Error(err)
			}
			if tt.task.saved != (tt.at == 16) {
				t.Errorf("weights saved: %v", tt.task.saved)
			}
			if r, err = NewTask(&failing{step: -1}, c); err != nil {
				t.Fatal(err)
			}
			res, err := r.DoIn(context.Background(), path, DirOptions{Resume: true}, Watch{})
			if err != nil || res.Steps != 16 {
				t.Errorf("resumed: %d steps, error %v", res.Steps, err)
			}
		})
	}
}

// A disk without room for checkpoints is an error before the first step.
func TestNoRoom(t *testing.T) {
	defer func(was func(string) (uint64, bool)) { free = was }(free)
	for room, want := range map[uint64]bool{100: false, 1000: true} {
		free = func(string) (uint64, bool) { return room, true }
		r, err := NewTask(&failing{step: -1}, Default())
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "run")
		if _, err = r.DoIn(context.Background(), path, DirOptions{}, Watch{}); (err == nil) != want {
			t.Errorf("%d bytes free: error %v", room, err)
		}
	}
}

// copied is a task that writes its network in many formats.
type copied struct{ failing }

func (*copied) Copies() int { return 1000 }

// Room is needed for what is written once more.
func TestNoRoomForCopies(t *testing.T) {
	defer func(was func(string) (uint64, bool)) { free = was }(free)
	free = func(string) (uint64, bool) { return 1000, true }
	r, err := NewTask(&copied{failing{step: -1}}, Default())
	if err != nil {
		t.Fatal(err)
	}
	if _, err = r.DoIn(context.Background(), filepath.Join(t.TempDir(), "run"), DirOptions{}, Watch{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
}

// What is wrong with a directory is said before anything is read.
func TestCheckDir(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	held := filepath.Join(dir, "held")
	r, err := NewTask(&failing{step: -1}, Default())
	if err == nil {
		_, err = r.DoIn(context.Background(), held, DirOptions{}, Watch{})
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{ResultFile, "weights.safetensors"} {
		half := filepath.Join(dir, "half "+name)
		if err := errors.Join(os.Mkdir(half, 0o777), os.WriteFile(filepath.Join(half, name), []byte("{}"), 0o666)); err != nil {
			t.Fatal(err)
		}
		if err := CheckDir(half, DirOptions{Resume: true}); err == nil {
			t.Errorf("a directory with %s alone: no error", name)
		}
		if r, err = NewTask(&failing{step: -1}, Default()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.DoIn(context.Background(), half, DirOptions{Resume: true}, Watch{}); err == nil {
			t.Errorf("a directory with %s alone was trained in", name)
		}
	}
	for _, tt := range []struct {
		path   string
		resume bool
		want   bool
	}{
		{filepath.Join(dir, "new", "er"), false, true}, {dir, false, true}, {held, true, true},
		{held, false, false}, {file, false, false}, {filepath.Join(file, "below"), true, false},
	} {
		if err := CheckDir(tt.path, DirOptions{Resume: tt.resume}); (err == nil) != tt.want {
			t.Errorf("%s, resume %v: error %v", tt.path, tt.resume, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 4 {
		t.Errorf("left behind: %q", left)
	}
}

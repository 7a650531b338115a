package train_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/monge-ml/monge/train"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) *train.SavedRun {
	t.Helper()
	s, err := train.ReadRun(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What a run's directory says is what the run said, at every stage of it.
func TestReadRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	c := short("sam", .1)
	c.EvalEvery, c.CheckpointEvery = 8, 8
	if _, err := runIn(t, path, c, 12); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s := read(t, path)
	if want := (train.Status{State: train.Interrupted, Step: 12, Steps: 32}); s.Status != want || s.Result != nil || len(s.Records) != 1 {
		t.Errorf("interrupted: %+v, result %v, %d records", s.Status, s.Result, len(s.Records))
	}
	if b := s.Best(); b == nil || b.Step != 8 || text(b.Val) != text(s.Records[0].Val) || b.Val == nil || b.Test != nil {
		t.Errorf("best so far %+v", b)
	}
	if s.Seconds() != s.Records[0].Seconds {
		t.Errorf("%g s of steps", s.Seconds())
	}

	r, d := open(t, path, c, train.DirOptions{Resume: true})
	var during *train.SavedRun
	res, err := r.Do(context.Background(), d, train.Watch{Step: func(p train.Progress) {
		if p.Step == 20 {
			during = read(t, path)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if during.Status.State != train.Running || during.Status.Step != 16 || during.Result != nil {
		t.Errorf("running: %+v, result %v", during.Status, during.Result)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	s = read(t, path)
	if s.Status.State != train.Finished || s.Status.Step != 32 || text(s.Records) != text(res.Records) {
		t.Errorf("finished: %+v, %d records", s.Status, len(s.Records))
	}
	if s.Result == nil || s.Result.WeightsSHA256 != res.WeightsSHA256 || s.Seconds() != res.Seconds || text(*s.Best()) != text(*res.Best) {
		t.Errorf("result %+v, want %+v", s.Result, res)
	}
	r.Config.Directory, err = os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s.Config, r.Config) {
		t.Errorf("config %+v, want %+v", s.Config, r.Config)
	}
}

// A run that says it is running is killed once nobody holds its lock, and not before.
func TestReadRunKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, path, short("none", 0), 3); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for _, status := range []string{`{"state": "running", "step": 3, "steps": 32}`, `{"state": "finished", "step": 3, "steps": 32}`, ""} {
		if put(t, filepath.Join(path, train.StatusFile), status); status == "" { // it has none yet
			os.Remove(filepath.Join(path, train.StatusFile))
		}
		lock := flock.New(filepath.Join(path, "lock"))
		if ok, err := lock.TryLock(); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if s := read(t, path); s.Status.State != train.Running {
			t.Errorf("status %s, locked: %+v", status, s.Status)
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
		if s := read(t, path); s.Status.State != train.Killed {
			t.Errorf("status %s, not locked: %+v", status, s.Status)
		}
	}
	if err := os.Remove(filepath.Join(path, "lock")); err != nil {
		t.Fatal(err)
	}
	if s := read(t, path); s.Status.State != train.Killed {
		t.Errorf("no lock: %+v", s.Status)
	}
	if _, err := os.Stat(filepath.Join(path, "lock")); err == nil {
		t.Error("reading made a lock")
	}
}

// One who looks at a run, and shares its lock for that moment, does not keep it from
// starting.
func TestReadRunDisturbsNoStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	c := short("none", 0)
	if _, err := runIn(t, path, c, 3); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	lock := flock.New(filepath.Join(path, "lock"))
	if ok, err := lock.TryRLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	put(t, filepath.Join(path, train.StatusFile), `{"state": "running", "step": 3, "steps": 32}`)
	if s := read(t, path); s.Status.State != train.Killed { // nor do two disturb each other
		t.Errorf("%+v", s.Status)
	}
	time.AfterFunc(50*time.Millisecond, func() { lock.Close() })
	open(t, path, c, train.DirOptions{Resume: true})
}

// More time for a run that its deadline ended makes it a run that is not over.
func TestReadRunDeadline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	c := short("none", 0)
	c.Deadline = 1
	if _, err := runIn(t, path, c, 0); err != nil {
		t.Fatal(err)
	}
	if s := read(t, path); s.Status.State != train.Finished || s.Result.StoppedBy != "deadline" {
		t.Errorf("%+v, result %v", s.Status, s.Result)
	}
	c.Deadline = 0
	open(t, path, c, train.DirOptions{Resume: true})
	if s := read(t, path); s.Status.State != train.Running || s.Result != nil {
		t.Errorf("resumed: %+v, result %v", s.Status, s.Result)
	}
}

func TestReadRunErrors(t *testing.T) {
	const config, status, metrics, result = train.ConfigFile, train.StatusFile, train.MetricsFile, train.ResultFile
	for _, tt := range []struct {
		file, text string
		want       string
	}{
		{config, "", config + ": not a run's config: it is empty"},
		{config, `{"architectures": ["BertModel"]}`, config + `: not a run's config: unknown setting "architectures"`},
		{config, `{"rho": "huge"}`, config + ": not a run's config"},
		{status, `{"state": "runn`, status + ": it is cut short: the JSON does not end; remove it and resume"},
		{status, `{"state": "killed"}`, status + `: unknown state "killed"`},
		{status, `[]`, status + ": it is a list where an object should be"},
		{metrics, "{}\n{\n{}\n", metrics + ": metrics line 2"},
		{metrics, strings.Repeat("x", 2_000_000), metrics + ": metrics line 1 is longer than"},
		{result, `{"steps": "many"}`, result + ": steps is a text where a whole number should be"},
	} {
		path := filepath.Join(t.TempDir(), "run")
		put(t, filepath.Join(path, config), `{"model": "mlp"}`)
		put(t, filepath.Join(path, tt.file), tt.text)
		if s, err := train.ReadRun(path); err == nil || !strings.Contains(err.Error(), filepath.Join(path, tt.want)) {
			t.Errorf("%s %.99q: %+v, %v", tt.file, tt.text, s, err)
		}
	}
	path := filepath.Join(t.TempDir(), "run")
	if _, err := train.ReadRun(path); err == nil || !strings.Contains(err.Error(), path+" is no run directory") {
		t.Errorf("no directory: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(path, config), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := train.ReadRun(path); err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("a directory in place of the config: %v", err)
	}
	if err := os.Remove(filepath.Join(path, config)); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(path, config), "{}")
	put(t, filepath.Join(path, metrics), "")
	if err := os.Truncate(filepath.Join(path, metrics), 1<<40); err != nil {
		t.Skip(err)
	}
	if _, err := train.ReadRun(path); err == nil || !strings.Contains(err.Error(), metrics+" has 1099511627776 bytes") {
		t.Errorf("endless metrics: %v", err)
	}
}

// Runs are found at any depth; other folders with a config.json are none.
func TestFindRuns(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{
		"a/config.json", "a/metrics.jsonl", "a/tuned/config.json", "a/tuned/lock", "b/grid/1/config.json", "b/grid/1/status.json",
		"compare/report.html", "bert/config.json", "lost/metrics.jsonl",
	} {
		put(t, filepath.Join(dir, file), "")
	}
	var want []string
	for _, run := range []string{"a", "a/tuned", "b/grid/1"} {
		want = append(want, filepath.Join(dir, run))
	}
	got, err := train.FindRuns(dir + "/")
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	if got, err := train.FindRuns(link); err != nil || fmt.Sprint(got[0]) != filepath.Join(link, "a") {
		t.Errorf("behind a link: %q, %v", got, err)
	}
	if _, err := train.FindRuns(filepath.Join(dir, "nowhere")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

package cli

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/monge-ml/monge/report"
	"github.com/monge-ml/monge/train"
)

// trainInto makes a short run in a directory.
func trainInto(t *testing.T, out, flags string) {
	t.Helper()
	mustCall(t, append(strings.Fields("train --json --no-tensorboard --out "+out), strings.Fields(flags)...)...)
}

// listed is a line of runs --json.
type listed struct {
	Path, State, Error string
	Step, Steps        int
	BestVal            *float64 `json:"best_val_accuracy"`
	Test               *float64 `json:"test_accuracy"`
	Seconds            float64
	Changed            time.Time
	Config             *train.Config
}

func TestRuns(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	trainInto(t, at("good"), "--epochs 3")
	trainInto(t, at("grid/bad"), "--epochs 1 --lr 1e-9 --method m-sam --rho inf --ascent-budget 0.08")
	if code, _, stderr := call("train", "--lr", "1e30", "--out", at("wild")); code != exitFailed {
		t.Fatal(stderr)
	}
	if err := os.MkdirAll(at("torn"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"torn/config.json": `{"mod`, "torn/metrics.jsonl": "", "report.html": ""} {
		if err := os.WriteFile(at(name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	killed := startTraining(t, at("killed"))
	var list []listed
	state := func(name string) listed {
		i := slices.IndexFunc(list, func(r listed) bool { return r.Path == at(name) })
		if i < 0 {
			t.Fatalf("no %s in %+v", name, list)
		}
		return list[i]
	}
	decode(t, mustCall(t, "runs", dir, "--json"), &list)
	if r := state("killed"); r.State != "running" || len(list) != 5 {
		t.Errorf("a live run among %d: %+v", len(list), r)
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed.Wait()
	decode(t, mustCall(t, "runs", dir, "--json", "--sort", "accuracy"), &list)
	if r := state("killed"); r.State != "killed" || r.Steps != 480 {
		t.Errorf("%+v", r)
	}
	if r := state("good"); r.State != "finished" || r.Step != 48 || r.Steps != 48 || r.Test == nil || r.BestVal == nil || r.Seconds <= 0 || r.Config.Epochs != 3 {
		t.Errorf("%+v", r)
	}
	if r := state("wild"); r.State != "diverged" || !strings.Contains(r.Error, "not finite") || r.Test != nil || r.BestVal != nil {
		t.Errorf("%+v", r)
	}
	if r := state("torn"); r.State != "unreadable" || !strings.Contains(r.Error, "torn/config.json: not a run's config") || r.Config != nil {
		t.Errorf("%+v", r)
	}
	index := func(name string) int {
		return slices.IndexFunc(list, func(r listed) bool { return r.Path == at(name) })
	}
	if !(index("good") < index("grid/bad") && index("grid/bad") < index("wild")) {
		t.Errorf("by accuracy: %+v", list)
	}
	decode(t, mustCall(t, "runs", dir, "--json"), &list)
	if !slices.IsSortedFunc(list, func(a, b listed) int { return b.Changed.Compare(a.Changed) }) {
		t.Errorf("by time: %+v", list)
	}

	out := mustCall(t, "runs", dir)
	for _, want := range []string{"best val", at("good") + "  ", "48/48", "m-sam budget 0.08 rho inf", "diverged", "killed", at("torn") + ": " + at("torn/config.json")} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// startTraining starts a process that trains, and waits until it has begun.
func startTraining(t *testing.T, out string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], strings.Fields("train --model cnn --json --out "+out)...)
	cmd.Env = append(os.Environ(), "MONGE_TEST_MAIN=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	for range 2000 {
		if _, err := os.Stat(filepath.Join(out, train.StatusFile)); err == nil {
			return cmd
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the run does not begin")
	return nil
}

// Names that would do more to a terminal than stand in it are quoted.
func TestRunsHostileName(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a\x1b[2J\nb")
	if err := os.Mkdir(name, 0o777); err != nil {
		t.Skip(err)
	}
	for _, file := range []string{"config.json", "metrics.jsonl"} {
		if err := os.WriteFile(filepath.Join(name, file), []byte(`{"model": "\u001b[31m"}`), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	out := mustCall(t, "runs", dir)
	if strings.Contains(out, "\x1b") || !strings.Contains(out, `a\x1b[2J\nb" `) || !strings.Contains(out, `"\x1b[31m"`) {
		t.Errorf("%q", out)
	}
}

func TestReport(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, seed := range []string{"1", "2"} {
		trainInto(t, at("sam-"+seed), "--epochs 1 --method sam --rho 0.1 --seed "+seed)
	}
	trainInto(t, at("sgd"), "--epochs 1")
	out := mustCall(t, "report", at("sgd"))
	page := readFile(t, at("sgd/report.html"))
	if !strings.HasPrefix(out, "Test accuracy ") || !strings.Contains(out, "Report: "+at("sgd/report.html")) || !strings.Contains(page, "<title>sgd: mlp on digits") {
		t.Errorf("%q", out)
	}
	var got struct {
		Report, Headline string
		Summary          []string
		Runs             []listed
	}
	decode(t, mustCall(t, "report", at("sam-1"), at("sam-2"), at("sgd"), "--out", at("new/all.html"), "--json"), &got)
	if got.Report != at("new/all.html") || len(got.Runs) != 3 || got.Runs[2].Test == nil || !strings.Contains(got.Headline, " on validation, at ") || len(got.Summary) == 0 {
		t.Errorf("%+v", got)
	}
	page = readFile(t, got.Report)
	var runs []*train.SavedRun
	for _, r := range got.Runs {
		s, err := train.ReadRun(r.Path)
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, s)
	}
	if want, err := report.RunsPage(runs); err != nil || page != string(want) {
		t.Errorf("the file is not the page of its runs, %v", err)
	}
	if !strings.Contains(page, "sam, 2 seeds") || !strings.Contains(page, "monge train --config "+at("sam-2/config.json")) {
		t.Error("the page lacks the mean or the command of sam-2")
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRunsAndReportErrors(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	trainInto(t, run, "--epochs 1")
	nowhere := filepath.Join(dir, "nowhere")
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"runs a b", exitUsage, "monge runs takes one directory, got 2"},
		{"runs --sort size", exitUsage, `--sort "size"; there are time, accuracy`},
		{"runs " + nowhere, exitFailed, "there is no directory " + nowhere + "; monge train --out"},
		{"report", exitUsage, "monge report takes one run directory or more"},
		{"report a b", exitUsage, "a page about several runs needs --out"},
		{"report --out x.html " + run + " " + dir + "/./run", exitUsage, "are the same run"},
		{"report --out " + dir + " " + run, exitUsage, dir + " is a directory; give a file, like " + filepath.Join(dir, "report.html")},
		{"report " + nowhere, exitFailed, nowhere + " is no run directory"},
		{"report --json " + run + " " + dir + " --out " + filepath.Join(dir, "x.html"), exitFailed, dir + " is no run directory"},
		{"report " + run + " --out " + filepath.Join(run, "config.json", "x.html"), exitFailed, "config.json"},
	} {
		code, out, stderr := call(strings.Fields(tt.args)...)
		if code != tt.code || out != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("monge %s: exit code %d, stdout %q, stderr %q; want %q", tt.args, code, out, stderr, tt.want)
		}
	}
	empty := t.TempDir()
	if out := mustCall(t, "runs", empty, "--json"); out != "[]\n" {
		t.Errorf("no runs: %q", out)
	}
	if out := mustCall(t, "runs", empty); !strings.Contains(out, "no run in "+empty) {
		t.Errorf("no runs: %q", out)
	}
}

func TestSpent(t *testing.T) {
	for seconds, want := range map[float64]string{0: "-", .04: "0s", 1.23: "1.2s", 83.4: "1m23s", 7265: "2h1m5s", math.Inf(1): "-"} {
		if got := spent(seconds); got != want {
			t.Errorf("%g s: %s, want %s", seconds, got, want)
		}
	}
}

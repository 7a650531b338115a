package cli

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/monge-ml/monge/report"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// example returns the first TOML block of the docs about studies.
func example(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../docs/howto/study.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "```toml\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("docs/howto/study.md has no example")
	}
	return text
}

// photos makes a folder of images of two classes, dark and bright ones.
func photos(t *testing.T, dir string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	for class, level := range map[string]int{"night": 60, "day": 160} {
		if err := os.MkdirAll(filepath.Join(dir, class), 0o777); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			img := image.NewGray(image.Rect(0, 0, 12, 10))
			for y := range 10 {
				for x := range 12 {
					img.SetGray(x, y, color.Gray{Y: uint8(level + rng.IntN(60))})
				}
			}
			f, err := os.Create(filepath.Join(dir, class, string(rune('a'+i))+".png"))
			if err != nil {
				t.Fatal(err)
			}
			if err := png.Encode(f, img); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// The example of the docs is a study that runs: on generated images, with a network and a
// size that a test can afford in place of a trained one.
func TestStudyOfTheDocs(t *testing.T) {
	if n := strings.Count(strings.TrimSpace(example(t)), "\n") + 1; n > 10 {
		t.Errorf("the example has %d lines", n)
	}
	text := example(t)
	t.Chdir(t.TempDir())
	photos(t, "photos")
	if err := os.WriteFile("my-photos.toml", []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	cheap := strings.Fields("--set init= --set head= --set model=mlp --set size=8 --set val=0.3 --set test-subset=0 --set batch=8 --set epochs=1 --set eval-every=0 --set seeds=1")
	args := append(strings.Fields("study run my-photos.toml --out runs/photos --json"), cheap...)
	var plan, done studyResult
	decode(t, mustCall(t, append(args, "--dry-run")...), &plan)
	if plan.Name != "my-photos" || plan.All < 30 || plan.Forecast.Cells != plan.All || !(plan.Forecast.Seconds > 0) || plan.Cells[0].State != study.Planned {
		t.Errorf("%+v", plan)
	}
	if _, err := os.Stat("runs"); err == nil {
		t.Error("a dry run wrote something")
	}
	decode(t, mustCall(t, args...), &done)
	if done.Over != done.All || done.All != plan.All {
		t.Fatalf("%d of %d runs are over", done.Over, done.All)
	}
	var got studyReport
	decode(t, mustCall(t, "study", "report", "runs/photos", "--json"), &got)
	if len(got.Rows) != done.All || len(got.Contrasts) == 0 || got.Corrected.By != "Holm" || len(got.Gains) < 3 || got.Gains[0].Gradients != 2 || got.Headline == "" || !strings.Contains(strings.Join(got.Notes, " "), "There is no test split") {
		t.Errorf("%d rows, headline %q, notes %q", len(got.Rows), got.Headline, got.Notes)
	}
	for _, file := range []string{report.StudyPage, report.StudyResults, study.FileName} {
		if info, err := os.Stat(filepath.Join("runs/photos", file)); err != nil || info.Size() == 0 {
			t.Error(file, err)
		}
	}
	if out := mustCall(t, "study", "report", "runs/photos"); !strings.Contains(out, "gain in accuracy  gradients  time") || !strings.Contains(out, "\nFisher SAM ") {
		t.Error(out)
	}
	// The study's own file goes on with it: there is nothing left to do.
	stdout := mustCall(t, "study", "run", "runs/photos/study.toml", "--out", "runs/photos")
	if !strings.Contains(stdout, "runs are over") || strings.Contains(stdout, "planned") {
		t.Error(stdout)
	}
}

const tinyStudy = `
seeds = 4
[base]
epochs = 40
[[grid]]
method = ["none", "sam", "m-sam"]
rho = [0.1, 0.2]
`

// An interrupted study exits with 130 and says how to go on.
func TestStudyInterrupt(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("tiny.toml", []byte(tinyStudy), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "study", "run", "tiny.toml", "--out", "out")
	cmd.Env = append(os.Environ(), "MONGE_TEST_MAIN=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for file := "out/cells/sam_rho-0.1_seed-1/status.json"; ; time.Sleep(2 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(stderr.String(), "go on with: monge study run out/study.toml --out out") {
		t.Fatalf("exit code %d, stderr %q", code, stderr.String())
	}
	var status, done studyResult
	decode(t, mustCall(t, "study", "status", "out", "--json"), &status)
	if status.Over >= status.All || status.All != 20 {
		t.Errorf("%d of %d runs are over", status.Over, status.All)
	}
	if text := mustCall(t, "study", "status", "out"); !strings.Contains(text, "planned") || !strings.Contains(text, "computing time left") {
		t.Error(text)
	}
	decode(t, mustCall(t, "study", "run", "out/study.toml", "--out", "out", "--jobs", "1", "--json", "--only", "*_seed-1"), &done)
	for _, st := range done.Cells {
		if strings.HasSuffix(st.Cell, "_seed-1") && st.State != train.Finished {
			t.Errorf("%+v", st)
		}
	}
}

func TestStudyOfFailures(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("bad.toml", []byte("[base]\nepochs = 1\n[[grid]]\nlr = [0.05, 1e30]\n[[grid]]\ninit = \"nowhere.th\"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := call("study", "run", "bad.toml", "--out", "out")
	if code != exitFailed || !strings.Contains(stdout, "2 of 3 runs are over") || !strings.Contains(stderr, "1 of 3 runs failed") || !strings.Contains(stderr, "nowhere.th") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	out := mustCall(t, "study", "report", "out")
	if !strings.Contains(out, "2 of 3 planned runs are over (1 ") {
		t.Error(out)
	}
	code, _, stderr = call("study", "run", "bad.toml", "--out", "out", "--set", "epochs=2")
	if code != exitFailed || !strings.Contains(stderr, "epochs was 1, is 2") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

func TestStudyUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		args, want string
		code       int
	}{
		{"study run", "takes one study: a TOML file or one of ", exitUsage},
		{"study run radios --out x", `no preset or file "radios" (did you mean radius?); the presets are `, exitUsage},
		{"study run schedule", "a study needs a directory: --out", exitUsage},
		{"study run schedule --out x --jobs -1", "--jobs is -1", exitUsage},
		{"study run schedule --out x --only adam*", `no cell matches "adam*"`, exitUsage},
		{"study run schedule --out x --set epoch=1", `unknown setting "epoch"`, exitUsage},
		{"study status", "takes the directory of one study", exitUsage},
		{"study report nowhere", "nowhere holds no study", exitFailed},
		{"study ran", `unknown command "ran" (did you mean run?); there are report, run, show, status`, exitUsage},
	} {
		code, out, stderr := call(strings.Fields(tt.args)...)
		if code != tt.code || out != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("monge %s: exit code %d, stdout %q, stderr %q; want %q", tt.args, code, out, stderr, tt.want)
		}
	}
}

package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/train"
)

// TestMain lets the tests run this binary as monge itself, and as a program that has registered
// things of its own before.
func TestMain(m *testing.M) {
	if as := os.Getenv("MONGE_TEST_MAIN"); as != "" {
		for range strings.Count(as, "own") {
			register()
		}
		Main()
	}
	os.Exit(m.Run())
}

// call runs the command line in this process.
func call(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, &out, &err)
	return code, out.String(), err.String()
}

func mustCall(t *testing.T, args ...string) string {
	t.Helper()
	code, out, stderr := call(args...)
	if code != 0 {
		t.Fatalf("monge %s: exit code %d: %s", strings.Join(args, " "), code, stderr)
	}
	return out
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
}

// Calls that are wrong exit with 2, say what would be right, and print nothing on
// stdout.
func TestUsageErrors(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string
	}{
		{"trian", `unknown command "trian" (did you mean train?); there are align, bench,`},
		{"train extra", `monge train takes no argument, got "extra"`},
		{"train --lrr 1", "unknown flag: --lrr (did you mean --lr?); monge train has --task, --data, --size,"},
		{"train --lr x", `--lr: "x" is no number`},
		{"train --config nowhere.toml", "nowhere.toml: no such file"},
		{"train --lr-schedule cosin", `unknown schedule "cosin"; there are constant,`},
		{"train --method m-sam", "method m-sam needs its radius: rho"},
		{"train --resume", "need the run's directory: --out"},
		{"train --freeze stem", `no parameter matches "stem"`},
		{"train --deadline soon", `"soon" is no duration`},
		{"train --method adam", `unknown method "adam" (did you mean asam?); there are none, sam, m-sam, fisher, asam`},
		{"train --model lenet", `unknown model "lenet"; there are mlp,`},
		{"train --data mnist", `unknown data set "mnist"; there are digits, idx:DIR`},
		{"train --base adagrad", `unknown base optimizer "adagrad"; there are sgd,`},
		{"train --method sam --rho -1", "rho at step 0 is -1; it must be >= 0"},
		{"train --method sam --rho nan", "rho at step 0 is NaN"},
		{"train --method m-sam --rho inf", "an infinite rho needs a finite ascent budget"},
		{"train --method sam --rho .1 --alpha 1", "method sam has no loss axis"},
		{"train --method m-sam --rho .1 --alpha 1 --ascent-budget 1", "give one"},
		{"train --rho .1", "method none takes no perturbation: rho 0.1 has no use"},
		{"train --epochs 0", "epochs is 0"},
		{"train --json --batch -3", "batch is -3"},
		{"train --task x", `unknown task "x"; there are supervised, contrast`},
		{"train --task contrast", "data is missing: name pairs of images and captions, one of pairs:FILE, coco:DIR"},
		{"train --recompute", "--recompute is for pairs of images and captions; digits is data with classes or targets"},
		{"train --task contrast --data pairs:x.tsv --label-noise .1", "--label-noise is for data with classes or targets; pairs:x.tsv is pairs"},
		{"train --data pairs:x.tsv --head new", "--head is for data with classes or targets; pairs:x.tsv is pairs"},
		{"align train --data digits --recompute", "--recompute is for pairs of images and captions; digits is data"},
		{"train --size 48x", `--size: "48x" is no size: it is HEIGHTxWIDTH, as in 48x192`},
		{"train --size 48x192x3", `"48x192x3" is no size`},
		{"train --size 0x3", "size is 0x3; it must be between 1 and 4096"},
		{"train --size 48x192", "digits: its examples are 8x8 and can't be brought to size 48x192"},
		{"compare --methods sgd,adam", `unknown method "adam"; there are sgd, sam, m-sam, m-sam-budget, fisher, asam`},
		{"compare --rho .1,x", `--rho: "x" is no number`},
		{"compare --rho 1,.1", "out of order"},
		{"compare --ascent-budget 0", "ascent budget is 0"},
		{"compare --seeds 0", "0 seeds"},
		{"bench versus-pytorch --only resnet20,vgg", `unknown model "vgg"; there are resnet18, resnet20, mlp-512`},
		{"bench versus-pytorch --python '", "--python: the command ' ends within a quote"},
		{"bench step --model clip-vit", `unknown model "clip-vit"; there are mlp,`},
		{"bench step --model mlp --microbatch 2", "only the CLIP models"},
		{"bench cost --model mlp --batch 0", "batch is 0"},
		{"bench ascent", "--method none has no ascent; there are sam, m-sam,"},
		{"bench ascent --method sam --rho .1 --every 0", "--every is 0"},
		{"bench ascent --method sam --rho .1 --model lenet", `unknown model "lenet"`},
	} {
		code, out, stderr := call(strings.Fields(tt.args)...)
		if code != exitUsage || out != "" || !strings.HasPrefix(stderr, "monge: ") || !strings.Contains(stderr, tt.want) {
			t.Errorf("monge %s: exit code %d, stdout %q, stderr %q; want %q", tt.args, code, out, stderr, tt.want)
		}
	}
}

// Every command's help has an example, and every example is a call that parses.
func TestExamplesParse(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() == "completion" || c.Name() == "help" {
			return
		}
		if c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, line := range strings.Split(c.Example, "\n") {
			args := strings.Fields(line)
			if len(args) == 0 {
				continue
			}
			root := newRootCommand()
			found, rest, err := root.Find(args[1:])
			if args[0] != "monge" || err != nil || found.CommandPath() == "monge" {
				t.Errorf("example %q: %v", line, err)
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("example %q: %v", line, err)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRootCommand())
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out := mustCall(t, "completion", shell); !strings.Contains(out, "monge") {
			t.Errorf("%s: no completion script", shell)
		}
	}
	out := mustCall(t, "__complete", "train", "--method", "m")
	if !strings.Contains(out, "m-sam") {
		t.Errorf("completion of --method: %q", out)
	}
}

func TestTrainJSON(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	args := strings.Fields("train --data digits --model mlp --method m-sam --rho 0.3 --base sgd --lr 0.05 --epochs 4 --batch 64 --seed 1 --json --out " + dir)
	code, out, stderr := call(args...)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	var got struct {
		TestAccuracy  float64 `json:"test_accuracy"`
		WeightsSHA256 string  `json:"weights_sha256"`
	}
	decode(t, out, &got)
	if !(got.TestAccuracy > .5) || len(got.WeightsSHA256) != 64 {
		t.Errorf("%s", out)
	}
	for _, name := range []string{"config.json", "metrics.jsonl", "result.json", "weights.safetensors"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	code, out, stderr = call(args...)
	if code != exitFailed || out != "" || !strings.Contains(stderr, "holds a run already") {
		t.Errorf("again: exit code %d, stdout %q, stderr %q", code, out, stderr)
	}
	plain := mustCall(t, strings.Fields("train --method m-sam --rho 0.3 --epochs 4 --seed 1")...)
	if !strings.Contains(plain, got.WeightsSHA256) {
		t.Errorf("without --json the weights differ: %s", plain)
	}
}

// The task is what the data are for, or what --task says: with the same settings it is the same
// run, whichever command and flag began it.
func TestTask(t *testing.T) {
	pairs := " --data " + colours(t, 28) + " --model clip-tiny --val 12 --batch 16 --max-steps 2 --lr 1e-3"
	for _, alike := range [][]string{
		{"train --epochs 1", "train --epochs 1 --task supervised", "train --epochs 1 --task=", "align train --task supervised --epochs 1"},
		{"align train" + pairs, "align train --task contrast" + pairs, "train --task contrast" + pairs, "train --base adamw" + pairs},
	} {
		var want string
		for _, args := range alike {
			var r struct {
				Weights string `json:"weights_sha256"`
				Config  struct {
					Task string
					Data string
				}
			}
			decode(t, mustCall(t, append(strings.Fields(args), "--json")...), &r)
			if want == "" {
				want = r.Weights
			}
			if r.Weights != want || r.Config.Task != "" || r.Config.Data == "" {
				t.Errorf("monge %s: %+v, want weights %s and a config that the data alone decide", args, r, want)
			}
		}
	}
}

// A dry run says what the run would take and writes nothing.
func TestTrainDryRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	var got struct {
		Parameters, Steps int
		Seconds           float64
	}
	decode(t, mustCall(t, "train", "--dry-run", "--json", "--out", dir), &got)
	if got.Parameters != 26122 || got.Steps != 480 || !(got.Seconds > 0) {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a dry run made a directory")
	}
	if out := mustCall(t, "train", "--dry-run", "--epochs", "1"); !strings.Contains(out, "16 steps an epoch, 16 in all") {
		t.Error(out)
	}
}

// Flags win over a file of settings, and a run's config.json repeats the run.
func TestTrainConfig(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.toml")
	if err := os.WriteFile(file, []byte("method = \"sam\"\nrho = 0.2\nepochs = 9\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "run")
	var first, again struct {
		WeightsSHA256 string `json:"weights_sha256"`
		Config        train.Config
	}
	decode(t, mustCall(t, "train", "--config", file, "--epochs", "1", "--json", "--out", out), &first)
	if c := first.Config; c.Method != "sam" || c.Rho != .2 || c.Epochs != 1 {
		t.Errorf("config %+v", c)
	}
	decode(t, mustCall(t, "train", "--config", filepath.Join(out, "config.json"), "--json"), &again)
	if first.WeightsSHA256 != again.WeightsSHA256 {
		t.Error("config.json does not repeat the run")
	}
}

// An interrupted run exits with 130 and says how to go on; resumed it gives the weights
// of the whole run, and resumed again its result.
func TestTrainInterrupt(t *testing.T) {
	dir := t.TempDir()
	args := func(name string, more ...string) []string {
		return append(strings.Fields("train --method sam --rho .1 --model cnn --epochs 3 --json --out "+filepath.Join(dir, name)), more...)
	}
	var want, got, again trainResult
	decode(t, mustCall(t, args("whole")...), &want)
	cmd := exec.Command(os.Args[0], args("cut")...)
	cmd.Env = append(os.Environ(), "MONGE_TEST_MAIN=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for status := filepath.Join(dir, "cut", "status.json"); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(status); err == nil {
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(stderr.String(), "go on with: monge train --resume --out ") {
		t.Fatalf("exit code %d, stderr %q", code, stderr.String())
	}
	decode(t, mustCall(t, "train", "--resume", "--json", "--out", filepath.Join(dir, "cut")), &got)
	if got.WeightsSHA256 != want.WeightsSHA256 || got.Test.Get("accuracy") != want.Test.Get("accuracy") {
		t.Errorf("weights %.8s, want %.8s", got.WeightsSHA256, want.WeightsSHA256)
	}
	decode(t, mustCall(t, args("cut", "--resume")...), &again)
	if again.WeightsSHA256 != got.WeightsSHA256 || again.StepSeconds != got.StepSeconds {
		t.Errorf("the finished run's result is %+v, want %+v", again.Result, got.Result)
	}
}

func TestTrainDiverges(t *testing.T) {
	code, out, stderr := call(strings.Fields("train --lr 1e30 --epochs 1")...)
	if code != exitFailed || out != "" || !strings.Contains(stderr, "training diverged: step ") || !strings.Contains(stderr, "lower --lr") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, out, stderr)
	}
}

func TestCompareJSON(t *testing.T) {
	dir := t.TempDir()
	code, out, stderr := call("compare", "--rho", "0.1,2", "--seeds", "1", "--epochs", "8", "--out", dir, "--json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	var got struct {
		Data struct {
			Name string
			Test int
		}
		Rows []struct {
			Method       string
			AscentBudget *float64 `json:"ascent_budget"`
			Rho          float64
			Seed         int
			TestAccuracy *float64 `json:"test_accuracy"`
			ValAccuracy  *float64 `json:"val_accuracy"`
			TrainLoss    *float64 `json:"train_loss"`
			Diverged     *bool
			StepS        float64 `json:"step_s"`
		}
		Summary []map[string]any
		Report  string
	}
	decode(t, out, &got)
	if got.Data.Name != "digits" || got.Data.Test != 497 || len(got.Rows) != 7 || len(got.Summary) != 4 {
		t.Errorf("data %+v, %d rows, %d summaries", got.Data, len(got.Rows), len(got.Summary))
	}
	for _, r := range got.Rows {
		if r.TestAccuracy == nil || r.ValAccuracy == nil || r.TrainLoss == nil || r.Diverged == nil || r.StepS <= 0 || r.Seed != 1 {
			t.Errorf("row %+v", r)
		}
	}
	if got.Report != filepath.Join(dir, "report.html") {
		t.Errorf("report %q", got.Report)
	}
	if _, err := os.Stat(got.Report); err != nil {
		t.Error(err)
	}
}

func TestCompareTable(t *testing.T) {
	out := mustCall(t, "compare", "--methods", "sgd,sam,asam", "--rho", "0.1,2", "--seeds", "2", "--epochs", "3", "--out", t.TempDir())
	for _, want := range []string{"rho  sgd", "method", "near-best rho", "asam", "!2", "Report: "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// One seed has no standard error, and the table prints none.
func TestCompareOneSeed(t *testing.T) {
	out := mustCall(t, "compare", "--methods", "sgd,sam", "--rho", "0.1", "--seeds", "1", "--epochs", "1", "--out", t.TempDir())
	if strings.Contains(out, "±") || !strings.Contains(out, "of one seed") {
		t.Errorf("of one seed:\n%s", out)
	}
}

// A directory that can't be written is an error before the work, not after it.
func TestUnwritableOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"compare --seeds 1000", "train --epochs 100000"} {
		begin := time.Now()
		code, out, stderr := call(append(strings.Fields(command), "--out", filepath.Join(file, "x"))...)
		if code != exitFailed || out != "" || !strings.Contains(stderr, file) || time.Since(begin) > 20*time.Second {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", command, code, out, stderr)
		}
	}
}

// An interrupt leaves a readable partial report and exits with 130.
func TestInterruptedCompare(t *testing.T) {
	var got struct {
		Rows    []json.RawMessage
		Planned int
		Report  string
	}
	// a busy machine may need longer for the first runs
	for wait := time.Second; len(got.Rows) == 0 && wait < time.Minute; wait *= 2 {
		out, stderr := interruptCompare(t, t.TempDir(), wait)
		decode(t, out, &got)
		if !strings.Contains(stderr, "runs done") {
			t.Errorf("stderr %q", stderr)
		}
	}
	if len(got.Rows) == 0 || len(got.Rows) >= got.Planned {
		t.Fatalf("%d of %d rows", len(got.Rows), got.Planned)
	}
	page, err := os.ReadFile(got.Report)
	if err != nil || !bytes.Contains(page, []byte("</html>")) {
		t.Errorf("partial report: %v, %d bytes", err, len(page))
	}
}

// interruptCompare interrupts a long comparison after a while.
func interruptCompare(t *testing.T, dir string, wait time.Duration) (stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "compare", "--json", "--methods", "sgd,sam", "--rho", ".1", "--epochs", "1", "--seeds", "1000", "--out", dir)
	cmd.Env = append(os.Environ(), "MONGE_TEST_MAIN=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(wait)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Fatalf("exit code %d, %v, stderr %q", code, err, errs.String())
	}
	return out.String(), errs.String()
}

// A level that this program does not know, or this processor does not have, is an
// error that names the levels.
func TestUnknownLevel(t *testing.T) {
	cmd := exec.Command(os.Args[0], "train", "--epochs", "1")
	cmd.Env = append(os.Environ(), "MONGE_TEST_MAIN=1", "MONGE_LEVEL=sse9")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitUsage || !strings.Contains(string(out), "portable") {
		t.Errorf("exit code %d, %s", code, out)
	}
}

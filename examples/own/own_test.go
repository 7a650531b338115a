package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain lets the tests run this binary as the command.
func TestMain(m *testing.M) {
	if os.Getenv("OWN_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "OWN_MAIN=1")
	return cmd
}

// own runs the command, which must succeed, and returns what it prints.
func own(t *testing.T, args ...string) string {
	t.Helper()
	cmd := command(args...)
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("own %s: %v: %s", strings.Join(args, " "), err, errors.String())
	}
	return string(out)
}

// refused runs the command, which must refuse, and returns what it says.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(args...).CombinedOutput()
	if err == nil {
		t.Fatalf("own %s succeeded", strings.Join(args, " "))
	}
	return string(out)
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is missing in\n%s", p, text)
		}
	}
}

func result(t *testing.T, text string) (r struct {
	Weights string  `json:"weights_sha256"`
	Steps   int     `json:"steps"`
	Test    float64 `json:"test_accuracy"`
	RMSE    float64 `json:"test_rmse"`
	R2      float64 `json:"test_r2"`
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return r
}

// What is registered is in help texts, lists and errors.
func TestListed(t *testing.T) {
	help := own(t, "train", "--help")
	contains(t, help, "--task string", "sine", "box", "signum", "--points int", "--noise float", "--softness float", "gradient below which a parameter moves less")
	contains(t, own(t, "models"), "strip", "12x20x1")
	contains(t, own(t, "data", "info", "--help"), "shapes:COUNT", "slopes:COUNT")
	contains(t, refused(t, "train", "--model", "x"), "resnet20", "strip")
	contains(t, refused(t, "train", "--data", "x"), "digits", "shapes:COUNT")
	contains(t, refused(t, "train", "--method", "x"), "m-sam", "box")
	contains(t, refused(t, "train", "--base", "x"), "adamw", "signum")
	contains(t, refused(t, "train", "--task", "x"), "supervised", "contrast", "sine")
	contains(t, refused(t, "train", "--task", "sine", "--label-noise", "0.1"), "label-noise is for data with classes")
	contains(t, refused(t, "train", "--method", "sam", "--rho", "1", "--softness", "1"), "method sam has no softness: it is for box")
	contains(t, refused(t, "compare", "--methods", "x"), "m-sam-budget", "box")
	contains(t, own(t, "__complete", "train", "--base", ""), "signum")
	contains(t, own(t, "toy", "quadratic", "--method", "box", "--start", "0.5"), "box")
}

// A network and data of one's own train, are saved, evaluated, and predict.
func TestNetworkAndData(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	r := result(t, own(t, "train", "--data", "shapes:400", "--model", "strip", "--method", "box", "--rho", "0.003", "--base", "signum", "--lr", "2e-3",
		"--batch", "16", "--epochs", "6", "--flip", "--out", out, "--json"))
	if !(r.Test > .8) {
		t.Errorf("test accuracy %g", r.Test)
	}
	weights := filepath.Join(out, "weights.safetensors")
	contains(t, own(t, "eval", "--weights", weights, "--data", "shapes:100"), "cross", "ring", "accuracy")
	again := result(t, own(t, "train", "--init", weights, "--data", "shapes:400", "--model", "strip", "--lr", "0", "--max-steps", "1", "--json"))
	if again.Test != r.Test {
		t.Errorf("test accuracy %g, of the weights saved %g", r.Test, again.Test)
	}
	sheet := filepath.Join(t.TempDir(), "shapes.png")
	contains(t, own(t, "data", "info", "shapes:100", "--out", sheet), "12x20x1")
	contains(t, own(t, "predict", "--weights", weights, sheet), "cross", "ring")
}

// A network reads texts with its own tokenizer, when it is trained and when it is evaluated.
func TestTexts(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	r := result(t, own(t, "train", "--data", "opinions:400", "--model", "letters", "--base", "adam", "--lr", "1e-2", "--method", "m-sam", "--rho", "0.02",
		"--epochs", "20", "--out", out, "--json"))
	if !(r.Test > .95) {
		t.Errorf("test accuracy %g", r.Test)
	}
	weights := filepath.Join(out, "weights.safetensors")
	contains(t, own(t, "eval", "--weights", weights, "--data", "opinions:100"), "praise", "blame", "accuracy")
	contains(t, own(t, "predict", "--weights", weights, "--text", "It is grand, fine!"), "praise", "blame")
}

// Numbers take the place of classes.
func TestTargets(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	r := result(t, own(t, "train", "--data", "slopes:400", "--model", "strip", "--base", "adam", "--lr", "3e-3", "--method", "m-sam", "--rho", "0.02", "--epochs", "8", "--out", out, "--json"))
	if !(r.RMSE < .2) || !(r.R2 > .9) {
		t.Errorf("RMSE %g, R2 %g", r.RMSE, r.R2)
	}
	contains(t, own(t, "eval", "--weights", filepath.Join(out, "weights.safetensors"), "--data", "slopes:100"), "slope", "height")
	contains(t, own(t, "runs", filepath.Dir(out)), "strip", "m-sam rho 0.02")
}

// A task of one's own stops early, is killed, goes on to the same bits, and has a page.
func TestTask(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("kills a process")
	}
	args := []string{"train", "--task", "sine", "--method", "m-sam", "--rho", "0.02", "--base", "adam", "--lr", "3e-3", "--epochs", "2000", "--checkpoint-every", "50", "--json", "--out"}
	dir := t.TempDir()
	whole := result(t, own(t, append(args, filepath.Join(dir, "whole"))...))
	killed := filepath.Join(dir, "killed")
	for range 3 {
		cmd := command(append(args, killed, "--resume")...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(60 * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
	}
	if r := result(t, own(t, append(args, killed, "--resume")...)); r != whole {
		t.Errorf("killed and resumed %+v, whole %+v", r, whole)
	}
	metrics, err := os.ReadFile(filepath.Join(killed, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(metrics), `"val_rmse":`, `"val_worst":`)
	early := result(t, own(t, append(args, filepath.Join(dir, "early"), "--patience", "3")...))
	if early.Steps >= whole.Steps {
		t.Errorf("patience stopped nothing: %d steps", early.Steps)
	}
	contains(t, own(t, "train", "--task", "sine", "--dry-run"), "parameters  1153", "4 steps an epoch")
	own(t, "report", killed)
	page, err := os.ReadFile(filepath.Join(killed, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(page), "rmse", "largest error", "sine")
}

// A study varies settings of all of these.
func TestStudy(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "own.toml")
	text := `
seeds = 2
[base]
task = "sine"
points = 64
epochs = 20
base = "adam"
lr = 0.003
[[grid]]
method = "none"
[[grid]]
method = ["m-sam", "box"]
rho = [0.01, 0.05]
[[grid]]
method = "m-sam"
rho = 0.01
noise = [0, 0.3]
`
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "study")
	own(t, "study", "run", file, "--out", out)
	contains(t, own(t, "study", "status", out), "14 of 14 runs are over")
	contains(t, own(t, "study", "report", out), "Report: ")
	page, err := os.ReadFile(filepath.Join(out, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(page), "Box SAM", "rmse", "noise 0.3")
}

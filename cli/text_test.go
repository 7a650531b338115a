package cli

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
)

// writePackages writes an index of packages whose descriptions have words of their section
// among others.
func writePackages(t *testing.T) string {
	t.Helper()
	words := map[string][]string{
		"games": {"game", "play", "cards", "puzzle"},
		"net":   {"server", "network", "mail", "protocol"},
		"sound": {"audio", "music", "player", "synthesizer"},
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for i := range 400 {
		section := []string{"games", "net", "sound"}[i%3]
		text := fmt.Sprintf("Tool%d for %s and %s number %d", rng.IntN(100), words[section][rng.IntN(4)], words[section][rng.IntN(4)], i)
		fmt.Fprintf(&b, "Package: p%d\nSection: %s\nDescription: %s\n\n", i, section, text)
	}
	path := filepath.Join(t.TempDir(), "Packages")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// A network of texts is trained, evaluated, and asked.
func TestText(t *testing.T) {
	spec := "debian:" + writePackages(t)
	var info dataInfo
	decode(t, mustCall(t, "data", "info", spec, "--size", "8", "--json"), &info)
	if !slices.Equal(info.Classes, []string{"games", "net", "sound"}) || len(info.Splits) != 2 || !slices.Equal(info.Splits[0].Shape, []int{8}) || info.Mean != nil {
		t.Errorf("%+v", info)
	}
	if out := mustCall(t, "data", "info", spec, "--size", "8"); !strings.Contains(out, "games") || strings.Contains(out, "mean [") || !strings.Contains(out, "words of a text: mean 7.0") {
		t.Errorf("%s", out)
	}
	dir := filepath.Join(t.TempDir(), "run")
	var run trainResult
	decode(t, mustCall(t, "train", "--model", "bert-tiny", "--data", spec, "--size", "8", "--method", "m-sam", "--rho", "0.05",
		"--base", "adamw", "--lr", "0.002", "--batch", "32", "--epochs", "6", "--json", "--out", dir), &run)
	if !(run.Test.Get("accuracy") > .9) || !(run.Val.Get("accuracy") > .9) {
		t.Errorf("test accuracy %g, validation %g, of words that tell the section", float64(run.Test.Get("accuracy")), float64(run.Val.Get("accuracy")))
	}
	weights := filepath.Join(dir, "weights.safetensors")
	var e classifier.Evaluation
	decode(t, mustCall(t, "eval", "--weights", weights, "--data", spec, "--json"), &e)
	if e.Accuracy != run.Test.Get("accuracy") {
		t.Errorf("eval says %g, train %g", float64(e.Accuracy), float64(run.Test.Get("accuracy")))
	}
	var guesses []predicted
	decode(t, mustCall(t, "predict", "--weights", weights, "--top", "1", "--json", "--text", "music player, with audio", "--text", "Mail SERVER"), &guesses)
	if len(guesses) != 2 || guesses[0].Top[0].Class != "sound" || guesses[1].Top[0].Class != "net" || guesses[1].Text != "Mail SERVER" || guesses[1].Image != "" {
		t.Errorf("%+v", guesses)
	}
	if out := mustCall(t, "predict", "--weights", weights, "--text", "puzzle game"); !strings.HasPrefix(out, "puzzle game\n  games") {
		t.Errorf("%s", out)
	}
	images := saveUntrained(t, "a", "b")
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"data info " + spec + " --out " + dir + "/a.png", exitFailed, "are no pictures"},
		{"train --model bert-tiny --data digits --out " + dir + "/a", exitUsage, "bert-tiny: input shape [8 8 1]; it is for texts"},
		{"train --model mlp --data " + spec + " --out " + dir + "/a", exitUsage, "mlp: input shape [64]; it must be height, width, channels"},
		{"train --model bert-tiny --flip --data " + spec + " --out " + dir + "/a", exitUsage, "are for images; the examples are texts"},
		{"train --model bert-tiny --normalize cifar10 --data " + spec + " --out " + dir + "/a", exitUsage, "are for images; the examples are texts"},
		{"eval --weights " + weights + " --data digits", exitFailed, "is for inputs of shape [8], those of digits have [8 8 1]"},
		{"eval --weights " + images + " --data " + spec, exitFailed, "is for inputs of shape [16 16 3]"},
		{"predict --weights " + weights + " a.png", exitFailed, "is for texts: give them by --text"},
		{"predict --weights " + images + " --text a", exitFailed, "is for images of shape [16 16 3], not for texts"},
		{"predict --weights " + weights + " a.png --text a", exitUsage, "images or --text, not both"},
	} {
		code, out, stderr := call(strings.Fields(tt.args)...)
		if code != tt.code || out != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("monge %s: exit code %d, stdout %q, stderr %q; want %d, %q", tt.args, code, out, stderr, tt.code, tt.want)
		}
	}
}

package supervised_test

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/supervised"
)

// peft names a python3 with PyTorch, transformers and peft.
const peft = "MONGE_TEST_PEFT"

// PEFT opens the adapter of a run, and with it the network that the run began with says what ours does.
func TestPEFTOpensAdapter(t *testing.T) {
	python := os.Getenv(peft)
	if python == "" {
		t.Skip(peft + " is not set")
	}
	c, init := adapting(t)
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, dir, c, 0); err != nil {
		t.Fatal(err)
	}
	k, err := classifier.Load(filepath.Join(dir, supervised.WeightsFile), classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var x []float32
	var rows [][]float32
	for _, text := range []string{"number 3 of 9", "seven", "a longer text of more words than there is room for"} {
		row, err := k.Tokens(text)
		if err != nil {
			t.Fatal(err)
		}
		rows, x = append(rows, row), append(x, row...)
	}
	got := peftLogits(t, python, rows, "testdata/peft_logits.py", init, filepath.Join(dir, supervised.AdapterDir))
	want, err := k.Outputs(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"adapted", "merged"} {
		if len(got[how]) != len(rows) {
			t.Fatalf("%s: %v", how, got)
		}
		for i, v := range want {
			if y := got[how][i/k.Net.Classes()][i%k.Net.Classes()]; !(math.Abs(y-float64(v)) < 1e-4) {
				t.Errorf("%s: logit %d is %.6f, PEFT's %.6f", how, i, v, y)
			}
		}
	}
}

// peftLogits are what a script makes of rows of tokens, in a file behind its other arguments.
func peftLogits(t *testing.T, python string, rows any, script ...string) (got map[string][][]float64) {
	t.Helper()
	b, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	tokens := filepath.Join(t.TempDir(), "tokens.json")
	if err := os.WriteFile(tokens, b, 0o644); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd := exec.Command(python, append(script, tokens)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return got
}

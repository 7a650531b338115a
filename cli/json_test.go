package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// numberAt finds a number in a JSON document by its keys and indices, as "rows.0.test_accuracy".
func numberAt(t *testing.T, doc any, path string) (v float64) {
	t.Helper()
	at := doc
	for _, key := range strings.Split(path, ".") {
		switch x := at.(type) {
		case map[string]any:
			at = x[key]
		case []any:
			if key != "0" || len(x) == 0 {
				t.Fatalf("%s: no element %s of %d", path, key, len(x))
			}
			at = x[0]
		default:
			t.Errorf("%s is not there", path)
			return 0
		}
	}
	v, ok := at.(float64)
	if !ok {
		t.Errorf("%s is %v, no number", path, at)
	}
	return v
}

// Where programs that read the commands' JSON and the runs' files find the numbers of a network
// that classifies: where earlier versions had them.
func TestJSONOfClasses(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	file := filepath.Join(dir, "s.toml")
	if err := os.WriteFile(file, []byte("seeds = 2\n[base]\nepochs = 1\n[[grid]]\nmethod = \"sam\"\nrho = [0.1, 0.2]\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	docs := map[string]any{}
	keep := func(name, text string) {
		var doc any
		decode(t, text, &doc)
		docs[name] = doc
	}
	call := func(name, args string) { keep(name, mustCall(t, append(strings.Fields(args), "--json")...)) }
	call("train", "train --method sam --rho 0.1 --epochs 1 --out "+run)
	keep("result.json", readFile(t, filepath.Join(run, "result.json")))
	line, _, _ := strings.Cut(readFile(t, filepath.Join(run, "metrics.jsonl")), "\n")
	keep("metrics.jsonl", line)
	call("runs", "runs "+run)
	call("compare", "compare --methods sam --rho 0.1,0.2 --seeds 2 --epochs 1 --label-noise 0 --out "+filepath.Join(dir, "compare"))
	call("run", "study run "+file+" --out "+filepath.Join(dir, "study"))
	call("report", "study report "+filepath.Join(dir, "study"))
	result := []string{"test_accuracy", "test_loss", "val_accuracy", "val_loss", "train_loss", "best.step", "best.val_accuracy", "best.val_loss",
		"best.test_accuracy", "data.train", "data.val", "data.test", "steps", "step_s", "seconds"}
	record := []string{"step", "epoch", "lr", "rho", "train_loss", "train_accuracy", "val_accuracy", "val_loss", "grad_norm", "seconds", "examples"}
	comparison := []string{"rows.0.rho", "rows.0.seed", "rows.0.test_accuracy", "rows.0.val_accuracy", "rows.0.train_loss", "rows.0.step_s",
		"summary.0.best_rho", "summary.0.test_accuracy", "summary.0.val_accuracy", "summary.0.test_stderr", "summary.0.width_decades",
		"summary.0.points.0.rho", "summary.0.points.0.test_accuracy", "summary.0.points.0.val_accuracy", "summary.0.points.0.test_stderr"}
	for _, key := range record {
		comparison = append(comparison, "rows.0.records.0."+key)
	}
	for name, paths := range map[string][]string{
		"train":         append([]string{"config.rho", "config.label_noise"}, result...),
		"result.json":   result,
		"metrics.jsonl": record,
		"runs":          {"0.step", "0.steps", "0.best_val_accuracy", "0.test_accuracy", "0.seconds", "0.config.rho"},
		"compare":       append([]string{"data.train", "data.val", "data.test", "data.classes", "data.label_noise", "plan.seeds", "plan.rhos.0", "planned", "threads"}, comparison...),
		"run":           {"over", "all", "cells.0.step"},
		"report":        append([]string{"rows.0.result.test_accuracy", "rows.0.result.best.val_accuracy"}, comparison...),
	} {
		for _, path := range paths {
			numberAt(t, docs[name], path)
		}
	}
	// All say the same of the same run.
	accuracy := numberAt(t, docs["train"], "test_accuracy")
	for name, path := range map[string]string{"result.json": "test_accuracy", "runs": "0.test_accuracy"} {
		if v := numberAt(t, docs[name], path); v != accuracy {
			t.Errorf("%s of %s is %g, train says %g", path, name, v, accuracy)
		}
	}
	if a, b := numberAt(t, docs["compare"], "summary.0.test_accuracy"), numberAt(t, docs["report"], "summary.0.test_accuracy"); a != b {
		t.Errorf("the comparison's summary says %g, the same study's %g", a, b)
	}
	if b, err := json.Marshal(docs["train"].(map[string]any)["measures"]); err != nil || !strings.HasPrefix(string(b), `[{"better":"higher","chance":0.1,"name":"accuracy","share":true},{"better":"lower",`) {
		t.Errorf("measures %s, %v", b, err)
	}
}

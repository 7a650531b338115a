package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// With --keep-runs a comparison goes on with what is there, and comes to what it is in memory.
func TestCompareKeepsRuns(t *testing.T) {
	args := []string{"compare", "--methods", "sgd,sam", "--rho", "0.1", "--seeds", "2", "--epochs", "2", "--json", "--out"}
	type result struct {
		Rows []struct {
			Run  string
			Test float64 `json:"test_accuracy"`
			Val  float64 `json:"val_accuracy"`
		}
		Report string
	}
	var memory, kept, again result
	decode(t, mustCall(t, append(args, t.TempDir())...), &memory)
	dir := t.TempDir()
	decode(t, mustCall(t, append(args, dir, "--keep-runs")...), &kept)
	if len(memory.Rows) != 4 || len(kept.Rows) != 4 {
		t.Fatalf("%d rows in memory, %d kept", len(memory.Rows), len(kept.Rows))
	}
	for i, r := range kept.Rows {
		if memory.Rows[i].Run != "" {
			t.Errorf("%s was not kept", memory.Rows[i].Run)
		}
		if memory.Rows[i].Run = r.Run; r != memory.Rows[i] {
			t.Errorf("%+v, in memory %+v", r, memory.Rows[i])
		}
	}
	marked := filepath.Join(dir, kept.Rows[0].Run, "metrics.jsonl")
	before, err := os.Stat(marked)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, kept.Rows[1].Run)); err != nil {
		t.Fatal(err)
	}
	decode(t, mustCall(t, append(args, dir, "--keep-runs")...), &again)
	if after, err := os.Stat(marked); err != nil || after.ModTime() != before.ModTime() {
		t.Errorf("a run that was over was done again, %v", err)
	}
	if len(again.Rows) != 4 || again.Rows[1] != kept.Rows[1] {
		t.Errorf("%+v, were %+v", again.Rows, kept.Rows)
	}
	code, _, stderr := call(append(args, dir, "--keep-runs", "--epochs", "3")...)
	if code != exitFailed || !strings.Contains(stderr, "epochs was 2, is 3") {
		t.Errorf("other settings in the same directory: exit code %d, %s", code, stderr)
	}
}

// A comparison that was killed goes on, and its runs come to the same bits.
func TestCompareKilled(t *testing.T) {
	args := []string{"compare", "--methods", "sgd,sam", "--rho", "0.1", "--seeds", "3", "--epochs", "20", "--json", "--out"}
	weights := func(text string) (list []string) {
		var c struct {
			Rows []struct {
				Run    string
				Result struct {
					Weights string `json:"weights_sha256"`
				}
			}
		}
		decode(t, text, &c)
		for _, r := range c.Rows {
			list = append(list, r.Run+" "+r.Result.Weights)
		}
		return list
	}
	whole := weights(mustCall(t, append(args, t.TempDir(), "--keep-runs")...))
	dir := t.TempDir()
	args = append(args, dir, "--keep-runs")
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "MONGE_TEST_MAIN=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(dir, "cells", "sgd_seed-2", "status.json") // once it is there others are over
	for range 4000 {
		if _, err := os.Stat(second); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	var status studyResult
	decode(t, mustCall(t, "study", "status", dir, "--json"), &status)
	if status.All != 6 || status.Over == 6 {
		t.Fatalf("%d of %d runs were over when it was killed", status.Over, status.All)
	}
	if got := weights(mustCall(t, args...)); len(got) != 6 || !slices.Equal(got, whole) {
		t.Errorf("killed and gone on with %q, whole %q", got, whole)
	}
}

// Where runs fail, the others are in the table and on the page, and the error comes last.
func TestCompareWithFailures(t *testing.T) {
	dir := t.TempDir()
	args := []string{"compare", "--methods", "sgd,sam", "--rho", "0.1", "--seeds", "2", "--epochs", "1", "--out", dir, "--keep-runs"}
	if err := os.MkdirAll(filepath.Join(dir, "cells", "sam_rho-0.1_seed-2", "metrics.jsonl"), 0o777); err != nil { // in place of a file
		t.Fatal(err)
	}
	code, out, stderr := call(args...)
	if code != exitFailed || !strings.Contains(out, "Test accuracy") || !strings.Contains(stderr, "3 of 4 runs done: sam_rho-0.1_seed-2: ") {
		t.Errorf("exit code %d, %s, %s", code, out, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "report.html")); err != nil {
		t.Error(err)
	}
}

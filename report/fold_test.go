package report

import (
	"path/filepath"
	"strings"
	"testing"
)

// The page of a cross-validation speaks of folds, says what was measured on them, and warns of what they share.
func TestFoldsReport(t *testing.T) {
	s, dir := studyAt(t, `
folds = 3
[base]
epochs = 10
subset = 300
lr = 0.2
[[grid]]
method = ["none", "m-sam"]
rho = 0.1
`, 2)
	out := t.TempDir()
	if _, err := WriteStudy(out, dir, "monge study run x", s.Compare(dir)); err != nil {
		t.Fatal(err)
	}
	page := string(mustRead(t, filepath.Join(out, StudyPage)))
	for _, want := range []string{"3 folds", "over 3 folds", "Mean over the folds", "paired by fold", "Cross-validation: each run validates on one of 3 parts of the training examples",
		"Runs on different folds share most of their training examples", "each of 3"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, word := range []string{"3 seeds", "over the seeds", "paired by seed"} {
		if strings.Contains(page, word) {
			t.Errorf("the page says %q", word)
		}
	}
}

package study_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/supervised"
)

const foldStudy = `
name = "folds"
folds = 3
seeds = 2
[base]
data = "digits"
epochs = 12
lr = 0.2
subset = 200
[[grid]]
method = ["none", "sam"]
rho = 0.1
`

func openFolds(t *testing.T, text string, overrides ...string) (*study.Study, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "folds.toml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return study.Open(path, overrides...)
}

// Each method is run on every fold with every seed; its measure is that of the folds, and differences are of the
// same fold.
func TestFoldsOfStudy(t *testing.T) {
	s, err := openFolds(t, foldStudy)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Cells) != 2*3*2 || s.Cells[0].Name != "sgd_fold-1of3_seed-1" {
		t.Fatalf("%d cells, the first %s", len(s.Cells), s.Cells[0].Name)
	}
	dir := t.TempDir()
	if err := s.Save(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(context.Background(), dir, s.Cells, study.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	again, err := study.Open(filepath.Join(dir, study.FileName))
	if err != nil || again.Folds != 3 {
		t.Fatal(again, err)
	}
	c := again.Compare(dir)
	if len(c.Rows) != 12 || len(c.Summary) != 2 || c.Plan.Seeds != 6 {
		t.Fatalf("%d rows, %d methods, %d of each", len(c.Rows), len(c.Summary), c.Plan.Seeds)
	}
	for _, m := range c.Summary {
		var values []float64
		for _, r := range c.Rows {
			if r.Of(&m) {
				values = append(values, float64(r.Result.Val.First().Value))
			}
		}
		want := analysis.MeanOf(values)
		if len(values) != 6 || m.Variant != "" || math.Abs(m.Test-want.Value) > 1e-12 || math.Abs(m.TestStderr-want.Stderr) > 1e-12 {
			t.Errorf("%s: %g ± %g, of the folds %g ± %g (%d)", m.Method, m.Test, m.TestStderr, want.Value, want.Stderr, len(values))
		}
	}
	if d := analysis.Of(c).Contrasts(); len(d) != 1 || d[0].Seeds != 6 {
		t.Errorf("%+v", d)
	}
	if g := c.Groups(); len(g) != 2 || len(g[0].Rows) != 6 {
		t.Errorf("groups %+v", g)
	}
	var b strings.Builder
	if err := analysis.WriteResults(&b, c, dir); err != nil || !strings.Contains(b.String(), ",2of3\n") {
		t.Errorf("%v:\n%s", err, b.String())
	}
	vals := map[string]bool{}
	for _, cell := range s.Cells {
		vals[supervised.Of(&cell.Config).Fold.String()] = true
	}
	if len(vals) != 3 {
		t.Errorf("folds %v", vals)
	}
}

func TestFoldsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		strings.Replace(foldStudy, "folds = 3", "folds = 1", 1):                  "folds is 1; it must be at least 2",
		strings.Replace(foldStudy, "epochs = 12", "fold = '1of2'", 1):            "[base] has a fold and the study has folds",
		strings.Replace(foldStudy, "rho = 0.1", "fold = ['1of2']\nrho = 0.1", 1): "it has a fold and the study has folds",
		strings.Replace(foldStudy, `data = "digits"`, `data = "pairs:a.tsv"`, 1): "fold is for data with classes or targets",
	} {
		if _, err := openFolds(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if s, err := openFolds(t, foldStudy, "folds=2"); err != nil || len(s.Cells) != 8 {
		t.Errorf("%v", err)
	}
	if _, err := openFolds(t, foldStudy, "folds=x"); err == nil || !strings.Contains(err.Error(), "no number of folds") {
		t.Errorf("error %v", err)
	}
}

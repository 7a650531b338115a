package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPaperJSON(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := monge("paper", "fig3", "--json", "--out", dir)
	if code != 0 || stderr != "" {
		t.Fatal(code, stderr)
	}
	var r struct {
		Figures []struct {
			Figure     string
			Comparison []struct {
				Name, Verdict              string
				Expected, Ours, Difference float64
			}
		}
		Files []string
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Figures) != 1 || r.Figures[0].Figure != "fig3" || len(r.Files) != 3 {
		t.Errorf("%+v", r)
	}
	for _, row := range r.Figures[0].Comparison {
		if row.Verdict != "agrees" {
			t.Errorf("%+v", row)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "fig3.svg")); err != nil {
		t.Error(err)
	}
}

func TestPaperTable(t *testing.T) {
	code, stdout, _ := monge("paper", "fig1")
	if code != 0 || !strings.Contains(stdout, "M-SAM end t1") || strings.Contains(stdout, "wrote") || strings.Contains(stdout, "differs") {
		t.Errorf("exit %d:\n%s", code, stdout)
	}
}

func TestPaperMisuse(t *testing.T) {
	for args, want := range map[string]string{
		"":                   "fig1, fig2, fig3, fig4, fig5, all",
		"fig6":               "fig1, fig2, fig3, fig4, fig5, all",
		"fig1 fig2":          "takes one figure",
		"fig1 --out=":        "--out is empty",
		"fig1 --directory x": "--json, --out",
	} {
		code, stdout, stderr := monge(append([]string{"paper"}, strings.Fields(args)...)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("paper %s: exit %d, want 2 and %q:\n%s%s", args, code, want, stdout, stderr)
		}
	}
}

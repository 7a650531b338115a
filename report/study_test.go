package report

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// studyAt runs a small study on the digits and returns it with its directory.
func studyAt(t *testing.T, text string, jobs int) (*study.Study, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "small.toml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := study.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "a study") // with a blank in links
	if _, err := s.Run(t.Context(), dir, s.Cells, study.RunOptions{Jobs: jobs}); err != nil {
		t.Fatal(err)
	}
	return s, dir
}

const digitsStudy = `
about = "Whether <it> works & is escaped."
seeds = 3
[base]
epochs = 2
label-noise = 0.4
[[grid]]
method = ["none", "sam", "m-sam"]
rho = [0.1, 4]
[[grid]]
method = "m-sam"
rho = inf
ascent-budget = [0.02, 0.05, 2]
[[grid]]
method = "m-sam"
rho = [0.1, 4]
interval = 2
[[grid]]
lr = 1e30
[[grid]]
data = "csv:nowhere.csv?label=x"
`

var links = regexp.MustCompile(`href="([^"#][^"]*)"`)

func TestStudyReport(t *testing.T) {
	s, dir := studyAt(t, digitsStudy, 2)
	out := filepath.Join(filepath.Dir(dir), "elsewhere")
	c := s.Compare(dir)
	paths, err := WriteStudy(out, dir, "monge study run x", c)
	if err != nil {
		t.Fatal(err)
	}
	page := mustRead(t, filepath.Join(out, StudyPage))
	if *keep != "" {
		if err := os.WriteFile(filepath.Join(*keep, "study.html"), page, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var followed int
	checkPage(t, links.ReplaceAllFunc(page, func(l []byte) []byte {
		way := strings.ReplaceAll(html.UnescapeString(string(links.FindSubmatch(l)[1])), "%20", " ")
		if _, err := os.Stat(filepath.Join(out, way)); err != nil {
			t.Errorf("a link leads nowhere: %v", err)
		}
		followed++
		return []byte(`href="#"`)
	}))
	if followed != len(s.Cells) {
		t.Errorf("%d links to runs, want %d", followed, len(s.Cells))
	}
	for _, want := range []string{
		"small: SGD, SAM, Monge SAM", "Whether &lt;it&gt; works &amp; is escaped.", "Test accuracy against rho", "Test accuracy against the ascent budget, at rho ∞",
		"Actual ascent against the budget", "95% interval", "M-SAM</span> (interval 2)", "sam_rho-0.1_seed-2", "The study as TOML", "3 failed", "too much for training as such",
	} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page lacks %q", want)
		}
	}
	again, err := StudyReportPage(s.Compare(dir), dir, out, "monge study run x")
	if err != nil || !bytes.Equal(again, page) {
		t.Errorf("the same runs gave two pages; error %v", err)
	}
	checkFigures(t, out, paths)
	checkCSV(t, s, filepath.Join(out, StudyResults))
	checkPoints(t, s.Compare(dir), filepath.Join(out, StudyPoints))
}

// checkPoints holds the lines of a study's settings against its summary.
func checkPoints(t *testing.T, c *study.Comparison, path string) {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(mustRead(t, path))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, s := range c.Summary {
		for _, p := range s.Points {
			want++
			i := slices.IndexFunc(lines, func(l []string) bool {
				return l[1] == s.Setting() && l[2] == exact(p.Rho) && l[5] == exact(p.Test) && l[3] == fmt.Sprint(p.Runs) && l[4] == fmt.Sprint(p.Diverged)
			})
			if i < 0 {
				t.Errorf("no line for %s at %g", s.Method, p.Rho)
			} else if s.Method != "sgd" && !(parse(t, lines[i][11]) > 0) {
				t.Errorf("%s at %g: |delta| is %q", s.Method, p.Rho, lines[i][11])
			}
		}
	}
	if len(lines) != want+1 {
		t.Errorf("%d lines for %d settings", len(lines)-1, want)
	}
}

// exact writes a number as the files have it.
func exact(x float64) string { return fmt.Sprint(x) }

func parse(t *testing.T, s string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Error(err)
	}
	return x
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func checkFigures(t *testing.T, out string, paths []string) {
	t.Helper()
	kinds := map[string]int{}
	for _, path := range paths {
		kinds[filepath.Ext(path)]++
		b := mustRead(t, path)
		switch filepath.Ext(path) {
		case ".png":
			img, err := png.Decode(bytes.NewReader(b))
			if err != nil {
				t.Errorf("%s: %v", path, err)
			} else if r, g, b, _ := img.At(2, 2).RGBA(); r+g+b != 3*0xffff {
				t.Errorf("%s: its ground is not white", path)
			}
		case ".svg":
			d := xml.NewDecoder(bytes.NewReader(b))
			for {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
			}
			if bytes.Contains(b, []byte("var(--")) || bytes.Contains(b, []byte("#FE00")) {
				t.Errorf("%s: a colour of the page's theme", path)
			}
		}
	}
	if kinds[".svg"] < 8 || kinds[".svg"] != kinds[".png"] || kinds[".html"] != 1 || kinds[".csv"] != 2 {
		t.Errorf("files in %s: %v", out, kinds)
	}
}

func checkCSV(t *testing.T, s *study.Study, path string) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(mustRead(t, path))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1+len(s.Cells) {
		t.Fatalf("%d lines for %d runs", len(rows), len(s.Cells))
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	for i, line := range rows[1:] {
		get := func(name string) string { return line[at[name]] }
		saved, err := train.ReadRun(get("run"))
		if strings.Contains(get("run"), "nowhere") {
			if get("state") != train.Failed || get("test_accuracy") != "" || !strings.Contains(get("error"), "no such file") {
				t.Errorf("%q", line)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if get("state") == train.Diverged {
			if get("error") == "" || get("test_accuracy") != "" {
				t.Errorf("%q", line)
			}
			continue
		}
		if got := get("test_accuracy"); got != exact(float64(saved.Result.Test.Get("accuracy"))) || got == "" || get("weights_sha256") != saved.Result.WeightsSHA256 {
			t.Errorf("line %d: %q", i+2, line)
		}
	}
}

// Runs that are evaluated more than once an epoch are drawn by steps.
func TestCurvesBySteps(t *testing.T) {
	c := comparison(arm{method: "sgd", acc: at(0, .90, .91, .92)}, arm{method: "sam", acc: at(.1, .93, .94, .96)})
	if page := pageOf(t, c); !strings.Contains(page, "Line chart by epoch. At the end") || strings.Contains(page, ">step<") {
		t.Error("curves of one evaluation an epoch are not by epoch")
	}
	for _, r := range c.Rows {
		for i := range r.Records {
			r.Records[i].Step, r.Records[i].Epoch = 8*(i+1), 1+i/3
		}
	}
	if page := pageOf(t, c); !strings.Contains(page, "Line chart by step. At the end") || !strings.Contains(page, ">step<") {
		t.Error("curves of several evaluations an epoch are not by step")
	}
}

// A budget that was not kept stands among the first lines.
func TestBudgetNotKeptComesFirst(t *testing.T) {
	c := comparison(arm{method: "sgd", acc: at(0, .90, .91, .92)}, arm{method: "m-sam", budget: .1, acc: at(.1, .94, .96, .95), rise: 20})
	if w := Describe(c); len(w.Summary) == 0 || !strings.Contains(w.Summary[0], "bounds only the linear prediction") {
		t.Errorf("%q", w.Summary)
	}
}

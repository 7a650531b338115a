package report

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/monge-ml/monge/contrast" // registers the task on pairs
	"github.com/monge-ml/monge/internal/chart"
	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/study/analysis"
	"github.com/monge-ml/monge/train"
)

// pairsStudy is a study on pairs of three seeds whose runs were made up: SAM is lost from a
// radius on, M-SAM from another, and S_kNN is as given.
func pairsStudy(t *testing.T, samLost, msamLost, samSKNN, msamSKNN float64) *study.Comparison {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pairs.toml")
	text := `
name = "made up"
about = "Pairs that <never> were."
notes = ["They are <made> up."]
beside = "table3"
seeds = 3
[base]
data = "pairs:pairs.tsv"
model = "clip"
init = "start"
batch = 128
lr = 0.01
[[grid]]
method = "none"
lr = 0
seed = 1
[[grid]]
method = "none"
[[grid]]
method = ["sam", "m-sam"]
lr = [0.001, 0.01]
rho = [0.1, 0.3]
[[grid]]
method = "m-sam"
rho = 1
ascent-budget = [0.1, 0.3]
`
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := study.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	var states []study.State
	for _, cell := range s.Cells {
		sknn, isLost := .1, false
		switch k := cell.Config; {
		case k.Method == "sam":
			sknn, isLost = samSKNN, float64(k.Rho) >= samLost
		case k.Method == "m-sam" && k.AscentBudget == nil:
			sknn, isLost = msamSKNN, float64(k.Rho) >= msamLost
		}
		states = append(states, madeUp(cell, sknn+.001*float64(cell.Config.Seed), isLost))
	}
	c := s.CompareStates(states)
	c.Level, c.Threads = "avx2", 2
	return c
}

// pairs are measures as they are of 401 pairs in minibatches of 128.
func pairs(sknn, loss float64, collapsed bool) train.Measures {
	m := train.Measures{
		{Name: "s_knn", Value: train.Real(sknn), Better: train.Higher, Label: "S_kNN", Chance: .02},
		{Name: "loss", Value: train.Real(loss), Better: train.Lower, Chance: math.Log(128)},
		{Name: "recall", Value: train.Real(sknn / 2), Better: train.Higher, Label: "recall at 1", Share: true, Chance: 1. / 401},
		{Name: "modality_gap", Value: .8, Label: "modality gap"},
		{Name: "collapsed"},
	}
	if collapsed {
		m[4].Value = 1
	}
	return m
}

func madeUp(cell study.Cell, sknn float64, isLost bool) study.State {
	loss := 1.5
	if isLost {
		loss = 4.852
	}
	run := &train.SavedRun{Config: cell.Config}
	for n := range 5 {
		e := train.Record{Step: 10 * (n + 1), TrainLoss: loss, Val: pairs(sknn, loss, false), GradNorm: 9}
		if cell.Config.Perturbs() {
			rho := float64(cell.Config.Rho)
			e.DeltaNorm, e.PredictedAscent, e.Ascent = rho, 9*rho, 8*rho
		}
		run.Records = append(run.Records, e)
	}
	end := pairs(sknn, loss, isLost)
	run.Result = &train.Result{Test: end, TrainLoss: loss, Best: &train.Best{Step: 20, Val: end, Test: end}, Data: train.Sizes{Train: 1000, Val: 100, Test: 401}}
	return study.State{Cell: cell.Name, State: train.Finished, Run: run}
}

// The words follow the numbers.
func TestAlignmentWords(t *testing.T) {
	for _, c := range []struct {
		samLost, msamLost, sam, msam float64
		want                         []string
	}{
		{.1, 1, .2, .3, []string{"SAM diverged in every setting.", "SGD in 0 of 1, SAM in 4 of 4, M-SAM in 0 of 4 and M-SAM, ascent budget in 0 of 2.",
			"SAM is lost from 0.1 at lr 0.001 and from 0.1 at lr 0.01.", "M-SAM is lost nowhere on the grid at lr 0.001",
			"At lr 0.01, rho 0.1 SAM diverges in 3 of 3 runs, M-SAM in 0.", "SAM's perturbation is 0.1 long and raises the loss by 0.8 nats"}},
		{.3, 1, .2, .3, []string{"M-SAM's best S_kNN is 0.302 ± 0.001 (lr 0.001, rho 0.1), SAM's 0.202 ± 0.001 (lr 0.001, rho 0.1): M-SAM is ahead by more than two standard errors.",
			"M-SAM 0.302 ± 0.001 (lr 0.001, rho 0.1), SAM 0.202 ± 0.001 (lr 0.001, rho 0.1), SGD 0.102 ± 0.001 (lr 0.01) and M-SAM, ascent budget 0.102",
			"Before fine-tuning it is 0.101; by chance it would be 0.020."}},
		{.3, .3, .3, .2, []string{"M-SAM is behind by more than two standard errors.", "SAM in 2 of 4, M-SAM in 2 of 4"}},
		{1, 1, .2, .2005, []string{"within two standard errors of each other", "SAM in 0 of 4, M-SAM in 0 of 4"}},
	} {
		w := Describe(pairsStudy(t, c.samLost, c.msamLost, c.sam, c.msam))
		said := w.Headline + "\n" + strings.Join(w.Summary, "\n")
		for _, f := range w.Findings {
			said += "\n" + strings.Join(f.Text, "\n")
		}
		for _, want := range c.want {
			if !strings.Contains(said, want) {
				t.Errorf("lost from %g and %g: no %q in\n%s", c.samLost, c.msamLost, want, said)
			}
		}
	}
}

// The page holds the map, both tables and the curves, and the files beside it the same.
func TestAlignmentReport(t *testing.T) {
	c := pairsStudy(t, .3, 1, .2, .3)
	out := t.TempDir()
	files, err := WriteStudy(out, out, "monge study run", c)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	checkPage(t, regexp.MustCompile(`href="cells/[^"]*"`).ReplaceAll(page, []byte(`href="#"`)))
	text := string(page)
	for want, n := range map[string]int{
		"Pairs that &lt;never&gt; were.": 2, `<span class="broken">3 of 3</span>`: 2, `<td class="best">0.302 ± 0.001</td>`: 1,
		`<td class="best">.446</td>`: 1, ">collapsed<": 6, "SAM diverges in 2 of 4; ": 1, ">ln 128<": 2,
	} {
		if got := strings.Count(text, want); got != n {
			t.Errorf("%q occurs %d times, want %d", want, got, n)
		}
	}
	for _, name := range []string{"where-each-diverges.svg", "where-each-diverges.png", "s-knn.svg", "training-loss.png", "ascent-predicted.svg"} {
		if b, err := os.ReadFile(filepath.Join(out, StudyFigures, name)); err != nil || len(b) < 1000 {
			t.Errorf("%s has %d bytes, %v", name, len(b), err)
		}
	}
	f, err := os.Open(filepath.Join(out, StudyPoints))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 1+1+1+8+2 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	line := map[string]string{}
	for i, name := range lines[0] {
		line[name] = lines[4][i] // after none, SGD, and SAM at the lowest rate and radius
	}
	if want := "sam sgd 0.001 0.3 3 3 3 4.852"; fmt.Sprint(line["method"], " ", line["base"], " ", line["lr"], " ", line["rho"], " ", line["runs"], " ", line["diverged"], " ", line["collapsed"], " ", line["train_loss"]) != want {
		t.Errorf("line %v, want %s", line, want)
	}
}

// Methods that share a setting share its columns, rates fall from row to row, and a tile is
// filled, crossed or neither by how many runs diverged.
func TestDivergenceMap(t *testing.T) {
	v := newAlignmentView(pairsStudy(t, .3, 1, .2, .3))
	d := v.divergenceMap().Drawing.(*chart.Tiles)
	if len(d.Fields) != 3 {
		t.Fatalf("%+v", d.Fields)
	}
	sam, budget := d.Fields[0], d.Fields[2]
	if got := fmt.Sprintf("%q %q", sam.Columns, sam.Rows); got != `["rho 0.1" "0.3"] ["0.01" "0.001"]` {
		t.Errorf("SAM's columns and rows: %s", got)
	}
	if got := fmt.Sprintf("%q %q", budget.Columns, budget.Rows); got != `["b 0.1" "0.3"] ["0.01"]` {
		t.Errorf("the budget's columns and rows: %s", got)
	}
	if held, lost := *sam.Tiles[0][0], *sam.Tiles[1][1]; held != (chart.Tile{Text: "0.202", Filled: true}) || lost != (chart.Tile{Crossed: true}) {
		t.Errorf("%+v, %+v", held, lost)
	}
	if some := *tileOf(&analysis.AlignmentCell{Runs: 3, Diverged: 1}); some != (chart.Tile{Text: "1/3 lost"}) {
		t.Errorf("%+v", some)
	}
}

// The paper's table, and what is said beside it, are shown only for a study that asks for it.
func TestBesideThePaper(t *testing.T) {
	c := pairsStudy(t, .3, 1, .2, .3)
	beside := []string{"<td class=\"best\">.446</td>", "Beside the paper", "The paper&#39;s SAM diverges"}
	with, err := Page(c, "")
	c.Study.Beside = ""
	without, err2 := Page(c, "")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	for _, s := range beside {
		if !strings.Contains(string(with), s) || strings.Contains(string(without), s) {
			t.Errorf("%q must be there if asked for, and only then", s)
		}
	}
	if !strings.Contains(string(without), "They are &lt;made&gt; up.") {
		t.Error("the page lacks the study's note")
	}
}

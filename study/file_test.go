package study

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/monge-ml/monge/contrast" // the task of two presets
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// write writes a study into a file of its own.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mine.toml")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustOpen(t *testing.T, text string, overrides ...string) *Study {
	t.Helper()
	s, err := Open(write(t, text), overrides...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func names(s *Study) (list []string) {
	for _, c := range s.Cells {
		list = append(list, c.Name)
	}
	return list
}

func TestCells(t *testing.T) {
	for _, tt := range []struct {
		about, text string
		want        []string
	}{
		{"a product of lists and seeds, by seed", `
			seeds = 2
			[[grid]]
			method = ["sam", "m-sam"]
			rho = [0.1, 1]`,
			[]string{"sam_rho-0.1_seed-1", "sam_rho-1_seed-1", "m-sam_rho-0.1_seed-1", "m-sam_rho-1_seed-1",
				"sam_rho-0.1_seed-2", "sam_rho-1_seed-2", "m-sam_rho-0.1_seed-2", "m-sam_rho-1_seed-2"}},
		{"grids add up, and the same run counts once", `
			[[grid]]
			method = ["none", "sam"]
			rho = [0.1, 0.2]
			[[grid]]
			method = "sam"
			rho = [0.2, 0.4]`,
			[]string{"sgd_seed-1", "sam_rho-0.1_seed-1", "sam_rho-0.2_seed-1", "sam_rho-0.4_seed-1"}},
		{"budgets at an infinite radius", `
			[[grid]]
			method = "m-sam"
			rho = inf
			ascent_budget = [0.01, 0.1]`,
			[]string{"m-sam_rho-inf_ascent-budget-0.01_seed-1", "m-sam_rho-inf_ascent-budget-0.1_seed-1"}},
		{"what is the base's is not spelled", `
			[base]
			lr = 0.02
			epochs = 2
			[[grid]]
			lr = [0.02, 0.1]
			epochs = 2`,
			[]string{"sgd_seed-1", "sgd_lr-0.1_seed-1"}},
		{"seeds of one's own", `
			[[grid]]
			seed = [7, 3]
			base = ["adam", "sgd"]`,
			[]string{"adam_seed-3", "sgd_seed-3", "adam_seed-7", "sgd_seed-7"}},
		{"texts that are no part of a path", `
			[[grid]]
			data = ["digits", "csv:a/b.csv?label=x"]
			lr-schedule = ["", "cosine,warmup=5"]`,
			[]string{"sgd_seed-1", "sgd_lr-schedule-cosine,warmup=5_seed-1", "sgd_data-csv-a-b.csv-label=x-28a2d19e_seed-1",
				"sgd_data-csv-a-b.csv-label=x-28a2d19e_lr-schedule-cosine,warmup=5_seed-1"}},
		{"a list is one value of a setting that is a list", `
			[base]
			classes = ["0", "1", "2"]
			[[grid]]
			freeze = ["0.*", "1.*"]
			[[grid]]
			freeze = [["0.*"], ["1.*"]]`,
			[]string{"sgd_freeze-0.-,1.--c5f90ef4_seed-1", "sgd_freeze-0.--5dd69d23_seed-1", "sgd_freeze-1.--9d51d3d8_seed-1"}},
	} {
		got := names(mustOpen(t, tt.text))
		if !slices.Equal(plainNames(got), plainNames(tt.want)) {
			t.Errorf("%s: %q, want %q", tt.about, got, tt.want)
		}
		if sorted := slices.Sorted(slices.Values(got)); len(slices.Compact(sorted)) != len(got) {
			t.Errorf("%s: a name is there twice: %q", tt.about, got)
		}
	}
}

// plainNames are names with the digits of their digests left out.
func plainNames(list []string) (plain []string) {
	for _, name := range list {
		parts := strings.Split(name, "_")
		for i, p := range parts {
			if n := len(p) - 9; n > 0 && p[n] == '-' && strings.Trim(p[n+1:], "0123456789abcdef") == "" {
				parts[i] = p[:n] + "-digest"
			}
		}
		plain = append(plain, strings.Join(parts, "_"))
	}
	return plain
}

// Names do not change when a grid grows, so that what is done stays done.
func TestNamesStay(t *testing.T) {
	const few = "[[grid]]\nmethod = \"sam\"\nrho = [0.1]\n"
	before := names(mustOpen(t, few))
	after := names(mustOpen(t, "seeds = 2\n[[grid]]\nmethod = [\"sam\", \"m-sam\"]\nrho = [0.05, 0.1]\nlr = [0.05, 0.1]\n[[grid]]\nmethod = \"none\"\n"))
	for _, name := range before {
		if !slices.Contains(after, name) {
			t.Errorf("%s is not among %q", name, after)
		}
	}
}

func TestPresetsAndOverrides(t *testing.T) {
	for _, name := range Presets() {
		s, err := Open(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := s.TOML()
		if err != nil {
			t.Fatal(err)
		}
		again := mustOpen(t, string(text))
		if !slices.Equal(names(s), names(again)) || s.Name != again.Name || s.Seeds != again.Seeds || len(s.Stages) != len(again.Stages) {
			t.Errorf("%s is another study once it is written and read", name)
		}
	}
	s := mustOpen(t, "preset = \"radius\"\n[base]\nmodel = \"cnn\"\ninit = \"\"\n", "epochs=7", "seeds=1", "data=digits", "lr=.5")
	radius, err := Open("radius")
	if err != nil {
		t.Fatal(err)
	}
	b, own := s.Base, supervised.Of(&s.Base)
	if s.Name != "mine" || own.Model != "cnn" || own.Init != "" || b.Epochs != 7 || own.Data != "digits" || b.LR != .5 || b.Batch != radius.Base.Batch {
		t.Errorf("%s: %+v", s.Name, b)
	}
	if s.Seeds != 1 || 3*len(s.Cells) != len(radius.Cells) {
		t.Errorf("%d seeds, %d cells of %d", s.Seeds, len(s.Cells), len(radius.Cells))
	}
}

func TestFileErrors(t *testing.T) {
	const grid = "\n[[grid]]\nmethod = \"sam\"\nrho = [0.1, 0.2]\n"
	for _, tt := range []struct{ text, set, want string }{
		{"seeds = 3\nseeds = 4", "", "line 2: "},
		{"", "", "no [[grid]]"},
		{"[[grid]]\nrho = []", "", "[[grid]] 1: rho is an empty list"},
		{"[base]\nepoch = 2" + grid, "", `[base]: unknown setting "epoch" (did you mean epochs?); there are task, data,`},
		{grid + "radius = [1]", "", `[[grid]] 1: unknown setting "radius"; there are task, data,`},
		{"seed = 2" + grid, "", "line 1: seed is a setting of runs: write it below [base]"},
		{"seeds = 0" + grid, "", "seeds is 0"},
		{"seeds = 2\n[base]\nseed = 2" + grid, "", "[base] has a seed and the study has seeds"},
		{"[base]\nlabel_noise = 0.1\nlabel-noise = 0.2" + grid, "", "label_noise and label-noise are the same setting"},
		{"[base]\nepochs = \"two\"" + grid, "", `[base]: epochs: "two" is no whole number`},
		{"preset = \"radios\"" + grid, "", `unknown preset "radios" (did you mean radius?); there are `},
		{"[[grid]]\nmethod = \"sam\"\nrho = [0.1, -1]", "", "sam_rho--1_seed-1: rho at step 0 is -1"},
		{"[[grid]]\nmethod = \"sam\"\nrho = inf", "", "sam_rho-inf_seed-1: "},
		{"seeds = 1000" + grid + "lr = [1, 2, 3, 4, 5, 6]", "", "more than 10000 runs"},
		{grid, "rho=3", "set rho=3: [[grid]] 1 sets it"},
		{grid, "epochs", "write it as NAME=VALUE"},
		{grid, "epoch=3", `unknown setting "epoch"`},
		{grid, "seeds=none", `"none" is no number of seeds`},
		{"\n[grid]\nmethod = \"none\"", "", "line 2: [grid] is written [[grid]], as there may be several"},
		{"[[base]]\nepochs = 1" + grid, "", "line 1: [[base]] is written [base], as there is one"},
		{"name = \"x\"\n[bsae]\nepochs = 1" + grid, "", `line 2: unknown key "bsae" (did you mean base?); a study has name,`},
		{"base = 3" + grid, "", "line 1: base is a whole number; it should be a table, a line [base]"},
		{"grid = [1, 2]", "", "line 1: grid is a list; it should be a table, a line [[grid]]"},
		{"seeds = \"3\"" + grid, "", "line 1: seeds is a text; it should be a whole number"},
		{"seeds = 1.5" + grid, "", "line 1: seeds is a number; it should be a whole number"},
		{"notes = \"x\"" + grid, "", "line 1: notes is a text; it should be a list of texts"},
		{"name = 1979-05-27" + grid, "", "line 1: name is a date; it should be a text"},
		{"{\"grid\": 1}", "", "it looks like JSON"},
		{"[[grid]]\nrho = {a = 1}", "", "[[grid]] 1: rho: a table is no setting's value"},
		{"[[stage]]\nepochs = 0" + grid, "", "[[stage]] 1: epochs is 0"},
		{"[base]\ninit = \"x\"\n[[stage]]\nepochs = 1" + grid, "", "[base] has init"},
	} {
		var set []string
		if tt.set != "" {
			set = []string{tt.set}
		}
		if _, err := Open(write(t, tt.text), set...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: error %v, want %q", tt.text, err, tt.want)
		}
	}
	if _, err := Open("radios"); err == nil || !strings.Contains(err.Error(), `no preset or file "radios" (did you mean radius?); the presets are `) {
		t.Error(err)
	}
	if _, err := Open("nowhere.toml"); err == nil || !strings.Contains(err.Error(), "nowhere.toml: no such file") {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("seeds = 2\n[base]\nlr = 0.1\n[[grid]]\nmethod = [\"sam\", \"m-sam\"]\nrho = [0.1, inf]\n"))
	f.Add([]byte("preset = \"radius\"\n[base]\nfreeze = [\"a\", \"b\"]\n[[stage]]\nepochs = 1\n"))
	f.Add([]byte("[[grid]]\nfreeze = [[\"a\"], [1, [2]]]\nseed = [-1, 1e400]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := parse(b)
		if err != nil {
			return
		}
		s, err := file.study()
		if err != nil {
			return
		}
		if len(s.Cells) == 0 || len(s.Cells) > maxCells {
			t.Fatalf("%d cells", len(s.Cells))
		}
		for _, c := range s.Cells {
			if strings.ContainsAny(c.Name, "/\\:*?\"<>| \n\x00") || len(c.Name) > 2000 {
				t.Fatalf("the name %q is no file's", c.Name)
			}
		}
		text, err := s.TOML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parse(text)
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if s2, err := again.study(); err != nil || len(s2.Cells) != len(s.Cells) {
			t.Fatalf("%v: another study from %s", err, text)
		}
	})
}

func TestStages(t *testing.T) {
	s := mustOpen(t, `
		[base]
		epochs = 1
		[[stage]]
		label-noise = 1.0
		[[stage]]
		lr = 0.01
		[[grid]]
		method = ["none", "sam"]
		rho = 0.1`)
	dir := t.TempDir()
	if f, err := s.Forecast(t.Context(), dir, s.Cells, 2); err != nil || f.Stages != 2 || !(f.StageS > 0) || !(f.Seconds > f.StageS) {
		t.Errorf("forecast %+v, error %v", f, err)
	}
	if _, err := s.Run(t.Context(), dir, s.Cells, RunOptions{Jobs: 2}); err != nil {
		t.Fatal(err)
	}
	if f, err := s.Forecast(t.Context(), dir, nil, 2); err != nil || f.Stages != 0 || f.Seconds != 0 {
		t.Errorf("forecast of what is done %+v, error %v", f, err)
	}
	for _, st := range s.States(dir) {
		if st.State != train.Finished {
			t.Fatalf("%+v", st)
		}
		if got, want := supervised.Of(&st.Run.Config).Init, filepath.Join(dir, "cells", "stage-2", supervised.WeightsFile); got != want {
			t.Errorf("%s starts from %s, want %s", st.Cell, got, want)
		}
	}
	second, err := train.ReadRun(filepath.Join(dir, "cells", "stage-2"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := supervised.Of(&second.Config).Init, filepath.Join(dir, "cells", "stage-1", supervised.WeightsFile); got != want || second.Config.LR != .01 {
		t.Errorf("stage 2 starts from %s, want %s; lr %g", got, want, second.Config.LR)
	}
	if first := fmt.Sprint(supervised.Of(&s.Stages[0].Config).LabelNoise, supervised.Of(&s.Stages[1].Config).LabelNoise); first != "1 0" {
		t.Errorf("label noise %s", first)
	}
}

// What is true of one study alone stands in its file, and stays when the file is written again;
// one over a preset has its notes unless its grid is another.
func TestNotesAndBeside(t *testing.T) {
	p, err := Open("table3")
	if err != nil || len(p.Notes) != 2 || p.Beside != Table3 {
		t.Fatalf("the preset has notes %q, beside %q, %v", p.Notes, p.Beside, err)
	}
	text, err := p.TOML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(write(t, string(text)))
	if err != nil || !slices.Equal(again.Notes, p.Notes) || again.Beside != Table3 {
		t.Errorf("written again: notes %q, beside %q, %v", again.Notes, again.Beside, err)
	}
	same, err := Open(write(t, "preset = \"table3\"\nseeds = 1\n"))
	if err != nil || !slices.Equal(same.Notes, p.Notes) || same.Beside != Table3 {
		t.Errorf("of one seed: notes %q, beside %q, %v", same.Notes, same.Beside, err)
	}
	over, err := Open(write(t, "preset = \"table3\"\nnotes = [\"one\"]\n"))
	if err != nil || !slices.Equal(over.Notes, []string{"one"}) || over.Beside != Table3 {
		t.Errorf("over the preset: %+v, %v", over, err)
	}
	other, err := Open(write(t, "preset = \"table3\"\n[[grid]]\nmethod = \"sam\"\nrho = 1\n"))
	if err != nil || other.Notes != nil || other.Beside != "" {
		t.Errorf("with another grid: notes %q, beside %q, %v", other.Notes, other.Beside, err)
	}
	if _, err := Open(write(t, "beside = \"figure9\"\n[[grid]]\nmethod = \"none\"\n")); err == nil || !strings.Contains(err.Error(), `beside is "figure9"`) {
		t.Errorf("error %v", err)
	}
}

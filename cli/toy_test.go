package cli

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// monge runs the command line and returns its exit code and output.
func monge(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, &out, &err)
	return code, out.String(), err.String()
}

// toyJSON runs monge toy with --json and decodes all of its output.
func toyJSON(t *testing.T, args ...string) (r struct {
	Settings map[string]any
	Runs     []struct {
		Start, End []float64
		Loss       *float64
		Diverged   bool
	}
	Ends     map[string]int
	Pictures []string
}) {
	t.Helper()
	code, stdout, stderr := monge(append([]string{"toy", "--json"}, args...)...)
	if code != 0 || stderr != "" {
		t.Fatalf("%v: exit %d, %s", args, code, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v: %v in %s", args, err, stdout)
	}
	return r
}

func TestToyStart(t *testing.T) {
	r := toyJSON(t, "banana", "--method", "m-sam", "--rho", "1", "--lr", ".01", "--steps", "200", "--start", "-1.5,.5")
	end := r.Runs[0].End
	if math.Abs(end[0]+.9454) > 1e-4 || math.Abs(end[1]+.9413) > 1e-4 || math.Abs(*r.Runs[0].Loss-.0121) > 1e-4 {
		t.Errorf("ends at %v with loss %g", end, *r.Runs[0].Loss)
	}
	if r.Ends["(-1,-1)"] != 1 || len(r.Ends) != 4 || r.Settings["alpha"] != 1. || r.Settings["method"] != "m-sam" {
		t.Errorf("ends %v, settings %v", r.Ends, r.Settings)
	}
}

func TestToyEnds(t *testing.T) {
	for _, tt := range []struct {
		args string
		ends map[string]int
	}{
		{"banana --method sam --grid 10 --range -3,3", map[string]int{"saddle": 32, "(-1,-1)": 34, "(1,1)": 34, "other": 0}},
		{"banana --method m-sam --grid 10 --range -3,3 --rho 1", map[string]int{"saddle": 16, "(-1,-1)": 42, "(1,1)": 42, "other": 0}},
		{"banana --method m-sam --grid 10 --range -3,3 --alpha 0", map[string]int{"saddle": 32, "(-1,-1)": 34, "(1,1)": 34, "other": 0}},
		{"banana --method m-sam --grid 10 --range -3,3 --ascent-budget 1", map[string]int{"saddle": 16, "(-1,-1)": 42, "(1,1)": 42, "other": 0}},
		{"banana --method fisher --grid 10 --range -3,3", map[string]int{"saddle": 16, "(-1,-1)": 42, "(1,1)": 42, "other": 0}},
		{"banana --method asam --eta 0 --grid 10 --range -3,3", map[string]int{"saddle": 10, "(-1,-1)": 9, "(1,1)": 9, "other": 72}},
		{"banana --method none --grid 10 --range -3,3", map[string]int{"saddle": 10, "(-1,-1)": 5, "(1,1)": 5, "other": 80}},
		{"banana --method sam --rho 8 --grid 10 --range -3,3", map[string]int{"saddle": 0, "(-1,-1)": 1, "(1,1)": 1, "other": 98}},
		{"sinc --method sam --grid 2 --range -.6,.6", map[string]int{"maximum": 4, "ring": 0, "other": 0}},
		{"sinc --method gd --grid 2 --range -.6,.6", map[string]int{"maximum": 0, "ring": 4, "other": 0}},
	} {
		r := toyJSON(t, strings.Fields(tt.args)...)
		if len(r.Ends) != len(tt.ends) {
			t.Errorf("%s: %v, want %v", tt.args, r.Ends, tt.ends)
		}
		for place, n := range tt.ends {
			if got, there := r.Ends[place]; got != n || !there {
				t.Errorf("%s: %v, want %v", tt.args, r.Ends, tt.ends)
			}
		}
	}
}

func TestToyStarts(t *testing.T) {
	r := toyJSON(t, "quadratic", "--grid", "5", "--range", "-1,1", "--steps", "0")
	if len(r.Runs) != 5 || r.Runs[1].Start[0] != -.5 || r.Runs[4].End[0] != 1 || r.Ends != nil {
		t.Errorf("5 of the quadratic: %+v", r)
	}
	a := toyJSON(t, "banana", "--uniform", "3", "--range", "-1,1", "--seed", "7")
	b := toyJSON(t, "banana", "--uniform", "3", "--range", "-1,1", "--seed", "7")
	c := toyJSON(t, "banana", "--uniform", "3", "--range", "-1,1", "--seed", "8")
	if a.Runs[2].End[0] != b.Runs[2].End[0] || a.Runs[2].Start[0] == c.Runs[2].Start[0] || a.Settings["seed"] != 7. {
		t.Errorf("the seed does not decide the starts: %v, %v, %v", a, b, c)
	}
}

// A run that diverges is marked and counted, and does not stop the others.
func TestToyDivergence(t *testing.T) {
	r := toyJSON(t, "banana", "--method", "sam", "--rho", "1", "--lr", "5", "--grid", "4", "--range", "-3,3")
	diverged := 0
	for _, run := range r.Runs {
		if run.Diverged {
			diverged++
		}
	}
	if diverged == 0 || r.Ends["other"] < diverged || len(r.Runs) != 16 {
		t.Errorf("%d of %d runs diverged, ends %v", diverged, len(r.Runs), r.Ends)
	}
	r = toyJSON(t, "banana", "--start", "1e200,1e200")
	if run := r.Runs[0]; !run.Diverged || run.Loss != nil || run.End[0] != 1e200 || r.Ends["other"] != 1 {
		t.Errorf("from 1e200: %+v, %v", run, r.Ends)
	}
	code, stdout, _ := monge("toy", "banana", "--start", "1e200,1e200")
	if code != 0 || !strings.Contains(stdout, "1 diverged") {
		t.Errorf("exit %d: %s", code, stdout)
	}
}

func TestToyInfinite(t *testing.T) {
	r := toyJSON(t, "banana", "--rho", "inf", "--ascent-budget", ".3", "--start", "-1.5,.5")
	if r.Settings["rho"] != "inf" || r.Settings["ascent_budget"] != .3 || r.Settings["alpha"] != nil || r.Runs[0].Diverged {
		t.Errorf("%v: %+v", r.Settings, r.Runs)
	}
	r = toyJSON(t, "quadratic", "--rho", ".3", "--ascent-budget", "inf", "--start", ".5")
	if end := r.Runs[0].End[0]; math.Abs(end+.5824) > 1e-4 {
		t.Errorf("an infinite budget is SAM, which ends at -.5824, not %g", end)
	}
}

func TestToyPicture(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pictures")
	r := toyJSON(t, "banana", "--grid", "3", "--range", "-2,2", "--out", dir)
	if len(r.Pictures) != 2 {
		t.Errorf("pictures %v", r.Pictures)
	}
	for _, p := range r.Pictures {
		if info, err := os.Stat(p); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func TestToyTable(t *testing.T) {
	code, stdout, stderr := monge("toy", "banana", "--method", "sam", "--grid", "10", "--range", "-3,3")
	if code != 0 || stderr != "" {
		t.Fatal(code, stderr)
	}
	for _, want := range []string{"banana: sam, rho 1, lr 0.01, 200 steps", "... and 80 more", "ends: saddle 32, (-1,-1) 34, (1,1) 34, other 0 of 100"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
}

// Every misuse exits with 2 and says what would be right; nothing goes to stdout.
func TestToyMisuse(t *testing.T) {
	for args, want := range map[string]string{
		"":                                 "banana, sinc, quadratic",
		"rosenbrock --start 1,1":           "banana, sinc, quadratic",
		"banana sinc --start 1,1":          "takes one loss",
		"banana":                           "--start -1.5,0.5",
		"banana --grid 10":                 "add --range lo,hi",
		"banana --uniform 10":              "add --range lo,hi",
		"banana --start 1,1 --grid 3":      "choose one",
		"banana --grid 3 --uniform 3":      "choose one",
		"banana --start 1,1 --range 0,1":   "leave it out with --start",
		"banana --start 1,1 --seed 3":      "--seed is for --uniform",
		"banana --start 1":                 "the loss takes 2",
		"quadratic --start 1,1":            "the loss takes 1",
		"banana --start x,1":               "is no point",
		"banana --start nan,1":             "is no point",
		"banana --start inf,1":             "not finite",
		"banana --grid 0 --range 0,1":      "at least 1",
		"banana --grid 1001 --range 0,1":   "at most 1000000",
		"banana --uniform -1 --range 0,1":  "at least 1",
		"banana --grid 3 --range 1,0":      "the first number must be the lower one",
		"banana --grid 3 --range 1":        "two finite numbers",
		"banana --grid 3 --range 0,inf":    "two finite numbers",
		"banana --start 1,1 --method lion": "none, sam, m-sam, fisher, asam",
		"banana --start 1,1 --rho -1":      "must be >= 0",
		"banana --start 1,1 --rho nan":     "must be >= 0",
		"banana --start 1,1 --rho inf":     "needs a finite ascent budget",
		"banana --start 1,1 --rho x":       `--rho: "x" is no number`,
		"banana --start 1,1 --lr nan":      "learning rate is NaN",
		"banana --start 1,1 --lr -1":       "learning rate is -1",
		"banana --start 1,1 --steps -1":    "steps is -1",
		"banana --start 1,1 --alpha -1":    "alpha is -1",
		"banana --start 1,1 --size 3":      "--ascent-budget",
		"banana --start 1,1 --out=":        "--out is empty",

		"banana --start 1,1 --method sam --eta 1":                       "no eta",
		"banana --start 1,1 --method m-sam --eta 1":                     "no eta",
		"banana --start 1,1 --method fisher --alpha 1":                  "no loss axis",
		"banana --start 1,1 --method asam --ascent-budget 1":            "no ascent budget",
		"banana --start 1,1 --method none --rho 1":                      "takes no perturbation",
		"banana --start 1,1 --interval -3":                              "--interval is -3; it must be at least 0",
		"banana --start 1,1 --steps 9 --from 95%":                       "--from is 95%: no step of the run, which has 9, would perturb",
		"banana --start 1,1 --method fisher --eta 0":                    "finite number > 0",
		"banana --start 1,1 --method asam --eta -1":                     "finite number >= 0",
		"banana --start 1,1 --ascent-budget 0":                          "must be > 0",
		"banana --start 1,1 --ascent-budget nan":                        "must be > 0",
		"banana --start 1,1 --method m-sam --alpha 1 --ascent-budget 1": "give one",
	} {
		code, stdout, stderr := monge(append([]string{"toy"}, strings.Fields(args)...)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("toy %s: exit %d, want 2 and %q:\n%s%s", args, code, want, stdout, stderr)
		}
	}
}

func TestToyUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"toy", "banana", "--start", "1,1", "--json", "--out", file}, {"paper", "fig1", "--json", "--out", file}} {
		if code, stdout, stderr := monge(args...); code != exitFailed || stdout != "" || !strings.Contains(stderr, file) {
			t.Errorf("%v: exit %d, want 1 and the name: %s%s", args, code, stdout, stderr)
		}
	}
}

// The examples of --help work.
func TestToyAndPaperExamples(t *testing.T) {
	for _, cmd := range []*cobra.Command{newToyCommand(), newPaperCommand()} {
		for _, line := range strings.Split(cmd.Example, "\n") {
			args := strings.Fields(line)
			if len(args) < 2 || args[0] != "monge" {
				t.Errorf("example %q", line)
				continue
			}
			if args[2] == "all" {
				continue // seconds; package paper tests each figure
			}
			for i, a := range args {
				if a == "--out" {
					args[i+1] = t.TempDir()
				}
			}
			if code, stdout, stderr := monge(args[1:]...); code != 0 || stdout == "" {
				t.Errorf("%s: exit %d: %s", line, code, stderr)
			}
		}
	}
}

// A number that is infinite, as LE-SAM's p is unless given, is in JSON as well.
func TestToyInfiniteNumber(t *testing.T) {
	r := toyJSON(t, "banana", "--method", "le-sam", "--rho", "inf", "--ascent-budget", ".5", "--start", "1,2")
	if n, _ := r.Settings["numbers"].(map[string]any); n["p"] != "inf" || r.Settings["rho"] != "inf" {
		t.Errorf("settings %v", r.Settings)
	}
}

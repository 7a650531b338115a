package cli

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/monge-ml/monge/align/pairs"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/train"
)

// register registers what a program of one's own has: one thing of each kind. Only a process of
// its own does it, as other tests say which things there are.
func register() {
	data.Register(data.Format{Name: "test-bars", Place: "COUNT", Info: "bars across and down, 6x10", Open: openBars})
	pairs.Register(pairs.Format{Name: "test-list", Place: "DIR", Info: "no pairs", Open: func(context.Context, string, pairs.Options) (*pairs.List, error) {
		return &pairs.List{}, nil
	}})
	models.Register(models.Entry{Name: "test-line", Info: "one layer", Input: []int{6, 10, 1}, Build: func(b nn.Builder, o models.Options) nn.Layer {
		return nn.Sequential{nn.Flatten, b.Linear("fc", o.Input[0]*o.Input[1]*o.Input[2], o.Classes)}
	}})
	sam.Register(sam.Method{
		Name: "test-share", Label: "Shared SAM", Info: "SAM with a share of the radius", Uses: []string{"rho", "rho-schedule"},
		Numbers: []sam.Number{{Name: "test-part", Help: "share of the radius", Default: .5}},
		New32: func(p sam.Params) (sam.Settings[float32], error) {
			return sam.Settings[float32]{Rho: part{p.Rho, p.Own["test-part"]}}, nil
		},
	})
	optim.Register(optim.Rule{Name: "test-plain", Label: "Plain SGD", Info: "without momentum", New32: func(n int, p optim.Params) (optim.Optimizer[float32], error) {
		return optim.NewSGD[float32](n, optim.SGDSettings{LR: p.LR})
	}})
	train.Register(train.Kind{
		Name: "test-well", Info: "a bowl from a start", Settings: wellSettings{Start: 1},
		Check: func(c *train.Config) error {
			if s := c.Own.(wellSettings).Start; !(s > 0) {
				return fmt.Errorf("well-start is %g; it must be > 0", s)
			}
			return nil
		},
		Open: func(_ context.Context, c *train.Config, _ *train.Shared) (train.Task, error) {
			return well{float32(c.Own.(wellSettings).Start)}, nil
		},
	})
}

// part is a share of a schedule.
type part struct {
	of    sam.Schedule
	share float64
}

func (p part) At(step int) float64 { return p.share * p.of.At(step) }

func openBars(place string, _ *data.Options) (*data.Splits, error) {
	n, err := strconv.Atoi(place)
	if err != nil || n < 20 {
		return nil, fmt.Errorf("test-bars:%s: it takes a number of images, 20 or more", place)
	}
	const high, wide = 6, 10
	x, labels := make([]float32, n*high*wide), make([]int, n)
	for i := range n {
		labels[i] = i % 2
		for k := range []int{wide, high}[labels[i]] {
			at := i/2%high*wide + k
			if labels[i] == 1 {
				at = k*wide + i/2%wide
			}
			x[i*high*wide+at] = 1
		}
	}
	set, err := data.NewSet(x, labels, []int{high, wide, 1})
	if err != nil {
		return nil, err
	}
	return &data.Splits{Classes: []string{"across", "down"}, Train: set, Test: set}, nil
}

type wellSettings struct {
	Start float64 `json:"well_start" help:"where it starts"`
}

// A well is a task: t² from a start, measured by how far it is from the bottom.
type well struct{ start float32 }

func (w well) Theta() []float32                                        { return []float32{w.start} }
func (w well) Examples(train.Split) int                                { return 1 }
func (w well) Len() int                                                { return 1 }
func (w well) Steps() int                                              { return 1 }
func (w well) Minibatch(context.Context, int) (train.Minibatch, error) { return w, nil }
func (w well) Save(dir string, best bool, theta []float32) error {
	return os.WriteFile(filepath.Join(dir, fmt.Sprintf("best-%v.txt", best)), fmt.Append(nil, theta[0]), 0o666)
}
func (w well) Gradient(g, t []float32, _, _ int, c objective.Call) (float64, error) {
	g[0] = float32(c.Weight) * 2 * t[0]
	return float64(t[0] * t[0]), nil
}
func (w well) Measure(_ context.Context, t []float32, _ train.Split) (train.Measures, error) {
	return train.Measures{{Name: "distance", Value: train.Real(math.Abs(float64(t[0]))), Better: train.Lower, Label: "distance to the bottom"}}, nil
}

// own calls the command line of a program that has registered things.
func own(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "MONGE_TEST_MAIN=own")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func mustOwn(t *testing.T, args ...string) string {
	t.Helper()
	code, out, stderr := own(t, args...)
	if code != 0 {
		t.Fatalf("%s: exit code %d: %s", strings.Join(args, " "), code, stderr)
	}
	return out
}

// What a program registers is in every list: help texts, completion, models, errors.
func TestOwnListed(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"train --help", `--task string .*: supervised, contrast, test-well\n`},
		{"train --help", `--method string .*, looksam, wsam, sam-sps, cr-sam, test-share \(`},
		{"train --help", `--base string .*, lion, test-plain \(`},
		{"train --help", `--well-start float +where it starts`},
		{"train --help", `--test-part float +share of the radius, of test-share \(default 0.5\)`},
		{"align train --help", `--well-start float`},
		{"compare --help", `sgd, sam, m-sam, m-sam-budget, .*test-share`},
		{"data info --help", `SPEC is one of digits, [^.]*test-bars:COUNT\.`},
		{"models", `(?m)^test-line +6x10x1 +610 .*one layer`},
		{"__complete train --task ", `(?m)^test-well$`},
		{"__complete train --method te", `(?m)^test-share$`},
		{"__complete train --base ", `(?m)^test-plain$`},
		{"__complete train --model te", `(?m)^test-line$`},
		{"__complete train --data te", `(?m)^test-bars:$`},
		{"__complete align train --data te", `(?m)^test-list:`},
		{"__complete data info te", `(?m)^test-bars:$`},
		{"__complete compare --methods te", `(?m)^test-share$`},
	} {
		args := strings.Fields(tt.args)
		if strings.HasSuffix(tt.args, " ") {
			args = append(args, "")
		}
		if out := mustOwn(t, args...); !regexp.MustCompile(tt.want).MatchString(out) {
			t.Errorf("%s: no %s in %d bytes like %.300q", tt.args, tt.want, len(out), out)
		}
	}
	for args, want := range map[string]string{
		"train --task x":                                 `unknown task "x"; there are supervised, contrast, test-well`,
		"train --method x":                               ", test-share\n",
		"train --base x":                                 ", test-plain\n",
		"train --model x":                                ", test-line\n",
		"train --data x":                                 "test-bars:COUNT",
		"train --data test-bars:5":                       "test-bars:5: it takes a number of images",
		"compare --methods x":                            "test-share\n",
		"align train --model clip-tiny":                  "test-list:DIR",
		"train --nope":                                   "--well-start",
		"train --task test-well --well-start -1":         "well-start is -1; it must be > 0",
		"train --task test-well --label-noise 0.1":       "--label-noise is for data with classes or targets; task test-well is a bowl from a start",
		"train --well-start 2":                           "--well-start is for a bowl from a start; digits is data with classes or targets",
		"train --method sam --rho 1 --test-part 1":       "method sam has no test-part: it is for test-share",
		"train --method test-share":                      "method test-share needs its radius: rho",
		"train --base test-plain --momentum 0.5":         "base test-plain takes no momentum; it is for sgd, rmsprop",
		"train --method test-share --rho 0.1 --alpha 1":  "test-share",
		"compare --methods test-share --rho 1,0.5":       "out of order",
		"study run nowhere.toml --out x --set task=lost": "nowhere.toml",
	} {
		if code, out, stderr := own(t, strings.Fields(args)...); code != exitUsage || out != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q; want %q", args, code, out, stderr, want)
		}
	}
}

// A name that is taken stops the program at its start.
func TestOwnTwice(t *testing.T) {
	cmd := exec.Command(os.Args[0], "models")
	cmd.Env = append(os.Environ(), "MONGE_TEST_MAIN=own own")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), `panic: monge: data set "test-bars" was registered twice`) {
		t.Errorf("%v, %s", err, out)
	}
}

// shared finds the registered method on a page.
var shared = regexp.MustCompile("Shared SAM|test-share")

// All that is registered works together: data, network, method and base optimizer train, save,
// evaluate and are compared.
func TestOwnTrains(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	var res struct {
		Accuracy float64 `json:"test_accuracy"`
		Config   map[string]any
	}
	decode(t, mustOwn(t, strings.Fields("train --data test-bars:240 --model test-line --method test-share --rho 0.2 --test-part 0.25 --base test-plain --lr 0.5 --epochs 20 --json --out "+run)...), &res)
	if res.Accuracy < .9 || res.Config["base"] != "test-plain" {
		t.Errorf("%+v", res)
	}
	// Half of the radius by the setting is half of the radius.
	digest := func(args string) string {
		var r struct {
			Weights string `json:"weights_sha256"`
		}
		decode(t, mustOwn(t, strings.Fields("train --epochs 1 --json "+args)...), &r)
		return r.Weights
	}
	if a, b := digest("--method test-share --rho 0.2"), digest("--method sam --rho 0.1"); a != b {
		t.Errorf("half of radius 0.2 gives other weights than radius 0.1")
	}
	var e struct{ Accuracy float64 }
	decode(t, mustOwn(t, "eval", "--weights", filepath.Join(run, "weights.safetensors"), "--data", "test-bars:240", "--json"), &e)
	if e.Accuracy != res.Accuracy {
		t.Errorf("eval says %g, train %g", e.Accuracy, res.Accuracy)
	}
	out := mustOwn(t, strings.Fields("compare --methods sgd,test-share --rho 0.1 --seeds 1 --epochs 1 --out "+filepath.Join(dir, "compare"))...)
	if page := readFile(t, filepath.Join(dir, "compare", "report.html")); !strings.Contains(out, "test-share") || !shared.MatchString(page) {
		t.Errorf("the comparison lacks the method: %s", out)
	}
}

// A task of one's own is trained, resumed, forecast, studied, reported, and listed beside others;
// to a program that does not know it its run is one like any other.
func TestOwnTask(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	line := strings.Fields("train --task test-well --method sam --rho 0.05 --lr 0.02 --momentum 0.5 --json --out")
	var far, near struct {
		Distance float64  `json:"test_distance"`
		Accuracy *float64 `json:"test_accuracy"`
		Best     struct {
			Distance float64 `json:"val_distance"`
		}
		Weights string `json:"weights_sha256"`
	}
	decode(t, mustOwn(t, append(line, at("near"), "--epochs", "30")...), &near)
	decode(t, mustOwn(t, append(line, at("far"), "--epochs", "10", "--well-start", "3")...), &far)
	if !(near.Distance < .5 && far.Distance > near.Distance) || near.Accuracy != nil || near.Best.Distance != near.Distance {
		t.Errorf("near %+v, far %+v", near, far)
	}
	first := near
	decode(t, mustOwn(t, "train", "--resume", "--json", "--out", at("near")), &near)
	if near != first {
		t.Errorf("the finished run's result is %+v, was %+v", near, first)
	}
	if out := mustOwn(t, strings.Fields("train --task test-well --dry-run")...); !strings.Contains(out, "parameters  1\n") {
		t.Error(out)
	}
	if out := mustOwn(t, "report", at("far")); !strings.HasPrefix(out, "Test distance to the bottom ") {
		t.Error(out)
	}
	trainInto(t, at("digits"), "--epochs 2")
	trainInto(t, at("better"), "--epochs 6")
	for _, tt := range []struct {
		program string
		call    func(*testing.T, ...string) string
	}{{"own", mustOwn}, {"monge", mustCall}} {
		var list []struct {
			Path, State, Measure string
			Best                 *float64 `json:"best_val"`
			Test                 *float64
			Accuracy             *float64 `json:"test_accuracy"`
			BestAccuracy         *float64 `json:"best_val_accuracy"`
			Config               map[string]any
		}
		decode(t, tt.call(t, "runs", dir, "--json", "--sort", "accuracy"), &list)
		order := ""
		for _, r := range list {
			order += filepath.Base(r.Path) + " "
			accuracy := r.Measure == "accuracy"
			if r.Best == nil || r.Test == nil || (r.Accuracy != nil) != accuracy || (r.BestAccuracy != nil) != accuracy ||
				accuracy && (*r.Accuracy != *r.Test || *r.BestAccuracy != *r.Best) || !accuracy && (r.Measure != "distance" || r.Config["task"] != "test-well") {
				t.Errorf("%s: %+v", tt.program, r)
			}
		}
		if order != "better digits near far " {
			t.Errorf("%s: the best of each measure first is %s", tt.program, order)
		}
		if out := tt.call(t, "runs", dir); !strings.Contains(out, fmt.Sprintf("%.4f", near.Distance)) || !strings.Contains(out, "test-well") {
			t.Errorf("%s: %s", tt.program, out)
		}
		tt.call(t, "report", at("near"), at("far"), "--out", at(tt.program+".html"))
	}
	if code, _, stderr := call("train", "--config", at("far/config.json")); code != exitUsage || !strings.Contains(stderr, `unknown task "test-well"; there are supervised, contrast`) {
		t.Errorf("a program that does not know the task: exit code %d, %s", code, stderr)
	}
}

func TestOwnStudy(t *testing.T) {
	t.Chdir(t.TempDir())
	text := "seeds = 2\n[base]\ntask = \"test-well\"\nepochs = 8\nlr = 0.02\n[[grid]]\nmethod = [\"none\", \"sam\", \"test-share\"]\nrho = [0.1, 0.2]\n[[grid]]\nmethod = \"none\"\nwell-start = [2, 3]\n"
	if err := os.WriteFile("wells.toml", []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	var done studyResult
	decode(t, mustOwn(t, "study", "run", "wells.toml", "--out", "wells", "--json"), &done)
	if done.All != 14 || done.Over != 14 || done.Cells[5].Cell != "sgd_well-start-2_seed-1" {
		t.Errorf("%+v", done)
	}
	var rep struct {
		Rows     []map[string]any
		Headline string
	}
	decode(t, mustOwn(t, "study", "report", "wells", "--json"), &rep)
	if len(rep.Rows) != 14 || rep.Rows[0]["test_distance"] == nil || rep.Rows[0]["test_accuracy"] != nil || rep.Headline == "" {
		t.Errorf("%d rows, headline %q", len(rep.Rows), rep.Headline)
	}
	if page := readFile(t, "wells/report.html"); !shared.MatchString(page) || !strings.Contains(page, "well-start 3") {
		t.Error("the page lacks the method, or the setting that varies")
	}
}

// A file that names the task begins as the flag does.
func TestTaskOfFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pairs.toml")
	if err := os.WriteFile(file, []byte("task = \"contrast\"\nepochs = 2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var c train.Config
	if err := train.ReadConfig(file, &c); err != nil {
		t.Fatal(err)
	}
	k, err := train.FindKind("contrast")
	if err != nil {
		t.Fatal(err)
	}
	want := train.DefaultOf(k)
	if want.Epochs = 2; c.Base != want.Base || c.LR != want.LR || c.Batch != want.Batch || c.Epochs != 2 {
		t.Errorf("%+v, want %+v", c, want)
	}
}

package report

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// savedRun is a made-up run of an MLP on digits, finished at a test accuracy.
func savedRun(path, method string, rho float64, seed uint64, test float64) *train.SavedRun {
	r := &train.SavedRun{Path: path, Config: supervised.Default()}
	c := &r.Config
	c.Method, c.Rho, c.Seed, c.Epochs = method, train.Real(rho), seed, 10
	for n := 1; n <= 10; n++ {
		part := 1 - math.Exp(-float64(n)/3)
		e := train.Record{
			Step: 16 * n, Epoch: n, LR: .05, TrainLoss: 2.3 - 2*part, Val: classes(.1+(test-.1)*part, 2.3-1.9*part),
			GradNorm: .5 + part, Seconds: .1, Examples: 1000,
		}
		if method != "none" {
			e.Rho, e.DeltaNorm = c.Rho, rho
			e.PredictedAscent, e.Ascent = rho*e.GradNorm, 1.1*rho*e.GradNorm
		}
		r.Records = append(r.Records, e)
	}
	last := r.Records[9]
	r.Status = train.Status{State: train.Finished, Step: 160, Steps: 160}
	r.Result = &train.Result{
		Test: classes(test, .3), Val: last.Val, TrainLoss: last.TrainLoss,
		Best:  &train.Best{Step: 160, Val: last.Val, Test: classes(test, .3)},
		Steps: 160, StoppedBy: "epochs", StepSeconds: .006, Seconds: 1.5, WeightsSHA256: strings.Repeat("0123456789abcdef", 4), Kernels: "avx2",
	}
	return r
}

// cut is a run that is not over, after some evaluations.
func cut(r *train.SavedRun, state string, evaluations int) *train.SavedRun {
	r.Result, r.Records = nil, r.Records[:evaluations]
	r.Status = train.Status{State: state, Step: 16*evaluations + 3, Steps: 160}
	return r
}

// bySeed are runs that differ in their seeds alone.
func bySeed(name, method string, rho float64, tests ...float64) (runs []*train.SavedRun) {
	for i, test := range tests {
		runs = append(runs, savedRun(fmt.Sprintf("runs/%s-%d", name, i+1), method, rho, uint64(i+1), test))
	}
	return runs
}

func runsPageOf(t *testing.T, runs []*train.SavedRun) string {
	t.Helper()
	b, err := RunsPage(runs)
	if err != nil {
		t.Fatal(err)
	}
	if *keep != "" {
		name := strings.NewReplacer("/", "_", " ", "_").Replace(t.Name()) + ".html"
		if err := os.WriteFile(filepath.Join(*keep, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	checkPage(t, b)
	return string(b)
}

func TestRunsPage(t *testing.T) {
	one := savedRun("runs/sam", "sam", .1, 1, .95)
	diverged := cut(savedRun("runs/wild", "sam", 4, 1, .5), train.Diverged, 3)
	diverged.Status.Error = "training diverged: step 51: the loss is not finite"
	noSplits := savedRun("runs/all", "none", 0, 1, .9)
	noSplits.Result.Test, noSplits.Result.Val, noSplits.Result.Best = nil, nil, nil
	for i := range noSplits.Records {
		noSplits.Records[i].Val = nil
	}
	infinite := savedRun("runs/inf", "m-sam", .3, 1, .95)
	infinite.Config.Rho, infinite.Config.AscentBudget = train.Real(math.Inf(1)), new(.08)
	for i := range infinite.Records {
		infinite.Records[i].Rho = infinite.Config.Rho
	}
	quoted := savedRun("it's a run", "none", 0, 1, .9)
	for _, tt := range []struct {
		name   string
		runs   []*train.SavedRun
		charts int
		has    []string
		hasNot []string
	}{
		{"one", []*train.SavedRun{one}, 8, []string{
			"<title>sam: mlp on digits", "Test accuracy 95.0% (loss 0.3) after 160 steps.", "Best on validation: 92.0% at step 160; those weights have 95.0% on the test split.",
			"It went through all of its 10 epochs.", "Lately a perturbation of length 0.1 raised the loss by 0.161 nats, where the gradient predicts 0.146.",
			"A step took 6 ms; 10000 examples a second.", "by SAM at rho 0.1 around SGD", "all its epochs", "monge train --config runs/sam/config.json",
			"All settings of sam", ">label_noise<", "<code>0123456789ab</code>", one.Result.WeightsSHA256, `>best</text>`,
		}, []string{"Partial.", "What was found", "Where the settings differ", "--resume"}},
		{"base alone", []*train.SavedRun{savedRun("runs/sgd", "none", 0, 1, .9)}, 5, []string{"by SGD alone"}, []string{"|delta|", "What the perturbation is", "Lately"}},
		{"without splits", []*train.SavedRun{noSplits}, 3, []string{"Training loss 0.371, without a test or validation split, after 160 steps."}, []string{"Validation accuracy", "Best on validation:"}},
		{"infinite rho", []*train.SavedRun{infinite}, 7, []string{"M-SAM</span> at rho ∞ with budget 0.08", "and the budget allows 0.08"}, []string{"<h3>rho</h3>"}},
		{"interrupted", []*train.SavedRun{cut(savedRun("runs/sam", "sam", .1, 1, .95), train.Interrupted, 4)}, 8, []string{
			"The run was interrupted after step 67 of 160; it can go on.", "67 of 160", "monge train --resume --out runs/sam", "A step took 6.25 ms",
		}, []string{"Test accuracy 9"}},
		{"killed before anything", []*train.SavedRun{cut(savedRun("runs/sam", "sam", .1, 1, .95), train.Killed, 0)}, 0, []string{"ended without a word after step 3 of 160"}, []string{"<h2 id=\"curves\""}},
		{"running", []*train.SavedRun{cut(savedRun("runs/sam", "sam", .1, 1, .95), train.Running, 1)}, 8, []string{"The run is still going, at step 19 of 160."}, []string{"--resume"}},
		{"diverged", []*train.SavedRun{diverged}, 8, []string{"The run diverged: it met a NaN or an infinity after step 51 of 160.", "Training diverged: step 51", `<span class="broken">diverged`}, nil},
		{"quoted", []*train.SavedRun{quoted}, 5, []string{"monge train --config &#39;it&#39;\\&#39;&#39;s a run/config.json&#39;"}, nil},
		{"two", []*train.SavedRun{savedRun("runs/sam", "sam", .1, 1, .95), savedRun("runs/m-sam", "m-sam", .3, 1, .94)}, 8, []string{
			"<title>sam and m-sam: mlp on digits", "sam is best on validation, at 92.0%.", "m-sam: 94.0% on the test split, −1.0 points beside sam (n = 1).",
			"1 seed each: too few to tell a difference from chance.", `<th scope="col">method</th><th scope="col">rho</th></tr>`, "<td>sam</td><td>0.1</td>", "At the end: sam 0.92, m-sam 0.91.",
		}, []string{"Partial.", ">best</text>", `<th scope="col">seed</th>`}},
		{"seeds", slices.Concat(bySeed("sam", "sam", .1, .95, .951, .952), bySeed("m-sam", "m-sam", .3, .93, .931, .933)), 8, []string{
			"sam, 3 seeds is best on validation", "m-sam, 3 seeds: 93.1%\u00a0±\u00a00.1 on the test split, −2.0\u00a0±\u00a00.0 points beside sam, 3 seeds, less accurate.",
			`<tr class="mean">`, "3 of 3 finished", "95.1%\u00a0±\u00a00.1", "runs/sam-3/config.json", `<th scope="col">seed</th>`,
		}, []string{"too few"}},
		{"one group", bySeed("sam", "sam", .1, .95, .951, .952), 8, []string{"Test accuracy 95.1%\u00a0±\u00a00.1 over 3 seeds.", ">sam, 3 seeds<"}, []string{"is best"}},
		{"mixed", []*train.SavedRun{savedRun("a/sgd", "none", 0, 1, .9), diverged, cut(savedRun("runs/k", "sam", .2, 1, .9), train.Killed, 2)}, 8, []string{
			"2 of 3 runs are over", "Of the finished runs, a/sgd is best on validation", "runs/wild: diverged after step 51 of 160: training diverged", "runs/k: killed after step 35 of 160.",
			"monge train --resume --out runs/k",
		}, nil},
		{"none finished", []*train.SavedRun{diverged, cut(savedRun("runs/k", "sam", .2, 1, .9), train.Killed, 2)}, 8, []string{"No run has finished with an accuracy to compare."}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			page := runsPageOf(t, tt.runs)
			for _, s := range tt.has {
				if !strings.Contains(page, s) && !strings.Contains(page, strings.ReplaceAll(s, "+", "&#43;")) {
					t.Errorf("the page lacks %q", s)
				}
			}
			for _, s := range tt.hasNot {
				if strings.Contains(page, s) {
					t.Errorf("the page has %q", s)
				}
			}
			if n := strings.Count(page, `class="chart" role="img" aria-label="`); n != tt.charts {
				t.Errorf("%d charts with a text alternative, want %d", n, tt.charts)
			}
		})
	}
}

// Accuracies of other examples are not compared without a warning.
func TestRunsOfOtherData(t *testing.T) {
	runs := []*train.SavedRun{savedRun("runs/a", "sam", .1, 1, .95), savedRun("runs/b", "sam", .1, 1, .94)}
	supervised.Change(&runs[1].Config, func(s *supervised.Settings) { s.Subset = 100 })
	if w := DescribeRuns(runs); !slices.Contains(w.Summary, "The runs differ in subset: their accuracies are not of the same examples.") {
		t.Errorf("%q", w.Summary)
	}
}

// The same run twice is no second seed.
func TestRepeatIsNoSeed(t *testing.T) {
	page := runsPageOf(t, []*train.SavedRun{savedRun("runs/a", "sam", .1, 1, .95), savedRun("runs/b", "sam", .1, 1, .95)})
	if strings.Contains(page, `class="mean"`) || !strings.Contains(page, "a and b are level on validation, at 92.0%.") {
		t.Error("two runs of one seed became a mean")
	}
}

func TestGroupNames(t *testing.T) {
	sam := bySeed("sam", "sam", .1, .95, .95)
	for _, tt := range []struct {
		runs []*train.SavedRun
		want string
	}{
		{sam, "sam, 2 seeds"},
		{append(bySeed("sam-wide", "sam", .2, .95), sam...), "rho 0.1, 2 seeds"},
		{bySeed("rho0.10-seed", "sam", .1, .95, .95), "rho0.10, 2 seeds"},
		{[]*train.SavedRun{savedRun("x/a", "sam", .1, 1, .9), savedRun("y/a", "sam", .1, 2, .9)}, "mean, 2 seeds"},
		{[]*train.SavedRun{savedRun("x100", "sam", .1, 1, .9), savedRun("x101", "sam", .1, 2, .9)}, "x, 2 seeds"},
	} {
		v := newRunsView(tt.runs)
		if got := v.groups[len(v.groups)-1].name; got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// A long run, and many runs, make a page that still travels well.
func TestRunsPageSize(t *testing.T) {
	var runs []*train.SavedRun
	for i := range 30 {
		runs = append(runs, savedRun(fmt.Sprintf("runs/%d", i), "sam", float64(i+1)/10, 1, .9))
	}
	for i := range 20_000 {
		runs[0].Records = append(runs[0].Records, runs[0].Records[9])
		runs[0].Records[10+i].Step = 161 + i
	}
	page := runsPageOf(t, runs)
	if n := len(page); n > 600e3 {
		t.Errorf("the page has %d bytes", n)
	}
	if !strings.Contains(page, "Each point is the mean of several evaluations: 40 a line.") {
		t.Error("the page does not say that points are means")
	}
}

func TestRunsPageIsDeterministic(t *testing.T) {
	runs := bySeed("sam", "sam", .1, .95, .951, .952)
	first, err := RunsPage(runs)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if again, _ := RunsPage(runs); !bytes.Equal(first, again) {
			t.Fatal("the same runs gave two pages")
		}
	}
}

// Names and messages from outside are text, whatever they contain.
func TestRunsPageEscapes(t *testing.T) {
	const hostile = `"><script>alert(1)</script><img src=x onerror=y>&</svg>`
	runs := []*train.SavedRun{savedRun(hostile, "sam", .1, 1, .95), cut(savedRun("runs/b", hostile, .1, 1, .94), train.Failed, 3)}
	for _, r := range runs {
		c := &r.Config
		c.Base, c.LRSchedule = hostile, hostile
		supervised.Change(c, func(s *supervised.Settings) { s.Data, s.Model, s.Init = hostile, hostile, hostile })
	}
	runs[0].Result.StoppedBy, runs[0].Result.WeightsSHA256, runs[1].Status.Error = hostile, hostile, hostile
	for _, list := range [][]*train.SavedRun{runs, runs[:1], runs[1:]} {
		if page := runsPageOf(t, list); !strings.Contains(page, "&lt;script&gt;alert(1)") {
			t.Error("the text is not there")
		}
	}
}

// FuzzRunsPage reads run directories of any content; what can be read makes a good page.
func FuzzRunsPage(f *testing.F) {
	const config = `{"data":"digits","label_noise":0,"model":"mlp","method":"m-sam","rho":"inf","ascent_budget":0.1,"base":"sgd","lr":0.1,"weight_decay":0,"epochs":1,"batch":64,"seed":1}`
	const metrics = `{"step":16,"epoch":1,"lr":0.1,"rho":"inf","train_loss":2,"val_loss":2.1,"val_accuracy":0.3,"grad_norm":1,"delta_norm":0.1,"predicted_ascent":0.1,"ascent":-0.1,"seconds":1,"examples":1000}` + "\n"
	const result = `{"test_accuracy":0.9,"test_loss":0.3,"val_accuracy":null,"best":{"step":16,"val_accuracy":0.3},"steps":16,"stopped_by":"epochs","step_s":1e-3,"weights_sha256":"0"}`
	f.Add(config, `{"state":"finished","step":16,"steps":16}`, metrics+metrics, result)
	f.Add(config, `{"state":"running","step":-1,"steps":-9223372036854775808}`, strings.ReplaceAll(metrics, "0.1", "1.7e308")+metrics, "")
	f.Add(config, `{"state":"diverged","error":"x"}`, strings.ReplaceAll(metrics, "16", "-9000000000000000000")+strings.ReplaceAll(metrics, "1,", "5e-324,"), "")
	f.Add(config, "", metrics+`{"step":`, `{"steps":1,"step_s":1e308,"seconds":-1e308,"stopped_by":"deadline"}`)
	f.Add(`{}`, `{"state":"interrupted"}`, "null\n{}\n", `{}`)
	f.Fuzz(func(t *testing.T, config, status, metrics, result string) {
		dir := t.TempDir()
		for name, text := range map[string]string{train.ConfigFile: config, train.StatusFile: status, train.MetricsFile: metrics, train.ResultFile: result} {
			if text == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		r, err := train.ReadRun(dir)
		if err != nil {
			return
		}
		other := savedRun("other", "m-sam", .3, r.Config.Seed+1, .9)
		for _, runs := range [][]*train.SavedRun{{r}, {r, other}} {
			b, err := RunsPage(runs)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(b, []byte("</html>")) || bytes.Contains(b, []byte("#FE0")) {
				t.Error("the page is cut off or has a colour that ignores the theme")
			}
			for _, svg := range svgElement.FindAllString(string(b), -1) {
				if at := notDrawable.FindString(alternative.ReplaceAllString(svg, "")); at != "" {
					t.Errorf("a picture has %q", at)
				}
			}
		}
	})
}

// Runs with other numbers of records, or of tasks with other settings, are shown beside each other.
func TestRunsOfOtherLengths(t *testing.T) {
	a, b := savedRun("runs/a", "sam", .1, 1, .95), savedRun("runs/b", "sam", .1, 1, .95)
	a.Records, b.Records = a.Records[:4], b.Records[:5]
	runsPageOf(t, []*train.SavedRun{a, b})
	other := train.Default()
	other.Task = "other"
	c := savedRun("runs/c", "sam", .1, 1, .95)
	c.Config = other
	for _, runs := range [][]*train.SavedRun{{a, c}, {c, a}, {a, a, c}, {c, c}} {
		runsPageOf(t, runs)
	}
}

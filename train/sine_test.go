package train_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/train"
)

// sine is a task that is none of the program's: a hidden layer of tanh, in plain Go, that fits
// sin(x) at 48 points. It has 16 more points to validate and 32 to test.
type sine struct {
	hidden, batch int
	points        []float64 // of the minibatch at hand
	most          int       // examples of a gradient so far
}

const sinePoints = 48

// sinePoint is the i-th of a split's points in [-π, π).
func sinePoint(s train.Split, i int) float64 {
	turn := map[train.Split]float64{train.TrainSplit: 0, train.ValSplit: .31, train.TestSplit: .62}[s]
	return 2*math.Pi*math.Mod(turn+.618033988749895*float64(i), 1) - math.Pi
}

func (t *sine) Theta() []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	theta := make([]float32, 3*t.hidden+1) // weights in, biases, weights out, and a bias
	for i := range theta {
		theta[i] = float32(rng.NormFloat64()) / 2
	}
	return theta
}

func (t *sine) Examples(s train.Split) int {
	return map[train.Split]int{train.TrainSplit: sinePoints, train.ValSplit: 16, train.TestSplit: 32}[s]
}

func (t *sine) Steps() int { return sinePoints / t.batch }

func (t *sine) Minibatch(_ context.Context, step int) (train.Minibatch, error) {
	t.points = t.points[:0]
	for i := range t.batch {
		t.points = append(t.points, sinePoint(train.TrainSplit, (step*t.batch+i)%sinePoints))
	}
	return t, nil
}

func (t *sine) Len() int     { return len(t.points) }
func (t *sine) largest() int { return t.most }

// predict returns the network's value at x and, with a grad, adds scale·2·(value-y)·∇value to it.
func (t *sine) predict(theta, grad []float32, x, y, scale float64) float64 {
	n := t.hidden
	value := float64(theta[3*n])
	for i := range n {
		value += float64(theta[2*n+i]) * math.Tanh(float64(theta[i])*x+float64(theta[n+i]))
	}
	if grad == nil {
		return value
	}
	d := 2 * scale * (value - y)
	for i := range n {
		h := math.Tanh(float64(theta[i])*x + float64(theta[n+i]))
		inner := d * float64(theta[2*n+i]) * (1 - h*h)
		grad[i] += float32(inner * x)
		grad[n+i] += float32(inner)
		grad[2*n+i] += float32(d * h)
	}
	grad[3*n] += float32(d)
	return value
}

func (t *sine) Gradient(grad, theta []float32, lo, hi int, c objective.Call) (loss float64, err error) {
	if !c.Add {
		clear(grad)
	}
	n := float64(hi - lo)
	t.most = max(t.most, hi-lo)
	for _, x := range t.points[lo:hi] {
		d := t.predict(theta, grad, x, math.Sin(x), c.Weight/n) - math.Sin(x)
		loss += d * d / n
	}
	return loss, nil
}

func (t *sine) Measure(_ context.Context, theta []float32, s train.Split) (train.Measures, error) {
	var sum float64
	n := t.Examples(s)
	for i := range n {
		x := sinePoint(s, i)
		d := t.predict(theta, nil, x, 0, 0) - math.Sin(x)
		sum += d * d
	}
	return train.Measures{{Name: "rmse", Value: train.Real(math.Sqrt(sum / float64(n))), Better: train.Lower, Label: "RMSE"}}, nil
}

func (t *sine) Save(dir string, best bool, theta []float32) error {
	return os.WriteFile(filepath.Join(dir, map[bool]string{false: "last.sine", true: "best.sine"}[best]), []byte(fmt.Sprint(theta)), 0o666)
}

// drawing is a task with a state of its own: its generator draws the points.
type drawing struct {
	*sine
	*rand.PCG
}

func draws() train.Task { return &drawing{fits(), rand.NewPCG(3, 4)} }

func (t *drawing) Minibatch(context.Context, int) (train.Minibatch, error) {
	t.points = t.points[:0]
	for range t.batch {
		t.points = append(t.points, sinePoint(train.TrainSplit, int(t.Uint64()%sinePoints)))
	}
	return t.sine, nil
}

func fits() *sine { return &sine{hidden: 8, batch: 12} }

// sineSettings are what such a task may have in its run's config.json.
type sineSettings struct {
	Hidden int      `json:"hidden" help:"units"`
	Width  float64  `json:"width" help:"a small number, which JSON and Go write differently"`
	Words  []string `json:"words" help:"words"`
	Phase  *float64 `json:"phase" help:"not given"`
	Remark string   `json:"remark,omitempty" help:"text"`
}

func sineConfig() train.Config {
	c := train.Default()
	c.Task, c.Own = "sine", sineSettings{Hidden: 8, Width: 1e-5, Words: []string{"a", "b"}, Remark: `a "b" <c>`}
	c.Method, c.Rho, c.LR, c.Epochs, c.CheckpointEvery = "m-sam", .05, .05, 40, 1
	return c
}

// task does a run of a task in a directory ("" for none) until after a number of steps, or to
// its end if 0.
func task(t *testing.T, path string, of train.Task, c train.Config, steps int) (train.Result, error) {
	t.Helper()
	r, err := train.NewTask(of, c)
	if err != nil {
		t.Fatal(err)
	}
	var d *train.Dir
	if path != "" {
		if d, err = train.OpenDir(path, r, train.DirOptions{Resume: true}); err != nil {
			t.Fatal(err)
		}
		defer d.Close()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return r.Do(ctx, d, train.Watch{Step: func(p train.Progress) {
		if p.Step == steps {
			cancel()
		}
	}})
}

// A task that a program makes itself trains, and its run's directory has its measures by name.
func TestOwnTask(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	res, err := task(t, path, fits(), sineConfig(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if v := float64(res.Test.Get("rmse")); !(v < .2) || res.Test.First().Better != train.Lower || res.Steps != 160 {
		t.Errorf("RMSE %g after %d steps, %+v", v, res.Steps, res.Test)
	}
	if want := (train.Sizes{Train: 48, Val: 16, Test: 32}); res.Data != want {
		t.Errorf("sizes %+v, want %+v", res.Data, want)
	}
	b, err := os.ReadFile(filepath.Join(path, train.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) != 40 {
		t.Fatalf("%d lines of metrics", len(lines))
	}
	for i, line := range lines {
		named := strings.Contains(line, `"measures":[{"name":"rmse","better":"lower","label":"RMSE"}]`)
		want := fmt.Sprintf(`"val_rmse":%v`, res.Records[i].Val.Get("rmse"))
		if named != (i == 0) || !strings.Contains(line, want) || !strings.Contains(line, `"train_accuracy":null`) {
			t.Errorf("line %d: %s", i+1, line)
		}
	}
	var saved map[string]any
	readJSON(t, filepath.Join(path, train.ResultFile), &saved)
	if saved["test_rmse"] != float64(res.Test.Get("rmse")) || saved["best"].(map[string]any)["test_rmse"] != float64(res.Best.Test.Get("rmse")) {
		t.Errorf("saved result %v", saved)
	}
	events, _ := filepath.Glob(filepath.Join(path, "events.out.tfevents.*"))
	if len(events) != 1 {
		t.Fatalf("event files %q", events)
	}
	if b, err = os.ReadFile(events[0]); err != nil || !bytes.Contains(b, []byte("rmse/val")) || bytes.Contains(b, []byte("accuracy")) {
		t.Errorf("the event file has other curves (%v)", err)
	}

	s := read(t, path)
	if s.Config.Task != "sine" || s.Status.State != train.Finished || text(s.Records) != text(res.Records) || text(s.Result.Test) != text(res.Test) || text(*s.Best()) != text(*res.Best) {
		t.Errorf("read back: %+v, %+v", s.Status, s.Result)
	}
	s.Result = nil // as while it is going on
	if b := s.Best(); b.Step != res.Best.Step || text(b.Val) != text(res.Best.Val) {
		t.Errorf("best of the records %+v, want %+v", b, res.Best)
	}
	if runs, err := train.FindRuns(filepath.Dir(path)); err != nil || !slices.Equal(runs, []string{path}) {
		t.Errorf("found %q, %v", runs, err)
	}
}

// Interrupted at any step and resumed, a task's run ends with the bits of the uninterrupted
// one, also where the task has state of its own.
func TestOwnTaskResume(t *testing.T) {
	for name, begin := range map[string]func() train.Task{"sine": func() train.Task { return fits() }, "drawing": draws} {
		c := sineConfig()
		c.Epochs, c.EvalEvery, c.CheckpointEvery, c.LRSchedule = 10, 3, 4, "cosine"
		want, err := task(t, "", begin(), c, 0)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "run")
		for steps := 1; steps < want.Steps; steps += 3 {
			if _, err := task(t, path, begin(), c, steps); !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: step %d: %v", name, steps, err)
			}
		}
		got, err := task(t, path, begin(), c, 0)
		if err != nil || got.WeightsSHA256 != want.WeightsSHA256 || text(*got.Best) != text(*want.Best) || text(got.Test) != text(want.Test) {
			t.Errorf("%s: weights %.8s, want %.8s; best %+v, want %+v; %v", name, got.WeightsSHA256, want.WeightsSHA256, got.Best, want.Best, err)
		}
		for i, r := range got.Records {
			if r.Seconds, want.Records[i].Seconds = 0, 0; text(r) != text(want.Records[i]) {
				t.Errorf("%s: record %d is %+v, want %+v", name, i, r, want.Records[i])
			}
		}
	}
}

// A run of other settings, or on other data, is not gone on with.
func TestOwnTaskOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	c := sineConfig()
	if _, err := task(t, path, &identified{fits(), "a"}, c, 5); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for want, change := range map[string]func(c *train.Config, t *identified){
		"hidden was 8, is 9; words was a,b, is a; phase was not set, is 2;": func(c *train.Config, _ *identified) {
			s := c.Own.(sineSettings)
			s.Hidden, s.Words, s.Phase = 9, []string{"a"}, new(2.)
			c.Own = s
		},
		"rho was 0.05, is 0.1;":                            func(c *train.Config, _ *identified) { c.Rho = .1 },
		"task was sine, is cosine;":                        func(c *train.Config, _ *identified) { c.Task = "cosine" },
		"the data have changed since the run began (sine)": func(_ *train.Config, t *identified) { t.data = "b" },
	} {
		c, other := c, &identified{fits(), "a"}
		change(&c, other)
		r, err := train.NewTask(other, c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := train.OpenDir(path, r, train.DirOptions{Resume: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := task(t, path, &identified{fits(), "a"}, c, 0); err != nil {
		t.Errorf("with its own: %v", err)
	}
}

type identified struct {
	*sine
	data string
}

func (t *identified) Fingerprint() string { return t.data }

// scripted measures on the validation split what it is told to, and keeps what it has measured.
type scripted struct {
	*sine
	values   []float64
	measured [][]float32
}

func (t *scripted) Measure(ctx context.Context, theta []float32, s train.Split) (train.Measures, error) {
	m, err := t.sine.Measure(ctx, theta, s)
	if s == train.ValSplit {
		m[0].Value = train.Real(t.values[len(t.measured)])
		t.measured = append(t.measured, slices.Clone(theta))
	}
	return m, err
}

// A run stops early, and keeps the best weights, by a measure of which less is better.
func TestOwnTaskBest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	of := &scripted{sine: fits(), values: []float64{5, 4, 4.5, 3, 3, 3.5, 2}}
	c := sineConfig()
	c.Patience, c.EvalEvery = 2, 1
	res, err := task(t, path, of, c, 0)
	if err != nil || res.StoppedBy != "patience" || res.Steps != 6 || res.Best.Step != 4 || res.Best.Val.Get("rmse") != 3 {
		t.Fatalf("stopped by %q after %d steps, best %+v, %v", res.StoppedBy, res.Steps, res.Best, err)
	}
	for file, theta := range map[string][]float32{"best.sine": of.measured[3], "last.sine": of.measured[5]} {
		if b, err := os.ReadFile(filepath.Join(path, file)); err != nil || string(b) != fmt.Sprint(theta) {
			t.Errorf("%s holds other weights (%v)", file, err)
		}
	}
	best, _ := of.sine.Measure(context.Background(), of.measured[3], train.TestSplit)
	last, _ := of.sine.Measure(context.Background(), of.measured[5], train.TestSplit)
	if text(res.Best.Test) != text(best) || text(res.Test) != text(last) || text(best) == text(last) {
		t.Errorf("on the test split the best has %v, want %v; the last %v, want %v", res.Best.Test, best, res.Test, last)
	}
}

// whole is a task whose minibatches can't be cut.
type whole struct{ *sine }

func (t *whole) Minibatch(ctx context.Context, step int) (train.Minibatch, error) {
	_, err := t.sine.Minibatch(ctx, step)
	return t, err
}

func (*whole) Whole() bool { return true }

// Microbatches give the same gradient but for rounding; a minibatch that is whole is not cut.
func TestOwnTaskMicrobatch(t *testing.T) {
	c := sineConfig()
	want, err := task(t, "", fits(), c, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.Microbatch = 5
	for most, of := range map[int]interface {
		train.Task
		largest() int
	}{5: fits(), 12: &whole{fits()}} {
		got, err := task(t, "", of, c, 0)
		if err != nil || of.largest() != most {
			t.Errorf("%d examples at once, want %d, %v", of.largest(), most, err)
		}
		for i, v := range got.Theta {
			if d := math.Abs(float64(v - want.Theta[i])); !(d < 1e-3) || most == 12 && d > 0 {
				t.Errorf("%d examples at once: parameter %d differs by %g", most, i, d)
			}
		}
	}
}

// sampled can measure itself on a part of a split.
type sampled struct {
	*sine
	asked int
}

func (t *sampled) MeasureSome(ctx context.Context, theta []float32, s train.Split, n int) (train.Measures, error) {
	t.asked += n
	return t.Measure(ctx, theta, s)
}

func TestOwnTaskEstimate(t *testing.T) {
	s := &sampled{sine: fits()}
	for _, of := range []train.Task{fits(), s} {
		r, err := train.NewTask(of, sineConfig())
		if err != nil {
			t.Fatal(err)
		}
		e, err := r.Estimate(context.Background(), 5)
		if err != nil || e.Parameters != 25 || e.Examples != 48 || e.StepsEpoch != 4 || e.Steps != 160 || !(e.StepS > 0 && e.EvalS > 0 && e.Seconds > 0) {
			t.Errorf("%+v, %v", e, err)
		}
	}
	if s.asked != 16 {
		t.Errorf("it was measured on %d examples, want the 16 that validate", s.asked)
	}
}

// faulty is a task that breaks its promises.
type faulty struct {
	*sine
	steps   int
	empty   int // step of an empty minibatch
	fails   int // step at which there is none
	nothing train.Split
	noSave  error
	noState error
	closed  int
}

func (t *faulty) Steps() int { return t.steps }

func (t *faulty) Close() error {
	t.closed++
	return nil
}

func (t *faulty) Minibatch(ctx context.Context, step int) (train.Minibatch, error) {
	b, err := t.sine.Minibatch(ctx, step)
	switch step {
	case t.empty:
		t.points = nil
	case t.fails:
		err = errors.New("no more points")
	}
	return b, err
}

func (t *faulty) Measure(ctx context.Context, theta []float32, s train.Split) (train.Measures, error) {
	if s == t.nothing {
		return nil, nil
	}
	return t.sine.Measure(ctx, theta, s)
}

func (t *faulty) Save(dir string, best bool, theta []float32) error {
	return errors.Join(t.noSave, t.sine.Save(dir, best, theta))
}

func (t *faulty) MarshalBinary() ([]byte, error) { return []byte("state"), t.noState }
func (t *faulty) UnmarshalBinary([]byte) error   { return nil }

// What a task does wrong is an error that says so, in the run's directory too, and it is
// closed in the end.
func TestOwnTaskFaults(t *testing.T) {
	for want, spoil := range map[string]func(t *faulty){
		"step 7: the task's minibatch is empty":           func(t *faulty) { t.empty = 7 },
		"no more points":                                  func(t *faulty) { t.fails = 5 },
		"the task has measured nothing on the val split":  func(t *faulty) { t.nothing = train.ValSplit },
		"the task has measured nothing on the test split": func(t *faulty) { t.nothing = train.TestSplit },
		"no room":                           func(t *faulty) { t.noSave = errors.New("no room") },
		"the task's state: it is not ready": func(t *faulty) { t.noState = errors.New("it is not ready") },
	} {
		path := filepath.Join(t.TempDir(), "run")
		of := &faulty{sine: fits(), steps: 4, empty: -1, fails: -1}
		spoil(of)
		c := sineConfig()
		c.Epochs = 3
		if _, err := task(t, path, of, c, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		var status train.Status
		readJSON(t, filepath.Join(path, train.StatusFile), &status)
		if status.State != train.Failed || !strings.Contains(status.Error, want) {
			t.Errorf("%s: status %+v", want, status)
		}
		if of.closed == 0 {
			t.Errorf("%s: the task was not closed", want)
		}
	}
}

func TestNewTaskErrors(t *testing.T) {
	for want, change := range map[string]func(c *train.Config, t *faulty){
		"the task has 0 steps an epoch; there must be at least one":            func(_ *train.Config, t *faulty) { t.steps = 0 },
		"epochs of 4 steps are more than":                                      func(c *train.Config, _ *faulty) { c.Epochs = math.MaxInt32 },
		"rho at step 0 is -1":                                                  func(c *train.Config, _ *faulty) { c.Rho = -1 },
		"task supervised is one that is made from settings":                    func(c *train.Config, _ *faulty) { c.Task, c.Own = "supervised", nil },
		"the task has settings of its own but no name; give the config's Task": func(c *train.Config, _ *faulty) { c.Task = "" },
	} {
		of := &faulty{sine: fits(), steps: 4}
		c := sineConfig()
		change(&c, of)
		if r, err := train.NewTask(of, c); r != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("run %v, error %v, want %q", r, err, want)
		}
		if of.closed != 1 {
			t.Errorf("%s: closed %d times", want, of.closed)
		}
	}
}

// A task without a name has a run that can be resumed and read too.
func TestNamelessTask(t *testing.T) {
	c := sineConfig()
	c.Task, c.Own = "", nil
	want, err := task(t, "", fits(), c, 0)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "run")
	if _, err := task(t, path, fits(), c, 9); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if res, err := task(t, path, fits(), c, 0); err != nil || res.WeightsSHA256 != want.WeightsSHA256 {
		t.Errorf("weights %.8s, want %.8s, %v", res.WeightsSHA256, want.WeightsSHA256, err)
	}
	if s := read(t, path); s.Config.Task != "" || s.Result.Test.Get("rmse") != want.Test.Get("rmse") {
		t.Errorf("%+v", s)
	}
}

// A task's NaN is met as any other: the run stops, or goes back and on with half the rate.
func TestOwnTaskDiverges(t *testing.T) {
	c := sineConfig()
	c.Method, c.Rho, c.LR, c.LRSchedule = "none", 0, 1e37, "linear,start=0,end=1"
	_, err := task(t, filepath.Join(t.TempDir(), "run"), draws(), c, 0)
	var diverged *train.DivergedError
	if !errors.As(err, &diverged) || diverged.Checkpoint == "" {
		t.Fatalf("error %v", err)
	}
	c.OnNaN = "rollback"
	if _, err = task(t, filepath.Join(t.TempDir(), "run"), draws(), c, 0); !errors.As(err, &diverged) || diverged.Rollbacks != 3 {
		t.Errorf("error %v", err)
	}
}

// The run of a task that the program does not know is read, and its settings are kept as they
// are; it can't be begun.
func TestForeignRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	const config = `{"task": "poetry", "meter": "iamb", "feet": 5, "stress": [0, 1], "rhymes": {"a": "b"}, "tempo": null, "by_ear": true,
		"method": "sam", "rho": 0.1, "ascent_budget": null, "base": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0, "epochs": 2, "batch": 4, "seed": 7}`
	put(t, filepath.Join(path, train.ConfigFile), config)
	put(t, filepath.Join(path, train.StatusFile), `{"state": "finished", "step": 8, "steps": 8}`)
	put(t, filepath.Join(path, train.MetricsFile), `{"step": 4, "epoch": 1, "train_loss": 2, "val_bleu": 0.25, "val_loss": 3, "measures": [{"name": "bleu", "better": "higher", "label": "BLEU", "share": true, "chance": 0.01}, {"name": "loss", "better": "lower"}]}
{"step": 8, "epoch": 2, "train_loss": 1, "val_bleu": 0.5, "val_loss": 4}
`)
	put(t, filepath.Join(path, train.ResultFile), `{"train_loss": 1, "best": {"step": 8, "val_bleu": 0.5, "val_loss": 4, "test_bleu": 0.4, "test_loss": 5, "measures": [{"name": "bleu", "better": "higher"}, {"name": "loss", "better": "lower"}]},
		"data": {"train": 16, "val": 4, "test": 4, "of": "verses"}, "steps": 8, "stopped_by": "epochs", "step_s": 1, "seconds": 8, "weights_sha256": "x", "kernels": "k",
		"test_bleu": 0.4, "test_loss": 5, "val_bleu": 0.5, "val_loss": 4, "measures": [{"name": "bleu", "better": "higher"}, {"name": "loss", "better": "lower"}]}`)
	s := read(t, path)
	if s.Status.State != train.Finished || s.Config.Task != "poetry" || s.Config.Rho != .1 || s.Config.Seed != 7 {
		t.Errorf("%+v, config %+v", s.Status, s.Config)
	}
	bleu := train.Measure{Name: "bleu", Value: .5, Better: train.Higher, Label: "BLEU", Share: true, Chance: .01}
	if len(s.Records) != 2 || text(s.Records[1].Val) != text(train.Measures{bleu, {Name: "loss", Value: 4, Better: train.Lower}}) {
		t.Errorf("records %+v", s.Records)
	}
	if r := s.Result; r.Test.Get("bleu") != .4 || r.Val.Get("loss") != 4 || r.Best.Test.Get("loss") != 5 || r.Test.First().Better != train.Higher || r.Data.Of != "verses" {
		t.Errorf("result %+v", r)
	}
	settings := map[string]string{}
	for _, x := range train.Settings(&s.Config) {
		settings[x.Name] = x.String()
	}
	if settings["task"] != "poetry" || settings["meter"] != "iamb" || settings["feet"] != "5" || settings["by-ear"] != "true" ||
		settings["stress"] != "0,1" || settings["rhymes"] != `{"a":"b"}` || settings["tempo"] != "" {
		t.Errorf("settings %q", settings)
	}
	if err := s.Config.Set("feet", "6"); err == nil || !strings.Contains(err.Error(), "the run's task is not one of this program's") {
		t.Errorf("set: %v", err)
	}
	if _, err := train.New(s.Config); err == nil || !strings.Contains(err.Error(), `unknown task "poetry"; there are `) {
		t.Errorf("begun: %v", err)
	}
	b, err := json.Marshal(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := object(t, b), object(t, []byte(config)); got != want {
		t.Errorf("written back it is\n%s, was\n%s", got, want)
	}
}

// object is a JSON object in one notation, with its keys in order.
func object(t *testing.T, b []byte) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	b, _ = json.Marshal(v)
	return string(b)
}

// A run is done once, and a setting that could do nothing is an error.
func TestOwnTaskRefused(t *testing.T) {
	ctx := context.Background()
	c := sineConfig()
	if r, err := train.NewTask(nil, c); err == nil || r != nil {
		t.Errorf("no task: %v, %v", r, err)
	}
	r, err := train.NewTask(fits(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Do(ctx, nil, train.Watch{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Do(ctx, nil, train.Watch{}); err == nil {
		t.Error("done twice")
	}
	if _, err := r.Estimate(ctx, 1); err == nil {
		t.Error("estimated after it was done")
	}
	c.UntilAccuracy = .9
	if r, err = train.NewTask(fits(), c); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Do(ctx, nil, train.Watch{}); err == nil || !strings.Contains(err.Error(), "until-accuracy") {
		t.Errorf("an accuracy that nobody counts: %v", err)
	}
}

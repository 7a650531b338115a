package train_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
	"github.com/monge-ml/monge/weights"
)

// open makes a run and its directory.
func open(t *testing.T, path string, c train.Config, o train.DirOptions) (*train.Run, *train.Dir) {
	t.Helper()
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := train.OpenDir(path, r, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return r, d
}

// runIn does a run in a directory until after a number of steps, or to its end if 0.
func runIn(t *testing.T, path string, c train.Config, steps int) (train.Result, error) {
	t.Helper()
	r, d := open(t, path, c, train.DirOptions{Resume: true})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	res, err := r.Do(ctx, d, train.Watch{Step: func(p train.Progress) {
		if p.Step == steps {
			cancel()
		}
	}})
	want := uint64(res.Steps)
	if errors.As(err, new(*train.DivergedError)) {
		want++ // a step that failed has drawn too
	}
	if got := r.Task.(*supervised.Task).Net.Steps(); got != want {
		t.Errorf("the model has drawn random numbers for %d steps, the run has taken %d", got, res.Steps)
	}
	return res, errors.Join(err, d.Close())
}

// text writes a record or a best evaluation with all of its bits, NaN like any other.
func text(v any) string { return fmt.Sprintf("%#v", v) }

// A run directory holds what repeats the run, its metrics, and its weights.
func TestDir(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	c := short("m-sam", math.Inf(1))
	budget := .05
	c.AscentBudget = &budget
	res, err := runIn(t, path, c, 0)
	if err != nil {
		t.Fatal(err)
	}
	var again train.Config
	if err := train.ReadConfig(filepath.Join(path, train.ConfigFile), &again); err != nil {
		t.Fatal(err)
	}
	if _, repeated := do(t, again); repeated.WeightsSHA256 != res.WeightsSHA256 {
		t.Error("the saved config does not repeat the run")
	}
	var saved train.Result
	readJSON(t, filepath.Join(path, train.ResultFile), &saved)
	if text(saved.Test) != text(res.Test) || text(saved.Val) != text(res.Val) || saved.WeightsSHA256 != res.WeightsSHA256 || text(*saved.Best) != text(*res.Best) {
		t.Errorf("saved result %+v", saved)
	}
	var status train.Status
	readJSON(t, filepath.Join(path, train.StatusFile), &status)
	if want := (train.Status{State: train.Finished, Step: 32, Steps: 32}); status != want {
		t.Errorf("status %+v, want %+v", status, want)
	}
	checkMetrics(t, path, res, budget)
	f, err := weights.Read(filepath.Join(path, supervised.WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	var all []float32
	for _, x := range f.Tensors {
		all = append(all, x.Data...)
	}
	if slices.Sort(all); !slices.Equal(all, slices.Sorted(slices.Values(res.Theta))) {
		t.Errorf("the weights file holds %d numbers, not those of the result", len(all))
	}
	r, _ := train.New(c)
	if _, err := train.OpenDir(path, r, train.DirOptions{}); err == nil || !strings.Contains(err.Error(), "holds a run already; resume it") {
		t.Errorf("a second run in the same directory: %v", err)
	}
}

// A record has the means over the steps since the one before.
func TestRecords(t *testing.T) {
	c := short("sam", .1)
	c.EvalEvery = 5
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var loss, ascent float64
	steps, records := 0, 0
	_, err = r.Do(context.Background(), nil, train.Watch{
		Step: func(p train.Progress) { loss += p.Loss; ascent += p.Ascent(); steps++ },
		Record: func(r train.Record) {
			n := float64(steps)
			if math.Abs(r.TrainLoss-loss/n) > 1e-12 || math.Abs(r.Ascent-ascent/n) > 1e-12 || r.Step%5 != 0 && r.Step != 32 {
				t.Errorf("step %d: loss %g, want %g; ascent %g, want %g", r.Step, r.TrainLoss, loss/n, r.Ascent, ascent/n)
			}
			loss, ascent, steps = 0, 0, 0
			records++
		},
	})
	if err != nil || records != 7 {
		t.Errorf("%d records, %v", records, err)
	}
}

func checkMetrics(t *testing.T, path string, res train.Result, budget float64) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path, train.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	records, err := train.ParseRecords(bytes.NewReader(b))
	if err != nil || text(records) != text(res.Records) || len(records) == 0 {
		t.Errorf("the metrics file holds %d records (%v), the result %d", len(records), err, len(res.Records))
	}
	for _, r := range records {
		if !(r.PredictedAscent <= budget*1.001) {
			t.Errorf("step %d: predicted ascent %g above the budget", r.Step, r.PredictedAscent)
		}
	}
}

// resumable are runs with everything that a checkpoint has to hold: momentum, running
// statistics, schedules, augmentation, microbatches, the best weights.
func resumable() map[string]train.Config {
	mlp := short("m-sam", .3)
	mlp.LRSchedule, mlp.RhoSchedule = "cosine,warmup=10%", "linear,start=0,end=1"
	of(&mlp, func(s *supervised.Settings) { s.LabelNoise = .4 })
	mlp.EvalEvery, mlp.CheckpointEvery = 7, 3
	cnn := short("asam", .5)
	cnn.Batch, cnn.Microbatch, cnn.Epochs, cnn.CheckpointEvery = 100, 40, 1, 2
	cnn.Base, cnn.LR = "adamw", 1e-3
	cnn.EvalEvery = 3
	of(&cnn, func(s *supervised.Settings) { s.Model, s.Pad, s.Mixup, s.Smoothing = "cnn", 1, .2, .1 })
	frozen := short("sam", .1)
	frozen.Interval, frozen.CheckpointEvery, frozen.Epochs = 3, 4, 1
	of(&frozen, func(s *supervised.Settings) { s.Freeze = []string{"layers.0"} })
	return map[string]train.Config{"mlp": mlp, "cnn": cnn, "frozen": frozen}
}

// Interrupted after any step and resumed, a run ends with the bits, the records and the
// best weights of the uninterrupted one.
func TestResume(t *testing.T) {
	for name, c := range resumable() {
		want, err := runIn(t, filepath.Join(t.TempDir(), "whole"), c, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, plain := do(t, c); plain.WeightsSHA256 != want.WeightsSHA256 {
			t.Errorf("%s: a directory changes the weights", name)
		}
		path := filepath.Join(t.TempDir(), "run")
		for steps := 1; steps < want.Steps; steps += 2 {
			_, err := runIn(t, path, c, steps)
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: step %d: %v", name, steps, err)
			}
		}
		got, err := runIn(t, path, c, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got.WeightsSHA256 != want.WeightsSHA256 {
			t.Errorf("%s: the weights differ", name)
		}
		if text(*got.Best) != text(*want.Best) || text(got.Test) != text(want.Test) || len(got.Records) != len(want.Records) {
			t.Errorf("%s: best %+v, want %+v; %d records, want %d", name, *got.Best, *want.Best, len(got.Records), len(want.Records))
		}
		for i, r := range got.Records {
			w := want.Records[i]
			if r.Seconds, w.Seconds = 0, 0; text(r) != text(w) {
				t.Errorf("%s: record %d is %+v, want %+v", name, i, r, w)
			}
		}
		for _, file := range []string{supervised.WeightsFile, supervised.BestFile} {
			a, errA := os.ReadFile(filepath.Join(path, file))
			if errA != nil || len(a) == 0 {
				t.Errorf("%s: %v", name, errA)
			}
		}
	}
}

// A torn or corrupt newest checkpoint falls back to the one before, with a warning; if
// none is whole the run starts from the beginning. The end is the same.
func TestDamagedCheckpoints(t *testing.T) {
	c := resumable()["mlp"]
	_, want := do(t, c)
	for name, damage := range map[string]func(t *testing.T, files []string){
		"torn":      func(t *testing.T, files []string) { truncate(t, files[len(files)-1], 1000) },
		"empty":     func(t *testing.T, files []string) { truncate(t, files[len(files)-1], 0) },
		"one bit":   func(t *testing.T, files []string) { flip(t, files[len(files)-1]) },
		"all":       func(t *testing.T, files []string) { flip(t, files[0]); flip(t, files[1]) },
		"none left": func(t *testing.T, files []string) { os.Remove(files[0]); os.Remove(files[1]) },
	} {
		path := filepath.Join(t.TempDir(), "run")
		if _, err := runIn(t, path, c, 17); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(filepath.Join(path, train.CheckpointDir, "*"))
		if len(files) != 2 {
			t.Fatalf("%d checkpoints, want 2", len(files))
		}
		damage(t, files)
		var warnings []string
		r, d := open(t, path, c, train.DirOptions{Resume: true, Warn: func(s string) { warnings = append(warnings, s) }})
		res, err := r.Do(context.Background(), d, train.Watch{})
		if err != nil || res.WeightsSHA256 != want.WeightsSHA256 {
			t.Errorf("%s: weights %.8s, want %.8s, %v", name, res.WeightsSHA256, want.WeightsSHA256, err)
		}
		if (len(warnings) == 0) != (name == "none left") || len(warnings) > 0 && !strings.Contains(warnings[0], files[1]) {
			t.Errorf("%s: warnings %q", name, warnings)
		}
		if len(res.Records) != 5 {
			t.Errorf("%s: %d records", name, len(res.Records))
		}
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 4
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// The event file goes on where the checkpoint left it; one that is gone or damaged costs
// the run nothing.
func TestEventFiles(t *testing.T) {
	c := resumable()["mlp"]
	_, want := do(t, c)
	for name, tt := range map[string]struct {
		damage func(file string)
		files  int
	}{
		"whole":   {func(string) {}, 1},
		"gone":    {func(file string) { os.Remove(file) }, 1},
		"damaged": {func(file string) { truncate(t, file, 20) }, 2},
	} {
		path := filepath.Join(t.TempDir(), "run")
		if _, err := runIn(t, path, c, 17); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		files := func() []string {
			list, _ := filepath.Glob(filepath.Join(path, "events.out.tfevents.*"))
			return list
		}
		tt.damage(files()[0])
		res, err := runIn(t, path, c, 0)
		if err != nil || res.WeightsSHA256 != want.WeightsSHA256 {
			t.Errorf("%s: weights %.8s, want %.8s, %v", name, res.WeightsSHA256, want.WeightsSHA256, err)
		}
		if got := files(); len(got) != tt.files {
			t.Errorf("%s: event files %q, want %d", name, got, tt.files)
		}
	}
}

// What would spoil a run is an error that names it, and leaves the run as it was.
func TestOpenDirErrors(t *testing.T) {
	c := resumable()["mlp"]
	path := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, path, c, 10); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	other := c
	other.Rho, other.LR, other.Keep = .2, .1, 9
	r, err := train.New(other)
	if err != nil {
		t.Fatal(err)
	}
	_, err = train.OpenDir(path, r, train.DirOptions{Resume: true})
	if err == nil || !strings.Contains(err.Error(), "rho was 0.3, is 0.2; lr was 0.05, is 0.1; resume") {
		t.Errorf("other settings: %v", err)
	}
	_, d := open(t, path, c, train.DirOptions{Resume: true})
	if r, err = train.New(c); err != nil {
		t.Fatal(err)
	}
	if _, err := train.OpenDir(path, r, train.DirOptions{Resume: true}); err == nil || !strings.Contains(err.Error(), "another process is working on this run") {
		t.Errorf("a second process: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, want := do(t, c)
	if res, err := runIn(t, path, c, 0); err != nil || res.WeightsSHA256 != want.WeightsSHA256 {
		t.Errorf("the run did not survive: %v", err)
	}
}

// On a NaN the run stops with the last good checkpoint named, or goes back to it with
// half the learning rate, three times at most.
func TestDivergenceInDir(t *testing.T) {
	c := short("none", 0)
	c.LR, c.LRSchedule, c.CheckpointEvery = 1e12, "linear,start=0,end=1", 1
	path := filepath.Join(t.TempDir(), "stop")
	res, err := runIn(t, path, c, 0)
	var diverged *train.DivergedError
	if !errors.As(err, &diverged) || diverged.Checkpoint == "" || !strings.Contains(err.Error(), "the last good checkpoint is "+diverged.Checkpoint) {
		t.Fatalf("error %v after %d steps", err, res.Steps)
	}
	if _, err := os.Stat(diverged.Checkpoint); err != nil {
		t.Error(err)
	}
	var status train.Status
	readJSON(t, filepath.Join(path, train.StatusFile), &status)
	if status.State != train.Diverged || status.Error == "" {
		t.Errorf("status %+v", status)
	}

	c.OnNaN = "rollback"
	var warnings []string
	r, d := open(t, filepath.Join(t.TempDir(), "rollback"), c, train.DirOptions{})
	_, err = r.Do(context.Background(), d, train.Watch{Warn: func(s string) { warnings = append(warnings, s) }})
	if !errors.As(err, &diverged) || diverged.Rollbacks != 3 || len(warnings) != 3 || !strings.Contains(warnings[1], "learning rate halved (2 of 3)") {
		t.Errorf("%d warnings: %q, error %v", len(warnings), warnings, err)
	}
}

// A rolled back run goes on with half the learning rate to its end, and does so too when
// another process resumes it.
func TestRollback(t *testing.T) {
	c := short("none", 0)
	c.LR, c.Momentum, c.OnNaN, c.CheckpointEvery = 8192, new(.99), "rollback", 2
	want, err := runIn(t, filepath.Join(t.TempDir(), "whole"), c, 0)
	if err != nil {
		t.Fatal(err)
	}
	last := want.Records[len(want.Records)-1]
	if want.Steps != 32 || !(last.LR < c.LR) || last.LR < c.LR/8 {
		t.Errorf("%d steps, the last at learning rate %g", want.Steps, last.LR)
	}
	path := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, path, c, 12); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	got, err := runIn(t, path, c, 0)
	if err != nil || got.WeightsSHA256 != want.WeightsSHA256 || got.Records[len(got.Records)-1].LR != last.LR {
		t.Errorf("resumed: weights %.8s, want %.8s, %v", got.WeightsSHA256, want.WeightsSHA256, err)
	}
}

// A deadline ends the run in order, and a later one lets it go on to the same end.
func TestDeadline(t *testing.T) {
	c := short("sam", .1)
	_, want := do(t, c)
	path := filepath.Join(t.TempDir(), "run")
	c.Deadline = 1
	res, err := runIn(t, path, c, 0)
	if err != nil || res.StoppedBy != "deadline" || res.Steps >= want.Steps {
		t.Fatalf("stopped by %q after %d steps, %v", res.StoppedBy, res.Steps, err)
	}
	c.Deadline = 0
	res, err = runIn(t, path, c, 0)
	if err != nil || res.StoppedBy != "epochs" || res.WeightsSHA256 != want.WeightsSHA256 {
		t.Errorf("stopped by %q, weights %.8s, want %.8s, %v", res.StoppedBy, res.WeightsSHA256, want.WeightsSHA256, err)
	}
}

func TestEarlyEnds(t *testing.T) {
	c := short("none", 0)
	c.MaxSteps = 5
	if _, res := do(t, c); res.Steps != 5 || res.StoppedBy != "max-steps" || len(res.Records) != 1 {
		t.Errorf("%d steps, %d records, stopped by %q", res.Steps, len(res.Records), res.StoppedBy)
	}
	c.MaxSteps, c.Patience, c.EvalEvery, c.LR = 0, 2, 1, 0
	if _, res := do(t, c); res.Steps != 3 || res.StoppedBy != "patience" || res.Best.Step != 1 {
		t.Errorf("%d steps, stopped by %q, best at %d", res.Steps, res.StoppedBy, res.Best.Step)
	}
	c = short("m-sam", .3)
	c.Epochs, c.UntilAccuracy = 50, .9
	_, res := do(t, c)
	if n := len(res.Records); res.StoppedBy != "until-accuracy" || n < 2 || !(res.Records[n-1].TrainAccuracy >= .9) || !(res.Records[n-2].TrainAccuracy < .9) {
		t.Errorf("stopped by %q with %+v", res.StoppedBy, res.Records)
	}
}

// Training accuracy is that of the examples of a record's steps, before each step.
func TestTrainAccuracy(t *testing.T) {
	c := short("sam", .3)
	c.LR, c.Epochs, c.Microbatch = 0, 1, 24
	r, res := do(t, c)
	want, err := r.Task.Measure(context.Background(), res.Theta, train.TrainSplit)
	if got := res.Records[0].TrainAccuracy; err != nil || got != want.Get("accuracy") || got == 0 {
		t.Errorf("training accuracy %v, evaluated %v, %v", got, want.Get("accuracy"), err)
	}
}

// Microbatches give the gradient of the whole batch, up to rounding, where no layer
// looks across examples.
func TestMicrobatch(t *testing.T) {
	c := short("m-sam", .3)
	_, want := do(t, c)
	c.Microbatch = 24
	_, got := do(t, c)
	var worst float64
	for i, v := range got.Theta {
		worst = math.Max(worst, math.Abs(float64(v-want.Theta[i])))
	}
	if !(worst < 1e-4) || worst == 0 {
		t.Errorf("weights differ by up to %g", worst)
	}
}

// An estimate is of the run that it was asked about.
func TestEstimate(t *testing.T) {
	c := short("m-sam", .3)
	c.EvalEvery = 5
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.Estimate(context.Background(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if e.Parameters != r.Task.(*supervised.Task).Net.Size() || e.Parameters != r.Size() || e.Examples != 1000 || e.StepsEpoch != 16 || e.Steps != 32 {
		t.Errorf("%+v", e)
	}
	if least := 32*e.StepS + 7*e.EvalS; !(e.StepS > 0 && e.EvalS > 0 && e.Seconds > least && e.Seconds < 2*least) {
		t.Errorf("%+v: the seconds are not those of 32 steps, 7 evaluations and the test", e)
	}
}

// table is a data set of 40 examples in a file.
func table() string {
	text := "x,y,label\n"
	for i := range 40 {
		text += fmt.Sprintf("%d,%d,%c\n", i%7, i%5, 'a'+i%2)
	}
	return text
}

// Data that changed under a run are an error, and put back they let it go on.
func TestChangedData(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.csv")
	table := table()
	save := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	save(table)
	c := short("sam", .1)
	of(&c, func(s *supervised.Settings) { s.Data, s.Val = "csv:"+file, 0 })
	path := filepath.Join(t.TempDir(), "run")
	c.Batch = 8
	if _, err := runIn(t, path, c, 3); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	save(strings.Replace(table, "3,3,", "3,4,", 1))
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := train.OpenDir(path, r, train.DirOptions{Resume: true}); err == nil || !strings.Contains(err.Error(), "the data have changed since the run began (csv:") {
		t.Errorf("changed data: %v", err)
	}
	save(table)
	res, err := runIn(t, path, c, 0)
	if err != nil || res.Steps != 10 || res.Test != nil || res.Val != nil || res.Best != nil {
		t.Errorf("%d steps, test %v, val %v, best %v, %v", res.Steps, res.Test, res.Val, res.Best, err)
	}
}

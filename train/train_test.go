package train_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

func short(method string, rho float64) train.Config {
	c := supervised.Default()
	c.Method, c.Rho, c.Epochs, c.Seed = method, train.Real(rho), 2, 3
	return c
}

// of changes the settings of the task.
func of(c *train.Config, change func(s *supervised.Settings)) { supervised.Change(c, change) }

func do(t testing.TB, c train.Config) (*train.Run, train.Result) {
	t.Helper()
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Do(context.Background(), nil, train.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	return r, res
}

func TestTrainingLearns(t *testing.T) {
	for _, method := range []string{"none", "sam", "m-sam", "fisher", "asam"} {
		rho := .1
		if method == "none" {
			rho = 0
		}
		c := short(method, rho)
		c.Epochs = 4
		_, res := do(t, c)
		if !(res.Test.Get("accuracy") > .8) || !(res.Val.Get("accuracy") > .8) || !(res.TrainLoss < .7) {
			t.Errorf("%s: test accuracy %.3f, val %.3f, loss %.3f after four epochs", method, float64(res.Test.Get("accuracy")), float64(res.Val.Get("accuracy")), res.TrainLoss)
		}
		last := res.Records[len(res.Records)-1]
		if perturbed := method != "none"; (last.DeltaNorm > 0) != perturbed || (last.Ascent > 0) != perturbed {
			t.Errorf("%s: %+v", method, last)
		}
	}
}

// The same seed gives the same bits, whatever the number of processors; another seed
// gives others.
func TestSameSeedSameBits(t *testing.T) {
	c := short("m-sam", .3)
	_, want := do(t, c)
	for _, procs := range []int{1, 2, 5} {
		before := runtime.GOMAXPROCS(procs)
		_, got := do(t, c)
		runtime.GOMAXPROCS(before)
		if got.WeightsSHA256 != want.WeightsSHA256 {
			t.Errorf("GOMAXPROCS %d: weights %s, want %s", procs, got.WeightsSHA256, want.WeightsSHA256)
		}
	}
	// convolutions and batch norm likewise
	conv := c
	conv.Epochs = 1
	of(&conv, func(s *supervised.Settings) { s.Model = "cnn" })
	_, wantConv := do(t, conv)
	before := runtime.GOMAXPROCS(1)
	_, gotConv := do(t, conv)
	runtime.GOMAXPROCS(before)
	if gotConv.WeightsSHA256 != wantConv.WeightsSHA256 {
		t.Error("cnn: the weights depend on the number of processors")
	}
	c.Seed++
	if _, other := do(t, c); other.WeightsSHA256 == want.WeightsSHA256 {
		t.Error("another seed gave the same weights")
	}
}

// Runs of one program don't meet: each gives the weights that it gives alone, though one
// convolves directly and they share the processors.
func TestRunsBesideEachOther(t *testing.T) {
	configs := make([]train.Config, 2)
	want := make([]string, 2)
	for i := range configs {
		c := short("m-sam", .3)
		c.Batch, c.MaxSteps, c.DirectConv = 16, 3, i == 1
		of(&c, func(s *supervised.Settings) { s.Model = "resnet20" })
		_, res := do(t, c)
		configs[i], want[i] = c, res.WeightsSHA256
	}
	if want[0] == want[1] {
		t.Fatal("both runs convolve in the same way")
	}
	var both sync.WaitGroup
	for i, c := range configs {
		both.Go(func() {
			r, err := train.New(c)
			if err != nil {
				t.Error(err)
				return
			}
			res, err := r.Do(t.Context(), nil, train.Watch{})
			if err != nil || res.WeightsSHA256 != want[i] {
				t.Errorf("direct-conv %v: weights %s, alone %s; %v", c.DirectConv, res.WeightsSHA256, want[i], err)
			}
		})
	}
	both.Wait()
}

// With rho = 0, m-sam trains bit for bit as the base optimizer does.
func TestRhoZeroIsTheBaseOptimizer(t *testing.T) {
	_, want := do(t, short("none", 0))
	c := short("m-sam", .1)
	if err := c.Set("rho", "0"); err != nil {
		t.Fatal(err)
	}
	_, got := do(t, c)
	if got.WeightsSHA256 != want.WeightsSHA256 {
		t.Error("weights differ")
	}
}

// A method that perturbs is not trained without a radius, whatever way it was asked for; one of 0
// that was given is.
func TestNoRadius(t *testing.T) {
	file := func(name, text string) train.Config {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		c := short("none", 0)
		if err := train.ReadConfig(path, &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	program := short("none", 0)
	program.Method = "sam"
	given := program
	if err := given.Set("rho", "0"); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		c    train.Config
		want bool
	}{
		"program":        {program, false},
		"TOML":           {file("a.toml", `method = "m-sam"`), false},
		"TOML with 0":    {file("a.toml", "method = \"m-sam\"\nrho = 0"), true},
		"TOML with 0.1":  {file("a.toml", "method = \"m-sam\"\nrho = 0.1"), true},
		"given":          {given, true},
		"none":           {short("none", 0), true},
		"config":         {file("config.json", `{"method": "sam", "data": "digits", "model": "mlp", "base": "sgd", "lr": 0.1, "epochs": 1, "batch": 64}`), false},
		"config with 0":  {file("config.json", `{"method": "sam", "rho": 0, "data": "digits", "model": "mlp", "base": "sgd", "lr": 0.1, "epochs": 1, "batch": 64}`), true},
		"one with alpha": {file("a.toml", "method = \"m-sam\"\nascent-budget = 0.1"), false},
	} {
		_, err := train.New(tt.c)
		if (err == nil) != tt.want || err != nil && !strings.Contains(err.Error(), "needs its radius") {
			t.Errorf("%s: error %v", name, err)
		}
		if checked := tt.c.Check(); (checked == nil) != tt.want {
			t.Errorf("%s: Check returns %v", name, checked)
		}
	}
}

func TestBases(t *testing.T) {
	for base, lr := range map[string]float64{"sgd": .05, "adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "lion": 1e-3} {
		c := short("m-sam", .1)
		c.Base, c.LR, c.Epochs = base, lr, 4
		if _, res := do(t, c); !(res.Test.Get("accuracy") > .8) {
			t.Errorf("%s: test accuracy %.3f after four epochs", base, float64(res.Test.Get("accuracy")))
		}
	}
}

// A run that meets an infinity stops with the step named and keeps the last good
// weights.
func TestDivergence(t *testing.T) {
	c := short("none", 0)
	c.LR = 1e30
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Do(context.Background(), nil, train.Watch{})
	var nf *sam.NonFiniteError
	if !errors.As(err, &nf) || res.Steps == 0 {
		t.Fatalf("error %v after %d steps", err, res.Steps)
	}
}

// A step that meets an infinity leaves the model as it was, running statistics included.
func TestFailedStepChangesNothing(t *testing.T) {
	c := short("sam", .1)
	c.LR, c.MaxSteps = 1e30, 2
	of(&c, func(s *supervised.Settings) { s.Model = "cnn" })
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Do(context.Background(), nil, train.Watch{})
	var nf *sam.NonFiniteError
	if !errors.As(err, &nf) || res.Steps != 1 {
		t.Fatalf("error %v after %d steps", err, res.Steps)
	}
	got := r.Task.(*supervised.Task).Net.StateDict(res.Theta)
	c.MaxSteps = 1
	want, res := do(t, c)
	for i, w := range want.Task.(*supervised.Task).Net.StateDict(res.Theta) {
		if !slices.Equal(got[i].Data, w.Data) || !slices.Equal(got[i].Ints, w.Ints) {
			t.Errorf("%s has changed", w.Name)
		}
	}
}

func TestCancel(t *testing.T) {
	r, err := train.New(short("sam", .1))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	res, err := r.Do(ctx, nil, train.Watch{Step: func(p train.Progress) {
		if p.Step == 5 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || res.Steps != 5 {
		t.Errorf("error %v after %d steps", err, res.Steps)
	}
}

func TestConfigErrors(t *testing.T) {
	for want, change := range map[string]func(*train.Config){
		`unknown data set "mnist"; there are digits, idx:DIR,`:                                 func(c *train.Config) { of(c, func(s *supervised.Settings) { s.Data = "mnist" }) },
		`unknown model "lenet"; there are mlp,`:                                                func(c *train.Config) { of(c, func(s *supervised.Settings) { s.Model = "lenet" }) },
		`unknown method "adam" (did you mean asam?); there are none, sam, m-sam, fisher, asam`: func(c *train.Config) { c.Method = "adam" },
		`unknown base optimizer "adagrad"; there are sgd, adam`:                                func(c *train.Config) { c.Base = "adagrad" },
		"base adam takes no momentum":                                                          func(c *train.Config) { c.Base, c.Momentum = "adam", new(.9) },
		"epochs is 0":                                                                          func(c *train.Config) { c.Epochs = 0 },
		"batch is -1":                                                                          func(c *train.Config) { c.Batch = -1 },
		"learning rate is NaN":                                                                 func(c *train.Config) { c.LR = math.NaN() },
		"label noise is 2":                                                                     func(c *train.Config) { of(c, func(s *supervised.Settings) { s.LabelNoise = 2 }) },
		"rho at step 0 is -1":                                                                  func(c *train.Config) { c.Rho = -1 },
		"an infinite rho needs a finite ascent budget":                                         func(c *train.Config) { c.Rho = train.Real(math.Inf(1)) },
		"method none takes no perturbation":                                                    func(c *train.Config) { c.Method = "none" },
	} {
		c := short("sam", .1)
		change(&c)
		if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, string(b))
}

func TestReal(t *testing.T) {
	for in, want := range map[string]train.Real{`"inf"`: train.Real(math.Inf(1)), `"-inf"`: train.Real(math.Inf(-1)), `0.3`: .3} {
		var r train.Real
		if err := json.Unmarshal([]byte(in), &r); err != nil || r != want {
			t.Errorf("%s: %g, %v", in, float64(r), err)
		}
		if b, err := json.Marshal(r); err != nil || string(b) != in {
			t.Errorf("%g: %s, %v", float64(r), b, err)
		}
	}
	var r train.Real
	if err := json.Unmarshal([]byte(`"many"`), &r); err == nil {
		t.Error(`"many" was accepted`)
	}
}

// BenchmarkDigitsEpoch is an epoch of the digits experiment: 16 steps of 64 examples.
func BenchmarkDigitsEpoch(b *testing.B) {
	for _, method := range []string{"none", "sam", "m-sam", "asam"} {
		b.Run(method, func(b *testing.B) {
			c := short(method, .1)
			if method == "none" {
				c.Rho = 0
			}
			c.Epochs = b.N
			r, err := train.New(c)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			if _, err := r.Do(context.Background(), nil, train.Watch{}); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// Precisions: the weights differ with each, only a method that perturbs has an ascent, and a run
// goes on in its own alone.
func TestPrecision(t *testing.T) {
	seen := map[string]string{}
	for _, p := range [][2]string{{"", ""}, {"bf16", ""}, {"", "bf16"}, {"float32", "bf16"}, {"bf16", "float32"}} {
		c := short("m-sam", .3)
		c.MaxSteps, c.Precision, c.AscentPrecision = 3, p[0], p[1]
		_, res := do(t, c)
		if other, ok := seen[res.WeightsSHA256]; ok != (p == [2]string{"float32", "bf16"}) {
			t.Errorf("%q: weights as with %q", p, other)
		}
		seen[res.WeightsSHA256] = strings.Join(p[:], ",")
	}
	for _, c := range []train.Config{short("none", 0), short("m-sam", .3)} {
		c.AscentPrecision = "bf16"
		if c.Perturbs() {
			c.AscentPrecision, c.Precision = "", "bf17"
		}
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), "precision") {
			t.Errorf("%s: %v", c.Method, err)
		}
	}
	dir := filepath.Join(t.TempDir(), "run")
	c := short("m-sam", .3)
	c.Precision, c.MaxSteps, c.CheckpointEvery = "bf16", 4, 2
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	if _, err := r.DoIn(ctx, dir, train.DirOptions{}, train.Watch{Step: func(train.Progress) { stop() }}); err == nil {
		t.Fatal("it was not stopped")
	}
	c.Precision = ""
	if r, err = train.New(c); err != nil {
		t.Fatal(err)
	}
	if _, err = r.DoIn(t.Context(), dir, train.DirOptions{Resume: true}, train.Watch{}); err == nil || !strings.Contains(err.Error(), "precision") || !strings.Contains(err.Error(), "bf16") {
		t.Errorf("resumed in another precision: %v", err)
	}
}

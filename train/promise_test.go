package train_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/train"
)

// odd is a task whose measures, minibatches and closing are what the test says.
type odd struct {
	*sine
	measure func(call int) train.Measures
	noBatch bool
	noVal   bool
	closing error
	calls   int
	closed  int
}

func (t *odd) Measure(ctx context.Context, theta []float32, s train.Split) (train.Measures, error) {
	t.calls++
	if t.measure == nil {
		return t.sine.Measure(ctx, theta, s)
	}
	return t.measure(t.calls), nil
}

func (t *odd) Minibatch(ctx context.Context, step int) (train.Minibatch, error) {
	if t.noBatch {
		return nil, nil
	}
	return t.sine.Minibatch(ctx, step)
}

func (t *odd) Examples(s train.Split) int {
	if t.noVal && s == train.ValSplit {
		return 0
	}
	return t.sine.Examples(s)
}

func (t *odd) Close() error {
	t.closed++
	return t.closing
}

func TestBrokenPromises(t *testing.T) {
	list := func(list ...train.Measure) func(int) train.Measures {
		return func(int) train.Measures { return list }
	}
	up := train.Measure{Name: "score", Better: train.Higher}
	for want, change := range map[string]func(c *train.Config, o *odd){
		`sine: measure "Score" on the val split: a name has`:            func(_ *train.Config, o *odd) { o.measure = list(train.Measure{Name: "Score", Better: train.Higher}) },
		`sine: measure "score" on the val split: there are two`:         func(_ *train.Config, o *odd) { o.measure = list(up, up) },
		`sine: measure "score" on the val split: it has direction "up"`: func(_ *train.Config, o *odd) { o.measure = list(train.Measure{Name: "score", Better: "up"}) },
		`sine: measure "score" on the val split: it is the first`:       func(_ *train.Config, o *odd) { o.measure = list(train.Measure{Name: "score"}) },
		"the val split are score lower, those before were score higher": func(_ *train.Config, o *odd) {
			o.measure = func(call int) train.Measures {
				if call > 1 {
					return train.Measures{{Name: "score", Better: train.Lower}}
				}
				return train.Measures{up}
			}
		},
		"step 0: the task has returned neither a minibatch nor an error": func(_ *train.Config, o *odd) { o.noBatch = true },
		"until-accuracy has no use here: the minibatches of sine":        func(c *train.Config, _ *odd) { c.UntilAccuracy = .5 },
		"patience has no use here: there is no validation split":         func(c *train.Config, o *odd) { c.Patience, o.noVal = 2, true },
		"closing the task: stuck":                                        func(_ *train.Config, o *odd) { o.closing = errors.New("stuck") },
		"kappa: it is +Inf; it must be a finite number":                  func(c *train.Config, _ *odd) { c.Numbers = map[string]float64{"kappa": math.Inf(1)} },
	} {
		o := &odd{sine: fits()}
		c := sineConfig()
		c.Epochs = 2
		change(&c, o)
		r, err := train.NewTask(o, c)
		if err == nil {
			_, err = r.Do(context.Background(), nil, train.Watch{})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if o.closed != 1 {
			t.Errorf("%s: closed %d times", want, o.closed)
		}
	}
	if r, err := train.NewTask(nil, sineConfig()); r != nil || err == nil {
		t.Errorf("no task: %v, %v", r, err)
	}
}

// A run is done once, and not after an estimate; one that gets no directory is closed.
func TestRunOnce(t *testing.T) {
	c := sineConfig()
	c.Epochs = 1
	for _, estimate := range []bool{true, false} {
		r, err := train.NewTask(&odd{sine: fits()}, c)
		if err != nil {
			t.Fatal(err)
		}
		if estimate {
			_, err = r.Estimate(context.Background(), 1)
		} else {
			_, err = r.Do(context.Background(), nil, train.Watch{})
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Do(context.Background(), nil, train.Watch{}); err == nil || !strings.Contains(err.Error(), "the run is over") {
			t.Errorf("again: %v", err)
		}
		if _, err := r.Estimate(context.Background(), 1); err == nil {
			t.Error("estimated again")
		}
	}
	path := filepath.Join(t.TempDir(), "run")
	if _, err := task(t, path, fits(), c, 0); err != nil {
		t.Fatal(err)
	}
	o := &odd{sine: fits()}
	r, err := train.NewTask(o, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := train.OpenDir(path, r, train.DirOptions{}); err == nil || o.closed != 1 {
		t.Errorf("%v, closed %d times", err, o.closed)
	}
}

// A result keeps what guessing has on each split, and what is not known of it.
func TestChanceRoundTrip(t *testing.T) {
	list := func(chance float64) train.Measures {
		return train.Measures{{Name: "rmse", Value: 1, Better: train.Lower, Chance: chance}, {Name: "odd", Value: 2, Chance: math.NaN()}}
	}
	want := train.Result{Test: list(3), Val: list(2), Best: &train.Best{Step: 1, Val: list(2), Test: list(3)}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got train.Result
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for i, m := range []train.Measures{got.Test, got.Val, got.Best.Val, got.Best.Test} {
		if c := []float64{3, 2, 2, 3}[i]; m[0].Chance != c || !math.IsNaN(m[1].Chance) {
			t.Errorf("%d: chance %g and %g, want %g and NaN", i, m[0].Chance, m[1].Chance, c)
		}
	}
}

// A run whose task had no state is not gone on with by one that has.
func TestStateMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	c := sineConfig()
	if _, err := task(t, path, fits(), c, 5); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	of := &faulty{sine: fits(), steps: 4, empty: -1, fails: -1}
	if _, err := task(t, path, of, c, 0); err == nil || !strings.Contains(err.Error(), "the checkpoint lacks the task's state") {
		t.Errorf("error %v", err)
	}
}

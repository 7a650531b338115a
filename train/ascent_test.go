package train_test

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

func TestStart(t *testing.T) {
	for text, want := range map[string]int{"": 0, "0": 0, "7": 7, "90%": 90, "0.5%": 1, "100%": 100} {
		s, err := train.ParseStart(text)
		if err != nil || s.Step(100) != want {
			t.Errorf("%q: step %d, %v; want %d", text, s.Step(100), err, want)
		}
		if again, err := train.ParseStart(s.String()); err != nil || again != s {
			t.Errorf("%q is written as %q", text, s)
		}
	}
	for percent := 1; percent <= 100; percent++ {
		text := strconv.Itoa(percent) + "%"
		if s, err := train.ParseStart(text); err != nil || s.Step(100) != percent || s.Step(1000) != 10*percent || s.String() != text {
			t.Errorf("%s is %s: steps %d of 100 and %d of 1000, %v", text, s, s.Step(100), s.Step(1000), err)
		}
	}
	for _, text := range []string{"x", "-1", "101%", "-1%", "NaN%", "%", "1.5"} {
		if _, err := train.ParseStart(text); err == nil {
			t.Errorf("%q is a start", text)
		}
	}
}

// configOf returns settings of a short run on the digits.
func configOf(t *testing.T, settings ...string) train.Config {
	t.Helper()
	c := supervised.Default()
	for _, s := range append([]string{"data=digits", "model=mlp", "method=m-sam", "rho=0.1", "max-steps=10", "batch=60"}, settings...) {
		name, value, _ := strings.Cut(s, "=")
		if err := c.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// Settings of the ascent that no run could have say why.
func TestAscentErrors(t *testing.T) {
	for settings, want := range map[string]string{
		"ascent-on=biases":                                   `unknown ascent-on "biases"; there are all, norms`,
		"ascent-on=norms":                                    "the network has none that are trained",
		"method=sam-on":                                      "the network has none that are trained",
		"ascent-batch=2":                                     "ascent-batch is 2",
		"ascent-batch=-0.5":                                  "ascent-batch is -0.5",
		"method=gsam ascent-batch=0.5":                       "method gsam has no ascent-batch: it is for sam, m-sam",
		"from=100%":                                          "no step of the run would perturb",
		"from=10":                                            "from is 10: no step of the run, which has 10, would perturb",
		"from=95%":                                           "from is 95%: no step of the run, which has 10, would perturb",
		"direction=momentum descent=gap":                     "gap needs the gradient at theta",
		"direction=momentum momentum=0":                      "it has none: give it one",
		"direction=up":                                       `unknown direction "up"`,
		"length=roh":                                         `unknown length "roh" (did you mean rho?)`,
		"method=none length=rho":                             "method none takes no other direction, length or descent",
		"method=momentum-sam ascent-batch=0.5":               "method momentum-sam has no ascent-batch",
		"method=momentum-sam ascent-precision=bf16":          "perturbs without a gradient of its own",
		"length=hessian ascent-precision=bf16":               "differences of gradients, of which bf16 leaves nothing",
		"method=eigen-sam precision=bf16":                    "differences of gradients, of which bf16 leaves nothing",
		"length=recent metric-points=1.5":                    "metric-points is 1.5; it must be a whole number",
		"method=vasso per-microbatch=true":                   "method vasso has no per-microbatch",
		"method=gsam length=monge alpha=1 ascent-budget=0.1": "alpha and an ascent budget are both given",
	} {
		c := configOf(t, strings.Fields(settings)...)
		r, err := train.New(c)
		if err == nil {
			r.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", settings, err, want)
		}
	}
}

// How many gradients a step takes on average follows from the settings.
func TestGradients(t *testing.T) {
	for settings, want := range map[string]float64{
		"method=sam": 2, "interval=5": 1.2, "ascent-batch=0.25": 1.25, "ascent-batch=0.25 interval=5": 1.05, "from=90%": 1.1,
		"method=momentum-sam": 1, "method=looksam": 1.2, "method=cr-sam": 3, "length=nearby metric-points=3": 5, "method=eigen-sam": 2.05, "from=50% interval=2": 1.25,
	} {
		c := configOf(t, strings.Fields(settings)...)
		if got := c.Gradients(); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: %g gradients a step, want %g", settings, got, want)
		}
	}
}

// looking is a task that counts what the passes are of.
type looking struct {
	train.Task
	ascent, descent []int // examples of each pass
}

type lookingBatch struct {
	train.Minibatch
	of *looking
}

func (l *looking) Minibatch(ctx context.Context, step int) (train.Minibatch, error) {
	b, err := l.Task.Minibatch(ctx, step)
	return lookingBatch{b, l}, err
}

func (b lookingBatch) Gradient(grad, theta []float32, lo, hi int, c objective.Call) (float64, error) {
	if c.Ascent {
		b.of.ascent = append(b.of.ascent, hi-lo)
	} else {
		b.of.descent = append(b.of.descent, hi-lo)
	}
	return b.Minibatch.Gradient(grad, theta, lo, hi, c)
}

// An ascent on a share of the minibatch takes that share of each microbatch, and starts and rests when it is to.
func TestAscentBatch(t *testing.T) {
	c := configOf(t, "ascent-batch=0.25", "microbatch=40", "from=40%", "interval=3")
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	l := &looking{Task: r.Task}
	r.Task = l
	if _, err := r.Do(context.Background(), nil, train.Watch{}); err != nil {
		t.Fatal(err)
	}
	// of ten steps 4 and 7 perturb; a minibatch of 60 is 40 and 20
	if len(l.ascent) != 4 || l.ascent[0] != 10 || l.ascent[1] != 5 || len(l.descent) != 20 || l.descent[0] != 40 {
		t.Errorf("ascents of %v examples, descents of %v", l.ascent, l.descent)
	}
}

// The numbers of a choice that no method has by itself are read back with a run's config.
func TestNumbersOfChoicesAreReadBack(t *testing.T) {
	for _, settings := range [][]string{{"length=nearby", "metric-points=3", "metric-spread=0.2"}, {"length=recent", "beta=0.5"}, {"length=running-norm", "beta=0.7"}} {
		c := configOf(t, settings...)
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again train.Config
		if err := json.Unmarshal(b, &again); err != nil {
			t.Errorf("%v: %v", settings, err)
		} else if err := train.SameConfig(again, c); err != nil {
			t.Errorf("%v: %v", settings, err)
		}
	}
}

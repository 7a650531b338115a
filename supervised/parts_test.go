package supervised_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// oneStep is the parameters of an MLP before and after one step.
func oneStep(t *testing.T, change func(c *train.Config)) (before, after []float32, task *supervised.Task) {
	t.Helper()
	c := uneven(t)
	zero := 0.
	c.MaxSteps, c.LR, c.Momentum = 1, .5, &zero
	c.Method, c.Rho = "m-sam", .5
	change(&c)
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	before = slices.Clone(r.Task.Theta())
	res, err := r.Do(context.Background(), nil, train.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	return before, res.Theta, r.Task.(*supervised.Task)
}

// Layers step by their shares of the learning rate, from the same perturbed point; weight decay is on weights
// alone.
func TestLayerDecay(t *testing.T) {
	before, plain, task := oneStep(t, func(*train.Config) {})
	_, decayed, _ := oneStep(t, func(c *train.Config) { c.LayerDecay = .5 })
	_, pulled, _ := oneStep(t, func(c *train.Config) { c.WeightDecay, c.DecayOn = .1, "weights" })
	for _, p := range task.Net.Params {
		layer := int(p.Name[len("layers.")] - '0')
		share := math.Pow(.5, float64(2-layer))
		pull := 0.
		if len(p.Shape) > 1 {
			pull = .5 * .1
		}
		for i := p.Offset; i < p.Offset+p.Len(); i++ {
			step := float64(plain[i]) - float64(before[i])
			if got := float64(decayed[i]) - float64(before[i]); math.Abs(got-share*step) > 1e-6 {
				t.Fatalf("%s: a step of %g, without decay %g", p.Name, got, step)
			}
			if got := float64(pulled[i]) - float64(plain[i]); math.Abs(got+pull*float64(before[i])) > 1e-6 {
				t.Fatalf("%s: weight decay moves %g by %g", p.Name, before[i], got)
			}
		}
	}
	if slices.Equal(plain, decayed) || slices.Equal(plain, pulled) {
		t.Error("nothing differs")
	}
}

// A run with groups of parameters goes on where it stopped, and those that are all alike are none.
func TestGroupsGoOn(t *testing.T) {
	c := uneven(t)
	c.Base, c.LR, c.Epochs, c.WeightDecay, c.DecayOn, c.LayerDecay = "adamw", .01, 5, .1, "weights", .7
	_, want := do(t, c)
	path := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, path, c, 4); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	got, err := runIn(t, path, c, 0)
	if err != nil || got.WeightsSHA256 != want.WeightsSHA256 {
		t.Errorf("resumed: weights %.8s, want %.8s, %v", got.WeightsSHA256, want.WeightsSHA256, err)
	}
	c.DecayOn, c.LayerDecay = "", 0
	_, plain := do(t, c)
	c.DecayOn, c.LayerDecay = "all", 1
	if _, same := do(t, c); same.WeightsSHA256 != plain.WeightsSHA256 || same.WeightsSHA256 == want.WeightsSHA256 {
		t.Errorf("weights %.8s, without the settings %.8s, with others %.8s", same.WeightsSHA256, plain.WeightsSHA256, want.WeightsSHA256)
	}
}

func TestGroupsOfNoUse(t *testing.T) {
	for want, change := range map[string]func(c *train.Config){
		"weight-decay-on has no use without a weight-decay": func(c *train.Config) { c.DecayOn = "weights" },
		`unknown weight-decay-on "biases"`:                  func(c *train.Config) { c.DecayOn = "biases" },
		"layer-decay is 1.5":                                func(c *train.Config) { c.LayerDecay = 1.5 },
		"layer-decay is -1":                                 func(c *train.Config) { c.LayerDecay = -1 },
	} {
		c := uneven(t)
		change(&c)
		if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
}

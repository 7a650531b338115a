package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/train"
	"github.com/monge-ml/monge/weights"
)

// sine fits a network to noisy points of a sine: --task sine --points 200 --noise 0.1.
var sine = train.Kind{
	Name: "sine", Info: "noisy points of a sine", Settings: sineSettings{Points: 256, Noise: .1, Width: 32},
	Check: checkSine, Open: openSine, Weights: "weights.safetensors",
}

// sineSettings are the task's own: flags, keys of TOML and of config.json.
type sineSettings struct {
	Points int     `json:"points" help:"points to fit"`
	Noise  float64 `json:"noise" help:"deviation of the points from the sine"`
	Width  int     `json:"width" help:"of the hidden layers"`
}

func checkSine(c *train.Config) error {
	switch s := c.Own.(sineSettings); {
	case s.Points < 8 || s.Points > 1e6:
		return fmt.Errorf("points is %d; it must be from 8 to a million", s.Points)
	case s.Width < 1 || s.Width > 4096:
		return fmt.Errorf("width is %d; it must be from 1 to 4096", s.Width)
	case !(s.Noise >= 0 && s.Noise < 1e3):
		return fmt.Errorf("noise is %g; it must be at least 0", s.Noise)
	}
	return nil
}

type sineTask struct {
	net   *nn.Model
	seed  uint64
	batch int
	sets  map[train.Split]points
	at    points // the minibatch
}

type points struct{ x, y []float32 }

func openSine(_ context.Context, c *train.Config, _ *train.Shared) (train.Task, error) {
	s := c.Own.(sineSettings)
	b := nn.NewBuilder()
	net, err := nn.NewModel(b, b.MLP(1, s.Width, s.Width, 1), []int{1})
	if err != nil {
		return nil, err
	}
	t := &sineTask{net: net, seed: c.Seed, batch: min(c.Batch, s.Points), sets: map[train.Split]points{}}
	for i, split := range []train.Split{train.TrainSplit, train.ValSplit, train.TestSplit} {
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		var p points
		for range s.Points {
			x := 6*rng.Float64() - 3
			p.x, p.y = append(p.x, float32(x)), append(p.y, float32(math.Sin(2*x)+s.Noise*rng.NormFloat64()))
		}
		t.sets[split] = p
	}
	return t, nil
}

func (t *sineTask) Theta() []float32 {
	theta := make([]float32, t.net.Size())
	t.net.Init(theta, t.seed)
	return theta
}

func (t *sineTask) Examples(s train.Split) int { return len(t.sets[s].x) }
func (t *sineTask) Steps() int                 { return t.Examples(train.TrainSplit) / t.batch }

// Minibatch draws points by the step alone, so that a resumed run draws the same.
func (t *sineTask) Minibatch(_ context.Context, step int) (train.Minibatch, error) {
	all, rng := t.sets[train.TrainSplit], rand.New(rand.NewPCG(t.seed, uint64(step)))
	t.at = points{}
	for range t.batch {
		i := rng.IntN(len(all.x))
		t.at.x, t.at.y = append(t.at.x, all.x[i]), append(t.at.y, all.y[i])
	}
	return t, nil
}

func (t *sineTask) Len() int { return len(t.at.x) }

func (t *sineTask) Gradient(grad, theta []float32, lo, hi int, c objective.Call) (float64, error) {
	return t.net.GradientOf(nn.Target{Values: t.at.y[lo:hi]}, grad, theta, t.at.x[lo:hi], c)
}

func (t *sineTask) Measure(_ context.Context, theta []float32, s train.Split) (train.Measures, error) {
	p := t.sets[s]
	out, err := t.net.Logits(theta, p.x)
	if err != nil {
		return nil, err
	}
	var sum, worst float64
	for i, y := range p.y {
		d := math.Abs(float64(out[i] - y))
		sum, worst = sum+d*d, max(worst, d)
	}
	return train.Measures{
		{Name: "rmse", Value: train.Real(math.Sqrt(sum / float64(len(p.y)))), Better: train.Lower, Chance: math.Sqrt(.5)},
		{Name: "worst", Value: train.Real(worst), Better: train.Lower, Label: "largest error"},
	}, nil
}

func (t *sineTask) Save(dir string, best bool, theta []float32) error {
	name := "weights.safetensors"
	if best {
		name = "best.safetensors"
	}
	return weights.WriteFile(filepath.Join(dir, name), t.net.StateDict(theta), nil)
}

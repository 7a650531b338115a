package train_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/tensor"
	"github.com/monge-ml/monge/train"
)

// roundings compares each step's ascent, and returns the weights and buffers at the end as well.
func roundings(t *testing.T, c train.Config, p train.Precision, every int) (list []train.Rounding, weights string) {
	t.Helper()
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if list, err = r.Roundings(t.Context(), p, every, train.Watch{}); err != nil {
		t.Fatal(err)
	}
	return list, state(r)
}

// state is a digest of a run's parameters and buffers.
func state(r *train.Run) string {
	all := slices.Clone(r.Task.Theta())
	for _, b := range r.Task.(train.Buffered).Buffers() {
		all = append(all, b...)
	}
	return train.Digest(all)
}

// A step's ascent in float32 is that in float32, another than in bfloat16, and looking at them
// moves neither weights nor running statistics.
func TestRoundings(t *testing.T) {
	texts := filepath.Join(t.TempDir(), "a.tsv")
	if err := os.WriteFile(texts, []byte(strings.Repeat("even\ttwo and four\nodd\tone and three\n", 40)), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(c *train.Config, s *supervised.Settings){
		"images": func(c *train.Config, s *supervised.Settings) {
			s.Model, s.Pad, c.Microbatch, c.Method, c.Rho = "cnn", 1, 4, "asam", .5
		},
		"each microbatch": func(c *train.Config, _ *supervised.Settings) { c.Microbatch, c.PerMicrobatch = 4, true },
		"texts": func(c *train.Config, s *supervised.Settings) {
			s.Data, s.Model, s.Size, c.Base, c.LR = "text:"+texts, "bert-tiny", data.Square(6), "adamw", .001
		},
		"in bf16": func(c *train.Config, _ *supervised.Settings) { c.Precision = "bf16" },
	} {
		c := short("m-sam", .2)
		c.Batch, c.MaxSteps = 8, 3
		of(&c, func(s *supervised.Settings) {
			s.Val = 8
			change(&c, s)
		})
		r, err := train.New(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Estimate(t.Context(), c.MaxSteps); err != nil { // which takes the steps, and no more
			t.Fatal(err)
		}
		same, unmoved := roundings(t, c, tensor.Float32, 1)
		if unmoved != state(r) {
			t.Errorf("%s: the weights are others than without a comparison", name)
		}
		bf16, _ := roundings(t, c, tensor.BFloat16, 2)
		if len(same) != 3 || len(bf16) != 2 || bf16[1].Step != 2 || bf16[1].GradNorm != same[2].GradNorm || bf16[1].DeltaNorm != same[2].DeltaNorm {
			t.Fatalf("%s: %+v and %+v", name, same, bf16)
		}
		for _, s := range same {
			if s.GradCosine != 1 || s.DeltaCosine != 1 || s.DeltaError != 0 || !(s.GradNorm > 0) || !(s.DeltaNorm > 0) {
				t.Errorf("%s, float32: %+v", name, s)
			}
		}
		for _, s := range bf16 {
			if !(s.GradCosine < 1 && s.GradCosine > .97) || !(s.DeltaCosine < 1 && s.DeltaCosine > .97) || !(s.DeltaError > 0 && s.DeltaError < .03) {
				t.Errorf("%s, bfloat16: %+v", name, s)
			}
		}
	}
}

// The lengths are those of the method: SAM's is its radius, of a single microbatch too, and steps
// between those that perturb are left out.
func TestRoundingsOfLength(t *testing.T) {
	c := short("sam", .3)
	c.MaxSteps, c.Interval, c.Microbatch, c.PerMicrobatch = 5, 2, 16, true
	list, _ := roundings(t, c, tensor.BFloat16, 1)
	if len(list) != 3 || list[1].Step != 2 {
		t.Fatalf("%+v", list)
	}
	for _, s := range list {
		if math.Abs(s.DeltaNorm-.3) > 1e-6 || s.DeltaError > 1e-6 || !(s.GradCosine < 1) {
			t.Errorf("%+v", s)
		}
	}
}

// noisy is a task with noise in its gradients, which the first of a minibatch draws.
type noisy struct {
	*drawing
	noise float32
	theta []float32
}

func (t *noisy) Theta() []float32 {
	t.theta = t.sine.Theta()
	return t.theta
}

func (t *noisy) SetPrecision(_, _ train.Precision) {}

func (t *noisy) Minibatch(ctx context.Context, step int) (train.Minibatch, error) {
	_, err := t.drawing.Minibatch(ctx, step)
	return t, err
}

func (t *noisy) Gradient(grad, theta []float32, lo, hi int, c objective.Call) (float64, error) {
	if !c.Perturbed {
		t.noise = float32(t.Uint64() % 64)
	}
	loss, err := t.sine.Gradient(grad, theta, lo, hi, c)
	grad[0] += t.noise
	return loss, err
}

// Both gradients of a comparison draw the same, and the step itself what it would have drawn.
func TestRoundingsDraw(t *testing.T) {
	c := sineConfig()
	c.Method, c.Rho, c.MaxSteps = "m-sam", .1, 6
	run := func() (*train.Run, *noisy) {
		task := &noisy{drawing: draws().(*drawing)}
		r, err := train.NewTask(task, c)
		if err != nil {
			t.Fatal(err)
		}
		return r, task
	}
	r, _ := run()
	want, err := r.Do(t.Context(), nil, train.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	r, task := run()
	list, err := r.Roundings(t.Context(), tensor.BFloat16, 2, train.Watch{})
	if err != nil || len(list) != 3 || !slices.Equal(task.theta, want.Theta) {
		t.Fatalf("%+v, %v; parameters %v, want %v", list, err, task.theta, want.Theta)
	}
	for _, s := range list {
		if s.GradCosine != 1 || s.DeltaCosine != 1 {
			t.Errorf("%+v", s)
		}
	}
	if r, err = train.NewTask(fits(), c); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Roundings(t.Context(), tensor.BFloat16, 2, train.Watch{}); err == nil || !strings.Contains(err.Error(), "its own precision") {
		t.Errorf("error %v", err)
	}
}

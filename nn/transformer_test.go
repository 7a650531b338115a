package nn_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/tensor"
)

// sequences is a small transformer over sequences of 5 rows of 8 numbers.
func sequences(t *testing.T, o nn.EncoderOptions, l *nn.LoRA) *nn.Model {
	t.Helper()
	b := nn.NewBuilder()
	if l != nil {
		if err := b.Adapt(*l); err != nil {
			t.Fatal(err)
		}
	}
	o.Layers, o.Width, o.Heads, o.Hidden = 2, 8, 2, 12
	m, err := nn.NewModel(b, nn.Sequential{
		b.Encoder("encoder", o),
		nn.LayerFunc(func(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor { return t.Mean(x, 1) }),
		b.LinearReLU("hidden", 8, 6),
		b.Linear("head", 6, 3),
	}, []int{5, 8})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEncoderCheckpoint(t *testing.T) {
	x, labels := numbers(4*40, 1), []int{0, 1, 2, 1}
	var want []float32
	for _, checkpoint := range []bool{false, true} {
		m := sequences(t, nn.EncoderOptions{Checkpoint: checkpoint}, nil)
		theta, grad := make([]float32, m.Size()), make([]float32, m.Size())
		m.Init(theta, 3)
		if _, err := m.Gradient(grad, theta, x, labels, objective.Call{Weight: 1}); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = grad
		}
		if !slices.Equal(grad, want) {
			t.Error("the gradient with checkpoints differs")
		}
	}
}

// Adapters alone are trained; at their start they change nothing, and their gradient is that of
// the loss.
func TestLoRA(t *testing.T) {
	base := sequences(t, nn.EncoderOptions{}, nil)
	values := make([]float32, base.Size())
	base.Init(values, 3)
	m := sequences(t, nn.EncoderOptions{}, &nn.LoRA{Rank: 2, Alpha: 6, On: []string{"[qv]_proj", "hidden"}})
	theta := make([]float32, m.Size())
	m.Init(theta, 4)
	if err := m.LoadBase(theta, base.StateDict(values)); err != nil {
		t.Fatal(err)
	}
	if want := 2*2*(2*8+8*2) + 2*8 + 6*2; m.Size() != want {
		t.Errorf("%d parameters to train, want %d", m.Size(), want)
	}
	x, labels := numbers(4*40, 1), []int{0, 1, 2, 1}
	want, err := base.Logits(values, x)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Logits(theta, x)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("logits %v, without adapters %v, %v", got, want, err)
	}
	copy(theta, numbers(len(theta), 9))
	for i := range theta {
		theta[i] *= .3
	}
	grad, other := make([]float32, len(theta)), make([]float32, len(theta))
	loss := func(at []float32, g []float32) float64 {
		l, err := m.Gradient(g, at, x, labels, objective.Call{Weight: 1})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	loss(theta, grad)
	norm := 0.
	for _, v := range grad {
		norm += float64(v) * float64(v)
	}
	norm = math.Sqrt(norm)
	const h = 1e-2 // along the gradient
	up, down := slices.Clone(theta), slices.Clone(theta)
	for i, v := range grad {
		up[i] += float32(h / norm * float64(v))
		down[i] -= float32(h / norm * float64(v))
	}
	if slope := (loss(up, other) - loss(down, other)) / (2 * h); norm == 0 || !(math.Abs(slope-norm) < .01*norm) {
		t.Errorf("the loss rises by %g along the gradient, whose norm is %g", slope, norm)
	}
	merged := make([]float32, base.Size())
	if err := base.LoadStateDict(merged, m.Merged(theta)); err != nil {
		t.Fatal(err)
	}
	if got, err = m.Logits(theta, x); err != nil {
		t.Fatal(err)
	}
	got = slices.Clone(got)
	if want, err = base.Logits(merged, x); err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if !(math.Abs(float64(got[i]-want[i])) < 1e-5) {
			t.Errorf("logit %d is %g, merged %g", i, got[i], want[i])
		}
	}
}

func TestLoRAErrors(t *testing.T) {
	b := nn.NewBuilder()
	for want, l := range map[string]nn.LoRA{"the rank is 0": {}, `pattern "["`: {Rank: 1, On: []string{"["}}} {
		if err := b.Adapt(l); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err := b.Adapt(nn.LoRA{Rank: 1, On: []string{"nothing"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := nn.NewModel(b, b.Linear("fc", 2, 2), []int{2}); err == nil || !strings.Contains(err.Error(), "match no linear layer") {
		t.Errorf("error %v", err)
	}
	b = nn.NewBuilder()
	if _, err := nn.NewModel(b, b.SelfAttention("a", 6, tensor.AttentionOptions{Heads: 4}), []int{3, 6}); err == nil || !strings.Contains(err.Error(), "a: attention: the width 6 is not a multiple of 4 heads") {
		t.Errorf("error %v", err)
	}
}

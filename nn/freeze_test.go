package nn_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/tensor"
)

func resnet20(t *testing.T) *nn.Model {
	t.Helper()
	m, err := models.Build("resnet20", models.Options{Input: []int{8, 8, 3}, Classes: 4})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What is left to train has the gradient that it has in the whole model, and what is
// frozen keeps its values under every name.
func TestFreeze(t *testing.T) {
	whole, part := resnet20(t), resnet20(t)
	if err := part.Freeze("conv1", "bn1", "layer[12]", "*.bn2.weight"); err != nil {
		t.Fatal(err)
	}
	theta, some := make([]float32, whole.Size()), make([]float32, part.Size())
	whole.Init(theta, 5)
	part.Init(some, 5)
	x, labels := numbers(6*8*8*3, 1), []int{0, 1, 2, 3, 0, 1}
	grad, got := make([]float32, len(theta)), make([]float32, len(some))
	want, err := whole.Gradient(grad, theta, x, labels, objective.Call{Weight: 1})
	if err != nil {
		t.Fatal(err)
	}
	loss, err := part.Gradient(got, some, x, labels, objective.Call{Weight: 1})
	if err != nil || loss != want {
		t.Errorf("loss %g, %v, want %g", loss, err, want)
	}
	left := 0
	for i, p := range part.Params {
		q := whole.Params[i]
		if p.Frozen() != !(strings.HasPrefix(p.Name, "layer3") || strings.HasPrefix(p.Name, "linear")) && !strings.HasSuffix(p.Name, "bn2.weight") {
			t.Errorf("%s: frozen is %t", p.Name, p.Frozen())
		}
		if p.Frozen() {
			continue
		}
		left += p.Len()
		if !slices.Equal(got[p.Offset:p.Offset+p.Len()], grad[q.Offset:q.Offset+q.Len()]) {
			t.Errorf("%s: the gradient differs", p.Name)
		}
	}
	if left != part.Size() || left == 0 || left == whole.Size() {
		t.Errorf("%d parameters to train, the model says %d of %d", left, part.Size(), whole.Size())
	}
	a, b := whole.StateDict(theta), part.StateDict(some)
	for i := range a {
		if a[i].Name != b[i].Name || !slices.Equal(a[i].Data, b[i].Data) {
			t.Errorf("%s differs in the state dict", a[i].Name)
		}
	}
}

func TestFreezeErrors(t *testing.T) {
	for pattern, want := range map[string]string{
		"stem.*": `no parameter matches "stem.*"; names are like conv1.weight and linear.bias`,
		"[":      "syntax error",
		"*":      "leave no parameter to train",
	} {
		m := resnet20(t)
		size := m.Size()
		if err := m.Freeze(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", pattern, err, want)
		}
		if m.Size() != size {
			t.Errorf("%q: the model has changed", pattern)
		}
	}
}

// The loss of a mixed and smoothed target is that of its parts, computed here from the
// logits, and its gradient that of finite differences.
func TestTarget(t *testing.T) {
	m := mlp(t, widths...)
	theta, grad := make([]float32, m.Size()), make([]float32, m.Size())
	m.Init(theta, 1)
	x := numbers(3*widths[0], 9)
	y := nn.Target{Labels: []int{0, 3, 2}, Mixed: []int{1, 3, 0}, Lambda: .7, Smoothing: .1}
	logits, err := m.Logits(theta, x)
	if err != nil {
		t.Fatal(err)
	}
	var want float64
	for i := range 3 {
		row := logits[4*i : 4*i+4]
		var sum float64
		for _, v := range row {
			sum += math.Exp(float64(v))
		}
		for j, v := range row {
			target := .1 / 4
			if j == y.Labels[i] {
				target += .9 * .7
			}
			if j == y.Mixed[i] {
				target += .9 * .3
			}
			want += target * (math.Log(sum) - float64(v)) / 3
		}
	}
	at := func() float64 {
		loss, err := m.GradientOf(y, grad, theta, x, objective.Call{Weight: 1})
		if err != nil {
			t.Fatal(err)
		}
		return loss
	}
	if loss := at(); !(math.Abs(loss-want) <= 1e-6) {
		t.Errorf("loss %g, want %g", loss, want)
	}
	for _, i := range []int{0, 17, len(theta) - 1} {
		analytic, before := float64(grad[i]), theta[i]
		theta[i] = before + 1e-2
		up := at()
		theta[i] = before - 1e-2
		down := at()
		theta[i] = before
		if d := (up - down) / 2e-2; !(math.Abs(d-analytic) <= 1e-3) {
			t.Errorf("gradient %d is %g, differences say %g", i, analytic, d)
		}
		at()
	}
}

// The loss of values is the mean squared error, computed here from the outputs, and its gradient
// that of finite differences; a warm gradient allocates nothing.
func TestTargetValues(t *testing.T) {
	m := mlp(t, widths...)
	theta, grad := make([]float32, m.Size()), make([]float32, m.Size())
	m.Init(theta, 1)
	x := numbers(3*widths[0], 9)
	y := nn.Target{Values: numbers(3*m.Classes(), 5)}
	outputs, err := m.Logits(theta, x)
	if err != nil {
		t.Fatal(err)
	}
	var want float64
	for i, v := range outputs {
		d := float64(v) - float64(y.Values[i])
		want += d * d / float64(len(outputs))
	}
	at := func() float64 {
		loss, err := m.GradientOf(y, grad, theta, x, objective.Call{Weight: 1})
		if err != nil {
			t.Fatal(err)
		}
		return loss
	}
	if loss := at(); !(math.Abs(loss-want) <= 1e-6*want) || m.Correct() != 0 {
		t.Errorf("loss %g, want %g; %d right", loss, want, m.Correct())
	}
	for _, i := range []int{0, 17, len(theta) - 1} {
		analytic, before := float64(grad[i]), theta[i]
		theta[i] = before + 1e-2
		up := at()
		theta[i] = before - 1e-2
		down := at()
		theta[i] = before
		if d := (up - down) / 2e-2; !(math.Abs(d-analytic) <= 2e-3) {
			t.Errorf("gradient %d is %g, differences say %g", i, analytic, d)
		}
		at()
	}
	if a := testing.AllocsPerRun(20, func() { at() }); a != 0 {
		t.Errorf("%g allocations", a)
	}
	for want, bad := range map[string]nn.Target{
		"5 values for 12 outputs":               {Values: make([]float32, 5)},
		"a target of values has no labels":      {Values: y.Values, Labels: []int{0, 1, 2}},
		"nothing mixed, no smoothing":           {Values: y.Values, Smoothing: .1},
		"cross-entropy: logits [3 4] need 3 la": {},
	} {
		if _, err := m.GradientOf(bad, grad, theta, x, objective.Call{Weight: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// Running statistics follow a short run fast enough; larger momenta stay, and 0 is the usual .1.
func TestFitBatchNorm(t *testing.T) {
	for _, tt := range []struct {
		momentum float32
		steps    int
		want     float32
	}{
		{.1, 10, .3}, {.1, 30, .1}, {.1, 1e6, .1}, {.5, 10, .5}, {1, 1, 1}, {0, 10, .3}, {0, 1000, .1}, {.1, 2, .5},
		{.01, 1, .5}, {.01, 20, .15}, {.01, 200, .1}, {.01, 400, .05}, {.01, 2000, .01}, {.01, 1e6, .01}, {.01, 0, .5}, {.001, 4000, .005},
	} {
		b := nn.NewBuilder()
		s := &tensor.BatchNormState{Momentum: tt.momentum}
		b.AddBatchNorm(s)
		b.Param("w", nn.Constant(1), 1)
		net, err := b.Network()
		if err != nil {
			t.Fatal(err)
		}
		if net.FitBatchNorm(tt.steps); math.Abs(float64(s.Momentum-tt.want)) > 1e-7 {
			t.Errorf("momentum %g in %d steps becomes %g, want %g", tt.momentum, tt.steps, s.Momentum, tt.want)
		}
	}
}

// Slashes, which ONNX files have in their names, part them as dots do.
func TestFreezeSlashes(t *testing.T) {
	names := []string{"/features/0/Conv/weight", "/features/0/Conv/bias", "/features/10/Conv/weight", "/fc/weight", "fc.bias"}
	for pattern, want := range map[string]string{
		"*/Conv/*":              "TTTFF",
		"/features/*":           "TTTFF",
		"/features/0":           "TTFFF",
		"/features":             "TTTFF",
		"/features/*/weight":    "TFTFF",
		"*weight":               "TFTTF",
		"/features/?/*":         "TTFFF",
		"/features/0/*/[^/]ias": "FTFFF",
		"fc":                    "FFFFT",
		"*bias":                 "FTFFT",
	} {
		b := nn.NewBuilder()
		for _, name := range names {
			b.Param(name, nn.Constant(1), 1)
		}
		net, err := b.Network()
		if err != nil {
			t.Fatal(err)
		}
		if err := net.Freeze(pattern); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		got := ""
		for _, p := range net.Params {
			got += map[bool]string{true: "T", false: "F"}[p.Frozen()]
		}
		if got != want {
			t.Errorf("%s freezes %s, want %s", pattern, got, want)
		}
	}
}

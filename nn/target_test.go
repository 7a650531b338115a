package nn_test

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
)

// The minibatch of testdata/gen_targets.py.
const targetN, targetIn, targetOut, targetLambda = 10, 3, 4, .7

var targetWeights = []float32{.5, 3, 1, 7}

// target is the script's of examples lo to hi-1, by what the name of a case says.
func target(name string, lo, hi int) nn.Target {
	var labels, mixed []int
	var binary []float32
	for i := range targetN {
		labels, mixed = append(labels, 7*i%targetOut), append(mixed, (3*i*i+1)%targetOut)
		for k := range targetOut {
			v := float32(0)
			if (i*5+k*3)%7 < 3 {
				v = 1
			}
			binary = append(binary, v)
		}
	}
	mean := func(labels []int) (w float64) {
		for _, l := range labels {
			w += float64(targetWeights[l]) / targetN
		}
		return w
	}
	if name == "binary" {
		return nn.Target{Binary: binary[lo*targetOut : hi*targetOut]}
	}
	y := nn.Target{Labels: labels[lo:hi]}
	for what, set := range map[string]func(){
		"weighted": func() { y.Weights, y.MeanWeight, y.MixedWeight = targetWeights, mean(labels), mean(mixed) },
		"smoothed": func() { y.Smoothing = .2 },
		"mixed":    func() { y.Mixed, y.Lambda = mixed[lo:hi], targetLambda },
	} {
		if strings.Contains(name, what) {
			set()
		}
	}
	return y
}

// Losses and gradients by every kind of target are PyTorch's, of a minibatch as a whole and in parts.
func TestTargetsArePyTorchs(t *testing.T) {
	b, err := os.ReadFile("testdata/targets.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]struct {
		Loss float64
		Grad []float64
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	m := mlp(t, targetIn, targetOut)
	theta, x := numbers(m.Size(), 1), numbers(targetN*targetIn, 2)
	for name, want := range golden {
		for _, ends := range [][]int{{targetN}, {4, targetN}, {1, 2, 7, targetN}} {
			grad, loss, at := make([]float32, m.Size()), 0., 0
			for i, end := range ends {
				y := target(name, at, end)
				if len(ends) == 1 {
					y.MeanWeight, y.MixedWeight = 0, 0
				}
				w := float64(end-at) / targetN
				l, err := m.GradientOf(y, grad, theta, x[at*targetIn:end*targetIn], objective.Call{Micro: i, Weight: w, Add: i > 0})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				loss, at = loss+w*l, end
			}
			if !(math.Abs(loss-want.Loss) < 1e-5) {
				t.Errorf("%s, parts to %v: loss %.7f, PyTorch %.7f", name, ends, loss, want.Loss)
			}
			for i, g := range want.Grad {
				if !(math.Abs(float64(grad[i])-g) < 1e-5) {
					t.Errorf("%s, parts to %v: gradient %d is %.7f, PyTorch %.7f", name, ends, i, grad[i], g)
				}
			}
		}
	}
}

// What does not belong together is an error.
func TestTargetsThatAreNone(t *testing.T) {
	m := mlp(t, 3, 2)
	for name, y := range map[string]nn.Target{
		"binary and labels":  {Binary: make([]float32, 2), Labels: []int{0}},
		"binary and weights": {Binary: make([]float32, 2), Weights: []float32{1, 1}},
		"values and binary":  {Binary: make([]float32, 2), Values: make([]float32, 2)},
		"too few":            {Binary: make([]float32, 1)},
		"weights of others":  {Labels: []int{0}, Weights: []float32{1, 1, 1}, MeanWeight: 1},
	} {
		if _, err := m.GradientOf(y, make([]float32, m.Size()), make([]float32, m.Size()), make([]float32, 3), objective.Call{Weight: 1}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

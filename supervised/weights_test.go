package supervised_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// uneven is the config of a run on three classes, of 24, 12 and 4 examples.
func uneven(t *testing.T) train.Config {
	t.Helper()
	var b strings.Builder
	b.WriteString("a,b,label\n")
	for i := range 40 {
		label := "often"
		switch {
		case i%10 == 7:
			label = "rare"
		case i%10 < 3:
			label = "some"
		}
		fmt.Fprintf(&b, "%d,%d,%s\n", i%7-3, i*i%5-2, label)
	}
	path := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	c := supervised.Default()
	supervised.Change(&c, func(s *supervised.Settings) { s.Data, s.Val = "csv:"+path, 0 })
	c.Batch, c.Epochs = 20, 1
	return c
}

// gradient is the first minibatch's loss and gradient in parts that end there.
func gradient(t *testing.T, c train.Config, ends ...int) (float64, []float32) {
	t.Helper()
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Task.Minibatch(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	grad, loss, at := make([]float32, r.Size()), 0., 0
	for i, end := range ends {
		w := float64(end-at) / float64(b.Len())
		l, err := b.Gradient(grad, r.Task.Theta(), at, end, objective.Call{Micro: i, Weight: w, Add: i > 0})
		if err != nil {
			t.Fatal(err)
		}
		loss, at = loss+w*l, end
	}
	return loss, grad
}

// Balanced weights are scikit-learn's n/(k n_c): as if the numbers were given, and not as without.
func TestBalancedWeights(t *testing.T) {
	c := uneven(t)
	with := func(weights ...string) train.Config {
		c := c
		supervised.Change(&c, func(s *supervised.Settings) { s.ClassWeights = weights })
		return c
	}
	balanced, _ := gradient(t, with("balanced"), 20)
	same, _ := gradient(t, with("0.5555555556", "3.3333333333", "1.1111111111"), 20) // of often, rare, some
	if math.Abs(balanced-same) > 1e-6 {
		t.Errorf("balanced the loss is %g, with the numbers %g", balanced, same)
	}
	plain, _ := gradient(t, c, 20)
	even, _ := gradient(t, with("2", "2", "2"), 20)
	if plain == balanced || math.Abs(plain-even) > 1e-6 {
		t.Errorf("without weights the loss is %g, with even ones %g, balanced %g", plain, even, balanced)
	}
	r, err := train.New(with("balanced"))
	if err != nil || !strings.Contains(strings.Join(r.Notes(), "\n"), "weights of the classes in the loss: often 0.5556, rare 3.333, some 1.111") {
		t.Errorf("notes %q, %v", r.Notes(), err)
	}
}

// Microbatches add up to the weighted mean of the minibatch, with mixup and smoothing too.
func TestWeightedMicrobatches(t *testing.T) {
	c := uneven(t)
	supervised.Change(&c, func(s *supervised.Settings) {
		s.ClassWeights, s.Smoothing, s.Mixup = []string{"balanced"}, .1, .4
	})
	loss, grad := gradient(t, c, 20)
	inParts, parts := gradient(t, c, 3, 10, 11, 20)
	if math.Abs(loss-inParts) > 1e-5 {
		t.Errorf("loss %g, in parts %g", loss, inParts)
	}
	for i, g := range grad {
		if math.Abs(float64(g-parts[i])) > 1e-5 {
			t.Fatalf("gradient %d is %g, in parts %g", i, g, parts[i])
		}
	}
}

func TestWeightsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"1,2": "class-weights has 2 numbers", "1,2,0": `"0" is no weight`, "1,2,x": `"x" is no weight`, "balanced,1,1": `"balanced" is no weight`, "1,1,inf": `"inf" is no weight`,
	} {
		c := uneven(t)
		supervised.Change(&c, func(s *supervised.Settings) { s.ClassWeights = strings.Split(text, ",") })
		if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", text, err)
		}
	}
	c := labelled(t, threeLabels)
	supervised.Change(&c, func(s *supervised.Settings) { s.ClassWeights = []string{"balanced"} })
	if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), "class-weights has no use here") {
		t.Errorf("error %v", err)
	}
}

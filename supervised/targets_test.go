package supervised_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// numbers is the config of a run that predicts y.
func numbers(t *testing.T, y func(i int) float64) train.Config {
	t.Helper()
	var b strings.Builder
	b.WriteString("a,b,y\n")
	for i := range 40 {
		fmt.Fprintf(&b, "%d,%d,%g\n", 3*i, i*i%7, y(i))
	}
	path := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	c := supervised.Default()
	supervised.Change(&c, func(s *supervised.Settings) { s.Data, s.Val = "csv:"+path+"?target=y", 10 })
	c.Batch, c.Epochs, c.LR = 10, 1, .001
	return c
}

func TestNoSmoothingOfTargets(t *testing.T) {
	c := numbers(t, func(i int) float64 { return float64(i) })
	supervised.Change(&c, func(s *supervised.Settings) { s.Smoothing = .1 })
	if _, err := train.New(c); err == nil || !strings.Contains(err.Error(), "label-smoothing has no use here") {
		t.Errorf("error %v", err)
	}
}

// Guessing is the mean, also where the predictions are off by all bounds.
func TestChanceOfTargets(t *testing.T) {
	r, err := train.New(numbers(t, func(i int) float64 { return float64(i % 2) }))
	if err != nil {
		t.Fatal(err)
	}
	set := r.Task.(*supervised.Task).Data.Val
	theta := r.Task.Theta()
	for i := range theta {
		theta[i] = float32(math.Inf(1))
	}
	m, err := r.Task.Measure(context.Background(), theta, train.ValSplit)
	if err != nil {
		t.Fatal(err)
	}
	mean := 0.
	for _, y := range set.Targets {
		mean += float64(y) / float64(set.Len())
	}
	if want := mean * (1 - mean); math.Abs(m[1].Chance-want) > 1e-9 || math.Abs(m[0].Chance-math.Sqrt(want)) > 1e-9 {
		t.Errorf("chance %g and %g, want the variance %g", m[0].Chance, m[1].Chance, want)
	}
}

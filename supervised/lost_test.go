package supervised_test

import (
	"testing"

	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// A run that ends at guessing is lost, whether a validation split or the test split says so;
// one that has learned is not.
func TestLost(t *testing.T) {
	for lr, want := range map[float64]bool{0: true, .05: false} {
		c := supervised.Default()
		c.LR, c.Epochs = lr, 3
		_, res := do(t, c)
		noVal, k := res, kind(t, &c)
		noVal.Val = nil
		for _, r := range []train.Result{res, noVal} {
			if collapsed, lost := k.Lost(&c, &r); collapsed != want || lost != want {
				t.Errorf("learning rate %g: collapsed %v, lost %v; val %v, test %v", lr, collapsed, lost, r.Val, r.Test)
			}
		}
	}
}

func kind(t *testing.T, c *train.Config) train.Kind {
	t.Helper()
	k, ok := c.Kind()
	if !ok {
		t.Fatal("there is no such kind")
	}
	return k
}

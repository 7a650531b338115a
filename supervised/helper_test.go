package supervised_test

import (
	"context"
	"errors"
	"testing"

	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

func do(t *testing.T, c train.Config) (*train.Run, train.Result) {
	t.Helper()
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Do(context.Background(), nil, train.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	return r, res
}

// runIn does a run in a directory until after a number of steps, or to its end if 0.
func runIn(t *testing.T, path string, c train.Config, steps int) (train.Result, error) {
	t.Helper()
	r, err := train.New(c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := train.OpenDir(path, r, train.DirOptions{Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	res, err := r.Do(ctx, d, train.Watch{Step: func(p train.Progress) {
		if p.Step == steps {
			cancel()
		}
	}})
	if got := r.Task.(*supervised.Task).Net.Steps(); got != uint64(res.Steps) {
		t.Errorf("the model has drawn random numbers for %d steps, the run has taken %d", got, res.Steps)
	}
	return res, errors.Join(err, d.Close())
}

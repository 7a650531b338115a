package classifier_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/nn/models"
)

// regressor returns an untrained network that predicts numbers.
func regressor(t testing.TB, input []int, targets ...string) *classifier.Classifier {
	t.Helper()
	m, err := models.Build("mlp", models.Options{Input: input, Classes: len(targets), Regression: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &classifier.Classifier{Info: classifier.Info{Model: "mlp", Input: input, Targets: targets}, Net: m, Theta: make([]float32, m.Size())}
	m.Init(c.Theta, 3)
	return c
}

// A network of one number is saved, read and asked.
func TestSaveLoadTargets(t *testing.T) {
	c := regressor(t, []int{1, 1, 5}, "price")
	path := saved(t, c)
	got, err := classifier.Load(path, classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Targets, []string{"price"}) || got.Classes != nil || !slices.Equal(got.Theta, c.Theta) || got.Net.Classes() != 1 {
		t.Errorf("%+v", got.Info)
	}
	x := pixels(3 * 5)
	y, err := got.Outputs(x)
	if err != nil || len(y) != 3 {
		t.Fatal(y, err)
	}
	want, err := c.Net.Logits(c.Theta, x)
	if err != nil || !slices.Equal(y, want) {
		t.Errorf("%v, want %v, %v", y, want, err)
	}
	if _, err := got.Predict(x); err == nil || !strings.Contains(err.Error(), `predicts numbers (["price"])`) {
		t.Errorf("error %v", err)
	}
	if _, err := classifier.Load(path, classifier.Options{Classes: []string{"a", "b"}}); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "no classes to name") {
		t.Errorf("error %v", err)
	}
	got.Theta[0] = float32(math.NaN())
	if _, err := got.Outputs(x); err == nil || !strings.Contains(err.Error(), "NaN or infinite") {
		t.Errorf("error %v", err)
	}
	c.Targets = []string{"a", "b"}
	if err := classifier.Save(path, c, nil); err == nil {
		t.Error("two names for one output were saved")
	}
	c.Targets, c.Classes = []string{"a"}, []string{"b"}
	if err := classifier.Save(path, c, nil); err == nil || !strings.Contains(err.Error(), "a network has one of them") {
		t.Errorf("error %v", err)
	}
}

// The measures are those of their definitions, whatever the batches are.
func TestEvaluateTargets(t *testing.T) {
	c := regressor(t, []int{1, 1, 5}, "up", "flat")
	const n = 23
	x, y := pixels(5*n), make([]float32, 2*n)
	for i := range n {
		y[2*i], y[2*i+1] = float32(i*i%7), 3
	}
	set, err := data.NewTargets(x, y, c.Input)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Outputs(x)
	if err != nil {
		t.Fatal(err)
	}
	var sse, mean, sst [2]float64
	for i, v := range y {
		mean[i%2] += float64(v) / n
	}
	for i, v := range y {
		sse[i%2] += math.Pow(float64(out[i])-float64(v), 2)
		sst[i%2] += math.Pow(float64(v)-mean[i%2], 2)
	}
	near := func(a classifier.Real, b float64) bool { return math.Abs(float64(a)-b) <= 1e-9*math.Abs(b) }
	for _, batch := range []int{23, 4, 1} {
		done := 0
		e, err := classifier.EvaluateTargets(context.Background(), c.Net, c.Theta, set, data.LoaderSettings{Batch: batch}, func(n int) { done = n })
		if err != nil || done != n || e.N != n || len(e.PerTarget) != 2 {
			t.Fatal(e, err, done)
		}
		mse := (sse[0] + sse[1]) / n / 2
		if !near(e.MSE, mse) || !near(e.RMSE, math.Sqrt(mse)) || !near(e.PerTarget[0].MSE, sse[0]/n) || !near(e.PerTarget[0].R2, 1-sse[0]/sst[0]) || !near(e.PerTarget[1].RMSE, math.Sqrt(sse[1]/n)) {
			t.Errorf("batches of %d: %+v; squares %v, variation %v", batch, e, sse, sst)
		}
		if !math.IsNaN(float64(e.PerTarget[1].R2)) || !math.IsNaN(float64(e.R2)) {
			t.Errorf("R2 of what does not vary is %v", e.PerTarget[1].R2)
		}
	}
	labels, err := set.WithLabels(make([]int, n))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := classifier.EvaluateTargets(context.Background(), c.Net, c.Theta, labels, data.LoaderSettings{Batch: 4}, nil); err == nil || !strings.Contains(err.Error(), "have 0 targets, the network predicts 2") {
		t.Errorf("error %v", err)
	}
	if _, err := classifier.Evaluate(context.Background(), c.Net, c.Theta, set, picture.Normalization{}); err == nil || !strings.Contains(err.Error(), "the examples have no labels") {
		t.Errorf("error %v", err)
	}
}

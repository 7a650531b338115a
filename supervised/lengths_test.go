package supervised_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

func init() {
	e, err := models.Find("bert-tiny")
	if err != nil {
		panic(err)
	}
	e.Name, e.Pairs = "bert-pairs", letterPairs
	models.Register(e)
}

// letterPairs makes a token of each letter.
func letterPairs(dst []float32, first, second string, pair bool) (n int) {
	clear(dst)
	for _, text := range strings.SplitAfter("\x01"+first+"\x02"+second, "\x02") {
		for i := 0; i < len(text) && n < len(dst); i++ {
			dst[n] = data.PackToken(int(text[i]), 0)
			n++
		}
	}
	return n
}

func lengthsConfig(t *testing.T) train.Config {
	c := textConfig(t)
	supervised.Change(&c, func(s *supervised.Settings) { s.Model, s.Size = "bert-pairs", data.Square(32) })
	return c
}

// A run on texts of mixed length goes on where it stopped, and its microbatches change nothing but
// by rounding; the order of examples is that of other data if one likes.
func TestMixedLengths(t *testing.T) {
	c := lengthsConfig(t)
	r, want := do(t, c)
	b, err := r.Task.(*supervised.Task).Minibatch(context.Background(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if b.Len() != 16 {
		t.Fatalf("a minibatch of %d", b.Len())
	}
	path := filepath.Join(t.TempDir(), "run")
	if _, err := runIn(t, path, c, 7); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	got, err := runIn(t, path, c, 0)
	if err != nil || got.WeightsSHA256 != want.WeightsSHA256 {
		t.Errorf("resumed: weights %.8s, want %.8s, %v", got.WeightsSHA256, want.WeightsSHA256, err)
	}
	loss := func(r train.Result) float64 { return float64(r.Val.Get("loss")) }
	micro := c
	micro.Microbatch = 5
	if _, r := do(t, micro); math.Abs(loss(r)-loss(want)) > 1e-4 {
		t.Errorf("by microbatches: loss %g, want %g", loss(r), loss(want))
	}
	supervised.Change(&c, func(s *supervised.Settings) { s.Unsorted = true })
	if _, r := do(t, c); r.WeightsSHA256 == want.WeightsSHA256 {
		t.Error("the order is the same with and without sorting")
	}
}

// What is cut off is padding: a network says the same of texts by themselves, and evaluated together.
func TestCutTexts(t *testing.T) {
	c := lengthsConfig(t)
	path := filepath.Join(t.TempDir(), "run")
	want, err := runIn(t, path, c, 0)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := classifier.Load(filepath.Join(path, supervised.WeightsFile), classifier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := supervised.Of(&c)
	splits, err := data.Open(s.Data, data.Options{Size: s.Size})
	if err == nil {
		splits, err = classifier.Bind(splits, whole.Model)
	}
	if err != nil {
		t.Fatal(err)
	}
	test := splits.Test
	e, err := classifier.Evaluate(context.Background(), whole.Net, whole.Theta, test, whole.Normalize)
	if err != nil || float64(e.Loss) != float64(want.Test.Get("loss")) {
		t.Fatalf("loss %g, want %g, %v", e.Loss, want.Test.Get("loss"), err)
	}
	var sum float64
	for i, label := range test.Labels {
		x := make([]float32, 32)
		if err := test.Read(x, i); err != nil {
			t.Fatal(err)
		}
		p, err := whole.Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		cut, err := whole.Predict(x[:test.Lengths()[i]])
		if err != nil || math.Abs(float64(cut[0]-p[0])) > 1e-6 {
			t.Fatalf("text %d: %v, with its padding %v, %v", i, cut, p, err)
		}
		sum -= math.Log(float64(p[label]))
	}
	if n := float64(len(test.Labels)); math.Abs(sum/n-float64(e.Loss)) > 1e-5 {
		t.Errorf("one by one the loss is %g, together %g", sum/n, e.Loss)
	}
	if x, err := whole.Tokens("ab"); err != nil || len(x) != 4 {
		t.Errorf("tokens %v, %v", x, err)
	}
}

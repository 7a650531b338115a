package train_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/monge-ml/monge/train"
)

var nan = train.Real(math.NaN())

func TestMeasureBeats(t *testing.T) {
	for _, tt := range []struct {
		better   train.Direction
		v, other train.Real
		want     bool
	}{
		{train.Higher, 2, 1, true}, {train.Higher, 1, 2, false}, {train.Higher, 1, 1, false},
		{train.Lower, 1, 2, true}, {train.Lower, 2, 1, false}, {train.Lower, 1, 1, false},
		{train.Higher, nan, 1, false}, {train.Higher, 1, nan, true}, {train.Lower, nan, 1, false}, {train.Lower, 1, nan, true},
		{train.Lower, nan, nan, false}, {"", 1, 2, false}, {"", 2, 1, false},
		{train.Lower, 1, train.Real(math.Inf(1)), true},
	} {
		if got := (train.Measure{Value: tt.v, Better: tt.better}).Beats(tt.other); got != tt.want {
			t.Errorf("%v beats %v, %q is better: %v", tt.v, tt.other, tt.better, got)
		}
	}
}

// The first measure decides, and where it is equal the next with a direction.
func TestMeasuresBetter(t *testing.T) {
	of := func(first, told, second train.Real) train.Measures {
		return train.Measures{{Name: "a", Value: first, Better: train.Lower}, {Name: "b", Value: told}, {Name: "c", Value: second, Better: train.Higher}}
	}
	for _, tt := range []struct {
		a, b train.Measures
		want bool
	}{
		{of(1, 0, 0), of(2, 9, 9), true}, {of(2, 9, 9), of(1, 0, 0), false},
		{of(1, 0, 1), of(1, 9, 0), true}, {of(1, 9, 0), of(1, 0, 1), false}, {of(1, 9, 1), of(1, 0, 1), false},
		{of(nan, 0, 1), of(nan, 0, 0), true}, {of(nan, 0, 1), of(1, 0, 0), false}, {of(1, 0, 1), nil, true},
	} {
		if got := tt.a.Better(tt.b); got != tt.want {
			t.Errorf("%v is better than %v: %v", tt.a, tt.b, got)
		}
	}
}

func TestMeasuresForPeople(t *testing.T) {
	m := train.Measures{{Name: "top_five", Value: .98765, Share: true}, {Name: "s_knn", Label: "S_kNN", Value: 1.23456}, {Name: "none", Value: nan, Share: true}}
	for i, want := range []struct{ title, value string }{{"top five", "98.8%"}, {"S_kNN", "1.235"}, {"none", "–"}} {
		if m[i].Title() != want.title || m[i].String() != want.value {
			t.Errorf("%q is %q, want %q, %q", m[i].Title(), m[i].String(), want.title, want.value)
		}
	}
	if m.Get("s_knn") != 1.23456 || !math.IsNaN(float64(m.Get("x"))) || m.First().Name != "top_five" {
		t.Errorf("%v, %v, %v", m.Get("s_knn"), m.Get("x"), m.First())
	}
	if none := (train.Measures)(nil); !math.IsNaN(float64(none.Get("x"))) || !math.IsNaN(float64(none.First().Value)) {
		t.Error("no measures have a value")
	}
}

// A record alone, without what its measures are, has them by name, infinities and NaN included.
func TestRecordAlone(t *testing.T) {
	want := train.Record{Step: 3, TrainAccuracy: nan, Val: train.Measures{
		{Name: "loss", Value: nan, Better: train.Lower}, {Name: "mae", Value: train.Real(math.Inf(1)), Better: train.Lower}, {Name: "rmse", Value: 2, Label: "RMSE"},
	}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got train.Record
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for i := range want.Val {
		want.Val[i] = train.Measure{Name: want.Val[i].Name, Value: want.Val[i].Value}
	}
	if text(got) != text(want) {
		t.Errorf("%s, want %s", text(got), text(want))
	}
}

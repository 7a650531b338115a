package analysis

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/monge-ml/monge/train"
)

// p-values are SciPy's, and corrected as by statsmodels.
func TestHolm(t *testing.T) {
	b, err := os.ReadFile("testdata/holm.json")
	var g struct {
		Paired []struct {
			Differences []float64
			P           float64
		}
		Corrected []struct{ P, Holm []float64 }
	}
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil || len(g.Paired) == 0 || len(g.Corrected) == 0 {
		t.Fatalf("%v, %d and %d cases", err, len(g.Paired), len(g.Corrected))
	}
	for i, want := range g.Paired {
		if got := DifferenceOf(want.Differences, train.Higher).P; !(math.Abs(got-want.P) < 1e-9*want.P) {
			t.Errorf("differences %d: p is %g, want %g", i, got, want.P)
		}
	}
	for i, want := range g.Corrected {
		// those that are no tests change nothing
		got := Holm(append([]float64{nan}, want.P...))
		if !math.IsNaN(got[0]) {
			t.Errorf("p-values %d: no test became %g", i, got[0])
		}
		for k, w := range want.Holm {
			if !(math.Abs(got[k+1]-w) < 1e-12) {
				t.Errorf("p-values %d: %v, want %v", i, got[1:], want.Holm)
				break
			}
		}
	}
}

// Differences that are all alike are of no chance, or of nothing but chance where they are 0.
func TestChanceWithoutSpread(t *testing.T) {
	for _, c := range []struct {
		d       []float64
		p       float64
		verdict Verdict
	}{{[]float64{1, 1, 1}, 0, Ahead}, {[]float64{0, 0, 0}, 1, Tie}, {[]float64{-1, -1, -1}, 0, Behind}, {[]float64{1, 1}, nan, Unknown}} {
		if got := DifferenceOf(c.d, train.Higher); got.Verdict != c.verdict || got.P != c.p && !(math.IsNaN(got.P) && math.IsNaN(c.p)) {
			t.Errorf("%v: %+v", c.d, got)
		}
	}
}

// A difference that counts by itself need not stand among all of its table.
func TestContrastsAreCorrected(t *testing.T) {
	a := Of(regression(t, errorsOf{
		"none":  {0: {2, 2.1, 2.2}},
		"sam":   {.1: {1.5, 1.79, 1.6}},
		"m-sam": {.1: {1.2, 1.25, 1.3}},
	}))
	list := a.Contrasts()
	if len(list) != 3 || Judged(list) != 3 {
		t.Fatalf("%+v", list)
	}
	p := []float64{float64(list[0].P), float64(list[1].P), float64(list[2].P)}
	for i, want := range Holm(p) {
		if k := list[i]; float64(k.Corrected) != want || k.Corrected < k.P {
			t.Errorf("%s beside %s: p %g, corrected %g, want %g", k.Method, k.Against, k.P, k.Corrected, want)
		}
	}
	for i, stands := range []bool{false, true, false} {
		if k := list[i]; !k.Counts() || k.Stands() != stands {
			t.Errorf("%s beside %s: %+v", k.Method, k.Against, k)
		}
	}
}

package analysis

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/monge-ml/monge/study"
	"github.com/monge-ml/monge/train"
)

// A reach is the unbroken range of radii at which a method is better than the base optimizer's mean,
// around the one that validation chose.
func TestReach(t *testing.T) {
	base := &Method{Summary: study.Summary{Method: study.Unperturbed, Points: []study.Point{{Test: 2}}}}
	for _, c := range []struct {
		rhos, test []float64
		best       float64
		want       string
	}{
		{[]float64{.01, .1, 1, 10}, []float64{2, 1.5, 1.9, 3}, .1, "1 decades from 0.1 to 1 false false"},
		{[]float64{.01, .1, 1, 10}, []float64{1.9, 1.5, 1.9, 3}, .1, "2 decades from 0.01 to 1 true false"},
		{[]float64{.1, .3, 1, 10}, []float64{1.9, 2.1, 1, 1.2}, 1, "1 decades from 1 to 10 false true"},
		{[]float64{.1, .3, 1, 10}, []float64{1.9, 2.1, 1, 1.2}, .1, "0 decades from 0.1 to 0.1 true false"}, // not beyond the gap
		{[]float64{.1, .3, 1, 10}, []float64{1.9, 2.1, 1, 1.2}, .3, "NaN decades from NaN to NaN false false"},
		{[]float64{.1, 1, 10}, []float64{1, nan, 1}, 10, "0 decades from 10 to 10 false true"},
		{[]float64{.5}, []float64{1}, .5, "0 decades from 0.5 to 0.5 true true"},
		{[]float64{0, .1, 1}, []float64{1, 1, 3}, .1, "0 decades from 0.1 to 0.1 false false"}, // a radius of 0 is none
		{[]float64{0}, []float64{1}, 0, "NaN decades from NaN to NaN false false"},
	} {
		m := &Method{measure: train.Measure{Better: train.Lower}, Summary: study.Summary{Method: "sam", BestRho: c.best}}
		for i, rho := range c.rhos {
			m.Points = append(m.Points, study.Point{Rho: rho, Test: c.test[i]})
		}
		r := m.Reach(base)
		if got := fmt.Sprintf("%v decades from %v to %v %v %v", r.Decades, r.From, r.To, r.OpenLow, r.OpenHigh); got != c.want {
			t.Errorf("%v, %v at %g: %s, want %s", c.rhos, c.test, c.best, got, c.want)
		}
	}
}

// A gain is above 0 where a method is better, whichever way the measure is.
func TestGains(t *testing.T) {
	a := Of(regression(t, tides))
	list := a.Gains()
	if len(list) != 2 || list[0].Method != "SAM" || list[1].Method != "M-SAM" || list[1].Against != "SGD" {
		t.Fatalf("%+v", list)
	}
	m, d := list[1], a.Find("m-sam").Against(a.Find(study.Unperturbed))
	if !(math.Abs(float64(m.Gain)-1) < 1e-12) || float64(m.Low) != -d.High || float64(m.High) != -d.Low || float64(m.Low) > float64(m.Gain) || m.Seeds != 3 {
		t.Errorf("%+v, of %+v", m, d)
	}
	if m.Gradients != 2 || m.At != .1 || m.From != .1 || m.To != 1 || m.Decades != 1 || !m.OpenLow || !m.OpenHigh {
		t.Errorf("%+v", m)
	}
	if sam := list[0]; sam.To != .1 || sam.OpenHigh { // at 1 it breaks
		t.Errorf("%+v", sam)
	}
	b, err := json.Marshal(m)
	if err != nil || !strings.Contains(string(b), `"gradients":2,"step_ratio":null,"decades":1,`) {
		t.Errorf("%s, %v", b, err)
	}
	if list := Of(regression(t, errorsOf{"sam": tides["sam"], "m-sam": tides["m-sam"]})).Gains(); list != nil {
		t.Errorf("without a base optimizer: %+v", list)
	}
	if r2, ok := MeasuredAt(a.Find("sam").Rows, "r2"); !ok || r2.Value != .5 || r2.N != 4 {
		t.Errorf("%+v", r2)
	}
	if _, ok := MeasuredAt(a.Find("sam").Rows, "accuracy"); ok {
		t.Error("a measure that no run has")
	}
}

package sam

import (
	"math"
	"strings"
	"testing"
)

// Every method is complete, and its settings are what its name says.
func TestMethods(t *testing.T) {
	for _, m := range Methods() {
		if m.Label == "" || m.Info == "" || m.New32 == nil || m.Look.Mark == "" {
			t.Errorf("%+v", m)
		}
		if m.Perturbs() != (m.Name != "none") {
			t.Errorf("%s perturbs: %t", m.Name, m.Perturbs())
		}
	}
	for _, name := range []string{"gd", "sgd"} {
		if m, err := FindMethod(name); m.Name != "none" || err != nil {
			t.Errorf("%s is %q, %v", name, m.Name, err)
		}
	}
}

// Numbers that are not given are the method's own defaults; those given stay.
func TestFamilyDefaults(t *testing.T) {
	rho, half := Constant(.1), .5
	for _, tt := range []struct {
		name string
		p    Params
		want Settings[float64]
	}{
		{"none", Params{}, Settings[float64]{Rho: Constant(0), Metric: Euclidean[float64]{}}},
		{"sam", Params{Rho: rho}, Settings[float64]{Rho: rho, Metric: Euclidean[float64]{}}},
		{"m-sam", Params{Rho: rho}, Settings[float64]{Rho: rho, Alpha: 1, Metric: Euclidean[float64]{}}},
		{"m-sam", Params{Rho: rho, Alpha: &half}, Settings[float64]{Rho: rho, Alpha: .5, Metric: Euclidean[float64]{}}},
		{"m-sam", Params{Rho: rho, AscentBudget: Constant(.2)}, Settings[float64]{Rho: rho, AscentBudget: Constant(.2), Metric: Euclidean[float64]{}}},
		{"fisher", Params{Rho: rho}, Settings[float64]{Rho: rho, Metric: Fisher[float64]{Eta: 1}}},
		{"asam", Params{Rho: rho}, Settings[float64]{Rho: rho, Metric: Adaptive[float64]{Eta: .01}}},
		{"asam", Params{Rho: rho, Eta: &half}, Settings[float64]{Rho: rho, Metric: Adaptive[float64]{Eta: .5}}},
	} {
		got, err := Family[float64](tt.name, tt.p)
		if err != nil || got.Rho != tt.want.Rho || got.Alpha != tt.want.Alpha || got.AscentBudget != tt.want.AscentBudget || got.Metric != tt.want.Metric {
			t.Errorf("%s: %+v, %v; want %+v", tt.name, got, err, tt.want)
		}
	}
}

// What a setting is for is read from the methods themselves.
func TestUseErrors(t *testing.T) {
	rho, one := Constant(.1), 1.
	for want, p := range map[string]Params{
		"method sam has no loss axis: alpha is for m-sam":  {Rho: rho, Alpha: &one},
		"method sam has no ascent budget: it is for m-sam": {Rho: rho, AscentBudget: rho},
		"method sam has no eta: it is for fisher and asam": {Rho: rho, Eta: &one},
		"method sam has no kappa":                          {Rho: rho, Own: map[string]float64{"kappa": 1}},
		"method sam needs a radius rho":                    {},
		"rho at step 0 is -0.1; it must be >= 0":           {Rho: -rho},
		"an infinite rho needs a finite ascent budget":     {Rho: Constant(math.Inf(1))},
	} {
		if _, err := Family[float32]("sam", p); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	narrow := Method{Name: "narrow", New32: plainSAM.New32}
	if _, err := newSettings[float64](narrow, Params{}); err == nil || !strings.Contains(err.Error(), "not for float64") {
		t.Errorf("float64 of a method in float32: error %v", err)
	}
}

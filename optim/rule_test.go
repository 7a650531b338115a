package optim

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func ptr(v float64) *float64 { return &v }

// A rule by name makes the same steps as its constructor.
func TestNewIsTheConstructor(t *testing.T) {
	lr := Constant(.1)
	adam := DefaultAdam(lr)
	adam.Beta1, adam.WeightDecay = .8, .01
	lion := DefaultLion(lr)
	lion.Beta2 = .9
	rms := DefaultRMSprop(lr)
	rms.Alpha, rms.Momentum, rms.Centered, rms.Eps = .9, .5, true, 1e-3
	for _, tt := range []struct {
		name string
		p    Params
		want func() (Optimizer[float64], error)
	}{
		{"sgd", Params{}, func() (Optimizer[float64], error) {
			return asOptimizer[float64](NewSGD[float64](3, SGDSettings{LR: lr, Momentum: .9}))
		}},
		{"sgd", Params{Momentum: ptr(0), WeightDecay: .1}, func() (Optimizer[float64], error) {
			return asOptimizer[float64](NewSGD[float64](3, SGDSettings{LR: lr, WeightDecay: .1}))
		}},
		{"sgd", Params{Nesterov: true}, func() (Optimizer[float64], error) {
			return asOptimizer[float64](NewSGD[float64](3, SGDSettings{LR: lr, Momentum: .9, Nesterov: true}))
		}},
		{"sgd", Params{Dampening: .5}, func() (Optimizer[float64], error) {
			return asOptimizer[float64](NewSGD[float64](3, SGDSettings{LR: lr, Momentum: .9, Dampening: .5}))
		}},
		{"adam", Params{Beta1: ptr(.8), WeightDecay: .01, Momentum: ptr(0)}, func() (Optimizer[float64], error) {
			return asOptimizer[float64](NewAdam[float64](3, adam))
		}},
		{"adamw", Params{Beta1: ptr(.8), WeightDecay: .01}, func() (Optimizer[float64], error) {
			return asOptimizer[float64](NewAdamW[float64](3, adam))
		}},
		{"lion", Params{Beta2: ptr(.9)}, func() (Optimizer[float64], error) {
			return asOptimizer[float64](NewLion[float64](3, lion))
		}},
		{"rmsprop", Params{Decay: ptr(.9), Momentum: ptr(.5), Centered: true, Eps: ptr(1e-3)}, func() (Optimizer[float64], error) {
			return asOptimizer[float64](NewRMSprop[float64](3, rms))
		}},
		{"rmsprop", Params{}, func() (Optimizer[float64], error) {
			return asOptimizer[float64](NewRMSprop[float64](3, DefaultRMSprop(lr)))
		}},
	} {
		tt.p.LR = lr
		a, err := New[float64](tt.name, 3, tt.p)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		b, err := tt.want()
		if err != nil {
			t.Fatal(err)
		}
		x, y := []float64{1, -2, 3}, []float64{1, -2, 3}
		for step := range 5 {
			g := []float64{1, -.5, float64(step)}
			if err := a.Step(x, slices.Clone(g)); err != nil {
				t.Fatal(err)
			}
			if err := b.Step(y, g); err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(x, y) {
			t.Errorf("%s %+v: by name to %v, by its constructor to %v", tt.name, tt.p, x, y)
		}
	}
}

func TestNewErrors(t *testing.T) {
	for want, c := range map[string]struct {
		name string
		p    Params
	}{
		`unknown base optimizer "adagrad"; there are sgd, adam, adamw, rmsprop, lion`: {"adagrad", Params{}},
		"base adam takes no momentum; it is for sgd, rmsprop":                         {"adam", Params{Momentum: ptr(.9)}},
		"base adamw takes no dampening; it is for sgd":                                {"adamw", Params{Dampening: .5}},
		"base rmsprop takes no nesterov; it is for sgd":                               {"rmsprop", Params{Nesterov: true}},
		"base sgd takes no beta1; it is for adam, adamw, lion":                        {"sgd", Params{Beta1: ptr(.9)}},
		"base rmsprop takes no beta2; it is for adam, adamw, lion":                    {"rmsprop", Params{Beta2: ptr(.9)}},
		"base lion takes no eps; it is for adam, adamw, rmsprop":                      {"lion", Params{Eps: ptr(1)}},
		"base adam takes no decay; it is for rmsprop":                                 {"adam", Params{Decay: ptr(.9)}},
		"base sgd takes no centered; it is for rmsprop":                               {"sgd", Params{Centered: true}},
		"base sgd takes no kappa":                                                     {"sgd", Params{Own: map[string]float64{"kappa": 1}}},
		"sgd: momentum is 1":                                                          {"sgd", Params{Momentum: ptr(1)}},
	} {
		c.p.LR = Constant(.1)
		o, err := New[float32](c.name, 3, c.p)
		if err == nil || !strings.HasPrefix(err.Error(), want) || o != nil {
			t.Errorf("%v, error %v, want %q", o, err, want)
		}
	}
	if _, err := New[float32]("sgd", 3, Params{}); err == nil || !strings.Contains(err.Error(), "no learning rate") {
		t.Errorf("no learning rate: error %v", err)
	}
}

// Every rule is complete, for the pages and flags made from it.
func TestRules(t *testing.T) {
	for _, r := range Rules() {
		if r.Label == "" || r.Info == "" || r.New32 == nil || r.New64 == nil || !r.Has("weight-decay") || r.Has("kappa") {
			t.Errorf("%+v", r)
		}
	}
}

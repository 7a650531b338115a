package optim

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/monge-ml/monge/vec"
)

// golden is testdata/torch.json, which testdata/gen_torch.py writes.
type golden struct {
	Optimizers []struct {
		Rule             string
		Settings         json.RawMessage
		Float32, Float64 []float64
	}
	Schedules []struct {
		Name   string
		Values []float64
	}
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	b, err := os.ReadFile("testdata/torch.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// build makes a rule from the golden file's settings, whose keys are the Go fields.
func build[F vec.Float](rule string, n int, settings json.RawMessage) (Optimizer[F], error) {
	var rate struct{ LR float64 }
	fields := map[string]any{}
	if err := json.Unmarshal(settings, &rate); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(settings, &fields); err != nil {
		return nil, err
	}
	delete(fields, "LR")
	rest, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	lr := Constant(rate.LR)
	switch rule {
	case "sgd":
		s := SGDSettings{LR: lr}
		if err := json.Unmarshal(rest, &s); err != nil {
			return nil, err
		}
		return NewSGD[F](n, s)
	case "rmsprop":
		s := RMSpropSettings{LR: lr}
		if err := json.Unmarshal(rest, &s); err != nil {
			return nil, err
		}
		return NewRMSprop[F](n, s)
	}
	s := AdamSettings{LR: lr}
	if err := json.Unmarshal(rest, &s); err != nil {
		return nil, err
	}
	if rule == "adamw" {
		return NewAdamW[F](n, s)
	}
	return NewAdam[F](n, s)
}

// gradient makes the golden file's gradients again.
func gradient[F vec.Float](step, n int) []F {
	g := make([]F, n)
	for i := range g {
		g[i] = F((40503*(step*n+i)+12345)%65536)/32768 - 1
	}
	return g
}

func TestAgreesWithPyTorch(t *testing.T) {
	for _, c := range readGolden(t).Optimizers {
		name := c.Rule + " " + string(bytes.Join(bytes.Fields(c.Settings), nil))
		checkGolden[float32](t, name+" float32", c.Rule, c.Settings, c.Float32, 1e-6)
		checkGolden[float64](t, name+" float64", c.Rule, c.Settings, c.Float64, 1e-12)
	}
}

func checkGolden[F vec.Float](t *testing.T, name, rule string, settings json.RawMessage, want []float64, tolerance float64) {
	t.Helper()
	n := len(want)
	o, err := build[F](rule, n, settings)
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]F, n)
	for i := range theta {
		theta[i] = F(i-3) / 4
	}
	for step := range 100 {
		if err := o.Step(theta, gradient[F](step, n)); err != nil {
			t.Fatal(err)
		}
	}
	var d, size float64
	for i, v := range theta {
		d += math.Pow(float64(v)-want[i], 2)
		size += want[i] * want[i]
	}
	if e := math.Sqrt(d / size); !(e < tolerance) {
		t.Errorf("%s: differs from PyTorch by %.2g after 100 steps, want < %g\n%v\n%v", name, e, tolerance, theta, want)
	}
}

func TestSchedulesAgreeWithPyTorch(t *testing.T) {
	ours := map[string]Schedule{
		"step":     StepDecay{Start: .1, Factor: .5, Every: 4},
		"linear":   Linear{From: .1, To: .02, Steps: 10},
		"cosine":   Cosine{From: .1, To: .01, Steps: 10},
		"onecycle": DefaultOneCycle(.1, 21),
		"warmup":   Warmup{From: .025, Steps: 4, Then: Constant(.1)},
	}
	for _, c := range readGolden(t).Schedules {
		for i, want := range c.Values {
			if got := ours[c.Name].At(i); !(math.Abs(got-want) < 1e-9) {
				t.Errorf("%s at %d: %.10g, PyTorch %.10g", c.Name, i, got, want)
			}
		}
	}
}

func TestSchedulesHoldTheirEnds(t *testing.T) {
	for _, tt := range []struct {
		s    Schedule
		want float64
	}{
		{Linear{From: 1, To: .5, Steps: 3}, .5},
		{Cosine{From: 1, To: .5, Steps: 3}, .5},
		{OneCycle{Max: 1, Div: 10, FinalDiv: 100, Rise: .5, Steps: 10}, .01},
		{OneCycle{Max: 1, Div: 10, FinalDiv: 100, Rise: 0, Steps: 10}, .01},
		{OneCycle{Max: 1, Div: 10, FinalDiv: 100, Rise: 1, Steps: 1}, 1},
		{Warmup{Steps: 3, Then: Cosine{From: 1, To: .5, Steps: 3}}, .5},
		{Linear{From: 1, To: .5}, .5},
		{StepDecay{Start: 1, Factor: .1}, 1},
	} {
		if got := tt.s.At(1000); !(math.Abs(got-tt.want) < 1e-12) {
			t.Errorf("%#v ends at %g, want %g", tt.s, got, tt.want)
		}
	}
}

// Lion by hand: two steps, one parameter.
func TestLion(t *testing.T) {
	o, err := NewLion[float64](2, LionSettings{LR: Constant(.1), Beta1: .9, Beta2: .99, WeightDecay: .5})
	if err != nil {
		t.Fatal(err)
	}
	theta := []float64{1, 0}
	if err := o.Step(theta, []float64{2, 0}); err != nil {
		t.Fatal(err)
	}
	// 1 - .1·.5·1 - .1·sign(.1·2); momentum .02. A zero gradient moves nothing.
	if want := .85; !(math.Abs(theta[0]-want) < 1e-15) || theta[1] != 0 {
		t.Fatalf("first step: %v, want %g and 0", theta, want)
	}
	if err := o.Step(theta, []float64{-.1, 0}); err != nil {
		t.Fatal(err)
	}
	// c = .9·.02 - .1·.1 = .008 > 0: the momentum's sign wins over the gradient's.
	if want := .85 - .1*.5*.85 - .1; !(math.Abs(theta[0]-want) < 1e-15) {
		t.Fatalf("second step: %v, want %g", theta[0], want)
	}
}

func everyRule(t testing.TB, n int) map[string]func() Optimizer[float32] {
	lr := Cosine{From: .1, To: .01, Steps: 50}
	must := func(o Optimizer[float32], err error) Optimizer[float32] {
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	return map[string]func() Optimizer[float32]{
		"sgd": func() Optimizer[float32] {
			return must(NewSGD[float32](n, SGDSettings{LR: lr, Momentum: .9, Dampening: .1}))
		},
		"adam":  func() Optimizer[float32] { return must(NewAdam[float32](n, DefaultAdam(lr))) },
		"adamw": func() Optimizer[float32] { return must(NewAdamW[float32](n, DefaultAdam(lr))) },
		"rmsprop": func() Optimizer[float32] {
			s := DefaultRMSprop(lr)
			s.Momentum, s.Centered = .9, true
			return must(NewRMSprop[float32](n, s))
		},
		"lion": func() Optimizer[float32] { return must(NewLion[float32](n, DefaultLion(lr))) },
	}
}

// A state exported and imported goes on bit for bit; a damaged one is refused and
// changes nothing.
func TestStateRoundTrip(t *testing.T) {
	const n = 8
	rules := everyRule(t, n)
	for name, make := range rules {
		o, theta := make(), gradient[float32](77, n)
		for step := range 5 {
			if err := o.Step(theta, gradient[float32](step, n)); err != nil {
				t.Fatal(err)
			}
		}
		b, err := o.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		again, copied := make(), append([]float32(nil), theta...)
		if err := again.UnmarshalBinary(b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for step := 5; step < 10; step++ {
			for _, err := range []error{o.Step(theta, gradient[float32](step, n)), again.Step(copied, gradient[float32](step, n))} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if !reflect.DeepEqual(theta, copied) {
			t.Errorf("%s: the restored optimizer goes another way", name)
		}
		before, _ := again.MarshalBinary()
		for i := range b {
			bad := append([]byte(nil), b...)
			bad[i] ^= 0x40
			for _, damaged := range [][]byte{b[:i], bad} {
				if err := again.UnmarshalBinary(damaged); err == nil {
					t.Fatalf("%s: a state damaged at byte %d was accepted", name, i)
				}
			}
		}
		if after, _ := again.MarshalBinary(); !bytes.Equal(before, after) {
			t.Errorf("%s: a refused state changed the optimizer", name)
		}
		for other, make := range rules {
			if err := make().UnmarshalBinary(b); (err == nil) != (other == name) {
				t.Errorf("%s took a state of %s: %v", other, name, err)
			}
		}
	}
}

func FuzzStateUnmarshal(f *testing.F) {
	const n = 3
	for _, make := range everyRule(f, n) {
		b, err := make().MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, make := range everyRule(t, n) {
			o := make()
			if o.UnmarshalBinary(b) != nil {
				continue
			}
			if again, err := o.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%s: an accepted state is not exported again as it was", name)
			}
		}
	})
}

func TestSettingsErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	lr := Constant(.1)
	sgd := func(s SGDSettings) error { _, err := NewSGD[float32](1, s); return err }
	adam := func(s AdamSettings) error { _, err := NewAdam[float32](1, s); return err }
	rms := func(s RMSpropSettings) error { _, err := NewRMSprop[float32](1, s); return err }
	lion := func(s LionSettings) error { _, err := NewLion[float32](1, s); return err }
	_, none := NewAdamW[float32](0, DefaultAdam(lr))
	for _, tt := range []struct {
		want string
		err  error
	}{
		{"sgd: no learning rate", sgd(SGDSettings{})},
		{"sgd: learning rate is -1", sgd(SGDSettings{LR: Constant(-1)})},
		{"sgd: learning rate is NaN", sgd(SGDSettings{LR: Constant(nan)})},
		{"sgd: learning rate is +Inf", sgd(SGDSettings{LR: Constant(inf)})},
		{"sgd: momentum is 1", sgd(SGDSettings{LR: lr, Momentum: 1})},
		{"sgd: momentum is NaN", sgd(SGDSettings{LR: lr, Momentum: nan})},
		{"sgd: dampening is 2", sgd(SGDSettings{LR: lr, Dampening: 2})},
		{"sgd: weight decay is -1", sgd(SGDSettings{LR: lr, WeightDecay: -1})},
		{"sgd: a Nesterov step needs", sgd(SGDSettings{LR: lr, Nesterov: true})},
		{"adam: beta1 is 1", adam(AdamSettings{LR: lr, Beta1: 1, Eps: 1})},
		{"adam: beta2 is -1", adam(AdamSettings{LR: lr, Beta2: -1, Eps: 1})},
		{"adam: eps is 0", adam(AdamSettings{LR: lr})},
		{"adamw: 0 parameters", none},
		{"rmsprop: alpha is 1", rms(RMSpropSettings{LR: lr, Alpha: 1, Eps: 1})},
		{"rmsprop: eps is 0", rms(RMSpropSettings{LR: lr})},
		{"lion: beta2 is 1", lion(LionSettings{LR: lr, Beta2: 1})},
	} {
		if tt.err == nil || !strings.HasPrefix(tt.err.Error(), tt.want) {
			t.Errorf("error %q, want %q", tt.err, tt.want)
		}
	}
	for name, make := range everyRule(t, 2) {
		if err := make().Step([]float32{1}, []float32{1, 2}); err == nil || !strings.Contains(err.Error(), "made for 2 parameters, got 1") {
			t.Errorf("%s: wrong lengths: %v", name, err)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	const n = 1 << 20
	for name, make := range everyRule(b, n) {
		b.Run(name, func(b *testing.B) {
			o, theta, g := make(), gradient[float32](1, n), gradient[float32](2, n)
			b.SetBytes(4 * n)
			for b.Loop() {
				if err := o.Step(theta, g); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package train

import (
	"strings"
	"testing"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

func init() {
	sam.Register(sam.Method{
		Name: "paced", Label: "Paced SAM", Info: "SAM at every third step", Uses: []string{"rho", "interval"},
		New32: func(p sam.Params) (sam.Settings[float32], error) {
			return sam.Settings[float32]{
				Rho: p.Rho, Metric: sam.Adaptive[float32]{Eta: 1}, Interval: 3, PerMicrobatch: true, PreconditionDescent: true, ClipNorm: 2,
			}, nil
		},
	})
}

// What a method says of its step stays where the config does not say it.
func TestStepperKeepsMethods(t *testing.T) {
	c := Default()
	c.Method, c.Rho = "paced", .1
	s := schedules{lr: optim.Constant(.1), rho: optim.Constant(.1)}
	for _, given := range []bool{false, true} {
		interval, clip := 3, 2.
		if given {
			c.Interval, c.ClipNorm = 5, 4
			interval, clip = 5, 4
		}
		st, err := c.stepper(1, s, parts{})
		if err != nil {
			t.Fatal(err)
		}
		if got := st.Settings(); got.Interval != interval || got.ClipNorm != clip || !got.PerMicrobatch || !got.PreconditionDescent {
			t.Errorf("given %v: %+v", given, got)
		}
	}
}

func TestCheckUse(t *testing.T) {
	for _, tt := range []struct{ method, name, text, want string }{
		{"none", "interval", "2", "method none has no interval: it is for sam, m-sam"},
		{"none", "per-microbatch", "true", "method none has no per-microbatch: it is for sam"},
		{"sam", "precondition-descent", "true", "method sam has no precondition-descent: it is for asam"},
		{"paced", "per-microbatch", "true", "method paced has no per-microbatch"},
		{"asam", "precondition-descent", "true", ""},
		{"fisher", "interval", "2", ""},
		{"m-sam", "per-microbatch", "true", ""},
	} {
		c := Default()
		if c.Method = tt.method; tt.method != "none" {
			c.Rho = .1
		}
		if err := c.Set(tt.name, tt.text); err != nil {
			t.Fatal(err)
		}
		if err := c.Check(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: %v, want %q", tt.method, tt.name, err, tt.want)
		}
	}
}

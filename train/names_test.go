package train

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

func TestClash(t *testing.T) {
	method := func(name, number string) sam.Method {
		return sam.Method{Name: name, Numbers: []sam.Number{{Name: number}}}
	}
	rule := optim.Rule{Name: "drift", Numbers: []optim.Number{{Name: "pull"}}}
	type pull struct {
		Pull float64 `json:"pull"`
	}
	type word struct {
		Pull string `json:"pull"`
	}
	for _, tt := range []struct {
		methods []sam.Method
		rules   []optim.Rule
		kinds   []Kind
		want    string
	}{
		{[]sam.Method{method("a", "eta")}, nil, nil, `setting "eta" of method a is one of the settings that all tasks share`},
		{[]sam.Method{method("a", "json")}, nil, nil, `setting "json" of method a is one of the command line`},
		{[]sam.Method{method("a", "pull")}, []optim.Rule{rule}, nil, `setting "pull" of base optimizer drift is one of method a as well`},
		{[]sam.Method{method("a", "pull")}, nil, []Kind{{Name: "k", Settings: pull{}}}, `setting "pull" of task k is one of method a as well`},
		{nil, nil, []Kind{{Name: "k", Settings: struct {
			Seed int `json:"seed"`
		}{}}}, `setting "seed" of task k is one of the settings that all tasks share`},
		{nil, nil, []Kind{{Name: "k", Settings: pull{}}, {Name: "l", Settings: word{}}}, `setting "pull" of task l is a string, that of task k a float64`},
		{nil, nil, []Kind{{Name: "k", Settings: pull{}}, {Name: "l", Settings: pull{}}}, ""},
		{[]sam.Method{method("a", "pull"), method("b", "pull")}, nil, nil, ""},
		{[]sam.Method{{Name: "a", Numbers: []sam.Number{{Name: "pull"}, {Name: "pull"}}}}, nil, nil, `setting "pull" of method a is one of method a as well`},
	} {
		if err := clash(tt.methods, tt.rules, tt.kinds); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}

func opens(context.Context, *Config, *Shared) (Task, error) { return nil, nil }

func TestRegisterPanics(t *testing.T) {
	type embedded struct{ Depth int }
	for want, k := range map[string]Kind{
		"it has no Open":             {},
		"its Settings are a pointer": {Open: opens, Settings: &embedded{}},
		"its Settings are a int":     {Open: opens, Settings: 3},
		"field Depth: its tag json":  {Open: opens, Settings: embedded{}},
		"field Depths: a []int can't be a setting": {Open: opens, Settings: struct {
			Depths []int `json:"depths"`
		}{}},
		"field depth: it is not exported":   {Open: opens, Settings: struct{ depth int }{}},
		"it is Rest, as task supervised is": {Open: opens, Rest: true},
		`setting "rho" of task spoilt`: {Open: opens, Settings: struct {
			Rho float64 `json:"rho"`
		}{}},
	} {
		func() {
			k.Name = "spoilt"
			defer func() {
				if s, _ := recover().(string); !strings.Contains(s, want) || !strings.Contains(s, "task spoilt") {
					t.Errorf("panic %q, want %q", s, want)
				}
			}()
			Register(k)
		}()
	}
}

// A kind without settings is read back.
func TestNoSettings(t *testing.T) {
	if _, known := kinds.Lookup("bare"); !known {
		Register(Kind{Name: "bare", Info: "nothing", Open: opens})
	}
	c, err := Begin("bare")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var again Config
	if err := json.Unmarshal(b, &again); err != nil || again.Task != "bare" {
		t.Errorf("%s: %+v, %v", b, again, err)
	}
}

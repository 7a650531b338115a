package train_test

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/monge-ml/monge/contrast"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadConfigTOML(t *testing.T) {
	c := supervised.Default()
	err := train.ReadConfig(write(t, "a.toml", `
# all kinds of values
model = "resnet20"
rho = inf
ascent-budget = 0.08
lr_schedule = "cosine,warmup=5%"
classes = ["cat", "dog"]
freeze = "conv1, bn1"
flip = true
epochs = 3
seed = 18446744073709551
deadline = "1h30m"
beta1 = 0.8
`), &c)
	if err != nil {
		t.Fatal(err)
	}
	want := supervised.Default()
	want.Rho, want.AscentBudget, want.LRSchedule, want.Epochs = train.Real(math.Inf(1)), new(.08), "cosine,warmup=5%", 3
	of(&want, func(s *supervised.Settings) {
		s.Model, s.Classes, s.Freeze, s.Flip = "resnet20", []string{"cat", "dog"}, []string{"conv1", "bn1"}, true
	})
	want.Seed, want.Deadline, want.Beta1 = 18446744073709551, train.Duration(90*time.Minute), new(.8)
	if !reflect.DeepEqual(c, want) {
		t.Errorf("%+v\nwant %+v", c, want)
	}
}

func TestReadConfigErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a.toml", "rho = ", "line 1:"},
		{"a.toml", "radius = 1", `unknown setting "radius"; there are task, data,`},
		{"a.toml", "epochs = 1.5", `epochs: "1.5" is no whole number`},
		{"a.toml", "flip = 'maybe'", `flip: "maybe" is neither true nor false`},
		{"a.toml", "deadline = 'soon'", `deadline: "soon" is no duration`},
		{"a.toml", "[rho]\nfrom = 1", "rho: a table is no setting"},
		{"a.toml", "lr = 1\nlr = 2", "line 2:"},
		{"a.json", `{"rho": 1, "radius": 2}`, `unknown setting "radius"`},
		{"a.json", `{"rho": 1} {}`, "goes on after"},
		{"a.json", "", "not a run's config"},
	} {
		c := supervised.Default()
		path := write(t, tt.name, tt.text)
		err := train.ReadConfig(path, &c)
		if err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: error %v, want %q", tt.text, err, tt.want)
		}
	}
}

// Every setting says what it is for, and takes back what it shows.
func TestSettings(t *testing.T) {
	values := map[string]string{
		"string": "x", "bool": "true", "int": "3", "uint": "4", "float": "0.5", "list": "a,b", "duration": "1m30s", "size": "48x192", "fold": "2of5", "start": "90%",
	}
	for data, c := range map[string]train.Config{"x": supervised.Default(), "pairs:x": contrast.Default()} {
		own := 0
		for _, s := range train.Settings(&c) {
			v, known := values[s.Type()]
			if s.Help == "" || !known {
				t.Errorf("%s: help %q, type %s", s.Name, s.Help, s.Type())
			}
			switch s.Name {
			case "task":
				continue // of which TestKinds takes care
			case "data":
				v = data
			}
			if s.OfTask() {
				own++
			}
			if err := s.Set(v); err != nil || s.String() != v {
				t.Errorf("%s: %q came back as %q, %v", s.Name, v, s.String(), err)
			}
		}
		if *c.Alpha != .5 || c.Keep != 3 || c.Deadline != train.Duration(90*time.Second) || own < 15 {
			t.Errorf("%+v, %d settings of the task", c, own)
		}
	}
}

package train_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/contrast"
	"github.com/monge-ml/monge/supervised"
	"github.com/monge-ml/monge/train"
)

// waveSettings are those of a kind of tasks that this test registers.
type waveSettings struct {
	Hidden int       `json:"hidden" help:"units"`
	Parts  []string  `json:"parts,omitempty" help:"a list"`
	Phase  *float64  `json:"phase,omitempty" help:"not given by itself" is:"decided"`
	Val    float64   `json:"val,omitempty" help:"share that validates"` // as the other kinds have it
	Flip   bool      `json:"flip,omitempty" help:"as the other kinds have it"`
	Late   bool      `json:"late,omitempty" help:"stands behind batch" place:"batch"`
	Fixed  waveFixed `json:"fixed,omitzero" help:"reads and writes itself"`
}

type waveFixed struct{ At string }

func (f waveFixed) String() string               { return f.At }
func (f waveFixed) MarshalText() ([]byte, error) { return []byte(f.At), nil }
func (f *waveFixed) UnmarshalText(b []byte) error {
	if f.At = string(b); f.At == "nowhere" {
		return errors.New("there is no such place")
	}
	return nil
}

func init() {
	train.Register(train.Kind{
		Name: "wave", Info: "waves", Settings: waveSettings{Hidden: 8},
		Check: func(c *train.Config) error {
			if c.Own.(waveSettings).Hidden < 1 {
				return errors.New("hidden must be at least 1")
			}
			return nil
		},
		Open: func(_ context.Context, c *train.Config, _ *train.Shared) (train.Task, error) {
			s := c.Own.(waveSettings)
			if s.Phase == nil {
				s.Phase = new(.5)
			}
			c.Own = s
			return &sine{hidden: s.Hidden, batch: c.Batch}, nil
		},
	})
}

func waves(t *testing.T) train.Config {
	t.Helper()
	c, err := train.Begin("wave")
	if err != nil {
		t.Fatal(err)
	}
	c.Batch, c.Epochs = 12, 2
	return c
}

// A kind is opened by its name, with settings of its own from flags, TOML and config.json.
func TestKinds(t *testing.T) {
	c := waves(t)
	if want := train.Default(); !reflect.DeepEqual(c.Own, waveSettings{Hidden: 8}) || c.LR != want.LR || c.Method != want.Method {
		t.Errorf("it begins with %+v", c)
	}
	for name, text := range map[string]string{"hidden": "5", "parts": "a, b", "phase": "0.25", "flip": "true", "late": "true", "fixed": "here", "method": "sam", "rho": "0.1"} {
		if err := c.Set(name, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	want := waveSettings{Hidden: 5, Parts: []string{"a", "b"}, Phase: new(.25), Flip: true, Late: true, Fixed: waveFixed{"here"}}
	if !reflect.DeepEqual(c.Own, want) {
		t.Errorf("set: %+v, want %+v", c.Own, want)
	}
	before := waves(t)
	if copied := before; copied.Set("hidden", "3") != nil || before.Own.(waveSettings).Hidden != 8 {
		t.Error("a copy shares settings with the original")
	}

	var toml train.Config
	if err := train.ReadConfig(write(t, "a.toml", `
hidden = 5
parts = ["a", "b"]
phase = 0.25
flip = true
late = true
fixed = "here"
task = "wave"
`), &toml); err != nil || toml.Task != "wave" || !reflect.DeepEqual(toml.Own, want) {
		t.Errorf("TOML: %+v, %v", toml, err)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var again train.Config
	if err := train.ReadConfig(write(t, "config.json", string(b)), &again); err != nil || !reflect.DeepEqual(again, c) {
		t.Errorf("JSON: %+v, want %+v, %v", again, c, err)
	}

	r, err := train.New(c)
	if err != nil || r.Size() != 16 || r.Steps() != 8 {
		t.Fatalf("%d parameters, %v", r.Size(), err)
	}
	at := func(name string) int {
		return slices.IndexFunc(train.Settings(&c), func(s train.Setting) bool { return s.Name == name })
	}
	if at("late") != at("batch")+1 || at("hidden") > at("method") {
		t.Errorf("late is setting %d, batch %d", at("late"), at("batch"))
	}
}

// What a run of a kind has decided is in its directory, and given so it is resumed.
func TestKindDecides(t *testing.T) {
	c := waves(t)
	c.CheckpointEvery = 1
	path := filepath.Join(t.TempDir(), "run")
	r, d := open(t, path, c, train.DirOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := r.Do(ctx, d, train.Watch{Step: func(p train.Progress) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	d.Close()
	s := read(t, path)
	if phase := s.Config.Own.(waveSettings).Phase; phase == nil || *phase != .5 || c.Own.(waveSettings).Phase != nil {
		t.Errorf("saved settings %+v", s.Config.Own)
	}
	if decided := c.Decided(s.Config); !reflect.DeepEqual(decided.Own, s.Config.Own) {
		t.Errorf("decided %+v, want %+v", decided.Own, s.Config.Own)
	}
	for _, c := range []train.Config{c, s.Config} {
		_, d := open(t, path, c, train.DirOptions{Resume: true})
		d.Close()
	}
}

func TestRegisterTwice(t *testing.T) {
	for _, name := range []string{"wave", supervised.Name, contrast.Name} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.Contains(s, `task "`+name+`" was registered twice`) {
					t.Errorf("%s: panic %q", name, s)
				}
			}()
			train.Register(train.Kind{Name: name})
		}()
	}
}

func TestKindErrors(t *testing.T) {
	known := ""
	for _, k := range train.Kinds() {
		known += ", " + k.Name
	}
	known = known[2:]
	if _, err := train.Begin("wavelet"); err == nil || err.Error() != `unknown task "wavelet"; there are `+known {
		t.Errorf("begin: %v", err)
	}
	c := waves(t)
	for _, tt := range []struct{ name, text, want string }{
		{"task", "wavelet", `unknown task "wavelet"; there are ` + known},
		{"hidden", "many", `"many" is no whole number`},
		{"fixed", "nowhere", "there is no such place"},
		{"colour", "red", `unknown setting "colour"; there are task, data,`},
		{"label-noise", ".1", "label-noise is for data with classes or targets; task wave is waves"},
		{"recompute", "true", "recompute is for pairs of images and captions; task wave is waves"},
		{"cutout", "2", "cutout is for "},
	} {
		if err := c.Set(tt.name, tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	for _, text := range []string{"", "0", "false"} { // which is as if it were not given
		if err := c.Set("label-noise", text); err != nil {
			t.Errorf("label-noise %q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		`{"task": "wave", "colour": 1}`:                     `unknown setting "colour"`,
		`{"task": "wave", "label_noise": 0.1}`:              "label-noise is for data with classes or targets",
		`{"task": "wave", "hidden": "many"}`:                "hidden: it is a text where a whole number should be",
		`{"task": 3}`:                                       "task: it is a number where a text should be",
		`{"colour": 1}`:                                     `unknown setting "colour"`,
		`{"data": "digits", "recompute": true}`:             "recompute is for pairs of images and captions; task supervised is data",
		`{"data": "pairs:a.tsv", "hidden": 2}`:              "hidden is for waves; task contrast is pairs",
		`{"task": "wave", "label_noise": 0, "lora_on": []}`: "",
	} {
		var c train.Config
		err := train.ReadConfig(write(t, "config.json", text), &c)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for want, c := range map[string]train.Config{
		`unknown task "wavelet"; there are ` + known:    {Task: "wavelet"},
		"the settings name no task; there are " + known: train.Default(),
	} {
		if _, err := train.New(c); err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	c.Set("hidden", "0")
	if _, err := train.New(c); err == nil || err.Error() != "hidden must be at least 1" {
		t.Errorf("check: %v", err)
	}
}

// AllSettings has each setting once, those of tasks first.
func TestAllSettings(t *testing.T) {
	count := map[string]int{}
	loop := false
	for _, s := range train.AllSettings() {
		count[s.Name]++
		if s.OfTask() && loop {
			t.Errorf("%s stands behind settings that every task has", s.Name)
		}
		loop = loop || !s.OfTask()
	}
	for _, name := range []string{"task", "data", "val", "hidden", "phase", "label-noise", "label-smoothing", "lora", "flip", "late", "rho", "lr", "epochs"} {
		if count[name] != 1 {
			t.Errorf("%s is there %d times", name, count[name])
		}
		delete(count, name)
	}
	for name, n := range count {
		if n != 1 {
			t.Errorf("%s is there %d times", name, n)
		}
	}
	if names := train.SettingNames(); len(names) != len(train.AllSettings()) {
		t.Errorf("%d names", len(names))
	}
}

// The setting data chooses between the kinds that have it, and what both have stays.
func TestDataChoosesKind(t *testing.T) {
	c, err := train.Begin("")
	if err != nil || !reflect.DeepEqual(c, supervised.Default()) {
		t.Fatalf("%+v, %v", c, err)
	}
	set := func(name, text string) {
		t.Helper()
		if err := c.Set(name, text); err != nil {
			t.Fatal(err)
		}
	}
	set("val", "30")
	set("flip", "true")
	set("freeze", "a,b")
	set("label-noise", "0.4")
	set("lr", "0.3")
	set("data", "pairs:a.tsv")
	want := contrast.Settings{Data: "pairs:a.tsv", Val: 30, Flip: true, Freeze: []string{"a", "b"}, Model: contrast.Pretrained}
	if c.Task != contrast.Name || !reflect.DeepEqual(c.Own, want) || c.LR != .3 {
		t.Errorf("%s: %+v, want %+v", c.Task, c.Own, want)
	}
	set("recompute", "true")
	set("data", "csv:a.csv")
	back := supervised.Settings{Data: "csv:a.csv", Val: 30, Flip: true, Freeze: []string{"a", "b"}, Model: "mlp"}
	if c.Task != supervised.Name || !reflect.DeepEqual(c.Own, back) {
		t.Errorf("%s: %+v, want %+v", c.Task, c.Own, back)
	}
	set("task", "wave")
	if got := c.Own.(waveSettings); c.Task != "wave" || got.Val != 30 || !got.Flip || got.Hidden != 8 {
		t.Errorf("%s: %+v", c.Task, c.Own)
	}
	set("task", contrast.Name)
	if got := contrast.Of(&c); got.Val != 30 || !got.Flip || got.Model != contrast.Pretrained {
		t.Errorf("%s: %+v", c.Task, c.Own)
	}

	for text, task := range map[string]string{
		"val = 0.2\nrecompute = true\ndata = 'pairs:a.tsv'":                contrast.Name,
		"label-noise = 0.2\nval = 0.2\ndata = 'csv:a.csv'":                 supervised.Name,
		"val = 0.2\ntask = 'contrast'":                                     contrast.Name,
		"val = 0.2\nrecompute = false\nlabel_noise = 0.0\ndata = 'digits'": supervised.Name,
	} {
		c, _ := train.Begin("")
		if err := train.ReadConfig(write(t, "a.toml", text), &c); err != nil || c.Task != task {
			t.Errorf("%q: task %s, %v", text, c.Task, err)
		}
		for _, s := range train.Settings(&c) {
			if s.Name == "val" && s.String() != "0.2" {
				t.Errorf("%q: val is %s", text, s.String())
			}
		}
	}
	for text, want := range map[string]string{
		"crop = true\ndata = 'pairs:a.tsv'":      "crop is for data with classes or targets; pairs:a.tsv is pairs of images and captions",
		"recompute = true\ndata = 'csv:a.csv'":   "recompute is for pairs of images and captions; csv:a.csv is data with classes or targets",
		"label-noise = .2\ndata = 'pairs:a.tsv'": "label-noise is for data with classes or targets; pairs:a.tsv is pairs of images and captions",
	} {
		c, _ := train.Begin("")
		text = strings.Replace(text, "= .", "= 0.", 1)
		if err := train.ReadConfig(write(t, "a.toml", text), &c); err == nil || !strings.HasSuffix(err.Error(), ".toml: "+want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// A task that was chosen for data that others take by themselves is in the config, and read back.
func TestTaskBesideData(t *testing.T) {
	for _, tt := range []struct {
		task, data string
		says       bool
	}{{"contrast", "digits", true}, {"contrast", "pairs:a.tsv", false}, {"supervised", "digits", false}} {
		k, err := train.FindKind(tt.task)
		if err != nil {
			t.Fatal(err)
		}
		var c, again train.Config
		own := reflect.New(reflect.TypeOf(k.Settings)).Elem()
		own.FieldByName("Data").SetString(tt.data)
		c.Task, c.Own = k.Name, own.Interface()
		b, err := json.Marshal(c)
		if err != nil || strings.Contains(string(b), `"task"`) != tt.says {
			t.Errorf("%+v: %s, %v", tt, b, err)
		}
		if err := json.Unmarshal(b, &again); err != nil || again.Task != tt.task {
			t.Errorf("%+v: read as %q, %v", tt, again.Task, err)
		}
	}
}

package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/object"
	"github.com/monge-ml/monge/internal/words"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// MarshalJSON writes the config as one flat object.
func (c Config) MarshalJSON() ([]byte, error) {
	var o object.Object
	if !c.dataSaysTask() && c.Task != "" {
		o.Add("task", c.Task)
	}
	for _, part := range []any{c.Own, c.MethodConfig, c.Numbers, c.BaseConfig, c.LoopConfig} {
		if f, ok := part.(foreign); ok {
			f.write(&o)
		} else {
			o.Join(part)
		}
	}
	if c.Directory != "" {
		o.Add("directory", c.Directory)
	}
	return o.Bytes()
}

// dataSaysTask reports whether a config without the task is read as one of its task, by its data.
func (c *Config) dataSaysTask() bool {
	k, ok := c.Kind()
	if !ok || !k.byData() {
		return false
	}
	of, ok := kindOf(c.DataName())
	return ok && (of.Name == k.Name || c.DataName() == "")
}

// UnmarshalJSON reads a whole config: a setting that it lacks is off, one that there is not is
// an error. That of a task which this program does not know is kept as it is.
func (c *Config) UnmarshalJSON(b []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	whole := Config{}
	own, err := whole.begin(all)
	if err != nil {
		return err
	}
	left := foreign{}
	for _, key := range slices.Sorted(keysOf(all)) {
		field := fieldOf(key, own, &whole.MethodConfig, &whole.BaseConfig, &whole.LoopConfig)
		switch {
		case key == "task":
		case key == "directory":
			if err := json.Unmarshal(all[key], &whole.Directory); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		case field.IsValid():
			if err := words.Value(all[key], json.Unmarshal(all[key], field.Addr().Interface())); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		case isNumber(key):
			var v float64
			if err := words.Value(all[key], json.Unmarshal(all[key], &v)); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			if whole.Numbers == nil {
				whole.Numbers = map[string]float64{}
			}
			whole.Numbers[key] = v
		case own == nil && whole.Task != "":
			left = append(left, foreignSetting{key, all[key]})
		case whole.notFor(strings.ReplaceAll(key, "_", "-")) != nil && off(string(all[key])):
		default:
			name := strings.ReplaceAll(key, "_", "-")
			if err := whole.notFor(name); err != nil {
				return err
			}
			return fmt.Errorf("unknown setting %q%s", key, words.DidYouMean(name, SettingNames()))
		}
	}
	switch {
	case own != nil:
		whole.Own = reflect.ValueOf(own).Elem().Interface()
	case len(left) > 0:
		whole.Own = left
	}
	if _, given := all["rho"]; given && whole.Perturbs() {
		whole.zeroRho = whole.Rho == 0
	}
	*c = whole
	return nil
}

// begin finds the task of a config's keys, and returns where to put its settings: nil if it is
// none of this program's.
func (c *Config) begin(all map[string]json.RawMessage) (own any, err error) {
	var data string
	for key, to := range map[string]*string{"task": &c.Task, "data": &data} {
		if raw, there := all[key]; there {
			if err := words.Value(raw, json.Unmarshal(raw, to)); err != nil && key == "task" {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	k, ok := c.Kind()
	if !ok && c.Task == "" && !c.common(all) {
		if k, ok = kindOf(data); ok {
			c.Task = k.Name
		}
	}
	if !ok {
		return nil, nil
	}
	return reflect.New(reflect.TypeOf(k.Settings)).Interface(), nil
}

// common reports whether all keys are those of any task's config.
func (c *Config) common(all map[string]json.RawMessage) bool {
	for key := range all {
		if key != "directory" && !fieldOf(key, &c.MethodConfig, &c.BaseConfig, &c.LoopConfig).IsValid() && !isNumber(key) {
			return false
		}
	}
	return true
}

// fieldOf is the field with a name in JSON of the first of some structs that has it.
func fieldOf(name string, parts ...any) reflect.Value {
	for _, part := range parts {
		if part == nil {
			continue
		}
		v := reflect.ValueOf(part).Elem()
		for _, f := range settingsOf(v.Type()) {
			if f.json == name {
				return v.FieldByIndex(f.index)
			}
		}
	}
	return reflect.Value{}
}

// isNumber reports whether a method, one of its choices or a base optimizer has a setting of this name of its own.
func isNumber(name string) bool {
	if sam.IsNumber(name) {
		return true
	}
	for _, r := range optim.Rules() {
		for _, n := range r.Numbers {
			if n.Name == name {
				return true
			}
		}
	}
	return false
}

func keysOf(m map[string]json.RawMessage) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// readJSON reads a run's whole config.
func readJSON(b []byte, c *Config) error {
	d := json.NewDecoder(bytes.NewReader(b))
	var whole Config
	if err := words.JSON(b, d.Decode(&whole)); err != nil {
		return fmt.Errorf("not a run's config: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("not a run's config: it goes on after the closing brace")
	}
	if _, named := c.Kind(); whole.Task == "" && named {
		return errors.New("not a run's config: it is not whole, as it lacks the settings of a task (data, model, ...); single settings are for a TOML file")
	}
	*c = whole
	return nil
}

// foreign are the settings of a task that this program does not know, as a file has them.
type foreign []foreignSetting

type foreignSetting struct {
	key string
	raw json.RawMessage
}

func (f foreign) write(o *object.Object) {
	for _, s := range f {
		o.Add(s.key, s.raw)
	}
}

// settings lists them, to be read alone.
func (f foreign) settings() (list []Setting) {
	for _, s := range f {
		list = append(list, Setting{
			Name: strings.ReplaceAll(s.key, "_", "-"), own: true, typ: reflect.TypeFor[string](),
			get:   func() reflect.Value { return reflect.ValueOf(s.text()) },
			check: func(string) error { return errors.New("the run's task is not one of this program's") },
			store: func(reflect.Value) {},
		})
	}
	return list
}

// text writes the setting as one of its kind would be, as far as its JSON says what it is.
func (s foreignSetting) text() string {
	var v any
	_ = json.Unmarshal(s.raw, &v) // it was read as JSON
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		if text, err := settingText(v); err == nil {
			return text
		}
	}
	var b bytes.Buffer
	_ = json.Compact(&b, s.raw)
	return b.String()
}

// as returns the config with the settings of a task that is none of this program's kinds as
// another config of that task has them: in a struct of the program's own.
func (c Config) as(now *Config) Config {
	f, ok := c.Own.(foreign)
	if !ok || now.Own == nil || now.Task != c.Task {
		return c
	}
	var o object.Object
	f.write(&o)
	b, err := o.Bytes()
	own := reflect.New(reflect.TypeOf(now.Own))
	if d := json.NewDecoder(bytes.NewReader(b)); err == nil {
		d.DisallowUnknownFields()
		err = d.Decode(own.Interface())
	}
	if err == nil {
		c.Own = own.Elem().Interface()
	}
	return c
}

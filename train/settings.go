package train

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/monge-ml/monge/data"
)

// A Setting is one field of a Config under the name that flags and TOML files give it:
// the one of its JSON with hyphens.
type Setting struct {
	Name string
	Help string

	value reflect.Value
}

// Settings lists the fields of a Config. Setting one changes the Config.
func Settings(c *Config) (list []Setting) {
	v := reflect.ValueOf(c).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		list = append(list, Setting{strings.ReplaceAll(name, "_", "-"), f.Tag.Get("help"), v.FieldByIndex(f.Index)})
	}
	return list
}

// IsBool reports whether the setting is a switch.
func (s Setting) IsBool() bool { return s.value.Kind() == reflect.Bool }

// Type names what the setting takes.
func (s Setting) Type() string {
	t := s.value.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[Duration]():
		return "duration"
	case t == reflect.TypeFor[data.Size]():
		return "size"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Float64:
		return "float"
	case t.Kind() == reflect.Uint64:
		return "uint"
	}
	return t.Kind().String()
}

// String returns the value as Set takes it, "" where it is not given.
func (s Setting) String() string {
	v := s.value
	if !v.IsValid() {
		return ""
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	if list, ok := v.Interface().([]string); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(v.Interface())
}

// Set parses a value. Lists are separated by commas.
func (s Setting) Set(text string) (err error) {
	v := s.value
	if v.Kind() == reflect.Pointer {
		v = reflect.New(v.Type().Elem()).Elem()
		defer func() {
			if err == nil {
				s.value.Set(v.Addr())
			}
		}()
	}
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return t.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return nil
	case reflect.Slice:
		var list []string
		for _, f := range strings.Split(text, ",") {
			if f = strings.TrimSpace(f); f != "" {
				list = append(list, f)
			}
		}
		v.Set(reflect.ValueOf(list))
		return nil
	case reflect.Bool:
		var b bool
		if b, err = strconv.ParseBool(text); err == nil {
			v.SetBool(b)
		}
	case reflect.Int:
		var n int
		if n, err = strconv.Atoi(text); err == nil {
			v.SetInt(int64(n))
		}
	case reflect.Uint64:
		var n uint64
		if n, err = strconv.ParseUint(text, 10, 64); err == nil {
			v.SetUint(n)
		}
	case reflect.Float64:
		var x float64
		if x, err = strconv.ParseFloat(text, 64); err == nil {
			v.SetFloat(x)
		}
	}
	if err != nil {
		return fmt.Errorf("%q is no %s", text, s.Type())
	}
	return nil
}

// ReadConfig changes the settings that a file gives: a run's config.json, or a TOML file
// with the names of flags (hyphens or underscores) at its top.
func ReadConfig(path string, c *Config) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if filepath.Ext(path) == ".json" {
		err = readJSON(b, c)
	} else {
		err = readTOML(b, c)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// readJSON reads a run's whole config: a setting that it lacks is off.
func readJSON(b []byte, c *Config) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var whole Config
	if err := d.Decode(&whole); err != nil {
		return fmt.Errorf("not a run's config: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("not a run's config: it goes on after the closing brace")
	}
	*c = whole
	return nil
}

func readTOML(b []byte, c *Config) error {
	var values map[string]any
	if err := toml.Unmarshal(b, &values); err != nil {
		var parse toml.ParseError
		if errors.As(err, &parse) {
			return fmt.Errorf("line %d: %s", parse.Position.Line, parse.Message)
		}
		return err
	}
	return ApplySettings(c, values)
}

// ApplySettings changes the settings that a map names, as a TOML file holds them.
func ApplySettings(c *Config, values map[string]any) error {
	settings := Settings(c)
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names) // so that of several errors it is always the same
	for _, name := range names {
		i := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == strings.ReplaceAll(name, "_", "-") })
		if i < 0 {
			var known []string
			for _, s := range settings {
				known = append(known, s.Name)
			}
			return fmt.Errorf("unknown setting %q; there are %s", name, strings.Join(known, ", "))
		}
		text, err := settingText(values[name])
		if err == nil {
			err = settings[i].Set(text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// settingText writes a TOML value as a flag would be given.
func settingText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool, int64, float64:
		return fmt.Sprint(v), nil
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			s, err := settingText(x)
			if err != nil {
				return "", err
			}
			parts[i] = s
		}
		return strings.Join(parts, ","), nil
	}
	return "", fmt.Errorf("a %T is no setting's value", v)
}

package study

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/monge-ml/monge/train"
)

// errProgram is why a study that was read can't be run.
var errProgram = errors.New("its runs are made by a program of its own, which has to run it; here it can be reported on")

// own are the names of the settings of a program's own task.
func (f *file) own() (names []string) {
	for _, s := range f.Own {
		names = append(names, s.Name)
	}
	return names
}

// An ownSetting says what a setting of a task is whose kind is not registered, so that the runs
// of a study can be told apart without the program. The order is that of the names of cells.
type ownSetting struct {
	Name     string `toml:"name"`
	Type     string `toml:"type"` // bool, int, uint, float, list; any other is text
	Optional bool   `toml:"optional,omitempty"`
	Is       string `toml:"is,omitempty"`
	Place    string `toml:"place,omitempty"`
}

// ownSettings are those of the task of a config.
func ownSettings(c *train.Config) (list []ownSetting) {
	settings := train.Settings(c)
	if t := reflect.TypeOf(c.Own); t != nil && t.Kind() == reflect.Struct {
		for _, f := range reflect.VisibleFields(t) {
			json, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			name := strings.ReplaceAll(json, "_", "-")
			i := slices.IndexFunc(settings, func(s train.Setting) bool { return s.OfTask() && s.Name == name })
			if f.Anonymous || i < 0 {
				continue
			}
			list = append(list, ownSetting{name, settings[i].Type(), f.Type.Kind() == reflect.Pointer, f.Tag.Get("is"), f.Tag.Get("place")})
		}
		return list
	}
	for _, s := range settings {
		if s.OfTask() && s.Name != "task" {
			list = append(list, ownSetting{Name: s.Name, Type: s.Type()})
		}
	}
	return list
}

// ownStruct makes a struct that has the settings.
func ownStruct(list []ownSetting) any {
	if len(list) == 0 {
		return nil
	}
	types := map[string]reflect.Type{
		"bool": reflect.TypeFor[bool](), "int": reflect.TypeFor[int](), "uint": reflect.TypeFor[uint64](),
		"float": reflect.TypeFor[float64](), "list": reflect.TypeFor[[]string](),
	}
	var fields []reflect.StructField
	for i, s := range list {
		t, ok := types[s.Type]
		if !ok {
			t = reflect.TypeFor[string]()
		}
		if s.Optional {
			t = reflect.PointerTo(t)
		}
		tag := fmt.Sprintf("json:%q is:%q place:%q", strings.ReplaceAll(s.Name, "-", "_"), s.Is, s.Place)
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("S%d", i), Type: t, Tag: reflect.StructTag(tag)})
	}
	return reflect.Zero(reflect.StructOf(fields)).Interface()
}

// sayBase fills in the base of a study that a program has made, so that its file says it too: what
// is not as its task begins. The error says what a file has no words for.
func (f *file) sayBase(c *train.Config) (unsaid error) {
	f.Base = map[string]any{}
	if c.Task != "" {
		f.Base["task"] = c.Task
	}
	if _, ok := c.Kind(); !ok {
		f.Own = ownSettings(c)
	}
	usual, err := f.begin()
	if err != nil {
		return err
	}
	is := texts(&usual)
	for _, s := range train.Settings(c) {
		text := s.String()
		switch {
		case s.Name == "task", text == is[s.Name]:
		case s.Name == "seed" && f.Seeds > 0: // which the runs have
		case text == "" && slices.Contains([]string{"bool", "int", "uint", "float"}, s.Type()):
			unsaid = errors.Join(unsaid, fmt.Errorf("a study's file can't say that %s is not given, where task %s begins with %s; set it", s.Name, c.Task, is[s.Name]))
		default:
			f.Base[s.Name] = typed(&s, text)
		}
	}
	return unsaid
}

// typed is a setting's text as TOML has a value of its type.
func typed(s *train.Setting, text string) any {
	switch s.Type() {
	case "bool", "int", "uint", "float":
		return value(text)
	}
	return text
}

// value is a text as the value that it is in TOML, so that a file has a number as a number; as it
// is where it is none.
func value(text string) any {
	var typed map[string]any
	if _, err := toml.Decode("v = "+text, &typed); err == nil && len(typed) == 1 {
		return typed["v"]
	}
	return text
}

// plainGrid copies the maps of a grid, with the values as a file has them.
func plainGrid(grid []map[string]any) (plain []map[string]any, err error) {
	for i, g := range grid {
		values := make(map[string]any, len(g))
		for name, v := range g {
			if values[name], err = plainValue(reflect.ValueOf(v)); err != nil {
				return nil, fmt.Errorf("[[grid]] %d: %s: %w", i+1, name, err)
			}
		}
		plain = append(plain, values)
	}
	return plain, nil
}

func plainValue(v reflect.Value) (any, error) {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.IsValid() {
		if s, ok := v.Interface().(fmt.Stringer); ok { // a duration
			return s.String(), nil
		}
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), nil
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := v.Uint(); n > 1<<63-1 {
			return fmt.Sprint(n), nil // TOML has none so large
		}
		return int64(v.Uint()), nil
	case reflect.Float64:
		return v.Float(), nil
	case reflect.Float32: // 0.1 as it was written
		return value(fmt.Sprint(float32(v.Float()))), nil
	case reflect.Slice, reflect.Array:
		list := make([]any, v.Len())
		for i := range list {
			var err error
			if list[i], err = plainValue(v.Index(i)); err != nil {
				return nil, err
			}
		}
		return list, nil
	case reflect.Invalid:
		return nil, errors.New("nil is no setting's value")
	}
	return nil, fmt.Errorf("a %s is no setting's value", v.Type())
}

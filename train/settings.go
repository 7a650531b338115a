package train

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/monge-ml/monge/internal/registry"
	"github.com/monge-ml/monge/internal/words"
	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// A Setting is one of a Config's under the name that flags and TOML files give it: the one of
// its JSON with hyphens.
type Setting struct {
	Name string
	Help string

	own   bool     // of the task
	is    []string // what else is true of it, see [Kind.Settings]
	typ   reflect.Type
	get   func() reflect.Value
	store func(reflect.Value)
	check func(text string) error // before it is parsed; may be nil
	after func()                  // once it is set; may be nil
}

// Settings lists the settings of a Config: those of its task first, then method, base optimizer
// and loop. Setting one changes the Config. It panics if a registered method, base optimizer or
// kind of tasks has a setting that is called as another's.
func Settings(c *Config) []Setting {
	if err := checkNames(); err != nil {
		panic(err.Error()) // two packages of the program do not fit together
	}
	own, late := ownSettings(c)
	list := make([]Setting, 0, 64+len(own))
	list = append(append(list, taskSetting(c)), own...)
	for _, s := range fieldsOf(&c.MethodConfig) {
		if s.Name == "rho" {
			s.after = func() { c.zeroRho = c.Rho == 0 }
		}
		list = append(list, s)
	}
	for _, of := range sam.Numbers() {
		list = appendNumbers(list, c, []registry.Number{of.Number}, "of "+strings.Join(of.Of, ", "))
	}
	list = append(list, fieldsOf(&c.BaseConfig)...)
	for _, r := range optim.Rules() {
		list = appendNumbers(list, c, r.Numbers, "of "+r.Name)
	}
	for _, s := range fieldsOf(&c.LoopConfig) {
		list = append(list, s)
		list = append(list, late[s.Name]...)
	}
	return list
}

// taskSetting chooses the kind of task. It has no text where the setting data says it.
func taskSetting(c *Config) Setting {
	return Setting{
		Name: "task", Help: "task (default what --data is for)", own: true, typ: reflect.TypeFor[string](),
		get: func() reflect.Value {
			if k, ok := c.Kind(); ok && k.byData() {
				return reflect.ValueOf("")
			}
			return reflect.ValueOf(c.Task)
		},
		check: func(text string) error {
			if text == "" {
				return nil
			}
			_, err := FindKind(text)
			return err
		},
		store: func(v reflect.Value) {
			if k, ok := kinds.Lookup(v.String()); ok {
				c.start(k)
			}
		},
	}
}

// ownSettings are those of the task. One with a tag place stands behind the setting of that
// name, where earlier versions had it: names of a study's cells follow the order.
func ownSettings(c *Config) (list []Setting, late map[string][]Setting) {
	late = map[string][]Setting{}
	if f, ok := c.Own.(foreign); ok {
		return f.settings(), late
	}
	if c.Own == nil {
		return nil, late
	}
	for _, f := range settingsOf(reflect.TypeOf(c.Own)) {
		s := f.Setting
		s.own = true
		task, index := c.Task, f.index
		s.get = func() reflect.Value {
			if c.Task != task { // it is of the kind before
				return reflect.Zero(f.typ)
			}
			return reflect.ValueOf(c.Own).FieldByIndex(index)
		}
		s.store = func(v reflect.Value) {
			if c.Task != task {
				return
			}
			changed := reflect.New(reflect.TypeOf(c.Own)).Elem()
			changed.Set(reflect.ValueOf(c.Own))
			changed.FieldByIndex(index).Set(v)
			c.Own = changed.Interface()
		}
		if s.Name == "data" {
			s.after = func() { c.followData(s.get().String()) }
		}
		if f.place != "" {
			late[f.place] = append(late[f.place], s)
		} else {
			list = append(list, s)
		}
	}
	return list, late
}

// followData sets the kind that the setting data is for, unless the task was chosen.
func (c *Config) followData(data string) {
	now, ok := c.Kind()
	if !ok || !now.byData() {
		return
	}
	if k, ok := kindOf(data); ok {
		c.start(k)
	}
}

// A field is a setting of a struct, without the way to its value.
type field struct {
	Setting
	index []int
	json  string // its name there
	place string
}

// fieldsOfTypes keeps what settingsOf has found: studies ask for every one of many runs.
var fieldsOfTypes sync.Map

// settingsOf are the settings that the fields of a struct are.
func settingsOf(t reflect.Type) []field {
	if known, ok := fieldsOfTypes.Load(t); ok {
		return known.([]field)
	}
	var list []field
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		list = append(list, field{
			Setting: Setting{Name: strings.ReplaceAll(name, "_", "-"), Help: f.Tag.Get("help"), is: strings.Split(f.Tag.Get("is"), ","), typ: f.Type},
			index:   f.Index, json: name, place: f.Tag.Get("place"),
		})
	}
	fieldsOfTypes.Store(t, list)
	return list
}

// fieldsOf are the settings of a part of a Config.
func fieldsOf(part any) (list []Setting) {
	v := reflect.ValueOf(part).Elem()
	for _, f := range settingsOf(v.Type()) {
		s := f.Setting
		field := v.FieldByIndex(f.index)
		s.get, s.store = func() reflect.Value { return field }, field.Set
		list = append(list, s)
	}
	return list
}

// appendNumbers adds the settings that single methods or base optimizers have; two methods that
// call one the same share it, and so do two base optimizers.
func appendNumbers(list []Setting, c *Config, numbers []registry.Number, of string) []Setting {
	for _, n := range numbers {
		if i := slices.IndexFunc(list, func(s Setting) bool { return s.Name == n.Name }); i >= 0 {
			continue
		}
		list = append(list, Setting{
			Name: n.Name, Help: fmt.Sprintf("%s, %s (default %g)", n.Help, of, n.Default), is: []string{"free"}, typ: reflect.TypeFor[*float64](),
			get: func() reflect.Value {
				if v, given := c.Numbers[n.Name]; given {
					return reflect.ValueOf(&v)
				}
				return reflect.ValueOf((*float64)(nil))
			},
			check: func(text string) error {
				if v, err := strconv.ParseFloat(text, 64); err == nil {
					return finite(v)
				}
				return nil // parsing says it
			},
			store: func(v reflect.Value) {
				changed := maps.Clone(c.Numbers)
				if changed == nil {
					changed = map[string]float64{}
				}
				changed[n.Name] = v.Elem().Float()
				c.Numbers = changed
			},
		})
	}
	return list
}

// finite returns an error for a number that JSON can't hold.
func finite(v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("it is %g; it must be a finite number", v)
	}
	return nil
}

// Is reports whether something is true of the setting that its tag says: free, decided, idle
// (it changes nothing of what is computed), examples; see [Kind.Settings].
func (s Setting) Is(what string) bool { return slices.Contains(s.is, what) }

// OfTask reports whether the setting is the task's own.
func (s Setting) OfTask() bool { return s.own }

// IsBool reports whether the setting is a switch.
func (s Setting) IsBool() bool { return s.typ != nil && s.typ.Kind() == reflect.Bool }

// Type names what the setting takes.
func (s Setting) Type() string {
	t := s.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[Duration]():
		return "duration"
	case t.Kind() == reflect.Struct:
		return strings.ToLower(t.Name())
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Float64:
		return "float"
	case t.Kind() == reflect.Uint64:
		return "uint"
	}
	return t.Kind().String()
}

// isNot says of a text that it is not of the setting's type.
func (s Setting) isNot() string {
	switch t := s.Type(); t {
	case "int":
		return "no whole number"
	case "uint":
		return "no whole number of 0 or more"
	case "float":
		return "no number"
	case "bool":
		return "neither true nor false"
	default:
		return "no " + t
	}
}

// String returns the value as Set takes it, "" where it is not given.
func (s Setting) String() string {
	if s.get == nil {
		return ""
	}
	v := s.get()
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

// off reports whether a text, as Set takes it, is that of a setting that is not given.
func off(text string) bool {
	switch text {
	case "", "0", "false", "null", "[]", `""`:
		return true
	}
	return false
}

// Set parses a value. Lists are separated by commas.
func (s Setting) Set(text string) error {
	if s.check != nil {
		if err := s.check(text); err != nil {
			return err
		}
	}
	v, err := s.parse(text)
	if err != nil {
		return err
	}
	s.store(v)
	if s.after != nil {
		s.after()
	}
	return nil
}

// parse returns the value of a text.
func (s Setting) parse(text string) (reflect.Value, error) {
	t := s.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	v := reflect.New(t).Elem()
	err := parseInto(v, text)
	if err != nil {
		var bad parseError
		if errors.As(err, &bad) {
			err = fmt.Errorf("%q is %s", text, s.isNot())
		}
		return v, err
	}
	if s.typ.Kind() == reflect.Pointer {
		return v.Addr(), nil
	}
	return v, nil
}

// A parseError is one that the text and the type say all of.
type parseError struct{ error }

func parseInto(v reflect.Value, text string) error {
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return t.UnmarshalText([]byte(text))
	}
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Slice:
		var list []string
		for _, f := range strings.Split(text, ",") {
			if f = strings.TrimSpace(f); f != "" {
				list = append(list, f)
			}
		}
		v.Set(reflect.ValueOf(list))
	case reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case reflect.Int:
		var n int
		n, err = strconv.Atoi(text)
		v.SetInt(int64(n))
	case reflect.Uint64:
		var n uint64
		n, err = strconv.ParseUint(text, 10, 64)
		v.SetUint(n)
	case reflect.Float64:
		var x float64
		x, err = strconv.ParseFloat(text, 64)
		v.SetFloat(x)
	default:
		return fmt.Errorf("a %s can't be a setting", v.Type())
	}
	if err != nil {
		return parseError{err}
	}
	return nil
}

// Set changes the setting of a name, from a text as a flag would be given.
func (c *Config) Set(name, text string) error {
	return c.set(Settings(c), name, text)
}

// set is Set by the settings that the config has.
func (c *Config) set(settings []Setting, name, text string) error {
	i := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == strings.ReplaceAll(name, "_", "-") })
	if i >= 0 {
		return settings[i].Set(text)
	}
	if err := c.notFor(strings.ReplaceAll(name, "_", "-")); err != nil {
		if off(text) {
			return nil
		}
		return unfit{err}
	}
	return unfit{unknownSetting(name)}
}

// An unfit setting is one that the task does not have. Its error says its name.
type unfit struct{ error }

// unknownSetting is the error for a setting that no task has; it lists those there are.
func unknownSetting(name string) error {
	return fmt.Errorf("unknown setting %q%s; there are %s", name, words.DidYouMean(name, SettingNames()), strings.Join(SettingNames(), ", "))
}

// SettingNames are the names of all settings, of every kind of task.
func SettingNames() (names []string) {
	for _, s := range AllSettings() {
		names = append(names, s.Name)
	}
	return names
}

// AllSettings lists the settings of every kind of task, each once: those of the first kind that
// has it. They are of no Config that anybody sees.
func AllSettings() (list []Setting) {
	for _, k := range append([]Kind{{}}, Kinds()...) {
		var own []Setting
		c := Config{Task: k.Name, Own: k.Settings}
		for _, s := range Settings(&c) {
			if !slices.ContainsFunc(list, func(t Setting) bool { return t.Name == s.Name }) {
				own = append(own, s)
			}
		}
		at := slices.IndexFunc(list, func(t Setting) bool { return !t.own })
		list = slices.Insert(list, max(at, 0), own...)
	}
	return list
}

// ReadConfig changes the settings that a file gives: a run's config.json, or a TOML file
// with the names of flags (hyphens or underscores) at its top. Relative paths in a run's config are
// of its Directory, see [Config.FindPlaces].
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

func readTOML(b []byte, c *Config) error {
	var values map[string]any
	if err := words.TOML(b, &values); err != nil {
		return err
	}
	for _, name := range []string{"base", "grid", "stage"} {
		if _, table := values[name].(map[string]any); table || values[name] != nil && name != "base" {
			return fmt.Errorf("[%s] is a part of a study: run it with study run, or write a run's settings without tables", name)
		}
	}
	if name, _ := values["task"].(string); name != c.Task {
		if k, ok := kinds.Lookup(name); ok {
			*c = DefaultOf(k) // as --task begins
		}
	}
	return ApplySettings(c, values)
}

// ApplySettings changes the settings that a map names, as a TOML file holds them: first those
// that decide which others there are, task and data.
func ApplySettings(c *Config, values map[string]any) error {
	names := slices.SortedFunc(maps.Keys(values), func(a, b string) int { // so that of several errors it is always the same
		return 2*(rank(a)-rank(b)) + strings.Compare(a, b)
	})
	settings, task := Settings(c), c.Task
	for _, name := range names {
		text, err := settingText(values[name])
		if err == nil {
			err = c.set(settings, name, text)
		}
		if c.Task != task {
			settings, task = Settings(c), c.Task
		}
		switch {
		case errors.As(err, new(unfit)):
			return err
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// rank puts the settings first that decide which others there are.
func rank(name string) int {
	switch name {
	case "data":
		return 0
	case "task":
		return 1
	}
	return 2
}

// settingText writes a TOML value as a flag would be given.
func settingText(v any) (string, error) {
	switch x := reflect.ValueOf(v); {
	case x.Kind() == reflect.String:
		return x.String(), nil
	case x.Kind() == reflect.Bool, x.CanInt(), x.CanUint(), x.CanFloat():
		return fmt.Sprint(v), nil
	case x.Kind() == reflect.Slice:
		parts := make([]string, x.Len())
		for i := range parts {
			s, err := settingText(x.Index(i).Interface())
			if err != nil {
				return "", err
			}
			parts[i] = s
		}
		return strings.Join(parts, ","), nil
	}
	what := fmt.Sprintf("a %T", v)
	switch v.(type) {
	case map[string]any, []map[string]any:
		what = "a table"
	case time.Time:
		what = "a date"
	}
	return "", fmt.Errorf("%s is no setting's value: those are texts, numbers, true, false, and lists of them", what)
}

// SameConfig returns an error that lists the settings in which a run's saved config
// differs, but for those that change nothing of what is computed. A path may be spelled in
// another way.
func SameConfig(saved, now Config) error {
	return sameConfig(saved, now, Setting.samePlace)
}

// SameBesidePlaces is [SameConfig] that takes any two places of a format for one: where the
// content is compared, as [Run.Finished] and [OpenDir] do.
func SameBesidePlaces(saved, now Config) error {
	return sameConfig(saved, now, func(s Setting, a, _, b, _ string) bool {
		p, ok := s.placeOf(a)
		q, also := s.placeOf(b)
		return a == b || ok && also && p.before == q.before && p.after == q.after
	})
}

func sameConfig(saved, now Config, samePlace func(s Setting, was, wasIn, is, isIn string) bool) error {
	var differ []string
	saved = saved.as(&now)
	here := workingDirectory()
	is := map[string]string{}
	for _, s := range Settings(&now) {
		is[s.Name] = s.String()
	}
	for _, s := range Settings(&saved) {
		was, v := s.String(), is[s.Name]
		delete(is, s.Name)
		if !s.Is("idle") && !samePlace(s, was, cmp.Or(saved.Directory, here), v, here) {
			differ = append(differ, fmt.Sprintf("%s was %s, is %s", s.Name, orNone(was), orNone(v)))
		}
	}
	for _, s := range Settings(&now) {
		if v := is[s.Name]; !off(v) {
			differ = append(differ, fmt.Sprintf("%s was not set, is %s", s.Name, v))
		}
	}
	if differ == nil {
		return nil
	}
	return fmt.Errorf("the run has other settings: %s; resume it with its own, or choose another directory", strings.Join(differ, "; "))
}

func orNone(s string) string {
	if s == "" {
		return "not set"
	}
	return s
}

// Decided returns the config with what a run of it has decided by itself, from the run's own.
func (c Config) Decided(run Config) Config {
	decided := map[string]string{}
	for _, s := range Settings(&run) {
		if s.Is("decided") {
			decided[s.Name] = s.String()
		}
	}
	for _, s := range Settings(&c) {
		if v := decided[s.Name]; s.Is("decided") && s.String() == "" && v != "" {
			_ = s.Set(v) // it was read as one
		}
	}
	return c
}

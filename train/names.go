package train

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
)

// reserved are names of flags that are no settings, and of the setting task.
var reserved = []string{"task", "out", "config", "resume", "dry-run", "no-tensorboard", "json", "help"}

// namesChecked is how many methods, base optimizers and kinds there were when the names of their
// settings were found to be all different.
var namesChecked atomic.Int64

// checkNames returns an error where two have a setting of one name that would go to one of them
// alone. Which package registers first is not known, so it is asked once all have.
func checkNames() error {
	methods, rules, kinds := sam.Methods(), optim.Rules(), kinds.All()
	n := int64(len(methods) + len(rules) + len(kinds))
	if namesChecked.Load() == n {
		return nil
	}
	err := clash(methods, rules, kinds)
	if err == nil {
		namesChecked.Store(n)
	}
	return err
}

// clash finds a name of two settings. Two methods may share one, and two base optimizers, as a
// run has one of each; two kinds may if it is of one type.
func clash(methods []sam.Method, rules []optim.Rule, kinds []Kind) error {
	type owner struct {
		what, part string // whose it is, and what a run has one of
		typ        reflect.Type
	}
	owners := map[string]owner{}
	for _, name := range reserved {
		owners[name] = owner{what: "the command line", part: "shared"}
	}
	for _, part := range []any{MethodConfig{}, BaseConfig{}, LoopConfig{}} {
		for _, f := range settingsOf(reflect.TypeOf(part)) {
			owners[f.Name] = owner{what: "the settings that all tasks share", part: "shared"}
		}
	}
	var errs []error
	add := func(name string, o owner) {
		other, taken := owners[name]
		switch {
		case !taken:
			owners[name] = o
		case other.what == o.what || other.part != o.part:
			errs = append(errs, fmt.Errorf("monge: setting %q of %s is one of %s as well; call it otherwise", name, o.what, other.what))
		case other.typ != o.typ:
			errs = append(errs, fmt.Errorf("monge: setting %q of %s is a %v, that of %s a %v; call it otherwise", name, o.what, o.typ, other.what, other.typ))
		}
	}
	for _, m := range methods {
		for _, n := range m.Numbers {
			add(n.Name, owner{what: "method " + m.Name, part: "method"})
		}
	}
	for _, list := range [][]sam.Choice{sam.Directions(), sam.MetricLengths(), sam.Descents()} {
		for _, c := range list {
			for _, n := range c.Numbers {
				add(n.Name, owner{what: "choice " + c.Name, part: "method"})
			}
		}
	}
	for _, r := range rules {
		for _, n := range r.Numbers {
			add(n.Name, owner{what: "base optimizer " + r.Name, part: "base"})
		}
	}
	for _, k := range kinds {
		for _, f := range settingsOf(reflect.TypeOf(k.Settings)) {
			add(f.Name, owner{"task " + k.Name, "task", f.typ})
		}
	}
	return errors.Join(errs...)
}

// checkFields returns an error for a type of settings that files and flags can't hold.
func checkFields(t reflect.Type) error {
	if t.Kind() == reflect.Pointer {
		return fmt.Errorf("its Settings are a pointer, %v; they must be a struct", t)
	}
	if t.Kind() != reflect.Struct {
		return fmt.Errorf("its Settings are a %v; they must be a struct", t)
	}
	for _, f := range reflect.VisibleFields(t) {
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
		case f.Anonymous:
			return fmt.Errorf("field %s: what is embedded must be a struct", f.Name)
		case !f.IsExported():
			return fmt.Errorf("field %s: it is not exported", f.Name)
		case !canParse(f.Type):
			return fmt.Errorf("field %s: a %v can't be a setting", f.Name, f.Type)
		}
	}
	for _, f := range settingsOf(t) {
		if f.json == "" || f.json == "-" {
			return fmt.Errorf("field %s: its tag json has no name", t.FieldByIndex(f.index).Name)
		}
	}
	return nil
}

// canParse reports whether values of a type are made of texts, see [parseInto].
func canParse(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return true
	}
	if t.Kind() == reflect.Slice {
		return t == reflect.TypeFor[[]string]()
	}
	return slices.Contains([]reflect.Kind{reflect.String, reflect.Bool, reflect.Int, reflect.Uint64, reflect.Float64}, t.Kind())
}

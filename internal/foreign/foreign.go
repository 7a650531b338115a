// Package foreign holds what other software's settings files say against what is known of
// their keys, so that none is skipped that would change what a model computes.
package foreign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/monge-ml/monge/internal/words"
)

// A Rule says what a key may be.
type Rule struct{ only []any }

var (
	Read = Rule{} // its value is read, or checked, elsewhere
	Idle = Rule{} // it changes nothing of what is computed here
)

// Only is the rule of a key that is understood at some values alone. Null is always one of
// them: it stands for the key's absence.
func Only(values ...any) Rule { return Rule{values} }

// Limited reports whether some values alone are understood.
func (r Rule) Limited() bool { return r.only != nil }

// Keys are what is known of an object.
type Keys map[string]Rule

// With returns the keys of both.
func (k Keys) With(more Keys) Keys {
	all := maps.Clone(k)
	maps.Copy(all, more)
	return all
}

// IdleKeys are keys that change nothing.
func IdleKeys(names ...string) Keys {
	k := Keys{}
	for _, n := range names {
		k[n] = Idle
	}
	return k
}

// Check returns an error for the first key, in alphabetical order, that is not known or has a
// value that is not. The prefix says where the object is, as "text_config.".
func (k Keys) Check(prefix string, object map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		value := object[name]
		if string(value) == "null" {
			continue
		}
		rule, known := k[name]
		if !known {
			return fmt.Errorf("%s%.99s is %.80s: this setting is not known here, and might change what is computed; take it out of the file if it does not", prefix, name, value)
		}
		if rule.only != nil && !slices.ContainsFunc(rule.only, func(v any) bool { return equal(value, v) }) {
			return fmt.Errorf("%s%s is %.80s; only models where it is %s can be read here", prefix, name, value, list(rule.only))
		}
	}
	return nil
}

// Text returns a file's content without the byte order mark that some editors begin it with.
func Text(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) }

// Object reads an object of settings; null is one without any.
func Object(b []byte) (map[string]json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := words.Value(b, json.Unmarshal(b, &object)); err != nil {
		return nil, fmt.Errorf("no object of settings: %w", err)
	}
	return object, nil
}

// equal compares a value of a file with one that encoding/json would make of it.
func equal(value json.RawMessage, want any) bool {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return false
	}
	return reflect.DeepEqual(v, want)
}

func list(values []any) string {
	var parts []string
	for _, v := range values {
		b, _ := json.Marshal(v)
		parts = append(parts, string(b))
	}
	return strings.Join(parts, " or ")
}

// Package object builds JSON objects whose keys are not those of one struct.
package object

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// An Object is a JSON object that keys are added to. Its zero value is empty. The first error
// sticks.
type Object struct {
	b   []byte
	err error
}

// Of returns the object that a struct is.
func Of(v any) *Object {
	o := &Object{}
	o.Join(v)
	return o
}

// Add appends a key.
func (o *Object) Add(key string, value any) {
	v, err := json.Marshal(value)
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("%s: %w", key, err)
	}
	k, _ := json.Marshal(key) // a string
	if len(o.b) > 0 {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, k...), ':'), v...)
}

// Join appends the keys of a struct or a map, of neither nothing.
func (o *Object) Join(v any) {
	b, err := json.Marshal(v)
	if err != nil && o.err == nil {
		o.err = err
	}
	if len(b) <= len("{}") || b[0] != '{' {
		return
	}
	inner := bytes.TrimSuffix(b[1:], []byte("}"))
	if len(o.b) > 0 {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, inner...)
}

// Bytes returns the object.
func (o *Object) Bytes() ([]byte, error) {
	if o.err != nil {
		return nil, o.err
	}
	return append(append([]byte("{"), o.b...), '}'), nil
}

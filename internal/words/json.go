// Package words makes messages about people's files of what the readers of the standard library
// say: they speak of the file, and not of what it was read into.
package words

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// JSON returns what is wrong with a JSON text b, of an error of package encoding/json: where it
// stops being JSON, or which key has a value of the wrong kind. Other errors are returned as they
// are.
func JSON(b []byte, err error) error {
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
	)
	switch {
	case err == nil:
		return nil
	case len(bytes.TrimSpace(b)) == 0:
		return errors.New("it is empty")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &syntax) && syntax.Error() == "unexpected end of JSON input":
		return errors.New("it is cut short: the JSON does not end")
	case errors.As(err, &syntax):
		return fmt.Errorf("no JSON at %s%s", place(b, syntax.Offset), near(b, syntax.Offset))
	case errors.As(err, &kind):
		where := "it "
		if field := keys(kind.Field); field != "" {
			where = field + " "
		}
		return fmt.Errorf("%sis %s where %s should be (%s)", where, article(kind.Value), wanted(kind.Type), place(b, kind.Offset))
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("unknown key %s", field)
	}
	return err
}

// keys is a path of keys without the names of embedded structs, which encoding/json puts in it.
func keys(path string) string {
	parts := slices.DeleteFunc(strings.Split(path, "."), func(p string) bool { return p != "" && unicode.IsUpper(rune(p[0])) })
	return strings.Join(parts, ".")
}

// near shows what stands at an offset.
func near(b []byte, offset int64) string {
	at := max(0, min(int(offset)-1, len(b)))
	end := min(at+12, len(b))
	if i := bytes.IndexByte(b[at:end], '\n'); i > 0 {
		end = at + i
	}
	if at == end {
		return ""
	}
	return fmt.Sprintf(": there is %q", b[at:end])
}

// Value is [JSON] for the value of a key, whose place in the file is not known.
func Value(b []byte, err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("%s is %s where %s should be", cmp.Or(keys(kind.Field), "it"), article(kind.Value), wanted(kind.Type))
	}
	return JSON(b, err)
}

// place is the line and column of an offset.
func place(b []byte, offset int64) string {
	before := b[:max(0, min(int(offset), len(b)))]
	line := 1 + bytes.Count(before, []byte{'\n'})
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1)
	return fmt.Sprintf("line %d, column %d", line, max(column, 1))
}

// article puts what encoding/json calls a value into words.
func article(value string) string {
	what, rest, _ := strings.Cut(value, " ")
	switch what {
	case "array":
		return "a list"
	case "bool":
		return "true or false"
	case "number":
		if rest == "" {
			return "a number"
		}
		return "the number " + rest
	case "object":
		return "an object"
	case "string":
		return "a text"
	}
	return value
}

// wanted says what values a type stands for.
func wanted(t reflect.Type) string {
	if t == nil {
		return "another value"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of 0 or more"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return "another value"
}

// Unmarshal is json.Unmarshal with the errors of [JSON].
func Unmarshal(b []byte, to any) error { return JSON(b, json.Unmarshal(b, to)) }

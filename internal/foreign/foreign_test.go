package foreign_test

import (
	"strings"
	"testing"

	"github.com/monge-ml/monge/internal/foreign"
)

func TestCheck(t *testing.T) {
	keys := foreign.IdleKeys("name").With(foreign.Keys{"width": foreign.Read, "bias": foreign.Only(true, "yes"), "list": foreign.Only([]any{})})
	for _, c := range []struct{ text, want string }{
		{`{"name": [1], "width": 3, "bias": true, "list": []}`, ""},
		{`{"bias": "yes", "later": null}`, ""},
		{`null`, ""},
		{`{"bias": false}`, `part.bias is false; only models where it is true or "yes" can be read here`},
		{`{"list": [1]}`, "part.list is [1]; only models where it is []"},
		{`{"Width": 3}`, "part.Width is 3: this setting is not known here"},
		{`{"z": 1, "a": 0}`, "part.a is 0"},
		{`[]`, "no object of settings: it is a list"},
	} {
		object, err := foreign.Object([]byte(c.text))
		if err == nil {
			err = keys.Check("part.", object)
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", c.text, err, c.want)
		}
	}
}

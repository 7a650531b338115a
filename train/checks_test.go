package train

import (
	"strings"
	"testing"
)

// What a task measures must be fit for records, and stay the same.
func TestMeasuresCheck(t *testing.T) {
	good := Measures{{Name: "q", Better: Lower}, {Name: "r_2"}}
	if err := good.check(nil); err != nil {
		t.Error(err)
	}
	if err := good.check(good); err != nil {
		t.Error(err)
	}
	for want, m := range map[string]Measures{
		"is no name":          {{Name: "Bad Name!", Better: Lower}},
		"is there twice":      {{Name: "q", Better: Lower}, {Name: "q"}},
		"has no direction":    {{Name: "q"}, {Name: "r_2", Better: Lower}},
		`better "sideways"`:   {{Name: "q", Better: "sideways"}},
		"measured before":     {{Name: "r_2", Better: Lower}, {Name: "q"}},
		"it measured before":  {{Name: "q", Better: Higher}, {Name: "r_2"}},
		"that it measured be": {{Name: "q", Better: Lower}},
	} {
		if err := m.check(good); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", m, err, want)
		}
	}
}

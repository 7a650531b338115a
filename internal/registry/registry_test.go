package registry

import (
	"slices"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	l := List[int]{What: "thing"}
	l.Register("b", 2)
	l.Register("a", 1)
	if !slices.Equal(l.Names(), []string{"b", "a"}) || !slices.Equal(l.All(), []int{2, 1}) {
		t.Errorf("%v %v", l.Names(), l.All())
	}
	if v, err := l.Find("a"); v != 1 || err != nil {
		t.Errorf("%v %v", v, err)
	}
	if _, err := l.Find("c"); err == nil || err.Error() != `unknown thing "c"; there are b, a` {
		t.Errorf("%v", err)
	}
}

// A name that is given twice, or none, stops the program where it starts.
func TestRegisterPanics(t *testing.T) {
	for _, name := range []string{"a", "", "A b,c"} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.Contains(s, "thing") {
					t.Errorf("%q: no panic that names it: %q", name, s)
				}
			}()
			l := List[int]{What: "thing"}
			l.Register("a", 1)
			l.Register(name, 2)
		}()
	}
}

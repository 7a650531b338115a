package registry

import (
	"maps"
	"testing"
)

func TestValues(t *testing.T) {
	numbers := []Number{{Name: "kappa", Default: .5}, {Name: "sigma", Default: 1}}
	given := map[string]float64{"kappa": 0}
	got, unknown := Values(numbers, given)
	if !maps.Equal(got, map[string]float64{"kappa": 0, "sigma": 1}) || unknown != "" || len(given) != 1 {
		t.Errorf("%v, unknown %q", got, unknown)
	}
	if _, unknown := Values(numbers, map[string]float64{"z": 1, "y": 1, "sigma": 1}); unknown != "y" {
		t.Errorf("unknown %q, want y, the first by name", unknown)
	}
}

func TestCheck(t *testing.T) {
	known := []string{"rho", "alpha"}
	if err := Check([]string{"rho"}, known, []Number{{Name: "kappa-2"}}); err != nil {
		t.Error(err)
	}
	if Check([]string{"roh"}, known, nil) == nil || Check(nil, known, []Number{{Name: "a"}, {Name: "a"}}) == nil {
		t.Error("no error")
	}
	for _, name := range []string{"", "Kappa", "my_kappa", "a b", "-a"} {
		if Check(nil, known, []Number{{Name: name}}) == nil {
			t.Errorf("%q is a name", name)
		}
	}
}

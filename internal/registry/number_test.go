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

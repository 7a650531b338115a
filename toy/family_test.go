package toy

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/monge-ml/monge/sam"
)

// endsCase reads a case of testdata/gen_family.py from its name: a method or a length of SAM, and numbers.
func endsCase(t *testing.T, name string) Settings {
	t.Helper()
	p := sam.Params{Rho: sam.Constant(1), Own: map[string]float64{}}
	name, two := strings.CutSuffix(name, " rho 2")
	if two {
		p.Rho = sam.Constant(2)
	}
	name, wide := strings.CutSuffix(name, " spread .5")
	if wide {
		p.Own["metric-spread"] = .5
	}
	length, isLength := strings.CutPrefix(name, "length ")
	if isLength {
		name = "sam"
	}
	if length == "hessian" {
		p.Own["metric-points"] = 2
	}
	m, err := sam.FindMethod(name)
	if err == nil && isLength {
		m, err = m.With("", length, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	s := Settings{LR: .01, Steps: 200}
	if name == "momentum-sam" {
		s.Momentum = .5
	}
	if !m.Perturbs() {
		p.Rho = nil
	}
	if s.Method, err = sam.SettingsOf[float64](m, p); err != nil {
		t.Fatal(err)
	}
	return s
}

// Each method, and each length, ends where its formula does from every start of a grid on the banana.
func TestFamilyEnds(t *testing.T) {
	b, err := os.ReadFile("testdata/family.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]map[string]int
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	for name, want := range golden {
		t.Run(name, func(t *testing.T) {
			runs := descendAll(t, Banana{}, Grid(2, 10, -3, 3), endsCase(t, name))
			if got := Ends(Banana{}, runs); !maps.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
	for _, m := range Methods() {
		if golden[m.Name] == nil {
			t.Errorf("no counts of method %s", m.Name)
		}
	}
	// Points nearby are Go's random numbers; single examples a toy has not.
	other := []string{"nearby", "example"}
	same := map[string]string{"rho": "sam", "monge": "m-sam", "power": "le-sam", "adaptive": "asam", "fisher": "fisher"}
	for _, l := range sam.MetricLengths() {
		if golden["length "+l.Name] == nil && golden[same[l.Name]] == nil && !slices.Contains(other, l.Name) {
			t.Errorf("no counts of length %s", l.Name)
		}
	}
}

// Points drawn close by make the metric M-SAM's, which is of the gradient at theta, and all runs end where its do.
func TestNearbyEnds(t *testing.T) {
	starts := Grid(2, 10, -3, 3)
	got := Ends(Banana{}, descendAll(t, Banana{}, starts, endsCase(t, "length nearby")))
	want := Ends(Banana{}, descendAll(t, Banana{}, starts, endsCase(t, "m-sam")))
	if !maps.Equal(got, want) {
		t.Errorf("%v, of M-SAM %v", got, want)
	}
}

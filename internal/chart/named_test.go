package chart

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/plot/vg"
)

func someNamed() *Named {
	return &Named{
		Alt: "names", X: Axis{Label: "cost", Max: 3}, Y: Axis{Min: -1, Max: 1}, Rules: []Rule{{Look: LookAt(3), At: 0}},
		Points: []NamedPoint{
			{LookAt(0), "low", 1, -.5, .1}, {LookAt(1), "high", 2, .5, 0}, {LookAt(2), "nowhere", 2, math.NaN(), 0}, {LookAt(2), "right", 2.5, .5, .6},
			{LookAt(3), "one whose name is so long that there is no room to write all of it", 1, .2, 0},
		},
	}
}

// Names stand in the order of heights and overlap nowhere; those that are apart stay where they are.
func TestApart(t *testing.T) {
	for _, c := range []struct{ heights, want []vg.Length }{
		{[]vg.Length{200, 100, 50}, []vg.Length{200, 100, 50}},
		{[]vg.Length{100, 100}, []vg.Length{100 + nameHeight/2, 100 - nameHeight/2}},
		{[]vg.Length{100, 100, 99, 20}, []vg.Length{299./3 + nameHeight, 299. / 3, 299./3 - nameHeight, 20}},
		{[]vg.Length{300, 299}, []vg.Length{250, 250 - nameHeight}},
		{[]vg.Length{1, 0}, []vg.Length{10 + nameHeight, 10}},
		{nil, nil},
	} {
		got := apart(c.heights, 10, 250)
		if !slices.EqualFunc(got, c.want, func(a, b vg.Length) bool { return math.Abs(float64(a-b)) < 1e-9 }) {
			t.Errorf("%v: %v, want %v", c.heights, got, c.want)
		}
	}
	// a block that is moved meets the next
	got := apart([]vg.Length{250, 250, 250, 220, 219, 100, 12, 11}, 10, 250)
	for i, h := range got {
		if h > 250 || h < 10 || i > 0 && got[i-1]-h < nameHeight-1e-9 {
			t.Fatalf("%v", got)
		}
	}
}

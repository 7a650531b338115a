package train

import (
	"fmt"
	"math"
	"strings"

	"github.com/monge-ml/monge/internal/number"
)

// A Real is a float64 whose infinities and NaN JSON can hold.
type Real = number.Real

// A Direction says which way a measure is better.
type Direction string

// The directions. A measure without one is only told.
const (
	Higher Direction = "higher"
	Lower  Direction = "lower"
)

// A Measure is one number that a task measures on a split.
type Measure struct {
	Name   string    // the key in files, with the split before it: lower case, digits, underscores; each once
	Value  Real      // NaN where there is none
	Better Direction // which way it is better
	Label  string    // for people; "" is Name
	Share  bool      // it lies between 0 and 1, and people read percent
	Chance float64   // what guessing has, 0 if not known
}

// String writes the value for people: shares as percentages, a dash for none.
func (m Measure) String() string {
	switch v := float64(m.Value); {
	case math.IsNaN(v):
		return "–"
	case m.Share:
		return fmt.Sprintf("%.1f%%", 100*v)
	default:
		return fmt.Sprintf("%.4g", v)
	}
}

// Title is the measure's name for people.
func (m Measure) Title() string {
	if m.Label != "" {
		return m.Label
	}
	return strings.ReplaceAll(m.Name, "_", " ")
}

// Beats reports whether the measure is better than another value of it. A value that is NaN
// beats none, and is beaten by every other.
func (m Measure) Beats(other Real) bool {
	a, b := float64(m.Value), float64(other)
	switch {
	case m.Better == "" || math.IsNaN(a):
		return false
	case math.IsNaN(b):
		return true
	case m.Better == Lower:
		return a < b
	}
	return a > b
}

// Measures are a task's measures on one split, in its order.
type Measures []Measure

// Get returns the value of a name, NaN if there is none.
func (m Measures) Get(name string) Real {
	for _, x := range m {
		if x.Name == name {
			return x.Value
		}
	}
	return Real(math.NaN())
}

// First returns the measure that decides; its value is NaN if there is none.
func (m Measures) First() Measure {
	if len(m) == 0 {
		return Measure{Value: Real(math.NaN())}
	}
	return m[0]
}

// Better reports whether the measures are better than others of the same task: by the first,
// and where that is equal by the next with a direction.
func (m Measures) Better(than Measures) bool {
	for _, x := range m {
		y := x
		if y.Value = than.Get(x.Name); x.Beats(y.Value) {
			return true
		}
		if y.Beats(x.Value) {
			return false
		}
	}
	return false
}

// named returns the measures without values, as the first line of a metrics file and a result
// have them.
func (m Measures) named() []measureName {
	var list []measureName
	for _, x := range m {
		list = append(list, measureName{x.Name, x.Better, x.Label, x.Share, Real(x.Chance)})
	}
	return list
}

// A measureName is all of a measure but its value, as files have it.
type measureName struct {
	Name   string    `json:"name"`
	Better Direction `json:"better,omitempty"`
	Label  string    `json:"label,omitempty"`
	Share  bool      `json:"share,omitempty"`
	Chance Real      `json:"chance,omitempty"`
}

// measuresOf returns measures of these names, with values by name; nil if it has none of them.
func measuresOf(names []measureName, values map[string]Real) (m Measures) {
	any := false
	for _, n := range names {
		v, there := values[n.Name]
		if any = any || there; !there {
			v = Real(math.NaN())
		}
		m = append(m, Measure{n.Name, v, n.Better, n.Label, n.Share, float64(n.Chance)})
	}
	if !any {
		return nil
	}
	return m
}

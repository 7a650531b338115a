package data

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Matched returns the data set with its labels numbered as their classes stand in a list, which
// has classes of other data too. Names decide: equal ones, else those that look alike (white space
// around them, composed and decomposed letters), else numbers of the same value, as 3 and 3.0. A
// class that is not in the list is an error.
func (s *Splits) Matched(classes []string) (*Splits, error) {
	to, err := matchNames(s.Classes, classes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	out := *s
	out.Classes = slices.Clone(classes)
	for _, set := range []**Set{&out.Train, &out.Val, &out.Test} {
		if *set == nil || (*set).Labels == nil {
			continue
		}
		labels := make([]int, len((*set).Labels))
		for i, l := range (*set).Labels {
			labels[i] = to[l]
		}
		if *set, err = (*set).WithLabels(labels); err != nil {
			return nil, err
		}
	}
	return &out, nil
}

// matchNames returns the place in a list of each name.
func matchNames(names, list []string) (places []int, err error) {
	var missing []string
	taken, index := map[int]string{}, indexNames(list)
	for _, name := range names {
		i := index.find(name)
		if i < 0 {
			missing = append(missing, name)
			continue
		}
		if other, twice := taken[i]; twice {
			return nil, fmt.Errorf("classes %q and %q are both %q", other, name, list[i])
		}
		taken[i] = name
		places = append(places, i)
	}
	if missing != nil {
		return nil, fmt.Errorf("%d of its classes (%s) are none of %s", len(missing), someOf(missing), someOf(list))
	}
	return places, nil
}

// A nameIndex finds the one name in a list that means the same as another.
type nameIndex struct {
	exact, looks map[string]int
	values       map[float64]int
}

// several stands for the place of names that mean the same.
const several = -1

func indexNames(list []string) *nameIndex {
	x := &nameIndex{map[string]int{}, map[string]int{}, map[float64]int{}}
	for i, name := range list {
		put(x.exact, name, i)
		put(x.looks, looks(name), i)
		if v, err := valueOf(name); err == nil {
			put(x.values, v, i)
		}
	}
	return x
}

func put[K comparable](places map[K]int, key K, i int) {
	if _, seen := places[key]; seen {
		i = several
	}
	places[key] = i
}

// find returns the place of the one name that is equal, or else looks alike, or else is a number of the
// same value; -1 for none, or several.
func (x *nameIndex) find(name string) int {
	if i, ok := x.exact[name]; ok {
		return i
	}
	if i, ok := x.looks[looks(name)]; ok {
		return i
	}
	if v, err := valueOf(name); err == nil {
		if i, ok := x.values[v]; ok {
			return i
		}
	}
	return -1
}

// looks is a name as it looks.
func looks(name string) string { return norm.NFC.String(strings.TrimSpace(name)) }

var numeral = regexp.MustCompile(`^\s*[+-]?[0-9]*\.?[0-9]+\.?([eE][+-]?[0-9]+)?\s*$`)

// valueOf is the number that a name is.
func valueOf(name string) (float64, error) {
	const exact = 15 // digits, which a float64 holds
	if len(strings.TrimSpace(name)) > exact || !numeral.MatchString(name) {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(strings.TrimSpace(name), 64)
}

// mergeNumbers returns for each of some names the one that stands for it: where all are numbers,
// the shortest of the same value.
func mergeNumbers(names []string) []string {
	shortest := map[float64]string{}
	for _, name := range names {
		v, err := valueOf(name)
		if err != nil {
			return names
		}
		if s, seen := shortest[v]; !seen || len(name) < len(s) {
			shortest[v] = name
		}
	}
	out := make([]string, len(names))
	for i, name := range names {
		v, _ := valueOf(name)
		out[i] = shortest[v]
	}
	return out
}

// mergedNotes says which labels of digits became one class, as mergeNumbers has it: 01 and 1 may be
// codes that mean different things, which 1 and 1.0 are not.
func mergedNotes(names, merged []string) (notes []string) {
	labels := map[string][]string{} // of classes
	for i, name := range names {
		if class := merged[i]; strings.Trim(name, "0123456789") == "" && !slices.Contains(labels[class], name) {
			labels[class] = append(labels[class], name)
		}
	}
	for _, class := range inOrder(slices.Collect(maps.Keys(labels))) {
		if l := labels[class]; len(l) > 1 {
			slices.Sort(l)
			notes = append(notes, fmt.Sprintf("labels %s are one class, %s, as they are numbers of the same value", someOf(l), class))
		}
	}
	const most = 5
	if n := len(notes) - most; n > 0 {
		notes = append(notes[:most], fmt.Sprintf("labels of %d classes more are likewise one each", n))
	}
	return notes
}

// renumbered returns for each class its place in a list that has it, or a number of the same value;
// -1 for one that is not there.
func renumbered(classes, list []string) []int {
	exact, values := map[string]int{}, map[float64]int{}
	for i, name := range list {
		exact[name] = i
		if v, err := valueOf(name); err == nil {
			values[v] = i
		}
	}
	places := make([]int, len(classes))
	for l, name := range classes {
		place, ok := exact[name]
		if v, err := valueOf(name); !ok && err == nil {
			place, ok = values[v]
		}
		if places[l] = place; !ok {
			places[l] = -1
		}
	}
	return places
}

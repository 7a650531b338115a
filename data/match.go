package data

import (
	"fmt"
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
	taken := map[int]string{}
	for _, name := range names {
		i := findName(name, list)
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

// findName returns the place of the one name in a list that means the same, or -1.
func findName(name string, list []string) int {
	for _, alike := range []func(a, b string) bool{
		func(a, b string) bool { return a == b },
		func(a, b string) bool { return looks(a) == looks(b) },
		sameNumber,
	} {
		found := -1
		for i, n := range list {
			if !alike(name, n) {
				continue
			}
			if found >= 0 {
				return -1
			}
			found = i
		}
		if found >= 0 {
			return found
		}
	}
	return -1
}

// looks is a name as it looks.
func looks(name string) string { return norm.NFC.String(strings.TrimSpace(name)) }

var numeral = regexp.MustCompile(`^\s*[+-]?[0-9]*\.?[0-9]+\.?([eE][+-]?[0-9]+)?\s*$`)

// sameNumber reports whether two names are numbers of one value.
func sameNumber(a, b string) bool {
	x, err := valueOf(a)
	y, err2 := valueOf(b)
	return err == nil && err2 == nil && x == y
}

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

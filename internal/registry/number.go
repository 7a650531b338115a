package registry

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// numberNames are fit for flags and keys: with an underscore, none could be given.
var numberNames = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// Check returns an error for something that uses other than known shared settings, or has a number
// that no flag could be called as.
func Check(uses, known []string, numbers []Number) error {
	for _, u := range uses {
		if !slices.Contains(known, u) {
			return fmt.Errorf("it uses %q; the shared settings are %s", u, strings.Join(known, ", "))
		}
	}
	for i, n := range numbers {
		if !numberNames.MatchString(n.Name) {
			return fmt.Errorf("its number %q: a name is lower case letters, digits and hyphens", n.Name)
		}
		if slices.ContainsFunc(numbers[:i], func(o Number) bool { return o.Name == n.Name }) {
			return fmt.Errorf("it has two numbers %q", n.Name)
		}
	}
	return nil
}

// Values returns the values of numbers: those given, and the defaults of the others. Unknown
// is the name of one that is given and is not among them, if there is any.
func Values(numbers []Number, given map[string]float64) (values map[string]float64, unknown string) {
	values = make(map[string]float64, len(numbers))
	for _, n := range numbers {
		values[n.Name] = n.Default
	}
	for name, v := range given {
		if _, ok := values[name]; !ok {
			if unknown == "" || name < unknown {
				unknown = name
			}
			continue
		}
		values[name] = v
	}
	return values, unknown
}

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/optim"
	"github.com/monge-ml/monge/sam"
	"github.com/monge-ml/monge/train"
)

// usersOf says, for the end of a help text, which methods or base optimizers a shared setting
// is for and what they take where it is not given: ", for adam, lion (default 0.9)". It is
// empty for a setting that all methods that perturb have, and for one that is not theirs.
func usersOf(setting string) string {
	var names []string
	var defaults []float64
	perturbing := 0
	for _, m := range sam.Methods() {
		if m.Perturbs() {
			perturbing++
		}
		if m.Has(setting) {
			names, defaults = append(names, m.Name), append(defaults, m.Default(setting))
		}
	}
	if len(names) == perturbing {
		return ""
	}
	for _, r := range optim.Rules() {
		if slices.Contains(r.Uses, setting) {
			names, defaults = append(names, r.Name), append(defaults, r.Default(setting))
		}
	}
	if names == nil {
		return ""
	}
	if one := slices.Compact(slices.Clone(defaults)); len(one) > 1 {
		for i, v := range defaults {
			names[i] += fmt.Sprintf(" (default %g)", v)
		}
	} else if one[0] != 0 {
		names[len(names)-1] += fmt.Sprintf(" (default %g)", one[0])
	}
	return ", for " + strings.Join(names, ", ")
}

// tasksOf says which tasks alone have a setting, unless the task of these defaults is one.
func tasksOf(setting string, defaults train.Config) string {
	var names []string
	for _, k := range train.Kinds() {
		has := slices.ContainsFunc(train.Settings(&train.Config{Task: k.Name, Own: k.Settings}), func(s train.Setting) bool {
			return s.Name == setting && s.OfTask()
		})
		if has && k.Name == defaults.Task {
			return ""
		}
		if has {
			names = append(names, k.Name)
		}
	}
	if names == nil {
		return ""
	}
	return ", for task " + strings.Join(names, ", ")
}

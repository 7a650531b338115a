package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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
		if slices.Contains(m.Uses, setting) {
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

// tasksOf says of each setting that single tasks have which these are, but for the task of these
// defaults.
func tasksOf(defaults train.Config) map[string]string {
	names := map[string][]string{}
	for _, k := range train.Kinds() {
		for _, s := range train.Settings(&train.Config{Task: k.Name, Own: k.Settings}) {
			if s.OfTask() {
				names[s.Name] = append(names[s.Name], k.Name)
			}
		}
	}
	said := map[string]string{}
	for setting, tasks := range names {
		if !slices.Contains(tasks, defaults.Task) {
			said[setting] = ", for task " + strings.Join(tasks, ", ")
		}
	}
	return said
}

// choiceNames lists what may stand at one of a step's seams.
func choiceNames(list []sam.Choice) string {
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// completeChoices gives what may stand at a step's seams to shell completion.
func completeChoices(cmd *cobra.Command) {
	for flag, list := range map[string][]sam.Choice{"direction": sam.Directions(), "length": sam.MetricLengths(), "descent": sam.Descents()} {
		var said []string
		for _, c := range list {
			said = append(said, c.Name+"\t"+c.Info)
		}
		complete(cmd, flag, said...)
	}
}

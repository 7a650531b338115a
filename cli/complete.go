package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// complete gives a flag's values to shell completion; of a list those that it lacks, one after the other.
func complete(cmd *cobra.Command, flag string, values ...string) {
	f := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	if x := cmd.Flags().Lookup(flag); x != nil && x.Value.Type() == "stringSlice" {
		f = func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
			return nextOf(values, begun), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
	}
	completeBy(cmd, flag, f)
}

// nextOf returns what a list with commas may become by one value more.
func nextOf(values []string, begun string) (lists []string) {
	before := begun[:strings.LastIndexByte(begun, ',')+1]
	for _, v := range values {
		if !slices.Contains(strings.Split(before, ","), v) {
			lists = append(lists, before+v)
		}
	}
	return lists
}

// completeOrFile gives values to shell completion, or where none begins so the names of files.
func completeOrFile(cmd *cobra.Command, flag string, values ...string) {
	completeBy(cmd, flag, func(_ *cobra.Command, _ []string, begun string) (list []string, _ cobra.ShellCompDirective) {
		for _, v := range values {
			if strings.HasPrefix(v, begun) {
				list = append(list, v)
			}
		}
		return list, cobra.ShellCompDirectiveDefault
	})
}

func completeBy(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // a flag that the command does not have
	}
}

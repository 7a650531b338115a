package main

import "github.com/spf13/cobra"

func newDataCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "data",
		Short:   "Download data sets",
		Example: "  monge data get mnist --out mnist",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDataGetCommand())
	return cmd
}

package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/paper"
)

func newPaperCommand() *cobra.Command {
	var (
		out    string
		asJSON bool
	)
	names := append(paper.Names(), "all")
	cmd := &cobra.Command{
		Use:   "paper " + strings.Join(names, "|"),
		Short: "Redraw the paper's figures 1 to 5 and compare their numbers",
		Long: `Recompute figures 1 to 5 of the M-SAM paper (arXiv 2502.08448) with this program's
optimizers and print their numbers beside the expected ones. With --out the directory
gets each figure as SVG and PNG, and its numbers and data as JSON; beyond the paper it
gets figure 4 with the exact Jacobian (fig4-exact) and figure 5's ends over the radius
(fig5-rho).

Where expected numbers are from: "re-run" is an independent run of the experiment that
reproduces the paper's figure, "formula" a closed form, "figure" read off the figure by
eye, which shows one draw of 200 starts and can't be demanded. The exit code is 1 if a
number differs by more than its tolerance.`,
		Example: `  monge paper fig1
  monge paper all --out figures`,
		ValidArgs: names,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("paper takes one figure: %s; got %d", strings.Join(names, ", "), len(args))
			}
			for _, n := range names {
				if n == args[0] {
					return nil
				}
			}
			return usage("unknown figure %q; there are %s", args[0], strings.Join(names, ", "))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("out") && out == "" {
				return usage("--out is empty; give a directory")
			}
			wanted := args
			if args[0] == "all" {
				wanted = paper.Names()
			}
			return paperCommand(cmd, wanted, out, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&out, "out", "", "directory for the pictures and their data")
	f.BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

// paperResult is what paper --json prints.
type paperResult struct {
	Figures []*paper.Figure `json:"figures"`
	Files   []string        `json:"files,omitempty"`
}

func paperCommand(cmd *cobra.Command, names []string, out string, asJSON bool) error {
	var r paperResult
	var differing []string
	w := cmd.OutOrStdout()
	for _, name := range names {
		f, err := paper.Redraw(cmd.Context(), name)
		if err != nil {
			return err
		}
		for _, d := range f.Differing() {
			differing = append(differing, name+" "+d)
		}
		var files []string
		if out != "" {
			if files, err = f.Write(out); err != nil {
				return err
			}
		}
		r.Figures, r.Files = append(r.Figures, f), append(r.Files, files...)
		if asJSON {
			continue
		}
		if err := f.WriteTable(w); err != nil {
			return err
		}
		for _, p := range files {
			fmt.Fprintf(w, "  wrote %s\n", p)
		}
		fmt.Fprintln(w)
	}
	if asJSON {
		if err := printJSON(w, r); err != nil {
			return err
		}
	}
	if len(differing) > 0 {
		return fmt.Errorf("%d numbers differ from the expected ones: %s", len(differing), strings.Join(differing, "; "))
	}
	return nil
}

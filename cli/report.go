package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/report"
	"github.com/monge-ml/monge/train"
)

func newReportCommand() *cobra.Command {
	var (
		out    string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "report RUN...",
		Short: "Write a page about a run, or about several side by side",
		Long: `Write one page that opens offline about the runs in the given directories: what came out,
the curves of losses, accuracy, norms, ascent and schedules, the settings in which the
runs differ, and the commands that repeat them. Runs that differ in their seeds alone are
drawn as their mean. Runs that are not over are shown as far as they got.`,
		Example: `  monge report runs/sam
  monge report runs/sam runs/m-sam --out runs/both.html`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("%s takes one run directory or more (monge runs lists them)", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" && len(args) > 1 {
				return usage("a page about several runs needs --out, like --out %s", filepath.Join(filepath.Dir(args[0]), "report.html"))
			}
			if out == "" {
				out = filepath.Join(args[0], "report.html")
			}
			if info, err := os.Stat(out); err == nil && info.IsDir() {
				return usage("--out %s is a directory; give a file, like %s", out, filepath.Join(out, "report.html"))
			}
			return reportRuns(cmd, args, out, asJSON)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write (default report.html in the directory of a single run)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

// reportResult is what report --json prints.
type reportResult struct {
	Report   string    `json:"report"`
	Headline string    `json:"headline"`
	Summary  []string  `json:"summary"`
	Runs     []runInfo `json:"runs"`
}

func reportRuns(cmd *cobra.Command, paths []string, out string, asJSON bool) error {
	var runs []*train.SavedRun
	var list []runInfo
	var failed error
	for i, path := range paths {
		for _, before := range paths[:i] {
			if sameFile(before, path) {
				return usage("%s and %s are the same run", before, path)
			}
		}
		r, err := train.ReadRun(path)
		failed = errors.Join(failed, err)
		runs, list = append(runs, r), append(list, infoOf(path, r, err))
	}
	if failed != nil {
		return failed
	}
	if err := report.WriteRuns(out, runs); err != nil {
		return err
	}
	words := report.DescribeRuns(runs)
	if asJSON {
		return printJSON(cmd.OutOrStdout(), reportResult{out, words.Headline, words.Summary, list})
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s\n\nReport: %s\n", plain(words.Headline), out)
	return nil
}

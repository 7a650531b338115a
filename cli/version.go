package cli

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/internal/kernel"
)

// versionResult is what version --json prints.
type versionResult struct {
	Version  string `json:"version"` // of the main module, "devel" of a working tree
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // files differ from the commit
	Time     string `json:"time,omitempty"`     // of the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Level    string `json:"level"` // of the kernels
	Threads  int    `json:"threads"`
}

// readVersion reads what the program was built from.
func readVersion() versionResult {
	v := versionResult{
		Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Level: kernel.Active().String(), Threads: runtime.GOMAXPROCS(0),
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "(devel)" {
		v.Version = cmp.Or(info.Main.Version, v.Version)
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		case "vcs.time":
			v.Time = s.Value
		}
	}
	return v
}

func (v versionResult) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "monge\t%s\n", v.Version)
	if v.Commit != "" {
		modified := ""
		if v.Modified {
			modified = ", with changes"
		}
		fmt.Fprintf(t, "commit\t%s of %s%s\n", v.Commit, v.Time, modified)
	}
	fmt.Fprintf(t, "go\t%s %s\n", v.Go, v.Platform)
	fmt.Fprintf(t, "kernels\t%s, %d threads\n", v.Level, v.Threads)
	t.Flush()
}

func newVersionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Print version, commit, Go and the level of the kernels", Args: noArgs,
		Example: "  monge version --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := readVersion()
			if asJSON {
				return printJSON(cmd.OutOrStdout(), v)
			}
			v.print(cmd.OutOrStdout())
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

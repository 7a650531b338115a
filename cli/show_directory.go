package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/nn/models"
)

// directoryInfo is what a published directory holds.
type directoryInfo struct {
	Directory  string       `json:"directory"`
	Network    string       `json:"network"`
	Input      []int        `json:"input"`                // height, width, channels of images, or the most tokens of a text
	Vocabulary int          `json:"vocabulary,omitempty"` // of a network of texts
	Outputs    int          `json:"outputs"`              // 0 without a head
	Classes    []string     `json:"classes,omitempty"`
	New        []string     `json:"new,omitempty"` // parameters that it lacks
	Elements   int          `json:"elements"`      // of its parameters
	Notes      []string     `json:"notes,omitempty"`
	Parameters []tensorInfo `json:"parameters"`
}

// showDirectory says what network a published directory holds.
func showDirectory(cmd *cobra.Command, dir string, asJSON bool) error {
	e, err := models.Find(dir)
	if err != nil {
		return err
	}
	info := directoryInfo{Directory: dir, Network: e.Info, Input: e.Input, Vocabulary: e.Vocabulary, Outputs: e.File.Outputs, New: e.File.New, Notes: e.File.Notes}
	if classes := e.File.Properties["classes"]; classes != "" {
		if err := json.Unmarshal([]byte(classes), &info.Classes); err != nil {
			return fmt.Errorf("%s: its classes: %w", dir, err)
		}
	}
	m, err := models.Build(dir, models.Options{Input: e.Input, Classes: max(info.Outputs, 2)})
	if err != nil {
		return err
	}
	for _, p := range m.Params {
		if !slices.Contains(info.New, p.Name) {
			info.Parameters = append(info.Parameters, tensorInfo{p.Name, "F32", p.TorchShape()})
			info.Elements += p.Len()
		}
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), info)
	}
	printDirectory(cmd.OutOrStdout(), &info)
	return nil
}

func printDirectory(w io.Writer, info *directoryInfo) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range info.Parameters {
		fmt.Fprintf(t, "%s\t%v\n", printable(p.Name), p.Shape)
	}
	t.Flush()
	fmt.Fprintf(w, "%s: %d parameters, %d numbers\n", info.Network, len(info.Parameters), info.Elements)
	if info.Vocabulary > 0 {
		fmt.Fprintf(w, "takes texts of up to %d tokens, of a vocabulary of %d\n", info.Input[0], info.Vocabulary)
	} else {
		fmt.Fprintf(w, "takes images of %d x %d, %d channels\n", info.Input[0], info.Input[1], info.Input[2])
	}
	switch {
	case info.Outputs == 0:
		fmt.Fprintln(w, "gives no classes: it has no head, and one begins anew in training")
	case info.Classes != nil:
		fmt.Fprintf(w, "gives %d classes: %s\n", info.Outputs, printable(strings.Join(info.Classes, ", ")))
	default:
		fmt.Fprintf(w, "gives %d outputs\n", info.Outputs)
	}
	for _, note := range info.Notes {
		fmt.Fprintln(w, printable(note))
	}
}

// isDirectory reports whether a path is a published directory of a network that can be shown.
func isDirectory(path string) bool { return hf.IsDirectory(path) && models.IsFile(path) }

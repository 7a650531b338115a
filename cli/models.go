package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/nn/models"
)

// modelInfo is a line of the list of models.
type modelInfo struct {
	Name   string `json:"name"`
	Info   string `json:"info"`
	Input  []int  `json:"input"` // height, width, channels of images, tokens of texts
	Params int    `json:"parameters"`
	FLOPs  int    `json:"flops"` // of one forward pass; of a pair that of both sides
}

func newModelsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "models",
		Short:   "List models with their parameters and operations",
		Example: "  monge models",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []modelInfo
			for _, e := range models.All() {
				m, err := models.Build(e.Name, models.Options{Input: e.Input, Classes: 10})
				if err != nil {
					return err
				}
				list = append(list, modelInfo{e.Name, e.Info, e.Input, m.Size(), m.FLOPs()})
			}
			for _, name := range slices.Sorted(maps.Keys(clip.Shapes)) {
				m, err := clip.New(clip.Shapes[name])
				if err != nil {
					return err
				}
				flops, err := m.FLOPs(make([]float32, m.Size()))
				if err != nil {
					return err
				}
				v, text := m.Config.Vision, m.Config.Text
				list = append(list, modelInfo{name, fmt.Sprintf("CLIP, with texts of %d tokens, for monge align train", text.Length), []int{v.Size, v.Size, v.Channels}, m.Size(), flops})
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), list)
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "model\tinput\tparameters\tMFLOP\t")
			for _, m := range list {
				fmt.Fprintf(t, "%s\t%s\t%d\t%.1f\t%s\n", m.Name, shapeText(m.Input), m.Params, float64(m.FLOPs)/1e6, m.Info)
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

// shapeText writes a shape like 32x32x3.
func shapeText(shape []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", "x"), "[]")
}

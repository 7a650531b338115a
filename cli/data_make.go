package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/data/draw"
)

// dataMade is what data make --json prints.
type dataMade struct {
	DataSet string   `json:"data_set"`
	Spec    string   `json:"spec"` // for --data
	Images  int      `json:"images"`
	Classes []string `json:"classes"`
}

func newDataMakeCommand() *cobra.Command {
	o := draw.LineOptions{Train: 100, Val: 25, Test: 100, Seed: 1}
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "make lines",
		Short: "Draw a data set that needs no download",
		Long: `Draw a data set of images by a seed, into folders by split and class.

  lines  lines of text, words without meaning in five fonts, turned by 0, 90, 180 or 270 degrees:
         the direction is the class`,
		Example:   "  monge data make lines --out lines\n  monge data make lines --out lines --train 16 --seed 2",
		ValidArgs: []string{"lines"},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] != "lines" {
				return usage("%s takes one data set: lines", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usage("--out is missing: name a directory for the images")
			}
			if min(o.Train, o.Val, o.Test) < 0 {
				return usage("--train, --val and --test are numbers of images, at least 0")
			}
			all := len(draw.Directions) * (o.Train + o.Val + o.Test)
			bar := newBar(cmd.ErrOrStderr(), "drawing", all, asJSON)
			err := draw.Lines(out, o, func(done, _ int) { bar.set(done) })
			bar.close()
			if err != nil {
				return err
			}
			made := dataMade{args[0], "imagefolder:" + out, all, draw.Directions}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), made)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d images of %s: --data %s\n", made.Images, strings.Join(made.Classes, ", "), made.Spec)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&out, "out", "", "directory for the images")
	f.IntVar(&o.Train, "train", o.Train, "training images of each class")
	f.IntVar(&o.Val, "val", o.Val, "validation images of each class")
	f.IntVar(&o.Test, "test", o.Test, "test images of each class")
	f.Uint64Var(&o.Seed, "seed", o.Seed, "seed of what is drawn")
	f.BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

package cli

import (
	"errors"
	"fmt"
	"image/png"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/internal/atomicfile"
)

func newDataCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "data",
		Short:   "Describe, download and draw data sets",
		Example: "  monge data info digits\n  monge data get cifar10 --out cifar10",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDataInfo(), newDataGetCommand(), newDataMakeCommand())
	return cmd
}

// splitInfo is a split of what data info --json prints.
type splitInfo struct {
	Name     string `json:"name"`
	Examples int    `json:"examples"`
	Shape    []int  `json:"shape"`
	Counts   []int  `json:"counts"` // by class
}

// dataInfo is what data info --json prints.
type dataInfo struct {
	Data        string      `json:"data"`
	Classes     []string    `json:"classes"`           // null of data with targets
	Targets     []string    `json:"targets,omitempty"` // names of the numbers to predict
	Fingerprint string      `json:"fingerprint"`
	Ignored     int         `json:"ignored"` // files of an image folder, packages of an index
	IgnoredWhy  string      `json:"ignored_why,omitempty"`
	Splits      []splitInfo `json:"splits"`
	Split       string      `json:"split"` // that mean and std are of
	Mean        []float64   `json:"mean"`  // by channel, of pixels in [0, 1]; null for texts
	Std         []float64   `json:"std"`
	Words       *wordInfo   `json:"words,omitempty"` // of texts
	Out         string      `json:"out,omitempty"`
}

// wordInfo is how many words texts have; a network's own tokens are more.
type wordInfo struct {
	Mean   float64 `json:"mean"`
	Median int     `json:"median"`
	Most95 int     `json:"most_of_95_percent"` // 95% have no more
	Most   int     `json:"most"`
}

// wordsOf describes the lengths of some texts.
func wordsOf(counts []int) *wordInfo {
	slices.Sort(counts)
	n, sum := len(counts), 0
	for _, c := range counts {
		sum += c
	}
	return &wordInfo{float64(sum) / float64(n), counts[n/2], counts[(95*n+99)/100-1], counts[n-1]}
}

func newDataInfo() *cobra.Command {
	var (
		o      data.Options
		split  string
		out    string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "info SPEC",
		Short: "Sizes, classes, mean and deviation of a data set",
		Long: `Describe a data set: its splits and classes, the mean and standard deviation of each
channel over a split's pixels, and with --out a picture of examples of each class. Texts
have neither; debian:FILE is what "apt-cache dumpavail > FILE" writes.

SPEC is one of ` + strings.Join(data.Specs(), ", ") + `.
A csv file's columns and their shape follow a question mark:
csv:FILE?label=digit&shape=28x28x1&scale=255; in place of the label, target=price,tax names
columns of numbers to predict.`,
		Example: "  monge data info digits --out digits.png\n  monge data info debian:Packages --size 16\n  monge data info imagefolder:photos --size 224 --crop",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s takes one data set, got %d; there are %s", cmd.CommandPath(), len(args), strings.Join(data.Specs(), ", "))
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var starts []string
			for _, f := range data.Formats() {
				starts = append(starts, strings.TrimSuffix(f.Spec(), f.Place))
			}
			return starts, cobra.ShellCompDirectiveNoSpace
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if out != "" && !strings.HasSuffix(out, ".png") {
				return usage("--out is %q; only .png files are written", out)
			}
			s, err := data.Open(args[0], o)
			if err != nil {
				if bad := data.UsageError(""); errors.As(err, &bad) {
					return usageError{err}
				}
				return err
			}
			if s, err = hashed(s); err != nil {
				return err
			}
			for _, note := range s.Notes {
				sayTo(cmd, asJSON)("%s", note)
			}
			part, err := choosePart(s, split)
			if err != nil {
				return err
			}
			info, err := describe(cmd, s, part, asJSON)
			if err != nil {
				return err
			}
			if out != "" {
				if err := writeSheet(out, s, part.Set); err != nil {
					return err
				}
				info.Out = out
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), info)
			}
			printData(cmd.OutOrStdout(), info)
			return nil
		},
	}
	f := cmd.Flags()
	f.Var(sizeFlag{&o.Size}, "size", "height and width to bring an imagefolder's images to, as in 48x192, or one number for both (default their own), or tokens of a text (default 64)")
	f.StringSliceVar(&o.Classes, "classes", nil, "keep these classes alone, in this order")
	f.IntVar(&o.Subset, "subset", 0, "keep so many training examples, by class alike (default all)")
	f.BoolVar(&o.Crop, "crop", false, "with --size, cut out the centre instead of squeezing")
	f.StringVar(&split, "split", "", "split of mean, deviation and picture: train, val, test (default the first there is)")
	f.StringVar(&out, "out", "", "PNG file to write, a row of examples for each class")
	f.BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	complete(cmd, "split", "train", "val", "test")
	return cmd
}

// hashed returns a data set with its texts, or pairs of them, as hashed words.
func hashed(s *data.Splits) (*data.Splits, error) {
	if slices.ContainsFunc(s.Parts(), func(p data.Part) bool { return p.Pairs() }) {
		return s.Packed(data.HashedPairs, 0)
	}
	return s.Tokenized(nil, 0)
}

// sizeFlag is a size as a flag's value.
type sizeFlag struct{ *data.Size }

func (s sizeFlag) Set(text string) error { return s.UnmarshalText([]byte(text)) }
func (s sizeFlag) Type() string          { return "size" }

// choosePart returns the split of a name, the first without one.
func choosePart(s *data.Splits, name string) (data.Part, error) {
	parts := s.Parts()
	var names []string
	for _, p := range parts {
		if name == p.Name || name == "" {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return data.Part{}, usage("%s has no split %q: --split takes %s", s.Name, name, strings.Join(names, ", "))
}

func describe(cmd *cobra.Command, s *data.Splits, part data.Part, quiet bool) (*dataInfo, error) {
	fingerprint, err := s.Fingerprint()
	if err != nil {
		return nil, err
	}
	info := &dataInfo{Data: s.Name, Classes: s.Classes, Targets: s.Targets, Fingerprint: fingerprint, Ignored: s.Ignored, IgnoredWhy: s.IgnoredWhy, Split: part.Name}
	for _, p := range s.Parts() {
		info.Splits = append(info.Splits, splitInfo{p.Name, p.Len(), p.Shape, p.Counts(len(s.Classes))})
	}
	if part.Texts() {
		info.Words = wordsOf(part.Words())
		return info, nil
	}
	bar := newBar(cmd.ErrOrStderr(), "examples", part.Len(), quiet)
	defer bar.close()
	info.Mean, info.Std, err = part.Moments(cmd.Context(), bar.set)
	return info, err
}

func printData(w io.Writer, info *dataInfo) {
	what := fmt.Sprintf("%d classes", len(info.Classes))
	if info.Targets != nil {
		what = "targets " + strings.Join(info.Targets, ", ")
	}
	fmt.Fprintf(w, "%s: %s, fingerprint %.16s\n", info.Data, what, info.Fingerprint)
	if info.Ignored > 0 {
		fmt.Fprintf(w, "%d ignored: %s\n", info.Ignored, info.IgnoredWhy)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, s := range info.Splits {
		fmt.Fprintf(t, "\t%s", s.Name)
	}
	fmt.Fprint(t, "\t\nshape")
	for _, s := range info.Splits {
		fmt.Fprintf(t, "\t%s", shapeText(s.Shape))
	}
	fmt.Fprint(t, "\t\nexamples")
	for _, s := range info.Splits {
		fmt.Fprintf(t, "\t%d", s.Examples)
	}
	for c, name := range info.Classes {
		fmt.Fprintf(t, "\t\n%s", name)
		for _, s := range info.Splits {
			fmt.Fprintf(t, "\t%d", s.Counts[c])
		}
	}
	fmt.Fprintln(t, "\t")
	t.Flush()
	if info.Out != "" {
		fmt.Fprintf(w, "wrote %s\n", info.Out)
	}
	if words := info.Words; words != nil {
		fmt.Fprintf(w, "%s: words of a text: mean %.1f, median %d, 95%% have at most %d, the longest %d\n", info.Split, words.Mean, words.Median, words.Most95, words.Most)
		return
	}
	const most = 8 // channels to print; a table's rows can have many
	n := min(len(info.Mean), most)
	fmt.Fprintf(w, "%s: mean %.4f, deviation %.4f by channel%s\n", info.Split, info.Mean[:n], info.Std[:n],
		map[bool]string{true: fmt.Sprintf(", the first %d of %d", n, len(info.Mean))}[n < len(info.Mean)])
}

// writeSheet writes a row of examples for each class.
func writeSheet(path string, s *data.Splits, set *data.Set) error {
	sheet, err := data.ContactSheet(set, s.Classes)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error { return png.Encode(w, sheet) })
}

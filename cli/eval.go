package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/data/picture"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/weights"
)

// weightsFlags choose the weights to use, and say what the file does not.
type weightsFlags struct {
	path, key, channels string
	output              string
	size                data.Size
	classifier.Options
}

func (w *weightsFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.path, "weights", "", "weights: a PyTorch checkpoint, safetensors, a network with its weights (ONNX), or its directory as Hugging Face publishes it")
	cmd.Flags().Var(sizeFlag{&w.size}, "size", "height and width that the network of an ONNX file or a directory takes, as in 48x192, or one number for both (default what the file says)")
	w.addOptions(cmd)
}

// addOptions adds the flags that say what the file does not.
func (w *weightsFlags) addOptions(cmd *cobra.Command) {
	f := cmd.Flags()
	addWeightsKey(cmd, &w.key)
	f.StringVar(&w.Model, "model", "", "model (default what the file says): "+strings.Join(models.Names(), ", "))
	f.StringVar(&w.Norm, "norm", "", "normalisation of residual networks (default what the file says): batch, group")
	f.StringVar(&w.Normalize, "normalize", "", "normalization of pixels (default what the file says): "+strings.Join(picture.NormalizationNames, ", ")+", or mean=.5,.5,.5:std=.25,.25,.25")
	f.StringVar(&w.channels, "channels", "", "order of the channels that the network of an ONNX file takes (default what the file says, or rgb): rgb, bgr")
	f.StringVar(&w.output, "output", "", "which output of the network of an ONNX file is meant, by its name, where it has several (default what the file says, logits, or the first)")
	complete(cmd, "channels", "rgb", "bgr")
	complete(cmd, "model", models.Names()...)
	complete(cmd, "norm", "batch", "group")
	complete(cmd, "normalize", picture.NormalizationNames...)
}

// addWeightsKey adds the flag that chooses one of several networks in a file.
func addWeightsKey(cmd *cobra.Command, key *string) {
	cmd.Flags().StringVar(key, "weights-key", "", "which network of the file, where it has several: the key that it lies under, as state_dict_ema")
}

// tellNotes prints what was done to make a file's weights fit, once a command.
func tellNotes(w io.Writer, path string, notes []string) {
	for _, n := range notes {
		fmt.Fprintf(w, "note: %s: %s\n", path, printable(n))
	}
}

// open checks the flags and reads the file.
func (w *weightsFlags) open() (*classifier.File, error) {
	if w.path == "" {
		return nil, usage("--weights is missing: name a file of weights")
	}
	if w.Model != "" && !slices.Contains(models.Names(), w.Model) {
		return nil, usage("unknown model %q; there are %s", w.Model, strings.Join(models.Names(), ", "))
	}
	if w.Norm != "" && w.Norm != "batch" && w.Norm != "group" {
		return nil, usage("--norm %q; there are batch, group", w.Norm)
	}
	if w.Normalize != "" {
		if _, err := picture.ParseNormalization(w.Normalize); err != nil {
			return nil, usage("--normalize: %v", err)
		}
	}
	if w.channels != "" && w.channels != "rgb" && w.channels != "bgr" {
		return nil, usage("--channels %q; there are rgb, bgr", w.channels)
	}
	f, err := classifier.OpenWith(w.path, weights.Options{Key: w.key})
	if err == nil && f.Network() != "" && (w.Model != "" || w.Norm != "") {
		err = usage("%s holds its own network: leave --model and --norm off", w.path)
	} else if err == nil && f.Network() == "" && w.channels != "" {
		err = usage("--channels is for networks of ONNX files")
	} else if err == nil && f.Network() == "" && w.output != "" {
		err = usage("--output is for networks of ONNX files")
	} else if err == nil && f.Network() == "" && w.size != (data.Size{}) {
		err = usage("--size is for networks of ONNX files: others say theirs")
	} else if err == nil && w.size != (data.Size{}) {
		f.Resize(w.size)
	}
	if err == nil {
		err = f.Choose(w.output)
	}
	if err == nil && w.channels != "" {
		f.Info.BGR = w.channels == "bgr"
	}
	if err == nil && f.Info.Model == "" && w.Model == "" {
		err = usage("%s does not say which model it is of: give --model, one of %s", w.path, strings.Join(models.Names(), ", "))
	}
	return f, err
}

// tellNormalization prints how pixels are normalized, and why.
func tellNormalization(w io.Writer, c *classifier.Classifier) {
	fmt.Fprintf(w, "normalization %s: %s\n", c.Normalize, c.Source)
	if c.Source == classifier.SourceUnknown {
		fmt.Fprintln(w, classifier.WarnUnknown())
	}
}

func newEvalCommand() *cobra.Command {
	var w weightsFlags
	e := evaluation{split: "test"}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Accuracy and loss of trained weights on a data set",
		Long: `Run a trained network over a split of a data set and print its accuracy, mean
cross-entropy in nats, expected calibration error (how far confidence is from the share
that is right, in 15 bins), F1 (the mean over classes, and of two classes that of the
second), Matthews' correlation coefficient, and the accuracy by class; where any of several
labels may apply F1, the share of examples of which all labels are right, and F1 by
label; of a network that predicts numbers the mean squared error, its root, R2 (0 is no
better than the mean), and Pearson's and Spearman's correlation coefficients. How pixels are normalized is what the
file of weights says, or what is known of a published checkpoint; it is printed to
stderr.`,
		Example: `  monge eval --weights runs/a/weights.safetensors --data digits
  monge eval --model resnet20 --weights resnet20-12fca82f.th --data imagefolder:cifar10 --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if e.batch < 1 && cmd.Flags().Changed("batch") {
				return usage("--batch is %d; it must be at least 1", e.batch)
			}
			if !(e.threshold > 0 && e.threshold < 1) {
				return usage("--threshold is %g; it must be above 0 and below 1", e.threshold)
			}
			if e.subset < 0 {
				return usage("--subset is %d; it must be at least 0", e.subset)
			}
			f, err := w.open()
			if err != nil {
				return err
			}
			return e.run(cmd, f, w.Options, asJSON)
		},
	}
	w.add(cmd)
	f := cmd.Flags()
	f.StringVar(&e.data, "data", "digits", "data set: "+strings.Join(data.Specs(), ", "))
	f.StringVar(&e.split, "split", e.split, "split: train, val, test")
	f.StringSliceVar(&e.classes, "classes", nil, "keep these classes alone, in this order: those that the network was trained on")
	f.IntVar(&e.subset, "subset", 0, "evaluate so many examples, of all classes alike (default all)")
	f.BoolVar(&e.crop, "crop", false, "cut the centre out of an imagefolder's images instead of squeezing them")
	f.BoolVar(&e.skipDamaged, "skip-damaged", false, "leave out examples whose files can't be read")
	addThreshold(cmd, &e.threshold)
	f.IntVar(&e.batch, "batch", 0, "examples at a time (default 128, fewer of large ones)")
	f.BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	complete(cmd, "data", "digits")
	complete(cmd, "split", "train", "val", "test")
	return cmd
}

// evaluation is what eval was asked for.
type evaluation struct {
	data, split   string
	classes       []string
	crop          bool
	skipDamaged   bool
	subset, batch int
	threshold     float64 // of the probability of labels that apply
}

// addThreshold adds the flag that says which labels apply.
func addThreshold(cmd *cobra.Command, to *float64) {
	cmd.Flags().Float64Var(to, "threshold", .5, "probability from which a label applies, of networks of which any label may")
}

func (e *evaluation) run(cmd *cobra.Command, f *classifier.File, o classifier.Options, asJSON bool) error {
	d, set, err := e.open(&f.Info, cmp.Or(o.Model, f.Info.Model))
	if err != nil {
		return err
	}
	for _, note := range d.Notes {
		fmt.Fprintf(cmd.ErrOrStderr(), "monge: %s\n", note)
	}
	if set, err = e.whole(cmd, set, asJSON); err != nil {
		return err
	}
	if set, err = e.draw(set, len(d.Classes)); err != nil {
		return err
	}
	o.Input = set.Shape
	if err := f.CheckChannels(set.Shape); err != nil {
		return err
	}
	if f.Info.Input != nil && !slices.Equal(f.Info.Input, set.Shape) {
		return fmt.Errorf("%s is for inputs of shape %v, those of %s have %v", f.Path, f.Info.Input, d.Name, set.Shape)
	}
	if f.Info.Classes == nil && f.Info.Targets == nil && d.Targets == nil && !f.KnowsOutputs() {
		o.Classes = d.Classes
		tellNotes(cmd.ErrOrStderr(), f.Path, []string{"neither its metadata nor its layers tell its classes: those of the data are taken in their order"})
	}
	c, err := f.Load(o)
	if err != nil {
		return err
	}
	tellNotes(cmd.ErrOrStderr(), f.Path, f.Notes())
	if c.Targets != nil || d.Targets != nil {
		return e.targets(cmd, f.Path, c, d, set, asJSON)
	}
	if d, set, err = e.matched(cmd.ErrOrStderr(), f, c, d, set); err != nil {
		return err
	}
	tellNormalization(cmd.ErrOrStderr(), c)
	bar := newBar(cmd.ErrOrStderr(), "eval", set.Len(), asJSON)
	r, err := classifier.EvaluateBatches(cmd.Context(), c.Net, c.Theta, set,
		data.LoaderSettings{Batch: e.batch, Normalize: c.Normalize, Ahead: 1}, bar.set)
	bar.close()
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), r)
	}
	printEvaluation(cmd.OutOrStdout(), r, d.Classes)
	return nil
}

// targets evaluates a network that predicts numbers.
func (e *evaluation) targets(cmd *cobra.Command, path string, c *classifier.Classifier, d *data.Splits, set *data.Set, asJSON bool) error {
	if !slices.Equal(c.Targets, d.Targets) {
		return fmt.Errorf("%s: the network predicts %q, the targets of %s are %q", path, c.Targets, d.Name, d.Targets)
	}
	tellNormalization(cmd.ErrOrStderr(), c)
	if c.MultiLabel {
		return e.labels(cmd, c, d, set, asJSON)
	}
	bar := newBar(cmd.ErrOrStderr(), "eval", set.Len(), asJSON)
	r, err := classifier.EvaluateTargets(cmd.Context(), c.Net, c.Theta, set,
		data.LoaderSettings{Batch: e.batch, Normalize: c.Normalize, Ahead: 1}, bar.set)
	bar.close()
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), r)
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "mse       %.6g\nrmse      %.6g\nR2        %.4f\nPearson   %.4f\nSpearman  %.4f\nexamples  %d, %.0f a second\n\n", r.MSE, r.RMSE, r.R2, r.Pearson, r.Spearman, r.N, r.ImagesPerS)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "target\tmse\trmse\tR2")
	for i, name := range d.Targets {
		fmt.Fprintf(t, "%s\t%.6g\t%.6g\t%.4f\n", name, r.PerTarget[i].MSE, r.PerTarget[i].RMSE, r.PerTarget[i].R2)
	}
	return t.Flush()
}

// labels evaluates a network of which any label may apply.
func (e *evaluation) labels(cmd *cobra.Command, c *classifier.Classifier, d *data.Splits, set *data.Set, asJSON bool) error {
	bar := newBar(cmd.ErrOrStderr(), "eval", set.Len(), asJSON)
	r, err := classifier.EvaluateLabels(cmd.Context(), c.Net, c.Theta, set, e.threshold,
		data.LoaderSettings{Batch: e.batch, Normalize: c.Normalize, Ahead: 1}, bar.set)
	bar.close()
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), r)
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "micro F1     %.4f\nmacro F1     %.4f\nexact match  %.4f\naccuracy     %.4f\nloss         %.4f nats\nthreshold    %g\nexamples     %d, %.0f a second\n\n",
		r.F1Micro, r.F1Macro, r.ExactMatch, r.Accuracy, r.Loss, float64(r.Threshold), r.N, r.ImagesPerS)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "label\tF1\tapplies\tsaid\tright")
	for i, name := range d.Targets {
		l := r.PerLabel[i]
		fmt.Fprintf(t, "%s\t%.4f\t%d\t%d\t%d\n", printable(name), l.F1, l.Is, l.Said, l.Right)
	}
	return t.Flush()
}

// open opens the data for a model, brought to the size of the network's input if the file of
// weights says that and the format can.
func (e *evaluation) open(info *classifier.Info, model string) (*data.Splits, *data.Set, error) {
	input := info.Input
	o := data.Options{Crop: e.crop, Classes: e.classes, Features: info.Features}
	if f, ok := data.FormatOf(e.data); ok && f.Sized {
		o.Size, o.Grey = data.SizeOf(input), len(input) == 3 && input[2] == 1
		if !e.crop {
			o.As = classifier.Prepared(model, input)
		}
	}
	d, err := data.Open(e.data, o)
	if bad := data.UsageError(""); errors.As(err, &bad) {
		return nil, nil, usageError{err}
	} else if err != nil {
		return nil, nil, err
	}
	if d, err = classifier.Bind(d, model); err != nil {
		return nil, nil, err
	}
	part, err := choosePart(d, e.split)
	return d, part.Set, err
}

// draw returns so many examples of a split as are asked for, of all classes alike.
func (e *evaluation) draw(set *data.Set, classes int) (*data.Set, error) {
	if e.subset == 0 {
		return set, nil
	}
	set, err := set.Stratified(e.subset, classes, 0)
	if err != nil {
		return nil, usage("--subset: %v", err)
	}
	return set, nil
}

// whole returns a split without what can't be read, which is told, if that is to be skipped.
func (e *evaluation) whole(cmd *cobra.Command, set *data.Set, quiet bool) (*data.Set, error) {
	if !e.skipDamaged {
		return set, nil
	}
	bar := newBar(cmd.ErrOrStderr(), "reading", set.Len(), quiet)
	one := &data.Splits{Name: e.data, Test: set}
	scan, err := one.Scan(cmd.Context(), func(done, _ int) { bar.set(done) })
	bar.close()
	if err != nil {
		return nil, err
	}
	for _, d := range scan.Damaged {
		fmt.Fprintf(cmd.ErrOrStderr(), "monge: left out: %v\n", d.Err)
	}
	one, err = one.Without(scan.Damaged)
	if err != nil {
		return nil, err
	}
	return one.Test, nil
}

// matched returns the data and a split of it with labels numbered as the network's classes: by
// names, or by their order where the weights name none or --classes gave it.
func (e *evaluation) matched(stderr io.Writer, f *classifier.File, c *classifier.Classifier, d *data.Splits, set *data.Set) (*data.Splits, *data.Set, error) {
	one := *d
	one.Train, one.Val, one.Test = nil, nil, set
	m, err := one.Matched(c.Classes)
	switch {
	case err == nil:
		if len(d.Classes) < len(c.Classes) {
			fmt.Fprintf(stderr, "monge: %s has %d of the network's %d classes\n", d.Name, len(d.Classes), len(c.Classes))
		}
		return m, m.Test, nil
	case len(d.Classes) != len(c.Classes):
		return nil, nil, fmt.Errorf("%s: the weights tell %d classes apart, %s has %d: %w", f.Path, len(c.Classes), d.Name, len(d.Classes), err)
	case f.Info.Classes != nil && e.classes == nil:
		return nil, nil, fmt.Errorf("%s: which class is which? %w; say it with --classes: those of the data, in the order of the network's %s", f.Path, err, strings.Join(c.Classes, ", "))
	}
	why := "the weights name no classes"
	if e.classes != nil {
		why = "as --classes says"
	}
	fmt.Fprintf(stderr, "monge: %s: those of %s are taken in their order: %s\n", why, d.Name, printable(strings.Join(d.Classes, ", ")))
	return d, set, nil
}

func printEvaluation(w io.Writer, e classifier.Evaluation, classes []string) {
	fmt.Fprintf(w, "accuracy  %.4f\nloss      %.4f nats\nECE       %.4f\n", e.Accuracy, e.Loss, e.ECE)
	if e.F1 != nil {
		fmt.Fprintf(w, "F1        %.4f of %s\n", *e.F1, printable(classes[1]))
	}
	fmt.Fprintf(w, "macro F1  %.4f\nMatthews  %.4f\nexamples  %d, %.0f a second\n\n", e.F1Macro, e.MCC, e.N, e.ImagesPerS)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "class\taccuracy")
	for i, name := range classes {
		accuracy := "no examples"
		if v := float64(e.PerClass[i]); !math.IsNaN(v) {
			accuracy = fmt.Sprintf("%.4f", v)
		}
		fmt.Fprintf(t, "%s\t%s\n", printable(name), accuracy)
	}
	t.Flush()
}

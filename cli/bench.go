package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/bench"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/tensor"
)

// benchFlags are the flags that the measurements share.
type benchFlags struct {
	threads, repeats int
	winograd, asJSON bool

	precision, ascent string
}

func (b *benchFlags) add(cmd *cobra.Command, repeats int) {
	f := cmd.Flags()
	f.IntVar(&b.threads, "threads", 0, "threads (default all processors)")
	f.IntVar(&b.repeats, "repeats", repeats, "measurements to take the median of")
	f.BoolVar(&b.winograd, "winograd", true, winogradUsage)
	f.BoolVar(&b.asJSON, "json", false, "print one JSON document and nothing else")
}

const winogradUsage = "Winograd's algorithm for 3x3 convolutions; =false computes them directly"

// begin checks the flags and sets the threads.
func (b *benchFlags) begin() error {
	if b.repeats < 1 {
		return usage("--repeats is %d; it must be at least 1", b.repeats)
	}
	if err := bench.SetThreads(b.threads); err != nil {
		return usage("--threads: %v", err)
	}
	return nil
}

// print prints a result as JSON or, with text, for people.
func (b *benchFlags) print(cmd *cobra.Command, v any, text func(w io.Writer)) error {
	if b.asJSON {
		return printJSON(cmd.OutOrStdout(), v)
	}
	text(cmd.OutOrStdout())
	return nil
}

func newBenchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "bench",
		Short:   "Measure kernels and training steps, and compare them with PyTorch's",
		Example: "  monge bench step --model resnet20 --batch 128 --method m-sam\n  monge bench versus-pytorch",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBenchPeak(), newBenchGemm(), newBenchConv(), newBenchStep(), newBenchEval(), newBenchCost(), newBenchLayers(), newBenchAscent(), newBenchVersus())
	return cmd
}

func newBenchPeak() *cobra.Command {
	var b benchFlags
	cmd := &cobra.Command{
		Use:     "peak",
		Short:   "The rate of fused multiply-adds that bounds all others, and how far cores are apart",
		Example: "  monge bench peak --threads 1",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.begin(); err != nil {
				return err
			}
			r, err := bench.PeakAndLine(b.repeats)
			if err != nil {
				return err
			}
			return b.print(cmd, r, func(w io.Writer) {
				fmt.Fprintf(w, "%.0f GFLOP/s (%s, %d threads)\n", r.GFLOPS, r.Level, r.Threads)
				if r.LineS > 0 {
					fmt.Fprintf(w, "a cache line takes %.0f ns from core to core\n", 1e9*r.LineS)
				}
			})
		},
	}
	b.add(cmd, 11)
	return cmd
}

func newBenchConv() *cobra.Command {
	var b benchFlags
	cmd := &cobra.Command{
		Use:     "conv",
		Short:   "The convolutions of ResNet-18 and ResNet-20, all three passes",
		Example: "  monge bench conv",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.begin(); err != nil {
				return err
			}
			all, err := bench.Convolutions(!b.winograd, b.repeats)
			if err != nil {
				return err
			}
			return b.print(cmd, all, func(w io.Writer) { printConv(w, all) })
		},
	}
	b.add(cmd, 5)
	return cmd
}

func printConv(w io.Writer, all []bench.ConvRate) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "batch\tsize\tin\tout\tkernel\tstride\tgroups\tpass\talgorithm\tGFLOP/s\tof peak\tGB/s\tms\t")
	for _, r := range all {
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%.0f\t%.0f%%\t%.0f\t%.2f\t\n",
			r.N, r.H, r.C, r.O, r.KH, max(r.Strides[0], 1), max(r.Groups, 1), r.Pass, r.Algorithm, r.GFLOPS, 100*r.Peak, r.Bytes/r.MedianS/1e9, 1e3*r.MedianS)
	}
	t.Flush()
	fmt.Fprintf(w, "GFLOP/s count the operations of a direct computation, which Winograd's algorithm does not need all of; GB/s the images and weights, once.\n%s, %d threads\n", all[0].Level, all[0].Threads)
}

// addWorkload adds the flags of what a step is taken on.
func addWorkload(cmd *cobra.Command, w *bench.Workload) {
	f := cmd.Flags()
	f.StringVar(&w.Model, "model", "resnet20", "model, or what holds a network: an ONNX file, or a directory as Hugging Face publishes it: "+strings.Join(bench.ModelNames(), ", "))
	f.IntVar(&w.Size, "size", 0, "of what holds a network: side of its images, or tokens of its texts (default what it says)")
	f.IntVar(&w.Batch, "batch", 128, "minibatch size; pairs of an image and a text for CLIP models")
	f.IntVar(&w.Microbatch, "microbatch", 0, "pairs that a CLIP model's gradient takes at a time (default all)")
	completeOrFile(cmd, "model", bench.ModelNames()...)
}

// addPrecision adds the flag of the precision that we compute in.
func (b *benchFlags) addPrecision(cmd *cobra.Command) {
	cmd.Flags().StringVar(&b.precision, "precision", tensor.Float32.String(), "how products and convolutions take their operands: float32, or bf16, rounded to bfloat16")
	complete(cmd, "precision", tensor.Float32.String(), tensor.BFloat16.String())
}

// addPrecisions adds that and the ascent's.
func (b *benchFlags) addPrecisions(cmd *cobra.Command) {
	b.addPrecision(cmd)
	cmd.Flags().StringVar(&b.ascent, "ascent-precision", "", "precision of the gradient that the perturbation is made of (default --precision)")
	complete(cmd, "ascent-precision", tensor.Float32.String(), tensor.BFloat16.String())
}

// precisions parses both flags.
func (b *benchFlags) precisions() (ascent, descent tensor.Precision, err error) {
	if descent, err = tensor.ParsePrecision(b.precision); err != nil {
		return 0, 0, usage("--precision: %v", err)
	}
	if ascent, err = tensor.ParsePrecision(cmp.Or(b.ascent, b.precision)); err != nil {
		return 0, 0, usage("--ascent-precision: %v", err)
	}
	return ascent, descent, nil
}

// workload fills in what the shared flags say of one.
func (b *benchFlags) workload(w *bench.Workload) (err error) {
	w.Direct = !b.winograd
	w.Ascent, w.Descent, err = b.precisions()
	return err
}

func newBenchStep() *cobra.Command {
	var b benchFlags
	var w bench.Workload
	cmd := &cobra.Command{
		Use:     "step",
		Short:   "A whole training step of a model",
		Example: "  monge bench step --model resnet18 --batch 32 --method m-sam",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.begin(); err != nil {
				return err
			}
			if err := b.workload(&w); err != nil {
				return err
			}
			r, err := bench.Step(w, b.repeats)
			if err != nil {
				return usageError{err}
			}
			return b.print(cmd, r, func(w io.Writer) {
				fmt.Fprintf(w, "%s, batch %d, %s, %s: %.2f ms a step (min %.2f, max %.2f), %.0f GFLOP/s, peak memory %.0f MB, %.1f allocations and %.1f page faults a step\nnorm and perturbation: %.2f ms, %.2f%% of the step\n%s, %d threads\n",
					r.Model, r.Batch, r.Method, precisionsOf(r), 1e3*r.StepS, 1e3*r.MinS, 1e3*r.MaxS, r.GFLOPS, float64(r.PeakRSSBytes)/1e6, r.Allocations, r.PageFaults,
					1e3*r.OverheadS, 100*r.OverheadS/r.StepS, r.Level, r.Threads)
			})
		},
	}
	cmd.Flags().StringVar(&w.Method, "method", "m-sam", "method: "+strings.Join(bench.CostMethods(), ", "))
	addWorkload(cmd, &w)
	b.add(cmd, 5)
	b.addPrecisions(cmd)
	complete(cmd, "method", bench.CostMethods()...)
	return cmd
}

// precisionsOf names those of a step, the ascent's only where it has its own.
func precisionsOf(r bench.StepResult) string {
	if r.AscentPrecision == r.Precision {
		return r.Precision
	}
	return r.Precision + " with an ascent in " + r.AscentPrecision
}

func newBenchEval() *cobra.Command {
	var b benchFlags
	var model string
	var batch, size int
	cmd := &cobra.Command{
		Use:     "eval",
		Short:   "The logits of a minibatch, without gradients",
		Example: "  monge bench eval --model resnet18 --batch 128",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.begin(); err != nil {
				return err
			}
			r, err := bench.Eval(bench.Workload{Model: model, Batch: batch, Size: size, Direct: !b.winograd}, b.repeats)
			if err != nil {
				return usageError{err}
			}
			return b.print(cmd, r, func(w io.Writer) {
				fmt.Fprintf(w, "%s, batch %d: %.2f ms (min %.2f, max %.2f), %.0f images/s, %.0f GFLOP/s, peak memory %.0f MB, %.1f allocations\n%s, %d threads\n",
					r.Model, r.Batch, 1e3*r.MedianS, 1e3*r.MinS, 1e3*r.MaxS, r.ImagesPerS, r.GFLOPS, float64(r.PeakRSSBytes)/1e6, r.Allocations, r.Level, r.Threads)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&model, "model", "resnet20", "model, or what holds a network: an ONNX file, or a directory as Hugging Face publishes it: "+strings.Join(models.Names(), ", "))
	f.IntVar(&size, "size", 0, "of what holds a network: side of its images, or tokens of its texts (default what it says)")
	f.IntVar(&batch, "batch", 128, "minibatch size")
	b.add(cmd, 5)
	completeOrFile(cmd, "model", models.Names()...)
	return cmd
}

func newBenchCost() *cobra.Command {
	var b benchFlags
	var w bench.Workload
	var only []string
	cmd := &cobra.Command{
		Use:   "cost",
		Short: "Time and memory of all methods' steps on one model, beside SGD's and SAM's",
		Long: `Run the steps of all methods on one model and minibatch and print what each takes: its
time, in turn with the others' in one process, over SGD's and over SAM's, and the peak
memory of a process that does nothing else. Where the processor multiplies bfloat16, M-SAM
with its ascent in that precision, and M-SAM and SGD wholly in it, are beside them.`,
		Example: "  monge bench cost --model resnet20 --batch 128\n  monge bench cost --model clip-vit-base-patch32 --batch 16 --repeats 5 --only m-sam",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.begin(); err != nil {
				return err
			}
			if err := b.workload(&w); err != nil {
				return err
			}
			rows, err := bench.CostRows(w, only...)
			if err != nil {
				return usage("--only: %v", err)
			}
			line := newBar(cmd.ErrOrStderr(), "cost", len(rows)*(b.repeats+2), b.asJSON)
			table, err := bench.Costs(cmd.Context(), w, rows, b.repeats, b.threads, func(done int, what string) {
				line.note(what)
				line.set(done)
			})
			line.close()
			if err != nil {
				return usageError{err}
			}
			return b.print(cmd, table, func(w io.Writer) { printCosts(w, table) })
		},
	}
	addWorkload(cmd, &w)
	cmd.Flags().StringSliceVar(&only, "only", nil, "methods to measure beside sgd, with settings of the step like 'm-sam ascent-on=norms ascent-batch=0.25' (default all): "+strings.Join(bench.CostMethods(), ", "))
	complete(cmd, "only", bench.CostMethods()...)
	b.add(cmd, 9)
	b.addPrecisions(cmd)
	return cmd
}

func printCosts(w io.Writer, table *bench.CostTable) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "method\tascent\tdescent\tmedian ms\tmin\tover sgd\tover sam\tpeak MB\t")
	for _, c := range table.Costs {
		overSAM := "-"
		if c.OverSAM > 0 {
			overSAM = fmt.Sprintf("%.3fx", c.OverSAM)
		}
		fmt.Fprintf(t, "%s\t%v\t%v\t%.2f\t%.2f\t%.3fx\t%s\t%.0f\t\n", c.Method, c.Ascent, c.Descent, 1e3*c.MedianS, 1e3*c.MinS, c.OverSGD, overSAM, float64(c.PeakRSSBytes)/1e6)
	}
	t.Flush()
	fmt.Fprintf(w, "%s, batch %d, %d parameters: a vector of them is %.0f MB\n%s, %d threads\n",
		table.Model, table.Batch, table.Parameters, float64(4*table.Parameters)/1e6, table.Level, table.Threads)
}

func newBenchLayers() *cobra.Command {
	var b benchFlags
	var model string
	var batch, size int
	cmd := &cobra.Command{
		Use:   "layers",
		Short: "Where a model's gradient spends its time, operation by operation",
		Long: `Run a model's forward and backward pass and print each operation's time, rate and share,
forward and backward, with PyTorch's time for the same convolution or linear layer
beside it where PyTorch is there.`,
		Example: "  monge bench layers --model resnet18 --batch 32",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.begin(); err != nil {
				return err
			}
			w := bench.Workload{Model: model, Batch: batch, Size: size}
			if err := b.workload(&w); err != nil {
				return err
			}
			all, err := bench.Layers(cmd.Context(), w, b.repeats)
			if err != nil {
				return usageError{err}
			}
			return b.print(cmd, all, func(w io.Writer) { printLayers(w, all) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&model, "model", "resnet20", "model, or what holds a network: an ONNX file, or a directory as Hugging Face publishes it: "+strings.Join(models.Names(), ", "))
	f.IntVar(&size, "size", 0, "of what holds a network: side of its images, or tokens of its texts (default what it says)")
	f.IntVar(&batch, "batch", 128, "minibatch size")
	b.add(cmd, 5)
	b.addPrecision(cmd)
	completeOrFile(cmd, "model", models.Names()...)
	return cmd
}

func printLayers(w io.Writer, table *bench.LayerTable) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "layer\top\tforward ms\tbackward ms\tGFLOP/s\tGB/s\tshare\tPyTorch forward\tbackward\t")
	for _, l := range table.Layers {
		torch := "\t\t"
		if l.TorchForwardS > 0 {
			torch = fmt.Sprintf("%.2f\t%.2f\t", 1e3*l.TorchForwardS, 1e3*l.TorchBackwardS)
		}
		rate := ""
		if l.GFLOPS > 0 {
			rate = fmt.Sprintf("%.0f", l.GFLOPS)
		}
		fmt.Fprintf(t, "%s\t%s\t%.2f\t%.2f\t%s\t%.1f\t%.1f%%\t%s\n", l.Name, l.Op, 1e3*l.ForwardS, 1e3*l.BackwardS, rate, l.GBps, 100*l.Share, torch)
	}
	t.Flush()
	fmt.Fprintf(w, "%s, batch %d: %.1f ms a gradient; multiply-add peak %.0f GFLOP/s; %s, %d threads\n", table.Model, table.Batch, 1e3*table.TotalS, table.Peak, table.Level, table.Threads)
}

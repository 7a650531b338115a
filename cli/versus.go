package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/bench"
)

// versusFlags are those of a comparison with PyTorch.
type versusFlags struct {
	benchFlags
	only       []string
	all, serve bool
	python     string
	search     time.Duration
}

func newBenchVersus() *cobra.Command {
	var b versusFlags
	cmd := &cobra.Command{
		Use:   "versus-pytorch",
		Short: "Training steps and evaluation beside PyTorch's on the same processors, in turn",
		Long: `Run training steps, evaluation without gradients, and a matrix product here and in PyTorch
1.13 or later, in processes that take steps in turn, and compare medians. PyTorch is first tried plain,
with channels_last (of networks for images), with jemalloc preloaded (libjemalloc2), and
compiled, each in float32 and with autocast to bfloat16; the best in each precision is
what is compared. What failed, had no time within --search, or is far too slow is a note.

Without --only or --all it is one M-SAM step of each network that is here under the same name, and
the product: half an hour on two cores, and 12 GB of memory for the largest. ResNets for
ImageNet are torchvision's, with ten classes. MobileNet and EfficientNet PyTorch writes as
ONNX files, with batch normalisation, and those are run here.

PyTorch is that of --python, a command as a shell splits words: the Python of a virtual
environment, "env NAME=VALUE python3", or as root "chroot DIR python3" (with DIR/proc
mounted); it needs no file of this machine.
On Debian: apt-get install python3-torch python3-torchvision libopenblas0-pthread libjemalloc2`,
		Example: "  monge bench versus-pytorch\n  monge bench versus-pytorch --only resnet20 --repeats 3\n" +
			"  monge bench versus-pytorch --python ~/venv/bin/python3 --only mlp-512,gemm1024",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return b.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&b.python, "python", bench.DefaultPython, "command of a python3 that has PyTorch, and torchvision and onnx for networks that are exported")
	f.StringSliceVar(&b.only, "only", nil, "models to compare, in all that there is of them: "+strings.Join(bench.VersusModels(), ", "))
	f.BoolVar(&b.all, "all", false, "all that there is: SGD's steps, evaluation and exported networks as well")
	f.DurationVar(&b.search, "search", 90*time.Second, "longest time to try how PyTorch runs a network faster than plain")
	f.BoolVar(&b.serve, "serve", false, "answer requests, as the process of a comparison that runs here")
	f.MarkHidden("serve")
	b.add(cmd, 5)
	complete(cmd, "only", bench.VersusModels()...)
	f.Lookup("repeats").Usage = "rounds to take the median of"
	return cmd
}

func (b *versusFlags) run(cmd *cobra.Command) error {
	if b.threads == 0 {
		b.threads = bench.ThisMachine().Threads
	}
	if err := b.begin(); err != nil {
		return err
	}
	if b.serve {
		return bench.Serve(cmd.InOrStdin(), cmd.OutOrStdout())
	}
	python, err := bench.ParsePython(b.python)
	if err != nil {
		return usage("--python: %v", err)
	}
	workloads, err := bench.Workloads(b.only, b.all)
	if err != nil {
		return usage("--only: %v", err)
	}
	for i := range workloads {
		workloads[i].Direct = !b.winograd
	}
	line := newBar(cmd.ErrOrStderr(), "versus-pytorch", 100, b.asJSON)
	v, err := bench.VersusPyTorch(cmd.Context(), bench.VersusOptions{
		Python: python, Workloads: workloads, Rounds: b.repeats, Threads: b.threads, Search: b.search,
		Progress: func(percent int, what string) {
			line.note(what)
			line.set(percent)
		},
	})
	line.close()
	if err != nil {
		return err
	}
	return b.print(cmd, v, func(w io.Writer) { printVersus(w, v) })
}

func printVersus(w io.Writer, v *bench.Versus) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "workload\tmonge ms\tspread\tMB")
	for range 2 {
		fmt.Fprint(t, "\tPyTorch ms\tspread\tMB\tas\tratio")
	}
	fmt.Fprintln(t)
	for _, c := range v.Results {
		for _, ours := range c.Ours {
			fmt.Fprintf(t, "%s, %s\t%s", workloadName(c.Workload), ours.Precision, sideCells(ours))
			for _, p := range c.PyTorch {
				fmt.Fprintf(t, "\t%s\t%s\t%.2fx", sideCells(p), p.Way, p.MedianS/ours.MedianS)
			}
			fmt.Fprint(t, strings.Repeat("\t-", 5*(2-len(c.PyTorch))))
			fmt.Fprintln(t)
		}
	}
	t.Flush()
	for _, c := range v.Results {
		if c.FLOPs() > 0 {
			fmt.Fprintf(w, "\n%s in GFLOP/s: %s", c.Model, rates(c))
		}
	}
	printNotes(w, v)
	fmt.Fprintf(w, "\nMedians; rounds, in which all took steps in turn: %d. PyTorch in its best way in each precision.\n%s; level %s, %d threads; PyTorch %s (%s)\n",
		v.Rounds, v.CPU, v.Level, v.Threads, v.Version, strings.Join(append([]string{v.BLAS}, v.Libraries...), ", "))
}

func workloadName(w bench.Workload) string {
	if w.FLOPs() > 0 {
		return w.Model
	}
	return fmt.Sprintf("%s, batch %d, %s", w.Model, w.Batch, w.Method)
}

// sideCells are the median, spread and memory of a side.
func sideCells(s *bench.Side) string {
	return fmt.Sprintf("%.2f\t%.2f-%.2f\t%.0f", 1e3*s.MedianS, 1e3*slices.Min(s.Rounds), 1e3*slices.Max(s.Rounds), float64(s.PeakRSSBytes)/1e6)
}

// rates are the GFLOP/s of all sides.
func rates(c bench.Comparison) string {
	var all []string
	for _, s := range slices.Concat(c.Ours, c.PyTorch) {
		name := "monge"
		if !slices.Contains(c.Ours, s) {
			name = "PyTorch"
		}
		all = append(all, fmt.Sprintf("%s %.3g in %s", name, s.GFLOPS, s.Precision))
	}
	return strings.Join(all, ", ")
}

// printNotes prints what was not compared, each once, with the models that it is true of.
func printNotes(w io.Writer, v *bench.Versus) {
	var notes []string
	of := map[string][]string{}
	for _, c := range v.Results {
		for _, n := range c.Notes {
			if of[n] == nil {
				notes = append(notes, n)
			}
			if !slices.Contains(of[n], c.Model) {
				of[n] = append(of[n], c.Model)
			}
		}
	}
	for _, n := range notes {
		fmt.Fprintf(w, "\nPyTorch %s (%s)", n, strings.Join(of[n], ", "))
	}
	if len(notes) > 0 {
		fmt.Fprintln(w)
	}
}

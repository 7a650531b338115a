package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/bench"
	"github.com/monge-ml/monge/tensor"
)

// gemmFlags are those of measured products.
type gemmFlags struct {
	benchFlags
	size    int
	pythons []string
}

func newBenchGemm() *cobra.Command {
	var b gemmFlags
	cmd := &cobra.Command{
		Use:   "gemm",
		Short: "Matrix products, as a share of the peak or beside PyTorch's",
		Long: `Measure matrix products: squares, and those of the layers of networks, forward and backward.
With --python, which may be given several times, in turn with those of each PyTorch; --precision bf16
has it multiply matrices that are in bfloat16, where those here are in float32 and rounded on the way.`,
		Example: "  monge bench gemm\n  monge bench gemm --size 1024 --json\n" +
			"  monge bench gemm --python ~/venv/bin/python3 --python /usr/bin/python3",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return b.run(cmd) },
	}
	f := cmd.Flags()
	f.IntVar(&b.size, "size", 1024, "size of a square product; without it a table of shapes")
	f.StringArrayVar(&b.pythons, "python", nil, "command of a python3 whose PyTorch multiplies beside; may be given several times")
	b.add(cmd, 11)
	b.addPrecision(cmd)
	return cmd
}

func (b *gemmFlags) run(cmd *cobra.Command) error {
	if b.threads == 0 {
		b.threads = bench.ThisMachine().Threads
	}
	if err := b.begin(); err != nil {
		return err
	}
	_, p, err := b.precisions()
	if err != nil {
		return err
	}
	shapes := bench.GemmShapes
	one := cmd.Flags().Changed("size")
	if one {
		shapes = []bench.GemmShape{{M: b.size, N: b.size, K: b.size, Op: "nn"}}
	}
	if len(b.pythons) > 0 {
		return b.versus(cmd, shapes, p)
	}
	var all []bench.GemmRate
	for _, s := range shapes {
		r, err := bench.Gemm(p, s, b.repeats)
		if err != nil {
			return usageError{err}
		}
		all = append(all, r)
	}
	text := func(w io.Writer) { printGemm(w, all) }
	if one {
		return b.print(cmd, all[0], text)
	}
	return b.print(cmd, all, text)
}

// versus measures shapes beside PyTorch.
func (b *gemmFlags) versus(cmd *cobra.Command, shapes []bench.GemmShape, p tensor.Precision) error {
	var pythons []bench.Python
	for _, command := range b.pythons {
		python, err := bench.ParsePython(command)
		if err != nil {
			return usage("--python: %v", err)
		}
		pythons = append(pythons, python)
	}
	precision := bench.Float32
	if p == tensor.BFloat16 {
		precision = bench.BFloat16
	}
	line := newBar(cmd.ErrOrStderr(), "products", len(shapes), b.asJSON)
	v, err := bench.GemmsVersusPyTorch(cmd.Context(), pythons, shapes, precision, b.repeats, b.threads, line.set)
	line.close()
	if err != nil {
		return err
	}
	return b.print(cmd, v, func(w io.Writer) { printGemms(w, v) })
}

func printGemm(w io.Writer, rates []bench.GemmRate) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "m\tn\tk\top\tGFLOP/s\tof peak\tmedian ms\t")
	for _, r := range rates {
		fmt.Fprintf(t, "%d\t%d\t%d\t%s\t%.0f\t%.0f%%\t%.3f\t\n", r.M, r.N, r.K, r.Op, r.GFLOPS, 100*r.Peak, 1e3*r.MedianS)
	}
	t.Flush()
	fmt.Fprintf(w, "%s, %d threads\n", rates[0].Level, rates[0].Threads)
}

func printGemms(w io.Writer, v *bench.GemmsVersus) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "m\tn\tk\top\tmonge\t")
	for i := range v.PyTorch {
		fmt.Fprintf(t, "(%d)\t", i+1)
	}
	fmt.Fprintln(t, "ratio\t")
	for _, r := range v.Rows {
		fmt.Fprintf(t, "%d\t%d\t%d\t%s\t%.0f\t", r.M, r.N, r.K, r.Op, r.GFLOPS)
		for _, rate := range r.Torch {
			fmt.Fprintf(t, "%.0f\t", rate)
		}
		fmt.Fprintf(t, "%.2fx\t\n", r.Ratio)
	}
	t.Flush()
	fmt.Fprintf(w, "GFLOP/s in %s, of the medians of %d rounds; ratio: to the best of the others.\n", v.Precision, v.Rounds)
	for i, torch := range v.PyTorch {
		fmt.Fprintf(w, "(%d) PyTorch %s (%s)\n", i+1, torch.Version, strings.Join(append([]string{torch.BLAS}, torch.Libraries...), ", "))
	}
	fmt.Fprintf(w, "%s; level %s, %d threads\n", v.CPU, v.Level, v.Threads)
}

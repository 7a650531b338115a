package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/internal/atomicfile"
	"github.com/monge-ml/monge/weights"
)

func newWeightsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "weights",
		Short: "Show, convert and compare files of weights",
		Long: `Read PyTorch checkpoints (both formats, by a reader that can make tensors and nothing
else) and safetensors.`,
		Example: "  monge weights show model.safetensors\n  monge weights convert model.pt model.safetensors",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newWeightsShow(), newWeightsConvert(), newWeightsDiff())
	return cmd
}

// files returns a check of how many files a command is given.
func files(n int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage("%s takes %s, got %d", cmd.CommandPath(), names, len(args))
		}
		return nil
	}
}

// tensorInfo is a line of the list of tensors.
type tensorInfo struct {
	Name  string        `json:"name"`
	DType weights.DType `json:"dtype"`
	Shape []int         `json:"shape"`
}

// fileInfo is what weights show --json prints.
type fileInfo struct {
	File     string            `json:"file"`
	Format   string            `json:"format"`
	Metadata map[string]string `json:"metadata"`
	Elements int               `json:"elements"` // of tensors of float types
	Tensors  []tensorInfo      `json:"tensors"`
}

func newWeightsShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show FILE",
		Short:   "List the tensors of a file",
		Example: "  monge weights show resnet20.th",
		Args:    files(1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := weights.Read(args[0])
			if err != nil {
				return err
			}
			info := fileInfo{File: args[0], Format: f.Format, Metadata: f.Metadata, Tensors: []tensorInfo{}}
			for _, t := range f.Tensors {
				info.Tensors = append(info.Tensors, tensorInfo{t.Name, t.DType, append([]int{}, t.Shape...)})
				info.Elements += len(t.Data)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), info)
			}
			printTensors(cmd.OutOrStdout(), &info)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

func printTensors(w io.Writer, info *fileInfo) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, x := range info.Tensors {
		fmt.Fprintf(t, "%s\t%s\t%v\n", x.Name, x.DType, x.Shape)
	}
	t.Flush()
	fmt.Fprintf(w, "%d tensors, %d numbers, %s\n", len(info.Tensors), info.Elements, info.Format)
}

func newWeightsConvert() *cobra.Command {
	var dtype string
	cmd := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Write the state dict of a file as safetensors",
		Long: `Write the tensors of IN's state dict, without the wrapper's keys and without a common
"module." before the names, to OUT as safetensors.`,
		Example: "  monge weights convert resnet20.th resnet20.safetensors --dtype bf16",
		Args:    files(2, "two files"),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, known := map[string]weights.DType{"": "", "f32": weights.F32, "f16": weights.F16, "bf16": weights.BF16}[dtype]
			switch {
			case !known:
				return usage("--dtype %q; there are f32, f16, bf16", dtype)
			case !strings.HasSuffix(args[1], ".safetensors"):
				return usage("OUT is %q; only .safetensors files are written", args[1])
			case sameFile(args[0], args[1]):
				return usage("IN and OUT are the same file")
			}
			f, err := weights.Read(args[0])
			if err != nil {
				return err
			}
			tensors := f.StateDict()
			for i := range tensors {
				if to != "" && tensors[i].Data != nil {
					tensors[i].DType = to
				}
			}
			err = atomicfile.Write(args[1], func(w io.Writer) error { return weights.WriteSafetensors(w, tensors, f.Metadata) })
			if err != nil {
				return fmt.Errorf("%s: %w", args[1], err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "wrote %d tensors to %s\n", len(tensors), args[1])
			return nil
		},
	}
	cmd.Flags().StringVar(&dtype, "dtype", "", "type of the float tensors: f32, f16, bf16 (default as they are)")
	complete(cmd, "dtype", "f32", "f16", "bf16")
	return cmd
}

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// errDiffer makes weights diff exit with 1, as diff does.
var errDiffer = errors.New("the files differ")

func newWeightsDiff() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "diff A B",
		Short:   "Compare the state dicts of two files; exit code 1 if they differ",
		Example: "  monge weights diff runs/a/weights.safetensors runs/b/weights.safetensors",
		Args:    files(2, "two files"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var dicts [2]map[string]weights.Tensor
			var order []string
			for i, path := range args {
				f, err := weights.Read(path)
				if err != nil {
					return err
				}
				dicts[i] = map[string]weights.Tensor{}
				for _, t := range f.StateDict() {
					if _, seen := dicts[0][t.Name]; !seen {
						order = append(order, t.Name)
					}
					dicts[i][t.Name] = t
				}
			}
			lines := 0
			out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, name := range order {
				if s := difference(dicts, name, args); s != "" {
					fmt.Fprintf(out, "%s\t%s\n", name, s)
					lines++
				}
			}
			if err := out.Flush(); err != nil || lines == 0 {
				return err
			}
			return errDiffer
		},
	}
	return cmd
}

// difference says how a tensor differs between two state dicts, "" if it does not.
func difference(dicts [2]map[string]weights.Tensor, name string, files []string) string {
	a, inA := dicts[0][name]
	b, inB := dicts[1][name]
	switch {
	case !inA:
		return "only in " + files[1]
	case !inB:
		return "only in " + files[0]
	case fmt.Sprint(a.Shape) != fmt.Sprint(b.Shape) || len(a.Data) != len(b.Data) || len(a.Ints) != len(b.Ints):
		return fmt.Sprintf("shape %v (%s) and %v (%s)", a.Shape, a.DType, b.Shape, b.DType)
	}
	different := 0
	var worst, top float64
	for i, v := range a.Data {
		if v != b.Data[i] && !(v != v && b.Data[i] != b.Data[i]) { // NaN is the same as NaN
			different++
			worst = math.Max(worst, math.Abs(float64(v)-float64(b.Data[i])))
		}
		top = math.Max(top, math.Abs(float64(v)))
	}
	for i, v := range a.Ints {
		if v != b.Ints[i] {
			different++
			worst = math.Max(worst, math.Abs(float64(v-b.Ints[i])))
		}
	}
	if different == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d elements differ, by up to %.3g (largest %.3g)", different, a.Len(), worst, top)
}

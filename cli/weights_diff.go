package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/onnx/network"
	"github.com/monge-ml/monge/weights"
)

// errDiffer makes weights diff exit with 1, as diff does.
var errDiffer = errors.New("the files differ")

func newWeightsDiff() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare the state dicts of two files; exit code 1 if they differ",
		Long: `Compare the state dicts of two files, tensor by tensor. Where the names of one are those of the
other behind a prefix, that is taken away and said. Of two ONNX files what is not trained is
compared too: constants by their numbers, graphs by a SHA-256. Exit code 1 if they differ.`,
		Example: "  monge weights diff runs/a/weights.safetensors runs/b/weights.safetensors",
		Args:    files(2, "two files"),
		RunE: func(cmd *cobra.Command, args []string) error {
			states, err := readStates(cmd.ErrOrStderr(), args, key)
			if err != nil {
				return err
			}
			lines, err := printDifferences(cmd.OutOrStdout(), states, args)
			if err != nil {
				return err
			}
			more, err := printRest(cmd, args)
			if err != nil || lines+more == 0 {
				return err
			}
			return errDiffer
		},
	}
	cmd.Flags().StringVar(&key, "weights-key", "", "which network, of a file that has several")
	return cmd
}

// readStates reads the state dicts of two files.
func readStates(stderr io.Writer, files []string, key string) (states [2][]weights.Tensor, err error) {
	lacking := 0
	for i, path := range files {
		f, err := readWeights(path, key)
		if errors.Is(err, weights.ErrKey) && lacking == 0 { // one of them may be of one network alone
			lacking++
			f, err = readWeights(path, "")
		}
		if err != nil {
			return states, err
		}
		if states[i] = f.StateDict(); i == 0 {
			tellNetworks(stderr, path, f)
			continue
		}
		if isGraph(files[0]) && isGraph(path) { // their names are their graphs'
			continue
		}
		fitted, err := f.Fit(specs(states[0]))
		if err != nil {
			tellNetworks(stderr, path, f)
			continue // they differ, and the lines say how
		}
		if len(fitted.Tensors) > 0 && len(fitted.Notes) > 0 {
			states[1] = fitted.Tensors
			tellNotes(stderr, path, fitted.Notes)
		}
	}
	return states, nil
}

// printRest prints how what is not trained differs between two ONNX files, and returns in how many
// lines. What there is nothing to compare with is told.
func printRest(cmd *cobra.Command, files []string) (lines int, err error) {
	var constants [2][]weights.Tensor
	var graphs [2]string
	for i, path := range files {
		switch {
		case !isGraph(path):
			continue
		case !isGraph(files[1-i]):
			tellNotes(cmd.ErrOrStderr(), path, []string{"its graph and constants are not compared, as " + files[1-i] + " has none"})
			return 0, nil
		}
		if constants[i], graphs[i], err = restOf(path); err != nil {
			return 0, err
		}
	}
	lines, err = printDifferences(cmd.OutOrStdout(), constants, files)
	if err == nil && graphs[0] != graphs[1] {
		fmt.Fprintf(cmd.OutOrStdout(), "graph  differs: SHA-256 %.12s... of %s, %.12s... of %s\n", graphs[0], files[0], graphs[1], files[1])
		lines++
	}
	return lines, err
}

// restOf returns what an ONNX file has that is not trained: its constants, and the digest of its graph.
func restOf(path string) (constants []weights.Tensor, graph string, err error) {
	n, err := network.Find(path)
	if err != nil {
		return nil, "", err
	}
	if constants, err = n.Constants(); err == nil {
		graph, err = n.GraphDigest()
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	for i := range constants {
		constants[i].Name = "constant " + printable(constants[i].Name)
	}
	return constants, graph, nil
}

// specs are what a state dict wants of another: integers it may have.
func specs(tensors []weights.Tensor) (want, may []weights.Spec) {
	for _, t := range tensors {
		if s := (weights.Spec{Name: t.Name, Shape: t.Shape}); t.DType == "" || t.DType.IsFloat() {
			want = append(want, s)
		} else {
			may = append(may, s)
		}
	}
	return want, may
}

// printDifferences prints a line for each tensor that differs, and returns how many.
func printDifferences(w io.Writer, states [2][]weights.Tensor, files []string) (lines int, err error) {
	var dicts [2]map[string]weights.Tensor
	var order []string
	for i, state := range states {
		dicts[i] = map[string]weights.Tensor{}
		for _, t := range state {
			if _, seen := dicts[0][t.Name]; !seen {
				order = append(order, t.Name)
			}
			dicts[i][t.Name] = t
		}
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, name := range order {
		if s := difference(dicts, name, files); s != "" {
			fmt.Fprintf(out, "%s\t%s\n", name, s)
			lines++
		}
	}
	return lines, out.Flush()
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

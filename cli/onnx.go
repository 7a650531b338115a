package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/network"
	"github.com/monge-ml/monge/onnx/nodetest"
	"github.com/monge-ml/monge/weights"
)

func newONNXCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "onnx",
		Short:   "Test how ONNX files are run here",
		Long:    "Run tests in the layout of ONNX's own. 'monge weights show FILE.onnx' shows what is in a file.",
		Example: "  monge onnx test /usr/share/libonnx-testdata/data/node",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newONNXTest())
	return cmd
}

// errTestsFailed makes onnx test exit with 1.
var errTestsFailed = errors.New("tests failed")

func newONNXTest() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test DIR...",
		Short: "Run tests in ONNX's layout: model.onnx and test_data_set_*; exit code 1 if one fails",
		Long: `Run the tests in directories, and below them: each has a model.onnx and, in test_data_set_0
and so on, its inputs and outputs as input_0.pb, output_0.pb, ... Numbers of float32 go the way
that they go in training. A test of an operator that is not supported is no failure; its line
names the operator.`,
		Example: "  monge onnx test /usr/share/libonnx-testdata/data\n  monge onnx test --json mynetwork",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("%s takes one directory or more", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var dirs []string
			for _, dir := range args {
				found, err := nodetest.Find(dir)
				if err != nil {
					return err
				}
				if len(found) == 0 {
					return fmt.Errorf("%s: no model.onnx in it or below it", dir)
				}
				dirs = append(dirs, found...)
			}
			bar := newBar(cmd.ErrOrStderr(), "onnx test", len(dirs), asJSON)
			done := 0
			r, err := nodetest.Run(cmd.Context(), dirs, func(nodetest.Result) {
				done++
				bar.set(done)
			})
			bar.close()
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), r)
			} else {
				printTests(cmd.OutOrStdout(), r)
			}
			if err == nil && r.Failed > 0 {
				err = errTestsFailed
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document and nothing else")
	return cmd
}

func printTests(w io.Writer, r *nodetest.Report) {
	for _, t := range r.Tests {
		if t.State != nodetest.Passed {
			fmt.Fprintf(w, "%s  %s: %s\n", t.State, t.Name, t.Why)
		}
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d unsupported\n", r.Passed, r.Failed, r.Unsupported)
}

// graphInfo is what weights show --json prints of an ONNX file.
type graphInfo struct {
	File        string            `json:"file"`
	Format      string            `json:"format"`
	Opset       int64             `json:"opset"`
	Producer    string            `json:"producer,omitempty"`
	Metadata    map[string]string `json:"metadata"`
	Inputs      []string          `json:"inputs"`
	Outputs     []string          `json:"outputs"`
	Operators   map[string]int    `json:"operators"`
	Parameters  []tensorInfo      `json:"parameters"`
	Elements    int               `json:"elements"` // of the parameters
	Output      string            `json:"trained_output,omitempty"`
	Head        *headInfo         `json:"head,omitempty"`
	Heads       []headInfo        `json:"heads,omitempty"` // where several are added up
	Closing     string            `json:"closing,omitempty"`
	Folded      bool              `json:"batch_norm_folded"`
	Training    bool              `json:"training_mode"` // it was exported so
	Untied      string            `json:"untied,omitempty"`
	Unsupported []string          `json:"unsupported"`
	Trainable   string            `json:"not_trainable,omitempty"` // why the graph can't be trained as a network

	known   bool // the graph could be looked through
	runs    bool
	lacking map[string]int // operators that are not supported
}

// headInfo is a layer that makes the outputs.
type headInfo struct {
	Node    string `json:"node"`
	Weight  string `json:"weight"`
	Bias    string `json:"bias,omitempty"`
	Classes int    `json:"classes"`
}

// showGraph shows an ONNX file, with its usual output as what is trained, or that of a name. One that can't be trained is shown all the same, with the reason.
func showGraph(cmd *cobra.Command, path, output string, asJSON bool) error {
	m, err := onnx.Read(path)
	if err != nil {
		return err
	}
	info := &graphInfo{File: path, Format: "onnx", Opset: m.Opset(), Producer: strings.TrimSpace(m.Producer + " " + m.ProducerVersion),
		Metadata: map[string]string{}, Inputs: []string{}, Outputs: []string{}, Operators: map[string]int{}, Parameters: []tensorInfo{}, Unsupported: []string{},
		lacking: map[string]int{}}
	for _, p := range m.Metadata {
		info.Metadata[p.Key] = p.Value
	}
	for _, v := range m.Graph.Given() {
		info.Inputs = append(info.Inputs, network.Describe(v))
	}
	for _, v := range m.Graph.Outputs {
		info.Outputs = append(info.Outputs, network.Describe(v))
	}
	for _, n := range m.Graph.Nodes {
		info.Operators[n.FullOp()]++
		if !network.Has(n.FullOp()) {
			info.Unsupported = append(info.Unsupported, n.Label())
			info.lacking[n.FullOp()]++
		}
	}
	f, err := network.Of(m)
	if err == nil && output != "" {
		if f, err = f.WithOutput(output); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		info.Trainable = err.Error()
	} else {
		info.describe(f)
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), info)
	}
	info.print(cmd.OutOrStdout())
	return nil
}

func (i *graphInfo) describe(f *network.File) {
	for _, t := range f.ParameterTensors() {
		i.Parameters = append(i.Parameters, tensorInfo{Name: t.Name, DType: weightsType(t.DType), Shape: append([]int{}, t.Dims...)})
		i.Elements += t.Len()
	}
	i.known = true
	i.Output, i.Closing, i.Folded, i.Training = f.Output, f.Closing, f.Folded(), f.Training()
	i.Untied = f.UntiedNote()
	for _, h := range f.Heads {
		i.Heads = append(i.Heads, headInfo{h.Node.Label(), h.Weight, h.Bias, h.Classes})
	}
	if len(i.Heads) > 0 {
		i.Head = &i.Heads[0]
	}
	err := f.Check()
	if i.runs = err == nil; i.runs {
		err = f.CheckTraining()
	}
	if err != nil {
		i.Trainable = err.Error()
	}
}

func (i *graphInfo) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range i.Parameters {
		fmt.Fprintf(t, "%s\t%s\t%v\n", printable(p.Name), p.DType, p.Shape)
	}
	t.Flush()
	parameters := fmt.Sprintf("%d parameters, %d numbers", len(i.Parameters), i.Elements)
	if !i.known {
		parameters = "no network that is known here"
	}
	fmt.Fprintf(w, "%s, onnx, opset %d, %s\n", parameters, i.Opset, cmp.Or(printable(i.Producer), "producer unknown"))
	fmt.Fprintf(w, "inputs: %s\noutputs: %s\n", strings.Join(i.Inputs, ", "), strings.Join(i.Outputs, ", "))
	if len(i.Outputs) > 1 && i.Output != "" {
		fmt.Fprintf(w, "trained output: %s, unless --output chooses another\n", onnx.Show(i.Output))
	}
	fmt.Fprintf(w, "operators: %s\n", counted(i.Operators))
	for _, h := range i.Heads {
		fmt.Fprintf(w, "head: %s, %d classes (weight %s, bias %s)\n", h.Node, h.Classes, printable(h.Weight), cmp.Or(printable(h.Bias), "none"))
	}
	if i.Heads == nil && i.Trainable == "" {
		fmt.Fprintln(w, "head: none was found, so that --head new has nothing to begin anew")
	}
	if i.Closing != "" {
		fmt.Fprintf(w, "closing: %s, which is no part of what is trained on classes\n", i.Closing)
	}
	if i.Folded {
		fmt.Fprintln(w, "batch normalisation: none; where it was folded into the convolutions, --batch-norm restore puts it back")
	}
	if i.Untied != "" {
		fmt.Fprintf(w, "untied: %s\n", i.Untied)
	}
	if i.Training {
		fmt.Fprintln(w, "exported in training mode: a runtime normalises by the minibatch that it serves, or drops out; what is written here does not")
	}
	for _, k := range slices.Sorted(maps.Keys(i.Metadata)) {
		fmt.Fprintf(w, "metadata %s: %.200s\n", printable(k), printable(i.Metadata[k]))
	}
	if len(i.lacking) > 0 {
		fmt.Fprintf(w, "not supported: %s\n", counted(i.lacking))
	}
	switch {
	case i.Trainable == "":
	case i.runs:
		fmt.Fprintf(w, "can't be trained here: %s\n", i.Trainable)
	default:
		fmt.Fprintf(w, "can't be run or trained here: %s\n", i.Trainable)
	}
}

// counted lists operators with their numbers, the most frequent first.
func counted(operators map[string]int) string {
	var list []string
	for _, name := range slices.SortedFunc(maps.Keys(operators), func(a, b string) int {
		return cmp.Or(operators[b]-operators[a], strings.Compare(a, b))
	}) {
		list = append(list, fmt.Sprintf("%d %s", operators[name], printable(name)))
	}
	return strings.Join(list, ", ")
}

// weightsType is a type by the name that weights show has for it.
func weightsType(d onnx.DType) weights.DType {
	return map[onnx.DType]weights.DType{onnx.Float: weights.F32, onnx.Double: weights.F64, onnx.Float16: weights.F16, onnx.BFloat16: weights.BF16}[d]
}

package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/monge-ml/monge/classifier"
	"github.com/monge-ml/monge/clip"
	"github.com/monge-ml/monge/data"
	"github.com/monge-ml/monge/hf"
	"github.com/monge-ml/monge/internal/atomicfile"
	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/onnx/network"
	"github.com/monge-ml/monge/weights"
)

func newWeightsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "weights",
		Short: "Show, convert and compare files of weights",
		Long: `Read PyTorch checkpoints (both formats, by a reader that can make tensors and nothing
else) and safetensors, in one file or in parts with an index.`,
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
	Taken    string            `json:"taken,omitempty"`    // the network that commands take
	Networks []string          `json:"networks,omitempty"` // where the file has several
	Passed   []passedInfo      `json:"passed_over,omitempty"`
}

// passedInfo is an object of a checkpoint that is not read.
type passedInfo struct {
	Name  string `json:"name"`
	Class string `json:"class"`
	Read  bool   `json:"tensors_read,omitempty"`
}

func newWeightsShow() *cobra.Command {
	var asJSON bool
	var key, output string
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "List the tensors of a file",
		Long: `List the tensors of a file, of a network in it with --weights-key. Of a PyTorch checkpoint also
say which of its networks the commands take, and which Python objects were passed over: they are
never made, and nothing of the file is run. Of an ONNX file say what it takes and gives, its
operators, what is trained, which layer makes the outputs, and what can't be run here; of a directory
as Hugging Face publishes it which network it holds, and its parameters.`,
		Example: "  monge weights show resnet20.th\n  monge weights show mobilenet.onnx\n  monge weights show all-MiniLM-L6-v2",
		Args:    files(1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch graph := isGraph(args[0]); {
			case isDirectory(args[0]) && (key != "" || output != ""):
				return usage("--weights-key and --output are not for directories: %s holds one network", filepath.Base(args[0]))
			case isDirectory(args[0]):
				return showDirectory(cmd, args[0], asJSON)
			case graph && key != "":
				return usage("--weights-key is not for ONNX files: %s holds one network", filepath.Base(args[0]))
			case graph:
				return showGraph(cmd, args[0], output, asJSON)
			case output != "":
				return usage("--output is for ONNX files")
			}
			f, err := weights.ReadWith(args[0], weights.Options{Key: key})
			if err != nil {
				return err
			}
			info := fileInfo{File: args[0], Format: f.Format, Metadata: f.Metadata, Tensors: []tensorInfo{}, Taken: f.Taken()}
			if list := f.Networks(); len(list) > 1 {
				info.Networks = list
			}
			for _, p := range f.Passed {
				info.Passed = append(info.Passed, passedInfo(p))
			}
			for _, t := range f.Tensors {
				if key != "" && !strings.HasPrefix(t.Name, key+".") {
					continue
				}
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
	addWeightsKey(cmd, &key)
	cmd.Flags().StringVar(&output, "output", "", "which output of an ONNX file is meant, by its name, where it has several (default what the file says, logits, or the first)")
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
	if len(info.Networks) > 0 {
		taken := cmp.Or(info.Taken, "what fits")
		fmt.Fprintf(w, "networks: %s; taken: %s (--weights-key chooses)\n", printable(strings.Join(info.Networks, ", ")), printable(taken))
	}
	if len(info.Passed) > 0 {
		fmt.Fprintln(w, "passed over, being neither tensors nor plain values:")
	}
	for _, p := range info.Passed {
		but := ""
		if p.Read {
			but = " (its tensors are read)"
		}
		fmt.Fprintf(t, "  %s\t%s%s\n", printable(cmp.Or(p.Name, "the whole file")), printable(p.Class), but)
	}
	t.Flush()
}

// printable replaces what a terminal could take for a command.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

func newWeightsConvert() *cobra.Command {
	var dtype string
	var x toONNX
	cmd := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Write the weights of a file as safetensors, or with their network as ONNX",
		Long: `OUT.safetensors: the tensors of IN's state dict, without the wrapper's keys and without a common
"module." or "_orig_mod." before the names; of an ONNX file what is trained, without graph and
constants. Of several networks in IN --weights-key chooses.

OUT.onnx: the network of IN as an ONNX model (opset 17, the size of the minibatch symbolic), with
its classes, normalization and size as metadata. It is the model that IN says it is of, or that
--model does. Images are N x C x H x W there, in RGB, normalized as the metadata say; with --onnx
the graph does that, or ends with a softmax.

IN may be a network's directory as Hugging Face publishes it; of one of texts the inputs are
input_ids, attention_mask and, where it has segments, token_type_ids, N x T.

Of a CLIP model IN is its directory. The inputs of its ONNX model are pixel_values and input_ids,
the outputs image_embeds, text_embeds and logits_per_image; the metadata have the normalization, the
size of images, the most tokens of a text and the factor of similarities.`,
		Example: "  monge weights convert resnet20.th resnet20.safetensors --dtype bf16\n" +
			"  monge weights convert runs/a/best.safetensors pets.onnx --onnx normalize,softmax\n" +
			"  monge weights convert runs/clip/model clip.onnx",
		Args: files(2, "two files"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if sameFile(args[0], args[1]) {
				return usage("IN and OUT are the same file")
			}
			if strings.HasSuffix(args[1], ".onnx") {
				if dtype != "" {
					return usage("--dtype is for .safetensors; ONNX models have float32")
				}
				if clip.IsDirectory(args[0]) {
					return convertCLIP(cmd, args[0], args[1])
				}
				return x.convert(cmd, args[0], args[1])
			}
			for _, name := range ofClassifiers {
				if cmd.Flags().Changed(name) {
					return usage("--%s is for .onnx files", name)
				}
			}
			return convertWeights(cmd, args[0], args[1], dtype, x.key)
		},
	}
	x.addOptions(cmd)
	f := cmd.Flags()
	f.StringVar(&dtype, "dtype", "", "type of the float tensors of .safetensors: f32, f16, bf16 (default as they are)")
	f.StringVar(&x.classes, "classes", "", "of .onnx: names of the classes in the order of the outputs, with commas, or a file with one a line (default what the file says)")
	f.Var(sizeFlag{&x.inputs}, "size", "of .onnx: height and width of images, as in 48x192, or one number for both, or tokens of a text (default what the file says, or is usual)")
	f.StringSliceVar(&x.inGraph, "onnx", nil, "of .onnx: what is in the graph beside the network: normalize (pixels are then given in [0, 1]), softmax (probabilities of classes), sigmoid (of labels)")
	complete(cmd, "dtype", "f32", "f16", "bf16")
	complete(cmd, "onnx", classifier.InGraphNames...)
	return cmd
}

// ofClassifiers are the flags of a conversion of a classifier to ONNX.
var ofClassifiers = []string{"model", "norm", "normalize", "channels", "output", "classes", "size", "onnx"}

// convertCLIP writes the CLIP model of a directory as ONNX.
func convertCLIP(cmd *cobra.Command, in, out string) error {
	for _, name := range append([]string{"weights-key"}, ofClassifiers...) {
		if cmd.Flags().Changed(name) {
			return usage("--%s is not for CLIP models, as %s has one", name, in)
		}
	}
	p, err := clip.Open(in)
	if err != nil {
		return err
	}
	m, err := p.ONNX(nil, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	if err := m.WriteFile(out); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote both towers of %s as %d nodes and %d tensors to %s\n", in, len(m.Graph.Nodes), len(m.Graph.Initializers), out)
	return nil
}

// convertWeights writes a state dict as safetensors.
func convertWeights(cmd *cobra.Command, in, out, dtype, key string) error {
	to, known := map[string]weights.DType{"": "", "f32": weights.F32, "f16": weights.F16, "bf16": weights.BF16}[dtype]
	switch {
	case !known:
		return usage("--dtype %q; there are f32, f16, bf16", dtype)
	case !strings.HasSuffix(out, ".safetensors"):
		return usage("OUT is %q; only .safetensors and .onnx files are written", out)
	}
	f, err := readWeights(in, key)
	if err != nil {
		return err
	}
	tellNetworks(cmd.ErrOrStderr(), in, f)
	tensors := f.StateDict()
	for i := range tensors {
		if to != "" && tensors[i].Data != nil {
			tensors[i].DType = to
		}
	}
	err = atomicfile.Write(out, func(w io.Writer) error { return weights.WriteSafetensors(w, tensors, f.Metadata) })
	if err != nil {
		return fmt.Errorf("%s: %w", out, err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote %d tensors to %s\n", len(tensors), out)
	return tellLeftOut(cmd.ErrOrStderr(), in)
}

// isGraph reports whether a path is of an ONNX file.
func isGraph(path string) bool { return models.IsFile(path) && !hf.IsDirectory(path) }

// tellLeftOut says what of an ONNX file is in no state dict.
func tellLeftOut(stderr io.Writer, in string) error {
	if !isGraph(in) {
		return nil
	}
	n, err := network.Find(in)
	if err != nil {
		return err
	}
	constants, err := n.Constants()
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	tellNotes(stderr, in, []string{fmt.Sprintf("left out, as .safetensors holds what is trained alone: the graph of %d nodes, and %d constants", len(n.Graph.Nodes), len(constants))})
	return nil
}

// readWeights reads a file of weights, or what is trained of an ONNX file's network with its running
// statistics.
func readWeights(path, key string) (*weights.File, error) {
	if !isGraph(path) {
		return weights.ReadWith(path, weights.Options{Key: key})
	}
	n, err := network.Find(path)
	if err != nil {
		return nil, err
	}
	f := &weights.File{Format: "onnx", Metadata: map[string]string{}}
	if key != "" {
		return nil, fmt.Errorf("%s: %w %s: an ONNX file holds one network", path, weights.ErrKey, key)
	}
	for _, p := range n.Metadata {
		f.Metadata[p.Key] = p.Value
	}
	if f.Tensors, err = n.StateDict(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// toONNX is what a conversion to ONNX was asked for.
type toONNX struct {
	weightsFlags
	classes string
	inputs  data.Size
	inGraph []string
}

func (x *toONNX) convert(cmd *cobra.Command, in, out string) error {
	graph, err := classifier.ParseInGraph(x.inGraph)
	if err != nil {
		return usage("--onnx: %v", err)
	}
	if x.Classes, err = classNames(x.classes); err != nil {
		return err
	}
	x.path = in
	f, err := x.open()
	if err != nil {
		return err
	}
	if f.Network() != "" && x.inputs != (data.Size{}) {
		f.Resize(x.inputs)
	} else if x.Input, err = x.input(f); err != nil {
		return err
	}
	c, err := f.Load(x.Options)
	if err != nil {
		return err
	}
	tellNotes(cmd.ErrOrStderr(), f.Path, f.Notes())
	if len(c.Input) == 3 {
		tellNormalization(cmd.ErrOrStderr(), c)
	}
	if err := graph.Check(&c.Info); err != nil {
		return usage("--onnx: %v", err)
	}
	if isGraph(f.Network()) {
		return convertNetwork(cmd, c, out, graph)
	}
	m, err := c.ONNX(nil, graph, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", out, err)
	}
	if err := m.WriteFile(out); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote %s as %d nodes and %d tensors to %s\n", c.Model, len(m.Graph.Nodes), len(m.Graph.Initializers), out)
	return nil
}

// convertNetwork writes the network of a file as one.
func convertNetwork(cmd *cobra.Command, c *classifier.Classifier, out string, graph classifier.InGraph) error {
	if n, ok := c.Net.Layer().(*network.Network); ok {
		if err := n.CanWrap(graph.Wrapping(c.Normalize)); err != nil {
			return usage("--onnx: %v", err)
		}
	}
	if err := classifier.SaveNetwork(out, c, graph, nil); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "wrote the network of %s to %s\n", c.Model, out)
	return nil
}

// input is the shape of inputs that --size asks for, nil without it.
func (x *toONNX) input(f *classifier.File) ([]int, error) {
	if x.inputs == (data.Size{}) {
		return nil, nil
	}
	shape := f.Info.Input
	if e, err := models.Find(cmp.Or(x.Model, f.Info.Model)); err == nil && shape == nil {
		shape = e.Input
	}
	switch {
	case len(shape) == 1 && x.inputs.Height == x.inputs.Width:
		return []int{x.inputs.Height}, nil
	case len(shape) == 3:
		return []int{x.inputs.Height, x.inputs.Width, shape[2]}, nil
	}
	return nil, usage("--size %s is none of inputs of shape %v", x.inputs, shape)
}

// tellNetworks says which of several networks is taken.
func tellNetworks(w io.Writer, path string, f *weights.File) {
	if list := f.Networks(); len(list) > 1 {
		tellNotes(w, path, []string{fmt.Sprintf("networks %s; taken: %s (--weights-key chooses)",
			printable(strings.Join(list, ", ")), printable(cmp.Or(f.Taken(), "all of them")))})
	}
}

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

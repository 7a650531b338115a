package network

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/monge-ml/monge/onnx"
)

// A File is a graph that was looked through: what it takes and gives, what is trained.
type File struct {
	*onnx.Model
	Path string

	Images *Images // what images it takes, nil if none
	Texts  *Texts  // what texts it takes, nil if none
	Vector string  // name of the input of a network of plain numbers, "" if it is none
	// Heads make the outputs: one layer, or several whose sum or mean they are, as in distilled
	// networks; nil if none was found.
	Heads []*Head
	// Closing is what closes the graph behind the outputs that are trained: Softmax, LogSoftmax,
	// Sigmoid, or "".
	Closing string

	// Output is the name of the output that is trained, and Chosen whether it was chosen for
	// training, now or when the file was written, and is not the usual one.
	Output string
	Chosen bool

	read       reading
	output     string // name of what is trained
	logits     string // before what closes the graph, which is trained or not
	width      int    // numbers of a plain input, 0 if not known
	madeFor    int    // the batch that the file is made for, 0 for any
	nodes      []*onnx.Node
	own        *owned
	needed     map[*onnx.Node]bool
	readers    map[string]int
	moving     map[string]bool // what depends on the input
	parameters []*parameter
	named      map[string]*parameter
	makers     map[string]*onnx.Node // of what is needed, by the names of their results
	constants  map[string]*onnx.Tensor
	tensors    map[string]*onnx.Tensor // initializers, constants, and copies of them under other names
	normalized []*onnx.Node            // batch normalisations with statistics of the file
	behind     map[string]bool         // results of the nodes between the head and the output
	untied     []string                // tensors that several trained copies were made of, where the file does not say which are one
}

// A parameter is a tensor of the file that is trained.
type parameter struct {
	name   string
	tensor *onnx.Tensor
	kernel bool // the weight of convolutions alone
}

// Images are what a network of images takes.
type Images struct {
	name          string
	Height, Width int // 0 if any
	channels      int // 0 if not known
	last          bool
}

// Texts are the inputs of a network of texts.
type Texts struct {
	ids    string
	masks  []string // 1 for tokens, 0 for padding
	zeros  []string // kinds of sentences
	places []string // positions
	dtypes map[string]onnx.DType
	Tokens int // of a text, 0 if any
}

// Open reads a file and looks its graph through. Errors name the file.
func Open(path string) (*File, error) {
	m, err := onnx.Read(path)
	if err != nil {
		return nil, err
	}
	f, err := Of(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.Path = path
	return f, nil
}

// A reading says what of a graph is trained.
type reading struct {
	output string // its name, "" for the usual one
	closed bool   // what closes the graph is trained through
}

// Of looks a model's graph through.
func Of(m *onnx.Model) (*File, error) { return reading{}.of(m) }

func (r reading) of(m *onnx.Model) (*File, error) {
	if v := m.Opset(); v < leastOpset || v > mostOpset {
		return nil, fmt.Errorf("opset %d; those from %d to %d are read: save the file with one of them (onnx.version_converter)", v, leastOpset, mostOpset)
	}
	f := &File{Model: m, read: r, behind: map[string]bool{}}
	f.own = ownedOf(m.Graph)
	f.untied = untie(m, f.own)
	if err := f.findInputs(); err != nil {
		return nil, err
	}
	if err := f.findOutput(); err != nil {
		return nil, err
	}
	f.openEnd()
	f.findTensors()
	f.nodes = fused(m.Graph, f.tensors, f.own, f.output)
	f.countReaders()
	f.findNeeded()
	if len(m.Functions) > 0 {
		own := map[string]bool{}
		for _, name := range m.Functions {
			own[name] = true
		}
		for _, n := range f.nodes {
			if f.needed[n] && own[n.Domain+"."+n.Op] {
				return nil, fmt.Errorf("node %s is a function that the file defines itself: save it with functions inlined (onnx.inliner)", n.Label())
			}
		}
	}
	f.findParameters()
	f.findHeads()
	return f, nil
}

// The versions of ONNX's operators whose meanings are known.
const (
	leastOpset = 7
	mostOpset  = 25
)

// Unsupported returns the nodes that can't be run here, each with its operator.
func (f *File) Unsupported() (list []string) {
	for _, n := range f.nodes {
		if f.needed[n] && !Has(n.FullOp()) {
			list = append(list, n.Label())
		}
	}
	return list
}

// given are the inputs that are not initializers.
func (f *File) given() []*onnx.Value { return f.Graph.Given() }

// findInputs tells what kind of inputs the graph takes.
func (f *File) findInputs() error {
	in := f.given()
	if len(in) == 0 {
		return errors.New("the graph has no input")
	}
	for _, v := range in {
		n := 1
		for i, d := range v.Shape {
			if d.Size > maxSide {
				return fmt.Errorf("input %s: there may be %d of a dimension", Describe(v), maxSide)
			}
			if i > 0 && d.Size > 0 {
				if n *= int(d.Size); n > maxNumbers {
					return fmt.Errorf("input %s: there may be %d numbers", Describe(v), maxNumbers)
				}
			}
		}
	}
	if d := in[0].Shape; len(d) > 0 && d[0].Size > 0 {
		f.madeFor = int(d[0].Size)
	}
	v := in[0]
	switch {
	case v.Other != "":
		return fmt.Errorf("input %s is %s, which is not supported", onnx.Show(v.Name), v.Other)
	case len(in) == 1 && v.DType.IsFloat() && len(v.Shape) == 4:
		f.Images = imagesOf(v)
	case len(in) == 1 && v.DType.IsFloat() && len(v.Shape) == 2:
		f.Vector, f.width = v.Name, int(max(v.Shape[1].Size, 0))
	case !v.DType.IsFloat() && len(v.Shape) == 2:
		return f.findTexts(in)
	case len(in) == 1 && !v.DType.IsFloat():
		return fmt.Errorf("its input is %s: numbers of type %v are taken as rows of tokens alone, and those of images as floating point: export it with an input of float32", Describe(v), v.DType)
	default:
		var list []string
		for _, v := range in {
			list = append(list, Describe(v))
		}
		return fmt.Errorf("its inputs are %s: there may be one of images (four dimensions), one of numbers (two), or those of texts (whole numbers)", strings.Join(list, ", "))
	}
	return nil
}

// maxSide bounds each dimension of an input.
const maxSide = 1 << 20

// imagesOf tells N x C x H x W from N x H x W x C by where the channels are.
func imagesOf(v *onnx.Value) *Images {
	colours := func(d onnx.Dim) bool { return d.Size == 1 || d.Size == 3 || d.Size == 4 }
	i := &Images{name: v.Name, last: colours(v.Shape[3]) && !colours(v.Shape[1])}
	c, h, w := v.Shape[1], v.Shape[2], v.Shape[3]
	if i.last {
		h, w, c = v.Shape[1], v.Shape[2], v.Shape[3]
	}
	i.channels, i.Height, i.Width = int(max(c.Size, 0)), int(max(h.Size, 0)), int(max(w.Size, 0))
	return i
}

func (f *File) findTexts(in []*onnx.Value) error {
	t := &Texts{dtypes: map[string]onnx.DType{}}
	for _, v := range in {
		t.dtypes[v.Name] = v.DType
		name := strings.ToLower(v.Name)
		if v.DType.IsFloat() || len(v.Shape) != 2 {
			return fmt.Errorf("input %s is no row of tokens", Describe(v))
		}
		switch {
		case strings.Contains(name, "mask"):
			t.masks = append(t.masks, v.Name)
		case strings.Contains(name, "type") || strings.Contains(name, "segment"):
			t.zeros = append(t.zeros, v.Name)
		case strings.Contains(name, "position"):
			t.places = append(t.places, v.Name)
		case t.ids == "":
			t.ids = v.Name
			t.Tokens = int(max(v.Shape[1].Size, 0))
		default:
			return fmt.Errorf("it is not known what input %s is", Describe(v))
		}
	}
	if t.ids == "" {
		return errors.New("none of the inputs is known to be that of tokens")
	}
	f.Texts = t
	return nil
}

// Describe spells an input or output: its name, type and shape.
func Describe(v *onnx.Value) string {
	if v.Other != "" {
		return onnx.Show(v.Name) + " " + v.Other
	}
	var dims []string
	for _, d := range v.Shape {
		switch {
		case d.Name != "":
			dims = append(dims, onnx.Printable(d.Name))
		case d.Set || d.Size != 0:
			dims = append(dims, fmt.Sprint(d.Size))
		default:
			dims = append(dims, "?")
		}
	}
	s := fmt.Sprintf("%s %v", onnx.Show(v.Name), v.DType)
	if v.HasShape {
		s += " [" + strings.Join(dims, " ") + "]"
	}
	return s
}

// makersOf are nodes by the names of their results.
func makersOf(nodes []*onnx.Node) map[string]*onnx.Node {
	list := make(map[string]*onnx.Node, len(nodes))
	for _, n := range nodes {
		for _, name := range n.Outputs {
			if name != "" {
				list[name] = n
			}
		}
	}
	return list
}

// countReaders counts the nodes that read each name. Those that only give a tensor another name make
// it another tensor, see findTensors.
func (f *File) countReaders() {
	f.readers = map[string]int{f.output: 1}
	for _, n := range f.nodes {
		if f.isName(n) {
			continue
		}
		for _, name := range n.Inputs {
			f.readers[name]++
		}
	}
}

// isName reports whether a node only names a tensor.
func (f *File) isName(n *onnx.Node) bool {
	return len(n.Outputs) == 1 && f.tensors[n.Outputs[0]] != nil
}

// reads reports whether anything reads a name.
func (f *File) reads(name string) bool { return f.readers[name] > 0 }

// findNeeded marks the nodes that the output depends on.
func (f *File) findNeeded() {
	f.needed = map[*onnx.Node]bool{}
	wanted := map[string]bool{f.output: true}
	for _, n := range slices.Backward(f.nodes) {
		if slices.ContainsFunc(n.Outputs, func(s string) bool { return s != "" && wanted[s] }) {
			f.needed[n] = true
			for _, name := range n.Inputs {
				wanted[name] = true
			}
		}
	}
}

// findTensors lists the tensors of the file by name. Exporters write equal ones once, and an
// Identity for each other place that has them: those are tensors of their own, which happen to be
// equal before training.
func (f *File) findTensors() {
	f.tensors = map[string]*onnx.Tensor{}
	for _, t := range f.Graph.Initializers {
		f.tensors[t.Name] = t
	}
	for _, n := range f.Graph.Nodes {
		if len(n.Outputs) != 1 {
			continue
		}
		switch a := n.Attr("value"); {
		case n.Op == "Constant" && a != nil && a.Tensor != nil:
			f.tensors[n.Outputs[0]] = a.Tensor
		case n.Op == "Identity" && len(n.Inputs) == 1 && f.tensors[n.Inputs[0]] != nil:
			f.tensors[n.Outputs[0]] = f.tensors[n.Inputs[0]]
		}
	}
}

// Folded reports whether the network has convolutions and no batch normalisation: exporters fold
// that into them.
func (f *File) Folded() bool {
	conv := false
	for _, n := range f.nodes {
		switch n.Op {
		case "Conv":
			conv = conv || f.needed[n]
		case "BatchNormalization", "LayerNormalization", "InstanceNormalization", "GroupNormalization", "BatchNormReLU":
			return false
		}
	}
	return conv
}

// Package export makes ONNX models of networks: opset 17, the size of the minibatch symbolic, every
// parameter an initializer under its own name in PyTorch's shape.
//
// Layers know nothing of it. [Trace] has a network's tape tell what it does with two minibatches
// (see [tensor.Tape.Trace]), and the nodes are made of that, so that networks of a program's own
// are exported as well. What has no form in ONNX is an [UnsupportedError] that names the layer: an
// operation of the program's own ([tensor.Tape.Apply]), and numbers that a layer reads from the
// minibatch itself.
//
// Images are N x C x H x W in the graph, as usual there, whatever they are on the tape: a Transpose
// stands only where something looks at the order.
package export

import (
	"cmp"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/tensor"
)

// The version of the operators, and the first version of the format that has them.
const (
	opset     = 17
	irVersion = 8
)

// Options say what is in the graph beside the network. The zero value is nothing.
type Options struct {
	Name   string // of the graph
	Output string // name of the output, "logits" unless given here or in the [Part]
	// Mean and Std are by channel: the graph begins with (x - Mean) / Std.
	Mean, Std []float32
	// Softmax ends the graph with the softmax of the outputs.
	Softmax bool
	// Sigmoid ends it with the sigmoid of each.
	Sigmoid  bool
	Metadata []onnx.Property
}

// Input is the name of the input of a [nn.Model]'s graph.
const Input = "input"

// Model returns a network at theta as an ONNX model: its program's, made for this once.
func Model(m *nn.Model, theta []float32, o Options) (*onnx.Model, error) {
	p, err := Trace(m)
	if err != nil {
		return nil, err
	}
	return p.Model(theta, o)
}

// Model returns the network at theta as an ONNX model. What adapters add (see [nn.LoRA]) is in the
// weights.
func (p *Program) Model(theta []float32, o Options) (*onnx.Model, error) {
	if len(theta) != p.net.Size() {
		return nil, fmt.Errorf("the model has %d parameters, got %d", p.net.Size(), len(theta))
	}
	return p.build(p.parameters(theta), o)
}

// maxNumbers bounds the parameters of a file of one piece, which is below 2 GB.
const maxNumbers = (1<<31 - 1<<24) / 4

// Check returns the error that [Program.Model] would return because of the network: what of it has no
// form in ONNX, or that it is too large for a file.
func (p *Program) Check() error {
	n := 0
	for _, param := range p.net.Params {
		n += param.Len()
	}
	if n > maxNumbers {
		return fmt.Errorf("%d parameters; an ONNX file of one piece has at most %d", n, maxNumbers)
	}
	_, err := p.build(func(*nn.Param) []float32 { return nil }, Options{})
	return err
}

// build makes the model with the given values of parameters.
func (p *Program) build(params func(*nn.Param) []float32, o Options) (*onnx.Model, error) {
	g := &graph{
		Graph: &onnx.Graph{Name: o.Name}, program: p, params: params, names: map[string]bool{}, at: &tensor.Traced{},
	}
	for i := range p.parts {
		for _, name := range p.parts[i].names() {
			g.names[name] = true
		}
	}
	for _, param := range p.net.Params {
		g.names[param.Name] = true
	}
	for _, b := range p.net.Buffers {
		g.names[b.Name] = true
	}
	for i := range p.parts {
		if err := g.write(&p.parts[i], &o); err != nil {
			return nil, err
		}
	}
	g.prune()
	return &onnx.Model{
		IRVersion: irVersion, Producer: "monge", ProducerVersion: version(),
		Opsets: []onnx.Opset{{Version: opset}}, Metadata: slices.Clone(o.Metadata), Graph: g.Graph,
	}, nil
}

// write writes a part.
func (g *graph) write(p *part, o *Options) error {
	g.part, g.vars, g.values = p, slices.Clone(p.vars), make([]value, len(p.vars))
	g.padded, g.causes = map[int]padded{}, ""
	if err := g.start(o); err != nil {
		return err
	}
	for i := range p.ops {
		op := &p.ops[i]
		write, known := operations[op.Op]
		g.at = &op.Traced
		switch {
		case op.Own:
			g.fail("it is the program's own operation, of which ONNX knows nothing")
		case !known:
			g.fail("it has no form in ONNX here")
		default:
			write(g, op)
		}
		if g.err != nil {
			return g.err
		}
	}
	return g.finish(o)
}

// version is that of the program's main module, or of this one in another's program.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	const module = "github.com/monge-ml/monge"
	v := info.Main.Version
	for _, d := range info.Deps {
		if d.Path == module {
			v = d.Version
		}
	}
	if v == "(devel)" {
		v = ""
	}
	return cmp.Or(v, "devel")
}

// parameters returns those of the network by their exports, with what adapters add.
func (p *Program) parameters(theta []float32) func(*nn.Param) []float32 {
	adapted := slices.ContainsFunc(p.net.Params, func(p *nn.Param) bool { return strings.HasSuffix(p.Name, adapterSuffix) })
	if !adapted {
		return func(p *nn.Param) []float32 { return p.Export(theta) }
	}
	merged := map[string][]float32{}
	for _, t := range p.net.Merged(theta) {
		merged[t.Name] = t.Data
	}
	return func(p *nn.Param) []float32 { return merged[p.Name] }
}

// start makes the inputs.
func (g *graph) start(o *Options) error {
	for i, name := range g.part.names() {
		if err := g.startInput(o, name, g.part.inputs[i]); err != nil {
			return err
		}
	}
	return nil
}

// startInput makes an input: images with their channels first, rows of a table as a matrix, tokens and what
// is beside them as whole numbers, all else as it is on the tape.
func (g *graph) startInput(o *Options, name string, id int) error {
	dims := g.dims(id)
	if dims[0] != (dim{n: 1, each: true}) {
		return errors.New("the first dimension of the input is not the size of the minibatch")
	}
	if len(g.part.More) > 0 || g.part.takesTokens() {
		if o.Mean != nil {
			return errors.New("tokens have no mean and deviation")
		}
		g.Inputs = append(g.Inputs, g.part.batchOf(name, onnx.Int64, dims))
		g.values[id].whole = name
		return nil
	}
	if len(dims) == 4 && dims[1].n == 1 && dims[2].n == 1 {
		// what reshapes the input reshapes the matrix
		table := []dim{dims[0], dims[3]}
		g.vars = append(g.vars, variable{dims: table})
		g.values = append(g.values, value{})
		g.values[id].flat = len(g.values)
		name, err := g.input(o, table, 1)
		g.add(len(g.values)-1, name, plain(2))
		g.add(id, g.reshape(name, table, dims), plain(4))
		return err
	}
	order := plain(len(dims))
	if len(dims) == 4 {
		order = channelsFirst(4)
	}
	name, err := g.input(o, ordered(dims, order), slices.Index(order, len(dims)-1))
	g.add(id, name, order)
	return err
}

// takesTokens reports whether the input is taken for numbers of tokens.
func (p *part) takesTokens() bool {
	return slices.ContainsFunc(p.ops, func(o operation) bool {
		return o.Op == "embedding" && o.in[1] == p.inputs[0] || o.Op == "attention" && o.in[tokens] == p.inputs[0]
	})
}

// most is how many numbers an input that is a list has at most.
func (p *Part) most() int { return cmp.Or(p.Most, p.Shape[0]) }

// names are those of the inputs.
func (p *Part) names() []string { return append([]string{p.Input}, p.More...) }

// batchOf describes an input or output of minibatches.
func (p *Part) batchOf(name string, of onnx.DType, dims []dim) *onnx.Value {
	v := &onnx.Value{Name: name, DType: of, HasShape: true, Shape: []onnx.Dim{{Name: p.Batch}}}
	for _, d := range dims[1:] {
		if d.long {
			v.Shape = append(v.Shape, onnx.Dim{Name: p.Length})
			continue
		}
		v.Shape = append(v.Shape, onnx.Dim{Size: int64(d.n), Set: true})
	}
	return v
}

// input adds the input, of a shape with the channels at a place, and normalises it.
func (g *graph) input(o *Options, shape []dim, channels int) (name string, err error) {
	from := g.part.Input
	g.Inputs = append(g.Inputs, g.part.batchOf(from, onnx.Float, shape))
	if o.Mean == nil && o.Std == nil {
		return from, nil
	}
	n := shape[channels].n
	if len(o.Mean) != n || len(o.Std) != n {
		return "", fmt.Errorf("%d means and %d deviations for inputs of %d channels", len(o.Mean), len(o.Std), n)
	}
	by := append([]int{n}, slices.Repeat([]int{1}, len(shape)-1-channels)...)
	g.at = &tensor.Traced{Layer: "normalize"}
	name = g.node("Sub", []string{from, g.floats(g.unique("normalize", "mean"), o.Mean, by...)})
	return g.node("Div", []string{name, g.floats(g.unique("normalize", "std"), o.Std, by...)}), nil
}

// finish makes the output.
func (g *graph) finish(o *Options) error {
	g.at = &tensor.Traced{}
	id := g.part.output
	dims := []dim{{n: 1, each: true}, {n: g.part.Width}}
	name, shape := g.rows(id)
	if !slices.Equal(shape, dims) {
		name = g.reshape(name, shape, dims)
	}
	switch {
	case o.Softmax && o.Sigmoid:
		return errors.New("a graph ends with a softmax or a sigmoid, not both")
	case o.Softmax:
		name = g.node("Softmax", []string{name}, onnx.IntAttr("axis", -1))
	case o.Sigmoid:
		name = g.node("Sigmoid", []string{name})
	}
	output := cmp.Or(g.part.Output, o.Output, "logits")
	if g.names[output] {
		return fmt.Errorf("the output can't be named %q, as a parameter or a node is", output)
	}
	g.rename(name, output)
	g.Outputs = append(g.Outputs, g.part.batchOf(output, onnx.Float, dims))
	return g.err
}

// rename gives a node's result another name, or a copy of what is no node's.
func (g *graph) rename(from, to string) {
	made := false
	for _, n := range g.Nodes {
		made = made || n.Outputs[0] == from
	}
	if !made {
		from = g.node("Identity", []string{from})
	}
	for _, n := range g.Nodes {
		for _, list := range [][]string{n.Inputs, n.Outputs} {
			for i, name := range list {
				if name == from {
					list[i] = to
				}
			}
		}
	}
}

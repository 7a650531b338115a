package export

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/tensor"
)

// A graph is an ONNX graph in the making. A variable of the program may lie in it with its
// dimensions in another order: images are N x C x H x W there. What is made of a variable keeps
// its order as long as no operation looks at it; a Transpose stands only where one does.
type graph struct {
	*onnx.Graph
	program *Program
	part    *part          // at hand, and what is of it:
	vars    []variable     // its, and one that the input may have beside them
	values  []value        // by variable
	padded  map[int]padded // of attention, by the variable of the tokens
	causes  string         // the mask of causal attention, cut to the length of the input
	params  func(*nn.Param) []float32
	names   map[string]bool
	at      *tensor.Traced // the operation at hand
	err     error          // the first
}

// fail notes what an operation has no form for.
func (g *graph) fail(format string, args ...any) {
	if g.err == nil {
		g.err = unsupported(g.at, format, args...)
	}
}

// value is what the graph has of a variable.
type value struct {
	forms []form
	whole string // the name of its elements as int64 in the order of the tape, "" if there is none
	// flat is 1 plus the variable that this one is a reshaping of, 0 for none.
	flat int
	// merged is set for what an adapter adds, which its layer's weight has in it already.
	merged bool
}

// form is a name in the graph: dimension i there is dimension order[i] of the variable.
type form struct {
	name  string
	order []int
}

// plain is the order of the tape.
func plain(rank int) []int {
	order := make([]int, rank)
	for i := range order {
		order[i] = i
	}
	return order
}

// channelsFirst has the last dimension after the first.
func channelsFirst(rank int) []int {
	order := []int{0, rank - 1}
	for i := 1; i < rank-1; i++ {
		order = append(order, i)
	}
	return order
}

// kernelOrder is PyTorch's order of a convolution's weight, [KH, KW, I, O] here.
var kernelOrder = []int{3, 2, 0, 1}

func (g *graph) dims(id int) []dim { return g.vars[id].dims }

// native returns a variable in the order in which it was made.
func (g *graph) native(id int) form {
	g.begin(id)
	return g.values[id].forms[0]
}

// begin makes the first form of a variable that no operation makes.
func (g *graph) begin(id int) {
	v, of := &g.values[id], &g.vars[id]
	switch {
	case len(v.forms) > 0:
	case v.whole != "":
		g.add(id, g.node("Cast", []string{v.whole}, onnx.IntAttr("to", int(onnx.Float))), plain(len(of.dims)))
	case of.param != nil:
		g.beginParam(id, of.param)
	case of.constant != nil && slices.ContainsFunc(of.dims, dim.open):
		g.add(id, g.node("Expand", []string{g.scalar(0), g.sizes(of.dims)}), plain(len(of.dims)))
	case of.constant != nil:
		dims := make([]int, len(of.dims))
		for i, d := range of.dims {
			dims[i] = d.n
		}
		g.add(id, g.floats(g.unique(g.at.Layer, "constant"), of.constant, dims...), plain(len(dims)))
	}
}

func (g *graph) beginParam(id int, p *nn.Param) {
	g.Initializers = append(g.Initializers, onnx.NewFloats(p.Name, g.params(p), p.TorchShape()...))
	switch {
	case p.Kernel:
		g.add(id, p.Name, kernelOrder)
	case p.Scalar:
		g.add(id, g.node("Reshape", []string{p.Name, g.ints("shape", 1)}), plain(1))
	default:
		g.add(id, p.Name, plain(len(p.Shape)))
	}
}

func (g *graph) add(id int, name string, order []int) {
	g.values[id].forms = append(g.values[id].forms, form{name, order})
}

// as returns the name of a variable with its dimensions in an order.
func (g *graph) as(id int, order []int) string {
	from := g.native(id)
	for _, f := range g.values[id].forms {
		if slices.Equal(f.order, order) {
			return f.name
		}
	}
	name := ""
	if dims := g.dims(id); slices.Equal(longer(dims, from.order), longer(dims, order)) {
		name = g.reshape(from.name, ordered(dims, from.order), ordered(dims, order))
	} else {
		perm := make([]int, len(order))
		for i, d := range order {
			perm[i] = slices.Index(from.order, d)
		}
		name = g.node("Transpose", []string{from.name}, onnx.IntsAttr("perm", perm...))
	}
	g.add(id, name, order)
	return name
}

// longer returns the dimensions of an order that are not 1: the others can stand anywhere.
func longer(dims []dim, order []int) (list []int) {
	for _, d := range order {
		if dims[d] != (dim{n: 1}) {
			list = append(list, d)
		}
	}
	return list
}

func ordered(dims []dim, order []int) (list []dim) {
	for _, d := range order {
		list = append(list, dims[d])
	}
	return list
}

// plainly returns a variable in the order of the tape.
func (g *graph) plainly(id int) string { return g.as(id, plain(len(g.dims(id)))) }

// first returns a variable with its channels, the last dimension, after the first.
func (g *graph) first(id int) string { return g.as(id, channelsFirst(len(g.dims(id)))) }

// rows returns the elements of a variable in the order of the tape, in some shape.
func (g *graph) rows(id int) (name string, shape []dim) {
	g.begin(id)
	dims := g.dims(id)
	for _, f := range g.values[id].forms {
		if slices.IsSorted(longer(dims, f.order)) {
			return f.name, ordered(dims, f.order)
		}
	}
	return g.plainly(id), dims
}

// integers returns a variable's elements as int64 in the order of the tape.
func (g *graph) integers(id int) string {
	v := &g.values[id]
	if v.whole == "" {
		v.whole = g.node("Cast", []string{g.plainly(id)}, onnx.IntAttr("to", int(onnx.Int64)))
	}
	return v.whole
}

// aligned returns a variable as operations that broadcast take it beside one of a rank in an
// order: with dimensions of 1 before its own.
func (g *graph) aligned(id, rank int, order []int) string {
	dims := g.dims(id)
	missing := rank - len(dims)
	if missing == 0 {
		return g.as(id, order)
	}
	name := g.plainly(id)
	if slices.IsSorted(order) {
		return name
	}
	all := append(slices.Repeat([]dim{{n: 1}}, missing), dims...)
	if slices.IsSorted(longer(all, order)) {
		return g.reshape(name, dims, ordered(all, order))
	}
	return g.node("Transpose", []string{g.reshape(name, dims, all)}, onnx.IntsAttr("perm", order...))
}

// node adds a node of one result, and returns that's name.
func (g *graph) node(op string, inputs []string, attrs ...*onnx.Attr) string {
	name := g.unique(g.at.Layer, op)
	g.Nodes = append(g.Nodes, &onnx.Node{Name: name, Op: op, Inputs: inputs, Outputs: []string{name}, Attrs: attrs})
	return name
}

// unique returns a name that is not taken yet.
func (g *graph) unique(layer, what string) string {
	name := what
	if layer != "" {
		name = layer + "/" + what
	}
	base := name
	for i := 1; g.names[name]; i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	g.names[name] = true
	return name
}

// reshape returns the elements of a tensor of a shape in another one.
func (g *graph) reshape(name string, from, to []dim) string {
	shape, open := make([]int, len(to)), 0
	for i, d := range to {
		switch {
		case !d.open():
			shape[i] = d.n
		case i < len(from) && from[i] == d:
			shape[i] = 0 // as it is
		default:
			shape[i] = -1
			open++
		}
	}
	if open > 1 {
		g.fail("a shape with two dimensions that follow the input")
	}
	return g.node("Reshape", []string{name, g.ints("shape", shape...)})
}

// sizes returns dimensions as a list of whole numbers.
func (g *graph) sizes(dims []dim) string {
	var list []string
	for _, d := range dims {
		switch {
		case d.long:
			list = append(list, g.length())
		case d.each:
			list = append(list, g.node("Mul", []string{g.sizeOf(0), g.ints("times", d.n)}))
		default:
			list = append(list, g.ints("shape", d.n))
		}
	}
	return g.node("Concat", list, onnx.IntAttr("axis", 0))
}

// length returns that of the inputs, as a list of one.
func (g *graph) length() string { return g.sizeOf(1) }

// sizeOf returns a dimension of the input, as a list of one.
func (g *graph) sizeOf(axis int) string {
	return g.node("Shape", []string{g.part.Input}, onnx.IntAttr("start", axis), onnx.IntAttr("end", axis+1))
}

// floats adds a constant.
func (g *graph) floats(name string, data []float32, dims ...int) string {
	g.names[name] = true
	g.Initializers = append(g.Initializers, onnx.NewFloats(name, data, dims...))
	return name
}

// scalar returns a constant without dimensions; there is one of each value.
func (g *graph) scalar(v float64) string {
	name := "scalar(" + strconv.FormatFloat(float64(float32(v)), 'g', -1, 32) + ")"
	if g.names[name] {
		return name
	}
	return g.floats(name, []float32{float32(v)})
}

// filled returns a constant of one dimension with the same value everywhere.
func (g *graph) filled(v float32, n int) string {
	name := fmt.Sprintf("filled(%g,%d)", v, n)
	if g.names[name] {
		return name
	}
	return g.floats(name, slices.Repeat([]float32{v}, n), n)
}

// ints returns a constant list of whole numbers; of short ones there is one of each content.
func (g *graph) ints(what string, list ...int) string {
	data, words := make([]int64, len(list)), make([]string, len(list))
	for i, v := range list {
		data[i], words[i] = int64(v), strconv.Itoa(v)
	}
	if len(list) > 12 { // no name for a person
		return g.numbers(g.unique(g.at.Layer, what), data)
	}
	return g.numbers(what+"("+strings.Join(words, ",")+")", data)
}

// numbers returns a constant list under a name that says what it has.
func (g *graph) numbers(name string, data []int64) string {
	if g.Initializer(name) == nil {
		g.names[name] = true
		g.Initializers = append(g.Initializers, onnx.NewInts(name, data, len(data)))
	}
	return name
}

// toEnd is the end of a slice that goes to a dimension's.
const toEnd = math.MaxInt64

// prune removes nodes whose results nobody reads, and constants likewise.
func (g *graph) prune() {
	used := map[string]bool{}
	for _, v := range g.Outputs {
		used[v.Name] = true
	}
	var kept []*onnx.Node
	for _, n := range slices.Backward(g.Nodes) {
		if !used[n.Outputs[0]] {
			continue
		}
		for _, name := range n.Inputs {
			used[name] = true
		}
		kept = append(kept, n)
	}
	slices.Reverse(kept)
	g.Nodes = kept
	g.Initializers = slices.DeleteFunc(g.Initializers, func(t *onnx.Tensor) bool { return !used[t.Name] })
}

// Package network makes networks of ONNX graphs: layers with gradients on a tape, for any size of
// minibatch.
//
// Parameters are the initializers and constants of floating point that convolutions, products,
// normalisations, embeddings and elementwise operators read, under their ONNX names. All that
// follows from shapes is computed once for each size of minibatch, so that a step does what a
// network written by hand would do: images are channels-last whatever the graph says, transposes
// move nothing until something needs another order, and what the engine has fused is found.
package network

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/onnx"
	"github.com/monge-ml/monge/onnx/array"
	"github.com/monge-ml/monge/tensor"
	"github.com/monge-ml/monge/weights"
)

// Options say how a graph becomes a network.
type Options struct {
	// Input is the shape of one input: height, width, channels of images, tokens of texts. What
	// is missing is what the file says.
	Input []int
	// Classes replaces the layer that makes the outputs by a new one for so many, unless 0.
	Classes int
	// BGR says that the file's images have their channels in the order blue, green, red.
	BGR bool
	// Restore puts batch normalisation back behind the convolutions that it was folded into.
	Restore bool
}

// A Network is a graph as a layer of an [nn.Model].
type Network struct {
	*File
	options Options

	params    map[string]*nn.Param
	states    map[string]*statistics
	shared    map[string]*statistics // by the name of the mean
	restored  map[string]*restored   // by the result of the convolution
	measuring bool                   // the restored normalisations look on
	loaded    []weights.Tensor       // the file's values, while the layer is made
	plans     map[int]*plan
	machine   machine
}

// Layer makes the graph's layer, whose parameters b gets. Errors are b's.
func (f *File) Layer(b nn.Builder, o Options) *Network {
	n := &Network{File: f, options: o, params: map[string]*nn.Param{}, states: map[string]*statistics{}, shared: map[string]*statistics{}, restored: map[string]*restored{}, plans: map[int]*plan{}}
	if o.BGR && (f.Images == nil || f.Images.channels != 3) {
		b.Fail("channels of images can't be exchanged: the network takes no images of three channels")
	}
	if o.Classes > 0 && f.Heads == nil {
		b.Fail("no layer of the file is known to make the outputs, so that none can begin anew: the last Gemm, MatMul or 1x1 convolution before the output would be")
		return n
	}
	for _, p := range f.parameters {
		if err := n.addParam(b, p); err != nil {
			b.Fail("%v", err)
			return n
		}
	}
	for _, s := range f.normalized {
		if err := n.addStatistics(b, s); err != nil {
			b.Fail("%v", err)
			return n
		}
	}
	if err := weights.CheckFinite(n.loaded); err != nil {
		b.Fail("%v", err)
		return n
	}
	n.loaded = nil
	if o.Restore {
		n.addRestored(b)
	}
	var head []*nn.Param
	for _, h := range f.Heads {
		head = append(head, n.params[h.Weight])
		if h.Bias != "" {
			head = append(head, n.params[h.Bias])
		}
	}
	if head != nil {
		b.SetHead(head...)
	}
	return n
}

// checkName returns an error for a name that messages could not show.
func checkName(name string) error {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("the name of tensor %s can't be printed: rename it", onnx.Show(name))
	}
	return nil
}

// addParam makes a parameter of a tensor of the file.
func (n *Network) addParam(b nn.Builder, p *parameter) error {
	if h := n.headOf(p.name); h != nil && n.options.Classes > 0 {
		n.params[p.name] = h.param(b, p, n.options.Classes)
		return nil
	}
	values, err := p.tensor.Floats()
	if err == nil {
		err = checkName(p.name)
	}
	if err != nil {
		return err
	}
	n.loaded = append(n.loaded, weights.Tensor{Name: p.name, Data: values})
	shape := slices.Clone(p.tensor.Dims)
	scalar := len(shape) == 0
	if scalar {
		shape = []int{1}
	}
	if p.kernel {
		shape = []int{shape[2], shape[3], shape[1], shape[0]}
	}
	param := b.Param(p.name, copied(values, p.kernel, shape), shape...)
	param.Kernel, param.Scalar = p.kernel, scalar
	n.params[p.name] = param
	return nil
}

// Forward computes the outputs of a minibatch.
func (n *Network) Forward(t *tensor.Tape, x *tensor.Tensor) *tensor.Tensor {
	if t.Err() != nil {
		return nil
	}
	batch := x.Dim(0)
	p := n.plans[batch]
	if p == nil {
		var err error
		if p, err = n.plan(batch, x.Shape()[1:]); err != nil {
			return t.Fail("onnx", "%v", err)
		}
		const most = 8 // sizes of minibatches
		if len(n.plans) >= most {
			clear(n.plans)
		}
		n.plans[batch] = p
	}
	if p.blocked != nil && t.Mode() == tensor.Train {
		return t.Fail("onnx", "%v", p.blocked)
	}
	m := &n.machine
	m.tape = t
	m.grow(p)
	m.x[0] = x
	for i, q := range n.parameters {
		m.x[1+i] = n.params[q.name].Tensor()
	}
	p.run(m)
	if t.Err() != nil {
		return nil
	}
	return m.x[p.outputs[0].slot]
}

func (m *machine) grow(p *plan) {
	for len(m.x) < p.tensors {
		m.x = append(m.x, nil)
	}
	for len(m.a) < p.arrays {
		m.a = append(m.a, nil)
	}
}

// plan makes that of a minibatch of inputs of a shape. A file that can be run with another batch
// alone was exported for that.
func (n *Network) plan(batch int, shape []int) (*plan, error) {
	p, err := n.planned(batch, shape)
	made := max(n.madeFor, 1)
	if err == nil || made == batch {
		return p, err
	}
	if _, other := n.planned(made, shape); other == nil {
		err = fmt.Errorf("%s (for a batch of %d: %w)", fixedBatch(made), batch, err)
	}
	return nil, err
}

// fixedBatch says what is wrong with a file that takes a batch of one size alone, and what to do.
func fixedBatch(made int) string {
	return fmt.Sprintf("the file is made for a batch of %d, and can't be run with another: export it with a symbolic batch "+
		"(dynamic_axes of torch.onnx.export, dynamic_shapes with dynamo=True)", made)
}

// planned makes a plan to rows of outputs.
func (n *Network) planned(batch int, shape []int) (*plan, error) {
	b := &builder{net: n, opset: int(n.Opset()), plan: &plan{tensors: 1 + len(n.parameters)}, values: map[string]*value{}, batch: batch}
	if err := b.begin(batch, shape); err != nil {
		return nil, err
	}
	for _, node := range n.nodes {
		if !n.needed[node] {
			continue
		}
		if err := b.take(node); err != nil {
			return nil, atNode(node, err)
		}
	}
	b.node = nil
	out, err := b.lively(b.values[n.output])
	if err != nil {
		return nil, err
	}
	if len(out.shape) > 2 { // N x K x 1 x 1
		flat, err := array.FlattenTo(out.shape, 1)
		if err != nil {
			return nil, err
		}
		if product(out.shape) != out.shape[0]*slices.Max(out.shape[1:]) {
			return nil, fmt.Errorf("the output %s has shape %v: a classifier's is a row of numbers for each input", onnx.Show(n.output), out.shape)
		}
		if out, err = b.reshape(out, flat); err != nil {
			return nil, err
		}
	}
	if len(out.shape) != 2 || out.shape[0] != batch {
		return nil, fmt.Errorf("the output %s has shape %v for %d inputs: a classifier's is a row of numbers for each", onnx.Show(n.output), out.shape, batch)
	}
	if out, err = b.as(out, []int{0, 1}); err != nil {
		return nil, err
	}
	b.plan.outputs = []*value{out}
	b.plan.finish(1 + len(n.parameters))
	return b.plan, nil
}

// atNode is an error of a node. What it lists may be as long as the file wants.
func atNode(n *onnx.Node, err error) error {
	const most = 400
	if s := err.Error(); len(s) > most {
		err = brief{strings.ToValidUTF8(s[:most], "") + " ...", err}
	}
	return fmt.Errorf("node %s: %w", n.Label(), err)
}

// brief is an error with less text.
type brief struct {
	text string
	error
}

func (b brief) Error() string { return b.text }
func (b brief) Unwrap() error { return b.error }

// begin sets the values that are there before the first node: inputs, parameters, constants.
func (b *builder) begin(batch int, shape []int) error {
	n := b.net
	for i, p := range n.parameters {
		q := n.params[p.name]
		v := &value{dtype: p.tensor.DType, live: true, slot: 1 + i, shape: q.TorchShape()}
		v.order = inOrder(len(v.shape))
		if q.Kernel {
			v.order = kernelOrder
		}
		b.values[p.name] = v
		b.largest = max(b.largest, p.tensor.Len())
	}
	for name, t := range n.constants {
		a, err := array.Of(t)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", onnx.Show(name), err)
		}
		b.values[name] = fixed(a)
	}
	return b.inputs(batch, shape)
}

// take computes a node: what is known now, the rest by steps.
func (b *builder) take(n *onnx.Node) error {
	b.node = n
	c := &node{Node: n, opset: b.opset}
	any, live := false, false
	for _, name := range n.Inputs {
		v := b.values[name]
		if v == nil && name != "" {
			return fmt.Errorf("input %s is not there", onnx.Show(name))
		}
		c.in = append(c.in, v)
		if v != nil {
			any = any || v.live || v.host
			live = live || v.live
		}
	}
	out, err := b.compute(c, any, live)
	if err != nil {
		return err
	}
	for i, name := range n.Outputs {
		if name == "" {
			continue
		}
		if i >= len(out) || out[i] == nil {
			if b.net.reads(name) {
				return fmt.Errorf("output %d is %w", i, errUnsupported)
			}
			continue
		}
		b.values[name] = out[i]
	}
	return nil
}

func (b *builder) compute(c *node, any, live bool) ([]*value, error) {
	if !any && array.Has(c.FullOp()) {
		in := make([]*array.Array, len(c.in))
		for i, v := range c.in {
			if v != nil {
				in[i] = v.known
			}
		}
		out, err := b.eval(c, in)
		if err == nil {
			return b.fixedAll(out)
		}
		if err != array.ErrUnsupported {
			return nil, err
		}
	}
	if f := ofShapes[c.FullOp()]; f != nil && len(c.in) > 0 && c.in[0] != nil {
		v, err := f(c, c.in[0].shape)
		return []*value{v}, err
	}
	op := operators[c.FullOp()]
	if op != nil && (live || !array.Has(c.FullOp())) {
		return op(b, c)
	}
	if !array.Has(c.FullOp()) {
		return nil, errUnsupported
	}
	return b.onHost(c)
}

// eval computes a node on arrays, all of which together may not take for ever.
func (b *builder) eval(c *node, in []*array.Array) ([]*array.Array, error) {
	const most = 1 << 28 // elements that are read
	if c.Op != "Shape" && c.Op != "Size" {
		for _, a := range in {
			if a != nil {
				b.read += a.Len()
			}
		}
	}
	if b.read > most {
		return nil, fmt.Errorf("the constants of the graph are computed of more than %d elements", most)
	}
	return array.Eval(c.Node, c.opset, in)
}

func (b *builder) fixedAll(list []*array.Array) (out []*value, err error) {
	for _, a := range list {
		if err := b.spend(a.Len()); err != nil {
			return nil, err
		}
		out = append(out, fixed(a))
	}
	return out, nil
}

// spend bounds the memory of what is folded.
func (b *builder) spend(n int) error {
	if b.spent += n; b.spent > maxSpent {
		return fmt.Errorf("the constants of the graph have more than %d elements", maxSpent)
	}
	return nil
}

// steps are operators that change their results in steps, so that no gradient goes through them.
var steps = map[string]bool{"Equal": true, "Greater": true, "GreaterOrEqual": true, "Less": true, "LessOrEqual": true, "IsNaN": true, "IsInf": true,
	"ArgMax": true, "ArgMin": true, "Hardmax": true, "NonZero": true, "Shape": true, "Size": true, "Cast": true, "CastLike": true, "Not": true,
	"And": true, "Or": true, "Xor": true, "OneHot": true, "EyeLike": true, "ConstantOfShape": true, "Sign": true}

// onHost computes a node on arrays in every pass.
func (b *builder) onHost(c *node) ([]*value, error) {
	in, stand := make([]*value, len(c.in)), make([]*array.Array, len(c.in))
	for i, v := range c.in {
		if v == nil {
			continue
		}
		if v.live && !b.once && !steps[c.Op] && b.plan.blocked == nil {
			b.plan.blocked = atNode(c.Node, fmt.Errorf("a gradient through it is %w: the network can be evaluated, and not trained", errUnsupported))
		}
		h, err := b.hosted(v)
		if err != nil {
			return nil, err
		}
		in[i], stand[i] = h, h.known
	}
	out, err := b.eval(c, stand)
	if err != nil {
		return nil, err
	}
	args := make([]*array.Array, len(in))
	run := func(m *machine) ([]*array.Array, error) {
		for i, v := range in {
			switch {
			case v == nil:
			case v.host:
				args[i] = m.a[v.id]
			default:
				args[i] = v.known
			}
		}
		return array.Eval(c.Node, c.opset, args)
	}
	var values []*value
	for k, a := range out {
		if err := b.spend(a.Len()); err != nil {
			return nil, err
		}
		values = append(values, b.computed(a, nil, func(m *machine) (*array.Array, error) {
			all, err := run(m)
			if err != nil {
				return nil, err
			}
			return all[k], nil
		}))
	}
	return values, nil
}

// finish finds out after which step no other reads a tensor. The first ones, and the outputs,
// stay.
func (p *plan) finish(first int) {
	last := make([]int, p.tensors)
	for i, s := range p.steps {
		for _, k := range s.reads {
			last[k] = i
		}
	}
	for _, v := range p.outputs {
		last[v.slot] = -1
	}
	for k := first; k < p.tensors; k++ {
		if i := last[k]; i > 0 {
			p.steps[i].free = append(p.steps[i].free, k)
		}
	}
}

// A node is an operator with its inputs; one that is left out is nil.
type node struct {
	*onnx.Node
	opset int
	in    []*value
}

func (n *node) input(i int) (*value, error) {
	if i >= len(n.in) || n.in[i] == nil {
		return nil, fmt.Errorf("input %d is missing", i)
	}
	return n.in[i], nil
}

func (n *node) optional(i int) *value {
	if i >= len(n.in) {
		return nil
	}
	return n.in[i]
}

// operators are those that a tape computes, by name.
var operators = map[string]func(b *builder, n *node) ([]*value, error){}

// oneInput is an operator of one main input, which it gets as a live one, and one output.
func oneInput(f func(b *builder, n *node, x *value) (*value, error)) func(b *builder, n *node) ([]*value, error) {
	return func(b *builder, n *node) ([]*value, error) {
		x, err := n.input(0)
		if err == nil {
			x, err = b.lively(x)
		}
		if err != nil {
			return nil, err
		}
		v, err := f(b, n, x)
		return []*value{v}, err
	}
}

// Has reports whether an operator can be run.
func Has(op string) bool { return operators[op] != nil || array.Has(op) }

// Operators returns the names of the operators that have a gradient, but those of the package's
// own.
func Operators() map[string]bool {
	list := map[string]bool{}
	for name := range operators {
		if _, own := cutMonge(name); !own {
			list[name] = true
		}
	}
	return list
}

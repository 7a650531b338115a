package export

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/tensor"
)

// A Program is what a network does with a minibatch, as its tape told, for minibatches of any size.
type Program struct {
	net   *nn.Network
	parts []part
}

// A Part is what a network makes of one input. A network of several, as of images and of texts, is one
// graph with an input, an output and a size of minibatches for each.
type Part struct {
	Input, Output string // their names in the graph
	// More are the names of inputs beside, of the same shape: Forward gives all of them the same numbers, to
	// [tensor.Tape.Input], in their order.
	More  []string
	Batch string // name of the size of minibatches
	Shape []int  // of an input
	// Most is how many numbers an input that is a list has at most, Shape[0] unless given.
	Most int
	// Length is the name of the size of inputs that are lists, of at most Most numbers each, "" if
	// all have that many.
	Length string
	Width  int // of a row of outputs
	// Forward returns the rows of outputs for n inputs x, one after the other, at theta.
	Forward func(theta, x []float32, n int) ([]float32, error)
}

// part is a part's recording.
type part struct {
	Part
	ops    []operation
	vars   []variable
	inputs []int // the variables that are the minibatch: that of Input, and those of More
	output int
}

// operation is one of the tape's on variables by their numbers, -1 for an input that was not given.
type operation struct {
	tensor.Traced // without its tensors
	in            []int
	out           int
}

// variable is a tensor of the tape.
type variable struct {
	dims     []dim
	param    *nn.Param // which it is, nil for another
	constant []float32 // its values, where nothing computes them
}

// dim is a dimension: n, times the size of the minibatch if each is set; or the length of the inputs.
type dim struct {
	n    int
	each bool
	long bool // it is the length, n is 1
}

// open reports whether a dimension follows the input.
func (d dim) open() bool { return d.each || d.long }

// An UnsupportedError says what of a network has no form in ONNX.
type UnsupportedError struct {
	Layer   string // as it called itself, may be empty
	Op      string
	Problem string
}

func (e *UnsupportedError) Error() string {
	if e.Layer == "" {
		return e.Op + ": " + e.Problem
	}
	return e.Layer + ": " + e.Op + ": " + e.Problem
}

func unsupported(o *tensor.Traced, format string, args ...any) error {
	return &UnsupportedError{Layer: o.Layer, Op: o.Op, Problem: fmt.Sprintf(format, args...)}
}

// A TextLayer is a model's layer that has another form beside, of texts of any length which come as several
// matrices of whole numbers [N, T]. Its graph takes those: what the rows of a minibatch are packed from.
type TextLayer interface {
	nn.Layer
	Inputs() []string // names of the matrices; the first is the numbers of tokens
	Longest() int     // T, at most
	ForwardTexts(t *tensor.Tape, in []*tensor.Tensor) *tensor.Tensor
}

// Trace runs a network on two minibatches of different sizes and content, at different parameters,
// and returns what it did with both. Numbers that follow the size of the minibatch are known by
// their differences; others that differ are an [UnsupportedError].
func Trace(m *nn.Model) (*Program, error) {
	if l, ok := m.Layer().(TextLayer); ok {
		return traceTexts(m, l)
	}
	return TraceParts(&m.Network, m.Tape(), Part{
		Input: Input, Batch: "batch", Shape: []int{m.InputLen()}, Width: m.Classes(),
		Forward: func(theta, x []float32, _ int) ([]float32, error) { return m.Logits(theta, x) },
	})
}

// traced is how long the texts are that a network is traced with.
const traced = 8

// traceTexts is [Trace] of a network by its other form.
func traceTexts(m *nn.Model, l TextLayer) (*Program, error) {
	names, t := l.Inputs(), m.Tape()
	return TraceParts(&m.Network, t, Part{
		Input: names[0], More: names[1:], Batch: "batch_size", Shape: []int{min(traced, l.Longest())}, Most: l.Longest(), Length: "sequence_length", Width: m.Classes(),
		Forward: func(theta, x []float32, n int) ([]float32, error) {
			t.Reset(tensor.Eval)
			m.Bind(theta, nil, false)
			var in []*tensor.Tensor
			for range names {
				in = append(in, t.Input(x, n, len(x)/n))
			}
			y := l.ForwardTexts(t, in)
			if err := t.Err(); err != nil {
				return nil, err
			}
			return y.Data, nil
		},
	})
}

// TraceParts is [Trace] of a network's parts, which compute on a tape.
func TraceParts(net *nn.Network, tape *tensor.Tape, parts ...Part) (*Program, error) {
	p := &Program{net: net}
	theta := make([]float32, net.Size())
	for _, which := range parts {
		clear(theta)
		small, err := which.record(net, tape, theta, 0)
		if err != nil {
			return nil, err
		}
		for i := range theta {
			theta[i] = float32(i%7-3) / 64
		}
		large, err := which.record(net, tape, theta, 1)
		if err != nil {
			return nil, err
		}
		merged, err := which.merge(small, large)
		if err != nil {
			return nil, err
		}
		p.parts = append(p.parts, merged)
	}
	return p, nil
}

// sizes are those of the two minibatches.
var sizes = [2]int{2, 3}

// lengths are those of the inputs of both, 0 if theirs is fixed. The second is 1, as products of it
// and the size of a minibatch can't be the same as with the first.
func (p *Part) lengths() [2]int {
	if p.Length == "" || len(p.Shape) != 1 {
		return [2]int{}
	}
	return [2]int{p.Shape[0], 1}
}

// A recording is one pass.
type recording struct {
	ops     []operation
	vars    []recorded
	inputs  []int
	output  int
	numbers map[*tensor.Tensor]int // of variables
	params  map[*tensor.Tensor]*nn.Param
	written map[*float32]int // which variable was last written to a place
}

type recorded struct {
	dims     []int
	param    *nn.Param
	constant []float32
}

// record runs the part on one of the two minibatches.
func (p *Part) record(net *nn.Network, tape *tensor.Tape, theta []float32, which int) (*recording, error) {
	r := &recording{numbers: map[*tensor.Tensor]int{}, params: map[*tensor.Tensor]*nn.Param{}, written: map[*float32]int{}}
	for _, p := range net.Params {
		r.params[p.Tensor()] = p
	}
	n := sizes[which]
	all := n
	for _, d := range p.Shape {
		all *= d
	}
	if length := p.lengths()[which]; length > 0 {
		all = n * length
	}
	x := make([]float32, all)
	for i := range x {
		x[i] = float32((i*i/3 + i + n) % 2) // whole numbers, as tokens are
	}
	tape.Trace(func(o tensor.Traced) { r.add(o, 1+len(p.More)) })
	defer tape.Trace(nil)
	y, err := p.Forward(theta, x, n)
	if err != nil {
		return nil, err
	}
	output, ok := r.written[&y[0]]
	if !ok || len(r.inputs) <= len(p.More) {
		return nil, errors.New("the network returns what no operation of its tape has made")
	}
	r.output = output
	return r, nil
}

// add notes an operation. The first so many inputs of the tape are what the model was given.
func (r *recording) add(o tensor.Traced, inputs int) {
	if o.Op == tensor.InputOp {
		number := r.variable(o.Out, nil)
		if len(r.inputs) < inputs {
			r.inputs = append(r.inputs, number)
		} else {
			r.vars[number].constant = slices.Clone(o.Out.Data)
		}
		return
	}
	op := operation{Traced: o}
	for _, x := range o.In {
		number, known := r.numbers[x]
		switch p := r.params[x]; {
		case x == nil:
			number = -1
		case known:
		case p != nil:
			number = r.variable(x, p)
		default:
			number = r.variable(x, nil)
			r.vars[number].constant = slices.Clone(x.Data)
		}
		op.in = append(op.in, number)
	}
	op.out = r.variable(o.Out, nil)
	r.written[&o.Out.Data[0]] = op.out
	op.In, op.Out = nil, nil
	op.Numbers = slices.Clone(o.Numbers)
	r.ops = append(r.ops, op)
}

func (r *recording) variable(x *tensor.Tensor, p *nn.Param) int {
	r.numbers[x] = len(r.vars)
	r.vars = append(r.vars, recorded{dims: slices.Clone(x.Shape()), param: p})
	return len(r.vars) - 1
}

// merge makes one of two passes.
func (p *Part) merge(a, b *recording) (m part, err error) {
	for i := range min(len(a.ops), len(b.ops)) {
		x, y := &a.ops[i], &b.ops[i]
		switch {
		case x.Op != y.Op || x.Layer != y.Layer || !slices.Equal(x.in, y.in) || x.out != y.out:
			return m, unsupported(&x.Traced, "what the network does depends on the minibatch: with another one this is %s", y.Op)
		case !reflect.DeepEqual(x.Numbers, y.Numbers):
			return m, unsupported(&x.Traced, "it takes numbers that were read from the minibatch, which no graph can follow")
		case !reflect.DeepEqual(x.Traced, y.Traced):
			return m, unsupported(&x.Traced, "its options depend on the minibatch")
		}
	}
	if len(a.ops) != len(b.ops) || len(a.vars) != len(b.vars) || a.output != b.output {
		return m, errors.New("what the network does depends on the minibatch: it does more with another one")
	}
	m = part{Part: *p, ops: a.ops, inputs: a.inputs, output: a.output}
	for i := range a.vars {
		v, err := mergeVariable(&a.vars[i], &b.vars[i], p.lengths())
		if err != nil {
			return m, m.blame(i, err)
		}
		m.vars = append(m.vars, v)
	}
	return m, nil
}

var errRead = errors.New("it takes numbers that were computed outside the tape, from the minibatch or from parameters")

func mergeVariable(a, b *recorded, lengths [2]int) (v variable, err error) {
	v = variable{param: a.param, constant: a.constant}
	// Zeros may be as many as the minibatch asks for, as those that a class token is added to.
	zeros := a.constant != nil && !slices.ContainsFunc(slices.Concat(a.constant, b.constant), func(v float32) bool { return v != 0 })
	if len(a.dims) != len(b.dims) {
		return v, fmt.Errorf("shapes %v and %v with minibatches of %d and %d", a.dims, b.dims, sizes[0], sizes[1])
	}
	for i, n := range a.dims {
		switch d := b.dims[i]; {
		case n == d:
			v.dims = append(v.dims, dim{n: n})
		case a.constant != nil && !zeros:
			return v, errRead
		case n%sizes[0] == 0 && n/sizes[0]*sizes[1] == d:
			v.dims = append(v.dims, dim{n: n / sizes[0], each: true})
		case n == lengths[0] && d == lengths[1]:
			v.dims = append(v.dims, dim{n: 1, long: true})
		default:
			return v, fmt.Errorf("shapes %v and %v with minibatches of %d and %d: no multiple of their size", a.dims, b.dims, sizes[0], sizes[1])
		}
	}
	if !zeros && !slices.Equal(a.constant, b.constant) {
		return v, errRead
	}
	return v, nil
}

// blame names the first operation that has to do with a variable.
func (p *part) blame(number int, err error) error {
	for i := range p.ops {
		if o := &p.ops[i]; o.out == number || slices.Contains(o.in, number) {
			return unsupported(&o.Traced, "%v", err)
		}
	}
	return err
}

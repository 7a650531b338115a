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
	model  *nn.Model
	ops    []operation
	vars   []variable
	input  int // the variable that is the minibatch
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

// dim is a dimension: n, times the size of the minibatch if each is set.
type dim struct {
	n    int
	each bool
}

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

// Trace runs a network on two minibatches of different sizes and content, at different parameters,
// and returns what it did with both. Numbers that follow the size of the minibatch are known by
// their differences; others that differ are an [UnsupportedError].
func Trace(m *nn.Model) (*Program, error) {
	theta := make([]float32, m.Size())
	small, err := record(m, theta, sizes[0])
	if err != nil {
		return nil, err
	}
	for i := range theta {
		theta[i] = float32(i%7-3) / 64
	}
	large, err := record(m, theta, sizes[1])
	if err != nil {
		return nil, err
	}
	return merge(m, small, large)
}

// sizes are those of the two minibatches.
var sizes = [2]int{2, 3}

// A recording is one pass.
type recording struct {
	ops     []operation
	vars    []recorded
	input   int
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

// record runs the network on n inputs.
func record(m *nn.Model, theta []float32, n int) (*recording, error) {
	r := &recording{input: -1, numbers: map[*tensor.Tensor]int{}, params: map[*tensor.Tensor]*nn.Param{}, written: map[*float32]int{}}
	for _, p := range m.Params {
		r.params[p.Tensor()] = p
	}
	x := make([]float32, n*m.InputLen())
	for i := range x {
		x[i] = float32((i*i/3 + i + n) % 2) // whole numbers, as tokens are
	}
	m.Tape().Trace(r.add)
	defer m.Tape().Trace(nil)
	y, err := m.Logits(theta, x)
	if err != nil {
		return nil, err
	}
	output, ok := r.written[&y[0]]
	if !ok || r.input < 0 {
		return nil, errors.New("the network returns what no operation of its tape has made")
	}
	r.output = output
	return r, nil
}

// add notes an operation.
func (r *recording) add(o tensor.Traced) {
	if o.Op == tensor.InputOp {
		number := r.variable(o.Out, nil)
		if r.input < 0 {
			r.input = number // what the model was given
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

// merge makes one program of two passes.
func merge(m *nn.Model, a, b *recording) (*Program, error) {
	for i := range min(len(a.ops), len(b.ops)) {
		x, y := &a.ops[i], &b.ops[i]
		switch {
		case x.Op != y.Op || x.Layer != y.Layer || !slices.Equal(x.in, y.in) || x.out != y.out:
			return nil, unsupported(&x.Traced, "what the network does depends on the minibatch: with another one this is %s", y.Op)
		case !reflect.DeepEqual(x.Numbers, y.Numbers):
			return nil, unsupported(&x.Traced, "it takes numbers that were read from the minibatch, which no graph can follow")
		case !reflect.DeepEqual(x.Traced, y.Traced):
			return nil, unsupported(&x.Traced, "its options depend on the minibatch")
		}
	}
	if len(a.ops) != len(b.ops) || len(a.vars) != len(b.vars) || a.output != b.output {
		return nil, errors.New("what the network does depends on the minibatch: it does more with another one")
	}
	p := &Program{model: m, ops: a.ops, input: a.input, output: a.output}
	for i := range a.vars {
		v, err := mergeVariable(&a.vars[i], &b.vars[i])
		if err != nil {
			return nil, p.blame(i, err)
		}
		p.vars = append(p.vars, v)
	}
	return p, nil
}

var errRead = errors.New("it takes numbers that were computed outside the tape, from the minibatch or from parameters")

func mergeVariable(a, b *recorded) (v variable, err error) {
	v = variable{param: a.param, constant: a.constant}
	if len(a.dims) != len(b.dims) {
		return v, fmt.Errorf("shapes %v and %v with minibatches of %d and %d", a.dims, b.dims, sizes[0], sizes[1])
	}
	for i, n := range a.dims {
		switch d := b.dims[i]; {
		case n == d:
			v.dims = append(v.dims, dim{n, false})
		case a.constant != nil:
			return v, errRead
		case n%sizes[0] == 0 && n/sizes[0]*sizes[1] == d:
			v.dims = append(v.dims, dim{n / sizes[0], true})
		default:
			return v, fmt.Errorf("shapes %v and %v with minibatches of %d and %d: no multiple of their size", a.dims, b.dims, sizes[0], sizes[1])
		}
	}
	if !slices.Equal(a.constant, b.constant) {
		return v, errRead
	}
	return v, nil
}

// blame names the first operation that has to do with a variable.
func (p *Program) blame(number int, err error) error {
	for i := range p.ops {
		if o := &p.ops[i]; o.out == number || slices.Contains(o.in, number) {
			return unsupported(&o.Traced, "%v", err)
		}
	}
	return err
}

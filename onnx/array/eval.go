package array

import (
	"fmt"

	"github.com/monge-ml/monge/onnx"
)

// A call is an operator with its inputs; one that is left out is nil.
type call struct {
	*onnx.Node
	opset int
	in    []*Array
}

// operators are by name. Each returns its outputs.
var operators = map[string]func(c *call) ([]*Array, error){}

// register adds operators to the list.
func register(list map[string]func(c *call) ([]*Array, error)) {
	for name, f := range list {
		operators[name] = f
	}
}

// Has reports whether an operator of ONNX's own can be computed.
func Has(op string) bool { return operators[op] != nil }

// Eval computes a node from its inputs, of which those left out are nil.
func Eval(n *onnx.Node, opset int, in []*Array) ([]*Array, error) {
	f := operators[n.FullOp()]
	if f == nil {
		return nil, ErrUnsupported
	}
	return f(&call{Node: n, opset: opset, in: in})
}

// input returns an input that must be there.
func (c *call) input(i int) (*Array, error) {
	if i >= len(c.in) || c.in[i] == nil {
		return nil, fmt.Errorf("input %d is missing", i)
	}
	return c.in[i], nil
}

// optional returns an input, nil if it was left out.
func (c *call) optional(i int) *Array {
	if i >= len(c.in) {
		return nil
	}
	return c.in[i]
}

// one wraps an operator of one input and one output.
func one(f func(c *call, a *Array) (*Array, error)) func(c *call) ([]*Array, error) {
	return func(c *call) ([]*Array, error) {
		a, err := c.input(0)
		if err != nil {
			return nil, err
		}
		out, err := f(c, a)
		return []*Array{out}, err
	}
}

// list returns numbers that are an attribute in earlier versions and input i in later ones; nil
// for none.
func (c *call) list(name string, i int) []int {
	if a := c.optional(i); a != nil {
		return a.Whole()
	}
	return c.Ints(name)
}

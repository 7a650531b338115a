// Package onnx reads and writes ONNX files: a graph of operators on named tensors, with the
// values of its parameters (https://onnx.ai, onnx.proto). It knows the format alone; what the
// operators compute is known by the packages below it: array on numbers at hand, network on a
// tape, with gradients.
//
// [Read] reads a file and its external data, [Model.Write] writes it. What the reader has no use
// for (doc strings, metadata of nodes, fields of later versions) is kept as it was and written
// again, so that a file that is read and written means the same to others.
package onnx

import (
	"slices"
)

// A Model is a file's content.
type Model struct {
	IRVersion       int64
	Producer        string
	ProducerVersion string
	Opsets          []Opset
	Metadata        []Property
	Graph           *Graph
	// Functions are the names of operators that the file defines itself, as "domain.name".
	Functions []string

	extra []byte
}

// An Opset is the version of a domain's operators; "" is ONNX's own domain.
type Opset struct {
	Domain  string
	Version int64

	extra []byte
}

// A Property is a metadata property.
type Property struct {
	Key, Value string

	extra []byte
}

// Opset returns the version of ONNX's own operators, 0 if the file names none.
func (m *Model) Opset() int64 {
	for _, o := range m.Opsets {
		if o.Domain == "" || o.Domain == "ai.onnx" {
			return o.Version
		}
	}
	return 0
}

// Property returns the value of a metadata property.
func (m *Model) Property(key string) (value string, ok bool) {
	for _, p := range m.Metadata {
		if p.Key == key {
			return p.Value, true
		}
	}
	return "", false
}

// SetProperty sets a metadata property.
func (m *Model) SetProperty(key, value string) {
	for i := range m.Metadata {
		if m.Metadata[i].Key == key {
			m.Metadata[i].Value = value
			return
		}
	}
	m.Metadata = append(m.Metadata, Property{Key: key, Value: value})
}

// A Graph is a list of nodes, each after those whose results it reads.
type Graph struct {
	Name         string
	Nodes        []*Node
	Initializers []*Tensor
	Inputs       []*Value
	Outputs      []*Value
	Values       []*Value // what the file says of results in between; may be empty

	extra []byte
}

// Initializer returns an initializer by name, nil for none.
func (g *Graph) Initializer(name string) *Tensor {
	i := slices.IndexFunc(g.Initializers, func(t *Tensor) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return g.Initializers[i]
}

// Given are the inputs that are no initializers, which early versions list there as well.
func (g *Graph) Given() (list []*Value) {
	own := make(map[string]bool, len(g.Initializers))
	for _, t := range g.Initializers {
		own[t.Name] = true
	}
	for _, v := range g.Inputs {
		if !own[v.Name] {
			list = append(list, v)
		}
	}
	return list
}

// A Node is an operator on named tensors. An input that is "" is left out.
type Node struct {
	Name    string
	Op      string
	Domain  string // "" is ONNX's own
	Inputs  []string
	Outputs []string
	Attrs   []*Attr

	extra []byte
}

// Label names a node in messages: its operator and its name, or its first output's.
func (n *Node) Label() string {
	name := n.Name
	if name == "" && len(n.Outputs) > 0 {
		name = n.Outputs[0]
	}
	return Printable(n.FullOp()) + " " + Show(name)
}

// FullOp is the operator with its domain, if that is not ONNX's own.
func (n *Node) FullOp() string {
	if n.Domain == "" || n.Domain == "ai.onnx" {
		return n.Op
	}
	return n.Domain + "." + n.Op
}

// An AttrType is what kind of value an attribute has.
type AttrType int32

// The kinds.
const (
	AttrFloat   AttrType = 1
	AttrInt     AttrType = 2
	AttrString  AttrType = 3
	AttrTensor  AttrType = 4
	AttrGraph   AttrType = 5
	AttrFloats  AttrType = 6
	AttrInts    AttrType = 7
	AttrStrings AttrType = 8
)

// An Attr is an attribute of a node. Kinds that have no field here (graphs, sparse tensors) are
// kept unread.
type Attr struct {
	Name    string
	Type    AttrType
	Float   float32
	Int     int64
	String  []byte
	Tensor  *Tensor
	Floats  []float32
	Ints    []int64
	Strings [][]byte

	extra []byte
}

// Attr returns a node's attribute, nil for none.
func (n *Node) Attr(name string) *Attr {
	for _, a := range n.Attrs {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Int returns an attribute that is a whole number, or other if the node has none.
func (n *Node) Int(name string, other int) int {
	if a := n.Attr(name); a != nil {
		return int(a.Int)
	}
	return other
}

// Float returns an attribute that is a number, or other if the node has none.
func (n *Node) Float(name string, other float32) float32 {
	if a := n.Attr(name); a != nil {
		return a.Float
	}
	return other
}

// Text returns an attribute that is a string, or other if the node has none.
func (n *Node) Text(name, other string) string {
	if a := n.Attr(name); a != nil {
		return string(a.String)
	}
	return other
}

// Ints returns an attribute that is a list of whole numbers, nil if the node has none.
func (n *Node) Ints(name string) []int {
	a := n.Attr(name)
	if a == nil {
		return nil
	}
	list := make([]int, len(a.Ints))
	for i, v := range a.Ints {
		list[i] = int(v)
	}
	return list
}

// Attributes of new nodes.

// IntAttr is an attribute that is a whole number.
func IntAttr(name string, v int) *Attr { return &Attr{Name: name, Type: AttrInt, Int: int64(v)} }

// FloatAttr is an attribute that is a number.
func FloatAttr(name string, v float32) *Attr { return &Attr{Name: name, Type: AttrFloat, Float: v} }

// TextAttr is an attribute that is a string.
func TextAttr(name, v string) *Attr { return &Attr{Name: name, Type: AttrString, String: []byte(v)} }

// TensorAttr is an attribute that is a tensor.
func TensorAttr(name string, t *Tensor) *Attr { return &Attr{Name: name, Type: AttrTensor, Tensor: t} }

// IntsAttr is an attribute that is a list of whole numbers.
func IntsAttr(name string, v ...int) *Attr {
	a := &Attr{Name: name, Type: AttrInts}
	for _, i := range v {
		a.Ints = append(a.Ints, int64(i))
	}
	return a
}

// A Value is the name and type of an input or output.
type Value struct {
	Name  string
	DType DType // 0 if the file does not say
	Shape []Dim // nil if the file does not say; see HasShape
	// HasShape tells a scalar's empty shape from one that is not given.
	HasShape bool
	// Other says what it is where it is no tensor: "a sequence", "a map", "optional".
	Other string

	extra, typeExtra, tensorExtra, shapeExtra []byte
}

// A Dim is a dimension: a size, or a name that stands for one. Both are empty where the file says
// nothing.
type Dim struct {
	Size int64 // 0 if not given
	Name string
	Set  bool // Size was given

	extra []byte
}

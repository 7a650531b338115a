// Package onnxtest makes small ONNX models of a line of text, for tests.
package onnxtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/monge-ml/monge/onnx"
)

// Model returns the model of a text, as in
//
//	x:Nx3x8x8; c=Conv(x, conv.weight:4x3x3x3, conv.bias:4){pads=1,1,1,1}; Relu; Flatten; Gemm(_, 5x256){transB=1}
//
// The inputs come first, each with its shape (ids:int64:Nx4 is one of whole numbers), in which
// letters are open dimensions. A node's inputs are names, _ for the last result (which is what a
// node without a list reads), - for one that is left out, and tensors: 4x3 is one of random
// floats, [1,2] of whole numbers, [.5,1.] of floats, @3 and @.5 are single numbers. Attributes
// follow in braces: axis=1, axes=[1], pads=1,1, alpha=.5, mode=edge. A node names its results, or
// gets a name; the last one is the output.
func Model(t testing.TB, text string) *onnx.Model {
	t.Helper()
	m, err := parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

// Write writes the model of a text to a file, with changes if there are any.
func Write(t testing.TB, path, text string, change ...func(m *onnx.Model)) {
	t.Helper()
	m := Model(t, text)
	for _, f := range change {
		f(m)
	}
	if err := m.WriteFile(path); err != nil {
		t.Fatal(err)
	}
}

// Bytes returns the file of a text.
func Bytes(t testing.TB, text string) []byte {
	t.Helper()
	b, err := Model(t, text).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// WriteBytes writes a file.
func WriteBytes(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

type parser struct {
	g    *onnx.Graph
	last string
	rng  *rand.Rand
}

func parse(text string) (*onnx.Model, error) {
	p := &parser{g: &onnx.Graph{Name: "test"}, rng: rand.New(rand.NewPCG(1, 2))}
	for _, s := range strings.Split(text, ";") {
		if err := p.statement(strings.TrimSpace(s)); err != nil {
			return nil, err
		}
	}
	p.g.Outputs = []*onnx.Value{{Name: p.last, DType: onnx.Float}}
	return &onnx.Model{IRVersion: 8, Producer: "onnxtest", Opsets: []onnx.Opset{{Version: 17}}, Graph: p.g}, nil
}

func (p *parser) statement(s string) error {
	left, attrs, _ := strings.Cut(s, "{")
	op, args, listed := strings.Cut(left, "(")
	if name, kind, ok := strings.Cut(op, ":"); ok && !listed {
		return p.input(name, kind)
	}
	n := &onnx.Node{}
	if outputs, rest, ok := strings.Cut(op, "="); ok {
		n.Outputs, op = strings.Split(outputs, ","), rest
	} else {
		n.Outputs = []string{fmt.Sprintf("r%d", len(p.g.Nodes))}
	}
	n.Op = strings.TrimSpace(op)
	if i := strings.LastIndexByte(n.Op, '.'); i >= 0 {
		n.Domain, n.Op = n.Op[:i], n.Op[i+1:]
	}
	n.Inputs = []string{p.last}
	if listed {
		n.Inputs = nil
		for _, a := range split(strings.TrimSuffix(strings.TrimSpace(args), ")")) {
			name, err := p.argument(a)
			if err != nil {
				return err
			}
			n.Inputs = append(n.Inputs, name)
		}
	}
	for _, a := range strings.Fields(strings.TrimSuffix(attrs, "}")) {
		name, value, _ := strings.Cut(a, "=")
		n.Attrs = append(n.Attrs, p.attr(name, value))
	}
	p.g.Nodes = append(p.g.Nodes, n)
	p.last = n.Outputs[0]
	return nil
}

// split cuts at commas that are in no brackets.
func split(s string) (parts []string) {
	depth, at := 0, 0
	for i, c := range s {
		switch c {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth == 0 {
				parts, at = append(parts, strings.TrimSpace(s[at:i])), i+1
			}
		}
	}
	if s = strings.TrimSpace(s[at:]); s != "" || parts != nil {
		parts = append(parts, s)
	}
	return parts
}

func (p *parser) input(name, kind string) error {
	v := &onnx.Value{Name: name, DType: onnx.Float, HasShape: true}
	if rest, ok := strings.CutPrefix(kind, "int64:"); ok {
		v.DType, kind = onnx.Int64, rest
	}
	for _, d := range strings.Split(kind, "x") {
		if n, err := strconv.Atoi(d); err == nil {
			v.Shape = append(v.Shape, onnx.Dim{Size: int64(n), Set: true})
		} else {
			v.Shape = append(v.Shape, onnx.Dim{Name: d})
		}
	}
	p.g.Inputs, p.last = append(p.g.Inputs, v), name
	return nil
}

// argument returns the name of an input, of which it makes a tensor if it is none.
func (p *parser) argument(a string) (string, error) {
	name, value, named := strings.Cut(a, ":")
	if !named {
		name, value = fmt.Sprintf("p%d", len(p.g.Initializers)), a
	}
	switch c := value[:1]; {
	case value == "-":
		return "", nil
	case value == "_":
		return p.last, nil
	case c == "@":
		p.add(numbers(name, []string{value[1:]}))
	case c == "[":
		list := strings.FieldsFunc(value[1:len(value)-1], func(r rune) bool { return r == ',' })
		p.add(numbers(name, list, len(list)))
	case c >= "0" && c <= "9":
		var shape []int
		n := 1
		for _, d := range strings.Split(value, "x") {
			k, err := strconv.Atoi(d)
			if err != nil {
				return "", err
			}
			shape = append(shape, k)
			n *= k
		}
		p.add(p.random(name, n, shape))
	default:
		return value, nil
	}
	return name, nil
}

func (p *parser) add(t *onnx.Tensor) { p.g.Initializers = append(p.g.Initializers, t) }

// random is a tensor of normal numbers, fit for a layer's weight; one of one dimension is positive, so
// that it may be a variance.
func (p *parser) random(name string, n int, shape []int) *onnx.Tensor {
	data := make([]float32, n)
	scale := math.Sqrt(float64(max(shape[0], 1)) / float64(max(n, 1)))
	for i := range data {
		if data[i] = float32(p.rng.NormFloat64() * scale); len(shape) == 1 {
			data[i] = .25 + p.rng.Float32()
		}
	}
	return onnx.NewFloats(name, data, shape...)
}

// numbers is a tensor of floats if one has a point, of whole numbers if none.
func numbers(name string, list []string, shape ...int) *onnx.Tensor {
	var ints []int64
	var floats []float32
	for _, s := range list {
		i, err := strconv.ParseInt(s, 10, 64)
		if err == nil {
			ints = append(ints, i)
		}
		f, _ := strconv.ParseFloat(s, 32)
		floats = append(floats, float32(f))
	}
	if len(ints) == len(list) {
		return onnx.NewInts(name, ints, shape...)
	}
	return onnx.NewFloats(name, floats, shape...)
}

func (p *parser) attr(name, value string) *onnx.Attr {
	list := strings.FieldsFunc(strings.Trim(value, "[]"), func(r rune) bool { return r == ',' })
	t := numbers("", list, len(list))
	if i, err := t.Ints(); err == nil && (len(list) != 1 || value[0] == '[') {
		return &onnx.Attr{Name: name, Type: onnx.AttrInts, Ints: i}
	} else if err == nil {
		return onnx.IntAttr(name, int(i[0]))
	}
	if _, err := strconv.ParseFloat(list[0], 32); err != nil {
		return onnx.TextAttr(name, value)
	}
	f, _ := t.Floats()
	if len(list) == 1 {
		return onnx.FloatAttr(name, f[0])
	}
	return &onnx.Attr{Name: name, Type: onnx.AttrFloats, Floats: f}
}

package network

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/monge-ml/monge/internal/onnxtest"
	"github.com/monge-ml/monge/nn"
	"github.com/monge-ml/monge/objective"
	"github.com/monge-ml/monge/onnx"
)

// A source is a fuzzer's bytes, then zeros.
type source struct{ b []byte }

func (s *source) next(n int) int {
	if len(s.b) == 0 {
		return 0
	}
	v := int(s.b[0]) % n
	s.b = s.b[1:]
	return v
}

var extremes = []int64{-2, 17, 60, 1 << 16, 1 << 31, 1 << 40, 1 << 62, -1 << 62, math.MaxInt64, math.MinInt64, 1 << 32}

// number is a small one, or once in a while an extreme one.
func (s *source) number() int64 {
	if k := s.next(100); k < len(extremes) {
		return extremes[k]
	}
	return int64(s.next(8)) - 1
}

func (s *source) ints(most int) (v []int) {
	for range s.next(most + 1) {
		v = append(v, int(s.number()))
	}
	return v
}

// attributes that operators look at, and what they look for.
var attributes = map[string]string{
	"axis": "int", "axes": "ints", "perm": "ints", "pads": "ints", "mode": "text", "value": "tensor", "to": "int", "upper": "int", "keepdims": "int",
	"starts": "ints", "ends": "ints", "blocksize": "int", "batch_dims": "int", "reduction": "text", "split": "ints", "shape": "ints",
	"allowzero": "int", "kernel_shape": "ints", "strides": "ints", "dilations": "ints", "group": "int", "auto_pad": "text", "ceil_mode": "int",
	"count_include_pad": "int", "output_padding": "ints", "output_shape": "ints", "alpha": "float", "beta": "float", "transA": "int", "transB": "int",
	"epsilon": "float", "momentum": "float", "training_mode": "int", "num_groups": "int", "size": "int", "bias": "float", "p": "int", "equation": "text",
	"scales": "floats", "coordinate_transformation_mode": "text", "nearest_mode": "text", "exclude_outside": "int", "ratio": "float",
	"min": "float", "max": "float", "exclusive": "int", "reverse": "int", "approximate": "text", "noop_with_empty_axes": "int",
}

var texts = []string{"", "constant", "edge", "reflect", "wrap", "CRD", "add", "SAME_UPPER", "SAME_LOWER", "VALID", "nearest", "linear", "cubic",
	"align_corners", "asymmetric", "ceil", "tanh", "ij,jk->ik", "...i,ij->...j", "nchw->nc", "ab,ab", "nij,njk->nik", "a->aa", "\x1b[31m"}

func (s *source) attr() *onnx.Attr {
	names := slices.Sorted(maps.Keys(attributes))
	name := names[s.next(len(names))]
	kind := attributes[name]
	if s.next(16) == 15 {
		kind = []string{"int", "ints", "text", "tensor", "float", "floats"}[s.next(6)]
	}
	switch kind {
	case "int":
		return onnx.IntAttr(name, int(s.number()))
	case "ints":
		return onnx.IntsAttr(name, s.ints(8)...)
	case "text":
		return onnx.TextAttr(name, texts[s.next(len(texts))])
	case "tensor":
		return onnx.TensorAttr(name, s.tensor(""))
	case "floats":
		return &onnx.Attr{Name: name, Type: onnx.AttrFloats, Floats: s.floats(s.next(5))}
	}
	return onnx.FloatAttr(name, s.floats(1)[0])
}

func (s *source) floats(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		switch k := s.next(100); k {
		case 1:
			v[i] = float32(math.NaN())
		case 2:
			v[i] = float32(math.Inf(1))
		default:
			v[i] = float32(s.next(9)-4) / 4
		}
	}
	return v
}

// tensor is of floats or whole numbers.
func (s *source) tensor(name string) *onnx.Tensor {
	var shape []int
	n := 1
	for range s.next(5) {
		d := []int{1, 2, 3, 4, 0}[s.next(5)]
		shape = append(shape, d)
		n *= d
	}
	if s.next(3) == 0 {
		v := make([]int64, n)
		for i := range v {
			v[i] = s.number()
		}
		return onnx.NewInts(name, v, shape...)
	}
	return onnx.NewFloats(name, s.floats(n), shape...)
}

// graph makes a graph and the shape of an input for it.
func (s *source) graph() (*onnx.Model, []int) {
	g := &onnx.Graph{}
	m := &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: int64([]int{18, 1, 9, 11, 13}[s.next(5)])}}, Graph: g}
	dim := func(n int) onnx.Dim { return onnx.Dim{Size: int64(n), Set: true} }
	in := func(name string, d onnx.DType, shape ...int) {
		v := &onnx.Value{Name: name, DType: d, HasShape: true, Shape: []onnx.Dim{{Name: "N"}}}
		if s.next(4) == 3 {
			v.Shape[0] = dim(s.next(4))
		}
		for _, n := range shape {
			v.Shape = append(v.Shape, dim(n))
		}
		g.Inputs = append(g.Inputs, v)
	}
	var names []string
	var input []int
	switch s.next(4) {
	case 0, 1:
		in("x", onnx.Float, 3, 4, 5)
		names, input = []string{"x"}, []int{4, 5, 3}
	case 2:
		in("x", onnx.Float, 6)
		names, input = []string{"x"}, []int{1, 1, 6}
	case 3:
		in("ids", onnx.Int64, 4)
		in("mask", onnx.Int64, 4)
		names, input = []string{"ids", "mask"}, []int{4}
	}
	for i := range s.next(6) {
		t := s.tensor(fmt.Sprint("w", i))
		g.Initializers = append(g.Initializers, t)
		names = append(names, t.Name)
	}
	all := allOperators()
	for i := range 1 + s.next(6) {
		n := &onnx.Node{Op: all[s.next(len(all))]}
		if rest, ok := strings.CutPrefix(n.Op, "monge."); ok {
			n.Domain, n.Op = "monge", rest
		}
		for k := range s.next(6) {
			switch j := s.next(len(names) + 3); {
			case k == 0 || j == len(names): // the last one's result
				n.Inputs = append(n.Inputs, names[len(names)-1])
			case j > len(names):
				n.Inputs = append(n.Inputs, "")
			default:
				n.Inputs = append(n.Inputs, names[j])
			}
		}
		for range s.next(4) {
			n.Attrs = append(n.Attrs, s.attr())
		}
		n.Outputs = []string{fmt.Sprint("y", i)}
		names = append(names, n.Outputs[0])
		for k := range s.next(8) - 4 {
			n.Outputs = append(n.Outputs, fmt.Sprint("y", i, "_", k))
			names = append(names, n.Outputs[k+1])
		}
		g.Nodes = append(g.Nodes, n)
	}
	last := names[len(names)-1]
	if s.next(4) != 0 { // to rows of numbers
		if s.next(2) == 0 {
			g.Nodes = append(g.Nodes, &onnx.Node{Op: "Flatten", Inputs: []string{last}, Outputs: []string{"flat"}})
			last = "flat"
		} else {
			g.Nodes = append(g.Nodes, &onnx.Node{Op: "GlobalAveragePool", Inputs: []string{last}, Outputs: []string{"mean"}})
			last = "mean"
		}
	}
	g.Outputs = []*onnx.Value{{Name: last, DType: onnx.Float}}
	return m, input
}

// allOperators are those that can be run.
func allOperators() []string {
	list := slices.Collect(maps.Keys(operators))
	for _, name := range []string{"Constant", "Range", "ConstantOfShape", "NonZero", "OneHot", "EyeLike", "Equal", "Less", "Not", "ArgMax", "TopK", "Hardmax", "Mod", "BitShift", "IsNaN"} {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// tryNetwork opens a file, builds its network, and goes through it forward and backward. Whatever
// the file holds, there are numbers or an error, and these are the same the next time.
func tryNetwork(t testing.TB, file []byte, input []int, o Options) error {
	t.Helper()
	err := tryModel(t, file, input, o)
	if err != nil && (len(err.Error()) > 3000 || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) })) {
		t.Errorf("the error %q", err)
	}
	return err
}

func tryModel(t testing.TB, file []byte, input []int, o Options) error {
	t.Helper()
	m, err := onnx.Parse(file)
	if err != nil {
		return err
	}
	f, err := Of(m)
	if err != nil {
		return err
	}
	f.Unsupported()
	f.Folded()
	if err := f.Check(); err != nil && input == nil {
		return err
	}
	if input == nil {
		if input = f.Input(); input == nil {
			return errors.New("the size of inputs is open")
		}
	}
	if f.Texts != nil {
		f.vocabulary()
	}
	b := nn.NewBuilder()
	net := f.Layer(b, o)
	model, err := nn.NewModel(b, net, input)
	if err != nil {
		return err
	}
	least, err := model.LeastBatch()
	if least == 0 {
		return err
	}
	const seed = 3
	theta := model.NewTheta(seed)
	n := max(least, 2)
	x := make([]float32, n*model.InputLen())
	for i := range x {
		if x[i] = float32(i%5) / 4; f.Texts != nil {
			x[i] = float32(i % 3)
		}
	}
	if net.Calibrates() {
		if err := net.Calibrate(theta, func() error { _, err := model.Logits(theta, x); return err }); err != nil {
			return err
		}
	}
	labels := make([]int, n)
	first, second := make([]float32, len(theta)), make([]float32, len(theta))
	loss, err := model.Gradient(first, theta, x, labels, objective.Call{Weight: 1})
	if err != nil {
		return err
	}
	again, err := model.Gradient(second, theta, x, labels, objective.Call{Weight: 1, Perturbed: true})
	if err != nil {
		return err
	}
	if !same([]float32{float32(loss)}, []float32{float32(again)}) || !same(first, second) {
		t.Errorf("the loss is %g, then %g; %v, then %v", loss, again, first, second)
	}
	y, err := model.Logits(theta, x)
	if err != nil {
		return err
	}
	y = slices.Clone(y)
	if len(y) != n*model.Classes() {
		t.Errorf("%d outputs of %d inputs, with %d classes", len(y), n, model.Classes())
	}
	return tryExport(t, net, input, theta, x, y)
}

// tryExport checks that what is written computes the same.
func tryExport(t testing.TB, net *Network, input []int, theta, x, want []float32) error {
	t.Helper()
	m, err := net.Export(theta)
	if err != nil {
		return err
	}
	file, err := m.Marshal()
	if err != nil {
		return err
	}
	if m, err = onnx.Parse(file); err != nil {
		t.Errorf("what is written is not read: %v", err)
		return nil
	}
	f, err := Of(m)
	if err != nil {
		t.Errorf("what is written is no network: %v", err)
		return nil
	}
	if net.options.BGR || net.options.Restore || net.options.Classes != 0 {
		return nil // which is no longer the same to the bit
	}
	b := nn.NewBuilder()
	again, err := nn.NewModel(b, f.Layer(b, Options{}), input)
	if err != nil {
		t.Errorf("what is written is not built: %v", err)
		return nil
	}
	y, err := again.Logits(again.NewTheta(1), x)
	if err != nil || !same(y, want) {
		t.Errorf("what is written computes %v, not %v; %v", y, want, err)
	}
	return nil
}

// same reports whether numbers are the same, NaN included.
func same(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return x == y || x != x && y != y })
}

// change changes one thing of a graph.
func (s *source) change(m *onnx.Model) {
	g := m.Graph
	n := g.Nodes[s.next(len(g.Nodes))]
	var names []string
	for _, v := range g.Inputs {
		names = append(names, v.Name)
	}
	for _, t := range g.Initializers {
		names = append(names, t.Name)
	}
	for _, n := range g.Nodes {
		names = append(names, n.Outputs...)
	}
	names = append(names, "")
	name := names[s.next(len(names))]
	switch s.next(12) {
	case 0:
		if len(n.Inputs) > 0 {
			n.Inputs[s.next(len(n.Inputs))] = name
		}
	case 1:
		n.Inputs = append(n.Inputs, name)
	case 2:
		n.Inputs = n.Inputs[:s.next(len(n.Inputs)+1)]
	case 3:
		n.Attrs = append([]*onnx.Attr{s.attr()}, n.Attrs...)
	case 4:
		if len(n.Attrs) > 0 {
			a := n.Attrs[s.next(len(n.Attrs))]
			a.Int, a.Float = s.number(), s.floats(1)[0]
			if k := s.next(len(a.Ints) + 1); k < len(a.Ints) {
				a.Ints[k] = s.number()
			}
		}
	case 5:
		n.Attrs = nil
	case 6:
		all := allOperators()
		n.Op = all[s.next(len(all))]
	case 7, 8:
		k := s.next(len(g.Initializers))
		g.Initializers[k] = s.tensor(g.Initializers[k].Name)
	case 9:
		t := g.Initializers[s.next(len(g.Initializers))]
		if v, err := t.Ints(); err == nil && len(v) > 0 {
			v[s.next(len(v))] = s.number()
			*t = *onnx.NewInts(t.Name, v, t.Dims...)
		}
	case 10:
		n.Outputs = append(n.Outputs, []string{"more", ""}[s.next(2)])
	case 11:
		v := g.Inputs[s.next(len(g.Inputs))]
		v.Shape[s.next(len(v.Shape))] = onnx.Dim{Size: s.number(), Set: true}
	}
}

// FuzzNetwork builds and runs networks: those of the list with changes, and some of a fuzzer's bytes
// alone.
func FuzzNetwork(f *testing.F) {
	for i := range len(graphs) + 1 {
		f.Add([]byte{byte(i)})
		for k := range 20 {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(k)))
			b := []byte{byte(i), byte(1 + k%3)}
			for range 200 {
				b = append(b, byte(rng.Uint32()))
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &source{b}
		o := Options{}
		var m *onnx.Model
		var input []int
		if k := s.next(len(graphs) + 1); k == len(graphs) {
			m, input = s.graph()
		} else {
			m = onnxtest.Model(t, graphs[k])
			for range s.next(8) {
				s.change(m)
			}
		}
		switch s.next(8) {
		case 0:
			o.Classes = 3
		case 1:
			o.Restore = true
		case 2:
			o.BGR = true
		}
		file, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if t.Failed() {
				t.Logf("%+v\n%s", o, described(m))
			}
		}()
		tryNetwork(t, file, input, o)
	})
}

// described spells a graph, to find out what is wrong with it.
func described(m *onnx.Model) string {
	var b strings.Builder
	fmt.Fprintf(&b, "opset %d\n", m.Opset())
	for _, v := range m.Graph.Inputs {
		fmt.Fprintf(&b, "input %s\n", Describe(v))
	}
	for _, t := range m.Graph.Initializers {
		ints, _ := t.Ints()
		fmt.Fprintf(&b, "%s %v %v %v\n", t.Name, t.DType, t.Dims, ints[:min(len(ints), 9)])
	}
	for _, n := range m.Graph.Nodes {
		fmt.Fprintf(&b, "%v = %s%q", n.Outputs, n.FullOp(), n.Inputs)
		for _, a := range n.Attrs {
			fmt.Fprintf(&b, " %s=%d|%g|%q|%v|%v", a.Name, a.Int, a.Float, a.String, a.Ints, a.Floats)
		}
		b.WriteString("\n")
	}
	return b.String() + "to " + m.Graph.Outputs[0].Name
}

// A batch normalisation that is applied twice has statistics of its own in each place.
func TestSharedStatistics(t *testing.T) {
	const text = "x:Nx3x4x4; BatchNormalization(_, w:3, b:3, m:3, v:3); Conv(_, 3x3x1x1); BatchNormalization(_, w, b, m, v); Flatten; Gemm(_, 48x5)"
	f, err := Of(onnxtest.Model(t, text))
	if err != nil {
		t.Fatal(err)
	}
	b := nn.NewBuilder()
	net := f.Layer(b, Options{})
	m, err := nn.NewModel(b, net, f.Input())
	if err != nil || m.BatchNorms() != 2 || len(m.Buffers) != 4 || m.Buffers[0].Name == m.Buffers[2].Name {
		t.Fatalf("%d normalisations, %d buffers, %v", m.BatchNorms(), len(m.Buffers), err)
	}
	if err := tryNetwork(t, onnxtest.Bytes(t, text), nil, Options{}); err != nil {
		t.Error(err)
	}
}

// The graphs of the list work.
func TestGraphs(t *testing.T) {
	for _, text := range graphs {
		if err := tryNetwork(t, onnxtest.Bytes(t, text), nil, Options{}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if err := tryNetwork(t, onnxtest.Bytes(t, text), nil, Options{Classes: 3}); err != nil {
			t.Errorf("%s: with 3 classes: %v", text, err)
		}
	}
}

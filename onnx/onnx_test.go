package onnx

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// A file that is read and written is read as the same again.
func TestRoundTrip(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv("MONGE_TEST_ONNX_DATA"), "*/*/model.onnx"))
	if os.Getenv("MONGE_TEST_ONNX_DATA") == "" || len(files) == 0 {
		t.Skip("MONGE_TEST_ONNX_DATA does not name ONNX's test data")
	}
	for _, f := range files {
		m, err := Read(f)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		checkMarshal(t, m)
	}
}

// mark is a field that no version has, with a text that a test can find.
func mark(s string) []byte { return name(999, "<"+s+">") }

// everything is a file with each kind of thing that is read, and with fields beside them that are
// not.
func everything(t testing.TB) []byte {
	t.Helper()
	attr := func(s string, kind AttrType, parts ...[]byte) []byte {
		return field(5, name(1, s), join(parts...), varint(20, uint64(kind)), mark("attribute "+s), name(13, "<doc of "+s+">"))
	}
	floats := protowire.AppendFixed32(protowire.AppendFixed32(nil, math.Float32bits(1.5)), math.Float32bits(-2))
	constant := join(varint(1, 2), varint(2, 7), field(7, []byte{3, 4}), name(8, "inner"))
	subgraph := field(6, name(2, "sub"), nodeOf("Abs", []string{"x"}, []string{"s"}), mark("sub"))
	dim := func(parts ...[]byte) []byte { return field(1, join(parts...), mark("dimension")) }
	value := func(num protowire.Number, s string) []byte {
		return field(num, name(1, s), name(3, "<doc of "+s+">"), mark("value "+s),
			field(2, name(6, "<denoted "+s+">"), mark("type "+s),
				field(1, varint(1, 1), mark("tensor type "+s), field(2, dim(varint(1, 2), name(3, "<N>")), dim(name(2, "batch")), dim(), mark("shape "+s)))))
	}
	other := func(num protowire.Number, s string, kind protowire.Number) []byte {
		return field(num, name(1, s), field(2, field(kind, mark("other "+s))))
	}
	graph := join(
		nodeOf("Relu", []string{"x", ""}, []string{"y", ""}, name(3, "first"), name(6, "<doc of first>"), mark("node"),
			attr("float", AttrFloat, floats2(2, 1.25)), attr("int", AttrInt, varint(3, math.MaxUint64-6)), attr("string", AttrString, name(4, "a\xffb")),
			attr("tensor", AttrTensor, field(5, constant)), attr("graph", AttrGraph, subgraph), attr("floats", AttrFloats, field(7, floats)),
			attr("ints", AttrInts, field(8, protowire.AppendVarint([]byte{5}, math.MaxUint64))), attr("strings", AttrStrings, name(9, "a"), name(9, "")),
			attr("zero", AttrInt, varint(3, 0)), attr("no floats", AttrFloats), attr("sparse", 11, field(22, mark("sparse"))),
			field(5, name(1, "untyped"), varint(3, 9))),
		name(2, "the graph"),
		weight(varint(1, 2), varint(2, 1), name(8, "w"), field(4, floats), name(12, "<doc of w>"), mark("tensor")),
		weight(varint(1, 2), varint(2, 8), name(8, "words"), name(6, "<a word>"), name(6, "<another>")),
		weight(varint(1, 3), varint(2, 22), name(8, "nibbles"), field(9, []byte("<nibbles>"))),
		weight(varint(1, 1), varint(2, 14), name(8, "complex"), field(4, []byte("<complex")), name(12, "<doc of complex>")),
		name(10, "<doc of graph>"), value(11, "x"), value(12, "y"), value(13, "between"),
		other(13, "a sequence", 4), other(13, "a map", 5), other(13, "optional", 9), field(13, name(1, "bare")),
		field(14, name(1, "y"), field(2, name(1, "<SCALE_TENSOR>"))), mark("graph"))
	return join(varint(1, 8), name(2, "a test"), name(3, "1.0"), name(4, "<a domain>"), varint(5, 7), name(6, "<doc of model>"),
		field(7, graph), field(8, varint(2, 17), mark("opset")), field(8, name(1, "other"), varint(2, 1)),
		field(14, name(1, "key"), name(2, "value"), mark("property")), field(25, name(1, "F"), name(10, "own"), mark("function")), mark("model"))
}

func floats2(num protowire.Number, v float32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(nil, num, protowire.Fixed32Type), math.Float32bits(v))
}

// What is not read is written as it was.
func TestUnknownFieldsAreKept(t *testing.T) {
	b := everything(t)
	m, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	marks := map[string]int{}
	for rest := b; ; {
		i := bytes.IndexByte(rest, '<')
		if i < 0 {
			break
		}
		rest = rest[i:]
		mark := string(rest[:bytes.IndexByte(rest, '>')+1])
		if len(mark) > 40 { // of complex numbers, which have no end
			mark = "<complex"
		}
		marks[mark]++
		rest = rest[1:]
	}
	if len(marks) < 40 {
		t.Errorf("%d marks", len(marks))
	}
	for mark, n := range marks {
		if got := bytes.Count(out, []byte(mark)); got != n {
			t.Errorf("%q is there %d times, was %d times", mark, got, n)
		}
	}
	checkMarshal(t, m)
}

// Each kind of attribute is read as what it is, and after it was written.
func TestAttributes(t *testing.T) {
	m, err := Parse(everything(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		n := m.Graph.Nodes[0]
		if n.Label() != `Relu "first"` || !reflect.DeepEqual(n.Inputs, []string{"x", ""}) || !reflect.DeepEqual(n.Outputs, []string{"y", ""}) {
			t.Errorf("%+v", n)
		}
		inner, err := n.Attr("tensor").Tensor.Ints()
		if err != nil || fmt.Sprint(inner) != "[3 4]" {
			t.Error(inner, err)
		}
		for what, ok := range map[string]bool{
			"float":   n.Float("float", 0) == 1.25 && n.Float("none", 3) == 3,
			"int":     n.Int("int", 0) == -7 && n.Int("zero", 5) == 0 && n.Int("none", 5) == 5,
			"string":  n.Text("string", "") == "a\xffb" && n.Text("none", "c") == "c",
			"floats":  reflect.DeepEqual(n.Attr("floats").Floats, []float32{1.5, -2}) && n.Attr("no floats").Type == AttrFloats,
			"ints":    reflect.DeepEqual(n.Ints("ints"), []int{5, -1}) && n.Ints("none") == nil,
			"strings": len(n.Attr("strings").Strings) == 2 && string(n.Attr("strings").Strings[0]) == "a",
			"graph":   n.Attr("graph").Type == AttrGraph && n.Attr("sparse").Type == 11,
			"untyped": n.Int("untyped", 0) == 9,
		} {
			if !ok {
				t.Errorf("attribute %s", what)
			}
		}
		b, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if m, err = Parse(b); err != nil {
			t.Fatal(err)
		}
	}
}

// What is too large for a file is known before its bytes are put together.
func TestLargeModel(t *testing.T) {
	big := NewFloats("w", make([]float32, 16<<20), 16<<20)
	m := &Model{Graph: &Graph{}}
	for i := range 32 {
		c := *big
		c.Name = fmt.Sprint("w", i)
		m.Graph.Initializers = append(m.Graph.Initializers, &c)
	}
	before := heap()
	if _, err := m.Marshal(); err == nil || m.CheckSize() == nil || !strings.Contains(err.Error(), "2147483648 bytes of weights") {
		t.Error(err)
	}
	if got := heap() - before; got > 1<<20 {
		t.Errorf("%d bytes allocated", got)
	}
	if m.Graph.Initializers = m.Graph.Initializers[:3]; m.CheckSize() != nil {
		t.Error(m.CheckSize())
	}
}

func TestModel(t *testing.T) {
	m, err := Parse(everything(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w := m.Graph.Initializer("w")
		v, err := w.Floats()
		if err != nil || fmt.Sprint(v) != "[1.5 -2]" || m.Graph.Initializer("none") != nil {
			t.Error(v, err)
		}
		for name, says := range map[string]string{"words": "string", "nibbles": "int4", "complex": "complex64"} {
			if _, err := m.Graph.Initializer(name).Floats(); err == nil || !strings.Contains(err.Error(), says+", which is not read") {
				t.Errorf("%s: %v", name, err)
			}
		}
		x := m.Graph.Inputs[0]
		if x.DType != Float || !x.HasShape || len(x.Shape) != 3 || x.Shape[0].Size != 2 || x.Shape[1].Name != "batch" || x.Shape[2].Set {
			t.Errorf("%+v", x)
		}
		for i, other := range []string{"", "a sequence", "a map", "optional", ""} {
			if v := m.Graph.Values[i]; v.Other != other {
				t.Errorf("%s: %q", v.Name, v.Other)
			}
		}
		key, ok := m.Property("key")
		if m.Opset() != 17 || m.IRVersion != 8 || m.Producer != "a test" || key != "value" || !ok || !reflect.DeepEqual(m.Functions, []string{"own.F"}) {
			t.Errorf("%+v", m)
		}
		b, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if m, err = Parse(b); err != nil {
			t.Fatal(err)
		}
	}
	m.SetProperty("key", "other")
	m.SetProperty("more", "")
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if m, err = Parse(b); err != nil {
		t.Fatal(err)
	}
	if v, _ := m.Property("key"); v != "other" || len(m.Metadata) != 2 || !bytes.Contains(b, []byte("<property>")) {
		t.Errorf("%+v", m.Metadata)
	}
}

// Numbers of each type come back as they were, in raw data and in fields of their type.
func TestTypes(t *testing.T) {
	for d, info := range dtypes {
		if info.size == 0 {
			continue
		}
		t.Run(info.name, func(t *testing.T) {
			values := []float64{0, 1, -2, 100}
			var raw []byte
			for _, v := range values {
				n := int64(v)
				if d == Bool {
					n &= 1
				}
				raw = d.put(raw, v, n)
			}
			rawly := join(varint(1, 4), varint(2, uint64(d)), name(8, "w"), field(9, raw))
			var typed []byte
			for i := range values {
				v, n := d.element(raw, i)
				switch d {
				case Float:
					typed = protowire.AppendFixed32(typed, math.Float32bits(float32(v)))
				case Double:
					typed = protowire.AppendFixed64(typed, math.Float64bits(v))
				case Float16, BFloat16:
					typed = protowire.AppendVarint(typed, uint64(raw[2*i])|uint64(raw[2*i+1])<<8)
				default:
					typed = protowire.AppendVarint(typed, uint64(n))
				}
			}
			num := map[DType]protowire.Number{Float: 4, Double: 10, Int64: 7, Uint32: 11, Uint64: 11}[d]
			if num == 0 {
				num = 5
			}
			for _, b := range [][]byte{rawly, join(varint(1, 4), varint(2, uint64(d)), name(8, "w"), field(num, typed))} {
				x, err := ParseTensor(b)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(x.raw, raw) {
					t.Errorf("%x, want %x", x.raw, raw)
				}
				again, err := ParseTensor(x.append(nil))
				if err != nil || !reflect.DeepEqual(again, x) {
					t.Errorf("%+v, %v", again, err)
				}
			}
		})
	}
}

// A number that is too large for the tensor's type is an error, not infinity.
func TestSetFloats(t *testing.T) {
	h := &Tensor{Name: "w", DType: Float16, Dims: []int{2}}
	if err := h.SetFloats([]float32{1, 65504}); err != nil {
		t.Error(err)
	}
	if err := h.SetFloats([]float32{1, 65520}); err == nil || !strings.Contains(err.Error(), `tensor "w": 65520 does not fit float16`) {
		t.Errorf("error %v", err)
	}
	if v, err := h.Floats(); err != nil || v[1] != 65504 {
		t.Errorf("%v, %v", v, err)
	}
}

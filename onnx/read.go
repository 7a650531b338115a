package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Limits on what a file may hold.
const (
	maxFile  = 1 << 31 // bytes, those of the format
	maxNodes = 1 << 18 // and as many inputs, outputs, initializers
	maxAttrs = 1 << 10 // of a node
	maxRank  = 64      // dimensions of a tensor in the file
)

// Read reads a file, and the data that it has in other files of its directory. Errors name the
// file.
func Read(path string) (*Model, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file: name the .onnx file itself", path)
	case info.Size() >= maxFile:
		return nil, fmt.Errorf("%s: %d bytes; an ONNX file has less than %d, with its weights in files beside it", path, info.Size(), maxFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := Parse(b)
	if err == nil {
		err = m.readExternal(filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Parse reads a file's bytes, which the model then shares. Tensors whose data lie in other files
// stay without.
func Parse(b []byte) (*Model, error) {
	if len(b) == 0 {
		return nil, errors.New("the file is empty: download it again")
	}
	m := &Model{}
	err := m.parse(b)
	if err == nil && m.Graph == nil {
		err = errors.New("it has no graph")
	}
	if err != nil {
		for _, k := range starts {
			if bytes.HasPrefix(bytes.TrimSpace(b[:min(len(b), 100)]), []byte(k.start)) {
				return nil, errors.New(k.say)
			}
		}
		return nil, fmt.Errorf("not an ONNX file, or a damaged one: %w", err)
	}
	return m, m.check()
}

// starts are what files begin with that are taken for ONNX files, and what to say.
var starts = []struct{ start, say string }{
	{"version https://git-lfs", "a Git LFS pointer, not the network: run 'git lfs pull', or download the file itself"},
	{"<", "a web page, not an ONNX file: the address was wrong or asks for a login; download the file itself"},
	{"PK\x03\x04", "a zip archive: unpack it first"},
	{"\x1f\x8b", "a gzip file: unpack it first (gunzip or tar xzf)"},
}

// errTruncated is that of a field which goes on beyond its message.
var errTruncated = errors.New("it ends in the middle of a field; download it again")

// fields calls f for each field of a message: v of what is a number, b of what is bytes. What f
// does not know (it returns false) is appended to extra.
func fields(b []byte, extra *[]byte, f func(num protowire.Number, v uint64, b []byte) (known bool, err error)) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errTruncated
		}
		var v uint64
		var body []byte
		m := 0
		switch typ {
		case protowire.VarintType:
			v, m = protowire.ConsumeVarint(b[n:])
		case protowire.Fixed32Type:
			var w uint32
			w, m = protowire.ConsumeFixed32(b[n:])
			v = uint64(w)
		case protowire.Fixed64Type:
			v, m = protowire.ConsumeFixed64(b[n:])
		case protowire.BytesType:
			body, m = protowire.ConsumeBytes(b[n:])
			if body == nil {
				body = []byte{}
			}
		default:
			return fmt.Errorf("a field of wire type %d, which ONNX does not have", typ)
		}
		if m < 0 {
			return errTruncated
		}
		known, err := f(num, v, body)
		if err != nil {
			return err
		}
		if !known {
			*extra = append(*extra, b[:n+m]...)
		}
		b = b[n+m:]
	}
	return nil
}

// text sets a name, which is UTF-8 in the format.
func text(to *string, b []byte) (known bool, err error) {
	if !utf8.Valid(b) {
		return true, fmt.Errorf("the name %s is not UTF-8", Show(string(b)))
	}
	*to = string(b)
	return true, nil
}

func (m *Model) parse(b []byte) error {
	return fields(b, &m.extra, func(num protowire.Number, v uint64, b []byte) (bool, error) {
		switch {
		case num == 1 && b == nil:
			m.IRVersion = int64(v)
		case num == 2 && b != nil:
			m.Producer = string(b)
		case num == 3 && b != nil:
			m.ProducerVersion = string(b)
		case num == 7 && b != nil:
			if m.Graph == nil {
				m.Graph = &Graph{}
			}
			return true, m.Graph.parse(b)
		case num == 8 && b != nil:
			var o Opset
			err := fields(b, &o.extra, func(num protowire.Number, v uint64, b []byte) (bool, error) {
				switch {
				case num == 1 && b != nil:
					return text(&o.Domain, b)
				case num == 2 && b == nil:
					o.Version = int64(v)
				default:
					return false, nil
				}
				return true, nil
			})
			m.Opsets = append(m.Opsets, o)
			return true, err
		case num == 14 && b != nil:
			p, err := parseProperty(b)
			m.Metadata = append(m.Metadata, p)
			return true, err
		case num == 25 && b != nil:
			name, err := parseFunction(b)
			m.Functions = append(m.Functions, name)
			return false, err
		default:
			return false, nil
		}
		return true, nil
	})
}

// parseFunction returns the name of a function of the file's own.
func parseFunction(b []byte) (string, error) {
	var name, domain string
	err := fields(b, new([]byte), func(num protowire.Number, _ uint64, b []byte) (bool, error) {
		switch num {
		case 1:
			return text(&name, b)
		case 10:
			return text(&domain, b)
		}
		return true, nil
	})
	return domain + "." + name, err
}

func parseProperty(b []byte) (p Property, err error) {
	err = fields(b, &p.extra, func(num protowire.Number, _ uint64, b []byte) (bool, error) {
		switch {
		case num == 1 && b != nil:
			p.Key = string(b)
		case num == 2 && b != nil:
			p.Value = string(b)
		default:
			return false, nil
		}
		return true, nil
	})
	return p, err
}

// Property returns a metadata property of a value.
func (v *Value) Property(key string) (value string, ok bool) {
	return property(v.extra, valueMetadata, key)
}

// Property returns a metadata property of a node.
func (n *Node) Property(key string) (value string, ok bool) {
	return property(n.extra, nodeMetadata, key)
}

// The fields of metadata.
const (
	valueMetadata = 4
	nodeMetadata  = 9
)

func property(extra []byte, field protowire.Number, key string) (value string, ok bool) {
	err := fields(extra, new([]byte), func(num protowire.Number, _ uint64, b []byte) (bool, error) {
		if num != field || b == nil {
			return true, nil
		}
		p, err := parseProperty(b)
		if err == nil && p.Key == key {
			value, ok = p.Value, true
		}
		return true, err
	})
	return value, ok && err == nil
}

// SetProperty adds a metadata property, of which there must be none with that key.
func (v *Value) SetProperty(key, value string) {
	v.extra = message(v.extra, valueMetadata, Property{Key: key, Value: value}.append)
}

// SetProperty adds a metadata property, of which there must be none with that key.
func (n *Node) SetProperty(key, value string) {
	n.extra = message(n.extra, nodeMetadata, Property{Key: key, Value: value}.append)
}

// one appends to a list of a graph, which is bounded: an empty message of a file takes two bytes,
// and a hundred times that in memory.
func one[T any](list *[]*T) (*T, error) {
	if len(*list) >= maxNodes {
		return nil, fmt.Errorf("more than %d nodes, tensors or values", maxNodes)
	}
	v := new(T)
	*list = append(*list, v)
	return v, nil
}

func (g *Graph) parse(b []byte) error {
	return fields(b, &g.extra, func(num protowire.Number, _ uint64, b []byte) (bool, error) {
		if b == nil {
			return false, nil
		}
		switch num {
		case 1:
			n, err := one(&g.Nodes)
			if err == nil {
				err = n.parse(b)
			}
			return true, err
		case 2:
			return text(&g.Name, b)
		case 5:
			t, err := one(&g.Initializers)
			if err == nil {
				err = t.parse(b)
			}
			return true, err
		case 11, 12, 13:
			v, err := one([]*[]*Value{&g.Inputs, &g.Outputs, &g.Values}[num-11])
			if err == nil {
				err = v.parse(b)
			}
			return true, err
		case 15:
			return true, errors.New("it has sparse weights, which are not read: save it with dense ones")
		default:
			return false, nil
		}
	})
}

func (n *Node) parse(b []byte) error {
	return fields(b, &n.extra, func(num protowire.Number, _ uint64, b []byte) (bool, error) {
		if b == nil {
			return false, nil
		}
		switch num {
		case 1:
			n.Inputs = append(n.Inputs, "")
			return text(&n.Inputs[len(n.Inputs)-1], b)
		case 2:
			n.Outputs = append(n.Outputs, "")
			return text(&n.Outputs[len(n.Outputs)-1], b)
		case 3:
			return text(&n.Name, b)
		case 4:
			return text(&n.Op, b)
		case 5:
			if len(n.Attrs) >= maxAttrs {
				return true, fmt.Errorf("node %s has more than %d attributes", n.Label(), maxAttrs)
			}
			a := &Attr{}
			n.Attrs = append(n.Attrs, a)
			if err := a.parse(b); err != nil {
				return true, fmt.Errorf("node %s: %w", n.Label(), err)
			}
		case 7:
			return text(&n.Domain, b)
		default:
			return false, nil
		}
		return true, nil
	})
}

func (a *Attr) parse(b []byte) error {
	var seen AttrType // of the last value; early files say no type
	err := fields(b, &a.extra, func(num protowire.Number, v uint64, b []byte) (bool, error) {
		if t, ok := attrFields[num]; ok {
			seen = t
		}
		switch {
		case num == 1 && b != nil:
			return text(&a.Name, b)
		case num == 2 && b == nil:
			a.Float = math.Float32frombits(uint32(v))
		case num == 3 && b == nil:
			a.Int = int64(v)
		case num == 4 && b != nil:
			a.String = b
		case num == 5 && b != nil:
			a.Tensor = &Tensor{}
			return true, a.Tensor.parse(b)
		case num == 7 && b == nil:
			a.Floats = append(a.Floats, math.Float32frombits(uint32(v)))
		case num == 7:
			if len(b)%4 != 0 {
				return true, errTruncated
			}
			for ; len(b) > 0; b = b[4:] {
				w, _ := protowire.ConsumeFixed32(b)
				a.Floats = append(a.Floats, math.Float32frombits(w))
			}
		case num == 8 && b == nil:
			a.Ints = append(a.Ints, int64(v))
		case num == 8:
			return true, varints(b, func(v uint64) { a.Ints = append(a.Ints, int64(v)) })
		case num == 9 && b != nil:
			a.Strings = append(a.Strings, b)
		case num == 20 && b == nil:
			a.Type = AttrType(v)
		default:
			return false, nil
		}
		return true, nil
	})
	if a.Type == 0 {
		a.Type = seen
	}
	return err
}

// attrFields are the fields that hold an attribute's value, by its kind.
var attrFields = map[protowire.Number]AttrType{2: AttrFloat, 3: AttrInt, 4: AttrString, 5: AttrTensor, 6: AttrGraph, 7: AttrFloats, 8: AttrInts, 9: AttrStrings}

// varints calls f for each of packed numbers.
func varints(b []byte, f func(v uint64)) error {
	for len(b) > 0 {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return errTruncated
		}
		f(v)
		b = b[n:]
	}
	return nil
}

func (v *Value) parse(b []byte) error {
	return fields(b, &v.extra, func(num protowire.Number, _ uint64, b []byte) (bool, error) {
		switch {
		case num == 1 && b != nil:
			return text(&v.Name, b)
		case num == 2 && b != nil:
			return true, v.parseType(b)
		default:
			return false, nil
		}
	})
}

func (v *Value) parseType(b []byte) error {
	return fields(b, &v.typeExtra, func(num protowire.Number, _ uint64, b []byte) (bool, error) {
		if b == nil {
			return false, nil
		}
		switch num {
		case 1:
			return true, v.parseTensorType(b)
		case 4:
			v.Other = "a sequence"
		case 5:
			v.Other = "a map"
		case 8:
			v.Other = "a sparse tensor"
		case 9:
			v.Other = "optional"
		}
		return false, nil
	})
}

func (v *Value) parseTensorType(b []byte) error {
	return fields(b, &v.tensorExtra, func(num protowire.Number, n uint64, b []byte) (bool, error) {
		switch {
		case num == 1 && b == nil:
			v.DType = DType(n)
		case num == 2 && b != nil:
			v.HasShape = true
			return true, fields(b, &v.shapeExtra, func(num protowire.Number, _ uint64, b []byte) (bool, error) {
				if num != 1 || b == nil {
					return false, nil
				}
				if len(v.Shape) >= maxRank {
					return true, fmt.Errorf("%s has more than %d dimensions", Show(v.Name), maxRank)
				}
				var d Dim
				err := fields(b, &d.extra, func(num protowire.Number, n uint64, b []byte) (bool, error) {
					switch {
					case num == 1 && b == nil:
						d.Size, d.Set = int64(n), true
					case num == 2 && b != nil:
						d.Name = string(b)
					default:
						return false, nil
					}
					return true, nil
				})
				v.Shape = append(v.Shape, d)
				return true, err
			})
		default:
			return false, nil
		}
		return true, nil
	})
}

package onnx

import (
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/monge-ml/monge/internal/atomicfile"
)

// WriteFile writes a model with all its data in one file, whole or not at all. Errors name the
// file.
func (m *Model) WriteFile(path string) error {
	b, err := m.Marshal()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// CheckSize returns an error for a model that is too large for one file.
func (m *Model) CheckSize() error {
	_, err := m.size()
	return err
}

// size returns the bytes of all values.
func (m *Model) size() (size int, err error) {
	for _, t := range m.tensors() {
		size += len(t.raw)
		if t.External() {
			return 0, fmt.Errorf("tensor %s lies in another file, which was not read", Show(t.Name))
		}
	}
	if size >= maxFile-maxFile/64 { // the rest is for all else
		return 0, fmt.Errorf("%d bytes of weights; an ONNX file of one piece has less than %d", size, maxFile)
	}
	return size, nil
}

// Marshal returns the model as a file's bytes.
func (m *Model) Marshal() ([]byte, error) {
	size, err := m.size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, size+size/8+1<<16)
	b = number(b, 1, m.IRVersion)
	b = str(b, 2, m.Producer)
	b = str(b, 3, m.ProducerVersion)
	b = message(b, 7, m.Graph.append)
	for _, o := range m.Opsets {
		b = message(b, 8, func(b []byte) []byte { return append(number(str(b, 1, o.Domain), 2, o.Version), o.extra...) })
	}
	for _, p := range m.Metadata {
		b = message(b, 14, p.append)
	}
	return append(b, m.extra...), nil
}

func number(b []byte, num protowire.Number, v int64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
}

func str(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

// message appends a field whose content append appends. The length stands before it, so the
// content is moved up.
func message(b []byte, num protowire.Number, appendTo func(b []byte) []byte) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	at := len(b)
	b = appendTo(b)
	n := len(b) - at
	head := protowire.SizeVarint(uint64(n))
	b = append(b, make([]byte, head)...)
	copy(b[at+head:], b[at:at+n])
	protowire.AppendVarint(b[:at], uint64(n))
	return b
}

func (p Property) append(b []byte) []byte {
	return append(str(str(b, 1, p.Key), 2, p.Value), p.extra...)
}

func (g *Graph) append(b []byte) []byte {
	for _, n := range g.Nodes {
		b = message(b, 1, n.append)
	}
	b = str(b, 2, g.Name)
	for _, t := range g.Initializers {
		b = message(b, 5, t.append)
	}
	for i, list := range [][]*Value{g.Inputs, g.Outputs, g.Values} {
		for _, v := range list {
			b = message(b, protowire.Number(11+i), v.append)
		}
	}
	return append(b, g.extra...)
}

func (n *Node) append(b []byte) []byte {
	for i, list := range [][]string{n.Inputs, n.Outputs} {
		for _, s := range list { // one that is empty counts
			b = protowire.AppendString(protowire.AppendTag(b, protowire.Number(1+i), protowire.BytesType), s)
		}
	}
	b = str(str(b, 3, n.Name), 4, n.Op)
	for _, a := range n.Attrs {
		b = message(b, 5, a.append)
	}
	return append(str(b, 7, n.Domain), n.extra...)
}

func (a *Attr) append(b []byte) []byte {
	b = str(b, 1, a.Name)
	switch a.Type {
	case AttrFloat:
		b = protowire.AppendFixed32(protowire.AppendTag(b, 2, protowire.Fixed32Type), math.Float32bits(a.Float))
	case AttrInt:
		b = protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), uint64(a.Int))
	case AttrString:
		b = protowire.AppendBytes(protowire.AppendTag(b, 4, protowire.BytesType), a.String)
	case AttrTensor:
		if a.Tensor != nil {
			b = message(b, 5, a.Tensor.append)
		}
	}
	for _, v := range a.Floats {
		b = protowire.AppendFixed32(protowire.AppendTag(b, 7, protowire.Fixed32Type), math.Float32bits(v))
	}
	for _, v := range a.Ints {
		b = protowire.AppendVarint(protowire.AppendTag(b, 8, protowire.VarintType), uint64(v))
	}
	for _, v := range a.Strings {
		b = protowire.AppendBytes(protowire.AppendTag(b, 9, protowire.BytesType), v)
	}
	return append(number(b, 20, int64(a.Type)), a.extra...)
}

func (v *Value) append(b []byte) []byte {
	b = str(b, 1, v.Name)
	shaped := v.HasShape || v.Shape != nil
	tensor := v.DType != 0 || shaped || v.tensorExtra != nil
	if !tensor && v.typeExtra == nil { // nothing is known of it
		return append(b, v.extra...)
	}
	b = message(b, 2, func(b []byte) []byte {
		if tensor {
			b = message(b, 1, func(b []byte) []byte {
				b = number(b, 1, int64(v.DType))
				if shaped {
					b = message(b, 2, v.appendShape)
				}
				return append(b, v.tensorExtra...)
			})
		}
		return append(b, v.typeExtra...)
	})
	return append(b, v.extra...)
}

func (v *Value) appendShape(b []byte) []byte {
	for _, d := range v.Shape {
		b = message(b, 1, func(b []byte) []byte {
			if d.Set || d.Size != 0 {
				b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.VarintType), uint64(d.Size))
			}
			return append(str(b, 2, d.Name), d.extra...)
		})
	}
	return append(b, v.shapeExtra...)
}

func (t *Tensor) append(b []byte) []byte {
	if t.unread != nil {
		return append(b, t.unread...)
	}
	for _, d := range t.Dims {
		b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.VarintType), uint64(d))
	}
	b = str(number(b, 2, int64(t.DType)), 8, t.Name)
	if t.DType.Size() != 0 {
		b = protowire.AppendBytes(protowire.AppendTag(b, 9, protowire.BytesType), t.raw)
	}
	return append(b, t.extra...)
}

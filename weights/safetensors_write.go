package weights

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// WriteSafetensors writes tensors, in order, as a safetensors file. A tensor's DType says
// how its elements are written, "" as F32; F16 and BF16 round to nearest, ties to even,
// and a number too large for them is an error.
func WriteSafetensors(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	header, err := marshalHeader(tensors, metadata)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 1<<16)
	out.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(header))))
	out.Write(header) // errors stick until Flush
	for i := range tensors {
		if err := writeElements(out, &tensors[i]); err != nil {
			return fmt.Errorf("tensor %s: %w", show(tensors[i].Name), err)
		}
	}
	return out.Flush()
}

func marshalHeader(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	type entry struct {
		DType   DType  `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	header := map[string]any{}
	if len(metadata) > 0 {
		header[metadataName] = metadata
	}
	end := 0
	for i := range tensors {
		t := &tensors[i]
		d, err := writtenType(t)
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", show(t.Name), err)
		}
		if _, twice := header[t.Name]; twice || t.Name == metadataName {
			return nil, fmt.Errorf("tensor %s: the name is taken", show(t.Name))
		}
		n := d.Size() * (len(t.Data) + len(t.Ints))
		header[t.Name] = entry{DType: d, Shape: append([]int{}, t.Shape...), Offsets: [2]int{end, end + n}}
		end += n
	}
	b, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	for len(b)%8 != 0 {
		b = append(b, ' ') // the format asks for aligned data
	}
	if len(b) > maxHeader {
		return nil, fmt.Errorf("the safetensors header would have %d bytes, over the format's limit of %d", len(b), maxHeader)
	}
	return b, nil
}

// writtenType checks that a tensor's parts agree.
func writtenType(t *Tensor) (DType, error) {
	d := t.DType
	if d == "" {
		d = F32
	}
	if d.Size() == 0 {
		return d, fmt.Errorf("unknown type %s: write F32, F16 or BF16", show(string(d)))
	}
	n, other := len(t.Data), len(t.Ints)
	if !d.IsFloat() {
		n, other = other, n
	}
	if other > 0 {
		return d, fmt.Errorf("has both Data and Ints, or those that don't go with %s", d)
	}
	for _, s := range t.Shape {
		if s < 0 {
			return d, fmt.Errorf("shape %v is negative", t.Shape)
		}
	}
	if len(t.Shape) > maxRank {
		return d, fmt.Errorf("shape %v has more than %d dimensions", t.Shape, maxRank)
	}
	if n != t.Len() {
		return d, fmt.Errorf("shape %v has %d elements, the data %d", t.Shape, t.Len(), n)
	}
	return d, nil
}

func writeElements(out *bufio.Writer, t *Tensor) (err error) {
	for _, v := range t.Data {
		b := out.AvailableBuffer()
		if b, err = encodeFloat(b, t.DType, v); err != nil {
			return err
		}
		out.Write(b)
	}
	for _, v := range t.Ints {
		b := out.AvailableBuffer()
		if b, err = encodeInt(b, t.DType, v); err != nil {
			return err
		}
		out.Write(b)
	}
	return nil
}

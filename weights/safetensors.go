// Package weights writes and reads trained parameters in the formats that other
// software understands.
package weights

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
)

// A Tensor is a named array of parameters.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// WriteSafetensors writes tensors, in order, as a safetensors file (Hugging Face's
// format: a JSON header's length, the header, the data).
func WriteSafetensors(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	type entry struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	header := map[string]any{}
	if len(metadata) > 0 {
		header["__metadata__"] = metadata
	}
	end := 0
	for _, t := range tensors {
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		if n != len(t.Data) {
			return fmt.Errorf("tensor %s: shape %v has %d elements, the data %d", t.Name, t.Shape, n, len(t.Data))
		}
		if _, twice := header[t.Name]; twice || t.Name == "__metadata__" {
			return fmt.Errorf("tensor %s: the name is taken", t.Name)
		}
		header[t.Name] = entry{DType: "F32", Shape: t.Shape, Offsets: [2]int{end, end + 4*n}}
		end += 4 * n
	}
	b, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for len(b)%8 != 0 {
		b = append(b, ' ') // the format asks for aligned data
	}
	out := bufio.NewWriterSize(w, 1<<16)
	out.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(b))))
	out.Write(b)
	for _, t := range tensors {
		for _, v := range t.Data {
			out.Write(binary.LittleEndian.AppendUint32(out.AvailableBuffer(), math.Float32bits(v)))
		}
	}
	return out.Flush()
}

package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteSafetensors(t *testing.T) {
	in := []Tensor{
		{Name: "layers.0.weight", Shape: []int{2, 3}, Data: []float32{1, 2, 3, -4, 5.5, float32(math.Inf(1))}},
		{Name: "layers.0.bias", Shape: []int{2}, Data: []float32{7, 8}},
	}
	var b bytes.Buffer
	if err := WriteSafetensors(&b, in, map[string]string{"model": "mlp"}); err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(b.Bytes())
	if (8+n)%8 != 0 {
		t.Errorf("the data starts at %d, not aligned", 8+n)
	}
	var header map[string]struct {
		DType   string `json:"dtype"`
		Shape   []int
		Offsets []int `json:"data_offsets"`
	}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal(b.Bytes()[8:8+n], &raw); err != nil {
		t.Fatal(err)
	}
	if got := string(raw["__metadata__"]); got != `{"model":"mlp"}` {
		t.Errorf("metadata %s", got)
	}
	delete(raw, "__metadata__")
	rest, _ := json.Marshal(raw)
	if err := json.Unmarshal(rest, &header); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()[8+n:]
	if len(data) != 4*8 {
		t.Errorf("%d bytes of data, want 32", len(data))
	}
	for _, want := range in {
		h := header[want.Name]
		if h.DType != "F32" || len(h.Shape) != len(want.Shape) || h.Offsets[1]-h.Offsets[0] != 4*len(want.Data) {
			t.Fatalf("%s: header %+v", want.Name, h)
		}
		for i, v := range want.Data {
			if got := math.Float32frombits(binary.LittleEndian.Uint32(data[h.Offsets[0]+4*i:])); got != v {
				t.Errorf("%s[%d] = %g, want %g", want.Name, i, got, v)
			}
		}
	}
}

func TestWriteSafetensorsErrors(t *testing.T) {
	for name, in := range map[string][]Tensor{
		"shape":    {{Name: "a", Shape: []int{2}, Data: []float32{1}}},
		"twice":    {{Name: "a", Shape: []int{1}, Data: []float32{1}}, {Name: "a", Shape: []int{1}, Data: []float32{1}}},
		"metadata": {{Name: "__metadata__", Shape: []int{1}, Data: []float32{1}}},
	} {
		if err := WriteSafetensors(&bytes.Buffer{}, in, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Metadata are those that the whole file gives, and none of another file.
func TestMetadata(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.safetensors")
	var b bytes.Buffer
	if err := WriteSafetensors(&b, []Tensor{{Name: "a", Shape: []int{1}, Data: []float32{1}}}, map[string]string{"model": "mlp"}); err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]string{b.String(): "mlp", "a text": "", "": ""} {
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		if m, err := Metadata(path); err != nil || m["model"] != want {
			t.Errorf("%q: %v, %v", content, m, err)
		}
	}
	if err := os.WriteFile(path, b.Bytes()[:20], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Metadata(path); err == nil || !strings.Contains(err.Error(), path+": cut short") {
		t.Errorf("error %v", err)
	}
}

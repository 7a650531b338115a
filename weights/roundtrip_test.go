package weights

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// What is written is read as it was: every type, sizes around the chunks that are read,
// any bits.
func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var in []Tensor
	for i, d := range []DType{F64, F32, F16, BF16, I64, I32, I16, I8, U8, Bool} {
		for _, n := range []int{0, 1, 3, decodeChunk/d.Size() - 1, decodeChunk / d.Size(), decodeChunk/d.Size() + 1} {
			x := Tensor{Name: string(d) + strings.Repeat("n", len(in)), DType: d, Shape: []int{n}}
			if n == 1 {
				x.Shape = []int{}
			}
			allocate(&x, int64(n))
			b := make([]byte, n*d.Size())
			for k := range b {
				b[k] = byte(rng.Uint32())
			}
			if d == F64 { // float32 holds only these
				for k := range x.Data {
					x.Data[k] = float32(rng.NormFloat64())
				}
			} else {
				decode(&x, 0, b)
			}
			for k, v := range x.Data { // a NaN's payload may be lost
				if v != v {
					x.Data[k] = float32(i)
				}
			}
			in = append(in, x)
		}
	}
	meta := map[string]string{"model": "mlp", "quote": "\"\u2028<"}
	var b bytes.Buffer
	if err := WriteSafetensors(&b, in, meta); err != nil {
		t.Fatal(err)
	}
	f, err := ReadFrom(bytes.NewReader(b.Bytes()), int64(b.Len()), "memory")
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Metadata) != 2 || f.Metadata["quote"] != meta["quote"] {
		t.Errorf("metadata %q", f.Metadata)
	}
	// Tensors without elements have no place of their own: by name.
	byName := func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(in, byName)
	slices.SortFunc(f.Tensors, byName)
	if !equalTensors(in, f.Tensors) {
		t.Error("other tensors came back")
	}
}

func TestWriteTypes(t *testing.T) {
	inf := float32(math.Inf(1))
	for name, c := range map[string]struct {
		in   Tensor
		want []float32
		says string
	}{
		"rounds":        {Tensor{DType: F16, Data: []float32{1 + 0x1p-11, 1 + 3*0x1p-11, inf, 65519}}, []float32{1, 1 + 0x1p-9, inf, 65504}, ""},
		"rounds BF16":   {Tensor{DType: BF16, Data: []float32{1 + 0x1p-8, 1 + 3*0x1p-8, -inf, 1e38}}, []float32{1, 1 + 0x1p-6, -inf, 0x1.2cp126}, ""},
		"large":         {Tensor{DType: F16, Data: []float32{0, 65520}}, nil, "65520 does not fit F16"},
		"large BF16":    {Tensor{DType: BF16, Data: []float32{math.MaxFloat32}}, nil, "does not fit BF16"},
		"large I8":      {Tensor{DType: I8, Ints: []int64{-128, 127, 128}}, nil, "128 does not fit I8"},
		"negative U8":   {Tensor{DType: U8, Ints: []int64{-1}}, nil, "-1 does not fit U8"},
		"BOOL":          {Tensor{DType: Bool, Ints: []int64{2}}, nil, "2 does not fit BOOL"},
		"unknown":       {Tensor{DType: "F8", Data: []float32{2}}, nil, "unknown type F8"},
		"wrong field":   {Tensor{DType: I64, Data: []float32{2}}, nil, "go with I64"},
		"wrong field 2": {Tensor{DType: F32, Ints: []int64{2}}, nil, "go with F32"},
	} {
		c.in.Name, c.in.Shape = "a", []int{len(c.in.Data) + len(c.in.Ints)}
		var b bytes.Buffer
		err := WriteSafetensors(&b, []Tensor{c.in}, nil)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "tensor a") {
				t.Errorf("%s: error %v, want one with %q", name, err, c.says)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f, err := ReadFrom(bytes.NewReader(b.Bytes()), int64(b.Len()), "memory")
		if err != nil || !slices.Equal(f.Tensors[0].Data, c.want) {
			t.Errorf("%s: %v, %v, want %v", name, f, err, c.want)
		}
	}
	if err := WriteSafetensors(&bytes.Buffer{}, []Tensor{{Name: "a", Shape: []int{-1, -1}, Data: []float32{1}}}, nil); err == nil {
		t.Error("negative shape: no error")
	}
}

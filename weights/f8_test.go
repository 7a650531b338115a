package weights

import (
	"math"
	"testing"
)

// What torch.float8_e4m3fn and torch.float8_e5m2 of PyTorch 2.15 hold, and back.
func TestF8(t *testing.T) {
	for _, tt := range []struct {
		d    DType
		code byte
		want float32
	}{
		{F8E4M3, 0x7e, 448}, {F8E4M3, 0x01, 0x1p-9}, {F8E4M3, 0x08, 0x1p-6}, {F8E4M3, 0xb8, -1}, {F8E4M3, 0x80, float32(math.Copysign(0, -1))},
		{F8E5M2, 0x7b, 57344}, {F8E5M2, 0x01, 0x1p-16}, {F8E5M2, 0xbc, -1}, {F8E5M2, 0x7c, float32(math.Inf(1))},
	} {
		if got := f8Tables[tt.d][tt.code]; got != tt.want {
			t.Errorf("%s %#x is %g, want %g", tt.d, tt.code, got, tt.want)
		}
	}
	for d, table := range f8Tables {
		for code, v := range table {
			back, ok := f32ToF8(d, v)
			if again := table[back]; !ok || math.Float32bits(again) != math.Float32bits(v) && v == v {
				t.Errorf("%s %#x is %g, comes back as %#x", d, code, v, back)
			}
		}
		if _, ok := f32ToF8(d, 1e6); ok {
			t.Errorf("%s has room for 1e6", d)
		}
	}
	for v, want := range map[float32]float32{1.0625: 1, 1.1875: 1.25, 1.07: 1.125, 440: 448, 460: 448} { // ties to even
		if c, ok := f32ToF8(F8E4M3, v); !ok || f8Tables[F8E4M3][c] != want {
			t.Errorf("%g becomes %g, want %g", v, f8Tables[F8E4M3][c], want)
		}
	}
}

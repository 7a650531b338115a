package data

import (
	"math"
	"testing"
)

func TestPackToken(t *testing.T) {
	for _, id := range []int{0, 1, 101, 250001, PackedIDs - 1} {
		for _, segment := range []int{0, 1, PackedTypes - 1} {
			v := PackToken(id, segment)
			if i, s, ok := UnpackToken(v); !ok || i != id || s != segment {
				t.Errorf("token %d of segment %d comes back as %d, %d, %v", id, segment, i, s, ok)
			}
		}
	}
	for _, v := range []float32{0, -1, .5, 1.5, PackedIDs*PackedTypes + 2, float32(math.NaN()), float32(math.Inf(1))} {
		if _, _, ok := UnpackToken(v); ok {
			t.Errorf("%g is a token", v)
		}
	}
}

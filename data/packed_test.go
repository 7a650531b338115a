package data

import (
	"math"
	"slices"
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

func TestHashedPairs(t *testing.T) {
	row := []float32{9, 9, 9, 9, 9, 9}
	n := HashedPairs(row, "one two", "three", true)
	want := []float32{PackToken(1, 0), PackToken(int(idOf("one")), 0), PackToken(int(idOf("two")), 0), PackToken(1, 1), PackToken(int(idOf("three")), 1), 0}
	if n != 5 || !slices.Equal(row, want) {
		t.Errorf("%d numbers: %v, want %v", n, row, want)
	}
	if n := HashedPairs(row[:3], "one two three", "four", true); n != 3 || row[2] != want[2] {
		t.Errorf("%d numbers: %v", n, row[:3])
	}
}

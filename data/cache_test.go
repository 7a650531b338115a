package data

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// Images come back as they were made, also from memory, whatever their values are.
func TestNewImagesExact(t *testing.T) {
	made := [][]float32{
		{0, 1, 77. / 255},
		{.5, 1. / 3, 2},
		{-1, float32(math.Inf(1)), 1e-30},
		{float32(math.Copysign(0, -1)), 3. / 255, float32(math.NaN())},
		nil,
		{1, 2},
	}
	calls := make([]int, len(made))
	s, err := NewImages(len(made), []int{1, 1, 3}, func(i int) ([]float32, error) {
		calls[i]++
		if made[i] == nil {
			return nil, errors.New("a.png: damaged")
		}
		return made[i], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	bits := func(x []float32) (b []uint32) {
		for _, v := range x {
			b = append(b, math.Float32bits(v))
		}
		return b
	}
	for range 3 {
		for i := range 4 {
			if x := example(t, s, i); !slices.Equal(bits(x), bits(made[i])) {
				t.Errorf("image %d: %v, want %v", i, x, made[i])
			}
		}
	}
	if !slices.Equal(calls[:4], []int{1, 1, 1, 1}) {
		t.Errorf("decoded %v times", calls)
	}
	x := make([]float32, 3)
	if err := s.Read(x, 4); err == nil || err.Error() != "a.png: damaged" {
		t.Errorf("error %v", err)
	}
	if err := s.Read(x, 5); err == nil || !strings.Contains(err.Error(), "example 5: 2 numbers are none of shape [1 1 3]") {
		t.Errorf("error %v", err)
	}
	if _, err := NewImages(0, []int{1, 1, 3}, nil); err == nil {
		t.Error("no images were accepted")
	}
}

// An image of bytes takes a byte a number.
func TestNewImagesRoom(t *testing.T) {
	if n := len(packImage([]float32{0, 200. / 255, 1})); n != 3 {
		t.Errorf("%d bytes", n)
	}
	if n := len(packImage([]float32{0, .3, 1})); n != 12 {
		t.Errorf("%d bytes", n)
	}
}

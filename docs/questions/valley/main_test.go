package main

import (
	"math"
	"testing"
)

// A ridge is what stands above the worse end, and a slope is none.
func TestAlong(t *testing.T) {
	for name, tt := range map[string]struct {
		loss  func(x float64) float64
		ridge float64
	}{
		"flat":          {func(float64) float64 { return 2 }, 0},
		"down":          {func(x float64) float64 { return 1 - x }, 0},
		"up and uneven": {func(x float64) float64 { return x * x }, 0},
		"a ridge":       {func(x float64) float64 { return .5*x + math.Exp(-100*(x-.4)*(x-.4)) }, .7},
		"a hole":        {func(x float64) float64 { return math.Abs(x - .5) }, 0},
	} {
		ridge, least, err := along([]float32{1, 0}, []float32{1, 3}, func(at []float32) (accuracy, loss float64, err error) {
			x := float64(at[1]) / 3
			if at[0] != 1 {
				t.Errorf("%s: at %v", name, at)
			}
			return 1 - x/4, tt.loss(x), nil
		})
		if err != nil || math.Abs(ridge-tt.ridge) > 1e-6 || least != .75 {
			t.Errorf("%s: ridge %g, want %g; least accuracy %g, %v", name, ridge, tt.ridge, least, err)
		}
	}
	if d := distance([]float32{1, 2}, []float32{4, -2}); d != 5 {
		t.Errorf("distance %g, want 5", d)
	}
}

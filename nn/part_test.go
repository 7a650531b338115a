package nn_test

import (
	"slices"
	"testing"

	"github.com/monge-ml/monge/nn/models"
	"github.com/monge-ml/monge/objective"
)

// The gradient of a part of the parameters is the whole one's there, to the bit, and nothing is written elsewhere; the
// normalisation layers are known once the network is built.
func TestPart(t *testing.T) {
	for name, norms := range map[string]int{"resnet20": 2 * (16*7 + 32*6 + 64*6), "vit-tiny": -1, "mlp": 0} {
		m, err := models.Build(name, models.Options{Input: []int{32, 32, 3}, Classes: 10})
		if err != nil {
			t.Fatal(err)
		}
		part := m.Norms()
		size := 0
		for i, r := range part {
			if size += r.To - r.From; i > 0 && r.From <= part[i-1].To {
				t.Errorf("%s: parts %v are not apart", name, part)
			}
		}
		if size != norms && norms >= 0 || norms < 0 && size == 0 {
			t.Errorf("%s: %d parameters of normalisation layers, want %d", name, size, norms)
		}
		if size == 0 {
			continue
		}
		theta, x, labels := m.NewTheta(1), make([]float32, 4*m.InputLen()), []int{1, 2, 3, 4}
		for i := range x {
			x[i] = float32(i%17)/17 - .5
		}
		whole, some := make([]float32, m.Size()), make([]float32, m.Size())
		const untouched = 7
		for i := range some {
			some[i] = untouched
		}
		if _, err := m.Gradient(whole, theta, x, labels, objective.Call{Weight: 1, Ascent: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Gradient(some, theta, x, labels, objective.Call{Weight: 1, Ascent: true, Part: part}); err != nil {
			t.Fatal(err)
		}
		at := 0
		for _, r := range append(part, objective.Range{From: m.Size(), To: m.Size()}) {
			if slices.ContainsFunc(some[at:r.From], func(v float32) bool { return v != untouched }) {
				t.Errorf("%s: something outside of the part was written between %d and %d", name, at, r.From)
			}
			if !slices.Equal(some[r.From:r.To], whole[r.From:r.To]) {
				t.Errorf("%s: the gradient from %d to %d is another", name, r.From, r.To)
			}
			at = r.To
		}
		again := make([]float32, m.Size())
		if _, err := m.Gradient(again, theta, x, labels, objective.Call{Weight: 1, Perturbed: true}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again, whole) {
			t.Errorf("%s: the whole gradient is another after one of a part", name)
		}
	}
}

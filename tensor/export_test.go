package tensor

import (
	"fmt"
	"math"

	"github.com/monge-ml/monge/internal/kernel"
)

// ArenaSize returns the floats that a tape has ever made.
func ArenaSize(t *Tape) int { return t.arena.total }

// CheckArena returns an error if memory is free twice.
func CheckArena(t *Tape) error {
	for size, c := range t.arena.classes {
		seen := map[*float32]bool{}
		for _, b := range c.free {
			p := &b[:1][0]
			if seen[p] {
				return fmt.Errorf("a block of %d floats was given back twice", size)
			}
			seen[p] = true
		}
		if len(c.free) > len(c.all) {
			return fmt.Errorf("%d of %d blocks of %d floats are free", len(c.free), len(c.all), size)
		}
	}
	return nil
}

// WeightGrams returns the products of the gradients of a weight of a convolution of x, b images, for dy, by both
// ways: the gradients of each, and pairs of rows. With lines the images' pixels are rows of a linear layer.
func WeightGrams(s kernel.Conv, b int, x, dy []float32, lines bool) (gradients, pairs []float64) {
	groups := max(s.Groups, 1)
	g := weightGram{rows: s.OutH() * s.OutW(), ldd: s.O, out: s.O / groups, a: x, lda: s.C, in: s.KH * s.KW * s.C / groups, conv: &s}
	if lines {
		g.conv = nil
	}
	for i, add := range [...]func(*Tape, *weightGram){(*Tape).addGradients, (*Tape).addPairs} {
		t := NewTape()
		k := [...]*[]float64{&gradients, &pairs}[i]
		*k = make([]float64, b*b)
		t.Gram(*k, b)
		t.gram.scale = 1
		add(t, &weightGram{rows: g.rows, d: dy, ldd: g.ldd, out: g.out, a: x, lda: g.lda, in: g.in, conv: g.conv}) // makes the memory
		clear(*k)
		for g.group = range groups {
			g.d = dy[g.group*g.out:]
			t.spoil()
			add(t, &g)
		}
		t.gram.finish()
	}
	return gradients, pairs
}

// spoil fills all memory with what no result may depend on.
func (t *Tape) spoil() {
	for _, c := range t.arena.classes {
		for _, b := range c.all {
			for i := range b {
				b[i] = float32(math.NaN())
			}
		}
	}
}

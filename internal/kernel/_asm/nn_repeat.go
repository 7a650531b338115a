package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/reg"
)

// repeats are passes in which each row meets the same vector.
func (s isa) repeats() {
	s.repeat("mulRows", "*", func(x, b, v reg.VecVirtual) { s.VMULPS(b, x, v) })
	s.repeat("addRows", "+", func(x, b, v reg.VecVirtual) { s.VADDPS(b, x, v) })
}

func (s isa) repeat(name, sign string, f func(x, b, v reg.VecVirtual)) {
	s.begin(name, "func(dst, x, b *float32, add, rows, cols int)",
		fmt.Sprintf("is dst = x %s b for each row, or adds that; cols is a multiple of 16, rows > 0.", sign))
	dst, x, b, add := s.int("dst"), s.int("x"), s.int("b"), s.int("add")
	s.sweep([]reg.Register{dst, x}, func(j reg.Register, i int) {
		v := s.load(at(x, j, i))
		f(v, s.load(at(b, j, i)), v)
		s.when(add, 1, fmt.Sprint("added", i), func() { s.VADDPS(at(dst, j, i), v, v) })
		s.VMOVUPS(v, at(dst, j, i))
	})
}

package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The functions are those of nn_bend_go.go in package kernel, rounded as there.

func (s isa) bends() {
	third, sixth := float32(1./3), float32(1./6)
	s.bend("hardSwish", "x*min(max(x+3, 0), 6)/6", func(x, _, _ reg.VecVirtual) reg.VecVirtual {
		return s.mul(s.mul(x, s.clamp(s.add(x, s.f32(3)), 0, 6)), s.f32(sixth))
	})
	s.bend("hardSigmoid", "min(max(a*x+b, 0), 1)", func(x, a, b reg.VecVirtual) reg.VecVirtual {
		return s.clamp(s.add(s.mul(a, x), b), 0, 1)
	})
	s.bend("clamp", "min(max(x, a), b)", func(x, a, b reg.VecVirtual) reg.VecVirtual {
		v := s.vec()
		s.VMAXPS(x, a, v)
		s.VMINPS(v, b, v)
		return v
	})
	s.bend("leakyRelu", "x, times a where x <= 0", func(x, a, _ reg.VecVirtual) reg.VecVirtual {
		v := s.mul(a, x)
		s.blend(lessThan, s.zero(), x, x, v)
		return v
	})
	s.bendGrad("hardSwishGrad", "the derivative of hardSwish", func(dy, x, _, _ reg.VecVirtual) reg.VecVirtual {
		v := s.mul(dy, s.add(s.mul(x, s.f32(third)), s.f32(.5)))
		s.where(notLessEqual, x, s.f32(-3), v)
		s.blend(lessEqual, s.f32(3), x, dy, v)
		return v
	})
	s.bendGrad("hardSigmoidGrad", "the derivative of hardSigmoid", func(dy, x, a, b reg.VecVirtual) reg.VecVirtual {
		v := s.mul(dy, a)
		s.inside(s.add(s.mul(a, x), b), s.zero(), s.f32(1), v)
		return v
	})
	s.bendGrad("clampGrad", "1 where a < x < b, else 0", func(dy, x, a, b reg.VecVirtual) reg.VecVirtual {
		s.inside(x, a, b, dy)
		return dy
	})
	s.bendGrad("leakyReluGrad", "1, or a where x <= 0", func(dy, x, a, _ reg.VecVirtual) reg.VecVirtual {
		v := s.mul(a, dy)
		s.blend(lessThan, s.zero(), x, dy, v)
		return v
	})
}

// inside keeps v's lanes in which lo < x < hi, and zeroes the others.
func (s isa) inside(x, lo, hi, v reg.VecVirtual) {
	s.where(lessThan, lo, x, v)
	s.where(lessThan, x, hi, v)
}

// blend sets v's lanes in which a is in the given relation to b to yes's.
func (s isa) blend(relation int, a, b, yes, v reg.VecVirtual) {
	if s.wide {
		k := s.K()
		s.VCMPPS(operand.Imm(uint64(relation)), b, a, k)
		s.VMOVAPS(yes, k, v)
		return
	}
	m := s.vec()
	s.VCMPPS(operand.Imm(uint64(relation)), b, a, m)
	s.VBLENDVPS(m, yes, v, v)
}

func (s isa) bend(name, doc string, f func(x, a, b reg.VecVirtual) reg.VecVirtual) {
	s.begin(name, "func(dst, x *float32, a, b float32, n int)", "is dst = "+doc+".")
	dst, x, n, a, b := s.int("dst"), s.int("x"), s.int("n"), s.broadcast("a"), s.broadcast("b")
	s.each(n, 1, func(index reg.Register, i int) { s.VMOVUPS(f(s.load(at(x, index, i)), a, b), at(dst, index, i)) })
}

func (s isa) bendGrad(name, doc string, f func(dy, x, a, b reg.VecVirtual) reg.VecVirtual) {
	s.begin(name, "func(dx, dy, x *float32, a, b float32, add, n int)", "is dx = dy times "+doc+", or adds that.")
	dx, dy, x, add, n := s.int("dx"), s.int("dy"), s.int("x"), s.int("add"), s.int("n")
	a, b := s.broadcast("a"), s.broadcast("b")
	s.each(n, 1, func(index reg.Register, i int) {
		v := f(s.load(at(dy, index, i)), s.load(at(x, index, i)), a, b)
		s.when(add, 1, fmt.Sprint("added", i), func() { s.VADDPS(at(dx, index, i), v, v) })
		s.VMOVUPS(v, at(dx, index, i))
	})
}

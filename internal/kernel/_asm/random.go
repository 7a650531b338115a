package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// randomKernels draw SplitMix64's numbers; nn_random.go of package kernel has the twin.
func randomKernels(c *build.Context) {
	g := splitMix{gamma: 0x9e3779b97f4a7c15}
	for i, f := range []uint64{0xbf58476d1ce4e5b9, 0x94d049bb133111eb} {
		g.factors[i] = [2]operand.Mem{quads(c, fmt.Sprint("factor", i), f), quads(c, fmt.Sprint("upper", i), f>>32)}
	}
	var places []uint64
	for i := range uint64(8) {
		places = append(places, i*g.gamma)
	}
	g.places = quads(c, "places", places...)
	levels(c, func(s isa) {
		g.step = quads(c, "step"+s.name, uint64(s.lanes)/2*g.gamma)
		s.drop(g)
	})
}

// splitMix are the constants of the generator.
type splitMix struct {
	gamma        uint64
	places, step operand.Mem       // multiples of gamma: of the numbers of a vector, and from one vector to the next
	factors      [2][2]operand.Mem // and their upper halves
}

func quads(c *build.Context, name string, values ...uint64) operand.Mem {
	m := c.StaticGlobal(name)
	c.DataAttributes(attr.RODATA | attr.NOPTR)
	for i, v := range values {
		c.AddDatum(8*i, operand.U64(v))
	}
	return m
}

func (s isa) drop(g splitMix) {
	s.begin("drop", "func(dst, x *float32, keep float32, most uint32, state uint64, add, n int)",
		"is dst = x*keep where the half of a random number is not below most, else 0, or adds that. state is what the first number is mixed of.")
	dst, x, add, n, keep := s.int("dst"), s.int("x"), s.int("add"), s.int("n"), s.broadcast("keep")
	most, z := s.broadcast("most"), s.quad(s.addr("state"))
	s.VPADDQ(g.places, z, z)
	step := s.quad(g.step)
	var factors [2][2]reg.VecVirtual
	for i, f := range g.factors {
		factors[i] = [2]reg.VecVirtual{s.quad(f[0]), s.quad(f[1])}
	}
	s.each(n, 1, func(index reg.Register, i int) {
		bits := s.vec()
		s.shifted(30, z, bits)
		s.times(factors[0], bits)
		s.shifted(27, bits, bits)
		s.times(factors[1], bits)
		s.shifted(31, bits, bits)
		s.VPADDQ(step, z, z)
		v := s.vec()
		s.VMULPS(at(x, index, i), keep, v)
		s.whereNotBelow(most, bits, v)
		s.when(add, 1, fmt.Sprint("added", i), func() { s.VADDPS(at(dst, index, i), v, v) })
		s.VMOVUPS(v, at(dst, index, i))
	})
}

// quad is a number of 64 bits in every lane.
func (s isa) quad(m operand.Mem) reg.VecVirtual {
	v := s.vec()
	s.VPBROADCASTQ(m, v)
	return v
}

// shifted sets to = z ^ z>>n.
func (s isa) shifted(n uint64, z, to reg.VecVirtual) {
	t := s.vec()
	s.VPSRLQ(operand.Imm(n), z, t)
	if s.wide {
		s.VPXORQ(t, z, to)
	} else {
		s.VPXOR(t, z, to)
	}
}

// times multiplies z by a factor modulo 2^64, which AVX2 does by halves.
func (s isa) times(factor [2]reg.VecVirtual, z reg.VecVirtual) {
	if s.wide {
		s.VPMULLQ(factor[0], z, z)
		return
	}
	a, b := s.vec(), s.vec()
	s.VPSRLQ(operand.Imm(32), z, a)
	s.VPMULUDQ(factor[0], a, a)
	s.VPMULUDQ(factor[1], z, b)
	s.VPADDQ(a, b, a)
	s.VPSLLQ(operand.Imm(32), a, a)
	s.VPMULUDQ(factor[0], z, z)
	s.VPADDQ(a, z, z)
}

// whereNotBelow keeps v's lanes in which bits are not below least, as unsigned numbers.
func (s isa) whereNotBelow(least, bits, v reg.VecVirtual) {
	if s.wide {
		k := s.K()
		s.VPCMPUD(operand.Imm(notLessThan), least, bits, k)
		s.VMOVUPS_Z(v, k, v)
		return
	}
	m := s.vec()
	s.VPMAXUD(least, bits, m)
	s.VPCMPEQD(bits, m, m)
	s.VANDPS(m, v, v)
}

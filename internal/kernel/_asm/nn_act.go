package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The coefficients are those of nn_act_go.go in package kernel, which says where
// they come from; products and sums are rounded one by one, as there.

func (s isa) mul(a, b reg.VecVirtual) reg.VecVirtual {
	v := s.vec()
	s.VMULPS(a, b, v)
	return v
}

func (s isa) add(a, b reg.VecVirtual) reg.VecVirtual {
	v := s.vec()
	s.VADDPS(a, b, v)
	return v
}

// sub is a - b.
func (s isa) sub(a, b reg.VecVirtual) reg.VecVirtual {
	v := s.vec()
	s.VSUBPS(b, a, v)
	return v
}

func (s isa) div(a, b reg.VecVirtual) reg.VecVirtual {
	v := s.vec()
	s.VDIVPS(b, a, v)
	return v
}

// clamp keeps NaNs.
func (s isa) clamp(x reg.VecVirtual, lo, hi float32) reg.VecVirtual {
	v := s.vec()
	s.VMAXPS(x, s.f32(lo), v)
	s.VMINPS(v, s.f32(hi), v)
	return v
}

// poly evaluates a polynomial in z, highest coefficient first.
func (s isa) poly(z reg.VecVirtual, c ...float32) reg.VecVirtual {
	p := s.vec()
	s.VMOVUPS(s.f32(c[0]), p)
	for _, a := range c[1:] {
		s.VMULPS(z, p, p)
		s.VADDPS(s.f32(a), p, p)
	}
	return p
}

func (s isa) exp(x reg.VecVirtual) reg.VecVirtual {
	const magic = 3 << 22
	v := s.clamp(x, -87, 88.37)
	t := s.add(s.mul(v, s.f32(math.Log2E)), s.f32(magic))
	n := s.sub(t, s.f32(magic))
	r := s.sub(s.sub(v, s.mul(n, s.f32(0.693359375))), s.mul(n, s.f32(-2.12194440e-4)))
	p := s.poly(r, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
	p = s.add(s.add(s.mul(s.mul(r, r), p), r), s.f32(1))
	s.VPSLLD(operand.Imm(23), t, t)
	s.VPADDD(s.f32(1), t, t)
	s.VMULPS(t, p, p)
	s.where(notLessThan, x, s.f32(-87), p)
	return p
}

func (s isa) sigmoid(x reg.VecVirtual) reg.VecVirtual {
	one := s.f32(1)
	return s.div(one, s.add(one, s.exp(s.sub(s.zero(), x))))
}

func (s isa) tanh(x reg.VecVirtual) reg.VecVirtual {
	v := s.clamp(x, -7.90531110763549805, 7.90531110763549805)
	z := s.mul(v, v)
	p := s.poly(z, -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
		1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03)
	q := s.poly(z, 1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03)
	return s.div(s.mul(p, v), q)
}

func (s isa) erf(x reg.VecVirtual) reg.VecVirtual {
	v := s.clamp(x, -4, 4)
	z := s.mul(v, v)
	p := s.poly(z, -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
		-7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02)
	q := s.poly(z, -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02)
	return s.div(s.mul(p, v), q)
}

// normal is the distribution function of the normal distribution.
func (s isa) normal(x reg.VecVirtual) reg.VecVirtual {
	return s.mul(s.f32(.5), s.add(s.f32(1), s.erf(s.mul(x, s.f32(math.Sqrt2/2)))))
}

const quickScale = 1.702

const geluScale, geluCube = 0.7978845608028654, 0.044715

// geluInner returns the tanh of GELU's approximation, and x².
func (s isa) geluInner(x reg.VecVirtual) (t, sq reg.VecVirtual) {
	sq = s.mul(x, x)
	u := s.add(x, s.mul(s.f32(geluCube), s.mul(sq, x)))
	return s.tanh(s.mul(s.f32(geluScale), u)), sq
}

func (s isa) activations() {
	half := func() reg.VecVirtual { return s.f32(.5) }
	one := func() reg.VecVirtual { return s.f32(1) }
	s.activation("sigmoid", "1/(1+exp(-x))", s.sigmoid)
	s.activation("tanh", "the hyperbolic tangent of x", s.tanh)
	s.activation("silu", "x*sigmoid(x)", func(x reg.VecVirtual) reg.VecVirtual { return s.mul(x, s.sigmoid(x)) })
	s.activation("quickGELU", "x*sigmoid(1.702*x)", func(x reg.VecVirtual) reg.VecVirtual {
		return s.mul(x, s.sigmoid(s.mul(s.f32(quickScale), x)))
	})
	s.activation("gelu", "x times the normal distribution function of x", func(x reg.VecVirtual) reg.VecVirtual { return s.mul(x, s.normal(x)) })
	s.activation("geluTanh", "the approximation of gelu by tanh", func(x reg.VecVirtual) reg.VecVirtual {
		t, _ := s.geluInner(x)
		return s.mul(s.mul(half(), x), s.add(one(), t))
	})
	s.slope("sigmoidGrad", "y*(1-y), of the result y", func(y reg.VecVirtual) reg.VecVirtual { return s.mul(y, s.sub(one(), y)) })
	s.slope("tanhGrad", "1-y*y, of the result y", func(y reg.VecVirtual) reg.VecVirtual { return s.sub(one(), s.mul(y, y)) })
	s.slope("siluGrad", "the derivative of silu", func(x reg.VecVirtual) reg.VecVirtual {
		p := s.sigmoid(x)
		return s.mul(p, s.add(one(), s.mul(x, s.sub(one(), p))))
	})
	s.slope("quickGELUGrad", "the derivative of quickGELU", func(x reg.VecVirtual) reg.VecVirtual {
		u := s.mul(s.f32(quickScale), x)
		p := s.sigmoid(u)
		return s.mul(p, s.add(one(), s.mul(u, s.sub(one(), p))))
	})
	s.slope("geluGrad", "the derivative of gelu", func(x reg.VecVirtual) reg.VecVirtual {
		p := s.normal(x)
		density := s.mul(s.f32(0.3989422804014327), s.exp(s.mul(s.f32(-.5), s.mul(x, x))))
		return s.add(p, s.mul(x, density))
	})
	s.slope("geluTanhGrad", "the derivative of geluTanh", func(x reg.VecVirtual) reg.VecVirtual {
		t, sq := s.geluInner(x)
		inner := s.mul(s.f32(geluScale), s.add(one(), s.mul(s.f32(3*geluCube), sq)))
		outer := s.mul(s.mul(half(), x), s.mul(s.sub(one(), s.mul(t, t)), inner))
		return s.add(s.mul(half(), s.add(one(), t)), outer)
	})
}

func (s isa) activation(name, doc string, f func(reg.VecVirtual) reg.VecVirtual) {
	s.begin(name, "func(dst, x *float32, n int)", "is dst = "+doc+".")
	dst, x, n := s.int("dst"), s.int("x"), s.int("n")
	s.each(n, 1, func(index reg.Register, i int) { s.VMOVUPS(f(s.load(at(x, index, i))), at(dst, index, i)) })
}

func (s isa) slope(name, doc string, f func(reg.VecVirtual) reg.VecVirtual) {
	s.begin(name, "func(dx, dy, x *float32, add, n int)", "is dx = dy times "+doc+", or adds that.")
	dx, dy, x, add, n := s.int("dx"), s.int("dy"), s.int("x"), s.int("add"), s.int("n")
	s.each(n, 1, func(index reg.Register, i int) {
		v := f(s.load(at(x, index, i)))
		s.VMULPS(at(dy, index, i), v, v)
		s.when(add, 1, fmt.Sprint("added", i), func() { s.VADDPS(at(dx, index, i), v, v) })
		s.VMOVUPS(v, at(dx, index, i))
	})
}

func (s isa) expShift() {
	s.begin("expShift", "func(dst, x *float32, shift float32, n int)", "is dst = exp(x-shift), 0 below exp(-87).")
	dst, x, n, shift := s.int("dst"), s.int("x"), s.int("n"), s.broadcast("shift")
	s.each(n, 1, func(index reg.Register, i int) {
		s.VMOVUPS(s.exp(s.sub(s.load(at(x, index, i)), shift)), at(dst, index, i))
	})
}

package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// mapKernels are functions of one number and of two. Their twins are in nn_map_go.go and
// nn_binary_go.go of package kernel.
func mapKernels(c *build.Context) {
	levels(c, func(s isa) {
		s.maps()
		s.affine()
		s.elu()
		s.binaries()
	})
}

func (s isa) maps() {
	one := func() reg.VecVirtual { return s.f32(1) }
	s.activation("sqrt", "the square root of x", s.sqrt)
	s.activation("reciprocal", "1/x", func(x reg.VecVirtual) reg.VecVirtual { return s.div(one(), x) })
	s.activation("log", "the logarithm of x, which must be a normal number above 0", s.log)
	s.activation("erf", "the error function of x", s.erf)
	s.activation("softplus", "log(1+exp(x))", s.softplus)
	s.activation("mish", "x*tanh(softplus(x))", func(x reg.VecVirtual) reg.VecVirtual {
		_, w := s.mishParts(x)
		return s.mul(x, s.div(w, s.add(w, s.f32(2))))
	})
	s.slope("sqrtGrad", "1/(2*y), of the result y", func(y reg.VecVirtual) reg.VecVirtual { return s.div(one(), s.add(y, y)) })
	s.slope("reciprocalGrad", "-y*y, of the result y", func(y reg.VecVirtual) reg.VecVirtual { return s.sub(s.zero(), s.mul(y, y)) })
	s.slope("logGrad", "1/x", func(x reg.VecVirtual) reg.VecVirtual { return s.div(one(), x) })
	s.slope("erfGrad", "the derivative of erf", func(x reg.VecVirtual) reg.VecVirtual {
		return s.mul(s.f32(2/math.SqrtPi), s.exp(s.sub(s.zero(), s.mul(x, x))))
	})
	s.slope("softplusGrad", "the derivative of softplus", s.sigmoid)
	s.slope("mishGrad", "the derivative of mish", func(x reg.VecVirtual) reg.VecVirtual {
		e, w := s.mishParts(x)
		w2 := s.add(w, s.f32(2))
		v := s.clamp(x, -100, 20)
		rise := s.div(s.mul(s.mul(s.f32(4), e), s.add(one(), e)), s.mul(w2, w2))
		return s.add(s.div(w, w2), s.mul(v, rise))
	})
}

func (s isa) sqrt(x reg.VecVirtual) reg.VecVirtual {
	v := s.vec()
	s.VSQRTPS(x, v)
	return v
}

func (s isa) log(x reg.VecVirtual) reg.VecVirtual {
	e, m, k := s.vec(), s.vec(), s.vec()
	s.VPSUBD(s.f32(math.Float32frombits(0x3f3504f3)), x, e) // of sqrt(.5)
	s.VPSRAD(operand.Imm(23), e, e)
	s.VPSLLD(operand.Imm(23), e, m)
	s.VPSUBD(m, x, m)
	s.VCVTDQ2PS(e, k)
	f := s.sub(m, s.f32(1))
	z := s.mul(f, f)
	p := s.poly(f, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
		-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
	p = s.mul(s.mul(p, f), z)
	p = s.add(p, s.mul(k, s.f32(-2.12194440e-4)))
	p = s.sub(p, s.mul(s.f32(.5), z))
	return s.add(s.add(f, p), s.mul(k, s.f32(0.693359375)))
}

// softplus is max(x, 0) + log1p(exp(-|x|)).
func (s isa) softplus(x reg.VecVirtual) reg.VecVirtual {
	low, high := s.vec(), s.vec()
	s.VMINPS(x, s.sub(s.zero(), x), low)
	s.VMAXPS(x, s.zero(), high) // keeps NaNs
	u := s.exp(low)
	w := s.add(s.f32(1), u)
	lost := s.sub(s.sub(w, s.f32(1)), u)
	return s.add(high, s.sub(s.log(w), s.div(lost, w)))
}

// mishParts are e = exp(x) and e*(e+2): tanh(softplus(x)) is that over two more.
func (s isa) mishParts(x reg.VecVirtual) (e, w reg.VecVirtual) {
	e = s.exp(s.clamp(x, -100, 20))
	return e, s.mul(e, s.add(e, s.f32(2)))
}

func (s isa) affine() {
	s.begin("affine", "func(dst, x *float32, a, b float32, n int)", "is dst = a*x + b.")
	dst, x, a, b, n := s.int("dst"), s.int("x"), s.broadcast("a"), s.broadcast("b"), s.int("n")
	s.each(n, 4, func(index reg.Register, i int) {
		v := s.vec()
		s.VMULPS(at(x, index, i), a, v)
		s.VADDPS(b, v, v)
		s.VMOVUPS(v, at(dst, index, i))
	})
}

// expm1 is exp(x)-1 for x below 0.
func (s isa) expm1(x reg.VecVirtual) reg.VecVirtual {
	const magic = 3 << 22
	v := s.clamp(x, -87, 88.37)
	t := s.add(s.mul(v, s.f32(math.Log2E)), s.f32(magic))
	n := s.sub(t, s.f32(magic))
	r := s.sub(s.sub(v, s.mul(n, s.f32(0.693359375))), s.mul(n, s.f32(-2.12194440e-4)))
	p := s.poly(r, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
	p = s.add(s.mul(s.mul(r, r), p), r)
	s.VPSLLD(operand.Imm(23), t, t)
	s.VPADDD(s.f32(1), t, t)
	return s.add(s.mul(t, p), s.sub(t, s.f32(1)))
}

func (s isa) elu() {
	s.begin("elu", "func(dst, x *float32, p, q, r float32, n int)", "is dst = p*x where x > 0, else q*(exp(r*x)-1).")
	dst, x, n := s.int("dst"), s.int("x"), s.int("n")
	p, q, r := s.broadcast("p"), s.broadcast("q"), s.broadcast("r")
	s.each(n, 1, func(index reg.Register, i int) {
		v := s.load(at(x, index, i))
		s.VMOVUPS(s.either(v, s.mul(p, v), s.mul(q, s.expm1(s.mul(r, v)))), at(dst, index, i))
	})
	s.begin("eluGrad", "func(dx, dy, x *float32, p, q, r float32, add, n int)", "is dx = dy times p where x > 0, else q*r*exp(r*x), or adds that.")
	dx, dy, x, add, n := s.int("dx"), s.int("dy"), s.int("x"), s.int("add"), s.int("n")
	p, q, r = s.broadcast("p"), s.broadcast("q"), s.broadcast("r")
	qr := s.mul(q, r)
	s.each(n, 1, func(index reg.Register, i int) {
		v := s.load(at(x, index, i))
		v = s.either(v, p, s.mul(qr, s.exp(s.mul(r, v))))
		s.VMULPS(at(dy, index, i), v, v)
		s.when(add, 1, fmt.Sprint("added", i), func() { s.VADDPS(at(dx, index, i), v, v) })
		s.VMOVUPS(v, at(dx, index, i))
	})
}

// either is a where x > 0, else b.
func (s isa) either(x, a, b reg.VecVirtual) reg.VecVirtual {
	v := s.vec()
	s.VMOVUPS(a, v)
	s.where(lessThan, s.zero(), x, v)
	s.where(notLessThan, s.zero(), x, b)
	return s.add(v, b)
}

func (s isa) binaries() {
	s.binary("mul", "a*b", s.mul)
	s.binary("div", "a/b", s.div)
	s.binary("maximum", "a where a > b or a is a NaN, else b", func(a, b reg.VecVirtual) reg.VecVirtual {
		v := s.vec()
		s.VMAXPS(b, a, v) // b if either is a NaN
		return s.nanOr(a, v)
	})
	s.binary("minimum", "a where a < b or a is a NaN, else b", func(a, b reg.VecVirtual) reg.VecVirtual {
		v := s.vec()
		s.VMINPS(b, a, v)
		return s.nanOr(a, v)
	})
	s.binarySlope("divSlope", "-dy*(a/b/b)", func(dy, a, b reg.VecVirtual) reg.VecVirtual {
		return s.mul(s.sub(s.zero(), dy), s.div(s.div(a, b), b))
	})
	s.binarySlope("lessSlope", "dy where a < b or either is a NaN, dy/2 where they are equal, else 0", func(dy, a, b reg.VecVirtual) reg.VecVirtual {
		half := s.mul(s.f32(.5), dy)
		s.where(equal, a, b, half)
		s.where(notLessThan, b, a, dy)
		s.where(notEqual, a, b, dy)
		return s.add(dy, half)
	})
}

// notEqual is true for NaNs.
const notEqual = 4

// nanOr is a where it is a NaN, else v.
func (s isa) nanOr(a, v reg.VecVirtual) reg.VecVirtual {
	if s.wide {
		k := s.K()
		s.VCMPPS(operand.Imm(isUnordered), a, a, k)
		s.VMOVAPS(a, k, v)
		return v
	}
	m := s.vec()
	s.VCMPPS(operand.Imm(isUnordered), a, a, m)
	s.VBLENDVPS(m, a, v, v)
	return v
}

func (s isa) binary(name, doc string, f func(a, b reg.VecVirtual) reg.VecVirtual) {
	s.begin(name, "func(dst, a, b *float32, n int)", "is dst = "+doc+".")
	dst, a, b, n := s.int("dst"), s.int("a"), s.int("b"), s.int("n")
	s.each(n, 2, func(index reg.Register, i int) {
		s.VMOVUPS(f(s.load(at(a, index, i)), s.load(at(b, index, i))), at(dst, index, i))
	})
}

func (s isa) binarySlope(name, doc string, f func(dy, a, b reg.VecVirtual) reg.VecVirtual) {
	s.begin(name, "func(dst, dy, a, b *float32, n int)", "is dst = "+doc+".")
	dst, dy, a, b, n := s.int("dst"), s.int("dy"), s.int("a"), s.int("b"), s.int("n")
	s.each(n, 1, func(index reg.Register, i int) {
		s.VMOVUPS(f(s.load(at(dy, index, i)), s.load(at(a, index, i)), s.load(at(b, index, i))), at(dst, index, i))
	})
}

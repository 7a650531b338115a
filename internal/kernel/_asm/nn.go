package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// nnKernels are the passes over memory that a network makes besides its products:
// normalisation, activations, pooling, softmax.
func nnKernels(c *build.Context) {
	levels(c, func(s isa) {
		s.columnPairs("moments")
		s.columnPairs("products")
		s.columnPairs("maskedProducts")
		s.normalize("normalize", false)
		s.normalize("normalizeRes", true)
		s.normalizeGrad()
		s.rowMoments()
		s.rowProducts()
		s.rowNormalize()
		s.rowGrad()
		s.maxOf()
		s.expShift()
		s.softmaxGrad()
		s.activations()
		s.bends()
		s.repeats()
		s.maxPool()
		s.maxPoolGrad()
	})
}

// f32 is a constant in memory, in every lane of a register.
func (s isa) f32(x float32) reg.VecVirtual {
	v := s.vec()
	s.VBROADCASTSS(s.constant(x), v)
	return v
}

// constants are shared by the functions of a file.
var constants = map[*build.Context]map[uint32]operand.Mem{}

func (s isa) constant(x float32) operand.Mem {
	all := constants[s.Context]
	if all == nil {
		all = map[uint32]operand.Mem{}
		constants[s.Context] = all
	}
	bits := math.Float32bits(x)
	if _, ok := all[bits]; !ok {
		m := s.StaticGlobal(fmt.Sprintf("nnConst%08x", bits))
		s.DataAttributes(attr.RODATA | attr.NOPTR)
		s.AddDatum(0, operand.U32(bits))
		all[bits] = m
	}
	return all[bits]
}

// where keeps v's lanes in which a is in the given relation to b, and zeroes the others.
func (s isa) where(relation int, a, b reg.VecVirtual, v reg.VecVirtual) {
	if s.wide {
		k := s.K()
		s.VCMPPS(operand.Imm(uint64(relation)), b, a, k)
		s.VMOVUPS_Z(v, k, v)
		return
	}
	m := s.vec()
	s.VCMPPS(operand.Imm(uint64(relation)), b, a, m)
	s.VANDPS(m, v, v)
}

// Relations of VCMPPS.
const (
	equal        = 0
	lessThan     = 1 // signalling, as everywhere here
	lessEqual    = 2
	isUnordered  = 3
	notLessThan  = 5 // true for NaNs
	notLessEqual = 6 // likewise
)

// columnPairs adds two sums for each column to float64 values in memory, strip after
// strip of columns, so that the sums stay in registers for some rows.
func (s isa) columnPairs(kind string) {
	sig, doc := "func(a, b *float64, x *float32, rows, cols, ld int)", "adds the columns of x to a and of x*x to b"
	switch kind {
	case "products":
		sig, doc = "func(a, b *float64, dy, x *float32, rows, cols, ld int)", "adds the columns of dy to a and of dy*x to b"
	case "maskedProducts":
		sig, doc = "func(a, b *float64, dy, x, y *float32, rows, cols, ld int)", "is products with dy where y > 0, else 0"
	}
	s.begin(kind, sig, doc+", for cols, a multiple of 8, and rows > 0.")
	a, b, x := s.int("a"), s.int("b"), s.int("x")
	p := []reg.Register{x}
	if kind != "moments" {
		p = append(p, s.int("dy"))
	}
	if kind == "maskedProducts" {
		p = append(p, s.int("y"))
	}
	cols, ld := s.int("cols"), s.int("ld")
	s.SHLQ(operand.Imm(2), ld)
	// the block that follows is fetched meanwhile, in the order of memory
	ahead := s.int("rows")
	s.IMULQ(ld, ahead)
	for _, strip := range []int{2 * s.lanes, 8} {
		next, done := fmt.Sprint("strip", strip), fmt.Sprint("done", strip)
		s.Label(next)
		s.CMPQ(cols, operand.Imm(uint64(strip)))
		s.JLT(operand.LabelRef(done))
		s.pairStrip(strip, a, b, p, ld, ahead)
		s.SUBQ(operand.Imm(uint64(strip)), cols)
		s.JMP(operand.LabelRef(next))
		s.Label(done)
	}
	s.end()
}

func (s isa) pairStrip(strip int, a, b reg.Register, p []reg.Register, ld, ahead reg.Register) {
	width := s.lanes / 2
	var sa, sb []reg.VecVirtual
	out := func(to reg.Register, i int) operand.Mem { return operand.Mem{Base: to, Disp: i * s.lanes * 4} }
	for i := range strip / width {
		sa, sb = append(sa, s.load(out(a, i))), append(sb, s.load(out(b, i)))
	}
	rows, off := s.int("rows"), s.GP64()
	s.XORQ(off, off)
	loop := fmt.Sprint("rows", strip)
	s.Label(loop)
	at := func(k, i int) operand.Mem {
		return operand.Mem{Base: p[k], Index: off, Scale: 1, Disp: i * s.lanes * 2}
	}
	for line := 0; line < 4*strip; line += 64 {
		for _, q := range p {
			s.PREFETCHT0(operand.Mem{Base: q, Index: ahead, Scale: 1, Disp: line})
		}
	}
	for i := range sa {
		v := s.widen(at(0, i))
		g := v
		if len(p) == 2 {
			g = s.widen(at(1, i))
		} else if len(p) == 3 {
			g = s.vec()
			s.VCVTPS2PD(s.masked(at(1, i), at(2, i)), g)
		}
		s.VADDPD(g, sa[i], sa[i])
		s.VFMADD231PD(g, v, sb[i])
	}
	s.ADDQ(ld, off)
	s.ADDQ(operand.U32(4*strip), ahead)
	s.DECQ(rows)
	s.JNE(operand.LabelRef(loop))
	for i := range sa {
		s.VMOVUPD(sa[i], out(a, i))
		s.VMOVUPD(sb[i], out(b, i))
	}
	for _, q := range p {
		s.ADDQ(operand.U32(4*strip), q)
	}
	s.SUBQ(operand.U32(4*strip), ahead)
	s.ADDQ(operand.U32(8*strip), a)
	s.ADDQ(operand.U32(8*strip), b)
}

// masked loads half a vector of dy where y > 0.
func (s isa) masked(dy, y operand.Mem) reg.VecVirtual {
	v, zero := s.half(), s.half()
	if s.wide {
		k := s.K()
		s.VXORPS(zero, zero, zero)
		s.VCMPPS(operand.Imm(lessThan), y, zero, k)
		s.VMOVUPS_Z(dy, k, v)
		return v
	}
	s.VXORPS(zero, zero, zero)
	s.VCMPPS(operand.Imm(lessThan), y, zero, v)
	s.VANDPS(dy, v, v)
	return v
}

// sweep runs body for each vector of a rows x cols matrix; body gets the column's
// register and the vector's place after it. cols is a multiple of 16.
func (s isa) sweep(matrices []reg.Register, body func(index reg.Register, i int)) {
	rows, cols, j, step := s.int("rows"), s.int("cols"), s.GP64(), s.GP64()
	s.MOVQ(cols, step)
	s.SHLQ(operand.Imm(2), step)
	s.Label("row")
	s.XORQ(j, j)
	s.Label("column")
	for i := 0; i < 16; i += s.lanes {
		body(j, i)
	}
	s.ADDQ(operand.Imm(16), j)
	s.CMPQ(j, cols)
	s.JLT(operand.LabelRef("column"))
	for _, m := range matrices {
		s.ADDQ(step, m)
	}
	s.DECQ(rows)
	s.JNE(operand.LabelRef("row"))
	s.end()
}

func (s isa) normalize(name string, withRes bool) {
	sig, doc := "func(y, x, shift, scale, offset *float32, floor float32, rows, cols int)", "is y = max(floor, (x-shift)*scale + offset)"
	if withRes {
		sig, doc = "func(y, x, res, shift, scale, offset *float32, floor float32, rows, cols int)", "is y = max(floor, (x-shift)*scale + offset + res)"
	}
	s.begin(name, sig, doc+" with the same coefficients for each row; cols is a multiple of 16, rows > 0.")
	y, x, shift, scale, offset, floor := s.int("y"), s.int("x"), s.int("shift"), s.int("scale"), s.int("offset"), s.broadcast("floor")
	all := []reg.Register{y, x}
	var res reg.Register
	if withRes {
		res = s.int("res")
		all = append(all, res)
	}
	s.sweep(all, func(j reg.Register, i int) {
		v := s.load(at(x, j, i))
		s.VSUBPS(at(shift, j, i), v, v)
		s.VMULPS(at(scale, j, i), v, v)
		s.VADDPS(at(offset, j, i), v, v)
		if withRes {
			s.VADDPS(at(res, j, i), v, v)
		}
		s.VMAXPS(v, floor, v)
		s.VMOVUPS(v, at(y, j, i))
	})
}

// Flags of normalizeGrad; nn_norm.go of package kernel has the same.
const (
	flagMask   = 1
	flagRes    = 2
	flagAddRes = 4
	flagAddDx  = 8
)

func (s isa) normalizeGrad() {
	s.begin("normalizeGrad", "func(dx, dres, dy, x, y, shift, scale, slope, offset *float32, flags, rows, cols int)",
		"is g = dy where y > 0, dres = g, dx = g*scale + ((x-shift)*slope + offset); cols is a multiple of 16, rows > 0.")
	dx, dres, dy, x, y := s.int("dx"), s.int("dres"), s.int("dy"), s.int("x"), s.int("y")
	shift, scale, slope, offset := s.int("shift"), s.int("scale"), s.int("slope"), s.int("offset")
	flags, zero := s.int("flags"), s.zero()
	s.sweep([]reg.Register{dx, dres, dy, x, y}, func(j reg.Register, i int) {
		label := func(name string) string { return fmt.Sprint(name, i) }
		g := s.load(at(dy, j, i))
		s.when(flags, flagMask, label("masked"), func() { s.where(lessThan, zero, s.load(at(y, j, i)), g) })
		s.when(flags, flagRes, label("res"), func() {
			r := s.vec()
			s.VMOVUPS(g, r)
			s.when(flags, flagAddRes, label("resAdded"), func() { s.VADDPS(at(dres, j, i), r, r) })
			s.VMOVUPS(r, at(dres, j, i))
		})
		v := s.load(at(x, j, i))
		s.VSUBPS(at(shift, j, i), v, v)
		s.VMULPS(at(slope, j, i), v, v)
		s.VADDPS(at(offset, j, i), v, v)
		s.VMULPS(at(scale, j, i), g, g)
		s.VADDPS(v, g, g)
		s.when(flags, flagAddDx, label("added"), func() { s.VADDPS(at(dx, j, i), g, g) })
		s.VMOVUPS(g, at(dx, j, i))
	})
}

// lanes16 runs body for each half vector of n elements and stores the pairs of sums.
func (s isa) lanes16(body func(a, b reg.VecVirtual, index reg.Register, i int)) {
	n, pa, pb := s.int("n"), s.int("a"), s.int("b")
	var a, b []reg.VecVirtual
	for range 32 / s.lanes {
		a, b = append(a, s.zero()), append(b, s.zero())
	}
	index := s.GP64()
	s.XORQ(index, index)
	s.Label("loop")
	for i := range a {
		body(a[i], b[i], index, i*s.lanes/2)
	}
	s.ADDQ(operand.Imm(16), index)
	s.CMPQ(index, n)
	s.JLT(operand.LabelRef("loop"))
	for i := range a {
		s.VMOVUPD(a[i], operand.Mem{Base: pa, Disp: i * s.lanes * 4})
		s.VMOVUPD(b[i], operand.Mem{Base: pb, Disp: i * s.lanes * 4})
	}
	s.end()
}

func (s isa) rowMoments() {
	s.begin("rowMoments", "func(a, b *[16]float64, x *float32, n int)",
		"sets a[l] to the sum of x[i] and b[l] to that of x[i]*x[i] over i%16 == l, for n > 0.")
	x := s.int("x")
	s.lanes16(func(a, b reg.VecVirtual, index reg.Register, i int) {
		v := s.widen(at(x, index, i))
		s.VADDPD(v, a, a)
		s.VFMADD231PD(v, v, b)
	})
}

func (s isa) rowProducts() {
	s.begin("rowProducts", "func(a, b *[16]float64, dy, gamma, x *float32, n int)",
		"is rowMoments for g[i] and g[i]*x[i], where g = dy*gamma rounded to float32.")
	dy, gamma, x := s.int("dy"), s.int("gamma"), s.int("x")
	s.lanes16(func(a, b reg.VecVirtual, index reg.Register, i int) {
		h, g := s.half(), s.vec()
		s.VMOVUPS(at(dy, index, i), h)
		s.VMULPS(at(gamma, index, i), h, h)
		s.VCVTPS2PD(h, g)
		s.VADDPD(g, a, a)
		s.VFMADD231PD(g, s.widen(at(x, index, i)), b)
	})
}

func (s isa) rowNormalize() {
	s.begin("rowNormalize", "func(y, x, gamma, beta *float32, shift, scale, offset float32, n int)",
		"is y = ((x-shift)*scale + offset)*gamma + beta.")
	y, x, gamma, beta, n := s.int("y"), s.int("x"), s.int("gamma"), s.int("beta"), s.int("n")
	shift, scale, offset := s.broadcast("shift"), s.broadcast("scale"), s.broadcast("offset")
	s.each(n, 1, func(index reg.Register, i int) {
		v := s.load(at(x, index, i))
		s.VSUBPS(shift, v, v)
		s.VMULPS(scale, v, v)
		s.VADDPS(offset, v, v)
		s.VMULPS(at(gamma, index, i), v, v)
		s.VADDPS(at(beta, index, i), v, v)
		s.VMOVUPS(v, at(y, index, i))
	})
}

func (s isa) rowGrad() {
	s.begin("rowGrad", "func(dx, dy, gamma, x *float32, shift, scale, slope, offset float32, add, n int)",
		"is dx = dy*gamma*scale + ((x-shift)*slope + offset), or adds that.")
	dx, dy, gamma, x, add, n := s.int("dx"), s.int("dy"), s.int("gamma"), s.int("x"), s.int("add"), s.int("n")
	shift, scale, slope, offset := s.broadcast("shift"), s.broadcast("scale"), s.broadcast("slope"), s.broadcast("offset")
	s.each(n, 1, func(index reg.Register, i int) {
		v, g := s.load(at(x, index, i)), s.load(at(dy, index, i))
		s.VSUBPS(shift, v, v)
		s.VMULPS(slope, v, v)
		s.VADDPS(offset, v, v)
		s.VMULPS(at(gamma, index, i), g, g)
		s.VMULPS(scale, g, g)
		s.VADDPS(v, g, g)
		s.when(add, 1, fmt.Sprint("added", i), func() { s.VADDPS(at(dx, index, i), g, g) })
		s.VMOVUPS(g, at(dx, index, i))
	})
}

func (s isa) maxOf() {
	s.begin("maxOf", "func(lanes *[16]float32, x *float32, n int)", "sets lanes[l] to the largest x[i] over i%16 == l, for n > 0; NaNs may be lost.")
	lanes, x, n := s.int("lanes"), s.int("x"), s.int("n")
	var top []reg.VecVirtual
	for i := 0; i < 16; i += s.lanes {
		top = append(top, s.load(operand.Mem{Base: x, Disp: 4 * i}))
	}
	index := s.GP64()
	s.XORQ(index, index)
	s.Label("loop")
	for i, v := range top {
		s.VMAXPS(at(x, index, i*s.lanes), v, v)
	}
	s.ADDQ(operand.Imm(16), index)
	s.CMPQ(index, n)
	s.JLT(operand.LabelRef("loop"))
	for i, v := range top {
		s.VMOVUPS(v, operand.Mem{Base: lanes, Disp: 4 * i * s.lanes})
	}
	s.end()
}

func (s isa) softmaxGrad() {
	s.begin("softmaxGrad", "func(dx, dy, y *float32, sum float32, add, n int)", "is dx = (dy-sum)*y, or adds that.")
	dx, dy, y, add, n, sum := s.int("dx"), s.int("dy"), s.int("y"), s.int("add"), s.int("n"), s.broadcast("sum")
	s.each(n, 1, func(index reg.Register, i int) {
		v := s.load(at(dy, index, i))
		s.VSUBPS(sum, v, v)
		s.VMULPS(at(y, index, i), v, v)
		s.when(add, 1, fmt.Sprint("added", i), func() { s.VADDPS(at(dx, index, i), v, v) })
		s.VMOVUPS(v, at(dx, index, i))
	})
}

// window runs body for the pixels of a window, kh rows of kw, at one vector of channels.
func (s isa) window(i int, body func(off reg.Register)) {
	kh, kw, row, off, pixel := s.int("kh"), s.GP64(), s.GP64(), s.GP64(), s.int("pixel")
	s.XORQ(row, row)
	up, across := fmt.Sprint("up", i), fmt.Sprint("across", i)
	s.Label(up)
	s.MOVQ(s.addr("kw"), kw)
	s.MOVQ(row, off)
	s.Label(across)
	body(off)
	s.ADDQ(pixel, off)
	s.DECQ(kw)
	s.JNE(operand.LabelRef(across))
	s.ADDQ(s.addr("line"), row)
	s.DECQ(kh)
	s.JNE(operand.LabelRef(up))
}

func (s isa) maxPool() {
	s.begin("maxPool", "func(y, x *float32, n, kh, kw, pixel, line int)",
		"sets y to the largest of kh x kw vectors of n elements, pixel bytes apart in a row and line bytes from row to row; a NaN wins.")
	y, x, n := s.int("y"), s.int("x"), s.int("n")
	index := s.GP64()
	s.XORQ(index, index)
	s.Label("channels")
	for i := 0; i < 16; i += s.lanes {
		top := s.load(at(x, index, i))
		from := s.GP64()
		s.LEAQ(at(x, index, i), from)
		s.window(i, func(off reg.Register) {
			v, num := s.load(operand.Mem{Base: from, Index: off, Scale: 1}), s.vec()
			// VMAXPS gives its second operand if one is a NaN; v's are put back
			if s.wide {
				k := s.K()
				s.VMAXPS(top, v, num)
				s.VCMPPS(operand.Imm(isUnordered), v, v, k)
				s.VMOVAPS(num, top)
				s.VMOVAPS(v, k, top)
			} else {
				m := s.vec()
				s.VMAXPS(top, v, num)
				s.VCMPPS(operand.Imm(isUnordered), v, v, m)
				s.VBLENDVPS(m, v, num, top)
			}
		})
		s.VMOVUPS(top, at(y, index, i))
	}
	s.ADDQ(operand.Imm(16), index)
	s.CMPQ(index, n)
	s.JLT(operand.LabelRef("channels"))
	s.end()
}

func (s isa) maxPoolGrad() {
	s.begin("maxPoolGrad", "func(dx, dy, x, y *float32, n, kh, kw, pixel, line int)",
		"adds dy to dx at the first place of the window where x == y.")
	dx, dy, x, y, n := s.int("dx"), s.int("dy"), s.int("x"), s.int("y"), s.int("n")
	index := s.GP64()
	s.XORQ(index, index)
	s.Label("channels")
	for i := 0; i < 16; i += s.lanes {
		g, top := s.load(at(dy, index, i)), s.load(at(y, index, i))
		from, to := s.GP64(), s.GP64()
		s.LEAQ(at(x, index, i), from)
		s.LEAQ(at(dx, index, i), to)
		s.window(i, func(off reg.Register) {
			v, out := s.load(operand.Mem{Base: from, Index: off, Scale: 1}), operand.Mem{Base: to, Index: off, Scale: 1}
			if s.wide {
				k := s.K()
				s.VCMPPS(operand.Imm(equal), top, v, k)
				s.VMOVUPS_Z(g, k, v)
				s.KNOTW(k, k)
				s.VMOVUPS_Z(g, k, g)
			} else {
				m := s.vec()
				s.VCMPPS(operand.Imm(equal), top, v, m)
				s.VANDPS(g, m, v)
				s.VANDNPS(g, m, g)
			}
			s.VADDPS(out, v, v)
			s.VMOVUPS(v, out)
		})
	}
	s.ADDQ(operand.Imm(16), index)
	s.CMPQ(index, n)
	s.JLT(operand.LabelRef("channels"))
	s.end()
}

package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vecKernels are the elementwise kernels and reductions. Go code calls them
// with n a multiple of 16 (reductions: 32) and does the rest with the twin.
func vecKernels(c *build.Context) {
	levels(c, func(s isa) {
		s.dot()
		s.sumSq()
		s.addScaled()
		s.streamScaled()
		s.scale()
		s.sgd()
		s.adam()
		s.relu()
		s.addRelu()
		s.reluBackward(false)
		s.reluBackward(true)
		s.sumCols(32)
		s.sumCols(8)
	})
}

func (s isa) begin(name, sig, doc string) {
	s.Function(name + s.name)
	s.Attributes(attr.NOSPLIT)
	s.SignatureExpr(sig)
	s.Doc(name + s.name + " " + doc)
}

// each runs body for all n elements: unrolled blocks first, then single ones
// of 16. body handles the vector at element i of its block.
func (s isa) each(n reg.Register, unroll int, body func(index reg.Register, i int)) {
	s.blocks(n, unroll, body)
	s.end()
}

// blocks is each without the return.
func (s isa) blocks(n reg.Register, unroll int, body func(index reg.Register, i int)) {
	index := s.GP64()
	s.XORQ(index, index)
	for _, block := range []int{16 * unroll, 16} {
		loop, done := fmt.Sprintf("loop%d", block), fmt.Sprintf("done%d", block)
		s.Label(loop)
		s.SUBQ(operand.U32(block), n)
		s.JLT(operand.LabelRef(done))
		for i := 0; i < block; i += s.lanes {
			body(index, i)
		}
		s.ADDQ(operand.U32(block), index)
		s.JMP(operand.LabelRef(loop))
		s.Label(done)
		s.ADDQ(operand.U32(block), n)
		if unroll == 1 {
			break
		}
	}
}

func (s isa) end() {
	s.VZEROUPPER()
	s.RET()
}

// widen loads the lanes/2 float32 at m as float64.
func (s isa) widen(m operand.Mem) reg.VecVirtual {
	v := s.vec()
	s.VCVTPS2PD(m, v)
	return v
}

// reduce keeps 32 float64 sums; add adds the products of elements i... to one.
func (s isa) reduce(add func(sum reg.VecVirtual, index reg.Register, i int)) {
	n, lanes := s.int("n"), s.int("lanes")
	sums := make([]reg.VecVirtual, 64/s.lanes)
	for i := range sums {
		sums[i] = s.zero()
	}
	index := s.GP64()
	s.XORQ(index, index)
	s.Label("loop")
	for i, sum := range sums {
		add(sum, index, i*s.lanes/2)
	}
	s.ADDQ(operand.Imm(32), index)
	s.CMPQ(index, n)
	s.JLT(operand.LabelRef("loop"))
	for i, sum := range sums {
		s.VMOVUPD(sum, operand.Mem{Base: lanes, Disp: i * s.lanes * 4})
	}
	s.end()
}

func (s isa) dot() {
	s.begin("dot", "func(lanes *[32]float64, x, y *float32, n int)",
		"sets lanes[l] to the sum of x[i]*y[i] over i%32 == l, for n > 0.")
	x, y := s.int("x"), s.int("y")
	s.reduce(func(sum reg.VecVirtual, index reg.Register, i int) {
		s.VFMADD231PD(s.widen(at(x, index, i)), s.widen(at(y, index, i)), sum)
	})
}

func (s isa) sumSq() {
	s.begin("sumSq", "func(lanes *[32]float64, x *float32, n int)",
		"sets lanes[l] to the sum of x[i]*x[i] over i%32 == l, for n > 0.")
	x := s.int("x")
	s.reduce(func(sum reg.VecVirtual, index reg.Register, i int) {
		v := s.widen(at(x, index, i))
		s.VFMADD231PD(v, v, sum)
	})
}

func (s isa) addScaled() {
	s.begin("addScaled", "func(dst, x *float32, a float32, y *float32, n int)", "is dst = x + a*y.")
	s.addScaledBody(func(v reg.VecVirtual, m operand.Mem) { s.VMOVUPS(v, m) })
	s.end()
}

// streamScaled writes past the caches: a result larger than them would only push
// out what is there, and be read before it is overwritten.
func (s isa) streamScaled() {
	s.begin("streamScaled", "func(dst, x *float32, a float32, y *float32, n int)", "is dst = x + a*y, for dst on a cache line.")
	s.addScaledBody(func(v reg.VecVirtual, m operand.Mem) { s.VMOVNTPS(v, m) })
	s.SFENCE()
	s.end()
}

func (s isa) addScaledBody(store func(reg.VecVirtual, operand.Mem)) {
	dst, x, y, n, a := s.int("dst"), s.int("x"), s.int("y"), s.int("n"), s.broadcast("a")
	s.blocks(n, 4, func(index reg.Register, i int) {
		v := s.vec()
		s.VMULPS(at(y, index, i), a, v)
		s.VADDPS(at(x, index, i), v, v)
		store(v, at(dst, index, i))
	})
}

func (s isa) scale() {
	s.begin("scale", "func(dst *float32, a float32, x *float32, n int)", "is dst = a*x.")
	dst, x, n, a := s.int("dst"), s.int("x"), s.int("n"), s.broadcast("a")
	s.each(n, 4, func(index reg.Register, i int) {
		v := s.vec()
		s.VMULPS(at(x, index, i), a, v)
		s.VMOVUPS(v, at(dst, index, i))
	})
}

// addProduct is v += a*b, rounded twice.
func (s isa) addProduct(a, b, v reg.VecVirtual) {
	t := s.vec()
	s.VMULPS(a, b, t)
	s.VADDPS(t, v, v)
}

// when runs body if the flag's bit is set; the branch never changes within a
// call, so it is predicted.
func (s isa) when(flags operand.Op, bit int, label string, body func()) {
	s.TESTQ(operand.U32(bit), flags)
	s.JEQ(operand.LabelRef(label))
	body()
	s.Label(label)
}

func (s isa) sgd() {
	s.begin("sgd", "func(theta, grad, buf *float32, n int, lr, momentum, damp, decay float32, flags int)",
		"is a step of SGD; flags are the constants flagDecay and so on.")
	theta, grad, buf, n, flags := s.int("theta"), s.int("grad"), s.int("buf"), s.int("n"), s.int("flags")
	lr, momentum, damp, decay := s.broadcast("lr"), s.broadcast("momentum"), s.broadcast("damp"), s.broadcast("decay")
	s.each(n, 1, func(index reg.Register, i int) {
		label := func(name string) string { return fmt.Sprint(name, i) }
		t, d := s.load(at(theta, index, i)), s.load(at(grad, index, i))
		s.when(flags, flagDecay, label("decayed"), func() { s.addProduct(decay, t, d) })
		s.when(flags, flagMomentum, label("moved"), func() {
			b := s.vec()
			s.VMOVUPS(d, b)
			s.when(flags, flagOld, label("mixed"), func() {
				s.VMULPS(damp, d, b)
				old := s.vec()
				s.VMULPS(at(buf, index, i), momentum, old)
				s.VADDPS(b, old, b)
			})
			s.VMOVUPS(b, at(buf, index, i))
			s.when(flags, flagNesterov, label("nesterov"), func() {
				s.VMULPS(momentum, b, b)
				s.VADDPS(d, b, b)
			})
			s.VMOVUPS(b, d)
		})
		s.VMULPS(lr, d, d)
		s.VSUBPS(d, t, t)
		s.VMOVUPS(t, at(theta, index, i))
	})
}

// Flags of the optimizer kernels; optim.go of package kernel has the same.
const (
	flagDecay    = 1
	flagMomentum = 2
	flagOld      = 4
	flagNesterov = 8
)

func (s isa) adam() {
	consts := []string{"beta1", "rest1", "beta2", "rest2", "root", "eps", "step", "keep", "decay"}
	s.begin("adam", "func(theta, grad, m, v *float32, n int, "+strings.Join(consts, ", ")+" float32, flags int)",
		"is a step of Adam; the arguments are the fields of adamConsts.")
	theta, grad, mean, square := s.int("theta"), s.int("grad"), s.int("m"), s.int("v")
	n, flags := s.int("n"), s.int("flags")
	k := map[string]reg.VecVirtual{}
	for _, name := range consts {
		k[name] = s.broadcast(name)
	}
	s.each(n, 1, func(index reg.Register, i int) {
		t, d := s.load(at(theta, index, i)), s.load(at(grad, index, i))
		s.when(flags, flagDecay, fmt.Sprint("decayed", i), func() { s.addProduct(k["decay"], t, d) })
		s.VMULPS(k["keep"], t, t)

		m, x := s.vec(), s.vec()
		s.VMULPS(at(mean, index, i), k["beta1"], m)
		s.addProduct(k["rest1"], d, m)
		s.VMOVUPS(m, at(mean, index, i))

		s.VMULPS(k["rest2"], d, x)
		s.VMULPS(d, x, d)
		s.VMULPS(at(square, index, i), k["beta2"], x)
		s.VADDPS(d, x, x)
		s.VMOVUPS(x, at(square, index, i))

		s.VSQRTPS(x, x)
		s.VDIVPS(k["root"], x, x)
		s.VADDPS(k["eps"], x, x)
		s.VMULPS(k["step"], m, m)
		s.VDIVPS(x, m, m)
		s.VSUBPS(m, t, t)
		s.VMOVUPS(t, at(theta, index, i))
	})
}

func (s isa) relu() {
	s.begin("relu", "func(dst, x *float32, n int)", "is dst = x where not x < 0, else 0; a NaN stays.")
	dst, x, n, zero := s.int("dst"), s.int("x"), s.int("n"), s.zero()
	s.each(n, 4, func(index reg.Register, i int) {
		v := s.vec()
		s.VMAXPS(at(x, index, i), zero, v)
		s.VMOVUPS(v, at(dst, index, i))
	})
}

func (s isa) addRelu() {
	s.begin("addRelu", "func(dst, x, y *float32, n int)", "is dst = relu(x+y).")
	dst, x, y, n, zero := s.int("dst"), s.int("x"), s.int("y"), s.int("n"), s.zero()
	s.each(n, 4, func(index reg.Register, i int) {
		v := s.load(at(x, index, i))
		s.VADDPS(at(y, index, i), v, v)
		s.VMAXPS(v, zero, v)
		s.VMOVUPS(v, at(dst, index, i))
	})
}

func (s isa) reluBackward(add bool) {
	const lessThan = 1 // LT_OS: 0 < y
	name, doc := "reluBackward", "is dx = dy where y > 0, else 0."
	if add {
		name, doc = "reluBackwardAdd", "is dx += dy where y > 0."
	}
	s.begin(name, "func(dx, dy, y *float32, n int)", doc)
	dx, dy, y, n, zero := s.int("dx"), s.int("dy"), s.int("y"), s.int("n"), s.zero()
	s.each(n, 4, func(index reg.Register, i int) {
		v := s.vec()
		if s.wide {
			k := s.K()
			s.VCMPPS(operand.Imm(lessThan), at(y, index, i), zero, k)
			s.VMOVUPS_Z(at(dy, index, i), k, v)
		} else {
			s.VCMPPS(operand.Imm(lessThan), at(y, index, i), zero, v)
			s.VANDPS(at(dy, index, i), v, v)
		}
		if add {
			s.VADDPS(at(dx, index, i), v, v)
		}
		s.VMOVUPS(v, at(dx, index, i))
	})
}

// sumCols works down a strip of columns, so that memory is read once.
func (s isa) sumCols(cols int) {
	s.begin(fmt.Sprint("sumCols", cols), "func(sums *float64, x *float32, rows, ld int)",
		fmt.Sprintf("adds the %d columns of x, row after row, to sums.", cols))
	sums, x, rows, ld := s.int("sums"), s.int("x"), s.int("rows"), s.int("ld")
	s.SHLQ(operand.Imm(2), ld)
	acc := make([]reg.VecVirtual, 2*cols/s.lanes)
	out := func(i int) operand.Mem { return operand.Mem{Base: sums, Disp: i * s.lanes * 4} }
	for i := range acc {
		acc[i] = s.load(out(i))
	}
	s.Label("loop")
	for i := range acc {
		s.VADDPD(s.widen(operand.Mem{Base: x, Disp: i * s.lanes * 2}), acc[i], acc[i])
	}
	s.ADDQ(ld, x)
	s.DECQ(rows)
	s.JNE(operand.LabelRef("loop"))
	for i := range acc {
		s.VMOVUPS(acc[i], out(i))
	}
	s.end()
}

package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// bf16Level is the level that has VDPBF16PS.
const bf16Level = "AVX512BF16"

// wordKernels are for operands of bfloat16, of which a word holds a pair along k.
func wordKernels(c *build.Context) {
	masks := tailMasks(c)
	for _, s := range []isa{{c, "AVX2", false, 8}, {c, "AVX512", true, 16}, {c, bf16Level, true, 16}} {
		w := newWords(s)
		w.tiles(masks)
		w.convTiles(w)
		w.rows(masks, 1)
		w.rows(masks, 2)
		w.narrowed()
		if s.name != bf16Level {
			w.rounded()
		}
		if s.name != "AVX512" {
			w.transposed()
		}
	}
}

// words are what kernels on words share.
type words struct {
	isa
	upper                            operand.Mem // of a word
	one, half, infinity, quiet, sign operand.Mem
	none                             operand.Mem
	order                            operand.Mem // of halves of words, see pair and narrow
	index                            reg.VecVirtual
}

func newWords(s isa) *words {
	w := &words{isa: s}
	if s.name == bf16Level {
		w.order = w.halves("lace", func(i int) int { return i/2 + i%2*16 })
		return w
	}
	if s.wide {
		w.order = w.halves("odd", func(i int) int { return 2*i + 1 })
	}
	for _, c := range []struct {
		name string
		word uint32
		at   *operand.Mem
	}{
		{"upper", 0xffff0000, &w.upper}, {"one", 1, &w.one}, {"half", 0x7fff, &w.half},
		{"infinity", 0x7f800000, &w.infinity}, {"quiet", 1 << 22, &w.quiet}, {"sign", 1 << 31, &w.sign}, {"none", 0, &w.none},
	} {
		*c.at = s.StaticGlobal(c.name + s.name)
		s.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range s.lanes {
			s.AddDatum(4*i, operand.U32(c.word))
		}
	}
	return w
}

// halves is a vector of halves of words.
func (w *words) halves(name string, f func(i int) int) operand.Mem {
	m := w.StaticGlobal(name + w.name)
	w.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 32 {
		w.AddDatum(2*i, operand.U16(f(i)))
	}
	return m
}

// ordered loads the index that join and narrow need.
func (w *words) ordered() {
	if w.wide {
		w.index = w.load(w.order)
	}
}

func (w *words) tiles(masks operand.Mem) {
	for rows := 1; rows <= w.maxRows(); rows++ {
		tile{isa: w.isa, masks: masks, rows: rows, vectors: 1, masked: true, words: w}.generate()
		tile{isa: w.isa, masks: masks, rows: rows, vectors: 2, masked: true, words: w}.generate()
		if !w.wide {
			tile{isa: w.isa, masks: masks, rows: rows, vectors: 2, masked: false, words: w}.generate()
		}
	}
}

// flushed runs f with subnormal results taken for 0. No Go code runs meanwhile.
func (w *words) flushed(f func()) {
	if w.name == bf16Level { // as VDPBF16PS always does
		f()
		return
	}
	was := w.AllocLocal(8)
	now := was.Offset(4)
	r := w.GP32()
	w.STMXCSR(was)
	w.MOVL(was, r)
	w.ORL(operand.U32(1<<15), r)
	w.MOVL(r, now)
	w.LDMXCSR(now)
	f()
	w.LDMXCSR(was)
}

// products adds the products of a vector of B's words, which load gives, with those of rows of A.
func (w *words) products(load func(v int, to reg.VecVirtual), next func(), row func(i int) operand.Mem, acc [][]reg.VecVirtual) {
	if w.name == bf16Level {
		w.isa.products(multiplyAdd{w.VFMADD231PD, w.VFMADD231PD_BCST}, load, next, row, acc) // VDPBF16PS
		return
	}
	for _, keep := range []func(reg.VecVirtual){w.odd, w.even} {
		col := make([]reg.VecVirtual, len(acc[0]))
		for v := range col {
			col[v] = w.vec()
			load(v, col[v])
			keep(col[v])
		}
		for i := range acc {
			e := w.vec()
			w.VBROADCASTSS(row(i), e)
			keep(e)
			for v := range col {
				w.VFMADD231PS(e, col[v], acc[i][v])
			}
		}
	}
	next()
}

// odd and even leave one number of each pair, as a float32.
func (w *words) odd(v reg.VecVirtual) {
	if w.wide {
		w.VPANDD(w.upper, v, v)
	} else {
		w.VPAND(w.upper, v, v)
	}
}

func (w *words) even(v reg.VecVirtual) { w.VPSLLD(operand.Imm(16), v, v) }

// round rounds to bfloat16, in the upper halves; the lower ones are anything.
func (w *words) round(u reg.VecVirtual) reg.VecVirtual {
	t := w.vec()
	w.VPSRLD(operand.Imm(16), u, t)
	if w.wide {
		w.VPANDD(w.one, t, t)
		w.VPADDD(w.half, t, t)
		w.VPADDD(u, t, t)
		k := w.K()
		w.VCMPPS(operand.Imm(unordered), u, u, k)
		w.VPORD(w.quiet, u, k, t)
		subnormal := w.K()
		w.VPTESTNMD(w.infinity, u, subnormal)
		w.VPANDD(w.sign, u, subnormal, t)
		return t
	}
	w.VPAND(w.one, t, t)
	w.VPADDD(w.half, t, t)
	w.VPADDD(u, t, t)
	m, quiet := w.vec(), w.vec()
	w.VCMPPS(operand.Imm(unordered), u, u, m)
	w.VPOR(w.quiet, u, quiet)
	w.VBLENDVPS(m, quiet, t, t)
	w.VPAND(w.infinity, u, m)
	w.VPCMPEQD(w.none, m, m)
	w.VPANDN(t, m, t)
	w.VPAND(w.sign, u, m)
	w.VPOR(m, t, t)
	return t
}

const unordered = 3

func (w *words) rounded() {
	w.begin("round", "func(dst, x *float32, n int)", "rounds to bfloat16.")
	dst, x, n := w.int("dst"), w.int("x"), w.int("n")
	w.each(n, 1, func(index reg.Register, i int) {
		r := w.round(w.load(at(x, index, i)))
		w.odd(r)
		w.VMOVUPS(r, at(dst, index, i))
	})
}

// pair joins the upper halves of x, as the first numbers, and of y.
func (w *words) pair(x, y reg.VecVirtual) {
	w.VPSRLD(operand.Imm(16), x, x)
	if w.wide {
		w.VPANDD(w.upper, y, y)
		w.VPORD(y, x, x)
	} else {
		w.VPBLENDW(operand.Imm(0xaa), y, x, x)
	}
}

// join makes words of the numbers in x, first, and y.
func (w *words) join(x, y reg.VecVirtual) reg.VecVirtual {
	if w.name == bf16Level {
		v := w.vec()
		w.VPACKUSDW(x, y, v) // VCVTNE2PS2BF16
		w.VPERMW(v, w.index, v)
		return v
	}
	x, y = w.round(x), w.round(y)
	w.pair(x, y)
	return x
}

// narrow makes words of numbers that follow each other, in x and then in y.
func (w *words) narrow(x, y reg.VecVirtual) reg.VecVirtual {
	v := w.vec()
	if w.name == bf16Level {
		w.VPACKUSDW(x, y, v) // VCVTNE2PS2BF16
		return v
	}
	x, y = w.round(x), w.round(y)
	if w.wide {
		w.VPERMT2W(y, w.index, x)
		return x
	}
	w.VPSRLD(operand.Imm(16), x, x)
	w.VPSRLD(operand.Imm(16), y, y)
	w.VPACKUSDW(y, x, v)
	w.VPERMQ(operand.Imm(0xd8), v, v)
	return v
}

// narrowed packs numbers that follow each other.
func (w *words) narrowed() {
	w.begin("narrow", "func(dst, x *float32, vectors int)", "packs pairs of numbers that follow each other, for a number of vectors of words.")
	w.ordered()
	dst, x, n := w.int("dst"), w.int("x"), w.int("vectors")
	w.Label("loop")
	v := w.narrow(w.load(operand.Mem{Base: x}), w.load(operand.Mem{Base: x, Disp: 4 * w.lanes}))
	w.VMOVUPS(v, operand.Mem{Base: dst})
	w.ADDQ(operand.Imm(uint64(8*w.lanes)), x)
	w.ADDQ(operand.Imm(uint64(4*w.lanes)), dst)
	w.DECQ(n)
	w.JNE(operand.LabelRef("loop"))
	w.end()
}

// rows packs rows of x with those of y.
func (w *words) rows(masks operand.Mem, vectors int) {
	w.begin(fmt.Sprint("wordRows", vectors), "func(dst *float32, ds int, x *float32, xs int, y *float32, ys, words, tail int)",
		fmt.Sprintf("packs rows of x with those of y, %d vectors wide, the last with only tail elements, padded with 0.", vectors))
	mask := w.mask(masks)
	w.ordered()
	dst, x, y, count := w.int("dst"), w.int("x"), w.int("y"), w.int("words")
	ds, xs, ys := w.int("ds"), w.int("xs"), w.int("ys")
	for _, stride := range []reg.Register{ds, xs, ys} {
		w.SHLQ(operand.Imm(2), stride)
	}
	t := tile{isa: w.isa, vectors: vectors, masked: true}
	w.Label("loop")
	for v := range vectors {
		var of [2]reg.VecVirtual
		for i, from := range []reg.Register{x, y} {
			of[i] = w.vec()
			if t.last(v) {
				w.loadTail(t.vectorAt(from, v), mask, of[i])
			} else {
				w.VMOVUPS(t.vectorAt(from, v), of[i])
			}
		}
		w.VMOVUPS(w.join(of[0], of[1]), t.vectorAt(dst, v))
	}
	w.ADDQ(xs, x)
	w.ADDQ(ys, y)
	w.ADDQ(ds, dst)
	w.DECQ(count)
	w.JNE(operand.LabelRef("loop"))
	w.end()
}

// transposed serves AVX-512 too, as packTranspose does.
func (w *words) transposed() {
	w.transposing("wordTranspose", "func(dst *float32, ds int, src *float32, ss, rows, words int)",
		"transposes words of 8 rows; for fewer, the last one is repeated. words is a multiple of 8.", "words", 64,
		func(src []reg.Register) []reg.Register {
			if w.name == bf16Level {
				return w.eightByEight(src)
			}
			half := make([]reg.VecVirtual, 8)
			for i := range half {
				half[i] = w.eightWords(src[i%4], src[i%4+4], 32*(i/4))
			}
			return w.transposeHalves(half)
		})
}

// eightByEight has the steps of transposeHalves, with what belongs to columns 4 to 7 in the upper
// halves of vectors.
func (w *words) eightByEight(src []reg.Register) []reg.Register {
	var rows [4]reg.VecVirtual
	for i := range rows {
		v := w.narrow(w.load(operand.Mem{Base: src[i]}), w.load(operand.Mem{Base: src[i+4]}))
		w.VSHUFI64X2(operand.Imm(0xd8), v, v, v)
		rows[i] = v
	}
	p := []reg.VecVirtual{w.ZMM(), w.ZMM(), w.ZMM(), w.ZMM()}
	w.VUNPCKLPS(rows[1], rows[0], p[0])
	w.VUNPCKHPS(rows[1], rows[0], p[1])
	w.VUNPCKLPS(rows[3], rows[2], p[2])
	w.VUNPCKHPS(rows[3], rows[2], p[3])
	out := make([]reg.Register, 8)
	for j := range 4 {
		v, upper := w.ZMM(), w.YMM()
		w.VSHUFPS(operand.Imm([]uint64{0x44, 0xee}[j%2]), p[j/2+2], p[j/2], v)
		w.VEXTRACTF64X4(operand.Imm(1), v, upper)
		out[j], out[j+4] = v.AsY(), upper
	}
	return out
}

// eightWords are four words of the row at a, and four of that at b.
func (w *words) eightWords(a, b reg.Register, disp int) reg.VecVirtual {
	var of [2]reg.VecVirtual
	for i, row := range []reg.Register{a, b} {
		u := w.load(operand.Mem{Base: row, Disp: disp})
		r := w.round(u)
		odd := w.vec()
		w.VPSRLQ(operand.Imm(32), r, odd)
		w.pair(r, odd) // in every second word
		of[i] = r
	}
	v := w.vec()
	w.VSHUFPS(operand.Imm(0x88), of[1], of[0], v)
	w.VPERMQ(operand.Imm(0xd8), v, v)
	return v
}

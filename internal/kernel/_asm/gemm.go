package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// maxRows is the height of the register tile: with two vectors of columns it
// leaves registers for two vectors of B and one broadcast element of A.
func (s isa) maxRows() int {
	if s.wide {
		return 14
	}
	return 6
}

func gemmKernels(c *build.Context) {
	masks := tailMasks(c)
	levels(c, func(s isa) {
		for rows := 1; rows <= s.maxRows(); rows++ {
			tile{isa: s, masks: masks, rows: rows, vectors: 1, masked: true}.generate()
			tile{isa: s, masks: masks, rows: rows, vectors: 2, masked: true}.generate()
			if !s.wide {
				// Masked loads and stores are slow here: full tiles do without.
				tile{isa: s, masks: masks, rows: rows, vectors: 2}.generate()
			}
		}
		s.dotKernels(masks)
		s.packRows(masks, 1)
		s.packRows(masks, 2)
		s.peak()
	})
	isa{c, "AVX2", false, 8}.packTranspose()
}

// tailMasks are 8 set and 8 clear words; n set ones start at word 8-n.
func tailMasks(c *build.Context) operand.Mem {
	m := c.StaticGlobal("tailMasks")
	c.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range 16 {
		word := operand.U32(0)
		if i < 8 {
			word = 0xffffffff
		}
		c.AddDatum(4*i, word)
	}
	return m
}

// mask returns the mask of the first "tail" lanes.
func (s isa) mask(masks operand.Mem) reg.Register {
	return s.maskOf(masks, s.int("tail"))
}

// maskOf returns the mask of the first n lanes. It changes n.
func (s isa) maskOf(masks operand.Mem, n reg.Register) reg.Register {
	if s.wide {
		bits, k := s.GP32(), s.K()
		s.MOVL(operand.U32(0xffff), bits)
		s.BZHIL(n.(reg.GPVirtual).As32(), bits, bits)
		s.KMOVW(bits, k)
		return k
	}
	base, v := s.GP64(), s.YMM()
	s.LEAQ(masks, base)
	s.NEGQ(n)
	s.VMOVUPS(operand.Mem{Base: base, Index: n, Scale: 4, Disp: 32}, v)
	return v
}

func (s isa) loadTail(m operand.Mem, mask reg.Register, v reg.Register) {
	if s.wide {
		s.VMOVUPS_Z(m, mask, v)
	} else {
		s.VMASKMOVPS(m, mask, v)
	}
}

func (s isa) storeTail(v, mask reg.Register, m operand.Mem) {
	if s.wide {
		s.VMOVUPS(v, mask, m)
	} else {
		s.VMASKMOVPS(v, mask, m)
	}
}

// Offsets of the fields of microCall in package kernel.
const (
	callA = 8 * iota
	callFetch
	callB
	callC
	callStrips
	callK
	callRS
	callCS
	callAhead
	callStep
	callBS
	callNext
	callLDC
	callTail
	callAdd
)

// A tile is one micro-kernel: rows x vectors of C in registers.
type tile struct {
	isa
	masks   operand.Mem
	rows    int
	vectors int
	masked  bool   // only the first "tail" columns of the last vector exist
	words   *words // of pairs of bfloat16, or nil
	args    reg.Register
}

func (t tile) field(disp int) operand.Mem { return operand.Mem{Base: t.args, Disp: disp} }

func (t tile) get(disp int) reg.Register { return t.argument(t.args, disp) }

func (t tile) generate() {
	kind := "full"
	if t.masked {
		kind = "tail"
	}
	name := "gemm"
	if t.words != nil {
		name = "gemmWords"
	}
	t.begin(fmt.Sprintf("%s%dx%d%s", name, t.rows, t.vectors, kind), "func(call **float32)",
		fmt.Sprintf("is C = A B, or C += A B if add != 0, for %d rows and strips of %d vectors of columns.", t.rows, t.vectors))
	t.args = t.int("call")
	var mask reg.Register
	if t.masked {
		mask = t.maskOf(t.masks, t.get(callTail))
	}
	t.Label("strip")
	acc := t.multiply(mask)
	t.update(acc, mask)
	t.DECQ(t.field(callStrips))
	t.JEQ(operand.LabelRef("done"))
	next := t.get(callNext)
	t.SHLQ(operand.Imm(2), next)
	t.ADDQ(next, t.field(callB))
	t.ADDQ(operand.Imm(uint64(4*t.lanes*t.vectors)), t.field(callC))
	t.JMP(operand.LabelRef("strip"))
	t.Label("done")
	t.end()
}

// vectorAt is vector v of a row; only the last one is masked.
func (t tile) vectorAt(p reg.Register, v int) operand.Mem {
	return operand.Mem{Base: p, Disp: 4 * t.lanes * v}
}

func (t tile) last(v int) bool { return t.masked && v == t.vectors-1 }

// rowAddr is row i of A in column 0. Three rows share a base register.
func rowAddr(bases []reg.Register, rs reg.Register, i int) operand.Mem {
	m := operand.Mem{Base: bases[i/3]}
	if i%3 > 0 {
		m.Index, m.Scale = rs, uint8(i%3)
	}
	return m
}

// multiply returns the accumulated tile.
func (t tile) multiply(mask reg.Register) [][]reg.VecVirtual {
	k, rs, cs, bs := t.get(callK), t.get(callRS), t.get(callCS), t.get(callBS)
	b := t.get(callB)
	for _, stride := range []reg.Register{rs, cs, bs} {
		t.SHLQ(operand.Imm(2), stride)
	}
	bases := []reg.Register{t.get(callA)}
	for i := 3; i < t.rows; i += 3 {
		base := t.GP64()
		t.LEAQ(operand.Mem{Base: bases[len(bases)-1], Index: rs, Scale: 2}, base)
		t.ADDQ(rs, base)
		bases = append(bases, base)
	}
	acc := make([][]reg.VecVirtual, t.rows)
	for i := range acc {
		for range t.vectors {
			acc[i] = append(acc[i], t.zero())
		}
	}
	t.prefetchC()
	fetch, step, ahead := t.get(callFetch), t.get(callStep), t.get(callAhead)
	load := func(v int, to reg.VecVirtual) {
		if t.last(v) {
			t.loadTail(t.vectorAt(b, v), mask, to)
		} else {
			t.VMOVUPS(t.vectorAt(b, v), to)
		}
	}
	row := func(i int) operand.Mem { return rowAddr(bases, rs, i) }
	loop := func() {
		t.Label("loop")
		t.PREFETCHT0(operand.Mem{Base: bases[0], Index: ahead, Scale: 1})
		t.PREFETCHT0(operand.Mem{Base: fetch})
		t.ADDQ(step, fetch)
		next := func() { t.ADDQ(bs, b) }
		if t.words != nil {
			t.words.products(load, next, row, acc)
		} else {
			t.products(multiplyAdd{t.VFMADD231PS, t.VFMADD231PS_BCST}, load, next, row, acc)
		}
		for _, base := range bases {
			t.ADDQ(cs, base)
		}
		t.DECQ(k)
		t.JNE(operand.LabelRef("loop"))
	}
	if t.words != nil {
		t.words.flushed(loop)
	} else {
		loop()
	}
	return acc
}

// A multiplyAdd is an instruction, of vectors or with an element of memory, broadcast.
type multiplyAdd struct {
	vector    func(...operand.Op)
	broadcast func(...operand.Op)
}

// products adds those of a row of B, which load gives by vectors, with the rows of A. next goes
// on to the next row of B.
func (s isa) products(op multiplyAdd, load func(v int, to reg.VecVirtual), next func(), row func(i int) operand.Mem, acc [][]reg.VecVirtual) {
	col := make([]reg.VecVirtual, len(acc[0]))
	for v := range col {
		col[v] = s.vec()
		load(v, col[v])
	}
	next()
	for i := range acc {
		if s.wide && len(col) == 1 {
			// A broadcast to a register takes longer than what it is used for.
			op.broadcast(row(i), col[0], acc[i][0])
			continue
		}
		e := s.vec()
		s.VBROADCASTSS(row(i), e)
		for v := range col {
			op.vector(e, col[v], acc[i][v])
		}
	}
}

// prefetchC fetches the tile while the products are summed, unless these are so few that the
// tile is wanted at once.
func (t tile) prefetchC() {
	t.CMPQ(t.field(callK), operand.Imm(32))
	t.JLT(operand.LabelRef("fetched"))
	row, ldc := t.get(callC), t.get(callLDC)
	for range t.rows {
		for v := range t.vectors {
			if t.wide || v == 0 {
				t.PREFETCHT0(t.vectorAt(row, v))
			}
		}
		t.LEAQ(operand.Mem{Base: row, Index: ldc, Scale: 4}, row)
	}
	t.Label("fetched")
}

// update writes the tile to C, or adds it.
func (t tile) update(acc [][]reg.VecVirtual, mask reg.Register) {
	c, ldc, add := t.get(callC), t.get(callLDC), t.get(callAdd)
	t.SHLQ(operand.Imm(2), ldc)
	t.TESTQ(add, add)
	t.JEQ(operand.LabelRef("store"))
	row := t.GP64()
	t.MOVQ(c, row)
	for i := range acc {
		for v, sum := range acc[i] {
			if t.last(v) {
				old := t.vec()
				t.loadTail(t.vectorAt(row, v), mask, old)
				t.VADDPS(old, sum, sum)
			} else {
				t.VADDPS(t.vectorAt(row, v), sum, sum)
			}
		}
		t.ADDQ(ldc, row)
	}
	t.Label("store")
	for i := range acc {
		for v, sum := range acc[i] {
			if t.last(v) {
				t.storeTail(sum, mask, t.vectorAt(c, v))
			} else {
				t.VMOVUPS(sum, t.vectorAt(c, v))
			}
		}
		t.ADDQ(ldc, c)
	}
}

// packRows copies rows that are already contiguous.
func (s isa) packRows(masks operand.Mem, vectors int) {
	s.begin(fmt.Sprint("packRows", vectors), "func(dst *float32, ds int, src *float32, ss, rows, tail int)",
		fmt.Sprintf("copies rows of %d vectors, the last with only tail elements, padded with 0.", vectors))
	mask := s.mask(masks)
	dst, ds, src, ss, rows := s.int("dst"), s.int("ds"), s.int("src"), s.int("ss"), s.int("rows")
	s.SHLQ(operand.Imm(2), ds)
	s.SHLQ(operand.Imm(2), ss)
	t := tile{isa: s, vectors: vectors, masked: true}
	s.Label("loop")
	for v := range vectors {
		x := s.vec()
		if t.last(v) {
			s.loadTail(t.vectorAt(src, v), mask, x)
		} else {
			s.VMOVUPS(t.vectorAt(src, v), x)
		}
		s.VMOVUPS(x, t.vectorAt(dst, v))
	}
	s.ADDQ(ss, src)
	s.ADDQ(ds, dst)
	s.DECQ(rows)
	s.JNE(operand.LabelRef("loop"))
	s.end()
}

// packTranspose serves both levels: at 512 bits the shuffles are no faster.
func (s isa) packTranspose() {
	s.transposing("packTranspose", "func(dst *float32, ds int, src *float32, ss, rows, cols int)",
		"transposes 8 rows; for fewer, the last one is repeated. cols is a multiple of 8.", "cols", 32, s.transpose)
}

// transposing is a function that takes blocks of 8 rows, of which each is some bytes of a row of src,
// until the parameter count, a multiple of 8, is used up.
func (s isa) transposing(name, signature, doc, count string, bytes uint64, block func(src []reg.Register) []reg.Register) {
	s.begin(name, signature, doc)
	dst, ds := s.int("dst"), s.int("ds")
	s.SHLQ(operand.Imm(2), ds)
	src := s.eightRows()
	left := s.int(count)
	s.Label("loop")
	for _, row := range block(src) {
		s.VMOVUPS(row, operand.Mem{Base: dst})
		s.ADDQ(ds, dst)
	}
	for i := range src {
		s.ADDQ(operand.Imm(bytes), src[i])
	}
	s.SUBQ(operand.Imm(8), left)
	s.JNE(operand.LabelRef("loop"))
	s.end()
}

// eightRows are the addresses of rows of src; of the last one where there are fewer.
func (s isa) eightRows() []reg.Register {
	ss, rows := s.int("ss"), s.int("rows")
	s.SHLQ(operand.Imm(2), ss)
	src := []reg.Register{s.int("src")}
	for i := 1; i < 8; i++ {
		next := s.GP64()
		s.XORQ(next, next)
		s.CMPQ(rows, operand.Imm(uint64(i)))
		s.CMOVQGT(ss, next)
		s.ADDQ(src[i-1], next)
		src = append(src, next)
	}
	return src
}

// transpose loads an 8x8 block so that one step of the usual three, swapping
// the 128-bit halves, is done by the loads.
func (s isa) transpose(src []reg.Register) []reg.Register {
	half := make([]reg.VecVirtual, 8)
	low := s.XMM() // one for all: loaded in part, it is taken to live on through the loop
	for i := range half {
		row, col := i%4, i/4*4
		half[i] = s.YMM()
		s.VMOVUPS(operand.Mem{Base: src[row], Disp: 4 * col}, low)
		s.VINSERTF128(operand.Imm(1), operand.Mem{Base: src[row+4], Disp: 4 * col}, low.AsY(), half[i])
	}
	return s.transposeHalves(half)
}

// transposeHalves takes vectors of four columns each: of rows 0 and 4, 1 and 5, ..., then the
// next four columns.
func (s isa) transposeHalves(half []reg.VecVirtual) []reg.Register {
	var out []reg.Register
	for i := 0; i < 8; i += 4 {
		// Pairs of rows interleaved, then pairs of pairs.
		p := []reg.VecVirtual{s.YMM(), s.YMM(), s.YMM(), s.YMM()}
		s.VUNPCKLPS(half[i+1], half[i], p[0])
		s.VUNPCKHPS(half[i+1], half[i], p[1])
		s.VUNPCKLPS(half[i+3], half[i+2], p[2])
		s.VUNPCKHPS(half[i+3], half[i+2], p[3])
		for j := range 2 {
			even, odd := s.YMM(), s.YMM()
			s.VSHUFPS(operand.Imm(0x44), p[j+2], p[j], even)
			s.VSHUFPS(operand.Imm(0xee), p[j+2], p[j], odd)
			out = append(out, even, odd)
		}
	}
	return out
}

// peak has enough independent sums to hide the latency on any CPU.
func (s isa) peak() {
	s.begin("peak", "func(iterations int)", fmt.Sprintf("does 48 FMAs of %d lanes in each iteration.", s.lanes))
	n := s.int("iterations")
	x := s.zero()
	var sums []reg.VecVirtual
	for range 12 {
		sums = append(sums, s.zero())
	}
	s.Label("loop")
	for i := range 48 {
		s.VFMADD231PS(x, x, sums[i%12])
	}
	s.DECQ(n)
	s.JNE(operand.LabelRef("loop"))
	s.end()
}

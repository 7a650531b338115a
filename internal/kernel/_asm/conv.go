package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of convTile in package kernel. Strides are in bytes.
const (
	tileA      = 8 * iota
	tileB      // packed: one row of all columns for each step
	tileC      // the result
	tileInner  // steps of stride tileCS
	tileOuter  // runs of inner steps
	tileImages // runs of outer runs
	tileRS     // of A between rows in a group of four
	tileGS     // of A between groups
	tileCS     // of A along inner
	tileOS     // added to A after inner steps
	tileIS     // added to A after outer runs
	tileBS     // of B
	tileLDC    // of C between rows in a group
	tileGC     // of C between groups
	tileAdd    // whether to add to C
	tileFetch  // what will be read next; moved on
	tileStep   // added to it with each step along inner
)

// convKernels are micro-kernels for convolutions: register tiles as in gemm.go,
// but the rows of A come in groups of four, and A is read in runs within runs, so
// that it need not be copied into the order of the products.
func convKernels(c *build.Context) {
	levels(c, func(s isa) { s.convTiles(nil) })
}

// convTiles generates the tiles, of pairs of bfloat16 if words is not nil.
func (s isa) convTiles(words *words) {
	for _, vectors := range []int{1, 2} {
		rows := s.maxRows()
		if vectors == 1 && s.wide {
			rows = 16
		}
		if vectors == 1 && !s.wide {
			continue
		}
		for r := 1; r <= rows; r++ {
			convTile{isa: s, rows: r, vectors: vectors, words: words}.generate()
		}
	}
}

type convTile struct {
	isa
	rows, vectors int
	words         *words // of pairs of bfloat16, or nil
	args          reg.Register
	bases         []reg.Register
	rs, rs3       reg.Register
	acc           [][]reg.VecVirtual
}

func (t convTile) generate() {
	name := "conv"
	if t.words != nil {
		name = "convWords"
	}
	t.begin(fmt.Sprintf("%s%dx%d", name, t.rows, t.vectors), "func(tile **float32)",
		fmt.Sprintf("multiplies %d rows by %d vectors of columns.", t.rows, t.vectors))
	t.args = t.int("tile")
	t.start()
	if t.words != nil {
		t.words.flushed(t.multiply)
	} else {
		t.multiply()
	}
	t.store()
	t.end()
}

func (t *convTile) field(disp int) operand.Mem { return operand.Mem{Base: t.args, Disp: disp} }

func (t *convTile) get(disp int) reg.Register { return t.argument(t.args, disp) }

// start sets up addresses and clears the sums.
func (t *convTile) start() {
	t.bases = []reg.Register{t.get(tileA)}
	t.rs = t.get(tileRS)
	if t.rows > 3 {
		t.rs3 = t.GP64()
		t.LEAQ(operand.Mem{Base: t.rs, Index: t.rs, Scale: 2}, t.rs3)
	}
	for i := 4; i < t.rows; i += 4 {
		base := t.get(tileGS)
		t.ADDQ(t.bases[len(t.bases)-1], base)
		t.bases = append(t.bases, base)
	}
	t.acc = make([][]reg.VecVirtual, t.rows)
	for i := range t.acc {
		for range t.vectors {
			t.acc[i] = append(t.acc[i], t.zero())
		}
	}
}

// row is the address of row i in A.
func (t *convTile) row(i int) operand.Mem {
	m := operand.Mem{Base: t.bases[i/4]}
	switch i % 4 {
	case 1, 2:
		m.Index, m.Scale = t.rs, uint8(i%4)
	case 3:
		m.Index, m.Scale = t.rs3, 1
	}
	return m
}

func (t *convTile) advance(by operand.Op) {
	for _, base := range t.bases {
		t.ADDQ(by, base)
	}
}

func (t *convTile) multiply() {
	b, bs, cs := t.get(tileB), t.get(tileBS), t.get(tileCS)
	images, fetch := t.get(tileImages), t.get(tileFetch)
	t.Label("image")
	outer := t.get(tileOuter)
	t.Label("outer")
	inner := t.get(tileInner)
	t.Label("inner")
	load := func(v int, to reg.VecVirtual) { t.VMOVUPS(operand.Mem{Base: b, Disp: 4 * t.lanes * v}, to) }
	next := func() { t.ADDQ(bs, b) }
	if t.words != nil {
		t.words.products(load, next, t.row, t.acc)
	} else {
		t.products(multiplyAdd{t.VFMADD231PS, t.VFMADD231PS_BCST}, load, next, t.row, t.acc)
	}
	t.advance(cs)
	t.PREFETCHT1(operand.Mem{Base: fetch})
	t.ADDQ(t.field(tileStep), fetch)
	t.DECQ(inner)
	t.JNE(operand.LabelRef("inner"))
	t.advance(t.field(tileOS))
	t.DECQ(outer)
	t.JNE(operand.LabelRef("outer"))
	t.advance(t.field(tileIS))
	t.DECQ(images)
	t.JNE(operand.LabelRef("image"))
	t.MOVQ(fetch, t.field(tileFetch))
}

func (t *convTile) store() {
	ldc, c := t.get(tileLDC), t.get(tileC)
	t.CMPQ(t.field(tileAdd), operand.Imm(0))
	t.JEQ(operand.LabelRef("store"))
	t.eachRow(c, ldc, func(m operand.Mem, sum reg.VecVirtual) { t.VADDPS(m, sum, sum) })
	t.Label("store")
	t.MOVQ(t.field(tileC), c)
	t.eachRow(c, ldc, func(m operand.Mem, sum reg.VecVirtual) { t.VMOVUPS(sum, m) })
}

func (t *convTile) eachRow(c, ldc reg.Register, f func(operand.Mem, reg.VecVirtual)) {
	row := t.GP64()
	t.MOVQ(c, row)
	for i := range t.acc {
		if i > 0 && i%4 == 0 {
			t.ADDQ(t.field(tileGC), c)
			t.MOVQ(c, row)
		}
		for v, sum := range t.acc[i] {
			f(operand.Mem{Base: row, Disp: 4 * t.lanes * v}, sum)
		}
		if i%4 < 3 && i+1 < t.rows {
			t.ADDQ(ldc, row)
		}
	}
}

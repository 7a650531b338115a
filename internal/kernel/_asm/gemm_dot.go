package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A dotTile is one micro-kernel of C = A Bᵀ for narrow C: it takes dot products
// along k, so that all lanes are in use however few columns there are, and reads
// both operands where they are.
type dotTile struct {
	isa
	masks      operand.Mem
	rows, cols int
}

// dotStep is how many elements of k a step takes, at both levels.
const dotStep = 16

// dotKernels has tiles that leave registers for one row's part of A and, in each
// vector of a step, all of B's.
func (s isa) dotKernels(masks operand.Mem) {
	rows, cols := 3, 2
	if s.wide {
		rows, cols = 6, 4
	}
	for n := 1; n <= cols; n++ {
		dotTile{s, masks, rows, n}.generate()
	}
}

func (t dotTile) generate() {
	t.begin(fmt.Sprint("gemmDot", t.cols), "func(rows, k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc, add int)",
		fmt.Sprintf("is C = A Bᵀ, or C += A Bᵀ if add != 0, for %d columns.", t.cols))
	rows, a, b, c := t.int("rows"), t.int("a"), t.int("b"), t.int("c")
	whole := t.whole()
	a, b = t.offset(a, whole), t.offset(b, whole)
	cols, ldb := []reg.Register{b}, t.int("ldb")
	for j := 1; j < t.cols; j++ {
		cols = append(cols, t.offset(cols[j-1], ldb))
	}
	t.Label("tile")
	acc := t.multiply(t.nextRows(a, rows), cols)
	t.update(acc, rows, c)
	t.JNE(operand.LabelRef("tile"))
	t.Label("done")
	t.end()
}

// offset returns p moved on by n elements.
func (s isa) offset(p, n reg.Register) reg.Register {
	q := s.GP64()
	s.LEAQ(operand.Mem{Base: p, Index: n, Scale: 4}, q)
	return q
}

// whole is the part of k in whole steps.
func (t dotTile) whole() reg.Register {
	n := t.int("k")
	t.ANDQ(operand.I32(-dotStep), n)
	return n
}

// nextRows returns a tile's rows of A and moves a behind them. For fewer than a
// tile's, the last one is repeated.
func (t dotTile) nextRows(a, rows reg.Register) []reg.Register {
	lda, step := t.int("lda"), t.GP64()
	t.SHLQ(operand.Imm(2), lda)
	out := make([]reg.Register, t.rows)
	for i := range out {
		out[i] = t.GP64()
		t.MOVQ(a, out[i])
		t.XORQ(step, step)
		t.CMPQ(rows, operand.Imm(uint64(i+1)))
		t.CMOVQGT(lda, step)
		t.ADDQ(step, a)
	}
	return out
}

// multiply returns the partial sums of the tile: for each element as many vectors
// as make a step. a and b point behind the whole steps.
func (t dotTile) multiply(a, b []reg.Register) [][][]reg.VecVirtual {
	acc := make([][][]reg.VecVirtual, t.rows)
	for i := range acc {
		acc[i] = make([][]reg.VecVirtual, t.cols)
		for j := range acc[i] {
			for range dotStep / t.lanes {
				acc[i][j] = append(acc[i][j], t.zero())
			}
		}
	}
	index := t.whole()
	t.NEGQ(index)
	t.JEQ(operand.LabelRef("rest"))
	t.Label("loop")
	for h := range dotStep / t.lanes {
		t.step(acc, a, b, index, h, t.load)
	}
	t.ADDQ(operand.Imm(dotStep), index)
	t.JNE(operand.LabelRef("loop"))
	t.Label("rest")
	rest := t.int("k")
	t.ANDQ(operand.Imm(dotStep-1), rest)
	t.JEQ(operand.LabelRef("sums"))
	for h := range dotStep / t.lanes {
		mask := t.restMask(rest, h)
		t.step(acc, a, b, nil, h, func(m operand.Mem) reg.VecVirtual {
			v := t.vec()
			t.loadTail(m, mask, v)
			return v
		})
	}
	t.Label("sums")
	return acc
}

// step multiplies vector h of a step.
func (t dotTile) step(acc [][][]reg.VecVirtual, a, b []reg.Register, index reg.Register, h int, load func(operand.Mem) reg.VecVirtual) {
	cols := make([]reg.VecVirtual, t.cols)
	for j := range cols {
		cols[j] = load(at(b[j], index, h*t.lanes))
	}
	for i := range acc {
		row := load(at(a[i], index, h*t.lanes))
		for j, col := range cols {
			t.VFMADD231PS(row, col, acc[i][j][h])
		}
	}
}

// restMask is the mask of vector h of the last step, of rest elements.
func (t dotTile) restMask(rest reg.Register, h int) reg.Register {
	if t.wide {
		return t.maskOf(t.masks, rest)
	}
	n, limit := t.GP64(), t.GP64()
	t.MOVQ(rest, n)
	if h == 0 {
		t.MOVQ(operand.I32(t.lanes), limit)
		t.CMPQ(n, limit)
		t.CMOVQGT(limit, n)
	} else {
		t.XORQ(limit, limit)
		t.SUBQ(operand.Imm(uint64(t.lanes)), n)
		t.CMOVQLT(limit, n)
	}
	return t.maskOf(t.masks, n)
}

// update writes the sums to C, or adds them, and moves c behind the tile. It
// counts rows down; the flags say whether any are left.
func (t dotTile) update(acc [][][]reg.VecVirtual, rows, c reg.Register) {
	ldc, add := t.int("ldc"), t.int("add")
	t.SHLQ(operand.Imm(2), ldc)
	for i := range acc {
		sum := t.sum(acc[i])
		store := fmt.Sprint("store", i)
		t.TESTQ(add, add)
		t.JEQ(operand.LabelRef(store))
		t.VADDPS(t.loadRow(c), sum, sum)
		t.Label(store)
		t.storeRow(sum, c)
		t.ADDQ(ldc, c)
		t.DECQ(rows)
		if i < t.rows-1 {
			t.JEQ(operand.LabelRef("done"))
		}
	}
}

// sum adds up the partial sums of a row: halves of 16, neighbours of 8, then
// neighbours of 4, then the two left. The order is the same at both levels.
func (t dotTile) sum(row [][]reg.VecVirtual) reg.VecVirtual {
	eight := make([]reg.VecVirtual, 4)
	for j := range eight {
		if j >= t.cols {
			eight[j] = eight[t.cols-1] // fills a lane that is not stored
			continue
		}
		eight[j] = t.YMM()
		if t.wide {
			t.VEXTRACTF64X4(operand.Imm(1), row[j][0], eight[j])
			t.VADDPS(row[j][0].AsY(), eight[j], eight[j])
		} else {
			t.VADDPS(row[j][1], row[j][0], eight[j])
		}
	}
	four := t.neighbours(eight[0], eight[1])
	if t.cols > 2 {
		four = t.neighbours(four, t.neighbours(eight[2], eight[3]))
	} else {
		four = t.neighbours(four, four)
	}
	high := t.XMM()
	if t.wide { // registers above 15 exist
		t.VEXTRACTF32X4(operand.Imm(1), four, high)
	} else {
		t.VEXTRACTF128(operand.Imm(1), four, high)
	}
	t.VADDPS(four.AsX(), high, high)
	return high
}

// neighbours is VHADDPS, for all registers.
func (t dotTile) neighbours(x, y reg.VecVirtual) reg.VecVirtual {
	even, odd := t.YMM(), t.YMM()
	t.VSHUFPS(operand.Imm(0x88), y, x, even)
	t.VSHUFPS(operand.Imm(0xdd), y, x, odd)
	t.VADDPS(odd, even, even)
	return even
}

// loadRow returns the tile's elements of a row of C.
func (t dotTile) loadRow(c reg.Register) reg.VecVirtual {
	v, m, third := t.XMM(), operand.Mem{Base: c}, operand.Mem{Base: c, Disp: 8}
	switch t.cols {
	case 1:
		t.VMOVSS(m, v)
	case 2:
		t.VMOVSD(m, v)
	case 3:
		t.VMOVSD(m, v)
		t.VINSERTPS(operand.Imm(0x20), third, v, v)
	case 4:
		t.VMOVUPS(m, v)
	}
	return v
}

func (t dotTile) storeRow(v reg.VecVirtual, c reg.Register) {
	m, third := operand.Mem{Base: c}, operand.Mem{Base: c, Disp: 8}
	switch t.cols {
	case 1:
		t.VMOVSS(v, m)
	case 2:
		t.VMOVSD(v, m)
	case 3:
		t.VMOVSD(v, m)
		t.VEXTRACTPS(operand.Imm(2), v, third)
	case 4:
		t.VMOVUPS(v, m)
	}
}

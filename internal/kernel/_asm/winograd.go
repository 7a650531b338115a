package main

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of winogradPass in package kernel, which begins with six
// slices to read. Strides are in bytes.
const (
	passDst    = 144 // slice
	passDS     = 168 // between results
	passBlocks = 176 // of 16 elements
	passSI     = 184 // of the sources, between blocks
	passDI     = 192 // of the result
	passCount  = 200 // runs of blocks
	passSO     = 208 // after a run
	passDO     = 216
	passRounds = 224 // rounds of runs
	passSR     = 232 // after a round
	passDR     = 240
	passPair   = 248 // from a vector to its partner, of which words are made
)

// Winograd's F(4x4, 3x3) interpolates at 0, +-a, +-b and infinity; the same points
// are in winograd_go.go, with the formulas.
type points struct {
	name string
	a, b float64
}

var winogradPoints = []points{{"", 1, 2}, {"Close", 5. / 8, 3. / 2}}

// winogradKernels are the one-dimensional transforms, of vectors anywhere.
func winogradKernels(c *build.Context) {
	names := map[float64]operand.Mem{}
	levels(c, func(s isa) {
		for _, at := range winogradPoints {
			for _, w := range []winograd{
				{name: "Input", in: 6, formula: (*winograd).input},
				{name: "Output", in: 6, formula: (*winograd).output},
				{name: "OutputAdd", in: 6, formula: (*winograd).output, adds: true},
				{name: "Spread", in: 4, formula: (*winograd).spread},
				{name: "Kernel", in: 3, formula: (*winograd).kernel},
				{name: "Gather", in: 6, formula: (*winograd).gather},
				{name: "GatherAdd", in: 6, formula: (*winograd).gather, adds: true},
			} {
				w.isa, w.points, w.table = s, at, names
				w.generate()
			}
		}
	})
	s := newWords(isa{c, bf16Level, true, 16})
	for _, w := range []winograd{
		{name: "InputNarrow", in: 6, formula: (*winograd).input, words: s.narrow},
		{name: "InputJoin", in: 6, formula: (*winograd).input, words: s.join},
		{name: "SpreadJoin", in: 4, formula: (*winograd).spread, words: s.join},
		{name: "KernelJoin", in: 3, formula: (*winograd).kernel, words: s.join},
	} {
		w.isa, w.points, w.table, w.start = s.isa, winogradPoints[1], names, s.ordered
		w.generate()
	}
}

type winograd struct {
	isa
	points
	name    string
	in      int
	adds    bool // to what is there
	formula func(w *winograd, x []value)
	put     func(i int, v value) // stores result i

	start func()                 // sets up words
	words func(x, y value) value // makes words of results for a vector and its partner, or nil

	table  map[float64]operand.Mem
	consts map[float64]reg.VecVirtual
	dry    bool // only collect the constants
}

type value = reg.VecVirtual

// A term is c*x.
type term struct {
	c float64
	x value
}

// sum emits a sum of terms. The first may have any coefficient.
func (w *winograd) sum(terms ...term) value {
	for _, t := range terms {
		if c := math.Abs(t.c); c != 1 && w.dry {
			w.consts[c] = nil
		}
	}
	if w.dry {
		return nil
	}
	v := w.vec()
	first, second, rest := terms[0], terms[1], terms[1:]
	switch {
	case first.c == 1 && math.Abs(second.c) == 1:
		if second.c == 1 {
			w.VADDPS(second.x, first.x, v)
		} else {
			w.VSUBPS(second.x, first.x, v)
		}
		rest = terms[2:]
	case first.c == 1:
		w.VMOVAPS(first.x, v)
	case first.c > 0:
		w.VMULPS(w.consts[first.c], first.x, v)
	default:
		panic("a sum must begin with a positive term")
	}
	for _, t := range rest {
		switch {
		case t.c == 1:
			w.VADDPS(t.x, v, v)
		case t.c == -1:
			w.VSUBPS(t.x, v, v)
		case t.c > 0:
			w.VFMADD231PS(w.consts[t.c], t.x, v)
		default:
			w.VFNMADD231PS(w.consts[-t.c], t.x, v)
		}
	}
	return v
}

// pair stores x+c*y and x-c*y.
func (w *winograd) pair(i int, x value, c float64, y value) {
	w.put(i, w.sum(term{1, x}, term{c, y}))
	w.put(i+1, w.sum(term{1, x}, term{-c, y}))
}

func (w *winograd) input(d []value) {
	a, b := w.a, w.b
	w.put(0, w.sum(term{1, d[4]}, term{-(a*a + b*b), d[2]}, term{a * a * b * b, d[0]}))
	w.put(5, w.sum(term{1, d[5]}, term{-(a*a + b*b), d[3]}, term{a * a * b * b, d[1]}))
	w.pair(1, w.sum(term{b * b, d[2]}, term{-1, d[4]}), a, w.sum(term{b * b, d[1]}, term{-1, d[3]}))
	w.pair(3, w.sum(term{1, d[4]}, term{-a * a, d[2]}), b, w.sum(term{1, d[3]}, term{-a * a, d[1]}))
}

// halves returns the sums and differences of what belongs to +-a and to +-b.
func (w *winograd) halves(m []value) (s, d, t, e value) {
	s, d = w.sum(term{1, m[1]}, term{1, m[2]}), w.sum(term{1, m[1]}, term{-1, m[2]})
	t, e = w.sum(term{1, m[3]}, term{1, m[4]}), w.sum(term{1, m[3]}, term{-1, m[4]})
	return s, d, t, e
}

func (w *winograd) output(m []value) {
	a, b := w.a, w.b
	s, d, t, e := w.halves(m)
	w.put(0, w.sum(term{1, m[0]}, term{1, s}, term{1, t}))
	w.put(1, w.sum(term{a, d}, term{b, e}))
	w.put(2, w.sum(term{a * a, s}, term{b * b, t}))
	w.put(3, w.sum(term{1, m[5]}, term{a * a * a, d}, term{b * b * b, e}))
}

func (w *winograd) spread(y []value) {
	a, b := w.a, w.b
	w.put(0, y[0])
	w.pair(1, w.sum(term{1, y[0]}, term{a * a, y[2]}), 1, w.sum(term{a, y[1]}, term{a * a * a, y[3]}))
	w.pair(3, w.sum(term{1, y[0]}, term{b * b, y[2]}), 1, w.sum(term{b, y[1]}, term{b * b * b, y[3]}))
	w.put(5, y[3])
}

// norms are what the points' polynomials are divided by. That of +-a is negative;
// input has the sign instead.
func (p points) norms() (n0, na, nb float64) {
	a, b := p.a, p.b
	return a * a * b * b, 2 * a * a * (b*b - a*a), 2 * b * b * (b*b - a*a)
}

func (w *winograd) kernel(g []value) {
	a, b := w.a, w.b
	n0, na, nb := w.norms()
	w.put(0, w.scaled(1/n0, g[0]))
	w.pair(1, w.sum(term{1 / na, g[0]}, term{a * a / na, g[2]}), 1, w.scaled(a/na, g[1]))
	w.pair(3, w.sum(term{1 / nb, g[0]}, term{b * b / nb, g[2]}), 1, w.scaled(b/nb, g[1]))
	w.put(5, g[2])
}

func (w *winograd) gather(m []value) {
	a, b := w.a, w.b
	n0, na, nb := w.norms()
	s, d, t, e := w.halves(m)
	w.put(0, w.sum(term{1 / n0, m[0]}, term{1 / na, s}, term{1 / nb, t}))
	w.put(1, w.sum(term{b / nb, e}, term{a / na, d}))
	w.put(2, w.sum(term{1, m[5]}, term{a * a / na, s}, term{b * b / nb, t}))
}

// scaled is c*x.
func (w *winograd) scaled(c float64, x value) value {
	if c == 1 {
		return x
	}
	if w.dry {
		w.consts[c] = nil
		return nil
	}
	v := w.vec()
	w.VMULPS(w.consts[c], x, v)
	return v
}

// constants loads what the formula needs.
func (w *winograd) constants() {
	w.consts = map[float64]reg.VecVirtual{}
	w.dry = true
	w.put = func(int, value) {}
	w.formula(w, make([]value, 6))
	w.dry = false
	for _, c := range slices.Sorted(maps.Keys(w.consts)) {
		m, ok := w.table[c]
		if !ok {
			m = w.ConstData(fmt.Sprintf("winograd%d", len(w.table)), operand.U32(math.Float32bits(float32(c))))
			w.table[c] = m
		}
		v := w.vec()
		w.VBROADCASTSS(m, v)
		w.consts[c] = v
	}
}

func (w *winograd) generate() {
	doc := fmt.Sprintf("transforms %d vectors.", w.in)
	if w.words != nil {
		doc = fmt.Sprintf("transforms %d vectors and their partners, to words.", w.in)
	}
	w.begin("winograd"+w.name+w.points.name, "func(p *[]float32)", doc)
	if w.start != nil {
		w.start()
	}
	args := w.int("p")
	field := func(disp int) operand.Mem { return operand.Mem{Base: args, Disp: disp} }
	get := func(disp int) reg.Register { return w.argument(args, disp) }
	w.constants()
	var src []reg.Register
	for i := range w.in {
		src = append(src, get(24*i))
	}
	dst, ds, ds3, index, count := get(passDst), get(passDS), w.GP64(), w.GP64(), w.GP64()
	w.LEAQ(operand.Mem{Base: ds, Index: ds, Scale: 2}, ds3)
	w.XORQ(index, index)
	w.Label("round")
	w.MOVQ(field(passCount), count)
	w.Label("run")
	blocks := get(passBlocks)
	w.Label("block")
	w.block(src, index, dst, ds, ds3, field(passPair))
	w.ADDQ(field(passSI), index)
	w.ADDQ(field(passDI), dst)
	w.DECQ(blocks)
	w.JNE(operand.LabelRef("block"))
	w.ADDQ(field(passSO), index)
	w.ADDQ(field(passDO), dst)
	w.DECQ(count)
	w.JNE(operand.LabelRef("run"))
	w.ADDQ(field(passSR), index)
	w.ADDQ(field(passDR), dst)
	w.DECQ(field(passRounds)) // the caller does not need it any more
	w.JNE(operand.LabelRef("round"))
	w.end()
}

// block transforms 16 elements.
func (w *winograd) block(src []reg.Register, index, dst, ds, ds3 reg.Register, pair operand.Mem) {
	half := w.GP64()
	w.LEAQ(operand.Mem{Base: dst, Index: ds, Scale: 2}, half)
	for part := 0; part < 16; part += w.lanes {
		to := []operand.Mem{{Base: dst}, {Base: dst, Index: ds, Scale: 1}, {Base: half},
			{Base: dst, Index: ds3, Scale: 1}, {Base: half, Index: ds, Scale: 2}, {Base: half, Index: ds3, Scale: 1}}
		w.put = func(i int, v value) {
			m := to[i]
			m.Disp = 4 * part
			if w.adds {
				w.VADDPS(m, v, v)
			}
			w.VMOVUPS(v, m)
		}
		x := w.vectors(src, index, part)
		if w.words != nil {
			store := w.put
			var first [6]value
			w.put = func(i int, v value) { first[i] = v }
			w.formula(w, x)
			w.ADDQ(pair, index)
			x = w.vectors(src, index, part)
			w.SUBQ(pair, index)
			w.put = func(i int, v value) { store(i, w.words(first[i], v)) }
		}
		w.formula(w, x)
	}
}

func (w *winograd) vectors(src []reg.Register, index reg.Register, part int) []value {
	x := make([]value, w.in)
	for i := range x {
		x[i] = w.load(operand.Mem{Base: src[i], Index: index, Scale: 1, Disp: 4 * part})
	}
	return x
}

package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of lanesTile in package kernel. Strides are in bytes.
const (
	lanesX      = 8 * iota
	lanesW      // a vector for each tap
	lanesY      // the result
	lanesTaps   // pairs of offsets, from x and from w
	lanesCount  // of taps, may be 0
	lanesRows   // of pixels
	lanesXRow   // from row to row
	lanesYRow   // likewise
	lanesYPixel // from pixel to pixel
	lanesTail   // lanes of y
	lanesAdd    // whether to add to y
	lanesFetch  // what will be written next; moved on
	lanesStep   // by this much with each pixel
)

// Offsets of the fields of lanesSums.
const (
	sumsX       = 8 * iota
	sumsDY      // what x is multiplied with
	sumsDst     // a vector for each offset, added to
	sumsRows    // of pixels
	sumsPixels  // of a row
	sumsXRow    // added to x after a row, with its pixels
	sumsDYRow   // likewise
	sumsDYPixel // from pixel to pixel
	sumsTail    // lanes of dy
	sumsFetch   // what will be read next; moved on
	sumsStep    // by this much with each pixel
	sumsOffsets // of x
)

// Offsets of the fields of lanesCopy.
const (
	copyDst = 8 * iota
	copySrc
	copyRows
	copyPixels
	copyDstRow   // from row to row
	copySrcRow   // likewise
	copySrcPixel // from pixel to pixel
	copyTail     // elements of a pixel in src
	copyIndex    // vectors of lanes
	copyCount    // of them
	copyPlane    // of dst, from one to the next
	copyFetch    // what will be read next; moved on
	copyStep     // by this much with each pixel
)

const (
	lanesPixels = 14 // of the largest tile
	sumsTaps    = 9
)

// lanesKernels are for convolutions in which each lane has a channel of its own.
func lanesKernels(c *build.Context) {
	masks := tailMasks(c)
	levels(c, func(s isa) {
		for n := 1; n <= lanesPixels; n++ {
			lanes{isa: s, masks: masks}.tile(n)
		}
		for n := 1; n <= sumsTaps; n++ {
			lanes{isa: s, masks: masks}.sums(n)
		}
		lanes{isa: s, masks: masks}.copy(false)
		lanes{isa: s, masks: masks}.copy(true)
	})
}

type lanes struct {
	isa
	masks operand.Mem
	args  reg.Register
}

func (l *lanes) start(name, sig, doc string) {
	l.begin(name, sig, doc)
	l.args = l.int("args")
}

func (l *lanes) field(disp int) operand.Mem { return operand.Mem{Base: l.args, Disp: disp} }

func (l *lanes) get(disp int) reg.Register {
	r := l.GP64()
	l.MOVQ(l.field(disp), r)
	return r
}

// loop runs body as often as a register says, at least once.
func (l *lanes) loop(name string, n reg.Register, body func()) {
	l.Label(name)
	body()
	l.DECQ(n)
	l.JNE(operand.LabelRef(name))
}

func (l lanes) tile(pixels int) {
	l.start(fmt.Sprint("lanes", pixels), "func(args **float32)",
		fmt.Sprintf("sets %d pixels of each row to the sums of the products of taps.", pixels))
	x, y := l.get(lanesX), l.get(lanesY)
	w, pixel := l.get(lanesW), l.get(lanesYPixel)
	rows := l.get(lanesRows)
	fetch := l.get(lanesFetch)
	l.loop("row", rows, func() {
		for range pixels {
			l.PREFETCHT1(operand.Mem{Base: fetch})
			l.ADDQ(l.field(lanesStep), fetch)
		}
		var acc []reg.VecVirtual
		for range pixels {
			acc = append(acc, l.zero())
		}
		taps, n := l.get(lanesTaps), l.get(lanesCount)
		l.TESTQ(n, n)
		l.JEQ(operand.LabelRef("summed"))
		l.loop("tap", n, func() {
			from, at, v := l.GP64(), l.GP64(), l.vec()
			l.MOVQ(operand.Mem{Base: taps}, from)
			l.MOVQ(operand.Mem{Base: taps, Disp: 8}, at)
			l.ADDQ(operand.Imm(16), taps)
			l.ADDQ(x, from)
			l.VMOVUPS(operand.Mem{Base: w, Index: at, Scale: 1}, v)
			for i, sum := range acc {
				l.VFMADD231PS(operand.Mem{Base: from, Disp: 4 * l.lanes * i}, v, sum)
			}
		})
		l.Label("summed")
		l.store(acc, y, pixel)
		l.ADDQ(l.field(lanesXRow), x)
		l.ADDQ(l.field(lanesYRow), y)
	})
	l.MOVQ(fetch, l.field(lanesFetch))
	l.end()
}

// store writes a row of pixels, or adds it. Masked stores are slow at 256 bits: whole vectors
// do without.
func (l *lanes) store(acc []reg.VecVirtual, y, pixel reg.Register) {
	var mask reg.Register
	if l.wide {
		mask = l.maskOf(l.masks, l.get(lanesTail))
	} else {
		l.CMPQ(l.field(lanesTail), operand.Imm(uint64(l.lanes)))
		l.JNE(operand.LabelRef("part"))
		l.rows(acc, y, pixel, "add", func(m operand.Mem, v reg.VecVirtual) { l.VADDPS(m, v, v) },
			func(m operand.Mem, v reg.VecVirtual) { l.VMOVUPS(v, m) })
		l.JMP(operand.LabelRef("stored"))
		l.Label("part")
		mask = l.maskOf(l.masks, l.get(lanesTail))
	}
	l.rows(acc, y, pixel, "addPart", func(m operand.Mem, v reg.VecVirtual) {
		old := l.vec()
		l.loadTail(m, mask, old)
		l.VADDPS(old, v, v)
	}, func(m operand.Mem, v reg.VecVirtual) { l.storeTail(v, mask, m) })
	l.Label("stored")
}

// rows calls add for all pixels, if that is asked for, and then put.
func (l *lanes) rows(acc []reg.VecVirtual, y, pixel reg.Register, label string, add, put func(operand.Mem, reg.VecVirtual)) {
	l.when(l.field(lanesAdd), 1, label, func() { l.pixels(acc, y, pixel, add) })
	l.pixels(acc, y, pixel, put)
}

func (l *lanes) pixels(acc []reg.VecVirtual, y, pixel reg.Register, f func(operand.Mem, reg.VecVirtual)) {
	at := l.GP64()
	l.MOVQ(y, at)
	for i, v := range acc {
		f(operand.Mem{Base: at}, v)
		if i+1 < len(acc) {
			l.ADDQ(pixel, at)
		}
	}
}

func (l lanes) sums(taps int) {
	l.start(fmt.Sprint("lanesSums", taps), "func(args **float32)",
		fmt.Sprintf("adds the products of x at %d offsets with dy, summed over rows of pixels.", taps))
	var from []reg.Register
	var acc []reg.VecVirtual
	for i := range taps {
		p := l.get(sumsOffsets + 8*i)
		l.ADDQ(l.field(sumsX), p)
		from, acc = append(from, p), append(acc, l.zero())
	}
	mask := l.maskOf(l.masks, l.get(sumsTail))
	dy, at, n, fetch := l.get(sumsDY), l.GP64(), l.GP64(), l.get(sumsFetch)
	l.XORQ(at, at)
	l.Label("row")
	l.MOVQ(l.field(sumsPixels), n)
	l.loop("pixel", n, func() {
		v := l.vec()
		l.loadTail(operand.Mem{Base: dy}, mask, v)
		for i, sum := range acc {
			l.VFMADD231PS(operand.Mem{Base: from[i], Index: at, Scale: 1}, v, sum)
		}
		l.PREFETCHT1(operand.Mem{Base: fetch})
		l.ADDQ(l.field(sumsStep), fetch)
		l.ADDQ(l.field(sumsDYPixel), dy)
		l.ADDQ(operand.U32(4*l.lanes), at)
	})
	l.ADDQ(l.field(sumsXRow), at)
	l.ADDQ(l.field(sumsDYRow), dy)
	l.DECQ(l.field(sumsRows))
	l.JNE(operand.LabelRef("row"))
	l.MOVQ(fetch, l.field(sumsFetch))
	dst := l.get(sumsDst)
	for i, sum := range acc {
		m := operand.Mem{Base: dst, Disp: 4 * l.lanes * i}
		l.VADDPS(m, sum, sum)
		l.VMOVUPS(sum, m)
	}
	l.end()
}

func (l lanes) copy(spread bool) {
	name, doc := "lanesCopy", "copies pixels side by side, with 0 in the lanes behind the tail."
	if spread {
		name, doc = "lanesSpread", "copies pixels side by side into planes, each with lanes of its own."
	}
	l.start(name, "func(args **float32)", doc)
	mask := l.maskOf(l.masks, l.get(copyTail))
	dst, src, step, rows := l.get(copyDst), l.get(copySrc), l.get(copySrcPixel), l.get(copyRows)
	fetch, ahead := l.get(copyFetch), l.get(copyStep)
	l.loop("row", rows, func() {
		if spread {
			index, to := l.get(copyIndex), l.GP64()
			l.MOVQ(dst, to)
			l.loop("plane", l.get(copyCount), func() {
				order := l.load(operand.Mem{Base: index})
				l.pixelsOf(to, src, step, mask, func(v reg.VecVirtual) { l.VPERMPS(v, order, v) })
				l.ADDQ(operand.U32(4*l.lanes), index)
				l.ADDQ(l.field(copyPlane), to)
			})
		} else {
			l.pixelsOf(dst, src, step, mask, func(reg.VecVirtual) {
				l.PREFETCHT1(operand.Mem{Base: fetch})
				l.ADDQ(ahead, fetch)
			})
		}
		l.ADDQ(l.field(copyDstRow), dst)
		l.ADDQ(l.field(copySrcRow), src)
	})
	l.MOVQ(fetch, l.field(copyFetch))
	l.end()
}

// pixelsOf copies a row, with something done to each pixel.
func (l *lanes) pixelsOf(dst, src, step, mask reg.Register, f func(v reg.VecVirtual)) {
	to, from, n := l.GP64(), l.GP64(), l.get(copyPixels)
	l.MOVQ(dst, to)
	l.MOVQ(src, from)
	l.loop("pixel", n, func() {
		v := l.vec()
		l.loadTail(operand.Mem{Base: from}, mask, v)
		f(v)
		l.VMOVUPS(v, operand.Mem{Base: to})
		l.ADDQ(step, from)
		l.ADDQ(operand.U32(4*l.lanes), to)
	})
}

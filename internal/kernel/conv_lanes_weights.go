package kernel

import "github.com/monge-ml/monge/internal/par"

// A convLanesWeights is a gradient by the weights. Images and rows are cut into slices, each
// with its own sums, channels into parts.
type convLanesWeights struct {
	lanesGrid
	dy, dw        []float32
	add           bool
	taps          []lanesTap
	perPart       int // blocks
	parts, slices int
	partial       []float32
	bufSums       []float32
	summing       bool
}

var convLanesWeightJobs stash[convLanesWeights]

const (
	lanesPart      = 64 // channels of a part
	maxLanesSlices = 16
)

func (j *convLanesWeights) run(s *Conv, dw, x, dy []float32, add bool) {
	j.target = &ops().target
	j.images, j.dy, j.dw, j.add = s.N, dy, dw, add
	j.lay(s, x)
	j.taps = j.taps[:0]
	for k := range s.KH * s.KW {
		at := j.tap(k/s.KW*s.Dilations[0]-s.Pads[0], k%s.KW*s.Dilations[1]-s.Pads[1])
		for i := range j.inPer {
			j.taps = append(j.taps, lanesTap{x: at + i*j.channelBytes()})
		}
	}
	j.perPart = ceilDiv(lanesPart, j.width)
	j.parts = ceilDiv(j.blocks, j.perPart)
	j.slices = min(maxLanesSlices, j.images*j.rowBlocks, ceilDiv(lanesUnits, ceilDiv(s.O, lanesPart)))
	j.partial = aligned(&j.bufSums, j.slices*j.blocks*j.weights*j.width)
	par.Run(j.slices*j.parts, j)
	j.summing = true
	par.Run(j.blocks, j)
	j.summing = false
	j.target, j.src, j.dy, j.dw, j.partial = nil, nil, nil, nil, nil
	convLanesWeightJobs.put(j)
}

// sums are those of a block in a slice.
func (j *convLanesWeights) sums(slice, block int) []float32 {
	size := j.weights * j.width
	return j.partial[(slice*j.blocks+block)*size:][:size]
}

// Do does one part for one slice, or sums a block of all slices.
func (j *convLanesWeights) Do(seat, i int) {
	if j.summing {
		j.sum(i)
		return
	}
	slice, first := i/j.parts, i%j.parts*j.perPart
	last := min(first+j.perPart, j.blocks)
	clear(j.partial[(slice*j.blocks+first)*j.weights*j.width:][:(last-first)*j.weights*j.width])
	s := lanesScratchs.get(seat)
	units := j.images * j.rowBlocks
	for u := slice * units / j.slices; u < (slice+1)*units/j.slices; u++ {
		image, row := u/j.rowBlocks, u%j.rowBlocks*j.rows
		x := j.begin(s, image, row)
		var step int
		s.sums.fetch, step = j.next(j.dy, (image*j.outH+row+j.rows)*j.outW*j.dstC)
		for block := first; block < last; block++ {
			j.fill(s, x, image, row, block)
			s.sums.step = step
			j.block(s, x, j.sums(slice, block), image, row, block)
		}
	}
	lanesScratchs.put(seat, s)
}

// block adds what some rows of an image give.
func (j *convLanesWeights) block(s *lanesScratch, x, sums []float32, image, row, block int) {
	c := &s.sums
	c.rows, c.pixels = min(j.rows, j.outH-row), j.outW
	c.xRow, c.dyRow, c.dyPixel = 4*(j.planeW-j.outW)*j.width, 0, 4*j.dstC
	c.tail = min(j.used, j.dstC-block*j.used)
	dy := j.dy[(image*j.outH+row)*j.outW*j.dstC+block*j.used:]
	n := ceilDiv(j.weights, sumsTaps)
	for q := range n {
		lo, hi := q*j.weights/n, (q+1)*j.weights/n
		j.lanesSumsRun(c, j.taps[lo:hi], j.width, x, dy, sums[lo*j.width:])
		c.step = 0 // fetched once
	}
	c.x, c.dy, c.sums = nil, nil, nil
}

// sum adds up a block's slices and writes them to dw.
func (j *convLanesWeights) sum(block int) {
	total := j.sums(0, block)
	for s := 1; s < j.slices; s++ {
		addScaled(total, total, 1, j.sums(s, block))
	}
	o0 := block * j.used
	n := min(j.used, j.dstC-o0)
	for k := range j.weights {
		dw, from := j.dw[k*j.dstC+o0:][:n], total[k*j.width:]
		if !j.add {
			copy(dw, from)
			continue
		}
		for i := range dw {
			dw[i] += from[i]
		}
	}
}

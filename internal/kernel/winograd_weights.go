package kernel

import "github.com/monge-ml/monge/internal/par"

// A winogradWeights is a gradient by the weights. A portion of the strips at a time,
// the tiles of the input and of dy are transformed and then multiplied.
//
// With few channels, strips are cut into slices, each with its own sums, and where cores are
// far from each other a unit of work takes one slice through both steps. Otherwise a unit
// is a panel of the output's channels and some channels of the input, and all units read
// the input's tiles. The sums are transformed back at last, or, if all strips are one
// portion, by each unit itself, before they leave the cache.
type winogradWeights struct {
	winogradGrid
	*target
	x, dy    imageRows
	dw       []float32
	add      bool
	top      int // zeros
	left     int
	strips   int
	slices   int
	portion  int // strips that are transformed at one time
	perUnit  int // strips that are transformed by one piece
	depth    int // channels of the input in a unit
	matrices int // of the 36 in a unit
	along    int // rows of the matrices in a strip: tiles, or pairs of them

	precision Precision
	stage     winogradStage
	own       bool // each goroutine transforms what it reads
	slice     int
	all       winogradPairs // the portion at hand
	serial    uint64        // of it
	sums      []float32
	bufV      []float32
	bufY      []float32
	bufS      []float32
}

// winogradPairs are the transformed tiles of the input, and of channels y0 and up of dy,
// for strips first to last.
type winogradPairs struct {
	first, last int
	v, y        []float32
	sizeV       int // of a matrix
	sizeY       int
	y0          int
}

const (
	maxWinogradSlices  = 8
	maxWinogradPartial = 5 << 18 // elements of the sums of all slices
)

var winogradWeightJobs stash[winogradWeights]

func (j *winogradWeights) run(s *Conv, dw, x, dy []float32, add bool) {
	j.target = &ops().target
	j.x, j.dy = newImageRows(x, s.H, s.W, s.C), newImageRows(dy, s.OutH(), s.OutW(), s.O)
	j.dw, j.add, j.top, j.left = dw, add, s.Pads[0], s.Pads[1]
	j.winogradGrid = newWinogradGrid(j.dy.h, j.dy.w)
	j.strips = s.N * j.tilesY
	j.precision, j.along = s.Precision, s.Precision.words(j.tilesX)
	j.depth = min(64, s.C)
	j.slices = max(1, min(maxWinogradSlices, j.strips, maxWinogradPartial/(36*s.C*s.O)))
	blocks := ceilDiv(s.C, j.depth) * ceilDiv(s.O, j.winogradWidth())
	// The sums come and go once for each portion: not more often than pairs do.
	pairs := max(winogradMost.pairs, 18*s.C*s.O)
	most := max(1, pairs/(36*(s.C+s.O)*j.along))
	n := ceilDiv(j.strips, j.slices)
	j.portion = ceilDiv(n, ceilDiv(n, most))
	j.own = ownCopies()
	j.matrices = 36
	if blocks < 16 && !j.own {
		j.matrices = 4
	}
	if j.slices > 1 || j.portion < j.strips || j.matrices < 36 {
		j.sums = aligned(&j.bufS, j.slices*36*s.C*s.O)
	}
	if j.slices > 1 && j.own {
		j.do(stageSlices, j.slices)
	} else {
		for j.slice = range j.slices {
			j.panels(blocks)
		}
		j.slice = 0
	}
	if j.sums != nil {
		j.do(stageGather, blocks)
	}
	j.target, j.x.data, j.dy.data, j.dw, j.sums = nil, nil, nil, nil, nil
	j.all = winogradPairs{}
	winogradWeightJobs.put(j)
}

func (j *winogradWeights) do(stage winogradStage, pieces int) {
	j.stage = stage
	par.Run(pieces, j)
}

// panels does a slice, portion by portion.
func (j *winogradWeights) panels(blocks int) {
	c, o := j.x.c, j.dy.c
	j.perUnit = max(1, 8/j.tilesX)
	lo, hi := j.strip(j.slice), j.strip(j.slice+1)
	for first := lo; first < hi; first += j.portion {
		p := &j.all
		*p = winogradPairs{first: first, last: min(hi, first+j.portion)}
		tiles := (p.last - p.first) * j.along
		p.sizeV, p.sizeY = matrixStride(c*tiles), matrixStride(o*tiles)
		if j.serial = serials.Add(1); !j.own {
			p.v, p.y = aligned(&j.bufV, 36*p.sizeV), aligned(&j.bufY, 36*p.sizeY)
			j.do(stageTiles, ceilDiv(p.last-p.first, j.perUnit))
		}
		j.do(stagePanels, blocks*36/j.matrices)
	}
}

// strip is where slice i starts.
func (j *winogradWeights) strip(i int) int { return i * j.strips / j.slices }

// Do does piece i of a stage.
func (j *winogradWeights) Do(seat, i int) {
	s := getWinogradScratch(seat, j.precision)
	switch j.stage {
	case stageTiles:
		lo := j.all.first + i*j.perUnit
		j.transform(s, &j.all, lo, min(lo+j.perUnit, j.all.last), j.x.c, j.dy.c)
	case stageSlices:
		j.whole(s, i)
	case stagePanels:
		units := 36 / j.matrices
		b := j.block(s, i/units)
		k := i % units * j.matrices
		p := j.all
		if j.own {
			j.prepare(s, &p, &b)
		}
		j.multiply(s, &p, &b, k, k+j.matrices, p.first > j.strip(j.slice))
		if j.sums == nil {
			j.gather(s, &b)
		}
	case stageGather:
		b := j.block(s, i)
		for k := 1; k < j.slices; k++ {
			other := j.sumsOf(&b, k)
			addScaled(b.sums, b.sums, 1, other)
		}
		j.gather(s, &b)
	}
	s.release(seat)
}

// whole does a slice alone.
func (j *winogradWeights) whole(s *winogradScratch, i int) {
	c, o := j.x.c, j.dy.c
	lo, hi := j.strip(i), j.strip(i+1)
	blocks := ceilDiv(c, j.depth) * ceilDiv(o, j.winogradWidth())
	for first := lo; first < hi; first += j.portion {
		p := winogradPairs{first: first, last: min(hi, first+j.portion)}
		tiles := (p.last - p.first) * j.along
		p.sizeV, p.sizeY = matrixStride(c*tiles), matrixStride(o*tiles)
		p.v, _ = s.v.hold(36*p.sizeV, 0, 0)
		p.y, _ = s.y.hold(36*p.sizeY, 0, 0)
		j.transform(s, &p, p.first, p.last, c, o)
		for k := range 36 {
			for n := range blocks {
				b := j.block(s, n)
				b.sums = j.sumsOf(&b, i)
				j.multiply(s, &p, &b, k, k+1, first > lo)
			}
		}
	}
}

// prepare transforms for one goroutine what a unit needs, unless it has that already.
func (j *winogradWeights) prepare(s *winogradScratch, p *winogradPairs, b *winogradBlock) {
	tiles := (p.last - p.first) * j.along
	p.y0, p.sizeY = b.j0, matrixStride(b.width*tiles)
	var has bool
	if p.v, has = s.v.hold(36*p.sizeV, j.serial, 0); !has {
		j.transform(s, p, p.first, p.last, j.x.c, 0)
	}
	if p.y, has = s.y.hold(36*p.sizeY, j.serial, b.j0); !has {
		j.transform(s, p, p.first, p.last, 0, b.width)
	}
}

// A winogradBlock is the channels of the input from c0 on and the panel of the
// output's at j0, and their 36 sums, size elements apart.
type winogradBlock struct {
	c0, depth, j0, width int
	sums                 []float32
	size                 int
}

func (j *winogradWeights) block(s *winogradScratch, i int) winogradBlock {
	n := ceilDiv(j.x.c, j.depth)
	b := winogradBlock{c0: i % n * j.depth, j0: i / n * j.winogradWidth()}
	b.depth, b.width = min(j.depth, j.x.c-b.c0), min(j.winogradWidth(), j.dy.c-b.j0)
	b.size = b.depth * b.width
	if j.sums != nil {
		b.sums = j.sumsOf(&b, j.slice)
	} else {
		b.size = matrixStride(b.size)
		b.sums = aligned(&s.bufM, 36*b.size)
	}
	return b
}

// sumsOf returns where the sums of a block for a slice are.
func (j *winogradWeights) sumsOf(b *winogradBlock, slice int) []float32 {
	c, o := j.x.c, j.dy.c
	return j.sums[36*(slice*c*o+b.j0*c+b.c0*b.width):][:36*b.size]
}

// transform transforms strips lo to hi of a portion: c channels of the input and o of dy,
// from p.y0 on.
func (j *winogradWeights) transform(s *winogradScratch, p *winogradPairs, lo, hi, c, o int) {
	tiles := (p.last - p.first) * j.along
	x, dy := j.x.channels(0, c), j.dy.channels(p.y0, o)
	input, spread := winogradInput, winogradSpread
	if j.precision == BFloat16 {
		input, spread = winogradInputJoin, winogradSpreadJoin
	}
	for strip := lo; strip < hi; strip++ {
		n, top := strip/j.tilesY, strip%j.tilesY*4
		at := (strip - p.first) * j.along
		if c > 0 {
			s.toTiles(input, x.image(n), top-j.top, -j.left, j.tilesX, p.v, 16, at, tiles)
		}
		if o > 0 {
			s.toTiles(spread, dy.image(n), top, 0, j.tilesX, p.y, j.winogradWidth(), at, tiles)
		}
	}
}

// multiply sets a block's sums for matrices k0 to k1 to the products, or adds these.
func (j *winogradWeights) multiply(s *winogradScratch, p *winogradPairs, b *winogradBlock, k0, k1 int, add bool) {
	tiles := (p.last - p.first) * j.along
	t := &s.tile
	t.images, t.outer, t.inner = 1, 1, tiles
	t.rs, t.gs, t.cs, t.os, t.is = 4, 16, 64, 0, 0
	t.bs, t.ldc, t.gc, t.add = 4*b.width, 4*b.width, 16*b.width, 0
	if add {
		t.add = 1
	}
	n := ceilDiv(16, s.panelRows(b.width))
	for k := k0; k < k1; k++ {
		y := p.y[k*p.sizeY+(b.j0-p.y0)*tiles:]
		for c := 0; c < b.depth; c += 16 {
			v, sums := p.v[k*p.sizeV+(b.c0+c)*tiles:], b.sums[k*b.size+c*b.width:]
			for q := range n {
				lo, hi := q*16/n, (q+1)*16/n
				s.convRun(t, hi-lo, b.width, b.width, v[lo:], y, sums[lo*b.width:])
			}
		}
	}
}

// gather transforms a block's sums to the gradient.
func (j *winogradWeights) gather(s *winogradScratch, b *winogradBlock) {
	n := b.depth * b.width
	temp := aligned(&s.bufT, 18*n)
	p := &s.pass
	for i := range 6 {
		p.src[i] = b.sums[i*6*b.size:]
	}
	p.dst, p.ds = temp, 4*6*n
	p.blocks, p.si, p.di, p.count, p.so, p.do = n/16, 64, 64, 1, 0, 0
	p.rounds, p.sr, p.dr = 6, 4*(b.size-n), 0
	p.run(s.target, winogradGather)
	kind := winogradGather
	if j.add {
		kind = winogradGatherAdd
	}
	c, o := j.x.c, j.dy.c
	for kh := range 3 {
		for i := range 6 {
			p.src[i] = temp[(kh*6+i)*n:]
		}
		p.dst, p.ds = j.dw[(kh*3*c+b.c0)*o+b.j0:], 4*c*o
		p.blocks, p.si, p.di = b.width/16, 64, 64
		p.count, p.so, p.do, p.rounds = b.depth, 0, 4*(o-b.width), 1
		p.run(s.target, kind)
	}
}

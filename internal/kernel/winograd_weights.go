package kernel

import "github.com/monge-ml/monge/internal/par"

// A winogradWeights is a gradient by the weights. Some strips at a time, the
// tiles of the input and of dy are transformed and then multiplied, in units of a
// few of the 36 matrices, some channels of the input and a panel of the output's.
// The sums of all strips are transformed back at last, or, if all strips fit and
// there are many channels, by each unit itself, before they leave the cache.
type winogradWeights struct {
	winogradGrid
	*target
	x, dy       imageRows
	dw          []float32
	add         bool
	pad         int
	strips      int
	perUnit     int // strips that are transformed by one piece
	depth       int // channels of the input in a unit
	matrices    int // of the 36 in a unit
	stage       winogradStage
	v, y, sums  []float32
	first, last int // strips at hand
	bufV, bufY  []float32
	bufS        []float32
}

var winogradWeightJobs stash[winogradWeights]

func (j *winogradWeights) run(s *Conv, dw, x, dy []float32, add bool) {
	j.target = &targets[Active()]
	j.x, j.dy = imageRows{x, s.H, s.W, s.C}, imageRows{dy, s.OutH(), s.OutW(), s.O}
	j.dw, j.add, j.pad = dw, add, s.Pad
	j.winogradGrid = newWinogradGrid(j.dy.h, j.dy.w)
	j.strips = s.N * j.tilesY
	j.perUnit = max(1, 8/j.tilesX)
	j.depth = min(64, s.C)
	// The sums come and go once for each portion: not more often than pairs do.
	pairs := max(winogradMost.pairs, 18*s.C*s.O)
	most := max(1, pairs/(36*(s.C+s.O)*j.tilesX))
	step := ceilDiv(j.strips, ceilDiv(j.strips, most))
	tiles := step * j.tilesX
	j.v = aligned(&j.bufV, 36*matrixStride(s.C*tiles))
	j.y = aligned(&j.bufY, 36*matrixStride(s.O*tiles))
	blocks := ceilDiv(s.C, j.depth) * ceilDiv(s.O, j.winogradWidth())
	j.matrices = 36
	if step < j.strips || blocks < 16 {
		j.matrices = 4
		j.sums = aligned(&j.bufS, 36*s.C*s.O)
	}
	for j.first = 0; j.first < j.strips; j.first += step {
		j.last = min(j.strips, j.first+step)
		j.do(stageTiles, ceilDiv(j.last-j.first, j.perUnit))
		j.do(stagePanels, blocks*36/j.matrices)
	}
	if j.sums != nil {
		j.do(stageGather, blocks)
	}
	j.target, j.x.data, j.dy.data, j.dw, j.v, j.y, j.sums = nil, nil, nil, nil, nil, nil, nil
	winogradWeightJobs.put(j)
}

func (j *winogradWeights) do(stage winogradStage, pieces int) {
	j.stage = stage
	par.Run(pieces, j)
}

// Do does piece i of a stage.
func (j *winogradWeights) Do(i int) {
	s := getWinogradScratch()
	switch j.stage {
	case stageTiles:
		lo := j.first + i*j.perUnit
		for strip := lo; strip < min(lo+j.perUnit, j.last); strip++ {
			j.transform(s, strip)
		}
	case stagePanels:
		units := 36 / j.matrices
		b := j.block(s, i/units)
		k := i % units * j.matrices
		j.multiply(s, &b, k, k+j.matrices)
		if j.sums == nil {
			j.gather(s, &b)
		}
	case stageGather:
		b := j.block(s, i)
		j.gather(s, &b)
	}
	s.release()
}

// A winogradBlock is the channels of the input from c0 on and the panel of the
// output's at j0, and their 36 sums, size elements apart.
type winogradBlock struct {
	c0, depth, j0, width int
	sums                 []float32
	size                 int
}

func (j *winogradWeights) block(s *winogradScratch, i int) winogradBlock {
	panels := ceilDiv(j.dy.c, j.winogradWidth())
	b := winogradBlock{c0: i / panels * j.depth, j0: i % panels * j.winogradWidth()}
	b.depth, b.width = min(j.depth, j.x.c-b.c0), min(j.winogradWidth(), j.dy.c-b.j0)
	b.size = b.depth * b.width
	if j.sums != nil {
		b.sums = j.sums[36*(b.j0*j.x.c+b.c0*b.width):]
	} else {
		b.size = matrixStride(b.size)
		b.sums = aligned(&s.bufM, 36*b.size)
	}
	return b
}

func (j *winogradWeights) transform(s *winogradScratch, strip int) {
	n, top := strip/j.tilesY, strip%j.tilesY*4
	at, tiles := (strip-j.first)*j.tilesX, (j.last-j.first)*j.tilesX
	s.toTiles(winogradInput, j.x.image(n), top-j.pad, -j.pad, j.tilesX, j.v, 16, at, tiles)
	s.toTiles(winogradSpread, j.dy.image(n), top, 0, j.tilesX, j.y, j.winogradWidth(), at, tiles)
}

// multiply adds the products of matrices k0 to k1 to a block's sums.
func (j *winogradWeights) multiply(s *winogradScratch, b *winogradBlock, k0, k1 int) {
	tiles := (j.last - j.first) * j.tilesX
	sizeV, sizeY := matrixStride(tiles*j.x.c), matrixStride(tiles*j.dy.c)
	t := &s.tile
	t.images, t.outer, t.inner = 1, 1, tiles
	t.rs, t.gs, t.cs, t.os, t.is = 4, 16, 64, 0, 0
	t.bs, t.ldc, t.gc, t.add = 4*b.width, 4*b.width, 16*b.width, 0
	if j.first > 0 {
		t.add = 1
	}
	n := ceilDiv(16, s.panelRows(b.width))
	for k := k0; k < k1; k++ {
		y := j.y[k*sizeY+b.j0*tiles:]
		for c := 0; c < b.depth; c += 16 {
			v, sums := j.v[k*sizeV+(b.c0+c)*tiles:], b.sums[k*b.size+c*b.width:]
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
	p.run(s.level, winogradGather)
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
		p.run(s.level, kind)
	}
}

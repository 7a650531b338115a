package kernel

import "github.com/monge-ml/monge/internal/par"

// A winogradWeights is a gradient by the weights. Some strips at a time, the
// tiles of the input and of dy are transformed; then a unit of work multiplies
// them for a few channels of the input and a panel of the output's. The sums of
// all strips are transformed back at last.
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
	stage       winogradStage
	v, y, sums  []float32
	first, last int // strips at hand
	bufV, bufY  []float32
	bufS        []float32
}

// maxPairs is the size of the transformed tiles of the input and of dy.
const maxPairs = 5 << 18

var winogradWeightJobs stash[winogradWeights]

func (j *winogradWeights) run(s *Conv, dw, x, dy []float32, add bool) {
	j.target = &targets[Active()]
	j.x, j.dy = imageRows{x, s.H, s.W, s.C}, imageRows{dy, s.OutH(), s.OutW(), s.O}
	j.dw, j.add, j.pad = dw, add, s.Pad
	j.winogradGrid = newWinogradGrid(j.dy.h, j.dy.w)
	j.strips = s.N * j.tilesY
	j.perUnit = max(1, 8/j.tilesX)
	j.depth = min(64, s.C)
	most := max(1, maxPairs/(36*(s.C+s.O)*j.tilesX))
	step := ceilDiv(j.strips, ceilDiv(j.strips, most))
	tiles := step * j.tilesX
	j.v = aligned(&j.bufV, 36*matrixStride(s.C*tiles))
	j.y = aligned(&j.bufY, 36*matrixStride(s.O*tiles))
	if step < j.strips {
		j.sums = aligned(&j.bufS, 36*s.C*s.O)
	}
	for j.first = 0; j.first < j.strips; j.first += step {
		j.last = min(j.strips, j.first+step)
		j.do(stageTiles, ceilDiv(j.last-j.first, j.perUnit))
		j.do(stagePanels, ceilDiv(s.C, j.depth)*ceilDiv(s.O, j.winogradWidth()))
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
	if j.stage == stageTiles {
		for strip := j.first + i*j.perUnit; strip < min(j.first+(i+1)*j.perUnit, j.last); strip++ {
			j.transform(s, strip)
		}
	} else {
		panels := ceilDiv(j.dy.c, j.winogradWidth())
		j.unit(s, i/panels*j.depth, i%panels*j.winogradWidth())
	}
	s.release()
}

func (j *winogradWeights) transform(s *winogradScratch, strip int) {
	n, top := strip/j.tilesY, strip%j.tilesY*4
	at, tiles := (strip-j.first)*j.tilesX, (j.last-j.first)*j.tilesX
	s.toTiles(winogradInput, j.x.image(n), top-j.pad, -j.pad, j.tilesX, j.v, 16, at, tiles)
	s.toTiles(winogradSpread, j.dy.image(n), top, 0, j.tilesX, j.y, j.winogradWidth(), at, tiles)
}

// unit multiplies for the input's channels from c0 on and the panel at j0.
func (j *winogradWeights) unit(s *winogradScratch, c0, j0 int) {
	tiles := (j.last - j.first) * j.tilesX
	c, o := j.x.c, j.dy.c
	depth, width := min(j.depth, c-c0), min(j.winogradWidth(), o-j0)
	sizeV, sizeY, size := matrixStride(tiles*c), matrixStride(tiles*o), depth*width
	var sums []float32
	if j.sums != nil {
		sums = j.sums[36*(j0*c+c0*width):]
	} else {
		size = matrixStride(size)
		sums = aligned(&s.bufM, 36*size)
	}
	t := &s.tile
	t.images, t.outer, t.inner = 1, 1, tiles
	t.rs, t.gs, t.cs, t.os, t.is = 4, 16, 64, 0, 0
	t.bs, t.ldc, t.gc, t.add = 4*width, 4*width, 16*width, 0
	if j.first > 0 {
		t.add = 1
	}
	n := ceilDiv(16, s.panelRows(width))
	for k := range 36 {
		for b := 0; b < depth; b += 16 {
			for q := range n {
				lo, hi := q*16/n, (q+1)*16/n
				s.convRun(t, hi-lo, width, width, j.v[k*sizeV+(c0+b)*tiles+lo:], j.y[k*sizeY+j0*tiles:], sums[k*size+(b+lo)*width:])
			}
		}
	}
	if j.last == j.strips {
		j.gather(s, sums, size, c0, j0, depth, width)
	}
}

// gather transforms the sums to the gradient.
func (j *winogradWeights) gather(s *winogradScratch, sums []float32, size, c0, j0, depth, width int) {
	n := depth * width
	temp := aligned(&s.bufT, 18*n)
	p := &s.pass
	for i := range 6 {
		p.src[i] = sums[i*6*size:]
	}
	p.dst, p.ds = temp, 4*6*n
	p.blocks, p.si, p.di, p.count, p.so, p.do = n/16, 64, 64, 1, 0, 0
	p.rounds, p.sr, p.dr = 6, 4*(size-n), 0
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
		p.dst, p.ds = j.dw[(kh*3*c+c0)*o+j0:], 4*c*o
		p.blocks, p.si, p.di = width/16, 64, 64
		p.count, p.so, p.do, p.rounds = depth, 0, 4*(o-width), 1
		p.run(s.level, kind)
	}
}

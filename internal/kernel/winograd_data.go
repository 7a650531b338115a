package kernel

import "github.com/monge-ml/monge/internal/par"

// A winogradData is a forward pass or a gradient by the input, which is a forward
// pass over dy with the kernel turned around and its channels exchanged.
//
// With few channels, the kernel is transformed once and a unit of work takes some
// strips through all three steps, so that they stay in its cache. With many, the
// kernel's 36 matrices would not stay in any: all tiles are transformed first,
// and a unit is a panel of the output's channels, for which it transforms the
// kernel bit by bit.
type winogradData struct {
	winogradGrid
	*target
	src, dst       imageRows // of one image; data is all images
	w              []float32
	turned, add    bool
	precision      Precision
	deep           int // channels in a word
	top, left      int // zeros
	strips         int // in all
	perUnit        int // strips
	byPanel        bool
	stage          winogradStage
	kernels, tiles []float32 // what all units read
	moments        *pieceMoments
	first, last    int    // strips at hand, if by panel
	serial         uint64 // of these
	bufU, bufV     []float32
}

// A winogradStage is what Do does.
type winogradStage int

const (
	stageKernel winogradStage = iota
	stageTiles
	stageStrips
	stagePanels
	stageSlices
	stageGather
)

const (
	// tilesAtOnce is about how many tiles a unit takes.
	tilesAtOnce = 32
	// kernelRows is how many rows of the kernel are transformed at one time.
	kernelRows = 16
	// depthAtOnce is how many rows of the kernel are used at one time.
	depthAtOnce = 64
)

// winogradMost bounds, in elements, what should stay in the last-level cache.
// Only tests change it.
var winogradMost = struct {
	kernel int // up to here the kernel is transformed as a whole
	tiles  int // transformed input
	pairs  int // transformed input and dy, for the gradient by the weights
}{36 * 160 * 160, 2 << 20, 5 << 18}

var winogradDatas stash[winogradData]

func (j *winogradData) run(s *Conv, pass convPass, x, w, y []float32, add bool) {
	j.target = &ops().target
	j.src, j.dst = newImageRows(x, s.H, s.W, s.C), newImageRows(y, s.OutH(), s.OutW(), s.O)
	j.top, j.left, j.turned = s.Pads[0], s.Pads[1], false
	if pass == passData {
		j.src, j.dst = j.dst, j.src
		j.top, j.left, j.turned = 2-s.Pads[0], 2-s.Pads[1], true
	}
	j.w, j.add, j.precision, j.deep = w, add, s.Precision, s.Precision.unit()
	j.winogradGrid = newWinogradGrid(j.dst.h, j.dst.w)
	j.strips = s.N * j.tilesY
	j.perUnit = min(j.strips, max(1, tilesAtOnce/j.tilesX))
	j.byPanel = 36*s.C*s.O/j.deep > winogradMost.kernel
	if j.byPanel {
		j.panels()
	} else {
		j.kernels = aligned(&j.bufU, 36*matrixStride(s.C*s.O/j.deep))
		j.do(stageKernel, ceilDiv(j.dst.c, j.winogradWidth())*ceilDiv(j.src.c, kernelRows))
		units := ceilDiv(j.strips, j.perUnit)
		j.moments = s.moments
		j.moments.begin(units, j.dst.c)
		j.do(stageStrips, units)
	}
	j.target, j.src.data, j.dst.data, j.w, j.kernels, j.tiles, j.moments = nil, nil, nil, nil, nil, nil, nil
	winogradDatas.put(j)
}

func (j *winogradData) do(stage winogradStage, pieces int) {
	j.stage = stage
	par.Run(pieces, j)
}

func (j *winogradData) panels() {
	most := max(1, winogradMost.tiles/(36*j.words()*j.tilesX))
	step := ceilDiv(j.strips, ceilDiv(j.strips, most))
	j.perUnit = max(1, 8/j.tilesX)
	for j.first = 0; j.first < j.strips; j.first += step {
		j.last = min(j.strips, j.first+step)
		if j.serial = serials.Add(1); !ownCopies() {
			j.tiles = aligned(&j.bufV, j.sizeTiles())
			j.do(stageTiles, ceilDiv(j.last-j.first, j.perUnit))
		}
		j.do(stagePanels, ceilDiv(j.dst.c, j.winogradWidth()))
	}
}

// words is how many words a pixel of the source has, or numbers in Float32.
func (j *winogradData) words() int { return j.src.c / j.deep }

// sizeTiles is the size of the tiles of the strips at hand.
func (j *winogradData) sizeTiles() int { return 36 * matrixStride(j.words()*(j.last-j.first)*j.tilesX) }

// Do does piece i of a stage.
func (j *winogradData) Do(seat, i int) {
	s := getWinogradScratch(seat, j.precision)
	switch j.stage {
	case stageKernel:
		n := ceilDiv(j.src.c, kernelRows)
		j0, r0 := i/n*j.winogradWidth(), i%n*kernelRows
		width := min(j.winogradWidth(), j.dst.c-j0)
		rows := min(kernelRows, j.src.c-r0)
		s.kernelPanel(j.w, j.src.c, j.dst.c, j.turned, j0, width, r0, rows, j.kernels[j0*j.words()+r0/j.deep*width:], matrixStride(j.words()*j.dst.c))
	case stageTiles:
		lo := j.first + i*j.perUnit
		j.inputs(s, lo, min(lo+j.perUnit, j.last), j.first, j.last, j.tiles)
	case stageStrips:
		j.unit(s, i*j.perUnit, min((i+1)*j.perUnit, j.strips))
	case stagePanels:
		j.panel(s, i*j.winogradWidth())
	}
	s.release(seat)
}

// inputs transforms strips lo to hi, of first to last in the matrices.
func (j *winogradData) inputs(s *winogradScratch, lo, hi, first, last int, to []float32) {
	kind := winogradInput
	if j.precision == BFloat16 {
		kind = winogradInputNarrow
	}
	for strip := lo; strip < hi; strip++ {
		top := strip%j.tilesY*4 - j.top
		s.toTiles(kind, j.src.image(strip/j.tilesY), top, -j.left, j.tilesX, to, 16, (strip-first)*j.tilesX, (last-first)*j.tilesX)
	}
}

// outputs transforms all strips from lo to hi back.
func (j *winogradData) outputs(s *winogradScratch, lo, hi int, from []float32, c0, c int) {
	for strip := lo; strip < hi; strip++ {
		s.fromTiles(from, j.winogradWidth(), (strip-lo)*j.tilesX, (hi-lo)*j.tilesX, c0, c,
			j.dst.image(strip/j.tilesY), strip%j.tilesY*4, j.tilesX, j.add)
	}
}

// rows are those of the output that a strip is of.
func (j *winogradData) rows(strip int) []float32 {
	y, row := strip%j.tilesY*4, j.dst.w*j.dst.c
	return j.dst.image(strip / j.tilesY).data[y*row : min(y+4, j.dst.h)*row]
}

// unit takes some strips through all steps.
func (j *winogradData) unit(s *winogradScratch, lo, hi int) {
	tiles := (hi - lo) * j.tilesX
	c, o := j.words(), j.dst.c
	sizeV, sizeM, sizeU := matrixStride(tiles*c), matrixStride(tiles*o), matrixStride(c*o)
	v, _ := s.v.hold(36*sizeV, 0, 0)
	m := aligned(&s.bufM, 36*sizeM)
	j.inputs(s, lo, hi, lo, hi, v)
	for k := range 36 {
		for j0 := 0; j0 < o; j0 += j.winogradWidth() {
			width := min(j.winogradWidth(), o-j0)
			s.multiply(v[k*sizeV:], tiles, c, j.kernels[k*sizeU+j0*c:], width, m[k*sizeM+j0*tiles:], false)
		}
	}
	j.outputs(s, lo, hi, m, 0, o)
	if j.moments != nil {
		for strip := lo; strip < hi; strip++ {
			j.moments.add(lo/j.perUnit, j.rows(strip))
		}
	}
}

// multiply does tiles x c by c x width, c of them numbers or words, for blocks of channels of v.
func (s *winogradScratch) multiply(v []float32, tiles, c int, u []float32, width int, m []float32, add bool) {
	t := &s.tile
	t.images, t.outer, t.inner = 1, c/16, 16
	t.rs, t.gs, t.cs, t.os, t.is = 64, 256, 4, 64*tiles-64, 0
	t.bs, t.ldc, t.gc = 4*width, 4*width, 16*width
	t.add = 0
	if add {
		t.add = 1
	}
	n := ceilDiv(tiles, s.panelRows(width))
	for q := range n {
		lo, hi := q*tiles/n, (q+1)*tiles/n
		s.convRun(t, hi-lo, width, width, v[lo*16:], u, m[lo*width:])
	}
}

// panel does a panel of the output for all strips at hand.
func (j *winogradData) panel(s *winogradScratch, j0 int) {
	tiles := (j.last - j.first) * j.tilesX
	c := j.src.c
	width := min(j.winogradWidth(), j.dst.c-j0)
	sizeV, sizeM, sizeU := matrixStride(tiles*j.words()), matrixStride(tiles*width), matrixStride(depthAtOnce/j.deep*width)
	u, m := aligned(&s.bufU, 36*sizeU), aligned(&s.bufM, 36*sizeM)
	v := j.tiles
	if v == nil {
		var has bool
		if v, has = s.v.hold(j.sizeTiles(), j.serial, 0); !has {
			j.inputs(s, j.first, j.last, j.first, j.last, v)
		}
	}
	for c0 := 0; c0 < c; c0 += depthAtOnce {
		depth := min(depthAtOnce, c-c0)
		for r := 0; r < depth; r += kernelRows {
			s.kernelPanel(j.w, c, j.dst.c, j.turned, j0, width, c0+r, min(kernelRows, depth-r), u[r/j.deep*width:], sizeU)
		}
		for k := range 36 {
			s.multiply(v[k*sizeV+c0/j.deep*tiles:], tiles, depth/j.deep, u[k*sizeU:], width, m[k*sizeM:], c0 > 0)
		}
	}
	j.outputs(s, j.first, j.last, m, j0, width)
}

// kernelPanel transforms rows of the kernel from r0 on, for width columns from
// j0 on, into 36 matrices rows x width, or of half as many words. The kernel has in rows and out columns,
// unless it is turned: then it is stored the other way around.
func (s *winogradScratch) kernelPanel(w []float32, in, out int, turned bool, j0, width, r0, rows int, to []float32, size int) {
	n := rows * width
	buf := aligned(&s.bufT, 27*n)
	temp, copied := buf[:18*n], buf[18*n:]
	if turned {
		for tap := range 9 {
			s.packPanel(copied[(8-tap)*n:], width, w[(tap*out+j0)*in+r0:], in, width, rows, false)
		}
	}
	p := &s.pass
	for kw := range 3 {
		for kh := range 3 {
			if turned {
				p.src[kh] = copied[(kh*3+kw)*n:]
			} else {
				p.src[kh] = w[((kh*3+kw)*in+r0)*out+j0:]
			}
		}
		p.dst, p.ds = temp[kw*n:], 4*3*n
		p.blocks, p.si, p.di = width/16, 64, 64
		p.count, p.so, p.do, p.rounds = rows, 4*(out-width), 0, 1
		if turned {
			p.so = 0
		}
		p.run(s.target, winogradKernel)
	}
	for kw := range 3 {
		p.src[kw] = temp[kw*n:]
	}
	p.dst, p.ds = to, 4*size
	p.blocks, p.si, p.di, p.count, p.so, p.do = n/16, 64, 64, 1, 0, 0
	kind := winogradKernel
	if p.precision == BFloat16 {
		kind = winogradKernelJoin
		p.blocks, p.count, p.so, p.pair = width/16, rows/2, 4*width, 4*width
	}
	p.rounds, p.sr, p.dr = 6, 4*2*n, 4*(6*size-n/p.precision.unit())
	p.run(s.target, kind)
}

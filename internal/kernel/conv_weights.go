package kernel

import "github.com/monge-ml/monge/internal/par"

// A convWeights is a gradient by the weights: for each pixel (kh, kw) of the
// kernel, the product of the transposed input, shifted by it, and dy, over all
// output pixels. The input is copied with its zeros into blocks of blockC
// channels (or left in one block, if it has few), dy into panels of columns, a
// few rows at a time, so that all operands of a tile lie close together.
//
// In BFloat16 the same pixels of two images that follow each other share a word: so a shift is
// a distance as ever. An odd number of images gets a last one of zeros.
//
// Images are cut into slices, each with its own partial result.
type convWeights struct {
	Conv
	*target
	x, dy, dw       []float32
	add             bool
	sources         int // images, or pairs of them
	h, w            int // of the output
	blocks, perPart int // blocks of channels, and in a part
	perGroup        int // blocks of the channels of a group
	parts, slices   int
	group, rows     int // sources and rows of output that are copied at one time
	partial         []float32
	summing         bool
	buf             []float32
}

const (
	blockC = 16
	// pixelsAtOnce is the length of the sums that stay in registers, or of words.
	pixelsAtOnce = 256
	maxDWSlices  = 16
	maxDWPartial = 1 << 20 // elements
	sumPiece     = 16 << 10
)

var convWeightJobs stash[convWeights]

func (j *convWeights) run(s *Conv, dw, x, dy []float32, add bool) {
	j.target = &ops().target
	j.Conv, j.x, j.dy, j.dw, j.add = *s, x, dy, dw, add
	j.cut()
	par.Run(j.slices*j.parts, j)
	if j.slices > 1 {
		j.summing = true
		par.Run(ceilDiv(len(dw), sumPiece), j)
		j.summing = false
	}
	j.target, j.x, j.dy, j.dw, j.partial = nil, nil, nil, nil, nil
	convWeightJobs.put(j)
}

// cut chooses slices and parts, and what to copy at one time.
func (j *convWeights) cut() {
	j.sources = j.Precision.words(j.N)
	j.h, j.w = j.OutH(), j.OutW()
	j.rows = min(j.h, max(1, pixelsAtOnce/j.w))
	j.rows = ceilDiv(j.h, ceilDiv(j.h, j.rows))
	j.group = 1
	if j.rows == j.h {
		j.group = min(j.sources, max(1, pixelsAtOnce/(j.h*j.w)))
	}
	size := len(j.dw)
	j.slices = max(1, min(maxDWSlices, ceilDiv(j.sources, j.group), maxDWPartial/size))
	j.perGroup = ceilDiv(j.C/j.Groups, blockC)
	j.blocks = j.Groups * j.perGroup
	j.perPart = max(1, j.blocks*j.slices/16)
	if size < 64<<10 {
		j.perPart = j.blocks
	}
	j.parts = ceilDiv(j.blocks, j.perPart)
	if j.slices > 1 {
		j.partial = aligned(&j.buf, j.slices*size)
	}
}

// Do does one part for one slice, or sums a piece of all slices.
func (j *convWeights) Do(seat, i int) {
	if j.summing {
		j.sum(i*sumPiece, min(len(j.dw), (i+1)*sumPiece))
		return
	}
	slice, part := i/j.parts, i%j.parts
	u := convUnits.get(seat)
	u.convWeights = j
	u.first, u.last = part*j.perPart, min((part+1)*j.perPart, j.blocks)
	u.dw, u.add = j.dw, j.add
	if j.slices > 1 {
		u.dw, u.add = j.partial[slice*len(j.dw):], false
	}
	groups := ceilDiv(j.sources, j.group)
	for g := slice * groups / j.slices; g < (slice+1)*groups/j.slices; g++ {
		for row := 0; row < j.h; row += j.rows {
			u.block(g*j.group, row)
			u.add = true
		}
	}
	u.convWeights, u.dw, u.ahead = nil, nil, [4]convAhead{}
	u.tile.a, u.tile.b, u.tile.c = nil, nil, nil
	convUnits.put(seat, u)
}

func (j *convWeights) sum(lo, hi int) {
	dw, n := j.dw[lo:hi], len(j.dw)
	from := 0
	if !j.add {
		copy(dw, j.partial[lo:hi])
		from = 1
	}
	for s := from; s < j.slices; s++ {
		addScaled(dw, dw, 1, j.partial[s*n+lo:s*n+hi])
	}
}

// A convUnit is one part for one slice.
type convUnit struct {
	*convWeights
	tile        convTile
	first, last int // blocks of channels
	dw          []float32
	add         bool
	bufX, bufY  []float32

	// The copy at hand.
	x, y                 []float32
	sources, rows, lines int
	chans                int // of a pixel in a block
	pitch                int // of a row of the block

	ahead         [4]convAhead
	pieces        int // of ahead
	tiles, tilesN int // done of the block, and in it
}

// A convAhead is part of what the next block reads.
type convAhead struct {
	x     []float32
	at, n int
}

var convUnits scratchStash[convUnit]

// block adds what some rows of a few sources give.
func (u *convUnit) block(first, row int) {
	u.sources, u.rows = min(u.group, u.convWeights.sources-first), min(u.convWeights.rows, u.h-row)
	u.copyX(first, row)
	u.copyY(first, row)
	t := &u.tile
	t.words = u.Precision == BFloat16
	t.images, t.outer, t.inner = u.sources, u.rows, u.w
	t.rs, t.gs, t.cs = 4, 16, 4*u.Strides[1]*u.chans
	t.os = 4*u.Strides[0]*u.pitch - u.w*t.cs
	t.is = 4 * (u.lines - u.rows*u.Strides[0]) * u.pitch
	t.ldc, t.gc = 4*u.O, 16*u.O
	t.add = 0
	if u.add {
		t.add = 1
	}
	u.lookAhead(first, row)
	size := u.sources * u.lines * u.pitch
	for b := u.first; b < u.last; b++ {
		for kh := range u.KH {
			x := u.x[(b-u.first)*size+kh*u.pitch:]
			if u.blocks == 1 {
				u.multiply(x, 0, kh*u.KW*u.C, u.KW*u.C)
				continue
			}
			group, c0 := b/u.perGroup, b%u.perGroup*blockC
			per := u.C / u.Groups
			for kw := range u.KW {
				u.multiply(x[kw*u.chans:], group, (kh*u.KW+kw)*per+c0, min(blockC, per-c0))
			}
		}
	}
}

// multiply does n rows of dw, the columns of a group.
func (u *convUnit) multiply(x []float32, group, row, n int) {
	pixels := u.sources * u.rows * u.w
	per := u.O / u.Groups
	y := u.y[group*u.padded(per)*pixels:]
	for j0 := 0; j0 < per; j0 += u.nr {
		width := u.panelWidth(per - j0)
		most := u.panelRows(width)
		tiles := ceilDiv(n, most)
		u.tile.bs = 4 * width
		for q := range tiles {
			lo, hi := q*n/tiles, (q+1)*n/tiles
			u.fetchNext()
			u.convRun(&u.tile, hi-lo, width, min(width, per-j0), x[lo:], y[j0*pixels:], u.dw[(row+lo)*u.O+group*per+j0:])
		}
	}
}

// lookAhead finds what the next block reads, if a unit reads all channels.
func (u *convUnit) lookAhead(first, row int) {
	j := u.convWeights
	u.pieces, u.tiles = 0, 0
	u.tile.step = 0
	if u.last-u.first < u.blocks {
		return
	}
	n, width := blockC, u.panelWidth(u.O/u.Groups)
	if u.blocks == 1 {
		n = u.KW * u.C
	}
	u.tilesN = u.KH * ceilDiv(n, u.panelRows(width)) * ceilDiv(u.O/u.Groups, u.nr)
	if u.blocks > 1 {
		u.tilesN *= u.blocks * u.KW
	}
	if row += j.rows; row >= u.h {
		first, row = first+u.group, 0
	}
	copies, lines, rows := u.Precision.unit(), j.rows*u.Strides[0], j.rows
	first *= copies
	if j.rows == u.h { // images that follow each other
		lines, rows = u.group*copies*u.H, u.group*copies*u.h
		copies = 1
	}
	top := 0
	if row > 0 {
		top = min(u.H, (row-1)*u.Strides[0]+u.KH-u.Pads[0])
	}
	for i := range copies {
		u.ahead[2*i] = convAhead{j.x, ((first+i)*u.H + top) * u.W * u.C, lines * u.W * u.C}
		u.ahead[2*i+1] = convAhead{j.dy, ((first+i)*u.h + row) * u.w * u.O, rows * u.w * u.O}
	}
	u.pieces = 2 * copies
}

// fetchNext has the next tile fetch its share of that.
func (u *convUnit) fetchNext() {
	if u.pieces == 0 {
		return
	}
	i := u.tiles * u.pieces / u.tilesN
	if i < u.pieces && (u.tiles == 0 || i != (u.tiles-1)*u.pieces/u.tilesN) {
		p := &u.ahead[i]
		u.tile.fetchNext(p.x, p.at, p.n, max(1, u.tilesN/u.pieces)*u.sources*u.rows*u.w)
	}
	u.tiles++
}

// copyY copies dy into panels, of the groups that the unit's blocks are in.
func (u *convUnit) copyY(first, row int) {
	n := u.rows * u.w
	per := u.O / u.Groups
	size := u.sources * n * u.padded(per)
	u.y = aligned(&u.bufY, u.Groups*size)
	for g := u.first / u.perGroup; g <= (u.last-1)/u.perGroup; g++ {
		for j0 := 0; j0 < per; j0 += u.nr {
			width := u.panelWidth(per - j0)
			to := u.y[g*size+j0*u.sources*n:]
			for i := range u.sources {
				from, other := u.source(u.dy, first+i, u.h*u.w*u.O, row*u.w*u.O+g*per+j0)
				u.pack(to[i*n*width:], width, from, other, u.O, min(width, per-j0), n)
			}
		}
	}
}

// copyX copies the input with its zeros into blocks of channels.
func (u *convUnit) copyX(first, row int) {
	wide := (u.w-1)*u.Strides[1] + u.KW
	u.chans = blockC
	if u.blocks == 1 {
		u.chans = u.C
	}
	u.pitch = wide * u.chans
	u.lines = (u.rows-1)*u.Strides[0] + u.KH
	size := u.sources * u.lines * u.pitch
	u.x = aligned(&u.bufX, (u.last-u.first)*size)
	for i := range u.sources {
		for l := range u.lines {
			h := row*u.Strides[0] + l - u.Pads[0]
			at := (i*u.lines + l) * u.pitch
			for b := u.first; b < u.last; b++ {
				to := u.x[(b-u.first)*size+at:][:u.pitch]
				if h < 0 || h >= u.H {
					clear(to)
					continue
				}
				from, other := u.source(u.convWeights.x, first+i, u.H*u.W*u.C, h*u.W*u.C)
				u.copyRow(to, from[:u.W*u.C], other, b)
			}
		}
	}
}

// source is an image from an offset on, and the one that shares words with it, if any.
func (u *convUnit) source(images []float32, i, size, offset int) (from, other []float32) {
	i *= u.Precision.unit()
	if u.Precision == BFloat16 && i+1 < u.N {
		other = images[(i+1)*size+offset:]
	}
	return images[i*size+offset:], other
}

// copyRow copies block b of a row.
func (u *convUnit) copyRow(to, from, other []float32, b int) {
	to, from = margins(to, from, u.Pads[1], u.chans, u.C)
	if len(to) == 0 {
		return
	}
	if u.blocks == 1 {
		u.copyAll(to, from, other)
		return
	}
	per := u.C / u.Groups
	c := b/u.perGroup*per + b%u.perGroup*blockC
	if other != nil {
		other = other[c:]
	}
	u.pack(to, blockC, from[c:], other, u.C, min(blockC, per-b%u.perGroup*blockC), len(to)/blockC)
}

// copyAll copies elements that follow each other.
func (u *convUnit) copyAll(to, from, other []float32) {
	if u.Precision == BFloat16 {
		u.pairs(to, from, other)
	} else {
		copy(to, from)
	}
}

// pack is packPanel for rows of one source.
func (u *convUnit) pack(to []float32, pitch int, from, other []float32, ld, n, k int) {
	if u.Precision == BFloat16 {
		u.packPairs(to, pitch, from, other, ld, n, k)
	} else {
		u.packPanel(to, pitch, from, ld, n, k, true)
	}
}

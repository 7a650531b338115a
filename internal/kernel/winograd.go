package kernel

import "slices"

// canWinograd reports whether Winograd's algorithm can do the shape: channels, or
// pairs of them, must fill whole vectors.
func (s *Conv) canWinograd() bool {
	fill := 16 * s.Precision.unit()
	return s.KH == 3 && s.KW == 3 && max(s.stride(), s.dilation(), s.Groups) <= 1 && slices.Max(s.Pads[:]) <= 2 &&
		s.C%fill == 0 && s.O%fill == 0
}

// worthWinograd reports whether it is faster: at least half of all tiles must be
// used.
func (s *Conv) worthWinograd() bool {
	g := newWinogradGrid(s.OutH(), s.OutW())
	return 2*s.OutH()*s.OutW() >= 16*g.tilesX*g.tilesY
}

// A winogradGrid is how an output is cut in tiles of 4x4. A strip is a row of
// tiles in an image.
type winogradGrid struct {
	tilesX, tilesY int
}

func newWinogradGrid(h, w int) winogradGrid { return winogradGrid{ceilDiv(w, 4), ceilDiv(h, 4)} }

// A channelRun is a part of the channels of a matrix that is stored in panels of
// columns, each tiles x width. Panels are wider than the 16 elements of a block,
// so that it takes more than one run to visit all.
type channelRun struct {
	first  int // channel
	blocks int
	step   int // from block to block in channels
	at     int // where the first block is in the matrix
	jump   int // from block to block there
	width  int // of the panels
}

// channelRuns returns the runs for c channels in panels of width 16 or 32, the
// last of which may be half as wide.
func channelRuns(c, width, tiles int) (runs [3]channelRun, n int) {
	if width == 16 {
		runs[0] = channelRun{0, c / 16, 16, 0, 16 * tiles, 16}
		return runs, 1
	}
	if whole := c / 32; whole > 0 {
		runs[0] = channelRun{0, whole, 32, 0, 32 * tiles, 32}
		runs[1] = channelRun{16, whole, 32, 16, 32 * tiles, 32}
		n = 2
	}
	if rest := c &^ 31; rest < c {
		runs[n] = channelRun{rest, 1, 16, rest * tiles, 16 * tiles, 16}
		n++
	}
	return runs, n
}

// winogradWidth is the width of panels of columns.
func (t *target) winogradWidth() int { return max(t.nr, 16) }

// A winogradScratch is what a thread needs. Matrices of a batch of 36 are a
// little further apart than they are large, or they would meet in the cache.
type winogradScratch struct {
	*target
	tile       convTile
	pass       winogradPass
	zeros      []float32
	bufT       []float32
	v, y       keptTiles // of the input and, for the gradient by the weights, of dy
	bufM, bufU []float32
}

// keptTiles are transformed tiles that a goroutine may need again for its next piece.
type keptTiles struct {
	buf    []float32
	serial uint64 // of what they are made from, or 0
	part   int
}

// hold returns memory for n elements and whether it has that part of what the serial
// number stands for; if not, the caller fills it.
func (k *keptTiles) hold(n int, serial uint64, part int) (tiles []float32, has bool) {
	has = serial != 0 && k.serial == serial && k.part == part
	k.serial, k.part = serial, part
	return aligned(&k.buf, n), has
}

var winogradScratchs scratchStash[winogradScratch]

func getWinogradScratch(seat int, precision Precision) *winogradScratch {
	s := winogradScratchs.get(seat)
	s.target = &ops().target
	s.pass.precision, s.tile.words = precision, precision == BFloat16
	return s
}

func (s *winogradScratch) release(seat int) {
	s.target = nil
	s.tile.a, s.tile.b, s.tile.c = nil, nil, nil
	s.pass.src, s.pass.dst = [6][]float32{}, nil
	winogradScratchs.put(seat, s)
}

// matrixStride is the distance between matrices of n elements in a batch.
func matrixStride(n int) int { return n + 16 }

// zeroRow returns n zeros.
func (s *winogradScratch) zeroRow(n int) []float32 {
	if len(s.zeros) < n {
		s.zeros = make([]float32, n)
	}
	return s.zeros[:n]
}

// imageRows are images from which tiles are taken, or some of their channels.
type imageRows struct {
	data    []float32
	h, w, c int
	pitch   int // from pixel to pixel
}

func newImageRows(data []float32, h, w, c int) imageRows { return imageRows{data, h, w, c, c} }

// image returns image n of all.
func (x imageRows) image(n int) imageRows {
	x.data = x.data[n*x.h*x.w*x.pitch:]
	return x
}

// channels returns c channels from c0 on.
func (x imageRows) channels(c0, c int) imageRows {
	x.data, x.c = x.data[c0:], c
	return x
}

// toTiles transforms a strip of tiles into 36 matrices, whose rows first... are
// for these tiles out of tiles in all. The first row and column of the strip are
// top and left; outside the image there are zeros. Kinds that make words take pairs
// of channels, or of tiles: then rows are for pairs, and the last may be half empty.
func (s *winogradScratch) toTiles(kind winogradKind, x imageRows, top, left, tilesX int, to []float32, width, first, tiles int) {
	form := &winogradForms[kind]
	in, deep, along := form.in, 1, 1
	p := &s.pass
	switch kind {
	case winogradInputNarrow:
		deep, p.pair = 2, 64
	case winogradInputJoin, winogradSpreadJoin:
		along, p.pair = 2, 4*4*x.c
	}
	tilesX = ceilDiv(tilesX, along)
	wide := 4*(along*tilesX-1) + in
	temp := s.columns(form.single, x, top, left, wide)
	c := x.c / deep
	size := matrixStride(c * tiles)
	runs, n := channelRuns(c, width, tiles)
	p.ds, p.count = 4*size, tilesX
	for _, r := range runs[:n] {
		for i := range in {
			p.src[i] = temp[i*x.c+deep*r.first:]
		}
		p.dst = to[r.at+first*r.width:]
		p.blocks, p.si, p.di = r.blocks, 4*deep*r.step, 4*r.jump
		p.so, p.do = 16*along*x.c-r.blocks*p.si, 4*r.width-r.blocks*p.di
		p.rounds, p.sr, p.dr = 6, 4*(wide-4*along*tilesX)*x.c, 4*(6*size-tilesX*r.width)
		p.run(s.target, kind)
	}
}

// columns does the transform along the columns: 6 rows of wide pixels.
func (s *winogradScratch) columns(kind winogradKind, x imageRows, top, left, wide int) []float32 {
	row := x.w * x.pitch
	temp := aligned(&s.bufT, 6*wide*x.c)
	skip := max(0, left) // pixels of the image
	before := max(0, -left)
	n := max(0, min(x.w-skip, wide-before))
	p := &s.pass
	for i := range winogradForms[kind].in {
		if h := top + i; h >= 0 && h < x.h {
			p.src[i] = x.data[h*row+skip*x.pitch:]
		} else {
			p.src[i] = s.zeroRow(row)
		}
	}
	p.dst, p.ds = temp[before*x.c:], 4*wide*x.c
	p.blocks, p.count, p.si, p.di, p.rounds = n*x.c/16, 1, 64, 64, 1
	if x.pitch > x.c {
		p.blocks, p.count, p.so, p.do = x.c/16, n, 4*(x.pitch-x.c), 0
	}
	p.run(s.target, kind)
	for r := range 6 {
		line := temp[r*wide*x.c:][:wide*x.c]
		clear(line[:before*x.c])
		clear(line[(before+n)*x.c:])
	}
	return temp
}

// fromTiles transforms back: the reverse of toTiles for c channels from c0 on of
// the output y, of which the strip starts at row top.
func (s *winogradScratch) fromTiles(from []float32, width, first, tiles int, c0, c int, y imageRows, top, tilesX int, add bool) {
	temp := aligned(&s.bufT, 4*tilesX*6*c)
	p := &s.pass
	size := matrixStride(c * tiles)
	runs, n := channelRuns(c, width, tiles)
	p.ds, p.count = 4*tilesX*6*c, tilesX
	for _, r := range runs[:n] {
		for i := range 6 {
			p.src[i] = from[i*6*size+r.at+first*r.width:]
		}
		p.dst = temp[r.first:]
		p.blocks, p.si, p.di = r.blocks, 4*r.jump, 4*r.step
		p.so, p.do = 4*r.width-r.blocks*p.si, 4*6*c-r.blocks*p.di
		p.rounds, p.sr, p.dr = 6, 4*(size-tilesX*r.width), 4*(c-tilesX*6*c)
		p.run(s.target, winogradOutput)
	}
	kind := winogradOutput
	if add {
		kind = winogradOutputAdd
	}
	rows := min(4, y.h-top)
	for i := range 6 {
		p.src[i] = temp[i*c:]
	}
	p.dst, p.ds = y.data[top*y.w*y.c+c0:], 4*y.c
	p.blocks, p.si, p.di = c/16, 64, 64
	whole := y.w / 4
	p.count, p.so, p.do = whole, 4*5*c, 4*(4*y.c-c)
	p.rounds, p.sr, p.dr = rows, 4*(tilesX-whole)*6*c, 4*(y.w-4*whole)*y.c
	p.run(s.target, kind)
	if whole < tilesX {
		for row := range rows {
			s.edge(temp[(row*tilesX+whole)*6*c:], c, y.data[((top+row)*y.w+4*whole)*y.c+c0:], y.c, y.w-4*whole, add)
		}
	}
}

// edge writes the first n pixels of a row of a tile.
func (s *winogradScratch) edge(from []float32, c int, to []float32, pitch, n int, add bool) {
	p := &s.pass
	for i := range 6 {
		p.src[i] = from[i*c:]
	}
	edge := aligned(&s.bufU, 4*c)
	p.dst, p.ds = edge, 4*c
	p.blocks, p.count, p.si, p.di, p.rounds = c/16, 1, 64, 64, 1
	p.run(s.target, winogradOutput)
	for i := range n {
		to, from := to[i*pitch:][:c], edge[i*c:]
		if !add {
			copy(to, from)
			continue
		}
		for e := range to {
			to[e] += from[e]
		}
	}
}

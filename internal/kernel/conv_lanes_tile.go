package kernel

// A lanesTap is what one vector of weights is multiplied with: offsets in bytes.
type lanesTap struct{ x, w int }

// A lanesTile is one call of a kernel: some rows of pixels of y, up to lanesPixels in each, are
// sums over taps. The pixels of x lie side by side. Strides are in bytes. _asm/lanes.go knows the
// order of the fields, here and below.
type lanesTile struct {
	x, w, y      *float32
	taps         *lanesTap
	count, rows  int
	xRow, yRow   int
	yPixel, tail int     // tail lanes of y are there
	add          int     // whether to add to y
	fetch        uintptr // what comes next, moved on by step with each pixel
	step         int
}

// lanesSums is a call that adds to sums, a vector for each of up to sumsTaps offsets, the
// products of x and dy.
type lanesSums struct {
	x, dy, sums  *float32
	rows, pixels int
	xRow, dyRow  int // added after the pixels of a row
	dyPixel      int
	tail         int     // lanes of dy
	fetch        uintptr // what comes next, moved on by step with each pixel
	step         int
	offsets      [sumsTaps]int
}

// A lanesCopy is a call that lays out pixels side by side: each as it is or, if index has vectors
// of lanes, in that many planes.
type lanesCopy struct {
	dst, src       *float32
	rows, pixels   int
	dstRow, srcRow int
	srcPixel, tail int
	index          *int32
	count          int // vectors in index
	plane          int
	fetch          uintptr // what comes next, moved on by step with each pixel
	step           int
}

const (
	lanesPixels = 14
	sumsTaps    = 9
)

// lanesRun does a tile of some pixels.
func (t *target) lanesRun(tile *lanesTile, pixels, width int, x, w, y []float32, taps []lanesTap) {
	if t.lanesTiles == nil {
		tile.portable(pixels, width, x, w, y, taps)
		return
	}
	tile.x, tile.w, tile.y, tile.taps, tile.count = &x[0], &w[0], &y[0], nil, len(taps)
	if len(taps) > 0 {
		tile.taps = &taps[0]
	}
	t.lanesTiles[pixels](&tile.x)
}

// portable is the kernels' twin.
func (tile *lanesTile) portable(pixels, width int, x, w, y []float32, taps []lanesTap) {
	for r := range tile.rows {
		for p := range pixels {
			var sums [16]float32
			for _, tap := range taps {
				w := w[tap.w/4:][:width]
				for i, v := range x[(tap.x+r*tile.xRow)/4+p*width:][:width] {
					sums[i] += v * w[i]
				}
			}
			y := y[(r*tile.yRow+p*tile.yPixel)/4:][:tile.tail]
			for i := range y {
				if tile.add != 0 {
					sums[i] += y[i]
				}
				y[i] = sums[i]
			}
		}
	}
}

// lanesSumsRun does sums for some offsets.
func (t *target) lanesSumsRun(s *lanesSums, offsets []lanesTap, width int, x, dy, sums []float32) {
	for i, tap := range offsets {
		s.offsets[i] = tap.x
	}
	if t.lanesSums == nil {
		s.portable(len(offsets), width, x, dy, sums)
		return
	}
	rows := s.rows
	s.x, s.dy, s.sums = &x[0], &dy[0], &sums[0]
	t.lanesSums[len(offsets)](&s.x)
	s.rows = rows // counted down
}

func (s *lanesSums) portable(offsets, width int, x, dy, sums []float32) {
	for o, at := range s.offsets[:offsets] {
		var total [16]float32
		at, from := at/4, 0
		for range s.rows {
			for range s.pixels {
				x := x[at:][:width]
				for i, v := range dy[from:][:s.tail] {
					total[i] += v * x[i]
				}
				at, from = at+width, from+s.dyPixel/4
			}
			at, from = at+s.xRow/4, from+s.dyRow/4
		}
		for i, v := range total[:width] {
			sums[o*width+i] += v
		}
	}
}

// lanesCopyRun copies pixels of n channels into vectors of a width.
func (t *target) lanesCopyRun(c *lanesCopy, dst, src []float32, index []int32, width, n int) {
	c.tail, c.count = n, len(index)/width
	switch {
	case t.lanesCopy == nil || n > width:
		c.portable(dst, src, index, width)
	case index == nil:
		c.dst, c.src = &dst[0], &src[0]
		t.lanesCopy(&c.dst)
	default:
		c.dst, c.src, c.index = &dst[0], &src[0], &index[0]
		t.lanesSpread(&c.dst)
	}
	c.dst, c.src, c.index = nil, nil, nil
}

func (c *lanesCopy) portable(dst, src []float32, index []int32, width int) {
	for r := range c.rows {
		for p := range c.pixels {
			to, from := dst[r*c.dstRow/4+p*width:], src[(r*c.srcRow+p*c.srcPixel)/4:][:c.tail]
			if index == nil {
				clear(to[copy(to[:width], from):width])
				continue
			}
			for i := range c.count {
				to := to[i*c.plane/4:][:width]
				for lane, at := range index[i*width:][:width] {
					to[lane] = 0
					if int(at) < len(from) {
						to[lane] = from[at]
					}
				}
			}
		}
	}
}

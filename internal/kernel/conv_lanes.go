package kernel

import (
	"unsafe"

	"github.com/monge-ml/monge/internal/par"
)

// Convolutions in small groups, depthwise ones above all. Each lane of a vector is an output
// channel, and sees the input channels of its own group, one after the other: the input is
// copied with its zeros into planes, in which the lanes of a vector are what the output's
// lanes see. With a stride, the pixels of every phase have planes of their own. So what a tap
// of the kernel adds to a row of output pixels is a run of vectors times one vector of weights,
// wherever the stride, dilation and edges are: a tap is a place in the planes.
//
// The gradient by the input is the same thing over dy, where the pixels of dx fall into phases
// as in convDirect; that by the weights is a sum over the same planes.

// maxLanesGroup bounds the channels of a group.
const maxLanesGroup = 8

// canLanes reports whether the kernels for lanes can do the shape.
func (s *Conv) canLanes() bool {
	return s.Groups > 1 && max(s.C, s.O) <= maxLanesGroup*s.Groups
}

// A lanesGrid is how a convolution with several output channels to a vector is laid out and
// cut.
type lanesGrid struct {
	*target
	images           int
	src              []float32
	srcH, srcW, srcC int
	dstC             int
	inPer, outPer    int     // channels of a group
	strides          [2]int  // in src
	first, span      [2]int  // from an output pixel to the first of what it sees, and to the last
	width, used      int     // lanes of a vector, and those with a channel
	blocks           int     // vectors of output channels
	outH, outW       int     // output pixels, those of a phase
	rows, rowBlocks  int     // of output that are done at one time
	planeH, planeW   int     // pixels of a plane
	planes           int     // of each channel
	weights          int     // vectors of weights of a block
	index            []int32 // of the input channels, for each of a group
	packed           []float32
	buf              []float32
}

const (
	// lanesElems is how much padded input of a block is copied at one time.
	lanesElems = 24 << 10
	// groupElems is the same for groups, in which each element is used more often.
	groupElems = 64 << 10
	// fetchedElems is how much input of a unit stays in the L2 cache beside that of the next one.
	fetchedElems = 80 << 10
	// lanesUnits is about how many pieces there should be.
	lanesUnits = 64
)

// lanesWidth is the number of lanes.
func (t *target) lanesWidth() int { return max(t.lanes, 8) }

// cut chooses what a unit is, from first, span, outH and outW. It does not depend on the level.
func (g *lanesGrid) cut(kernel int) {
	g.width = g.lanesWidth()
	g.used = g.width / g.outPer * g.outPer
	g.blocks = ceilDiv(g.dstC, g.used)
	g.weights = kernel * g.inPer
	g.planes = g.strides[0] * g.strides[1]
	g.planeW = ceilDiv((g.outW-1)*g.strides[1]+g.span[1]+1, g.strides[1])
	line, most := g.inPer*g.planes*g.planeW*16, lanesElems
	if g.inPer > 1 {
		most = groupElems
	}
	g.rows = min(g.outH, max(1, most/line-g.span[0]/g.strides[0]))
	g.rows = ceilDiv(g.outH, ceilDiv(g.outH, g.rows))
	g.rowBlocks = ceilDiv(g.outH, g.rows)
	g.planeH = g.rows + ceilDiv(g.span[0]+1, g.strides[0]) - 1
	g.index = g.index[:0]
	if g.inPer == 1 && g.outPer == 1 {
		g.index = nil // lanes are channels
		return
	}
	for i := range g.inPer {
		for lane := range g.width {
			g.index = append(g.index, int32(lane/g.outPer%(g.width/g.outPer)*g.inPer+i))
		}
	}
}

// tap returns the place in the planes, in bytes, of the first channel at a distance from an
// output pixel, for the first output pixel of a unit.
func (g *lanesGrid) tap(down, across int) int {
	down, across = down-g.first[0], across-g.first[1]
	plane := down%g.strides[0]*g.strides[1] + across%g.strides[1]
	return 4 * g.width * ((plane*g.planeH+down/g.strides[0])*g.planeW + across/g.strides[1])
}

// channelBytes is the distance from the planes of a channel to those of the next.
func (g *lanesGrid) channelBytes() int { return 4 * g.width * g.planes * g.planeH * g.planeW }

// size is the number of elements of all planes.
func (g *lanesGrid) size() int { return g.inPer * g.planes * g.planeH * g.planeW * g.width }

// phase returns which rows (axis 0) or columns of a plane are in the image, for the unit whose
// output begins at a pixel, and which of the image the first one is.
func (g *lanesGrid) phase(axis, plane, from, size, length int) (lo, hi, first int) {
	stride := g.strides[axis]
	at := from*stride + g.first[axis] + plane
	lo = min(ceilDiv(max(-at, 0), stride), length)
	hi = max(lo, min(length, ceilDiv(max(size-at, 0), stride)))
	return lo, hi, at + lo*stride
}

// A lanesScratch is what a unit needs.
type lanesScratch struct {
	tile lanesTile
	sums lanesSums
	copy lanesCopy
	bufX []float32
}

var lanesScratchs scratchStash[lanesScratch]

// begin returns the planes of a unit whose output begins at a row of an image, with zeros
// around the image.
func (g *lanesGrid) begin(s *lanesScratch, image, row int) []float32 {
	x := aligned(&s.bufX, g.size())
	row0 := image*g.srcH + (row+g.rows)*g.strides[0] + g.first[0] + g.span[0]
	s.copy.fetch, s.copy.step = g.next(g.src, row0*g.srcW*g.srcC)
	pitch := g.planeW * g.width
	for p := range g.inPer * g.planes {
		lo, hi, _ := g.phase(0, p%g.planes/g.strides[1], row, g.srcH, g.planeH)
		left, right, _ := g.phase(1, p%g.strides[1], 0, g.srcW, g.planeW)
		plane := x[p*g.planeH*pitch:][:g.planeH*pitch]
		clear(plane[:lo*pitch])
		clear(plane[hi*pitch:])
		if left == 0 && right == g.planeW {
			continue
		}
		for i := lo; i < hi; i++ {
			clear(plane[i*pitch:][:left*g.width])
			clear(plane[i*pitch+right*g.width:][:pitch-right*g.width])
		}
	}
	return x
}

// next returns from where to fetch what the next unit needs of an array, and the step for each
// pixel of a block. A block takes some channels of each pixel, which no CPU foresees; while it is
// copied, all channels of the next rows come in the order of memory.
func (g *lanesGrid) next(x []float32, at int) (from uintptr, step int) {
	if g.inPer > 1 || at >= len(x) || g.rows*g.strides[0]*g.srcW*g.srcC > fetchedElems {
		at, step = 0, 0
	} else {
		step = 64
	}
	return uintptr(unsafe.Pointer(&x[at])), step
}

// fill copies what a block sees into the planes.
func (g *lanesGrid) fill(s *lanesScratch, x []float32, image, row, block int) {
	c := &s.copy
	c0 := block * g.used / g.outPer * g.inPer
	n := min(g.used/g.outPer*g.inPer, g.srcC-c0)
	pitch := g.planeW * g.width
	c.srcRow, c.srcPixel, c.dstRow = 4*g.strides[0]*g.srcW*g.srcC, 4*g.strides[1]*g.srcC, 4*pitch
	c.plane = g.channelBytes()
	for p := range g.planes {
		lo, hi, top := g.phase(0, p/g.strides[1], row, g.srcH, g.planeH)
		left, right, first := g.phase(1, p%g.strides[1], 0, g.srcW, g.planeW)
		if lo == hi || left == right {
			continue
		}
		c.rows, c.pixels = hi-lo, right-left
		dst := x[p*g.planeH*pitch+lo*pitch+left*g.width:]
		src := g.src[((image*g.srcH+top)*g.srcW+first)*g.srcC+c0:]
		g.lanesCopyRun(c, dst, src, g.index, g.width, n)
	}
}

// A convLanes is a forward pass or a gradient by the input.
type convLanes struct {
	lanesGrid
	w, dst    []float32
	add       bool
	taps      []lanesTap
	phases    []lanesPhase
	dstRow    int // distance of the output's rows and pixels in a phase
	dstPixel  int
	dstImage  int
	perUnit   int // blocks
	backwards bool
	packing   bool
}

// A lanesPhase is some of the output's pixels, all of which see the same taps.
type lanesPhase struct {
	h, w        int
	out         int // its first element
	first, taps int // in taps
}

var convLanesJobs stash[convLanes]

func (j *convLanes) run(s *Conv, pass convPass, x, w, y []float32, add bool) {
	j.target = &ops().target
	j.images, j.w, j.add = s.N, w, add
	j.taps, j.phases = j.taps[:0], j.phases[:0]
	if pass == passForward {
		j.forward(s, x, y)
	} else {
		j.backward(s, y, x)
	}
	units := j.images * j.rowBlocks
	j.perUnit = ceilDiv(j.blocks, min(j.blocks, ceilDiv(lanesUnits, units)))
	j.packed = aligned(&j.buf, j.blocks*j.weights*j.width)
	j.packing = true
	par.Run(j.blocks, j)
	j.packing = false
	par.Run(units*ceilDiv(j.blocks, j.perUnit), j)
	j.target, j.src, j.dst, j.w, j.packed = nil, nil, nil, nil, nil
	convLanesJobs.put(j)
}

func (j *convLanes) forward(s *Conv, x, y []float32) {
	j.backwards = false
	j.lay(s, x)
	j.dst, j.dstPixel, j.dstRow, j.dstImage = y, s.O, s.OutW()*s.O, s.OutH()*s.OutW()*s.O
	for k := range s.KH * s.KW {
		j.addTaps(k, j.tap(k/s.KW*s.Dilations[0]-s.Pads[0], k%s.KW*s.Dilations[1]-s.Pads[1]))
	}
	j.phases = append(j.phases, lanesPhase{h: j.outH, w: j.outW, taps: len(j.taps)})
}

// lay lays out what a forward pass, and the gradient by the weights, see of x.
func (g *lanesGrid) lay(s *Conv, x []float32) {
	g.src, g.srcH, g.srcW, g.srcC, g.dstC = x, s.H, s.W, s.C, s.O
	g.inPer, g.outPer, g.strides = s.C/s.Groups, s.O/s.Groups, s.Strides
	g.first = [2]int{-s.Pads[0], -s.Pads[1]}
	g.span = [2]int{(s.KH - 1) * s.Dilations[0], (s.KW - 1) * s.Dilations[1]}
	g.outH, g.outW = s.OutH(), s.OutW()
	g.cut(s.KH * s.KW)
}

// addTaps adds the taps of pixel k of the kernel.
func (j *convLanes) addTaps(k, at int) {
	for i := range j.inPer {
		j.taps = append(j.taps, lanesTap{at + i*j.channelBytes(), 4 * j.width * (k*j.inPer + i)})
	}
}

// backward sets up the phases: pixel i*stride+phase of dx sees dy where that, and the padding,
// less a pixel of the kernel, is a multiple of the stride.
func (j *convLanes) backward(s *Conv, dy, dx []float32) {
	j.backwards = true
	down, across := s.Strides[0], s.Strides[1]
	j.src, j.srcH, j.srcW, j.srcC, j.dstC = dy, s.OutH(), s.OutW(), s.O, s.C
	j.inPer, j.outPer, j.strides = s.O/s.Groups, s.C/s.Groups, Both(1)
	j.outH, j.outW = ceilDiv(s.H, down), ceilDiv(s.W, across)
	sizes := [2]int{s.KH, s.KW}
	for axis := range 2 {
		stride, pad, reach := s.Strides[axis], s.Pads[axis], s.Dilations[axis]*(sizes[axis]-1)
		if pad < reach {
			j.first[axis] = -((reach - pad) / stride)
		} else {
			j.first[axis] = ceilDiv(pad-reach, stride)
		}
		j.span[axis] = ceilDiv(pad, stride) - j.first[axis]
	}
	j.cut(s.KH * s.KW)
	j.dst, j.dstPixel, j.dstRow, j.dstImage = dx, across*s.C, down*s.W*s.C, s.H*s.W*s.C
	for a := range min(down, s.H) {
		for b := range min(across, s.W) {
			p := lanesPhase{h: ceilDiv(s.H-a, down), w: ceilDiv(s.W-b, across), out: (a*s.W + b) * s.C, first: len(j.taps)}
			for k := range s.KH * s.KW {
				h, w := a+s.Pads[0]-k/s.KW*s.Dilations[0], b+s.Pads[1]-k%s.KW*s.Dilations[1]
				if h%down == 0 && w%across == 0 {
					j.addTaps(k, j.tap(h/down, w/across))
				}
			}
			p.taps = len(j.taps) - p.first
			j.phases = append(j.phases, p)
		}
	}
}

// Do packs the weights of block i, or does unit i.
func (j *convLanes) Do(seat, i int) {
	s := lanesScratchs.get(seat)
	if j.packing {
		j.pack(s, i)
	} else {
		parts := ceilDiv(j.blocks, j.perUnit)
		at := i / parts
		j.unit(s, at/j.rowBlocks, at%j.rowBlocks*j.rows, i%parts*j.perUnit)
	}
	lanesScratchs.put(seat, s)
}

// pack stores a block's weights: a vector for each pixel of the kernel and input channel.
func (j *convLanes) pack(s *lanesScratch, block int) {
	to := j.packed[block*j.weights*j.width:][:j.weights*j.width]
	c0 := block * j.used
	n := min(j.used, j.dstC-c0)
	if !j.backwards || j.inPer == 1 && j.outPer == 1 {
		c := &s.copy
		c.rows, c.pixels, c.srcPixel = 1, j.weights, 4*j.dstC
		c.dstRow, c.srcRow = 0, 0
		j.lanesCopyRun(c, to, j.w[c0:], nil, j.width, n)
		return
	}
	clear(to)
	for k := range j.weights / j.inPer {
		for i := range j.inPer {
			for lane := range n {
				c := c0 + lane
				to[(k*j.inPer+i)*j.width+lane] = j.w[(k*j.outPer+c%j.outPer)*j.srcC+c/j.outPer*j.inPer+i]
			}
		}
	}
}

// unit does some rows of an image for perUnit blocks.
func (j *convLanes) unit(s *lanesScratch, image, row, block int) {
	x := j.begin(s, image, row)
	t := &s.tile
	t.xRow, t.yRow, t.yPixel, t.add = 4*j.planeW*j.width, 4*j.dstRow, 4*j.dstPixel, flag(j.add)
	t.fetch, t.step = j.next(j.dst, image*j.dstImage+(row+j.rows)*j.dstRow)
	for end := min(block+j.perUnit, j.blocks); block < end; block++ {
		j.fill(s, x, image, row, block)
		w := j.packed[block*j.weights*j.width:][:j.weights*j.width]
		t.tail = min(j.used, j.dstC-block*j.used)
		for i := range j.phases {
			p := &j.phases[i]
			if t.rows = min(j.rows, p.h-row); t.rows <= 0 {
				continue
			}
			dst := j.dst[image*j.dstImage+p.out+row*j.dstRow+block*j.used:]
			n := ceilDiv(p.w, lanesPixels)
			for q := range n {
				lo, hi := q*p.w/n, (q+1)*p.w/n
				j.lanesRun(t, hi-lo, j.width, x[lo*j.width:], w, dst[lo*j.dstPixel:], j.taps[p.first:p.first+p.taps])
			}
		}
	}
	t.x, t.w, t.y, t.taps = nil, nil, nil, nil
}

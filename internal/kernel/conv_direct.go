package kernel

import "github.com/monge-ml/monge/internal/par"

// A convDirect is a forward pass or a gradient by the input, without a matrix of
// pixels: in a zero-padded image, what an output pixel sees is KH runs of KW*C
// elements, and the next pixel's runs are at a constant distance.
//
// The gradient by the input is the same thing with the kernel turned around. With
// strides, the pixels of dx fall into stride x stride phases, each of which sees
// only some of the kernel: each is a convolution of its own, over dy.
//
// In BFloat16 the padded image holds words: of each pixel the pairs of a group's channels, the
// last of which may be alone.
type convDirect struct {
	*target
	precision         Precision
	src, dst, w       []float32
	images            int
	inH, inW, inC     int // of src
	strideH, strideW  int // in src
	groups            int
	inPer, outPer     int // channels of a group
	words, pixel      int // elements of the padded image for a group's channels, and for all
	outImage          int // strides of dst
	outRow, outPixel  int
	add               bool
	kw, colsW         int // of the kernel, and of the matrix for each of its pixels
	phases            [maxStride * maxStride]convPhase
	used              int // phases
	group             int // images in a unit
	packing, clearing bool
	panels            int // of the output's channels
	packed            []float32
	buf               []float32
	moments           *pieceMoments
}

// A convPhase is a convolution with stride on one side only.
type convPhase struct {
	kh, kw       int // kernel
	tapH, tapW   int // where its first pixel lies in w
	turnH, turnW int // from pixel to pixel in w
	top, left    int // zeros
	h, w         int // output
	out          int // its first element
	packed       int // offset of its weights
	copies       bool
	rows, blocks int // rows of output in a unit, units in a group of images
	unit         int // number of its first
}

const (
	maxStride = 4
	// blockElems is how much padded input a unit works on, for the L2 cache.
	blockElems = 24 << 10
)

// A convScratch is what a unit of work needs.
type convScratch struct {
	tile       convTile
	bufA, even []float32
}

var (
	convDirects  stash[convDirect]
	convScratchs scratchStash[convScratch]
)

// canDirect reports whether the direct kernels can do the shape.
func (s *Conv) canDirect() bool {
	return s.dilation() <= 1 && s.stride() <= maxStride
}

func (j *convDirect) run(s *Conv, pass convPass, x, w, y []float32, add bool) {
	j.target = &ops().target
	j.precision = s.Precision
	j.images, j.w, j.add = s.N, w, add
	j.kw, j.colsW, j.groups = s.KW, s.O, s.Groups
	if pass == passForward {
		j.forward(s, x, y)
	} else {
		j.backward(s, y, x)
	}
	j.words = j.precision.words(j.inPer)
	j.pixel = j.groups * j.words
	j.cut()
	j.packing = true
	par.Run(j.used*j.panels, j)
	j.packing = false
	if j.clearing {
		par.Run(j.images, j)
		j.clearing = false
	}
	if j.used > 0 {
		last := &j.phases[j.used-1]
		units := last.unit + last.blocks*ceilDiv(j.images, j.group)
		j.moments = s.moments
		j.moments.begin(units, s.O)
		par.Run(units, j)
	}
	j.moments = nil
	j.target, j.src, j.dst, j.w, j.packed = nil, nil, nil, nil, nil
	convDirects.put(j)
}

func (j *convDirect) forward(s *Conv, x, y []float32) {
	j.src, j.dst = x, y
	j.inH, j.inW, j.inC, j.strideH, j.strideW = s.H, s.W, s.C, s.Strides[0], s.Strides[1]
	j.inPer, j.outPer = s.C/s.Groups, s.O/s.Groups
	j.outPixel, j.outRow, j.outImage = s.O, s.OutW()*s.O, s.OutH()*s.OutW()*s.O
	j.phases[0] = convPhase{kh: s.KH, kw: s.KW, turnH: 1, turnW: 1, top: s.Pads[0], left: s.Pads[1], h: s.OutH(), w: s.OutW()}
	j.used = 1
}

// backward sets up the phases. Pixel i*stride+phase of dx sees the pixels of the
// kernel that are = phase+pad modulo stride, the last one first. (So down and across.)
func (j *convDirect) backward(s *Conv, dy, dx []float32) {
	j.src, j.dst = dy, dx
	down, across := s.Strides[0], s.Strides[1]
	j.inH, j.inW, j.inC, j.strideH, j.strideW = s.OutH(), s.OutW(), s.O, 1, 1
	j.inPer, j.outPer = s.O/s.Groups, s.C/s.Groups
	j.outPixel, j.outRow, j.outImage = across*s.C, down*s.W*s.C, s.H*s.W*s.C
	j.used = 0
	for a := range min(down, s.H) {
		for b := range min(across, s.W) {
			p := convPhase{turnH: -down, turnW: -across, out: (a*s.W + b) * s.C}
			p.h, p.w = ceilDiv(s.H-a, down), ceilDiv(s.W-b, across)
			p.kh, p.tapH, p.top = phaseTaps(a, s.KH, s.Pads[0], down)
			p.kw, p.tapW, p.left = phaseTaps(b, s.KW, s.Pads[1], across)
			if p.kh == 0 || p.kw == 0 {
				j.clearing = !j.add
				continue
			}
			j.phases[j.used] = p
			j.used++
		}
	}
}

// phaseTaps returns how many of k pixels a phase sees, the last of them, and how
// many zeros it needs before dy.
func phaseTaps(phase, k, pad, stride int) (taps, last, before int) {
	first := (phase + pad) % stride
	taps = ceilDiv(max(k-first, 0), stride)
	return taps, first + (taps-1)*stride, taps - 1 - (phase+pad-first)/stride
}

// cut divides the work into units.
func (j *convDirect) cut() {
	j.panels = j.groups * ceilDiv(j.outPer, j.nr)
	j.group = 1
	size, units := 0, 0
	for i := range j.phases[:j.used] {
		p := &j.phases[i]
		p.packed = size
		size += j.groups * j.packedSize(p)
		p.copies = j.precision == BFloat16 || p.top > 0 || p.left > 0 || (p.h-1)*j.strideH+p.kh-p.top > j.inH || (p.w-1)*j.strideW+p.kw-p.left > j.inW
		row := p.pitch(j) * j.strideH
		p.rows = min(p.h, max(1, blockElems/row))
		p.rows = ceilDiv(p.h, ceilDiv(p.h, p.rows))
		p.blocks = ceilDiv(p.h, p.rows)
		if p.blocks == 1 && i == 0 && size > 4*blockElems {
			// Much weight for little image: use it for several images.
			j.group = max(1, min(ceilDiv(j.images, 8), 8*blockElems/(row*p.h)))
		}
	}
	for i := range j.phases[:j.used] {
		p := &j.phases[i]
		p.unit = units
		units += p.blocks * ceilDiv(j.images, j.group)
	}
	j.packed = aligned(&j.buf, size)
}

// packedSize is the size of a group's packed weights.
func (j *convDirect) packedSize(p *convPhase) int { return p.kh * p.kw * j.words * j.padded(j.outPer) }

// pitch is the length of a row of the padded input.
func (p *convPhase) pitch(j *convDirect) int {
	if !p.copies {
		return j.inW * j.pixel
	}
	return ((p.w-1)*j.strideW + p.kw) * j.pixel
}

// Do packs panel i, clears image i or does unit i.
func (j *convDirect) Do(seat, i int) {
	switch {
	case j.packing:
		n := j.panels / j.groups
		j.pack(&j.phases[i/j.panels], i%j.panels/n, i%n*j.nr)
	case j.clearing:
		clear(j.dst[i*j.outImage : (i+1)*j.outImage])
	default:
		n := j.used - 1
		for j.phases[n].unit > i {
			n--
		}
		j.unit(seat, &j.phases[n], i-j.phases[n].unit)
	}
}

// pack stores the columns from j0 on of a group's weights for a phase.
func (j *convDirect) pack(p *convPhase, group, j0 int) {
	k := p.kh * p.kw * j.words
	width := j.panelWidth(j.outPer - j0)
	to := j.packed[p.packed+group*j.packedSize(p)+j0*k:]
	cols := min(width, j.outPer-j0)
	packPanel := j.packPanel
	if j.precision == BFloat16 {
		packPanel = j.packWords
	}
	for a := range p.kh {
		for b := range p.kw {
			tap := (p.tapH+a*p.turnH)*j.kw + p.tapW + b*p.turnW
			if p.turnH > 0 {
				from := j.w[tap*j.inPer*j.colsW+group*j.outPer+j0:]
				packPanel(to, width, from, j.colsW, cols, j.inPer, true)
			} else {
				from := j.w[(tap*j.outPer+j0)*j.colsW+group*j.inPer:]
				packPanel(to, width, from, j.colsW, cols, j.inPer, false)
			}
			to = to[j.words*width:]
		}
	}
}

// unit does some rows of a few images, all channels.
func (j *convDirect) unit(seat int, p *convPhase, i int) {
	first := i / p.blocks * j.group
	images := min(j.group, j.images-first)
	row0 := i % p.blocks * p.rows
	rows := min(p.rows, p.h-row0)
	s := convScratchs.get(seat)
	src, image, pitch := j.input(s, p, first, images, row0, rows)
	s.tile.words = j.precision == BFloat16
	if j.groups == 1 {
		s.tile.outer, s.tile.inner, s.tile.images = p.kh, p.kw*j.pixel, 1
		s.tile.cs, s.tile.os, s.tile.is = 4, 4*(pitch-p.kw*j.pixel), 0
	} else {
		s.tile.images, s.tile.outer, s.tile.inner = p.kh, p.kw, j.words
		s.tile.cs, s.tile.os, s.tile.is = 4, 4*(j.pixel-j.words), 4*(pitch-p.kw*j.pixel)
	}
	s.tile.rs = 4 * j.strideW * j.pixel
	s.tile.ldc, s.tile.add = 4*j.outPixel, 0
	if j.add {
		s.tile.add = 1
	}
	j.fetchNext(s, p, first, images, row0, rows)
	for g := range j.groups {
		for j0 := 0; j0 < j.outPer; j0 += j.nr {
			b := j.packed[p.packed+g*j.packedSize(p)+j0*p.kh*p.kw*j.words:]
			for n := range images {
				dst := j.dst[(first+n)*j.outImage+p.out+row0*j.outRow+g*j.outPer+j0:]
				j.panel(s, p, rows, src[n*image+g*j.words:], j.strideH*pitch, b, dst, j.outPer-j0)
			}
		}
	}
	if j.moments != nil {
		for n := first; n < first+images; n++ {
			j.moments.add(p.unit+i, j.dst[n*j.outImage+row0*j.outRow:][:rows*j.outRow])
		}
	}
	s.tile.a, s.tile.b, s.tile.c = nil, nil, nil
	convScratchs.put(seat, s)
}

// fetchNext fetches the next unit's input meanwhile.
func (j *convDirect) fetchNext(s *convScratch, p *convPhase, first, images, row0, rows int) {
	row := j.inW * j.inC
	end := min((row0+rows)*j.strideH+p.kh-1-p.top, j.inH)
	tiles := images * rows * ceilDiv(p.w, j.panelRows(j.panelWidth(j.outPer))) * j.groups * ceilDiv(j.outPer, j.nr)
	s.tile.fetchNext(j.src, ((first+images-1)*j.inH+end)*row, images*rows*j.strideH*row, tiles*p.kh*p.kw*j.words)
}

// panel does one panel of columns, of which rest are left, for some rows.
func (j *convDirect) panel(s *convScratch, p *convPhase, rows int, a []float32, rowA int, b, c []float32, rest int) {
	width := j.panelWidth(rest)
	cols := min(width, rest)
	most := j.panelRows(width)
	t := &s.tile
	t.bs = 4 * width
	if p.w == 4 && most >= 8 {
		t.gs, t.gc = 4*rowA, 4*j.outRow
		tiles := ceilDiv(rows, most/4)
		for q := range tiles {
			lo, hi := q*rows/tiles, (q+1)*rows/tiles
			j.convRun(t, 4*(hi-lo), width, cols, a[lo*rowA:], b, c[lo*j.outRow:])
		}
		return
	}
	t.gs, t.gc = 4*t.rs, 4*t.ldc
	tiles := ceilDiv(p.w, most)
	for r := range rows {
		for q := range tiles {
			lo, hi := q*p.w/tiles, (q+1)*p.w/tiles
			j.convRun(t, hi-lo, width, cols, a[r*rowA+lo*t.rs/4:], b, c[r*j.outRow+lo*j.outPixel:])
		}
	}
}

// input returns the padded input of a unit, and the strides of its images and
// rows.
func (j *convDirect) input(s *convScratch, p *convPhase, first, images, row0, rows int) (src []float32, image, pitch int) {
	row := j.inW * j.inC
	size := j.inH * row
	pitch = p.pitch(j)
	from := row0*j.strideH - p.top
	if !p.copies {
		return j.src[first*size+from*pitch-p.left*j.inC:], size, pitch
	}
	lines := (rows-1)*j.strideH + p.kh
	src = aligned(&s.bufA, images*lines*pitch)
	for n := range images {
		for l := range lines {
			to := src[(n*lines+l)*pitch:][:pitch]
			if h := from + l; h >= 0 && h < j.inH {
				to, from := margins(to, j.src[(first+n)*size+h*row:][:row], p.left, j.pixel, j.inC)
				j.elements(s, to, from)
			} else {
				clear(to)
			}
		}
	}
	return src, lines * pitch, pitch
}

// margins prepares to for a row of pixels behind some zero ones (if before is negative, without
// its first): it clears the rest, and returns the parts of both that match.
func margins(to, from []float32, before, toPixel, fromPixel int) (_, _ []float32) {
	if before < 0 {
		from, before = from[min(-before*fromPixel, len(from)):], 0
	}
	before = min(before*toPixel, len(to))
	clear(to[:before])
	to = to[before:]
	n := min(len(to)/toPixel, len(from)/fromPixel)
	clear(to[n*toPixel:])
	return to[:n*toPixel], from[:n*fromPixel]
}

// elements copies whole pixels to the padded image.
func (j *convDirect) elements(s *convScratch, to, from []float32) {
	switch {
	case j.precision == Float32:
		copy(to, from)
		return
	case j.inPer%2 != 0:
		from = evened(&s.even, from, j.inPer)
	}
	j.narrowed(to, from)
}

// evened puts a zero behind every n elements of x, which is an odd number.
func evened(buf *[]float32, x []float32, n int) []float32 {
	to := aligned(buf, len(x)/n*(n+1))
	for i, rest := 0, to; i < len(x); i += n {
		copy(rest, x[i:i+n])
		rest[n] = 0
		rest = rest[n+1:]
	}
	return to
}

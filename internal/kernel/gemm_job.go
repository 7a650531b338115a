package kernel

import (
	"slices"

	"github.com/monge-ml/monge/internal/par"
)

// Matrix multiplication in three layers, as in BLIS. The innermost is a register
// tile (a micro-kernel) that multiplies a panel of rows of A by a panel of
// columns of B. Panels of one block of k together form a tile of C, the piece of
// work that one thread does. Around that, operands are packed so that panels are
// contiguous, unless they are read as well from where they are or too few times.
//
// An element of C is the sum, in order, of its products within blocks of k of at
// most maxBlock, and of these blocks. The blocks follow from the shape only. Narrow
// products are done and summed another way, see gemm_dot.go.

const (
	maxBlock = 1024 // a panel of B of this length streams well from the L2 cache

	// smallFlops and less are done by the caller alone.
	smallFlops = 1 << 20

	// Limits on what is packed at one time, for the last-level cache.
	maxPackedK    = 1280
	maxPackedCols = 2048
	maxPackedA    = 2 << 20 // elements

	// ownFlops is up to where waiting for what others pack weighs.
	ownFlops = 1 << 28

	packPieceSize = 16 << 10 // elements packed by one piece at least
)

// A packing says how an operand reaches the micro-kernel.
type packing int

const (
	direct packing = iota // from where it is
	local                 // each tile packs its part, block by block
	shared                // packed as a whole beforehand
	own                   // packed as a whole, by each goroutine what it reads
)

type gemmArgs struct {
	precision                 Precision
	transA, transB, add       bool
	m, n, k                   int
	a, b, c                   []float32
	lda, ldb, ldc             int
	batch                     int
	strideA, strideB, strideC int
	packed                    *Packed // replaces b
}

// A gemmJob is a multiplication and how it is cut.
type gemmJob struct {
	gemmArgs
	*target
	how [2]packing // of A and B

	kc                   int // length of a block
	rowPanels, colPanels int
	rowTiles, colTiles   int
	slices               int // of k, each with its own partial result

	packing        bool // what Do does
	packA, packB   bool // what packing does
	groupA, groupB int  // panels in a piece

	panelsA, panelsB []float32
	sizeA, sizeB     int // distance between panels of an operand packed as a whole
	partial          []float32
	serialA, serialB uint64 // of own operands

	bufA, bufB, bufPartial []float32
}

// A gemmScratch holds packed operands, of a tile or of a goroutine.
type gemmScratch struct {
	a, b keptPanels
	call microCall
}

// keptPanels are blocks of packed panels that a goroutine may need again for its next tile.
type keptPanels struct {
	buf    []float32
	serial uint64 // of the operand that they are from, or 0
	has    []bool
}

// hold returns memory for n elements, and which of the blocks of panels it has of the
// operand with that serial number.
func (k *keptPanels) hold(n, blocks int, serial uint64) (panels []float32, has []bool) {
	if k.serial != serial {
		k.serial = serial
		k.has = slices.Grow(k.has[:0], blocks)[:blocks]
		clear(k.has)
	}
	return aligned(&k.buf, n), k.has
}

var (
	gemmJobs     stash[gemmJob]
	gemmScratchs scratchStash[gemmScratch]
)

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// release drops references and returns the job to the stash.
func (j *gemmJob) release() {
	j.gemmArgs = gemmArgs{}
	j.panelsA, j.panelsB, j.partial = nil, nil, nil
	gemmJobs.put(j)
}

func (j *gemmJob) run() {
	j.target = &ops().target
	j.slices = 1
	switch {
	case j.batch == 0 || j.m == 0 || j.n == 0:
	case j.k == 0:
		j.clearC()
	case j.dots():
		(*dotJob)(j).run()
	case 2*j.batch*j.m*j.n*j.k <= smallFlops:
		j.small()
	case j.batch > 1:
		j.items()
	case j.splitsK():
		j.split()
	default:
		j.blocked()
	}
	j.release()
}

func (j *gemmJob) clearC() {
	if j.add {
		return
	}
	for item := range j.batch {
		for r := range j.m {
			at := item*j.strideC + r*j.ldc
			clear(j.c[at : at+j.n])
		}
	}
}

// cutPanels sets the sizes that follow from m, n and k.
func (j *gemmJob) cutPanels() {
	j.rowPanels, j.colPanels = ceilDiv(j.m, j.mr), ceilDiv(j.n, j.nr)
	j.kc = balanced(j.k, maxBlock, 8)
}

// cutTiles cuts C into tiles of about rows x cols or, if that gives fewer than
// least tiles, smaller ones, but not below a size where a tile costs much less
// than handing it to a thread. Where k is short and writing C weighs, tiles keep
// whole rows: memory that two threads write in turns travels between their caches.
func (j *gemmJob) cutTiles(rows, cols, least int) {
	perRow, perCol := max(1, rows/j.mr), max(1, cols/j.nr)
	for {
		j.rowTiles, j.colTiles = ceilDiv(j.rowPanels, perRow), ceilDiv(j.colPanels, perCol)
		h, w := min(perRow*j.mr, j.m), min(perCol*j.nr, j.n)
		if j.rowTiles*j.colTiles >= least || 2*h*w*j.k < smallFlops || perRow == 1 && perCol == 1 {
			return
		}
		if perCol == 1 || perRow > 1 && (h >= w || j.k*w <= innerB) {
			perRow = ceilDiv(perRow, 2)
		} else {
			perCol = ceilDiv(perCol, 2)
		}
	}
}

func (j *gemmJob) small() {
	j.cutPanels()
	j.rowTiles, j.colTiles = 1, 1
	j.chooseLocal()
	for item := range j.batch {
		j.tile(0, item)
	}
}

func (j *gemmJob) items() {
	j.cutPanels()
	j.cutTiles(512, 512, ceilDiv(16, j.batch))
	j.chooseLocal()
	par.Run(j.batch*j.rowTiles*j.colTiles, j)
}

// splitsK reports whether k is long, and C too small to share out without
// packing long operands that are read only a few times.
func (j *gemmJob) splitsK() bool {
	return j.packed == nil && j.m*j.n <= maxSplitC && j.k >= 2*sliceLength
}

const (
	maxSplitC   = 64 << 10
	sliceLength = 1024
	maxSlices   = 32
	maxPartial  = 512 << 10 // elements of all partial results
)

func (j *gemmJob) split() {
	j.cutPanels()
	j.kc = 256
	j.slices = min(maxSlices, j.k/sliceLength, maxPartial/(j.m*j.n))
	j.cutTiles(512, 256, ceilDiv(16, j.slices))
	j.chooseLocal()
	size := j.m * j.n
	j.partial = aligned(&j.bufPartial, j.slices*size)
	par.Run(j.slices*j.rowTiles*j.colTiles, j)
	sum := j.partial[:size]
	for s := 1; s < j.slices; s++ {
		addScaled(sum, sum, 1, j.partial[s*size:(s+1)*size])
	}
	for r := range j.m {
		to, from := j.c[r*j.ldc:r*j.ldc+j.n], sum[r*j.n:(r+1)*j.n]
		if j.add {
			addScaled(to, to, 1, from)
		} else {
			copy(to, from)
		}
	}
}

// sliceRange is the part of k that slice s sums, in whole blocks.
func (j *gemmJob) sliceRange(s int) (lo, hi int) {
	if j.slices == 1 {
		return 0, j.k
	}
	blocks := ceilDiv(j.k, j.kc)
	return s * blocks / j.slices * j.kc, min((s+1)*blocks/j.slices*j.kc, j.k)
}

// chooseLocal decides for tiles that pack for themselves.
func (j *gemmJob) chooseLocal() {
	j.how = [2]packing{direct, direct}
	if j.precision == BFloat16 { // in words
		j.how = [2]packing{local, local}
		return
	}
	if j.packed != nil {
		j.how[1] = shared
		j.sizeB = j.k * j.nr
	} else if j.packsB() {
		j.how[1] = local
	}
	if j.packsA() {
		j.how[0] = local
	}
}

// shortK is a k at which panels stay in the L1 cache wherever they are.
const shortK = 16

// packsA reports whether packing A pays. The micro-kernel reads it well from where it is, unless
// rows are so far apart that they fall into one or two sets of a cache.
func (j *gemmJob) packsA() bool {
	return j.colPanels > 1 && j.k > shortK && j.lda%512 == 0 && j.n > 32
}

// packsB is the same for B; columns are not contiguous in a transposed one.
func (j *gemmJob) packsB() bool {
	if j.transB {
		return true
	}
	return j.rowPanels > 2 && j.ldb > 128 && j.k > shortK
}

// A tile's part of A, of B and of C together fit an L2 cache of 1 MiB, and a batch of
// 128 is one tile high, unless k is long.
const (
	tileRows, tileCols = 140, 256
	tileA              = 70 << 10 // elements of a block of A
)

func (j *gemmJob) tileRows() int { return min(tileRows, tileA/j.kc) }

// blocked packs operands that several tiles read, as far as the limits allow,
// and then multiplies.
func (j *gemmJob) blocked() {
	all := j.gemmArgs
	j.cutPanels()
	j.chooseLocal()
	j.cutTiles(j.tileRows(), max(tileCols, innerB/j.k), 16)
	alone := 1 // so many tiles pack for themselves
	if 2*j.m*j.n*j.k < 4*smallFlops {
		alone = 2 // as that is cheaper than waiting for each other once more
	}
	many := shared
	if 2*j.m*j.n*j.k <= ownFlops && ownCopies() {
		many = own
	}
	if j.how[0] == local && j.colTiles > alone {
		j.how[0] = many
	}
	if j.how[1] == local && j.rowTiles > alone {
		j.how[1] = many
	}
	stepM, stepN, stepK := all.m, all.n, all.k
	if j.packed == nil && (j.how[0] >= shared || j.how[1] >= shared) {
		stepK = balanced(all.k, maxPackedK, 8)
	}
	if j.how[1] >= shared && j.packed == nil {
		stepN = balanced(all.n, maxPackedCols, j.nr)
	}
	if j.how[0] >= shared {
		stepM = balanced(all.m, max(maxPackedA/stepK, 256), j.mr)
	}
	for j0 := 0; j0 < all.n; j0 += stepN {
		for p0 := 0; p0 < all.k; p0 += stepK {
			for i0 := 0; i0 < all.m; i0 += stepM {
				j.block(&all, i0, j0, p0, stepM, stepN, stepK)
			}
		}
	}
}

// balanced cuts n into equal steps of at most limit, multiples of unit.
func balanced(n, limit, unit int) int {
	return ceilDiv(ceilDiv(n, ceilDiv(n, limit)), unit) * unit
}

func (j *gemmJob) block(all *gemmArgs, i0, j0, p0, stepM, stepN, stepK int) {
	j.m, j.n, j.k = min(stepM, all.m-i0), min(stepN, all.n-j0), min(stepK, all.k-p0)
	j.a = all.a[at(all.transA, i0, p0, all.lda):]
	if all.packed == nil {
		j.b = all.b[at(all.transB, p0, j0, all.ldb):]
	}
	j.c = all.c[i0*all.ldc+j0:]
	j.add = all.add || p0 > 0
	j.cutPanels()
	j.cutTiles(j.tileRows(), max(tileCols, innerB/j.k), 16)
	j.sizeA = j.panelA(j.k).perPanel
	if all.packed == nil {
		j.sizeB = j.words(j.k) * j.nr
	}
	if j.serialA = serials.Add(1); i0 == 0 {
		j.serialB = serials.Add(1)
	}
	j.pack(i0 == 0)
	par.Run(j.rowTiles*j.colTiles, j)
}

// words is how many rows of a panel hold n along k.
func (j *gemmJob) words(n int) int { return j.precision.words(n) }

// at is the index of an element of op(X).
func at(trans bool, row, col, ld int) int {
	if trans {
		row, col = col, row
	}
	return row*ld + col
}

// pack packs the shared operands; B only if it is new.
func (j *gemmJob) pack(newB bool) {
	j.packA = j.how[0] == shared
	j.packB = j.how[1] == shared && newB && j.packed == nil
	pieces := 0
	if j.packB {
		j.panelsB = aligned(&j.bufB, j.colPanels*j.sizeB)
		pieces += j.piecesB()
	}
	if j.packA {
		j.panelsA = aligned(&j.bufA, j.rowPanels*j.sizeA)
		j.groupA = max(1, packPieceSize/j.sizeA)
		if j.transA {
			j.groupA = max(j.groupA, 8) // they share cache lines
		}
		pieces += ceilDiv(j.rowPanels, j.groupA)
	}
	if pieces == 0 {
		return
	}
	j.packing = true
	par.Run(pieces, j)
	j.packing = false
}

func (j *gemmJob) piecesB() int {
	j.groupB = max(1, packPieceSize/j.sizeB)
	return j.batch * ceilDiv(j.colPanels, j.groupB)
}

// packInto packs a batch of right-hand matrices for later.
func (j *gemmJob) packInto(p *Packed) {
	j.target = &ops().target
	j.colPanels = ceilDiv(j.n, j.nr)
	j.sizeB = j.k * j.nr
	p.level, p.batch, p.k, p.n = Active(), j.batch, j.k, j.n
	p.panels = aligned(&p.buf, j.batch*j.colPanels*j.sizeB)
	if len(p.panels) > 0 {
		j.panelsB = p.panels
		j.packA, j.packB, j.packing = false, true, true
		par.Run(j.piecesB(), j)
		j.packing = false
	}
	j.release()
}

// Do does piece i of packing, or tile i.
func (j *gemmJob) Do(seat, i int) {
	if j.packing {
		j.packPiece(i)
	} else {
		j.tile(seat, i)
	}
}

// packPiece takes B between the halves of A: so each of two threads packs the parts
// of both that it will read.
func (j *gemmJob) packPiece(i int) {
	ofA, ofB := 0, 0
	if j.packA {
		ofA = ceilDiv(j.rowPanels, j.groupA)
	}
	if j.packB {
		ofB = j.batch * ceilDiv(j.colPanels, j.groupB)
	}
	switch half := ofA / 2; {
	case i < half:
		j.packPieceA(i)
	case i < half+ofB:
		j.packPieceB(i - half)
	default:
		j.packPieceA(i - ofB)
	}
}

func (j *gemmJob) packPieceA(i int) {
	first := i * j.groupA
	j.packPanelsA(j.panelsA[first*j.sizeA:], j.sizeA, 0, first, min(first+j.groupA, j.rowPanels), 0, j.k)
}

func (j *gemmJob) packPieceB(i int) {
	groups := ceilDiv(j.colPanels, j.groupB)
	item, lo := i/groups, i%groups*j.groupB
	to := j.panelsB[item*j.colPanels*j.sizeB:]
	for q := lo; q < min(lo+j.groupB, j.colPanels); q++ {
		j.packPanelB(to[q*j.sizeB:], item, q, 0, j.k)
	}
}

// rows is where row panel q starts. Panels differ by one row at most, so that
// none is too low for the micro-kernel to be fast.
func (j *gemmJob) row(q int) int { return q * j.m / j.rowPanels }

func (j *gemmJob) packPanelA(to []float32, item, q, p0, kb int) {
	i0, rows := j.row(q), j.row(q+1)-j.row(q)
	from := j.a[item*j.strideA+at(j.transA, i0, p0, j.lda):]
	if !j.byRows() {
		j.packAs(to, j.pitch, from, j.lda, rows, kb, j.transA)
		return
	}
	pitch := j.panelA(kb).rs
	for i := range rows {
		j.narrowed(to[i*pitch:], from[i*j.lda:][:kb])
	}
}

// byRows reports whether packed panels of A keep the order of its rows: converting them is
// faster so.
func (j *gemmJob) byRows() bool { return j.precision == BFloat16 && !j.transA }

// panelA is the view of packed panels of n numbers along k.
func (j *gemmJob) panelA(n int) view {
	if j.byRows() {
		row := ceilDiv(j.words(n), 16) * 16
		if row%512 == 0 {
			row += 16 // see packsA
		}
		size := j.mr * row
		return view{perPanel: size, rs: row, cs: 1, ahead: size, step: 4 * j.mr}
	}
	size := j.words(n) * j.pitch
	return view{perPanel: size, rs: 1, cs: j.pitch, near: nearA, ahead: size, step: 4 * j.pitch}
}

func (j *gemmJob) packAs(to []float32, pitch int, from []float32, ld, n, k int, contiguous bool) {
	if j.precision == BFloat16 {
		j.packWords(to, pitch, from, ld, n, k, contiguous)
	} else {
		j.packPanel(to, pitch, from, ld, n, k, contiguous)
	}
}

// packPanelsA packs panels first to last into panels of the given size. Where these lie
// across rows of A, it takes a few rows of all panels at a time, while they are in the L1
// cache.
func (j *gemmJob) packPanelsA(to []float32, size, item, first, last, p0, kb int) {
	step := kb
	if j.transA {
		step = 8
	}
	for p := 0; p < kb; p += step {
		for q := first; q < last; q++ {
			j.packPanelA(to[(q-first)*size+j.words(p)*j.pitch:], item, q, p0+p, min(step, kb-p))
		}
	}
}

func (j *gemmJob) packPanelB(to []float32, item, q, p0, kb int) {
	j0 := q * j.nr
	from := j.b[item*j.strideB+at(j.transB, p0, j0, j.ldb):]
	j.packAs(to, j.nr, from, j.ldb, min(j.nr, j.n-j0), kb, !j.transB)
}

// A view is where a tile finds the panels of an operand for one block: panel q,
// whose first row (of B: column) is i, starts at
// from + i*perRow + (q-first)*perPanel.
type view struct {
	data                   []float32
	from, perRow, perPanel int
	first                  int
	rs, cs                 int // between rows, and along k
	ahead, step            int // where what is read next starts behind a panel, and how fast to fetch it
	near                   int // bytes from what is read now to what should come to the L1 cache
}

func (v *view) panel(q, i int) []float32 {
	return v.data[v.from+i*v.perRow+(q-v.first)*v.perPanel:]
}

func (j *gemmJob) viewA(s *gemmScratch, item, first, last, p0, kb int) view {
	switch j.how[0] {
	case shared:
		v := j.panelA(j.k)
		v.data, v.from = j.panelsA, j.words(p0)*v.cs
		return v
	case own:
		v, block := j.panelA(kb), p0/j.kc
		size, blocks := j.rowPanels*j.panelA(j.kc).perPanel, ceilDiv(j.k, j.kc)
		data, has := s.a.hold(blocks*size, blocks*j.rowPanels, j.serialA)
		v.data, has = data[block*size:], has[block*j.rowPanels:]
		for q := first; q < last; q++ {
			from := q
			for ; q < last && !has[q]; q++ {
				has[q] = true
			}
			j.packPanelsA(v.data[from*v.perPanel:], v.perPanel, item, from, q, p0, kb)
		}
		return v
	case local:
		v := j.panelA(kb)
		v.data, _ = s.a.hold((last-first)*v.perPanel, 0, 0)
		v.first = first
		j.packPanelsA(v.data, v.perPanel, item, first, last, p0, kb)
		return v
	}
	v := view{data: j.a, from: item*j.strideA + at(j.transA, 0, p0, j.lda), rs: j.lda, cs: 1}
	switch {
	case j.transA: // the panel itself, some rows further on
		v.rs, v.cs = 1, j.lda
		v.ahead, v.step = 8*j.lda, 4*j.lda
	case j.lda < 2*kb: // as if rows had no gaps
		v.ahead, v.step = j.mr*j.lda, 4*j.mr*j.lda/kb
	}
	v.perRow = v.rs
	return v
}

func (j *gemmJob) viewB(s *gemmScratch, item, first, last, p0, kb int) view {
	switch {
	case j.packed != nil:
		return view{data: j.packed.panels, from: item*j.colPanels*j.sizeB + p0*j.nr, perPanel: j.sizeB, cs: j.nr}
	case j.how[1] == shared:
		return view{data: j.panelsB, from: j.words(p0) * j.nr, perPanel: j.sizeB, cs: j.nr}
	case j.how[1] == own:
		size := j.words(kb) * j.nr
		data, has := s.b.hold(j.colPanels*j.sizeB, j.colPanels*ceilDiv(j.k, j.kc), j.serialB)
		block := data[j.words(p0)*j.nr*j.colPanels:]
		for q := first; q < last; q++ {
			if n := p0/j.kc*j.colPanels + q; !has[n] {
				has[n] = true
				j.packPanelB(block[q*size:], item, q, p0, kb)
			}
		}
		return view{data: block, perPanel: size, cs: j.nr}
	case j.how[1] == local:
		size := j.words(kb) * j.nr
		data, _ := s.b.hold((last-first)*size, 0, 0)
		for q := first; q < last; q++ {
			j.packPanelB(data[(q-first)*size:], item, q, p0, kb)
		}
		return view{data: data, perPanel: size, first: first, cs: j.nr}
	}
	return view{data: j.b, from: item*j.strideB + p0*j.ldb, perRow: 1, cs: j.ldb}
}

// tile computes tile i of C, counted over items, slices and then along the shorter
// side first: so each of two threads reads about its own half of the larger operand
// (see package par), which it has packed.
func (j *gemmJob) tile(seat, i int) {
	at, i := i%(j.rowTiles*j.colTiles), i/(j.rowTiles*j.colTiles)
	row, col := at/j.colTiles, at%j.colTiles
	if j.n >= j.m {
		row, col = at%j.rowTiles, at/j.rowTiles
	}
	slice, item := i%j.slices, i/j.slices
	row0, row1 := row*j.rowPanels/j.rowTiles, (row+1)*j.rowPanels/j.rowTiles
	col0, col1 := col*j.colPanels/j.colTiles, (col+1)*j.colPanels/j.colTiles

	c, ldc, add := j.c[item*j.strideC:], j.ldc, j.add
	if j.slices > 1 {
		c, ldc, add = j.partial[slice*j.m*j.n:], j.n, false
	}
	s := gemmScratchs.get(seat)
	lo, hi := j.sliceRange(slice)
	for p0 := lo; p0 < hi; p0 += j.kc {
		kb := min(j.kc, hi-p0)
		a := j.viewA(s, item, row0, row1, p0, kb)
		b := j.viewB(s, item, col0, col1, p0, kb)
		t := region{row0: row0, row1: row1, col0: col0, col1: col1, depth: j.words(kb), c: c, ldc: ldc, add: add || p0 > lo}
		if t.depth*(col1-col0)*j.nr <= innerB {
			j.multiply(&s.call, &t, &a, &b)
			continue
		}
		for q := col0; q < col1; q++ {
			t.col0, t.col1 = q, q+1
			t.fetchB = j.how[1] != direct && q > col0 && q+1 < col1
			j.multiply(&s.call, &t, &a, &b)
		}
	}
	gemmScratchs.put(seat, s)
}

// nearA covers the latency of the caches beyond L2.
const nearA = 2048

// innerB is the size of a block of B that stays in the L1 cache as a whole. Then
// A is better read once from the top to the bottom.
const innerB = 6 << 10

// A region is a part of C, in panels, and the block of k to add to it.
type region struct {
	row0, row1, col0, col1 int
	depth                  int // of panels
	c                      []float32
	ldc                    int
	add                    bool
	fetchB                 bool // A is in the L2 cache, the next panel of B is not yet
}

// multiply takes the panels of rows one by one, each with all whole panels of
// columns and then what is left of one.
func (j *gemmJob) multiply(call *microCall, t *region, a, b *view) {
	call.k, call.rs, call.cs, call.ahead = t.depth, a.rs, a.cs, a.near
	call.bs, call.next, call.ldc, call.add = b.cs, j.nr*b.perRow+b.perPanel, t.ldc, 0
	if t.add {
		call.add = 1
	}
	whole := min(t.col1, j.n/j.nr)
	for r := t.row0; r < t.row1; r++ {
		if t.col0 < whole {
			j.strips(call, t, a, b, r, t.col0, whole-t.col0, j.nr)
		}
		if whole < t.col1 {
			j.strips(call, t, a, b, r, whole, 1, j.n-whole*j.nr)
		}
	}
}

// strips multiplies panel r of rows by n panels of columns, of cols each, from q on.
func (j *gemmJob) strips(call *microCall, t *region, a, b *view, r, q, n, cols int) {
	i0, j0 := j.row(r), q*j.nr
	panel := a.panel(r, i0)
	fetch := panel
	call.step = 0
	if t.fetchB { // a share for each panel of rows
		share := t.depth * j.nr / (t.row1 - t.row0)
		fetch, call.step = b.panel(q+1, j0+j.nr)[(r-t.row0)*share:], 4*share/t.depth
	} else if a.ahead < len(panel) {
		fetch, call.step = panel[a.ahead:], a.step
	}
	j.micro(j.precision, call, n, j.row(r+1)-i0, cols, panel, fetch, b.panel(q, j0), t.c[i0*t.ldc+j0:])
}

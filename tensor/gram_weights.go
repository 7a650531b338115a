package tensor

import (
	"cmp"
	"slices"

	"github.com/monge-ml/monge/internal/kernel"
)

// A weightGram is a weight whose gradient, of each example, is DᵀA: D are the gradients of its rows of
// results, and A those of what the weight multiplied. For a convolution a row of A is the window of
// an output pixel.
type weightGram struct {
	rows    int // of an example
	d, a    []float32
	ldd     int // elements from row to row
	lda     int
	out, in int // columns of D and A

	conv  *kernel.Conv // a are its images, nil if a are the rows of A
	group int          // of channels
}

// gramBlock is how many elements are computed at one time, to be used while a cache has them.
const gramBlock = 1 << 20

// gramMost bounds the elements of the products of the rows of an example and all others, and of gradients
// of examples that are there at one time.
const gramMost = 1 << 22

// gramImages is that for the gradients of a convolution, which its own kernels compute whole.
const gramImages = 1 << 24

func addGramOfLinear(t *Tape, n *node) {
	x, w, b := n.in[0], n.in[1], n.in[2]
	dy := n.out.Grad
	if n.flag {
		dy = t.masked(n.out) // once more on the way back: that changes nothing
	}
	if needed(w) {
		rows, in := x.rows()
		t.addWeight(n, w, &weightGram{rows: rows / t.gram.n, d: dy, ldd: w.Dim(0), out: w.Dim(0), a: x.Data, lda: in, in: in})
	}
	t.addGramOfBias(n, b, dy)
	if n.flag && n.out.kept {
		t.arena.put(dy)
	}
}

func addGramOfMatMul(t *Tape, n *node) {
	x, w := n.in[0], n.in[1]
	switch {
	case !w.needs || !w.shared:
		return
	case w.rank > 2 || x.rank != n.out.rank || n.flag:
		t.gramFail(n, "there is no rule for a weight %v but as one matrix for all rows of %v, not transposed, so it can't be in the Gram matrix; freeze it",
			w.shape(), x.shape())
		return
	}
	rows, in := x.rows()
	out := n.out.Dim(-1)
	t.addWeight(n, w, &weightGram{rows: rows / t.gram.n, d: n.out.Grad, ldd: out, out: out, a: x.Data, lda: in, in: in})
}

func addGramOfConv(t *Tape, n *node) {
	x, w, b := n.in[0], n.in[1], n.in[2]
	t.addConvWeight(n, w, x.Data, n.out.Grad)
	t.addGramOfBias(n, b, n.out.Grad)
}

// addGramOfConvTranspose has the two sides exchanged.
func addGramOfConvTranspose(t *Tape, n *node) {
	x, w, b := n.in[0], n.in[1], n.in[2]
	t.addConvWeight(n, w, n.out.Grad, x.Data)
	t.addGramOfBias(n, b, n.out.Grad)
}

// addConvWeight is for images x, and y of the side of the output.
func (t *Tape) addConvWeight(n *node, w *Tensor, x, y []float32) {
	if !needed(w) || !t.claim(n, w) {
		return
	}
	s, b := &t.gram.conv, t.gram.n
	*s = n.conv
	s.Precision = kernel.Float32
	groups := max(s.Groups, 1)
	g := weightGram{rows: s.N * s.OutH() * s.OutW() / b, ldd: s.O, out: s.O / groups, a: x, in: s.KH * s.KW * s.C / groups, conv: s}
	if b*len(w.Data) <= gramImages && !g.pairsAreCheaper(b) {
		each := t.arena.get(b * len(w.Data))
		kernel.ConvBackwardWeightsEach(s, each, x, y, b)
		t.addRows(each)
		t.arena.put(each)
		return
	}
	for g.group = range groups {
		g.d = y[g.group*g.out:]
		t.addProductOf(&g)
	}
}

func (t *Tape) addWeight(n *node, w *Tensor, g *weightGram) {
	if t.claim(n, w) {
		t.addProductOf(g)
	}
}

func (t *Tape) addProductOf(g *weightGram) {
	if g.pairsAreCheaper(t.gram.n) {
		t.addPairs(g)
	} else {
		t.addGradients(g)
	}
}

// pairsAreCheaper compares, in multiply-adds, two ways for b examples: the products of all pairs of
// rows of A and of D, whose elementwise product is summed (Goodfellow 2015, arXiv 1510.01799; with rows Li et
// al. 2022, arXiv 2110.05679), and the gradient of each example with their products.
func (g *weightGram) pairsAreCheaper(b int) bool {
	const pass = 16 // over memory, for each pair
	gradients := float64(b*g.out*g.in) * float64(g.rows+b)
	pairs := float64(b*g.rows) * float64(b*g.rows) / 2 * float64(g.in+g.out+pass)
	return pairs < gradients && g.rows*g.rows*b <= gramMost
}

// addGradients computes the gradients of the examples, some columns at one time.
func (t *Tape) addGradients(g *weightGram) {
	b := t.gram.n
	width := max(1, min(g.in, gramMost/(b*g.out)))
	for lo := 0; lo < g.in; lo += width {
		hi := min(lo+width, g.in)
		each := g.out * (hi - lo)
		grads := t.arena.get(b * each)
		some := g.atOnce(b, hi-lo)
		for first := 0; first < b; first += some {
			n := min(some, b-first)
			a, lda, scratch := g.columns(t, first, n, lo, hi)
			kernel.GemmBatch(n, true, false, g.out, hi-lo, g.rows, g.d[first*g.rows*g.ldd:], g.ldd, g.rows*g.ldd,
				a, lda, g.rows*lda, grads[first*each:], hi-lo, each, false)
			t.arena.put(scratch)
		}
		t.addRows(grads)
		t.arena.put(grads)
	}
}

// addPairs computes the products of pairs of rows, of some examples with those up to them.
func (t *Tape) addPairs(g *weightGram) {
	b := t.gram.n
	a, lda, scratch := g.columns(t, 0, b, 0, g.in)
	some := max(1, min(b, gramBlock/(g.rows*g.rows*b)))
	for first := 0; first < b; first += some {
		n := min(some, b-first)
		t.addSomePairs(g, a, lda, first, n)
	}
	t.arena.put(scratch)
}

func (t *Tape) addSomePairs(g *weightGram, a []float32, lda, first, n int) {
	m, cols := n*g.rows, (first+n)*g.rows
	ofA, ofD := t.arena.get(m*cols), t.arena.get(m*cols)
	kernel.Gemm(false, true, m, cols, g.in, a[first*g.rows*lda:], lda, a, lda, ofA, cols, false)
	kernel.Gemm(false, true, m, cols, g.out, g.d[first*g.rows*g.ldd:], g.ldd, g.d, g.ldd, ofD, cols, false)
	if g.rows == 1 { // nothing to sum
		for i := range n {
			row, a, d := t.gram.k[(first+i)*t.gram.n:], ofA[i*cols:], ofD[i*cols:]
			for j := range first + i + 1 {
				row[j] += t.gram.scale * float64(a[j]) * float64(d[j])
			}
		}
	} else {
		sums := t.arena.get(n * cols)
		kernel.SumProducts(sums, ofA, ofD, n, g.rows, cols, false)
		for i := range n {
			t.addRuns(t.gram.k[(first+i)*t.gram.n:][:first+i+1], sums[i*cols:(i+1)*cols], g.rows)
		}
		t.arena.put(sums)
	}
	t.putAll(ofA, ofD)
}

// addRuns adds to each element of row the sum of a run of x, scaled.
func (t *Tape) addRuns(row []float64, x []float32, run int) {
	for j := range row {
		sum := 0.
		for _, v := range x[j*run : (j+1)*run] {
			sum += float64(v)
		}
		row[j] += t.gram.scale * sum
	}
}

// atOnce is how many of b examples to take at one time.
func (g *weightGram) atOnce(b, cols int) int {
	if g.conv == nil {
		return b
	}
	return max(1, min(b, gramBlock/(g.rows*cols)))
}

// columns returns columns lo to hi of A of n examples, and the memory to give back.
func (g *weightGram) columns(t *Tape, first, n, lo, hi int) (a []float32, lda int, scratch []float32) {
	if g.conv == nil {
		return g.a[first*g.rows*g.lda+lo:], g.lda, nil
	}
	s := *g.conv
	images := s.N / t.gram.n // of an example
	s.N = n * images
	a = t.arena.get(n * g.rows * (hi - lo))
	windows(&s, a, g.a[first*images*s.H*s.W*s.C:], g.group, lo, hi)
	return a, hi - lo, a
}

// windows sets the rows of dst to columns lo to hi of the windows of output pixels in images x, in the order
// of the weight's elements, of one group of channels.
func windows(s *kernel.Conv, dst, x []float32, group, lo, hi int) {
	if s.Pads != [4]int{} {
		clear(dst)
	}
	channels := s.C / max(s.Groups, 1)
	for at := lo; at < hi; {
		tap := at / channels
		c := at - tap*channels
		n := min(hi-at, channels-c)
		window(s, dst[at-lo:], hi-lo, x[group*channels+c:], n, tap/s.KW, tap%s.KW)
		at += n
	}
}

// window is n columns of windows: those of channels at one place of the kernel.
func window(s *kernel.Conv, dst []float32, ld int, x []float32, n, kh, kw int) {
	h, w := s.OutH(), s.OutW()
	stepH, stepW := max(s.Strides[0], 1), max(s.Strides[1], 1)
	atH, atW := kh*max(s.Dilations[0], 1)-s.Pads[0], kw*max(s.Dilations[1], 1)-s.Pads[1]
	loH, hiH := reach(atH, stepH, s.H, h)
	loW, hiW := reach(atW, stepW, s.W, w)
	if loH >= hiH || loW >= hiW {
		return
	}
	p := kernel.Strides{Rank: 4, Dims: [kernel.MaxDims]int{s.N, hiH - loH, hiW - loW, n},
		Dst: [kernel.MaxDims]int{h * w * ld, w * ld, ld, 1},
		A:   [kernel.MaxDims]int{s.H * s.W * s.C, stepH * s.W * s.C, stepW * s.C, 1}}
	kernel.CopyStrided(&p, dst[(loH*w+loW)*ld:], x[((atH+loH*stepH)*s.W+atW+loW*stepW)*s.C:], 1, false)
}

// reach returns the places i below n for which at + i*step is one of size pixels.
func reach(at, step, size, n int) (lo, hi int) {
	if at < 0 {
		lo = (-at + step - 1) / step
	}
	if at < size {
		hi = min(n, (size-1-at)/step+1)
	}
	return lo, hi
}

// A tokenRow is a row that an embedding has made: of which of its entries, and its place.
type tokenRow struct{ id, at int }

// addGramOfEmbedding adds the products of examples that have entries in common.
func addGramOfEmbedding(t *Tape, n *node) {
	w := n.in[0]
	if !needed(w) || !t.claim(n, w) {
		return
	}
	rows := t.gram.rows[:0]
	for at, id := range n.ints {
		rows = append(rows, tokenRow{id, at})
	}
	slices.SortFunc(rows, func(a, b tokenRow) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.at, b.at)) })
	t.gram.rows = rows
	for len(rows) > 0 {
		same := 1
		for same < len(rows) && rows[same].id == rows[0].id {
			same++
		}
		t.addEntry(n, rows[:same])
		rows = rows[same:]
	}
}

// addEntry adds the products of the examples' gradients by one entry, which is in these rows.
func (t *Tape) addEntry(n *node, rows []tokenRow) {
	b, width, each := t.gram.n, n.out.Dim(-1), len(n.ints)/t.gram.n
	g := t.arena.get(min(len(rows), b) * width) // a row for each example that has the entry
	have, last := 0, -1
	for _, r := range rows {
		example, dy := r.at/each, n.out.Grad[r.at*width:(r.at+1)*width]
		if example == last {
			row := g[(have-1)*width : have*width]
			kernel.AddScaled(row, row, 1, dy)
			continue
		}
		copy(g[have*width:], dy)
		rows[have].at = example // of which the row of g is: places up to here are done with
		have, last = have+1, example
	}
	p := t.arena.get(have * have)
	kernel.Gemm(false, true, have, have, width, g, width, g, width, p, have, false)
	for i, r := range rows[:have] {
		for j, q := range rows[:i+1] {
			t.gram.k[r.at*b+q.at] += t.gram.scale * float64(p[i*have+j])
		}
	}
	t.putAll(p, g)
}

package kernel

// Winograd's F(4x4, 3x3), after Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks" (2016): the tile y of 4x4 outputs is
//
//	y = A' ((G g G') * (B' d B)) A
//
// for the 3x3 kernel g and the 6x6 tile d of the input, where * multiplies
// element by element. The transposed algorithm gives the gradient by the
// kernel: with the 4x4 tile e of dy, it is G' ((B' d B) * (A e A')) G.
//
// The points of interpolation are 0, +-a, +-b and infinity. The generator of the
// assembly has the same, and the formulas in the same order.
type winogradPoints struct {
	fused                bool // multiply-adds are rounded once, as in assembly
	a, b, a2, b2, a3, b3 float32
	sum, product         float32 // of the squares
	zero, oneA, oneB     float32 // the reciprocals of the polynomials' norms
	pointA, pointB       float32 // and these times the points
	squareA, squareB     float32 // and their squares
}

// Errors of Float32 are small enough for points that few multiplications take.
// Those of BFloat16 make the error in all three passes about half as large, and
// have powers of few bits; transforms have the same bits at each level.
var winogradPointsOf = [numPrecisions]winogradPoints{
	Float32:  newWinogradPoints(1, 2, false),
	BFloat16: newWinogradPoints(5./8, 3./2, true),
}

func newWinogradPoints(a, b float64, fused bool) winogradPoints {
	// The sign of the norm of +-a is in B.
	n0, na, nb := a*a*b*b, 2*a*a*(b*b-a*a), 2*b*b*(b*b-a*a)
	return winogradPoints{
		fused: fused,
		a:     float32(a), b: float32(b), a2: float32(a * a), b2: float32(b * b), a3: float32(a * a * a), b3: float32(b * b * b),
		sum: float32(a*a + b*b), product: float32(a * a * b * b),
		zero: float32(1 / n0), oneA: float32(1 / na), oneB: float32(1 / nb),
		pointA: float32(a / na), pointB: float32(b / nb),
		squareA: float32(a * a / na), squareB: float32(b * b / nb),
	}
}

// A winogradKind is a one-dimensional transform.
type winogradKind int

const (
	winogradInput     winogradKind = iota // B', 6 to 6
	winogradOutput                        // A', 6 to 4
	winogradOutputAdd                     // the same, added to the destination
	winogradSpread                        // A, 4 to 6
	winogradKernel                        // G, 3 to 6
	winogradGather                        // G', 6 to 3
	winogradGatherAdd

	// To words of bfloat16: of pairs in the vector and then in its partner, or of one
	// number of the vector and one of its partner.
	winogradInputNarrow
	winogradInputJoin
	winogradSpreadJoin
	winogradKernelJoin
	numWinogradKinds
)

// A winogradForm is what there is to know of a kind.
type winogradForm struct {
	in, out int
	single  winogradKind // without words
}

var winogradForms = [numWinogradKinds]winogradForm{
	{6, 6, winogradInput}, {6, 4, winogradOutput}, {6, 4, winogradOutputAdd}, {4, 6, winogradSpread},
	{3, 6, winogradKernel}, {6, 3, winogradGather}, {6, 3, winogradGatherAdd},
	{6, 6, winogradInput}, {6, 6, winogradInput}, {4, 6, winogradSpread}, {3, 6, winogradKernel},
}

// multiplyAdd is c*x + sum.
func (p *winogradPoints) multiplyAdd(c, x, sum float32) float32 {
	if p.fused {
		return fma(c, x, sum)
	}
	return sum + c*x
}

// transform is the twin of the assembly's transforms of one element.
func (p *winogradPoints) transform(kind winogradKind, x *[6]float32) (y [6]float32) {
	pair := func(i int, s, c, d float32) { y[i], y[i+1] = p.multiplyAdd(c, d, s), p.multiplyAdd(-c, d, s) }
	s, d, t, e := x[1]+x[2], x[1]-x[2], x[3]+x[4], x[3]-x[4]
	switch kind {
	case winogradInput:
		y[0] = p.multiplyAdd(p.product, x[0], p.multiplyAdd(-p.sum, x[2], x[4]))
		y[5] = p.multiplyAdd(p.product, x[1], p.multiplyAdd(-p.sum, x[3], x[5]))
		pair(1, float32(p.b2*x[2])-x[4], p.a, float32(p.b2*x[1])-x[3]) // each rounded
		pair(3, p.multiplyAdd(-p.a2, x[2], x[4]), p.b, p.multiplyAdd(-p.a2, x[1], x[3]))
	case winogradOutput, winogradOutputAdd:
		y[0] = x[0] + s + t
		y[1] = p.multiplyAdd(p.b, e, p.a*d)
		y[2] = p.multiplyAdd(p.b2, t, p.a2*s)
		y[3] = p.multiplyAdd(p.b3, e, p.multiplyAdd(p.a3, d, x[5]))
	case winogradSpread:
		y[0], y[5] = x[0], x[3]
		pair(1, p.multiplyAdd(p.a2, x[2], x[0]), 1, p.multiplyAdd(p.a3, x[3], p.a*x[1]))
		pair(3, p.multiplyAdd(p.b2, x[2], x[0]), 1, p.multiplyAdd(p.b3, x[3], p.b*x[1]))
	case winogradKernel:
		y[0], y[5] = p.zero*x[0], x[2]
		pair(1, p.multiplyAdd(p.squareA, x[2], p.oneA*x[0]), 1, p.pointA*x[1])
		pair(3, p.multiplyAdd(p.squareB, x[2], p.oneB*x[0]), 1, p.pointB*x[1])
	case winogradGather, winogradGatherAdd:
		y[0] = p.multiplyAdd(p.oneB, t, p.multiplyAdd(p.oneA, s, p.zero*x[0]))
		y[1] = p.multiplyAdd(p.pointA, d, p.pointB*e)
		y[2] = p.multiplyAdd(p.squareB, t, p.multiplyAdd(p.squareA, s, x[5]))
	}
	return y
}

// A winogradPass applies a transform to many vectors: rounds of count runs of
// blocks of 16 elements. Strides are in bytes, and the longer ones are what is
// left to go after the shorter ones. _asm/winograd.go knows the order of fields.
type winogradPass struct {
	src    [6][]float32
	dst    []float32
	ds     int // between the results
	blocks int
	si, di int // between blocks
	count  int
	so, do int // after a run
	rounds int // 0 afterwards
	sr, dr int // after a round
	pair   int // from a vector to its partner, for words

	precision Precision
	single    *winogradPass // what pairs does without words
	bufPairs  []float32
}

// run transforms, after making sure that all of it lies in the slices.
func (p *winogradPass) run(t *target, kind winogradKind) {
	if p.blocks <= 0 || p.count <= 0 {
		return
	}
	form := &winogradForms[kind]
	runs := p.rounds * p.count
	far := func(i, o, r int) int { return ((runs*p.blocks-1)*i + (runs-1)*o + (p.rounds-1)*r) / 4 }
	last := far(p.si, p.so, p.sr) + 15
	if kind != form.single {
		last += p.pair / 4
	}
	for i := range form.in {
		_ = p.src[i][last]
	}
	_ = p.dst[far(p.di, p.do, p.dr)+(form.out-1)*p.ds/4+15]
	switch f := t.winograd[p.precision][kind]; {
	case f != nil:
		f(&p.src[0])
	case kind != form.single:
		p.eachRun(func(from, to int) { p.pairs(t, kind, from, to) })
	default:
		p.eachRun(func(from, to int) { p.portable(kind, from, to) })
	}
}

// eachRun calls f with where each run begins.
func (p *winogradPass) eachRun(f func(from, to int)) {
	from, to := 0, 0
	for ; p.rounds > 0; p.rounds-- {
		for range p.count {
			f(from/4, to/4)
			from += p.blocks*p.si + p.so
			to += p.blocks*p.di + p.do
		}
		from += p.sr
		to += p.dr
	}
}

func (p *winogradPass) portable(kind winogradKind, from, to int) {
	for range p.blocks {
		p.block(kind, from, to)
		from += p.si / 4
		to += p.di / 4
	}
}

func (p *winogradPass) block(kind winogradKind, from, to int) {
	form := &winogradForms[kind]
	adds := kind == winogradOutputAdd || kind == winogradGatherAdd
	for e := range 16 {
		var x [6]float32
		for i := range form.in {
			x[i] = p.src[i][from+e]
		}
		y := winogradPointsOf[p.precision].transform(kind, &x)
		for i, v := range y[:form.out] {
			at := &p.dst[to+i*p.ds/4+e]
			if adds {
				v += *at
			}
			*at = v
		}
	}
}

// pairs makes words in a step of its own, at levels without an instruction for it.
func (p *winogradPass) pairs(t *target, kind winogradKind, from, to int) {
	form := &winogradForms[kind]
	size := 32 * p.blocks
	temp := aligned(&p.bufPairs, form.out*size)
	if p.single == nil {
		p.single = new(winogradPass)
	}
	single := p.single
	*single = winogradPass{ds: 4 * size, blocks: p.blocks, si: p.si, di: 128, count: 1, precision: p.precision}
	for half := range 2 {
		for i := range form.in {
			single.src[i] = p.src[i][from+half*p.pair/4:]
		}
		single.dst, single.rounds = temp[16*half:], 1
		single.run(t, form.single)
	}
	*single = winogradPass{}
	for i := range form.out {
		for b := range p.blocks {
			words, of := p.dst[to+i*p.ds/4+b*p.di/4:][:16], temp[i*size+32*b:][:32]
			if kind == winogradInputNarrow {
				t.narrowed(words, of)
			} else {
				t.packPairs(words, 16, of, of[16:], 16, 16, 1)
			}
		}
	}
}

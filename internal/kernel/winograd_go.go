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
// The points of interpolation are 0, +-winogradA, +-winogradB and infinity; the
// generator of the assembly has the same.
const (
	winogradA = 1.0
	winogradB = 2.0
)

// Norms of the polynomials; the sign of the one of +-winogradA is in B.
const (
	wa, wb       = winogradA, winogradB
	wa2, wb2     = wa * wa, wb * wb
	wa3, wb3     = wa2 * wa, wb2 * wb
	normZero     = wa2 * wb2
	normA, normB = 2 * wa2 * (wb2 - wa2), 2 * wb2 * (wb2 - wa2)
)

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
	numWinogradKinds
)

var winogradArity = [...][2]int{{6, 6}, {6, 4}, {6, 4}, {4, 6}, {3, 6}, {6, 3}, {6, 3}}

// transform is the twin of the assembly's transforms of one element.
func (kind winogradKind) transform(x *[6]float32) (y [6]float32) {
	pair := func(i int, s, d float32) { y[i], y[i+1] = s+d, s-d }
	s, d, t, e := x[1]+x[2], x[1]-x[2], x[3]+x[4], x[3]-x[4]
	switch kind {
	case winogradInput:
		y[0] = x[4] - (wa2+wb2)*x[2] + normZero*x[0]
		y[5] = x[5] - (wa2+wb2)*x[3] + normZero*x[1]
		pair(1, wb2*x[2]-x[4], wa*(wb2*x[1]-x[3]))
		pair(3, x[4]-wa2*x[2], wb*(x[3]-wa2*x[1]))
	case winogradOutput, winogradOutputAdd:
		y[0] = x[0] + s + t
		y[1] = wa*d + wb*e
		y[2] = wa2*s + wb2*t
		y[3] = x[5] + wa3*d + wb3*e
	case winogradSpread:
		y[0], y[5] = x[0], x[3]
		pair(1, x[0]+wa2*x[2], wa*x[1]+wa3*x[3])
		pair(3, x[0]+wb2*x[2], wb*x[1]+wb3*x[3])
	case winogradKernel:
		y[0], y[5] = 1/normZero*x[0], x[2]
		pair(1, 1/normA*x[0]+wa2/normA*x[2], wa/normA*x[1])
		pair(3, 1/normB*x[0]+wb2/normB*x[2], wb/normB*x[1])
	case winogradGather, winogradGatherAdd:
		y[0] = 1/normZero*x[0] + 1/normA*s + 1/normB*t
		y[1] = wa/normA*d + wb/normB*e
		y[2] = x[5] + wa2/normA*s + wb2/normB*t
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
}

// run transforms, after making sure that all of it lies in the slices.
func (p *winogradPass) run(t *target, kind winogradKind) {
	if p.blocks <= 0 || p.count <= 0 {
		return
	}
	in, out := winogradArity[kind][0], winogradArity[kind][1]
	runs := p.rounds * p.count
	far := func(i, o, r int) int { return ((runs*p.blocks-1)*i + (runs-1)*o + (p.rounds-1)*r) / 4 }
	for i := range in {
		_ = p.src[i][far(p.si, p.so, p.sr)+15]
	}
	_ = p.dst[far(p.di, p.do, p.dr)+(out-1)*p.ds/4+15]
	if f := t.winograd[kind]; f != nil {
		f(&p.src[0])
		return
	}
	p.portable(kind, in, out)
}

func (p *winogradPass) portable(kind winogradKind, in, out int) {
	adds := kind == winogradOutputAdd || kind == winogradGatherAdd
	from, to := 0, 0
	for ; p.rounds > 0; p.rounds-- {
		for range p.count {
			for range p.blocks {
				p.block(kind, in, out, from/4, to/4, adds)
				from += p.si
				to += p.di
			}
			from += p.so
			to += p.do
		}
		from += p.sr
		to += p.dr
	}
}

func (p *winogradPass) block(kind winogradKind, in, out, from, to int, adds bool) {
	for e := range 16 {
		var x [6]float32
		for i := range in {
			x[i] = p.src[i][from+e]
		}
		y := kind.transform(&x)
		for i, v := range y[:out] {
			at := &p.dst[to+i*p.ds/4+e]
			if adds {
				v += *at
			}
			*at = v
		}
	}
}

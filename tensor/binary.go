package tensor

import "github.com/monge-ml/monge/internal/kernel"

// Sub returns a - b, broadcast as in [Tape.Add].
func (t *Tape) Sub(a, b *Tensor) *Tensor { return t.binary("sub", kernel.Sub, a, b, subBack) }

// Div returns a / b elementwise, broadcast as in [Tape.Add].
func (t *Tape) Div(a, b *Tensor) *Tensor { return t.binary("div", kernel.Div, a, b, binaryBack) }

// Pow returns a to the power of b elementwise, broadcast as in [Tape.Add].
func (t *Tape) Pow(a, b *Tensor) *Tensor { return t.binary("pow", kernel.Pow, a, b, binaryBack) }

// Minimum returns the smaller of a and b elementwise, broadcast as in [Tape.Add]; NaN where
// either is. Equal ones have half of the gradient each.
func (t *Tape) Minimum(a, b *Tensor) *Tensor {
	return t.binary("minimum", kernel.Minimum, a, b, binaryBack)
}

// Maximum is [Tape.Minimum] with the larger one.
func (t *Tape) Maximum(a, b *Tensor) *Tensor {
	return t.binary("maximum", kernel.Maximum, a, b, binaryBack)
}

func (t *Tape) binary(op string, f kernel.Binary, a, b *Tensor, back func(*Tape, *node)) *Tensor {
	if t.stop(op, a, b) {
		return nil
	}
	s, ok := together(a.Shape(), b.Shape(), nil)
	if !ok {
		return t.fail(op, "%v and %v do not broadcast to a common shape", a.shape(), b.shape())
	}
	if !t.fits(op, s.Dims[:s.Rank]) {
		return nil
	}
	y := t.result(s.Dims[:s.Rank]...)
	kernel.Combine(f, &s, y.Data, a.Data, b.Data)
	return t.record(node{back: back, out: y, in: [4]*Tensor{a, b}, kind: int(f)})
}

// maxElements bounds what an operation may make larger than its inputs.
const maxElements = 1 << 31

// fits reports whether a shape has a number of elements that there can be memory for, and
// records an error if not.
func (t *Tape) fits(op string, shape []int) bool {
	n := 1.
	for _, d := range shape {
		n *= float64(d)
	}
	if n > maxElements {
		t.fail(op, "a result of shape %v has %g elements", append([]int(nil), shape...), n)
	}
	return t.err == nil
}

// together is the common shape of tensors of three shapes, the last of which may be nil,
// and how they repeat in it. They are aligned at their last dimensions.
func together(shapes ...[]int) (s kernel.Broadcast, ok bool) {
	for _, shape := range shapes {
		s.Rank = max(s.Rank, len(shape))
	}
	for i := range s.Rank {
		s.Dims[i] = 1
	}
	for _, shape := range shapes {
		skip := s.Rank - len(shape)
		for i, d := range shape {
			if d != 1 && s.Dims[skip+i] != 1 && d != s.Dims[skip+i] {
				return s, false
			}
			s.Dims[skip+i] = max(d, s.Dims[skip+i])
		}
	}
	for k, shape := range shapes {
		skip, step := s.Rank-len(shape), 1
		for i := len(shape) - 1; i >= 0; i-- {
			if shape[i] != 1 {
				s.Steps[k][skip+i] = step
			}
			step *= shape[i]
		}
	}
	return s, true
}

// subBack takes a last: its gradient may be the memory of the result's.
func subBack(t *Tape, n *node) {
	a, b, y := n.in[0], n.in[1], n.out
	if dx, add := t.into(b); dx != nil {
		t.sumOver(dx, b, y, -1, add)
	}
	switch {
	case !a.needs:
	case len(a.Data) == len(y.Data):
		t.pass(a, y)
	default:
		dx, add := t.into(a)
		t.sumOver(dx, a, y, 1, add)
	}
}

// sumOver sets dx, the gradient of x, to f times the sums of y's over the dimensions along
// which x was repeated, or adds them.
func (t *Tape) sumOver(dx []float32, x, y *Tensor, f float64, add bool) {
	if len(dx) == len(y.Data) {
		scaleInto(dx, float32(f), y.Grad, add)
		return
	}
	var over [MaxRank]bool
	for i := 1; i <= y.rank; i++ {
		over[y.rank-i] = i > x.rank || x.Dim(-i) != y.Dim(-i)
	}
	t.reduce(dx, y.Grad, y, &over, f, add)
}

func binaryBack(t *Tape, n *node) {
	f := kernel.Binary(n.kind)
	a, b := n.in[0], n.in[1]
	s, _ := together(a.Shape(), b.Shape(), nil)
	for i, x := range n.in[:2] {
		if !x.needs {
			continue
		}
		dx, add := t.into(x)
		if len(dx) == len(n.out.Data) {
			kernel.CombineGrad(f, i == 1, &s, dx, n.out.Grad, a.Data, b.Data, add)
			continue
		}
		g := t.arena.get(len(n.out.Data))
		kernel.CombineGrad(f, i == 1, &s, g, n.out.Grad, a.Data, b.Data, false)
		t.sumTo(dx, x, g, n.out, add)
		t.arena.put(g)
	}
}

// Where returns a where cond is true and b where it is not, all three broadcast as in
// [Tape.Add]. condShape is the shape of cond, which the tape keeps until Reset.
func (t *Tape) Where(cond []bool, condShape []int, a, b *Tensor) *Tensor {
	if t.stop("where", a, b) {
		return nil
	}
	if err := checkShape(condShape); err != nil {
		return t.fail("where", "condition: %v", err)
	}
	if n := size(condShape); n != len(cond) {
		return t.fail("where", "condition of shape %v has %d elements, its data %d", append([]int(nil), condShape...), n, len(cond))
	}
	s, ok := together(a.Shape(), b.Shape(), condShape)
	if !ok {
		return t.fail("where", "condition %v, %v and %v do not broadcast to a common shape", append([]int(nil), condShape...), a.shape(), b.shape())
	}
	if !t.fits("where", s.Dims[:s.Rank]) {
		return nil
	}
	n := node{back: whereBack, in: [4]*Tensor{a, b}, cond: cond, kind: len(condShape), out: t.result(s.Dims[:s.Rank]...)}
	copy(n.at[:], condShape)
	kernel.Select(&s, n.out.Data, cond, a.Data, b.Data)
	return t.record(n)
}

func whereBack(t *Tape, n *node) {
	s, _ := together(n.in[0].Shape(), n.in[1].Shape(), n.at[:n.kind])
	for i, x := range n.in[:2] {
		if !x.needs {
			continue
		}
		dx, add := t.into(x)
		if len(dx) == len(n.out.Data) {
			kernel.SelectGrad(&s, dx, n.out.Grad, n.cond, i == 0, add)
			continue
		}
		g := t.arena.get(len(n.out.Data))
		kernel.SelectGrad(&s, g, n.out.Grad, n.cond, i == 0, false)
		t.sumTo(dx, x, g, n.out, add)
		t.arena.put(g)
	}
}

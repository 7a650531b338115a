package tensor

import "github.com/monge-ml/monge/internal/kernel"

// Add returns a + b, broadcast to a common shape by NumPy's rules: shapes are aligned
// at their last dimensions, and a dimension that is 1 or missing repeats.
func (t *Tape) Add(a, b *Tensor) *Tensor { return t.combine("add", a, b, addBack) }

// Mul returns a * b elementwise, broadcast as in [Tape.Add].
func (t *Tape) Mul(a, b *Tensor) *Tensor { return t.combine("mul", a, b, mulBack) }

func (t *Tape) combine(op string, a, b *Tensor, back func(*Tape, *node)) *Tensor {
	if t.stop(op, a, b) {
		return nil
	}
	s, ok := broadcast(a, b)
	if !ok {
		return t.fail(op, "%v and %v do not broadcast to a common shape", a.shape(), b.shape())
	}
	y := t.result(s.Dims[:s.Rank]...)
	if op == "add" {
		kernel.AddStrided(&s, y.Data, a.Data, b.Data, false)
	} else {
		kernel.MulStrided(&s, y.Data, a.Data, b.Data, false)
	}
	return t.record(node{back: back, out: y, in: [4]*Tensor{a, b}})
}

// broadcast returns how to walk a, b and the result of their common shape.
func broadcast(a, b *Tensor) (s kernel.Strides, ok bool) {
	s.Rank = max(a.rank, b.rank)
	sd, sa, sb := 1, 1, 1
	for i := 1; i <= s.Rank; i++ {
		k := s.Rank - i
		da, db := 1, 1
		if i <= a.rank {
			da = a.Dim(-i)
		}
		if i <= b.rank {
			db = b.Dim(-i)
		}
		if da != db && da != 1 && db != 1 {
			return s, false
		}
		s.Dims[k], s.Dst[k] = max(da, db), sd
		if da != 1 {
			s.A[k] = sa
		}
		if db != 1 {
			s.B[k] = sb
		}
		sd, sa, sb = sd*s.Dims[k], sa*da, sb*db
	}
	return s, true
}

func addBack(t *Tape, n *node) {
	for _, x := range n.in[:2] {
		if !x.needs {
			continue
		}
		if len(x.Data) == len(n.out.Data) {
			continue // below, as it may take the gradient's memory
		}
		dx, add := t.into(x)
		t.sumTo(dx, x, n.out.Grad, n.out, add)
	}
	dy := n.out.Grad
	for _, x := range n.in[:2] {
		if x.needs && len(x.Data) == len(dy) {
			if n.out.Grad == nil {
				dx, add := t.into(x)
				scaleInto(dx, 1, dy, add)
			} else {
				t.pass(x, n.out)
			}
		}
	}
}

// scaleInto sets dst = f*x, or adds that.
func scaleInto(dst []float32, f float32, x []float32, add bool) {
	switch {
	case dst == nil:
	case add:
		kernel.AddScaled(dst, dst, f, x)
	default:
		kernel.Scale(dst, f, x)
	}
}

func mulBack(t *Tape, n *node) {
	for i, x := range n.in[:2] {
		if !x.needs {
			continue
		}
		other := n.in[1-i]
		dx, add := t.into(x)
		s, _ := broadcast(n.out, other)
		if len(dx) == len(n.out.Data) {
			kernel.MulStrided(&s, dx, n.out.Grad, other.Data, add)
			continue
		}
		if outer, middle, inner, ok := repeated(x, n.out); ok && len(other.Data) == len(n.out.Data) {
			kernel.SumProducts(dx, n.out.Grad, other.Data, outer, middle, inner, add)
			continue
		}
		g := t.arena.get(len(n.out.Data))
		kernel.MulStrided(&s, g, n.out.Grad, other.Data, false)
		t.sumTo(dx, x, g, n.out, add)
		t.arena.put(g)
	}
}

// repeated returns the sizes of y's dimensions before, within and after those along which x
// was repeated, and whether these follow one another.
func repeated(x, y *Tensor) (outer, middle, inner int, ok bool) {
	outer, middle, inner = 1, 1, 1
	for i := range y.rank {
		k := i + x.rank - y.rank
		switch d := y.dims[i]; {
		case d == 1:
		case k < 0 || x.dims[k] != d:
			if inner > 1 {
				return 0, 0, 0, false
			}
			middle *= d
		case middle == 1:
			outer *= d
		default:
			inner *= d
		}
	}
	return outer, middle, inner, true
}

// sumTo sums g, of y's shape, over the dimensions along which x was repeated.
func (t *Tape) sumTo(dx []float32, x *Tensor, g []float32, y *Tensor, add bool) {
	var over [MaxRank]bool
	for i := 1; i <= y.rank; i++ {
		over[y.rank-i] = i > x.rank || x.Dim(-i) != y.Dim(-i)
	}
	t.reduce(dx, g, y, &over, 1, add)
}

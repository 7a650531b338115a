package tensor

import "github.com/monge-ml/monge/internal/kernel"

// Sum returns the sum of x over dims, which the result does not have any more, or over
// all elements if there are none, as shape [1]. Negative dims count from the end.
func (t *Tape) Sum(x *Tensor, dims ...int) *Tensor { return t.total("sum", x, false, dims) }

// Mean is [Tape.Sum] divided by the number of elements summed.
func (t *Tape) Mean(x *Tensor, dims ...int) *Tensor { return t.total("mean", x, true, dims) }

func (t *Tape) total(op string, x *Tensor, mean bool, dims []int) *Tensor {
	if t.stop(op, x) {
		return nil
	}
	over, ok := t.over(op, x, dims)
	if !ok {
		return nil
	}
	shape, rank := left(x, &over)
	y := t.result(shape[:rank]...)
	f := 1.
	if mean {
		f = float64(len(y.Data)) / float64(len(x.Data))
	}
	t.reduce(y.Data, x.Data, x, &over, f, false)
	n := node{back: totalBack, out: y, in: [4]*Tensor{x}, f: float32(f)}
	for i, o := range over[:x.rank] {
		if o {
			n.at[i] = 1
		}
	}
	return t.record(n)
}

// over resolves the dimensions of a reduction: all if none are given. It records an error if
// there is something wrong with them.
func (t *Tape) over(op string, x *Tensor, dims []int) (over [MaxRank]bool, ok bool) {
	for _, d := range dims {
		i := fromEnd(d, x.rank)
		if i < 0 || over[i] {
			t.fail(op, "dimension %d of %v does not exist, or is given twice", d, x.shape())
			return over, false
		}
		over[i] = true
	}
	for i := range x.rank {
		over[i] = over[i] || len(dims) == 0
	}
	return over, true
}

// left is the shape that is left of x.
func left(x *Tensor, over *[MaxRank]bool) (shape [MaxRank]int, rank int) {
	for i, d := range x.Shape() {
		if !over[i] {
			shape[rank] = d
			rank++
		}
	}
	if rank == 0 {
		shape[0], rank = 1, 1
	}
	return shape, rank
}

// reduce sets dst to f times the sums of g, of x's shape, over some of its dimensions,
// or adds that. Each run of neighbouring dimensions is summed in one go.
func (t *Tape) reduce(dst, g []float32, x *Tensor, over *[MaxRank]bool, f float64, add bool) {
	dims := x.dims
	owned := false
	for hi := x.rank; hi > 0; {
		if !over[hi-1] {
			hi--
			continue
		}
		lo := hi - 1
		for lo > 0 && (over[lo-1] || dims[lo-1] == 1) {
			lo--
		}
		outer, middle, inner := size(dims[:lo]), size(dims[lo:hi]), size(dims[hi:x.rank])
		for i := lo; i < hi; i++ {
			dims[i] = 1
		}
		last := outer*inner == len(dst)
		if last {
			kernel.SumMiddle(dst, g, outer, middle, inner, f, add)
		} else {
			next := t.arena.get(outer * inner)
			kernel.SumMiddle(next, g, outer, middle, inner, 1, false)
			if owned {
				t.arena.put(g)
			}
			g, owned = next, true
		}
		if last {
			break
		}
		hi = lo
	}
	if owned {
		t.arena.put(g)
	}
}

func totalBack(t *Tape, n *node) {
	x := n.in[0]
	dx, add := t.into(x)
	s := kernel.Strides{Rank: x.rank, Dims: x.dims}
	sd, sa := 1, 1
	for i := x.rank - 1; i >= 0; i-- {
		s.Dst[i] = sd
		sd *= x.dims[i]
		if n.at[i] == 0 {
			s.A[i] = sa
			sa *= x.dims[i]
		}
	}
	kernel.CopyStrided(&s, dx, n.out.Grad, n.f, add)
}

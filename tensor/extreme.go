package tensor

import "github.com/monge-ml/monge/internal/kernel"

// Max returns the largest of x over dims, which the result does not have any more, or of all
// elements if there are none, as shape [1]; NaN where there is one. The gradient is shared by
// all elements that are the largest: PyTorch's amax.
func (t *Tape) Max(x *Tensor, dims ...int) *Tensor { return t.extreme("max", kernel.Max, x, dims) }

// Min is [Tape.Max] with the smallest.
func (t *Tape) Min(x *Tensor, dims ...int) *Tensor { return t.extreme("min", kernel.Min, x, dims) }

// Prod is [Tape.Max] with the product.
func (t *Tape) Prod(x *Tensor, dims ...int) *Tensor { return t.extreme("prod", kernel.Prod, x, dims) }

// LogSumExp is [Tape.Max] with the logarithm of the sum of exp(x).
func (t *Tape) LogSumExp(x *Tensor, dims ...int) *Tensor {
	return t.extreme("log-sum-exp", kernel.LogSumExp, x, dims)
}

func (t *Tape) extreme(op string, r kernel.Reduction, x *Tensor, dims []int) *Tensor {
	if t.stop(op, x) {
		return nil
	}
	over, ok := t.over(op, x, dims)
	if !ok {
		return nil
	}
	shape, rank := left(x, &over)
	x, l := t.adjacent(x, &over)
	if x == nil {
		return nil
	}
	y := t.result(shape[:rank]...)
	kernel.Reduce(r, &l, y.Data, x.Data)
	n := node{back: extremeBack, out: y, in: [4]*Tensor{x}, kind: int(r), lines: l}
	for i, gone := range over[:x.rank] {
		if gone {
			n.at[i] = 1
		}
	}
	return t.record(n)
}

func extremeBack(t *Tape, n *node) {
	x, y := n.in[0], n.out
	dx, add := t.into(x)
	kernel.ReduceGrad(kernel.Reduction(n.kind), &n.lines, dx, y.Grad, x.Data, y.Data, add)
}

// adjacent returns x as lines along the dimensions over which something is to be done: x
// itself if they follow each other, else with these last, which over says then.
func (t *Tape) adjacent(x *Tensor, over *[MaxRank]bool) (*Tensor, kernel.Lines) {
	var order [MaxRank]int
	kept, runs, l := 0, 0, kernel.Lines{Outer: 1, From: 1, To: 1, Inner: 1}
	inside := false // of a run
	for i, d := range x.Shape() {
		if !over[i] {
			order[kept] = i
			kept++
		}
		switch {
		case d == 1:
		case over[i]:
			l.From *= d
			if !inside {
				runs++
			}
			inside = true
		default:
			inside = false
			if runs == 0 {
				l.Outer *= d
			} else {
				l.Inner *= d
			}
		}
	}
	if runs < 2 {
		return x, l
	}
	for i, k := 0, kept; i < x.rank; i++ {
		if over[i] {
			order[k] = i
			k++
		}
	}
	l.Outer, l.Inner = l.Outer*l.Inner, 1
	for i := range x.rank {
		over[i] = i >= kept
	}
	return t.Permute(x, order[:x.rank]...), l
}

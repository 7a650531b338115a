package tensor

import "github.com/monge-ml/monge/internal/kernel"

// SetRandom chooses the random numbers of the minibatch of a step: what [Tape.Dropout]
// drops is a function of seed, step, the place of the operation among those of its
// pass, and the element. So the passes Train and Perturbed over one minibatch drop the
// same elements. The choice stays until the next call.
func (t *Tape) SetRandom(seed, step uint64) { t.random = kernel.Mix(kernel.Mix(seed, 0), step) }

// Dropout zeroes each element with probability p, 0 <= p < 1, and scales the others by
// 1/(1-p); in mode Eval it returns x. It is PyTorch's dropout but for its numbers.
func (t *Tape) Dropout(x *Tensor, p float32) *Tensor {
	if t.stop("dropout", x) {
		return nil
	}
	if !probability(p) {
		return t.fail("dropout", "input %v: the probability %g must be at least 0 and below 1", x.shape(), p)
	}
	if !t.drops(p) {
		return x
	}
	key := t.site()
	y := t.result(x.Shape()...)
	kernel.Dropout(y.Data, x.Data, p, key, false)
	return t.record(node{back: dropoutBack, out: y, in: [4]*Tensor{x}, f: p, key: key})
}

// probability reports whether p is one of dropout.
func probability(p float32) bool { return p >= 0 && p < 1 }

// drops reports whether the pass drops anything with probability p.
func (t *Tape) drops(p float32) bool { return t.mode != Eval && p > 0 }

// site returns the key of the next operation's random numbers.
func (t *Tape) site() uint64 {
	t.sites++
	return kernel.Mix(t.random, t.sites-1)
}

func dropoutBack(t *Tape, n *node) {
	dy := n.out.Grad
	dx, add := t.take(n.in[0], n.out)
	kernel.Dropout(dx, dy, n.f, n.key, add)
}

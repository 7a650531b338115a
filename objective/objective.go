// Package objective is what an optimizer asks of a loss: its gradient at any parameter
// vector, minibatch by minibatch. Networks implement it, package sam steps on it, and
// neither knows the other.
package objective

import "github.com/monge-ml/monge/vec"

// Call says which evaluation of the objective a step asks for.
type Call struct {
	// Micro is the index of the microbatch, counted from 0. A step evaluates the same
	// microbatch at theta and again at theta+delta.
	Micro int
	// Weight multiplies the gradient: the microbatch's share of the whole batch.
	Weight float64
	// Add asks to add to grad instead of overwriting it.
	Add bool
	// Ascent is set when the gradient at theta is for the perturbation, which takes a direction
	// and a norm of it. It may then be computed less precisely, and so may what comes with it:
	// the loss at theta, running statistics, and what a step of its own makes of the gradient
	// beside that at theta+delta.
	Ascent bool
	// Part are the parameters that an ascent is of, in order and apart; nil is all of them. The
	// gradient outside of them is not wanted: what stands there may stay.
	Part []Range
	// Share, above 0 and below 1, asks for the gradient of the microbatch's first examples alone, that
	// share of them and at least one. 0 is all, and so is an objective that does not know it.
	Share float64
	// Perturbed is set in further looks at a microbatch that was evaluated before, as at the
	// perturbed point theta+delta, or at other points that a step looks at. Then draw the same random numbers (dropout,
	// augmentation) again and leave running statistics (batch norm) as they are.
	Perturbed bool
}

// A Range is parameters From to To-1 of a flat vector.
type Range struct{ From, To int }

// Examples returns how many of n examples a call is for, but not fewer than least.
func (c Call) Examples(n, least int) int {
	if c.Share <= 0 || c.Share >= 1 {
		return n
	}
	return min(n, max(least, 1, int(c.Share*float64(n)+.5)))
}

// An Objective is a loss over minibatches, of a flat parameter vector.
type Objective[F vec.Float] interface {
	// Gradient returns the mean loss of a microbatch at theta and writes the loss's
	// gradient times c.Weight to grad (or adds it, with c.Add). It must not keep or
	// change theta. Return the mean over examples, not the sum, and unscaled: the unit of
	// the loss matters to M-SAM.
	Gradient(grad, theta []F, c Call) (loss float64, err error)
}

// Func adapts a plain function that writes the gradient at theta to grad and returns
// the loss to an [Objective]. It ignores which microbatch is asked for, so it suits
// deterministic objectives and loops that bind the minibatch themselves.
func Func[F vec.Float](f func(grad, theta []F) float64) Objective[F] {
	return &funcObjective[F]{f: f}
}

type funcObjective[F vec.Float] struct {
	f       func(grad, theta []F) float64
	scratch []F // only used to add to a gradient
}

func (o *funcObjective[F]) Gradient(grad, theta []F, c Call) (float64, error) {
	if c.Add {
		if len(o.scratch) != len(grad) {
			o.scratch = make([]F, len(grad))
		}
		loss := o.f(o.scratch, theta)
		vec.AddScaled(grad, grad, c.Weight, o.scratch)
		return loss, nil
	}
	loss := o.f(grad, theta)
	if c.Weight != 1 {
		vec.Scale(grad, c.Weight, grad)
	}
	return loss, nil
}

// A Sampler is an objective that knows the gradients g_i of its single examples' own losses, of which the gradient is the
// mean, by their inner products.
type Sampler[F vec.Float] interface {
	Objective[F]
	// Gram is Gradient for the whole minibatch at once, and returns beside the loss the matrix g_i·g_j, row by row. It
	// is valid until the next call. That the examples can't be told apart, as by batch normalisation in training, is an error.
	Gram(grad, theta []F, c Call) (k []float64, loss float64, err error)
	// Weighted writes the sum of w_i g_i to grad.
	Weighted(grad, theta []F, w []float64, c Call) error
}

package nn

import (
	"errors"
	"fmt"

	"github.com/monge-ml/monge/objective"
)

// Gram is [Model.GradientOf] that also writes to k, n x n for the n inputs in x, the inner products of the
// gradients of the inputs' own losses at theta: k[i*n+j] = g_i·g_j, in one pass forward and one back. The
// gradient, if c.Weight is 1, is the mean of the g_i, and k does not depend on c.Weight. See
// [tensor.Tape.Gram] for what a network must not do: mix inputs, as batch normalisation does unless it is
// frozen, or use a parameter twice.
//
// A combination of the g_i is the gradient for the same target with [Target.Shares]. With c.Perturbed
// set, that pass draws the same random numbers and leaves running statistics alone.
func (m *Model) Gram(y Target, k []float64, grad, theta, x []float32, c objective.Call) (float64, error) {
	n := y.inputs(m, x)
	switch {
	case len(k) != n*n:
		return 0, fmt.Errorf("%d elements for the products of the gradients of %d inputs; there must be %d", len(k), n, n*n)
	case y.Shares != nil:
		return 0, errors.New("the Gram matrix is of the inputs' own losses: the target must have no shares")
	case c.Weight == 0:
		return 0, errors.New("a gradient of weight 0 has no Gram matrix")
	}
	return m.gradient(y, k, grad, theta, x, c)
}

// inputs is how many there are in x.
func (y *Target) inputs(m *Model, x []float32) int {
	if y.Inputs > 0 {
		return y.Inputs
	}
	return len(x) / m.InputLen()
}

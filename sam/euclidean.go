package sam

import "github.com/monge-ml/monge/vec"

// Euclidean is the identity, B = I: SAM's ball (Foret et al. 2021, eq. 3 of the
// paper), and with a loss axis M-SAM's (eq. 9).
type Euclidean[F vec.Float] struct{}

// Measure returns |g| for all three lengths.
func (Euclidean[F]) Measure(_, _, g []F) (Lengths, error) {
	n := vec.Norm(g)
	return Lengths{Grad: n, Dual: n, Direct: n}, nil
}

// Displace sets z = theta + c·g.
func (Euclidean[F]) Displace(z, theta, g []F, c float64) { vec.AddScaled(z, theta, c, g) }

// Precondition leaves g as it is.
func (Euclidean[F]) Precondition(_, _, _ []F) error { return nil }

package sam

import "github.com/monge-ml/monge/vec"

// An Attached choice looks at more of a step than its arguments say. New calls Attach once, before the first step.
type Attached[F vec.Float] interface {
	// Attach hands over the sight, which the choice may look through whenever it is asked. An error
	// says what the choice lacks.
	Attach(*Sight[F]) error
}

// A Sight shows a step to its choices while it goes on.
type Sight[F vec.Float] struct {
	s       *Stepper[F]
	theta   []F
	weights []float64
	obj     Objective[F]
	ascent  []F
}

// Theta returns where the step begins.
func (v *Sight[F]) Theta() []F { return v.theta }

// Ascent returns the gradient at theta, of what the ascent is of; nil before it is known.
func (v *Sight[F]) Ascent() []F { return v.ascent }

// Weights returns the microbatches' shares of the minibatch.
func (v *Sight[F]) Weights() []float64 { return v.weights }

// Perturbed returns theta+delta, once a step has one.
func (v *Sight[F]) Perturbed() []F { return v.s.z }

// Base returns the base optimizer.
func (v *Sight[F]) Base() Optimizer[F] { return v.s.base }

// Step returns the number of steps before this one.
func (v *Sight[F]) Step() int { return v.s.step }

// Objective returns the step's.
func (v *Sight[F]) Objective() Objective[F] { return v.obj }

// Size returns how many parameters the ascent is of.
func (v *Sight[F]) Size() (n int) {
	if v.s.set.Part == nil {
		return len(v.s.g)
	}
	for _, r := range v.s.set.Part {
		n += r.To - r.From
	}
	return n
}

// Gradient evaluates the step's minibatch at another point: a gradient evaluation more.
func (v *Sight[F]) Gradient(grad, at []F) (loss float64, err error) {
	return v.s.accumulate(grad, at, v.weights, v.obj, Call{Perturbed: true}, otherPass)
}

// Outside clears what of a gradient the perturbation is not of.
func (v *Sight[F]) Outside(grad []F) { v.s.outside(grad) }

// close ends what can be seen of a step.
func (v *Sight[F]) close() { v.theta, v.weights, v.obj, v.ascent = nil, nil, nil, nil }

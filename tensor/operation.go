package tensor

// An Operation is one of a user's own, for [Tape.Apply].
type Operation interface {
	// Name names the operation in errors.
	Name() string
	// Shape returns the result's shape, or what is wrong with the inputs'.
	Shape(in ...*Tensor) ([]int, error)
	// Forward writes out.Data, which holds anything before, from the inputs' Data.
	Forward(out *Tensor, in ...*Tensor)
	// Backward adds to the Grad of each input, except where that is nil, the gradient
	// for out.Grad. All Data are as forward left them.
	Backward(out *Tensor, in ...*Tensor)
}

// Apply runs an operation on inputs.
func (t *Tape) Apply(op Operation, in ...*Tensor) *Tensor {
	if t.err != nil || t.stop(op.Name(), in...) {
		return nil
	}
	more := t.inputs(in) // in itself stays off the heap
	shape, err := op.Shape(more...)
	if err == nil {
		err = checkShape(shape)
	}
	if err != nil {
		return t.fail(op.Name(), "%v", err)
	}
	n := node{back: applyBack, out: t.result(shape...), more: more, op: op}
	op.Forward(n.out, n.more...)
	return t.record(n)
}

func applyBack(t *Tape, n *node) {
	for _, x := range n.more {
		if dx, add := t.into(x); dx != nil && !add {
			clear(dx)
		}
	}
	n.op.Backward(n.out, n.more...)
}

package tensor

import (
	"fmt"
	"slices"

	"github.com/monge-ml/monge/internal/kernel"
)

// MaxRank is the largest number of dimensions a tensor may have.
const MaxRank = kernel.MaxDims

// A Tensor is a dense float32 array in row-major order, with room for the gradient of
// the loss with respect to it. Images are N x H x W x C: the channels of a pixel lie
// together.
type Tensor struct {
	// Data are the values; len(Data) is the product of the shape.
	Data []float32
	// Grad is where backward writes the gradient; nil before that, and always in a
	// tensor that needs none.
	Grad []float32

	dims    [MaxRank]int
	rank    int
	needs   bool // takes part in the gradient
	written bool // Grad holds a value that later contributions add to
	own     bool // Data is a block of the arena
	kept    bool // Backward leaves Data and Grad in place
	ofNorm  bool // see OfNorm

	base  *Tensor   // whose memory Data is; nil if x has its own
	views int       // that share Data and were not released
	block []float32 // Data of a released tensor that views still share

	// For [Tape.Gram].
	bound  bool      // a parameter that has a gradient
	shared bool      // the same for all examples: made of parameters alone
	leaf   *Tensor   // the parameter whose elements these are, each of them once
	each   []float32 // the gradient of each example, of a shared tensor that is no leaf
}

// OfNorm reports whether a normalisation has taken x as its scale or its shift.
func (x *Tensor) OfNorm() bool { return x.ofNorm }

// markNorm notes what a normalisation takes.
func markNorm(affine ...*Tensor) {
	for _, x := range affine {
		for ; x != nil; x = x.base {
			x.ofNorm = true
		}
	}
}

// NeedsGrad reports whether a bound parameter has a part in x, so that a gradient goes back from it.
func (x *Tensor) NeedsGrad() bool { return x.needs }

// Shape returns the dimensions. The caller must not change them.
func (x *Tensor) Shape() []int { return x.dims[:x.rank] }

// shape is Shape for messages: a copy, or a placeholder for no tensor.
func (x *Tensor) shape() any {
	if x == nil {
		return "nil"
	}
	return slices.Clone(x.Shape())
}

// Dim returns dimension i, counted from the end if negative.
func (x *Tensor) Dim(i int) int {
	if i < 0 {
		i += x.rank
	}
	return x.dims[i]
}

// Len returns the number of elements.
func (x *Tensor) Len() int { return len(x.Data) }

// rows views x as a matrix: all dimensions but the last together, and the last.
func (x *Tensor) rows() (rows, cols int) {
	cols = x.dims[x.rank-1]
	rows = 1
	for _, d := range x.dims[:x.rank-1] {
		rows *= d
	}
	return rows, cols
}

func (x *Tensor) setShape(shape []int) { x.rank = copy(x.dims[:], shape) }

func (x *Tensor) sameShape(y *Tensor) bool { return x.rank == y.rank && x.dims == y.dims }

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// checkShape returns an error unless shape is a legal one.
func checkShape(shape []int) error {
	if len(shape) == 0 || len(shape) > MaxRank {
		return fmt.Errorf("shape %v has %d dimensions; there must be 1 to %d", slices.Clone(shape), len(shape), MaxRank)
	}
	for _, d := range shape {
		if d <= 0 {
			return fmt.Errorf("shape %v: every dimension must be positive", slices.Clone(shape))
		}
	}
	return nil
}

// New returns a tensor over data, which it shares. It is what holds parameters and
// inputs; results of operations belong to their tape.
func New(data []float32, shape ...int) (*Tensor, error) {
	if err := checkShape(shape); err != nil {
		return nil, err
	}
	if size(shape) != len(data) {
		return nil, fmt.Errorf("shape %v has %d elements, the data %d", slices.Clone(shape), size(shape), len(data))
	}
	x := &Tensor{Data: data}
	x.setShape(shape)
	return x, nil
}

// Parameter returns a tensor of a shape without memory, for [Tensor.Bind].
func Parameter(shape ...int) (*Tensor, error) {
	if err := checkShape(shape); err != nil {
		return nil, err
	}
	x := &Tensor{}
	x.setShape(shape)
	return x, nil
}

// Bind points a parameter at its place in a parameter vector and, unless grad is nil,
// in a gradient vector. With add the gradient adds to what stands there.
func (x *Tensor) Bind(data, grad []float32, add bool) {
	x.Data, x.Grad, x.needs, x.written, x.bound = data, grad, grad != nil, add, grad != nil
}

// into returns where a backward step writes x's gradient, and whether it must add to
// what is there. It returns nil when x needs no gradient.
func (t *Tape) into(x *Tensor) (grad []float32, add bool) {
	if !x.needs {
		return nil, false
	}
	if x.Grad == nil {
		x.Grad = t.arena.get(len(x.Data))
	}
	add = x.written
	x.written = true
	return x.Grad, add
}

// take is into for a backward step that may work in place: where nothing speaks
// against it, x's gradient takes over the memory of y's, the result's.
func (t *Tape) take(x, y *Tensor) (grad []float32, add bool) {
	if x.needs && x.Grad == nil && !y.kept && len(x.Data) == len(y.Data) {
		x.Grad, y.Grad, x.written = y.Grad, nil, true
		return x.Grad, false
	}
	return t.into(x)
}

// pass adds y's gradient to x's, or hands it over.
func (t *Tape) pass(x, y *Tensor) {
	dy := y.Grad
	switch dx, add := t.take(x, y); {
	case dx == nil:
	case add:
		kernel.AddScaled(dx, dx, 1, dy)
	case &dx[0] != &dy[0]:
		copy(dx, dy)
	}
}

// FinishGrad zeroes the gradient of a parameter that no backward step has written.
func (x *Tensor) FinishGrad() {
	if x.needs && !x.written {
		clear(x.Grad)
		x.written = true
	}
}
